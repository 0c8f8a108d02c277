#include "tests/sim/disk.h"

#include <stdlib.h>

#include "node/journal.h"
#include "proto/base/check.h"
#include "storage/vote_record.h"
#include "tests/fault/memory_disk.h"
#include "tests/sim/catalogue.h"
#include "tests/sim/items.h"

#define PROPOSAL_BATCHES_MAX 64u
#define VOTES_DIR DISK_DATA_DIR "/votes"

static void record_free(struct disk_record *record)
{
    buffer_close(&record->bytes);
    free(record);
}

static void records_clear(struct replica_disk *disk)
{
    for (size_t i = 0; i < disk->record_count; i++)
        record_free(disk->records[i]);
    disk->record_count = disk->records_written = 0;
}

static void memory_make(struct replica_disk *disk, uint64_t seed)
{
    disk->memory = memory_disk_make(seed);
    const struct disk *files = &disk->memory->disk;
    CHECK(files->make_dir(files->context, DISK_DATA_DIR) == TALLY_OK);
    CHECK(files->sync_dir(files->context, "") == TALLY_OK);
}

void disk_make(struct replica_disk *disk, const struct digest *chain_id, const struct catalogue *catalogue,
    uint64_t seed, uint64_t file_size, bool votes)
{
    *disk = (struct replica_disk){
        .chain_id = *chain_id, .catalogue = catalogue, .epoch = 1, .file_size = file_size};
    memory_make(disk, seed);
    if (votes) CHECK(vote_record_create(&disk->memory->disk, DISK_DATA_DIR, chain_id) == TALLY_OK);
}

const struct disk *disk_files(const struct replica_disk *disk)
{
    return &disk->memory->disk;
}

static void forget(struct replica_disk *disk)
{
    vote_record_close(disk->votes);
    disk->votes = NULL;
    records_clear(disk);
    disk_entries_clear(disk);
    disk_blocks_cut(disk, 0);
    disk->prune_view = 0;
    disk->records_syncing = disk->ledger_syncing = false;
}

static void memory_renew(struct replica_disk *disk)
{
    uint64_t seed = memory_chance(disk->memory);
    memory_disk_close(disk->memory);
    memory_make(disk, seed);
}

void disk_lose(struct replica_disk *disk)
{
    forget(disk);
    memory_renew(disk);
    disk->epoch = 1;
}

void disk_next_epoch(struct replica_disk *disk, bool votes)
{
    vote_record_close(disk->votes);
    disk->votes = NULL;
    records_clear(disk);
    disk->prune_view = 0;
    disk->records_syncing = false;
    memory_renew(disk);
    disk->epoch++;
    if (votes) CHECK(vote_record_create(&disk->memory->disk, DISK_DATA_DIR, &disk->chain_id) == TALLY_OK);
}

void disk_close(struct replica_disk *disk)
{
    forget(disk);
    memory_disk_close(disk->memory);
    free(disk->records);
    free(disk->entries);
    free(disk->blocks);
    *disk = (struct replica_disk){0};
}

/* ---- The vote record ---- */

/* The block as the node's own table would hold it, for as long as it takes to encode it. */
static void encode(const struct catalogue *catalogue, const struct consensus_record *record,
    struct parcel *proposal, bool *stored, struct buffer *bytes)
{
    if (proposal == NULL) {
        journal_encode(record, NULL, bytes);
        return;
    }
    struct held_batch held[PROPOSAL_BATCHES_MAX];
    struct held_batch *batches[PROPOSAL_BATCHES_MAX];
    uint32_t count = proposal->payload->count;
    CHECK(count <= PROPOSAL_BATCHES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        held[i].bytes = catalogue_bytes(catalogue, &proposal->payload->batches[i]);
        batches[i] = &held[i];
    }
    struct peer_message source = {.bytes = parcel_bytes(proposal), .message = proposal->message};
    struct candidate candidate = {.source = &source, .batches = batches, .stored = *stored};
    journal_encode(record, &candidate, bytes);
    *stored = candidate.stored;
}

