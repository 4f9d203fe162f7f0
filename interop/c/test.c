/* Laws and boundaries of the codec, and the program that runs all tests. */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;
static unsigned long checks;
static uint32_t seed = 0x2545F491;

void check(bool holds, const char *claim, const char *file, int line) {
    checks++;
    if (holds) return;
    if (failures++ < 20) fprintf(stderr, "%s:%d: failed: %s\n", file, line, claim);
}

uint32_t random_below(uint32_t limit) {
    seed ^= seed << 13;
    seed ^= seed >> 17;
    seed ^= seed << 5;
    return seed % limit;
}

uint8_t *exact_copy(const uint8_t *bytes, size_t length) {
    uint8_t *copy = (uint8_t *)malloc(length == 0 ? 1 : length);

    if (copy == NULL) abort();
    if (length > 0) memcpy(copy, bytes, length);
    return copy;
}

bookend_message message_of(uint8_t kind, uint8_t encoding, const char *payload) {
    bookend_message message;

    memset(&message, 0, sizeof message);
    message.kind = kind;
    message.encoding = encoding;
    message.payload.data = (const uint8_t *)payload;
    message.payload.length = strlen(payload);
    return message;
}

/* ---- Faults ---------------------------------------------------------------------------------------------------- */

static void every_fault_has_a_unique_name_and_its_code_maps_back(void) {
    int a, b;

    for (a = BOOKEND_OK; a <= BOOKEND_FAULT_UNNAMED; a++) {
        uint16_t code = bookend_fault_code((bookend_fault)a);

        if (code != 0) CHECK(bookend_fault_code(bookend_code_fault(code)) == code);
        CHECK(*bookend_fault_advice((bookend_fault)a) != '\0');
        for (b = a + 1; b <= BOOKEND_FAULT_UNNAMED; b++)
            CHECK(strcmp(bookend_fault_name((bookend_fault)a), bookend_fault_name((bookend_fault)b)) != 0);
    }
    CHECK(bookend_code_fault(1002) == BOOKEND_FAULT_PROTOCOL_ERROR);
    CHECK(bookend_code_fault(0) == BOOKEND_FAULT_UNNAMED);
    CHECK(bookend_code_fault(3000) == BOOKEND_FAULT_UNNAMED);
}

static bool explains(const uint8_t *bytes, size_t length, const char *expected) {
    char reason[BOOKEND_REASON_MAX + 1];
    bookend_decoder decoder;
    bookend_frame frame;
    size_t explained;

    bookend_decoder_init(&decoder, 1u << 20);
    if (bookend_decode(&decoder, bytes, length, &frame) != BOOKEND_FOUND_FAULT) return false;
    explained = bookend_explain(&decoder.error, reason, sizeof reason);
    if (strcmp(reason, expected) != 0) fprintf(stderr, "explained as: %s\n", reason);
    return explained == strlen(expected) && strcmp(reason, expected) == 0;
}

static void a_fault_explains_what_was_found_and_guesses_why(void) {
    static const uint8_t HTTP[] = "GET / HTTP/1.1";
    static const uint8_t LITTLE_ENDIAN[] = {0xF5, 0xF8, 2, 2, 2, 0, 0, 0};
    static const uint8_t COUNTS_ITS_END[] = {0xF5, 0xF8, 2, 2, 0, 0, 0, 1, 'h', 'i', 0xF8, 0xF5};
    static const uint8_t CRLF_TO_LF[] = {0x42, 0x4B, 0x4E, 0x44, 0x0A};
    bookend_error error;
    char reason[BOOKEND_REASON_MAX + 1], cut[8];

    CHECK(explains(HTTP, 3, "bad-start: 47 instead of F5: text, such as HTTP, SSH or a line terminal"));
    CHECK(explains(LITTLE_ENDIAN, 8, "too-long: 33554432 over 1048576, little-endian it would be 2"));
    CHECK(explains(COUNTS_ITS_END, 12,
                   "bad-end: 69 instead of F8: the length is wrong, or bytes were added or lost"));

    memset(&error, 0, sizeof error);
    CHECK(bookend_hello_magic(CRLF_TO_LF, 5, &error) == BOOKEND_FAULT_BAD_CANARY);
    (void)bookend_explain(&error, reason, sizeof reason);
    CHECK(strcmp(reason, "bad-canary: byte 0 is 0A: CRLF became LF") == 0);
    CHECK(bookend_explain(&error, cut, sizeof cut) == 7);
    CHECK(strcmp(cut, "bad-can") == 0);
    CHECK(bookend_explain(&error, cut, 0) == 0);
}

