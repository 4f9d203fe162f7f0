/* Transfers (section 12). See bookend_transfer.h. */
#include "bookend_transfer.h"
#include "bookend_wire.h"

#include <string.h>

static const uint8_t MARK[4] = {'B', 'K', 'T', 'R'};
static const uint8_t SHA_256 = 1;

/* ---- Chunks ---------------------------------------------------------------------------------------------------- */

const char *bookend_cause_name(bookend_cause cause) {
    static const char *const NAMES[] = {
        "unknown",           "cancelled", "refused",    "failed",       "bad-chunk",      "no-such-transfer", "duplicate-transfer",
        "too-many-transfers", "too-large", "bad-offset", "wrong-length", "unknown-digest", "wrong-digest"};

    return NAMES[cause <= BOOKEND_CAUSE_WRONG_DIGEST ? cause : 0];
}

static bool is_name(const uint8_t *name, size_t length) {
    size_t at, bytes;
    uint32_t scalar;

    if (length > BOOKEND_CHUNK_NAME) return false;
    for (at = 0; at < length; at += bytes) {
        bytes = bookend_text_next(BOOKEND_UTF8, name + at, length - at, &scalar);
        if (bytes == 0 || bookend_is_control(scalar)) return false;
    }
    return true;
}

static void write_header(uint8_t *out, uint8_t type, uint32_t transfer, uint64_t position) {
    memcpy(out, MARK, sizeof MARK);
    out[4] = type;
    bookend_put32(out + 5, transfer);
    bookend_put64(out + 9, position);
}

/* The cause that breaks what follows the position, or none. */
static bookend_cause parse_rest(bookend_chunk *chunk, const uint8_t *rest, size_t length) {
    chunk->rest.data = rest;
    chunk->rest.length = length;
    switch (chunk->type) {
    case BOOKEND_CHUNK_OFFER:
        if (length == 0 || !is_name(rest + 1, length - 1)) return BOOKEND_CAUSE_BAD_CHUNK;
        chunk->rest.data = rest + 1;
        chunk->rest.length = length - 1;
        return rest[0] == SHA_256 ? BOOKEND_CAUSE_NONE : BOOKEND_CAUSE_UNKNOWN_DIGEST;
    case BOOKEND_CHUNK_DATA: return length > 0 ? BOOKEND_CAUSE_NONE : BOOKEND_CAUSE_BAD_CHUNK;
    case BOOKEND_CHUNK_END: return length == BOOKEND_DIGEST ? BOOKEND_CAUSE_NONE : BOOKEND_CAUSE_BAD_CHUNK;
    case BOOKEND_CHUNK_WANT:
    case BOOKEND_CHUNK_DONE: return length == 0 ? BOOKEND_CAUSE_NONE : BOOKEND_CAUSE_BAD_CHUNK;
    case BOOKEND_CHUNK_ABORT:
    case BOOKEND_CHUNK_REFUSE:
        if (length < 2) return BOOKEND_CAUSE_BAD_CHUNK;
        chunk->cause = bookend_get16(rest);
        chunk->rest.data = rest + 2;
        chunk->rest.length = length - 2;
        if (bookend_text_legal(BOOKEND_UTF8, rest + 2, length - 2) < length - 2) chunk->rest.length = 0;
        return BOOKEND_CAUSE_NONE;
    default: return BOOKEND_CAUSE_BAD_CHUNK;
    }
}

bookend_chunk_found bookend_chunk_parse(const uint8_t *payload, size_t length, bookend_chunk *chunk) {
    bookend_cause broken = BOOKEND_CAUSE_BAD_CHUNK;

    memset(chunk, 0, sizeof *chunk);
    if (length < sizeof MARK || memcmp(payload, MARK, sizeof MARK) != 0) return BOOKEND_CHUNK_NONE;
    if (length > 4) chunk->type = payload[4];
    if (length >= 9) chunk->transfer = bookend_get32(payload + 5);
    if (length >= BOOKEND_CHUNK_HEADER && (chunk->transfer != 0 || chunk->type == BOOKEND_CHUNK_REFUSE)) {
        chunk->position = bookend_get64(payload + 9);
        broken = parse_rest(chunk, payload + BOOKEND_CHUNK_HEADER, length - BOOKEND_CHUNK_HEADER);
    }
    if (broken == BOOKEND_CAUSE_NONE) return BOOKEND_CHUNK_FOUND;
    chunk->cause = broken;
    return BOOKEND_CHUNK_BROKEN;
}

