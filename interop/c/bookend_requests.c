/*
 * Unanswered REQUESTs: section 3 of SPEC.md. A set of ids is a digital search tree: at depth n, bit n of the id selects
 * the child. No id is found later than after 33 slots, whatever ids the peer chooses. Slots are numbered from 1; 0 is
 * none.
 */
#include "bookend_wire.h"

static bookend_slot *slot_at(bookend_requests *requests, uint32_t number) {
    return (requests->given != NULL ? requests->given : requests->built_in) + (number - 1);
}

/* The link to the slot of this id, or the link to 0 where it belongs. */
static uint32_t *link_to(bookend_requests *requests, uint32_t *root, uint32_t id) {
    uint32_t *link = root, rest = id;
    bookend_slot *slot;

    while (*link != 0) {
        slot = slot_at(requests, *link);
        if (slot->id == id) break;
        link = &slot->child[rest >> 31];
        rest <<= 1;
    }
    return link;
}

bookend_slot *bookend_requests_find(bookend_requests *requests, bookend_request_set *set, uint32_t id) {
    uint32_t *link = link_to(requests, &set->root, id);

    return *link == 0 ? NULL : slot_at(requests, *link);
}

void bookend_requests_add(bookend_requests *requests, bookend_request_set *set, uint32_t id, uint32_t frame) {
    uint32_t *link = link_to(requests, &set->root, id), number = requests->freed;
    bookend_slot *slot;

    if (number == 0)
        number = ++requests->begun;
    else
        requests->freed = slot_at(requests, number)->child[0];
    slot = slot_at(requests, number);
    slot->id = id;
    slot->frame = frame;
    slot->child[0] = slot->child[1] = 0;
    *link = number;
    set->count++;
}

bool bookend_requests_remove(bookend_requests *requests, bookend_request_set *set, uint32_t id) {
    uint32_t *link = link_to(requests, &set->root, id), number = *link;
    bookend_slot *slot, *leaf;

    if (number == 0) return false;
    slot = leaf = slot_at(requests, number);
    /* Any leaf below may take the place of its ancestor. */
    while (leaf->child[0] != 0 || leaf->child[1] != 0) {
        link = &leaf->child[leaf->child[0] == 0];
        leaf = slot_at(requests, *link);
    }
    number = *link;
    *link = 0;
    slot->id = leaf->id;
    slot->frame = leaf->frame;
    leaf->child[0] = requests->freed;
    requests->freed = number;
    set->count--;
    return true;
}
