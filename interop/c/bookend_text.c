/* Text: section 5 of SPEC.md. Everything builds on reading and writing one character. */
#include "bookend.h"

#include <string.h>

static bool is_surrogate(uint32_t unit) {
    return unit >= 0xD800 && unit <= 0xDFFF;
}

static uint32_t unit_at(uint8_t encoding, const uint8_t *text) {
    return encoding == BOOKEND_UTF16BE ? ((uint32_t)text[0] << 8) | text[1] : ((uint32_t)text[1] << 8) | text[0];
}

static size_t next_utf8(const uint8_t *text, size_t length, uint32_t *scalar) {
    /* The second byte alone reveals overlong forms, surrogates and values above U+10FFFF. */
    uint8_t first = text[0], low = 0x80, high = 0xBF;
    uint32_t value;
    size_t bytes, i;

    if (first < 0x80) {
        *scalar = first;
        return 1;
    }
    if (first < 0xC2 || first > 0xF4) return 0;
    bytes = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (length < bytes) return 0;
    if (first == 0xE0) low = 0xA0;
    if (first == 0xED) high = 0x9F;
    if (first == 0xF0) low = 0x90;
    if (first == 0xF4) high = 0x8F;

    value = first & (0x7Fu >> bytes);
    for (i = 1; i < bytes; i++) {
        if (text[i] < low || text[i] > high) return 0;
        low = 0x80;
        high = 0xBF;
        value = (value << 6) | (text[i] & 0x3Fu);
    }
    *scalar = value;
    return bytes;
}

static size_t next_utf16(uint8_t encoding, const uint8_t *text, size_t length, uint32_t *scalar) {
    uint32_t high, low;

    if (length < 2) return 0;
    high = unit_at(encoding, text);
    if (!is_surrogate(high)) {
        *scalar = high;
        return 2;
    }
    if (high >= 0xDC00 || length < 4) return 0;
    low = unit_at(encoding, text + 2);
    if (low < 0xDC00 || low > 0xDFFF) return 0;
    *scalar = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
    return 4;
}

size_t bookend_text_next(uint8_t encoding, const uint8_t *text, size_t length, uint32_t *scalar) {
    if (length == 0) return 0;
    switch (encoding) {
    case BOOKEND_ASCII:
        *scalar = text[0];
        return text[0] < 0x80 ? 1 : 0;
    case BOOKEND_UTF8: return next_utf8(text, length, scalar);
    case BOOKEND_UTF16BE:
    case BOOKEND_UTF16LE: return next_utf16(encoding, text, length, scalar);
    default: return 0;
    }
}

static size_t put_utf8(uint32_t scalar, uint8_t out[4]) {
    if (scalar < 0x80) {
        out[0] = (uint8_t)scalar;
        return 1;
    }
    if (scalar < 0x800) {
        out[0] = (uint8_t)(0xC0 | (scalar >> 6));
        out[1] = (uint8_t)(0x80 | (scalar & 0x3F));
        return 2;
    }
    if (scalar < 0x10000) {
        out[0] = (uint8_t)(0xE0 | (scalar >> 12));
        out[1] = (uint8_t)(0x80 | ((scalar >> 6) & 0x3F));
        out[2] = (uint8_t)(0x80 | (scalar & 0x3F));
        return 3;
    }
    out[0] = (uint8_t)(0xF0 | (scalar >> 18));
    out[1] = (uint8_t)(0x80 | ((scalar >> 12) & 0x3F));
    out[2] = (uint8_t)(0x80 | ((scalar >> 6) & 0x3F));
    out[3] = (uint8_t)(0x80 | (scalar & 0x3F));
    return 4;
}

static void put_unit(uint8_t encoding, uint32_t unit, uint8_t *out) {
    out[encoding == BOOKEND_UTF16BE ? 0 : 1] = (uint8_t)(unit >> 8);
    out[encoding == BOOKEND_UTF16BE ? 1 : 0] = (uint8_t)unit;
}

size_t bookend_text_put(uint8_t encoding, uint32_t scalar, uint8_t out[4]) {
    if (is_surrogate(scalar) || scalar > 0x10FFFF) return 0;
    switch (encoding) {
    case BOOKEND_ASCII:
        out[0] = (uint8_t)scalar;
        return scalar < 0x80 ? 1 : 0;
    case BOOKEND_UTF8: return put_utf8(scalar, out);
    case BOOKEND_UTF16BE:
    case BOOKEND_UTF16LE:
        if (scalar < 0x10000) {
            put_unit(encoding, scalar, out);
            return 2;
        }
        put_unit(encoding, 0xD800 + ((scalar - 0x10000) >> 10), out);
        put_unit(encoding, 0xDC00 + ((scalar - 0x10000) & 0x3FF), out + 2);
        return 4;
    default: return 0;
    }
}

