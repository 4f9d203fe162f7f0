/* The order of the checks of a frame that arrives (R3.25) and of a message that is sent (R7.18), and private kinds. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

enum { OUT = 8192, OTHER_MAX_BODY = 1024 };

/* A session at work, and the last thing that it reported. */
typedef struct subject {
    bookend_session session;
    uint8_t out[OUT];
    bookend_event event;
    bookend_message message; /* of the last event; its bytes are gone */
} subject;

/* Gives the session a whole frame. */
static void arrive(subject *it, uint8_t kind, uint8_t encoding, const void *body, uint32_t length) {
    size_t capacity = BOOKEND_OVERHEAD + (size_t)length, used;
    uint8_t *stream = (uint8_t *)malloc(capacity);
    bookend_frame frame;

    if (stream == NULL) abort();
    frame.kind = kind;
    frame.encoding = encoding;
    frame.length = length;
    frame.body = (const uint8_t *)body;
    (void)bookend_frame_encode(&frame, stream, capacity);
    it->event = bookend_session_receive(&it->session, stream, capacity, 0, &used, &it->message);
    free(stream);
}

/* Takes the first frame of the output; its kind is 0 if there is none. */
static bookend_message take(subject *it) {
    bookend_decoder decoder;
    bookend_message message;
    bookend_frame frame;
    size_t length;
    const uint8_t *out = bookend_session_output(&it->session, &length);

    memset(&message, 0, sizeof message);
    bookend_decoder_init(&decoder, BOOKEND_LENGTH_MAX);
    if (bookend_decode(&decoder, out, length, &frame) != BOOKEND_FOUND_FRAME) return message;
    (void)bookend_message_parse(&frame, &message, NULL);
    bookend_session_sent(&it->session, BOOKEND_OVERHEAD + (size_t)frame.length, 0);
    return message;
}

static void begin(subject *it, bookend_role role, uint8_t accepted) {
    bookend_hello hello;

    memset(it, 0, sizeof *it);
    bookend_hello_init(&hello);
    hello.features = BOOKEND_FEATURE_HUB;
    hello.accepted = accepted;
    CHECK(bookend_session_init(&it->session, role, &hello, it->out, OUT, 0) == BOOKEND_OK);
    if (role == BOOKEND_CLIENT) (void)take(it);
}

/* The peer accepts binary, US-ASCII and UTF-8, and takes one REQUEST. */
static void open_with(subject *it, bookend_role role, uint8_t accepted, uint16_t features) {
    uint8_t body[BOOKEND_HELLO_MAX];
    bookend_hello hello;
    size_t length;

    begin(it, role, accepted);
    bookend_hello_init(&hello);
    hello.accepted = 0x07;
    hello.max_body = OTHER_MAX_BODY;
    hello.features = features;
    hello.has_requests = true;
    hello.requests = 1;
    CHECK(bookend_hello_encode(&hello, body, sizeof body, &length, NULL) == BOOKEND_OK);
    arrive(it, BOOKEND_KIND_HELLO, BOOKEND_BINARY, body, (uint32_t)length);
    CHECK(it->event == BOOKEND_EVENT_OPENED);
    if (role == BOOKEND_SERVER) (void)take(it);
}

static bookend_message text_of(uint8_t kind, uint32_t id, const char *text) {
    bookend_message message = message_of(kind, BOOKEND_UTF8, text);

    message.id = id;
    return message;
}

static bookend_fault send_text(subject *it, uint8_t kind, uint32_t id, const char *text) {
    bookend_message message = text_of(kind, id, text);

    return bookend_session_send(&it->session, &message, 0, NULL);
}

static bookend_fault send_in(subject *it, uint8_t kind, uint32_t id, uint8_t encoding, size_t length) {
    static const char ZEROES[2 * OTHER_MAX_BODY];
    bookend_message message = text_of(kind, id, "");

    message.encoding = encoding;
    message.payload.data = (const uint8_t *)ZEROES;
    message.payload.length = length;
    return bookend_session_send(&it->session, &message, 0, NULL);
}