/* ---- Frame ----------------------------------------------------------------------------------------------------- */

enum { STREAM_MAX = 4096 };

/* A sequence of random frames; returns its length. */
static size_t random_stream(uint8_t *out) {
    size_t length = 0, bytes, i;
    uint8_t body[64];
    bookend_frame frame;

    while (length < 300) {
        frame.kind = (uint8_t)random_below(256);
        frame.encoding = (uint8_t)random_below(5);
        frame.length = random_below(sizeof body);
        frame.body = body;
        for (i = 0; i < frame.length; i++) body[i] = (uint8_t)(random_below(3) == 0 ? 0xF5 + random_below(4) : 0);
        bytes = bookend_frame_encode(&frame, out + length, STREAM_MAX - length);
        CHECK(bytes == BOOKEND_OVERHEAD + frame.length);
        length += bytes;
    }
    return length;
}

/* Decodes a stream that arrives in pieces of up to `piece` bytes; returns a hash of the frames found. */
static uint64_t read_in_pieces(const uint8_t *stream, size_t length, uint32_t piece, size_t *used,
                               bookend_error *error) {
    bookend_decoder decoder;
    bookend_frame frame;
    bookend_found found = BOOKEND_FOUND_MORE;
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    size_t arrived = 0, i;
    uint8_t *copy;

    *used = 0;
    bookend_decoder_init(&decoder, 1024);
    while (arrived < length && found != BOOKEND_FOUND_FAULT) {
        arrived += 1 + (piece > 1 ? random_below(piece) : 0);
        if (arrived > length) arrived = length;
        do {
            copy = exact_copy(stream + *used, arrived - *used);
            found = bookend_decode(&decoder, copy, arrived - *used, &frame);
            if (found == BOOKEND_FOUND_FRAME) {
                *used += BOOKEND_OVERHEAD + (size_t)frame.length;
                hash = (hash ^ frame.kind ^ (uint64_t)frame.encoding << 8 ^ frame.length << 16) * 1099511628211u;
                for (i = 0; i < frame.length; i++) hash = (hash ^ frame.body[i]) * 1099511628211u;
            }
            free(copy);
        } while (found == BOOKEND_FOUND_FRAME);
    }
    *error = decoder.error;
    return hash;
}

static void frames_are_the_same_however_the_stream_is_cut(void) {
    static const uint32_t PIECES[] = {1, 3, 17, 200};
    uint8_t stream[STREAM_MAX];
    bookend_error whole_error, error;
    size_t length, whole_used, used, i;
    uint64_t whole;
    int round;

    for (round = 0; round < 300; round++) {
        length = random_stream(stream);
        /* Two streams of three are damaged. */
        if (round % 3 != 0) stream[random_below((uint32_t)length)] ^= (uint8_t)(1 + random_below(255));
        whole = read_in_pieces(stream, length, STREAM_MAX, &whole_used, &whole_error);
        if (round % 3 == 0) CHECK(whole_used == length && whole_error.fault == BOOKEND_OK);
        for (i = 0; i < sizeof PIECES / sizeof PIECES[0]; i++) {
            CHECK(read_in_pieces(stream, length, PIECES[i], &used, &error) == whole);
            CHECK(used == whole_used);
            CHECK(error.fault == whole_error.fault && error.offset == whole_error.offset);
            CHECK(error.found == whole_error.found && error.wanted == whole_error.wanted);
        }
    }
}

static void a_framing_fault_is_sticky(void) {
    static const uint8_t GOOD[] = {0xF5, 0xF8, 2, 2, 0, 0, 0, 0, 0xF8, 0xF5};
    bookend_decoder decoder;
    bookend_frame frame;

    bookend_decoder_init(&decoder, 1024);
    CHECK(bookend_decode(&decoder, GOOD, sizeof GOOD, &frame) == BOOKEND_FOUND_FRAME);
    CHECK(bookend_decode(&decoder, GOOD + 1, 1, &frame) == BOOKEND_FOUND_FAULT);
    CHECK(bookend_decode(&decoder, GOOD, sizeof GOOD, &frame) == BOOKEND_FOUND_FAULT);
    CHECK(decoder.error.fault == BOOKEND_FAULT_BAD_START && decoder.error.offset == sizeof GOOD);
}

