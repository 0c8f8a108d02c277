/* What tests of the ledger share: a chain of blocks, and a disk in memory with room for a ledger of small
 * segments. */
#ifndef TALLY_TESTS_LEDGER_CHAIN_H
#define TALLY_TESTS_LEDGER_CHAIN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "storage/ledger.h"
#include "tests/fault/blocks.h"
#include "tests/fault/memory_disk.h"

#define BLOCKS 12
#define SEGMENT_SIZE 3000

static struct arena scratch; /* of one test */
static struct block blocks[BLOCKS + 1];
static struct digest chain_id;
static const struct ledger_options options = {.segment_size_max = SEGMENT_SIZE};

/* Blocks 1 to BLOCKS; every third is finalized by the next one alone, and some have no events at all. */
static inline int set_up(void **state)
{
    (void)state;
    chain_id = blocks_chain_id();
    arena_init(&scratch, 256 * MIB);
    blocks[0].hash = chain_id;
    for (uint64_t height = 1; height <= BLOCKS; height++)
        blocks[height] = blocks_make(&scratch, height, &blocks[height - 1].hash, (uint32_t)(height % 4),
            1 + (uint32_t)(height % 3), true, height % 3 != 0 || height == BLOCKS);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    arena_close(&scratch);
    return 0;
}

static inline struct memory_disk *fresh_disk(void)
{
    struct memory_disk *disk = memory_disk_make(1);
    assert_int_equal(disk->disk.make_dir(disk, "home"), TALLY_OK);
    assert_int_equal(disk->disk.sync_dir(disk, ""), TALLY_OK);
    strcpy(disk->files[0].durable_name, disk->files[0].name);
    return disk;
}

static inline struct ledger *open_ledger(struct memory_disk *disk, const struct ledger_options *how)
{
    struct ledger *ledger;
    struct ledger_report report;
    int error = ledger_open(&disk->disk, "home", &chain_id, how, &ledger, &report);
    if (error != TALLY_OK) print_message("ledger_open: %s: %s\n", tally_error_text(error), report.detail);
    assert_int_equal(error, TALLY_OK);
    return ledger;
}

#endif
