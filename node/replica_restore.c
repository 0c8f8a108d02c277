#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "node/clock.h"
#include "node/journal.h"
#include "node/net/log.h"
#include "node/replica_internal.h"
#include "proto/base/check.h"
#include "proto/crypto/digest.h"

/* Records come back before the core is open, so they wait in a list. */
struct restoring {
    struct replica *replica;
    struct journal_entry *entries;
    size_t count, capacity;
    bool begun;      /* there was any record at all: JOURNAL_BEGIN is the first */
    uint64_t begins; /* as JOURNAL_BEGIN says; 0 where that is pruned, since its epoch is over */
};

static void read_head(const struct replica *replica, struct ledger_head *head)
{
    *head = (struct ledger_head){.hash = *replica->chain_id};
    if (!replica->options.waits) ledger_head(replica->options.ledger, head);
}

/* Where the floor stands in this epoch: views begin anew above a seal. */
static uint64_t floor_view_of(const struct replica *replica)
{
    struct ledger_head head;
    read_head(replica, &head);
    bool of_this = head.height > 0 && head.header.epoch == replica->validators->set.epoch;
    return of_this ? head.header.view : 0;
}

static int keep_entry(struct restoring *restoring, const struct journal_entry *entry)
{
    if (restoring->count == restoring->capacity) {
        size_t capacity = restoring->capacity == 0 ? 64 : restoring->capacity * 2;
        struct journal_entry *entries = realloc(restoring->entries, capacity * sizeof *entries);
        if (entries == NULL) return TALLY_ENOMEM;
        restoring->entries = entries;
        restoring->capacity = capacity;
    }
    restoring->entries[restoring->count++] = *entry;
    return TALLY_OK;
}

/* The payload of a stored block goes back to the mempool, pinned by its candidate. */
static int restore_block(struct replica *replica, const struct journal_entry *entry)
{
    struct candidate *candidate = candidates_add(replica->candidates, entry->proposal);
    if (candidate == NULL) return TALLY_ENOMEM;
    candidate->stored = true;
    for (uint32_t i = 0; i < entry->batch_count; i++) {
        struct held_batch *held = held_batch_open(entry->batches[i]);
        if (held == NULL) return TALLY_ENOMEM;
        int error = batch_decode(held->bytes, replica->chain_id, &held->arena, &held->batch, NULL);
        if (error == TALLY_OK)
            error = mempool_add_pinned_take(replica->options.mempool, held, clock_wall_ms(), &held);
        if (error != TALLY_OK) {
            held_batch_close(held);
            return error == TALLY_ENOMEM || error == TALLY_EFULL ? TALLY_ENOMEM : TALLY_EDAMAGED;
        }
        candidates_fill(replica->candidates, held, replica_judge_payload, replica);
        mempool_unpin(replica->options.mempool, held);
    }
    return TALLY_OK;
}

static void know_of(struct replica *replica, struct guard_mark mark)
{
    if (guard_mark_before(replica->known, mark)) replica->known = mark;
}

static int on_replayed(void *context, uint8_t type, uint64_t view, struct span bytes)
{
    struct restoring *restoring = context;
    struct replica *replica = restoring->replica;
    uint64_t epoch = journal_place_epoch(view);
    restoring->begun = true;
    if (type == JOURNAL_BEGIN) {
        struct reader reader;
        reader_init(&reader, bytes);
        restoring->begins = reader_u64(&reader);
        return reader.failed || reader.left > 0 ? TALLY_EDAMAGED : TALLY_OK;
    }
    if (type == JOURNAL_CHECKPOINT) {
        buffer_clear(&replica->restored_checkpoint);
        buffer_append(&replica->restored_checkpoint, bytes.data, bytes.size);
        return replica->restored_checkpoint.failed ? TALLY_EDAMAGED : TALLY_OK;
    }
    if (type != JOURNAL_CONSENSUS) return TALLY_EVERSION;
    know_of(replica, (struct guard_mark){epoch, journal_place_view(view)});
    /* Whoever has no seat now voted by a key that it has no more: that binds nobody here. */
    if (replica->signer == SIGNER_NONE) return TALLY_OK;
    /* Of an epoch that is over, or the floor has passed it. */
    if (view <= journal_place(replica->validators->set.epoch, floor_view_of(replica))) return TALLY_OK;
    struct journal_entry entry;
    int error = journal_decode(bytes, replica->chain_id, &entry);
    if (error != TALLY_OK) return error;
    if (entry.proposal != NULL) error = restore_block(replica, &entry);
    free(entry.batches);
    entry.batches = NULL;
    if (error == TALLY_OK) error = keep_entry(restoring, &entry);
    if (error != TALLY_OK) journal_entry_close(&entry);
    return error;
}

