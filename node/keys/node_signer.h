/* Who signs for a node: its public key, and a way to have a digest signed. Whoever asks for a signature says
 * what it is for. The one kind there is has the secret in memory, as its key file held it; one that asks a
 * token needs nothing but another pair of functions. That no two votes contradict each other is not a
 * signer's matter: see guard.h. */
#ifndef TALLY_KEYS_NODE_SIGNER_H
#define TALLY_KEYS_NODE_SIGNER_H

#include "proto/base/agreement.h"
#include "proto/crypto/signature.h"

enum signing_kind {
    SIGNING_VOTE,       /* epoch, view, vote */
    SIGNING_PROPOSAL,   /* epoch, view */
    SIGNING_CHECKPOINT, /* height */
    SIGNING_LINK,
    SIGNING_GOVERNANCE,
};

/* What a signature is for. What its kind does not have is zeros. */
struct signing {
    enum signing_kind kind;
    enum vote_kind vote;
    uint64_t epoch, view, height;
};

struct node_signer {
    struct public_key key;
    /* One caller at a time. Errors: TALLY_EIO (what holds the key does not answer), TALLY_EDENIED (it
     * refuses); *signature is then unchanged. */
    int (*sign)(
        void *context, const struct signing *what, const struct digest *digest, struct signature *signature);
    void (*close)(void *context); /* NULL where the context is another's */
    void *context;
};

/* A signer with a copy of the secret. Errors: TALLY_EFORM (it is no key), TALLY_ENOMEM. */
int node_signer_open(const struct secret_key *secret, struct node_signer *signer) TALLY_MUST_CHECK;
/* One that borrows the secret, which is valid (CHECKed); nothing is to be closed. */
struct node_signer node_signer_of(struct secret_key *secret);
/* Wipes what it holds. Of zeros, nothing happens. */
void node_signer_close(struct node_signer *signer);

/* Errors: as `sign`. */
int node_signer_sign(const struct node_signer *signer, const struct signing *what,
    const struct digest *digest, struct signature *signature) TALLY_MUST_CHECK;

#endif
