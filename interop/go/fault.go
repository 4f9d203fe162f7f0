package bookend

import "fmt"

// MaxReason is the longest reason, in bytes (R6.5).
const MaxReason = 200

// Fault is a broken rule. Its name is the same on the wire, in logs and in every language (SPEC section 6).
type Fault struct {
	Name   string
	Detail string // for people; may be empty
	Offset int64  // in bytes: in the stream for framing, in the payload for text; -1 if it has none
}

// NewFault returns a fault without an offset.
func NewFault(name, detail string) *Fault {
	return &Fault{name, detail, -1}
}

// Code returns the u16 of CLOSE and ERROR, or false if the fault has no code on the wire.
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

// Reason returns the reason text of CLOSE and ERROR: the name, then the detail.
func (f *Fault) Reason() string {
	if f.Detail == "" {
		return f.Name
	}
	return f.Name + ": " + f.Detail
}

// Error returns one line for people. The detail may quote a peer, so pass it to Printable before printing.
func (f *Fault) Error() string {
	code, known := f.Code()
	if !known {
		return f.Reason()
	}
	return withCode(f.Name, code, f.Detail)
}

// RefusedError reports a message that this session must not send. Nothing was sent.
type RefusedError struct {
	Fault *Fault
}

func (e *RefusedError) Error() string { return "refused: " + e.Fault.Reason() }

// Unwrap returns the fault that the message would have caused.
func (e *RefusedError) Unwrap() error { return e.Fault }

// PeerError is a CLOSE or an ERROR from the peer. Programs use the code; the reason is for people (R6.3).
type PeerError struct {
	Code   uint16
	Reason string
}

func (e *PeerError) Error() string {
	name := FirstName(e.Code)
	if name == "" {
		name = "code"
	}
	return "the peer sent " + withCode(name, e.Code, e.Reason)
}

// UnreadableError reports an answer to a request whose text cannot be decoded or was not accepted.
type UnreadableError struct {
	ID    uint32
	Fault *Fault
}

func (e *UnreadableError) Error() string {
	return fmt.Sprintf("the answer to request %d: %v", e.ID, e.Fault)
}

// Unwrap returns the fault.
func (e *UnreadableError) Unwrap() error { return e.Fault }

// FirstName returns the first name of a code in the table, or "".
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

// SPEC section 6. The first name of a code is its preferred name.
var codes = []struct {
	code  uint16
	names []string
}{
	{1000, []string{"normal"}},
	{1001, []string{"going-away"}},
	{1002, []string{"protocol-error", "unknown-encoding", "malformed", "hello-expected", "second-hello", "bad-hello",
		"bad-canary", "two-clients", "unexpected-kind", "duplicate-request", "truncated"}},
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
	{4012, []string{"cancelled"}},
}
