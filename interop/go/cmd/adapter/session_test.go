package main

import (
	"strings"
	"testing"
)

const (
	hello     = "424b4e440d0a1a0aff110d0001001f000010000000000000"
	helloSent = "f5f8010000000018" + hello + "f8f5"
)

func TestSessionShowsEachFrameThatItsSideSent(t *testing.T) {
	for steps, wanted := range map[string]string{
		"recv:" + helloSent: "- hello=" + helloSent,
		"recv:" + helloSent + " send:02:2:efbbbf6869 close:1000": "- hello=" + helloSent +
			" sent=f5f80202000000026869f8f5 close:1000:normal=f5f808010000000803e86e6f726d616cf8f5",
		"recv:" + helloSent + " recv:f5f8060000000000f8f5": "- hello=" + helloSent + " pong:-=f5f8070000000000f8f5",
		// The form of a message is checked before the state, the state before the kind.
		"send:06:2:- send:05:2:00000000000000000000ff send:20:2:ff send:07:0:-": "- refused:malformed refused:bad-text" +
			" refused:not-open refused:not-open",
		"recv:" + helloSent + " send:01:4:ff send:07:0:- send:08:1:03e8 send:20:2:ff": "- hello=" + helloSent +
			strings.Repeat(" refused:unexpected-kind", 3) + " refused:unknown-kind",
		"send:07:4:- send:08:1:03 send:08:2:03e8ff":                "- refused:malformed refused:malformed refused:bad-text",
		"agree recv:" + helloSent + " recv:f5f8ef000000000131f8f5": "- - hello=" + helloSent + " got:ef:31",
		"recv:" + helloSent + " recv:f5f8ef000000000131f8f5":       "- hello=" + helloSent + " -",
	} {
		words := append([]string{"session", "server", "whole", hello}, strings.Split(steps, " ")...)
		answer, err := answerTo(words)
		if err != nil || answer != wanted {
			t.Errorf("%s\n%s, %v\nwanted %s", steps, answer, err, wanted)
		}
	}
}
