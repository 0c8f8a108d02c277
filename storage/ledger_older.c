/* A ledger that begins with a later block than the first, and the older blocks that come to it afterwards. */
#include <stdio.h>

#include "proto/base/check.h"
#include "storage/ledger_internal.h"

int ledger_begin(const struct disk *disk, const char *dir, const struct digest *chain_id,
    const struct ledger_options *options, const struct block *block)
{
    static const struct ledger_options defaults = {0};
    struct ledger_report report;
    struct ledger *ledger;
    if (options == NULL) options = &defaults;
    if (block->header.height < 2 || !block->has_finalization) return TALLY_EINVALID;
    int error =
        ledger_make_logs(disk, dir, chain_id, options, block->header.height, &block->header.parent_hash);
    if (error == TALLY_OK) error = ledger_open_one(disk, dir, chain_id, options, false, &ledger, &report);
    if (error != TALLY_OK) return error;
    error = ledger_append(ledger, block);
    if (error == TALLY_OK) error = ledger_sync(ledger);
    ledger_close(ledger);
    return error;
}

/* Whether an older block that reaches the ledger is the one that belongs there. The ledger's first block
 * comes again at last, for what it did not have: its events' bodies. */
static bool fits(struct ledger *ledger, uint64_t height, const struct digest *hash)
{
    struct segment_place place;
    struct ledger_record_prefix prefix;
    if (height > ledger->first) return false;
    if (height + 1 == ledger->first) return digest_equal(hash, &ledger->below);
    if (height < ledger->first) return true;
    /* Where it is damaged here, its parent tells. */
    return ledger_find(ledger, height, &place) != TALLY_OK ||
           ledger_prefix_read(ledger, place, &prefix) != TALLY_OK || digest_equal(hash, &prefix.hash);
}

int ledger_older_open(
    struct ledger *ledger, const struct ledger_options *options, struct ledger_report *report)
{
    char dir[DISK_PATH_SIZE_MAX];
    struct ledger_report older = {0};
    if (ledger->head.height == 0) {
        report->damaged_height = ledger->first;
        snprintf(report->detail, sizeof report->detail,
            "ledger: it begins with height %llu, and that block is gone", (unsigned long long)ledger->first);
        return TALLY_EDAMAGED;
    }
    int error = disk_join(ledger->dir, "older", dir);
    if (error == TALLY_OK) error = disk_ensure_dir(ledger->disk, ledger->dir, dir);
    if (error == TALLY_OK)
        error = ledger_open_one(ledger->disk, dir, &ledger->chain_id, options, true, &ledger->older, &older);
    if (error == TALLY_OK &&
        (ledger->older->first != 1 || !fits(ledger, ledger->older->head.height, &ledger->older->head.hash))) {
        error = TALLY_EDAMAGED;
        older.damaged_height = ledger->older->head.height;
        snprintf(older.detail, sizeof older.detail, "its blocks do not lead up to those of the ledger");
    }
    report->bytes_cut += older.bytes_cut;
    report->lost += older.lost;
    report->bodies_lost += older.bodies_lost;
    report->headers_mended += older.headers_mended;
    if (error != TALLY_OK) {
        report->damaged_height = older.damaged_height;
        snprintf(report->detail, sizeof report->detail, "older/%.140s", older.detail);
    }
    return error;
}

struct ledger *ledger_of(struct ledger *ledger, uint64_t height)
{
    bool is_older = ledger->older != NULL && height > 0 && height <= ledger->first &&
                    height <= ledger_height(ledger->older);
    return is_older ? ledger->older : ledger;
}

uint64_t ledger_first(const struct ledger *ledger)
{
    return ledger->first;
}

uint64_t ledger_older_height(struct ledger *ledger)
{
    return ledger->older == NULL ? 0 : ledger_height(ledger->older);
}

int ledger_older_append(struct ledger *ledger, const struct block *block)
{
    if (ledger->older == NULL || !fits(ledger, block->header.height, &block->hash)) return TALLY_EINVALID;
    return ledger_append(ledger->older, block);
}

int ledger_older_sync(struct ledger *ledger)
{
    CHECK(ledger->older != NULL);
    return ledger_sync(ledger->older);
}
