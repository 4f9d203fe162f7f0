/* HELLO: section 4 of SPEC.md. */
#include "bookend.h"
#include "bookend_wire.h"

#include <string.h>

enum {
    MAGIC = 4,
    OPENING = 12, /* magic and canary */
    FIXED = 24,   /* bytes before the options */
    ALWAYS = 0x07, /* binary, US-ASCII and UTF-8 */
    KNOWN = 0x1F,
    LINE_MAX_BYTES = 64,
    BODY_MIN = 1024
};

enum { NAME = 1, ROOM = 2, TOKEN = 3, RESUME = 4, SOFTWARE = 5, CLIENT = 7, REQUESTS = 8 };

static const uint8_t MAGIC_AND_CANARY[OPENING] = {0x42, 0x4B, 0x4E, 0x44, 0x0D, 0x0A,
                                                  0x1A, 0x0A, 0xFF, 0x11, 0x0D, 0x00};

static bookend_fault bad(bookend_error *error, size_t at, const char *why) {
    return bookend_fail(error, BOOKEND_FAULT_BAD_HELLO, at, 0, 0, why);
}

void bookend_hello_init(bookend_hello *hello) {
    memset(hello, 0, sizeof *hello);
    hello->major = 1;
    hello->accepted = KNOWN;
    hello->max_body = 1u << 20;
    hello->keepalive = 30;
}

bookend_fault bookend_hello_magic(const uint8_t *body, size_t length, bookend_error *error) {
    size_t i;

    for (i = 0; i < length && i < OPENING; i++) {
        if (body[i] == MAGIC_AND_CANARY[i]) continue;
        if (i < MAGIC) return bad(error, i, "the magic is not BKND");
        return bookend_fail(error, BOOKEND_FAULT_BAD_CANARY, i, body[i], MAGIC_AND_CANARY[i], NULL);
    }
    return BOOKEND_OK;
}

static bookend_bytes *line_option(bookend_hello *hello, uint8_t type) {
    switch (type) {
    case NAME: return &hello->name;
    case ROOM: return &hello->room;
    case SOFTWARE: return &hello->software;
    default: return NULL;
    }
}

/* Stores one option; returns the rule that it breaks, or NULL. */
static const char *take_option(bookend_hello *hello, uint8_t type, const uint8_t *value, size_t length) {
    bookend_bytes *line = line_option(hello, type);

    if (line != NULL) {
        if (line->data != NULL) return "an option occurs twice";
        if (length < 1 || length > LINE_MAX_BYTES) return "name, room and software must have 1..64 bytes";
        if (!bookend_is_plain_line(value, length)) return "name, room and software must be a plain line of UTF-8";
        line->data = value;
        line->length = length;
    } else if (type == TOKEN) {
        if (hello->token.data != NULL) return "an option occurs twice";
        if (length < 1) return "a token must have 1..255 bytes";
        hello->token.data = value;
        hello->token.length = length;
    } else if (type == RESUME) {
        if (hello->has_resume) return "an option occurs twice";
        if (length != 8) return "resume must have eight bytes";
        hello->has_resume = true;
        hello->resume = bookend_get64(value);
    } else if (type == CLIENT) {
        if (hello->client) return "an option occurs twice";
        if (length != 0) return "client must have no value";
        hello->client = true;
    } else if (type == REQUESTS) {
        if (hello->has_requests) return "an option occurs twice";
        if (length != 4) return "requests must have four bytes";
        hello->has_requests = true;
        hello->requests = bookend_get32(value);
    }
    return NULL;
}

static const char *broken_rule(const bookend_hello *hello) {
    if ((hello->accepted & ALWAYS) != ALWAYS) return "binary, US-ASCII and UTF-8 must be accepted";
    if (hello->preferred > BOOKEND_UTF16LE || !(hello->accepted >> hello->preferred & 1))
        return "the preferred encoding is not accepted";
    if (hello->max_body < BODY_MIN || hello->max_body > BOOKEND_LENGTH_MAX) return "max body must be 1024..2147483647";
    return NULL;
}

