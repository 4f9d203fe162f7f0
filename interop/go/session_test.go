package bookend

import (
	"bytes"
	"errors"
	"testing"
	"time"
)

// openSession returns a server's session that received the client's HELLO at 0 s.
func openSession(t *testing.T, hello Hello) *Session {
	t.Helper()
	return sendingSession(t, Server, hello, hello)
}

// endName returns the cause of the end, or "" if the session has not ended.
func endName(actions []Action) string {
	for _, action := range actions {
		if action.End != "" {
			return action.End
		}
	}
	return ""
}

func TestBadTextIsAnsweredAndTheSessionStaysOpen(t *testing.T) {
	session := openSession(t, NewHello())
	actions := session.Receive(Frame{KindMessage, UTF8, octets("6772fcdf")}.Append(nil), 0)
	if len(actions) != 1 || !session.IsOpen() {
		t.Fatal(actions)
	}
	answer, _, err := ParseMessage(FrameOf(actions[0].Write))
	if err != nil || answer.Code != 1007 || answer.Frame != 1 || answer.Payload.Text() != "bad-text: byte 2" {
		t.Fatalf("%+v, %v", answer, err)
	}
}

func TestSilentPeerEndsTheSessionAsIdle(t *testing.T) {
	session := openSession(t, NewHello())
	session.Tick(59 * time.Second)
	if !session.IsOpen() {
		t.Fatal("too early")
	}
	session.Tick(60 * time.Second)
	if name := endName(session.Tick(62 * time.Second)); name != "idle" {
		t.Fatal(name)
	}
}

func TestTimeWithoutReadingDoesNotCountAgainstThePeer(t *testing.T) {
	session := openSession(t, NewHello())
	session.Excuse(50 * time.Second)
	session.Tick(109 * time.Second)
	if !session.IsOpen() {
		t.Fatal("too early")
	}
	session.Tick(110 * time.Second)
	if session.IsOpen() {
		t.Fatal("too late")
	}
}

func TestTwentyPingsAreAFloodUnlessTheyMayHaveWaitedUnread(t *testing.T) {
	pings := bytes.Repeat(Frame{KindPing, EncodingBinary, nil}.Append(nil), 20)
	session := openSession(t, NewHello())
	session.Receive(pings, 0)
	if session.IsOpen() {
		t.Fatal("no flood")
	}
	session = openSession(t, NewHello())
	session.Excuse(10 * time.Second)
	session.Receive(pings, 10*time.Second)
	if !session.IsOpen() {
		t.Fatal("a flood")
	}
}

func TestUnreadableReplyIsReportedForItsRequest(t *testing.T) {
	session := openSession(t, NewHello())
	if _, err := session.Send(Message{Kind: KindRequest, ID: 7}, 0); err != nil {
		t.Fatal(err)
	}
	actions := session.Receive(Frame{KindReply, UTF8, octets("00000007 ff")}.Append(nil), 0)
	if len(actions) != 1 || actions[0].Unreadable == nil || actions[0].Unreadable.ID != 7 {
		t.Fatal(actions)
	}
}

func TestPrivateKindsAreIgnoredUnlessAgreed(t *testing.T) {
	private := Frame{0xC0, UTF8, []byte("hi")}.Append(nil)
	session := openSession(t, NewHello())
	if actions := session.Receive(private, 0); len(actions) != 0 {
		t.Fatal(actions)
	}
	session.agreed = []Kind{0xC0}
	if actions := session.Receive(private, 0); len(actions) != 1 || actions[0].Deliver.Payload.Text() != "hi" {
		t.Fatal(actions)
	}
}

