#include "bookend.h"
#include "bookend_wire.h"

#include <string.h>

/* What a hub has kept of a room: section 9, History. */

#define QUERY_LAST 1u
#define QUERY_SEARCH 2u
#define QUERY_FIXED 13u /* bytes before the text */
#define QUERY_TEXT (BOOKEND_QUERY_MAX - QUERY_FIXED)

static bool query_is_legal(const bookend_query *query) {
    size_t length = query->text.length;

    if (query->count == 0) return false;
    return query->text.data == NULL || (length > 0 && length <= QUERY_TEXT &&
                                        bookend_text_legal(BOOKEND_UTF8, query->text.data, length) == length);
}

bool bookend_query_parse(const uint8_t *payload, size_t length, bookend_query *query) {
    if (length < QUERY_FIXED || payload[0] != (length > QUERY_FIXED ? QUERY_SEARCH : QUERY_LAST)) return false;
    query->before = bookend_get64(payload + 1);
    query->count = bookend_get32(payload + 9);
    query->text.data = length > QUERY_FIXED ? payload + QUERY_FIXED : NULL;
    query->text.length = length - QUERY_FIXED;
    return query_is_legal(query);
}

size_t bookend_query_encode(const bookend_query *query, uint8_t out[BOOKEND_QUERY_MAX]) {
    if (!query_is_legal(query)) return 0;
    out[0] = query->text.data == NULL ? QUERY_LAST : QUERY_SEARCH;
    bookend_put64(out + 1, query->before);
    bookend_put32(out + 9, query->count);
    if (query->text.data == NULL) return QUERY_FIXED;
    memcpy(out + QUERY_FIXED, query->text.data, query->text.length);
    return QUERY_FIXED + query->text.length;
}

bool bookend_page_next(bookend_page *page, bookend_message *entry) {
    bookend_decoder decoder;
    bookend_frame frame;
    bookend_error error;

    bookend_decoder_init(&decoder, BOOKEND_LENGTH_MAX);
    if (bookend_decode(&decoder, page->rest.data, page->rest.length, &frame) != BOOKEND_FOUND_FRAME) return false;
    if (frame.kind != BOOKEND_KIND_DELIVERY && frame.kind != BOOKEND_KIND_GAP) return false;
    if (bookend_message_parse(&frame, entry, &error) != BOOKEND_OK) return false;
    page->rest.data += BOOKEND_OVERHEAD + (size_t)frame.length;
    page->rest.length -= BOOKEND_OVERHEAD + (size_t)frame.length;
    return true;
}

bool bookend_page_parse(const uint8_t *payload, size_t length, bookend_page *page) {
    bookend_message entry;
    bookend_page checked;

    memset(page, 0, sizeof *page);
    page->rest.data = payload;
    page->rest.length = length;
    checked = *page;
    if (!bookend_page_next(&checked, &entry)) return false;
    if (entry.kind == BOOKEND_KIND_GAP) {
        page->is_first = true;
        page->lost_before = entry.missed;
        page->rest = checked.rest;
    }
    while (checked.rest.length > 0)
        if (!bookend_page_next(&checked, &entry)) return false;
    return true;
}
