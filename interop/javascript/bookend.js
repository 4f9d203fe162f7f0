// Bookend 1.0: a message protocol for byte streams. For browsers, Node, Deno and Bun. ./node.js adds Node's sockets.
//
// Layers, each of which imports only from earlier ones: fault and diagnosis, frame and text, hello and message, history,
// clock and session, connection, streams.

export { Fault, PeerClosed, PeerError, Refused, codeOf, firstName } from "./src/fault.js";
export { Decoder, Encoding, encodeFrame } from "./src/frame.js";
export { Text, decodeText, encodeText, printable } from "./src/text.js";
export { Hello } from "./src/hello.js";
export { Kind, messageToFrame, parseMessage } from "./src/message.js";
export { NOW, encodeQuery, parsePage, parseQuery } from "./src/history.js";
export { LIMITS } from "./src/clock.js";
export { Session } from "./src/session.js";
export { Connection } from "./src/connection.js";
export { fromStreams } from "./src/streams.js";
