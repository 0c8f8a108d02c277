/* Which keys a closed generation of the index of events may have: a Bloom filter whose bits for one key lie
 * in one line of the processor's cache. So whoever looks for what is not there reads hardly a page. Source:
 * Putze, Sanders and Singler, "Cache-, hash-, and space-efficient Bloom filters", WEA 2007. */
#ifndef TALLY_STORAGE_EVENT_FILTER_H
#define TALLY_STORAGE_EVENT_FILTER_H

#include "storage/event_table.h"

struct event_filter {
    uint8_t *bytes; /* owned */
    uint32_t size;  /* a multiple of a line, greater than 0 */
};

/* An empty one for so many keys: 12 bits for each. Errors: TALLY_ENOMEM. */
int event_filter_open(struct event_filter *filter, size_t count) TALLY_MUST_CHECK;
/* Copies the bytes of one that was stored. Errors: TALLY_EDAMAGED (no filter has that size), TALLY_ENOMEM. */
int event_filter_read(struct event_filter *filter, struct span bytes) TALLY_MUST_CHECK;
void event_filter_close(struct event_filter *filter);

/* `hash` is event_key_hash of the key. */
void event_filter_add(struct event_filter *filter, uint32_t hash, const uint8_t key[EVENT_KEY_SIZE]);
/* True of each key that was added, and of one in about a hundred others. */
bool event_filter_may_have(
    const struct event_filter *filter, uint32_t hash, const uint8_t key[EVENT_KEY_SIZE]);

#endif
