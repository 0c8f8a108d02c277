// links: node
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "node/mempool.h"

#define NOW_MS 1000000u
#define LATER_MS (NOW_MS + 60000u)

static const struct mempool_limits small = {
    .batches_max = 8, .bytes_max = 1 * MIB, .held_bytes_max = 2 * MIB, .finalized_max = 4};

static struct mempool *pool_open(const struct mempool_limits *limits)
{
    struct mempool *mempool;

    assert_int_equal(mempool_open(limits, &mempool), TALLY_OK);
    return mempool;
}

static struct digest digest_of(unsigned number)
{
    struct digest digest = {{0}};

    put_u32(digest.bytes + 20, number);
    return digest;
}

/* A batch that says nothing but its number, its size and its expiry: the mempool looks at no more. */
static struct held_batch *sized_batch(unsigned number, size_t size, uint32_t event_count)
{
    uint8_t *bytes = calloc(1, size);
    assert_non_null(bytes);
    struct held_batch *held = held_batch_open(span_of(bytes, size));
    assert_non_null(held);
    free(bytes);
    held->batch.digest = digest_of(number);
    held->batch.event_count = event_count;
    held->batch.expires_at_ms = LATER_MS;
    return held;
}

static struct held_batch *batch(unsigned number)
{
    return sized_batch(number, 100, 1);
}

static struct held_batch *add(struct mempool *mempool, unsigned number)
{
    struct held_batch *held = batch(number);

    held->arrival = mempool_arrival(mempool);
    assert_int_equal(mempool_add_take(mempool, held, NOW_MS), TALLY_OK);
    return held;
}

static int refused(struct mempool *mempool, struct held_batch *held)
{
    held->arrival = mempool_arrival(mempool);
    int error = mempool_add_take(mempool, held, NOW_MS);
    if (error) held_batch_close(held);
    return error;
}

static struct mempool_status status_of(const struct mempool *mempool)
{
    struct mempool_status status;

    mempool_status(mempool, &status);
    return status;
}

static struct mempool_selection selection_open(void)
{
    return (struct mempool_selection){.batches = calloc(BLOCK_BATCHES_MAX, sizeof(struct held_batch *))};
}

/* The chosen numbers, as text: "1 2 3". */
static const char *chosen(
    struct mempool *mempool, uint64_t time_ms, const struct mempool_payload *ancestors, size_t ancestor_count)
{
    static char text[4096];
    struct mempool_selection selection = selection_open();
    size_t size = 0;

    mempool_select(mempool, time_ms, ancestors, ancestor_count, &selection);
    assert_int_equal(
        mempool_has_work(mempool, time_ms, ancestors, ancestor_count), selection.batch_count > 0);
    text[0] = 0;
    for (uint32_t i = 0; i < selection.batch_count; i++) {
        size += (size_t)snprintf(text + size, sizeof(text) - size, "%s%u", i ? " " : "",
            get_u32(selection.batches[i]->batch.digest.bytes + 20));
        assert_true(size < sizeof(text));
    }
    free(selection.batches);
    return text;
}

static void batches_are_proposed_in_the_order_they_came(void **context)
{
    (void)context;
    struct mempool *mempool = pool_open(&small);
    struct held_batch *slow = batch(1);

    slow->arrival = mempool_arrival(mempool);
    add(mempool, 2);
    add(mempool, 3);
    assert_string_equal(chosen(mempool, NOW_MS, NULL, 0), "2 3");
    /* It came first, and its check on a worker took longer. */
    assert_int_equal(mempool_add_take(mempool, slow, NOW_MS), TALLY_OK);
    assert_string_equal(chosen(mempool, NOW_MS, NULL, 0), "1 2 3");
    mempool_close(mempool);
}

static void the_oldest_that_waits_says_when_it_came(void **context)
{
    (void)context;
    struct mempool *mempool = pool_open(&small);
    struct held_batch *first = batch(1), *second = batch(2);

    assert_int_equal(status_of(mempool).oldest_ms, 0);
    first->arrival = mempool_arrival(mempool);
    second->arrival = mempool_arrival(mempool);
    first->arrived_ms = 1000;
    second->arrived_ms = 2000;
    struct digest digest = first->batch.digest;
    assert_int_equal(mempool_add_take(mempool, second, NOW_MS), TALLY_OK);
    assert_int_equal(status_of(mempool).oldest_ms, 2000);
    assert_int_equal(mempool_add_take(mempool, first, NOW_MS), TALLY_OK);
    assert_int_equal(status_of(mempool).oldest_ms, 1000);
    mempool_finalized(mempool, &digest);
    assert_int_equal(status_of(mempool).oldest_ms, 2000);
    mempool_close(mempool);
}

