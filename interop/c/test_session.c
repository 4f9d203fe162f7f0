/* Laws and boundaries of the session, run in memory. */
#include "test.h"

#include <stdlib.h>
#include <string.h>

enum { OUT = 8192, PIPE = 32768, LOG = 65536 };

/* One side, the bytes in transit to it, and a log of what it delivered to its application. */
typedef struct side {
    bookend_session session;
    uint8_t out[OUT];
    uint8_t in[PIPE];
    size_t in_length;
    uint8_t log[LOG]; /* event, kind and body of each event */
    size_t log_length;
} side;

static void begin(side *side, bookend_role role, const char *name, uint64_t now) {
    bookend_hello hello;

    memset(side, 0, sizeof *side);
    bookend_hello_init(&hello);
    hello.features = BOOKEND_FEATURE_HUB;
    if (name != NULL) {
        hello.name.data = (const uint8_t *)name;
        hello.name.length = strlen(name);
    }
    CHECK(bookend_session_init(&side->session, role, &hello, side->out, OUT, now) == BOOKEND_OK);
}

static void note(side *side, const void *bytes, size_t length) {
    if (length > LOG - side->log_length) abort();
    if (length > 0) memcpy(side->log + side->log_length, bytes, length);
    side->log_length += length;
}

static void note_event(side *side, bookend_event event, const bookend_message *message) {
    uint8_t head[2] = {(uint8_t)event, 0};

    if (event == BOOKEND_EVENT_NOTHING) return;
    if (event == BOOKEND_EVENT_MESSAGE) head[1] = message->kind;
    note(side, head, 2);
    if (event == BOOKEND_EVENT_MESSAGE) note(side, message->body.data, message->body.length);
}

/* Gives the session all bytes received, in a buffer of exactly that size. */
static void offer(side *side, uint64_t now) {
    bookend_message message;
    bookend_event event;
    uint8_t *copy;
    size_t used;

    do {
        copy = exact_copy(side->in, side->in_length);
        event = bookend_session_receive(&side->session, copy, side->in_length, now, &used, &message);
        CHECK(used <= side->in_length);
        note_event(side, event, &message);
        free(copy);
        memmove(side->in, side->in + used, side->in_length - used);
        side->in_length -= used;
    } while (event != BOOKEND_EVENT_NOTHING);
}

static void arrive(side *side, const uint8_t *bytes, size_t length, size_t piece, uint64_t now) {
    size_t at, next;

    for (at = 0; at < length; at += next) {
        next = length - at < piece ? length - at : piece;
        if (next > PIPE - side->in_length) abort();
        memcpy(side->in + side->in_length, bytes + at, next);
        side->in_length += next;
        offer(side, now);
    }
}

/* Carries the output of one side to the other. */
static size_t carry(side *from, side *to, size_t piece, uint64_t now) {
    size_t length;
    const uint8_t *out = bookend_session_output(&from->session, &length);

    arrive(to, out, length, piece, now);
    bookend_session_sent(&from->session, length, now);
    return length;
}

static void carry_all(side *a, side *b, size_t piece, uint64_t now) {
    int turn;

    for (turn = 0; turn < 10 && carry(a, b, piece, now) + carry(b, a, piece, now) > 0; turn++) continue;
}

static bookend_fault send_one(side *side, uint8_t kind, uint32_t id, const char *payload) {
    bookend_message message = message_of(kind, kind == BOOKEND_KIND_PING ? BOOKEND_BINARY : BOOKEND_UTF8, payload);

    message.id = id;
    return bookend_session_send(&side->session, &message, 0, NULL);
}

static bool logged(const side *side, const void *bytes, size_t length) {
    return side->log_length == length && memcmp(side->log, bytes, length) == 0;
}

static void open_both(side *client, side *server) {
    begin(client, BOOKEND_CLIENT, NULL, 0);
    begin(server, BOOKEND_SERVER, NULL, 0);
    carry_all(client, server, PIPE, 0);
    CHECK(client->session.state == BOOKEND_OPEN && server->session.state == BOOKEND_OPEN);
    client->log_length = server->log_length = 0;
}

