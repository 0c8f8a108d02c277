// links: storage -Wl,--wrap=event_table_make
/* The index of events, held against a plain list, over many flushes, closings and openings. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/crypto/digest.h"
#include "storage/event_index.h"
#include "storage/state_record.h"

#define GENERATION 2000u
#define BLOCK_EVENTS 150u

static char dir[64];
static struct store *store;
static struct event_index *event_index;
static unsigned tables_made, made_by_freezes;

struct event_table *__real_event_table_make(const struct event_hash *hash, size_t expected);
struct event_table *__wrap_event_table_make(const struct event_hash *hash, size_t expected);
struct event_table *__wrap_event_table_make(const struct event_hash *hash, size_t expected)
{
    tables_made++;
    return __real_event_table_make(hash, expected);
}

static void open_index(uint32_t generation, uint64_t height)
{
    struct event_index_config config = {generation, height, height == 0};
    assert_int_equal(event_index_open(store, &config, &event_index), TALLY_OK);
}

static int set_up(void **context)
{
    (void)context;
    strcpy(dir, "/tmp/test_event_index.XXXXXX");
    assert_non_null(mkdtemp(dir));
    assert_int_equal(store_open(dir, &store), TALLY_OK);
    return 0;
}

static int tear_down(void **context)
{
    (void)context;
    event_index_close(event_index);
    event_index = NULL;
    store_close(store);
    assert_int_equal(store_destroy(dir), TALLY_OK);
    return 0;
}

static struct digest name_of(uint64_t number)
{
    uint8_t bytes[8];
    put_u64(bytes, number);
    return digest_plain(span_of(bytes, sizeof bytes));
}

static void flush(void)
{
    struct store_batch *batch = store_batch_make();
    assert_non_null(batch);
    unsigned before = tables_made;
    assert_int_equal(event_index_freeze(event_index), TALLY_OK);
    made_by_freezes += tables_made - before;
    assert_int_equal(event_index_gather(event_index, batch), TALLY_OK);
    assert_int_equal(store_commit(store, batch), TALLY_OK);
    event_table_close(event_index_drop_frozen(event_index));
    store_batch_close(batch);
}

/* Event `number` stands in block number / BLOCK_EVENTS + 1: applied under its name, and as its account's
 * under another; each seventh was refused instead. */
static void add(uint64_t number)
{
    struct digest id = name_of(number), seq = name_of(~number);
    struct state_place place = {number / BLOCK_EVENTS + 1, (uint32_t)(number % BLOCK_EVENTS)};
    bool refused = number % 7 == 0;
    assert_int_equal(
        event_index_add(event_index, refused ? INDEX_REFUSED : INDEX_APPLIED, &id, place), TALLY_OK);
    if (!refused) assert_int_equal(event_index_add(event_index, INDEX_ACCOUNT, &seq, place), TALLY_OK);
}

static void add_block(uint64_t height)
{
    for (uint64_t i = 0; i < BLOCK_EVENTS; i++)
        add((height - 1) * BLOCK_EVENTS + i);
    assert_int_equal(event_index_publish(event_index, height), TALLY_OK);
}

static void expect(uint64_t number, bool there)
{
    static const enum event_index_kind kinds[] = {INDEX_APPLIED, INDEX_REFUSED, INDEX_ACCOUNT};
    for (size_t i = 0; i < 3; i++) {
        bool refused = number % 7 == 0;
        bool expected = there && refused == (kinds[i] == INDEX_REFUSED);
        struct digest name = name_of(kinds[i] == INDEX_ACCOUNT ? ~number : number);
        struct state_place place;
        int error = event_index_find(event_index, kinds[i], &name, &place);
        assert_int_equal(error, expected ? TALLY_OK : TALLY_ENOTFOUND);
        if (!expected) continue;
        assert_int_equal(place.height, number / BLOCK_EVENTS + 1);
        assert_int_equal(place.index, number % BLOCK_EVENTS);
    }
}

/* A member may have the same event refused as often as it likes, in one block or in many. */
static void an_event_that_is_refused_again_and_again_costs_no_more_each_time(void **context)
{
    (void)context;
    struct digest name = name_of(1), other = name_of(2);
    struct state_place place = {1, 0};
    open_index(GENERATION, 0);
    assert_int_equal(event_index_add(event_index, INDEX_APPLIED, &name, place), TALLY_OK);
    assert_int_equal(event_index_add(event_index, INDEX_REFUSED, &other, place), TALLY_OK);
    assert_int_equal(event_index_publish(event_index, 1), TALLY_OK);
    clock_t began = clock();
    for (uint64_t height = 2; height <= 3000; height++) {
        for (uint32_t i = 0; i < 200; i++)
            assert_int_equal(
                event_index_add(event_index, INDEX_REFUSED, &name, (struct state_place){height, i}),
                TALLY_OK);
        /* Until it is published, others see the one before. */
        int error = event_index_find(event_index, INDEX_REFUSED, &name, &place);
        assert_int_equal(error, height == 2 ? TALLY_ENOTFOUND : TALLY_OK);
        if (error == TALLY_OK) assert_true(place.height == height - 1 && place.index == 199);
        assert_int_equal(event_index_find_own(event_index, INDEX_REFUSED, &name, &place), TALLY_OK);
        assert_true(place.height == height && place.index == 199);
        assert_int_equal(event_index_publish(event_index, height), TALLY_OK);
        if (height % 100 == 0) flush();
    }
    assert_true((double)(clock() - began) / CLOCKS_PER_SEC < 20);
    flush();
    event_index_close(event_index);
    open_index(GENERATION, 3000);
    assert_int_equal(event_index_find(event_index, INDEX_REFUSED, &name, &place), TALLY_OK);
    assert_true(place.height == 3000 && place.index == 199);
    assert_int_equal(event_index_find(event_index, INDEX_REFUSED, &other, &place), TALLY_OK);
    assert_int_equal(event_index_find(event_index, INDEX_APPLIED, &name, &place), TALLY_OK);
    assert_true(place.height == 1);
}

