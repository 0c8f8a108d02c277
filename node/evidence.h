/* What proves that a validator cheated, kept in HOME/data/evidence.jsonl: two messages of one key that no
 * honest one signs both of, one JSON object a line, in order of discovery. */
#ifndef TALLY_NODE_EVIDENCE_H
#define TALLY_NODE_EVIDENCE_H

#include "consensus/consensus.h"

/* Past that size no more is kept: a liar can make evidence for ever. */
#define EVIDENCE_FILE_SIZE_MAX (16u * MIB)

/* Appends {"validator", "epoch", "view", "messages", "first", "second"}: messages is "votes" or "proposals";
 * first and second are encoded Vote messages, or Proposals of header and signature alone, in hexadecimal.
 * Durable on TALLY_OK. Errors: TALLY_EIO, TALLY_EFULL (no space, or the file has reached its bound),
 * TALLY_ENOMEM. */
int evidence_keep(const char *data_dir, const struct validator_set *set,
    const struct consensus_evidence *evidence) TALLY_MUST_CHECK;

#endif
