// Faults: their names, codes and advice (SPEC section 6).

export const MAX_REASON = 200; // bytes (R6.5)

/** A broken rule. `name` is the same on the wire, in logs and in every language. */
export class Fault extends Error {
  /**
   * @param name one of SPEC section 6
   * @param detail for people
   * @param offset in bytes: in the stream for framing, in the payload for text
   */
  constructor(name, detail = "", offset = null) {
    super(detail ? `${name}: ${detail}` : name);
    this.name = name;
    this.detail = detail;
    this.offset = offset;
  }

  /** The u16 of CLOSE and ERROR, or null if the fault has no code on the wire. */
  get code() {
    return codeOf(this.name);
  }

  /** The reason text of CLOSE and ERROR: the name, then the detail. */
  get reason() {
    return this.message;
  }

  /** What to do, in one sentence. */
  get advice() {
    return TABLE.get(this.name)?.advice ?? "look up this code in your application";
  }

  /** One line for people: name, code, offset, detail and advice. */
  toString() {
    const code = this.code === null ? "" : ` (${this.code})`;
    const place = this.offset === null || this.detail.startsWith("byte ") ? "" : ` at byte ${this.offset}`;
    return `${this.name}${code}${place}${this.detail && `: ${this.detail}`}; ${this.advice}`;
  }
}

/** The application asked to send something that this session must not send. Nothing was sent. */
export class Refused extends Fault {}

/** A code and a reason from the peer. Programs use the code; the reason is for people (R6.3). */
class FromPeer extends Fault {
  #code;

  constructor(code, reason) {
    const colon = reason.indexOf(": ");
    const name = colon < 0 ? reason : reason.slice(0, colon);
    if (codeOf(name) === code) super(name, colon < 0 ? "" : reason.slice(colon + 2));
    else super(firstName(code) ?? `code-${code}`, reason);
    this.#code = code;
  }

  get code() {
    return this.#code;
  }
}

/** The peer closed the connection. */
export class PeerClosed extends FromPeer {}

/** The peer answered with an ERROR. The connection stays open. */
export class PeerError extends FromPeer {
  /** @param frame the number of this side's frame that the ERROR answers */
  constructor(code, reason, id = 0, frame = 0) {
    super(code, reason);
    this.id = id;
    this.frame = frame;
  }
}

/** Returns the code of a name, or null if it has none. */
export function codeOf(name) {
  return TABLE.get(name)?.code ?? null;
}

/** Returns the first name of a code in the table, or null. */
export function firstName(code) {
  for (const [name, entry] of TABLE) if (entry.code === code) return name;
  return null;
}

const READ_SPEC = "the peer violates SPEC.md: fix the peer";

// In the order of SPEC section 6. The first name of a code is its preferred name.
const TABLE = new Map(
  [
    ["normal", 1000, "nothing is wrong"],
    ["going-away", 1001, "the peer shuts down: connect again later"],
    ["protocol-error", 1002, READ_SPEC],
    ["unknown-encoding", 1002, "encodings are 0 to 4 (SPEC section 2)"],
    ["malformed", 1002, "the body must have the layout of its kind (SPEC section 3)"],
    ["hello-expected", 1002, "HELLO must be the first frame in each direction (SPEC section 4)"],
    ["second-hello", 1002, "send HELLO only once (SPEC section 4)"],
    ["bad-hello", 1002, "compare the HELLO with the table of SPEC section 4"],
    ["bad-canary", 1002, "the channel changes bytes: make it binary"],
    ["two-clients", 1002, "connect to a server; this is another client, or a service that sends its own bytes back"],
    ["unexpected-kind", 1002, "this kind is sent in the other direction (SPEC section 9)"],
    ["duplicate-request", 1002, "use a different id for each unanswered REQUEST"],
    ["truncated", 1002, "the stream ended inside a frame: the peer crashed or omitted END"],
    ["unknown-kind", 1003, "private kinds are C0 to EF; hub kinds need the hub profile"],
    ["bad-text", 1007, "send text in the encoding that the frame names, or as binary"],
    ["encoding-refused", 1007, "send an encoding that the other side's HELLO accepts"],
    ["policy", 1008, "the server's policy forbids this: ask its operator"],
    ["too-long", 1009, "send less, or raise max body on the receiving side"],
    ["internal", 1011, "a bug in the side that reports it: report it there"],
    ["try-later", 1013, "the peer is full or busy: wait and try again"],
    ["bad-start", 4000, "check that this is a Bookend port and that nothing on the path changes bytes"],
    ["bad-end", 4001, "length must be the number of bytes of the body"],
    ["version", 4003, "use the same major version on both sides"],
    ["hello-timeout", 4004, "check that the other side speaks Bookend"],
    ["idle", 4005, "the network failed, or the peer does not keep its keepalive"],
    ["slow-consumer", 4006, "read faster, or send less"],
    ["rate", 4007, "send less often"],
    ["ping-flood", 4007, "send fewer PINGs: at most 10 in 10 seconds"],
    ["empty-flood", 4007, "send fewer frames without a body"],
    ["frame-timeout", 4008, "write each frame without pauses"],
    ["resume-refused", 4009, "join without resume"],
    ["no-such-member", 4010, "the member has left: follow PRESENCE"],
    ["unmappable-text", 4011, "use a Unicode encoding for this text"],
    ["cancelled", 4012, "the side that sent the request no longer needs the answer"],
    ["no-close", null, "the stream ended without a CLOSE: the peer crashed or the network failed"],
  ].map(([name, code, advice]) => [name, { code, advice }]),
);