/* Text that R5.15 forbids to send, and that is longer than the peer accepts. */
static bookend_fault send_fffe(subject *it, uint8_t kind) {
    static char text[2 * OTHER_MAX_BODY] = "\xFF\xFE";
    bookend_message message = text_of(kind, 0, "");

    message.encoding = BOOKEND_UTF16BE;
    message.payload.data = (const uint8_t *)text;
    message.payload.length = sizeof text;
    return bookend_session_send(&it->session, &message, 0, NULL);
}

/* ---- Sending --------------------------------------------------------------------------------------------------- */

/* R7.18: a message that breaks two rules is refused by the name of the first one. */
static void sending_is_checked_in_one_order(void) {
    static subject it;

    begin(&it, BOOKEND_SERVER, 0x1F);
    CHECK(send_text(&it, BOOKEND_KIND_REQUEST, 0, "id 0") == BOOKEND_FAULT_MALFORMED);
    CHECK(send_text(&it, BOOKEND_KIND_MESSAGE, 0, "\xFF") == BOOKEND_FAULT_BAD_TEXT);
    CHECK(send_text(&it, BOOKEND_KIND_ERROR, 0, "\xFF") == BOOKEND_FAULT_BAD_TEXT);
    CHECK(send_in(&it, 0x20, 0, BOOKEND_BINARY, 0) == BOOKEND_FAULT_NOT_OPEN);
    CHECK(send_in(&it, BOOKEND_KIND_PONG, 0, BOOKEND_BINARY, 65) == BOOKEND_FAULT_MALFORMED);
    CHECK(send_text(&it, BOOKEND_KIND_HELLO, 0, "\xFF") == BOOKEND_FAULT_NOT_OPEN);
    CHECK(send_fffe(&it, BOOKEND_KIND_MESSAGE) == BOOKEND_FAULT_NOT_OPEN);

    open_with(&it, BOOKEND_SERVER, 0x1F, 0);
    CHECK(send_text(&it, BOOKEND_KIND_PRESENCE, 0, "\xFF") == BOOKEND_FAULT_BAD_TEXT);
    CHECK(send_text(&it, BOOKEND_KIND_PRESENCE, 0, "ann") == BOOKEND_FAULT_UNKNOWN_KIND);
    CHECK(send_text(&it, BOOKEND_KIND_POST, 0, "hi") == BOOKEND_FAULT_UNKNOWN_KIND);
    CHECK(send_in(&it, BOOKEND_KIND_REPLY, 7, BOOKEND_UTF16LE, 2000) == BOOKEND_FAULT_NO_SUCH_REQUEST);
    CHECK(send_in(&it, BOOKEND_KIND_ERROR, 7, BOOKEND_UTF16LE, 300) == BOOKEND_FAULT_NO_SUCH_REQUEST);
    CHECK(send_in(&it, BOOKEND_KIND_REQUEST, 1, BOOKEND_UTF16LE, 2000) == BOOKEND_FAULT_ENCODING_REFUSED);
    CHECK(send_in(&it, BOOKEND_KIND_REQUEST, 1, BOOKEND_UTF8, OTHER_MAX_BODY - 3) == BOOKEND_FAULT_TOO_LONG);
    CHECK(send_in(&it, BOOKEND_KIND_REQUEST, 1, BOOKEND_UTF8, OTHER_MAX_BODY - 4) == BOOKEND_OK);
    CHECK(send_in(&it, BOOKEND_KIND_REQUEST, 1, BOOKEND_UTF16LE, 2000) == BOOKEND_FAULT_DUPLICATE_REQUEST);
    CHECK(send_in(&it, BOOKEND_KIND_REQUEST, 2, BOOKEND_UTF16LE, 2000) == BOOKEND_FAULT_TRY_LATER);

    open_with(&it, BOOKEND_SERVER, 0x1F, BOOKEND_FEATURE_HUB);
    CHECK(send_in(&it, BOOKEND_KIND_POST, 0, BOOKEND_UTF16LE, 2000) == BOOKEND_FAULT_UNEXPECTED_KIND);
    CHECK(send_text(&it, BOOKEND_KIND_PRESENCE, 0, "\xEF\xBB\xBF") == BOOKEND_FAULT_MALFORMED);
    CHECK(send_fffe(&it, BOOKEND_KIND_MESSAGE) == BOOKEND_FAULT_ENCODING_REFUSED);
    it.session.peer.accepted = 0x1F;
    CHECK(send_fffe(&it, BOOKEND_KIND_MESSAGE) == BOOKEND_FAULT_UNMAPPABLE_TEXT);
}

