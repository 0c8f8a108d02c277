/* The ledger of a simulated disk, as a model: what the driver knows of the blocks it stored. */
#include "proto/base/check.h"
#include "tests/sim/disk.h"
#include "tests/sim/items.h"

static void block_release(struct disk_block *block)
{
    free(block->finalization);
    free(block->seal_path);
    payload_release(block->payload);
    parcel_release(block->proposal);
}

void disk_block_add(struct replica_disk *disk, const struct block_header *header, const struct digest *hash,
    const struct certificate *finalization, struct payload *payload, struct parcel *proposal)
{
    CHECK(header->height == disk->block_count + 1);
    disk->blocks = items_grow(disk->blocks, disk->block_count, &disk->block_capacity, sizeof disk->blocks[0]);
    struct disk_block *block = &disk->blocks[disk->block_count++];
    *block = (struct disk_block){.header = *header, .hash = *hash, .payload = payload_hold(payload)};
    block->proposal = parcel_hold(proposal);
    if (finalization == NULL) return;
    block->finalization = malloc(sizeof *finalization);
    CHECK(block->finalization != NULL);
    *block->finalization = *finalization;
}

void disk_blocks_cut(struct replica_disk *disk, size_t count)
{
    while (disk->block_count > count)
        block_release(&disk->blocks[--disk->block_count]);
    disk->blocks_durable = disk->block_count;
}

void disk_block_sealed(struct replica_disk *disk, const struct block_header *path, uint32_t count)
{
    struct disk_block *block = &disk->blocks[disk->block_count - 1];
    if (count == 0) return;
    block->seal_path = malloc(count * sizeof path[0]);
    CHECK(block->seal_path != NULL);
    memcpy(block->seal_path, path, count * sizeof path[0]);
    block->seal_path_count = count;
}

void disk_blocks_copy(
    struct replica_disk *disk, const struct replica_disk *from, size_t count, uint64_t epoch)
{
    CHECK(disk->block_count == 0 && count > 0 && count <= from->block_count);
    for (size_t i = 0; i < count; i++) {
        const struct disk_block *block = &from->blocks[i];
        disk_block_add(
            disk, &block->header, &block->hash, block->finalization, block->payload, block->proposal);
        disk_block_sealed(disk, block->seal_path, block->seal_path_count);
    }
    disk->blocks_durable = count;
    disk->epoch = epoch;
    CHECK(disk->blocks[count - 1].header.seals);
}

uint64_t disk_floor_view(const struct replica_disk *disk)
{
    if (disk->block_count == 0) return 0;
    const struct block_header *last = &disk->blocks[disk->block_count - 1].header;
    return last->epoch == disk->epoch ? last->view : 0;
}

size_t disk_blocks_finalized(const struct replica_disk *disk, size_t count)
{
    CHECK(count <= disk->block_count);
    while (count > 0 && disk->blocks[count - 1].finalization == NULL)
        count--;
    return count;
}

void disk_floor(const struct replica_disk *disk, const struct digest *chain_id, struct consensus_floor *floor)
{
    *floor = (struct consensus_floor){.block = *chain_id};
    if (disk->block_count == 0) return;
    const struct disk_block *last = &disk->blocks[disk->block_count - 1];
    CHECK(last->finalization != NULL);
    floor->height = last->header.height;
    floor->view = disk_floor_view(disk);
    floor->time_ms = last->header.time_ms;
    floor->block = last->hash;
    floor->header = last->header;
    floor->has_finalization = true;
    floor->finalization = *last->finalization;
    floor->seal_path = last->seal_path;
    floor->seal_path_count = last->seal_path_count;
}
