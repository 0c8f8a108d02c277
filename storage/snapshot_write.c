#include "storage/snapshot_write.h"

#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/crypto/digest.h"
#include "storage/snapshot_write_internal.h"

#define BLOCK_ARENA_SIZE (64u * MIB)

static uint64_t height_of(const struct snapshot_maker *maker)
{
    return maker->source->certified.checkpoint.height;
}

void snapshot_part_begin(struct snapshot_maker *maker, uint32_t kind, uint32_t index)
{
    buffer_clear(&maker->part);
    snapshot_prefix_encode(height_of(maker), kind, index, &maker->part);
}

int snapshot_save(
    const struct snapshot_maker *maker, uint32_t kind, uint32_t index, const struct buffer *part)
{
    const struct snapshot_writing *writing = maker->writing;
    if (part->failed) return TALLY_ELIMIT;
    if (!writing->go_on(writing->context)) return TALLY_ECLOSED;
    return snapshot_save_part(writing->disk, writing->dir, height_of(maker), kind, index, buffer_span(part));
}

int snapshot_part_end(const struct snapshot_maker *maker, uint32_t kind, uint32_t index)
{
    return snapshot_save(maker, kind, index, &maker->part);
}

/* ---- The block ---- */

/* First of all, as it may lack an FC of its own. */
static int make_block(struct snapshot_maker *maker)
{
    struct arena arena;
    struct block block;
    arena_init(&arena, BLOCK_ARENA_SIZE);
    int error = ledger_read(maker->writing->ledger, height_of(maker), false, &arena, &block);
    if (error == TALLY_OK && !block.has_finalization) error = TALLY_ENOTFOUND;
    if (error == TALLY_OK) {
        snapshot_part_begin(maker, SNAPSHOT_BLOCK, 0);
        block_encode(&block, false, &maker->part);
    }
    arena_close(&arena);
    return error;
}

/* ---- History ---- */

struct history_making {
    struct snapshot_maker *maker;
    struct merkle_frontier run;
    uint64_t height; /* the last one taken */
    int error;
};

static int history_end(struct history_making *making)
{
    uint32_t index = (uint32_t)((making->height - 1) / snapshot_run(making->maker->head));
    making->maker->head->history[index] = merkle_frontier_root(&making->run);
    merkle_frontier_init(&making->run);
    return snapshot_part_end(making->maker, SNAPSHOT_HISTORY, index);
}

static int history_take(struct history_making *making, struct span key, struct span value)
{
    struct snapshot_maker *maker = making->maker;
    struct state_roots roots;
    if (key.size != 9 || get_u64(key.data + 1) != making->height + 1) return TALLY_EDAMAGED;
    int error = state_roots_decode(value, ++making->height, &roots);
    if (error != TALLY_OK) return error;
    if (making->run.count == 0)
        snapshot_part_begin(
            maker, SNAPSHOT_HISTORY, (uint32_t)((making->height - 1) / snapshot_run(maker->head)));
    buffer_append(&maker->part, roots.block.bytes, DIGEST_SIZE);
    buffer_u64(&maker->part, roots.time_ms);
    buffer_append(&maker->part, roots.state_root.bytes, DIGEST_SIZE);
    buffer_append(&maker->part, roots.results_root.bytes, DIGEST_SIZE);
    struct digest leaf = history_leaf(&roots.block, roots.time_ms, &roots.state_root, &roots.results_root);
    merkle_frontier_append(&making->run, &leaf, NULL, NULL);
    return making->run.count == snapshot_run(maker->head) ? history_end(making) : TALLY_OK;
}

static bool history_seen(void *context, struct span key, struct span value)
{
    struct history_making *making = context;
    making->error = history_take(making, key, value);
    return making->error == TALLY_OK && making->height < height_of(making->maker);
}

static int make_history(struct snapshot_maker *maker)
{
    struct history_making making = {.maker = maker};
    struct state_key prefix = state_key_alone('B');
    merkle_frontier_init(&making.run);
    int error = store_view_scan(
        maker->source->view, state_key_span(&prefix), state_key_span(&prefix), history_seen, &making);
    if (error == TALLY_OK) error = making.error;
    if (error == TALLY_OK && making.height != height_of(maker)) error = TALLY_EDAMAGED;
    return error == TALLY_OK && making.run.count > 0 ? history_end(&making) : error;
}

/* ---- Remembered batches ---- */

static int make_run(
    struct snapshot_maker *maker, const struct remembered_batch *batches, uint64_t count, uint32_t index)
{
    struct merkle_frontier run;
    merkle_frontier_init(&run);
    snapshot_part_begin(maker, SNAPSHOT_BATCHES, index);
    for (uint64_t i = 0; i < count; i++) {
        struct digest leaf = replay_leaf(&batches[i].digest, batches[i].expires_at_ms);
        buffer_append(&maker->part, batches[i].digest.bytes, DIGEST_SIZE);
        buffer_u64(&maker->part, batches[i].expires_at_ms);
        merkle_frontier_append(&run, &leaf, NULL, NULL);
    }
    maker->head->batches[index] = merkle_frontier_root(&run);
    return snapshot_part_end(maker, SNAPSHOT_BATCHES, index);
}

