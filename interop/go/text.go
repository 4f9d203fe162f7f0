package bookend

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	mark     = '\uFEFF' // the byte order mark
	notFirst = '\uFFFE' // illegal first in UTF-16: the byte order mark of the other order
)

// Payload is text in one of the four encodings, or binary (SPEC section 5). Every value is legal. The zero value is empty
// binary.
type Payload struct {
	encoding Encoding
	octets   []byte
	text     string
	hadBOM   bool
}

// Binary returns a binary payload. It keeps the slice.
func Binary(octets []byte) Payload {
	return Payload{octets: octets}
}

// Text encodes text. The error is a *Fault unmappable-text if the encoding cannot carry a character or the string is not
// UTF-8; its offset is that of the character in the string. Leading byte order marks are removed (R5.5).
func Text(text string, encoding Encoding) (Payload, error) {
	value := text
	if encoding != ASCII {
		value = strings.TrimLeft(text, string(mark))
	}
	if at := unmappableAt(value, encoding); at >= 0 {
		character, length := utf8.DecodeRuneInString(value[at:])
		detail := fmt.Sprintf("U+%04X in %v", character, encoding)
		if character == utf8.RuneError && length == 1 {
			detail = fmt.Sprintf("byte %02x, which is not UTF-8", value[at])
		}
		return Payload{}, &Fault{"unmappable-text", detail, int64(len(text) - len(value) + at)}
	}
	octets := []byte(value)
	if encoding == UTF16BE || encoding == UTF16LE {
		octets = encodeUTF16(value, byteOrder(encoding))
	}
	return Payload{encoding: encoding, octets: octets, text: value}, nil
}

// TextFor encodes text in the wanted encoding if it can carry the text, otherwise in UTF-8.
func TextFor(text string, wanted Encoding) (Payload, error) {
	value := strings.TrimLeft(text, string(mark))
	if wanted != EncodingBinary && unmappableAt(value, wanted) < 0 {
		return Text(value, wanted)
	}
	return Text(text, UTF8)
}

// DecodePayload decodes a received payload into a copy. It removes one leading byte order mark from the text (R5.6), and
// all of them from the bytes, so that none is sent if the payload is sent on (R5.5). The error is a *Fault bad-text.
func DecodePayload(octets []byte, encoding Encoding) (Payload, error) {
	var text string
	at := -1
	switch encoding {
	case EncodingBinary:
		return Binary(append([]byte(nil), octets...)), nil
	case ASCII:
		if at = highAt(octets); at < 0 {
			text = string(octets)
		}
	case UTF8:
		if at = illFormedAt(octets); at < 0 {
			text = string(octets)
		}
	default:
		text, at = decodeUTF16(octets, byteOrder(encoding))
	}
	if at >= 0 {
		return Payload{}, &Fault{"bad-text", fmt.Sprintf("byte %d", at), int64(at)}
	}
	value := strings.TrimPrefix(text, string(mark))
	if sent := strings.TrimLeft(text, string(mark)); encoding == UTF8 {
		octets = octets[len(text)-len(sent):]
	} else if encoding != ASCII {
		octets = octets[(len(text)-len(sent))/len(string(mark))*2:]
	}
	return Payload{encoding, append([]byte(nil), octets...), value, len(value) < len(text)}, nil
}

// Encoding returns the encoding of the payload.
func (p Payload) Encoding() Encoding { return p.encoding }

// Octets returns the bytes to send, without byte order marks. Do not modify them.
func (p Payload) Octets() []byte { return p.octets }

// IsText reports whether the payload is text.
func (p Payload) IsText() bool { return p.encoding != EncodingBinary }

// Text returns the text, or "" if the payload is binary.
func (p Payload) Text() string { return p.text }

