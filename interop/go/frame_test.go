package bookend

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

var hi = octets("f5f8020200000002" + "6869" + "f8f5")

func octets(text string) []byte {
	bytes, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		panic(err)
	}
	return bytes
}

// faultIs fails the test unless err is a fault with this name and offset.
func faultIs(t *testing.T, err error, name string, offset int64) {
	t.Helper()
	var fault *Fault
	if !errors.As(err, &fault) || fault.Name != name || fault.Offset != offset {
		t.Fatalf("found %#v, wanted %s at %d", err, name, offset)
	}
}

func TestFrameMatchesTheExampleOfSection2(t *testing.T) {
	if found := (Frame{KindMessage, UTF8, []byte("hi")}).Append(nil); !bytes.Equal(found, hi) {
		t.Fatalf("%x", found)
	}
}

func TestFramesDoNotDependOnHowTheStreamIsSplit(t *testing.T) {
	stream := bytes.Repeat(hi, 3)
	for first := 0; first <= len(stream); first++ {
		decoder := NewDecoder(2)
		var bodies []string
		for _, piece := range [][]byte{stream[:first], stream[first:]} {
			decoder.Feed(piece)
			for {
				frame, complete, err := decoder.Next()
				if err != nil {
					t.Fatal(err)
				}
				if !complete {
					break
				}
				bodies = append(bodies, string(frame.Body))
			}
		}
		if !reflect.DeepEqual(bodies, []string{"hi", "hi", "hi"}) || decoder.Pending() != 0 {
			t.Fatalf("split at %d: %q, %d pending", first, bodies, decoder.Pending())
		}
	}
}

func TestLengthOverLimitFailsBeforeBodyArrives(t *testing.T) {
	decoder := NewDecoder(1024)
	decoder.Feed(octets("f5f80202 00000401"))
	_, _, err := decoder.Next()
	faultIs(t, err, "too-long", 4)
}

func TestMemoryGrowsWithReceivedBytesNotWithAClaimedLength(t *testing.T) {
	decoder := NewDecoder(MaxLength)
	decoder.Feed(octets("f5f80202 7fffffff 00"))
	if _, complete, err := decoder.Next(); complete || err != nil {
		t.Fatal(complete, err)
	}
	if room := cap(decoder.buffer); room > 1<<16 {
		t.Fatalf("%d bytes for 9", room)
	}
}

func TestFaultIsSticky(t *testing.T) {
	decoder := NewDecoder(1024)
	decoder.Feed(append(append([]byte(nil), hi...), 'G'))
	if _, complete, err := decoder.Next(); !complete || err != nil {
		t.Fatal(complete, err)
	}
	for range [2]int{} {
		_, complete, err := decoder.Next()
		faultIs(t, err, "bad-start", int64(len(hi)))
		if complete {
			t.Fatal("a frame after a fault")
		}
		decoder.Feed(hi)
	}
}

func TestBodyIsASliceOfTheBuffer(t *testing.T) {
	decoder := NewDecoder(1 << 20)
	decoder.Feed(Frame{KindMessage, EncodingBinary, make([]byte, 1<<20)}.Append(nil))
	frame, complete, err := decoder.Next()
	if !complete || err != nil {
		t.Fatal(complete, err)
	}
	if &frame.Body[0] != &decoder.buffer[headerLength] {
		t.Fatal("a copy")
	}
}

func scanAll(stream []byte, limit uint32) (bodies []string, err error) {
	scanner := bufio.NewScanner(iotest.OneByteReader(bytes.NewReader(stream)))
	scanner.Buffer(nil, int(limit)+Overhead)
	scanner.Split(SplitFrames(limit))
	for scanner.Scan() {
		bodies = append(bodies, string(FrameOf(scanner.Bytes()).Body))
	}
	return bodies, scanner.Err()
}

func TestScannerSplitsFrames(t *testing.T) {
	bodies, err := scanAll(bytes.Repeat(hi, 2), 2)
	if err != nil || !reflect.DeepEqual(bodies, []string{"hi", "hi"}) {
		t.Fatal(bodies, err)
	}
}

func TestScannerReportsFaultsAtTheirOffsetInTheStream(t *testing.T) {
	_, err := scanAll(append(append([]byte(nil), hi...), octets("f5f8020200000002 6869 f800")...), 2)
	faultIs(t, err, "bad-end", 12+11)
	_, err = scanAll(append(append([]byte(nil), hi...), octets("f5f8020200000003")...), 2)
	faultIs(t, err, "too-long", 12+4)
	bodies, err := scanAll(append(append([]byte(nil), hi...), hi[:9]...), 2)
	faultIs(t, err, "truncated", -1)
	if len(bodies) != 1 {
		t.Fatal(bodies)
	}
}
