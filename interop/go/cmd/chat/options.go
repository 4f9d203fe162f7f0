package main

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"bookend.example/go/bookend"
)

const usage = "usage: chat HOST:PORT [--name NAME] [--room ROOM] [--encoding as-sent|ascii|utf-8|utf-16be|utf-16le] " +
	"[--count N] [--json] [--send-hex ENC HEX]..."

const unlimited = -1

// options are the values of the command line.
type options struct {
	address string
	hello   bookend.Hello
	count   int // messages to receive before leaving
	json    bool
	sends   []bookend.Payload // posted once joined
}

var preferences = map[string]bookend.Encoding{
	"as-sent": bookend.EncodingBinary, "ascii": bookend.ASCII, "utf-8": bookend.UTF8,
	"utf-16be": bookend.UTF16BE, "utf-16le": bookend.UTF16LE,
}

func readOptions(words []string) (options, error) {
	o := options{hello: bookend.NewHello(), count: unlimited}
	o.hello.Hub = true
	o.hello.Preferred = bookend.UTF8
	o.hello.Software = "bookend-go 0.1.0"
	for len(words) > 0 {
		word := words[0]
		values := 1
		switch word {
		case "--json":
			values = 0
		case "--send-hex":
			values = 2
		case "--name", "--room", "--encoding", "--count":
		default:
			words = append([]string{"address"}, words...)
			word = "address"
		}
		if len(words) <= values {
			return o, fmt.Errorf("%s needs a value", word)
		}
		if err := o.set(word, words[1:1+values]); err != nil {
			return o, err
		}
		words = words[1+values:]
	}
	if o.address == "" {
		return o, fmt.Errorf("the address of the hub is missing: give HOST:PORT")
	}
	_, err := o.hello.Body()
	return o, err
}

func (o *options) set(name string, values []string) (err error) {
	switch name {
	case "--name":
		o.hello.Name = values[0]
	case "--room":
		o.hello.Room = values[0]
	case "--json":
		o.json = true
	case "--encoding":
		preferred, known := preferences[values[0]]
		if !known {
			return fmt.Errorf("--encoding: unknown encoding %q", values[0])
		}
		o.hello.Preferred = preferred
	case "--count":
		if o.count, err = strconv.Atoi(values[0]); err != nil || o.count < 1 {
			return fmt.Errorf("--count: %q is not a number from 1", values[0])
		}
	case "--send-hex":
		return o.addHex(values[0], values[1])
	default:
		if o.address != "" || strings.HasPrefix(values[0], "-") {
			return fmt.Errorf("unexpected argument %q", values[0])
		}
		o.address = values[0]
	}
	return nil
}

func (o *options) addHex(number, octets string) error {
	encoding, err := strconv.ParseUint(number, 10, 8)
	if err != nil || bookend.Encoding(encoding) > bookend.UTF16LE {
		return fmt.Errorf("--send-hex: %q is not an encoding from 0 to 4", number)
	}
	body, err := hex.DecodeString(octets)
	if err != nil {
		return fmt.Errorf("--send-hex: %q is not hex", octets)
	}
	payload, err := bookend.DecodePayload(body, bookend.Encoding(encoding))
	o.sends = append(o.sends, payload)
	return err
}
