#include "tests/sim/full.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/commit/replay.h"
#include "node/net/log.h"
#include "proto/base/check.h"

#define BATCHES_OF_BLOCK_MAX 64u

struct full {
    const struct catalogue *catalogue;
    uint64_t segment_size;
    char dir[64], check_dir[80];
    struct ledger *ledger;
    struct replay replay;
    uint64_t appended, flushed;
    uint64_t complaints; /* lines of the log that are not an operator's timeline */
};

/* ---- Where states live ---- */

static char scratch[40];

void full_scratch_make(void)
{
    (void)snprintf(scratch, sizeof scratch, "/dev/shm/tally-sim-XXXXXX");
    if (mkdtemp(scratch) != NULL) return;
    (void)snprintf(scratch, sizeof scratch, "/tmp/tally-sim-XXXXXX");
    CHECK(mkdtemp(scratch) != NULL);
}

void full_scratch_remove(void)
{
    CHECK(rmdir(scratch) == 0);
    scratch[0] = '\0';
}

void full_scratch_abandon(void)
{
    if (scratch[0] == '\0' || fork() != 0) return;
    (void)execl("/bin/rm", "rm", "-rf", scratch, (char *)NULL);
    _exit(1);
}

/* ---- Life ---- */

struct full *full_open(const struct catalogue *catalogue, uint32_t name, uint64_t segment_size)
{
    struct full *full = calloc(1, sizeof *full);
    CHECK(full != NULL);
    full->catalogue = catalogue;
    full->segment_size = segment_size;
    (void)snprintf(full->dir, sizeof full->dir, "%s/%u", scratch, name);
    (void)snprintf(full->check_dir, sizeof full->check_dir, "%s/check", full->dir);
    CHECK(mkdir(full->dir, 0700) == 0 && mkdir(full->check_dir, 0700) == 0);
    return full;
}

void full_lose(struct full *full)
{
    CHECK(full->ledger == NULL && state_discard(full->dir) == TALLY_OK);
    full->flushed = 0;
}

void full_end(struct full *full)
{
    if (full->replay.state != NULL) full->flushed = state_flushed_height(full->replay.state);
    replay_close(&full->replay);
    ledger_close(full->ledger);
    full->ledger = NULL;
}

void full_close(struct full *full)
{
    if (full == NULL) return;
    full_end(full);
    full_lose(full);
    CHECK(rmdir(full->check_dir) == 0 && rmdir(full->dir) == 0);
    free(full);
}

/* A state that was thrown away and rebuilt is repaired, and said so; here nothing may ever need that. */
static void on_line(void *context, enum log_level level, const char *line, size_t size)
{
    struct full *full = context;
    (void)line, (void)size;
    if (level > LOG_LEVEL_INFO) full->complaints++;
}

/* The ledger is what the model is, as far as it goes; the model has nothing beyond it. */
static int compare(struct full *full, struct replica_disk *disk, char why[160])
{
    struct ledger_head head;
    ledger_head(full->ledger, &head);
    if (head.height > disk->block_count) {
        (void)snprintf(why, 160, "it has blocks that were never committed");
        return TALLY_EDAMAGED;
    }
    disk_blocks_cut(disk, (size_t)head.height);
    const struct disk_block *last = head.height == 0 ? NULL : &disk->blocks[head.height - 1];
    if (last == NULL) return TALLY_OK;
    bool same = digest_equal(&last->hash, &head.hash) && head.has_finalization &&
                last->finalization != NULL &&
                memcmp(last->finalization, &head.finalization, sizeof head.finalization) == 0;
    if (!same) (void)snprintf(why, 160, "its newest block is not the one that was stored there");
    return same ? TALLY_OK : TALLY_EDAMAGED;
}

