// What an application may send, in which order its session checks it, and private kinds.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import net from "node:net";
import test from "node:test";
import { fileURLToPath } from "node:url";

import { Fault, Hello, Session, Text, decodeText, encodeFrame, parseMessage } from "../bookend.js";
import { connect, fromSocket } from "../node.js";

const MARK = "\ufeff";

function frame(kind, encoding, octets) {
  return encodeFrame({ kind, encoding, body: Uint8Array.from(octets) });
}

function opened({ role = "server", hello = {}, peer = {}, agreed = [] } = {}) {
  const session = new Session(role, new Hello(hello), { agreed });
  session.start(0);
  session.receive(frame(1, 0, new Hello(peer).body()), 0);
  return session;
}

/** The name of the rule for which a message is refused, or "sent". */
function refusal(session, message) {
  try {
    session.send(message, 0);
  } catch (fault) {
    assert.ok(fault instanceof Fault);
    return fault.name;
  }
  return "sent";
}

const nothing = new Uint8Array(0);
const policy = (id, number, reason = new Text("policy")) => ({ type: "error", id, frame: number, code: 1008, reason });

test("the session alone sends HELLO, PONG and CLOSE", () => {
  for (const message of [{ type: "hello" }, { type: "pong", payload: nothing }, { type: "close", code: 1000, reason: new Text("") }]) {
    assert.equal(refusal(new Session("server", new Hello()), message), "not-open");
    assert.equal(refusal(opened(), message), "unexpected-kind");
  }
  assert.equal(refusal(opened(), { type: "pong", payload: new Uint8Array(65) }), "malformed");
});

test("unlisted kinds are unknown, and hub kinds need the profile and the right side", () => {
  const hub = { hub: true };
  assert.equal(refusal(opened(), { type: "private", kind: 0xbf, payload: nothing }), "unknown-kind");
  for (const [role, message, expected] of [
    ["client", { type: "post", to: 0, payload: nothing }, "sent"],
    ["server", { type: "post", to: 0, payload: nothing }, "unexpected-kind"],
    ["server", { type: "gap", missed: 1n }, "sent"],
    ["client", { type: "gap", missed: 1n }, "unexpected-kind"],
  ]) {
    assert.equal(refusal(opened({ role, hello: hub, peer: hub }), message), expected);
    assert.equal(refusal(opened({ role, hello: hub }), message), "unknown-kind");
  }
});

test("the first rule that is broken gives its name", () => {
  const wide = new Text("x".repeat(600), 4); // neither accepted nor short enough
  const session = opened({ role: "client", peer: { accepted: 7, maxBody: 1024, requests: 1 } });
  assert.equal(refusal(new Session("client", new Hello()), { type: "reply", id: 7, payload: wide }), "not-open");
  assert.equal(refusal(session, { type: "reply", id: 7, payload: wide }), "no-such-request");
  assert.equal(refusal(session, { type: "message", payload: wide }), "encoding-refused");
  assert.equal(refusal(session, { type: "message", payload: new Uint8Array(1025) }), "too-long");
  const unmappable = decodeText(Uint8Array.of(0xff, 0xfe, 0xfe, 0xff, ...new Uint8Array(1024)), 4);
  assert.equal(refusal(session, { type: "message", payload: unmappable }), "encoding-refused");
  assert.equal(refusal(opened({ peer: { maxBody: 1024 } }), { type: "message", payload: unmappable }), "unmappable-text");
  assert.equal(refusal(session, { type: "request", id: 1, payload: nothing }), "sent");
  assert.equal(refusal(session, { type: "request", id: 1, payload: wide }), "duplicate-request");
  assert.equal(refusal(session, { type: "request", id: 2, payload: wide }), "try-later");
  assert.equal(refusal(session, { type: "cancel", id: 2 }), "no-such-request");
});

test("an ERROR for a REQUEST gets the number of its frame and frees its id", () => {
  const session = opened();
  const request = frame(3, 0, [0, 0, 0, 7]);
  session.receive(request, 0);
  assert.equal(refusal(session, policy(8, 1)), "no-such-request");
  const [{ octets }] = session.send(policy(7, 99), 0);
  assert.deepEqual(octets, frame(5, 2, [0, 0, 0, 7, 0, 0, 0, 1, 3, 0xf0, ...Buffer.from("policy")]));
  assert.equal(session.receive(request, 0)[0].do, "deliver");
  const [{ octets: about }] = session.send(policy(0, 99), 0);
  assert.equal(about[8 + 7], 99);
});

test("a reason has at most 200 bytes without its mark", () => {
  const marked = Buffer.from(MARK + "x".repeat(100), "utf16le");
  const session = opened();
  const received = parseMessage({ kind: 5, encoding: 4, body: Uint8Array.of(...new Uint8Array(10), ...marked) });
  assert.equal(refusal(session, received), "sent");
  assert.equal(refusal(session, policy(0, 0, new Text("x".repeat(201)))), "too-long");
  assert.equal(refusal(session, policy(0, 0, new Text("x".repeat(101), 4))), "too-long");
});

