// HELLO, the first frame of each side (SPEC section 4).

import { hexByte, wrongCanary } from "./diagnosis.js";
import { Fault } from "./fault.js";
import { Encoding } from "./frame.js";
import { decodeText, isPlainLine, unpairedAt, utf8 } from "./text.js";

export const HELLO = 0x01; // kind
export const PREFIX = Uint8Array.of(0x42, 0x4b, 0x4e, 0x44, 0x0d, 0x0a, 0x1a, 0x0a, 0xff, 0x11, 0x0d, 0x00); // magic, canary

const MAGIC_LENGTH = 4; // bytes
const LENGTH = 24; // bytes, without options
const MAJOR = 1;
const ALL_ENCODINGS = 0x1f;
const REQUIRED_ENCODINGS = 0x07; // binary, US-ASCII, UTF-8
const HUB_PROFILE = 1 << 0;
const MAX_LINE = 64; // bytes of UTF-8
const MAX_TOKEN = 255; // bytes
const MAX_U64 = (1n << 64n) - 1n;

const DEFAULT_REQUESTS = 64;

const OPTIONS = new Map([[1, "name"], [2, "room"], [3, "token"], [4, "resume"], [5, "software"], [7, "client"], [8, "requests"]]);

const DEFAULTS = {
  accepted: ALL_ENCODINGS,
  preferred: 0,
  maxBody: 1 << 20,
  keepalive: 30,
  hub: false,
  name: null,
  room: null,
  token: null,
  resume: null,
  software: null,
  client: false, // a session sets it according to its role
  requests: null,
  major: MAJOR,
  minor: 0,
};

/** The HELLO of one side. Every value is legal. */
export class Hello {
  /** Throws Fault bad-hello. Omitted fields have their defaults. */
  constructor(fields = {}) {
    for (const [name, preset] of Object.entries(DEFAULTS)) this[name] = fields[name] ?? preset;
    check(this.major === MAJOR, `major is ${this.major}`);
    check(isInteger(this.minor, 0, 0xff), `minor is ${this.minor}`);
    check(isInteger(this.accepted, 0, ALL_ENCODINGS), `accepted is ${this.accepted}`);
    check((this.accepted & REQUIRED_ENCODINGS) === REQUIRED_ENCODINGS, `accepted is ${hexByte(this.accepted)}`);
    check(isInteger(this.preferred, 0, 4) && this.accepts(this.preferred), `preferred is ${this.preferred}`);
    check(isInteger(this.maxBody, 1024, 0x7fffffff), `max body is ${this.maxBody}`);
    check(isInteger(this.keepalive, 0, 0xffff), `keepalive is ${this.keepalive}`);
    for (const name of ["name", "room", "software"]) {
      check(this[name] === null || isShortLine(this[name]), `${name} is not a plain line of 1 to ${MAX_LINE} bytes`);
    }
    const { token, resume, requests } = this;
    check(token === null || isInteger(token.length, 1, MAX_TOKEN), `token is not 1 to ${MAX_TOKEN} bytes`);
    check(resume === null || (typeof resume === "bigint" && resume >= 0n && resume <= MAX_U64), "resume is not a u64");
    check(requests === null || isInteger(requests, 0, 0xffffffff), "requests is not a u32");
    Object.freeze(this);
  }

  /** Whether this side accepts frames in this encoding. */
  accepts(encoding) {
    return ((this.accepted >> encoding) & 1) === 1;
  }

  /** How many requests of the other side may be unanswered (R3.16). */
  get maxRequests() {
    return this.requests ?? DEFAULT_REQUESTS;
  }

  /** Returns the body of the frame, with the options in the order of their types. */
  body() {
    const fixed = new DataView(new ArrayBuffer(LENGTH - PREFIX.length));
    [this.major, this.minor, this.accepted, this.preferred].forEach((octet, at) => fixed.setUint8(at, octet));
    fixed.setUint32(4, this.maxBody);
    fixed.setUint16(8, this.keepalive);
    fixed.setUint16(10, this.hub ? HUB_PROFILE : 0);
    const octets = [...PREFIX, ...new Uint8Array(fixed.buffer)];
    for (const [type, name] of OPTIONS) {
      if (this[name] === null || this[name] === false) continue;
      const value = octetsOf(this[name]);
      octets.push(type, value.length, ...value);
    }
    return Uint8Array.from(octets);
  }

