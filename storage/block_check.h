/* What makes a stored block one of the chain, beside its bytes being as they were written: it follows its
 * parent, its leader signed it, the finalization it carries is by a quorum and about it, and its batches and
 * governance transactions are signed with keys that their members have, or had. For whoever reads a ledger
 * through: blocks are given in order of height. */
#ifndef TALLY_STORAGE_BLOCK_CHECK_H
#define TALLY_STORAGE_BLOCK_CHECK_H

#include "proto/codec/agreement.h"
#include "proto/codec/register.h"
#include "storage/epoch_sets.h"

/* Where what is found is not one batch's. */
#define BLOCK_CHECK_NO_BATCH UINT32_MAX

struct block_check {
    const struct genesis *genesis; /* borrowed */
    struct epoch_sets sets;        /* by the seals that are known */
    struct span seals;
    /* Who the members were after the block of a height, borrowed; NULL = not known. A key that came later is
     * held against nobody. */
    const struct member_register *members;
    uint64_t members_height;
    /* Each thing that is wrong: one sentence, constant. */
    void (*found)(void *context, const struct block *block, uint32_t batch, const char *what);
    void *context;
    bool has_parent; /* of the block before the next; what it is may be set by the caller: */
    struct digest parent;
    uint64_t parent_time_ms;
    uint64_t final_height;        /* the last block that carried a finalization of its own, which holds */
    uint64_t batches, signatures; /* looked at */
};

/* The first block given will be height 1's, until the caller says otherwise. `seals`, which is borrowed, is
 * an encoded list of all epochs from the first on, as far as they are known. Errors: TALLY_EFORM (a key of
 * the genesis). */
int block_check_open(const struct genesis *genesis, struct span seals,
    void (*found)(void *context, const struct block *block, uint32_t batch, const char *what), void *context,
    struct block_check *check) TALLY_MUST_CHECK;

/* Stands before height 1. */
void block_check_restart(struct block_check *check);
/* The register before the next block, which is of its epoch; borrowed until the next one is given. Errors:
 * TALLY_EFORM (a key of its validators). */
int block_check_follow(struct block_check *check, const struct member_register *members) TALLY_MUST_CHECK;

/* Looks at the next block, whose hash was computed from its header. Says whether it is the one that its place
 * in the chain and its signatures tell of; of its batches' signatures that says nothing. */
bool block_check_next(struct block_check *check, const struct block *block);

#endif
