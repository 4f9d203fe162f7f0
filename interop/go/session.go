package bookend

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"
)

// Role is the side of a connection.
type Role uint8

// The client is the side that connects.
const (
	Client Role = iota
	Server
)

func (r Role) String() string {
	if r == Client {
		return "client"
	}
	return "server"
}

// Action is something that the driver must do for a session. Exactly one of the first five fields is set.
type Action struct {
	Write      []byte           // write these bytes, one whole frame
	Deliver    *Message         // deliver this to the application
	Unreadable *UnreadableError // report to the application that an answer cannot be read
	HalfClose  bool             // close the sending direction after all writes, and keep reading
	End        string           // the session is over: the name of its first cause

	Frame Frame // of Deliver, as received; its body is valid until the next Receive
	Err   error // of End: nil if this side closed without a fault
}

type state uint8

const (
	greeting state = iota // the peer's HELLO has not been accepted
	open
	closing // CLOSE was sent
	closed
)

const (
	maxPreamble = 1024 // bytes before the server's first F5 (R4.21)
	drainBytes  = 1 << 16
	beforeHello = 4096 // bytes of body (R4.18)
)

// Session is one side of a connection, without a stream or a clock (SPEC section 7). Times count from any origin. Each
// method returns the actions that the driver must carry out, in order. Call Start first, and Tick at each Deadline.
type Session struct {
	role    Role
	hello   Hello
	body    []byte // of this side's HELLO
	peer    *Hello
	agreed  []Kind
	state   state
	clock   clock
	pings   window
	empties window
	decoder *Decoder

	skipping        bool // the server's first F5 has not arrived
	skipped         int  // bytes before it
	number          uint32
	asked           map[uint32]bool   // ids of this side's unanswered requests
	owed            map[uint32]uint32 // the peer's unanswered requests: id to number of the frame
	unansweredPings map[string]bool   // payloads of the application's unanswered PINGs
	discarded       int64             // bytes that arrived after this side's CLOSE
	end             *Action           // the cause of the end, once known
	endIsReported   bool
}

// NewSession returns a session that delivers the agreed private kinds as messages. The error is a *Fault bad-hello.
func NewSession(role Role, hello Hello, agreed ...Kind) (*Session, error) {
	hello.Client = role == Client // R4.23
	body, err := hello.Body()
	if err != nil {
		return nil, err
	}
	return &Session{
		role:            role,
		hello:           hello,
		body:            body,
		agreed:          agreed,
		pings:           window{count: 10, period: 10 * time.Second},  // R8.3
		empties:         window{count: 1000, period: 1 * time.Second}, // R8.4
		decoder:         NewDecoder(beforeHello),
		skipping:        role == Client,
		asked:           map[uint32]bool{},
		owed:            map[uint32]uint32{},
		unansweredPings: map[string]bool{},
	}, nil
}

// Peer returns the other side's HELLO, or nil before it has been accepted. Do not modify it.
func (s *Session) Peer() *Hello { return s.peer }

// IsOpen reports whether messages can be sent.
func (s *Session) IsOpen() bool { return s.state == open }

// IsDone reports whether the session is over. The driver then closes the stream.
func (s *Session) IsDone() bool { return s.state == closed }

// HasHub reports whether the hub profile is in force (R9.1).
func (s *Session) HasHub() bool { return s.peer != nil && s.peer.Hub && s.hello.Hub }

// Deadline returns the time of the next Tick, or false if nothing is due.
func (s *Session) Deadline() (time.Duration, bool) {
	next := s.clock.next()
	return next.at, next.at != never && s.state != closed
}

func (s *Session) reads() bool { return s.state == greeting || s.state == open }

// Events from the driver

// Start reports that the stream is connected.
func (s *Session) Start(now time.Duration) []Action {
	s.clock = newClock(now)
	if s.role == Client {
		return []Action{s.writeHello(now)}
	}
	return nil
}

// Receive reports received bytes. An empty slice does not count as activity of the peer.
func (s *Session) Receive(octets []byte, now time.Duration) []Action {
	var actions []Action
	if len(octets) > 0 {
		s.clock.lastReceived = now
	}
	if s.state == closing {
		s.discard(int64(len(octets)), &actions)
	}
	if !s.reads() {
		return actions
	}
	fault := s.feedAfterPreamble(octets)
	for fault == nil && s.reads() {
		var frame Frame
		var complete bool
		if frame, complete, fault = s.nextFrame(now); fault != nil {
			break
		}
		if !complete {
			return actions
		}
		fault = s.take(frame, now, &actions)
	}
	if fault != nil {
		s.fail(fault, now, &actions)
	}
	s.discard(s.decoder.unused(), &actions)
	return actions
}

