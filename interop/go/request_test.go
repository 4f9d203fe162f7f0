package bookend

import (
	"context"
	"errors"
	"testing"
)

// answering is a server that answers "no" with an ERROR, "wait" only on the channel, and everything else with a REPLY. It
// returns the ids of the CANCELs that it received.
func answering(ctx context.Context, server *Connection, waits chan<- bool) []uint32 {
	var cancelled []uint32
	for {
		message, err := server.Receive(ctx)
		if err != nil {
			return cancelled
		}
		switch {
		case message.Kind == KindCancel:
			cancelled = append(cancelled, message.ID)
		case message.Kind == KindRequest && message.Payload.Text() == "no":
			_ = server.Refuse(ctx, message, NewFault("policy", "")) // Receive returns the cause of a failure
		case message.Kind == KindRequest && message.Payload.Text() == "wait":
			waits <- true
		case message.Kind == KindRequest:
			_ = server.Send(ctx, Message{Kind: KindReply, ID: message.ID, Payload: message.Payload})
		}
	}
}

func textOf(t *testing.T, words string) Payload {
	t.Helper()
	payload, err := Text(words, UTF8)
	must(t, err)
	return payload
}

func TestRequestsAreAnsweredRefusedOrCancelled(t *testing.T) {
	near, far := streams(t)
	limited := NewHello()
	limited.Requests = new(uint32)
	*limited.Requests = 1
	client, server := connections(t, near, far, limited)
	ctx := timeout(t)
	served, waits := make(chan []uint32, 1), make(chan bool, 1)
	go func() { served <- answering(ctx, server, waits) }()
	reply, err := client.Request(ctx, textOf(t, "time?"))
	if err != nil || reply.Text() != "time?" {
		t.Fatal(reply, err)
	}
	var peer *PeerError
	if _, err := client.Request(ctx, textOf(t, "no")); !errors.As(err, &peer) || peer.Code != 1008 {
		t.Fatal(err)
	}
	short, stop := context.WithCancel(ctx)
	waiting := make(chan error, 1)
	payload := textOf(t, "wait")
	go func() {
		_, err := client.Request(short, payload)
		waiting <- err
	}()
	<-waits
	stop()
	if err := <-waiting; err != context.Canceled {
		t.Fatal(err)
	}
	// The answer to a PING arrives after the ERROR cancelled, which is not a message for the application.
	must(t, client.Send(ctx, Message{Kind: KindPing}))
	if message, err := client.Receive(ctx); err != nil || message.Kind != KindPong {
		t.Fatal(message, err)
	}
	if _, err := client.Request(ctx, textOf(t, "again")); err != nil {
		t.Fatal(err)
	}
	must(t, client.Close(ctx, CodeNormal))
	if ids := <-served; len(ids) != 1 || ids[0] != 3 {
		t.Fatal(ids)
	}
	if _, err := client.Request(ctx, payload); err == nil {
		t.Fatal("sent after CLOSE")
	}
}

func TestAnswerThatCrossesTheCancelIsDropped(t *testing.T) {
	near, far := streams(t)
	client, server := connections(t, near, far, NewHello())
	ctx := timeout(t)
	must(t, client.Send(ctx, Message{Kind: KindRequest, ID: 7}))
	must(t, client.Cancel(ctx, 7))
	if message, err := client.Receive(ctx); err != nil || message.Kind != KindError || message.Code != 4012 {
		t.Fatal(message, err)
	}
	received, err := server.Receive(ctx)
	must(t, err)
	must(t, server.Refuse(ctx, received, NewFault("policy", "")))
	must(t, server.Send(ctx, Message{Kind: KindReply, ID: 7}))
	if message, err := server.Receive(ctx); err != nil || message.Kind != KindCancel || message.ID != 7 {
		t.Fatal(message, err)
	}
	var refused *RefusedError
	if err := server.Send(ctx, Message{Kind: KindReply, ID: 7}); !errors.As(err, &refused) {
		t.Fatal(err)
	}
	if err := client.Cancel(ctx, 7); !errors.As(err, &refused) || refused.Fault.Name != "no-such-request" {
		t.Fatal(err)
	}
}
