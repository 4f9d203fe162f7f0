/*
 * Transfers: bytes of any length, such as files, in chunks with a digest (SPEC.md, section 12).
 *
 * A chunk is the binary payload of a message, usually of a REQUEST, whose REPLY carries the answer. As in bookend.h,
 * nothing here allocates or does I/O, and pointers in results point into the caller's buffer.
 */
#ifndef BOOKEND_TRANSFER_H
#define BOOKEND_TRANSFER_H

#include "bookend.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- SHA-256 --------------------------------------------------------------------------------------------------- */

#define BOOKEND_DIGEST 32u /* bytes */

/* The digest of the bytes so far, and their number: all that a side needs to know of what it has. May be copied. */
typedef struct bookend_sha256 {
    uint64_t length; /* bytes */
    uint32_t state[8];
    uint8_t block[64];
} bookend_sha256;

void bookend_sha256_init(bookend_sha256 *hash);
void bookend_sha256_add(bookend_sha256 *hash, const uint8_t *bytes, size_t length);
/* The digest of what was added; more may be added afterwards. */
void bookend_sha256_digest(const bookend_sha256 *hash, uint8_t out[BOOKEND_DIGEST]);

/* ---- Chunks ---------------------------------------------------------------------------------------------------- */

#define BOOKEND_CHUNK_HEADER 17u /* mark, type, transfer, position */
#define BOOKEND_CHUNK_NAME 255u  /* longest name in an OFFER, bytes of UTF-8 */
#define BOOKEND_ANSWER_MAX 64u   /* bytes of an answer that a receiver sends */
#define BOOKEND_LENGTH_UNKNOWN UINT64_MAX

enum {
    BOOKEND_CHUNK_OFFER = 0x01,
    BOOKEND_CHUNK_DATA = 0x02,
    BOOKEND_CHUNK_END = 0x03,
    BOOKEND_CHUNK_ABORT = 0x04,
    BOOKEND_CHUNK_WANT = 0x81,
    BOOKEND_CHUNK_DONE = 0x82,
    BOOKEND_CHUNK_REFUSE = 0x83
};

/* Why a transfer ended early: the codes of ABORT and REFUSE. Other codes may come from the peer. */
enum {
    BOOKEND_CAUSE_NONE,
    BOOKEND_CAUSE_CANCELLED,
    BOOKEND_CAUSE_REFUSED,
    BOOKEND_CAUSE_FAILED,
    BOOKEND_CAUSE_BAD_CHUNK,
    BOOKEND_CAUSE_NO_SUCH_TRANSFER,
    BOOKEND_CAUSE_DUPLICATE_TRANSFER,
    BOOKEND_CAUSE_TOO_MANY_TRANSFERS,
    BOOKEND_CAUSE_TOO_LARGE,
    BOOKEND_CAUSE_BAD_OFFSET,
    BOOKEND_CAUSE_WRONG_LENGTH,
    BOOKEND_CAUSE_UNKNOWN_DIGEST,
    BOOKEND_CAUSE_WRONG_DIGEST
};
typedef uint16_t bookend_cause;

/* The name, such as "wrong-digest"; "unknown" for a code that SPEC.md does not list. */
const char *bookend_cause_name(bookend_cause cause);

typedef struct bookend_chunk {
    uint8_t type;
    uint32_t transfer; /* 0 only in a REFUSE whose receiver's number could not be read */
    uint64_t position; /* OFFER, END, DONE: length of the whole; DATA: offset; WANT: next byte wanted */
    bookend_cause cause; /* ABORT, REFUSE */
    bookend_bytes rest;  /* OFFER: name; DATA: bytes; END: digest; ABORT, REFUSE: reason, empty if it is not UTF-8 */
} bookend_chunk;

typedef enum bookend_chunk_found {
    BOOKEND_CHUNK_NONE, /* the application's own payload */
    BOOKEND_CHUNK_FOUND,
    BOOKEND_CHUNK_BROKEN /* `cause` says why; `type` and `transfer` are 0 if they cannot be read */
} bookend_chunk_found;

bookend_chunk_found bookend_chunk_parse(const uint8_t *payload, size_t length, bookend_chunk *chunk);
/* Writes a payload; returns its length, 0 if it does not fit. An ABORT or REFUSE without reason has the cause's name. */
size_t bookend_chunk_encode(const bookend_chunk *chunk, uint8_t *out, size_t capacity);

