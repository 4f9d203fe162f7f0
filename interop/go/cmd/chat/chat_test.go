package main

import (
	"encoding/json"
	"testing"

	"bookend.example/go/bookend"
)

func TestOptionsAreParsed(t *testing.T) {
	o, err := readOptions([]string{"hub:1", "--name", "ann", "--encoding", "utf-16le", "--count", "3", "--send-hex", "2", "c3bc", "--json"})
	if err != nil {
		t.Fatal(err)
	}
	if o.address != "hub:1" || o.hello.Name != "ann" || o.hello.Preferred != bookend.UTF16LE || o.count != 3 || !o.json ||
		len(o.sends) != 1 || o.sends[0].Text() != "ü" {
		t.Fatalf("%+v", o)
	}
}

func TestWrongOptionsAreRejected(t *testing.T) {
	for _, words := range [][]string{
		{}, {"--name", "ann"}, {"hub:1", "hub:2"}, {"hub:1", "--count", "0"}, {"hub:1", "--name"}, {"hub:1", ""},
		{"hub:1", "--encoding", "latin-1"}, {"hub:1", "--send-hex", "5", "00"}, {"hub:1", "--send-hex", "2", "fc"},
		{"hub:1", "--name", "a\nb"}, {"hub:1", "--shout"},
	} {
		if _, err := readOptions(words); err == nil {
			t.Errorf("%q is accepted", words)
		}
	}
}

func delivery(t *testing.T, text string) bookend.Message {
	t.Helper()
	payload, err := bookend.Text(text, bookend.UTF8)
	if err != nil {
		t.Fatal(err)
	}
	return bookend.Message{Kind: bookend.KindDelivery, From: 5, To: 7, Name: "ann", Payload: payload}
}

func TestAMessageCannotForgeALine(t *testing.T) {
	if line := plain(delivery(t, "hi\nbob: ho\x1b[2J"), 7); line != `ann (to you): hi\u{a}bob: ho\u{1b}[2J` {
		t.Fatal(line)
	}
}

func TestJSONRoundTripsTextAndHasNoControls(t *testing.T) {
	const text = "\"\\ü😀\u202E\n\x7f"
	line := asJSON(delivery(t, text))
	for _, character := range line {
		if bookend.IsUnprintable(character) {
			t.Errorf("%q in %s", character, line)
		}
	}
	var back struct{ Text, Name string }
	if err := json.Unmarshal([]byte(line), &back); err != nil || back.Text != text || back.Name != "ann" {
		t.Fatalf("%+v, %v", back, err)
	}
}
