// Compiles bookend.ksy to JavaScript and reads every vector of frames, messages and HELLOs with the result.
"use strict";

const assert = require("node:assert/strict");
const fs = require("node:fs");
const path = require("node:path");
const { before, test } = require("node:test");
const vm = require("node:vm");

const KaitaiStream = require("kaitai-struct/KaitaiStream");
const compiler = require("kaitai-struct-compiler");
const YAML = require("yaml");

const vectors = (layer) =>
  JSON.parse(fs.readFileSync(path.join(__dirname, "../vectors", `${layer}.json`), "utf8")).vectors;

let Bookend;

before(async () => {
  const description = YAML.parse(fs.readFileSync(path.join(__dirname, "bookend.ksy"), "utf8"));
  const files = await compiler.compile("javascript", description, null, false);
  const module = { exports: {} };
  const load = (name) => require(name.startsWith("kaitai-struct") ? name : assert.fail(name));
  vm.runInThisContext(`(function (module, exports, require) {${files["Bookend.js"]}\n})`)(module, module.exports, load);
  Bookend = module.exports.Bookend;
});

/** The bytes of a vector, whose hex may have several parts. */
function bytes(parts) {
  const hex = (part) =>
    Array.isArray(part) ? part.map(hex).join("")
    : typeof part === "object" ? hex(part.repeat).repeat(part.times)
    : part.replaceAll(" ", "");
  return Buffer.from(hex(parts), "hex");
}

function read(data) {
  return new Bookend(new KaitaiStream(new Uint8Array(data).buffer));
}

function frame(kind, encoding, body) {
  const header = Buffer.from([0xf5, 0xf8, kind, encoding, 0, 0, 0, 0]);
  header.writeUInt32BE(body.length, 4);
  return Buffer.concat([header, body, Buffer.from([0xf8, 0xf5])]);
}

test("frames", () => {
  const first = frame(2, 2, Buffer.from("a first frame, so that no fault is read as a line"));
  let tested = 0;
  for (const vector of vectors("frames")) {
    // The description has no limits. Bodies are tested with the vectors of messages.
    if ("limit" in vector || vector.fault?.startsWith("too-long")) continue;
    tested += 1;
    const data = Buffer.concat([first, bytes(vector.bytes)]);
    if (vector.result !== "end") {
      assert.throws(() => read(data), undefined, `${vector.id}: ${vector.why}`);
      continue;
    }
    const found = read(data).frames.slice(1);
    assert.deepEqual(
      found.map(({ kind, encoding, lenBody }) => [kind, encoding, lenBody]),
      vector.frames.map(({ kind, encoding, body }) => [parseInt(kind, 16), encoding, bytes(body).length]),
      vector.id,
    );
  }
  assert.ok(tested > 50);
});

test("messages", () => {
  for (const vector of vectors("messages").filter(({ fields }) => fields)) {
    const [one] = read(frame(parseInt(vector.kind, 16), vector.encoding, bytes(vector.body))).frames;
    for (const [name, value] of Object.entries(vector.fields)) {
      const found = one.body[name];
      if (typeof value === "number") {
        assert.equal(Number(found), value, `${vector.id} ${name}`);
      } else if (vector.encoding <= 2 && !vector.wire) {
        // Text in the vectors is UTF-8, without its byte order mark.
        assert.equal(Buffer.from(found).toString("hex"), bytes(value).toString("hex"), `${vector.id} ${name}`);
      }
    }
  }
});

test("hellos", () => {
  for (const vector of vectors("hellos").filter(({ hello }) => hello)) {
    const { body } = read(frame(1, 0, bytes(vector.body))).frames[0];
    assert.deepEqual(
      [body.major, body.minor, body.preferred, body.maxBody, body.keepalive],
      ["major", "minor", "preferred", "max-body", "keepalive"].map((name) => vector.hello[name]),
      vector.id,
    );
    if (vector.hello.name) {
      const { value } = body.options.find(({ kind }) => kind === Bookend.Options.NAME);
      assert.deepEqual(Buffer.from(value), bytes(vector.hello.name), vector.id);
    }
    if ("requests" in vector.hello) {
      const { value } = body.options.find(({ kind }) => kind === Bookend.Options.REQUESTS);
      assert.equal(Buffer.from(value).readUInt32BE(), vector.hello.requests, vector.id);
    }
    assert.equal(body.options.some(({ kind }) => kind === Bookend.Options.CLIENT), vector.hello.client === 1, vector.id);
  }
});

test("a line before the first frame", () => {
  const stream = read(Buffer.concat([Buffer.from("Bookend hub\r\n"), frame(2, 2, Buffer.from("hi"))]));
  assert.equal(Buffer.from(stream.line.text).toString(), "Bookend hub\r");
  assert.equal(Buffer.from(stream.frames[0].body.payload).toString(), "hi");
});
