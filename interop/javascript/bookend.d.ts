/** The types of Bookend 1.0. The sources and SPEC.md describe what each item does. */

export type Encoding = 0 | 1 | 2 | 3 | 4;
export const Encoding: Readonly<{ BINARY: 0; ASCII: 1; UTF_8: 2; UTF_16BE: 3; UTF_16LE: 4 }>;
export const Kind: Readonly<
  Record<
    | "HELLO" | "MESSAGE" | "REQUEST" | "REPLY" | "ERROR" | "PING" | "PONG" | "CLOSE"
    | "WELCOME" | "PRESENCE" | "POST" | "DELIVERY" | "GAP" | "CANCEL",
    number
  >
>;

export class Fault extends Error {
  constructor(name: string, detail?: string, offset?: number | null);
  readonly detail: string;
  readonly offset: number | null;
  get code(): number | null;
  get reason(): string;
  get advice(): string;
}
export class Refused extends Fault {}
export class PeerClosed extends Fault {
  constructor(code: number, reason: string);
}
export class PeerError extends Fault {
  constructor(code: number, reason: string, id?: number, frame?: number);
  readonly id: number;
  readonly frame: number;
}
export function codeOf(name: string): number | null;
export function firstName(code: number): string | null;

export interface Frame {
  kind: number;
  encoding: Encoding;
  body: Uint8Array;
}
export function encodeFrame(frame: Frame): Uint8Array;
export class Decoder {
  constructor(limit: number);
  limit: number;
  feed(octets: Uint8Array): void;
  next(): Frame | null;
  get pending(): number;
}

export class Text {
  constructor(value: string, encoding?: Exclude<Encoding, 0>);
  readonly value: string;
  readonly encoding: Exclude<Encoding, 0>;
  readonly octets: Uint8Array;
  readonly hadBom: boolean;
}
export function decodeText(octets: Uint8Array, encoding: Exclude<Encoding, 0>): Text;
export function encodeText(value: string, encoding: Exclude<Encoding, 0>): Uint8Array;
export function printable(value: string): string;

/** Text, or binary. */
export type Payload = Text | Uint8Array;

export interface HelloFields {
  /** Bit n set: encoding n is accepted. */
  accepted?: number;
  /** 1..4: this side prefers text in this encoding; 0: as sent. */
  preferred?: Encoding;
  /** Bytes, 1,024..2^31-1. */
  maxBody?: number;
  /** The promised longest silence, in seconds; 0 = no promise. */
  keepalive?: number;
  hub?: boolean;
  name?: string | null;
  room?: string | null;
  /** A password: do not log it. */
  token?: Uint8Array | null;
  resume?: bigint | null;
  software?: string | null;
  /** The sender is the client. A session sets it according to its role. */
  client?: boolean;
  /** How many requests of the other side may be unanswered; null: 64. */
  requests?: number | null;
  minor?: number;
}
export class Hello implements Readonly<Required<HelloFields>> {
  constructor(fields?: HelloFields);
  static parse(body: Uint8Array): Hello;
  readonly accepted: number;
  readonly preferred: Encoding;
  readonly maxBody: number;
  readonly keepalive: number;
  readonly hub: boolean;
  readonly name: string | null;
  readonly room: string | null;
  readonly token: Uint8Array | null;
  readonly resume: bigint | null;
  readonly software: string | null;
  readonly client: boolean;
  readonly requests: number | null;
  readonly major: 1;
  readonly minor: number;
  get maxRequests(): number;
  accepts(encoding: number): boolean;
  body(): Uint8Array;
}

export type Message =
  | { type: "message"; payload: Payload }
  | { type: "request" | "reply"; id: number; payload: Payload }
  | { type: "error"; id: number; frame: number; code: number; reason: Text }
  | { type: "ping" | "pong"; payload: Uint8Array }
  | { type: "close"; code: number; reason: Text }
  | { type: "welcome"; member: number; nextSeq: bigint; greeting: Text }
  | { type: "presence"; member: number; event: "here" | "joined" | "left" | "crowd"; name: Text }
  | { type: "post"; to: number; payload: Payload }
  | { type: "delivery"; from: number; to: number; seq: bigint; time: bigint; name: string; payload: Payload }
  | { type: "gap"; missed: bigint }
  | { type: "cancel"; id: number }
  | { type: "private"; kind: number; payload: Payload };
