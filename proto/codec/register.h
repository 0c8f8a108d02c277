/* The register: who the members are, by which keys they act, which nodes vote, by which policy and parameters
 * a network runs, and what is proposed. It is a value under the state root; node/governance changes it, and
 * its README.md gives the bytes.
 *
 * A height `from` is the first at which something holds, `until` the first at which it does no longer, 0
 * while no end is known. What block h decides holds from h + 1 on. */
#ifndef TALLY_CODEC_REGISTER_H
#define TALLY_CODEC_REGISTER_H

#include "proto/codec/genesis.h"
#include "proto/codec/governance.h"

/* All that a network ever has: members and keys stay, so that old signatures can be checked. */
#define REGISTER_KEYS_MAX 1024u
#define REGISTER_NODES_MAX PEERS_MAX
#define REGISTER_FLAGS_MAX 32u
#define PROPOSALS_OPEN_MAX 16u
#define PROPOSALS_OF_MEMBER_MAX 4u /* of them, while each voter without one has a place left */
#define PROPOSALS_CLOSED_MAX 64u   /* that are remembered, the newest */
#define REGISTER_SIZE_MAX (256u * KIB)
/* Of the encoding. */
#define REGISTER_VERSION 1u

enum member_status {
    MEMBER_ACTIVE = 1,
    MEMBER_SUSPENDED = 2, /* submits, proposes and ballots nothing, and is not counted; its nodes go on */
    MEMBER_REMOVED = 3,   /* for good: its keys have ended and its nodes are gone */
};
/* "active" and so on; NULL for a number that is none. */
const char *member_status_name(uint32_t status);

struct register_member {
    uint32_t id; /* ascending from 1, never used again */
    char name[NAME_SIZE_MAX + 1];
    char kind[REGISTER_KIND_SIZE_MAX + 1];
    char licence[NAME_SIZE_MAX + 1];
    enum member_role role;
    enum member_status status;
    uint64_t from;
    uint64_t status_from; /* since when it has this status */
    uint64_t sequence;    /* of its last transaction; the next one's is 1 more */
};

/* A key stands once, whatever its work and whoever's it was. */
struct register_key {
    uint32_t member_id;
    enum key_kind kind;
    uint32_t node_id; /* of a node's key; else 0 */
    struct public_key key;
    uint64_t from, until;
};

struct register_node {
    uint32_t id; /* ascending from 1, never used again */
    uint32_t member_id;
    char name[NAME_SIZE_MAX + 1];
    char address[REGISTER_ADDRESS_SIZE_MAX + 1];
    struct public_key key; /* the newest */
    bool validator;        /* members want it to vote; of one that has ended, never */
    uint64_t ready; /* the height of the checkpoint by which it showed that it is synced; 0 = not shown */
    uint64_t from;
    uint64_t until; /* one that has ended stays until no epoch's set has its key */
};

/* What holds for a whole epoch. */
struct register_set {
    uint32_t count;                         /* VALIDATORS_MIN to VALIDATORS_MAX; 0 where there is none */
    struct public_key keys[VALIDATORS_MAX]; /* ascending */
    uint32_t base_timeout_ms, heartbeat_ms;
};

/* Numbers never change their meaning. */
enum proposal_outcome {
    PROPOSAL_OPEN = 0,
    PROPOSAL_PASSED = 1,   /* and carried out */
    PROPOSAL_VOID = 2,     /* it had the votes, and could not be carried out any more */
    PROPOSAL_REJECTED = 3, /* so many said no that it could not pass any more */
    PROPOSAL_EXPIRED = 4,
    PROPOSAL_WITHDRAWN = 5,
};
/* "open" and so on; NULL for a number that is none. */
const char *proposal_outcome_name(uint32_t outcome);

struct register_ballot {
    uint32_t member_id;
    bool yes;
};

struct register_proposal {
    uint64_t number; /* from 1, for people */
    struct digest id;
    uint32_t member_id; /* who proposed it, and so said yes */
    enum action_kind kind;
    uint64_t height; /* of its block */
    uint64_t closes_ms;
    uint32_t ballot_count;
    struct register_ballot ballots[MEMBERS_MAX]; /* in the order in which they came */
    uint32_t action_size;
    uint8_t action[ACTION_SIZE_MAX]; /* exact bytes */
};

struct closed_proposal {
    uint64_t number;
    struct digest id;
    uint32_t member_id;
    enum action_kind kind;
    enum proposal_outcome outcome;
    uint16_t why;    /* of a void one, the enum ruling that stood in its way; else 0 */
    uint64_t height; /* at which it was closed */
};

struct register_flag {
    uint32_t flag;
    uint64_t from;
};

