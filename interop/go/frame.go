// Package bookend carries messages over a byte stream. It is written from SPEC.md and uses only the standard library.
//
// Most programs use Connection. Session is the same protocol without a net.Conn or a clock. Decoder and SplitFrames turn
// bytes into frames. Payload is text in one of the four encodings, or binary.
package bookend

import (
	"bufio"
	"encoding/binary"
	"fmt"
)

// Encoding is the fourth byte of a header: how a payload's text is encoded.
type Encoding uint8

// The encodings of SPEC section 2. EncodingBinary means that the payload is not text.
const (
	EncodingBinary Encoding = iota
	ASCII
	UTF8
	UTF16BE
	UTF16LE
)

func (e Encoding) String() string {
	names := [...]string{"binary", "US-ASCII", "UTF-8", "UTF-16BE", "UTF-16LE"}
	if int(e) < len(names) {
		return names[e]
	}
	return fmt.Sprintf("encoding %d", uint8(e))
}

const (
	// MaxLength is the longest possible body, in bytes (R2.6).
	MaxLength = 1<<31 - 1
	// Overhead is the number of bytes around the body of a frame.
	Overhead = headerLength + endLength

	headerLength = 8
	endLength    = 2
	idleBuffer   = 1 << 16 // bytes of buffer that a decoder keeps between frames
)

var (
	frameStart = [...]byte{0xF5, 0xF8}
	frameEnd   = [...]byte{0xF8, 0xF5}
)

// Frame is one unit on the wire (SPEC section 2).
type Frame struct {
	Kind     Kind
	Encoding Encoding
	Body     []byte
}

// Append appends the bytes of the frame. The body must have at most MaxLength bytes.
func (f Frame) Append(octets []byte) []byte {
	octets = append(octets, frameStart[0], frameStart[1], byte(f.Kind), byte(f.Encoding))
	octets = binary.BigEndian.AppendUint32(octets, uint32(len(f.Body)))
	octets = append(octets, f.Body...)
	return append(octets, frameEnd[:]...)
}

// FrameOf returns the frame in a token of SplitFrames; its body is a part of the token.
func FrameOf(token []byte) Frame {
	end := len(token) - endLength
	return Frame{Kind(token[2]), Encoding(token[3]), token[headerLength:end:end]}
}

// SplitFrames returns a split function for one bufio.Scanner. Its tokens are whole frames with a body of at most limit
// bytes. Set the scanner's maximum buffer to limit + Overhead bytes; it grows with what arrives.
func SplitFrames(limit uint32) bufio.SplitFunc {
	var start int64 // offset of octets in the stream
	return func(octets []byte, atEOF bool) (int, []byte, error) {
		length, fault := scan(octets, limit)
		if fault != nil {
			fault.Offset += start
			return 0, nil, fault
		}
		if length == 0 && atEOF && len(octets) > 0 {
			return 0, nil, NewFault("truncated", fmt.Sprintf("%d bytes of a frame", len(octets)))
		}
		start += int64(length)
		if length == 0 {
			return 0, nil, nil
		}
		return length, octets[:length], nil
	}
}

// Decoder turns bytes into frames, wherever reads split them: Feed what was read, then call Next until it returns false.
// Memory grows with the bytes that have arrived, never with a claimed length. A fault is sticky.
type Decoder struct {
	limit    uint32
	buffer   []byte
	from     int   // offset of the next frame in the buffer
	start    int64 // and in the stream
	examined int64 // offset in the stream after the last byte that was examined
	fault    *Fault
}

// NewDecoder returns a decoder of frames with a body of at most limit bytes.
func NewDecoder(limit uint32) *Decoder {
	return &Decoder{limit: limit}
}

// SetLimit changes the limit, starting with the next frame.
func (d *Decoder) SetLimit(limit uint32) { d.limit = limit }

// Pending returns the number of bytes of the next frame that have arrived; 0 between frames.
func (d *Decoder) Pending() int { return len(d.buffer) - d.from }