static void length_is_checked_at_the_header_against_both_limits(void) {
    uint8_t header[] = {0xF5, 0xF8, 2, 0, 0x80, 0, 0, 0};
    bookend_decoder decoder;
    bookend_frame frame;

    bookend_decoder_init(&decoder, UINT32_MAX);
    CHECK(bookend_decode(&decoder, header, 7, &frame) == BOOKEND_FOUND_MORE);
    CHECK(bookend_decode(&decoder, header, 8, &frame) == BOOKEND_FOUND_FAULT);
    CHECK(decoder.error.fault == BOOKEND_FAULT_TOO_LONG && decoder.error.offset == 4);

    memset(header + 4, 0xFF, 4);
    header[4] = 0x7F;
    bookend_decoder_init(&decoder, UINT32_MAX);
    CHECK(bookend_decode(&decoder, header, 8, &frame) == BOOKEND_FOUND_MORE);
}

static void a_frame_that_does_not_fit_is_not_written(void) {
    static const uint8_t BODY[] = {'h', 'i'};
    uint8_t out[12];
    bookend_frame frame = {2, 2, 2, NULL};

    frame.body = BODY;
    memset(out, 0x55, sizeof out);
    CHECK(bookend_frame_encode(&frame, out, 11) == 0 && out[0] == 0x55);
    CHECK(bookend_frame_encode(&frame, out, 12) == 12);
    frame.encoding = 5;
    CHECK(bookend_frame_encode(&frame, out, 12) == 0);
    frame.encoding = 2;
    frame.length = BOOKEND_LENGTH_MAX + 1u;
    CHECK(bookend_frame_encode(&frame, out, SIZE_MAX) == 0);
}

/* ---- Text ------------------------------------------------------------------------------------------------------ */

static void every_character_round_trips(void) {
    uint32_t scalar, back;
    uint8_t encoding, bytes[4];
    size_t put;

    for (encoding = BOOKEND_ASCII; encoding <= BOOKEND_UTF16LE; encoding++) {
        for (scalar = 0; scalar <= 0x110000; scalar++) {
            bool carried = encoding == BOOKEND_ASCII ? scalar < 0x80
                                                     : scalar <= 0x10FFFF && !(scalar >= 0xD800 && scalar <= 0xDFFF);

            back = UINT32_MAX;
            put = bookend_text_put(encoding, scalar, bytes);
            if ((put > 0) != carried) CHECK(!"an encoding carries exactly its own characters");
            if (put == 0) continue;
            if (bookend_text_next(encoding, bytes, put, &back) != put || back != scalar)
                CHECK(!"a character round-trips");
            if (bookend_text_next(encoding, bytes, put - 1, &back) != 0) CHECK(!"an incomplete character is not read");
        }
    }
    CHECK(bookend_text_put(BOOKEND_BINARY, 'a', bytes) == 0);
    CHECK(bookend_text_next(BOOKEND_BINARY, bytes, 1, &back) == 0);
}

static size_t random_text(uint8_t encoding, uint8_t *out) {
    static const uint32_t AIMED[] = {0,      0x7F,   0x80,   0x7FF,  0x800,   0xD7FF,  0xE000,
                                     0xFEFF, 0xFFFE, 0xFFFF, 0x10000, 0x10FFFF, 'a',     0x2028};
    size_t length = 0, count = 1 + random_below(20);

    while (count-- > 0) length += bookend_text_put(encoding, AIMED[random_below(14)], out + length);
    return length;
}

static void on_failure_everything_before_the_offset_is_legal(void) {
    uint8_t text[128], utf8[192], encoding, *copy;
    size_t length, legal, written, bom;
    bookend_error error;
    bookend_fault fault;
    int round;

    for (round = 0; round < 20000; round++) {
        encoding = (uint8_t)(1 + random_below(4));
        length = random_text(encoding, text);
        if (length > 0 && round % 2 != 0) text[random_below((uint32_t)length)] = (uint8_t)random_below(256);
        if (length > 0 && round % 5 == 0) length--;
        copy = exact_copy(text, length);
        legal = bookend_text_legal(encoding, copy, length);
        CHECK(legal <= length);
        CHECK(legal == 0 || bookend_text_legal(encoding, copy, legal) == legal);
        bom = bookend_text_bom(encoding, copy, legal);
        fault = bookend_text_to_utf8(encoding, copy + bom, legal - bom, utf8, sizeof utf8, &written, &error);
        CHECK(fault == BOOKEND_OK);
        CHECK(bookend_text_legal(BOOKEND_UTF8, utf8, written) == written);
        free(copy);
    }
}