static struct disk_record *add_record(struct replica_disk *disk, uint64_t view)
{
    disk->records =
        items_grow(disk->records, disk->record_count, &disk->record_capacity, sizeof(struct disk_record *));
    struct disk_record *added = calloc(1, sizeof *added);
    CHECK(added != NULL);
    added->view = view;
    buffer_init(&added->bytes, VOTE_RECORD_SIZE_MAX);
    disk->records[disk->record_count++] = added;
    return added;
}

void disk_promise_add(struct replica_disk *disk, uint64_t height, uint64_t view, struct span checkpoint)
{
    struct disk_record *added = add_record(disk, view);
    added->checkpoint_height = height;
    buffer_append(&added->bytes, checkpoint.data, checkpoint.size);
    CHECK(!added->bytes.failed);
}

uint64_t disk_promised(const struct replica_disk *disk)
{
    for (size_t i = disk->record_count; i-- > 0;)
        if (disk->records[i]->checkpoint_height != 0) return disk->records[i]->checkpoint_height;
    return disk->votes == NULL ? 0 : vote_record_checkpoint_height(disk->votes);
}

void disk_record_add(struct replica_disk *disk, const struct consensus_record *record, uint64_t sequence,
    struct parcel *proposal, bool *stored)
{
    struct disk_record *added = add_record(disk, journal_view(record));
    added->record = *record;
    added->sequence = sequence;
    encode(disk->catalogue, record, proposal, stored, &added->bytes);
    CHECK(!added->bytes.failed);
}

static int append(struct vote_record *votes, const struct disk_record *record)
{
    bool promise = record->checkpoint_height != 0;
    int error = promise ? vote_record_checkpoint(votes, record->checkpoint_height) : TALLY_OK;
    if (error != TALLY_OK) return error;
    return vote_record_append(
        votes, promise ? JOURNAL_CHECKPOINT : JOURNAL_CONSENSUS, record->view, buffer_span(&record->bytes));
}

int disk_commit_begin(struct replica_disk *disk)
{
    CHECK(disk->votes != NULL);
    while (disk->records_written < disk->record_count) {
        int error = append(disk->votes, disk->records[disk->records_written]);
        if (error != TALLY_OK) return error;
        disk->records_written++;
    }
    return TALLY_OK;
}

int disk_commit_end(struct replica_disk *disk)
{
    int error = vote_record_sync(disk->votes);
    uint64_t view = disk->prune_view;
    disk->prune_view = 0;
    if (error == TALLY_OK && view != 0) error = vote_record_prune(disk->votes, view);
    return error;
}

bool disk_holds_all(const struct replica_disk *disk)
{
    return memory_disk_is_synced(disk->memory, VOTES_DIR);
}

bool disk_take_durable(struct replica_disk *disk, struct disk_record *taken)
{
    if (disk->records_written == 0 || !disk_holds_all(disk)) return false;
    *taken = *disk->records[0];
    taken->bytes = (struct buffer){0};
    record_free(disk->records[0]);
    disk->records_written--;
    disk->record_count--;
    memmove(disk->records, disk->records + 1, disk->record_count * sizeof disk->records[0]);
    return true;
}

void disk_prune(struct replica_disk *disk, uint64_t view)
{
    if (disk->votes != NULL) disk->prune_view = view;
}

/* ---- Starting again ---- */

