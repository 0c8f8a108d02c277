#include "node/commit/durable.h"

#include <stdlib.h>

#include "node/metrics/meters.h"
#include "proto/base/check.h"

struct entry {
    struct entry *next;
    uint8_t type;
    uint64_t view;
    uint64_t checkpoint_height;
    struct buffer bytes;
};

struct append {
    struct append *next;
    const struct block *block;
};

/* One group commit of the vote record: under way, or being gathered. */
struct record_commit {
    struct job job;
    struct durable *durable;
    bool running;
    int error;
    struct entry *entries;
    uint64_t sequence; /* of the last of them */
    uint64_t prune_view;
};

struct append_commit {
    struct job job;
    struct durable *durable;
    bool running;
    int error;
    struct append *appends;
    uint64_t height;
};

struct durable {
    struct vote_record *record;
    struct ledger *ledger;
    const struct durable_callbacks *callbacks;
    void *context;
    struct worker *recorder, *appender;
    struct record_commit record_commit;
    struct append_commit append_commit;
    struct entry *entries, **entries_end;
    struct append *appends, **appends_end;
    uint64_t sequence;   /* of the last entry queued */
    uint64_t prune_view; /* asked for and not yet done; 0 = none */
    uint64_t height;     /* of the last block queued */
    bool closing, failed;
};

static int sync_record(struct vote_record *record)
{
    uint64_t began_ns = uv_hrtime();
    int error = vote_record_sync(record);
    timing_add(&meters.syncs[METER_FILE_VOTES], uv_hrtime() - began_ns);
    return error;
}

static void run_record(struct job *job)
{
    struct record_commit *commit = (struct record_commit *)(void *)job;
    struct vote_record *record = commit->durable->record;
    int error = TALLY_OK;
    for (struct entry *at = commit->entries; at != NULL && error == TALLY_OK; at = at->next) {
        if (at->checkpoint_height != 0) error = vote_record_checkpoint(record, at->checkpoint_height);
        if (error == TALLY_OK)
            error = vote_record_append(record, at->type, at->view, buffer_span(&at->bytes));
    }
    if (error == TALLY_OK) error = sync_record(record);
    if (error == TALLY_OK && commit->prune_view != 0) error = vote_record_prune(record, commit->prune_view);
    commit->error = error;
}

static void free_entries(struct entry *entry)
{
    while (entry != NULL) {
        struct entry *next = entry->next;
        buffer_close(&entry->bytes);
        free(entry);
        entry = next;
    }
}

static void fail(struct durable *durable, const char *what, int error)
{
    if (durable->failed) return;
    durable->failed = true;
    if (!durable->closing) durable->callbacks->on_failed(durable->context, what, error);
}

static void record_done(struct job *job)
{
    struct record_commit *commit = (struct record_commit *)(void *)job;
    struct durable *durable = commit->durable;
    commit->running = false;
    bool any = commit->entries != NULL;
    free_entries(commit->entries);
    commit->entries = NULL;
    if (commit->error != TALLY_OK) {
        fail(durable, "the vote record cannot be written", commit->error);
        return;
    }
    if (any && !durable->closing) durable->callbacks->on_recorded(durable->context, commit->sequence);
    durable_commit(durable);
}

static void run_append(struct job *job)
{
    struct append_commit *commit = (struct append_commit *)(void *)job;
    uint64_t began_ns = uv_hrtime();
    int error = TALLY_OK;
    for (struct append *at = commit->appends; at != NULL && error == TALLY_OK; at = at->next)
        error = ledger_append(commit->durable->ledger, at->block);
    uint64_t appended_ns = uv_hrtime();
    if (error == TALLY_OK) error = ledger_sync(commit->durable->ledger);
    uint64_t synced_ns = uv_hrtime();
    timing_add(&meters.syncs[METER_FILE_LEDGER], synced_ns - appended_ns);
    timing_add(&meters.append, synced_ns - began_ns);
    commit->error = error;
}

