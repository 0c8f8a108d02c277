#include "node/rpc/clients.h"

#include <stdlib.h>

#include "proto/base/check.h"

/* The bucket counts in thousandths of a call, so that a millisecond earns `rate` of them. */
#define CALL_COST 1000u
#define BURST_MS 1000u

_Static_assert((uint64_t)CLIENT_RATE_MAX *BURST_MS < UINT32_MAX, "a full bucket fits");

struct row {
    struct client_entry entry;
    bool listed; /* else only its open calls keep it */
    uint32_t open;
    bool counted; /* it made a call: before that the bucket is full */
    uint64_t level;
    uint64_t level_ms; /* when it was so high */
};

struct clients {
    struct row *rows;
    uint32_t count;
};

int clients_open(struct clients **out)
{
    struct clients *clients = calloc(1, sizeof *clients);
    if (clients == NULL) return TALLY_ENOMEM;
    *out = clients;
    return TALLY_OK;
}

void clients_close(struct clients *clients)
{
    if (clients == NULL) return;
    free(clients->rows);
    free(clients);
}

static struct row *row_of(const struct clients *clients, const char *name)
{
    for (uint32_t i = 0; i < clients->count; i++)
        if (strcmp(clients->rows[i].entry.name, name) == 0) return &clients->rows[i];
    return NULL;
}

static bool is_among(const struct client_entry *entries, uint32_t count, const char *name)
{
    for (uint32_t i = 0; i < count; i++)
        if (strcmp(entries[i].name, name) == 0) return true;
    return false;
}

int clients_replace(struct clients *clients, const struct client_entry *entries, uint32_t count)
{
    CHECK(count <= CLIENTS_MAX);
    struct row *rows = calloc((size_t)count + clients->count + 1, sizeof *rows);
    if (rows == NULL) return TALLY_ENOMEM;
    for (uint32_t i = 0; i < count; i++) {
        CHECK(entries[i].rate >= 1 && entries[i].rate <= CLIENT_RATE_MAX);
        CHECK(entries[i].concurrency >= 1 && entries[i].concurrency <= CLIENT_CONCURRENCY_MAX);
        const struct row *before = row_of(clients, entries[i].name);
        if (before != NULL) rows[i] = *before;
        rows[i].entry = entries[i];
        rows[i].listed = true;
    }
    /* Whoever is gone and has calls open: they have yet to end. */
    uint32_t kept = count;
    for (uint32_t i = 0; i < clients->count; i++) {
        const struct row *row = &clients->rows[i];
        if (row->open == 0 || is_among(entries, count, row->entry.name)) continue;
        rows[kept] = *row;
        rows[kept++].listed = false;
    }
    free(clients->rows);
    clients->rows = rows;
    clients->count = kept;
    return TALLY_OK;
}

const struct client_entry *clients_find(const struct clients *clients, const struct digest *fingerprint)
{
    for (uint32_t i = 0; i < clients->count; i++) {
        const struct row *row = &clients->rows[i];
        if (row->listed && digest_equal(&row->entry.fingerprint, fingerprint)) return &row->entry;
    }
    return NULL;
}

static void bucket_fill(struct row *row, uint64_t now_ms)
{
    uint64_t full = (uint64_t)row->entry.rate * BURST_MS;
    uint64_t earned_ms = row->counted ? now_ms - row->level_ms : BURST_MS;
    CHECK(!row->counted || now_ms >= row->level_ms);
    if (earned_ms > BURST_MS) earned_ms = BURST_MS;
    row->level += earned_ms * row->entry.rate;
    if (row->level > full) row->level = full;
    row->level_ms = now_ms;
    row->counted = true;
}

int client_call_begin(struct clients *clients, const char *name, uint64_t now_ms, uint32_t *retry_after_ms)
{
    struct row *row = row_of(clients, name);
    if (row == NULL || !row->listed) return TALLY_ENOTFOUND;
    bucket_fill(row, now_ms);
    if (row->level < CALL_COST) {
        uint64_t lacking = CALL_COST - row->level;
        *retry_after_ms = (uint32_t)((lacking + row->entry.rate - 1) / row->entry.rate);
        return TALLY_EFULL;
    }
    row->level -= CALL_COST;
    if (row->open >= row->entry.concurrency) {
        *retry_after_ms = CLIENT_CONCURRENCY_RETRY_MS;
        return TALLY_EBUSY;
    }
    row->open++;
    return TALLY_OK;
}

void client_call_end(struct clients *clients, const char *name)
{
    struct row *row = row_of(clients, name);
    CHECK(row != NULL && row->open > 0);
    row->open--;
}

uint32_t client_calls_open(const struct clients *clients, const char *name)
{
    const struct row *row = row_of(clients, name);
    return row != NULL ? row->open : 0;
}
