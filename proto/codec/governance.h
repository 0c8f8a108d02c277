/* Governance transactions: how members change their register by ballot. Formats and what is signed; what they
 * do is in node/governance.
 *
 *   transaction = canonical GovernanceTransaction (governance.proto)
 *   digest      = H(tag | chain_id | member u32 | key | expires_at_ms u64 | sequence u64 | body)
 *                 its name; what `signature` signs. The digest of a PROPOSE is its proposal's id.
 *   proof       = a new key's signature over H(tag | chain_id | action): who holds the key wants it to have
 *                 this work. In a join file of a network that is only to be founded the chain id is zeros,
 *                 and the network's name is what the file is bound to.
 *
 * `body` and `action` are exact bytes, after their u32 size. */
#ifndef TALLY_CODEC_GOVERNANCE_H
#define TALLY_CODEC_GOVERNANCE_H

#include "proto/base/arena.h"
#include "proto/codec/agreement.h"
#include "proto/codec/genesis.h"
#include "proto/codec/register_words.h"

#define ACTION_SIZE_MAX 4608u
#define GOVERNANCE_SIZE_MAX (8u * KIB)
/* What the arena of a decoder wants, whatever the bytes. */
#define GOVERNANCE_ARENA_BUDGET (64u * KIB)
/* From the block's time to the latest expiry of a transaction. */
#define GOVERNANCE_LIFETIME_MS_MAX BATCH_LIFETIME_MS_MAX
/* What one join file brings. */
#define JOIN_KEYS_MAX 4u /* of signing, and of ballot keys */
#define JOIN_NODES_MAX 4u
#define NEW_KEYS_MAX (2 * JOIN_KEYS_MAX + JOIN_NODES_MAX)

struct new_node {
    char name[NAME_SIZE_MAX + 1]; /* a word, no number, unique in the network */
    char address[REGISTER_ADDRESS_SIZE_MAX + 1];
    struct public_key key;
    bool validator; /* it is to vote, once it has shown that it is synced */
};

struct join {
    char network[NAME_SIZE_MAX + 1];
    char name[NAME_SIZE_MAX + 1]; /* no number */
    char kind[REGISTER_KIND_SIZE_MAX + 1];
    char licence[NAME_SIZE_MAX + 1]; /* "" where there is none */
    enum member_role role;
    uint32_t signing_key_count, ballot_key_count, node_count; /* ballot keys and nodes: at least one */
    struct public_key signing_keys[JOIN_KEYS_MAX], ballot_keys[JOIN_KEYS_MAX];
    struct new_node nodes[JOIN_NODES_MAX];
};

struct validator_choice {
    uint32_t node_id;
    bool validator;
};

/* Numbers are those of governance.proto and never change their meaning. */
enum action_kind {
    ACTION_ADMIT_MEMBER = 1,
    ACTION_SUSPEND_MEMBER = 2,
    ACTION_RESTORE_MEMBER = 3,
    ACTION_REMOVE_MEMBER = 4,
    ACTION_ADD_KEY = 5, /* of a signing or ballot key; a node's comes with ADD_NODE */
    ACTION_ROTATE_KEY = 6,
    ACTION_REVOKE_KEY = 7, /* of a node's: the node goes */
    ACTION_ADD_NODE = 8,
    ACTION_SET_VALIDATORS = 9,
    ACTION_SET_POLICY = 10,
    ACTION_SET_PARAMETER = 11,
    ACTION_SET_FLAG = 12,
};
/* "ADMIT_MEMBER" and so on; NULL for a number that is none. */
const char *action_name(uint32_t kind);

/* One action. What its kind does not have is zeros. */
struct governance_action {
    enum action_kind kind;
    struct join join;                           /* ADMIT_MEMBER */
    uint32_t member_id;                         /* SUSPEND_, RESTORE_, REMOVE_MEMBER, .._KEY, ADD_NODE */
    enum key_kind key_kind;                     /* .._KEY */
    struct public_key key;                      /* ADD_KEY, ROTATE_KEY: the new one */
    struct public_key old_key;                  /* ROTATE_KEY, REVOKE_KEY: the one that ends */
    struct new_node node;                       /* ADD_NODE */
    uint32_t choice_count;                      /* SET_VALIDATORS: 1 to PEERS_MAX */
    struct validator_choice choices[PEERS_MAX]; /* ascending by node */
    struct span policy;       /* SET_POLICY: its JSON, as credit_policy_print gives it; borrowed */
    uint32_t policy_version;  /* that it says */
    enum parameter parameter; /* SET_PARAMETER */
    uint64_t value;
    uint32_t flag; /* SET_FLAG: from 1, at a height of 1 to INT64_MAX */
    uint64_t height;
};