/* ---- Both sides ------------------------------------------------------------------------------------------------ */

static void both_sides_talk_from_hello_to_close(size_t piece) {
    static side client, server;
    bookend_message welcome = message_of(BOOKEND_KIND_WELCOME, BOOKEND_UTF8, "hi");

    begin(&client, BOOKEND_CLIENT, "ann", 0);
    begin(&server, BOOKEND_SERVER, NULL, 0);
    CHECK(send_one(&client, BOOKEND_KIND_MESSAGE, 0, "early") == BOOKEND_FAULT_NOT_OPEN);
    carry_all(&client, &server, piece, 0);
    CHECK(logged(&client, "\1", 2) && logged(&server, "\1", 2));
    client.log_length = server.log_length = 0;

    CHECK(bookend_session_send(&server.session, &welcome, 0, NULL) == BOOKEND_OK);
    CHECK(send_one(&client, BOOKEND_KIND_POST, 0, "to all") == BOOKEND_OK);
    CHECK(send_one(&client, BOOKEND_KIND_REQUEST, 7, "time?") == BOOKEND_OK);
    CHECK(send_one(&client, BOOKEND_KIND_REQUEST, 7, "time?") == BOOKEND_FAULT_DUPLICATE_REQUEST);
    CHECK(send_one(&client, BOOKEND_KIND_PING, 0, "end") == BOOKEND_OK);
    carry_all(&client, &server, piece, 0);
    CHECK(logged(&server, "\2\x12\0\0\0\0to all\2\3\0\0\0\7time?", 23));
    CHECK(logged(&client, "\2\x10\0\0\0\0\0\0\0\0\0\0\0\0hi\2\7end", 21));
    client.log_length = server.log_length = 0;

    CHECK(send_one(&server, BOOKEND_KIND_REPLY, 8, "noon") == BOOKEND_FAULT_NO_SUCH_REQUEST);
    CHECK(send_one(&server, BOOKEND_KIND_REPLY, 7, "noon") == BOOKEND_OK);
    CHECK(send_one(&server, BOOKEND_KIND_REPLY, 7, "noon") == BOOKEND_FAULT_NO_SUCH_REQUEST);
    carry_all(&client, &server, piece, 0);
    CHECK(logged(&client, "\2\4\0\0\0\7noon", 10));

    bookend_session_close(&client.session, 1000, "bye", 0);
    CHECK(send_one(&client, BOOKEND_KIND_MESSAGE, 0, "late") == BOOKEND_FAULT_NOT_OPEN);
    carry_all(&client, &server, piece, 0);
    CHECK(server.session.state == BOOKEND_CLOSED && server.session.cause.fault == BOOKEND_FAULT_PEER_CLOSE);
    CHECK(server.session.cause.code == 1000);
    CHECK(client.session.state == BOOKEND_CLOSING);
    CHECK(bookend_session_end_of_stream(&client.session, 0) == BOOKEND_EVENT_ENDED);
    CHECK(bookend_session_end_of_stream(&client.session, 0) == BOOKEND_EVENT_NOTHING);
    CHECK(client.session.cause.fault == BOOKEND_FAULT_NORMAL);
    CHECK(bookend_session_deadline(&client.session) == UINT64_MAX);
}

static void the_peers_options_are_dropped_with_their_buffer(void) {
    static side client, server;
    bookend_message message;
    size_t length, used;
    const uint8_t *out;

    begin(&client, BOOKEND_CLIENT, "ann", 0);
    begin(&server, BOOKEND_SERVER, NULL, 0);
    out = bookend_session_output(&client.session, &length);
    CHECK(bookend_session_receive(&server.session, out, length, 0, &used, &message) == BOOKEND_EVENT_OPENED);
    CHECK(used == length && server.session.peer.name.length == 3);
    CHECK(bookend_session_receive(&server.session, out, 0, 0, &used, &message) == BOOKEND_EVENT_NOTHING);
    CHECK(server.session.peer.name.data == NULL && server.session.peer.max_body == 1u << 20);
}

