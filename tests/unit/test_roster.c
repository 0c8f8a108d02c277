// links: node codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "node/roster.h"
#include "tests/vectors/governance_samples.h"

/* Four validators and one observer; node ids from 1, validators first. */
static struct genesis genesis;
static struct member_register nodes;
static struct verify_set first, second;
static struct roster roster;

static int setup(void **state)
{
    (void)state;
    struct validator_set set;
    sample_genesis(&genesis);
    roster = (struct roster){0};
    if (register_from_genesis(&genesis, &nodes) != TALLY_OK) return -1;
    register_current_set(&nodes, &set);
    return verify_set_init(&set, &first);
}

static void update(const struct verify_set *validators, uint32_t node)
{
    roster_update(&roster, &nodes, validators, &nodes.nodes[node].key, 1);
}

/* Epoch 2 begins with the observer and without the validator of seat 0. */
static void next_epoch(void)
{
    struct validator_set set;
    register_current_set(&nodes, &set);
    nodes.epoch = set.epoch = 2;
    set.keys[0] = nodes.nodes[4].key;
    for (uint32_t i = 0; i + 1 < set.count && memcmp(&set.keys[i], &set.keys[i + 1], PUBLIC_KEY_SIZE) > 0;
         i++) {
        struct public_key key = set.keys[i];
        set.keys[i] = set.keys[i + 1];
        set.keys[i + 1] = key;
    }
    memcpy(nodes.set.keys, set.keys, sizeof nodes.set.keys);
    assert_int_equal(verify_set_init(&set, &second), TALLY_OK);
}

static void at_first_slots_are_seats(void **state)
{
    (void)state;
    update(&first, 4);
    assert_int_equal(roster.slot_count, 5);
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(roster_seat(&roster, i), i);
        assert_int_equal(roster_slot(&roster, i), i);
        assert_int_equal(roster_is_validator(&roster, i), i < 4);
        if (i < 4) assert_memory_equal(&roster.slots[i].key, &first.set.keys[i], sizeof(struct public_key));
    }
    assert_int_equal(roster.self, 4);
    assert_int_equal(roster.signer, ROSTER_NONE);
    assert_string_equal(roster.slots[4].name, "o0");
    assert_int_equal(roster_seat(&roster, 5), ROSTER_NONE);
    assert_int_equal(roster_slot(&roster, ROSTER_NONE), ROSTER_NONE);
}

static void a_validator_knows_its_seat(void **state)
{
    (void)state;
    update(&first, 0);
    assert_true(roster.signer < 4);
    assert_int_equal(roster.signer, roster_seat(&roster, roster.self));
    assert_string_equal(roster_validator_name(&roster, roster.signer), nodes.nodes[0].name);
}

static void slots_stay_when_seats_change(void **state)
{
    (void)state;
    uint32_t slot_of_id[6];
    update(&first, 4);
    for (uint32_t i = 0; i < 5; i++)
        slot_of_id[roster.slots[i].node_id] = i;
    uint32_t leaver = roster.slots[0].node_id;
    next_epoch();
    update(&second, 4);
    for (uint32_t i = 0; i < 5; i++)
        assert_int_equal(slot_of_id[roster.slots[i].node_id], i);
    assert_int_equal(roster.self, 4);
    assert_true(roster.signer < 4);
    assert_int_equal(roster_slot(&roster, roster.signer), 4);
    assert_false(roster_is_validator(&roster, slot_of_id[leaver]));
    assert_int_equal(roster_seat(&roster, slot_of_id[leaver]), 4);
}

static void what_is_counted_of_a_validator_stays_with_it(void **state)
{
    (void)state;
    uint32_t ids[4];
    update(&first, 4);
    for (uint32_t seat = 0; seat < 4; seat++) {
        ids[seat] = roster.slots[roster_slot(&roster, seat)].node_id;
        meter_set(&roster_meters(&roster, seat)->votes_missing, 10 * ids[seat]);
    }
    next_epoch();
    update(&second, 4);
    uint32_t stayed = 0;
    for (uint32_t seat = 0; seat < 4; seat++) {
        uint32_t id = roster.slots[roster_slot(&roster, seat)].node_id;
        bool came = id == nodes.nodes[4].id;
        assert_int_equal(
            meter_get(&roster_meters(&roster, seat)->votes_missing), came ? 0 : 10 * (uint64_t)id);
        stayed += !came;
    }
    assert_int_equal(stayed, 3);
    /* Back again, the first validator finds its own. */
    nodes.epoch = 1;
    update(&first, 4);
    for (uint32_t seat = 0; seat < 4; seat++)
        assert_int_equal(meter_get(&roster_meters(&roster, seat)->votes_missing), 10 * (uint64_t)ids[seat]);
}

