#include "tests/sim/disk.h"

#include <stdlib.h>

#include "proto/base/check.h"

static void record_free(struct disk_record *record)
{
    parcel_release(record->proposal);
    free(record);
}

static void block_release(struct disk_block *block)
{
    free(block->finalization);
    payload_release(block->payload);
    parcel_release(block->proposal);
}

void disk_close(struct disk *disk)
{
    disk_lose(disk);
    free(disk->records);
    free(disk->blocks);
    *disk = (struct disk){0};
}

void disk_lose(struct disk *disk)
{
    for (size_t i = 0; i < disk->record_count; i++)
        record_free(disk->records[i]);
    for (size_t i = 0; i < disk->block_count; i++)
        block_release(&disk->blocks[i]);
    disk->record_count = disk->records_durable = 0;
    disk->block_count = disk->blocks_durable = 0;
    disk->records_syncing = disk->ledger_syncing = false;
}

void disk_record_add(
    struct disk *disk, const struct consensus_record *record, uint64_t sequence, struct parcel *proposal)
{
    if (disk->record_count == disk->record_capacity) {
        disk->record_capacity = disk->record_capacity == 0 ? 32 : 2 * disk->record_capacity;
        disk->records = realloc(disk->records, disk->record_capacity * sizeof(struct disk_record *));
        CHECK(disk->records != NULL);
    }
    struct disk_record *stored = calloc(1, sizeof *stored);
    CHECK(stored != NULL);
    stored->record = *record;
    stored->sequence = sequence;
    stored->proposal = proposal == NULL ? NULL : parcel_hold(proposal);
    disk->records[disk->record_count++] = stored;
}

void disk_block_add(struct disk *disk, const struct block_header *header, const struct digest *hash,
    const struct certificate *finalization, struct payload *payload, struct parcel *proposal)
{
    CHECK(header->height == disk->block_count + 1);
    if (disk->block_count == disk->block_capacity) {
        disk->block_capacity = disk->block_capacity == 0 ? 32 : 2 * disk->block_capacity;
        disk->blocks = realloc(disk->blocks, disk->block_capacity * sizeof disk->blocks[0]);
        CHECK(disk->blocks != NULL);
    }
    struct disk_block *block = &disk->blocks[disk->block_count++];
    *block = (struct disk_block){.header = *header, .hash = *hash, .payload = payload_hold(payload)};
    if (proposal != NULL) block->proposal = parcel_hold(proposal);
    if (finalization == NULL) return;
    block->finalization = malloc(sizeof *finalization);
    CHECK(block->finalization != NULL);
    *block->finalization = *finalization;
}

void disk_prune(struct disk *disk, uint64_t view)
{
    size_t kept = 0, durable = disk->records_durable;
    for (size_t i = 0; i < disk->record_count; i++) {
        struct disk_record *record = disk->records[i];
        uint64_t at =
            record->record.kind == RECORD_PROPOSAL ? record->record.header.view : record->record.vote.view;
        if (i < durable && at <= view) {
            disk->records_durable--;
            record_free(record);
        } else {
            disk->records[kept++] = record;
        }
    }
    disk->record_count = kept;
}

size_t disk_blocks_finalized(const struct disk *disk, size_t count)
{
    CHECK(count <= disk->block_count);
    while (count > 0 && disk->blocks[count - 1].finalization == NULL)
        count--;
    return count;
}

void disk_crash(struct disk *disk, struct dice *dice)
{
    size_t records =
        disk->records_durable + (size_t)dice_below(dice, disk->record_count - disk->records_durable + 1);
    size_t blocks =
        disk->blocks_durable + (size_t)dice_below(dice, disk->block_count - disk->blocks_durable + 1);
    blocks = disk_blocks_finalized(disk, blocks);
    CHECK(blocks >= disk->blocks_durable);
    while (disk->record_count > records)
        record_free(disk->records[--disk->record_count]);
    while (disk->block_count > blocks)
        block_release(&disk->blocks[--disk->block_count]);
    disk->records_durable = records;
    disk->blocks_durable = blocks;
    disk->records_syncing = disk->ledger_syncing = false;
}

void disk_floor(const struct disk *disk, const struct digest *chain_id, struct consensus_floor *floor)
{
    *floor = (struct consensus_floor){.block = *chain_id};
    if (disk->block_count == 0) return;
    const struct disk_block *last = &disk->blocks[disk->block_count - 1];
    CHECK(last->finalization != NULL);
    floor->height = last->header.height;
    floor->view = last->header.view;
    floor->time_ms = last->header.time_ms;
    floor->block = last->hash;
    floor->header = last->header;
    floor->has_finalization = true;
    floor->finalization = *last->finalization;
}
