package bookend

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// The codes for closing without a fault; SPEC section 6 lists all codes.
const (
	CodeNormal    uint16 = 1000
	CodeGoingAway uint16 = 1001
)

const (
	maxWaiting  = 1 << 20 // bytes received and not yet taken by the application; beyond that, reading stops
	maxUnsent   = 1 << 16 // bytes queued for writing; beyond that, Send blocks
	maxAnswers  = 1 << 16 // bytes of the session's own frames queued for writing; beyond that, reading stops
	messageCost = 256     // memory for an empty message, in bytes
	pieceLength = 1 << 16 // bytes written at once
	stall       = 10 * time.Second
)

// Connection is a session that owns a net.Conn. Its methods may be called from any goroutine. Keep one goroutine calling
// Receive: the connection answers the peer's PINGs there.
type Connection struct {
	stream net.Conn
	origin time.Time

	mutex   sync.Mutex    // guards everything below
	changed chan struct{} // closed and replaced when anything has changed
	session *Session
	timer   *time.Timer

	inbox   []arrival
	waiting int      // bytes in inbox
	urgent  [][]byte // the session's own frames, and ERRORs; they overtake posted (R7.13)
	answers int      // bytes in urgent
	posted  [][]byte // the application's frames
	unsent  int      // bytes in urgent and posted, and in the frame that is being written

	isPaused   bool // reading has stopped
	pausedAt   time.Duration
	halfCloses bool // after everything queued is written
	broken     error

	calls         map[uint32]*call // requests of Request that are unanswered
	lastID        uint32
	unseenCancels map[uint32]int // id to number of CANCELs in inbox

	hasEnded bool
	err      error // why it ended
	isOver   bool  // the stream is closed
}

// arrival is an entry of the inbox: a message, an error that does not end the connection, or a PONG to send.
type arrival struct {
	message Message
	err     error
	pong    []byte
	cost    int
}

// Dial connects and exchanges HELLOs.
func Dial(ctx context.Context, network, address string, hello Hello) (*Connection, error) {
	stream, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return Connect(ctx, stream, hello)
}

// Connect exchanges HELLOs as the client over a stream, such as TLS. The connection owns the stream.
func Connect(ctx context.Context, stream net.Conn, hello Hello, agreed ...Kind) (*Connection, error) {
	return begin(ctx, stream, Client, hello, agreed)
}

// Accept exchanges HELLOs as the server over a stream. The connection owns the stream.
func Accept(ctx context.Context, stream net.Conn, hello Hello, agreed ...Kind) (*Connection, error) {
	return begin(ctx, stream, Server, hello, agreed)
}

func begin(ctx context.Context, stream net.Conn, role Role, hello Hello, agreed []Kind) (*Connection, error) {
	session, err := NewSession(role, hello, agreed...)
	if err != nil {
		stream.Close()
		return nil, err
	}
	c := &Connection{
		stream:        stream,
		origin:        time.Now(),
		changed:       make(chan struct{}),
		session:       session,
		calls:         map[uint32]*call{},
		unseenCancels: map[uint32]int{},
	}
	c.timer = time.AfterFunc(stall, c.onTime)
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.apply(session.Start(c.now()), false)
	c.settle()
	go c.readAll()
	go c.writeAll()
	// If the peer's HELLO is refused, this waits until the CLOSE is written (R7.7).
	for session.Peer() == nil && !c.isOver {
		if err := c.wait(ctx); err != nil {
			c.abort(err)
			return nil, err
		}
	}
	if session.Peer() == nil {
		return nil, c.ending()
	}
	return c, nil
}

// Peer returns the other side's HELLO. Do not modify it.
func (c *Connection) Peer() *Hello {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.session.Peer()
}

// HasHub reports whether the hub profile is in force (R9.1).
func (c *Connection) HasHub() bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.session.HasHub()
}

// Receive returns the next message. It returns io.EOF once either side has closed normally, and a *Fault or *PeerError if
// something else ended the connection. After an *UnreadableError, or when the context ends, the connection stays open.
func (c *Connection) Receive(ctx context.Context) (Message, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for {
		for len(c.inbox) > 0 {
			next := c.inbox[0]
			c.inbox[0] = arrival{}
			c.inbox = c.inbox[1:]
			c.waiting -= next.cost
			if next.pong != nil && c.session.IsOpen() {
				c.answer(next.pong)
			}
			if next.message.Kind == KindCancel {
				c.seeCancel(next.message.ID)
			}
			c.settle()
			if next.pong == nil {
				return next.message, next.err
			}
		}
		if c.hasEnded {
			return Message{}, c.ending()
		}
		if err := c.wait(ctx); err != nil {
			return Message{}, err
		}
	}
}

