/* Private to bookend_*.c: big-endian numbers, errors, the check of a message, and the sets of unanswered REQUESTs. */
#ifndef BOOKEND_WIRE_H
#define BOOKEND_WIRE_H

#include "bookend.h"

#include <stdint.h>

/* Fills `error`, unless that is NULL, and returns `fault`. */
bookend_fault bookend_fail(bookend_error *error, bookend_fault fault, size_t at, uint32_t found, uint32_t wanted,
                           const char *why);

/* Checks a message before it is sent, whatever its length. Faults: malformed, bad-text (of a reason too), unknown-kind. */
bookend_fault bookend_message_check(const bookend_message *message, bookend_error *error);
/* False for the fault unmappable-text: without its byte order marks, the text begins with U+FFFE in UTF-16 (R5.15). */
bool bookend_message_is_mappable(const bookend_message *message, bookend_error *error);

static inline bool bookend_is_private(uint8_t kind) {
    return kind >= BOOKEND_KIND_PRIVATE_FIRST && kind <= BOOKEND_KIND_PRIVATE_LAST;
}

/* The slot of this id, or NULL. */
bookend_slot *bookend_requests_find(bookend_requests *requests, bookend_request_set *set, uint32_t id);
/* Adds an id that is not in the set. There must be a free slot. */
void bookend_requests_add(bookend_requests *requests, bookend_request_set *set, uint32_t id, uint32_t frame);
/* Whether the id was in the set. */
bool bookend_requests_remove(bookend_requests *requests, bookend_request_set *set, uint32_t id);

static inline uint16_t bookend_get16(const uint8_t *in) {
    return (uint16_t)(((unsigned)in[0] << 8) | in[1]);
}

static inline uint32_t bookend_get32(const uint8_t *in) {
    return ((uint32_t)bookend_get16(in) << 16) | bookend_get16(in + 2);
}

static inline uint64_t bookend_get64(const uint8_t *in) {
    return ((uint64_t)bookend_get32(in) << 32) | bookend_get32(in + 4);
}

static inline void bookend_put16(uint8_t *out, uint16_t value) {
    out[0] = (uint8_t)(value >> 8);
    out[1] = (uint8_t)value;
}

static inline void bookend_put32(uint8_t *out, uint32_t value) {
    bookend_put16(out, (uint16_t)(value >> 16));
    bookend_put16(out + 2, (uint16_t)value);
}

static inline void bookend_put64(uint8_t *out, uint64_t value) {
    bookend_put32(out, (uint32_t)(value >> 32));
    bookend_put32(out + 4, (uint32_t)value);
}

#endif
