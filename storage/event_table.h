/* Where events stand, in memory: a hash table of short keys and places that is read while it is written.
 *
 * Threads: one thread, the owner, adds and grows. Others may look up meanwhile, but not while it grows. */
#ifndef TALLY_STORAGE_EVENT_TABLE_H
#define TALLY_STORAGE_EVENT_TABLE_H

#include "proto/base/bytes.h"

#define EVENT_KEY_SIZE 16u

/* A place: its kind, from 1, in the highest four bits, then a block's height, then an index in it. */
#define EVENT_KIND_SHIFT 60u
#define EVENT_INDEX_BITS 16u

struct event_entry {
    uint8_t key[EVENT_KEY_SIZE];
    uint64_t place;
};

/* Multilinear hashing by a secret, as in proto/crypto/digest_hash.h: nobody can choose keys that meet. */
struct event_hash {
    uint64_t words[EVENT_KEY_SIZE / 4 + 1];
};

static inline uint32_t event_key_hash(const struct event_hash *hash, const uint8_t key[EVENT_KEY_SIZE])
{
    uint64_t sum = hash->words[0];
    for (size_t i = 0; i < EVENT_KEY_SIZE / 4; i++)
        sum += hash->words[i + 1] * get_u32(key + 4 * i);
    return (uint32_t)(sum >> 32);
}

struct event_table;

/* Copies the secret. With room for about as many as are `expected`, resident: to grow to it, again and again,
 * or to be the first to touch it costs more than to add them does. That takes a while. NULL when memory is
 * out. */
struct event_table *event_table_make(const struct event_hash *hash, size_t expected);
/* NULL is fine. */
void event_table_close(struct event_table *table);
size_t event_table_count(const struct event_table *table);
/* How many were added, with those that are not there any more. */
size_t event_table_added(const struct event_table *table);

/* ---- The owner ---- */

/* Where the key would be added is brought in from memory. */
void event_table_fetch(const struct event_table *table, const uint8_t key[EVENT_KEY_SIZE]);
/* Whether there has to be growth before the key can be added. */
bool event_table_is_full(const struct event_table *table, const uint8_t key[EVENT_KEY_SIZE]);
/* Makes room for the key. Errors: TALLY_ENOMEM: nothing has changed. */
int event_table_grow(struct event_table *table, const uint8_t key[EVENT_KEY_SIZE]) TALLY_MUST_CHECK;
/* It is not full there (CHECKed). Under a key and a kind the newest place is kept, and the newest of another
 * block: of more nobody asks, and who has an event refused again and again must not make others wait. A block
 * is added to while others look for places before it alone. */
void event_table_add(struct event_table *table, const struct event_entry *entry);

/* ---- Any thread ---- */

/* The greatest place under the key that is within the range; 0 where there is none. */
uint64_t event_table_find(const struct event_table *table, const uint8_t key[EVENT_KEY_SIZE],
    uint64_t place_min, uint64_t place_max);

/* Copies all entries, in no order; there is room for event_table_count. */
void event_table_copy(const struct event_table *table, struct event_entry *entries);

#endif
