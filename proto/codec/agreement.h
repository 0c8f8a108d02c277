/* Consensus objects: bytes <-> the plain structs of proto/base/agreement.h, and what is hashed and signed of
 * them. Every signed tuple starts (tag, chain id, epoch, kind). */
#ifndef TALLY_CODEC_AGREEMENT_H
#define TALLY_CODEC_AGREEMENT_H

#include "proto/base/agreement.h"
#include "proto/base/arena.h"
#include "proto/codec/batch.h"
#include "proto/crypto/signature.h"

/* ---- Digests ---- */

struct digest block_header_hash(const struct block_header *header);
struct digest justification_root(struct span justification_bytes);
/* What the leader of header->view signs: the block's hash with chain, epoch and view bound in. */
struct digest proposal_digest(
    const struct digest *chain_id, const struct block_header *header, const struct digest *hash);
/* What a voter signs: (tag, chain id, epoch, kind, view, block). */
struct digest vote_digest(const struct digest *chain_id, uint64_t epoch, enum vote_kind kind, uint64_t view,
    const struct digest *block);
struct digest checkpoint_digest(const struct checkpoint *checkpoint);
struct digest validator_set_hash(const struct validator_set *set);

/* ---- Signatures of many ---- */

/* A validator set with its keys parsed. */
struct verify_set {
    struct validator_set set;
    struct verify_key parsed[VALIDATORS_MAX];
    /* Of the epoch before, whose seal this one's first block stands on; NULL in the first epoch, and until it
     * is known. */
    const struct verify_set *_Atomic before;
};

/* `before` is NULL, and the caller's to set. Errors: TALLY_EFORM (a bad key, keys unsorted or repeated, or
 * count out of range). */
int verify_set_init(const struct validator_set *set, struct verify_set *verify) TALLY_MUST_CHECK;

/* Errors of these: TALLY_ESIGNATURE (a signature fails, or not exactly a quorum of distinct signers),
 * TALLY_EINVALID (another epoch than the set's). */
int vote_check(
    const struct verify_set *set, const struct digest *chain_id, const struct vote *vote) TALLY_MUST_CHECK;
int certificate_check(const struct verify_set *set, const struct digest *chain_id,
    const struct certificate *certificate) TALLY_MUST_CHECK;
int certified_checkpoint_check(
    const struct verify_set *set, const struct certified_checkpoint *checkpoint) TALLY_MUST_CHECK;
/* The leader's signature, every certificate in the justification, the justification's root and every hash in
 * it: R3's "J is valid by itself" is then consensus's to judge on plain fields, with no signature left
 * unchecked. Where the parent sealed the epoch before, the proof of that too, by set->before: TALLY_ENOTFOUND
 * where that is not known yet, and nothing can be said. */
int proposal_check(const struct verify_set *set, const struct digest *chain_id,
    const struct proposal *proposal) TALLY_MUST_CHECK;

/* ---- Encodings. Decoders accept canonical bytes only. Errors of every decoder: TALLY_EFORM, TALLY_ELIMIT,
 * TALLY_ENOMEM. */

void vote_encode(const struct vote *vote, struct buffer *out);
int vote_decode(struct span bytes, struct vote *vote) TALLY_MUST_CHECK;
void certificate_encode(const struct certificate *certificate, struct buffer *out);
int certificate_decode(struct span bytes, struct certificate *certificate) TALLY_MUST_CHECK;
void justification_encode(const struct justification *justification, struct buffer *out);
/* parent_hash is computed. */
int justification_decode(
    struct span bytes, struct arena *arena, struct justification *justification) TALLY_MUST_CHECK;
void proposal_encode(const struct proposal *proposal, struct buffer *out);
/* Hashes are computed; that header.justification_root and header.payload_root match what is carried is
 * checked (TALLY_EFORM). */
int proposal_decode(struct span bytes, struct arena *arena, struct proposal *proposal) TALLY_MUST_CHECK;
void checkpoint_encode(const struct checkpoint *checkpoint, struct buffer *out);
int checkpoint_decode(struct span bytes, struct checkpoint *checkpoint) TALLY_MUST_CHECK;
void certified_checkpoint_encode(const struct certified_checkpoint *checkpoint, struct buffer *out);
int certified_checkpoint_decode(struct span bytes, struct certified_checkpoint *checkpoint) TALLY_MUST_CHECK;

/* Whether a certificate finalizes the block of this header and hash: it is the FC of that block, or where it
 * seals, of the last of the headers that follow it, each the child of the one before. Signatures are not
 * checked. */
bool finalization_is_of(const struct certificate *finalization, const struct block_header *header,
    const struct digest *hash, const struct block_header *seal_path, uint32_t seal_path_count);

/* A block as stored and served. Everything is borrowed from the arena it was decoded into, or from whoever
 * filled it. */
struct block {
    struct block_header header;
    struct digest hash;
    struct span justification;
    struct signature signature; /* the leader's, of the proposal */
    bool has_finalization;
    struct certificate finalization;
    uint32_t seal_path_count; /* at most SEAL_PATH_MAX; 0 where the finalization is its own, or absent */
    const struct block_header *seal_path; /* of a block that seals: to the descendant that is finalized */
    uint32_t batch_count;
    struct batch *batches;
};

/* Whether it carries a finalization that is its own, by its seal's path too. Signatures are not checked. */
bool block_is_finalized(const struct block *block);

/* Results that applying it gives: one for each event, and then one for each governance transaction. */
uint32_t block_result_count(const struct block *block);
void block_encode(const struct block *block, bool with_bodies, struct buffer *out);
/* Checks roots, sizes and counts of the header against the content (TALLY_EFORM). Bodies may be absent; a
 * present one that misses its commitment is TALLY_EDAMAGED. A header of another chain than `chain_id` is
 * TALLY_ECHAIN; the chain that a batch names, and every signature, are the caller's to check. More than
 * GOVERNANCE_BLOCK_MAX governance transactions, or a bound of blocks passed, is TALLY_ELIMIT. Errors of an
 * event's header: as batch_decode. */
int block_decode(struct span bytes, const struct digest *chain_id, struct arena *arena,
    struct block *block) TALLY_MUST_CHECK;
/* BlockRange: consecutive blocks (at least one; heights and parent hashes are checked, and that none but the
 * last has a seal's path, TALLY_EFORM) and the FC of the last, or of the end of its path. */
void block_range_encode(const struct span *encoded_blocks, size_t count,
    const struct certificate *finalization, struct buffer *out);
int block_range_decode(struct span bytes, const struct digest *chain_id, struct arena *arena,
    struct block **blocks, size_t *count, struct certificate *finalization) TALLY_MUST_CHECK;

#endif
