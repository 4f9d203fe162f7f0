// Messages: plain objects, distinguished by `type` (SPEC sections 3 and 9).

import { hexByte } from "./diagnosis.js";
import { Fault, MAX_REASON } from "./fault.js";
import { Encoding } from "./frame.js";
import { Text, decodePayload, decodeText, isPlainLine, sendable, unpairedAt, utf8, withoutMarks } from "./text.js";

/** The events of a PRESENCE. With crowd, `member` is the number of members and `name` is the name of the room. */
export const EVENTS = Object.freeze(["here", "joined", "left", "crowd"]);

/** The kind byte of each type. */
export const Kind = Object.freeze({
  HELLO: 0x01,
  MESSAGE: 0x02,
  REQUEST: 0x03,
  REPLY: 0x04,
  ERROR: 0x05,
  PING: 0x06,
  PONG: 0x07,
  CLOSE: 0x08,
  WELCOME: 0x10,
  PRESENCE: 0x11,
  POST: 0x12,
  DELIVERY: 0x13,
  GAP: 0x14,
  CANCEL: 0x81,
});

const MAX_PING = 64; // bytes
const MAX_NAME = 64; // bytes of UTF-8
const IGNORED_FROM = 0x80;

const ANY = [0, 1, 2, 3, 4];
const TEXT = [1, 2, 3, 4];
const NONE = [0];

// The table of section 3: the fixed part as [field, bytes], the payload's field and the encodings.
const RULES = new Map([
  rule("message", [], "payload", ANY),
  rule("request", [["id", 4]], "payload", ANY),
  rule("reply", [["id", 4]], "payload", ANY),
  rule("error", [["id", 4], ["frame", 4], ["code", 2]], "reason", TEXT),
  rule("ping", [], "payload", NONE),
  rule("pong", [], "payload", NONE),
  rule("close", [["code", 2]], "reason", TEXT),
  rule("welcome", [["member", 4], ["nextSeq", 8]], "greeting", TEXT),
  rule("presence", [["member", 4], ["event", 1]], "name", TEXT),
  rule("post", [["to", 4]], "payload", ANY),
  rule("delivery", [["from", 4], ["to", 4], ["seq", 8], ["time", 8], ["nameLength", 1]], "payload", ANY),
  rule("gap", [["missed", 8]], null, NONE),
  rule("cancel", [["id", 4]], null, NONE),
]);

const PRIVATE = { type: "private", fields: [], length: 0, payload: "payload", encodings: ANY };

function rule(type, fields, payload, encodings) {
  const length = fields.reduce((sum, [, width]) => sum + width, 0);
  return [Kind[type.toUpperCase()], { type, fields, length, payload, encodings }];
}

/** Whether a kind belongs to the hub profile. */
export function isHubKind(kind) {
  return kind >= Kind.WELCOME && kind <= Kind.GAP;
}

/** Whether a kind is reserved for applications (R3.7). */
export function isPrivateKind(kind) {
  return kind >= 0xc0 && kind <= 0xef;
}

/** Whether a kind is that of messages. HELLO belongs to sessions, and all other kinds are unknown. */
export function isMessageKind(kind) {
  return isPrivateKind(kind) || RULES.has(kind);
}

/** Whether only the session itself sends this kind. */
export function isOwnKind(kind) {
  return kind === Kind.HELLO || kind === Kind.PONG || kind === Kind.CLOSE;
}

/** Returns the kind byte of a message, or undefined if its type is unknown. */
export function kindOf({ type, kind }) {
  return type === "private" ? kind : Kind[String(type).toUpperCase()];
}

/**
 * Decodes a frame, with the hub profile in force. Returns null if the kind must be ignored (R3.6).
 * `agreed` lists the private kinds that are not ignored.
 * Throws Fault unknown-kind, malformed or bad-text.
 */
export function parseMessage({ kind, encoding, body }, agreed = []) {
  const found = RULES.get(kind);
  if (found === undefined) {
    if (isPrivateKind(kind) && agreed.includes(kind)) {
      return { type: "private", kind, payload: decodePayload(body, encoding) };
    }
    if (kind >= IGNORED_FROM) return null;
    throw new Fault("unknown-kind", `found ${hexByte(kind)}`);
  }
  check(found.encodings.includes(encoding), `kind ${hexByte(kind)} in encoding ${encoding}`);
  check(body.length >= found.length, `kind ${hexByte(kind)} with ${body.length} bytes`);
  return read(found, kind, encoding, body);
}

/** Encodes a message as a frame. Throws Fault malformed if it is not a message, unknown-kind or unmappable-text. */
export function messageToFrame(message) {
  const encoding = checkMessage(message);
  const kind = kindOf(message);
  const { fields, length, payload } = message.type === "private" ? PRIVATE : RULES.get(kind);
  const name = message.type === "delivery" ? utf8(message.name) : new Uint8Array(0);
  const fixed = new Uint8Array(length + name.length);
  const view = new DataView(fixed.buffer);
  let at = 0;
  for (const [field, width] of fields) {
    SETTERS[width](view, at, wireValue(message, field, name));
    at += width;
  }
  fixed.set(name, at);
  return { kind, encoding, body: joined(fixed, payload === null ? new Uint8Array(0) : message[payload]) };
}

