package bookend

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// sendingSession returns a session of this role, with or without the hub profile, whose peer sent this HELLO.
func sendingSession(t *testing.T, role Role, own, peer Hello, agreed ...Kind) *Session {
	t.Helper()
	session, err := NewSession(role, own, agreed...)
	if err != nil {
		t.Fatal(err)
	}
	body, err := peer.Body()
	if err != nil {
		t.Fatal(err)
	}
	session.Start(0)
	session.Receive(Frame{KindHello, EncodingBinary, body}.Append(nil), 0)
	if !session.IsOpen() {
		t.Fatal("not open")
	}
	return session
}

// onlyASCIIAndUTF8 returns a HELLO that accepts no UTF-16.
func onlyASCIIAndUTF8() Hello {
	hello := NewHello()
	hello.Accepted = 7
	return hello
}

// refusal returns the name of the rule for which a message is refused, or "sent".
func refusal(t *testing.T, session *Session, message Message) string {
	t.Helper()
	_, err := session.Send(message, 0)
	var fault *Fault
	if err == nil {
		return "sent"
	}
	if !errors.As(err, &fault) {
		t.Fatal(err)
	}
	return fault.Name
}

func text(t *testing.T, value string, encoding Encoding) Payload {
	t.Helper()
	payload, err := Text(value, encoding)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

func expect(t *testing.T, found, wanted string) {
	t.Helper()
	if found != wanted {
		t.Errorf("%s, wanted %s", found, wanted)
	}
}

func TestSessionAloneSendsHelloPongAndClose(t *testing.T) {
	greeting, err := NewSession(Server, NewHello())
	if err != nil {
		t.Fatal(err)
	}
	for _, message := range []Message{{Kind: KindHello}, {Kind: KindPong}, {Kind: KindClose, Payload: text(t, "", UTF8)}} {
		expect(t, refusal(t, greeting, message), "not-open")
		expect(t, refusal(t, openSession(t, NewHello()), message), "unexpected-kind")
	}
	expect(t, refusal(t, greeting, Message{Kind: KindPong, Payload: Binary(make([]byte, 65))}), "malformed")
}

func TestUnlistedKindsAreUnknownAndHubKindsNeedTheProfileAndTheRightSide(t *testing.T) {
	for _, kind := range []Kind{0x00, 0x20, 0x80, 0xBF, 0xF0, 0xFF} {
		expect(t, refusal(t, openSession(t, NewHello()), Message{Kind: kind}), "unknown-kind")
	}
	hub := NewHello()
	hub.Hub = true
	for _, it := range []struct {
		role   Role
		kind   Kind
		wanted string
	}{{Client, KindPost, "sent"}, {Server, KindPost, "unexpected-kind"}, {Server, KindGap, "sent"}, {Client, KindGap, "unexpected-kind"}} {
		expect(t, refusal(t, sendingSession(t, it.role, hub, hub), Message{Kind: it.kind}), it.wanted)
		expect(t, refusal(t, sendingSession(t, it.role, hub, NewHello()), Message{Kind: it.kind}), "unknown-kind")
	}
}

func TestFirstRuleThatIsBrokenGivesItsName(t *testing.T) {
	one := uint32(1)
	peer := onlyASCIIAndUTF8()
	peer.MaxBody, peer.Requests = 1024, &one
	session := sendingSession(t, Client, NewHello(), peer)
	wide := text(t, strings.Repeat("x", 600), UTF16LE) // neither accepted nor short enough
	for _, it := range []struct {
		message Message
		wanted  string
	}{
		{Message{Kind: KindReply, ID: 7, Payload: wide}, "no-such-request"},
		{Message{Kind: KindMessage, Payload: wide}, "encoding-refused"},
		{Message{Kind: KindMessage, Payload: Binary(make([]byte, 1025))}, "too-long"},
		{request(1), "sent"},
		{Message{Kind: KindRequest, ID: 1, Payload: wide}, "duplicate-request"},
		{Message{Kind: KindRequest, ID: 2, Payload: wide}, "try-later"},
		{Message{Kind: KindCancel, ID: 2}, "no-such-request"},
	} {
		expect(t, refusal(t, session, it.message), it.wanted)
	}
	unmappable, err := DecodePayload(append(octets("fffe feff"), make([]byte, 1024)...), UTF16LE)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, refusal(t, session, Message{Kind: KindReply}), "malformed")
	expect(t, refusal(t, session, Message{Kind: KindMessage, Payload: unmappable}), "encoding-refused")
	peer.Accepted = NewHello().Accepted
	expect(t, refusal(t, sendingSession(t, Client, NewHello(), peer), Message{Kind: KindMessage, Payload: unmappable}), "unmappable-text")
}