  /** Decodes a body and checks it in the order of R4.19. Throws Fault bad-hello, bad-canary or version. */
  static parse(body) {
    const wrong = checkPrefix(body);
    if (wrong !== null) throw wrong.fault;
    check(body.length >= LENGTH, `${body.length} bytes, at least ${LENGTH} are required`);
    const view = new DataView(body.buffer, body.byteOffset, body.length);
    const at = PREFIX.length;
    const major = view.getUint8(at);
    if (major !== MAJOR) throw new Fault("version", `found major version ${major}, this side has ${MAJOR}`);
    const options = parseOptions(body.subarray(LENGTH));
    check(options.resume === undefined || options.resume.length === 8, "resume is not eight bytes");
    check(options.requests === undefined || options.requests.length === 4, "requests is not four bytes");
    check(options.client === undefined || options.client.length === 0, "client has a value");
    return new Hello({
      minor: view.getUint8(at + 1),
      accepted: view.getUint8(at + 2) & ALL_ENCODINGS,
      preferred: view.getUint8(at + 3),
      maxBody: view.getUint32(at + 4),
      keepalive: view.getUint16(at + 8),
      hub: (view.getUint16(at + 10) & HUB_PROFILE) !== 0,
      name: lineOf(options.name),
      room: lineOf(options.room),
      token: options.token?.slice(),
      resume: options.resume && new DataView(options.resume.slice().buffer).getBigUint64(0),
      software: lineOf(options.software),
      client: options.client !== undefined,
      requests: options.requests && new DataView(options.requests.slice().buffer).getUint32(0),
    });
  }
}

/** Checks as much of the magic and canary as has arrived (R4.7). Returns null, or the fault and its offset in the body. */
export function checkPrefix(body) {
  const position = PREFIX.findIndex((wanted, at) => at < body.length && body[at] !== wanted);
  if (position < 0) return null;
  const found = body[position];
  if (position < MAGIC_LENGTH) {
    return { position, fault: new Fault("bad-hello", `byte ${position} of the magic is ${hexByte(found)}`) };
  }
  return { position, fault: new Fault("bad-canary", wrongCanary(position - MAGIC_LENGTH, found)) };
}

function parseOptions(octets) {
  const options = {};
  let at = 0;
  while (at < octets.length) {
    check(at + 2 <= octets.length, "an option has no length");
    const name = OPTIONS.get(octets[at]);
    const end = at + 2 + octets[at + 1];
    check(end <= octets.length, `option ${octets[at]} runs past the end`);
    if (name !== undefined) {
      check(options[name] === undefined, `option ${name} appears twice`);
      options[name] = octets.subarray(at + 2, end);
    }
    at = end;
  }
  return options;
}

function octetsOf(value) {
  if (typeof value === "string") return utf8(value);
  if (value === true) return new Uint8Array(0);
  if (typeof value === "number") {
    const view = new DataView(new ArrayBuffer(4));
    view.setUint32(0, value);
    return new Uint8Array(view.buffer);
  }
  if (typeof value !== "bigint") return value;
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, value);
  return new Uint8Array(view.buffer);
}

// A leading U+FEFF is part of the name: a name is not a payload.
function lineOf(octets) {
  if (octets === undefined) return null;
  try {
    const text = decodeText(octets, Encoding.UTF_8);
    return text.hadBom ? `\ufeff${text.value}` : text.value;
  } catch {
    throw new Fault("bad-hello", "an option is not UTF-8");
  }
}

function isShortLine(value) {
  return typeof value === "string" && unpairedAt(value) < 0 && isPlainLine(value) && isInteger(utf8(value).length, 1, MAX_LINE);
}

function isInteger(value, least, most) {
  return Number.isInteger(value) && value >= least && value <= most;
}

function check(holds, detail) {
  if (!holds) throw new Fault("bad-hello", detail);
}