// check rejects a received text that must not be sent because it would start with U+FFFE (R5.15).
func (p Payload) check() *Fault {
	isUTF16 := p.encoding == UTF16BE || p.encoding == UTF16LE
	if isUTF16 && len(p.octets) > 0 && byteOrder(p.encoding).Uint16(p.octets) == notFirst {
		return &Fault{"unmappable-text", fmt.Sprintf("the text starts with U+FFFE in %v", p.encoding), 0}
	}
	return nil
}

// HadBOM reports whether a byte order mark was removed; the sender should be warned (R5.6).
func (p Payload) HadBOM() bool { return p.hadBOM }

// Printable returns text for a terminal: unprintable characters become \u{hex}.
func Printable(text string) string {
	var shown strings.Builder
	for at, character := range text {
		switch {
		case character == utf8.RuneError && !strings.HasPrefix(text[at:], string(utf8.RuneError)):
			fmt.Fprintf(&shown, `\x%02x`, text[at])
		case IsUnprintable(character):
			fmt.Fprintf(&shown, `\u{%x}`, character)
		default:
			shown.WriteRune(character)
		}
	}
	return shown.String()
}

// IsUnprintable reports whether a plain line must not contain a character (R4.11): controls, line separators and
// bidirectional controls.
func IsUnprintable(c rune) bool {
	return c < 0x20 || c >= 0x7F && c <= 0x9F || c == 0x2028 || c == 0x2029 ||
		c == 0x061C || c == 0x200E || c == 0x200F || c >= 0x202A && c <= 0x202E || c >= 0x2066 && c <= 0x2069
}

// isPlainLine reports whether a name is a plain line of least to most bytes of UTF-8.
func isPlainLine(name string, least, most int) bool {
	return len(name) >= least && len(name) <= most && utf8.ValidString(name) && strings.IndexFunc(name, IsUnprintable) < 0
}

// unmappableAt returns the offset of the first character that an encoding cannot carry, or -1.
func unmappableAt(text string, encoding Encoding) int {
	switch {
	case encoding == ASCII:
		return highAt([]byte(text))
	case encoding == UTF8:
	case strings.HasPrefix(text, string(notFirst)):
		return 0
	}
	return illFormedAt([]byte(text))
}

func highAt(octets []byte) int {
	for at, octet := range octets {
		if octet > 0x7F {
			return at
		}
	}
	return -1
}

// illFormedAt returns the offset of the first sequence that is not UTF-8, or -1.
func illFormedAt(octets []byte) int {
	if utf8.Valid(octets) {
		return -1
	}
	for at := 0; at < len(octets); {
		character, length := utf8.DecodeRune(octets[at:])
		if character == utf8.RuneError && length == 1 {
			return at
		}
		at += length
	}
	return -1
}

// decodeUTF16 returns the text with its byte order mark and -1, or the offset of the first ill-formed sequence.
func decodeUTF16(octets []byte, order binary.ByteOrder) (string, int) {
	var text strings.Builder
	text.Grow(len(octets) / 2)
	even := len(octets) &^ 1
	for at := 0; at < even; at += 2 {
		character := rune(order.Uint16(octets[at:]))
		if at == 0 && character == notFirst {
			return "", 0
		}
		if utf16.IsSurrogate(character) {
			if at+2 >= even {
				return "", at
			}
			pair := utf16.DecodeRune(character, rune(order.Uint16(octets[at+2:])))
			if pair == utf8.RuneError {
				return "", at
			}
			character = pair
			at += 2
		}
		text.WriteRune(character)
	}
	if even < len(octets) {
		return "", even
	}
	return text.String(), -1
}

func encodeUTF16(text string, order binary.AppendByteOrder) []byte {
	octets := make([]byte, 0, 2*len(text))
	for _, unit := range utf16.Encode([]rune(text)) {
		octets = order.AppendUint16(octets, unit)
	}
	return octets
}

type bothOrders interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

func byteOrder(encoding Encoding) bothOrders {
	if encoding == UTF16LE {
		return binary.LittleEndian
	}
	return binary.BigEndian
}
