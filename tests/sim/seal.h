/* Hashes as the node makes them, and stand-ins for signatures: fast, deterministic, and unforgeable because
 * only this module knows the secrets. The core never looks inside either, so a run does not depend on which
 * ones are used; the hashes are the real ones so that the codec takes what the simulator makes. */
#ifndef TALLY_SIM_SEAL_H
#define TALLY_SIM_SEAL_H

#include "proto/base/agreement.h"

/* The secrets of every validator of one simulated chain. */
struct vault {
    struct digest chain_id;
    struct validator_set set; /* epoch 1; keys ascending */
    uint64_t secrets[VALIDATORS_MAX];
};

/* n is VALIDATORS_MIN to VALIDATORS_MAX. */
void vault_init(struct vault *vault, uint32_t n, uint64_t seed);

struct digest seal_header(const struct block_header *header);
struct digest seal_justification(const struct justification *justification);
struct digest seal_payload(const struct digest *batches, uint32_t count);
/* A 64-bit mark of what a certificate or a vote says and who signed it: for the trace's digest. */
uint64_t seal_mark_vote(const struct vote *vote);
uint64_t seal_mark_certificate(const struct certificate *certificate);
uint64_t seal_mark(const void *data, size_t size, uint64_t start);

/* Signs as vote->signer. `variant` gives other, equally valid bytes: ECDSA is malleable in the hands of its
 * own signer, and nothing may judge a signature by its bytes. */
void seal_vote(const struct vault *vault, struct vote *vote, uint8_t variant);
/* Signs proposal->hash as the leader of its view. */
void seal_proposal(const struct vault *vault, struct proposal *proposal);

/* Whether the signature on a block of that view is its leader's. */
bool leader_signature_holds(
    const struct vault *vault, uint64_t view, const struct digest *block, const struct signature *signature);
bool vote_holds(const struct vault *vault, const struct vote *vote);
/* Exactly a quorum of distinct known signers, every signature valid, entries past the quorum zeros. */
bool certificate_holds(const struct vault *vault, const struct certificate *certificate);
/* The leader's signature, the signatures of every certificate in the justification, and its root in the
 * header. What the fields say to each other is the core's to judge. */
bool proposal_holds(const struct vault *vault, const struct proposal *proposal);

#endif