static void a_forgotten_request_frees_its_id(void) {
    static side client, server;

    open_both(&client, &server);
    CHECK(send_one(&client, BOOKEND_KIND_REQUEST, 7, "") == BOOKEND_OK);
    bookend_session_forget(&client.session, 7);
    carry_all(&client, &server, PIPE, 0);
    CHECK(send_one(&server, BOOKEND_KIND_REPLY, 7, "late") == BOOKEND_OK);
    carry_all(&client, &server, PIPE, 0);
    CHECK(client.log_length == 0);
    CHECK(send_one(&client, BOOKEND_KIND_REQUEST, 7, "") == BOOKEND_OK);
}

/* The ERROR `cancelled` that an output begins with, about the REQUEST of this id and frame. */
static bool is_cancelled(const side *side, uint32_t id, uint32_t frame_number) {
    bookend_message message;
    bookend_decoder decoder;
    bookend_frame frame;
    size_t length;
    const uint8_t *out = bookend_session_output(&side->session, &length);

    bookend_decoder_init(&decoder, 4096);
    return bookend_decode(&decoder, out, length, &frame) == BOOKEND_FOUND_FRAME &&
           length == BOOKEND_OVERHEAD + frame.length &&
           bookend_message_parse(&frame, &message, NULL) == BOOKEND_OK && message.kind == BOOKEND_KIND_ERROR &&
           message.code == 4012 && message.id == id && message.frame == frame_number;
}

static void a_cancelled_request_is_answered_at_once_and_only_then_free(void) {
    static side client, server;

    open_both(&client, &server);
    CHECK(bookend_session_cancel(&client.session, 7, 0) == BOOKEND_FAULT_NO_SUCH_REQUEST);
    CHECK(bookend_session_cancel(&client.session, 0, 0) == BOOKEND_FAULT_MALFORMED);
    CHECK(send_one(&client, BOOKEND_KIND_REQUEST, 7, "long") == BOOKEND_OK);
    CHECK(send_one(&client, BOOKEND_KIND_REQUEST, 8, "") == BOOKEND_OK);
    CHECK(bookend_session_cancel(&client.session, 7, 0) == BOOKEND_OK);
    CHECK(send_one(&client, BOOKEND_KIND_REQUEST, 7, "") == BOOKEND_FAULT_DUPLICATE_REQUEST);
    carry(&client, &server, PIPE, 0);
    CHECK(logged(&server, "\2\3\0\0\0\7long\2\3\0\0\0\10\2\x81\0\0\0\7", 22));
    CHECK(is_cancelled(&server, 7, 1));
    CHECK(send_one(&server, BOOKEND_KIND_REPLY, 7, "late") == BOOKEND_FAULT_NO_SUCH_REQUEST);
    carry(&server, &client, PIPE, 0);
    CHECK(client.log_length > 2 && memcmp(client.log, "\2\5\0\0\0\7", 6) == 0);
    CHECK(send_one(&client, BOOKEND_KIND_REQUEST, 7, "") == BOOKEND_OK);
}

static void a_cancel_that_crosses_the_reply_is_ignored(void) {
    static side client, server;
    size_t length;

    open_both(&client, &server);
    CHECK(send_one(&client, BOOKEND_KIND_REQUEST, 7, "") == BOOKEND_OK);
    carry(&client, &server, PIPE, 0);
    server.log_length = 0;
    CHECK(bookend_session_cancel(&client.session, 7, 0) == BOOKEND_OK);
    CHECK(send_one(&server, BOOKEND_KIND_REPLY, 7, "noon") == BOOKEND_OK);
    carry(&server, &client, PIPE, 0);
    CHECK(logged(&client, "\2\4\0\0\0\7noon", 10));
    carry(&client, &server, PIPE, 0);
    (void)bookend_session_output(&server.session, &length);
    CHECK(length == 0 && server.log_length == 0 && server.session.state == BOOKEND_OPEN);
}