func TestErrorForARequestGetsTheNumberOfItsFrameAndFreesItsID(t *testing.T) {
	session := openSession(t, NewHello())
	asked := Frame{KindRequest, EncodingBinary, octets("00000007")}.Append(nil)
	session.Receive(asked, 0)
	answer := Message{Kind: KindError, ID: 8, Frame: 99, Code: 1008, Payload: text(t, "policy", UTF8)}
	expect(t, refusal(t, session, answer), "no-such-request")
	for _, it := range []struct{ id, number uint32 }{{7, 1}, {0, 99}} {
		answer.ID = it.id
		actions, err := session.Send(answer, 0)
		if err != nil {
			t.Fatal(err)
		}
		sent, _, err := ParseMessage(FrameOf(actions[0].Write))
		if err != nil || sent.ID != it.id || sent.Frame != it.number {
			t.Errorf("%+v, %v", sent, err)
		}
	}
	if actions := session.Receive(asked, 0); len(actions) != 1 || actions[0].Deliver == nil {
		t.Errorf("the id is not free: %+v", actions)
	}
}

func TestReasonHasAtMost200BytesWithoutItsMark(t *testing.T) {
	session := openSession(t, NewHello())
	marked, err := DecodePayload(append(octets("feff"), bytes.Repeat(octets("0078"), 100)...), UTF16BE)
	if err != nil {
		t.Fatal(err)
	}
	for wanted, reason := range map[string]Payload{"sent": marked, "too-long": text(t, strings.Repeat("x", 201), UTF8)} {
		expect(t, refusal(t, session, Message{Kind: KindError, Code: 1008, Payload: reason}), wanted)
	}
}

func TestNameOfMarksMayBeReceivedButNotSent(t *testing.T) {
	hub := NewHello()
	hub.Hub = true
	presence := Frame{KindPresence, UTF8, octets("00000005 01 efbbbf efbbbf")}.Append(nil)
	actions := sendingSession(t, Client, hub, hub).Receive(presence, 0)
	if len(actions) != 1 || actions[0].Deliver == nil {
		t.Fatalf("%+v", actions)
	}
	expect(t, refusal(t, sendingSession(t, Server, hub, hub), *actions[0].Deliver), "malformed")
}

func TestErrorAboutAnUnknownRequestIsDelivered(t *testing.T) {
	session := openSession(t, NewHello())
	expect(t, refusal(t, session, request(7)), "sent")
	actions := session.Receive(Frame{KindError, ASCII, octets("00000063 00000000 0000")}.Append(nil), 0)
	if len(actions) != 1 || actions[0].Deliver == nil || !session.IsUnanswered(7) {
		t.Errorf("%+v", actions)
	}
}

func TestAgreedPrivateKindIsJudgedLikeAMessage(t *testing.T) {
	for wanted, encoding := range map[string]Encoding{"bad-text": UTF8, "encoding-refused": UTF16LE} {
		bad := Frame{0xC0, encoding, octets("ff")}.Append(nil)
		session := sendingSession(t, Server, onlyASCIIAndUTF8(), NewHello(), 0xC0)
		actions := session.Receive(bad, 0)
		if len(actions) != 1 || !bytes.Contains(actions[0].Write, []byte(wanted)) || !session.IsOpen() {
			t.Errorf("%s: %+v", wanted, actions)
		}
		if actions := sendingSession(t, Server, onlyASCIIAndUTF8(), NewHello(), 0xC1).Receive(bad, 0); len(actions) != 0 {
			t.Errorf("%s: %+v", wanted, actions)
		}
	}
}

func TestPrivateKindIsSentWithoutAMarkInAnAcceptedEncoding(t *testing.T) {
	session := sendingSession(t, Server, NewHello(), onlyASCIIAndUTF8())
	marked, err := DecodePayload(octets("efbbbf 6869"), UTF8)
	if err != nil {
		t.Fatal(err)
	}
	actions, err := session.Send(Message{Kind: 0xC0, Payload: marked}, 0)
	if err != nil || !bytes.Equal(actions[0].Write, Frame{0xC0, UTF8, []byte("hi")}.Append(nil)) {
		t.Errorf("%+v, %v", actions, err)
	}
	expect(t, refusal(t, session, Message{Kind: 0xC0, Payload: text(t, "hi", UTF16BE)}), "encoding-refused")
}
