/* Laws and known answers of transfers. The single cases of SPEC.md are in interop/vectors/transfers.json. */
#include "bookend_transfer.h"
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- SHA-256 --------------------------------------------------------------------------------------------------- */

static bool digests_to(const char *text, size_t times, const char *expected) {
    uint8_t digest[BOOKEND_DIGEST];
    char hex[2 * BOOKEND_DIGEST + 1];
    bookend_sha256 hash;
    size_t at;

    bookend_sha256_init(&hash);
    for (at = 0; at < times; at++) bookend_sha256_add(&hash, (const uint8_t *)text, strlen(text));
    bookend_sha256_digest(&hash, digest);
    for (at = 0; at < BOOKEND_DIGEST; at++) sprintf(hex + 2 * at, "%02x", digest[at]);
    return strcmp(hex, expected) == 0;
}

/* The examples of FIPS 180-4. */
static void known_texts_have_their_known_digests(void) {
    CHECK(digests_to("", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
    CHECK(digests_to("abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    CHECK(digests_to("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
                     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"));
    CHECK(digests_to("aaaaaaaaaa", 100000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"));
}

static void a_digest_does_not_depend_on_the_pieces(void) {
    uint8_t bytes[300], whole[BOOKEND_DIGEST], pieces[BOOKEND_DIGEST];
    bookend_sha256 one, many;
    size_t length, at, count;

    for (length = 0; length < sizeof bytes; length++) {
        for (at = 0; at < length; at++) bytes[at] = (uint8_t)random_below(256);
        bookend_sha256_init(&one);
        bookend_sha256_add(&one, bytes, length);
        bookend_sha256_digest(&one, whole);
        bookend_sha256_init(&many);
        for (at = 0; at < length; at += count) {
            count = 1 + random_below(70);
            if (count > length - at) count = length - at;
            bookend_sha256_add(&many, bytes + at, count);
            bookend_sha256_digest(&many, pieces); /* taking a digest changes nothing */
        }
        bookend_sha256_digest(&many, pieces);
        CHECK(memcmp(whole, pieces, sizeof whole) == 0 && many.length == length);
    }
}

/* ---- Transfers ------------------------------------------------------------------------------------------------- */

/* Payloads that a sender of five bytes sends, back to back. */
typedef struct sent {
    uint8_t payloads[3][BOOKEND_CHUNK_HEADER + BOOKEND_DIGEST];
    size_t lengths[3];
} sent;

static void send_hello(sent *sent) {
    bookend_outgoing outgoing;
    size_t held;

    sent->lengths[0] = bookend_outgoing_init(&outgoing, 1, 5, "a", sent->payloads[0], sizeof sent->payloads[0]);
    CHECK(bookend_outgoing_data(&outgoing, (const uint8_t *)"hello", 5, sent->payloads[1], &held) ==
              BOOKEND_CAUSE_NONE &&
          held == 0);
    memcpy(sent->payloads[1] + BOOKEND_CHUNK_HEADER, "hello", 5);
    sent->lengths[1] = BOOKEND_CHUNK_HEADER + 5;
    CHECK(bookend_outgoing_end(&outgoing, sent->payloads[2]) == BOOKEND_CAUSE_NONE);
    sent->lengths[2] = BOOKEND_CHUNK_HEADER + BOOKEND_DIGEST;
}

/* Receives the payloads; true if the transfer is complete. */
static bool is_delivered(const sent *sent) {
    bookend_incoming incoming;
    bookend_answer answer;
    bookend_chunk chunk;
    bookend_sha256 nothing;
    bool delivered = false;
    size_t at;

    bookend_incoming_init(&incoming);
    bookend_sha256_init(&nothing);
    for (at = 0; at < 3; at++) {
        uint8_t *copy = exact_copy(sent->payloads[at], sent->lengths[at]);
        bookend_step step = bookend_incoming_receive(&incoming, copy, sent->lengths[at], &chunk, &answer);

        if (step == BOOKEND_STEP_OFFER)
            CHECK(bookend_incoming_accept(&incoming, chunk.transfer, &nothing, &answer) == BOOKEND_CAUSE_NONE);
        if (step != BOOKEND_STEP_OTHER) {
            CHECK(answer.length > 0);
            CHECK(bookend_chunk_parse(answer.payload, answer.length, &chunk) == BOOKEND_CHUNK_FOUND);
        }
        delivered |= step == BOOKEND_STEP_DONE;
        free(copy);
    }
    return delivered;
}

static void a_damaged_or_cut_chunk_is_never_delivered(void) {
    sent good, bad;
    size_t chunk, at;

    send_hello(&good);
    CHECK(is_delivered(&good));
    for (chunk = 0; chunk < 3; chunk++) {
        for (at = 0; at < good.lengths[chunk]; at++) {
            bad = good;
            bad.payloads[chunk][at] ^= (uint8_t)(1 + random_below(255));
            /* The name is not part of the whole. */
            if (chunk != 0 || at <= BOOKEND_CHUNK_HEADER) CHECK(!is_delivered(&bad));
            bad = good;
            bad.lengths[chunk] = at;
            if (chunk != 0 || at <= BOOKEND_CHUNK_HEADER) CHECK(!is_delivered(&bad));
        }
    }
}

static void arbitrary_payloads_are_survived_and_answered(void) {
    bookend_incoming incoming;
    bookend_answer answer;
    bookend_chunk chunk;
    bookend_sha256 nothing;
    unsigned round;

    bookend_incoming_init(&incoming);
    bookend_sha256_init(&nothing);
    for (round = 0; round < 50000; round++) {
        uint8_t bytes[64];
        size_t length = random_below(sizeof bytes), at;
        uint8_t *copy;
        bookend_step step;

        for (at = 0; at < length; at++) bytes[at] = (uint8_t)(random_below(4) ? random_below(3) : random_below(256));
        if (length >= 5) {
            memcpy(bytes, "BKTR", 4);
            bytes[4] = (uint8_t)random_below(6);
        }
        copy = exact_copy(bytes, length);
        step = bookend_incoming_receive(&incoming, copy, length, &chunk, &answer);
        CHECK(step != BOOKEND_STEP_DONE); /* no digest is right by chance */
        if (step == BOOKEND_STEP_OFFER) (void)bookend_incoming_accept(&incoming, chunk.transfer, &nothing, &answer);
        CHECK((step == BOOKEND_STEP_OTHER) == (answer.length == 0));
        free(copy);
    }
}

static void a_chunk_that_does_not_fit_is_not_written(void) {
    uint8_t out[BOOKEND_CHUNK_HEADER + 2 + 9];
    bookend_chunk chunk;
    size_t capacity;

    memset(&chunk, 0, sizeof chunk);
    chunk.type = BOOKEND_CHUNK_ABORT;
    chunk.transfer = 1;
    chunk.cause = BOOKEND_CAUSE_CANCELLED;
    for (capacity = 0; capacity < sizeof out; capacity++) CHECK(bookend_chunk_encode(&chunk, out, capacity) == 0);
    CHECK(bookend_chunk_encode(&chunk, out, sizeof out) == sizeof out);
}

void test_transfer(void) {
    known_texts_have_their_known_digests();
    a_digest_does_not_depend_on_the_pieces();
    a_damaged_or_cut_chunk_is_never_delivered();
    arbitrary_payloads_are_survived_and_answered();
    a_chunk_that_does_not_fit_is_not_written();
}
