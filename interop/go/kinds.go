package bookend

import "fmt"

func (k Kind) isHub() bool { return k >= KindWelcome && k <= KindGap }

func (k Kind) isPrivate() bool { return k >= FirstPrivate && k <= LastPrivate }

// isOwn reports whether only the session itself sends this kind.
func (k Kind) isOwn() bool { return k == KindHello || k == KindPong || k == KindClose }

// isMessage reports whether a kind is that of messages. HELLO belongs to sessions, and all other kinds are unknown.
func (k Kind) isMessage() bool { return k.isPrivate() || kindNames[k] != "" && k != KindHello }

// checkReceived returns a fault if this side, after the peer's HELLO, must not be sent a frame of this kind. It does not know
// unlisted kinds.
func checkReceived(kind Kind, role Role, hasHub bool) *Fault {
	switch {
	case kind == KindHello:
		return NewFault("second-hello", "")
	case !kind.isHub():
		return nil
	case !hasHub:
		return NewFault("unknown-kind", fmt.Sprintf("%v without the hub profile", kind))
	case (kind == KindPost) != (role == Server):
		return NewFault("unexpected-kind", fmt.Sprintf("%v to a %v", kind, role))
	}
	return nil
}

// checkSent returns a fault if the application on this side must not send a message of this kind.
func checkSent(kind Kind, role Role, hasHub bool) *Fault {
	switch {
	case kind.isOwn():
		return NewFault("unexpected-kind", fmt.Sprintf("only the session itself sends %v", kind))
	case !kind.isMessage():
		return NewFault("unknown-kind", kind.String())
	case !kind.isHub():
		return nil
	case !hasHub:
		return NewFault("unknown-kind", fmt.Sprintf("%v without the hub profile", kind))
	case (kind == KindPost) != (role == Client):
		return NewFault("unexpected-kind", fmt.Sprintf("%v from a %v", kind, role))
	}
	return nil
}