/* Opens both sides. The server takes this many REQUESTs and has `slots`; the client has those that are left over. */
static void open_with_requests(side *client, side *server, uint32_t requests, bookend_slot *slots, size_t count,
                               bookend_slot *left, size_t left_count) {
    bookend_hello hello;

    bookend_hello_init(&hello);
    memset(client, 0, sizeof *client);
    CHECK(bookend_session_init_slots(&client->session, BOOKEND_CLIENT, &hello, client->out, OUT, 0, left, left_count) ==
          BOOKEND_OK);
    hello.has_requests = true;
    hello.requests = requests;
    memset(server, 0, sizeof *server);
    CHECK(bookend_session_init_slots(&server->session, BOOKEND_SERVER, &hello, server->out, OUT, 0, slots, count) ==
          BOOKEND_OK);
    carry_all(client, server, PIPE, 0);
    CHECK(client->session.peer.requests == requests);
    client->log_length = server->log_length = 0;
}

static void hello_limits_the_requests_of_the_other_side(void) {
    static side client, server;
    static bookend_slot slots[3];
    uint8_t raw[] = {0xF5, 0xF8, 3, 2, 0, 0, 0, 4, 0, 0, 0, 9, 0xF8, 0xF5};
    size_t length;

    open_with_requests(&client, &server, 2, slots, 3, NULL, 2 * BOOKEND_REQUESTS);
    CHECK(send_one(&client, BOOKEND_KIND_REQUEST, 1, "") == BOOKEND_OK);
    CHECK(send_one(&client, BOOKEND_KIND_REQUEST, 2, "") == BOOKEND_OK);
    CHECK(send_one(&client, BOOKEND_KIND_REQUEST, 3, "") == BOOKEND_FAULT_TRY_LATER);
    carry(&client, &server, PIPE, 0);
    arrive(&server, raw, sizeof raw, PIPE, 0);
    (void)bookend_session_output(&server.session, &length);
    CHECK(length > 20 && server.out[2] == BOOKEND_KIND_ERROR && server.out[11] == 9);
    CHECK(server.out[16] == 1013 >> 8 && server.out[17] == (1013 & 0xFF) && server.session.state == BOOKEND_OPEN);
    /* One slot is left for the server's own, which its peer would permit more of. */
    CHECK(send_one(&server, BOOKEND_KIND_REQUEST, 1, "") == BOOKEND_OK);
    CHECK(send_one(&server, BOOKEND_KIND_REQUEST, 2, "") == BOOKEND_FAULT_TRY_LATER);

    open_with_requests(&client, &server, 0, NULL, 0, NULL, 2 * BOOKEND_REQUESTS);
    CHECK(send_one(&client, BOOKEND_KIND_REQUEST, 1, "") == BOOKEND_FAULT_TRY_LATER);
}

static void the_caller_gives_memory_for_more_than_64_requests(void) {
    static side client;
    static bookend_slot slots[100];
    bookend_hello hello;
    bookend_session *session = &client.session;

    bookend_hello_init(&hello);
    CHECK(bookend_session_init_slots(session, BOOKEND_CLIENT, &hello, client.out, OUT, 0, slots, 63) ==
          BOOKEND_FAULT_NO_ROOM);
    hello.has_requests = true;
    hello.requests = 100;
    CHECK(bookend_session_init(session, BOOKEND_CLIENT, &hello, client.out, OUT, 0) == BOOKEND_FAULT_NO_ROOM);
    CHECK(bookend_session_init_slots(session, BOOKEND_CLIENT, &hello, client.out, OUT, 0, NULL, 1000) ==
          BOOKEND_FAULT_NO_ROOM);
    CHECK(bookend_session_init_slots(session, BOOKEND_CLIENT, &hello, client.out, OUT, 0, slots, 99) ==
          BOOKEND_FAULT_NO_ROOM);
    CHECK(bookend_session_init_slots(session, BOOKEND_CLIENT, &hello, client.out, OUT, 0, slots, 100) == BOOKEND_OK);
}

