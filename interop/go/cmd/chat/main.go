// Command chat talks over a hub, on standard input and output. Each line of input is posted to the room, `/to ID text`
// to one member; what arrives is printed, one line each.
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

	"bookend"
)

const maxLine = 1 << 20 // bytes of a line of input

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
		complain(fmt.Errorf("%s: %w", options.address, err))
		os.Exit(1)
	}
	chat := &chat{options: options, connection: connection}
	if err := chat.run(ctx); err != nil && err != io.EOF {
		chat.complain(err)
	}
	stop() // a second interrupt ends at once
	if err := connection.Close(context.Background(), bookend.CodeNormal); err != nil {
		chat.complain(err)
	}
	if chat.hasComplained.Load() {
		os.Exit(1)
	}
}

// chat is what to print and what to post.
type chat struct {
	options       options
	connection    *bookend.Connection
	member        uint32
	count         int // of deliveries
	hasComplained atomic.Bool
}

// run returns when all that was asked for has been done, or the connection or the context is over.
func (c *chat) run(ctx context.Context) error {
	if !c.connection.HasHub() {
		go c.speak(ctx)
	}
	for {
		message, err := c.connection.Receive(ctx)
		if err != nil {
			return err
		}
		switch message.Kind {
		case bookend.KindWelcome:
			c.member = message.Member
			go c.speak(ctx)
		case bookend.KindError:
			c.complain(&bookend.PeerError{Code: message.Code, Reason: message.Payload.Text()})
		case bookend.KindRequest:
			nobody := bookend.NewFault("policy", "a person sits here, who answers no requests")
			if err := c.connection.Refuse(ctx, message, nobody); err != nil {
				return err
			}
		case bookend.KindPong:
			return nil // everything that was said has been acted on
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

// speak posts what the command line gives, and then each line of input; behind the last one it asks whether all was
// acted on, unless so many deliveries are waited for.
func (c *chat) speak(ctx context.Context) {
	for _, payload := range c.options.sends {
		if err := c.connection.PostPayload(ctx, payload, 0); err != nil {
			c.complain(err)
		}
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		if err := c.say(ctx, lines.Text()); err != nil {
			c.complain(err)
		}
	}
	if err := lines.Err(); err != nil {
		c.complain(fmt.Errorf("standard input: %w", err))
	}
	if c.options.count == unlimited {
		// If this fails, Receive says why.
		_ = c.connection.Send(ctx, bookend.Message{Kind: bookend.KindPing})
	}
}

func (c *chat) say(ctx context.Context, line string) error {
	if !strings.HasPrefix(line, "/to ") {
		return c.connection.Post(ctx, line, 0)
	}
	words := strings.SplitN(line, " ", 3)
	to, err := strconv.ParseUint(words[1], 10, 32)
	if err != nil || to == 0 || len(words) < 3 {
		return errors.New("say /to ID text, ID being a member's number")
	}
	return c.connection.Post(ctx, words[2], uint32(to))
}

func (c *chat) complain(err error) {
	c.hasComplained.Store(true)
	complain(err)
}

func complain(err error) { fmt.Fprintln(os.Stderr, bookend.Printable(err.Error())) }
