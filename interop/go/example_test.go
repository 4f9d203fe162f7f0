package bookend_test

import (
	"context"
	"fmt"
	"log"
	"net"
	"os"
	"strings"
	"testing"

	"bookend.example/go/bookend"
)

// README.md shows the body of this function.
func ExampleDial() {
	ctx := context.Background()
	hello := bookend.NewHello()
	hello.Hub, hello.Name, hello.Room = true, "ann", "kitchen"
	connection, err := bookend.Dial(ctx, "tcp", "127.0.0.1:3990", hello)
	for err == nil {
		var message bookend.Message
		message, err = connection.Receive(ctx) // io.EOF once either side has closed normally
		switch message.Kind {
		case bookend.KindWelcome:
			err = connection.Post(ctx, "grüß Gott", 0)
		case bookend.KindDelivery:
			fmt.Println(bookend.Printable(message.Name + ": " + message.Payload.Text()))
		}
	}
}

// README.md shows the body of this function from its second line on.
func ExampleConnect_privateKind() {
	ctx, address := context.Background(), echoing()
	const drawing = bookend.FirstPrivate // C0
	stream, err := net.Dial("tcp", address)
	if err != nil {
		log.Fatal(err)
	}
	connection, err := bookend.Connect(ctx, stream, bookend.NewHello(), drawing)
	if err != nil {
		log.Fatal(err)
	}
	text, err := bookend.Text("circle 10 10 5", bookend.UTF8) // or Binary: any payload of a MESSAGE
	if err == nil {
		err = connection.Send(ctx, bookend.Message{Kind: drawing, Payload: text})
	}
	for err == nil {
		var message bookend.Message
		message, err = connection.Receive(ctx)
		if message.Kind == drawing {
			fmt.Println(message.Payload.Text())
		}
	}
	// Output: circle 10 10 5
}

// echoing returns the address of a server that sends one message of a private kind back and closes.
func echoing() string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	go func() {
		defer listener.Close()
		stream, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		ctx := context.Background()
		peer, err := bookend.Accept(ctx, stream, bookend.NewHello(), bookend.FirstPrivate)
		if err != nil {
			log.Fatal(err)
		}
		message, err := peer.Receive(ctx)
		if err == nil {
			err = peer.Send(ctx, message)
		}
		if err == nil {
			err = peer.Close(ctx, bookend.CodeNormal)
		}
		if err != nil {
			log.Fatal(err)
		}
	}()
	return listener.Addr().String()
}

func TestReadmeShowsTheseExamples(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(readme), "```go\n")[1:]
	found := 0
	for _, block := range blocks {
		block, _, _ = strings.Cut(block, "```")
		indented := "\t" + strings.ReplaceAll(strings.TrimSuffix(block, "\n"), "\n", "\n\t") + "\n"
		if strings.Contains(string(source), indented) {
			found++
		} else if !strings.Contains(block, "bufio") {
			t.Errorf("not in the examples:\n%s", block)
		}
	}
	if found != 2 {
		t.Errorf("%d examples", found)
	}
}
