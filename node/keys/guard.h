/* What a validator knows of its own votes outside data/: the highest view in which it promised anything, in
 * HOME/guard. The vote record in data/ knows each vote, but where data/ alone was put back from a copy the
 * record is older than what was signed, and does not know it; the guard does.
 *
 * A mark is written once its vote is in the record, on disk, and before the vote leaves: so a mark is never
 * ahead of a record that is whole. It is synced once in GUARD_WINDOW views, before the first vote of a window
 * leaves; a crash of the machine loses what is in between, a crash of the process nothing.
 *
 * In memory the guard also keeps what was signed in the newest views, and refuses what contradicts it: a
 * second lock behind the rules of consensus.
 *
 * The file is two slots of GUARD_SLOT_SIZE bytes, written by turns, so that a write that is cut short spoils
 * one alone. A slot: "TALLYGRD", version u32 (1), chain id, epoch u64, view u64, H(tag | all before); zeros.
 */
#ifndef TALLY_KEYS_GUARD_H
#define TALLY_KEYS_GUARD_H

#include "node/keys/node_signer.h"
#include "storage/disk.h"

#define GUARD_WINDOW 64u
#define GUARD_SLOT_SIZE 512u
/* Views whose votes are remembered in memory: more than consensus holds open at once. */
#define GUARD_VIEWS 2048u

/* A place in a network's life; views begin anew with each epoch. Zeros are before the first. */
struct guard_mark {
    uint64_t epoch, view;
};

static inline bool guard_mark_before(struct guard_mark a, struct guard_mark b)
{
    return a.epoch < b.epoch || (a.epoch == b.epoch && a.view < b.view);
}

struct guard;

/* Makes DIR/guard, at the start. One that is there for this chain stays as it is. Errors: TALLY_EDAMAGED,
 * TALLY_EVERSION, TALLY_ECHAIN (one is there, and is not for this chain), TALLY_EIO, TALLY_EFULL,
 * TALLY_ELIMIT (path). */
int guard_create(const struct disk *disk, const char *dir, const struct digest *chain_id) TALLY_MUST_CHECK;
/* Opens DIR/guard. Errors: TALLY_ENOTFOUND, TALLY_EDAMAGED (no slot is whole), TALLY_EVERSION, TALLY_ECHAIN,
 * TALLY_EIO, TALLY_ENOMEM, TALLY_ELIMIT. */
int guard_open(const struct disk *disk, const char *dir, const struct digest *chain_id,
    struct guard **guard) TALLY_MUST_CHECK;
/* Notes the newest mark durably, as far as the disk lets it. NULL is fine. */
void guard_close(struct guard *guard);

/* The newest mark. */
struct guard_mark guard_marked(const struct guard *guard);

/* Whether this may be signed: a vote or a proposal that contradicts none signed since the guard was opened,
 * and is not so old that it cannot be told. It counts as signed from then on. Errors: TALLY_EEXISTS. */
int guard_allow(
    struct guard *guard, const struct signing *what, const struct digest *digest) TALLY_MUST_CHECK;

/* The vote record has, on disk, a promise made at `mark`. A mark that is not newer changes nothing. After an
 * error every later call fails too, and nothing that was promised may leave. Errors: TALLY_EIO, TALLY_EFULL.
 */
int guard_reach(struct guard *guard, struct guard_mark mark) TALLY_MUST_CHECK;

#endif
