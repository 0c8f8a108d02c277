/* What consensus must not forget, as the bytes of a vote record: a record of the core, with the exact
 * proposal and payload of the block it names. One vote record serves all epochs: what belongs to one that is
 * over is passed over when it is read, and pruned as the floor moves on in the next, so that no crash in
 * between can cost a vote. */
#ifndef TALLY_NODE_JOURNAL_H
#define TALLY_NODE_JOURNAL_H

#include "node/candidates.h"

/* Types of entries in the vote record. */
enum journal_type {
    JOURNAL_BEGIN = 1,     /* the first epoch that this record is complete for, a u64: see vote_beginning.h */
    JOURNAL_CONSENSUS = 2, /* a struct consensus_record */
    JOURNAL_CHECKPOINT = 3, /* an own signature on a checkpoint, as a CheckpointVote message */
};

/* What the vote record knows as an entry's view, and prunes by: the epoch with the view in it, since views
 * begin anew with each epoch. Both are within their bounds (CHECKed). */
uint64_t journal_place(uint64_t epoch, uint64_t view);
uint64_t journal_place_epoch(uint64_t place);
uint64_t journal_place_view(uint64_t place);

/* Appends the record. Where it names a block, `candidate` is that block, payload held: stored whole the first
 * time, by name alone once candidate->stored, which this sets. */
void journal_encode(const struct consensus_record *record, struct candidate *candidate, struct buffer *out);

/* The view a record belongs to. */
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
