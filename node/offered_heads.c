#include "node/offered_heads.h"

#include <stdlib.h>

#include "proto/base/check.h"

void offered_heads_drop(struct offered_heads *heads, uint32_t peer)
{
    CHECK(peer < PEERS_MAX);
    struct offered_head *head = heads->of[peer];
    heads->of[peer] = NULL;
    if (head == NULL || --head->peers > 0) return;
    CHECK(heads->size >= head->bytes.size);
    heads->size -= head->bytes.size;
    buffer_close(&head->bytes);
    free(head);
}

void offered_heads_close(struct offered_heads *heads)
{
    for (uint32_t peer = 0; peer < PEERS_MAX; peer++)
        offered_heads_drop(heads, peer);
    CHECK(heads->size == 0);
}

static struct offered_head *find_same(
    const struct offered_heads *heads, const struct joiner_snapshot *snapshot)
{
    for (uint32_t peer = 0; peer < PEERS_MAX; peer++) {
        struct offered_head *head = heads->of[peer];
        if (head != NULL && head->snapshot.height == snapshot->height &&
            head->snapshot.chunk_count == snapshot->chunk_count &&
            digest_equal(&head->snapshot.cut, &snapshot->cut))
            return head;
    }
    return NULL;
}

/* Who alone offers the oldest, no newer than `height`; PEERS_MAX where there is none. */
static uint32_t find_oldest(const struct offered_heads *heads, uint64_t height)
{
    uint32_t oldest = PEERS_MAX;
    for (uint32_t peer = 0; peer < PEERS_MAX; peer++) {
        const struct offered_head *head = heads->of[peer];
        if (head == NULL || head->peers > 1 || head->snapshot.height > height) continue;
        if (oldest == PEERS_MAX || head->snapshot.height < heads->of[oldest]->snapshot.height) oldest = peer;
    }
    return oldest;
}

static int make_room(struct offered_heads *heads, uint64_t height, size_t size,
    void (*given_up)(void *context, uint32_t peer), void *context)
{
    while (heads->size + size > OFFERED_HEADS_SIZE_MAX) {
        uint32_t peer = find_oldest(heads, height);
        if (peer == PEERS_MAX) return TALLY_ELIMIT;
        offered_heads_drop(heads, peer);
        given_up(context, peer);
    }
    return TALLY_OK;
}

static struct offered_head *make_head(const struct joiner_snapshot *snapshot, struct span bytes)
{
    struct offered_head *head = calloc(1, sizeof *head);
    if (head == NULL) return NULL;
    head->snapshot = *snapshot;
    buffer_init(&head->bytes, OFFERED_HEADS_SIZE_MAX);
    buffer_append(&head->bytes, bytes.data, bytes.size);
    if (!head->bytes.failed) return head;
    buffer_close(&head->bytes);
    free(head);
    return NULL;
}

int offered_heads_put(struct offered_heads *heads, uint32_t peer, const struct joiner_snapshot *snapshot,
    struct span bytes, void (*given_up)(void *context, uint32_t peer), void *context)
{
    CHECK(peer < PEERS_MAX && snapshot->height != 0 && bytes.size > 0);
    offered_heads_drop(heads, peer);
    struct offered_head *head = find_same(heads, snapshot);
    if (head == NULL) {
        int error = make_room(heads, snapshot->height, bytes.size, given_up, context);
        if (error != TALLY_OK) return error;
        head = make_head(snapshot, bytes);
        if (head == NULL) return TALLY_ENOMEM;
        heads->size += bytes.size;
    }
    head->peers++;
    heads->of[peer] = head;
    return TALLY_OK;
}

struct span offered_heads_find(const struct offered_heads *heads, uint32_t peer)
{
    CHECK(peer < PEERS_MAX);
    return heads->of[peer] != NULL ? buffer_span(&heads->of[peer]->bytes) : span_of(NULL, 0);
}
