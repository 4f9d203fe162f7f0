/* The unit tests: laws and boundaries. The single cases of SPEC.md are in interop/vectors. */
#ifndef TEST_H
#define TEST_H

#include "bookend.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reports a failed check and continues; the program exits with 1 at the end. */
void check(bool holds, const char *claim, const char *file, int line);
#define CHECK(claim) check((claim), #claim, __FILE__, __LINE__)

/* Pseudo-random numbers below `limit`, the same in every run. */
uint32_t random_below(uint32_t limit);
/* A copy of exactly `length` bytes, so that the sanitizers detect reads past its end; the caller frees it. */
uint8_t *exact_copy(const uint8_t *bytes, size_t length);
/* A message with this payload, which is not copied. */
bookend_message message_of(uint8_t kind, uint8_t encoding, const char *payload);

void test_order(void);
void test_session(void);
void test_transfer(void);

#endif