static void all_is_found_through_flushes_closings_and_openings(void **context)
{
    (void)context;
    uint64_t height = 0, flushed = 0;
    open_index(GENERATION, 0);
    for (uint64_t round = 0; round < 30; round++) {
        for (uint64_t i = 0; i < 1 + round % 4; i++)
            add_block(++height);
        if (round % 5 == 4) {
            /* What was not flushed is gone, and comes again as blocks do. */
            event_index_close(event_index);
            open_index(GENERATION, flushed);
            expect(flushed * BLOCK_EVENTS, false);
            while (flushed < height)
                add_block(++flushed);
        }
        if (round % 3 != 2) continue;
        flush();
        flushed = height;
    }
    for (uint64_t number = 0; number < height * BLOCK_EVENTS; number++)
        expect(number, true);
    for (uint64_t number = 0; number < 100; number++)
        expect(height * BLOCK_EVENTS + number, false);
    flush();
    uint64_t counts[EVENT_INDEX_KINDS];
    assert_int_equal(event_index_count(event_index, counts), TALLY_OK);
    assert_int_equal(counts[INDEX_APPLIED] + counts[INDEX_REFUSED], height * BLOCK_EVENTS);
    assert_int_equal(counts[INDEX_REFUSED], (height * BLOCK_EVENTS + 6) / 7);
    assert_int_equal(counts[INDEX_ACCOUNT], counts[INDEX_APPLIED]);
}

static void spoil(const struct state_key *key, bool removed)
{
    struct buffer value;
    struct store_batch *batch = store_batch_make();
    buffer_init(&value, SIZE_MAX / 8);
    assert_int_equal(store_get(store, state_key_span(key), &value), TALLY_OK);
    if (removed)
        store_batch_remove(batch, state_key_span(key));
    else
        store_batch_put(batch, state_key_span(key), span_of(value.data, value.size - 1));
    assert_int_equal(store_commit(store, batch), TALLY_OK);
    store_batch_close(batch);
    buffer_close(&value);
}

static void others_see_what_is_published_and_the_owner_sees_all(void **context)
{
    (void)context;
    struct state_place place;
    struct digest name = name_of(1);
    open_index(GENERATION, 0);
    add(1);
    assert_int_equal(event_index_find(event_index, INDEX_APPLIED, &name, &place), TALLY_ENOTFOUND);
    assert_int_equal(event_index_find_own(event_index, INDEX_APPLIED, &name, &place), TALLY_OK);
    assert_int_equal(event_index_publish(event_index, 1), TALLY_OK);
    assert_int_equal(event_index_find(event_index, INDEX_APPLIED, &name, &place), TALLY_OK);
}

static void the_last_refusal_counts_whenever_it_was_added(void **context)
{
    (void)context;
    static const uint64_t heights[] = {50, 90, 20};
    struct digest name = name_of(1);
    struct state_place place;
    open_index(1, 0);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(
            event_index_add(event_index, INDEX_REFUSED, &name, (struct state_place){heights[i], 3}),
            TALLY_OK);
        assert_int_equal(event_index_publish(event_index, 100), TALLY_OK);
        flush(); /* each closes a generation */
        assert_int_equal(event_index_find(event_index, INDEX_REFUSED, &name, &place), TALLY_OK);
        assert_int_equal(place.height, i == 0 ? 50 : 90);
    }
}

/* What is not there is hardly ever looked for in a page: each page is made unreadable, and few notice. */
static void what_is_not_there_is_not_looked_for(void **context)
{
    (void)context;
    size_t noticed = 0;
    open_index(GENERATION, 0);
    for (uint64_t height = 1; height <= 20; height++)
        add_block(height);
    flush();
    for (uint32_t bucket = 0; bucket < 8; bucket++) {
        struct state_key page = state_key_of_index_page(0, bucket);
        spoil(&page, true);
    }
    for (uint64_t number = 1000000; number < 1010000; number++) {
        struct digest name = name_of(number);
        struct state_place place;
        int error = event_index_find(event_index, INDEX_APPLIED, &name, &place);
        assert_true(error == TALLY_ENOTFOUND || error == TALLY_EDAMAGED);
        if (error == TALLY_EDAMAGED) noticed++;
    }
    assert_in_range(noticed, 1, 200);
}

