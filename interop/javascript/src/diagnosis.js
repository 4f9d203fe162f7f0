// Guesses for people: the likely damage or protocol that a wrong byte indicates (SPEC section 4, appendix C).

// Only the first wrong byte is used, so that the guess does not depend on how the stream is split.
const IN_PLACE_OF_F5 = {
  0x75: "the eighth bit was stripped",
  0xc3: "Latin-1 was converted to UTF-8",
  0xef: "the bytes were decoded as UTF-8 with replacement",
  0x3f: "an ASCII encoder replaced the bytes",
  0x00: "each byte was widened to 16 bits, big-endian",
  0xf8: "each 16 bits were swapped, or a length is too short",
  0x66: "this is hex",
  0x46: "this is hex",
  0x39: "this is base64",
  0x16: "this is TLS",
  0x47: "this is HTTP",
  0x48: "this is HTTP",
  0x50: "this is HTTP",
  0x53: "this is SSH",
};
const IN_PLACE_OF_F8 = { 0x00: "each byte was widened to 16 bits, little-endian" };

const CANARY = {
  "0 0a": "CRLF became LF",
  "1 0d": "LF became CRLF",
  "1 00": "CR became CR NUL",
  "1 1a": "LF was dropped",
  "2 0a": "^Z was dropped, or CR became CRLF",
  "3 0d": "bare LF became CRLF",
  "4 7f": "the eighth bit was stripped",
  "4 11": "FF was taken for telnet IAC",
  "5 ff": "FF was doubled (telnet IAC)",
  "5 0d": "XON was swallowed",
  "7 0a": "CR became CRLF",
  "7 01": "NUL was dropped",
};

/** Describes a wrong byte in place of F5 (position 0) or F8 (position 1). */
export function wrongStart(position, found) {
  const guess = (position === 0 ? IN_PLACE_OF_F5 : IN_PLACE_OF_F8)[found];
  return `found ${hexByte(found)}${guess ? `, perhaps ${guess}` : ""}`;
}

/** Describes a length over the limit, and gives the little-endian value if that is within the limit. */
export function wrongLength(length, limit) {
  const swapped = new DataView(new ArrayBuffer(4));
  swapped.setUint32(0, length);
  const little = swapped.getUint32(0, true);
  return `${length} bytes, the limit is ${limit}${little <= limit ? `; read as little-endian it is ${little}` : ""}`;
}

/** Describes the damage that the first wrong byte of the canary indicates. */
export function wrongCanary(position, found) {
  const guess = CANARY[`${position} ${hexByte(found)}`];
  return `byte ${position} is ${hexByte(found)}${guess ? `, ${guess}` : ""}`;
}

/** At most 32 bytes from a peer, escaped for a log line (SPEC section 8). */
export function quoted(octets) {
  const shown = Array.from(octets.subarray(0, 32), (octet) =>
    octet >= 0x20 && octet < 0x7f && octet !== 0x22 && octet !== 0x5c ? String.fromCharCode(octet) : `\\x${hexByte(octet)}`,
  );
  return `"${shown.join("")}"${octets.length > 32 ? "..." : ""}`;
}

/** One byte as two hex digits. */
export function hexByte(octet) {
  return octet.toString(16).padStart(2, "0");
}
