// Which kinds each side may send (SPEC sections 3 and 9).

import { hexByte } from "./diagnosis.js";
import { Fault, Refused } from "./fault.js";
import { Kind, isHubKind, isMessageKind, isOwnKind } from "./message.js";

/** Throws Fault if this side, after the peer's HELLO, must not be sent a frame of this kind. Does not know unlisted kinds. */
export function checkReceived(kind, role, hasHub) {
  if (kind === Kind.HELLO) throw new Fault("second-hello");
  if (!isHubKind(kind)) return;
  if (!hasHub) throw new Fault("unknown-kind", `${hexByte(kind)} without the hub profile`);
  if ((kind === Kind.POST) !== (role === "server")) throw new Fault("unexpected-kind", `${hexByte(kind)} to a ${role}`);
}

/** Throws Refused if the application on this side must not send a message of this kind. */
export function checkSent(kind, role, hasHub) {
  if (isOwnKind(kind)) throw new Refused("unexpected-kind", `only the session itself sends ${hexByte(kind)}`);
  if (!isMessageKind(kind)) throw new Refused("unknown-kind", `${kind} has no meaning`);
  if (!isHubKind(kind)) return;
  if (!hasHub) throw new Refused("unknown-kind", `${hexByte(kind)} without the hub profile`);
  if ((kind === Kind.POST) !== (role === "client")) throw new Refused("unexpected-kind", `${hexByte(kind)} from a ${role}`);
}