export function parseMessage(frame: Frame, agreed?: readonly number[]): Message | null;
export function messageToFrame(message: Message): Frame;

/** What a hub has kept of a room. `entries` are the type "delivery", or "gap" where messages are not there. */
export type Page = { lostBefore: bigint | null; entries: Message[] };
export type Query = { before?: bigint; count?: number };
export const NOW: bigint;
export function encodeQuery(query?: Query & { text?: string | null }): Uint8Array;
export function parseQuery(payload: Payload): { before: bigint; count: number; text: string | null } | null;
export function parsePage(payload: Payload): Page;

export type Limits = Record<
  | "hello" | "header" | "body" | "bodyPerKib" | "drain" | "drainBytes" | "beforeHello"
  | "pings" | "pingPeriod" | "empties" | "emptyPeriod" | "stall",
  number
>;
export const LIMITS: Readonly<Limits>;

export type Role = "client" | "server";
export interface Options {
  limits?: Partial<Limits>;
  agreed?: readonly number[];
}

export type Action =
  | { do: "write"; kind: number; octets: Uint8Array }
  | { do: "opened"; hello: Hello }
  | { do: "deliver"; message: Message; number: number; frame: Frame }
  | { do: "unreadable"; id: number; fault: Fault }
  | { do: "half-close" }
  | { do: "end"; cause: string; fault: Fault | null };
/** Times are milliseconds from any origin. */
export class Session {
  constructor(role: Role, hello: Hello, options?: Options);
  readonly role: Role;
  readonly hello: Hello;
  readonly peer: Hello | null;
  get isOpen(): boolean;
  get isDone(): boolean;
  get hasHub(): boolean;
  start(now: number): Action[];
  receive(octets: Uint8Array, now: number): Action[];
  endOfStream(now: number, detail?: string): Action[];
  abort(fault: Fault): Action[];
  tick(now: number): Action[];
  deadline(): number;
  wrote(now: number): void;
  excuse(duration: number): void;
  send(message: Message, now: number): Action[];
  permitKind(kind: number): void;
  close(code: number, reason: string | null, now: number): Action[];
  isUnanswered(id: number): boolean;
  forgetPing(payload: Uint8Array): void;
}

/** A string is sent in the encoding that the peer prefers. */
export type Sendable = string | Payload;
/** What a connection needs from its stream. */
export interface Wire {
  readonly unsent: number;
  write(octets: Uint8Array): void;
  end(): void;
  destroy(): void;
  read(isEnabled: boolean): void;
}
/** Times are milliseconds. */
export class Connection implements AsyncIterable<Message> {
  constructor(wire: Wire, role: Role, hello?: Hello, options?: Options);
  open(): Promise<this>;
  get peer(): Hello;
  get hasHub(): boolean;
  send(message: Message): Promise<void>;
  sendMessage(value: Sendable): Promise<void>;
  post(value: Sendable, to?: number): Promise<void>;
  request(value: Sendable, timeout?: number, options?: { signal?: AbortSignal }): Promise<Payload>;
  history(query?: Query, timeout?: number): Promise<Page>;
  search(text: string, query?: Query, timeout?: number): Promise<Page>;
  cancel(id: number): Promise<void>;
  barrier(timeout?: number): Promise<void>;
  reply(id: number, value: Sendable): Promise<void>;
  refuse(fault: Fault): Promise<void>;
  receive(): Promise<Message | null>;
  [Symbol.asyncIterator](): AsyncGenerator<Message, void, void>;
  close(code?: number, reason?: string | null): Promise<void>;
  received(octets: Uint8Array): void;
  wrote(): void;
  ended(detail?: string): void;
}
export function fromStreams(
  streams: { readable: ReadableStream<Uint8Array>; writable: WritableStream<Uint8Array> },
  role: Role,
  hello?: Hello,
  options?: Options,
): Promise<Connection>;