static void the_session_sends_hello_pong_and_close_itself(void) {
    static subject it;

    open_with(&it, BOOKEND_CLIENT, 0x1F, BOOKEND_FEATURE_HUB);
    CHECK(send_text(&it, BOOKEND_KIND_HELLO, 0, "\xFF") == BOOKEND_FAULT_UNEXPECTED_KIND);
    CHECK(send_in(&it, BOOKEND_KIND_PONG, 0, BOOKEND_BINARY, 64) == BOOKEND_FAULT_UNEXPECTED_KIND);
    CHECK(send_in(&it, BOOKEND_KIND_PONG, 0, BOOKEND_BINARY, 65) == BOOKEND_FAULT_MALFORMED);
    CHECK(send_text(&it, BOOKEND_KIND_CLOSE, 0, "normal") == BOOKEND_FAULT_UNEXPECTED_KIND);
    CHECK(send_text(&it, BOOKEND_KIND_CLOSE, 0, "\xFF") == BOOKEND_FAULT_BAD_TEXT);
    CHECK(take(&it).kind == 0 && it.session.state == BOOKEND_OPEN);
}

/* R4.17: the mark, which is not sent, does not count. */
static void a_mark_is_removed_before_the_length_is_judged(void) {
    static subject it;
    char text[OTHER_MAX_BODY + 4];

    memset(text, 'x', sizeof text - 1);
    memcpy(text, "\xEF\xBB\xBF", 3);
    text[sizeof text - 1] = '\0';
    open_with(&it, BOOKEND_CLIENT, 0x1F, 0);
    CHECK(send_text(&it, BOOKEND_KIND_MESSAGE, 0, text) == BOOKEND_OK);
    CHECK(take(&it).body.length == OTHER_MAX_BODY);
    text[0] = 'x';
    memset(text, 'x', 3);
    CHECK(send_text(&it, BOOKEND_KIND_MESSAGE, 0, text) == BOOKEND_FAULT_TOO_LONG);
}

static void a_reason_has_at_most_200_bytes(void) {
    static subject it;

    open_with(&it, BOOKEND_CLIENT, 0x1F, 0);
    CHECK(send_in(&it, BOOKEND_KIND_ERROR, 0, BOOKEND_ASCII, BOOKEND_REASON_MAX + 1) == BOOKEND_FAULT_TOO_LONG);
    CHECK(send_in(&it, BOOKEND_KIND_ERROR, 0, BOOKEND_ASCII, BOOKEND_REASON_MAX) == BOOKEND_OK);
    CHECK(take(&it).payload.length == BOOKEND_REASON_MAX);
}

