// links: node
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "node/joiner.h"

/* Validators 0 to 3 (f = 1) and observers 4 and 5, of which 5 is the node itself. */
#define PEERS 6u
#define VALIDATORS 4u
#define SELF 5u
#define CHUNKS 7u
#define CHUNKS_MANY 1000u

struct world {
    struct joiner *joiner;
    uint64_t now_ms;
    uint32_t offers_asked[PEERS];
    uint32_t asked[PEERS][CHUNKS_MANY + 1]; /* how often each chunk was asked of each peer */
    uint32_t last_asked[CHUNKS_MANY + 1];   /* of whom last, plus one; 0 = it was answered */
    uint32_t refused[PEERS];                /* the last reason */
    uint32_t refusals;
    uint32_t chosen, chosen_peer;
};

static void ask_offer(void *context, uint32_t peer)
{
    ((struct world *)context)->offers_asked[peer]++;
}

static void ask_chunk(void *context, uint32_t peer, uint64_t height, uint32_t index)
{
    struct world *world = context;
    struct joiner_status status;
    joiner_status(world->joiner, &status);
    assert_int_equal(height, status.height);
    assert_in_range(index, 1, status.chunk_count);
    world->asked[peer][index]++;
    world->last_asked[index] = peer + 1;
}

static void chosen(void *context, uint32_t peer, const struct joiner_snapshot *snapshot)
{
    struct world *world = context;
    assert_in_range(snapshot->chunk_count, 1, JOINER_CHUNKS_MAX);
    world->chosen++;
    world->chosen_peer = peer;
}

static void refused(void *context, uint32_t peer, enum joiner_refusal why, uint64_t height)
{
    struct world *world = context;
    (void)height;
    world->refused[peer] = why;
    world->refusals++;
}

static const struct joiner_callbacks callbacks = {ask_offer, ask_chunk, chosen, refused};

static int begin(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    const bool validator[PEERS_MAX] = {true, true, true, true};
    assert_int_equal(
        joiner_open(PEERS, validator, VALIDATORS, SELF, &callbacks, world, &world->joiner), TALLY_OK);
    world->now_ms = 1000;
    *state = world;
    return 0;
}

static int end(void **state)
{
    struct world *world = *state;
    joiner_close(world->joiner);
    free(world);
    return 0;
}

static struct joiner_snapshot snapshot_of(uint64_t height)
{
    return (struct joiner_snapshot){.height = height, .chunk_count = height == 0 ? 0 : CHUNKS};
}

/* The peer's link comes up, and it answers. */
static void answer(struct world *world, uint32_t peer, uint64_t final, uint64_t height)
{
    struct joiner_snapshot snapshot = snapshot_of(height);
    joiner_link_up(world->joiner, peer, world->now_ms);
    joiner_offer(world->joiner, peer, final, &snapshot, world->now_ms);
}

static void pass(struct world *world, uint64_t ms)
{
    for (uint64_t at = 0; at < ms; at += 200) {
        world->now_ms += 200;
        joiner_tick(world->joiner, world->now_ms);
    }
}

static struct joiner_status status_of(const struct world *world)
{
    struct joiner_status status;
    joiner_status(world->joiner, &status);
    return status;
}

/* The peer it was asked of last gives a chunk. */
static void give(struct world *world, uint32_t index, enum joiner_verdict verdict)
{
    uint64_t height = status_of(world).height;
    uint32_t peer = world->last_asked[index] - 1;
    assert_true(world->last_asked[index] > 0);
    world->last_asked[index] = 0;
    assert_true(joiner_chunk_came(world->joiner, peer, height, index));
    joiner_chunk(world->joiner, peer, height, index, verdict, world->now_ms);
}

static void give_all(struct world *world)
{
    uint64_t height = status_of(world).height;
    for (uint32_t round = 0; round < CHUNKS; round++)
        for (uint32_t index = 1; index <= CHUNKS; index++) {
            uint32_t peer = world->last_asked[index] - 1;
            if (world->last_asked[index] == 0 || !joiner_chunk_came(world->joiner, peer, height, index))
                continue;
            joiner_chunk(world->joiner, peer, height, index, JOINER_CHUNK_HERE, world->now_ms);
        }
}

static void a_low_network_is_followed_from_its_first_block(void **state)
{
    struct world *world = *state;
    answer(world, 0, 7, 0);
    answer(world, 2, JOINER_BLOCKS_MIN - 1, 0);
    assert_int_equal(status_of(world).phase, JOINER_ASKING);
    answer(world, 1, JOINER_BLOCKS_MIN - 1, 5);
    assert_int_equal(status_of(world).phase, JOINER_GENESIS);
    assert_int_equal(world->chosen, 0);
}

