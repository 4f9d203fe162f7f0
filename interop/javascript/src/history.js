// What a hub has kept of a room: the payloads that ask for it and that answer (SPEC section 9, History).

import { Fault } from "./fault.js";
import { Decoder, MAX_LENGTH } from "./frame.js";
import { parseMessage } from "./message.js";
import { unpairedAt, utf8 } from "./text.js";

/** Greater than the number of any message. */
export const NOW = (1n << 64n) - 1n;

const FIXED = 13; // bytes before the text
const MAX_TEXT = 256; // bytes
const LAST = 1;
const SEARCH = 2;

/**
 * Returns the payload of a REQUEST for the last `count` messages whose seq is less than `before`, or for the last ones
 * that contain `text`. Throws RangeError.
 */
export function encodeQuery({ before = NOW, count = 50, text = null } = {}) {
  const octets = utf8(text ?? "");
  if (!Number.isInteger(count) || count < 1 || count > 0xffffffff) throw new RangeError("count is 1 to 2^32-1");
  if (before < 0n || before > NOW) throw new RangeError("before is 0 to 2^64-1");
  if (text !== null && (octets.length < 1 || octets.length > MAX_TEXT || unpairedAt(text) >= 0)) {
    throw new RangeError(`text has 1 to ${MAX_TEXT} bytes`);
  }
  const payload = new Uint8Array(FIXED + octets.length);
  const view = new DataView(payload.buffer);
  view.setUint8(0, text === null ? LAST : SEARCH);
  view.setBigUint64(1, BigInt(before));
  view.setUint32(9, count);
  payload.set(octets, FIXED);
  return payload;
}

/** Returns the fields of the query in the payload of a REQUEST, or null if it is none: a hub answers it with `policy`. */
export function parseQuery(payload) {
  if (!(payload instanceof Uint8Array) || payload.length < FIXED || payload.length > FIXED + MAX_TEXT) return null;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  const [before, count, rest] = [view.getBigUint64(1), view.getUint32(9), payload.subarray(FIXED)];
  if (count === 0 || payload[0] !== (rest.length > 0 ? SEARCH : LAST)) return null;
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(rest);
    return { before, count, text: rest.length > 0 ? text : null };
  } catch {
    return null;
  }
}

/**
 * Returns the page in the payload of a REPLY: `entries` are its DELIVERYs and GAPs, oldest first. If nothing earlier
 * matches, `lostBefore` is how many earlier messages of the room are not there, 0 after a search; it is null if there may
 * be more. Throws Fault malformed if it is not a page.
 */
export function parsePage(payload) {
  const entries = payload instanceof Uint8Array ? entriesOf(payload) : [];
  if (entries.length === 0) throw new Fault("malformed", "the answer is not a page of history");
  const lostBefore = entries[0].type === "gap" ? entries.shift().missed : null;
  return { lostBefore, entries };
}

/** Returns no entries if a frame is cut short, is of another kind or breaks a rule. */
function entriesOf(payload) {
  const decoder = new Decoder(MAX_LENGTH);
  decoder.feed(payload);
  const entries = [];
  try {
    for (let frame = decoder.next(); frame !== null; frame = decoder.next()) entries.push(parseMessage(frame));
  } catch (fault) {
    if (!(fault instanceof Fault)) throw fault;
    return [];
  }
  const isPage = decoder.pending === 0 && entries.every((entry) => entry?.type === "delivery" || entry?.type === "gap");
  return isPage ? entries : [];
}
