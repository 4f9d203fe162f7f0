import assert from "node:assert/strict";
import net from "node:net";
import test from "node:test";

import { Fault, Hello, NOW, encodeFrame, encodeQuery, messageToFrame, parsePage, parseQuery, Text } from "../bookend.js";
import { connect, fromSocket } from "../node.js";

test("a query that cannot be sent is not made", () => {
  for (const query of [{ count: 0 }, { count: 1.5 }, { count: 2 ** 32 }, { before: -1n }, { text: "" }, { text: "ü".repeat(129) }, { text: "\ud800" }]) {
    assert.throws(() => encodeQuery(query), RangeError);
  }
});

test("text is neither a query nor a page", () => {
  assert.equal(parseQuery(new Text("x".repeat(13))), null);
  assert.throws(() => parsePage(new Text("")), Fault);
});

test("a client asks for the last messages, and for those with a text", async () => {
  const queries = [];
  const server = net.createServer({ allowHalfOpen: true }, async (socket) => {
    const peer = await fromSocket(socket, "server", new Hello({ hub: true }));
    for await (const { id, payload } of peer) {
      queries.push(parseQuery(payload));
      await peer.reply(id, encodeFrame(messageToFrame({ type: "gap", missed: 3n })));
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const peer = await connect({ host: "127.0.0.1", port: server.address().port }, new Hello({ hub: true }));
  assert.deepEqual(await peer.history({ before: 1024n, count: 10 }), { lostBefore: 3n, entries: [] });
  await peer.search("noon");
  await peer.close();
  server.close();
  assert.deepEqual(queries, [
    { before: 1024n, count: 10, text: null },
    { before: NOW, count: 50, text: "noon" },
  ]);
});
