import assert from "node:assert/strict";
import test from "node:test";

import { Decoder, Encoding, Fault, Hello, Kind, Text, decodeText, encodeFrame, encodeText, messageToFrame, parseMessage } from "../bookend.js";

import { displayed, plain } from "../show.js";

const HI = Uint8Array.of(0xf5, 0xf8, 2, 2, 0, 0, 0, 2, 0x68, 0x69, 0xf8, 0xf5);

function faultOf(work) {
  try {
    work();
  } catch (fault) {
    assert.ok(fault instanceof Fault, String(fault));
    return [fault.name, fault.offset];
  }
  return assert.fail("no fault");
}

test("a frame matches the example of SPEC section 2", () => {
  const body = Uint8Array.of(0x68, 0x69);
  assert.deepEqual(encodeFrame({ kind: Kind.MESSAGE, encoding: Encoding.UTF_8, body }), HI);
});

test("a name does not look like the start of another line", () => {
  for (const [name, shown] of [
    ["ann (work)", "ann (work)"],
    ["12:30", "12:30"],
    ["* the hub: x", "\\u{2a} the hub\\u{3a} x"],
    ["ann (to you)", "ann \\u{28}to you)"],
    ["ann\uff1a", "ann\\u{ff1a}"],
    ["! policy", "\\u{21} policy"],
  ]) {
    assert.equal(displayed(name), shown);
    assert.equal(plain({ type: "delivery", to: 0, name, payload: new Text("hi") }, 1), `${shown}: hi`);
  }
});

test("frames do not depend on how the stream is split", () => {
  const stream = Uint8Array.of(...HI, ...HI, ...HI);
  for (let first = 0; first <= stream.length; first++) {
    const decoder = new Decoder(2);
    const frames = [];
    for (const piece of [stream.subarray(0, first), stream.subarray(first)]) {
      decoder.feed(piece);
      for (let frame = decoder.next(); frame !== null; frame = decoder.next()) frames.push(frame);
    }
    assert.deepEqual(frames, Array(3).fill({ kind: 2, encoding: 2, body: HI.slice(8, 10) }));
  }
});

test("length over the limit fails before the body arrives", () => {
  const decoder = new Decoder(1024);
  decoder.feed(HI.subarray(0, 4));
  decoder.feed(Uint8Array.of(0, 0, 4, 1));
  assert.deepEqual(faultOf(() => decoder.next()), ["too-long", 4]);
});

test("a fault is sticky", () => {
  const decoder = new Decoder(1024);
  decoder.feed(Uint8Array.of(0x47));
  assert.deepEqual(faultOf(() => decoder.next()), ["bad-start", 0]);
  decoder.feed(HI);
  assert.deepEqual(faultOf(() => decoder.next()), ["bad-start", 0]);
});

test("a body is a copy that later bytes do not change", () => {
  const decoder = new Decoder(1024);
  const octets = HI.slice();
  decoder.feed(octets);
  const frame = decoder.next();
  octets.fill(0);
  decoder.feed(HI);
  decoder.next();
  assert.deepEqual(frame.body, HI.slice(8, 10));
});

test("text round-trips in each Unicode encoding", () => {
  const value = "grüß \u0000 😀 \ufffe \uffff \u{10ffff}";
  for (const encoding of [Encoding.UTF_8, Encoding.UTF_16BE, Encoding.UTF_16LE]) {
    const text = decodeText(encodeText(value, encoding), encoding);
    assert.equal(text.value, value);
    assert.equal(text.hadBom, false);
  }
});

test("text longer than a chunk is decoded, including a surrogate pair across chunks", () => {
  const value = "x".repeat((1 << 13) - 1) + "😀".repeat(10_000);
  assert.equal(decodeText(encodeText(value, Encoding.UTF_16LE), Encoding.UTF_16LE).value, value);
});

test("exactly one byte order mark is removed", () => {
  const text = decodeText(Uint8Array.of(0xef, 0xbb, 0xbf, 0xef, 0xbb, 0xbf, 0x61), Encoding.UTF_8);
  assert.deepEqual([text.value, text.hadBom, text.octets.length], ["\ufeffa", true, 4]);
});