/* The number of slots on the longest way down from this one. */
static unsigned depth(const bookend_slot *slots, uint32_t number) {
    unsigned one, other;

    if (number == 0) return 0;
    one = depth(slots, slots[number - 1].child[0]);
    other = depth(slots, slots[number - 1].child[1]);
    return 1 + (one > other ? one : other);
}

/* Also with ids that differ in the first or last bits only. */
static void any_number_of_requests_may_be_answered_in_any_order(void) {
    enum { MANY = 3000 };
    static side client, server;
    static struct {
        uint32_t id, frame;
    } asked_for[MANY], swap;
    bookend_slot *asked = (bookend_slot *)malloc((MANY + BOOKEND_REQUESTS) * sizeof *asked);
    bookend_slot *owed = (bookend_slot *)malloc(MANY * sizeof *owed);
    uint32_t round, i, other, id;

    if (asked == NULL || owed == NULL) abort();
    open_with_requests(&client, &server, MANY, owed, MANY, asked, MANY + BOOKEND_REQUESTS);
    for (round = 0; round < 3; round++) {
        for (i = 0; i < MANY; i++) {
            id = round == 0 ? i + 1 : round == 1 ? (i + 1) << 20 : (i + 1) * 2654435761u;
            CHECK(send_one(&client, BOOKEND_KIND_REQUEST, id, "") == BOOKEND_OK);
            carry(&client, &server, PIPE, 0);
            asked_for[i].id = id;
            asked_for[i].frame = server.session.number;
        }
        CHECK(depth(owed, server.session.owed.root) <= 33);
        CHECK(send_one(&client, BOOKEND_KIND_REQUEST, MANY + 77, "") == BOOKEND_FAULT_TRY_LATER);
        CHECK(server.log_length == 6u * MANY);
        for (i = MANY - 1; i > 0; i--) {
            other = random_below(i + 1);
            swap = asked_for[i];
            asked_for[i] = asked_for[other];
            asked_for[other] = swap;
        }
        for (i = 0; i < MANY; i++) {
            id = asked_for[i].id;
            if (i % 2 == 0) {
                CHECK(send_one(&server, BOOKEND_KIND_REPLY, id, "") == BOOKEND_OK);
            } else {
                CHECK(bookend_session_cancel(&client.session, id, 0) == BOOKEND_OK);
                carry(&client, &server, PIPE, 0);
                CHECK(is_cancelled(&server, id, asked_for[i].frame));
            }
            CHECK(send_one(&server, BOOKEND_KIND_REPLY, id, "") == BOOKEND_FAULT_NO_SUCH_REQUEST);
            carry(&server, &client, PIPE, 0);
        }
        CHECK(client.session.asked.count == 0 && server.session.owed.count == 0);
        CHECK(client.session.asked.root == 0 && server.session.owed.root == 0);
        client.log_length = server.log_length = 0;
    }
    free(asked);
    free(owed);
}

static void two_clients_notice_each_other(void) {
    static side one, two;

    begin(&one, BOOKEND_CLIENT, NULL, 0);
    begin(&two, BOOKEND_CLIENT, NULL, 0);
    carry(&one, &two, PIPE, 0);
    CHECK(two.session.state == BOOKEND_CLOSING && two.session.cause.fault == BOOKEND_FAULT_TWO_CLIENTS);
    open_both(&one, &two);
    CHECK(two.session.peer.client && !one.session.peer.client);
}

static void reasons_are_in_the_encoding_that_the_peer_prefers(void) {
    static side client, server;
    bookend_hello hello;
    bookend_message message;
    bookend_decoder decoder;
    bookend_frame frame;
    char detail[300];
    size_t length;
    const uint8_t *out;

    begin(&server, BOOKEND_SERVER, NULL, 0);
    bookend_hello_init(&hello);
    hello.preferred = BOOKEND_UTF16LE;
    CHECK(bookend_session_init(&client.session, BOOKEND_CLIENT, &hello, client.out, OUT, 0) == BOOKEND_OK);
    client.in_length = 0;
    carry_all(&client, &server, PIPE, 0);
    memset(detail, 'x', sizeof detail - 1);
    detail[sizeof detail - 1] = '\0';
    bookend_session_close(&server.session, 1008, detail, 0);
    out = bookend_session_output(&server.session, &length);
    bookend_decoder_init(&decoder, 4096);
    CHECK(bookend_decode(&decoder, out, length, &frame) == BOOKEND_FOUND_FRAME);
    CHECK(bookend_message_parse(&frame, &message, NULL) == BOOKEND_OK);
    CHECK(message.encoding == BOOKEND_UTF16LE && message.payload.length == BOOKEND_REASON_MAX);
}