/* About 400 KiB: heap or static. (Its name is not `register`, which C has taken.) */
struct member_register {
    char network[NAME_SIZE_MAX + 1];
    uint32_t member_count;
    struct register_member members[MEMBERS_MAX]; /* ascending by id */
    uint32_t key_count;
    struct register_key keys[REGISTER_KEYS_MAX]; /* in the order in which they came */
    uint32_t last_node_id;
    uint32_t node_count;
    struct register_node nodes[REGISTER_NODES_MAX]; /* ascending by id */
    uint64_t epoch;                                 /* from 1 */
    uint64_t epoch_from;                            /* its first height */
    struct register_set set;                        /* of this epoch */
    uint64_t next_from; /* height after which the next epoch's set was settled; 0 while none is wanted */
    struct register_set next; /* of the next one: fixed until it begins; count 0 while none is wanted */
    uint32_t base_timeout_ms, heartbeat_ms; /* as members want them; an epoch has its own */
    uint32_t policy_version;                /* that its text says */
    uint64_t policy_from;
    uint32_t policy_size;
    uint8_t policy[REGISTER_POLICY_SIZE_MAX]; /* its JSON, as credit_policy_print gives it */
    uint32_t flag_count;
    struct register_flag flags[REGISTER_FLAGS_MAX]; /* ascending by flag */
    uint64_t last_proposal;                         /* its number */
    uint32_t open_count;
    struct register_proposal open[PROPOSALS_OPEN_MAX]; /* ascending by number */
    uint32_t closed_count;
    struct closed_proposal closed[PROPOSALS_CLOSED_MAX]; /* in the order in which they were closed */
};

/* The register at height 0. Errors: TALLY_ELIMIT (more keys or nodes than a register holds, or a policy whose
 * text is longer than REGISTER_POLICY_SIZE_MAX), TALLY_EINVALID (no member has a ballot key, so that nobody
 * could ever change anything), TALLY_ENOMEM. */
int register_from_genesis(const struct genesis *genesis, struct member_register *to) TALLY_MUST_CHECK;

/* Appends the one encoding of the value; at most REGISTER_SIZE_MAX bytes. */
void register_encode(const struct member_register *from, struct buffer *out);
/* Errors: TALLY_EFORM (no register, or not the one encoding of it); *to is then unspecified. */
int register_decode(struct span bytes, struct member_register *to) TALLY_MUST_CHECK;
/* H(tag | encoding): what stands for the register under state_root. Errors: TALLY_ENOMEM. */
int register_root(const struct member_register *from, struct digest *root) TALLY_MUST_CHECK;

/* ---- Lookups; NULL where there is none. All borrow. ---- */

const struct register_member *register_member_by_id(const struct member_register *from, uint32_t id);
/* The key, whatever its work and whether or not it is in force. */
const struct register_key *register_key_find(
    const struct member_register *from, const struct public_key *key);
/* Whether the key has this work, for this member, at a height. A key that is revoked in block h still has it
 * at h, whatever the order of things in that block. */
bool register_key_holds(const struct member_register *from, enum key_kind kind, uint32_t member_id,
    const struct public_key *key, uint64_t height);
const struct register_node *register_node_by_id(const struct member_register *from, uint32_t id);
/* By its newest key. */
const struct register_node *register_node_by_key(
    const struct member_register *from, const struct public_key *key);
const struct register_proposal *register_proposal_find(
    const struct member_register *from, const struct digest *id);
const struct closed_proposal *register_closed_find(
    const struct member_register *from, const struct digest *id);

/* Whether members count this member: it is active and has a ballot key that has not ended. */
bool register_is_voter(const struct member_register *from, const struct register_member *member);
uint32_t register_voter_count(const struct member_register *from);
/* How many of them have to say yes: the least that is more than two thirds. */
uint32_t register_yes_needed(const struct member_register *from);
/* Yes and no among those who are counted now. */
void register_tally(const struct member_register *from, const struct register_proposal *proposal,
    uint32_t *yes, uint32_t *no);

/* The validators that vote from the next epoch on, as things stand: wanted, and synced or voting already. */
void register_wanted_set(const struct member_register *from, struct register_set *set);
bool register_set_has(const struct register_set *set, const struct public_key *key);
/* Whether a set has any key of the node: one whose key was rotated votes by the old one until the set
 * changes.
 */
bool register_set_has_node(
    const struct member_register *from, const struct register_set *set, const struct register_node *node);
bool register_set_equal(const struct register_set *a, const struct register_set *b);
/* This epoch's validators, as agreement takes them. */
void register_current_set(const struct member_register *from, struct validator_set *set);
/* Whether this epoch is to be sealed; if so, with which set. The set is fixed from height next_from on until
 * the seal, whatever is decided meanwhile. */
bool register_wants_epoch(const struct member_register *from, struct validator_set *next);

bool register_flag_active(const struct member_register *from, uint32_t flag, uint64_t height);
/* A build that knows the flags 1 to `known` must not execute a height at which another is active: the lowest
 * such flag at `height`, or 0. */
uint32_t register_unknown_flag(const struct member_register *from, uint32_t known, uint64_t height);
/* Of all that such a build does not know, the one that is active first; NULL where there is none. Borrowed.
 */
const struct register_flag *register_first_unknown_flag(const struct member_register *from, uint32_t known);

#endif
