// Messages as lines, for people or as JSON.

import { Text, printable } from "./bookend.js";

const QUOTED_BYTES = 32; // of a binary payload, on one line

// Characters that JSON allows in a string but that must not reach a terminal.
const JSON_UNPRINTABLE = /[\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

// What makes a name look like the start of another line (R9.31): a colon before a blank or at the end, `*` or `!` at the
// start or before a blank, the parenthesis of `(to `; and what looks like these.
const COLONS = "[:\u02d0\u02f8\u0589\u05c3\u0703\u0704\u0903\u0a83\u16ec\u1803\u1809\u205a\u2236\u2982\ua4fd\ua789\ufe13\ufe30\ufe55\uff1a]";
const STARS = "[*!\u01c3\u066d\u204e\u2055\u2217\u2731\u2d51\ufe15\ufe57\ufe61\uff01\uff0a]";
const PARENTHESES = "[(\u207d\u208d\u2768\u2772\u3014\ufd3e\ufe59\uff08]";
const MISLEADING = new RegExp(`${COLONS}(?=\\s|$)|^${STARS}|${STARS}(?=\\s)|(?<!\\S)${PARENTHESES}(?=[Tt][Oo]\\s)`, "g");

/** Returns a line for people, or null if the message is not shown. `member` is this client's own number. */
export function plain(message, member) {
  if (message.type === "delivery") {
    const { to, name } = message;
    const receiver = to === 0 ? "" : to === member ? " (to you)" : ` (to ${to})`;
    return `${displayed(name)}${receiver}: ${shown(message.payload)}`;
  }
  if (message.type === "presence") {
    if (message.event !== "crowd") return `* ${displayed(message.name.value)} ${message.event}`;
    return `* ${message.member} in ${displayed(message.name.value)}, too many to announce who joins and leaves`;
  }
  if (message.type === "gap") return `* ${message.missed} messages missed`;
  return message.type === "message" ? shown(message.payload) : null;
}

/** Returns a name in a line, which then cannot look like one of the hub or of another member (R9.31). */
export function displayed(name) {
  return printable(name.replace(MISLEADING, (found) => `\\u{${found.charCodeAt(0).toString(16)}}`));
}

/** Returns a JSON object, or null if the message is not shown. */
export function asJson(message) {
  const fields = fieldsOf(message);
  if (fields === null) return null;
  // A u64 is written as a JSON number. JSON.stringify does not accept a bigint.
  const members = Object.entries(fields).map(([name, value]) => {
    return `${JSON.stringify(name)}:${typeof value === "bigint" ? value : JSON.stringify(value)}`;
  });
  const escape = (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return `{${members.join(",")}}`.replace(JSON_UNPRINTABLE, escape);
}

function fieldsOf(message) {
  switch (message.type) {
    case "delivery": {
      const { from, name, to, seq, time, payload } = message;
      return { from, name, to, seq, time, ...payloadOf(payload) };
    }
    case "presence":
      return { event: message.event, member: message.member, name: message.name.value };
    case "welcome": {
      const { member, nextSeq, greeting } = message;
      return { event: "welcome", member, next_seq: nextSeq, greeting: greeting.value };
    }
    case "gap":
      return { event: "gap", missed: message.missed };
    case "message":
      return { event: "message", ...payloadOf(message.payload) };
    case "error":
      return { event: "error", frame: message.frame, code: message.code, reason: message.reason.value };
    default:
      return null;
  }
}

function payloadOf(payload) {
  if (payload instanceof Text) return { encoding: payload.encoding, text: payload.value };
  return { encoding: 0, hex: hex(payload, "") };
}

function shown(payload) {
  if (payload instanceof Text) return printable(payload.value);
  const more = payload.length > QUOTED_BYTES ? " …" : "";
  return `[binary ${payload.length} bytes: ${hex(payload.subarray(0, QUOTED_BYTES), " ")}${more}]`;
}

function hex(octets, between) {
  return Array.from(octets, (octet) => octet.toString(16).padStart(2, "0")).join(between);
}