/* ---- Hostile input --------------------------------------------------------------------------------------------- */

/* The whole output of a client: every kind that a server accepts, some of it wrong. */
static size_t conversation(uint8_t *out) {
    static side client, server;
    size_t length = 0, bytes;
    int i;
    const uint8_t *from;

    begin(&client, BOOKEND_CLIENT, "ann", 0);
    begin(&server, BOOKEND_SERVER, NULL, 0);
    from = bookend_session_output(&client.session, &bytes);
    memcpy(out, from, bytes);
    length = bytes;
    carry_all(&client, &server, PIPE, 0);
    for (i = 0; i < 3; i++) {
        CHECK(send_one(&client, BOOKEND_KIND_MESSAGE, 0, "gr\xC3\xBC\xC3\x9F") == BOOKEND_OK);
        CHECK(send_one(&client, BOOKEND_KIND_REQUEST, (uint32_t)i + 1, "time?") == BOOKEND_OK);
        CHECK(send_one(&client, BOOKEND_KIND_POST, 0, "hi") == BOOKEND_OK);
        CHECK(send_one(&client, BOOKEND_KIND_ERROR, 0, "policy") == BOOKEND_OK);
        CHECK(send_one(&client, BOOKEND_KIND_PING, 0, "p") == BOOKEND_OK);
    }
    bookend_session_close(&client.session, 1000, NULL, 0);
    from = bookend_session_output(&client.session, &bytes);
    memcpy(out + length, from, bytes);
    return length + bytes;
}

/* The number of CLOSE frames in an output; -1 if it is not whole frames, or if anything follows CLOSE. */
static int count_closes(const uint8_t *out, size_t length) {
    bookend_decoder decoder;
    bookend_frame frame;
    size_t at = 0;
    int closes = 0;

    bookend_decoder_init(&decoder, BOOKEND_LENGTH_MAX);
    while (bookend_decode(&decoder, out + at, length - at, &frame) == BOOKEND_FOUND_FRAME) {
        if (closes > 0) return -1;
        closes += frame.kind == BOOKEND_KIND_CLOSE;
        at += BOOKEND_OVERHEAD + (size_t)frame.length;
    }
    return at == length ? closes : -1;
}

static void a_damaged_stream_ends_the_same_way_however_it_is_cut(void) {
    static const size_t PIECES[] = {1, 2, 5, 64};
    static side whole, cut;
    uint8_t stream[2048], *out;
    size_t length, good, whole_out, cut_out, i;
    int round;

    good = conversation(stream);
    for (round = 0; round < 1500; round++) {
        uint8_t damaged[2048];
        uint32_t at = random_below((uint32_t)good);

        memcpy(damaged, stream, good);
        length = round % 7 == 0 ? at : good;
        damaged[at] = (uint8_t)(random_below(2) == 0 ? random_below(256) : 0xF5 + random_below(4));

        begin(&whole, BOOKEND_SERVER, NULL, 0);
        arrive(&whole, damaged, length, PIPE, 0);
        note_event(&whole, bookend_session_end_of_stream(&whole.session, 0), NULL);
        CHECK(whole.session.state == BOOKEND_CLOSED);
        (void)bookend_session_output(&whole.session, &whole_out);
        CHECK(count_closes(whole.out, whole_out) == (whole.session.cause.fault != BOOKEND_FAULT_NO_CLOSE));

        begin(&cut, BOOKEND_SERVER, NULL, 0);
        arrive(&cut, damaged, length, PIECES[round % 4], 0);
        note_event(&cut, bookend_session_end_of_stream(&cut.session, 0), NULL);
        out = cut.out;
        (void)bookend_session_output(&cut.session, &cut_out);
        CHECK(logged(&cut, whole.log, whole.log_length));
        CHECK(cut_out == whole_out && memcmp(out, whole.out, whole_out) == 0);
        CHECK(cut.session.cause.fault == whole.session.cause.fault);
        CHECK(cut.session.cause.offset == whole.session.cause.offset);
    }
    for (i = 1; i <= good; i += 13) {
        begin(&whole, BOOKEND_SERVER, NULL, 0);
        arrive(&whole, stream, good, i, 0);
        CHECK(whole.session.cause.fault == BOOKEND_FAULT_PEER_CLOSE);
    }
}

