/*
 * bookend-transfer-adapter: answers the vectors of transfers. Each line of input is one side of transfers, as
 * interop/vectors/README.md describes; each line of output has a word for the start of a sender and one for each step.
 */
#include "bookend_transfer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 1 << 16 };

static uint8_t bytes[LINE];

/* Reads hex up to a separator; returns its length in bytes. */
static size_t read_hex(const char *hex, uint8_t *to) {
    size_t length = 0;
    char pair[3] = {0, 0, 0};

    if (*hex == '-') return 0;
    for (; hex[0] != '\0' && hex[0] != ':'; hex += 2) {
        pair[0] = hex[0];
        pair[1] = hex[1];
        to[length++] = (uint8_t)strtoul(pair, NULL, 16);
    }
    return length;
}

static void print_hex(const uint8_t *data, size_t length) {
    size_t at;

    if (length == 0) putchar('-');
    for (at = 0; at < length; at++) printf("%02x", data[at]);
}

static void print_answer(const bookend_answer *answer) {
    printf(",answer:");
    print_hex(answer->payload, answer->length);
}

/* ---- The receiver ---------------------------------------------------------------------------------------------- */

static void show_step(bookend_step step, const bookend_chunk *chunk) {
    switch (step) {
    case BOOKEND_STEP_OTHER: printf("other"); return;
    case BOOKEND_STEP_OFFER:
        printf("offer:%" PRIu32 ":", chunk->transfer);
        if (chunk->position == BOOKEND_LENGTH_UNKNOWN) putchar('-');
        if (chunk->position != BOOKEND_LENGTH_UNKNOWN) printf("%" PRIu64, chunk->position);
        putchar(':');
        print_hex(chunk->rest.data, chunk->rest.length);
        return;
    case BOOKEND_STEP_DATA:
        printf("data:%" PRIu32 ":%" PRIu64 ":", chunk->transfer, chunk->position);
        print_hex(chunk->rest.data, chunk->rest.length);
        return;
    case BOOKEND_STEP_DONE: printf("done:%" PRIu32 ":%" PRIu64, chunk->transfer, chunk->position); return;
    case BOOKEND_STEP_ABORTED: printf("aborted:%" PRIu32 ":%u", chunk->transfer, (unsigned)chunk->cause); return;
    case BOOKEND_STEP_FAULT: printf("fault:%" PRIu32 ":%s", chunk->transfer, bookend_cause_name(chunk->cause)); return;
    }
}

static void receiver_step(bookend_incoming *incoming, const char *step) {
    bookend_answer answer;
    bookend_chunk chunk;
    bookend_sha256 held;
    bookend_cause cause;
    char *rest;

    if (strncmp(step, "recv:", 5) == 0) {
        bookend_step found = bookend_incoming_receive(incoming, bytes, read_hex(step + 5, bytes), &chunk, &answer);

        show_step(found, &chunk);
        if (found != BOOKEND_STEP_OTHER && found != BOOKEND_STEP_OFFER) print_answer(&answer);
        return;
    }
    if (strncmp(step, "accept:", 7) == 0) {
        uint32_t transfer = (uint32_t)strtoul(step + 7, &rest, 10);

        bookend_sha256_init(&held);
        bookend_sha256_add(&held, bytes, read_hex(rest + 1, bytes));
        cause = bookend_incoming_accept(incoming, transfer, &held, &answer);
        if (cause != BOOKEND_CAUSE_NONE) {
            printf("refused:%s", bookend_cause_name(cause));
            return;
        }
    } else { /* refuse:TRANSFER:CODE */
        uint32_t transfer = (uint32_t)strtoul(step + 7, &rest, 10);

        bookend_incoming_refuse(incoming, transfer, (bookend_cause)strtoul(rest + 1, NULL, 10), &answer);
    }
    printf("answer:");
    print_hex(answer.payload, answer.length);
}

static void run_receiver(void) {
    bookend_incoming incoming;
    const char *step;

    bookend_incoming_init(&incoming);
    incoming.max_length = strtoull(strtok(NULL, " "), NULL, 10);
    incoming.max_open = (uint32_t)strtoul(strtok(NULL, " "), NULL, 10);
    for (step = strtok(NULL, " "); step != NULL;) {
        receiver_step(&incoming, step);
        step = strtok(NULL, " ");
        if (step != NULL) putchar(' ');
    }
}