static void what_ancestors_carry_is_not_proposed_again(void **context)
{
    (void)context;
    struct mempool *mempool = pool_open(&small);
    struct digest first[] = {digest_of(1), digest_of(3), digest_of(77)}, second[] = {digest_of(4)};
    struct mempool_payload ancestors[] = {{first, 3}, {second, 1}, {NULL, 0}};

    for (unsigned i = 1; i <= 5; i++)
        add(mempool, i);
    assert_string_equal(chosen(mempool, NOW_MS, ancestors, 3), "2 5");
    assert_string_equal(chosen(mempool, NOW_MS, ancestors, 1), "2 4 5");
    assert_string_equal(chosen(mempool, NOW_MS, NULL, 0), "1 2 3 4 5");
    assert_int_equal(mempool_has_work(mempool, NOW_MS, ancestors, 3), true);
    mempool_finalized(mempool, &first[0]);
    assert_string_equal(chosen(mempool, NOW_MS, NULL, 0), "2 3 4 5");
    mempool_close(mempool);
}

static void a_block_keeps_its_bounds_and_the_order_of_batches(void **context)
{
    (void)context;
    struct mempool *mempool = pool_open(NULL);
    unsigned number = 0;

    for (int i = 0; i < 9; i++) {
        struct held_batch *held = sized_batch(++number, 100, BATCH_EVENTS_MAX);
        held->arrival = mempool_arrival(mempool);
        assert_int_equal(mempool_add_take(mempool, held, NOW_MS), TALLY_OK);
    }
    struct held_batch *wide = sized_batch(++number, 100, BATCH_EVENTS_MAX - 1);
    wide->arrival = mempool_arrival(mempool);
    assert_int_equal(mempool_add_take(mempool, wide, NOW_MS), TALLY_OK);
    struct held_batch *two = sized_batch(++number, 100, 2);
    two->arrival = mempool_arrival(mempool);
    assert_int_equal(mempool_add_take(mempool, two, NOW_MS), TALLY_OK);
    add(mempool, ++number);
    /* Batch 12 would fit where 11 does not; taking it would let an account's later event pass an earlier one.
     */
    assert_string_equal(chosen(mempool, NOW_MS, NULL, 0), "1 2 3 4 5 6 7 8 9 10");
    mempool_close(mempool);

    mempool = pool_open(NULL);
    for (number = 1; number <= 5; number++) {
        struct held_batch *held = sized_batch(number, number == 4 ? MIB - 1 : MIB, 1);
        held->arrival = mempool_arrival(mempool);
        assert_int_equal(mempool_add_take(mempool, held, NOW_MS), TALLY_OK);
    }
    struct mempool_selection selection = selection_open();
    mempool_select(mempool, NOW_MS, NULL, 0, &selection);
    assert_int_equal(selection.batch_count, 4);
    assert_int_equal(selection.size, 4 * MIB - 1);
    assert_int_equal(selection.event_count, 4);
    free(selection.batches);
    mempool_close(mempool);
}

static void what_would_expire_on_the_way_or_is_premature_is_not_proposed(void **context)
{
    (void)context;
    struct mempool *mempool = pool_open(&small);
    const uint64_t expiry = LATER_MS;

    add(mempool, 1);
    assert_string_equal(chosen(mempool, expiry - MEMPOOL_EXPIRY_MARGIN_MS - 1, NULL, 0), "1");
    assert_string_equal(chosen(mempool, expiry - MEMPOOL_EXPIRY_MARGIN_MS, NULL, 0), "");
    assert_string_equal(chosen(mempool, expiry - BATCH_LIFETIME_MS_MAX, NULL, 0), "1");
    assert_string_equal(chosen(mempool, expiry - BATCH_LIFETIME_MS_MAX - 1, NULL, 0), "");
    mempool_close(mempool);
}

static unsigned dropped_count;

static void note_dropped(void *context, const struct held_batch *held)
{
    assert_ptr_equal(context, &dropped_count);
    assert_int_equal(get_u32(held->batch.digest.bytes + 20), 1);
    dropped_count++;
}

