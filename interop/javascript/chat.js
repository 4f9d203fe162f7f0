// A chat client of a hub on standard input and output. It posts each line to the room, or to one member with `/to ID text`.
//
// node interop/javascript/chat.js HOST:PORT --name ann --room kitchen

import { createInterface } from "node:readline";
import { parseArgs } from "node:util";

import { Fault, Hello, PeerError, Refused, decodeText, printable } from "./bookend.js";
import { connect } from "./node.js";
import { asJson, plain } from "./show.js";

const PREFERRED = { "as-sent": 0, ascii: 1, "utf-8": 2, "utf-16be": 3, "utf-16le": 4 };
const USAGE = `usage: chat.js HOST:PORT [--name NAME] [--room ROOM] [--encoding ${Object.keys(PREFERRED).join("|")}] [--count N] [--json] [--send-hex ENC HEX]...`;
const NO_REQUESTS = new Fault("policy", "this is a chat client, which answers no requests");

/** Parses the command line. Throws TypeError, or Fault for an illegal HELLO. */
function readOptions(words) {
  const { rest, sends } = takeSends(words);
  const { values, positionals } = parseArgs({
    args: rest,
    allowPositionals: true,
    options: {
      name: { type: "string" },
      room: { type: "string" },
      encoding: { type: "string", default: "utf-8" },
      count: { type: "string", default: "Infinity" },
      json: { type: "boolean", default: false },
    },
  });
  const address = /^\[?([^\]]+)\]?:(\d+)$/.exec(positionals[0] ?? "");
  const count = Number(values.count);
  if (positionals.length !== 1 || address === null || !(values.encoding in PREFERRED) || !(count >= 1)) throw new TypeError(USAGE);
  const preferred = PREFERRED[values.encoding];
  const hello = new Hello({ hub: true, preferred, name: values.name, room: values.room, software: "bookend-javascript 0.1.0" });
  return { where: { host: address[1], port: Number(address[2]) }, hello, count, json: values.json, sends };
}

/** Extracts each `--send-hex ENC HEX`: parseArgs does not support options with two values. */
function takeSends(words) {
  const rest = [...words];
  const sends = [];
  for (let at = rest.indexOf("--send-hex"); at >= 0; at = rest.indexOf("--send-hex")) {
    const [, encoding, hex] = rest.splice(at, 3);
    if (!/^[0-4]$/.test(encoding ?? "") || !/^([0-9a-f]{2})*$/i.test(hex ?? "-")) throw new TypeError(USAGE);
    const octets = Uint8Array.from(hex.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));
    sends.push(encoding === "0" ? octets : decodeText(octets, Number(encoding)));
  }
  return { rest, sends };
}

async function chat({ where, hello, count, json, sends }) {
  const connection = await connect(where, hello);
  let [status, member, got] = [0, 0, 0];
  const report = (fault) => {
    if (!(fault instanceof Fault)) throw fault;
    status = 1;
    console.error(printable(String(fault)));
  };
  const postInput = async () => {
    for (const value of sends) await post(connection, value, 0);
    for await (const line of createInterface({ input: process.stdin, terminal: false })) {
      await Promise.resolve(line).then(postOf).then(([text, to]) => post(connection, text, to)).catch((fault) => {
        if (!(fault instanceof Refused) && fault.name !== "unmappable-text") throw fault;
        report(fault);
      });
    }
    if (count !== Infinity) return;
    await connection.barrier();
    await connection.close();
  };
  const ended = (fault) => fault.name === "normal" || (report(fault), connection.close(1001));
  let posting = connection.hasHub ? null : postInput().catch(ended);
  for await (const message of connection) {
    if (message.type === "welcome") {
      member = message.member;
      posting ??= postInput().catch(ended);
    } else if (message.type === "request") {
      await connection.refuse(NO_REQUESTS);
    } else if (message.type === "error") {
      report(new PeerError(message.code, message.reason.value));
    }
    const line = json ? asJson(message) : plain(message, member);
    if (line !== null) console.log(line);
    if (message.type === "delivery" || message.type === "message") got += 1;
    if (got === count) break;
  }
  await connection.close();
  return status;
}

/** Parses a line of input into the text and the number of the member; 0 = everyone. Throws Refused. */
function postOf(line) {
  if (!line.startsWith("/to ")) return [line, 0];
  const [, member, text] = /^\/to (\d{1,10})(?: (.*))?$/s.exec(line) ?? [];
  const to = Number(member);
  if (!(to > 0 && to < 2 ** 32)) throw new Refused("no-such-member", "write /to ID text, where ID is a member's number");
  return [text ?? "", to];
}

async function post(connection, value, to) {
  if (to !== 0 || connection.hasHub) await connection.post(value, to);
  else await connection.sendMessage(value);
}

async function main() {
  let options;
  try {
    options = readOptions(process.argv.slice(2));
  } catch (error) {
    console.error(error.message);
    return error instanceof Fault ? 1 : 2;
  }
  try {
    return await chat(options);
  } catch (error) {
    const { host, port } = options.where;
    console.error(printable(error instanceof Fault ? String(error) : `${host}:${port}: ${error.message}; is a hub listening there?`));
    return 1;
  }
}

const status = await main();
// Standard input may still be open, which would keep the process alive.
process.stdout.write("", () => process.exit(status));
