package bookend

import (
	"bytes"
	"testing"
)

func TestTextInEachEncoding(t *testing.T) {
	for encoding, wanted := range map[Encoding]string{
		UTF8: "c3bc f09f9880", UTF16BE: "00fc d83dde00", UTF16LE: "fc00 3dd800de",
	} {
		payload, err := Text("ü😀", encoding)
		if err != nil || !bytes.Equal(payload.Octets(), octets(wanted)) {
			t.Fatalf("%v: %x, %v", encoding, payload.Octets(), err)
		}
		if back, err := DecodePayload(payload.Octets(), encoding); err != nil || back.Text() != "ü😀" {
			t.Fatalf("%v: %q, %v", encoding, back.Text(), err)
		}
	}
}

func TestIllegalTextIsRejectedNotReplaced(t *testing.T) {
	_, err := Text("grüß", ASCII)
	faultIs(t, err, "unmappable-text", 2)
	_, err = Text("gr\xFC", UTF8)
	faultIs(t, err, "unmappable-text", 2)
	_, err = Text("\uFFFEa", UTF16LE)
	faultIs(t, err, "unmappable-text", 0)
	_, err = DecodePayload(octets("6772 fcdf"), UTF8)
	faultIs(t, err, "bad-text", 2)
	_, err = DecodePayload(octets("6100 3dd8 61"), UTF16LE)
	faultIs(t, err, "bad-text", 2)
}

func TestByteOrderMarkIsRemovedOnceAndNeverSent(t *testing.T) {
	payload, err := DecodePayload(octets("efbbbf efbbbf 61"), UTF8)
	if err != nil || payload.Text() != "\uFEFFa" || !payload.HadBOM() {
		t.Fatalf("%q, %v", payload.Text(), err)
	}
	if payload, err = Text("\uFEFF\uFEFFa", UTF16BE); err != nil || !bytes.Equal(payload.Octets(), octets("0061")) {
		t.Fatalf("%x, %v", payload.Octets(), err)
	}
}

func TestForwardedPayloadHasNoByteOrderMark(t *testing.T) {
	payload, err := DecodePayload(octets("fffe fffe 6100"), UTF16LE)
	if err != nil || payload.Text() != "\uFEFFa" || !bytes.Equal(payload.Octets(), octets("6100")) {
		t.Fatalf("%q, %x, %v", payload.Text(), payload.Octets(), err)
	}
	if payload, err = DecodePayload(octets("fffe feff 6100"), UTF16LE); err != nil || payload.Text() != "\uFFFEa" {
		t.Fatalf("%q, %v", payload.Text(), err)
	}
	_, err = (&Message{Kind: KindMessage, Payload: payload}).ToFrame()
	faultIs(t, err, "unmappable-text", 0)
}

func TestUnprintableCharactersAreEscaped(t *testing.T) {
	if found := Printable("a\x1b[2J\u202E\xffü\uFFFD"); found != `a\u{1b}[2J\u{202e}\xffü`+"\uFFFD" {
		t.Fatal(found)
	}
}

func TestHelloMatchesTheExampleOfSection4(t *testing.T) {
	hello := NewHello()
	hello.Preferred = UTF8
	body, err := hello.Body()
	if err != nil || !bytes.Equal(body, octets("424b4e44 0d0a1a0aff110d00 01 00 1f 02 00100000 001e 0000")) {
		t.Fatalf("%x, %v", body, err)
	}
}

func TestLongestTokenRoundTrips(t *testing.T) {
	hello := NewHello()
	hello.Token = bytes.Repeat([]byte{'t'}, 255)
	body, err := hello.Body()
	if err != nil {
		t.Fatal(err)
	}
	if back, err := ParseHello(body); err != nil || !bytes.Equal(back.Token, hello.Token) {
		t.Fatal(back, err)
	}
	_, err = ParseHello(body[:len(body)-1])
	faultIs(t, err, "bad-hello", -1)
}

func TestIllegalHelloCannotBeEncoded(t *testing.T) {
	for name, spoil := range map[string]func(*Hello){
		"name":      func(h *Hello) { h.Name = "a\nb" },
		"accepted":  func(h *Hello) { h.Accepted = 3 },
		"preferred": func(h *Hello) { h.Preferred = 9 },
		"max body":  func(h *Hello) { h.MaxBody = 1023 },
		"token":     func(h *Hello) { h.Token = make([]byte, 256) },
	} {
		hello := NewHello()
		spoil(&hello)
		if _, err := hello.Body(); err == nil {
			t.Errorf("illegal %s is accepted", name)
		}
	}
}

func TestDeliveryMatchesTheLayoutOfSection9(t *testing.T) {
	body := octets("00000005 00000000 0000000000000001 0000000000000000 03 616e6e 6869")
	m, is, err := ParseMessage(Frame{KindDelivery, UTF8, body})
	if err != nil || !is || m.From != 5 || m.Seq != 1 || m.Name != "ann" || m.Payload.Text() != "hi" {
		t.Fatalf("%+v, %v", m, err)
	}
	if frame, err := m.ToFrame(); err != nil || !bytes.Equal(frame.Body, body) {
		t.Fatalf("%x, %v", frame.Body, err)
	}
}

func TestReasonIsCutBetweenCharacters(t *testing.T) {
	words := string(bytes.Repeat([]byte("ü"), 150))
	if found := reasonText(words, UTF8); len(found.Octets()) != MaxReason || found.Text() != words[:MaxReason] {
		t.Fatalf("%d bytes", len(found.Octets()))
	}
	if found := reasonText(words, UTF16LE); len(found.Octets()) > MaxReason || found.Encoding() != UTF16LE {
		t.Fatalf("%d bytes in %v", len(found.Octets()), found.Encoding())
	}
	if found := reasonText("a\xff", UTF8); found.Text() != `a\u{fffd}` {
		t.Fatal(found.Text())
	}
}
