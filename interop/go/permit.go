package bookend

import "fmt"

// permit returns the frame of a message if it may be sent now. The error is that of the first rule that it breaks (R7.18): a
// *Fault malformed or unmappable-text, or a *RefusedError.
func (s *Session) permit(message Message) (Frame, error) {
	if !message.Kind.isMessage() {
		return Frame{}, refused(s.permitKind(message.Kind)) // it has no form to check
	}
	if fault := message.check(); fault != nil {
		return Frame{}, fault
	}
	fault := s.permitKind(message.Kind)
	if fault == nil {
		fault = s.permitID(message)
	}
	if fault == nil && !s.peer.Accepts(message.Payload.encoding) {
		fault = NewFault("encoding-refused", fmt.Sprintf("the peer does not accept %v", message.Payload.encoding))
	}
	if fault != nil {
		return Frame{}, refused(fault)
	}
	if message.Kind == KindError && message.ID != 0 {
		message.Frame = s.owed[message.ID] // R3.17
	}
	frame, err := message.ToFrame()
	if err != nil {
		return Frame{}, err
	}
	if fault := s.permitLength(frame, message); fault != nil {
		return Frame{}, refused(fault)
	}
	return frame, nil
}

func (s *Session) permitKind(kind Kind) *Fault {
	if s.state != open {
		return NewFault("not-open", "the session is not open")
	}
	return checkSent(kind, s.role, s.HasHub())
}

func (s *Session) permitID(message Message) *Fault {
	kind, id := message.Kind, message.ID
	switch {
	case kind == KindRequest && s.asked[id]:
		return NewFault("duplicate-request", fmt.Sprintf("id %d", id))
	case kind == KindRequest && uint64(len(s.asked)) >= uint64(s.peer.MaxRequests()):
		return NewFault("try-later", fmt.Sprintf("%d requests are unanswered", len(s.asked)))
	case kind == KindCancel && !s.asked[id]:
		return NewFault("no-such-request", fmt.Sprintf("no own REQUEST %d is unanswered", id))
	case (kind == KindReply || kind == KindError && id != 0) && !s.owes(id):
		return NewFault("no-such-request", fmt.Sprintf("no REQUEST %d is unanswered", id))
	}
	return nil
}

func (s *Session) permitLength(frame Frame, message Message) *Fault {
	switch {
	case uint32(len(frame.Body)) > s.peer.MaxBody:
		return NewFault("too-long", fmt.Sprintf("%d bytes, the peer accepts %d", len(frame.Body), s.peer.MaxBody))
	case message.Kind == KindError && len(message.Payload.octets) > MaxReason:
		return NewFault("too-long", fmt.Sprintf("the reason may have %d bytes", MaxReason))
	}
	return nil
}

func refused(fault *Fault) error { return &RefusedError{fault} }
