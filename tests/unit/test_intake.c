// links: node
#include "tests/unit/test_links_harness.h"

#include "node/clock.h"
#include "node/intake.h"
#include "node/peer_message.h"

struct side {
    struct links *links;
    uint32_t up, batches;
    uint8_t bytes[64];
    size_t size;
};

static void on_up(void *context, uint32_t peer)
{
    (void)peer;
    ((struct side *)context)->up++;
}

static void on_down(void *context, uint32_t peer, const char *reason)
{
    (void)peer, (void)reason;
    ((struct side *)context)->up--;
}

static void on_frame(void *context, uint32_t peer, enum frame_kind kind, struct span payload)
{
    struct side *side = context;
    (void)peer;
    if (kind != FRAME_BATCH) return;
    side->size = payload.size;
    if (payload.size <= sizeof side->bytes) memcpy(side->bytes, payload.data, payload.size);
    side->batches++;
}

static const struct links_callbacks links_callbacks = {on_up, on_down, on_frame};

static void side_open(
    struct side *side, const struct harness_key *keys, uint32_t self, const uint16_t ports[2])
{
    struct links_peer peers[2] = {0};
    for (uint32_t i = 0; i < 2; i++) {
        snprintf(peers[i].name, sizeof peers[i].name, "node-%u", i);
        snprintf(peers[i].host, sizeof peers[i].host, "127.0.0.1");
        peers[i].key = keys[i].key;
        peers[i].port = ports[i];
    }
    struct links_options options = {
        .chain_id = harness_digest(1),
        .signer = &keys[self].signer,
        .software = "test",
        .host = "127.0.0.1",
        .port = ports[self],
        .keepalive_ms = 100,
        .silence_ms = 5000,
        .callbacks = &links_callbacks,
        .context = side,
    };
    assert_int_equal(links_open(&harness.loop, &options, &side->links), TALLY_OK);
    for (uint32_t i = 0; i < 2; i++)
        assert_int_equal(links_set_peer(side->links, i, &peers[i]), TALLY_OK);
}

static bool both_are_up(void *context)
{
    const struct side *sides = context;
    return sides[0].up == 1 && sides[1].up == 1;
}

static bool batch_came(void *context)
{
    return ((struct side *)context)->batches == 1;
}

static void on_batch(void *context, struct held_batch *held)
{
    (void)held;
    (*(uint32_t *)context)++;
}

static bool lacks_nothing(void *context)
{
    (void)context;
    return false;
}

static void fill(void *context, struct held_batch *held)
{
    (void)context, (void)held;
}

static const struct intake_callbacks callbacks = {on_batch, lacks_nothing, fill};

/* The mempool looks at no more of a batch than this. Copies of one batch may differ in which bodies they
 * have.
 */
static struct held_batch *batch(uint8_t number, uint8_t copy)
{
    uint8_t bytes[64];
    memset(bytes, copy, sizeof bytes);
    struct held_batch *held = held_batch_open(span_of(bytes, sizeof bytes));
    assert_non_null(held);
    held->batch.digest = harness_digest(number);
    held->batch.event_count = 1;
    held->batch.expires_at_ms = clock_wall_ms() + 60000;
    return held;
}

struct world {
    struct harness_key keys[2];
    struct side sides[2];
    struct mempool *mempool;
    struct worker *checkers;
    struct intake *intake; /* of side 0 */
    uint32_t told;
};

static void world_open(struct world *world, const struct mempool_limits *limits)
{
    static const struct digest chain_id;
    static const struct member_register nobody;
    struct register_view *view = register_view_make(&nobody, 0);
    assert_non_null(view);
    uint16_t ports[2] = {harness_free_port(), harness_free_port()};
    harness_keys(world->keys, 2);
    for (uint32_t i = 0; i < 2; i++)
        side_open(&world->sides[i], world->keys, i, ports);
    assert_true(harness_run(both_are_up, world->sides, 5000));
    assert_int_equal(mempool_open(limits, &world->mempool), TALLY_OK);
    assert_int_equal(worker_open(&harness.loop, "checks", 1, &world->checkers), TALLY_OK);
    assert_int_equal(intake_open(&chain_id, view, world->mempool, world->checkers, &callbacks, &world->told,
                         &world->intake),
        TALLY_OK);
    register_view_release(view);
    intake_start(world->intake, world->sides[0].links);
}

static void world_close(struct world *world)
{
    worker_close(world->checkers);
    intake_close(world->intake);
    mempool_close(world->mempool);
    for (uint32_t i = 0; i < 2; i++)
        links_close(world->sides[i].links, NULL, NULL);
    harness_run_for(50);
}

/* A block brought the batch when the queue was full, so the client's own copy is let go: what is flooded is
 * the one that is held, not the one that is gone. */
static void a_batch_that_a_block_brought_first_is_flooded_whole(void **state)
{
    static const struct mempool_limits one = {1, 1 * MIB, 2 * MIB, 4};
    struct world world = {0};
    struct held_batch *pinned;
    (void)state;
    world_open(&world, &one);
    assert_int_equal(mempool_add_take(world.mempool, batch(1, 1), clock_wall_ms()), TALLY_OK);
    assert_int_equal(mempool_add_pinned_take(world.mempool, batch(2, 2), clock_wall_ms(), &pinned), TALLY_OK);
    struct digest first = harness_digest(1);
    mempool_finalized(world.mempool, &first);
    assert_int_equal(intake_admit_take(world.intake, batch(2, 3)), TALLY_OK);
    assert_int_equal(world.told, 1);
    assert_true(harness_run(batch_came, &world.sides[1], 5000));
    assert_int_equal(world.sides[1].size, pinned->bytes.size);
    assert_memory_equal(world.sides[1].bytes, pinned->bytes.data, pinned->bytes.size);
    world_close(&world);
}

/* One small frame may not make the loop copy a large batch ten thousand times. */
static void a_peer_is_given_no_more_than_a_windows_worth(void **state)
{
    static struct digest digests[BLOCK_BATCHES_MAX];
    struct world world = {0};
    struct buffer request;
    uint8_t *large = calloc(1, BATCH_SIZE_MAX);
    (void)state;
    world_open(&world, NULL);
    struct held_batch *held = held_batch_open(span_of(large, BATCH_SIZE_MAX));
    assert_non_null(held);
    held->batch.digest = harness_digest(7);
    held->batch.event_count = 1;
    held->batch.expires_at_ms = clock_wall_ms() + 60000;
    assert_int_equal(mempool_add_take(world.mempool, held, clock_wall_ms()), TALLY_OK);
    for (size_t i = 0; i < BLOCK_BATCHES_MAX; i++)
        digests[i] = harness_digest(7);
    buffer_init(&request, MIB);
    batch_request_encode(digests, BLOCK_BATCHES_MAX, &request);
    uint64_t start = harness_now_ms();
    intake_frame(world.intake, 1, FRAME_BATCH_REQUEST, buffer_span(&request));
    assert_true(harness_now_ms() - start < 500);
    harness_run_for(500);
    assert_true(world.sides[1].batches >= 1);
    struct links_status status;
    links_peer_status(world.sides[0].links, 1, &status);
    assert_true(world.sides[1].batches + status.bulk_dropped <= 8 * (BLOCK_SIZE_MAX / BATCH_SIZE_MAX));
    assert_true(world.sides[0].up == 1);
    buffer_close(&request);
    free(large);
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_batch_that_a_block_brought_first_is_flooded_whole, harness_setup, harness_teardown),
        cmocka_unit_test_setup_teardown(
            a_peer_is_given_no_more_than_a_windows_worth, harness_setup, harness_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