static void one_liar_does_not_make_the_network_high(void **state)
{
    struct world *world = *state;
    answer(world, 2, UINT64_MAX, 0);
    answer(world, 3, 0, 0);
    answer(world, 1, 0, 0);
    assert_int_equal(status_of(world).phase, JOINER_GENESIS);
}

/* A liar, or one that joins itself. */
static void one_low_answer_does_not_make_the_network_low(void **state)
{
    struct world *world = *state;
    answer(world, 3, 0, 0);
    answer(world, 1, 9000, 0);
    assert_int_equal(status_of(world).phase, JOINER_ASKING);
    answer(world, 0, 9000, 8000);
    assert_int_equal(status_of(world).claimed, 9000);
    assert_int_equal(status_of(world).height, 8000);
}

/* What a quorum signed is no claim. */
static void a_snapshot_is_proof_of_how_high_the_network_is(void **state)
{
    struct world *world = *state;
    answer(world, 3, 0, 0);
    answer(world, 1, 0, 0);
    answer(world, 0, 9000, 8000);
    assert_int_equal(status_of(world).claimed, 8000);
    assert_int_equal(status_of(world).height, 8000);
}

static void chunks_come_from_all_who_have_the_same(void **state)
{
    struct world *world = *state;
    answer(world, 0, 9000, 8000);
    answer(world, 1, 9000, 8000);
    answer(world, 2, 9000, 7999); /* another one */
    answer(world, 4, 9000, 8000); /* an observer gives, though it does not say how high the network is */
    assert_int_equal(status_of(world).phase, JOINER_FETCHING);
    assert_int_equal(status_of(world).sources, 3);
    uint32_t asked[PEERS] = {0};
    for (uint32_t peer = 0; peer < PEERS; peer++)
        for (uint32_t index = 1; index <= CHUNKS; index++)
            asked[peer] += world->asked[peer][index];
    assert_true(asked[0] == JOINER_ASKED_MAX && asked[1] == JOINER_ASKED_MAX);
    assert_true(asked[2] == 0 && asked[4] == JOINER_ASKED_MAX);
    give_all(world);
    assert_int_equal(status_of(world).phase, JOINER_DONE);
    assert_int_equal(status_of(world).chunks_here, CHUNKS);
    assert_int_equal(world->refusals, 0);
}

static void a_wrong_chunk_is_asked_of_another_and_its_peer_left_out(void **state)
{
    struct world *world = *state;
    answer(world, 0, 9000, 8000);
    answer(world, 1, 9000, 8000);
    answer(world, 3, 9000, 0);
    uint32_t liar = world->last_asked[1] - 1, other = 1 - liar;
    give(world, 1, JOINER_CHUNK_WRONG);
    assert_int_equal(world->refused[liar], JOINER_WRONG_CHUNK);
    assert_int_equal(status_of(world).sources, 1);
    /* Nor does it come back with a new link, or by what it had been asked for. */
    uint32_t asked = world->offers_asked[liar];
    joiner_link_down(world->joiner, liar, world->now_ms);
    answer(world, liar, 9000, 8000);
    assert_int_equal(world->offers_asked[liar], asked);
    assert_int_equal(status_of(world).sources, 1);
    give_all(world);
    assert_int_equal(status_of(world).phase, JOINER_DONE);
    assert_true(world->asked[other][1] == 1);
}

static void a_peer_that_stalls_is_left_out(void **state)
{
    struct world *world = *state;
    answer(world, 0, 9000, 8000);
    answer(world, 1, 9000, 8000);
    answer(world, 3, 9000, 0);
    uint32_t slow = world->last_asked[1] - 1;
    for (uint32_t index = 2; index <= CHUNKS; index++)
        if (world->last_asked[index] > 0 && world->last_asked[index] - 1 != slow)
            give(world, index, JOINER_CHUNK_HERE);
    pass(world, JOINER_STALL_MS - 200);
    assert_int_equal(world->refusals, 0);
    pass(world, 400);
    assert_int_equal(world->refused[slow], JOINER_STALLED);
    assert_true(world->refused[1 - slow] == JOINER_STALLED || world->last_asked[1] - 1 == 1 - slow);
}

static void stall(struct world *world)
{
    uint32_t refusals = world->refusals;
    for (uint32_t i = 0; i < 2 * JOINER_STALL_MS / 200 && world->refusals == refusals; i++)
        pass(world, 200);
    assert_int_equal(world->refusals, refusals + 1);
    assert_int_equal(world->refused[0], JOINER_STALLED);
}

