/* The plain types of agreement: what validators say to each other about blocks. Sizes are fixed, so a value
 * can be copied, compared and kept without owning memory; only a proposal and a justification borrow. */
#ifndef TALLY_BASE_AGREEMENT_H
#define TALLY_BASE_AGREEMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/base/bytes.h"
#include "proto/base/limits.h"

#define SIGNATURE_SIZE 64
#define PUBLIC_KEY_SIZE 33

/* A compact ECDSA signature, r | s, with s in the lower half of the order. */
struct signature {
    uint8_t bytes[SIGNATURE_SIZE];
};

/* A compressed secp256k1 point. */
struct public_key {
    uint8_t bytes[PUBLIC_KEY_SIZE];
};

/* The validators of one epoch in ascending key order; a signer is an index into it. */
struct validator_set {
    uint64_t epoch;
    uint32_t count; /* VALIDATORS_MIN to VALIDATORS_MAX */
    struct public_key keys[VALIDATORS_MAX];
};

/* Faults tolerated: floor((n - 1) / 3). */
static inline uint32_t faults_of(uint32_t n)
{
    return (n - 1) / 3;
}

/* Votes that make a certificate: ceil((n + f + 1) / 2), so that two certificates share f + 1 signers. */
static inline uint32_t quorum_of(uint32_t n)
{
    return (n + faults_of(n) + 2) / 2;
}

/* Views count from 1 in an epoch; view v is led by validator (v - 1) mod n. */
static inline uint32_t leader_of(uint64_t view, uint32_t n)
{
    return (uint32_t)((view - 1) % n);
}

/* What consensus orders. Its hash is the block's id. Height 0 is genesis, which has no header: the first
 * block's parent_view is 0 and its parent_hash is the chain id. */
struct block_header {
    struct digest chain_id;
    uint64_t epoch;
    uint64_t view;
    uint64_t height; /* parent's + 1 */
    uint64_t parent_view;
    struct digest parent_hash;
    struct digest payload_root;       /* RFC 9162 root over the digests of the batches, in order */
    uint32_t payload_size;            /* bytes of the batches, encoded without event bodies */
    uint32_t payload_events;          /* events in all batches */
    uint64_t time_ms;                 /* since 1970 UTC; more than the parent's */
    bool seals;                       /* ends the epoch */
    bool after_seal;                  /* has a sealing ancestor in its epoch */
    struct digest next_set;           /* in a sealing block, the next validator set's hash; else zeros */
    struct digest justification_root; /* H over the justification's exact bytes */
};

enum vote_kind {
    VOTE_NOTARIZE = 1,
    VOTE_FINALIZE = 2,
    VOTE_NULLIFY = 3,
};

/* `block` is zeros in a nullify vote. */
struct vote {
    enum vote_kind kind;
    uint64_t epoch;
    uint64_t view;
    struct digest block;
    uint32_t signer; /* index in the epoch's validator set */
    struct signature signature;
};

/* A quorum of equal votes: an NC, FC or NullC. Bit i of `signers` stands for validator i; signatures are in
 * ascending order of signer, one for each bit set, and exactly a quorum of them. Entries past that are zeros.
 */
struct certificate {
    enum vote_kind kind;
    uint64_t epoch;
    uint64_t view;
    struct digest block;
    uint64_t signers;
    struct signature signatures[VALIDATORS_MAX];
};
_Static_assert(VALIDATORS_MAX <= 64, "a certificate's signers fit one word");

/* What makes a proposal self-sufficient: its parent certified, and every view between nullified. In the first
 * block of a later epoch the parent is the block that sealed the epoch before, its certificate is an FC of
 * that epoch, of the seal itself or of a descendant, and `seal_path` leads to the latter. */
struct justification {
    bool parent_is_genesis; /* then the next five are zeros */
    struct block_header parent;
    struct digest parent_hash;
    struct certificate parent_certificate;    /* NC or FC of the parent */
    uint32_t seal_path_count;                 /* at most SEAL_PATH_MAX */
    const struct block_header *seal_path;     /* borrowed; from the seal's child to the block certified */
    uint32_t nullification_count;             /* at most VIEWS_SKIPPED_MAX */
    const struct certificate *nullifications; /* borrowed; for views parent_view + 1 .. view - 1, ascending */
};

/* A block proposed. Pointers and spans are borrowed from whoever decoded it. */
struct proposal {
    struct block_header header;
    struct digest hash;                 /* of the header */
    struct justification justification; /* decoded from justification_bytes, whose root the header carries */
    struct span justification_bytes;
    uint32_t batch_count;         /* at most BLOCK_BATCHES_MAX */
    const struct digest *batches; /* the digests whose root is payload_root */
    struct signature signature;   /* the leader's */
};

/* The signed state after a block. */
struct checkpoint {
    struct digest chain_id;
    uint64_t epoch;
    uint64_t height;
    struct digest block;
    uint64_t time_ms; /* the block's */
    struct digest state_root;
    struct digest results_root;
    struct digest history_root;
    struct digest set_hash;
    struct digest next_set_hash;
};

/* A quorum's signatures on one checkpoint, in the form of a certificate. */
struct certified_checkpoint {
    struct checkpoint checkpoint;
    uint64_t signers;
    struct signature signatures[VALIDATORS_MAX];
};

#endif
