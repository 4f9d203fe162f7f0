import assert from "node:assert/strict";
import net from "node:net";
import test from "node:test";
import { Duplex } from "node:stream";

import { Fault, Hello, PeerError, Refused, Session, encodeFrame, fromStreams } from "../bookend.js";
import { connect, fromSocket } from "../node.js";

/** Runs `work` against a TCP server that handles one connection with `serve`. Resolves to the result of `serve`. */
async function listening(serve, work) {
  const server = net.createServer({ allowHalfOpen: true });
  const served = new Promise((resolve, reject) => {
    server.once("connection", (socket) => Promise.resolve(serve(socket)).then(resolve, reject));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await work({ host: "127.0.0.1", port: server.address().port });
    return await served;
  } finally {
    server.close();
  }
}

/** Answers each request with its payload, and refuses a request with the text "no". */
async function echo(socket, hello = new Hello()) {
  const connection = await fromSocket(socket, "server", hello);
  const seen = [];
  for await (const message of connection) {
    seen.push(message.payload.value ?? message.payload);
    if (message.type !== "request") continue;
    if (message.payload.value === "no") await connection.refuse(new Fault("policy", "not this"));
    else await connection.reply(message.id, message.payload);
  }
  return seen;
}

test("messages, requests, a barrier and a normal close", async () => {
  const seen = await listening(echo, async (where) => {
    const peer = await connect(where, new Hello());
    await peer.sendMessage("grüß");
    const answers = await Promise.all([peer.request("a"), peer.request(Uint8Array.of(1, 2))]);
    assert.equal(answers[0].value, "a");
    assert.deepEqual(answers[1], Uint8Array.of(1, 2));
    await assert.rejects(peer.request("no"), (fault) => fault instanceof PeerError && fault.name === "policy");
    await peer.barrier();
    await peer.close();
    await assert.rejects(peer.sendMessage("late"), Refused);
  });
  assert.deepEqual(seen, ["grüß", "a", Uint8Array.of(1, 2), "no"]);
});

/** Answers every request except "wait", for which it calls `onWait`. Resolves to the ids of the CANCELs. */
async function answer(socket, hello, onWait) {
  const connection = await fromSocket(socket, "server", hello);
  const cancelled = [];
  for await (const message of connection) {
    if (message.type === "cancel") cancelled.push(message.id);
    else if (message.payload.value === "wait") onWait();
    else await connection.reply(message.id, message.payload);
  }
  return cancelled;
}

test("a request that is aborted or times out is cancelled, and makes room for the next one", async () => {
  const controller = new AbortController();
  const serve = (socket) => answer(socket, new Hello({ requests: 1 }), () => controller.abort(new Error("enough")));
  const cancelled = await listening(serve, async (where) => {
    const peer = await connect(where);
    await assert.rejects(peer.request("wait", 20_000, { signal: controller.signal }), /enough/);
    await assert.rejects(peer.request("wait", 20_000, { signal: controller.signal }), /enough/);
    await peer.barrier(); // the ERROR cancelled arrives before the PONG
    assert.equal((await peer.request("a")).value, "a");
    await assert.rejects(peer.request("wait", 1), (fault) => fault instanceof Refused && fault.name === "try-later");
    await peer.barrier();
    assert.equal((await peer.request("b")).value, "b");
    await peer.close();
    assert.equal(await peer.receive(), null, "the answers to cancelled requests are not for the application");
  });
  assert.deepEqual(cancelled, [1, 4]);
});

test("the answer to a request that was cancelled meanwhile is dropped", async () => {
  const late = async (socket) => {
    const connection = await fromSocket(socket, "server");
    const { id } = await connection.receive();
    await connection.barrier(); // the CANCEL arrives before the PONG
    await connection.refuse(new Fault("policy"));
    await connection.reply(id, "late");
    assert.deepEqual(await connection.receive(), { type: "cancel", id });
    await assert.rejects(connection.reply(id, "later"), (fault) => fault.name === "no-such-request");
    await connection.close();
  };
  await listening(late, async (where) => {
    const peer = await connect(where);
    await assert.rejects(peer.cancel(7), (fault) => fault.name === "no-such-request");
    await peer.send({ type: "request", id: 7, payload: Uint8Array.of() });
    await peer.cancel(7);
    const error = await peer.receive();
    assert.deepEqual([error.type, error.id, error.code], ["error", 7, 4012]);
    assert.equal(await peer.receive(), null);
  });
});

test("a session counts a cancelled request until its answer arrives", () => {
  const body = new Hello({ requests: 1 }).body();
  const session = new Session("server", new Hello({ client: true }));
  assert.equal(session.hello.client, false);
  session.start(0);
  session.receive(encodeFrame({ kind: 1, encoding: 0, body }), 0);
  const request = (id) => session.send({ type: "request", id, payload: Uint8Array.of() }, 0);
  request(1);
  session.send({ type: "cancel", id: 1 }, 0);
  assert.throws(() => request(2), (fault) => fault.name === "try-later");
  session.receive(encodeFrame({ kind: 4, encoding: 0, body: Uint8Array.of(0, 0, 0, 1) }), 0);
  request(2);
});

test("a client refuses another client", () => {
  const session = new Session("client", new Hello());
  const [{ octets }] = session.start(0);
  session.receive(octets, 0);
  assert.equal(session.endOfStream(0).at(-1).cause, "two-clients");
});

test("text is sent in the encoding that the peer prefers", async () => {
  const preferring = async (socket) => {
    const connection = await fromSocket(socket, "server", new Hello({ preferred: 4 }));
    return connection.receive();
  };
  const message = await listening(preferring, async (where) => {
    const peer = await connect(where);
    await peer.sendMessage("ü");
    await peer.close();
  });
  assert.deepEqual([message.payload.value, message.payload.encoding], ["ü", 4]);
});

test("messages of a megabyte arrive at a slow reader", async () => {
  const octets = new Uint8Array(1 << 20).fill(0xf5);
  const seen = await listening(echo, async (where) => {
    const peer = await connect(where);
    await Promise.all(Array.from({ length: 4 }, () => peer.sendMessage(octets)));
    await peer.barrier();
    await peer.close();
  });
  assert.equal(seen.length, 4);
  assert.ok(seen.every((one) => Buffer.compare(one, octets) === 0));
});

test("a server of another protocol is reported as bad-start", async () => {
  const ssh = (socket) => void socket.end("SSH-2.0-OpenSSH_9.2\r\n".repeat(60));
  await listening(ssh, (where) => assert.rejects(connect(where), (fault) => fault.name === "bad-start"));
});

test("a stream that ends without CLOSE is reported", async () => {
  const disconnect = async (socket) => {
    await fromSocket(socket, "server");
    socket.destroy();
  };
  await listening(disconnect, async (where) => {
    const peer = await connect(where);
    await assert.rejects(peer.receive(), (fault) => fault.name === "no-close");
  });
});

test("a silent server ends with hello-timeout", async () => {
  const silent = (socket) => void socket.resume();
  await listening(silent, async (where) => {
    const options = { limits: { hello: 20, drain: 20 } };
    await assert.rejects(connect(where, new Hello(), options), (fault) => fault.name === "hello-timeout");
  });
});

test("a connection over web streams answers requests", async () => {
  const seen = await listening(echo, async (where) => {
    const socket = net.connect({ ...where, allowHalfOpen: true });
    const peer = await fromStreams(Duplex.toWeb(socket), "client", new Hello());
    assert.equal((await peer.request("a")).value, "a");
    await peer.close();
  });
  assert.deepEqual(seen, ["a"]);
});
