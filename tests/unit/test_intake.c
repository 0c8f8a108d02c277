// links: node
#include "tests/unit/test_links_harness.h"

#include "node/clock.h"
#include "node/intake.h"

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
    assert_true(payload.size <= sizeof side->bytes);
    memcpy(side->bytes, payload.data, payload.size);
    side->size = payload.size;
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
        .key = keys[self].key,
        .secret = &keys[self].secret,
        .software = "test",
        .host = "127.0.0.1",
        .port = ports[self],
        .peers = peers,
        .peer_count = 2,
        .keepalive_ms = 100,
        .silence_ms = 5000,
        .callbacks = &links_callbacks,
        .context = side,
    };
    assert_int_equal(links_open(&harness.loop, &options, &side->links), TALLY_OK);
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

/* A block brought the batch when the queue was full, so the client's own copy is let go: what is flooded is
 * the one that is held, not the one that is gone. */
static void a_batch_that_a_block_brought_first_is_flooded_whole(void **state)
{
    static const struct mempool_limits one = {1, 1 * MIB, 2 * MIB, 4};
    static const struct genesis genesis;
    struct harness_key keys[2];
    struct side sides[2] = {0};
    struct mempool *mempool;
    struct worker *checkers;
    struct intake *intake;
    struct held_batch *pinned;
    uint32_t told = 0;
    uint16_t ports[2] = {harness_free_port(), harness_free_port()};
    (void)state;
    harness_keys(keys, 2);
    for (uint32_t i = 0; i < 2; i++)
        side_open(&sides[i], keys, i, ports);
    assert_true(harness_run(both_are_up, sides, 5000));
    assert_int_equal(mempool_open(&one, &mempool), TALLY_OK);
    assert_int_equal(worker_open(&harness.loop, "checks", 1, &checkers), TALLY_OK);
    assert_int_equal(intake_open(&genesis, mempool, checkers, &callbacks, &told, &intake), TALLY_OK);
    intake_start(intake, sides[0].links);

    assert_int_equal(mempool_add_take(mempool, batch(1, 1), clock_wall_ms()), TALLY_OK);
    assert_int_equal(mempool_add_pinned_take(mempool, batch(2, 2), clock_wall_ms(), &pinned), TALLY_OK);
    struct digest first = harness_digest(1);
    mempool_finalized(mempool, &first);
    assert_int_equal(intake_admit_take(intake, batch(2, 3)), TALLY_OK);
    assert_int_equal(told, 1);
    assert_true(harness_run(batch_came, &sides[1], 5000));
    assert_int_equal(sides[1].size, pinned->bytes.size);
    assert_memory_equal(sides[1].bytes, pinned->bytes.data, pinned->bytes.size);

    worker_close(checkers);
    intake_close(intake);
    mempool_close(mempool);
    for (uint32_t i = 0; i < 2; i++)
        links_close(sides[i].links, NULL, NULL);
    harness_run_for(50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            a_batch_that_a_block_brought_first_is_flooded_whole, harness_setup, harness_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
