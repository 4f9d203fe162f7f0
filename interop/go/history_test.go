package bookend

import (
	"strings"
	"testing"
)

func TestWhatCannotBeSentIsNoQuery(t *testing.T) {
	for _, query := range []Query{{Before: 1}, {Count: 1, Text: strings.Repeat("ü", 129)}, {Count: 1, Text: "\xff"}} {
		if _, err := query.Payload(); err == nil {
			t.Errorf("%v is a query", query)
		}
	}
}

func TestTextIsNeitherAQueryNorAPage(t *testing.T) {
	text, _ := Text("xxxxxxxxxxxxx", UTF8)
	if _, isQuery := ParseQuery(text); isQuery {
		t.Error("text is a query")
	}
	if _, err := ParsePage(text); err == nil {
		t.Error("text is a page")
	}
}

func TestTheGapAtTheStartIsNoEntry(t *testing.T) {
	var octets []byte
	for _, missed := range []uint64{3, 5} {
		frame, err := (&Message{Kind: KindGap, Missed: missed}).ToFrame()
		if err != nil {
			t.Fatal(err)
		}
		octets = frame.Append(octets)
	}
	page, err := ParsePage(Binary(octets))
	if err != nil || !page.IsFirst || page.LostBefore != 3 || len(page.Entries) != 1 || page.Entries[0].Missed != 5 {
		t.Errorf("%+v, %v", page, err)
	}
}
