#include "node/roster.h"

#include <stdio.h>

#include "proto/base/check.h"

_Static_assert(REGISTER_NODES_MAX <= PEERS_MAX, "every node of a register has a slot");

static uint32_t slot_of_node(const struct roster *roster, uint32_t node_id)
{
    for (uint32_t i = 0; i < roster->slot_count; i++)
        if (roster->slots[i].used && roster->slots[i].node_id == node_id) return i;
    return ROSTER_NONE;
}

/* R11: who left the set serves on until the seal's checkpoint is certified, which is when the next epoch
 * begins here; the register is there as soon as the seal is applied. */
static bool serves_on(const struct roster *roster, const struct member_register *nodes,
    const struct validator_set *set, const struct roster_slot *slot)
{
    bool same = roster->validators != NULL && roster->validators->set.epoch == set->epoch;
    return same && nodes->epoch == set->epoch + 1 && slot->seat < set->count;
}

static void drop_gone(
    struct roster *roster, const struct member_register *nodes, const struct validator_set *set)
{
    for (uint32_t i = 0; i < roster->slot_count; i++) {
        struct roster_slot *slot = &roster->slots[i];
        if (!slot->used || register_node_by_id(nodes, slot->node_id) != NULL) continue;
        if (serves_on(roster, nodes, set, slot))
            slot->ended = true;
        else
            *slot = (struct roster_slot){0};
    }
}

static void put_node(struct roster *roster, const struct register_node *node)
{
    uint32_t at = slot_of_node(roster, node->id), seat = ROSTER_NONE;
    if (at == ROSTER_NONE)
        for (at = 0; roster->slots[at].used; at++)
            CHECK(at + 1 < PEERS_MAX);
    else
        seat = roster->slots[at].seat;
    if (at >= roster->slot_count) roster->slot_count = at + 1;
    struct roster_slot *slot = &roster->slots[at];
    *slot = (struct roster_slot){.used = true,
        .ended = node->until != 0,
        .node_id = node->id,
        .member_id = node->member_id,
        .seat = seat,
        .key = node->key};
    snprintf(slot->name, sizeof slot->name, "%s", node->name);
    snprintf(slot->address, sizeof slot->address, "%s", node->address);
}

/* A validator's key may have been rotated since the epoch began: every key tells its node. */
static const struct register_node *node_of_key(
    const struct member_register *nodes, const struct public_key *key)
{
    const struct register_key *found = register_key_find(nodes, key);
    if (found == NULL || found->kind != KEY_NODE) return NULL;
    return register_node_by_id(nodes, found->node_id);
}

static void put_nodes(
    struct roster *roster, const struct member_register *nodes, const struct validator_set *set)
{
    for (uint32_t seat = 0; seat < set->count; seat++) {
        const struct register_node *node = node_of_key(nodes, &set->keys[seat]);
        if (node != NULL) put_node(roster, node);
    }
    for (uint32_t i = 0; i < nodes->node_count; i++)
        put_node(roster, &nodes->nodes[i]);
}

/* Validators have the seats that the set gives them; in the same epoch others keep theirs. */
static void take_seats(
    struct roster *roster, const struct member_register *nodes, const struct validator_set *set, bool same)
{
    bool taken[PEERS_MAX] = {false};
    for (uint32_t seat = 0; seat < PEERS_MAX; seat++)
        roster->slot_of[seat] = ROSTER_NONE;
    for (uint32_t i = 0; i < roster->slot_count; i++) {
        struct roster_slot *slot = &roster->slots[i];
        bool kept = slot->used && register_node_by_id(nodes, slot->node_id) == NULL;
        if (!same || (slot->seat < set->count && !kept)) slot->seat = ROSTER_NONE;
    }
    for (uint32_t seat = 0; seat < set->count; seat++) {
        const struct register_node *node = node_of_key(nodes, &set->keys[seat]);
        taken[seat] = true;
        if (node != NULL) roster->slots[slot_of_node(roster, node->id)].seat = seat;
    }
    for (uint32_t i = 0; i < roster->slot_count; i++)
        if (roster->slots[i].used && roster->slots[i].seat != ROSTER_NONE)
            taken[roster->slots[i].seat] = true;
    uint32_t next = 0;
    for (uint32_t i = 0; i < roster->slot_count; i++) {
        struct roster_slot *slot = &roster->slots[i];
        if (!slot->used) continue;
        while (slot->seat == ROSTER_NONE && next < PEERS_MAX && taken[next])
            next++;
        /* Where validators are gone from the register their seats stay empty, and the last who came may find
         * none: such a node is spoken to again in the next epoch. */
        if (slot->seat == ROSTER_NONE && next < PEERS_MAX) {
            slot->seat = next;
            taken[next] = true;
        }
        if (slot->seat != ROSTER_NONE) roster->slot_of[slot->seat] = i;
    }
}

/* One node has both keys, or the register has only one of them. */
static void take_own(struct roster *roster, const struct member_register *nodes, const struct public_key *key)
{
    const struct validator_set *set = &roster->validators->set;
    const struct register_node *own = node_of_key(nodes, key);
    if (own != NULL) roster->self = slot_of_node(roster, own->id);
    for (uint32_t seat = 0; seat < set->count; seat++) {
        if (!public_key_equal(&set->keys[seat], key)) continue;
        roster->signer = seat;
        if (roster->self == ROSTER_NONE) roster->self = roster->slot_of[seat];
    }
}

void roster_update(struct roster *roster, const struct member_register *nodes,
    const struct verify_set *validators, const struct public_key *own, uint32_t own_count)
{
    const struct validator_set *set = &validators->set;
    bool same = roster->validators != NULL && roster->validators->set.epoch == set->epoch;
    CHECK(set->epoch == nodes->epoch || set->epoch + 1 == nodes->epoch);
    drop_gone(roster, nodes, set);
    put_nodes(roster, nodes, set);
    take_seats(roster, nodes, set, same);
    roster->validators = validators;
    roster->self = ROSTER_NONE;
    roster->signer = ROSTER_NONE;
    for (uint32_t i = 0; i < own_count; i++)
        take_own(roster, nodes, &own[i]);
}

uint32_t roster_seat(const struct roster *roster, uint32_t slot)
{
    if (slot >= roster->slot_count || !roster->slots[slot].used) return ROSTER_NONE;
    return roster->slots[slot].seat;
}

uint32_t roster_slot(const struct roster *roster, uint32_t seat)
{
    return seat < PEERS_MAX ? roster->slot_of[seat] : ROSTER_NONE;
}

bool roster_is_validator(const struct roster *roster, uint32_t slot)
{
    return roster_seat(roster, slot) < roster->validators->set.count;
}

const char *roster_validator_name(const struct roster *roster, uint32_t seat)
{
    CHECK(seat < roster->validators->set.count);
    uint32_t slot = roster->slot_of[seat];
    return slot == ROSTER_NONE ? "gone" : roster->slots[slot].name;
}

struct validator_meters *roster_meters(const struct roster *roster, uint32_t seat)
{
    uint32_t slot = roster_slot(roster, seat);
    return slot == ROSTER_NONE ? NULL : meters_of_validator(slot, roster->slots[slot].node_id);
}