// Feed adds bytes that have arrived. It invalidates the bodies that Next returned.
func (d *Decoder) Feed(octets []byte) {
	pending := d.buffer[d.from:]
	wanted := len(pending) + len(octets)
	switch {
	case len(pending) == 0 && cap(d.buffer) <= idleBuffer:
		d.buffer, d.from = d.buffer[:0], 0
	case len(pending) == 0:
		d.buffer, d.from = nil, 0
	case len(d.buffer)+len(octets) <= cap(d.buffer):
	case 2*wanted <= cap(d.buffer):
		d.buffer = d.buffer[:copy(d.buffer[:cap(d.buffer)], pending)]
		d.from = 0
	default:
		d.buffer = append(make([]byte, 0, 2*wanted), pending...)
		d.from = 0
	}
	d.buffer = append(d.buffer, octets...)
}

// Next returns the next frame, or false while it is not complete. The body is a slice of the decoder's buffer, valid until
// the next Feed. The error is a *Fault: bad-start, unknown-encoding, too-long or bad-end.
func (d *Decoder) Next() (Frame, bool, error) {
	if d.fault != nil {
		return Frame{}, false, d.fault
	}
	length, fault := scan(d.buffer[d.from:], d.limit)
	if fault != nil {
		examined := fault.Offset + 1
		if fault.Name == "too-long" {
			examined = headerLength
		}
		fault.Offset += d.start
		return Frame{}, false, d.fail(fault, examined)
	}
	if length == 0 {
		return Frame{}, false, nil
	}
	frame := FrameOf(d.buffer[d.from : d.from+length])
	d.from += length
	d.start += int64(length)
	d.examined = d.start
	return frame, true, nil
}

// header returns the kind and length of the next frame, or false while its header is incomplete or illegal.
func (d *Decoder) header() (Kind, uint32, bool) {
	octets := d.buffer[d.from:]
	if d.fault != nil || len(octets) < headerLength || checkHeader(octets, d.limit) != nil {
		return 0, 0, false
	}
	return Kind(octets[2]), lengthOf(octets), true
}

// fail makes a fault in the first examined bytes of the next frame sticky, and returns it.
func (d *Decoder) fail(fault *Fault, examined int64) *Fault {
	d.fault = fault
	d.examined = d.start + examined
	return fault
}

// unused returns the number of bytes that have arrived after the last one that was examined.
func (d *Decoder) unused() int64 {
	return d.start + int64(d.Pending()) - d.examined
}

// scan reads one frame as in SPEC's appendix B. It returns the length of the frame, 0 while the frame is not complete, or
// a fault with its offset in octets.
func scan(octets []byte, limit uint32) (int, *Fault) {
	if fault := checkHeader(octets, limit); fault != nil {
		return 0, fault
	}
	if len(octets) < headerLength {
		return 0, nil
	}
	end := headerLength + int64(lengthOf(octets))
	for at, wanted := range frameEnd {
		offset := end + int64(at)
		if offset >= int64(len(octets)) {
			return 0, nil
		}
		if octets[offset] != wanted {
			return 0, foundAt("bad-end", octets, offset)
		}
	}
	return int(end) + endLength, nil
}

// checkHeader checks as much of a header as has arrived.
func checkHeader(octets []byte, limit uint32) *Fault {
	for at, wanted := range frameStart {
		if at < len(octets) && octets[at] != wanted {
			return foundAt("bad-start", octets, int64(at))
		}
	}
	if len(octets) > 3 && Encoding(octets[3]) > UTF16LE {
		return foundAt("unknown-encoding", octets, 3)
	}
	if len(octets) < headerLength {
		return nil
	}
	if length := lengthOf(octets); length > limit || length > MaxLength {
		return &Fault{"too-long", fmt.Sprintf("%d bytes, the limit is %d", length, limit), 4}
	}
	return nil
}

func lengthOf(header []byte) uint32 { return binary.BigEndian.Uint32(header[4:]) }

func foundAt(name string, octets []byte, offset int64) *Fault {
	return &Fault{name, fmt.Sprintf("found %02x", octets[offset]), offset}
}
