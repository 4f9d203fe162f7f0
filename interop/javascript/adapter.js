// The adapter: reads one request per line and prints one answer per line (interop/README.md).
//
// node interop/javascript/adapter.js

import { createInterface } from "node:readline";

import { Decoder, encodeFrame } from "./src/frame.js";
import { Hello } from "./src/hello.js";
import { encodeQuery, parsePage, parseQuery } from "./src/history.js";
import { EVENTS, Kind, isMessageKind, isPrivateKind, messageToFrame, parseMessage } from "./src/message.js";
import { Session } from "./src/session.js";
import { Fault } from "./src/fault.js";
import { Encoding } from "./src/frame.js";
import { Text, decodeText, encodeText, utf8 } from "./src/text.js";

const PRIVATE_KINDS = Array.from({ length: 256 }, (_, kind) => kind).filter(isPrivateKind);
const REASON_AT = { error: 10, close: 2 }; // bytes of the fixed part, before the reason

const REQUESTS = {
  frame: answerFrame,
  encode: (...words) => `ok ${hex(encodeFrame(frameOf(...words)))}`,
  text: answerText,
  "encode-text": answerEncodeText,
  hello: answerHello,
  message: answerMessage,
  query: answerQuery,
  page: answerPage,
  session: answerSession,
};

/** Returns the answer to one request. */
function answer(line) {
  const [request, ...words] = line.split(" ");
  try {
    return REQUESTS[request](...words);
  } catch (fault) {
    if (!(fault instanceof Fault)) throw fault;
    return faultWord(fault);
  }
}

function answerFrame(limit, cut, octets) {
  const decoder = new Decoder(Number(limit));
  const items = [];
  try {
    for (const piece of cutOf(cut, octets)) {
      decoder.feed(piece);
      for (let frame = decoder.next(); frame !== null; frame = decoder.next()) {
        items.push(`${hexOf(frame.kind)}:${frame.encoding}:${hex(frame.body)}`);
      }
    }
    items.push(decoder.pending > 0 ? "more" : "end");
  } catch (fault) {
    if (!(fault instanceof Fault)) throw fault;
    items.push(faultWord(fault));
  }
  return items.join(" ");
}

function answerText(encoding, octets) {
  const text = decodeText(bytes(octets), Number(encoding));
  return `ok ${hexText(text.value)} ${text.hadBom ? "bom" : "nobom"}`;
}

function answerEncodeText(encoding, octets) {
  const given = decodeText(bytes(octets), Encoding.UTF_8);
  // Here a byte order mark is part of the text to encode.
  return `ok ${hex(encodeText(given.hadBom ? `\ufeff${given.value}` : given.value, Number(encoding)))}`;
}

function answerHello(body) {
  const hello = Hello.parse(bytes(body));
  const { major, minor, accepted, preferred, maxBody, keepalive, hub, name, room, token, resume, software, client, requests } = hello;
  const fields = [
    `major=${major} minor=${minor} accepted=${hexOf(accepted)} preferred=${preferred}`,
    `max-body=${maxBody} keepalive=${keepalive} features=${Number(hub)}`,
  ];
  if (name !== null) fields.push(`name=${hexText(name)}`);
  if (room !== null) fields.push(`room=${hexText(room)}`);
  if (token !== null) fields.push(`token=${hex(token)}`);
  if (resume !== null) fields.push(`resume=${resume}`);
  if (software !== null) fields.push(`software=${hexText(software)}`);
  if (client) fields.push("client=1");
  if (requests !== null) fields.push(`requests=${requests}`);
  return `ok ${fields.join(" ")} wire=${hex(hello.body())}`;
}

function answerMessage(...words) {
  const message = parseMessage(frameOf(...words));
  if (message === null) return "ignored";
  const { type, ...fields } = message;
  const shown = SHOWN[type].map((field) => `${FIELD_NAMES[field] ?? field}=${fieldWord(field, fields[field])}`);
  return `ok ${type.toUpperCase()} ${shown.join(" ")} wire=${wireOf(message)}`;
}

function wireOf(message) {
  try {
    return hex(messageToFrame(message).body);
  } catch (fault) {
    if (!(fault instanceof Fault)) throw fault;
    return faultWord(fault); // in UTF-16, U+FFFE after a byte order mark may be received but not sent (R5.15)
  }
}

const FIELD_NAMES = { nextSeq: "seq" };
const SHOWN = {
  message: ["payload"],
  request: ["id", "payload"],
  reply: ["id", "payload"],
  error: ["id", "frame", "code", "reason"],
  ping: ["payload"],
  pong: ["payload"],
  close: ["code", "reason"],
  welcome: ["member", "nextSeq", "greeting"],
  presence: ["member", "event", "name"],
  post: ["to", "payload"],
  delivery: ["from", "to", "seq", "time", "name", "payload"],
  gap: ["missed"],
  cancel: ["id"],
};