/* Names that share their first half are other names. */
static void a_name_is_known_by_half_of_it(void **context)
{
    (void)context;
    struct digest name = name_of(1), other = name;
    struct state_place place;
    open_index(GENERATION, 0);
    assert_int_equal(
        event_index_add(event_index, INDEX_APPLIED, &name, (struct state_place){1, 0}), TALLY_OK);
    assert_int_equal(event_index_publish(event_index, 1), TALLY_OK);
    other.bytes[EVENT_KEY_SIZE - 1] ^= 1;
    assert_int_equal(event_index_find(event_index, INDEX_APPLIED, &other, &place), TALLY_ENOTFOUND);
}

static void a_record_that_is_missing_or_cut_is_damage(void **context)
{
    (void)context;
    struct event_index_config config = {GENERATION, 20, false};
    struct state_key run = state_key_of_index_run(1, 0), filter = state_key_of_index_filter(0),
                     head = state_key_alone('I');
    uint64_t counts[EVENT_INDEX_KINDS];
    open_index(GENERATION, 0);
    for (uint64_t height = 1; height <= 20; height++) {
        add_block(height);
        if (height == 18) flush();
    }
    flush();
    uint64_t bucket = 0;
    struct digest name = name_of(1);
    struct state_place place;
    assert_int_equal(event_index_find(event_index, INDEX_APPLIED, &name, &place), TALLY_OK);
    for (; bucket < 8; bucket++) {
        struct state_key page = state_key_of_index_page(0, (uint32_t)bucket);
        spoil(&page, bucket % 2 == 0);
    }
    assert_int_equal(event_index_find(event_index, INDEX_APPLIED, &name, &place), TALLY_EDAMAGED);
    assert_int_equal(event_index_count(event_index, counts), TALLY_EDAMAGED);
    for (int removed = 0; removed < 2; removed++) {
        spoil(&run, removed);
        event_index_close(event_index);
        event_index = NULL;
        assert_int_equal(event_index_open(store, &config, &event_index), TALLY_EDAMAGED);
    }
    for (int removed = 0; removed < 2; removed++) {
        spoil(&filter, removed);
        assert_int_equal(event_index_open(store, &config, &event_index), TALLY_EDAMAGED);
    }
    for (int removed = 0; removed < 2; removed++) {
        spoil(&head, removed);
        assert_int_equal(event_index_open(store, &config, &event_index), TALLY_EDAMAGED);
    }
}

/* ---- Threads ---- */

static atomic_uint_fast64_t seen_height;
static atomic_bool stop;

static void *read_on(void *context)
{
    uint64_t number = 0;
    (void)context;
    while (!stop) {
        uint64_t height = seen_height;
        if (height == 0) continue;
        number = (number + 7919) % (height * BLOCK_EVENTS);
        if (number % 7 == 0) continue;
        struct digest name = name_of(number);
        struct state_place place;
        if (event_index_find(event_index, INDEX_APPLIED, &name, &place) != TALLY_OK) return &stop;
    }
    return NULL;
}

static void what_is_published_is_never_missed(void **context)
{
    (void)context;
    pthread_t reader;
    void *missed;
    open_index(GENERATION, 0);
    seen_height = 0;
    stop = false;
    assert_int_equal(pthread_create(&reader, NULL, read_on, NULL), 0);
    for (uint64_t height = 1; height <= 200; height++) {
        add_block(height);
        seen_height = height;
        if (height % 7 == 0) flush();
    }
    stop = true;
    assert_int_equal(pthread_join(reader, &missed), 0);
    assert_null(missed);
}

/* To make one takes a while, and who freezes has blocks to apply. */
static void whoever_freezes_finds_the_next_table_made(void **context)
{
    (void)context;
    open_index(GENERATION, 0);
    tables_made = made_by_freezes = 0;
    uint64_t height = 0;
    for (unsigned i = 0; i < 30; i++) {
        unsigned blocks = i % 2 == 0 ? 3 : 5; /* the second fills it, and is less than twice the first */
        while (blocks-- > 0)
            add_block(++height);
        flush();
    }
    assert_int_equal(made_by_freezes, 0);
    assert_int_equal(tables_made, 15); /* one for each that was filled */
    for (uint64_t number = 0; number < height * BLOCK_EVENTS; number += 97)
        expect(number, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            all_is_found_through_flushes_closings_and_openings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            others_see_what_is_published_and_the_owner_sees_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            an_event_that_is_refused_again_and_again_costs_no_more_each_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_last_refusal_counts_whenever_it_was_added, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_there_is_not_looked_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_name_is_known_by_half_of_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_record_that_is_missing_or_cut_is_damage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_published_is_never_missed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(whoever_freezes_finds_the_next_table_made, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
