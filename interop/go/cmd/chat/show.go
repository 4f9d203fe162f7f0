package main

import (
	"fmt"
	"strings"

	"bookend.example/go/bookend"
)

const quotedBytes = 32 // of a binary payload, on one line

// plain returns a line for people, or "" if the message is not shown. member is this client's own number.
func plain(m bookend.Message, member uint32) string {
	switch m.Kind {
	case bookend.KindMessage:
		return shown(m.Payload)
	case bookend.KindDelivery:
		receiver := ""
		if m.To == member && m.To != 0 {
			receiver = " (to you)"
		} else if m.To != 0 {
			receiver = fmt.Sprintf(" (to %d)", m.To)
		}
		return m.Name + receiver + ": " + shown(m.Payload)
	case bookend.KindPresence:
		if m.Event == bookend.Crowd {
			return fmt.Sprintf("* %d in %s, too many to announce who joins and leaves", m.Member, m.Payload.Text())
		}
		return fmt.Sprintf("* %s %v", m.Payload.Text(), m.Event)
	case bookend.KindGap:
		return fmt.Sprintf("* %d messages missed", m.Missed)
	}
	return ""
}

// asJSON returns a JSON object, or "" if the message is not shown.
func asJSON(m bookend.Message) string {
	text := quoted(m.Payload.Text())
	switch m.Kind {
	case bookend.KindMessage:
		return fmt.Sprintf(`{"event":"message",%s}`, payloadFields(m.Payload))
	case bookend.KindDelivery:
		return fmt.Sprintf(`{"from":%d,"name":%s,"to":%d,"seq":%d,"time":%d,%s}`,
			m.From, quoted(m.Name), m.To, m.Seq, m.Time, payloadFields(m.Payload))
	case bookend.KindWelcome:
		return fmt.Sprintf(`{"event":"welcome","member":%d,"next_seq":%d,"greeting":%s}`, m.Member, m.Seq, text)
	case bookend.KindPresence:
		return fmt.Sprintf(`{"event":"%v","member":%d,"name":%s}`, m.Event, m.Member, text)
	case bookend.KindGap:
		return fmt.Sprintf(`{"event":"gap","missed":%d}`, m.Missed)
	case bookend.KindError:
		return fmt.Sprintf(`{"event":"error","frame":%d,"code":%d,"reason":%s}`, m.Frame, m.Code, text)
	}
	return ""
}

func payloadFields(p bookend.Payload) string {
	if !p.IsText() {
		return fmt.Sprintf(`"encoding":0,"hex":"%x"`, p.Octets())
	}
	return fmt.Sprintf(`"encoding":%d,"text":%s`, p.Encoding(), quoted(p.Text()))
}

func shown(p bookend.Payload) string {
	if p.IsText() {
		return bookend.Printable(p.Text())
	}
	octets, more := p.Octets(), ""
	if len(octets) > quotedBytes {
		octets, more = octets[:quotedBytes], " …"
	}
	return fmt.Sprintf("[binary %d bytes: % x%s]", len(p.Octets()), octets, more)
}

// quoted returns a JSON string with unprintable characters escaped.
func quoted(text string) string {
	var json strings.Builder
	json.WriteByte('"')
	for _, character := range text {
		switch {
		case character == '"' || character == '\\':
			json.WriteByte('\\')
			json.WriteRune(character)
		case bookend.IsUnprintable(character):
			fmt.Fprintf(&json, `\u%04x`, character)
		default:
			json.WriteRune(character)
		}
	}
	json.WriteByte('"')
	return json.String()
}