test("a name of marks may be received but not sent", () => {
  const hub = { hub: true };
  const presence = frame(0x11, 2, [0, 0, 0, 5, 1, 0xef, 0xbb, 0xbf, 0xef, 0xbb, 0xbf]);
  const [{ message }] = opened({ role: "client", hello: hub, peer: hub }).receive(presence, 0);
  assert.equal(message.name.value, MARK);
  assert.equal(refusal(opened({ hello: hub, peer: hub }), message), "malformed");
});

test("an ERROR about an unknown request is delivered", () => {
  const session = opened();
  session.send({ type: "request", id: 7, payload: nothing }, 0);
  const [{ do: what }] = session.receive(frame(5, 1, [0, 0, 0, 99, 0, 0, 0, 0, 0, 0]), 0);
  assert.equal(what, "deliver");
  assert.ok(session.isUnanswered(7));
});

test("a private kind is judged like a MESSAGE if it is agreed, and ignored otherwise", () => {
  const agreed = [0xc0];
  const [{ message }] = opened({ agreed }).receive(frame(0xc0, 2, Buffer.from("hi")), 0);
  assert.deepEqual([message.type, message.kind, message.payload.value], ["private", 0xc0, "hi"]);
  for (const [encoding, name] of [[2, "bad-text"], [4, "encoding-refused"]]) {
    const hello = { accepted: 7 };
    const session = opened({ hello, agreed });
    const [{ octets }] = session.receive(frame(0xc0, encoding, [0xff]), 0);
    assert.ok(Buffer.from(octets).includes(name));
    assert.ok(session.isOpen);
    assert.deepEqual(opened({ hello }).receive(frame(0xc0, encoding, [0xff]), 0), []);
  }
});

test("a private kind is sent without a mark in an accepted encoding", () => {
  const session = opened({ peer: { accepted: 7 } });
  const [{ octets }] = session.send({ type: "private", kind: 0xc0, payload: new Text(`${MARK}hi`) }, 0);
  assert.deepEqual(octets, frame(0xc0, 2, Buffer.from("hi")));
  assert.equal(refusal(session, { type: "private", kind: 0xc0, payload: new Text("hi", 3) }), "encoding-refused");
});

const ADAPTER = fileURLToPath(new URL("../adapter.js", import.meta.url));
const hex = (octets) => Buffer.from(octets).toString("hex");

/** The adapter's words for the steps of a server's session. */
function adapted(...steps) {
  const input = `session server whole ${hex(new Hello().body())} ${steps.join(" ")}\n`;
  return spawnSync(process.execPath, [ADAPTER], { input, encoding: "utf8" }).stdout.trimEnd().split(" ").slice(1);
}

test("the adapter shows each frame that its side sent, and checks the form of a message before the state", () => {
  const hello = frame(1, 0, new Hello().body());
  const close = hex(frame(8, 1, [3, 0xe8, ...Buffer.from("normal")]));
  assert.deepEqual(
    adapted("agree", "send:06:2:-", `recv:${hex(hello)}`, "send:01:0:-", "send:08:1:03e8", "send:08:0:-", "send:08:2:03e8ff", "send:05:2:00000000000000000000ff",
      "send:02:2:efbbbf6869", "send:20:2:ff", `recv:${hex(frame(0xef, 0, [1]))}`, "close:1000", "send:07:0:-"),
    ["-", "refused:malformed", `hello=${hex(hello)}`, "refused:unexpected-kind", "refused:unexpected-kind", "refused:malformed", "refused:bad-text",
      "refused:bad-text", `sent=${hex(frame(2, 2, Buffer.from("hi")))}`, "refused:unknown-kind", "got:ef:01", `close:1000:normal=${close}`,
      "refused:not-open"],
  );
});

test("the README's example of private kinds runs", async () => {
  const readme = await readFile(new URL("../README.md", import.meta.url), "utf8");
  const example = readme.split("```js\n").map((part) => part.split("```")[0]).find((part) => part.includes("agreed"));
  const server = net.createServer({ allowHalfOpen: true });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const served = new Promise((resolve, reject) => {
    server.once("connection", async (socket) => {
      const peer = await fromSocket(socket, "server", new Hello(), { agreed: [0xc0] });
      await peer.send(await peer.receive());
      peer.receive().then(resolve, reject);
    });
  });
  try {
    const printed = [];
    const run = new (Object.getPrototypeOf(async () => {}).constructor)("Hello", "Text", "connect", "HOST", "PORT", "console", example);
    await run(Hello, Text, connect, "127.0.0.1", server.address().port, { log: (...words) => printed.push(words) });
    await served;
    assert.deepEqual(printed.map(([kind, payload]) => [kind, payload.value]), [[0xc0, "circle 10 10 5"]]);
  } finally {
    server.close();
  }
});