/* ---- Sending --------------------------------------------------------------------------------------------------- */

/* One transfer that this side sends. Give it every byte of the source, even if the receiver holds some. */
typedef struct bookend_outgoing {
    uint32_t transfer;
    uint64_t length;  /* of the whole, or BOOKEND_LENGTH_UNKNOWN */
    uint64_t arrived; /* the receiver has everything before this position */
    bookend_sha256 source;
    uint64_t start;
    bool started, ended;
} bookend_outgoing;

/* Writes the OFFER; returns its length, 0 if it does not fit or the name cannot be sent. */
size_t bookend_outgoing_init(bookend_outgoing *outgoing, uint32_t transfer, uint64_t length, const char *name,
                             uint8_t *out, size_t capacity);
/*
 * Takes the next bytes of the source, and writes the header of a DATA that consists of it and of the bytes after the
 * first `*held`, which the receiver has; nothing is to be sent if `*held` is `length`. Cause: wrong-length.
 */
bookend_cause bookend_outgoing_data(bookend_outgoing *outgoing, const uint8_t *bytes, size_t length,
                                    uint8_t header[BOOKEND_CHUNK_HEADER], size_t *held);
/* Writes the END, BOOKEND_CHUNK_HEADER + BOOKEND_DIGEST bytes. Cause: wrong-length. */
bookend_cause bookend_outgoing_end(bookend_outgoing *outgoing, uint8_t out[BOOKEND_CHUNK_HEADER + BOOKEND_DIGEST]);
/*
 * Takes a payload from the receiver. `answer->type` is WANT, DONE or REFUSE, or 0 if it does not concern this transfer.
 * Causes: bad-chunk, bad-offset; answer with ABORT, and the transfer is over.
 */
bookend_cause bookend_outgoing_answer(bookend_outgoing *outgoing, const uint8_t *payload, size_t length,
                                      bookend_chunk *answer);

/* ---- Receiving ------------------------------------------------------------------------------------------------- */

#define BOOKEND_TRANSFERS 8u /* open at a time, at most */

/* The transfers that one session receives. */
typedef struct bookend_incoming {
    uint64_t max_length; /* bytes of a whole; 1 GiB at first */
    uint32_t max_open;   /* BOOKEND_TRANSFERS at first, and at most */
    struct {
        uint32_t transfer; /* 0 = free */
        uint64_t length;
        bool accepted;
        bookend_sha256 held;
    } open[BOOKEND_TRANSFERS];
} bookend_incoming;

typedef enum bookend_step {
    BOOKEND_STEP_OTHER,   /* not a chunk of a transfer to this side */
    BOOKEND_STEP_OFFER,   /* call bookend_incoming_accept or bookend_incoming_refuse: they write the answer */
    BOOKEND_STEP_DATA,    /* keep chunk->rest, then send the answer */
    BOOKEND_STEP_DONE,    /* everything has arrived, and its digest is right */
    BOOKEND_STEP_ABORTED, /* the sender has given up */
    BOOKEND_STEP_FAULT    /* chunk->cause: the transfer is over; after wrong-digest discard its bytes (R12.13) */
} bookend_step;

typedef struct bookend_answer {
    size_t length;
    uint8_t payload[BOOKEND_ANSWER_MAX];
} bookend_answer;

void bookend_incoming_init(bookend_incoming *incoming);
/*
 * Takes a binary payload. Send the answer as the REPLY if the chunk came in a REQUEST; otherwise send only that of a
 * FAULT, as a MESSAGE, or nothing.
 */
bookend_step bookend_incoming_receive(bookend_incoming *incoming, const uint8_t *payload, size_t length,
                                      bookend_chunk *chunk, bookend_answer *answer);
/* Accepts an offer; `held` has what is there of the whole. Causes: wrong-length, and the offer waits; no-such-transfer. */
bookend_cause bookend_incoming_accept(bookend_incoming *incoming, uint32_t transfer, const bookend_sha256 *held,
                                      bookend_answer *answer);
/* Refuses an offer, or ends an open transfer. */
void bookend_incoming_refuse(bookend_incoming *incoming, uint32_t transfer, bookend_cause cause, bookend_answer *answer);

#ifdef __cplusplus
}
#endif

#endif