// Send sends a message. It blocks while too many bytes are queued because the peer does not read. On a *RefusedError or
// *Fault the message was not sent and the connection stays open. The answer to a REQUEST that the peer has cancelled is
// dropped until Receive has returned the CANCEL; after that it is refused.
func (c *Connection) Send(ctx context.Context, message Message) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if err := c.waitToSend(ctx); err != nil {
		return err
	}
	if (message.Kind == KindReply || message.Kind == KindError) && c.unseenCancels[message.ID] > 0 {
		return nil
	}
	return c.send(message)
}

// waitToSend waits while too many bytes are queued.
func (c *Connection) waitToSend(ctx context.Context) error {
	for c.session.IsOpen() && c.unsent >= maxUnsent && c.broken == nil {
		if err := c.wait(ctx); err != nil {
			return err
		}
	}
	return c.broken
}

func (c *Connection) send(message Message) error {
	actions, err := c.session.Send(message, c.now())
	if err != nil {
		return err
	}
	c.apply(actions, true)
	c.settle()
	return nil
}

// Post sends text in the encoding that the peer prefers, to a member of the room, or to everyone if to is 0.
func (c *Connection) Post(ctx context.Context, text string, to uint32) error {
	payload, err := TextFor(text, c.Peer().Preferred)
	if err != nil {
		return err
	}
	return c.PostPayload(ctx, payload, to)
}

// PostPayload sends a payload unchanged, to a member of the room, or to everyone if to is 0.
func (c *Connection) PostPayload(ctx context.Context, payload Payload, to uint32) error {
	message := Message{Kind: KindMessage, Payload: payload}
	if to != 0 || c.HasHub() {
		message = Message{Kind: KindPost, To: to, Payload: payload}
	}
	return c.Send(ctx, message)
}

// Refuse answers a received message with an ERROR. The fault must have a code in SPEC section 6.
func (c *Connection) Refuse(ctx context.Context, message Message, fault *Fault) error {
	code, known := fault.Code()
	if !known {
		return &RefusedError{NewFault("protocol-error", fault.Name+" has no code")}
	}
	answer := Message{Kind: KindError, Frame: message.Number, Code: code, Payload: reasonText(fault.Reason(), UTF8)}
	if message.Kind == KindRequest {
		answer.ID = message.ID
	}
	return c.Send(ctx, answer)
}

// Close sends CLOSE after everything queued, unless one was sent already, and waits until the stream is closed. If the
// context ends first, it closes the stream immediately.
func (c *Connection) Close(ctx context.Context, code uint16) error {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.apply(c.session.Close(code, c.now()), true)
	c.settle()
	for !c.isOver {
		if err := c.wait(ctx); err != nil {
			c.abort(err)
			return err
		}
	}
	return nil
}

// Background loops and timer. Everything below holds the mutex, except during the loops' I/O.

func (c *Connection) readAll() {
	buffer := make([]byte, pieceLength)
	for c.mayRead() {
		count, err := c.stream.Read(buffer)
		c.mutex.Lock()
		now := c.now()
		c.apply(c.session.Receive(buffer[:count], now), false)
		if err == io.EOF {
			c.apply(c.session.EndOfStream("", now), false)
		} else if err != nil {
			c.apply(c.session.EndOfStream(err.Error(), now), false)
		}
		c.settle()
		c.mutex.Unlock()
		if err != nil {
			return
		}
	}
}

// mayRead waits until there is room for more bytes. It returns false once the stream is closed.
func (c *Connection) mayRead() bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for c.session.IsOpen() && !c.isOver && (c.waiting >= maxWaiting || c.answers >= maxAnswers) {
		if !c.isPaused {
			c.isPaused, c.pausedAt = true, c.now()
		}
		_ = c.wait(context.Background()) // never cancelled
	}
	c.excuse()
	c.isPaused = false
	return !c.isOver
}

// excuse reports to the session how long reading was paused.
func (c *Connection) excuse() {
	if c.isPaused {
		now := c.now()
		c.session.Excuse(now - c.pausedAt)
		c.pausedAt = now
	}
}

func (c *Connection) writeAll() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for !c.isOver && c.broken == nil {
		frame := c.nextFrame()
		if frame == nil && c.halfCloses {
			c.closeWrite()
			return // nothing follows a CLOSE
		}
		if frame == nil {
			_ = c.wait(context.Background()) // never cancelled
			continue
		}
		for len(frame) > 0 && c.broken == nil {
			frame = frame[c.writePiece(frame):]
		}
		c.settle()
	}
}

// nextFrame removes the next queued frame, or returns nil if there is none.
func (c *Connection) nextFrame() []byte {
	queue := &c.posted
	if len(c.urgent) > 0 {
		queue = &c.urgent
		c.answers -= len(c.urgent[0])
	}
	if len(*queue) == 0 {
		return nil
	}
	frame := (*queue)[0]
	(*queue)[0] = nil
	*queue = (*queue)[1:]
	return frame
}