static void expired_batches_are_dropped_and_told(void **context)
{
    (void)context;
    struct mempool *mempool = pool_open(&small);
    struct digest first = digest_of(1);

    add(mempool, 1);
    add(mempool, 2)->batch.expires_at_ms = LATER_MS + 1;
    dropped_count = 0;
    assert_int_equal(mempool_expire(mempool, LATER_MS - 1, note_dropped, &dropped_count), 0);
    assert_int_equal(mempool_expire(mempool, LATER_MS, note_dropped, &dropped_count), 1);
    assert_int_equal(dropped_count, 1);
    assert_null(mempool_find(mempool, &first));
    assert_int_equal(status_of(mempool).held_count, 1);
    assert_string_equal(chosen(mempool, NOW_MS, NULL, 0), "2");

    struct held_batch *stale = batch(3);
    stale->batch.expires_at_ms = NOW_MS;
    assert_int_equal(refused(mempool, stale), TALLY_ETIMEOUT);
    mempool_close(mempool);
}

static void a_known_batch_is_not_taken_twice(void **context)
{
    (void)context;
    struct mempool *mempool = pool_open(&small);
    struct digest first = digest_of(1);

    struct held_batch *held = add(mempool, 1);
    assert_false(held->own);
    struct held_batch *again = batch(1);
    again->own = true;
    assert_int_equal(refused(mempool, again), TALLY_EEXISTS);
    assert_true(held->own);
    assert_ptr_equal(mempool_find(mempool, &first), held);
    assert_int_equal(status_of(mempool).held_count, 1);
    mempool_close(mempool);
}

static void a_finalized_batch_does_not_come_back(void **context)
{
    (void)context;
    struct mempool *mempool = pool_open(&small);
    struct digest first = digest_of(1);

    add(mempool, 1);
    mempool_finalized(mempool, &first);
    assert_int_equal(status_of(mempool).held_count, 0);
    assert_int_equal(status_of(mempool).held_bytes, 0);
    assert_int_equal(status_of(mempool).waiting_bytes, 0);
    assert_int_equal(status_of(mempool).waiting_events, 0);
    assert_true(mempool_was_finalized(mempool, &first));
    assert_int_equal(refused(mempool, batch(1)), TALLY_EEXISTS);

    /* One that was never here is remembered too; and the oldest is forgotten when the memory is full. */
    for (unsigned i = 2; i <= 4; i++) {
        struct digest other = digest_of(i);
        mempool_finalized(mempool, &other);
        mempool_finalized(mempool, &other);
    }
    assert_true(mempool_was_finalized(mempool, &first));
    struct digest fifth = digest_of(5);
    mempool_finalized(mempool, &fifth);
    assert_false(mempool_was_finalized(mempool, &first));
    for (unsigned i = 2; i <= 5; i++) {
        struct digest other = digest_of(i);
        assert_true(mempool_was_finalized(mempool, &other));
    }
    mempool_close(mempool);
}

static void the_newest_finalized_are_always_remembered(void **context)
{
    (void)context;
    struct mempool *mempool = pool_open(&small);

    for (unsigned i = 0; i < 2000; i++) {
        struct digest digest = digest_of(i);
        mempool_finalized(mempool, &digest);
        for (unsigned back = 0; back <= i && back < 6; back++) {
            struct digest earlier = digest_of(i - back);
            assert_int_equal(mempool_was_finalized(mempool, &earlier), back < small.finalized_max);
        }
    }
    mempool_close(mempool);
}

static void a_pinned_batch_stays_until_the_last_pin_goes(void **context)
{
    (void)context;
    struct mempool *mempool = pool_open(&small);
    struct digest first = digest_of(1);

    struct held_batch *held = add(mempool, 1);
    mempool_pin(mempool, held);
    mempool_pin(mempool, held);
    mempool_finalized(mempool, &first);
    assert_ptr_equal(mempool_find(mempool, &first), held);
    assert_string_equal(chosen(mempool, NOW_MS, NULL, 0), "");
    mempool_unpin(mempool, held);
    assert_ptr_equal(mempool_find(mempool, &first), held);
    assert_int_equal(status_of(mempool).waiting_count, 0);
    mempool_unpin(mempool, held);
    assert_null(mempool_find(mempool, &first));
    assert_int_equal(status_of(mempool).held_bytes, 0);

    /* A block that is dropped leaves its batch waiting. */
    held = add(mempool, 2);
    mempool_pin(mempool, held);
    mempool_unpin(mempool, held);
    assert_string_equal(chosen(mempool, NOW_MS, NULL, 0), "2");

    /* One that expires while a block carries it can still be served. */
    mempool_pin(mempool, held);
    assert_int_equal(mempool_expire(mempool, LATER_MS, NULL, NULL), 1);
    struct digest second = digest_of(2);
    assert_ptr_equal(mempool_find(mempool, &second), held);
    mempool_unpin(mempool, held);
    assert_null(mempool_find(mempool, &second));
    mempool_close(mempool);
}

