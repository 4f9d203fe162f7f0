// The session: one side of a connection, without a socket or a clock (SPEC section 7).
//
// Time is an argument, in milliseconds from any origin. Each method returns the actions that the driver must carry out, in
// order:
//   { do: "write", kind, octets }             write these bytes, one whole frame
//   { do: "opened", hello }                   the peer's HELLO has been accepted
//   { do: "deliver", message, number, frame } a message for the application, with the number of its frame
//   { do: "unreadable", id, fault }           the answer to a request cannot be read
//   { do: "half-close" }                      close the sending direction after all writes, and keep reading
//   { do: "end", cause, fault }               the session is over; fault is null if this side closed without a fault

import { Clock, Flood, LIMITS } from "./clock.js";
import { hexByte, quoted } from "./diagnosis.js";
import { Fault, MAX_REASON, PeerClosed, Refused, codeOf, firstName } from "./fault.js";
import { Decoder, Encoding, HEADER, encodeFrame } from "./frame.js";
import { Hello, PREFIX, checkPrefix } from "./hello.js";
import { checkReceived, checkSent } from "./kinds.js";
import { Kind, checkMessage, isMessageKind, kindOf, messageToFrame, parseMessage, reasonText } from "./message.js";
import { Requests } from "./requests.js";
import { sendable } from "./text.js";

const MAX_PREAMBLE = 1024; // bytes before the server's first F5 (R4.21)

const GREETING = "greeting"; // the peer's HELLO has not been accepted
const OPEN = "open";
const CLOSING = "closing"; // CLOSE was sent
const CLOSED = "closed";

/** One side of a connection. Call `start` first, and `tick` at each `deadline`. */
export class Session {
  #limits;
  #agreed;
  #state = GREETING;
  #clock;
  #flood;
  #decoder;
  #preamble; // the bytes skipped so far, or null if none are skipped
  #number = 0; // of the next frame
  #requests = new Requests();
  #pings = new Set(); // payloads of the application's unanswered PINGs, in hex
  #discarded = 0; // bytes that arrived after this side's CLOSE
  #end = null; // the cause of the end, once known
  #endIsReported = false;

  /**
   * @param role "client" or "server"
   * @param options `limits`: some of LIMITS; `agreed`: private kinds that are not ignored
   */
  constructor(role, hello, { limits = {}, agreed = [] } = {}) {
    this.role = role;
    this.hello = new Hello({ ...hello, client: role === "client" }); // R4.23
    this.peer = null; // the other side's HELLO, once accepted
    this.#limits = { ...LIMITS, ...limits };
    this.#agreed = agreed;
    this.#clock = new Clock(this.#limits);
    this.#flood = new Flood(this.#limits);
    this.#decoder = new Decoder(this.#limits.beforeHello);
    this.#preamble = role === "client" ? [] : null;
  }

  /** Whether messages can be sent. */
  get isOpen() {
    return this.#state === OPEN;
  }

  /** Whether the session is over. The driver then closes the stream. */
  get isDone() {
    return this.#state === CLOSED;
  }

  /** Whether the hub profile is in force (R9.1). */
  get hasHub() {
    return this.peer !== null && this.peer.hub && this.hello.hub;
  }

  // Events from the driver

