package bookend

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Kind is the third byte of a header: the purpose of the frame.
type Kind uint8

// The kinds of SPEC section 3.
const (
	KindHello    Kind = 0x01
	KindMessage  Kind = 0x02
	KindRequest  Kind = 0x03
	KindReply    Kind = 0x04
	KindError    Kind = 0x05
	KindPing     Kind = 0x06
	KindPong     Kind = 0x07
	KindClose    Kind = 0x08
	KindWelcome  Kind = 0x10
	KindPresence Kind = 0x11
	KindPost     Kind = 0x12
	KindDelivery Kind = 0x13
	KindGap      Kind = 0x14
	KindCancel   Kind = 0x81
)

const (
	firstIgnored Kind = 0x80 // unknown kinds from here on are ignored (R3.6)

	// FirstPrivate and LastPrivate are the bounds of the kinds that belong to applications (R3.7).
	FirstPrivate Kind = 0xC0
	LastPrivate  Kind = 0xEF
)

var kindNames = map[Kind]string{
	KindHello: "HELLO", KindMessage: "MESSAGE", KindRequest: "REQUEST", KindReply: "REPLY", KindError: "ERROR",
	KindPing: "PING", KindPong: "PONG", KindClose: "CLOSE", KindWelcome: "WELCOME", KindPresence: "PRESENCE",
	KindPost: "POST", KindDelivery: "DELIVERY", KindGap: "GAP", KindCancel: "CANCEL",
}

func (k Kind) String() string {
	if name, known := kindNames[k]; known {
		return name
	}
	return fmt.Sprintf("kind %02x", uint8(k))
}

// Event is the event of a PRESENCE. With Crowd, Member is the number of members in the room.
type Event uint8

// The events of SPEC section 9.
const (
	Here Event = iota
	Joined
	Left
	Crowd
)

func (e Event) String() string {
	names := [...]string{"here", "joined", "left", "crowd"}
	if int(e) < len(names) {
		return names[e]
	}
	return fmt.Sprintf("event %d", uint8(e))
}

const (
	maxPing = 64 // bytes
	maxName = 64 // bytes
)

// Message is a decoded frame. Its kind determines which fields are used (SPEC sections 3 and 9).
type Message struct {
	Kind    Kind
	Payload Payload // also a reason, a greeting, or the name in a PRESENCE

	ID     uint32 // REQUEST, REPLY, ERROR, CANCEL
	Frame  uint32 // ERROR: the number of the frame that it answers
	Code   uint16 // ERROR, CLOSE
	Member uint32 // WELCOME, PRESENCE
	Event  Event  // PRESENCE
	From   uint32 // DELIVERY; 0: the hub
	To     uint32 // POST, DELIVERY; 0: everyone
	Seq    uint64 // WELCOME: the next one; DELIVERY
	Time   uint64 // DELIVERY: milliseconds since 1970
	Name   string // DELIVERY
	Missed uint64 // GAP

	// Number is the number of the frame that carried the message, for an ERROR that answers it.
	Number uint32
}

// ParseMessage decodes a frame, with the hub profile in force. It returns false if the kind must be ignored (R3.6). Private
// kinds are ignored unless agreed. The error is a *Fault unknown-kind, malformed or bad-text.
func ParseMessage(frame Frame, agreed ...Kind) (Message, bool, error) {
	m := Message{Kind: frame.Kind}
	isAgreed := frame.Kind.isPrivate() && holds(agreed, frame.Kind)
	_, known := kindNames[frame.Kind]
	known = known && frame.Kind != KindHello || isAgreed
	if !known && frame.Kind >= firstIgnored {
		return Message{}, false, nil
	}
	if !known {
		return Message{}, false, NewFault("unknown-kind", fmt.Sprintf("found %02x", uint8(frame.Kind)))
	}
	rest, fault := m.readFields(frame)
	if fault == nil {
		fault = m.checkFields(frame.Encoding)
	}
	if fault != nil {
		return Message{}, false, fault
	}
	payload, err := DecodePayload(rest, frame.Encoding)
	if err != nil && (m.Kind == KindError || m.Kind == KindClose) {
		payload, err = Payload{encoding: frame.Encoding}, nil // R3.21
	}
	if err != nil {
		return Message{}, false, err
	}
	m.Payload = payload
	if fault := m.checkPayload(); fault != nil {
		return Message{}, false, fault
	}
	return m, true, nil
}