static void text_round_trips_through_utf8(void) {
    uint8_t text[128], utf8[192], back[128], encoding;
    size_t length, utf8_length, back_length, marks, bytes;
    bookend_fault fault;
    int round;

    for (round = 0; round < 5000; round++) {
        encoding = (uint8_t)(1 + random_below(4));
        length = random_text(encoding, text);
        CHECK(bookend_text_to_utf8(encoding, text, length, utf8, sizeof utf8, &utf8_length, NULL) == BOOKEND_OK);
        fault = bookend_text_from_utf8(encoding, utf8, utf8_length, back, sizeof back, &back_length, NULL);
        for (marks = 0; (bytes = bookend_text_bom(encoding, text + marks, length - marks)) > 0;) marks += bytes;
        if (fault == BOOKEND_OK) /* except for leading marks, which are not sent */
            CHECK(back_length == length - marks && memcmp(back, text + marks, length - marks) == 0);
        else /* a leading U+FFFE would be the byte order mark of the other order */
            CHECK(fault == BOOKEND_FAULT_UNMAPPABLE_TEXT && encoding >= BOOKEND_UTF16BE && utf8[0] == 0xEF);
    }
}

static void a_conversion_without_room_returns_the_length_needed(void) {
    static const uint8_t TEXT[] = {'g', 'r', 0xC3, 0xBC, 0xF0, 0x9F, 0x98, 0x80};
    uint8_t out[10] = {0};
    size_t written;

    CHECK(bookend_text_from_utf8(BOOKEND_UTF16LE, TEXT, 8, NULL, 0, &written, NULL) == BOOKEND_FAULT_NO_ROOM);
    CHECK(written == 10);
    CHECK(bookend_text_from_utf8(BOOKEND_UTF16LE, TEXT, 8, out, 9, &written, NULL) == BOOKEND_FAULT_NO_ROOM);
    CHECK(written == 10 && out[6] == 0);
    CHECK(bookend_text_from_utf8(BOOKEND_UTF16LE, TEXT, 8, out, 10, &written, NULL) == BOOKEND_OK);
}

/* ---- HELLO ----------------------------------------------------------------------------------------------------- */

static bookend_bytes bytes_of(const char *text) {
    bookend_bytes bytes;

    bytes.data = (const uint8_t *)text;
    bytes.length = strlen(text);
    return bytes;
}

static void a_hello_round_trips_and_fits_its_documented_size(void) {
    static const char LINE[] = "0123456789012345678901234567890123456789012345678901234567890123";
    static uint8_t token[255];
    uint8_t body[BOOKEND_HELLO_MAX];
    bookend_hello hello, back;
    size_t length, i;

    bookend_hello_init(&hello);
    hello.name = hello.room = hello.software = bytes_of(LINE);
    hello.token.data = token;
    hello.token.length = sizeof token;
    hello.has_resume = true;
    hello.resume = UINT64_MAX - 1;
    hello.preferred = BOOKEND_UTF16LE;
    hello.client = hello.has_requests = true;
    hello.requests = UINT32_MAX - 1;
    CHECK(bookend_hello_encode(&hello, body, sizeof body - 1, &length, NULL) == BOOKEND_FAULT_NO_ROOM);
    CHECK(bookend_hello_encode(&hello, body, sizeof body, &length, NULL) == BOOKEND_OK);
    CHECK(length == BOOKEND_HELLO_MAX);
    CHECK(bookend_hello_parse(body, length, &back, NULL) == BOOKEND_OK);
    CHECK(back.resume == hello.resume && back.preferred == hello.preferred && back.max_body == hello.max_body);
    CHECK(back.client && back.has_requests && back.requests == hello.requests);
    CHECK(back.token.length == 255 && back.room.length == 64 && memcmp(back.name.data, LINE, 64) == 0);
    for (i = 0; i < length; i++) {
        uint8_t *copy = exact_copy(body, i);

        CHECK(bookend_hello_parse(copy, i, &back, NULL) == (i == 24 || i == 90 || i == 156 || i == 413 || i == 423 ||
                                                                   i == 489 || i == 491
                                                               ? BOOKEND_OK
                                                               : BOOKEND_FAULT_BAD_HELLO));
        free(copy);
    }

    hello.name.length = 65;
    CHECK(bookend_hello_encode(&hello, body, sizeof body, &length, NULL) == BOOKEND_FAULT_BAD_HELLO);
    hello.name = bytes_of("a\nb");
    CHECK(bookend_hello_encode(&hello, body, sizeof body, &length, NULL) == BOOKEND_FAULT_BAD_HELLO);
    hello.name = bytes_of("ab");
    hello.max_body = 1023;
    CHECK(bookend_hello_encode(&hello, body, sizeof body, &length, NULL) == BOOKEND_FAULT_BAD_HELLO);
}

