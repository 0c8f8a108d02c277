#include "storage/state_batches.h"

#include <stdlib.h>

#include "storage/state_record.h"

struct gathering {
    struct remembered_batch *batches;
    uint64_t minute, count, found;
    bool *filled;
    int error;
};

static int gather_one(struct gathering *gathering, struct span key, struct span value)
{
    struct state_batch read;
    if (key.size != 1 + 8 + DIGEST_SIZE) return TALLY_EDAMAGED;
    int error = state_batch_decode(value, &read);
    if (error != TALLY_OK) return error;
    if (read.order >= gathering->count || gathering->filled[read.order] ||
        read.expires_at_ms / REPLAY_MINUTE_MS != gathering->minute)
        return TALLY_EDAMAGED;
    struct remembered_batch *batch = &gathering->batches[read.order];
    memcpy(batch->digest.bytes, key.data + 1 + 8, DIGEST_SIZE);
    batch->expires_at_ms = read.expires_at_ms;
    gathering->filled[read.order] = true;
    gathering->found++;
    return TALLY_OK;
}

static bool gather_seen(void *context, struct span key, struct span value)
{
    struct gathering *gathering = context;
    gathering->error = gather_one(gathering, key, value);
    return gathering->error == TALLY_OK;
}

static struct digest root_of(const struct remembered_batch *batches, uint64_t count)
{
    struct merkle_frontier tree;
    merkle_frontier_init(&tree);
    for (uint64_t i = 0; i < count; i++) {
        struct digest leaf = replay_leaf(&batches[i].digest, batches[i].expires_at_ms);
        merkle_frontier_append(&tree, &leaf, NULL, NULL);
    }
    return merkle_frontier_root(&tree);
}

int state_batches_read(
    const struct store_view *view, const struct replay_minute *minute, struct remembered_batch *batches)
{
    struct gathering gathering = {
        .batches = batches, .minute = minute->minute, .count = minute->batches.count};
    struct state_key prefix = state_key_of_height('W', minute->minute);
    gathering.filled = calloc(gathering.count, sizeof *gathering.filled);
    if (gathering.filled == NULL) return TALLY_ENOMEM;
    int error =
        store_view_scan(view, state_key_span(&prefix), state_key_span(&prefix), gather_seen, &gathering);
    free(gathering.filled);
    if (error == TALLY_OK) error = gathering.error;
    if (error != TALLY_OK) return error;
    struct digest expected = merkle_frontier_root(&minute->batches), root;
    if (gathering.found != gathering.count) return TALLY_EDAMAGED;
    root = root_of(batches, gathering.count);
    return digest_equal(&root, &expected) ? TALLY_OK : TALLY_EDAMAGED;
}

struct stray {
    const struct replay_window *window;
    bool found;
};

static bool stray_seen(void *context, struct span key, struct span value)
{
    struct stray *stray = context;
    (void)value;
    stray->found = true;
    for (uint32_t i = 0; i < stray->window->minute_count && key.size >= 9; i++)
        if (stray->window->minutes[i].minute == get_u64(key.data + 1)) stray->found = false;
    return !stray->found;
}

int state_batches_check(const struct store_view *view, const struct replay_window *window, uint64_t time_ms)
{
    struct stray stray = {.window = window};
    struct state_key prefix = state_key_alone('W'),
                     from = state_key_of_height('W', replay_minute_live(time_ms));
    int error = store_view_scan(view, state_key_span(&prefix), state_key_span(&from), stray_seen, &stray);
    if (error == TALLY_OK && stray.found) error = TALLY_EDAMAGED;
    for (uint32_t i = 0; error == TALLY_OK && i < window->minute_count; i++) {
        struct remembered_batch *batches = calloc(window->minutes[i].batches.count, sizeof *batches);
        if (batches == NULL) return TALLY_ENOMEM;
        error = state_batches_read(view, &window->minutes[i], batches);
        free(batches);
    }
    return error;
}