function fieldWord(field, value) {
  if (field === "event") return EVENTS.indexOf(value);
  if (value instanceof Text) return hexText(value.value);
  if (value instanceof Uint8Array) return hex(value);
  return typeof value === "string" ? hexText(value) : value;
}

function answerQuery(payload) {
  const query = parseQuery(bytes(payload));
  if (query === null) return "other";
  const text = query.text === null ? "" : ` text=${hexText(query.text)}`;
  return `ok before=${query.before} count=${query.count}${text} wire=${hex(encodeQuery(query))}`;
}

function answerPage(payload) {
  try {
    const { lostBefore, entries } = parsePage(bytes(payload));
    return [`ok lost=${lostBefore ?? "-"}`, ...entries.map(entryWord)].join(" ");
  } catch (fault) {
    if (!(fault instanceof Fault)) throw fault;
    return "other";
  }
}

function entryWord({ type, missed, from, seq, time, name, payload }) {
  return type === "gap" ? `gap:${missed}` : `${from}:${seq}:${time}:${hexText(name)}:${fieldWord("payload", payload)}`;
}

function answerSession(role, cut, hello, ...steps) {
  const session = new Session(role, Hello.parse(bytes(hello)), { agreed: steps.includes("agree") ? PRIVATE_KINDS : [] });
  let now = 0;
  const answerStep = (step) => {
    const [verb, ...operands] = step.split(":");
    if (verb === "agree") return "-";
    if (verb === "recv") return show([...cutOf(cut, operands[0])].flatMap((piece) => session.receive(piece, now)));
    if (verb === "time") return show(session.tick((now = Number(operands[0]))));
    if (verb === "eof") return show(session.endOfStream(now));
    if (verb === "send") return send(session, frameOf(...operands), now);
    if (verb === "close") return show(session.close(Number(operands[0]), null, now));
    throw new Error(`unknown step ${step}`);
  };
  return [show(session.start(now)), ...steps.map(answerStep)].join(" ");
}

function send(session, frame, now) {
  try {
    if (!isMessageKind(frame.kind)) session.permitKind(frame.kind);
    const message = parseMessage(frame, PRIVATE_KINDS);
    // A bad reason that arrives is taken as empty instead (R3.21).
    if (message.type in REASON_AT) decodeText(frame.body.subarray(REASON_AT[message.type]), frame.encoding);
    return show(session.send(message, now), () => "sent");
  } catch (fault) {
    if (!(fault instanceof Fault)) throw fault;
    return `refused:${fault.name}`;
  }
}

/** Lists the actions in order. Written frames are decoded from their bytes. */
function show(actions, nameOf = showSent) {
  const items = actions.flatMap((action) => {
    if (action.do === "write") return [`${nameOf(action.octets)}=${hex(action.octets)}`];
    if (action.do === "deliver" && action.message.type !== "pong") {
      return [`got:${hexOf(action.frame.kind)}:${hex(action.frame.body)}`];
    }
    return action.do === "end" ? [`end:${action.cause}`] : [];
  });
  return items.join(",") || "-";
}

function showSent(octets) {
  const decoder = new Decoder(octets.length);
  decoder.feed(octets);
  const frame = decoder.next();
  if (frame.kind === Kind.HELLO) return "hello";
  const message = parseMessage(frame);
  if (message.type === "ping") return "ping";
  if (message.type === "pong") return `pong:${hex(message.payload)}`;
  const name = message.reason.value.split(":")[0] || "-";
  if (message.type === "error") return `error:${message.id}:${message.frame}:${message.code}:${name}`;
  return `close:${message.code}:${name}`;
}

function frameOf(kind, encoding, body) {
  return { kind: Number.parseInt(kind, 16), encoding: Number(encoding), body: bytes(body) };
}

function* cutOf(cut, octets) {
  const whole = bytes(octets);
  if (cut === "whole") yield whole;
  else for (let at = 0; at < whole.length; at++) yield whole.subarray(at, at + 1);
}

function faultWord({ name, offset }) {
  return offset === null ? `fault:${name}` : `fault:${name}:${offset}`;
}

function bytes(word) {
  return word === "-" ? new Uint8Array(0) : Uint8Array.from(word.match(/../g), (digits) => Number.parseInt(digits, 16));
}

function hex(octets) {
  return Array.from(octets, hexOf).join("") || "-";
}

function hexText(value) {
  return hex(utf8(value));
}

function hexOf(octet) {
  return octet.toString(16).padStart(2, "0");
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${answer(line)}\n`);
}