/* ---- The sender ------------------------------------------------------------------------------------------------ */

static void send_abort(const bookend_outgoing *outgoing, bookend_cause cause) {
    uint8_t out[BOOKEND_ANSWER_MAX];
    bookend_chunk chunk;

    memset(&chunk, 0, sizeof chunk);
    chunk.type = BOOKEND_CHUNK_ABORT;
    chunk.transfer = outgoing->transfer;
    chunk.cause = cause;
    printf("send:");
    print_hex(out, bookend_chunk_encode(&chunk, out, sizeof out));
}

/* What a step did, unless it failed. */
static bookend_cause sender_step(bookend_outgoing *outgoing, const char *step) {
    uint8_t out[BOOKEND_CHUNK_HEADER + BOOKEND_DIGEST];
    size_t length, held;
    bookend_chunk answer;
    bookend_cause cause;

    if (strncmp(step, "give:", 5) == 0) {
        length = read_hex(step + 5, bytes);
        cause = bookend_outgoing_data(outgoing, bytes, length, out, &held);
        if (cause != BOOKEND_CAUSE_NONE) return cause;
        printf(held == length ? "-" : "send:");
        if (held < length) {
            print_hex(out, BOOKEND_CHUNK_HEADER);
            print_hex(bytes + held, length - held);
        }
    } else if (strcmp(step, "end") == 0) {
        cause = bookend_outgoing_end(outgoing, out);
        if (cause != BOOKEND_CAUSE_NONE) return cause;
        printf("send:");
        print_hex(out, sizeof out);
    } else if (strncmp(step, "abort:", 6) == 0) {
        send_abort(outgoing, (bookend_cause)strtoul(step + 6, NULL, 10));
    } else { /* recv:PAYLOAD */
        cause = bookend_outgoing_answer(outgoing, bytes, read_hex(step + 5, bytes), &answer);
        if (cause != BOOKEND_CAUSE_NONE) return cause;
        if (answer.type == 0) printf("other");
        if (answer.type == BOOKEND_CHUNK_WANT) printf("want:%" PRIu64, answer.position);
        if (answer.type == BOOKEND_CHUNK_DONE) printf("done");
        if (answer.type == BOOKEND_CHUNK_REFUSE) printf("refused:%u", (unsigned)answer.cause);
    }
    return BOOKEND_CAUSE_NONE;
}

static void run_sender(void) {
    uint8_t out[BOOKEND_CHUNK_HEADER + 1 + BOOKEND_CHUNK_NAME];
    char name[BOOKEND_CHUNK_NAME + 1];
    bookend_outgoing outgoing;
    uint64_t length = BOOKEND_LENGTH_UNKNOWN;
    uint32_t transfer = (uint32_t)strtoul(strtok(NULL, " "), NULL, 10);
    const char *word = strtok(NULL, " ");
    bookend_cause cause;

    if (*word != '-') length = strtoull(word, NULL, 10);
    name[read_hex(strtok(NULL, " "), (uint8_t *)name)] = '\0';
    printf("send:");
    print_hex(out, bookend_outgoing_init(&outgoing, transfer, length, name, out, sizeof out));
    while ((word = strtok(NULL, " ")) != NULL) {
        putchar(' ');
        cause = sender_step(&outgoing, word);
        if (cause != BOOKEND_CAUSE_NONE) {
            printf("fault:%s,", bookend_cause_name(cause));
            send_abort(&outgoing, cause);
        }
    }
}

int main(void) {
    static char line[LINE];

    while (fgets(line, sizeof line, stdin) != NULL) {
        const char *side;

        line[strcspn(line, "\n")] = '\0';
        side = strtok(line, " ");
        if (side == NULL) continue;
        if (strcmp(side, "receiver") == 0) run_receiver();
        if (strcmp(side, "sender") == 0) run_sender();
        putchar('\n');
        if (fflush(stdout) != 0) return 1;
    }
    return 0;
}
