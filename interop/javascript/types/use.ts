// Compiled but never run: code that the declarations must accept, and code that they must reject.

import { Encoding, Fault, Hello, PeerError, Session, Text, decodeText, fromStreams } from "bookend";
import type { Message, Payload } from "bookend";
import { connect } from "bookend/node";

export async function chat(host: string, port: number): Promise<bigint> {
  const hello = new Hello({ hub: true, name: "ann", preferred: Encoding.UTF_16LE, resume: 7n });
  const peer = await connect({ host, port }, hello, { limits: { hello: 1000 }, agreed: [0xc0] });
  await peer.post("grüß Gott");
  await peer.post(new Text("plain", Encoding.ASCII), 5);
  let last = 0n;
  for await (const message of peer) {
    if (message.type === "delivery") last = message.seq;
    if (message.type === "gap") last += message.missed;
    if (message.type === "cancel") console.log(message.id);
    if (message.type === "private") await peer.send({ type: "private", kind: message.kind, payload: message.payload });
    if (message.type === "request") await peer.reply(message.id, shown(message));
    // @ts-expect-error: a message has no such type
    if (message.type === "shout") break;
  }
  await peer.close();
  return last;
}

export function shown(message: Extract<Message, { payload: Payload }>): string {
  return message.payload instanceof Text ? message.payload.value : `${message.payload.length} bytes`;
}

export function checked(octets: Uint8Array): string {
  try {
    return decodeText(octets, Encoding.UTF_8).value;
  } catch (error) {
    if (error instanceof PeerError) return `${error.code} ${error.frame}`;
    if (error instanceof Fault) return `${error.name} at ${error.offset ?? "?"}: ${error.advice}`;
    throw error;
  }
}

export function sansIo(session: Session): Uint8Array[] {
  return session.start(0).flatMap((action) => (action.do === "write" ? [action.octets] : []));
}

export const overWebTransport = async (stream: Parameters<typeof fromStreams>[0], signal: AbortSignal) =>
  (await fromStreams(stream, "client")).request("how are you?", 1000, { signal });

// @ts-expect-error: binary is not an encoding of text
decodeText(new Uint8Array(), Encoding.BINARY);
// @ts-expect-error: a u64 is a bigint
new Hello({ resume: 7 });
