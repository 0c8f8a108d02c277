/* Verifying what a node answers, offline, against nothing but the network's genesis. Links only proto/. */
#ifndef TALLY_PROOF_VERIFY_H
#define TALLY_PROOF_VERIFY_H

#include "proto/codec/agreement.h"
#include "proto/codec/history.h"

/* Few and fixed. */
enum proof_reason {
    PROOF_OK = 0,
    PROOF_CHAIN,     /* another chain than the trusted genesis's, or what forks it */
    PROOF_SIGNATURE, /* not a quorum of the epoch's validators, or no seals that lead to them */
    PROOF_ROOT,      /* the path does not lead to the signed root */
    PROOF_COUNT,     /* more or fewer events than the signed leaf counts */
    PROOF_FOLD,      /* the events do not fold to the signed accumulator */
    PROOF_BODY,      /* a body misses its header's commitment */
    PROOF_FORM,      /* not a canonical proof of a known version */
    PROOF_STALE,     /* authentic, but older than the caller asked for, or than the caller's inquiry */
};
const char *proof_reason_name(enum proof_reason reason);

/* A checkpoint that was verified before, and its epoch's validators. */
struct known_checkpoint {
    struct certified_checkpoint certified;
    struct verify_set validators;
};

struct proof_trust {
    struct digest chain_id;
    struct verify_set validators; /* of the epoch that a proof's seals begin with: genesis's */
    uint64_t height_min;          /* 0 = any */
    uint64_t time_ms_min;         /* the checkpoint's time must not be earlier; 0 = any */
    /* No other checkpoint of its height is taken, none below it, and no other validators of its epoch; seals
     * may also begin with its epoch. NULL = none. */
    const struct known_checkpoint *known;
    /* Of a history: the id of the INQUIRY that it answers, which stands among its events, granted. NULL =
     * any. */
    const struct digest *inquiry;
};

/* How far a verifier has come with a subject's history: where a later proof may go on. It is made from what
 * this verifier has verified itself, never from what an answer says. */
struct history_base {
    struct digest position;             /* of the chain and the subject */
    uint64_t count;                     /* events */
    struct digest acc;                  /* their fold */
    uint64_t last_height, last_time_ms; /* of the newest event; 0 without any */
    uint64_t height;                    /* of the checkpoint under which these were all */
};

struct proof_verdict {
    enum proof_reason reason;
    const char *detail; /* one constant sentence: what did not hold; "" when all did */
    bool authentic, complete, absent;
    uint64_t epoch, as_of_height, as_of_time_ms;
    uint64_t since;            /* events that were verified before; 0 in a whole history */
    uint32_t events, withheld; /* events after those, and how many of them came without their body */
};

/* Decodes and verifies; on success *proof (borrowing from the arena) may be shown. Returns TALLY_OK exactly
 * when verdict->reason is PROOF_OK; else TALLY_EINVALID (or TALLY_ENOMEM), with the verdict filled in and
 * *proof unchanged. A refused verdict claims nothing, save with PROOF_STALE, where all but the age held. No
 * single bit of the bytes can change without a refusal. */
int history_verify(const struct proof_trust *trust, struct span bytes, struct arena *arena,
    struct history_proof *proof, struct proof_verdict *verdict) TALLY_MUST_CHECK;
/* Where a later proof may go on, from a whole history that history_verify has just accepted. */
struct history_base history_base_of(const struct history_proof *whole);
/* history_verify for a proof that leaves out what `base` (NULL = nothing) stands for: with it, it is
 * complete. It is STALE also where its checkpoint is below the base's. */
int history_verify_since(const struct proof_trust *trust, const struct history_base *base, struct span bytes,
    struct arena *arena, struct history_proof *proof, struct proof_verdict *verdict) TALLY_MUST_CHECK;
/* How many events of a verified whole history are at or below `height`, which is not above its checkpoint's:
 * these are exactly what there was then. */
uint32_t history_events_as_of(const struct history_proof *whole, uint64_t height);

/* The same for a receipt, which is `authentic` but never `complete`: it speaks of one event. */
int receipt_verify(const struct proof_trust *trust, struct span bytes, struct receipt *receipt,
    struct proof_verdict *verdict) TALLY_MUST_CHECK;

/* The same for a consistency proof: `as_of` is the newer checkpoint's. */
int consistency_verify(const struct proof_trust *trust, struct span bytes, struct consistency_proof *proof,
    struct proof_verdict *verdict) TALLY_MUST_CHECK;
/* The same for a certified checkpoint alone, of the epoch of `validators`, or of the known one. */
int certified_checkpoint_verify(const struct proof_trust *trust, struct span bytes,
    struct certified_checkpoint *certified, struct proof_verdict *verdict) TALLY_MUST_CHECK;

/* The same for either form, however old: the checkpoint alone, or of a consistency proof the newer. What
 * comes out may be another trust's `known`. */
int known_checkpoint_verify(const struct proof_trust *trust, struct span bytes,
    struct known_checkpoint *known, struct proof_verdict *verdict) TALLY_MUST_CHECK;

#endif