/* Appends the canonical encoding (out->failed where it does not fit). */
void action_encode(const struct governance_action *action, struct buffer *out);
/* Canonical bytes only, each value in its range, names and addresses well-formed, no key twice. That keys are
 * points is their proofs' to show. The policy is borrowed from the arena. Errors: TALLY_EFORM (form, or more
 * than ACTION_SIZE_MAX bytes), TALLY_ENOMEM. */
int action_decode(struct span bytes, struct arena *arena, struct governance_action *action) TALLY_MUST_CHECK;
/* The keys that an action brings, in the order of their proofs: signing keys, ballot keys, nodes' keys.
 * Borrowed from the action; `keys` has room for NEW_KEYS_MAX. Returns how many. */
uint32_t action_new_keys(const struct governance_action *action, const struct public_key **keys);
/* What a new key signs. `chain_id` is zeros for a network that is only to be founded. */
struct digest action_proof_digest(const struct digest *chain_id, struct span action);
/* Whether `proofs` are exactly one signature for each new key of the action, in order, and hold. Errors:
 * TALLY_ESIGNATURE. */
int action_proofs_check(const struct governance_action *action, const struct digest *chain_id,
    struct span action_bytes, struct span proofs) TALLY_MUST_CHECK;

enum governance_kind {
    GOVERNANCE_PROPOSE = 1,
    GOVERNANCE_BALLOT = 2,
    GOVERNANCE_WITHDRAW = 3,
    GOVERNANCE_REVOKE_OWN_KEY = 4,
    GOVERNANCE_READY = 5,
};
/* "PROPOSE" and so on; NULL for a number that is none. */
const char *governance_kind_name(uint32_t kind);

/* What its kind does not have is zeros. Spans are borrowed from the arena it was decoded into, or from
 * whoever filled it. The struct is about 8 KiB. */
struct governance_transaction {
    struct digest chain_id;
    uint32_t member_id;
    struct public_key key;
    uint64_t expires_at_ms;
    uint64_t sequence; /* the member's next; 0 in a READY */
    enum governance_kind kind;
    struct span action;                /* PROPOSE: exact bytes */
    struct governance_action proposed; /* decoded from them */
    uint64_t closes_ms;                /* PROPOSE: block time from which no ballot counts */
    struct digest proposal;            /* BALLOT, WITHDRAW */
    bool yes;                          /* BALLOT */
    enum key_kind revoked_kind;        /* REVOKE_OWN_KEY */
    struct public_key revoked_key;
    struct certified_checkpoint ready; /* READY */
    struct span body;                  /* exact bytes */
    struct span proofs;                /* PROPOSE */
    struct signature signature;
    struct digest digest; /* computed */
};

/* Appends the canonical encoding of the body, from kind, action, closes_ms, proposal, yes, revoked_kind,
 * revoked_key and ready. */
void governance_body_encode(const struct governance_transaction *transaction, struct buffer *out);
/* What the key signs: of the key, the body and the fields before it. */
struct digest governance_digest(const struct governance_transaction *transaction);
/* Sets key, digest and signature, from the body and the fields before it. The secret key is valid (CHECKed).
 */
void governance_sign(struct governance_transaction *transaction, const struct secret_key *secret);
/* Appends the canonical encoding of the whole. */
void governance_encode(const struct governance_transaction *transaction, struct buffer *out);
/* How many bytes that is. */
size_t governance_size(const struct governance_transaction *transaction);
/* Canonical bytes only, to the action inside. Does not check signatures, nor whose chain it is. Errors:
 * TALLY_EFORM (form, or more than GOVERNANCE_SIZE_MAX bytes), TALLY_ENOMEM. */
int governance_decode(
    struct span bytes, struct arena *arena, struct governance_transaction *transaction) TALLY_MUST_CHECK;
/* All that can be checked without the register, so that every node comes to the same verdict at any time: the
 * chain, the signature, and a proof of each new key. Errors: TALLY_ECHAIN, TALLY_ESIGNATURE. */
int governance_check(
    const struct governance_transaction *transaction, const struct digest *chain_id) TALLY_MUST_CHECK;
/* The same, of whoever knows that the chain is right and has the transaction's key parsed. Errors:
 * TALLY_ESIGNATURE. */
int governance_check_parsed(
    const struct governance_transaction *transaction, const struct verify_key *key) TALLY_MUST_CHECK;

#endif
