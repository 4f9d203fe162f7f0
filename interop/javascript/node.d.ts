import type { Socket, NetConnectOpts } from "node:net";
import type { Connection, Hello, Options, Role } from "./bookend.js";

export function connect(where: NetConnectOpts, hello?: Hello, options?: Options): Promise<Connection>;
export function fromSocket(socket: Socket, role: Role, hello?: Hello, options?: Options): Promise<Connection>;
