#!/bin/sh
# Prints the library as one header: bookend_single.sh >bookend_all.h
set -eu
cd "$(dirname "$0")"

cat <<'HEADER'
/*
 * Bookend for C in one header, made from bookend.h, bookend_transfer.h and bookend_*.c. License: MIT OR Apache-2.0.
 *
 * Include it where you need it. One source file, which should contain nothing else, also compiles the library:
 *
 *     #define BOOKEND_IMPLEMENTATION
 *     #include "bookend_all.h"
 */
HEADER
cat bookend.h
sed '/^#include "bookend/d' bookend_transfer.h
printf '\n#if defined(BOOKEND_IMPLEMENTATION) && !defined(BOOKEND_IMPLEMENTED)\n#define BOOKEND_IMPLEMENTED\n\n'
cat bookend_wire.h bookend_fault.c bookend_frame.c bookend_text.c bookend_hello.c bookend_history.c bookend_message.c bookend_requests.c \
    bookend_session.c bookend_sha256.c bookend_transfer.c | sed '/^#include "bookend/d'
printf '\n#endif\n'
