package bookend_test

import (
	"context"
	"fmt"
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

func TestReadmeShowsThisExample(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	source, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, block, found := strings.Cut(string(readme), "```go\n")
	block, _, _ = strings.Cut(block, "```")
	indented := "\t" + strings.ReplaceAll(strings.TrimSuffix(block, "\n"), "\n", "\n\t") + "\n"
	if !found || !strings.Contains(string(source), indented) {
		t.Fatalf("not in the example:\n%s", block)
	}
}
