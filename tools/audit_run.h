/* An audit of what a stopped node has: its ledger read from the first block on, every block, batch and body
 * looked at, and the blocks applied anew. One block is in memory at a time, and a state as a node's is. */
#ifndef TALLY_TOOLS_AUDIT_RUN_H
#define TALLY_TOOLS_AUDIT_RUN_H

#include "proto/codec/genesis.h"
#include "tools/audit_report.h"

struct audit_options {
    const char *data; /* the node's, which the caller has locked; nothing in it is changed */
    const struct genesis *genesis;
    /* One that the caller has from elsewhere, and verified; NULL = none. */
    const struct certified_checkpoint *checkpoint;
    const char *own_dir;  /* empty: here a state is made */
    const char *kept_dir; /* with a copy of the node's state; NULL where it has none */
    /* After each block; false ends the audit. */
    bool (*progress)(void *context, uint64_t height, uint64_t of);
    void *context;
};

/* Differences are no error: report->counts says how many were told. `why` holds one sentence on failure.
 * Errors: TALLY_ECLOSED (told to end), TALLY_EDAMAGED (the ledger cannot be opened at all), TALLY_ECHAIN,
 * TALLY_EVERSION, TALLY_EFORM (the genesis), TALLY_EIO, TALLY_EFULL, TALLY_ENOMEM, TALLY_ELIMIT. */
int audit_run(const struct audit_options *options, struct audit_report *report, char *why,
    size_t why_size) TALLY_MUST_CHECK;

#endif
