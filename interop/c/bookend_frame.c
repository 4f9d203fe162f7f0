/* Frame: section 2 of SPEC.md. */
#include "bookend.h"
#include "bookend_wire.h"

#include <string.h>

enum { START_0 = 0xF5, START_1 = 0xF8, END_0 = 0xF8, END_1 = 0xF5 };

static bookend_found fail_frame(bookend_decoder *decoder, bookend_fault fault, size_t at, uint32_t found,
                                uint32_t wanted) {
    decoder->error.fault = fault;
    decoder->error.code = bookend_fault_code(fault);
    decoder->error.offset = decoder->offset + at;
    decoder->error.found = found;
    decoder->error.wanted = wanted;
    return BOOKEND_FOUND_FAULT;
}

void bookend_decoder_init(bookend_decoder *decoder, uint32_t limit) {
    memset(decoder, 0, sizeof *decoder);
    decoder->limit = limit;
}

bookend_found bookend_decode(bookend_decoder *decoder, const uint8_t *buffer, size_t length, bookend_frame *frame) {
    uint32_t limit = decoder->limit < BOOKEND_LENGTH_MAX ? decoder->limit : BOOKEND_LENGTH_MAX;
    uint32_t body;

    if (decoder->error.fault != BOOKEND_OK) return BOOKEND_FOUND_FAULT;

    if (length >= 1 && buffer[0] != START_0) return fail_frame(decoder, BOOKEND_FAULT_BAD_START, 0, buffer[0], START_0);
    if (length >= 2 && buffer[1] != START_1) return fail_frame(decoder, BOOKEND_FAULT_BAD_START, 1, buffer[1], START_1);
    if (length >= 4 && buffer[3] > BOOKEND_UTF16LE)
        return fail_frame(decoder, BOOKEND_FAULT_UNKNOWN_ENCODING, 3, buffer[3], BOOKEND_UTF16LE);
    if (length < BOOKEND_HEADER) return BOOKEND_FOUND_MORE;

    body = bookend_get32(buffer + 4);
    if (body > limit) return fail_frame(decoder, BOOKEND_FAULT_TOO_LONG, 4, body, limit);

    /* These comparisons need no sum, which a 32-bit size_t might not hold. */
    if (length - BOOKEND_HEADER < body + 1u) return BOOKEND_FOUND_MORE;
    if (buffer[BOOKEND_HEADER + body] != END_0)
        return fail_frame(decoder, BOOKEND_FAULT_BAD_END, (size_t)BOOKEND_HEADER + body, buffer[BOOKEND_HEADER + body],
                          END_0);
    if (length - BOOKEND_HEADER < body + 2u) return BOOKEND_FOUND_MORE;
    if (buffer[BOOKEND_HEADER + body + 1u] != END_1)
        return fail_frame(decoder, BOOKEND_FAULT_BAD_END, (size_t)BOOKEND_HEADER + body + 1u,
                          buffer[BOOKEND_HEADER + body + 1u], END_1);

    frame->kind = buffer[2];
    frame->encoding = buffer[3];
    frame->length = body;
    frame->body = buffer + BOOKEND_HEADER;
    decoder->offset += (uint64_t)BOOKEND_OVERHEAD + body;
    return BOOKEND_FOUND_FRAME;
}

size_t bookend_frame_encode(const bookend_frame *frame, uint8_t *out, size_t capacity) {
    size_t length = frame->length;

    if (frame->encoding > BOOKEND_UTF16LE || frame->length > BOOKEND_LENGTH_MAX) return 0;
    if (capacity < BOOKEND_OVERHEAD || capacity - BOOKEND_OVERHEAD < length) return 0;

    out[0] = START_0;
    out[1] = START_1;
    out[2] = frame->kind;
    out[3] = frame->encoding;
    bookend_put32(out + 4, frame->length);
    /* The body may be in its place already. */
    if (length > 0) memmove(out + BOOKEND_HEADER, frame->body, length);
    out[BOOKEND_HEADER + length] = END_0;
    out[BOOKEND_HEADER + length + 1] = END_1;
    return BOOKEND_OVERHEAD + length;
}
