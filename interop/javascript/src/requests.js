// The requests of a session that are unanswered (SPEC section 3).

import { Fault, Refused } from "./fault.js";

/** The unanswered requests of both sides, by their ids. */
export class Requests {
  #asked = new Set(); // by this side
  #owed = new Map(); // asked by the peer: id to number of the frame

  /** Whether the peer has not yet answered this side's request with this id. */
  isAsked(id) {
    return this.#asked.has(id);
  }

  /** The answer has arrived. Returns whether the request was unanswered. */
  answered(id) {
    return this.#asked.delete(id);
  }

  /** Throws Fault duplicate-request if the peer's request with this id is unanswered (R3.15). */
  checkNew(id) {
    if (this.#owed.has(id)) throw new Fault("duplicate-request", `id ${id}`);
  }

  /** A request has arrived in the frame with this number. Returns the fault if more than `most` are unanswered (R3.16), or null. */
  admit(id, number, most) {
    this.checkNew(id);
    if (this.#owed.size >= most) return new Fault("try-later", `${this.#owed.size} requests are unanswered`);
    this.#owed.set(id, number);
    return null;
  }

  /** A CANCEL has arrived. Returns the number of the request's frame, or undefined if it is not unanswered (R3.24). */
  cancelled(id) {
    const number = this.#owed.get(id);
    this.#owed.delete(id);
    return number;
  }

  /** Returns the message to send: an ERROR that answers a request states the number of that request's frame (R3.17). */
  numbered(message) {
    return message.type === "error" && message.id !== 0 ? { ...message, frame: this.#owed.get(message.id) } : message;
  }

  /** Throws Refused if the message must not be sent. `most` requests of this side may be unanswered. */
  permit({ type, id }, most) {
    if (type === "request") {
      if (this.#asked.has(id)) throw new Refused("duplicate-request", `id ${id}`);
      if (this.#asked.size >= most) throw new Refused("try-later", `${this.#asked.size} requests are unanswered`);
    }
    if (type === "cancel" && !this.#asked.has(id)) {
      throw new Refused("no-such-request", `no own REQUEST ${id} is unanswered`);
    }
    if ((type === "reply" || (type === "error" && id !== 0)) && !this.#owed.has(id)) {
      throw new Refused("no-such-request", `no REQUEST ${id} is unanswered`);
    }
  }

  /** The message has been sent. */
  sent({ type, id }) {
    if (type === "request") this.#asked.add(id);
    else if (type === "reply" || type === "error") this.#owed.delete(id);
  }
}