static void a_fetched_batch_is_pinned_and_waits_as_well(void **context)
{
    (void)context;
    struct mempool *mempool = pool_open(&small);
    struct held_batch *kept;
    struct digest first = digest_of(1);

    struct held_batch *held = batch(1);
    assert_int_equal(mempool_add_pinned_take(mempool, held, NOW_MS, &kept), TALLY_OK);
    assert_ptr_equal(kept, held);
    assert_string_equal(chosen(mempool, NOW_MS, NULL, 0), "1");
    struct held_batch *twin = batch(1);
    assert_int_equal(mempool_add_pinned_take(mempool, twin, NOW_MS, &kept), TALLY_OK);
    assert_ptr_equal(kept, held);
    mempool_finalized(mempool, &first);
    mempool_unpin(mempool, held);
    mempool_unpin(mempool, held);
    assert_null(mempool_find(mempool, &first));

    /* Finalized already, or expired: held for its block alone. */
    assert_int_equal(mempool_add_pinned_take(mempool, batch(1), NOW_MS, &kept), TALLY_OK);
    struct held_batch *late;
    assert_int_equal(mempool_add_pinned_take(mempool, batch(2), LATER_MS, &late), TALLY_OK);
    assert_int_equal(status_of(mempool).waiting_count, 0);
    assert_int_equal(status_of(mempool).held_count, 2);
    mempool_unpin(mempool, kept);
    mempool_unpin(mempool, late);
    assert_int_equal(status_of(mempool).held_count, 0);
    mempool_close(mempool);
}

static void what_is_fit_for_a_block_alone_never_waits(void **context)
{
    (void)context;
    struct mempool *mempool = pool_open(&small);
    struct held_batch *kept;
    struct digest first = digest_of(1);

    struct held_batch *held = batch(1);
    held->ordered_only = true;
    assert_int_equal(mempool_add_pinned_take(mempool, held, NOW_MS, &kept), TALLY_OK);
    assert_int_equal(status_of(mempool).waiting_count, 0);
    /* Nor does it when a whole one comes by: that one is taken once the block has gone. */
    assert_int_equal(refused(mempool, batch(1)), TALLY_EEXISTS);
    assert_int_equal(status_of(mempool).waiting_count, 0);
    mempool_unpin(mempool, kept);
    assert_null(mempool_find(mempool, &first));
    assert_int_equal(refused(mempool, batch(1)), TALLY_OK);
    assert_string_equal(chosen(mempool, NOW_MS, NULL, 0), "1");
    mempool_close(mempool);
}

static void a_full_queue_refuses_and_takes_again_when_there_is_room(void **context)
{
    (void)context;
    struct mempool *mempool = pool_open(&small);
    struct held_batch *kept;

    for (unsigned i = 1; i <= small.batches_max; i++)
        add(mempool, i);
    assert_int_equal(refused(mempool, batch(9)), TALLY_EFULL);
    assert_int_equal(refused(mempool, batch(1)), TALLY_EEXISTS);

    /* A block's batch is held beside the queue, and joins it when it is offered again and there is room. */
    assert_int_equal(mempool_add_pinned_take(mempool, batch(10), NOW_MS, &kept), TALLY_OK);
    assert_int_equal(status_of(mempool).waiting_count, 8);
    assert_int_equal(refused(mempool, batch(10)), TALLY_EFULL);
    struct digest first = digest_of(1);
    mempool_finalized(mempool, &first);
    assert_int_equal(refused(mempool, batch(10)), TALLY_OK);
    assert_int_equal(status_of(mempool).waiting_count, 8);
    mempool_unpin(mempool, kept);
    assert_ptr_equal(mempool_find(mempool, &kept->batch.digest), kept);
    mempool_close(mempool);
}

