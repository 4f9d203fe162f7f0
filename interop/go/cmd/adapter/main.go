// Command adapter answers the vectors: it reads one request per line and prints one answer per line (interop/README.md).
package main

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"strconv"
	"strings"

	"bookend.example/go/bookend"
)

func main() {
	input := bufio.NewReaderSize(os.Stdin, 1<<16)
	for {
		line, err := input.ReadString('\n')
		if err == io.EOF && line == "" {
			return
		}
		if err != nil && err != io.EOF {
			log.Fatal(err)
		}
		answer, err := answerTo(strings.Split(strings.TrimRight(line, "\r\n"), " "))
		if err != nil {
			answer = faultWord(err)
		}
		if _, err := os.Stdout.WriteString(answer + "\n"); err != nil {
			log.Fatal(err)
		}
	}
}

// answerTo answers a request. The error is the fault in the request's input.
func answerTo(words []string) (string, error) {
	switch words[0] {
	case "frame":
		return answerFrame(uint32(number(words[1], 32)), words[2], words[3]), nil
	case "encode":
		return "ok " + hexOf(frameOf(words[1:]).Append(nil)), nil
	case "text":
		return answerText(bookend.Encoding(number(words[1], 8)), octetsOf(words[2]))
	case "encode-text":
		payload, err := bookend.Text(string(octetsOf(words[2])), bookend.Encoding(number(words[1], 8)))
		return "ok " + hexOf(payload.Octets()), err
	case "hello":
		return answerHello(octetsOf(words[1]))
	case "message":
		return answerMessage(frameOf(words[1:]))
	case "query":
		return answerQuery(bookend.Binary(octetsOf(words[1])))
	case "page":
		return answerPage(bookend.Binary(octetsOf(words[1]))), nil
	case "session":
		return answerSession(words[1:])
	}
	log.Panicf("unknown request %q", words[0])
	return "", nil
}

func answerFrame(limit uint32, cut, octets string) string {
	decoder := bookend.NewDecoder(limit)
	var items []string
	for _, piece := range pieces(cut, octets) {
		decoder.Feed(piece)
		for {
			frame, complete, err := decoder.Next()
			if err != nil {
				return strings.Join(append(items, faultWord(err)), " ")
			}
			if !complete {
				break
			}
			items = append(items, fmt.Sprintf("%02x:%d:%s", uint8(frame.Kind), frame.Encoding, hexOf(frame.Body)))
		}
	}
	if decoder.Pending() > 0 {
		return strings.Join(append(items, "more"), " ")
	}
	return strings.Join(append(items, "end"), " ")
}

func answerText(encoding bookend.Encoding, octets []byte) (string, error) {
	payload, err := bookend.DecodePayload(octets, encoding)
	bom := "nobom"
	if payload.HadBOM() {
		bom = "bom"
	}
	return fmt.Sprintf("ok %s %s", hexOf([]byte(payload.Text())), bom), err
}

func answerHello(body []byte) (string, error) {
	hello, err := bookend.ParseHello(body)
	if err != nil {
		return "", err
	}
	wire, err := hello.Body()
	if err != nil {
		return "", err
	}
	features := 0
	if hello.Hub {
		features = 1
	}
	answer := fmt.Sprintf("ok major=1 minor=%d accepted=%02x preferred=%d max-body=%d keepalive=%d features=%d",
		hello.Minor, hello.Accepted, hello.Preferred, hello.MaxBody, hello.Keepalive, features)
	option := func(name, value string) {
		if value != "" {
			answer += " " + name + "=" + value
		}
	}
	option("name", hex.EncodeToString([]byte(hello.Name)))
	option("room", hex.EncodeToString([]byte(hello.Room)))
	option("token", hex.EncodeToString(hello.Token))
	if hello.Resume != nil {
		option("resume", fmt.Sprint(*hello.Resume))
	}
	option("software", hex.EncodeToString([]byte(hello.Software)))
	if hello.Client {
		option("client", "1")
	}
	if hello.Requests != nil {
		option("requests", fmt.Sprint(*hello.Requests))
	}
	return answer + " wire=" + hexOf(wire), nil
}