size_t bookend_chunk_encode(const bookend_chunk *chunk, uint8_t *out, size_t capacity) {
    bool has_cause = chunk->type == BOOKEND_CHUNK_ABORT || chunk->type == BOOKEND_CHUNK_REFUSE;
    size_t prefix = has_cause ? 2 : chunk->type == BOOKEND_CHUNK_OFFER ? 1 : 0;
    bookend_bytes rest = chunk->rest;

    if (has_cause && rest.length == 0) {
        rest.data = (const uint8_t *)bookend_cause_name(chunk->cause);
        rest.length = strlen(bookend_cause_name(chunk->cause));
    }
    if (capacity < BOOKEND_CHUNK_HEADER + prefix || rest.length > capacity - BOOKEND_CHUNK_HEADER - prefix) return 0;
    write_header(out, chunk->type, chunk->transfer, chunk->position);
    if (has_cause) bookend_put16(out + BOOKEND_CHUNK_HEADER, chunk->cause);
    if (chunk->type == BOOKEND_CHUNK_OFFER) out[BOOKEND_CHUNK_HEADER] = SHA_256;
    if (rest.length > 0) memcpy(out + BOOKEND_CHUNK_HEADER + prefix, rest.data, rest.length);
    return BOOKEND_CHUNK_HEADER + prefix + rest.length;
}

/* ---- Sending --------------------------------------------------------------------------------------------------- */

size_t bookend_outgoing_init(bookend_outgoing *outgoing, uint32_t transfer, uint64_t length, const char *name,
                             uint8_t *out, size_t capacity) {
    bookend_chunk offer;

    memset(outgoing, 0, sizeof *outgoing);
    outgoing->transfer = transfer;
    outgoing->length = length;
    bookend_sha256_init(&outgoing->source);
    memset(&offer, 0, sizeof offer);
    offer.type = BOOKEND_CHUNK_OFFER;
    offer.transfer = transfer;
    offer.position = length;
    offer.rest.data = (const uint8_t *)name;
    offer.rest.length = strlen(name);
    return is_name(offer.rest.data, offer.rest.length) ? bookend_chunk_encode(&offer, out, capacity) : 0;
}

bookend_cause bookend_outgoing_data(bookend_outgoing *outgoing, const uint8_t *bytes, size_t length,
                                    uint8_t header[BOOKEND_CHUNK_HEADER], size_t *held) {
    uint64_t offset = outgoing->source.length;

    *held = length;
    if (outgoing->ended || length > UINT64_MAX - offset) return BOOKEND_CAUSE_WRONG_LENGTH;
    if (outgoing->length != BOOKEND_LENGTH_UNKNOWN && offset + length > outgoing->length)
        return BOOKEND_CAUSE_WRONG_LENGTH;
    bookend_sha256_add(&outgoing->source, bytes, length);
    if (outgoing->start >= offset + length) return BOOKEND_CAUSE_NONE;
    *held = outgoing->start > offset ? (size_t)(outgoing->start - offset) : 0;
    write_header(header, BOOKEND_CHUNK_DATA, outgoing->transfer, offset + *held);
    return BOOKEND_CAUSE_NONE;
}

bookend_cause bookend_outgoing_end(bookend_outgoing *outgoing, uint8_t out[BOOKEND_CHUNK_HEADER + BOOKEND_DIGEST]) {
    uint64_t length = outgoing->source.length;

    if (length < outgoing->start) return BOOKEND_CAUSE_WRONG_LENGTH;
    if (outgoing->length != BOOKEND_LENGTH_UNKNOWN && outgoing->length != length) return BOOKEND_CAUSE_WRONG_LENGTH;
    outgoing->ended = true;
    write_header(out, BOOKEND_CHUNK_END, outgoing->transfer, length);
    bookend_sha256_digest(&outgoing->source, out + BOOKEND_CHUNK_HEADER);
    return BOOKEND_CAUSE_NONE;
}

static bookend_cause take_want(bookend_outgoing *outgoing, uint64_t offset) {
    uint64_t given = outgoing->source.length;
    bool is_first = !outgoing->started && given == 0;
    uint64_t most = is_first ? outgoing->length : outgoing->start > given ? outgoing->start : given;

    if (offset > most) return BOOKEND_CAUSE_BAD_OFFSET;
    if (is_first) {
        outgoing->started = true;
        outgoing->start = offset;
    }
    if (offset > outgoing->arrived) outgoing->arrived = offset;
    return BOOKEND_CAUSE_NONE;
}

