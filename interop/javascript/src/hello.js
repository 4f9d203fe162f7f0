// HELLO, the first frame of each side (SPEC section 4).

import { hexByte, wrongCanary } from "./diagnosis.js";
import { Fault } from "./fault.js";
import { Encoding } from "./frame.js";
import { decodeText, isPlainLine, unpairedAt, utf8 } from "./text.js";

export const HELLO = 0x01; // kind
export const PREFIX = Uint8Array.of(0x42, 0x4b, 0x4e, 0x44, 0x0d, 0x0a, 0x1a, 0x0a, 0xff, 0x11, 0x0d, 0x00); // magic, canary

const MAGIC_LENGTH = 4; // bytes
const LENGTH = 24; // bytes, without options
const MAJOR = 1;
const ALL_ENCODINGS = 0x1f;
const REQUIRED_ENCODINGS = 0x07; // binary, US-ASCII, UTF-8
const HUB_PROFILE = 1 << 0;
const MAX_LINE = 64; // bytes of UTF-8
const MAX_TOKEN = 255; // bytes
const MAX_U64 = (1n << 64n) - 1n;

const OPTIONS = ["name", "room", "token", "resume", "software"]; // type 1 is the first

const DEFAULTS = {
  accepted: ALL_ENCODINGS,
  preferred: 0,
  maxBody: 1 << 20,
  keepalive: 30,
  hub: false,
  name: null,
  room: null,
  token: null,
  resume: null,
  software: null,
  major: MAJOR,
  minor: 0,
};

/** What a side accepts and who it is; a value that exists is legal. */
export class Hello {
  /** Throws Fault bad-hello. What is left out has its default. */
  constructor(fields = {}) {
    for (const [name, preset] of Object.entries(DEFAULTS)) this[name] = fields[name] ?? preset;
    check(this.major === MAJOR, `major ${this.major}`);
    check(isInteger(this.minor, 0, 0xff), `minor ${this.minor}`);
    check(isInteger(this.accepted, 0, ALL_ENCODINGS), `accepted ${this.accepted}`);
    check((this.accepted & REQUIRED_ENCODINGS) === REQUIRED_ENCODINGS, `accepted ${hexByte(this.accepted)}`);
    check(isInteger(this.preferred, 0, 4) && this.accepts(this.preferred), `preferred ${this.preferred}`);
    check(isInteger(this.maxBody, 1024, 0x7fffffff), `max body ${this.maxBody}`);
    check(isInteger(this.keepalive, 0, 0xffff), `keepalive ${this.keepalive}`);
    for (const name of ["name", "room", "software"]) {
      check(this[name] === null || isShortLine(this[name]), `${name} is no plain line of 1 to ${MAX_LINE} bytes`);
    }
    const { token, resume } = this;
    check(token === null || isInteger(token.length, 1, MAX_TOKEN), `token is not 1 to ${MAX_TOKEN} bytes`);
    check(resume === null || (typeof resume === "bigint" && resume >= 0n && resume <= MAX_U64), "resume is no u64");
    Object.freeze(this);
  }

  /** Whether frames in this encoding may be sent to this side. */
  accepts(encoding) {
    return ((this.accepted >> encoding) & 1) === 1;
  }

  /** The body of the frame, options in the order of their type. */
  body() {
    const fixed = new DataView(new ArrayBuffer(LENGTH - PREFIX.length));
    [this.major, this.minor, this.accepted, this.preferred].forEach((octet, at) => fixed.setUint8(at, octet));
    fixed.setUint32(4, this.maxBody);
    fixed.setUint16(8, this.keepalive);
    fixed.setUint16(10, this.hub ? HUB_PROFILE : 0);
    const octets = [...PREFIX, ...new Uint8Array(fixed.buffer)];
    OPTIONS.forEach((name, at) => {
      if (this[name] === null) return;
      const value = octetsOf(this[name]);
      octets.push(at + 1, value.length, ...value);
    });
    return Uint8Array.from(octets);
  }

  /** The HELLO in a body, judged in the order of R4.19. Throws Fault: bad-hello, bad-canary, version. */
  static parse(body) {
    const wrong = judgePrefix(body);
    if (wrong !== null) throw wrong.fault;
    check(body.length >= LENGTH, `${body.length} bytes, ${LENGTH} are the least`);
    const view = new DataView(body.buffer, body.byteOffset, body.length);
    const at = PREFIX.length;
    const major = view.getUint8(at);
    if (major !== MAJOR) throw new Fault("version", `found ${major}, this is ${MAJOR}`);
    const options = parseOptions(body.subarray(LENGTH));
    check(options.resume === undefined || options.resume.length === 8, "resume is not eight bytes");
    return new Hello({
      minor: view.getUint8(at + 1),
      accepted: view.getUint8(at + 2) & ALL_ENCODINGS,
      preferred: view.getUint8(at + 3),
      maxBody: view.getUint32(at + 4),
      keepalive: view.getUint16(at + 8),
      hub: (view.getUint16(at + 10) & HUB_PROFILE) !== 0,
      name: lineOf(options.name),
      room: lineOf(options.room),
      token: options.token?.slice(),
      resume: options.resume && new DataView(options.resume.slice().buffer).getBigUint64(0),
      software: lineOf(options.software),
    });
  }
}

/** Compares as much of magic and canary as has arrived (R4.7): null, or the first wrong byte's place in the body. */
export function judgePrefix(body) {
  const position = PREFIX.findIndex((wanted, at) => at < body.length && body[at] !== wanted);
  if (position < 0) return null;
  const found = body[position];
  if (position < MAGIC_LENGTH) {
    return { position, fault: new Fault("bad-hello", `byte ${position} of the magic is ${hexByte(found)}`) };
  }
  return { position, fault: new Fault("bad-canary", wrongCanary(position - MAGIC_LENGTH, found)) };
}

function parseOptions(octets) {
  const options = {};
  let at = 0;
  while (at < octets.length) {
    check(at + 2 <= octets.length, "an option without length");
    const name = OPTIONS[octets[at] - 1];
    const behind = at + 2 + octets[at + 1];
    check(behind <= octets.length, `option ${octets[at]} runs past the end`);
    if (name !== undefined) {
      check(options[name] === undefined, `option ${name} comes twice`);
      options[name] = octets.subarray(at + 2, behind);
    }
    at = behind;
  }
  return options;
}

function octetsOf(value) {
  if (typeof value === "string") return utf8(value);
  if (typeof value !== "bigint") return value;
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, value);
  return new Uint8Array(view.buffer);
}

// A U+FEFF in front is a part of the name: names are no payloads.
function lineOf(octets) {
  if (octets === undefined) return null;
  try {
    const text = decodeText(octets, Encoding.UTF_8);
    return text.hadBom ? `\ufeff${text.value}` : text.value;
  } catch {
    throw new Fault("bad-hello", "an option is not UTF-8");
  }
}

function isShortLine(value) {
  return typeof value === "string" && unpairedAt(value) < 0 && isPlainLine(value) && isInteger(utf8(value).length, 1, MAX_LINE);
}

function isInteger(value, least, most) {
  return Number.isInteger(value) && value >= least && value <= most;
}

function check(holds, detail) {
  if (!holds) throw new Fault("bad-hello", detail);
}