/* R3.12, R3.17: whatever number the application gives. */
static void an_error_answers_its_request_and_names_its_frame(void) {
    static subject it;
    bookend_message error = text_of(BOOKEND_KIND_ERROR, 5, "policy"), sent;

    open_with(&it, BOOKEND_SERVER, 0x1F, 0);
    arrive(&it, BOOKEND_KIND_MESSAGE, BOOKEND_UTF8, "a", 1);
    arrive(&it, BOOKEND_KIND_REQUEST, BOOKEND_UTF8, "\0\0\0\5", 4);
    CHECK(it.event == BOOKEND_EVENT_MESSAGE);
    error.frame = 77;
    CHECK(bookend_session_send(&it.session, &error, 0, NULL) == BOOKEND_OK);
    sent = take(&it);
    CHECK(sent.kind == BOOKEND_KIND_ERROR && sent.id == 5 && sent.frame == 2);
    CHECK(bookend_session_send(&it.session, &error, 0, NULL) == BOOKEND_FAULT_NO_SUCH_REQUEST);
    arrive(&it, BOOKEND_KIND_REQUEST, BOOKEND_UTF8, "\0\0\0\5", 4);
    CHECK(it.event == BOOKEND_EVENT_MESSAGE && it.message.id == 5);

    error.id = 0;
    CHECK(bookend_session_send(&it.session, &error, 0, NULL) == BOOKEND_OK);
    CHECK(take(&it).frame == 77);
}

/* ---- Receiving ------------------------------------------------------------------------------------------------- */

static void a_malformed_ping_counts_for_the_flood_first(void) {
    static const uint8_t LONG[BOOKEND_PING_MAX + 1];
    static subject it;
    int i;

    open_with(&it, BOOKEND_CLIENT, 0x1F, 0);
    for (i = 0; i < 10; i++) arrive(&it, BOOKEND_KIND_PING, BOOKEND_BINARY, NULL, 0);
    CHECK(it.session.state == BOOKEND_OPEN);
    arrive(&it, BOOKEND_KIND_PING, BOOKEND_BINARY, LONG, sizeof LONG);
    CHECK(it.session.cause.fault == BOOKEND_FAULT_PING_FLOOD);
}

/* duplicate-request, encoding-refused, bad-text, try-later. */
static void a_request_is_judged_by_id_encoding_text_and_number(void) {
    static subject it;
    uint8_t body[] = {0, 0, 0, 0, 0xFF};

    open_with(&it, BOOKEND_SERVER, 0x07, 0);
    for (body[3] = 1; body[3] <= BOOKEND_REQUESTS; body[3]++) arrive(&it, BOOKEND_KIND_REQUEST, BOOKEND_UTF8, body, 4);
    arrive(&it, BOOKEND_KIND_REQUEST, BOOKEND_UTF16BE, body, 5);
    CHECK(memcmp(take(&it).payload.data, "encoding-refused", 16) == 0);
    arrive(&it, BOOKEND_KIND_REQUEST, BOOKEND_UTF8, body, 5);
    CHECK(memcmp(take(&it).payload.data, "bad-text", 8) == 0);
    arrive(&it, BOOKEND_KIND_REQUEST, BOOKEND_UTF8, body, 4);
    CHECK(memcmp(take(&it).payload.data, "try-later", 9) == 0);
    CHECK(it.session.state == BOOKEND_OPEN);
    body[3] = 1;
    arrive(&it, BOOKEND_KIND_REQUEST, BOOKEND_UTF16BE, body, 5);
    CHECK(it.session.cause.fault == BOOKEND_FAULT_DUPLICATE_REQUEST);
}

/* R3.26: the REQUEST has its answer. */
static void a_reply_that_cannot_be_read_answers_its_request(void) {
    static const uint8_t ENCODINGS[] = {BOOKEND_UTF8, BOOKEND_UTF16BE};
    static subject it;
    size_t i;

    open_with(&it, BOOKEND_CLIENT, 0x07, 0);
    for (i = 0; i < sizeof ENCODINGS; i++) {
        CHECK(send_text(&it, BOOKEND_KIND_REQUEST, 7, "?") == BOOKEND_OK);
        (void)take(&it);
        arrive(&it, BOOKEND_KIND_REPLY, ENCODINGS[i], "\0\0\0\7\xFF", 5);
        CHECK(it.event == BOOKEND_EVENT_UNREADABLE && it.message.id == 7);
        arrive(&it, BOOKEND_KIND_REPLY, BOOKEND_UTF8, "\0\0\0\7late", 8);
        CHECK(it.event == BOOKEND_EVENT_NOTHING && take(&it).kind == 0);
    }
}