bookend_cause bookend_outgoing_answer(bookend_outgoing *outgoing, const uint8_t *payload, size_t length,
                                      bookend_chunk *answer) {
    bookend_chunk_found found = bookend_chunk_parse(payload, length, answer);
    uint8_t type = answer->type;

    answer->type = 0;
    if (found == BOOKEND_CHUNK_NONE || answer->transfer != outgoing->transfer || type < 0x80)
        return BOOKEND_CAUSE_NONE;
    if (found == BOOKEND_CHUNK_BROKEN) return answer->cause;
    answer->type = type;
    if (type == BOOKEND_CHUNK_WANT) return take_want(outgoing, answer->position);
    if (type == BOOKEND_CHUNK_DONE) {
        if (!outgoing->ended || answer->position != outgoing->source.length) return BOOKEND_CAUSE_BAD_CHUNK;
        outgoing->arrived = answer->position;
    }
    return BOOKEND_CAUSE_NONE;
}

/* ---- Receiving ------------------------------------------------------------------------------------------------- */

void bookend_incoming_init(bookend_incoming *incoming) {
    memset(incoming, 0, sizeof *incoming);
    incoming->max_length = (uint64_t)1 << 30;
    incoming->max_open = BOOKEND_TRANSFERS;
}

/* The place of an open transfer, or BOOKEND_TRANSFERS. */
static size_t place_of(const bookend_incoming *incoming, uint32_t transfer) {
    size_t at;

    for (at = 0; at < BOOKEND_TRANSFERS; at++)
        if (transfer != 0 && incoming->open[at].transfer == transfer) break;
    return at;
}

static void answer_with(bookend_answer *answer, uint8_t type, uint32_t transfer, uint64_t position,
                        bookend_cause cause) {
    bookend_chunk chunk;

    memset(&chunk, 0, sizeof chunk);
    chunk.type = type;
    chunk.transfer = transfer;
    chunk.position = position;
    chunk.cause = cause;
    answer->length = bookend_chunk_encode(&chunk, answer->payload, sizeof answer->payload);
}

void bookend_incoming_refuse(bookend_incoming *incoming, uint32_t transfer, bookend_cause cause,
                             bookend_answer *answer) {
    size_t at = place_of(incoming, transfer);

    if (at < BOOKEND_TRANSFERS) incoming->open[at].transfer = 0;
    answer_with(answer, BOOKEND_CHUNK_REFUSE, transfer, 0, cause);
}

static bookend_cause take_offer(bookend_incoming *incoming, const bookend_chunk *offer) {
    size_t at, unused = BOOKEND_TRANSFERS, open = 0;

    for (at = BOOKEND_TRANSFERS; at-- > 0;) {
        if (incoming->open[at].transfer == 0) unused = at;
        open += incoming->open[at].transfer != 0;
    }
    if (place_of(incoming, offer->transfer) < BOOKEND_TRANSFERS) return BOOKEND_CAUSE_DUPLICATE_TRANSFER;
    if (offer->position != BOOKEND_LENGTH_UNKNOWN && offer->position > incoming->max_length)
        return BOOKEND_CAUSE_TOO_LARGE;
    if (open >= incoming->max_open || unused == BOOKEND_TRANSFERS) return BOOKEND_CAUSE_TOO_MANY_TRANSFERS;
    incoming->open[unused].transfer = offer->transfer;
    incoming->open[unused].length = offer->position;
    incoming->open[unused].accepted = false;
    return BOOKEND_CAUSE_NONE;
}

static bookend_cause take_data(bookend_incoming *incoming, const bookend_chunk *data) {
    size_t at = place_of(incoming, data->transfer);
    uint64_t end = data->position + data->rest.length;

    if (at == BOOKEND_TRANSFERS || !incoming->open[at].accepted) return BOOKEND_CAUSE_NO_SUCH_TRANSFER;
    if (data->position != incoming->open[at].held.length) return BOOKEND_CAUSE_BAD_OFFSET;
    if (end < data->position) return BOOKEND_CAUSE_TOO_LARGE;
    if (incoming->open[at].length != BOOKEND_LENGTH_UNKNOWN && end > incoming->open[at].length)
        return BOOKEND_CAUSE_WRONG_LENGTH;
    if (end > incoming->max_length) return BOOKEND_CAUSE_TOO_LARGE;
    bookend_sha256_add(&incoming->open[at].held, data->rest.data, data->rest.length);
    return BOOKEND_CAUSE_NONE;
}