static void bytes_are_bounded_as_well(void **context)
{
    (void)context;
    struct mempool *mempool = pool_open(&small);
    struct held_batch *kept[8];
    unsigned number = 0;

    for (; number < 3; number++) {
        struct held_batch *held = sized_batch(number, 300 * KIB, 1);
        held->arrival = mempool_arrival(mempool);
        assert_int_equal(mempool_add_take(mempool, held, NOW_MS), TALLY_OK);
    }
    assert_int_equal(refused(mempool, sized_batch(number, 300 * KIB, 1)), TALLY_EFULL);
    for (; number < 6; number++)
        assert_int_equal(
            mempool_add_pinned_take(mempool, sized_batch(number, 300 * KIB, 1), NOW_MS, &kept[number]),
            TALLY_OK);
    struct held_batch *more = sized_batch(number, 300 * KIB, 1);
    assert_int_equal(mempool_add_pinned_take(mempool, more, NOW_MS, &kept[0]), TALLY_EFULL);
    held_batch_close(more);
    assert_true(status_of(mempool).held_bytes <= small.held_bytes_max);
    assert_true(status_of(mempool).waiting_bytes <= small.bytes_max);
    for (unsigned i = 3; i < 6; i++)
        mempool_unpin(mempool, kept[i]);
    assert_int_equal(status_of(mempool).held_count, 3);
    mempool_close(mempool);
}

static void note_own(void *context, const struct held_batch *held)
{
    unsigned *sum = context;

    *sum = *sum * 10 + get_u32(held->batch.digest.bytes + 20);
}

static void own_batches_are_found_for_telling_again(void **context)
{
    (void)context;
    struct mempool *mempool = pool_open(&small);
    unsigned sum = 0;

    add(mempool, 1)->own = true;
    add(mempool, 2);
    add(mempool, 3)->own = true;
    mempool_for_each_own(mempool, note_own, &sum);
    assert_int_equal(sum, 13);
    mempool_close(mempool);
}

static void oversized_bytes_and_senseless_limits_are_refused(void **context)
{
    (void)context;
    static uint8_t bytes[BATCH_SIZE_MAX + 1];
    struct mempool_limits limits = small;
    struct mempool *mempool;

    assert_null(held_batch_open(span_of(bytes, sizeof(bytes))));
    struct held_batch *largest = held_batch_open(span_of(bytes, BATCH_SIZE_MAX));
    assert_non_null(largest);
    held_batch_close(largest);
    held_batch_close(NULL);
    limits.finalized_max = 3;
    assert_int_equal(mempool_open(&limits, &mempool), TALLY_EINVALID);
    limits.finalized_max = 4;
    limits.batches_max = 0;
    assert_int_equal(mempool_open(&limits, &mempool), TALLY_EINVALID);
    mempool_close(NULL);
}

/* ---- Random use against a plain list ---- */

static uint64_t random_state;

static unsigned random_below(unsigned bound)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(random_state >> 33) % bound;
}

#define NUMBERS 24

struct model {
    bool waiting, finalized;
    unsigned pins;
    uint64_t arrival;
};

static void model_compare(struct mempool *mempool, const struct model *models)
{
    uint32_t waiting = 0, held = 0;
    const struct held_batch *last = NULL;
    struct mempool_selection selection = selection_open();

    for (unsigned i = 0; i < NUMBERS; i++) {
        struct digest digest = digest_of(i);
        struct held_batch *found = mempool_find(mempool, &digest);
        assert_int_equal(found != NULL, models[i].waiting || models[i].pins > 0);
        waiting += models[i].waiting;
        held += models[i].waiting || models[i].pins > 0;
        if (found) assert_int_equal(found->arrival, models[i].arrival);
    }
    assert_int_equal(status_of(mempool).waiting_count, waiting);
    assert_int_equal(status_of(mempool).waiting_events, waiting);
    assert_int_equal(status_of(mempool).held_count, held);
    mempool_select(mempool, NOW_MS, NULL, 0, &selection);
    assert_int_equal(selection.batch_count, waiting);
    for (uint32_t i = 0; i < selection.batch_count; i++) {
        assert_true(!last || last->arrival < selection.batches[i]->arrival);
        last = selection.batches[i];
        assert_true(models[get_u32(last->batch.digest.bytes + 20)].waiting);
    }
    free(selection.batches);
}

