#include "tools/audit_run.h"

#include <inttypes.h>
#include <stdio.h>

#include "storage/block_check.h"
#include "storage/disk_reader.h"
#include "storage/ledger.h"
#include "storage/ledger_record.h"
#include "tools/audit_replay.h"

/* A block, and its bodies twice: all at once, and one by one where one is damaged. */
#define BLOCK_ARENA_BUDGET (3u * LEDGER_ARENA_SIZE)

struct audit {
    const struct audit_options *options;
    struct audit_report *report;
    struct buffer seals;
    struct ledger *ledger;
    struct block_check check;
    struct audit_replay replay;
    struct arena arena;
    uint64_t bodies_damaged;
};

/* ---- Bodies ---- */

/* Gives the events those bodies that can be read, and names the others. */
static int bodies_read_each(struct audit *audit, struct block *block)
{
    uint64_t before = audit->bodies_damaged, height = block->header.height;
    uint32_t index = 0;
    for (uint32_t b = 0; b < block->batch_count; b++) {
        for (uint32_t e = 0; e < block->batches[b].event_count; e++, index++) {
            struct batch_event *event = &block->batches[b].events[e];
            struct ledger_event read;
            int error = ledger_event_read(audit->ledger, height, index, &audit->arena, &read);
            if (error == TALLY_OK) {
                event->has_body = read.has_body;
                memcpy(event->salt, read.salt, SALT_SIZE);
                event->body = read.body;
                continue;
            }
            if (error != TALLY_EDAMAGED) return error;
            struct audit_difference at = audit_at_event(block, b, index);
            audit_tell(audit->report, &at, "its body is damaged: the bytes are not those that were stored");
            audit->bodies_damaged++;
        }
    }
    struct audit_difference at = audit_at_height(height);
    if (audit->bodies_damaged == before)
        audit_tell(audit->report, &at, "what its record says of its bodies' places is wrong");
    return TALLY_OK;
}

static void bodies_check(struct audit *audit, const struct block *block)
{
    struct audit_counts *counts = &audit->report->counts;
    uint32_t index = 0;
    for (uint32_t b = 0; b < block->batch_count; b++) {
        for (uint32_t e = 0; e < block->batches[b].event_count; e++, index++) {
            const struct batch_event *event = &block->batches[b].events[e];
            if (!event->has_body) continue;
            counts->bodies++;
            struct digest commitment = event_body_commitment(event->salt, event->body);
            if (digest_equal(&commitment, &event->fields.body_commitment)) continue;
            struct audit_difference at = audit_at_event(block, b, index);
            audit_tell(audit->report, &at, "its body is not the one that its header commits to");
        }
    }
    counts->events += index;
}

/* ---- A block ---- */

static void block_found(void *context, const struct block *block, uint32_t batch, const char *what)
{
    struct audit_report *report = context;
    struct audit_difference at =
        batch == BLOCK_CHECK_NO_BATCH ? audit_at_height(block->header.height) : audit_at_batch(block, batch);
    audit_tell(report, &at, "%s", what);
}

/* Errors: TALLY_EDAMAGED, where the block itself cannot be read. */
static int block_read(struct audit *audit, uint64_t height, struct block *block)
{
    arena_reset(&audit->arena);
    int error = ledger_read(audit->ledger, height, true, &audit->arena, block);
    if (error != TALLY_EDAMAGED) return error;
    arena_reset(&audit->arena);
    error = ledger_read(audit->ledger, height, false, &audit->arena, block);
    return error == TALLY_OK ? bodies_read_each(audit, block) : error;
}

/* Blocks [height, next) are not to be had: nothing is known of what comes after them. */
static void skip(struct audit *audit, uint64_t height, uint64_t next)
{
    struct audit_counts *counts = &audit->report->counts;
    if (counts->missing_from == 0) counts->missing_from = height;
    counts->missing_to = next - 1;
    audit->replay.stopped = true;
    audit->check.members = NULL;
    audit->check.has_parent = false;
}