static void free_appends(struct append *append)
{
    while (append != NULL) {
        struct append *next = append->next;
        free(append);
        append = next;
    }
}

static void append_done(struct job *job)
{
    struct append_commit *commit = (struct append_commit *)(void *)job;
    struct durable *durable = commit->durable;
    commit->running = false;
    free_appends(commit->appends);
    commit->appends = NULL;
    if (commit->error != TALLY_OK) {
        fail(durable, "the ledger cannot be written", commit->error);
        return;
    }
    if (!durable->closing) durable->callbacks->on_appended(durable->context, commit->height);
    durable_commit(durable);
}

int durable_open(uv_loop_t *loop, struct vote_record *record, struct ledger *ledger,
    const struct durable_callbacks *callbacks, void *context, struct durable **out)
{
    struct durable *durable = calloc(1, sizeof *durable);
    if (durable == NULL) return TALLY_ENOMEM;
    durable->record = record;
    durable->ledger = ledger;
    durable->callbacks = callbacks;
    durable->context = context;
    durable->entries_end = &durable->entries;
    durable->appends_end = &durable->appends;
    durable->record_commit.job = (struct job){.run = run_record, .done = record_done};
    durable->record_commit.durable = durable;
    durable->append_commit.job = (struct job){.run = run_append, .done = append_done};
    durable->append_commit.durable = durable;
    int error = worker_open(loop, "votes", 1, &durable->recorder);
    if (error == TALLY_OK) error = worker_open(loop, "ledger", 1, &durable->appender);
    if (error != TALLY_OK) {
        durable_close(durable);
        return error;
    }
    *out = durable;
    return TALLY_OK;
}

void durable_close(struct durable *durable)
{
    if (durable == NULL) return;
    /* A worker's last `done` may find more that was queued meanwhile: nothing waits for it any longer, so it
     * is let go. What was promised to anyone was acknowledged before, and so is on disk. */
    durable->closing = true;
    worker_close(durable->recorder);
    worker_close(durable->appender);
    free_entries(durable->entries);
    free_appends(durable->appends);
    free(durable);
}

uint64_t durable_record_take(
    struct durable *durable, uint8_t type, uint64_t view, uint64_t checkpoint_height, struct buffer *bytes)
{
    CHECK(durable->record != NULL && !bytes->failed);
    struct entry *entry = calloc(1, sizeof *entry);
    CHECK(entry != NULL);
    *entry =
        (struct entry){.type = type, .view = view, .checkpoint_height = checkpoint_height, .bytes = *bytes};
    *bytes = (struct buffer){0};
    *durable->entries_end = entry;
    durable->entries_end = &entry->next;
    return ++durable->sequence;
}

void durable_append(struct durable *durable, const struct block *block)
{
    CHECK(durable->height == 0 || block->header.height == durable->height + 1);
    struct append *append = calloc(1, sizeof *append);
    CHECK(append != NULL);
    append->block = block;
    *durable->appends_end = append;
    durable->appends_end = &append->next;
    durable->height = block->header.height;
}

void durable_prune(struct durable *durable, uint64_t view)
{
    if (durable->record != NULL) durable->prune_view = view;
}

void durable_commit(struct durable *durable)
{
    if (durable->closing || durable->failed) return;
    struct record_commit *record = &durable->record_commit;
    if (!record->running && (durable->entries != NULL || durable->prune_view != 0)) {
        record->entries = durable->entries;
        record->sequence = durable->sequence;
        record->prune_view = durable->prune_view;
        record->running = true;
        durable->entries = NULL;
        durable->entries_end = &durable->entries;
        durable->prune_view = 0;
        worker_submit(durable->recorder, &record->job);
    }
    struct append_commit *append = &durable->append_commit;
    if (!append->running && durable->appends != NULL) {
        append->appends = durable->appends;
        append->height = durable->height;
        append->running = true;
        durable->appends = NULL;
        durable->appends_end = &durable->appends;
        worker_submit(durable->appender, &append->job);
    }
}