static void any_sequence_of_calls_agrees_with_a_plain_list(void **context)
{
    (void)context;
    const struct mempool_limits limits = {
        .batches_max = 8, .bytes_max = 1 * MIB, .held_bytes_max = 8 * MIB, .finalized_max = 64};
    struct mempool *mempool = pool_open(&limits);
    struct model models[NUMBERS] = {0};
    unsigned waiting = 0;

    random_state = 3;
    for (unsigned step = 0; step < 20000; step++) {
        unsigned number = random_below(NUMBERS);
        struct model *model = &models[number];
        struct digest digest = digest_of(number);
        struct held_batch *held = mempool_find(mempool, &digest), *kept;
        waiting = status_of(mempool).waiting_count;
        switch (random_below(5)) {
        case 0:
        case 1: {
            struct held_batch *fresh = batch(number);
            fresh->arrival = mempool_arrival(mempool);
            bool first = !model->waiting && model->pins == 0;
            int expected = model->finalized || model->waiting ? TALLY_EEXISTS
                           : waiting == limits.batches_max    ? TALLY_EFULL
                                                              : TALLY_OK;
            uint64_t arrival = fresh->arrival;
            int error = mempool_add_take(mempool, fresh, NOW_MS);
            assert_int_equal(error, expected);
            if (error) {
                held_batch_close(fresh);
            } else {
                if (first) model->arrival = arrival;
                model->waiting = true;
            }
            break;
        }
        case 2:
            if (model->pins > 3) break;
            struct held_batch *fetched = batch(number);
            fetched->arrival = mempool_arrival(mempool);
            uint64_t arrival = fetched->arrival;
            assert_int_equal(mempool_add_pinned_take(mempool, fetched, NOW_MS, &kept), TALLY_OK);
            if (!held) {
                model->arrival = arrival;
                model->waiting = !model->finalized && waiting < limits.batches_max;
            }
            model->pins++;
            break;
        case 3:
            if (model->pins == 0) break;
            mempool_unpin(mempool, held);
            model->pins--;
            break;
        case 4:
            if (random_below(4) > 0) break;
            mempool_finalized(mempool, &digest);
            model->finalized = true;
            model->waiting = false;
            break;
        }
        if (step % 7 == 0) model_compare(mempool, models);
        if (step % 500 == 499) {
            mempool_close(mempool);
            mempool = pool_open(&limits);
            memset(models, 0, sizeof(models));
        }
    }
    mempool_close(mempool);
}

/* ---- Governance transactions ---- */

/* The mempool asks of it whose it is, and no more. */
static struct held_batch *governance(unsigned number, uint32_t member_id)
{
    static const struct governance_transaction *const some = (const void *)&small;
    struct held_batch *held = sized_batch(number, 100, 0);
    held->batch.governance = some;
    held->batch.member_id = member_id;
    return held;
}

static void add_governance(struct mempool *mempool, unsigned number, uint32_t member_id)
{
    struct held_batch *held = governance(number, member_id);
    held->arrival = mempool_arrival(mempool);
    assert_int_equal(mempool_add_take(mempool, held, NOW_MS), TALLY_OK);
}

static void governance_waits_beside_batches_and_has_its_own_room(void **context)
{
    (void)context;
    struct mempool *mempool = pool_open(&small);
    for (unsigned number = 1; number <= small.batches_max; number++)
        add(mempool, number);
    assert_int_equal(refused(mempool, batch(100)), TALLY_EFULL);
    add_governance(mempool, 200, 1);
    assert_int_equal(status_of(mempool).governance_count, 1);
    assert_int_equal(status_of(mempool).waiting_count, small.batches_max + 1);
    assert_string_equal(chosen(mempool, NOW_MS, NULL, 0), "1 2 3 4 5 6 7 8 200");
    struct digest first = digest_of(1);
    mempool_finalized(mempool, &first);
    add(mempool, 9);
    assert_int_equal(refused(mempool, batch(100)), TALLY_EFULL);
    mempool_close(mempool);
}

static void a_member_has_so_many_transactions_waiting_and_all_have_so_many(void **context)
{
    (void)context;
    struct mempool *mempool = pool_open(NULL);
    unsigned number = 0;
    for (uint32_t member = 1; member <= GOVERNANCE_WAITING_MAX / GOVERNANCE_OF_MEMBER_MAX; member++) {
        for (uint32_t i = 0; i < GOVERNANCE_OF_MEMBER_MAX; i++)
            add_governance(mempool, ++number, member);
        assert_int_equal(refused(mempool, governance(10000, member)), TALLY_EFULL);
    }
    assert_int_equal(refused(mempool, governance(10000, 1000)), TALLY_EFULL);
    struct digest first = digest_of(1);
    mempool_finalized(mempool, &first);
    assert_int_equal(refused(mempool, governance(10000, 2)), TALLY_EFULL);
    add_governance(mempool, 10000, 1);
    mempool_close(mempool);
}

