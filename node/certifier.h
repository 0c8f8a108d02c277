/* Certified checkpoints: what validators signed after applying a height, gathered until a quorum agrees.
 * Holds no key and touches no disk: its owner signs, records and sends. On the loop's thread. */
#ifndef TALLY_NODE_CERTIFIER_H
#define TALLY_NODE_CERTIFIER_H

#include "proto/codec/agreement.h"
#include "proto/codec/evidence.h"

/* Heights it keeps votes for, newest certified first. */
#define CERTIFIER_HEIGHTS (4u * CERTIFICATION_LAG_MAX)

struct certifier;

/* One validator's signature on a checkpoint. */
struct checkpoint_vote {
    struct checkpoint checkpoint;
    uint32_t signer;
    struct signature signature;
};

void checkpoint_vote_encode(const struct checkpoint_vote *vote, struct buffer *out);
/* Errors: TALLY_EFORM. */
int checkpoint_vote_decode(struct span bytes, struct checkpoint_vote *vote) TALLY_MUST_CHECK;

struct certifier_callbacks {
    /* A quorum signed what this node computed, too. Each height once, ascending; heights may be skipped. */
    void (*on_certified)(void *context, const struct certified_checkpoint *checkpoint);
    /* A quorum signed another checkpoint than this node's own of that height. */
    void (*on_divergence)(void *context, uint64_t height);
    /* A validator signed two checkpoints of one height. Told once a height and validator. */
    void (*on_evidence)(void *context, const struct evidence *evidence);
};

/* `validators` is borrowed. `newest` is the newest certified height known (0 = none). Errors: TALLY_ENOMEM.
 */
int certifier_open(const struct verify_set *validators, const struct digest *chain_id, uint64_t newest,
    const struct certifier_callbacks *callbacks, void *context,
    struct certifier **certifier) TALLY_MUST_CHECK;
void certifier_close(struct certifier *certifier);

/* This node has applied the height, and this is what it found. */
void certifier_applied(struct certifier *certifier, const struct checkpoint *checkpoint);
/* A vote from anyone, this node included. Errors, for the link that brought it: TALLY_ESIGNATURE,
 * TALLY_ECHAIN, TALLY_EINVALID (no such validator, another set). A vote that is late, early or known is
 * TALLY_OK and not looked at. */
int certifier_vote(struct certifier *certifier, const struct checkpoint_vote *vote) TALLY_MUST_CHECK;
/* A certified checkpoint from a peer. One of a height not applied yet is kept until it is. Errors: as
 * certifier_vote. */
int certifier_checkpoint(
    struct certifier *certifier, const struct certified_checkpoint *checkpoint) TALLY_MUST_CHECK;

/* Who signed what of the oldest height that waits for a quorum here. */
struct certifier_gathering {
    uint64_t height;                /* 0 = nothing waits, and the rest is zeros */
    uint8_t groups[VALIDATORS_MAX]; /* by validator: 0 = has not signed; those of one number signed alike */
    uint8_t group_count;
    uint8_t own_group; /* those who signed what this node computed; 0 = nobody, or it has not computed it */
};
void certifier_gathering(const struct certifier *certifier, struct certifier_gathering *gathering);

/* The newest height known to be certified, be it applied here or not: signing at or below it helps nobody. */
uint64_t certifier_heard(const struct certifier *certifier);
/* The newest certified height, 0 = none. */
uint64_t certifier_newest(const struct certifier *certifier);

#endif