static const char *record_fault(int error)
{
    if (error == TALLY_ENOTFOUND) return "missing";
    if (error == TALLY_ECHAIN) return "of another chain";
    return error == TALLY_EVERSION ? "of a version that this release does not know" : "damaged";
}

/* R13: without a sound record of what it promised, a validator follows and does not vote. */
static void give_up_voting(struct replica *replica, struct restoring *restoring, const char *reason)
{
    for (size_t i = 0; i < restoring->count; i++)
        journal_entry_close(&restoring->entries[i]);
    restoring->count = 0;
    candidates_sweep(replica->candidates, UINT64_MAX);
    replica_mute(replica, reason);
}

static void give_up_record(
    struct replica *replica, struct restoring *restoring, int error, const char *detail)
{
    char reason[200];
    snprintf(reason, sizeof reason, "its vote record is %s%s%.90s", record_fault(error),
        detail[0] == '\0' ? "" : ": ", detail);
    give_up_voting(replica, restoring, reason);
}

static const char *guard_fault(int error)
{
    if (error == TALLY_ENOTFOUND) return "missing";
    if (error == TALLY_ECHAIN) return "of another chain";
    return error == TALLY_EVERSION ? "of a version that this release does not know" : "damaged";
}

/* What the record and the ledger know of is held against the guard, which is not in data/. Where the ledger
 * has passed all that was signed, or the epoch is over in which it was, nothing that is signed from now on
 * can contradict it. */
static int hold_against_guard(
    struct replica *replica, struct restoring *restoring, char *why, size_t why_size)
{
    char detail[200];
    int error = guard_open(disk_system(), replica->config->home, replica->chain_id, &replica->guard);
    switch (error) {
    case TALLY_OK:
        break;
    case TALLY_ENOTFOUND:
    case TALLY_ECHAIN:
    case TALLY_EVERSION:
    case TALLY_EDAMAGED:
        snprintf(detail, sizeof detail, "its guard is %s", guard_fault(error));
        give_up_voting(replica, restoring, detail);
        return TALLY_OK;
    default:
        snprintf(
            why, why_size, "%s/guard cannot be opened: %s", replica->config->home, tally_error_text(error));
        return error;
    }
    const struct guard_mark mark = guard_marked(replica->guard);
    if (mark.epoch < replica->validators->set.epoch || !guard_mark_before(replica->known, mark))
        return TALLY_OK;
    snprintf(detail, sizeof detail,
        "its vote record ends at view %" PRIu64 " of epoch %" PRIu64
        ", and its guard knows that it voted in view %" PRIu64 " of epoch %" PRIu64,
        replica->known.view, replica->known.epoch, mark.view, mark.epoch);
    give_up_voting(replica, restoring, detail);
    return TALLY_OK;
}

/* Whether the record is complete for this epoch. One that was made because another was lost is so only from
 * a later one on, and one whose making was cut short is not. */
static bool begins_in_time(struct replica *replica, struct restoring *restoring)
{
    char reason[120];
    if (restoring->begun && restoring->begins <= replica->validators->set.epoch) return true;
    if (restoring->begun)
        snprintf(reason, sizeof reason, "its vote record was made for epoch %" PRIu64 " and later ones",
            restoring->begins);
    else
        snprintf(reason, sizeof reason, "its vote record was never begun");
    give_up_voting(replica, restoring, reason);
    return false;
}

/* Opens the vote record. A validator without a sound one goes on as one that does not vote; who is no
 * validator may have one, for an epoch in which it is. */
