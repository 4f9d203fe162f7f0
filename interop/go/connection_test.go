package bookend

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

func timeout(t *testing.T) context.Context {
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(stop)
	return ctx
}

// streams returns both ends of a connection over loopback.
func streams(t *testing.T) (net.Conn, net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

// connections returns a client and a server that have exchanged HELLOs over these streams.
func connections(t *testing.T, near, far net.Conn, wanted Hello) (*Connection, *Connection) {
	t.Helper()
	ctx := timeout(t)
	type result struct {
		server *Connection
		err    error
	}
	accepted := make(chan result, 1)
	go func() {
		server, err := Accept(ctx, far, wanted)
		accepted <- result{server, err}
	}()
	client, err := Connect(ctx, near, NewHello())
	if err != nil {
		t.Fatal(err)
	}
	other := <-accepted
	if other.err != nil {
		t.Fatal(other.err)
	}
	return client, other.server
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestTextArrivesInTheEncodingThatThePeerPrefers(t *testing.T) {
	near, far := streams(t)
	wanted := NewHello()
	wanted.Preferred = UTF16LE
	client, server := connections(t, near, far, wanted)
	ctx := timeout(t)
	must(t, client.Post(ctx, "grüß", 0))
	message, err := server.Receive(ctx)
	if err != nil || message.Payload.Text() != "grüß" || message.Payload.Encoding() != UTF16LE {
		t.Fatalf("%+v, %v", message, err)
	}
	must(t, client.Close(ctx, CodeNormal))
	if _, err := server.Receive(ctx); err != io.EOF {
		t.Fatal(err)
	}
	if _, err := client.Receive(ctx); err != io.EOF {
		t.Fatal(err)
	}
}

func TestQueuedMessagesAreDeliveredBeforeTheClose(t *testing.T) {
	near, far := net.Pipe() // unbuffered
	client, server := connections(t, near, far, NewHello())
	ctx := timeout(t)
	const count = 100
	go func() {
		for range [count]int{} {
			if client.PostPayload(ctx, Binary(make([]byte, 50_000)), 0) != nil {
				break
			}
		}
		client.Close(ctx, CodeGoingAway)
	}()
	got := 0
	for {
		_, err := server.Receive(ctx)
		var peer *PeerError
		if errors.As(err, &peer) && peer.Code == CodeGoingAway {
			break
		}
		must(t, err)
		got++
	}
	if got != count {
		t.Fatal(got)
	}
}

func TestPostToAMemberWithoutAHubIsRefused(t *testing.T) {
	near, far := streams(t)
	client, _ := connections(t, near, far, NewHello())
	var refused *RefusedError
	if err := client.Post(timeout(t), "psst", 7); !errors.As(err, &refused) {
		t.Fatal(err)
	}
}

func TestConnectionSurvivesACancelledContext(t *testing.T) {
	near, far := streams(t)
	client, server := connections(t, near, far, NewHello())
	over, stop := context.WithCancel(context.Background())
	stop()
	if _, err := server.Receive(over); err != context.Canceled {
		t.Fatal(err)
	}
	ctx := timeout(t)
	must(t, client.Post(ctx, "hi", 0))
	if message, err := server.Receive(ctx); err != nil || message.Payload.Text() != "hi" {
		t.Fatal(message, err)
	}
}

func TestPongIsSentOnceEarlierMessagesWereActedOn(t *testing.T) {
	near, far := streams(t)
	client, server := connections(t, near, far, NewHello())
	ctx := timeout(t)
	must(t, client.Post(ctx, "act on this", 0))
	must(t, client.Send(ctx, Message{Kind: KindPing}))
	message, err := server.Receive(ctx)
	must(t, err)
	// The PONG must follow this answer: it waits until the application calls Receive again.
	must(t, server.Refuse(ctx, message, NewFault("policy", "")))
	go server.Receive(ctx)
	for _, wanted := range []Kind{KindError, KindPong} {
		if message, err := client.Receive(ctx); err != nil || message.Kind != wanted {
			t.Fatalf("%+v, %v, wanted %v", message, err, wanted)
		}
	}
}

func TestReadingStopsWhenTheInboxIsFull(t *testing.T) {
	near, far := streams(t)
	client, server := connections(t, near, far, NewHello())
	ctx := timeout(t)
	sent := make(chan error, 1)
	const count = 400
	go func() {
		var err error
		for at := 0; at < count && err == nil; at++ {
			err = client.PostPayload(ctx, Binary(make([]byte, 50_000)), 0)
		}
		sent <- err
	}()
	for at := 0; at < count; at++ {
		_, err := server.Receive(ctx)
		must(t, err)
		server.mutex.Lock()
		waiting := server.waiting
		server.mutex.Unlock()
		if waiting > maxWaiting+2*pieceLength+messageCost {
			t.Fatalf("%d bytes wait", waiting)
		}
	}
	must(t, <-sent)
}

func TestOtherProtocolIsReportedAsBadStart(t *testing.T) {
	near, far := streams(t)
	_, err := near.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
	must(t, err)
	must(t, near.(*net.TCPConn).CloseWrite())
	_, err = Accept(timeout(t), far, NewHello())
	faultIs(t, err, "bad-start", 0)
	octets, err := io.ReadAll(near)
	must(t, err)
	close, _, err := ParseMessage(FrameOf(octets))
	if err != nil || close.Code != 4000 {
		t.Fatalf("%+v, %v", close, err)
	}
}

func TestStreamThatEndsWithoutCloseIsReported(t *testing.T) {
	near, far := streams(t)
	_, server := connections(t, near, far, NewHello())
	near.Close()
	_, err := server.Receive(timeout(t))
	faultIs(t, err, "no-close", -1)
}