/* It alone has a snapshot, and is waited for once. */
static void a_peer_that_stalled_comes_back_later(void **state)
{
    struct world *world = *state;
    struct joiner_snapshot same = snapshot_of(8000);
    answer(world, 0, 9000, 8000);
    answer(world, 1, 9000, 0);
    answer(world, 3, 9000, 0);
    stall(world);
    uint32_t offers_asked = world->offers_asked[0];
    pass(world, JOINER_REST_MS - 400);
    joiner_offer(world->joiner, 0, 9000, &same, world->now_ms); /* unasked, and too early */
    assert_int_equal(status_of(world).sources, 0);
    assert_int_equal(world->offers_asked[0], offers_asked);
    pass(world, JOINER_ASK_MS + 600);
    assert_true(world->offers_asked[0] > offers_asked);
    joiner_offer(world->joiner, 0, 9000, &same, world->now_ms);
    assert_int_equal(status_of(world).phase, JOINER_FETCHING);
    stall(world);
    pass(world, JOINER_STALL_MS + JOINER_GIVE_UP_MS + 400); /* and not once more */
    assert_int_equal(status_of(world).phase, JOINER_GENESIS);
}

static void a_snapshot_of_who_stalled_is_the_last_choice(void **state)
{
    struct world *world = *state;
    struct joiner_snapshot newest = snapshot_of(8900);
    answer(world, 0, 9000, 8900);
    answer(world, 1, 9000, 8000);
    answer(world, 3, 9000, 0);
    assert_int_equal(world->chosen_peer, 0);
    stall(world);
    pass(world, JOINER_STALL_MS + 400);
    assert_int_equal(world->chosen_peer, 1);
    for (uint32_t index = 1; index <= 5; index++) { /* slowly, until peer 0 is back */
        give(world, index, JOINER_CHUNK_HERE);
        pass(world, 8400);
    }
    joiner_offer(world->joiner, 0, 9000, &newest, world->now_ms);
    answer(world, 4, 9000, 7000);
    joiner_link_down(world->joiner, 1, world->now_ms);
    pass(world, JOINER_STALL_MS + 400);
    assert_int_equal(world->chosen_peer, 4);
}

static void a_chunk_that_is_being_checked_does_not_stall(void **state)
{
    struct world *world = *state;
    answer(world, 0, 9000, 8000);
    answer(world, 1, 9000, 0);
    answer(world, 3, 9000, 0);
    assert_true(joiner_chunk_came(world->joiner, 0, 8000, 1) && joiner_chunk_came(world->joiner, 0, 8000, 2));
    joiner_link_down(world->joiner, 0, world->now_ms);
    pass(world, 2 * JOINER_IDLE_MS);
    assert_int_equal(world->refusals, 0);
    joiner_chunk(world->joiner, 0, 8000, 1, JOINER_CHUNK_HERE, world->now_ms);
    assert_int_equal(status_of(world).chunks_here, 1);
}

/* Chunks that came may wait for the first one that is missing: whoever has it is asked for it. */
static void the_first_that_is_missing_is_asked_of_a_peer_whose_chunks_wait_for_it(void **state)
{
    struct world *world = *state;
    answer(world, 0, 9000, 8000);
    answer(world, 1, 9000, 8000);
    answer(world, 3, 9000, 0);
    uint32_t slow = world->last_asked[1] - 1, other = 1 - slow;
    give(world, 2, JOINER_CHUNK_HERE); /* so that only the first is awaited of the slow one */
    for (uint32_t index = 2; index <= CHUNKS; index++)
        if (world->last_asked[index] == slow + 1) give(world, index, JOINER_CHUNK_HERE);
    uint32_t waiting = 0;
    for (uint32_t index = 2; index <= CHUNKS; index++)
        if (world->last_asked[index] == other + 1)
            waiting += joiner_chunk_came(world->joiner, other, 8000, index);
    assert_int_equal(waiting, JOINER_ASKED_MAX);
    pass(world, JOINER_STALL_MS + 200);
    assert_int_equal(world->refused[slow], JOINER_STALLED);
    assert_int_equal(world->last_asked[1], other + 1);
    assert_int_equal(world->asked[other][1], 1);
}

static void chunks_that_wait_for_one_that_never_comes_are_no_reason_to_wait(void **state)
{
    struct world *world = *state;
    answer(world, 0, 9000, 8000);
    answer(world, 1, 9000, 0);
    answer(world, 3, 9000, 0);
    assert_true(joiner_chunk_came(world->joiner, 0, 8000, 2));
    pass(world, 2 * JOINER_STALL_MS + 400);
    assert_int_equal(world->refused[0], JOINER_STALLED);
    assert_int_equal(status_of(world).phase, JOINER_ASKING);
    assert_int_equal(status_of(world).chunk_count, 0);
}

