#include <stdlib.h>

#include "node/clock.h"
#include "node/journal.h"
#include "node/metrics/meters.h"
#include "node/net/log.h"
#include "node/replica_internal.h"
#include "proto/base/check.h"

/* Blocks that are final and not yet applied, before the replica stops taking on more: a disk slower than the
 * network must not fill the memory. More than certification may lag, so that this alone never stops a network
 * that keeps up. */
#define COMMITTED_MAX (2u * CERTIFICATION_LAG_MAX)
#define COMMITTED_SIZE_MAX (32u * MIB)

static void expect_record(struct replica *replica, uint64_t durable_sequence, uint64_t core_sequence,
    struct guard_mark mark, uint64_t checkpoint_height)
{
    struct pending_record *pending = calloc(1, sizeof *pending);
    CHECK(pending != NULL);
    *pending = (struct pending_record){
        NULL, durable_sequence, core_sequence, mark, checkpoint_height, clock_now_ms()};
    *replica->pending_end = pending;
    replica->pending_end = &pending->next;
}

void replica_persist(struct replica *replica, const struct consensus_output *output)
{
    const struct consensus_record *record = output->record;
    bool names = record->kind == RECORD_PROPOSAL || record->vote.kind == VOTE_NOTARIZE;
    struct candidate *candidate = names ? candidates_find(replica->candidates, &record->block) : NULL;
    struct buffer bytes;
    buffer_init(&bytes, VOTE_RECORD_SIZE_MAX);
    journal_encode(record, candidate, &bytes);
    CHECK(!bytes.failed);
    struct guard_mark mark = {replica->validators->set.epoch, journal_view(record)};
    uint64_t sequence = durable_record_take(
        replica->durable, JOURNAL_CONSENSUS, journal_place(mark.epoch, mark.view), 0, &bytes);
    expect_record(replica, sequence, output->sequence, mark, 0);
}

static void on_recorded(void *context, uint64_t sequence)
{
    struct replica *replica = context;
    while (replica->pending != NULL && replica->pending->durable_sequence <= sequence) {
        struct pending_record *pending = replica->pending;
        int error = guard_reach(replica->guard, pending->mark);
        if (error != TALLY_OK) {
            replica->options.callbacks->on_failed(replica->options.context, "the guard of votes", error);
            return;
        }
        replica->pending = pending->next;
        if (replica->pending == NULL) replica->pending_end = &replica->pending;
        if (pending->core_sequence != 0)
            replica_feed(replica,
                &(struct consensus_input){.kind = INPUT_DURABLE, .sequence = pending->core_sequence}, NULL);
        if (pending->checkpoint_height != 0)
            replica->options.callbacks->on_checkpoint_recorded(
                replica->options.context, pending->checkpoint_height);
        free(pending);
    }
    replica_pump(replica);
}

int replica_record_checkpoint(struct replica *replica, uint64_t height, uint64_t view, struct span vote)
{
    CHECK(replica->may_vote);
    if (height <= replica->recorded_checkpoint) return TALLY_EEXISTS;
    struct buffer bytes;
    buffer_init(&bytes, VOTE_RECORD_SIZE_MAX);
    buffer_append(&bytes, vote.data, vote.size);
    CHECK(!bytes.failed);
    replica->recorded_checkpoint = height;
    uint64_t sequence = durable_record_take(replica->durable, JOURNAL_CHECKPOINT,
        journal_place(replica->validators->set.epoch, view), height, &bytes);
    expect_record(replica, sequence, 0, (struct guard_mark){0, 0}, height);
    durable_commit(replica->durable);
    return TALLY_OK;
}

/* What came as a range says nothing about who voted. */
static void watch_votes(struct replica *replica, const struct candidate *candidate)
{
    if (candidate->finalized != NULL) return;
    uint64_t missing = vote_watch_final(&replica->votes, candidate_header(candidate)->view);
    for (uint32_t i = 0; i < replica->votes.validators; i++) {
        struct validator_meters *of = roster_meters(replica->roster, i);
        if ((missing >> i & 1) != 0 && of != NULL) meter_add(&of->votes_missing, 1);
    }
}

