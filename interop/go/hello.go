package bookend

import (
	"encoding/binary"
	"fmt"
)

const (
	helloLength = 24 // bytes, without options
	everyone    = 7  // the encodings that every peer accepts: binary, ASCII and UTF-8 (R4.13)
	all         = 0x1F
	major       = 1

	optionName     = 1
	optionRoom     = 2
	optionToken    = 3
	optionResume   = 4
	optionSoftware = 5
	optionClient   = 7
	optionRequests = 8

	defaultRequests = 64
)

// Magic and canary.
var helloPrefix = [...]byte{0x42, 0x4B, 0x4E, 0x44, 0x0D, 0x0A, 0x1A, 0x0A, 0xFF, 0x11, 0x0D, 0x00}

const magicLength = 4

// Hello is the first frame of each side (SPEC section 4). Create one with NewHello.
type Hello struct {
	Minor     uint8
	Accepted  uint8    // bit n set: encoding n is accepted
	Preferred Encoding // EncodingBinary: as sent
	MaxBody   uint32   // bytes
	Keepalive uint16   // seconds; 0 = no promise
	Hub       bool     // whether the sender supports the hub profile
	Name      string   // "": absent
	Room      string   // "": absent
	Token     []byte   // a password, do not log it; nil: absent
	Resume    *uint64  // the last seq that was received; nil: absent
	Software  string   // "": absent
	Client    bool     // the sender is the client; a session sets it according to its role
	Requests  *uint32  // how many REQUESTs of the other side may be unanswered; nil: absent, which means 64
}

// NewHello returns a HELLO with the defaults: all encodings accepted, text as sent, 1 MiB, 30 s.
func NewHello() Hello {
	return Hello{Accepted: all, MaxBody: 1 << 20, Keepalive: 30}
}

// Accepts reports whether the sender accepts an encoding.
func (h *Hello) Accepts(encoding Encoding) bool { return h.Accepted>>encoding&1 == 1 }

// MaxRequests returns how many REQUESTs of the other side may be unanswered (R3.16).
func (h *Hello) MaxRequests() uint32 {
	if h.Requests == nil {
		return defaultRequests
	}
	return *h.Requests
}

// Body returns the body of the frame, with the options in the order of their types. The error is a *Fault bad-hello.
func (h *Hello) Body() ([]byte, error) {
	if fault := h.check(); fault != nil {
		return nil, fault
	}
	body := append(make([]byte, 0, helloLength), helloPrefix[:]...)
	body = append(body, major, h.Minor, h.Accepted, byte(h.Preferred))
	body = binary.BigEndian.AppendUint32(body, h.MaxBody)
	body = binary.BigEndian.AppendUint16(body, h.Keepalive)
	if h.Hub {
		body = append(body, 0, 1)
	} else {
		body = append(body, 0, 0)
	}
	option := func(kind byte, value []byte) {
		if len(value) > 0 {
			body = append(append(body, kind, byte(len(value))), value...)
		}
	}
	option(optionName, []byte(h.Name))
	option(optionRoom, []byte(h.Room))
	option(optionToken, h.Token)
	if h.Resume != nil {
		option(optionResume, binary.BigEndian.AppendUint64(nil, *h.Resume))
	}
	option(optionSoftware, []byte(h.Software))
	if h.Client {
		body = append(body, optionClient, 0)
	}
	if h.Requests != nil {
		option(optionRequests, binary.BigEndian.AppendUint32(nil, *h.Requests))
	}
	return body, nil
}

// ParseHello decodes the body of a HELLO and checks it in the order of R4.19. The error is a *Fault bad-hello, bad-canary
// or version.
func ParseHello(body []byte) (Hello, error) {
	if fault, _ := checkPrefix(body); fault != nil {
		return Hello{}, fault
	}
	if len(body) < helloLength {
		return Hello{}, badHello("%d bytes", len(body))
	}
	if body[12] != major {
		return Hello{}, NewFault("version", fmt.Sprintf("found major version %d, this side has %d", body[12], major))
	}
	hello := Hello{
		Minor:     body[13],
		Accepted:  body[14] & all,
		Preferred: Encoding(body[15]),
		MaxBody:   binary.BigEndian.Uint32(body[16:]),
		Keepalive: binary.BigEndian.Uint16(body[20:]),
		Hub:       body[23]&1 == 1,
	}
	if fault := hello.readOptions(body[helloLength:]); fault != nil {
		return Hello{}, fault
	}
	if fault := hello.check(); fault != nil {
		return Hello{}, fault
	}
	return hello, nil
}

func (h *Hello) readOptions(octets []byte) *Fault {
	seen := [256]bool{}
	for len(octets) > 0 {
		if len(octets) < 2 || len(octets) < 2+int(octets[1]) {
			return badHello("an option runs past the end")
		}
		end := 2 + int(octets[1])
		kind, value := octets[0], octets[2:end]
		octets = octets[end:]
		known, fault := h.readOption(kind, value)
		if fault != nil {
			return fault
		}
		if known && seen[kind] {
			return badHello("option %d appears twice", kind)
		}
		seen[kind] = true
	}
	return nil
}

// readOption returns false if the option is unknown, and thus ignored (R4.12).
func (h *Hello) readOption(kind byte, value []byte) (bool, *Fault) {
	if kind >= optionName && kind <= optionSoftware && len(value) == 0 {
		return true, badHello("option %d is empty", kind)
	}
	switch kind {
	case optionName:
		h.Name = string(value)
	case optionRoom:
		h.Room = string(value)
	case optionToken:
		h.Token = append([]byte(nil), value...)
	case optionResume:
		if len(value) != 8 {
			return true, badHello("resume has %d bytes", len(value))
		}
		seq := binary.BigEndian.Uint64(value)
		h.Resume = &seq
	case optionSoftware:
		h.Software = string(value)
	case optionClient:
		if len(value) != 0 {
			return true, badHello("client has %d bytes", len(value))
		}
		h.Client = true
	case optionRequests:
		if len(value) != 4 {
			return true, badHello("requests has %d bytes", len(value))
		}
		count := binary.BigEndian.Uint32(value)
		h.Requests = &count
	default:
		return false, nil
	}
	return true, nil
}

func (h *Hello) check() *Fault {
	switch {
	case h.Accepted&everyone != everyone || h.Accepted&^all != 0:
		return badHello("accepted is %02x", h.Accepted)
	case h.Preferred > UTF16LE || !h.Accepts(h.Preferred):
		return badHello("preferred is %d", uint8(h.Preferred))
	case h.MaxBody < 1024 || h.MaxBody > MaxLength:
		return badHello("max body is %d", h.MaxBody)
	case len(h.Token) > 255:
		return badHello("the token has %d bytes, the limit is 255", len(h.Token))
	}
	for _, line := range []string{h.Name, h.Room, h.Software} {
		if !isPlainLine(line, 0, 64) {
			return badHello("name, room or software is not a plain line of at most 64 bytes")
		}
	}
	return nil
}

// checkPrefix checks as much of the magic and canary as has arrived (R4.7). It returns the fault and its offset in body.
func checkPrefix(body []byte) (*Fault, int) {
	for at, wanted := range helloPrefix {
		switch {
		case at >= len(body):
			return nil, 0
		case body[at] == wanted:
		case at < magicLength:
			return badHello("byte %d of the magic is %02x", at, body[at]), at
		default:
			return NewFault("bad-canary", fmt.Sprintf("byte %d is %02x", at-magicLength, body[at])), at
		}
	}
	return nil, 0
}

func badHello(format string, values ...any) *Fault {
	return NewFault("bad-hello", fmt.Sprintf(format, values...))
}