func answerMessage(frame bookend.Frame) (string, error) {
	message, is, err := bookend.ParseMessage(frame)
	if err != nil {
		return "", err
	}
	if !is {
		return "ignored", nil
	}
	again, err := message.ToFrame()
	wire := hexOf(again.Body)
	if err != nil { // in UTF-16, U+FFFE after a byte order mark may be received but not sent (R5.15)
		wire = faultWord(err)
	}
	return fmt.Sprintf("ok %v %s wire=%s", message.Kind, fieldsOf(message), wire), nil
}

func fieldsOf(m bookend.Message) string {
	payload := payloadOf(m.Payload)
	switch m.Kind {
	case bookend.KindRequest, bookend.KindReply:
		return fmt.Sprintf("id=%d payload=%s", m.ID, payload)
	case bookend.KindError:
		return fmt.Sprintf("id=%d frame=%d code=%d reason=%s", m.ID, m.Frame, m.Code, payload)
	case bookend.KindClose:
		return fmt.Sprintf("code=%d reason=%s", m.Code, payload)
	case bookend.KindWelcome:
		return fmt.Sprintf("member=%d seq=%d greeting=%s", m.Member, m.Seq, payload)
	case bookend.KindPresence:
		return fmt.Sprintf("member=%d event=%d name=%s", m.Member, uint8(m.Event), payload)
	case bookend.KindPost:
		return fmt.Sprintf("to=%d payload=%s", m.To, payload)
	case bookend.KindDelivery:
		return fmt.Sprintf("from=%d to=%d seq=%d time=%d name=%s payload=%s",
			m.From, m.To, m.Seq, m.Time, hexOf([]byte(m.Name)), payload)
	case bookend.KindGap:
		return fmt.Sprintf("missed=%d", m.Missed)
	case bookend.KindCancel:
		return fmt.Sprintf("id=%d", m.ID)
	}
	return "payload=" + payload
}

// payloadOf returns binary as it is, and text as UTF-8.
func payloadOf(payload bookend.Payload) string {
	if payload.IsText() {
		return hexOf([]byte(payload.Text()))
	}
	return hexOf(payload.Octets())
}

// faultWord returns `fault:NAME:OFFSET`, or `fault:NAME` if the fault has no offset.
func faultWord(err error) string {
	var fault *bookend.Fault
	if !errors.As(err, &fault) {
		log.Panic(err)
	}
	if fault.Offset < 0 {
		return "fault:" + fault.Name
	}
	return fmt.Sprintf("fault:%s:%d", fault.Name, fault.Offset)
}

// pieces splits the input: whole, or into single bytes.
func pieces(cut, word string) [][]byte {
	octets := octetsOf(word)
	if cut == "whole" {
		return [][]byte{octets}
	}
	var single [][]byte
	for at := range octets {
		single = append(single, octets[at:at+1])
	}
	return single
}

// frameOf returns the frame of the words KIND ENCODING BODY.
func frameOf(words []string) bookend.Frame {
	kind := octetsOf(words[0])[0]
	return bookend.Frame{Kind: bookend.Kind(kind), Encoding: bookend.Encoding(number(words[1], 8)), Body: octetsOf(words[2])}
}

func number(word string, bits int) uint64 {
	value, err := strconv.ParseUint(word, 10, bits)
	if err != nil {
		log.Panic(err)
	}
	return value
}

func octetsOf(word string) []byte {
	if word == "-" {
		return nil
	}
	octets, err := hex.DecodeString(word)
	if err != nil {
		log.Panic(err)
	}
	return octets
}

func hexOf(octets []byte) string {
	if len(octets) == 0 {
		return "-"
	}
	return hex.EncodeToString(octets)
}