static void chunks_that_become_known_are_fetched_too(void **state)
{
    struct world *world = *state;
    answer(world, 0, 9000, 8000);
    answer(world, 1, 9000, 8000);
    answer(world, 3, 9000, 0);
    joiner_more_chunks(world->joiner, 7999, 5); /* of another one */
    for (uint32_t index = 1; index < CHUNKS; index++)
        give(world, index, JOINER_CHUNK_HERE);
    assert_int_equal(status_of(world).chunk_count, CHUNKS);
    joiner_more_chunks(world->joiner, 8000, CHUNKS_MANY - CHUNKS);
    give(world, CHUNKS, JOINER_CHUNK_HERE);
    assert_int_equal(status_of(world).phase, JOINER_FETCHING);
    assert_int_equal(status_of(world).chunk_count, CHUNKS_MANY);
    assert_int_equal(status_of(world).sources, 2); /* whose heads do not tell of them */
    give(world, CHUNKS + 2, JOINER_CHUNK_WRONG);
    for (uint32_t index = CHUNKS + 1; index <= CHUNKS_MANY; index++)
        give(world, index, JOINER_CHUNK_HERE);
    assert_int_equal(status_of(world).phase, JOINER_DONE);
    assert_int_equal(status_of(world).chunks_here, CHUNKS_MANY);
}

static void what_was_not_asked_for_is_not_taken(void **state)
{
    struct world *world = *state;
    assert_false(joiner_chunk_came(world->joiner, 0, 8000, 1));
    answer(world, 0, 9000, 8000);
    answer(world, 1, 9000, 0);
    answer(world, 3, 9000, 0);
    assert_false(joiner_chunk_came(world->joiner, 1, 8000, 1));
    assert_false(joiner_chunk_came(world->joiner, 0, 7999, 1));
    assert_false(joiner_chunk_came(world->joiner, 0, 8000, 0));
    assert_false(joiner_chunk_came(world->joiner, 0, 8000, CHUNKS + 1));
    assert_false(joiner_chunk_came(world->joiner, 0, 8000, CHUNKS)); /* not yet asked */
    assert_true(joiner_chunk_came(world->joiner, 0, 8000, 1));
    assert_false(joiner_chunk_came(world->joiner, 0, 8000, 1)); /* twice */
}

static void an_old_snapshot_is_refused_and_a_newer_one_taken(void **state)
{
    struct world *world = *state;
    uint64_t final = 80000, oldest = final - final / JOINER_AGE_SHARE - JOINER_AGE_MIN;
    answer(world, 0, final, oldest - 1);
    answer(world, 1, final, 0);
    answer(world, 3, final, 0);
    assert_int_equal(status_of(world).phase, JOINER_ASKING);
    assert_int_equal(world->refused[0], JOINER_OLD);
    answer(world, 0, final, oldest - 1); /* the same again */
    assert_int_equal(world->refusals, 1);
    answer(world, 2, final, oldest);
    assert_int_equal(status_of(world).phase, JOINER_FETCHING);
    assert_int_equal(world->chosen_peer, 2);
    /* One that is offered later is told of all the same. */
    answer(world, 3, final, 7);
    assert_int_equal(world->refused[3], JOINER_OLD);
    assert_int_equal(world->chosen, 1);
}

static void one_low_answer_does_not_make_an_old_snapshot_new(void **state)
{
    struct world *world = *state;
    uint64_t final = 80000;
    answer(world, 0, 5000, 4000); /* says of itself that it is behind */
    answer(world, 1, final, 0);
    assert_int_equal(status_of(world).phase, JOINER_ASKING);
    answer(world, 2, final, 0);
    assert_int_equal(world->refused[0], JOINER_OLD);
    assert_int_equal(world->chosen, 0);
}

static void without_a_snapshot_anywhere_it_begins_with_the_first_block(void **state)
{
    struct world *world = *state;
    answer(world, 0, 9000, 0);
    answer(world, 1, 9000, 0);
    uint32_t asked = world->offers_asked[0];
    pass(world, JOINER_GIVE_UP_MS - 400);
    assert_int_equal(status_of(world).phase, JOINER_ASKING);
    assert_true(world->offers_asked[0] >= asked + JOINER_GIVE_UP_MS / JOINER_ASK_MS);
    pass(world, 800);
    assert_int_equal(status_of(world).phase, JOINER_GENESIS);
}

/* It is as true as a newer one, and saves more than it costs. */
static void where_all_are_old_the_newest_of_them_is_taken_in_the_end(void **state)
{
    struct world *world = *state;
    answer(world, 0, 80000, 3000);
    answer(world, 1, 80000, 4000);
    answer(world, 2, 80000, 0);
    assert_int_equal(world->refusals, 2);
    pass(world, JOINER_GIVE_UP_MS - 400);
    assert_int_equal(status_of(world).phase, JOINER_ASKING);
    pass(world, 800);
    assert_int_equal(status_of(world).phase, JOINER_FETCHING);
    assert_int_equal(status_of(world).height, 4000);
    assert_int_equal(world->refusals, 2);
    for (uint32_t at = 0; at < CHUNKS; at++)
        give_all(world);
    assert_int_equal(status_of(world).phase, JOINER_DONE);
}

