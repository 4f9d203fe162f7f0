// Text: validity, conversion and byte order marks (SPEC section 5).

import { Fault } from "./fault.js";
import { Encoding } from "./frame.js";

const BOM = "\ufeff";
const NOT_FIRST = "\ufffe"; // illegal first in UTF-16: the byte order mark of the other order (R5.15)
const CHUNK = 1 << 13; // code units that String.fromCharCode takes at once

// ignoreBOM keeps a leading byte order mark in the text: the WHATWG decoder would remove it silently.
const UTF_8_DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const UTF_8_ENCODER = new TextEncoder();

// Controls, line and paragraph separators, bidirectional controls (R4.11).
const UNPRINTABLE = /[\x00-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Text and its encoding. Every value can be sent. */
export class Text {
  /** Throws Fault unmappable-text if the encoding cannot carry the value. */
  constructor(value, encoding = Encoding.UTF_8) {
    this.value = value;
    this.encoding = encoding;
    this.octets = encodeText(value, encoding);
    this.hadBom = false;
    Object.freeze(this);
  }
}

/** Creates the result of `decodeText` without encoding the text again. */
function received(value, encoding, octets, hadBom) {
  return Object.freeze(Object.assign(Object.create(Text.prototype), { value, encoding, octets, hadBom }));
}

/** Returns the bytes to send. A received text that still starts with a byte order mark is encoded again (R5.5, R5.15). */
export function sendable(text) {
  return text.value[0] === BOM || text.value[0] === NOT_FIRST ? encodeText(text.value, text.encoding) : text.octets;
}

/**
 * Decodes the text of a payload and removes its byte order mark.
 * Throws Fault bad-text with the offset of the first illegal sequence.
 */
export function decodeText(octets, encoding) {
  const value = DECODERS[encoding](octets);
  if (!value.startsWith(BOM)) return received(value, encoding, octets, false);
  return received(value.slice(1), encoding, octets.subarray(encoding === Encoding.UTF_8 ? 3 : 2), true);
}

/**
 * Encodes a text without its leading byte order marks (R5.5).
 * Throws Fault unmappable-text, with the offset of the character in the text's UTF-8.
 */
export function encodeText(value, encoding) {
  const text = encoding === Encoding.ASCII ? value : withoutMarks(value);
  const wrong = unmappableAt(text, encoding);
  if (wrong >= 0) {
    const at = value.length - text.length + wrong;
    const character = `U+${value.codePointAt(at).toString(16).toUpperCase().padStart(4, "0")}`;
    throw new Fault("unmappable-text", `${character} in encoding ${encoding}`, utf8(value.slice(0, at)).length);
  }
  if (encoding === Encoding.UTF_16BE || encoding === Encoding.UTF_16LE) {
    const view = new DataView(new ArrayBuffer(2 * text.length));
    for (let at = 0; at < text.length; at++) view.setUint16(2 * at, text.charCodeAt(at), encoding === Encoding.UTF_16LE);
    return new Uint8Array(view.buffer);
  }
  return utf8(text);
}

/** Decodes a received payload: bytes if its encoding is binary, otherwise Text. Throws Fault bad-text. */
export function decodePayload(octets, encoding) {
  return encoding === Encoding.BINARY ? octets : decodeText(octets, encoding);
}

/** Returns the text without any leading U+FEFF. */
export function withoutMarks(value) {
  let at = 0;
  while (value[at] === BOM) at++;
  return value.slice(at);
}

/** Encodes well-formed text in UTF-8. */
export function utf8(value) {
  return UTF_8_ENCODER.encode(value);
}

/** Whether text has no controls, line separators or bidirectional controls (R4.11). */
export function isPlainLine(value) {
  return value.search(UNPRINTABLE) < 0;
}

/** Returns text for a terminal: unprintable characters become `\u{hex}`. */
export function printable(value) {
  return value.replace(UNPRINTABLE, (found) => `\\u{${found.charCodeAt(0).toString(16)}}`);
}

/** Returns the index of the first unpaired surrogate, or -1. */
export function unpairedAt(value) {
  for (let at = 0; at < value.length; at++) {
    const unit = value.charCodeAt(at);
    if (unit < 0xd800 || unit > 0xdfff) continue;
    const next = value.charCodeAt(at + 1); // NaN after the end
    if (unit >= 0xdc00 || !(next >= 0xdc00 && next <= 0xdfff)) return at;
    at++;
  }
  return -1;
}

function unmappableAt(text, encoding) {
  if (encoding === Encoding.ASCII) return text.search(/[^\x00-\x7f]/);
  if (encoding !== Encoding.UTF_8 && text.startsWith(NOT_FIRST)) return 0;
  return unpairedAt(text);
}

const DECODERS = {
  [Encoding.ASCII]: (octets) => {
    const wrong = octets.findIndex((octet) => octet > 0x7f);
    if (wrong >= 0) throw badText(wrong);
    return UTF_8_DECODER.decode(octets);
  },
  [Encoding.UTF_8]: (octets) => {
    try {
      return UTF_8_DECODER.decode(octets);
    } catch {
      throw badText(illFormedAt(octets));
    }
  },
  [Encoding.UTF_16BE]: (octets) => decodeUtf16(octets, false),
  [Encoding.UTF_16LE]: (octets) => decodeUtf16(octets, true),
};

/** Returns the offset of the first ill-formed sequence of UTF-8, which the platform's decoder does not report. */
function illFormedAt(octets) {
  let at = 0;
  while (at < octets.length) {
    const length = sequenceLength(octets, at);
    if (length === 0) break;
    at += length;
  }
  return at;
}

/** Returns the length of the well-formed sequence at an offset (Unicode, table 3-7), or 0 if it is ill-formed. */
function sequenceLength(octets, at) {
  const first = octets[at];
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  const least = { 0xe0: 0xa0, 0xf0: 0x90 }[first] ?? 0x80;
  const most = { 0xed: 0x9f, 0xf4: 0x8f }[first] ?? 0xbf;
  if (!(octets[at + 1] >= least && octets[at + 1] <= most)) return 0;
  for (let next = at + 2; next < at + length; next++) {
    if (!(octets[next] >= 0x80 && octets[next] <= 0xbf)) return 0;
  }
  return length;
}

function decodeUtf16(octets, isLittle) {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  const units = new Uint16Array(octets.length >> 1);
  for (let at = 0; at < units.length; at++) units[at] = view.getUint16(2 * at, isLittle);
  let value = "";
  for (let at = 0; at < units.length; at += CHUNK) value += String.fromCharCode(...units.subarray(at, at + CHUNK));
  if (value.startsWith(NOT_FIRST)) throw badText(0, ", a byte order mark of the other order");
  const wrong = unpairedAt(value);
  if (wrong >= 0) throw badText(2 * wrong);
  if (octets.length % 2 === 1) throw badText(octets.length - 1);
  return value;
}

function badText(offset, detail = "") {
  return new Fault("bad-text", `byte ${offset}${detail}`, offset);
}