/** Returns the encoding of a message's frame. Throws Fault malformed if it is not a message, or unknown-kind. */
export function checkMessage(message) {
  const kind = kindOf(message);
  const found = message.type === "private" ? PRIVATE : RULES.get(kind);
  check(found !== undefined, `unknown type ${message.type}`);
  if (found === PRIVATE && !isPrivateKind(kind)) throw new Fault("unknown-kind", `${kind} is not private`);
  checkFields(found, message);
  // A name of a second mark may be received, but would be sent as an empty one (R5.5).
  check(message.type !== "presence" || withoutMarks(message.name.value) !== "", "the name is empty without its marks");
  const encoding = found.payload === null ? Encoding.BINARY : encodingOf(message[found.payload]);
  check(found.encodings.includes(encoding), `kind ${hexByte(kind)} in encoding ${encoding}`);
  return encoding;
}

/** Returns the encoding of a payload. */
export function encodingOf(payload) {
  return payload instanceof Text ? payload.encoding : Encoding.BINARY;
}

/** Returns a reason of at most 200 bytes (R6.5), truncated between characters. */
export function reasonText(reason, encoding) {
  let characters = Array.from(reason).slice(0, MAX_REASON);
  for (;;) {
    const text = textOr(characters.join(""), encoding);
    if (text.octets.length <= MAX_REASON) return text;
    characters = characters.slice(0, -1);
  }
}

/** Returns text in the given encoding if it can carry the text, otherwise in UTF-8. Throws Fault unmappable-text for a lone surrogate. */
export function textOr(value, encoding) {
  try {
    return new Text(value, encoding);
  } catch {
    return new Text(value, Encoding.UTF_8);
  }
}

function read(found, kind, encoding, body) {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const message = { type: found.type };
  let at = 0;
  for (const [field, width] of found.fields) {
    message[field] = GETTERS[width](view, at);
    at += width;
  }
  if (message.type === "delivery") {
    const { nameLength, ...rest } = message;
    check(nameLength <= MAX_NAME && at + nameLength <= body.length, `the name has ${nameLength} bytes`);
    const name = nameOf(body.subarray(at, at + nameLength));
    return { ...rest, name, payload: decodePayload(body.slice(at + nameLength), encoding) };
  }
  if (message.type === "presence") {
    check(message.event < EVENTS.length, `event is ${message.event}`);
    message.event = EVENTS[message.event];
  }
  if ("id" in message && message.type !== "error") check(message.id !== 0, "id is 0");
  const rest = body.slice(at);
  if (found.payload === null) check(rest.length === 0, `kind ${hexByte(kind)} with ${body.length} bytes`);
  else message[found.payload] = found.payload === "reason" ? readReason(rest, encoding) : decodePayload(rest, encoding);
  if (message.type === "ping" || message.type === "pong") check(rest.length <= MAX_PING, `${rest.length} bytes`);
  if (message.type === "presence") checkPresence(message);
  return message;
}

function readReason(octets, encoding) {
  try {
    return decodeText(octets, encoding);
  } catch {
    return new Text("", encoding); // R3.21
  }
}

function nameOf(octets) {
  let text;
  try {
    text = decodeText(octets, Encoding.UTF_8);
  } catch {
    throw new Fault("malformed", "the name is not UTF-8");
  }
  // A leading U+FEFF is part of the name: a name is not a payload.
  const name = text.hadBom ? `\ufeff${text.value}` : text.value;
  check(isName(name), "the name is not a plain line");
  return name;
}

function checkFields(found, message) {
  for (const [field, width] of found.fields) {
    if (field === "nameLength") check(isName(message.name), "the name is not a plain line of at most 64 bytes");
    else if (field === "event") check(EVENTS.includes(message.event), `event is ${message.event}`);
    else check(isUnsigned(message[field], width), `${field} is ${message[field]}`);
  }
  if (["request", "reply", "cancel"].includes(message.type)) check(message.id !== 0, "id is 0");
  if (message.type === "presence") checkPresence(message);
  const payload = found.payload === null ? null : message[found.payload];
  check(payload === null || payload instanceof Text || payload instanceof Uint8Array, `${found.payload} is neither Text nor Uint8Array`);
  if (message.type === "ping" || message.type === "pong") check(payload.length <= MAX_PING, `${payload.length} bytes`);
}

function checkPresence({ name }) {
  check(name instanceof Text && name.value !== "" && isName(name.value), "the name is not a plain line of 1 to 64 bytes");
}

function isName(name) {
  return typeof name === "string" && unpairedAt(name) < 0 && isPlainLine(name) && utf8(name).length <= MAX_NAME;
}

function isUnsigned(value, width) {
  if (width === 8) return typeof value === "bigint" && BigInt.asUintN(64, value) === value;
  return Number.isInteger(value) && value >= 0 && value < 2 ** (8 * width);
}

function wireValue(message, field, name) {
  if (field === "nameLength") return name.length;
  return field === "event" ? EVENTS.indexOf(message.event) : message[field];
}

function joined(fixed, payload) {
  const octets = payload instanceof Text ? sendable(payload) : payload;
  const body = new Uint8Array(fixed.length + octets.length);
  body.set(fixed);
  body.set(octets, fixed.length);
  return body;
}

function check(holds, detail) {
  if (!holds) throw new Fault("malformed", detail);
}

const GETTERS = {
  1: (view, at) => view.getUint8(at),
  2: (view, at) => view.getUint16(at),
  4: (view, at) => view.getUint32(at),
  8: (view, at) => view.getBigUint64(at),
};
const SETTERS = {
  1: (view, at, value) => view.setUint8(at, value),
  2: (view, at, value) => view.setUint16(at, value),
  4: (view, at, value) => view.setUint32(at, value),
  8: (view, at, value) => view.setBigUint64(at, value),
};
