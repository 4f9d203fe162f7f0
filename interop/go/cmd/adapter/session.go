package main

import (
	"errors"
	"fmt"
	"log"
	"strings"
	"time"

	"bookend.example/go/bookend"
)

// answerSession answers the words ROLE CUT HELLO STEP…
func answerSession(words []string) (string, error) {
	hello, err := bookend.ParseHello(octetsOf(words[2]))
	if err != nil {
		return "", err
	}
	role := bookend.Server
	if words[0] == "client" {
		role = bookend.Client
	}
	steps := words[3:]
	var agreed []bookend.Kind
	for kind := bookend.FirstPrivate; kind <= bookend.LastPrivate && contains(steps, "agree"); kind++ {
		agreed = append(agreed, kind)
	}
	session, err := bookend.NewSession(role, hello, agreed...)
	if err != nil {
		return "", err
	}
	now := time.Duration(0)
	answers := []string{show(session.Start(now))}
	for _, step := range steps {
		parts := strings.Split(step, ":")
		if parts[0] == "time" {
			now = time.Duration(number(parts[1], 48)) * time.Millisecond
		}
		answers = append(answers, take(session, parts, words[1], now))
	}
	return strings.Join(answers, " "), nil
}

func contains(words []string, word string) bool {
	for _, it := range words {
		if it == word {
			return true
		}
	}
	return false
}

func take(session *bookend.Session, step []string, cut string, now time.Duration) string {
	switch step[0] {
	case "agree":
		return "-"
	case "recv":
		var items []string
		for _, piece := range pieces(cut, step[1]) {
			if shown := show(session.Receive(piece, now)); shown != "-" {
				items = append(items, shown)
			}
		}
		return list(items)
	case "time":
		return show(session.Tick(now))
	case "eof":
		return show(session.EndOfStream("", now))
	case "send":
		return send(session, frameOf(step[1:]), now)
	case "close":
		return show(session.Close(uint16(number(step[1], 16)), now))
	}
	log.Panicf("unknown step %q", step[0])
	return ""
}

// reasonAt is the length of the fixed part, before the reason.
var reasonAt = map[bookend.Kind]int{bookend.KindError: 10, bookend.KindClose: 2}

func send(session *bookend.Session, frame bookend.Frame, now time.Duration) string {
	message, err := toSend(frame)
	var actions []bookend.Action
	if err == nil {
		actions, err = session.Send(message, now)
	}
	var fault *bookend.Fault
	if errors.As(err, &fault) {
		return "refused:" + fault.Name
	}
	return "sent=" + hexOf(actions[0].Write)
}

// toSend returns the message that an application would send. One of a kind that is not one of messages has no fields.
func toSend(frame bookend.Frame) (bookend.Message, error) {
	if at, is := reasonAt[frame.Kind]; is && len(frame.Body) >= at {
		// A bad reason that arrives is taken as empty instead (R3.21).
		if _, err := bookend.DecodePayload(frame.Body[at:], frame.Encoding); err != nil {
			return bookend.Message{}, err
		}
	}
	message, is, err := bookend.ParseMessage(frame, frame.Kind)
	var fault *bookend.Fault
	if !is && (err == nil || errors.As(err, &fault) && fault.Name == "unknown-kind") {
		return bookend.Message{Kind: frame.Kind}, nil
	}
	return message, err
}

// show lists the actions in order. Written frames are decoded from their bytes.
func show(actions []bookend.Action) string {
	var items []string
	for _, action := range actions {
		switch {
		case action.Write != nil:
			items = append(items, showSent(bookend.FrameOf(action.Write))+"="+hexOf(action.Write))
		case action.Deliver != nil && action.Deliver.Kind != bookend.KindPong:
			items = append(items, fmt.Sprintf("got:%02x:%s", uint8(action.Frame.Kind), hexOf(action.Frame.Body)))
		case action.End != "":
			items = append(items, "end:"+action.End)
		}
	}
	return list(items)
}

func showSent(frame bookend.Frame) string {
	if frame.Kind == bookend.KindHello {
		return "hello"
	}
	m, _, err := bookend.ParseMessage(frame)
	if err != nil {
		log.Panic(err)
	}
	switch m.Kind {
	case bookend.KindPing:
		return "ping"
	case bookend.KindPong:
		return "pong:" + hexOf(m.Payload.Octets())
	}
	name, _, _ := strings.Cut(m.Payload.Text(), ":")
	if name == "" {
		name = "-"
	}
	if m.Kind == bookend.KindError {
		return fmt.Sprintf("error:%d:%d:%d:%s", m.ID, m.Frame, m.Code, name)
	}
	return fmt.Sprintf("close:%d:%s", m.Code, name)
}

func list(items []string) string {
	if len(items) == 0 {
		return "-"
	}
	return strings.Join(items, ",")
}
