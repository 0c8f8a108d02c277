/* How epochs ended: for each, the checkpoint that sealed it, signed by its own validators, and the next ones.
 * A list of them is kept encoded (an EpochSeals message), because nobody needs more than one at a time. */
#ifndef TALLY_CODEC_EPOCH_SEAL_H
#define TALLY_CODEC_EPOCH_SEAL_H

#include "proto/base/agreement.h"

/* A list's most: one a week for almost twenty years. */
#define EPOCH_SEALS_MAX 1024u
/* A seal's most bytes in a list, its key and size included. */
#define EPOCH_SEAL_SIZE_MAX (7u * KIB)
#define EPOCH_SEALS_SIZE_MAX (EPOCH_SEALS_MAX * EPOCH_SEAL_SIZE_MAX)
_Static_assert(EPOCH_SEAL_SIZE_MAX > VALIDATORS_MAX * (SIGNATURE_SIZE + PUBLIC_KEY_SIZE) + 512,
    "the largest certificate and the largest set fit");

struct epoch_seal {
    struct certified_checkpoint checkpoint;
    struct validator_set next_set; /* its epoch is the checkpoint's + 1 */
};

/* Whether the checkpoint seals its epoch: a set's hash holds its epoch, so the next one's always differs. */
bool checkpoint_seals(const struct checkpoint *checkpoint);

/* Appends the seal to an encoded list, which may be empty (seals->failed on overflow). */
void epoch_seal_append(const struct epoch_seal *seal, struct buffer *seals);
/* Takes the first seal off an encoded list that is not empty. Signatures and hashes are not checked. Errors:
 * TALLY_EFORM (not canonical, or no set of VALIDATORS_MIN to VALIDATORS_MAX keys in ascending order),
 * TALLY_ENOMEM; nothing has changed then. */
int epoch_seal_take(struct span *seals, struct epoch_seal *seal) TALLY_MUST_CHECK;
/* The form of a whole list, in constant memory. Errors: as epoch_seal_take, TALLY_EFORM also for more than
 * EPOCH_SEALS_MAX. */
int epoch_seals_check(struct span seals) TALLY_MUST_CHECK;

#endif