static void one_peer_alone_is_enough_after_a_while(void **state)
{
    struct world *world = *state;
    pass(world, 2 * JOINER_GIVE_UP_MS); /* nobody there: it waits */
    assert_int_equal(status_of(world).phase, JOINER_ASKING);
    answer(world, 4, 9000, 8000);
    assert_int_equal(status_of(world).phase, JOINER_ASKING);
    pass(world, JOINER_PATIENCE_MS + 200);
    assert_int_equal(status_of(world).phase, JOINER_FETCHING);
}

static void a_snapshot_that_is_gone_everywhere_gives_way_to_a_newer_one(void **state)
{
    struct world *world = *state;
    answer(world, 0, 9000, 8000);
    answer(world, 1, 9000, 8000);
    answer(world, 3, 9000, 0);
    give(world, 1, JOINER_CHUNK_HERE);
    for (uint32_t index = 2; index <= CHUNKS; index++)
        if (world->last_asked[index] > 0) {
            uint32_t peer = world->last_asked[index] - 1;
            if (joiner_chunk_came(world->joiner, peer, 8000, index))
                joiner_chunk(world->joiner, peer, 8000, index, JOINER_CHUNK_GONE, world->now_ms);
        }
    assert_true(world->refused[0] == JOINER_GONE && world->refused[1] == JOINER_GONE);
    struct joiner_snapshot newer = snapshot_of(8500);
    joiner_offer(world->joiner, 0, 9000, &newer, world->now_ms);
    assert_int_equal(status_of(world).height, 8000);
    pass(world, JOINER_STALL_MS + 400);
    assert_int_equal(status_of(world).height, 8500);
    assert_int_equal(status_of(world).chunks_here, 0);
    assert_int_equal(world->chosen, 2);
    /* A check of the first one that ends only now is nothing to the second. */
    joiner_chunk(world->joiner, 1, 8000, 3, JOINER_CHUNK_WRONG, world->now_ms);
    assert_int_equal(world->refused[1], JOINER_GONE);
}

/* A liar has the newest snapshot, whose head is sound, and offers it again and again. */
static void what_is_offered_and_never_comes_gives_way_to_another(void **state)
{
    struct world *world = *state;
    answer(world, 1, 9000, 8000);
    answer(world, 3, 9000, 0);
    answer(world, 0, 9000, 8500);
    for (uint64_t at = 0; at < JOINER_IDLE_MS; at += 2000) {
        assert_int_equal(status_of(world).height, 8500);
        if (at % 4000 == 0)
            give(world, 1, JOINER_CHUNK_GONE);
        else
            joiner_link_down(world->joiner, 0, world->now_ms);
        answer(world, 0, 9000, 8500);
        pass(world, 2000);
    }
    assert_int_equal(status_of(world).height, 8000);
    answer(world, 0, 9000, 8500);
    give_all(world);
    assert_int_equal(status_of(world).phase, JOINER_DONE);
}

static void a_link_that_returns_goes_on_where_it_was(void **state)
{
    struct world *world = *state;
    answer(world, 0, 9000, 8000);
    answer(world, 1, 9000, 0);
    answer(world, 3, 9000, 0);
    give(world, 1, JOINER_CHUNK_HERE);
    joiner_link_down(world->joiner, 0, world->now_ms);
    pass(world, JOINER_STALL_MS / 2);
    assert_int_equal(status_of(world).phase, JOINER_FETCHING);
    answer(world, 0, 9000, 8000);
    give_all(world);
    assert_int_equal(status_of(world).phase, JOINER_DONE);
    assert_int_equal(world->chosen, 1);
    assert_int_equal(world->asked[0][1], 1);
}

static void offer_one_cut_otherwise(struct world *world, uint32_t peer)
{
    struct joiner_snapshot odd = snapshot_of(8000);
    odd.cut.bytes[5] = 1;
    joiner_link_up(world->joiner, peer, world->now_ms);
    joiner_offer(world->joiner, peer, 9000, &odd, world->now_ms);
}

static void of_two_cuts_that_most_have_is_taken(void **state)
{
    struct world *world = *state;
    offer_one_cut_otherwise(world, 0);
    answer(world, 1, 9000, 8000);
    answer(world, 3, 9000, 8000);
    assert_true(world->chosen == 1 && world->chosen_peer == 1);
    assert_int_equal(status_of(world).sources, 2);
    give_all(world);
    assert_int_equal(status_of(world).phase, JOINER_DONE);
    assert_int_equal(world->refusals, 0);
}