static bookend_cause take_end(bookend_incoming *incoming, const bookend_chunk *end) {
    size_t at = place_of(incoming, end->transfer);
    uint8_t digest[BOOKEND_DIGEST];

    if (at == BOOKEND_TRANSFERS || !incoming->open[at].accepted) return BOOKEND_CAUSE_NO_SUCH_TRANSFER;
    if (end->position != incoming->open[at].held.length) return BOOKEND_CAUSE_WRONG_LENGTH;
    if (incoming->open[at].length != BOOKEND_LENGTH_UNKNOWN && incoming->open[at].length != end->position)
        return BOOKEND_CAUSE_WRONG_LENGTH;
    bookend_sha256_digest(&incoming->open[at].held, digest);
    if (memcmp(digest, end->rest.data, sizeof digest) != 0) return BOOKEND_CAUSE_WRONG_DIGEST;
    incoming->open[at].transfer = 0;
    return BOOKEND_CAUSE_NONE;
}

static bookend_step fault(bookend_incoming *incoming, bookend_chunk *chunk, bookend_cause cause,
                          bookend_answer *answer) {
    chunk->cause = cause;
    bookend_incoming_refuse(incoming, chunk->transfer, cause, answer);
    return BOOKEND_STEP_FAULT;
}

bookend_step bookend_incoming_receive(bookend_incoming *incoming, const uint8_t *payload, size_t length,
                                      bookend_chunk *chunk, bookend_answer *answer) {
    bookend_chunk_found found = bookend_chunk_parse(payload, length, chunk);
    bookend_cause cause;

    answer->length = 0;
    if (found == BOOKEND_CHUNK_NONE || chunk->type >= 0x80) return BOOKEND_STEP_OTHER;
    if (found == BOOKEND_CHUNK_BROKEN) return fault(incoming, chunk, chunk->cause, answer);
    switch (chunk->type) {
    case BOOKEND_CHUNK_OFFER:
        cause = take_offer(incoming, chunk);
        return cause == BOOKEND_CAUSE_NONE ? BOOKEND_STEP_OFFER : fault(incoming, chunk, cause, answer);
    case BOOKEND_CHUNK_DATA:
        cause = take_data(incoming, chunk);
        if (cause != BOOKEND_CAUSE_NONE) return fault(incoming, chunk, cause, answer);
        answer_with(answer, BOOKEND_CHUNK_WANT, chunk->transfer, chunk->position + chunk->rest.length, 0);
        return BOOKEND_STEP_DATA;
    case BOOKEND_CHUNK_END:
        cause = take_end(incoming, chunk);
        if (cause != BOOKEND_CAUSE_NONE) return fault(incoming, chunk, cause, answer);
        answer_with(answer, BOOKEND_CHUNK_DONE, chunk->transfer, chunk->position, 0);
        return BOOKEND_STEP_DONE;
    default: /* ABORT */
        if (place_of(incoming, chunk->transfer) == BOOKEND_TRANSFERS)
            return fault(incoming, chunk, BOOKEND_CAUSE_NO_SUCH_TRANSFER, answer);
        bookend_incoming_refuse(incoming, chunk->transfer, chunk->cause, answer);
        return BOOKEND_STEP_ABORTED;
    }
}

bookend_cause bookend_incoming_accept(bookend_incoming *incoming, uint32_t transfer, const bookend_sha256 *held,
                                      bookend_answer *answer) {
    size_t at = place_of(incoming, transfer);
    uint64_t most;

    if (at == BOOKEND_TRANSFERS || incoming->open[at].accepted) return BOOKEND_CAUSE_NO_SUCH_TRANSFER;
    most = incoming->open[at].length == BOOKEND_LENGTH_UNKNOWN ? incoming->max_length : incoming->open[at].length;
    if (held->length > most) return BOOKEND_CAUSE_WRONG_LENGTH;
    incoming->open[at].held = *held;
    incoming->open[at].accepted = true;
    answer_with(answer, BOOKEND_CHUNK_WANT, transfer, held->length, 0);
    return BOOKEND_CAUSE_NONE;
}
