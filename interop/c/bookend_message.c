/* Message: sections 3 and 9 of SPEC.md. */
#include "bookend.h"
#include "bookend_wire.h"

#include <string.h>

enum { NAME_MAX_BYTES = 64, DELIVERY_FIXED = 25, EVENT_LAST = BOOKEND_CROWD };

enum payload_rule { NO_PAYLOAD, CONTROL, TEXT, ANY };

/* The table in section 3. */
static const struct layout {
    uint8_t kind;
    uint8_t fixed; /* bytes before the payload, or before DELIVERY's name */
    enum payload_rule payload;
} LAYOUTS[] = {
    {BOOKEND_KIND_MESSAGE, 0, ANY},
    {BOOKEND_KIND_REQUEST, 4, ANY},
    {BOOKEND_KIND_REPLY, 4, ANY},
    {BOOKEND_KIND_ERROR, 10, TEXT},
    {BOOKEND_KIND_PING, 0, CONTROL},
    {BOOKEND_KIND_PONG, 0, CONTROL},
    {BOOKEND_KIND_CLOSE, 2, TEXT},
    {BOOKEND_KIND_WELCOME, 12, TEXT},
    {BOOKEND_KIND_PRESENCE, 5, TEXT},
    {BOOKEND_KIND_POST, 4, ANY},
    {BOOKEND_KIND_DELIVERY, DELIVERY_FIXED, ANY},
    {BOOKEND_KIND_GAP, 8, NO_PAYLOAD},
    {BOOKEND_KIND_CANCEL, 4, NO_PAYLOAD},
};

static const struct layout *layout_of(uint8_t kind) {
    size_t i;

    for (i = 0; i < sizeof LAYOUTS / sizeof LAYOUTS[0]; i++)
        if (LAYOUTS[i].kind == kind) return &LAYOUTS[i];
    return NULL;
}

static bookend_fault malformed(bookend_error *error, size_t at, const char *why) {
    return bookend_fail(error, BOOKEND_FAULT_MALFORMED, at, 0, 0, why);
}

/* The rule that the encoding or the length breaks, or NULL. */
static const char *broken_layout(const struct layout *layout, const bookend_frame *frame) {
    if (frame->length < layout->fixed) return "the body is shorter than its fixed part";
    switch (layout->payload) {
    case NO_PAYLOAD:
    case CONTROL:
        if (frame->encoding != BOOKEND_BINARY) return "this kind must have encoding 0";
        if (frame->length - layout->fixed > (layout->payload == CONTROL ? BOOKEND_PING_MAX : 0))
            return "the body is longer than its kind allows";
        return NULL;
    case TEXT: return frame->encoding == BOOKEND_BINARY ? "this kind must have encoding 1..4" : NULL;
    default: return NULL;
    }
}

static void get_fixed(const uint8_t *body, bookend_message *message) {
    switch (message->kind) {
    case BOOKEND_KIND_REQUEST:
    case BOOKEND_KIND_REPLY:
    case BOOKEND_KIND_CANCEL: message->id = bookend_get32(body); break;
    case BOOKEND_KIND_ERROR:
        message->id = bookend_get32(body);
        message->frame = bookend_get32(body + 4);
        message->code = bookend_get16(body + 8);
        break;
    case BOOKEND_KIND_CLOSE: message->code = bookend_get16(body); break;
    case BOOKEND_KIND_WELCOME:
        message->member = bookend_get32(body);
        message->seq = bookend_get64(body + 4);
        break;
    case BOOKEND_KIND_PRESENCE:
        message->member = bookend_get32(body);
        message->event = body[4];
        break;
    case BOOKEND_KIND_POST: message->to = bookend_get32(body); break;
    case BOOKEND_KIND_DELIVERY:
        message->member = bookend_get32(body);
        message->to = bookend_get32(body + 4);
        message->seq = bookend_get64(body + 8);
        message->time = bookend_get64(body + 16);
        message->name.length = body[24];
        break;
    case BOOKEND_KIND_GAP: message->missed = bookend_get64(body); break;
    default: break;
    }
}