func TestIllegalMessagesAreRefused(t *testing.T) {
	hello := NewHello()
	hello.Accepted = everyone
	session := openSession(t, hello)
	wide, err := Text("hi", UTF16LE)
	if err != nil {
		t.Fatal(err)
	}
	for name, message := range map[string]Message{
		"encoding-refused": {Kind: KindMessage, Payload: wide},
		"too-long":         {Kind: KindMessage, Payload: Binary(make([]byte, hello.MaxBody+1))},
		"no-such-request":  {Kind: KindReply, ID: 1},
		"unexpected-kind":  {Kind: KindPong},
		"unknown-kind":     {Kind: KindGap},
	} {
		_, err := session.Send(message, 0)
		var refused *RefusedError
		if !errors.As(err, &refused) || refused.Fault.Name != name {
			t.Errorf("%v, wanted %s", err, name)
		}
	}
}

func request(id uint32) Message { return Message{Kind: KindRequest, ID: id} }

func refusedAs(t *testing.T, session *Session, message Message, name string) {
	t.Helper()
	_, err := session.Send(message, 0)
	var refused *RefusedError
	if !errors.As(err, &refused) || refused.Fault.Name != name {
		t.Fatalf("%v, wanted %s", err, name)
	}
}

func TestCancelledRequestCountsUntilItsAnswerArrives(t *testing.T) {
	one := uint32(1)
	hello := NewHello()
	hello.Requests = &one
	for _, answer := range []Frame{
		{KindReply, EncodingBinary, octets("00000001")},
		{KindError, ASCII, octets("00000001 00000001 0fac 63616e63656c6c6564")},
	} {
		session := openSession(t, hello)
		for _, message := range []Message{request(1), {Kind: KindCancel, ID: 1}} {
			if _, err := session.Send(message, 0); err != nil {
				t.Fatal(err)
			}
		}
		refusedAs(t, session, request(2), "try-later")
		refusedAs(t, session, request(1), "duplicate-request")
		session.Receive(answer.Append(nil), 0)
		refusedAs(t, session, Message{Kind: KindCancel, ID: 1}, "no-such-request")
		if _, err := session.Send(request(2), 0); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCancelIsAnsweredAtOnceAndMakesRoom(t *testing.T) {
	one := uint32(1)
	hello := NewHello()
	hello.Requests = &one
	session := openSession(t, hello)
	asked := Frame{KindRequest, EncodingBinary, octets("00000007")}.Append(nil)
	cancel := Frame{KindCancel, EncodingBinary, octets("00000007")}.Append(nil)
	session.Receive(asked, 0)
	actions := session.Receive(cancel, 0)
	if len(actions) != 2 || actions[0].Deliver == nil || actions[0].Deliver.Kind != KindCancel {
		t.Fatal(actions)
	}
	answer, _, err := ParseMessage(FrameOf(actions[1].Write))
	if err != nil || answer.ID != 7 || answer.Frame != 1 || answer.Code != 4012 || answer.Payload.Text() != "cancelled" {
		t.Fatalf("%+v, %v", answer, err)
	}
	refusedAs(t, session, Message{Kind: KindReply, ID: 7}, "no-such-request")
	if again := session.Receive(cancel, 0); len(again) != 0 {
		t.Fatal(again)
	}
	if next := session.Receive(asked, 0); len(next) != 1 || next[0].Deliver == nil {
		t.Fatal(next)
	}
}

func TestHelloWithoutRequestsAllows64(t *testing.T) {
	session := openSession(t, NewHello())
	for id := uint32(1); id <= 64; id++ {
		if _, err := session.Send(request(id), 0); err != nil {
			t.Fatal(err)
		}
	}
	refusedAs(t, session, request(65), "try-later")
}

func TestClientRefusesAnotherClient(t *testing.T) {
	session, err := NewSession(Client, NewHello())
	if err != nil {
		t.Fatal(err)
	}
	session.Receive(session.Start(0)[0].Write, 0)
	if name := endName(session.EndOfStream("", 0)); name != "two-clients" {
		t.Fatal(name)
	}
	hello := NewHello()
	hello.Client = true
	openSession(t, hello) // as a server, which does not send the option
}