static int make_minute(struct snapshot_maker *maker, const struct replay_minute *minute, uint32_t *index)
{
    uint64_t count = minute->batches.count, run = snapshot_run(maker->head);
    struct remembered_batch *batches = calloc(count, sizeof *batches);
    if (batches == NULL) return TALLY_ENOMEM;
    int error = state_batches_read(maker->source->view, minute, batches);
    for (uint64_t first = 0; error == TALLY_OK && first < count; first += run)
        error = make_run(maker, batches + first, count - first < run ? count - first : run, (*index)++);
    free(batches);
    return error;
}

static int make_batches(struct snapshot_maker *maker)
{
    const struct replay_window *window = &maker->head->window;
    uint32_t index = 0;
    int error = TALLY_OK;
    for (uint32_t i = 0; error == TALLY_OK && i < window->minute_count; i++)
        error = make_minute(maker, &window->minutes[i], &index);
    return error;
}

/* ---- The head ---- */

/* The register, and its policy's root, which stands among the parts. */
static int read_register(const struct snapshot_maker *maker, struct snapshot_head *head)
{
    struct state_key key = state_key_alone('N');
    struct state_register stored;
    struct buffer value;
    buffer_init(&value, STATE_REGISTER_SIZE_MAX + KIB);
    int error = store_view_get(maker->source->view, state_key_span(&key), &value);
    if (error == TALLY_OK) error = state_register_decode(buffer_span(&value), &stored);
    if (error == TALLY_OK) {
        head->parts.policy_root = stored.policy_root;
        head->parts.members_root = digest_tagged(TAG_REGISTER, stored.bytes);
        buffer_append(&head->registered, stored.bytes.data, stored.bytes.size);
        if (head->registered.failed) error = TALLY_ENOMEM;
    }
    buffer_close(&value);
    return error == TALLY_ENOTFOUND ? TALLY_EDAMAGED : error;
}

static int head_begin(struct snapshot_maker *maker)
{
    struct snapshot_head *head = snapshot_head_make(&maker->source->config);
    if (head == NULL) return TALLY_ENOMEM;
    maker->head = head;
    buffer_append(&head->seals, maker->source->seals.data, maker->source->seals.size);
    if (head->seals.failed) return TALLY_ENOMEM;
    head->certified = maker->source->certified;
    head->counts = maker->source->meta.counts;
    head->window = maker->source->meta.window;
    head->depth = snapshot_depth(&head->counts);
    int error = read_register(maker, head);
    return error == TALLY_OK ? snapshot_head_reserve(head) : error;
}

/* Writes it once it stands up to what others will hold it against. */
static int head_end(struct snapshot_maker *maker)
{
    const struct snapshot_writing *writing = maker->writing;
    struct snapshot_head *head = maker->head, *again;
    head->parts.subjects_root = snapshot_ranges_join(&head->ranges).root;
    head->parts.replay_root = replay_window_root(&head->window);
    head->parts.counts_root = state_counts_root(&head->counts);
    buffer_clear(&maker->part);
    snapshot_head_encode(head, &maker->part);
    if (maker->part.failed) return TALLY_ELIMIT;
    int error = snapshot_head_decode(buffer_span(&maker->part), writing->validators, &head->config, &again);
    if (error != TALLY_OK) return error == TALLY_ENOMEM ? error : TALLY_EDAMAGED;
    snapshot_head_close(again);
    return snapshot_save_end(writing->disk, writing->dir, height_of(maker), buffer_span(&maker->part));
}

static int make_rest(struct snapshot_maker *maker)
{
    int error = snapshot_part_end(maker, SNAPSHOT_BLOCK, 0);
    if (error == TALLY_OK) error = head_begin(maker);
    if (error == TALLY_OK) error = make_history(maker);
    if (error == TALLY_OK) error = make_batches(maker);
    if (error == TALLY_OK) error = snapshot_subjects_make(maker);
    return error == TALLY_OK ? head_end(maker) : error;
}

static int make_all(struct snapshot_maker *maker)
{
    const struct snapshot_writing *writing = maker->writing;
    int error = make_block(maker);
    if (error == TALLY_OK) error = snapshot_save_begin(writing->disk, writing->dir, height_of(maker));
    if (error != TALLY_OK) return error;
    error = make_rest(maker);
    /* What is left for want of a disk that works is removed before the next one is made. */
    if (error != TALLY_OK) (void)!snapshot_remove(writing->disk, writing->dir, height_of(maker));
    return error;
}

int snapshot_write(const struct snapshot_source *source, const struct snapshot_writing *writing)
{
    struct snapshot_maker maker = {.source = source, .writing = writing};
    CHECK(source->config.accounts != NULL);
    buffer_init(&maker.part, SNAPSHOT_PART_SIZE_MAX);
    int error = make_all(&maker);
    buffer_close(&maker.part);
    snapshot_head_close(maker.head);
    return error;
}