  /** The stream is connected. */
  start(now) {
    this.#clock.start(now);
    return this.role === "client" ? [this.#sendHello(now)] : [];
  }

  /** Bytes were received. An empty array does not count as activity of the peer. */
  receive(octets, now) {
    const actions = [];
    if (octets.length > 0) this.#clock.received(now);
    if (this.#state === CLOSING) this.#discard(octets.length, actions);
    if (!this.#reads) return actions;
    try {
      this.#decoder.feed(this.#skipPreamble(octets));
      while (this.#reads) {
        const frame = this.#nextFrame(now);
        if (frame === null) return actions;
        this.#take(frame, now, actions);
      }
    } catch (fault) {
      if (!(fault instanceof Fault)) throw fault;
      this.#fail(fault, now, actions);
    }
    this.#discard(this.#decoder.unused, actions);
    return actions;
  }

  /** No more bytes will arrive; `detail` is the transport's explanation. */
  endOfStream(now, detail = "") {
    const actions = [];
    const pending = this.#decoder.pending;
    if (this.#reads && pending > 0) this.#fail(new Fault("truncated", detail || `${pending} bytes of a frame`), now, actions);
    else if (this.#reads) this.#end = endOf(new Fault("no-close", detail || this.#preambleDetail()));
    this.#finish(actions);
    return actions;
  }

  /** The driver cannot continue and closes the stream without a CLOSE: none can follow a half-written frame (R7.14). */
  abort(fault) {
    const actions = [];
    this.#end ??= endOf(fault);
    this.#finish(actions);
    return actions;
  }

  /** Handles everything that is due. */
  tick(now) {
    const actions = [];
    while (this.#state !== CLOSED) {
      const due = this.#clock.overdue(now);
      if (due === null) break;
      if (due.what === "drain") this.#finish(actions);
      else if (due.what === "ping") actions.push(this.#write({ type: "ping", payload: new Uint8Array(0) }, now));
      else this.#fail(new Fault(due.what, this.#preambleDetail()), now, actions);
    }
    return actions;
  }

  /** The time of the next `tick`, or Infinity if nothing is due. */
  deadline() {
    return this.#state === CLOSED ? Infinity : this.#clock.nextDue().time;
  }

  /** Bytes were written: a long frame in transit keeps the keepalive promise (R7.2). */
  wrote(now) {
    this.#clock.sent(now);
  }

  /** Extends the peer's deadlines by the milliseconds for which the driver did not read. */
  excuse(duration) {
    this.#clock.excuse(duration);
    this.#flood.excuse(duration);
  }

  // Calls from the application

  /**
   * Sends a message. Throws Refused, or Fault malformed or unmappable-text; then nothing was sent.
   * An ERROR that answers a REQUEST gets the number of that REQUEST's frame, whatever its own `frame` is.
   */
  send(message, now) {
    const frame = this.#permit(message);
    this.#requests.sent(message);
    if (message.type === "ping") this.#pings.add(keyOf(message.payload));
    this.#clock.sent(now);
    return [writeOf(frame)];
  }

  /** Throws Refused if the application cannot send messages of this kind now. */
  permitKind(kind) {
    if (!this.isOpen) throw new Refused("not-open", "the session is not open");
    checkSent(kind, this.role, this.hasHub);
  }

  /** Sends CLOSE, unless one was sent already. The default reason is the first name of the code. */
  close(code, reason, now) {
    const actions = [];
    if (!this.#reads) return actions;
    const name = firstName(code) ?? "";
    this.#end = { do: "end", cause: name || String(code), fault: null };
    this.#sendClose(code, reason ?? name, now, actions);
    return actions;
  }

  /** Whether the peer has not yet answered this side's request with this id. */
  isUnanswered(id) {
    return this.#requests.isAsked(id);
  }

  /** Stops waiting for the PONG to this PING. */
  forgetPing(payload) {
    this.#pings.delete(keyOf(payload));
  }

  // Receiving

  get #reads() {
    return this.#state === GREETING || this.#state === OPEN;
  }

  /** Skips the bytes that a server sends before its first frame (R4.21). */
  #skipPreamble(octets) {
    if (this.#preamble === null) return octets;
    const start = octets.indexOf(0xf5);
    const skipped = start < 0 ? octets : octets.subarray(0, start);
    const allowed = MAX_PREAMBLE - this.#preamble.length;
    this.#preamble.push(...skipped.subarray(0, allowed));
    if (skipped.length > allowed) {
      this.#decoder.feed(octets.subarray(allowed));
      throw this.#decoder.fail(new Fault("bad-start", this.#preambleDetail()), 1);
    }
    if (start < 0) return octets.subarray(0, 0);
    this.#preamble = null;
    return octets.subarray(start);
  }

  #nextFrame(now) {
    const header = this.#decoder.header();
    if (header !== null && this.#state === GREETING) this.#checkFirst(header.kind);
    const frame = this.#decoder.next();
    if (frame !== null) {
      this.#clock.frameEnds();
    } else if (this.#decoder.pending > 0) {
      this.#clock.frameBegins(now);
      if (header !== null) this.#clock.headerEnds(header.length, now);
    }
    return frame;
  }

  /** Rejects anything but a HELLO or CLOSE before the frame is complete (R4.3, R4.7, R4.19). */
  #checkFirst(kind) {
    if (kind === Kind.CLOSE) return;
    if (kind !== Kind.HELLO) {
      throw this.#decoder.fail(new Fault("hello-expected", `found kind ${hexByte(kind)}`), HEADER);
    }
    const wrong = checkPrefix(this.#decoder.body(PREFIX.length));
    if (wrong !== null) throw this.#decoder.fail(wrong.fault, HEADER + wrong.position + 1);
  }

  #take(frame, now, actions) {
    const number = this.#number;
    this.#number = (number + 1) % 2 ** 32;
    if (this.#state === GREETING && frame.kind === Kind.HELLO) {
      this.#open(frame, now, actions);
      return;
    }
    this.#flood.check(frame, now);
    checkReceived(frame.kind, this.role, this.hasHub);
    let message;
    try {
      message = parseMessage(frame, this.#agreed);
    } catch (fault) {
      if (fault.name !== "bad-text") throw fault;
      this.#answerBadText(frame, number, fault, now, actions);
      return;
    }
    if (message !== null) this.#act(message, number, frame, now, actions);
  }

  #open(frame, now, actions) {
    if (frame.encoding !== Encoding.BINARY) throw new Fault("malformed", `HELLO in encoding ${frame.encoding}`);
    const peer = Hello.parse(frame.body);
    if (peer.client && this.role === "client") throw new Fault("two-clients", "HELLO has the option client");
    this.peer = peer;
    this.#state = OPEN;
    this.#decoder.limit = this.hello.maxBody;
    this.#clock.open(this.hello.keepalive, this.peer.keepalive, now);
    if (this.role === "server") actions.push(this.#sendHello(now));
    actions.push({ do: "opened", hello: this.peer });
  }

  #act(message, number, frame, now, actions) {
    if (message.type === "close") {
      this.#closedByPeer(message, now, actions);
      return;
    }
    if (message.type === "ping") {
      actions.push(this.#write({ type: "pong", payload: message.payload }, now));
      return;
    }
    if (message.type === "pong") {
      if (!this.#pings.delete(keyOf(message.payload))) return; // R3.11
    } else if (message.type === "error") {
      this.#requests.answered(message.id);
    } else if (!this.hello.accepts(frame.encoding)) {
      this.#answerBadText(frame, number, new Fault("encoding-refused"), now, actions);
      return;
    } else if (message.type === "reply") {
      if (!this.#requests.answered(message.id)) return; // R3.14
    } else if (message.type === "request") {
      const full = this.#requests.admit(message.id, number, this.hello.maxRequests);
      if (full !== null) {
        actions.push(this.#sendError(message.id, number, full, now));
        return;
      }
    } else if (message.type === "cancel") {
      this.#cancelledByPeer(message, number, frame, now, actions);
      return;
    }
    actions.push({ do: "deliver", message, number, frame });
  }

  #cancelledByPeer(message, number, frame, now, actions) {
    const request = this.#requests.cancelled(message.id);
    if (request === undefined) return; // the answer and the CANCEL have crossed (R3.24)
    actions.push({ do: "deliver", message, number, frame });
    actions.push(this.#sendError(message.id, request, new Fault("cancelled"), now));
  }

  /** Answers illegal text or a refused encoding. The frame was whole, so the connection stays open (R5.8, R5.11). */
  #answerBadText(frame, number, found, now, actions) {
    const refused = !this.hello.accepts(frame.encoding);
    const fault = refused ? new Fault("encoding-refused", `encoding ${frame.encoding}`) : found;
    const hasId = frame.kind === Kind.REQUEST || frame.kind === Kind.REPLY;
    const id = hasId ? new DataView(frame.body.buffer, frame.body.byteOffset).getUint32(0) : 0;
    if (frame.kind !== Kind.REPLY) {
      this.#requests.checkNew(id);
      actions.push(this.#sendError(id, number, fault, now));
    } else if (this.#requests.answered(id)) {
      // A reply never provokes a reply (R3.20): the fault is reported on this side.
      actions.push({ do: "unreadable", id, fault });
    }
  }

  // Sending

  /** Returns the frame of a message if it may be sent now. Throws Refused or Fault for the first rule that it breaks (R7.18). */
  #permit(message) {
    const kind = kindOf(message);
    if (kind !== undefined && !isMessageKind(kind)) this.permitKind(kind); // it has no form to check
    const encoding = checkMessage(message);
    this.permitKind(kind);
    this.#requests.permit(message, this.peer.maxRequests);
    if (!this.peer.accepts(encoding)) throw new Refused("encoding-refused", `the peer does not accept encoding ${encoding}`);
    const frame = messageToFrame(this.#requests.numbered(message));
    const { body } = frame;
    if (body.length > this.peer.maxBody) {
      throw new Refused("too-long", `${body.length} bytes, the peer accepts ${this.peer.maxBody}`);
    }
    if (kind === Kind.ERROR && sendable(message.reason).length > MAX_REASON) {
      throw new Refused("too-long", `the reason may have ${MAX_REASON} bytes`);
    }
    return frame;
  }

  #write(message, now) {
    this.#clock.sent(now);
    return writeOf(messageToFrame(message));
  }

  #sendHello(now) {
    this.#clock.sent(now);
    return writeOf({ kind: Kind.HELLO, encoding: Encoding.BINARY, body: this.hello.body() });
  }

  #sendError(id, frame, fault, now) {
    const reason = reasonText(fault.reason, this.peer.preferred || Encoding.ASCII);
    return this.#write({ type: "error", id, frame, code: codeOf(fault.name), reason }, now);
  }

  #sendClose(code, reason, now, actions) {
    actions.push(this.#write({ type: "close", code, reason: reasonText(reason, Encoding.ASCII) }, now), { do: "half-close" });
    this.#clock.close(now);
    this.#state = CLOSING;
  }

  // Ending

  #fail(fault, now, actions) {
    this.#end = endOf(fault);
    this.#sendClose(codeOf(fault.name), fault.reason, now, actions);
  }

  #closedByPeer({ code, reason }, now, actions) {
    this.#end = { do: "end", cause: `peer-${code}`, fault: new PeerClosed(code, reason.value) };
    this.#sendClose(code, "", now, actions);
    this.#reportEnd(actions);
  }

  #discard(count, actions) {
    this.#discarded += count;
    if (this.#discarded >= this.#limits.drainBytes) this.#finish(actions);
  }

  #finish(actions) {
    this.#state = CLOSED;
    this.#reportEnd(actions);
  }

  #reportEnd(actions) {
    if (this.#end === null || this.#endIsReported) return;
    this.#endIsReported = true;
    actions.push(this.#end);
  }

  #preambleDetail() {
    return this.#preamble?.length ? `the server sent ${quoted(Uint8Array.from(this.#preamble))}` : "";
  }
}

function endOf(fault) {
  return { do: "end", cause: fault.name, fault };
}

function writeOf(frame) {
  return { do: "write", kind: frame.kind, octets: encodeFrame(frame) };
}

function keyOf(payload) {
  return Array.from(payload, hexByte).join("");
}
