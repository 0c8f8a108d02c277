/* Hashes as the node makes them, and stand-ins for signatures: fast, deterministic, and unforgeable because
 * only this module knows the secrets. The core never looks inside either, so a run does not depend on which
 * ones are used; the hashes are the real ones so that the codec takes what the simulator makes. */
#ifndef TALLY_SIM_SEAL_H
#define TALLY_SIM_SEAL_H

#include "consensus/consensus.h"
#include "proto/crypto/signature.h"

/* Epochs that one simulated chain can have. */
#define EPOCHS_MAX 6u

/* Who sits in an epoch. Everybody is known by identity; in an epoch, as the core numbers peers: validators by
 * their place in the set, all others after them. */
struct seats {
    struct validator_set set; /* keys ascending, and so identities */
    uint32_t identity_of[PEERS_MAX], peer_of[PEERS_MAX];
};

/* The sets and secrets of one simulated chain. */
struct vault {
    struct digest chain_id;
    uint32_t epoch_count; /* epochs 1 to epoch_count are known */
    struct seats seats[EPOCHS_MAX + 1];
    uint64_t secrets[PEERS_MAX];
};

/* Identities 0 to n - 1 are epoch 1's validators; n is VALIDATORS_MIN to VALIDATORS_MAX. */
void vault_init(struct vault *vault, uint32_t n, uint64_t seed);
/* Adds the next epoch, of the identities marked. */
void vault_add_epoch(struct vault *vault, const bool member[PEERS_MAX]);
/* An identity's real key, for what is signed seldom: the same in each run. */
const struct secret_key *vault_key(uint32_t identity);
/* NULL where no such epoch is known. */
const struct seats *vault_seats(const struct vault *vault, uint64_t epoch);
/* The identity's place in the epoch's set, or SIGNER_NONE. */
uint32_t vault_signer(const struct vault *vault, uint64_t epoch, uint32_t identity);
/* Who sits there; an identity, or PEER_ALL where there is no such epoch or place. */
uint32_t vault_identity(const struct vault *vault, uint64_t epoch, uint32_t signer);
/* Who leads the view, likewise. */
uint32_t vault_leader(const struct vault *vault, uint64_t epoch, uint64_t view);
/* What a block that seals for this epoch names; zeros where no such epoch is known. */
struct digest vault_set_hash(const struct vault *vault, uint64_t epoch);

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
bool leader_signature_holds(const struct vault *vault, uint64_t epoch, uint64_t view,
    const struct digest *block, const struct signature *signature);
bool vote_holds(const struct vault *vault, const struct vote *vote);
/* Exactly a quorum of distinct known signers, every signature valid, entries past the quorum zeros. */
bool certificate_holds(const struct vault *vault, const struct certificate *certificate);
/* Whether the certificate finalizes the block that seals, or the last of the blocks after it. */
bool seal_path_holds(const struct vault *vault, const struct block_header *sealing,
    const struct block_header *path, uint32_t count, const struct certificate *finalization);
/* The leader's signature, the signatures of every certificate in the justification, its root in the header,
 * and that a seal's path leads to what the certificate names. What other fields say to each other is the
 * core's to judge. */
bool proposal_holds(const struct vault *vault, const struct proposal *proposal);

#endif