static void put_fixed(uint8_t *body, const bookend_message *message) {
    switch (message->kind) {
    case BOOKEND_KIND_REQUEST:
    case BOOKEND_KIND_REPLY:
    case BOOKEND_KIND_CANCEL: bookend_put32(body, message->id); break;
    case BOOKEND_KIND_ERROR:
        bookend_put32(body, message->id);
        bookend_put32(body + 4, message->frame);
        bookend_put16(body + 8, message->code);
        break;
    case BOOKEND_KIND_CLOSE: bookend_put16(body, message->code); break;
    case BOOKEND_KIND_WELCOME:
        bookend_put32(body, message->member);
        bookend_put64(body + 4, message->seq);
        break;
    case BOOKEND_KIND_PRESENCE:
        bookend_put32(body, message->member);
        body[4] = message->event;
        break;
    case BOOKEND_KIND_POST: bookend_put32(body, message->to); break;
    case BOOKEND_KIND_DELIVERY:
        bookend_put32(body, message->member);
        bookend_put32(body + 4, message->to);
        bookend_put64(body + 8, message->seq);
        bookend_put64(body + 16, message->time);
        body[24] = (uint8_t)message->name.length;
        if (message->name.length > 0) memcpy(body + DELIVERY_FIXED, message->name.data, message->name.length);
        break;
    case BOOKEND_KIND_GAP: bookend_put64(body, message->missed); break;
    default: break;
    }
}

/* Checks the text and removes its byte order mark; an illegal reason becomes empty (R3.21). */
static bookend_fault check_text(bookend_message *message, bookend_error *error) {
    bookend_bytes *text = &message->payload;
    size_t legal = bookend_text_legal(message->encoding, text->data, text->length);
    size_t bom;

    if (legal < text->length) {
        if (message->kind != BOOKEND_KIND_ERROR && message->kind != BOOKEND_KIND_CLOSE)
            return bookend_fail(error, BOOKEND_FAULT_BAD_TEXT, legal, text->data[legal], message->encoding, NULL);
        text->length = 0;
    }
    bom = bookend_text_bom(message->encoding, text->data, text->length);
    text->data += bom;
    text->length -= bom;
    return BOOKEND_OK;
}

/* A PRESENCE's name may be in any encoding; its 1 to 64 bytes are counted in UTF-8 (R9.4). */
static bool is_presence_name(const bookend_message *message) {
    uint8_t utf8[NAME_MAX_BYTES];
    size_t length;

    return bookend_text_to_utf8(message->encoding, message->payload.data, message->payload.length, utf8, sizeof utf8,
                                &length, NULL) == BOOKEND_OK &&
           length > 0 && bookend_is_plain_line(utf8, length);
}

bookend_fault bookend_message_parse(const bookend_frame *frame, bookend_message *message, bookend_error *error) {
    const struct layout *layout = layout_of(frame->kind);
    const char *why;
    size_t fixed;

    memset(message, 0, sizeof *message);
    message->kind = frame->kind;
    message->encoding = frame->encoding;
    message->body.data = frame->body;
    message->body.length = frame->length;
    message->payload = message->body;
    if (layout == NULL) {
        if (frame->kind < 0x80) return bookend_fail(error, BOOKEND_FAULT_UNKNOWN_KIND, 0, frame->kind, 0, NULL);
        return BOOKEND_OK;
    }

    why = broken_layout(layout, frame);
    if (why != NULL) return malformed(error, 0, why);
    get_fixed(frame->body, message);
    fixed = layout->fixed + message->name.length;
    if (message->name.length > NAME_MAX_BYTES) return malformed(error, 24, "a name must have at most 64 bytes");
    if (fixed > frame->length) return malformed(error, 24, "the name runs past the end");
    if (frame->kind == BOOKEND_KIND_DELIVERY) {
        message->name.data = frame->body + DELIVERY_FIXED;
        if (!bookend_is_plain_line(message->name.data, message->name.length))
            return malformed(error, DELIVERY_FIXED, "the name is not a plain line of UTF-8");
    }
    message->payload.data += fixed;
    message->payload.length -= fixed;

    if (message->id == 0 && (frame->kind == BOOKEND_KIND_REQUEST || frame->kind == BOOKEND_KIND_REPLY ||
                             frame->kind == BOOKEND_KIND_CANCEL))
        return malformed(error, 0, "the id is 0");
    if (message->event > EVENT_LAST) return malformed(error, 4, "the event is not here, joined, left or crowd");
    if (frame->encoding != BOOKEND_BINARY && check_text(message, error) != BOOKEND_OK) return BOOKEND_FAULT_BAD_TEXT;
    if (frame->kind == BOOKEND_KIND_PRESENCE && !is_presence_name(message))
        return malformed(error, 5, "the name is not a plain line of 1 to 64 bytes of UTF-8");
    return BOOKEND_OK;
}

