/* What a subject's first events make of it: where a run of its events ends, and the next begins. Nobody but
 * the snapshots' files includes it. */
#ifndef TALLY_STORAGE_SNAPSHOT_SEAM_H
#define TALLY_STORAGE_SNAPSHOT_SEAM_H

#include "proto/codec/history.h"
#include "storage/snapshot_event.h"

_Static_assert(ACCOUNTS_PER_SUBJECT_MAX <= SNAPSHOT_NO_ACCOUNT, "no account's number is none's");

struct snapshot_seam {
    uint64_t count;       /* events before it */
    uint64_t last_height; /* of the newest of them; 0 where it is not known */
    struct digest acc;
    struct item_chain items; /* of those before it that have an item id */
    uint32_t account_count;
    /* In the order of the state bytes: whose, how many events before it (next_seq), ids, and the newest's id
     * as head; zeros where that is not known. */
    struct account_chain accounts[];
};

/* Room for the accounts of so many chains; NULL when memory is out. Given back with free(). */
struct snapshot_seam *snapshot_seam_make(uint32_t account_count);
/* Before a subject's first event. `seam` has room for the accounts. */
void snapshot_seam_start(struct snapshot_seam *seam, const struct digest *chain_id,
    const struct digest *subject_id, const struct account_chain *chains, uint32_t chain_count);
/* Of the same accounts. */
void snapshot_seam_copy(struct snapshot_seam *to, const struct snapshot_seam *from);
/* Behind one more event, as it was read; false, and as it was, where its account is none of them. */
bool snapshot_seam_step(struct snapshot_seam *seam, const struct snapshot_event *event);
/* Whether `made` stands where `expected` does, as far as both are known. */
bool snapshot_seam_meets(const struct snapshot_seam *made, const struct snapshot_seam *expected);

/* Where in `chains` an account is; `count` where it is not. */
uint32_t account_chain_find(const struct account_chain *chains, uint32_t count, uint32_t member_id,
    const uint8_t ref[ACCOUNT_REF_SIZE]);
bool item_chains_equal(const struct item_chain *a, const struct item_chain *b);

/* acc | of each account: count u32 | ids | of those with an item id: count u32 | ids. */
void snapshot_seam_encode(const struct snapshot_seam *seam, struct buffer *out);
/* Reads it into a seam that knows its accounts; it stands behind `count` events. */
void snapshot_seam_read(struct reader *reader, uint64_t count, struct snapshot_seam *seam);

#endif
