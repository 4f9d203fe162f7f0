package org.bookend;

/** Something that the driver must do for a session. */
public sealed interface Action {
    /** Write these bytes, one whole frame. */
    record Write(byte[] octets) implements Action {}

    /** Deliver a message to the application, with the number of its frame and the frame. */
    record Deliver(Message message, long number, Frame frame) implements Action {}

    /** Report that the answer to a request cannot be read. */
    record Unreadable(Fault.Unreadable fault) implements Action {}

    /** Close the sending direction after all writes, and keep reading. */
    record HalfClose() implements Action {}

    /** The session is over: the name of its first cause, and its fault, or null if this side closed without a fault. */
    record End(String cause, Fault fault) implements Action {}
}
