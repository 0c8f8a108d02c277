/* What `tally blame` compares: ledgers of stopped nodes, and saved answers that carry a certified checkpoint.
 */
#ifndef TALLY_TOOLS_BLAME_SOURCE_H
#define TALLY_TOOLS_BLAME_SOURCE_H

#include "proto/proof/blame.h"
#include "storage/ledger.h"
#include "tools/command.h"

/* How many blocks may stand between a fork and the first finalization above it. Views in flight are bounded
 * well below that. */
#define BLAME_BLOCKS_MAX 4096u

struct blame_source {
    const char *path;                       /* as given */
    struct ledger *ledger;                  /* NULL in a saved answer; holds a block */
    bool torn;                              /* records of it that were never completed were left out */
    struct certified_checkpoint checkpoint; /* of an answer; its signatures are not checked */
    struct buffer seals;                    /* that came with it, as it says; empty in a ledger */
};

/* Zeros are a closed one. A directory is a node's home, or its data directory; its ledger is read and nothing
 * there is changed. A file is what tally history or tally checkpoint saved, or a receipt. The context holds
 * why it failed. */
enum tool_exit blame_source_open(struct context *context, const char *path, const struct digest *chain_id,
    struct blame_source *source) TALLY_MUST_CHECK;
void blame_source_close(struct blame_source *source);

/* The lowest height that both ledgers hold and not the same block at; one past the shorter one's newest where
 * there is none. */
enum tool_exit blame_fork_find(struct context *context, const struct blame_source *first,
    const struct blame_source *second, uint64_t *height) TALLY_MUST_CHECK;

/* Reads a ledger's blocks from `height` up to the first that carries its FC, or to the headers that lead from
 * a seal to that; everything is the arena's. */
enum tool_exit blame_chain_read(struct context *context, const struct blame_source *source, uint64_t height,
    struct arena *arena, struct blame_chain *chain) TALLY_MUST_CHECK;

#endif
