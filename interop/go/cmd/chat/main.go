// Command chat is a chat client of a hub on standard input and output. It posts each line of input to the room, or to one
// member with `/to ID text`, and prints each message on one line.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync/atomic"

	"bookend.example/go/bookend"
)

const maxLine = 1 << 20 // longest line of input, in bytes

func main() {
	options, err := readOptions(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, bookend.Printable(err.Error()))
		fmt.Fprintln(os.Stderr, usage)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	connection, err := bookend.Dial(ctx, "tcp", options.address, options.hello)
	if err != nil {
		report(fmt.Errorf("%s: %w", options.address, err))
		os.Exit(1)
	}
	chat := &chat{options: options, connection: connection}
	if err := chat.run(ctx); err != nil && err != io.EOF {
		chat.report(err)
	}
	stop() // a second interrupt kills the program
	if err := connection.Close(context.Background(), bookend.CodeNormal); err != nil {
		chat.report(err)
	}
	if chat.hasFailed.Load() {
		os.Exit(1)
	}
}

// chat is the state of the program.
type chat struct {
	options    options
	connection *bookend.Connection
	member     uint32
	count      int // of deliveries
	hasFailed  atomic.Bool
}

// run returns once everything is sent and confirmed, --count messages have arrived, or the connection or context ends.
func (c *chat) run(ctx context.Context) error {
	if !c.connection.HasHub() {
		go c.postAll(ctx)
	}
	for {
		message, err := c.connection.Receive(ctx)
		if err != nil {
			return err
		}
		switch message.Kind {
		case bookend.KindWelcome:
			c.member = message.Member
			go c.postAll(ctx)
		case bookend.KindError:
			c.report(&bookend.PeerError{Code: message.Code, Reason: message.Payload.Text()})
		case bookend.KindRequest:
			fault := bookend.NewFault("policy", "this is a chat client, which answers no requests")
			if err := c.connection.Refuse(ctx, message, fault); err != nil {
				return err
			}
		case bookend.KindPong:
			return nil // the peer has acted on everything that was sent
		}
		if err := c.show(message); err != nil {
			return err
		}
		if message.Kind == bookend.KindDelivery || message.Kind == bookend.KindMessage {
			c.count++
		}
		if c.count == c.options.count {
			return nil
		}
	}
}

func (c *chat) show(message bookend.Message) error {
	line := plain(message, c.member)
	if c.options.json {
		line = asJSON(message)
	}
	if line == "" {
		return nil
	}
	_, err := os.Stdout.WriteString(line + "\n")
	return err
}

// postAll posts the payloads of the command line and then each line of input. Afterwards it sends a PING to confirm them,
// unless --count is given.
func (c *chat) postAll(ctx context.Context) {
	for _, payload := range c.options.sends {
		if err := c.connection.PostPayload(ctx, payload, 0); err != nil {
			c.report(err)
		}
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		if err := c.postLine(ctx, lines.Text()); err != nil {
			c.report(err)
		}
	}
	if err := lines.Err(); err != nil {
		c.report(fmt.Errorf("standard input: %w", err))
	}
	if c.options.count == unlimited {
		// If this fails, Receive returns the cause.
		_ = c.connection.Send(ctx, bookend.Message{Kind: bookend.KindPing})
	}
}

func (c *chat) postLine(ctx context.Context, line string) error {
	if !strings.HasPrefix(line, "/to ") {
		return c.connection.Post(ctx, line, 0)
	}
	words := strings.SplitN(line, " ", 3)
	to, err := strconv.ParseUint(words[1], 10, 32)
	if err != nil || to == 0 || len(words) < 3 {
		return errors.New("write /to ID text, where ID is a member's number")
	}
	return c.connection.Post(ctx, words[2], uint32(to))
}

func (c *chat) report(err error) {
	c.hasFailed.Store(true)
	report(err)
}

func report(err error) { fmt.Fprintln(os.Stderr, bookend.Printable(err.Error())) }