static bool same_bytes(struct span a, struct span b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static int keep_entry(struct replica_disk *disk, const struct journal_entry *decoded)
{
    struct disk_entry *entry = &disk->entries[disk->entry_count++];
    *entry = (struct disk_entry){.record = decoded->record};
    if (decoded->proposal == NULL) return TALLY_OK;
    const struct proposal *proposal = decoded->proposal->message.proposal;
    entry->proposal = parcel_of_proposal(proposal);
    for (uint32_t i = 0; i < decoded->batch_count; i++)
        if (!same_bytes(decoded->batches[i], catalogue_bytes(disk->catalogue, &proposal->batches[i])))
            return TALLY_EDAMAGED;
    return same_bytes(parcel_bytes(entry->proposal), decoded->proposal->bytes) ? TALLY_OK : TALLY_EDAMAGED;
}

static int on_replayed(void *context, uint8_t type, uint64_t view, struct span bytes)
{
    struct replica_disk *disk = context;
    if (type == JOURNAL_CHECKPOINT) return TALLY_OK; /* its height is the record's own to keep */
    if (type != JOURNAL_CONSENSUS) return TALLY_EVERSION;
    if (view <= disk_floor_view(disk)) return TALLY_OK;
    struct journal_entry decoded;
    int error = journal_decode(bytes, &disk->chain_id, &decoded);
    if (error != TALLY_OK) return error;
    disk->entries =
        items_grow(disk->entries, disk->entry_count, &disk->entry_capacity, sizeof *disk->entries);
    error = keep_entry(disk, &decoded);
    journal_entry_close(&decoded);
    return error;
}

void disk_entries_clear(struct replica_disk *disk)
{
    for (size_t i = 0; i < disk->entry_count; i++)
        parcel_release(disk->entries[i].proposal);
    disk->entry_count = 0;
}

static bool same_record(const struct consensus_record *a, const struct consensus_record *b)
{
    return a->kind == b->kind && journal_view(a) == journal_view(b) && digest_equal(&a->block, &b->block) &&
           (a->kind == RECORD_PROPOSAL || a->vote.kind == b->vote.kind);
}

static bool was_found(const struct replica_disk *disk, const struct disk_record *doubtful)
{
    for (size_t i = disk->entry_count; i-- > 0;)
        if (same_record(&disk->entries[i].record, &doubtful->record)) return true;
    return false;
}

int disk_open(struct replica_disk *disk, struct disk_found *found)
{
    struct vote_record_options options = {.file_size_max = disk->file_size};
    struct vote_record_report report;
    CHECK(disk->votes == NULL && disk->entry_count == 0);
    *found = (struct disk_found){0};
    int error = vote_record_open(&disk->memory->disk, DISK_DATA_DIR, &disk->chain_id, &options, on_replayed,
        disk, &disk->votes, &report);
    if (error != TALLY_OK) {
        disk->votes = NULL;
        disk_entries_clear(disk);
        memcpy(found->detail, report.detail, sizeof found->detail);
        return error;
    }
    found->torn = report.bytes_cut;
    uint64_t floor_view = disk_floor_view(disk);
    for (size_t i = 0; i < disk->record_count; i++)
        if (disk->records[i]->checkpoint_height == 0 && disk->records[i]->view > floor_view &&
            !was_found(disk, disk->records[i]))
            found->lost++;
    records_clear(disk);
    return TALLY_OK;
}

/* ---- What goes wrong ---- */

void disk_trouble(struct replica_disk *disk, enum disk_trouble kind, uint64_t at, size_t torn_size)
{
    static const enum fault_kind faults[] = {FAULT_NONE, FAULT_CRASH, FAULT_IO, FAULT_PHANTOM, FAULT_FULL};
    memory_fault(disk->memory, faults[kind], at, torn_size);
}

void disk_calm(struct replica_disk *disk)
{
    disk->memory->fault = FAULT_NONE;
}

static void ledger_crash(struct replica_disk *disk, struct dice *dice)
{
    size_t blocks =
        disk->blocks_durable + (size_t)dice_below(dice, disk->block_count - disk->blocks_durable + 1);
    blocks = disk_blocks_finalized(disk, blocks);
    CHECK(blocks >= disk->blocks_durable);
    disk_blocks_cut(disk, blocks);
}

void disk_crash(struct replica_disk *disk, struct dice *dice, bool power_cut)
{
    vote_record_close(disk->votes);
    disk->votes = NULL;
    disk_entries_clear(disk);
    if (!disk->ledger_shipped) ledger_crash(disk, dice);
    disk->prune_view = 0;
    disk->records_syncing = disk->ledger_syncing = false;
    bool power = power_cut || disk->memory->dead;
    enum crash_kind kind = CRASH_KEEPS_ALL;
    if (power) kind = dice_chance(dice, 200) ? CRASH_KEEPS_SYNCED : CRASH_KEEPS_SOME;
    memory_disk_crash(disk->memory, kind);
}