// EndOfStream reports that no more bytes will arrive; detail is the transport's explanation, or "".
func (s *Session) EndOfStream(detail string, now time.Duration) []Action {
	var actions []Action
	if pending := s.decoder.Pending(); s.reads() && pending > 0 {
		if detail == "" {
			detail = fmt.Sprintf("%d bytes of a frame", pending)
		}
		s.fail(NewFault("truncated", detail), now, &actions)
	} else if s.reads() {
		s.end = endOf(NewFault("no-close", detail))
	}
	s.finish(&actions)
	return actions
}

// Abort ends the session without a CLOSE because the driver cannot continue and closes the stream: no CLOSE can follow a
// half-written frame (R7.14).
func (s *Session) Abort(fault *Fault) []Action {
	var actions []Action
	if s.end == nil {
		s.end = endOf(fault)
	}
	s.finish(&actions)
	return actions
}

// Tick handles everything that is due.
func (s *Session) Tick(now time.Duration) []Action {
	var actions []Action
	for s.state != closed {
		due, is := s.clock.overdue(now)
		if !is {
			break
		}
		switch due.what {
		case dueDrain:
			s.finish(&actions)
		case duePing:
			actions = append(actions, s.write(Message{Kind: KindPing}, now))
		default:
			s.fail(NewFault(due.what, ""), now, &actions)
		}
	}
	return actions
}

// Wrote reports that bytes were written: a long frame in transit keeps the keepalive promise (R7.2).
func (s *Session) Wrote(now time.Duration) { s.clock.lastSent = now }

// Excuse extends the peer's deadlines by the time for which the driver did not read.
func (s *Session) Excuse(duration time.Duration) {
	s.clock.excuse(duration)
	s.pings.excuse(duration)
	s.empties.excuse(duration)
}

// Calls from the application

// Send sends a message. On an error, a *RefusedError or a *Fault from ToFrame, nothing was sent. An ERROR that answers a
// REQUEST gets the number of that REQUEST's frame, whatever its own Frame is.
func (s *Session) Send(message Message, now time.Duration) ([]Action, error) {
	frame, err := s.permit(message)
	if err != nil {
		return nil, err
	}
	switch message.Kind {
	case KindRequest:
		s.asked[message.ID] = true
	case KindReply, KindError:
		delete(s.owed, message.ID)
	case KindPing:
		s.unansweredPings[string(message.Payload.octets)] = true
	}
	s.clock.lastSent = now
	return []Action{{Write: frame.Append(nil)}}, nil
}

// Close sends CLOSE, unless one was sent already. The reason is the first name of the code.
func (s *Session) Close(code uint16, now time.Duration) []Action {
	var actions []Action
	if s.reads() {
		name := FirstName(code)
		s.end = &Action{End: name}
		if name == "" {
			s.end.End = fmt.Sprint(code)
		}
		s.writeClose(code, name, now, &actions)
	}
	return actions
}

// IsUnanswered reports whether the peer has not yet answered this side's request with this id.
func (s *Session) IsUnanswered(id uint32) bool { return s.asked[id] }

// Receiving

// feedAfterPreamble skips the bytes that a server sends before its first frame (R4.21).
func (s *Session) feedAfterPreamble(octets []byte) *Fault {
	if s.skipping {
		start := bytes.IndexByte(octets, frameStart[0])
		length := start
		if start < 0 {
			length = len(octets)
		}
		if allowed := maxPreamble - s.skipped; length > allowed {
			s.decoder.Feed(octets[allowed:])
			return s.decoder.fail(NewFault("bad-start", fmt.Sprintf("no F5 in %d bytes", maxPreamble+1)), 1)
		}
		s.skipped += length
		s.skipping = start < 0
		octets = octets[length:]
	}
	s.decoder.Feed(octets)
	return nil
}

func (s *Session) nextFrame(now time.Duration) (Frame, bool, *Fault) {
	kind, length, hasHeader := s.decoder.header()
	if hasHeader && s.state == greeting {
		if fault := s.checkFirst(kind, length); fault != nil {
			return Frame{}, false, fault
		}
	}
	frame, complete, err := s.decoder.Next()
	if err != nil {
		return Frame{}, false, err.(*Fault) // Next returns no other type
	}
	if complete {
		s.clock.frameEnds()
	} else if s.decoder.Pending() > 0 {
		s.clock.frameBegins(now)
		if hasHeader {
			s.clock.headerEnds(length, now)
		}
	}
	return frame, complete, nil
}

