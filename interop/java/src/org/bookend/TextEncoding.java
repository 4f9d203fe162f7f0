package org.bookend;

import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;

/** The fourth byte of a header: how a payload's text is encoded. */
public enum TextEncoding {
    BINARY(null),
    ASCII(StandardCharsets.US_ASCII),
    UTF_8(StandardCharsets.UTF_8),
    // The charset UTF_16 would choose its byte order by a byte order mark.
    UTF_16BE(StandardCharsets.UTF_16BE),
    UTF_16LE(StandardCharsets.UTF_16LE);

    final Charset charset;

    TextEncoding(Charset charset) {
        this.charset = charset;
    }

    /** The encoding with a number from 0 to 4. */
    public static TextEncoding of(int number) {
        return values()[number];
    }

    boolean isUtf16() {
        return this == UTF_16BE || this == UTF_16LE;
    }
}