/* ---- Message --------------------------------------------------------------------------------------------------- */

static bool same_bytes(bookend_bytes a, bookend_bytes b) {
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

static bool is_binary(uint8_t kind) {
    return kind == BOOKEND_KIND_PING || kind == BOOKEND_KIND_PONG || kind == BOOKEND_KIND_GAP ||
           kind == BOOKEND_KIND_CANCEL;
}

static void every_kind_round_trips(void) {
    static const uint8_t KINDS[] = {0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x10, 0x11, 0x12, 0x13, 0x14, 0x81, 0xC0};
    uint8_t out[256], *copy;
    bookend_message message, back;
    bookend_decoder decoder;
    bookend_frame frame;
    size_t i, written, bytes;

    for (i = 0; i < sizeof KINDS; i++) {
        memset(&message, 0, sizeof message);
        message.kind = KINDS[i];
        message.encoding = is_binary(KINDS[i]) ? BOOKEND_BINARY : BOOKEND_UTF8;
        message.event = KINDS[i] == 0x11 ? 2 : 0;
        message.id = message.frame = message.member = message.to = 0xFEDCBA98;
        message.code = 0xFEDC;
        message.seq = message.time = message.missed = 0xFEDCBA9876543210u;
        message.name = bytes_of("ann");
        message.payload = bytes_of(KINDS[i] == 0x14 || KINDS[i] == 0x81 ? "" : "gr\xC3\xBC\xC3\x9F");
        CHECK(bookend_message_encode(&message, out, sizeof out, &written, NULL) == BOOKEND_OK);
        CHECK(written == bookend_message_size(&message));
        CHECK(bookend_message_encode(&message, out, written - 1, &bytes, NULL) == BOOKEND_FAULT_NO_ROOM);

        copy = exact_copy(out, written);
        bookend_decoder_init(&decoder, 1024);
        CHECK(bookend_decode(&decoder, copy, written, &frame) == BOOKEND_FOUND_FRAME);
        CHECK(bookend_message_parse(&frame, &back, NULL) == BOOKEND_OK);
        CHECK(same_bytes(back.payload, message.payload));
        CHECK(bookend_message_encode(&back, out, sizeof out, &bytes, NULL) == BOOKEND_OK);
        CHECK(bytes == written && memcmp(out, copy, written) == 0);
        free(copy);
    }
}

static bookend_fault fault_of_encoding(uint8_t kind, uint8_t encoding, const char *payload) {
    uint8_t out[512];
    bookend_message message;
    size_t written;

    memset(&message, 0, sizeof message);
    message.kind = kind;
    message.encoding = encoding;
    message.payload = bytes_of(payload);
    return bookend_message_encode(&message, out, sizeof out, &written, NULL);
}

static void a_message_that_a_receiver_would_refuse_is_not_written(void) {
    CHECK(fault_of_encoding(BOOKEND_KIND_MESSAGE, BOOKEND_UTF8, "gr\xFC") == BOOKEND_FAULT_BAD_TEXT);
    CHECK(fault_of_encoding(BOOKEND_KIND_CLOSE, BOOKEND_UTF8, "gr\xFC") == BOOKEND_FAULT_BAD_TEXT);
    CHECK(fault_of_encoding(BOOKEND_KIND_CLOSE, BOOKEND_BINARY, "") == BOOKEND_FAULT_MALFORMED);
    CHECK(fault_of_encoding(BOOKEND_KIND_REQUEST, BOOKEND_UTF8, "") == BOOKEND_FAULT_MALFORMED);
    CHECK(fault_of_encoding(BOOKEND_KIND_PRESENCE, BOOKEND_UTF8, "a\nb") == BOOKEND_FAULT_MALFORMED);
    CHECK(fault_of_encoding(BOOKEND_KIND_GAP, BOOKEND_BINARY, "x") == BOOKEND_FAULT_MALFORMED);
    CHECK(fault_of_encoding(BOOKEND_KIND_CANCEL, BOOKEND_BINARY, "") == BOOKEND_FAULT_MALFORMED);
    CHECK(fault_of_encoding(BOOKEND_KIND_MESSAGE, 5, "") == BOOKEND_FAULT_MALFORMED);
    CHECK(fault_of_encoding(0x20, BOOKEND_UTF8, "") == BOOKEND_FAULT_UNKNOWN_KIND);
}

static void a_byte_order_mark_is_not_sent(void) {
    uint8_t out[64];
    bookend_message message;
    size_t written;

    memset(&message, 0, sizeof message);
    message.kind = BOOKEND_KIND_MESSAGE;
    message.encoding = BOOKEND_UTF8;
    message.payload = bytes_of("\xEF\xBB\xBF\xEF\xBB\xBFhi");
    CHECK(bookend_message_encode(&message, out, sizeof out, &written, NULL) == BOOKEND_OK);
    CHECK(written == 12 && memcmp(out + 8, "hi", 2) == 0);
    message.encoding = BOOKEND_BINARY;
    CHECK(bookend_message_encode(&message, out, sizeof out, &written, NULL) == BOOKEND_OK);
    CHECK(written == 18);
    message.encoding = BOOKEND_UTF16LE;
    message.payload = bytes_of("\xFF\xFE\xFE\xFF");
    CHECK(bookend_message_encode(&message, out, sizeof out, &written, NULL) == BOOKEND_FAULT_UNMAPPABLE_TEXT);
}

/* A page may be followed by anything: what cannot be read is not a page, and nothing of it is returned. */
static void a_page_is_whole_frames_and_a_gap_at_its_start_is_no_entry(void) {
    uint8_t payload[64], *exact;
    bookend_message gap, entry;
    bookend_page page;
    size_t length = 0, written, cut;

    memset(&gap, 0, sizeof gap);
    gap.kind = BOOKEND_KIND_GAP;
    for (gap.missed = 3; gap.missed <= 5; gap.missed += 2) {
        CHECK(bookend_message_encode(&gap, payload + length, sizeof payload - length, &written, NULL) == BOOKEND_OK);
        length += written;
    }
    CHECK(bookend_page_parse(payload, length, &page) && page.is_first && page.lost_before == 3);
    CHECK(bookend_page_next(&page, &entry) && entry.missed == 5 && !bookend_page_next(&page, &entry));
    for (cut = 0; cut < length; cut++) {
        exact = exact_copy(payload, cut);
        CHECK(bookend_page_parse(exact, cut, &page) == (cut == written));
        free(exact);
    }
}

static void a_query_that_is_not_legal_is_not_written(void) {
    uint8_t out[BOOKEND_QUERY_MAX];
    bookend_query query, again;

    memset(&query, 0, sizeof query);
    query.before = BOOKEND_NOW;
    CHECK(bookend_query_encode(&query, out) == 0);
    query.count = 10;
    CHECK(bookend_query_encode(&query, out) == 13);
    query.text = bytes_of("noon");
    CHECK(bookend_query_encode(&query, out) == 17);
    CHECK(bookend_query_parse(out, 17, &again) && again.count == 10 && again.text.length == 4);
    query.text = bytes_of("\xFF");
    CHECK(bookend_query_encode(&query, out) == 0);
}

int main(void) {
    a_page_is_whole_frames_and_a_gap_at_its_start_is_no_entry();
    a_query_that_is_not_legal_is_not_written();
    every_fault_has_a_unique_name_and_its_code_maps_back();
    a_fault_explains_what_was_found_and_guesses_why();
    frames_are_the_same_however_the_stream_is_cut();
    a_framing_fault_is_sticky();
    length_is_checked_at_the_header_against_both_limits();
    a_frame_that_does_not_fit_is_not_written();
    every_character_round_trips();
    on_failure_everything_before_the_offset_is_legal();
    text_round_trips_through_utf8();
    a_conversion_without_room_returns_the_length_needed();
    a_hello_round_trips_and_fits_its_documented_size();
    every_kind_round_trips();
    a_message_that_a_receiver_would_refuse_is_not_written();
    a_byte_order_mark_is_not_sent();
    test_order();
    test_session();
    test_transfer();
    printf("%lu checks, %d failed\n", checks, failures);
    return failures > 0;
}