static void who_comes_in_an_epoch_changes_no_seat(void **state)
{
    (void)state;
    update(&first, 4);
    nodes.nodes[5] = nodes.nodes[4];
    nodes.nodes[5].id = 6;
    nodes.nodes[5].key.bytes[32] ^= 1;
    nodes.node_count = 6;
    update(&first, 4);
    assert_int_equal(roster.slot_count, 6);
    assert_int_equal(roster_seat(&roster, 4), 4);
    assert_int_equal(roster_seat(&roster, 5), 5);
}

static void a_slot_that_is_left_is_used_again(void **state)
{
    (void)state;
    update(&first, 0);
    nodes.nodes[4].id = 7;
    update(&first, 0);
    assert_int_equal(roster.slot_count, 5);
    assert_int_equal(roster.slots[4].node_id, 7);
    assert_int_equal(roster_seat(&roster, 4), 4);
}

static void a_rotated_key_votes_under_the_old_one(void **state)
{
    (void)state;
    struct public_key old = nodes.nodes[0].key;
    struct register_key *key = &nodes.keys[nodes.key_count++];
    *key = *register_key_find(&nodes, &old);
    key->key.bytes[32] ^= 1;
    nodes.nodes[0].key = key->key;
    roster_update(&roster, &nodes, &first, &old, 1);
    assert_true(roster.signer < 4);
    assert_int_equal(roster.slots[roster.self].node_id, 1);
    assert_memory_equal(&roster.slots[roster.self].key, &key->key, sizeof key->key);
    roster_update(&roster, &nodes, &first, &key->key, 1);
    assert_int_equal(roster.signer, ROSTER_NONE);
    assert_true(roster_is_validator(&roster, roster.self));
    const struct public_key both[] = {old, key->key};
    roster_update(&roster, &nodes, &first, both, 2);
    assert_memory_equal(&first.set.keys[roster.signer], &old, sizeof old);
    assert_int_equal(roster.slots[roster.self].node_id, 1);
}

/* The proposal has not passed: the register knows one of its keys alone. */
static void a_key_that_is_to_come_changes_nothing(void **state)
{
    (void)state;
    const struct public_key both[] = {nodes.nodes[0].key, {{2, 1, 1}}};
    roster_update(&roster, &nodes, &first, both, 2);
    assert_true(roster.signer < 4);
    assert_int_equal(roster.slots[roster.self].node_id, 1);
}

/* A seal takes the validator of seat 2 off the register. */
static void seat_two_is_removed(void)
{
    update(&first, 4);
    uint32_t id = roster.slots[2].node_id;
    memmove(&nodes.nodes[id - 1], &nodes.nodes[id], (5 - id) * sizeof nodes.nodes[0]);
    nodes.node_count = 4;
    nodes.epoch = 2;
}

static void a_removed_validator_serves_on_until_the_next_epoch(void **state)
{
    (void)state;
    seat_two_is_removed();
    char name[NAME_SIZE_MAX + 1];
    memcpy(name, roster_validator_name(&roster, 2), sizeof name);
    roster_update(&roster, &nodes, &first, &genesis.observers[0].key, 1);
    assert_int_equal(roster_slot(&roster, 2), 2);
    assert_true(roster.slots[2].ended);
    assert_string_equal(roster_validator_name(&roster, 2), name);
    /* Itself knows its place, too. */
    roster_update(&roster, &nodes, &first, &first.set.keys[2], 1);
    assert_int_equal(roster.self, 2);
    assert_int_equal(roster.signer, 2);
    next_epoch();
    update(&second, 3);
    assert_false(roster.slots[2].used);
}

/* A process that starts between the seal and its certificate cannot know who had the seat. */
static void a_validator_that_is_gone_leaves_its_seat_empty(void **state)
{
    (void)state;
    seat_two_is_removed();
    roster = (struct roster){0};
    roster_update(&roster, &nodes, &first, &genesis.observers[0].key, 1);
    assert_int_equal(roster_slot(&roster, 2), ROSTER_NONE);
    assert_string_equal(roster_validator_name(&roster, 2), "gone");
    assert_null(roster_meters(&roster, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(at_first_slots_are_seats, setup),
        cmocka_unit_test_setup(a_validator_knows_its_seat, setup),
        cmocka_unit_test_setup(slots_stay_when_seats_change, setup),
        cmocka_unit_test_setup(what_is_counted_of_a_validator_stays_with_it, setup),
        cmocka_unit_test_setup(who_comes_in_an_epoch_changes_no_seat, setup),
        cmocka_unit_test_setup(a_slot_that_is_left_is_used_again, setup),
        cmocka_unit_test_setup(a_rotated_key_votes_under_the_old_one, setup),
        cmocka_unit_test_setup(a_key_that_is_to_come_changes_nothing, setup),
        cmocka_unit_test_setup(a_removed_validator_serves_on_until_the_next_epoch, setup),
        cmocka_unit_test_setup(a_validator_that_is_gone_leaves_its_seat_empty, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
