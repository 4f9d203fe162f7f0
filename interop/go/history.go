package bookend

import (
	"context"
	"encoding/binary"
	"math"
	"unicode/utf8"
)

// Now is greater than the number of any message.
const Now uint64 = math.MaxUint64

const (
	queryLast    = 1
	querySearch  = 2
	queryFixed   = 13  // bytes before the text
	maxQueryText = 256 // bytes
)

// Query asks a hub for the last Count messages of the room that it has kept and whose number is less than Before, or for the
// last ones that contain Text, in upper or lower case (SPEC section 9, History).
type Query struct {
	Before uint64
	Count  uint32
	Text   string // "" is no text
}

// ParseQuery returns the query in the payload of a REQUEST; false if it is none, which a hub answers with policy.
func ParseQuery(payload Payload) (Query, bool) {
	octets := payload.Octets()
	if payload.IsText() || len(octets) < queryFixed {
		return Query{}, false
	}
	query := Query{
		Before: binary.BigEndian.Uint64(octets[1:]),
		Count:  binary.BigEndian.Uint32(octets[9:]),
		Text:   string(octets[queryFixed:]),
	}
	return query, query.check() == nil && octets[0] == query.first()
}

// Payload returns the payload of the REQUEST. The error is a malformed Fault.
func (q Query) Payload() (Payload, error) {
	if fault := q.check(); fault != nil {
		return Payload{}, fault
	}
	octets := binary.BigEndian.AppendUint64([]byte{q.first()}, q.Before)
	octets = binary.BigEndian.AppendUint32(octets, q.Count)
	return Binary(append(octets, q.Text...)), nil
}

func (q Query) first() byte {
	if q.Text == "" {
		return queryLast
	}
	return querySearch
}

func (q Query) check() *Fault {
	if q.Count == 0 || len(q.Text) > maxQueryText || !utf8.ValidString(q.Text) {
		return malformed("a query has a count, and a text of at most %d bytes of UTF-8", maxQueryText)
	}
	return nil
}

// Page has messages that a hub has kept, oldest first.
type Page struct {
	Entries    []Message // of the kind KindDelivery, or KindGap where messages are not there
	IsFirst    bool      // nothing earlier matches; otherwise ask again before the first message
	LostBefore uint64    // if IsFirst: how many earlier messages of the room are not there, 0 after a search
}

// ParsePage returns the page in the payload of a REPLY. The error is a malformed Fault.
func ParsePage(payload Payload) (Page, error) {
	decoder := NewDecoder(math.MaxInt32)
	if !payload.IsText() {
		decoder.Feed(payload.Octets())
	}
	var page Page
	for {
		frame, isComplete, err := decoder.Next()
		if err == nil && !isComplete {
			break
		}
		var entry Message
		isKnown := false
		if err == nil {
			entry, isKnown, err = ParseMessage(frame)
		}
		if err != nil || !isKnown || entry.Kind != KindDelivery && entry.Kind != KindGap {
			return Page{}, malformed("the answer is not a page of history")
		}
		if entry.Kind == KindGap && !page.IsFirst && len(page.Entries) == 0 {
			page.IsFirst, page.LostBefore = true, entry.Missed
		} else {
			page.Entries = append(page.Entries, entry)
		}
	}
	if decoder.Pending() > 0 || !page.IsFirst && len(page.Entries) == 0 {
		return Page{}, malformed("the answer is not a page of history")
	}
	return page, nil
}

// History asks the hub for messages that it has kept. The error is that of Request: a PeerError policy if it keeps nothing.
func (c *Connection) History(ctx context.Context, query Query) (Page, error) {
	payload, err := query.Payload()
	if err != nil {
		return Page{}, err
	}
	answer, err := c.Request(ctx, payload)
	if err != nil {
		return Page{}, err
	}
	return ParsePage(answer)
}