int full_start(struct full *full, struct replica_disk *disk, char why[160])
{
    struct ledger_options options = {.segment_size_max = full->segment_size};
    struct ledger_report report;
    CHECK(full->ledger == NULL);
    why[0] = '\0';
    int error =
        ledger_open(disk_files(disk), DISK_DATA_DIR, &disk->chain_id, &options, &full->ledger, &report);
    if (error != TALLY_OK) {
        full->ledger = NULL;
        memcpy(why, report.detail, sizeof report.detail);
        return error;
    }
    error = compare(full, disk, why);
    full->appended = ledger_height(full->ledger);
    full->replay = (struct replay){
        .data_dir = full->dir, .genesis = catalogue_genesis(full->catalogue), .ledger = full->ledger};
    full->complaints = 0;
    log_set_sink(on_line, full);
    if (error == TALLY_OK) error = replay_open(&full->replay);
    log_set_sink(NULL, NULL);
    if (error == TALLY_OK && full->complaints > 0) error = TALLY_EDAMAGED;
    if (error != TALLY_OK) full_end(full);
    return error;
}

uint64_t full_replayed(const struct full *full)
{
    return full_applied(full) - full->flushed;
}

/* ---- Blocks ---- */

static void fill(
    const struct full *full, const struct disk_block *stored, struct batch *batches, struct block *block)
{
    const struct proposal *proposal = stored->proposal->message.proposal;
    const struct payload *payload = stored->payload;
    CHECK(payload->count <= BATCHES_OF_BLOCK_MAX);
    for (uint32_t i = 0; i < payload->count; i++)
        batches[i] = *catalogue_batch(full->catalogue, &payload->batches[i]);
    *block = (struct block){.header = stored->header,
        .hash = stored->hash,
        .justification = proposal->justification_bytes,
        .signature = proposal->signature,
        .has_finalization = stored->finalization != NULL,
        .batch_count = payload->count,
        .batches = batches};
    if (stored->finalization != NULL) block->finalization = *stored->finalization;
}

int full_append(struct full *full, const struct replica_disk *disk, uint64_t height)
{
    for (; full->appended < height; full->appended++) {
        struct batch batches[BATCHES_OF_BLOCK_MAX];
        struct block block;
        fill(full, &disk->blocks[full->appended], batches, &block);
        int error = ledger_append(full->ledger, &block);
        if (error != TALLY_OK) return error;
    }
    return TALLY_OK;
}

int full_sync(struct full *full)
{
    return ledger_sync(full->ledger);
}

uint64_t full_applied(const struct full *full)
{
    return state_applied_height(full->replay.state);
}

int full_apply(struct full *full, const struct replica_disk *disk, struct checkpoint *checkpoint)
{
    struct batch batches[BATCHES_OF_BLOCK_MAX];
    struct block block;
    fill(full, &disk->blocks[full_applied(full)], batches, &block);
    return replay_apply(&full->replay, &block, NULL, NULL, checkpoint);
}

int full_checkpoint(struct full *full, uint64_t height, struct checkpoint *checkpoint)
{
    return replay_checkpoint(&full->replay, height, checkpoint);
}

int full_certified(struct full *full, uint64_t height, uint64_t signers)
{
    struct certified_checkpoint certified = {.signers = signers};
    int error = full_checkpoint(full, height, &certified.checkpoint);
    return error == TALLY_OK ? state_certified_put(full->replay.state, &certified) : error;
}

int full_flush(struct full *full)
{
    return replay_flush(&full->replay);
}

int full_replay(
    struct full *full, void (*seen)(void *context, const struct checkpoint *checkpoint), void *context)
{
    struct replay replay = {
        .data_dir = full->check_dir, .genesis = catalogue_genesis(full->catalogue), .ledger = full->ledger};
    log_set_sink(on_line, full);
    int error = replay_open(&replay);
    log_set_sink(NULL, NULL);
    uint64_t top = error == TALLY_OK ? state_applied_height(replay.state) : 0;
    for (uint64_t height = 1; height <= top && error == TALLY_OK; height++) {
        struct checkpoint checkpoint;
        error = replay_checkpoint(&replay, height, &checkpoint);
        if (error == TALLY_OK) seen(context, &checkpoint);
    }
    replay_close(&replay);
    int discarded = state_discard(full->check_dir);
    return error == TALLY_OK ? discarded : error;
}

void full_count(const struct full *full, uint64_t *ordered, uint64_t *applied)
{
    struct state_counts counts;
    state_counts(full->replay.state, &counts);
    *ordered = counts.events;
    *applied = counts.applied;
}