/* The first that is awaited comes just in time, so that nothing ever stalls. */
static void drip(struct world *world, uint64_t ms)
{
    const uint64_t step_ms = JOINER_STALL_MS / 4;
    for (uint64_t passed = 0; passed < ms && world->refusals == 0; passed += step_ms) {
        pass(world, step_ms);
        uint32_t index = 1;
        while (world->refusals == 0 && world->last_asked[index] == 0)
            index++;
        if (world->refusals == 0) give(world, index, JOINER_CHUNK_HERE);
    }
}

static void what_would_take_too_long_is_tried_after_what_others_offer(void **state)
{
    struct world *world = *state;
    struct joiner_snapshot many = {.height = 8400, .chunk_count = CHUNKS_MANY};
    joiner_link_up(world->joiner, 0, world->now_ms);
    joiner_offer(world->joiner, 0, 9000, &many, world->now_ms);
    answer(world, 1, 9000, 0);
    answer(world, 3, 9000, 0);
    assert_true(world->chosen == 1 && world->chosen_peer == 0);
    /* While nobody else has one, slow is better than nothing. */
    drip(world, 2 * JOINER_IDLE_MS);
    assert_int_equal(world->refusals, 0);
    answer(world, 1, 9000, 8000);
    drip(world, 2 * JOINER_IDLE_MS);
    assert_int_equal(world->refused[0], JOINER_SLOW);
    assert_true(world->chosen == 2 && world->chosen_peer == 1);
    /* Offered again, it stays behind the other, and is taken once there is no other any more. */
    joiner_offer(world->joiner, 0, 9000, &many, world->now_ms);
    assert_int_equal(world->chosen, 2);
    joiner_link_down(world->joiner, 1, world->now_ms);
    pass(world, JOINER_STALL_MS + 400);
    assert_true(world->chosen == 3 && world->chosen_peer == 0);
}

/* Nobody signs where a snapshot is cut: parts of one that is cut otherwise would not fit, and that is not
 * their sender's fault. */
static void chunks_are_asked_of_those_alone_whose_snapshot_is_cut_alike(void **state)
{
    struct world *world = *state;
    offer_one_cut_otherwise(world, 0);
    answer(world, 1, 9000, 0);
    answer(world, 3, 9000, 0);
    assert_true(world->chosen == 1 && world->chosen_peer == 0);
    answer(world, 1, 9000, 8000);
    answer(world, 3, 9000, 8000);
    assert_int_equal(status_of(world).sources, 1);
    for (uint32_t index = 1; index <= CHUNKS; index++)
        assert_true(world->last_asked[index] <= 1);
    give(world, 1, JOINER_CHUNK_WRONG);
    pass(world, JOINER_STALL_MS + 400);
    assert_true(world->chosen == 2 && world->chosen_peer == 1);
    assert_int_equal(status_of(world).sources, 2);
    give_all(world);
    assert_int_equal(status_of(world).phase, JOINER_DONE);
    assert_true(world->refused[1] == 0 && world->refused[3] == 0);
}

/* What comes out of turn may have to be kept until its turn: that is bounded. */
static void nothing_is_asked_for_far_ahead_of_what_is_missing(void **state)
{
    struct world *world = *state;
    struct joiner_snapshot many = {.height = 8000, .chunk_count = CHUNKS_MANY};
    for (uint32_t peer = 0; peer < 2; peer++) {
        joiner_link_up(world->joiner, peer, world->now_ms);
        joiner_offer(world->joiner, peer, 9000, &many, world->now_ms);
    }
    answer(world, 3, 9000, 0);
    uint32_t slow = world->last_asked[1] - 1, here = 0;
    for (uint32_t round = 0; round < CHUNKS_MANY; round++)
        for (uint32_t index = 1; index <= CHUNKS_MANY; index++) {
            if (world->last_asked[index] != 2 - slow) continue;
            world->last_asked[index] = 0;
            assert_true(joiner_chunk_came(world->joiner, 1 - slow, 8000, index));
            joiner_chunk(world->joiner, 1 - slow, 8000, index, JOINER_CHUNK_HERE, world->now_ms);
            here++;
            assert_true(index <= JOINER_WINDOW);
        }
    assert_int_equal(here, JOINER_WINDOW - JOINER_ASKED_MAX);
    /* The slow one is left out in the end, and all of it comes. */
    for (uint32_t at = 0; at <= JOINER_STALL_MS && world->refusals == 0; at += 200)
        pass(world, 200);
    assert_int_equal(world->refused[slow], JOINER_STALLED);
    for (uint32_t round = 0; round < CHUNKS_MANY; round++)
        for (uint32_t index = 1; index <= CHUNKS_MANY; index++) {
            if (world->last_asked[index] != 2 - slow) continue;
            world->last_asked[index] = 0;
            assert_true(joiner_chunk_came(world->joiner, 1 - slow, 8000, index));
            joiner_chunk(world->joiner, 1 - slow, 8000, index, JOINER_CHUNK_HERE, world->now_ms);
        }
    assert_int_equal(status_of(world).phase, JOINER_DONE);
}

