/* Who is who for one epoch, as the loop knows it. Three numberings meet here:
 *
 *   node id   in the register, for good
 *   slot      the number of a node's link: the same while the node stays, whatever the epoch
 *   seat      its number in this epoch's consensus: a validator's is its signer, others follow from there on
 *
 * Links, and all that speaks to peers, count slots; consensus and checkpoints count seats. Nothing here is
 * kept on disk: a process that starts may number its slots otherwise. On the loop's thread. */
#ifndef TALLY_NODE_ROSTER_H
#define TALLY_NODE_ROSTER_H

#include "node/metrics/meters.h"
#include "proto/codec/agreement.h"
#include "proto/codec/register.h"

/* No slot, or no seat. */
#define ROSTER_NONE UINT32_MAX

struct roster_slot {
    bool used;  /* else the rest is zeros */
    bool ended; /* it is here only because its key votes until this epoch ends */
    uint32_t node_id, member_id, seat;
    struct public_key key; /* the newest: a rotated key votes from the next epoch on */
    char name[NAME_SIZE_MAX + 1];
    char address[REGISTER_ADDRESS_SIZE_MAX + 1]; /* as the register has it: "" where that has none */
};

struct roster {
    const struct verify_set *validators; /* this epoch's; borrowed */
    uint32_t slot_count;                 /* slots from here on were never used */
    struct roster_slot slots[PEERS_MAX];
    uint32_t slot_of[PEERS_MAX]; /* by seat; ROSTER_NONE where no node of the register has it */
    uint32_t self;               /* this node's slot; ROSTER_NONE where the register does not have it */
    uint32_t signer; /* this node's seat where a key of its own votes in this epoch, else ROSTER_NONE */
};

/* Takes over the nodes of a register and the validators of an epoch, which may be the one before the
 * register's: it changes at a seal, and the epoch only once that is certified. Zeros are a roster without
 * nodes: there slots begin as seats, validators first. Nodes that stay keep their slots, and within an epoch
 * their seats; what is gone leaves room for what comes. `own` are this node's keys, `own_count` of them: the
 * one of node.key, and the next one, of which at most one is the epoch's. `validators` is borrowed until the
 * next call. */
void roster_update(struct roster *roster, const struct member_register *nodes,
    const struct verify_set *validators, const struct public_key *own, uint32_t own_count);

/* ROSTER_NONE for a slot that is not in use, and for ROSTER_NONE. */
uint32_t roster_seat(const struct roster *roster, uint32_t slot);
/* ROSTER_NONE for a seat that nobody has, and for ROSTER_NONE. */
uint32_t roster_slot(const struct roster *roster, uint32_t seat);
/* Whether the node in this slot votes in this epoch. */
bool roster_is_validator(const struct roster *roster, uint32_t slot);
/* Of a validator by its seat; "gone" where the register has it no more. Borrowed until the next update. */
const char *roster_validator_name(const struct roster *roster, uint32_t seat);
/* What is counted of a validator, by its seat; NULL where the register has it no more. */
struct validator_meters *roster_meters(const struct roster *roster, uint32_t seat);

#endif
