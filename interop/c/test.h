/* The unit tests: laws and boundaries. What SPEC.md says case by case is in interop/vectors. */
#ifndef TEST_H
#define TEST_H

#include "bookend.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Says where and goes on; the program fails in the end. */
void check(bool holds, const char *claim, const char *file, int line);
#define CHECK(claim) check((claim), #claim, __FILE__, __LINE__)

/* The same numbers in every run, below `limit`. */
uint32_t random_below(uint32_t limit);
/* A copy without a byte to spare, so that the sanitizers see who reads on; the caller frees it. */
uint8_t *exact_copy(const uint8_t *bytes, size_t length);

void test_session(void);

#endif