test("bad-text has the offset of the first illegal sequence", () => {
  const cases = [
    [Encoding.ASCII, [0x61, 0x80], 1],
    [Encoding.UTF_8, [0x61, 0xc0, 0x80], 1],
    [Encoding.UTF_8, [0x61, 0xed, 0xa0, 0x80], 1],
    [Encoding.UTF_8, [0x61, 0xf4, 0x90, 0x80, 0x80], 1],
    [Encoding.UTF_8, [0xc3, 0xa9, 0xe2, 0x82], 2],
    [Encoding.UTF_16BE, [0, 0x61, 0xd8, 0, 0], 2],
    [Encoding.UTF_16LE, [0x61, 0, 0x61], 2],
    [Encoding.UTF_16LE, [0xfe, 0xff], 0],
  ];
  for (const [encoding, octets, offset] of cases) {
    assert.deepEqual(faultOf(() => decodeText(Uint8Array.from(octets), encoding)), ["bad-text", offset]);
  }
});

test("unmappable-text has the offset of the character in UTF-8", () => {
  assert.deepEqual(faultOf(() => encodeText("ü€x", Encoding.ASCII)), ["unmappable-text", 0]);
  assert.deepEqual(faultOf(() => encodeText("ab\u20ac", Encoding.ASCII)), ["unmappable-text", 2]);
  assert.deepEqual(faultOf(() => encodeText("ü\ud800", Encoding.UTF_8)), ["unmappable-text", 2]);
  assert.deepEqual(faultOf(() => encodeText("\ufeff\ufffe", Encoding.UTF_16BE)), ["unmappable-text", 3]);
});

test("a HELLO is parsed from a view into a larger buffer", () => {
  const large = Uint8Array.of(9, 9, ...new Hello({ name: "ann", resume: 7n }).body(), 9);
  const hello = Hello.parse(large.subarray(2, large.length - 1));
  assert.deepEqual([hello.name, hello.resume], ["ann", 7n]);
});

test("an illegal HELLO cannot be constructed", () => {
  for (const fields of [{ name: "" }, { name: "a\nb" }, { name: "\ud800" }, { maxBody: 1023 }, { accepted: 3 }, { preferred: 5 }, { resume: 1 }]) {
    assert.deepEqual(faultOf(() => new Hello(fields)), ["bad-hello", null], JSON.stringify(fields));
  }
});

test("each message round-trips", () => {
  const words = new Text("grüß", Encoding.UTF_16LE);
  const messages = [
    { type: "message", payload: words },
    { type: "request", id: 7, payload: Uint8Array.of(1) },
    { type: "error", id: 0, frame: 2 ** 32 - 1, code: 1007, reason: words },
    { type: "welcome", member: 5, nextSeq: 2n ** 64n - 1n, greeting: words },
    { type: "presence", member: 5, event: "joined", name: words },
    { type: "delivery", from: 5, to: 0, seq: 1n, time: 2n, name: "ann", payload: words },
    { type: "gap", missed: 3n },
  ];
  for (const message of messages) assert.deepEqual(parseMessage(messageToFrame(message)), message);
});

test("illegal messages are malformed", () => {
  const payload = new Uint8Array(0);
  for (const message of [
    { type: "request", id: 0, payload },
    { type: "request", id: 2 ** 32, payload },
    { type: "post", to: 1.5, payload },
    { type: "message", payload: "a string has no encoding" },
    { type: "ping", payload: new Uint8Array(65) },
    { type: "gap", missed: 3 },
    { type: "nonsense", payload },
  ]) {
    assert.deepEqual(faultOf(() => messageToFrame(message)), ["malformed", null], message.type);
  }
});

test("a forwarded payload has no byte order mark", () => {
  const body = Uint8Array.of(0xef, 0xbb, 0xbf, 0xef, 0xbb, 0xbf, 0x68, 0x69);
  const message = parseMessage({ kind: Kind.MESSAGE, encoding: Encoding.UTF_8, body });
  assert.equal(message.payload.value, "\ufeffhi");
  assert.deepEqual(messageToFrame(message).body, Uint8Array.of(0x68, 0x69));
});
