/* What proves that a validator cheated, kept in HOME/data/evidence.jsonl: a line for each pair of messages of
 * one key that no honest one signs both of, in order of discovery. The lines are those of tally blame, and
 * tally blame --check checks them; see proto/proof/FORMAT.md. */
#ifndef TALLY_NODE_EVIDENCE_H
#define TALLY_NODE_EVIDENCE_H

#include "consensus/consensus.h"
#include "proto/codec/evidence.h"

/* Past that size no more is kept: a liar can make evidence for ever. */
#define EVIDENCE_FILE_SIZE_MAX (16u * MIB)

/* The core's evidence in the form in which it is kept and shown. */
struct evidence evidence_of_consensus(
    const struct digest *chain_id, uint64_t epoch, const struct consensus_evidence *said);

/* Appends a line, in place of what a crash may have left of one behind the last newline. `key` is the
 * signer's. Durable on TALLY_OK, else the lines before it are what they were. Errors: TALLY_EFULL (no space,
 * or the file has reached its bound), TALLY_ENOTFOUND (no such folder), TALLY_EIO, TALLY_ELIMIT (path),
 * TALLY_ENOMEM. */
int evidence_keep(
    const char *data_dir, const struct public_key *key, const struct evidence *evidence) TALLY_MUST_CHECK;

#endif
