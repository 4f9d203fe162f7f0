package org.bookend;

import java.nio.ByteBuffer;

/** One unit on the wire (SPEC section 2). */
public record Frame(int kind, TextEncoding encoding, byte[] body) {
    public static final int HEADER_LENGTH = 8;
    public static final int MAX_LENGTH = Integer.MAX_VALUE;
    static final byte[] START = {(byte) 0xF5, (byte) 0xF8};
    static final byte[] END = {(byte) 0xF8, (byte) 0xF5};

    /** The bytes of the frame. */
    public byte[] encode() {
        return ByteBuffer.allocate(HEADER_LENGTH + body.length + END.length)
                .put(START)
                .put((byte) kind)
                .put((byte) encoding.ordinal())
                .putInt(body.length)
                .put(body)
                .put(END)
                .array();
    }
}
