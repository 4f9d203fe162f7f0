// The vocabulary of faults: names, codes and what to do about each (SPEC section 6).

export const MAX_REASON = 200; // bytes (R6.5)

/** A rule that was broken. `name` is the same word on the wire, in logs and in every language. */
export class Fault extends Error {
  /**
   * @param name of SPEC section 6
   * @param detail for people
   * @param offset in bytes: of the stream for framing, of the payload for text
   */
  constructor(name, detail = "", offset = null) {
    super(detail ? `${name}: ${detail}` : name);
    this.name = name;
    this.detail = detail;
    this.offset = offset;
  }

  /** The u16 of CLOSE and ERROR, or null for what is local only. */
  get code() {
    return codeOf(this.name);
  }

  /** What CLOSE and ERROR say: the name, and a detail for people. */
  get reason() {
    return this.message;
  }

  /** What to do about it, in one sentence. */
  get advice() {
    return TABLE.get(this.name)?.advice ?? "see the code's meaning in your application";
  }

  /** One line for people: name, code, place, detail and advice. */
  toString() {
    const code = this.code === null ? "" : ` (${this.code})`;
    const place = this.offset === null || this.detail.startsWith("byte ") ? "" : ` at byte ${this.offset}`;
    return `${this.name}${code}${place}${this.detail && `: ${this.detail}`}; ${this.advice}`;
  }
}

/** The application asked for what this session must not send; nothing was sent. */
export class Refused extends Fault {}

/** What the peer said: the code counts, the reason is for people (R6.3). */
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

/** The peer answered with an ERROR; the connection lives. */
export class PeerError extends FromPeer {
  /** @param frame the number of this side's frame that it is about */
  constructor(code, reason, id = 0, frame = 0) {
    super(code, reason);
    this.id = id;
    this.frame = frame;
  }
}

/** The code of a name, or null if it has none. */
export function codeOf(name) {
  return TABLE.get(name)?.code ?? null;
}

/** The first name that the table gives for a code, or null. */
export function firstName(code) {
  for (const [name, entry] of TABLE) if (entry.code === code) return name;
  return null;
}

const READ_SPEC = "the peer breaks this rule of SPEC.md: fix the peer";

// In the order of SPEC section 6: the first name of a code is the one to use for it.
const TABLE = new Map(
  [
    ["normal", 1000, "nothing is wrong"],
    ["going-away", 1001, "the peer shuts down: connect again later"],
    ["protocol-error", 1002, READ_SPEC],
    ["unknown-encoding", 1002, "encodings are 0 to 4 (SPEC section 2)"],
    ["malformed", 1002, "a body must hold what its kind demands (SPEC section 3)"],
    ["hello-expected", 1002, "HELLO comes first, in both directions (SPEC section 4)"],
    ["second-hello", 1002, "HELLO is sent once (SPEC section 4)"],
    ["bad-hello", 1002, "compare the HELLO with the table of SPEC section 4"],
    ["bad-canary", 1002, "the channel changes bytes: make it binary"],
    ["unexpected-kind", 1002, "this kind goes in the other direction (SPEC section 9)"],
    ["duplicate-request", 1002, "give each unanswered REQUEST an id of its own"],
    ["truncated", 1002, "the stream ended inside a frame: the peer died or forgot END"],
    ["unknown-kind", 1003, "private kinds are C0 to EF; hub kinds need the hub profile"],
    ["bad-text", 1007, "send text in the encoding that the frame names, or as binary"],
    ["encoding-refused", 1007, "send an encoding that the other side's HELLO accepts"],
    ["policy", 1008, "a rule of the server: ask who runs it"],
    ["too-long", 1009, "send less, or raise max body on the receiving side"],
    ["internal", 1011, "a mistake on the side that says so: report it there"],
    ["try-later", 1013, "full or busy: wait and try again"],
    ["bad-start", 4000, "is this a Bookend port, and nothing between that changes bytes?"],
    ["bad-end", 4001, "length must count the bytes of the body, nothing else"],
    ["version", 4003, "use the same major version on both sides"],
    ["hello-timeout", 4004, "does the other side speak Bookend?"],
    ["idle", 4005, "the network is gone, or the peer does not keep its keepalive"],
    ["slow-consumer", 4006, "read faster, or send less"],
    ["rate", 4007, "send less often"],
    ["ping-flood", 4007, "send fewer PINGs: at most 10 in 10 seconds"],
    ["empty-flood", 4007, "send fewer frames without a body"],
    ["frame-timeout", 4008, "write each frame whole"],
    ["resume-refused", 4009, "join without resume"],
    ["no-such-member", 4010, "the member has left: look at PRESENCE"],
    ["unmappable-text", 4011, "use an encoding of Unicode for this text"],
    ["no-close", null, "the stream ended without a CLOSE: the peer died or the network cut it"],
  ].map(([name, code, advice]) => [name, { code, advice }]),
);
