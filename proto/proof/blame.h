/* Blame: who made a fork, told from what the two sides of it hold and nothing else. Pure: no files, no clock.
 *
 * A finalized chain carries its own transcript: the certificate of each block (its own FC, or the one in its
 * child's justification), and a nullification of every view it skips. Of two finalized chains that conflict,
 * let FC(v, a) be the one of the lower view, and B the other chain. B has another block at v, and then a
 * certificate of it: two quorums signed finalize(v, a) and notarize or finalize(v, b). Or B skips v, and then
 * NullC(v) is in one of its justifications: two quorums signed finalize(v, a) and nullify(v). Or a block's
 * justification is not what it must be, and a quorum voted for it. In each case the validators in both
 * quorums, at least 2q - n >= f + 1 of them, signed what no honest validator signs.
 *
 * Nobody is ever named but by evidence whose every signature this module has had verified, and which
 * statements_conflict or justification_fault condemns. Both condemn only what consensus/RULES.md (R2 to R5)
 * forbids an honest validator to sign, so none is named whatever the rest of the input says. */
#ifndef TALLY_PROOF_BLAME_H
#define TALLY_PROOF_BLAME_H

#include "proto/codec/agreement.h"
#include "proto/codec/evidence.h"

/* What guilt is judged against. `holds` says whether statement->signature is that of validator
 * statement->signer on (chain id, epoch, kind, view, block); it is called for signers in the set and
 * statements of the set's epoch only. Everything is borrowed. */
struct blame_law {
    struct digest chain_id;
    const struct validator_set *set;
    bool (*holds)(const struct blame_law *law, const struct statement *statement);
    const void *context; /* for `holds` */
};
/* The law of real signatures. `validators` is borrowed. */
struct blame_law blame_law_of(const struct verify_set *validators, const struct digest *chain_id);

/* Why no honest validator signs both: a constant sentence ("It notarized two blocks of one view."); NULL
 * where one may. By content alone; that both are of one signer and epoch is the caller's to know. */
const char *statements_conflict(const struct statement *first, const struct statement *second);

/* Why `justification` is not one of `header`, whatever else is known: a constant sentence; NULL where it is
 * one. `justification` NULL stands for bytes that are none. Its fields are judged and every signature in it
 * is verified. Not judged: the time, against any clock; the payload; and what the first block of a later
 * epoch carries in place of a parent's certificate. */
const char *justification_fault(const struct blame_law *law, const struct block_header *header,
    const struct justification *justification);

/* A block of a chain. Pointers are borrowed for the call they are passed to. The caller has made sure that
 * `hash` is the header's, that `justification` is what header.justification_root names, and that its
 * parent_hash is its parent's. */
struct blame_block {
    struct block_header header;
    struct digest hash;
    const struct justification *justification; /* NULL where its bytes do not decode */
    struct span justification_bytes;           /* for the evidence; may be empty where nobody encodes that */
    bool has_signature;
    struct signature signature;             /* the leader's; one that does not hold is passed over */
    const struct certificate *finalization; /* its FC; NULL where there is none */
    /* Of what stands between a seal and the FC that finalizes it nothing is kept but headers: the rest is
     * empty then, and not judged. */
    bool header_only;
};

/* One epoch's blocks, by height, each the child of the one before, up to one that carries its FC. Those of
 * headers only come last, above a seal. */
struct blame_chain {
    uint32_t count; /* 0 is a chain that ends at the common ancestor */
    const struct blame_block *blocks;
};

/* Who is guilty: each validator once, with one piece of evidence. 80 KiB: heap or static. */
struct blame {
    bool conflict;      /* the two cannot both be true */
    const char *detail; /* on TALLY_EINVALID, a constant sentence about the chain or checkpoint at fault */
    int at_fault;       /* likewise: 0 the first, 1 the second, -1 the pair */
    uint64_t guilty;    /* bitmap of signers */
    uint32_t count;
    struct evidence culprits[VALIDATORS_MAX]; /* justifications borrow from the chains */
};

/* Compares two chains that start above one common block; equal blocks at their start are passed over. On
 * TALLY_OK either blame->conflict is false (one chain is the start of the other), or at least 2q - n are
 * guilty (CHECKed), or fewer where a chain ends with headers only. Takes no memory; time grows with the
 * product of the lengths, so give what stands from the fork up to the first FC on each side: that is enough.
 * Errors: TALLY_EINVALID (one is not a finalized chain of the law's epoch, by hashes, heights or its FC, or
 * they do not start above one block): detail and at_fault say which, and nobody is named. */
int blame_chains(const struct blame_law *law, const struct blame_chain *first,
    const struct blame_chain *second, struct blame *blame) TALLY_MUST_CHECK;

/* Two certified checkpoints of the same height. What each common signer signed is in blame->culprits; see
 * evidence_verdict for what it proves. Equal ones do not conflict. Errors: TALLY_EINVALID (as above; or of
 * different heights). */
int blame_checkpoints(const struct verify_set *validators, const struct digest *chain_id,
    const struct certified_checkpoint *first, const struct certified_checkpoint *second,
    struct blame *blame) TALLY_MUST_CHECK;

/* What evidence proves. */
struct evidence_verdict {
    bool divergence;    /* a fault or a lie: one block, two results. Else guilt */
    const char *reason; /* a constant sentence, on errors too */
    const char *detail; /* another, of what is wrong with a block's justification; "" = nothing to add */
};

/* Judges evidence by itself, every hash and signature in it. The justification is decoded into the arena.
 * Errors: TALLY_ECHAIN (of another chain), TALLY_ESIGNATURE (a signature does not hold), TALLY_EINVALID (of
 * another epoch or no such validator, or an honest validator may have signed it), TALLY_ENOMEM. */
int evidence_check(const struct verify_set *validators, const struct digest *chain_id,
    const struct evidence *evidence, struct arena *arena, struct evidence_verdict *verdict) TALLY_MUST_CHECK;

#endif