static int open_record(struct replica *replica, struct restoring *restoring, char *why, size_t why_size)
{
    bool votes = replica->signer != SIGNER_NONE;
    replica->votes_from = UINT64_MAX;
    struct vote_record_report report;
    int error = vote_record_open(disk_system(), replica->options.data_dir, replica->chain_id, NULL,
        on_replayed, restoring, &replica->record, &report);
    switch (error) {
    case TALLY_OK:
        replica->recorded_checkpoint = vote_record_checkpoint_height(replica->record);
        if (restoring->begun) replica->votes_from = restoring->begins;
        if (!votes || !begins_in_time(replica, restoring)) return TALLY_OK;
        replica->may_vote = true;
        if (report.bytes_cut > 0)
            LOG_INFO("cut a torn tail off the vote record", LOG_U("bytes", report.bytes_cut));
        return hold_against_guard(replica, restoring, why, why_size);
    case TALLY_ENOTFOUND:
    case TALLY_EDAMAGED:
    case TALLY_ECHAIN:
    case TALLY_EVERSION:
        if (votes) give_up_record(replica, restoring, error, report.detail);
        return TALLY_OK;
    case TALLY_EDENIED:
        snprintf(why, why_size,
            "%s/votes is a copy (%s). A copy may lack votes that this validator has cast since, and could "
            "contradict them: that is evidence against it. If the original is there still, run that one. If "
            "not, delete %s/votes: the node then follows, and does not vote",
            replica->options.data_dir, report.detail, replica->options.data_dir);
        break;
    default:
        snprintf(why, why_size, "the vote record cannot be opened: %s (%s)", tally_error_text(error),
            report.detail);
    }
    return error;
}

static int open_core(struct replica *replica, const struct restoring *restoring)
{
    const struct genesis *genesis = &replica->config->genesis;
    struct ledger_head head;
    read_head(replica, &head);
    struct consensus_config config = {
        .chain_id = *replica->chain_id,
        .set = replica->validators->set,
        .signer = replica->signer,
        .peer_count = PEERS_MAX, /* nodes are added in the middle of an epoch */
        .may_vote = replica->may_vote,
        .base_timeout_ms = replica->options.base_timeout_ms,
        .heartbeat_ms = replica->options.heartbeat_ms,
    };
    random_bytes(&config.seed, sizeof config.seed);
    struct consensus_floor floor = {
        .height = head.height,
        .view = floor_view_of(replica),
        .time_ms = head.height == 0 ? genesis->created_ms : head.header.time_ms,
        .block = head.hash,
        .header = head.header,
        .has_finalization = head.has_finalization,
        .finalization = head.finalization,
        .seal_path_count = replica->floor.seal_path_count,
        .seal_path = replica->floor.seal_path,
    };
    int error = consensus_open(&config, &floor, &replica->consensus);
    for (size_t i = 0; i < restoring->count && error == TALLY_OK; i++) {
        struct journal_entry *entry = &restoring->entries[i];
        const struct candidate *candidate =
            entry->names_block ? candidates_find(replica->candidates, &entry->record.block) : NULL;
        struct consensus_record record = entry->record;
        if (candidate != NULL) {
            record.header = *candidate_header(candidate);
            record.proposal = candidate->source->message.proposal;
        }
        error = consensus_restore(
            replica->consensus, &record, candidate != NULL && candidate_has_payload(candidate));
    }
    return error;
}

/* The path of a seal is not in the ledger's head. */
static int read_floor(struct replica *replica)
{
    struct ledger_head head;
    read_head(replica, &head);
    if (!head.header.seals) return TALLY_OK;
    return ledger_read(replica->options.ledger, head.height, false, &replica->floor_arena, &replica->floor);
}

int replica_restore(struct replica *replica, char *why, size_t why_size)
{
    struct restoring restoring = {.replica = replica};
    replica->known = (struct guard_mark){replica->validators->set.epoch, floor_view_of(replica)};
    int error = read_floor(replica);
    if (error != TALLY_OK)
        snprintf(why, why_size, "the epoch's seal cannot be read: %s", tally_error_text(error));
    else
        error = open_record(replica, &restoring, why, why_size);
    if (error == TALLY_OK) {
        error = open_core(replica, &restoring);
        if (error == TALLY_EDAMAGED && replica->may_vote) {
            /* Whole records, but none that this replica can have made together. */
            give_up_record(replica, &restoring, error, "its votes contradict each other");
            consensus_close(replica->consensus);
            replica->consensus = NULL;
            error = open_core(replica, &restoring);
        }
        if (error != TALLY_OK) snprintf(why, why_size, "consensus cannot start: %s", tally_error_text(error));
    }
    for (size_t i = 0; i < restoring.count; i++)
        journal_entry_close(&restoring.entries[i]);
    free(restoring.entries);
    return error;
}