static void a_reply_never_provokes_a_reply(void) {
    static const uint8_t BAD[][16] = {
        {0xF5, 0xF8, 0x04, 0x02, 0, 0, 0, 5, 0, 0, 0, 9, 0xFF, 0xF8, 0xF5},
        {0xF5, 0xF8, 0x07, 0x00, 0, 0, 0, 1, 0xFF, 0xF8, 0xF5},
        {0xF5, 0xF8, 0x90, 0x02, 0, 0, 0, 1, 0xFF, 0xF8, 0xF5},
    };
    static const size_t LENGTHS[] = {15, 11, 11};
    static side client, server;
    size_t i, length;

    open_both(&client, &server);
    for (i = 0; i < 3; i++) {
        arrive(&server, BAD[i], LENGTHS[i], PIPE, 0);
        (void)bookend_session_output(&server.session, &length);
        CHECK(length == 0 && server.log_length == 0 && server.session.state == BOOKEND_OPEN);
    }
}

/* ---- A full output --------------------------------------------------------------------------------------------- */

static const uint8_t BAD_TEXT[] = {0xF5, 0xF8, 0x02, 0x02, 0, 0, 0, 1, 0xFF, 0xF8, 0xF5};

static void a_peer_that_does_not_read_is_not_read_and_finally_closed(void) {
    static side client, server;
    size_t waiting, before;
    int i;

    open_both(&client, &server);
    for (i = 0; i < 400; i++) arrive(&server, BAD_TEXT, sizeof BAD_TEXT, PIPE, 1000);
    CHECK(server.session.state == BOOKEND_OPEN && server.in_length > 0);
    (void)bookend_session_output(&server.session, &waiting);
    CHECK(waiting <= OUT && waiting > OUT - 1024);
    CHECK(bookend_session_deadline(&server.session) == 11000);

    /* Some of the output is written: the session continues with the bytes that waited. */
    before = server.in_length;
    bookend_session_sent(&server.session, 4000, 5000);
    offer(&server, 5000);
    CHECK(server.in_length < before);
    CHECK(server.session.blocked && bookend_session_deadline(&server.session) == 15000);
    CHECK(bookend_session_tick(&server.session, 14999) == BOOKEND_EVENT_NOTHING);
    CHECK(server.session.state == BOOKEND_OPEN);
    CHECK(bookend_session_tick(&server.session, 15000) == BOOKEND_EVENT_NOTHING);
    CHECK(server.session.cause.fault == BOOKEND_FAULT_SLOW_CONSUMER);
    CHECK(bookend_session_tick(&server.session, 17000) == BOOKEND_EVENT_ENDED);
}