// writePiece writes a part of a frame without holding the mutex, and returns its length.
func (c *Connection) writePiece(frame []byte) int {
	if len(frame) > pieceLength {
		frame = frame[:pieceLength]
	}
	c.mutex.Unlock()
	// A stream without deadlines fails in Write, or needs none.
	_ = c.stream.SetWriteDeadline(time.Now().Add(stall))
	count, err := c.stream.Write(frame)
	c.mutex.Lock()
	c.unsent -= count
	if count > 0 {
		c.session.Wrote(c.now())
	}
	stalled := errors.Is(err, os.ErrDeadlineExceeded)
	if err != nil && !(stalled && count > 0) {
		c.giveUpWriting(err)
		if stalled {
			c.apply(c.session.Abort(NewFault("slow-consumer", "no progress for "+stall.String())), false)
		}
		c.settle()
	}
	return count
}

// closeWrite closes the sending direction, where the stream has two.
func (c *Connection) closeWrite() {
	if half, is := c.stream.(interface{ CloseWrite() error }); is {
		c.mutex.Unlock()
		_ = half.CloseWrite() // the reading goroutine sees any error of the stream
		c.mutex.Lock()
	}
}

// giveUpWriting drops everything queued. The peer's last messages can still be read.
func (c *Connection) giveUpWriting(err error) {
	c.broken = err
	c.urgent, c.posted, c.answers, c.unsent = nil, nil, 0, 0
}

func (c *Connection) onTime() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.isOver {
		return
	}
	c.excuse()
	c.apply(c.session.Tick(c.now()), false)
	c.settle()
}

// apply carries out the session's actions; isOwn is true if the application caused them.
func (c *Connection) apply(actions []Action, isOwn bool) {
	for _, action := range actions {
		switch {
		case action.Write != nil:
			c.write(action.Write, isOwn)
		case action.Deliver != nil:
			if c.answerCall(action.Deliver.ID, action.Deliver, nil) {
				continue
			}
			if action.Deliver.Kind == KindCancel {
				c.unseenCancels[action.Deliver.ID]++
			}
			cost := len(action.Frame.Body) + messageCost
			c.inbox = append(c.inbox, arrival{message: *action.Deliver, cost: cost})
			c.waiting += cost
		case action.Unreadable != nil:
			if c.answerCall(action.Unreadable.ID, nil, action.Unreadable) {
				continue
			}
			c.inbox = append(c.inbox, arrival{err: action.Unreadable, cost: messageCost})
			c.waiting += messageCost
		case action.HalfClose:
			c.halfCloses = true
			if !isOwn {
				c.dropPosted() // CLOSE does not wait for these frames, and nothing follows it
			}
		case action.End != "":
			c.hasEnded, c.err = true, action.Err
		}
	}
}

func (c *Connection) write(frame []byte, isOwn bool) {
	switch kind := FrameOf(frame).Kind; {
	case kind == KindPong:
		c.pong(frame)
	case isOwn && kind != KindError: // a PONG must not overtake it (R3.10)
		c.post(frame)
	default:
		c.answer(frame)
	}
}

// pong queues a PONG after the messages that came before its PING: it confirms that they were acted on (R3.10). Of several
// PONGs the last is enough (R3.9).
func (c *Connection) pong(frame []byte) {
	if last := len(c.inbox) - 1; last >= 0 && c.inbox[last].pong != nil {
		c.inbox[last].pong = frame
		return
	}
	c.inbox = append(c.inbox, arrival{pong: frame})
}

func (c *Connection) post(frame []byte) {
	if c.broken == nil {
		c.posted = append(c.posted, frame)
		c.unsent += len(frame)
	}
}

func (c *Connection) answer(frame []byte) {
	if c.broken == nil {
		c.urgent = append(c.urgent, frame)
		c.answers += len(frame)
		c.unsent += len(frame)
	}
}

func (c *Connection) dropPosted() {
	for _, frame := range c.posted {
		c.unsent -= len(frame)
	}
	c.posted = nil
}

// abort closes the stream immediately.
func (c *Connection) abort(err error) {
	c.giveUpWriting(err)
	c.apply(c.session.Abort(NewFault("no-close", err.Error())), false)
	c.settle()
}

// settle closes the stream if it is done, resets the timer and wakes all waiters. It runs after every change.
func (c *Connection) settle() {
	if !c.isOver && c.session.IsDone() && (c.broken != nil || c.unsent == 0) {
		c.isOver = true
		c.timer.Stop()
		c.stream.Close()
	}
	if at, is := c.session.Deadline(); is && !c.isOver {
		c.timer.Reset(at - c.now())
	}
	close(c.changed)
	c.changed = make(chan struct{})
}

// wait releases the mutex until something has changed.
func (c *Connection) wait(ctx context.Context) error {
	changed := c.changed
	c.mutex.Unlock()
	defer c.mutex.Lock()
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ending returns the error that ended the connection, or io.EOF.
func (c *Connection) ending() error {
	var peer *PeerError
	if c.err == nil || errors.As(c.err, &peer) && peer.Code == CodeNormal {
		return io.EOF
	}
	return c.err
}

func (c *Connection) now() time.Duration { return time.Since(c.origin) }