static void keep_seal_path(struct committed *committed, const struct consensus_output *output)
{
    size_t size = output->seal_path_count * sizeof *output->seal_path;
    if (size == 0) return;
    committed->seal_path = malloc(size);
    CHECK(committed->seal_path != NULL);
    memcpy(committed->seal_path, output->seal_path, size);
    committed->block.seal_path = committed->seal_path;
    committed->block.seal_path_count = output->seal_path_count;
}

void replica_commit(struct replica *replica, const struct consensus_output *output)
{
    struct candidate *candidate = candidates_find(replica->candidates, &output->block);
    CHECK(candidate != NULL && candidate_has_payload(candidate));
    uint32_t count = candidate_batch_count(candidate);
    struct committed *committed = calloc(1, sizeof *committed + (count + 1) * sizeof(struct batch));
    CHECK(committed != NULL);
    committed->candidate = candidate_share(candidate);
    candidate_block(candidate, output->certificate, committed->batches, &committed->block);
    keep_seal_path(committed, output);
    for (uint32_t i = 0; i < count; i++)
        mempool_finalized(replica->options.mempool, &committed->batches[i].digest);
    if (output->certificate != NULL) watch_votes(replica, candidate);
    replica->committed_ms = clock_now_ms();
    *replica->committed_end = committed;
    replica->committed_end = &committed->next;
    replica->committed_count++;
    replica->committed_size += committed->block.header.payload_size;
    durable_append(replica->durable, &committed->block);
}

/* How long this node's clients waited for it. */
static void time_own(const struct candidate *candidate)
{
    uint64_t now_ms = clock_now_ms();
    if (candidate->finalized != NULL) return;
    for (uint32_t i = 0; i < candidate_batch_count(candidate); i++)
        if (candidate->batches[i]->own && candidate->batches[i]->arrived_ms != 0)
            timing_add(&meters.commit, (now_ms - candidate->batches[i]->arrived_ms) * 1000000u);
}

static void on_appended(void *context, uint64_t height)
{
    struct replica *replica = context;
    uint64_t view = 0;
    for (struct committed *at = replica->committed; at != NULL && at->block.header.height <= height;
         at = at->next) {
        if (at->told) continue;
        at->told = true;
        view = at->block.header.view;
        time_own(at->candidate);
        replica->options.callbacks->on_final(replica->options.context, &at->block);
    }
    if (view != 0) {
        candidates_sweep(replica->candidates, view);
        durable_prune(replica->durable, journal_place(replica->validators->set.epoch, view));
    }
    replica_feed(replica, &(struct consensus_input){.kind = INPUT_APPENDED, .height = height}, NULL);
    replica_pump(replica);
}

static void on_failed(void *context, const char *what, int error)
{
    struct replica *replica = context;
    replica->options.callbacks->on_failed(replica->options.context, what, error);
}

const struct durable_callbacks replica_durable_callbacks = {on_recorded, on_appended, on_failed};

bool replica_is_behind(const struct replica *replica)
{
    return replica->committed_count >= COMMITTED_MAX || replica->committed_size >= COMMITTED_SIZE_MAX;
}

void replica_release(struct replica *replica, uint64_t height)
{
    struct committed *committed = replica->committed;
    CHECK(committed != NULL && committed->told && committed->block.header.height == height);
    replica->committed = committed->next;
    if (replica->committed == NULL) replica->committed_end = &replica->committed;
    bool was_behind = replica_is_behind(replica);
    replica->committed_count--;
    replica->committed_size -= committed->block.header.payload_size;
    candidate_release(replica->candidates, committed->candidate);
    free(committed->seal_path);
    free(committed);
    if (replica->closing || !was_behind || replica_is_behind(replica)) return;
    /* There is room again: payloads that were left unanswered are answered now, and a range is asked for. */
    candidates_each_wanted(replica->candidates, replica_judge_payload, replica);
    if (replica->range_waits) replica_ask_for_range(replica, replica->range_peer, replica->range_from);
    replica_pump(replica);
}
