/* What consensus must not forget, as the bytes of a vote record: a record of the core, with the exact
 * proposal and payload of the block it names. */
#ifndef TALLY_NODE_JOURNAL_H
#define TALLY_NODE_JOURNAL_H

#include "node/candidates.h"

/* Types of entries in the vote record. */
enum journal_type {
    JOURNAL_CONSENSUS = 1,  /* a struct consensus_record */
    JOURNAL_CHECKPOINT = 2, /* an own signature on a checkpoint, as a CheckpointVote message */
};

/* Appends the record. Where it names a block, `candidate` is that block, payload held: stored whole the first
 * time, by name alone once candidate->stored, which this sets. */
void journal_encode(const struct consensus_record *record, struct candidate *candidate, struct buffer *out);

/* The view a record belongs to: what pruning goes by. */
uint64_t journal_view(const struct consensus_record *record);

/* One record read back. */
struct journal_entry {
    struct consensus_record record;
    bool names_block;
    struct peer_message
        *proposal;        /* where the block is stored here: one reference, the caller's; else NULL */
    uint32_t batch_count; /* its payload, as encoded batches, borrowed from the input */
    struct span *batches; /* the caller frees */
};

/* Errors: TALLY_EDAMAGED (not what journal_encode writes), TALLY_ENOMEM; nothing is then the caller's. */
int journal_decode(
    struct span bytes, const struct digest *chain_id, struct journal_entry *entry) TALLY_MUST_CHECK;
void journal_entry_close(struct journal_entry *entry);

#endif