/* Likewise one that was old, was taken after all, and is gone then: its peer keeps the link, and says no
 * more. */
static void an_old_snapshot_that_is_gone_is_not_chosen_again_unasked(void **state)
{
    struct world *world = *state;
    answer(world, 0, 80000, 3000);
    answer(world, 1, 80000, 0);
    answer(world, 2, 80000, 0);
    pass(world, JOINER_GIVE_UP_MS + 400);
    assert_int_equal(world->chosen, 1);
    give(world, 1, JOINER_CHUNK_GONE);
    pass(world, JOINER_STALL_MS + JOINER_GIVE_UP_MS + 1000);
    assert_int_equal(world->chosen, 1);
    assert_int_equal(status_of(world).phase, JOINER_GENESIS);
}

/* A head is megabytes, and costs the checks of a quorum. */
static void an_offer_counts_once_for_each_time_it_was_asked_for(void **state)
{
    struct world *world = *state;
    assert_false(joiner_offer_came(world->joiner, 0));
    joiner_link_up(world->joiner, 0, world->now_ms);
    assert_true(joiner_offer_came(world->joiner, 0));
    assert_false(joiner_offer_came(world->joiner, 0));
    pass(world, 2 * JOINER_ASK_MS);
    assert_true(joiner_offer_came(world->joiner, 0));
    joiner_link_down(world->joiner, 0, world->now_ms);
    assert_false(joiner_offer_came(world->joiner, 0));
    joiner_link_up(world->joiner, 0, world->now_ms);
    joiner_wrong_head(world->joiner, 0, 9000, world->now_ms);
    assert_false(joiner_offer_came(world->joiner, 0));
}

static void as_many_chunks_as_a_head_can_list_are_no_fault(void **state)
{
    struct world *world = *state;
    struct joiner_snapshot most = {.height = 8000, .chunk_count = 131072 + FRAME_SIZE_MAX / 32};
    answer(world, 1, 9000, 0);
    answer(world, 3, 9000, 0);
    joiner_link_up(world->joiner, 0, world->now_ms);
    joiner_offer(world->joiner, 0, 9000, &most, world->now_ms);
    assert_int_equal(status_of(world).chunk_count, most.chunk_count);
}

static void where_no_head_checks_it_begins_with_the_first_block(void **state)
{
    struct world *world = *state;
    for (uint32_t peer = 0; peer < VALIDATORS; peer++) {
        joiner_link_up(world->joiner, peer, world->now_ms);
        joiner_wrong_head(world->joiner, peer, 9000, world->now_ms);
    }
    pass(world, JOINER_GIVE_UP_MS - 400);
    assert_int_equal(status_of(world).phase, JOINER_ASKING);
    pass(world, 800);
    assert_int_equal(status_of(world).phase, JOINER_GENESIS);
}

/* Who keeps the heads has given this one away. */
static void what_a_lost_link_offered_is_not_chosen_again_unasked(void **state)
{
    struct world *world = *state;
    answer(world, 0, 9000, 8000);
    answer(world, 1, 9000, 0);
    answer(world, 3, 9000, 0);
    assert_int_equal(world->chosen, 1);
    joiner_link_down(world->joiner, 0, world->now_ms);
    pass(world, JOINER_STALL_MS + 400);
    assert_int_equal(status_of(world).phase, JOINER_ASKING);
    joiner_link_up(world->joiner, 0, world->now_ms);
    pass(world, 2 * JOINER_PATIENCE_MS);
    assert_int_equal(world->chosen, 1);
    struct joiner_snapshot again = snapshot_of(8000);
    joiner_offer(world->joiner, 0, 9000, &again, world->now_ms);
    assert_int_equal(world->chosen, 2);
}

static void a_wrong_head_leaves_its_peer_out(void **state)
{
    struct world *world = *state;
    joiner_link_up(world->joiner, 0, world->now_ms);
    joiner_wrong_head(world->joiner, 0, 9000, world->now_ms);
    answer(world, 0, 9000, 8900); /* not heard any more */
    answer(world, 2, 9000, 8000);
    answer(world, 3, 9000, 0);
    assert_int_equal(world->refused[0], JOINER_WRONG_HEAD);
    assert_int_equal(status_of(world).height, 8000);
}

