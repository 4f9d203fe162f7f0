package bookend

import "context"

// call is a REQUEST that Request sent and whose answer has not arrived.
type call struct {
	isAnswered bool
	payload    Payload
	err        error
}

// Request sends a REQUEST and returns the payload of its REPLY. If the context ends first, it sends a CANCEL. The error is a
// *PeerError if an ERROR answers the request, an *UnreadableError, the context's error, or as for Send and Receive.
//
// Some goroutine must call Receive: while too many messages wait for it, nothing is read, not even the REPLY.
func (c *Connection) Request(ctx context.Context, payload Payload) (Payload, error) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if err := ctx.Err(); err != nil {
		return Payload{}, err
	}
	if err := c.waitToSend(ctx); err != nil {
		return Payload{}, err
	}
	id := c.nextID()
	if err := c.send(Message{Kind: KindRequest, ID: id, Payload: payload}); err != nil {
		return Payload{}, err
	}
	waiting := &call{}
	c.calls[id] = waiting
	for !waiting.isAnswered {
		if c.hasEnded {
			return Payload{}, c.ending()
		}
		if err := c.wait(ctx); err != nil && !waiting.isAnswered {
			_ = c.send(Message{Kind: KindCancel, ID: id}) // refused only if the session is no longer open
			return Payload{}, err
		}
	}
	return waiting.payload, waiting.err
}

// Cancel sends a CANCEL for a REQUEST that Send sent: its answer, which may be an ERROR cancelled, still arrives. A
// *RefusedError no-such-request means that the REQUEST is not unanswered.
func (c *Connection) Cancel(ctx context.Context, id uint32) error {
	return c.Send(ctx, Message{Kind: KindCancel, ID: id})
}

// nextID returns an id that no unanswered request has.
func (c *Connection) nextID() uint32 {
	for {
		c.lastID++
		if c.lastID != 0 && !c.session.IsUnanswered(c.lastID) {
			return c.lastID
		}
	}
}

// answerCall gives an answer, a message or an error, to the call with this id. It returns false if there is none.
func (c *Connection) answerCall(id uint32, message *Message, err error) bool {
	waiting, is := c.calls[id]
	if !is || message != nil && message.Kind != KindReply && message.Kind != KindError {
		return false
	}
	delete(c.calls, id)
	waiting.isAnswered, waiting.err = true, err
	if message != nil && message.Kind == KindError {
		waiting.err = &PeerError{message.Code, message.Payload.text}
	} else if message != nil {
		waiting.payload = message.Payload
	}
	return true
}

// seeCancel records that the application knows of a CANCEL.
func (c *Connection) seeCancel(id uint32) {
	c.unseenCancels[id]--
	if c.unseenCancels[id] == 0 {
		delete(c.unseenCancels, id)
	}
}
