/* A network's genesis: who its members and nodes are, and by which parameters they agree. JSON for people;
 * the chain id is a hash of the parsed fields, so spacing and key order do not matter. */
#ifndef TALLY_CODEC_GENESIS_H
#define TALLY_CODEC_GENESIS_H

#include "proto/base/agreement.h"
#include "proto/codec/policy.h"
#include "proto/codec/register_words.h"
#include "proto/codec/role.h"

#define NAME_SIZE_MAX 64

struct genesis_member {
    uint32_t id; /* from 1, ascending */
    char name[NAME_SIZE_MAX + 1];
    char kind[REGISTER_KIND_SIZE_MAX + 1]; /* "bank": what it is, in the network's own words */
    char licence[NAME_SIZE_MAX + 1];       /* "" where there is none */
    enum member_role role;
    uint32_t key_count; /* signing keys */
    struct public_key keys[KEYS_PER_MEMBER_MAX];
    uint32_t ballot_key_count; /* by which it votes on governance; none: it has no say */
    struct public_key ballot_keys[KEYS_PER_MEMBER_MAX];
};

struct genesis_node {
    char name[NAME_SIZE_MAX + 1]; /* "validator-1" */
    uint32_t member_id;
    char address[REGISTER_ADDRESS_SIZE_MAX + 1]; /* host:port at which peers reach it */
    struct public_key key;
};

struct genesis {
    char network[NAME_SIZE_MAX + 1];
    uint64_t created_ms; /* the first block's time is later */
    bool open_reads;     /* GetHistory is answered to every member, unrecorded; for development and tests */
    uint32_t base_timeout_ms; /* D */
    uint32_t heartbeat_ms;
    struct credit_policy policy;
    uint32_t member_count;
    struct genesis_member members[MEMBERS_MAX];
    uint32_t validator_count;
    struct genesis_node validators[VALIDATORS_MAX]; /* in the file's order; the set is sorted by key */
    uint32_t observer_count;
    struct genesis_node observers[OBSERVERS_MAX];
    struct digest chain_id; /* computed */
};

/* Parses and validates: unknown or missing keys, duplicates, bad keys, ranges. Names of the network, the
 * policy and nodes are words (letters, digits, and then - _ .); members' names, kinds and licences may be any
 * text; no member and no node is named by a number. No key stands twice, in whatever work, and some member
 * has a ballot key: a network that nobody could ever change is none. It is one that register_from_genesis
 * takes. On failure `why` holds one sentence (what, where), and *genesis is unspecified. The struct is large
 * (about 100 KiB): heap or static. Errors: TALLY_EFORM, TALLY_ELIMIT, TALLY_ENOMEM. */
int genesis_parse(struct span json, struct genesis *genesis, char *why, size_t why_size) TALLY_MUST_CHECK;
/* Appends the JSON, pretty-printed. */
void genesis_print(const struct genesis *genesis, struct buffer *out);
/* chain_id = H(tag | canonical fields). Fills genesis->chain_id. */
void genesis_identify(struct genesis *genesis);
/* The validators sorted by key, epoch 1. */
void genesis_validator_set(const struct genesis *genesis, struct validator_set *set);
/* NULL when there is none. */
const struct genesis_member *genesis_member_by_id(const struct genesis *genesis, uint32_t id);
const struct genesis_node *genesis_node_by_key(const struct genesis *genesis, const struct public_key *key);

#endif