/* In a later epoch validators are any peers. */
static void validators_are_who_the_roster_says(void **state)
{
    struct world *world = *state;
    const bool validator[PEERS_MAX] = {[1] = true, [2] = true, [3] = true, [4] = true};
    joiner_close(world->joiner);
    assert_int_equal(
        joiner_open(PEERS, validator, VALIDATORS, SELF, &callbacks, world, &world->joiner), TALLY_OK);
    answer(world, 0, 1000000, 0);
    answer(world, 1, 7, 0);
    answer(world, 2, 7, 0);
    assert_int_equal(status_of(world).phase, JOINER_ASKING);
    answer(world, 4, 1000000, 0);
    assert_int_equal(status_of(world).phase, JOINER_GENESIS);
    assert_int_equal(status_of(world).claimed, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(validators_are_who_the_roster_says, begin, end),
        cmocka_unit_test_setup_teardown(a_low_network_is_followed_from_its_first_block, begin, end),
        cmocka_unit_test_setup_teardown(one_liar_does_not_make_the_network_high, begin, end),
        cmocka_unit_test_setup_teardown(one_low_answer_does_not_make_the_network_low, begin, end),
        cmocka_unit_test_setup_teardown(a_snapshot_is_proof_of_how_high_the_network_is, begin, end),
        cmocka_unit_test_setup_teardown(chunks_come_from_all_who_have_the_same, begin, end),
        cmocka_unit_test_setup_teardown(a_wrong_chunk_is_asked_of_another_and_its_peer_left_out, begin, end),
        cmocka_unit_test_setup_teardown(a_peer_that_stalls_is_left_out, begin, end),
        cmocka_unit_test_setup_teardown(a_peer_that_stalled_comes_back_later, begin, end),
        cmocka_unit_test_setup_teardown(a_snapshot_of_who_stalled_is_the_last_choice, begin, end),
        cmocka_unit_test_setup_teardown(a_chunk_that_is_being_checked_does_not_stall, begin, end),
        cmocka_unit_test_setup_teardown(
            the_first_that_is_missing_is_asked_of_a_peer_whose_chunks_wait_for_it, begin, end),
        cmocka_unit_test_setup_teardown(
            chunks_that_wait_for_one_that_never_comes_are_no_reason_to_wait, begin, end),
        cmocka_unit_test_setup_teardown(chunks_that_become_known_are_fetched_too, begin, end),
        cmocka_unit_test_setup_teardown(what_was_not_asked_for_is_not_taken, begin, end),
        cmocka_unit_test_setup_teardown(an_old_snapshot_is_refused_and_a_newer_one_taken, begin, end),
        cmocka_unit_test_setup_teardown(one_low_answer_does_not_make_an_old_snapshot_new, begin, end),
        cmocka_unit_test_setup_teardown(
            without_a_snapshot_anywhere_it_begins_with_the_first_block, begin, end),
        cmocka_unit_test_setup_teardown(where_all_are_old_the_newest_of_them_is_taken_in_the_end, begin, end),
        cmocka_unit_test_setup_teardown(one_peer_alone_is_enough_after_a_while, begin, end),
        cmocka_unit_test_setup_teardown(
            a_snapshot_that_is_gone_everywhere_gives_way_to_a_newer_one, begin, end),
        cmocka_unit_test_setup_teardown(what_is_offered_and_never_comes_gives_way_to_another, begin, end),
        cmocka_unit_test_setup_teardown(a_link_that_returns_goes_on_where_it_was, begin, end),
        cmocka_unit_test_setup_teardown(of_two_cuts_that_most_have_is_taken, begin, end),
        cmocka_unit_test_setup_teardown(
            what_would_take_too_long_is_tried_after_what_others_offer, begin, end),
        cmocka_unit_test_setup_teardown(
            chunks_are_asked_of_those_alone_whose_snapshot_is_cut_alike, begin, end),
        cmocka_unit_test_setup_teardown(nothing_is_asked_for_far_ahead_of_what_is_missing, begin, end),
        cmocka_unit_test_setup_teardown(what_a_lost_link_offered_is_not_chosen_again_unasked, begin, end),
        cmocka_unit_test_setup_teardown(an_old_snapshot_that_is_gone_is_not_chosen_again_unasked, begin, end),
        cmocka_unit_test_setup_teardown(an_offer_counts_once_for_each_time_it_was_asked_for, begin, end),
        cmocka_unit_test_setup_teardown(as_many_chunks_as_a_head_can_list_are_no_fault, begin, end),
        cmocka_unit_test_setup_teardown(where_no_head_checks_it_begins_with_the_first_block, begin, end),
        cmocka_unit_test_setup_teardown(a_wrong_head_leaves_its_peer_out, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
