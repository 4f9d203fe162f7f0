package bookend;

/** What a session wants done, in order. */
public sealed interface Action {
    /** Send these bytes, one whole frame. */
    record Write(byte[] octets) implements Action {}

    /** A message for the application, the number of its frame, and the frame. */
    record Deliver(Message message, long number, Frame frame) implements Action {}

    /** The answer to this request came and cannot be read. */
    record Unreadable(Fault.Unreadable fault) implements Action {}

    /** Close the sending direction behind all that is written, and read on. */
    record HalfClose() implements Action {}

    /** The session is over: the first cause by name, and the fault behind it, or null if this side closed of its own will. */
    record End(String cause, Fault fault) implements Action {}
}