bookend_fault bookend_hello_parse(const uint8_t *body, size_t length, bookend_hello *hello, bookend_error *error) {
    bookend_fault fault;
    const char *why;
    size_t at;

    fault = bookend_hello_magic(body, length, error);
    if (fault != BOOKEND_OK) return fault;
    if (length < FIXED) return bad(error, length, "a HELLO must have at least 24 bytes");
    if (body[12] != 1) return bookend_fail(error, BOOKEND_FAULT_VERSION, 12, body[12], 1, NULL);

    memset(hello, 0, sizeof *hello);
    hello->major = body[12];
    hello->minor = body[13];
    hello->accepted = body[14] & KNOWN;
    hello->preferred = body[15];
    hello->max_body = bookend_get32(body + 16);
    hello->keepalive = bookend_get16(body + 20);
    hello->features = bookend_get16(body + 22) & BOOKEND_FEATURE_HUB;
    why = broken_rule(hello);
    if (why != NULL) return bad(error, 14, why);

    for (at = FIXED; at < length; at += 2u + body[at + 1]) {
        if (length - at < 2 || length - at - 2 < body[at + 1]) return bad(error, at, "an option runs past the end");
        why = take_option(hello, body[at], body + at + 2, body[at + 1]);
        if (why != NULL) return bad(error, at, why);
    }
    return BOOKEND_OK;
}

static size_t put_option(uint8_t *out, uint8_t type, bookend_bytes value) {
    if (value.data == NULL) return 0;
    out[0] = type;
    out[1] = (uint8_t)value.length;
    if (value.length > 0) memcpy(out + 2, value.data, value.length);
    return 2 + value.length;
}

bookend_fault bookend_hello_encode(const bookend_hello *hello, uint8_t *out, size_t capacity, size_t *written,
                                   bookend_error *error) {
    uint8_t body[BOOKEND_HELLO_MAX];
    uint8_t resume[8], number[4];
    bookend_bytes seq, client, requests;
    bookend_hello parsed;
    bookend_fault fault;
    size_t length = FIXED;

    *written = 0;
    if (hello->name.length > LINE_MAX_BYTES || hello->room.length > LINE_MAX_BYTES ||
        hello->software.length > LINE_MAX_BYTES || hello->token.length > 255)
        return bad(error, FIXED, "name, room and software must have 1..64 bytes, a token 1..255");

    memcpy(body, MAGIC_AND_CANARY, OPENING);
    body[12] = hello->major;
    body[13] = hello->minor;
    body[14] = hello->accepted & KNOWN;
    body[15] = hello->preferred;
    bookend_put32(body + 16, hello->max_body);
    bookend_put16(body + 20, hello->keepalive);
    bookend_put16(body + 22, hello->features & BOOKEND_FEATURE_HUB);
    bookend_put64(resume, hello->resume);
    seq.data = hello->has_resume ? resume : NULL;
    seq.length = sizeof resume;
    client.data = hello->client ? number : NULL;
    client.length = 0;
    bookend_put32(number, hello->requests);
    requests.data = hello->has_requests ? number : NULL;
    requests.length = sizeof number;
    length += put_option(body + length, NAME, hello->name);
    length += put_option(body + length, ROOM, hello->room);
    length += put_option(body + length, TOKEN, hello->token);
    length += put_option(body + length, RESUME, seq);
    length += put_option(body + length, SOFTWARE, hello->software);
    length += put_option(body + length, CLIENT, client);
    length += put_option(body + length, REQUESTS, requests);

    fault = bookend_hello_parse(body, length, &parsed, error);
    if (fault != BOOKEND_OK) return fault;
    *written = length;
    if (length > capacity) return bookend_fail(error, BOOKEND_FAULT_NO_ROOM, 0, 0, 0, NULL);
    memcpy(out, body, length);
    return BOOKEND_OK;
}