static void a_block_carries_only_so_many_transactions_and_batches_behind_them(void **context)
{
    (void)context;
    struct mempool *mempool = pool_open(NULL);
    struct mempool_selection selection = selection_open();
    for (unsigned number = 0; number < GOVERNANCE_BLOCK_MAX + 3; number++)
        add_governance(mempool, 1000 + number, 1 + number / GOVERNANCE_OF_MEMBER_MAX);
    add(mempool, 1);
    mempool_select(mempool, NOW_MS, NULL, 0, &selection);
    assert_int_equal(selection.batch_count, GOVERNANCE_BLOCK_MAX + 1);
    assert_int_equal(selection.event_count, 1);
    assert_null(selection.batches[GOVERNANCE_BLOCK_MAX]->batch.governance);
    for (unsigned number = 0; number < GOVERNANCE_BLOCK_MAX; number++)
        assert_int_equal(get_u32(selection.batches[number]->batch.digest.bytes + 20), 1000 + number);
    free(selection.batches);
    mempool_close(mempool);
}

static void count_dropped(void *context, const struct held_batch *held)
{
    assert_int_equal(held->batch.member_id, 2);
    (*(unsigned *)context)++;
}

static bool is_of_member(const void *context, const struct batch *batch)
{
    return batch->member_id == *(const uint32_t *)context;
}

static void transactions_that_are_over_are_dropped_and_told(void **context)
{
    (void)context;
    struct mempool *mempool = pool_open(&small);
    static const uint32_t gone = 2;
    unsigned told = 0;
    add(mempool, 1);
    for (unsigned number = 10; number < 16; number++)
        add_governance(mempool, number, 1 + number % 2);
    struct digest pinned = digest_of(11);
    struct held_batch *held = mempool_find(mempool, &pinned);
    mempool_pin(mempool, held);
    assert_int_equal(mempool_drop_governance(mempool, is_of_member, &gone, count_dropped, &told), 3);
    assert_int_equal(told, 2);
    assert_string_equal(chosen(mempool, NOW_MS, NULL, 0), "1 10 12 14");
    assert_ptr_equal(mempool_find(mempool, &pinned), held);
    mempool_unpin(mempool, held);
    assert_null(mempool_find(mempool, &pinned));
    assert_int_equal(status_of(mempool).governance_count, 3);
    mempool_close(mempool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_are_proposed_in_the_order_they_came),
        cmocka_unit_test(the_oldest_that_waits_says_when_it_came),
        cmocka_unit_test(what_ancestors_carry_is_not_proposed_again),
        cmocka_unit_test(a_block_keeps_its_bounds_and_the_order_of_batches),
        cmocka_unit_test(what_would_expire_on_the_way_or_is_premature_is_not_proposed),
        cmocka_unit_test(expired_batches_are_dropped_and_told),
        cmocka_unit_test(a_known_batch_is_not_taken_twice),
        cmocka_unit_test(a_finalized_batch_does_not_come_back),
        cmocka_unit_test(the_newest_finalized_are_always_remembered),
        cmocka_unit_test(a_pinned_batch_stays_until_the_last_pin_goes),
        cmocka_unit_test(a_fetched_batch_is_pinned_and_waits_as_well),
        cmocka_unit_test(what_is_fit_for_a_block_alone_never_waits),
        cmocka_unit_test(a_full_queue_refuses_and_takes_again_when_there_is_room),
        cmocka_unit_test(bytes_are_bounded_as_well),
        cmocka_unit_test(own_batches_are_found_for_telling_again),
        cmocka_unit_test(oversized_bytes_and_senseless_limits_are_refused),
        cmocka_unit_test(any_sequence_of_calls_agrees_with_a_plain_list),
        cmocka_unit_test(governance_waits_beside_batches_and_has_its_own_room),
        cmocka_unit_test(a_member_has_so_many_transactions_waiting_and_all_have_so_many),
        cmocka_unit_test(a_block_carries_only_so_many_transactions_and_batches_behind_them),
        cmocka_unit_test(transactions_that_are_over_are_dropped_and_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