// ToFrame encodes the message as a frame. The error is a *Fault malformed, too-long or unmappable-text.
func (m *Message) ToFrame() (Frame, error) {
	if fault := m.check(); fault != nil {
		return Frame{}, fault
	}
	if fault := m.Payload.check(); fault != nil {
		return Frame{}, fault
	}
	var body bytes.Buffer
	for _, field := range m.fields() {
		// This cannot fail: the fields have fixed sizes, and a Buffer accepts any write.
		_ = binary.Write(&body, binary.BigEndian, field)
	}
	if m.Kind == KindDelivery {
		body.WriteByte(byte(len(m.Name)))
		body.WriteString(m.Name)
	}
	body.Write(m.Payload.octets)
	if body.Len() > MaxLength {
		return Frame{}, NewFault("too-long", fmt.Sprintf("%d bytes", body.Len()))
	}
	return Frame{m.Kind, m.Payload.encoding, body.Bytes()}, nil
}

// reasonText returns a reason of at most MaxReason bytes (R6.5), cut between characters.
func reasonText(words string, wanted Encoding) Payload {
	words = strings.ToValidUTF8(words, `\u{fffd}`)
	for {
		if len(words) <= MaxReason {
			// Valid UTF-8 always fits UTF-8.
			if text, err := TextFor(words, wanted); err == nil && len(text.octets) <= MaxReason {
				return text
			}
		}
		_, last := utf8.DecodeLastRuneInString(words)
		words = words[:len(words)-last]
	}
}

// fields returns pointers to the numbers of the fixed part, in wire order.
func (m *Message) fields() []any {
	switch m.Kind {
	case KindRequest, KindReply, KindCancel:
		return []any{&m.ID}
	case KindError:
		return []any{&m.ID, &m.Frame, &m.Code}
	case KindClose:
		return []any{&m.Code}
	case KindWelcome:
		return []any{&m.Member, &m.Seq}
	case KindPresence:
		return []any{&m.Member, &m.Event}
	case KindPost:
		return []any{&m.To}
	case KindDelivery:
		return []any{&m.From, &m.To, &m.Seq, &m.Time}
	case KindGap:
		return []any{&m.Missed}
	}
	return nil
}

// readFields reads the fixed part and returns the rest of the body.
func (m *Message) readFields(frame Frame) ([]byte, *Fault) {
	body := bytes.NewReader(frame.Body)
	for _, field := range m.fields() {
		if binary.Read(body, binary.BigEndian, field) != nil {
			return nil, malformed("%v with %d bytes", m.Kind, len(frame.Body))
		}
	}
	rest := frame.Body[len(frame.Body)-body.Len():]
	if m.Kind != KindDelivery {
		return rest, nil
	}
	if len(rest) < 1 || len(rest) < 1+int(rest[0]) {
		return nil, malformed("%v with %d bytes", m.Kind, len(frame.Body))
	}
	end := 1 + int(rest[0])
	m.Name = string(rest[1:end])
	return rest[end:], nil
}

// check returns a fault malformed if this is not a legal message.
func (m *Message) check() *Fault {
	if fault := m.checkFields(m.Payload.encoding); fault != nil {
		return fault
	}
	if m.Kind == KindPresence && len(m.Payload.octets) == 0 {
		return malformed("the name is empty without its marks") // a name of a second mark may be received (R5.5)
	}
	return m.checkPayload()
}

func (m *Message) checkFields(encoding Encoding) *Fault {
	switch m.Kind {
	case KindPing, KindPong, KindGap, KindCancel:
		if encoding != EncodingBinary {
			return malformed("%v in %v", m.Kind, encoding)
		}
	case KindError, KindClose, KindWelcome, KindPresence:
		if encoding == EncodingBinary {
			return malformed("%v in %v", m.Kind, encoding)
		}
	}
	switch {
	case (m.Kind == KindRequest || m.Kind == KindReply || m.Kind == KindCancel) && m.ID == 0:
		return malformed("%v with id 0", m.Kind)
	case m.Kind == KindPresence && m.Event > Crowd:
		return malformed("%v with %v", m.Kind, m.Event)
	case m.Kind == KindDelivery && !isPlainLine(m.Name, 0, maxName):
		return malformed("the name is not a plain line of at most %d bytes", maxName)
	}
	return nil
}

func (m *Message) checkPayload() *Fault {
	length := len(m.Payload.octets)
	switch {
	case (m.Kind == KindPing || m.Kind == KindPong) && length > maxPing:
		return malformed("%v with %d bytes", m.Kind, length)
	case (m.Kind == KindGap || m.Kind == KindCancel) && length > 0:
		return malformed("%v with a payload", m.Kind)
	case m.Kind == KindPresence && !isPlainLine(m.Payload.text, 1, maxName):
		return malformed("the name is not a plain line of 1 to %d bytes", maxName)
	}
	return nil
}

func malformed(format string, values ...any) *Fault {
	return NewFault("malformed", fmt.Sprintf(format, values...))
}

func holds(kinds []Kind, kind Kind) bool {
	for _, one := range kinds {
		if one == kind {
			return true
		}
	}
	return false
}
