package bookend

import "fmt"

// MaxReason is how many bytes a reason may have (R6.5).
const MaxReason = 200

// Fault is a rule that was broken. The name is the same word on the wire, in logs and in every language (SPEC section 6).
type Fault struct {
	Name   string
	Detail string // for people; may be empty
	Offset int64  // in bytes, of the stream for framing, of the payload for text; -1 where it has no meaning
}

// NewFault returns a fault without an offset.
func NewFault(name, detail string) *Fault {
	return &Fault{name, detail, -1}
}

// Code returns the u16 of CLOSE and ERROR; false for what is local only.
func (f *Fault) Code() (uint16, bool) {
	for _, row := range codes {
		for _, name := range row.names {
			if name == f.Name {
				return row.code, true
			}
		}
	}
	return 0, false
}

// Reason returns what stands in CLOSE and ERROR: the name, and the detail behind it.
func (f *Fault) Reason() string {
	if f.Detail == "" {
		return f.Name
	}
	return f.Name + ": " + f.Detail
}

// Error returns one line for people. The detail may quote a peer: see Printable.
func (f *Fault) Error() string {
	code, known := f.Code()
	if !known {
		return f.Reason()
	}
	return withCode(f.Name, code, f.Detail)
}

// RefusedError says that the application asked for what this session must not send; nothing was sent.
type RefusedError struct {
	Fault *Fault
}

func (e *RefusedError) Error() string { return "refused: " + e.Fault.Reason() }

// Unwrap returns the fault that it would have been.
func (e *RefusedError) Unwrap() error { return e.Fault }

// PeerError is a CLOSE or an ERROR of the peer: the code counts, the reason is for people (R6.3).
type PeerError struct {
	Code   uint16
	Reason string
}

func (e *PeerError) Error() string {
	name := FirstName(e.Code)
	if name == "" {
		name = "code"
	}
	return "the peer says " + withCode(name, e.Code, e.Reason)
}

// UnreadableError says that the answer to a request came, and broke a rule of text.
type UnreadableError struct {
	ID    uint32
	Fault *Fault
}

func (e *UnreadableError) Error() string {
	return fmt.Sprintf("the answer to request %d: %v", e.ID, e.Fault)
}

// Unwrap returns the fault.
func (e *UnreadableError) Unwrap() error { return e.Fault }

// FirstName returns the first name that the table gives for a code, or "".
func FirstName(code uint16) string {
	for _, row := range codes {
		if row.code == code {
			return row.names[0]
		}
	}
	return ""
}

func withCode(name string, code uint16, detail string) string {
	if detail == "" {
		return fmt.Sprintf("%s (%d)", name, code)
	}
	return fmt.Sprintf("%s (%d): %s", name, code, detail)
}

// SPEC section 6: the first name of a code is the one to use for it.
var codes = []struct {
	code  uint16
	names []string
}{
	{1000, []string{"normal"}},
	{1001, []string{"going-away"}},
	{1002, []string{"protocol-error", "unknown-encoding", "malformed", "hello-expected", "second-hello", "bad-hello",
		"bad-canary", "unexpected-kind", "duplicate-request", "truncated"}},
	{1003, []string{"unknown-kind"}},
	{1007, []string{"bad-text", "encoding-refused"}},
	{1008, []string{"policy"}},
	{1009, []string{"too-long"}},
	{1011, []string{"internal"}},
	{1013, []string{"try-later"}},
	{4000, []string{"bad-start"}},
	{4001, []string{"bad-end"}},
	{4003, []string{"version"}},
	{4004, []string{"hello-timeout"}},
	{4005, []string{"idle"}},
	{4006, []string{"slow-consumer"}},
	{4007, []string{"rate", "ping-flood", "empty-flood"}},
	{4008, []string{"frame-timeout"}},
	{4009, []string{"resume-refused"}},
	{4010, []string{"no-such-member"}},
	{4011, []string{"unmappable-text"}},
}