static int block_audit(struct audit *audit, const struct block *block)
{
    /* Until a block is missing it is known who the members are, and who validates. */
    int error = audit->replay.stopped
                    ? TALLY_OK
                    : block_check_follow(&audit->check, execution_register(audit->replay.execution));
    if (error != TALLY_OK) return error;
    bool stands = block_check_next(&audit->check, block);
    audit->report->counts.blocks++;
    bodies_check(audit, block);
    /* What follows from a block that was never final is nothing that anybody signed. */
    if (!stands) audit->replay.stopped = true;
    return audit_replay_block(&audit->replay, block);
}

static int height_audit(struct audit *audit, uint64_t height, uint64_t *next)
{
    struct block block;
    struct audit_difference at = audit_at_height(height);
    *next = height + 1;
    int error = block_read(audit, height, &block);
    if (error == TALLY_OK) return block_audit(audit, &block);
    if (error == TALLY_EPENDING) *next = ledger_first(audit->ledger);
    if (error == TALLY_EDAMAGED)
        audit_tell(audit->report, &at, "the block is damaged: the bytes are not those that were stored");
    if (error != TALLY_EPENDING && error != TALLY_EDAMAGED) return error;
    skip(audit, height, *next);
    return TALLY_OK;
}

/* ---- All of it ---- */

static int heights_audit(struct audit *audit)
{
    const struct audit_options *options = audit->options;
    uint64_t last = ledger_height(audit->ledger), next;
    struct audit_difference at = audit_at_height(last);
    audit->report->counts.height = last;
    for (uint64_t height = 1; height <= last; height = next) {
        int error = height_audit(audit, height, &next);
        if (error == TALLY_EDAMAGED) error = TALLY_EIO; /* of the state that is made here */
        if (error != TALLY_OK) return error;
        if (!options->progress(options->context, next - 1, last)) return TALLY_ECLOSED;
    }
    if (audit->check.final_height < last)
        audit_tell(audit->report, &at, "no finalization that holds covers the blocks behind height %" PRIu64,
            audit->check.final_height);
    return audit_replay_end(&audit->replay, last);
}

static int open_parts(struct audit *audit, char *why, size_t why_size)
{
    const struct audit_options *options = audit->options;
    static const struct ledger_options mend = {.mend = true};
    struct ledger_report opened;
    /* With `mend` a damaged record is met where its block is read, and so named. */
    int error = ledger_open(
        disk_reader(), options->data, &options->genesis->chain_id, &mend, &audit->ledger, &opened);
    if (error != TALLY_OK) {
        audit->ledger = NULL;
        snprintf(why, why_size, "the ledger in %s cannot be opened: %s%s%s", options->data,
            tally_error_text(error), opened.detail[0] != '\0' ? ": " : "", opened.detail);
        return error;
    }
    error = audit_replay_open(audit->report, options->genesis, options->checkpoint, audit->ledger,
        options->own_dir, options->kept_dir, &audit->replay);
    return error;
}

/* Behind a block that is missing, the node's own seals say who the validators were. */
static int seals_learn(struct audit *audit)
{
    struct state *kept = audit->replay.kept;
    int error = kept != NULL ? state_seals_known(kept, &audit->seals) : TALLY_OK;
    return error == TALLY_EDAMAGED ? TALLY_OK : error;
}

int audit_run(const struct audit_options *options, struct audit_report *report, char *why, size_t why_size)
{
    struct audit audit = {.options = options, .report = report};
    arena_init(&audit.arena, BLOCK_ARENA_BUDGET);
    buffer_init(&audit.seals, EPOCH_SEALS_SIZE_MAX);
    why[0] = '\0';
    int error = open_parts(&audit, why, why_size);
    if (error == TALLY_OK) error = seals_learn(&audit);
    if (error == TALLY_OK)
        error =
            block_check_open(options->genesis, buffer_span(&audit.seals), block_found, report, &audit.check);
    if (error == TALLY_OK) error = heights_audit(&audit);
    report->counts.withheld = report->counts.events - report->counts.bodies - audit.bodies_damaged;
    report->counts.batches = audit.check.batches;
    report->counts.signatures += audit.check.signatures;
    if (error != TALLY_OK && why[0] == '\0') snprintf(why, why_size, "%s", tally_error_text(error));
    audit_replay_close(&audit.replay);
    buffer_close(&audit.seals);
    ledger_close(audit.ledger);
    arena_close(&audit.arena);
    return error;
}