// checkFirst rejects anything but a HELLO or CLOSE before the frame is complete (R4.3, R4.7, R4.19).
func (s *Session) checkFirst(kind Kind, length uint32) *Fault {
	switch kind {
	case KindClose:
		return nil
	case KindHello:
		body := s.decoder.buffer[s.decoder.from+headerLength:]
		if int64(len(body)) > int64(length) {
			body = body[:length]
		}
		if fault, at := checkPrefix(body); fault != nil {
			return s.decoder.fail(fault, headerLength+int64(at)+1)
		}
		return nil
	}
	return s.decoder.fail(NewFault("hello-expected", fmt.Sprintf("found kind %02x", uint8(kind))), headerLength)
}

func (s *Session) take(frame Frame, now time.Duration, actions *[]Action) *Fault {
	number := s.number
	s.number++
	if s.state == greeting && frame.Kind == KindHello {
		return s.open(frame, now, actions)
	}
	if fault := s.checkFlood(frame, now); fault != nil {
		return fault
	}
	if fault := checkReceived(frame.Kind, s.role, s.HasHub()); fault != nil {
		return fault
	}
	message, is, err := ParseMessage(frame, s.agreed...)
	if err != nil {
		fault := err.(*Fault) // ParseMessage returns no other type
		if fault.Name != "bad-text" {
			return fault
		}
		return s.answerBadText(frame, number, fault, now, actions)
	}
	if !is {
		return nil
	}
	message.Number = number
	return s.act(message, frame, now, actions)
}

func (s *Session) open(frame Frame, now time.Duration, actions *[]Action) *Fault {
	if frame.Encoding != EncodingBinary {
		return malformed("HELLO in %v", frame.Encoding)
	}
	peer, err := ParseHello(frame.Body)
	if err != nil {
		return err.(*Fault) // ParseHello returns no other type
	}
	if peer.Client && s.role == Client {
		return NewFault("two-clients", "HELLO has the option client")
	}
	s.peer = &peer
	s.state = open
	s.decoder.SetLimit(s.hello.MaxBody)
	s.clock.open(s.hello.Keepalive, peer.Keepalive, now)
	if s.role == Server {
		*actions = append(*actions, s.writeHello(now))
	}
	return nil
}

func (s *Session) checkFlood(frame Frame, now time.Duration) *Fault {
	switch frame.Kind {
	case KindPing:
		if !s.pings.admits(now) {
			return NewFault("ping-flood", "")
		}
	case KindPong:
	default:
		s.pings.clear()
	}
	if len(frame.Body) == 0 && !s.empties.admits(now) {
		return NewFault("empty-flood", "")
	}
	return nil
}

func (s *Session) act(message Message, frame Frame, now time.Duration, actions *[]Action) *Fault {
	switch message.Kind {
	case KindClose:
		s.closedByPeer(message, now, actions)
		return nil
	case KindPing:
		*actions = append(*actions, s.write(Message{Kind: KindPong, Payload: message.Payload}, now))
		return nil
	case KindPong:
		key := string(message.Payload.octets)
		if !s.unansweredPings[key] {
			return nil // R3.11
		}
		delete(s.unansweredPings, key)
	case KindError:
		delete(s.asked, message.ID)
	default:
		if !s.hello.Accepts(frame.Encoding) {
			return s.answerBadText(frame, message.Number, nil, now, actions)
		}
		if message.Kind == KindReply {
			if !s.asked[message.ID] {
				return nil // R3.14
			}
			delete(s.asked, message.ID)
		}
		if message.Kind == KindCancel {
			s.cancelledByPeer(message, frame, now, actions)
			return nil
		}
		if message.Kind == KindRequest {
			if admitted, fault := s.owe(message, now, actions); !admitted {
				return fault
			}
		}
	}
	*actions = append(*actions, Action{Deliver: &message, Frame: frame})
	return nil
}

// owe records a request that this side must answer, or answers that there are too many.
func (s *Session) owe(request Message, now time.Duration, actions *[]Action) (bool, *Fault) {
	if fault := s.checkID(request.ID); fault != nil {
		return false, fault
	}
	if uint64(len(s.owed)) >= uint64(s.hello.MaxRequests()) {
		full := NewFault("try-later", fmt.Sprintf("%d requests are unanswered", len(s.owed)))
		*actions = append(*actions, s.writeError(request.ID, request.Number, full, now))
		return false, nil
	}
	s.owed[request.ID] = request.Number
	return true, nil
}

