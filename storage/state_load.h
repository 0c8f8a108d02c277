/* A state made from a snapshot, part by part, in place of one computed from the first block on. Afterwards
 * state_open opens it like any other, and holds what it amounts to against the signed root again. */
#ifndef TALLY_STORAGE_STATE_LOAD_H
#define TALLY_STORAGE_STATE_LOAD_H

#include "storage/snapshot.h"

struct state_load;

/* Begins an empty dir/state; a state that was there, or what an earlier attempt left, is deleted. `head` is
 * borrowed until the close. Errors: TALLY_EBUSY (open elsewhere), TALLY_EDAMAGED (what is there cannot be
 * opened), TALLY_EIO, TALLY_EFULL, TALLY_ENOMEM, TALLY_ELIMIT (path). */
int state_load_begin(
    const char *dir, const struct snapshot_head *head, struct state_load **load) TALLY_MUST_CHECK;
/* How many parts of a kind there are; of SNAPSHOT_EVENTS none until every part of subjects is there. */
uint32_t state_load_count(const struct state_load *load, uint32_t kind);
/* Checks a part and writes it, synced. Parts of the history come in order, those of events likewise, others
 * in any, between them; one that is there is TALLY_OK; the block is not the state's (TALLY_EINVALID). Errors:
 * TALLY_EDAMAGED (it is not that part), TALLY_EINVALID (out of order): nothing was written. TALLY_EIO,
 * TALLY_EFULL, TALLY_ENOMEM: close it. */
int state_load_part(
    struct state_load *load, uint32_t kind, uint32_t index, struct span bytes) TALLY_MUST_CHECK;
/* Whether a part is there. */
bool state_load_has(const struct state_load *load, uint32_t kind, uint32_t index);
/* With all parts there (CHECKed): writes what makes it a state. Errors: TALLY_EIO, TALLY_EFULL,
 * TALLY_ENOMEM. */
int state_load_end(struct state_load *load) TALLY_MUST_CHECK;
/* Without an end before, the folder is no state: state_open says TALLY_EDAMAGED of it, or finds it empty
 * where no part was written. */
void state_load_close(struct state_load *load);

#endif
