/* Message: sections 3 and 9 of SPEC.md. */
#include "bookend.h"
#include "bookend_wire.h"

#include <string.h>

enum { NAME_MAX_BYTES = 64, DELIVERY_FIXED = 25, EVENT_LAST = BOOKEND_CROWD };

static const char NOT_A_NAME[] = "the name is not a plain line of 1 to 64 bytes of UTF-8";

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

/* NULL for an unlisted kind that is not private; a private one has the layout of MESSAGE. */
static const struct layout *layout_of(uint8_t kind) {
    size_t i;

    if (bookend_is_private(kind)) return &LAYOUTS[0];
    for (i = 0; i < sizeof LAYOUTS / sizeof LAYOUTS[0]; i++)
        if (LAYOUTS[i].kind == kind) return &LAYOUTS[i];
    return NULL;
}

static bookend_fault malformed(bookend_error *error, size_t at, const char *why) {
    return bookend_fail(error, BOOKEND_FAULT_MALFORMED, at, 0, 0, why);
}

/* The rule that the encoding or the length of the payload breaks, or NULL. */
static const char *broken_payload(const struct layout *layout, const bookend_message *message) {
    if (message->encoding > BOOKEND_UTF16LE) return "the encoding must be 0..4";
    switch (layout->payload) {
    case NO_PAYLOAD:
    case CONTROL:
        if (message->encoding != BOOKEND_BINARY) return "this kind must have encoding 0";
        if (message->payload.length > (layout->payload == CONTROL ? BOOKEND_PING_MAX : 0))
            return "the body is longer than its kind allows";
        return NULL;
    case TEXT: return message->encoding == BOOKEND_BINARY ? "this kind must have encoding 1..4" : NULL;
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

/* Fault: bad-text, at the first illegal byte. */
static bookend_fault check_text(uint8_t encoding, bookend_bytes text, bookend_error *error) {
    size_t legal =
        encoding == BOOKEND_BINARY ? text.length : bookend_text_legal(encoding, text.data, text.length);

    return legal == text.length ? BOOKEND_OK
                                : bookend_fail(error, BOOKEND_FAULT_BAD_TEXT, legal, text.data[legal], encoding, NULL);
}

/* A PRESENCE's name may be in any encoding; its 1 to 64 bytes are counted in UTF-8 (R9.4). */
static bool is_presence_name(const bookend_message *message) {
    uint8_t utf8[NAME_MAX_BYTES];
    size_t length;

    return bookend_text_to_utf8(message->encoding, message->payload.data, message->payload.length, utf8, sizeof utf8,
                                &length, NULL) == BOOKEND_OK &&
           length > 0 && bookend_is_plain_line(utf8, length);
}

/* The rules of the fixed part, and of the payload except that of its text. Fault: malformed. */
static bookend_fault check_layout(const struct layout *layout, const bookend_message *message, bookend_error *error) {
    const char *why = broken_payload(layout, message);

    if (why != NULL) return malformed(error, 0, why);
    if (message->kind == BOOKEND_KIND_DELIVERY) {
        if (message->name.length > NAME_MAX_BYTES) return malformed(error, 24, "a name must have at most 64 bytes");
        if (!bookend_is_plain_line(message->name.data, message->name.length))
            return malformed(error, DELIVERY_FIXED, "the name is not a plain line of UTF-8");
    }
    if (message->id == 0 && (message->kind == BOOKEND_KIND_REQUEST || message->kind == BOOKEND_KIND_REPLY ||
                             message->kind == BOOKEND_KIND_CANCEL))
        return malformed(error, 0, "the id is 0");
    if (message->kind == BOOKEND_KIND_PRESENCE && message->event > EVENT_LAST)
        return malformed(error, 4, "the event is not here, joined, left or crowd");
    return BOOKEND_OK;
}

/* Removes the byte order mark of a received text; an illegal reason becomes empty (R3.21). */
static bookend_fault take_text(bookend_message *message, bookend_error *error) {
    bookend_bytes *text = &message->payload;
    bookend_fault fault = check_text(message->encoding, *text, error);
    size_t bom;

    if (fault != BOOKEND_OK && message->kind != BOOKEND_KIND_ERROR && message->kind != BOOKEND_KIND_CLOSE) return fault;
    if (fault != BOOKEND_OK) text->length = 0;
    bom = bookend_text_bom(message->encoding, text->data, text->length);
    text->data += bom;
    text->length -= bom;
    return BOOKEND_OK;
}

bookend_fault bookend_message_parse(const bookend_frame *frame, bookend_message *message, bookend_error *error) {
    const struct layout *layout = layout_of(frame->kind);
    bookend_fault fault;
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

    if (frame->length < layout->fixed) return malformed(error, 0, "the body is shorter than its fixed part");
    get_fixed(frame->body, message);
    fixed = layout->fixed + message->name.length;
    if (fixed > frame->length) return malformed(error, 24, "the name runs past the end");
    if (frame->kind == BOOKEND_KIND_DELIVERY) message->name.data = frame->body + DELIVERY_FIXED;
    message->payload.data += fixed;
    message->payload.length -= fixed;

    fault = check_layout(layout, message, error);
    if (fault == BOOKEND_OK && frame->encoding != BOOKEND_BINARY) fault = take_text(message, error);
    if (fault == BOOKEND_OK && frame->kind == BOOKEND_KIND_PRESENCE && !is_presence_name(message))
        return malformed(error, 5, NOT_A_NAME);
    return fault;
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

bookend_fault bookend_message_check(const bookend_message *message, bookend_error *error) {
    const struct layout *layout = layout_of(message->kind);
    bookend_message sent = *message;
    bookend_bytes rest;
    bookend_fault fault;

    if (layout == NULL) return bookend_fail(error, BOOKEND_FAULT_UNKNOWN_KIND, 0, message->kind, 0, NULL);
    fault = check_layout(layout, message, error);
    if (fault != BOOKEND_OK) return fault;
    rest = sent.payload = without_bom(message);
    /* It is legal text that cannot be sent: bookend_message_is_mappable says so. */
    while (begins_with_fffe(sent.encoding, rest)) {
        rest.data += 2;
        rest.length -= 2;
    }
    fault = check_text(sent.encoding, rest, error);
    if (fault != BOOKEND_OK && error != NULL) error->offset += (size_t)(rest.data - message->payload.data);
    if (fault != BOOKEND_OK) return fault;
    if (sent.kind == BOOKEND_KIND_PRESENCE && !is_presence_name(&sent)) return malformed(error, 5, NOT_A_NAME);
    return BOOKEND_OK;
}

bool bookend_message_is_mappable(const bookend_message *message, bookend_error *error) {
    bookend_bytes text = without_bom(message);

    if (!begins_with_fffe(message->encoding, text)) return true;
    (void)bookend_fail(error, BOOKEND_FAULT_UNMAPPABLE_TEXT, 0, text.data[0], message->encoding, NULL);
    return false;
}

bookend_fault bookend_message_encode(const bookend_message *message, uint8_t *out, size_t capacity, size_t *written,
                                     bookend_error *error) {
    bookend_bytes payload = without_bom(message);
    size_t fixed = fixed_size(message), size = bookend_message_size(message);
    bookend_fault fault = bookend_message_check(message, error);
    bookend_frame frame;

    *written = 0;
    if (fault != BOOKEND_OK) return fault;
    if (!bookend_message_is_mappable(message, error)) return BOOKEND_FAULT_UNMAPPABLE_TEXT;
    if (size == 0) return bookend_fail(error, BOOKEND_FAULT_TOO_LONG, 0, UINT32_MAX, BOOKEND_LENGTH_MAX, NULL);
    if (size > capacity) return bookend_fail(error, BOOKEND_FAULT_NO_ROOM, 0, 0, 0, NULL);

    put_fixed(out + BOOKEND_HEADER, message);
    if (payload.length > 0) memcpy(out + BOOKEND_HEADER + fixed, payload.data, payload.length);
    frame.kind = message->kind;
    frame.encoding = message->encoding;
    frame.length = (uint32_t)(size - BOOKEND_OVERHEAD);
    frame.body = out + BOOKEND_HEADER;
    *written = bookend_frame_encode(&frame, out, capacity);
    return BOOKEND_OK;
}
