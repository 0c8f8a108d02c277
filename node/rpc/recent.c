#include "node/rpc/recent.h"

#include <pthread.h>
#include <stdlib.h>

#include "proto/base/check.h"

struct slot {
    struct recent_key key; /* height 0: empty */
    struct buffer reply;
};

struct recent {
    pthread_mutex_t lock;
    struct slot slots[RECENT_SLOTS];
};

int recent_open(struct recent **out)
{
    struct recent *recent = calloc(1, sizeof *recent);
    if (recent == NULL) return TALLY_ENOMEM;
    CHECK(pthread_mutex_init(&recent->lock, NULL) == 0);
    for (size_t i = 0; i < RECENT_SLOTS; i++)
        buffer_init(&recent->slots[i].reply, RECENT_SIZE_MAX);
    *out = recent;
    return TALLY_OK;
}

void recent_close(struct recent *recent)
{
    if (recent == NULL) return;
    for (size_t i = 0; i < RECENT_SLOTS; i++)
        buffer_close(&recent->slots[i].reply);
    CHECK(pthread_mutex_destroy(&recent->lock) == 0);
    free(recent);
}

static struct slot *slot_of(struct recent *recent, const struct recent_key *key)
{
    CHECK(key->height > 0);
    return &recent->slots[(key->height + 5 * (uint64_t)key->kind) % RECENT_SLOTS];
}

static bool key_equal(const struct recent_key *a, const struct recent_key *b)
{
    return a->generation == b->generation && a->height == b->height && a->kind == b->kind;
}

bool recent_find(struct recent *recent, const struct recent_key *key, struct buffer *out)
{
    CHECK(pthread_mutex_lock(&recent->lock) == 0);
    const struct slot *slot = slot_of(recent, key);
    bool found = key_equal(&slot->key, key);
    if (found) buffer_append(out, slot->reply.data, slot->reply.size);
    CHECK(pthread_mutex_unlock(&recent->lock) == 0);
    return found;
}

void recent_keep(struct recent *recent, const struct recent_key *key, struct span reply)
{
    if (reply.size > RECENT_SIZE_MAX) return;
    CHECK(pthread_mutex_lock(&recent->lock) == 0);
    struct slot *slot = slot_of(recent, key);
    buffer_clear(&slot->reply);
    buffer_append(&slot->reply, reply.data, reply.size);
    slot->key = slot->reply.failed ? (struct recent_key){.height = 0} : *key;
    CHECK(pthread_mutex_unlock(&recent->lock) == 0);
}