// cancelledByPeer answers the request, unless its answer and the CANCEL have crossed (R3.23, R3.24).
func (s *Session) cancelledByPeer(cancel Message, frame Frame, now time.Duration, actions *[]Action) {
	number, owed := s.owed[cancel.ID]
	if !owed {
		return
	}
	delete(s.owed, cancel.ID)
	*actions = append(*actions,
		Action{Deliver: &cancel, Frame: frame},
		s.writeError(cancel.ID, number, NewFault("cancelled", ""), now))
}

// answerBadText answers a frame whose text is illegal or in a refused encoding. The frame was whole, so the connection
// stays open (R5.8, R5.11).
func (s *Session) answerBadText(frame Frame, number uint32, fault *Fault, now time.Duration, actions *[]Action) *Fault {
	if !s.hello.Accepts(frame.Encoding) {
		fault = NewFault("encoding-refused", frame.Encoding.String())
	}
	id := uint32(0)
	if frame.Kind == KindRequest || frame.Kind == KindReply {
		id = binary.BigEndian.Uint32(frame.Body)
	}
	if frame.Kind != KindReply {
		if duplicate := s.checkID(id); duplicate != nil {
			return duplicate
		}
		*actions = append(*actions, s.writeError(id, number, fault, now))
	} else if s.asked[id] {
		// A reply never provokes a reply (R3.20): the fault is reported on this side.
		delete(s.asked, id)
		*actions = append(*actions, Action{Unreadable: &UnreadableError{id, fault}})
	}
	return nil
}

func (s *Session) checkID(id uint32) *Fault {
	if s.owes(id) {
		return NewFault("duplicate-request", fmt.Sprintf("id %d", id))
	}
	return nil
}

func (s *Session) owes(id uint32) bool {
	_, owed := s.owed[id]
	return owed
}

func (s *Session) closedByPeer(message Message, now time.Duration, actions *[]Action) {
	s.end = &Action{
		End: fmt.Sprintf("peer-%d", message.Code),
		Err: &PeerError{message.Code, message.Payload.text},
	}
	s.writeClose(message.Code, "", now, actions)
	s.reportEnd(actions)
}

// Sending

// write sends one of the session's own messages. These are always legal.
func (s *Session) write(message Message, now time.Duration) Action {
	s.clock.lastSent = now
	frame, err := message.ToFrame()
	if err != nil {
		panic("bookend: the session built an illegal message: " + err.Error())
	}
	return Action{Write: frame.Append(nil)}
}

func (s *Session) writeHello(now time.Duration) Action {
	s.clock.lastSent = now
	return Action{Write: Frame{KindHello, EncodingBinary, s.body}.Append(nil)}
}

func (s *Session) writeError(id, number uint32, fault *Fault, now time.Duration) Action {
	wanted := s.peer.Preferred
	if wanted == EncodingBinary {
		wanted = ASCII
	}
	code, _ := fault.Code()
	return s.write(Message{Kind: KindError, ID: id, Frame: number, Code: code, Payload: reasonText(fault.Reason(), wanted)}, now)
}

func (s *Session) writeClose(code uint16, words string, now time.Duration, actions *[]Action) {
	*actions = append(*actions,
		s.write(Message{Kind: KindClose, Code: code, Payload: reasonText(words, ASCII)}, now),
		Action{HalfClose: true})
	s.clock.close(now)
	s.state = closing
}

// Ending

func (s *Session) fail(fault *Fault, now time.Duration, actions *[]Action) {
	s.end = endOf(fault)
	code, _ := fault.Code()
	s.writeClose(code, fault.Reason(), now, actions)
}

func (s *Session) discard(count int64, actions *[]Action) {
	s.discarded += count
	if s.discarded >= drainBytes {
		s.finish(actions)
	}
}

func (s *Session) finish(actions *[]Action) {
	s.state = closed
	s.reportEnd(actions)
}

func (s *Session) reportEnd(actions *[]Action) {
	if s.end != nil && !s.endIsReported {
		s.endIsReported = true
		*actions = append(*actions, *s.end)
	}
}

func endOf(fault *Fault) *Action { return &Action{End: fault.Name, Err: fault} }