/* R3.27. */
static void an_error_about_no_request_is_delivered(void) {
    static subject it;

    open_with(&it, BOOKEND_CLIENT, 0x1F, 0);
    arrive(&it, BOOKEND_KIND_ERROR, BOOKEND_UTF8, "\0\0\0\x63\0\0\0\0\x03\xF0", 10);
    CHECK(it.event == BOOKEND_EVENT_MESSAGE && it.message.id == 0x63 && take(&it).kind == 0);
}

/* ---- Private kinds --------------------------------------------------------------------------------------------- */

static void private_kinds_are_sent_as_message_is(void) {
    static subject it;
    bookend_message sent;

    open_with(&it, BOOKEND_CLIENT, 0x1F, 0);
    CHECK(send_text(&it, BOOKEND_KIND_PRIVATE_FIRST, 0, "\xEF\xBB\xBFmine") == BOOKEND_OK);
    sent = take(&it);
    CHECK(sent.kind == 0xC0 && sent.body.length == 4 && memcmp(sent.body.data, "mine", 4) == 0);
    CHECK(send_in(&it, BOOKEND_KIND_PRIVATE_LAST, 0, BOOKEND_BINARY, 0) == BOOKEND_OK);
    CHECK(take(&it).kind == 0xEF);
    CHECK(send_text(&it, 0xC0, 0, "\xFF") == BOOKEND_FAULT_BAD_TEXT);
    CHECK(send_in(&it, 0xC0, 0, BOOKEND_UTF16BE, 0) == BOOKEND_FAULT_ENCODING_REFUSED);
    CHECK(send_in(&it, 0xC0, 0, BOOKEND_BINARY, OTHER_MAX_BODY + 1) == BOOKEND_FAULT_TOO_LONG);
    CHECK(send_text(&it, 0xBF, 0, "") == BOOKEND_FAULT_UNKNOWN_KIND);
    CHECK(send_text(&it, 0xF0, 0, "") == BOOKEND_FAULT_UNKNOWN_KIND);
}

static void private_kinds_are_ignored_unless_agreed(void) {
    static subject it;

    open_with(&it, BOOKEND_CLIENT, 0x07, 0);
    arrive(&it, 0xC0, BOOKEND_UTF8, "\xFF", 1);
    CHECK(it.event == BOOKEND_EVENT_NOTHING && take(&it).kind == 0);

    it.session.private_kinds = true;
    arrive(&it, 0xEF, BOOKEND_UTF8, "mine", 4);
    CHECK(it.event == BOOKEND_EVENT_MESSAGE && it.message.kind == 0xEF && it.message.payload.length == 4);
    arrive(&it, 0xC0, BOOKEND_UTF8, "\xFF", 1);
    CHECK(it.event == BOOKEND_EVENT_NOTHING && memcmp(take(&it).payload.data, "bad-text", 8) == 0);
    arrive(&it, 0xC0, BOOKEND_UTF16BE, "\xFF", 1);
    CHECK(it.event == BOOKEND_EVENT_NOTHING && memcmp(take(&it).payload.data, "encoding-refused", 16) == 0);
    arrive(&it, 0xF0, BOOKEND_UTF8, "\xFF", 1);
    CHECK(it.event == BOOKEND_EVENT_NOTHING && take(&it).kind == 0);
}

void test_order(void) {
    sending_is_checked_in_one_order();
    the_session_sends_hello_pong_and_close_itself();
    a_mark_is_removed_before_the_length_is_judged();
    a_reason_has_at_most_200_bytes();
    an_error_answers_its_request_and_names_its_frame();
    a_malformed_ping_counts_for_the_flood_first();
    a_request_is_judged_by_id_encoding_text_and_number();
    a_reply_that_cannot_be_read_answers_its_request();
    an_error_about_no_request_is_delivered();
    private_kinds_are_sent_as_message_is();
    private_kinds_are_ignored_unless_agreed();
}