size_t bookend_text_bom(uint8_t encoding, const uint8_t *text, size_t length) {
    uint32_t first = 0;
    size_t bytes;

    if (encoding == BOOKEND_ASCII) return 0;
    bytes = bookend_text_next(encoding, text, length, &first);
    return bytes > 0 && first == 0xFEFF ? bytes : 0;
}

/* A leading U+FFFE is the byte order mark of the other order (R5.7). */
static bool has_other_bom(uint8_t encoding, const uint8_t *text, size_t length) {
    return (encoding == BOOKEND_UTF16BE || encoding == BOOKEND_UTF16LE) && length >= 2 &&
           unit_at(encoding, text) == 0xFFFE;
}

size_t bookend_text_legal(uint8_t encoding, const uint8_t *text, size_t length) {
    uint32_t scalar;
    size_t at = 0, bytes;

    if (has_other_bom(encoding, text, length)) return 0;
    for (;;) {
        /* A fast path for ASCII, which most text is. */
        if (encoding <= BOOKEND_UTF8)
            while (at < length && text[at] < 0x80) at++;
        bytes = bookend_text_next(encoding, text + at, length - at, &scalar);
        if (bytes == 0) return at;
        at += bytes;
    }
}

static bookend_fault fail_text(bookend_error *error, bookend_fault fault, size_t at, uint8_t found, uint8_t encoding) {
    if (error != NULL) {
        memset(error, 0, sizeof *error);
        error->fault = fault;
        error->code = bookend_fault_code(fault);
        error->offset = at;
        error->found = found;
        error->wanted = encoding;
    }
    return fault;
}

/* Converts from one encoding to another, character by character. */
static bookend_fault convert(uint8_t from, const uint8_t *text, size_t length, uint8_t to, uint8_t *out,
                             size_t capacity, size_t *written, bookend_error *error) {
    uint8_t bytes[4];
    uint32_t scalar;
    size_t at, taken, put;
    bool fits = true;

    *written = 0;
    for (at = 0; at < length; at += taken) {
        taken = bookend_text_next(from, text + at, length - at, &scalar);
        if (taken == 0) return fail_text(error, BOOKEND_FAULT_BAD_TEXT, at, text[at], from);
        put = bookend_text_put(to, scalar, bytes);
        if (put == 0) return fail_text(error, BOOKEND_FAULT_UNMAPPABLE_TEXT, at, text[at], to);
        fits = fits && put <= capacity - *written;
        if (fits) memcpy(out + *written, bytes, put);
        *written += put;
    }
    return fits ? BOOKEND_OK : fail_text(error, BOOKEND_FAULT_NO_ROOM, 0, 0, to);
}

bookend_fault bookend_text_to_utf8(uint8_t encoding, const uint8_t *text, size_t length, uint8_t *out, size_t capacity,
                                   size_t *written, bookend_error *error) {
    return convert(encoding, text, length, BOOKEND_UTF8, out, capacity, written, error);
}

bookend_fault bookend_text_from_utf8(uint8_t encoding, const uint8_t *utf8, size_t length, uint8_t *out,
                                     size_t capacity, size_t *written, bookend_error *error) {
    bookend_fault fault;
    uint32_t first = 0;
    size_t marks = 0, bytes;

    /* Leading byte order marks are not sent (R5.5). */
    if (encoding != BOOKEND_ASCII && encoding != BOOKEND_BINARY)
        while ((bytes = bookend_text_bom(BOOKEND_UTF8, utf8 + marks, length - marks)) > 0) marks += bytes;
    /* In UTF-16 a receiver would take a leading U+FFFE for the byte order mark of the other order (R5.15). */
    if (encoding >= BOOKEND_UTF16BE && bookend_text_next(BOOKEND_UTF8, utf8 + marks, length - marks, &first) > 0 &&
        first == 0xFFFE) {
        *written = 0;
        return fail_text(error, BOOKEND_FAULT_UNMAPPABLE_TEXT, marks, utf8[marks], encoding);
    }
    fault = convert(BOOKEND_UTF8, utf8 + marks, length - marks, encoding, out, capacity, written, error);
    if (fault != BOOKEND_OK && fault != BOOKEND_FAULT_NO_ROOM && error != NULL) error->offset += marks;
    return fault;
}

bool bookend_is_control(uint32_t scalar) {
    return scalar <= 0x1F || (scalar >= 0x7F && scalar <= 0x9F) || scalar == 0x061C || scalar == 0x200E ||
           scalar == 0x200F || (scalar >= 0x2028 && scalar <= 0x202E) || (scalar >= 0x2066 && scalar <= 0x2069);
}

bool bookend_is_plain_line(const uint8_t *utf8, size_t length) {
    uint32_t scalar;
    size_t at = 0, bytes;

    for (; at < length; at += bytes) {
        bytes = bookend_text_next(BOOKEND_UTF8, utf8 + at, length - at, &scalar);
        if (bytes == 0 || bookend_is_control(scalar)) return false;
    }
    return true;
}