static void messages_leave_room_for_the_sessions_own_frames(void) {
    static side client, server;
    char text[1001];
    size_t waiting;
    int sent = 0;
    bookend_fault fault;

    memset(text, 'x', 1000);
    text[1000] = '\0';
    open_both(&client, &server);
    while ((fault = send_one(&server, BOOKEND_KIND_MESSAGE, 0, text)) == BOOKEND_OK && sent < 100) sent++;
    CHECK(fault == BOOKEND_FAULT_NO_ROOM && sent == 6);
    arrive(&server, BAD_TEXT, sizeof BAD_TEXT, PIPE, 0);
    bookend_session_close(&server.session, 1001, NULL, 0);
    (void)bookend_session_output(&server.session, &waiting);
    CHECK(count_closes(server.out, waiting) == 1);
    carry_all(&server, &client, 100, 0);
    CHECK(client.session.cause.fault == BOOKEND_FAULT_PEER_CLOSE && client.session.cause.code == 1001);

    open_both(&client, &server);
    server.session.out_capacity = BOOKEND_OUTPUT_MIN;
    CHECK(send_one(&server, BOOKEND_KIND_MESSAGE, 0, text) == BOOKEND_OK);
    server.session.out_capacity = BOOKEND_RESERVE + 1009;
    CHECK(send_one(&server, BOOKEND_KIND_MESSAGE, 0, text) == BOOKEND_FAULT_TOO_LONG);
}

/* ---- Time ------------------------------------------------------------------------------------------------------ */

static void the_deadline_is_when_something_is_due(void) {
    static side client, server;
    size_t length;

    begin(&client, BOOKEND_CLIENT, NULL, 100);
    CHECK(bookend_session_deadline(&client.session) == 5100);
    begin(&server, BOOKEND_SERVER, NULL, 100);
    carry_all(&client, &server, PIPE, 200);
    CHECK(bookend_session_deadline(&client.session) == 30200);

    CHECK(bookend_session_tick(&client.session, 30199) == BOOKEND_EVENT_NOTHING);
    (void)bookend_session_output(&client.session, &length);
    CHECK(length == 0);
    CHECK(bookend_session_tick(&client.session, 30200) == BOOKEND_EVENT_NOTHING);
    (void)bookend_session_output(&client.session, &length);
    CHECK(length == BOOKEND_OVERHEAD);

    /* While output waits no further PING is due, but the peer's silence still is. */
    CHECK(bookend_session_deadline(&client.session) == 60200);
    arrive(&client, BAD_TEXT, 1, 1, 40000);
    CHECK(bookend_session_deadline(&client.session) == 45000);
    CHECK(bookend_session_tick(&client.session, 45000) == BOOKEND_EVENT_NOTHING);
    CHECK(client.session.cause.fault == BOOKEND_FAULT_FRAME_TIMEOUT);
    CHECK(bookend_session_deadline(&client.session) == 47000);
    CHECK(bookend_session_tick(&client.session, 47000) == BOOKEND_EVENT_ENDED);
}

static void a_session_needs_room_and_a_legal_hello(void) {
    static side side;
    bookend_hello hello;

    bookend_hello_init(&hello);
    CHECK(bookend_session_init(&side.session, BOOKEND_CLIENT, &hello, side.out, BOOKEND_OUTPUT_MIN - 1, 0) ==
          BOOKEND_FAULT_NO_ROOM);
    hello.accepted = 0x03;
    CHECK(bookend_session_init(&side.session, BOOKEND_CLIENT, &hello, side.out, OUT, 0) == BOOKEND_FAULT_BAD_HELLO);
}

void test_session(void) {
    both_sides_talk_from_hello_to_close(1);
    both_sides_talk_from_hello_to_close(7);
    both_sides_talk_from_hello_to_close(PIPE);
    the_peers_options_are_dropped_with_their_buffer();
    a_forgotten_request_frees_its_id();
    a_cancelled_request_is_answered_at_once_and_only_then_free();
    a_cancel_that_crosses_the_reply_is_ignored();
    hello_limits_the_requests_of_the_other_side();
    the_caller_gives_memory_for_more_than_64_requests();
    any_number_of_requests_may_be_answered_in_any_order();
    two_clients_notice_each_other();
    reasons_are_in_the_encoding_that_the_peer_prefers();
    a_damaged_stream_ends_the_same_way_however_it_is_cut();
    a_reply_never_provokes_a_reply();
    a_peer_that_does_not_read_is_not_read_and_finally_closed();
    messages_leave_room_for_the_sessions_own_frames();
    the_deadline_is_when_something_is_due();
    a_session_needs_room_and_a_legal_hello();
}
