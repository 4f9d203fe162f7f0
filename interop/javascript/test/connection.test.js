import assert from "node:assert/strict";
import net from "node:net";
import test from "node:test";
import { Duplex } from "node:stream";

import { Fault, Hello, PeerError, Refused, fromStreams } from "../bookend.js";
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
