#include "tests/sim/catalogue.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/codec/batch.h"
#include "proto/codec/genesis.h"
#include "tests/sim/dice.h"
#include "tests/sim/seal.h"
#include "tests/sim/story.h"
#include "tests/vectors/profile.h"

#define SLOTS 16384u
#define ARENA_BUDGET (256u * MIB)
#define EVENTS_MAX 6u
#define LIFETIME_MS_MAX 540000u
_Static_assert(SLOTS >= 2 * BATCHES_MAX, "the table is never full");

struct named_batch {
    bool made;
    struct digest name;
    struct span bytes;
    struct batch batch;
};

struct catalogue {
    bool real;
    struct dice dice;
    struct genesis genesis;
    struct arena arena;
    struct named_batch *batches; /* by number */
    uint16_t *slots;             /* number + 1 by name; 0 = none */
    struct story story;          /* what its events tell */
};

/* ---- The network ---- */

static void genesis_make(struct genesis *genesis, const struct vault *vault)
{
    const struct validator_set *set = &vault_seats(vault, 1)->set;
    genesis->chain_id = vault->chain_id;
    genesis->created_ms = 1;
    genesis->base_timeout_ms = 400;
    (void)snprintf(genesis->network, sizeof genesis->network, "simulated");
    genesis->policy = profile("cn");
    genesis->member_count = STORY_LENDERS + 1;
    for (uint32_t i = 0; i < genesis->member_count; i++) {
        struct genesis_member *member = &genesis->members[i];
        member->id = i + 1;
        member->role = i < STORY_LENDERS ? ROLE_LENDER : ROLE_REGULATOR;
        member->key_count = 1;
        member->keys[0].bytes[0] = 3;
        put_u32(member->keys[0].bytes + 1, i + 1);
        member->ballot_key_count = 1;
        member->ballot_keys[0].bytes[0] = 2;
        put_u32(member->ballot_keys[0].bytes + 1, i + 1);
    }
    genesis->validator_count = set->count;
    for (uint32_t i = 0; i < set->count; i++) {
        struct genesis_node *node = &genesis->validators[i];
        node->member_id = i % genesis->member_count + 1;
        (void)snprintf(node->name, sizeof node->name, "validator-%u", i + 1);
        node->key = set->keys[i];
    }
}

struct catalogue *catalogue_open(const struct vault *vault, uint64_t seed, bool real)
{
    struct catalogue *catalogue = calloc(1, sizeof *catalogue);
    CHECK(catalogue != NULL);
    catalogue->real = real;
    if (!real) return catalogue;
    dice_init(&catalogue->dice, seed);
    genesis_make(&catalogue->genesis, vault);
    arena_init(&catalogue->arena, ARENA_BUDGET);
    story_open(&catalogue->story, &catalogue->dice, &catalogue->arena, &catalogue->genesis.chain_id);
    catalogue->batches = calloc(BATCHES_MAX, sizeof catalogue->batches[0]);
    catalogue->slots = calloc(SLOTS, sizeof catalogue->slots[0]);
    CHECK(catalogue->batches != NULL && catalogue->slots != NULL);
    return catalogue;
}

void catalogue_close(struct catalogue *catalogue)
{
    if (catalogue == NULL) return;
    if (catalogue->real) arena_close(&catalogue->arena);
    free(catalogue->batches);
    free(catalogue->slots);
    story_close(&catalogue->story);
    free(catalogue);
}

bool catalogue_is_real(const struct catalogue *catalogue)
{
    return catalogue->real;
}

const struct genesis *catalogue_genesis(const struct catalogue *catalogue)
{
    CHECK(catalogue->real);
    return &catalogue->genesis;
}

/* ---- Batches ---- */

static void batch_make(struct catalogue *catalogue, struct batch *batch, uint64_t wall_ms)
{
    struct dice *dice = &catalogue->dice;
    *batch = (struct batch){.chain_id = catalogue->genesis.chain_id};
    /* Now and then a member that may not furnish, or a key that is nobody's. */
    batch->member_id =
        (uint32_t)dice_between(dice, 1, dice_chance(dice, 30) ? STORY_LENDERS + 1 : STORY_LENDERS);
    batch->signing_key = catalogue->genesis.members[batch->member_id - 1].keys[0];
    if (dice_chance(dice, 20)) batch->signing_key.bytes[20] = 1;
    batch->expires_at_ms = wall_ms + dice_between(dice, 1000, LIFETIME_MS_MAX);
    batch->event_count = (uint32_t)dice_between(dice, 1, EVENTS_MAX);
    batch->events = arena_take_zeroed(&catalogue->arena, batch->event_count, sizeof *batch->events);
    CHECK(batch->events != NULL);
    for (uint32_t i = 0; i < batch->event_count; i++)
        story_go_on(&catalogue->story, batch->member_id, wall_ms, &batch->events[i]);
    put_u64(batch->signature.bytes, dice_next(dice));
    batch->digest = batch_digest(batch);
}

static struct digest plain_name(uint32_t number)
{
    struct digest name = {{0}};
    put_u32(name.bytes, number);
    name.bytes[31] = 0xb7;
    return name;
}

static uint16_t *slot_of(const struct catalogue *catalogue, const struct digest *name)
{
    uint32_t at = get_u32(name->bytes) % SLOTS;
    while (
        catalogue->slots[at] != 0 && !digest_equal(&catalogue->batches[catalogue->slots[at] - 1].name, name))
        at = (at + 1) % SLOTS;
    return &catalogue->slots[at];
}

struct digest catalogue_name(struct catalogue *catalogue, uint32_t number, uint64_t wall_ms)
{
    CHECK(number < BATCHES_MAX);
    if (!catalogue->real) return plain_name(number);
    struct named_batch *named = &catalogue->batches[number];
    if (named->made) return named->name;
    struct buffer bytes;
    batch_make(catalogue, &named->batch, wall_ms);
    buffer_init(&bytes, BATCH_SIZE_MAX);
    batch_encode(&named->batch, true, &bytes);
    named->bytes = story_keep(&catalogue->story, &bytes);
    named->name = named->batch.digest;
    named->made = true;
    uint16_t *slot = slot_of(catalogue, &named->name);
    CHECK(*slot == 0);
    *slot = (uint16_t)(number + 1);
    return named->name;
}

uint32_t catalogue_number(const struct catalogue *catalogue, const struct digest *name)
{
    if (!catalogue->real) return get_u32(name->bytes) % BATCHES_MAX;
    uint16_t slot = *slot_of(catalogue, name);
    CHECK(slot != 0);
    return slot - 1u;
}

struct span catalogue_bytes(const struct catalogue *catalogue, const struct digest *name)
{
    if (!catalogue->real) return span_of(name->bytes, DIGEST_SIZE);
    return catalogue->batches[catalogue_number(catalogue, name)].bytes;
}

const struct batch *catalogue_batch(const struct catalogue *catalogue, const struct digest *name)
{
    CHECK(catalogue->real);
    return &catalogue->batches[catalogue_number(catalogue, name)].batch;
}

void catalogue_measure(const struct catalogue *catalogue, const struct digest *names, uint32_t count,
    uint32_t *size, uint32_t *events)
{
    *size = *events = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct batch *batch = catalogue->real ? catalogue_batch(catalogue, &names[i]) : NULL;
        *size += batch == NULL ? 100 : (uint32_t)batch_size_without_bodies(batch);
        *events += batch == NULL ? 1 : batch->event_count;
    }
}