/* Byte order marks are not sent (R5.5). */
static bookend_bytes without_bom(const bookend_message *message) {
    bookend_bytes payload = message->payload;
    size_t bom;

    while ((bom = bookend_text_bom(message->encoding, payload.data, payload.length)) > 0) {
        payload.data += bom;
        payload.length -= bom;
    }
    return payload;
}

/* A receiver would take a leading U+FFFE for the byte order mark of the other order (R5.15). */
static bool begins_with_fffe(uint8_t encoding, bookend_bytes text) {
    uint32_t first = 0;

    return encoding >= BOOKEND_UTF16BE && bookend_text_next(encoding, text.data, text.length, &first) > 0 &&
           first == 0xFFFE;
}

static size_t fixed_size(const bookend_message *message) {
    const struct layout *layout = layout_of(message->kind);
    size_t name = message->kind == BOOKEND_KIND_DELIVERY ? message->name.length : 0;

    return (layout == NULL ? 0 : layout->fixed) + name;
}

size_t bookend_message_size(const bookend_message *message) {
    size_t fixed = fixed_size(message), length = without_bom(message).length;

    if (fixed > BOOKEND_LENGTH_MAX || length > BOOKEND_LENGTH_MAX - fixed) return 0;
    return BOOKEND_OVERHEAD + fixed + length;
}

bookend_fault bookend_message_encode(const bookend_message *message, uint8_t *out, size_t capacity, size_t *written,
                                     bookend_error *error) {
    bookend_bytes payload = without_bom(message);
    size_t fixed = fixed_size(message), size = bookend_message_size(message), legal;
    bookend_message parsed;
    bookend_frame frame;
    bookend_fault fault;

    *written = 0;
    if (size == 0) return bookend_fail(error, BOOKEND_FAULT_TOO_LONG, 0, UINT32_MAX, BOOKEND_LENGTH_MAX, NULL);
    if (size > capacity) return bookend_fail(error, BOOKEND_FAULT_NO_ROOM, 0, 0, 0, NULL);
    if (message->kind == BOOKEND_KIND_DELIVERY && message->name.length > NAME_MAX_BYTES)
        return malformed(error, 24, "a name must have at most 64 bytes");
    if (begins_with_fffe(message->encoding, payload))
        return bookend_fail(error, BOOKEND_FAULT_UNMAPPABLE_TEXT, 0, payload.data[0], message->encoding, NULL);

    put_fixed(out + BOOKEND_HEADER, message);
    if (payload.length > 0) memcpy(out + BOOKEND_HEADER + fixed, payload.data, payload.length);
    frame.kind = message->kind;
    frame.encoding = message->encoding;
    frame.length = (uint32_t)(size - BOOKEND_OVERHEAD);
    frame.body = out + BOOKEND_HEADER;
    if (bookend_frame_encode(&frame, out, capacity) == 0) return malformed(error, 3, "the encoding must be 0..4");

    /* A sent message must obey the rules of a receiver, which however tolerates a reason that is bad text. */
    fault = bookend_message_parse(&frame, &parsed, error);
    if (fault != BOOKEND_OK) return fault;
    if (parsed.payload.length < payload.length) {
        legal = bookend_text_legal(message->encoding, payload.data, payload.length);
        return bookend_fail(error, BOOKEND_FAULT_BAD_TEXT, legal, payload.data[legal], message->encoding, NULL);
    }
    *written = size;
    return BOOKEND_OK;
}
