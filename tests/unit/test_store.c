// links: storage codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>

#include "proto/base/limits.h"
#include "storage/overlay.h"

static char dir[32];

static int set_up(void **state)
{
    (void)state;
    strcpy(dir, "store-test-XXXXXX");
    return mkdtemp(dir) == NULL ? -1 : 0;
}

static int tear_down(void **state)
{
    (void)state;
    return store_destroy(dir) == TALLY_OK ? 0 : -1;
}

static struct span text(const char *chars)
{
    return span_of(chars, strlen(chars));
}

static struct store *open_store(void)
{
    struct store *store;
    assert_int_equal(store_open(dir, &store), TALLY_OK);
    return store;
}

static void put(struct store *store, const char *key, const char *value)
{
    struct store_batch *batch = store_batch_make();
    if (value != NULL)
        store_batch_put(batch, text(key), text(value));
    else
        store_batch_remove(batch, text(key));
    assert_int_equal(store_commit(store, batch), TALLY_OK);
    store_batch_close(batch);
}

static void assert_value(struct store *store, const char *key, const char *expected)
{
    struct buffer value;
    buffer_init(&value, 1 << 20);
    assert_int_equal(store_get(store, text(key), &value), expected == NULL ? TALLY_ENOTFOUND : TALLY_OK);
    if (expected != NULL) assert_true(span_equal(buffer_span(&value), text(expected)));
    buffer_close(&value);
}

static void what_was_committed_is_there_after_reopening(void **state)
{
    (void)state;
    struct store *store = open_store(), *second;
    assert_value(store, "a", NULL);
    put(store, "a", "one");
    put(store, "b", "");
    put(store, "c", "three");
    put(store, "c", NULL);
    assert_int_equal(store_open(dir, &second), TALLY_EBUSY);
    store_close(store);
    store = open_store();
    assert_value(store, "a", "one");
    assert_value(store, "b", "");
    assert_value(store, "c", NULL);
    store_close(store);
    assert_int_equal(store_destroy("no-such-folder"), TALLY_OK);
}

struct scanned {
    char keys[128];
    size_t stop_after, count;
};

static bool scan_seen(void *context, struct span key, struct span value)
{
    struct scanned *scanned = context;
    (void)value;
    strncat(scanned->keys, (const char *)key.data, key.size);
    strcat(scanned->keys, " ");
    return ++scanned->count != scanned->stop_after;
}

static void a_scan_keeps_to_its_prefix_and_stops_when_told(void **state)
{
    (void)state;
    struct store *store = open_store();
    static const char *keys[] = {"b1", "a", "b3", "b2", "c", "b"};
    for (size_t i = 0; i < 6; i++)
        put(store, keys[i], "x");
    struct scanned scanned = {.count = 0};
    assert_int_equal(store_scan(store, text("b"), text("b"), scan_seen, &scanned), TALLY_OK);
    assert_string_equal(scanned.keys, "b b1 b2 b3 ");
    scanned = (struct scanned){.stop_after = 2};
    assert_int_equal(store_scan(store, text("b"), text("b2"), scan_seen, &scanned), TALLY_OK);
    assert_string_equal(scanned.keys, "b2 b3 ");
    scanned = (struct scanned){.stop_after = 1};
    assert_int_equal(store_scan(store, text(""), text(""), scan_seen, &scanned), TALLY_OK);
    assert_string_equal(scanned.keys, "a ");
    scanned = (struct scanned){.count = 0};
    assert_int_equal(store_scan(store, text("d"), text("d"), scan_seen, &scanned), TALLY_OK);
    assert_string_equal(scanned.keys, "");
    store_close(store);
}

static void assert_viewed(const struct store_view *view, const char *key, const char *expected)
{
    struct buffer value;
    buffer_init(&value, 1 << 20);
    assert_int_equal(store_view_get(view, text(key), &value), expected == NULL ? TALLY_ENOTFOUND : TALLY_OK);
    if (expected != NULL) assert_true(span_equal(buffer_span(&value), text(expected)));
    buffer_close(&value);
}

/* More than LevelDB holds in memory: it writes tables, and merges them, meanwhile. */
static void write_much(struct store *store)
{
    struct buffer value;
    buffer_init(&value, MIB);
    assert_non_null(buffer_reserve(&value, MIB - 1));
    memset(value.data, 'v', value.size);
    for (uint8_t number = 128; number < 228; number++) {
        struct store_batch *batch = store_batch_make();
        store_batch_put(batch, span_of(&number, 1), buffer_span(&value));
        assert_int_equal(store_commit(store, batch), TALLY_OK);
        store_batch_close(batch);
    }
    buffer_close(&value);
}

static void a_view_stays_at_its_moment(void **state)
{
    (void)state;
    struct store *store = open_store();
    put(store, "k1", "one");
    put(store, "k2", "two");
    put(store, "k33", "three");
    struct store_view *view = store_view_make(store);
    assert_non_null(view);
    put(store, "k1", "another");
    put(store, "k2", NULL);
    put(store, "k3", "new");
    write_much(store);
    assert_viewed(view, "k1", "one");
    assert_viewed(view, "k2", "two");
    assert_viewed(view, "k3", NULL); /* what begins with it is there */
    assert_viewed(view, "k33", "three");
    assert_viewed(view, "z", NULL);
    struct scanned scanned = {.count = 0};
    assert_int_equal(store_view_scan(view, text("k"), text("k2"), scan_seen, &scanned), TALLY_OK);
    assert_string_equal(scanned.keys, "k2 k33 ");
    scanned = (struct scanned){.stop_after = 1};
    assert_int_equal(store_view_scan(view, text("k"), text("k"), scan_seen, &scanned), TALLY_OK);
    assert_string_equal(scanned.keys, "k1 ");
    store_view_close(view);
    assert_value(store, "k1", "another");
    store_close(store);
}

/* ---- The overlay ---- */

static void write_block(struct overlay *overlay, const char *keys, const char *value)
{
    for (const char *at = keys; *at != '\0'; at++)
        assert_int_equal(overlay_put(overlay, span_of(at, 1), text(value)), TALLY_OK);
    overlay_publish(overlay);
}

static void assert_copied(struct overlay *overlay, const char *key, const char *expected)
{
    struct buffer value;
    buffer_init(&value, 1 << 20);
    assert_int_equal(overlay_copy(overlay, text(key), &value), expected == NULL ? TALLY_ENOTFOUND : TALLY_OK);
    if (expected != NULL) assert_true(span_equal(buffer_span(&value), text(expected)));
    buffer_close(&value);
}

static void assert_own(const struct overlay *overlay, const char *key, const char *expected)
{
    struct span value;
    bool found = overlay_get(overlay, text(key), &value);
    assert_int_equal(found, expected != NULL);
    if (found) assert_true(span_equal(value, text(expected)));
}

static void assert_seen(struct overlay *overlay, const char *key, const char *expected)
{
    assert_own(overlay, key, expected);
    assert_copied(overlay, key, expected);
}

static void flush(struct overlay *overlay, struct store *store)
{
    struct store_batch *batch = store_batch_make();
    assert_int_equal(overlay_gather(overlay, batch), TALLY_OK);
    assert_int_equal(store_commit(store, batch), TALLY_OK);
    store_batch_close(batch);
    overlay_drop_frozen(overlay);
}

static void others_see_a_block_when_it_is_published(void **state)
{
    (void)state;
    struct overlay *overlay = overlay_make();
    write_block(overlay, "abc", "one");
    write_block(overlay, "bc", "two, and longer");
    assert_int_equal(overlay_put(overlay, text("c"), text("first")), TALLY_OK);
    assert_int_equal(overlay_put(overlay, text("c"), text("and then a longer one")), TALLY_OK);
    assert_int_equal(overlay_put(overlay, text("c"), text("4")), TALLY_OK);
    assert_int_equal(overlay_put(overlay, text("d"), text("new")), TALLY_OK);
    assert_seen(overlay, "a", "one");
    assert_seen(overlay, "b", "two, and longer");
    assert_own(overlay, "c", "4");
    assert_copied(overlay, "c", "two, and longer");
    assert_own(overlay, "d", "new");
    assert_copied(overlay, "d", NULL);
    overlay_publish(overlay);
    assert_seen(overlay, "c", "4");
    assert_seen(overlay, "d", "new");
    assert_seen(overlay, "e", NULL);
    overlay_close(overlay);
}

static void what_is_frozen_is_written_while_blocks_go_on(void **state)
{
    (void)state;
    struct overlay *overlay = overlay_make();
    struct store *store = open_store();
    write_block(overlay, "abc", "one");
    write_block(overlay, "bc", "two");
    assert_int_equal(overlay_freeze(overlay), TALLY_OK);
    assert_int_equal(overlay_live_size(overlay), 0);
    assert_true(overlay_frozen_size(overlay) > 0);
    write_block(overlay, "cd", "three");
    assert_seen(overlay, "a", "one");
    assert_seen(overlay, "c", "three");
    flush(overlay, store);
    assert_value(store, "a", "one");
    assert_value(store, "b", "two");
    assert_value(store, "c", "two");
    assert_value(store, "d", NULL);
    /* What was written leaves memory; what is newer stays. */
    assert_seen(overlay, "a", NULL);
    assert_seen(overlay, "b", NULL);
    assert_seen(overlay, "c", "three");
    assert_int_equal(overlay_frozen_size(overlay), 0);
    assert_int_equal(overlay_freeze(overlay), TALLY_OK);
    flush(overlay, store);
    assert_value(store, "c", "three");
    assert_value(store, "d", "three");
    assert_seen(overlay, "d", NULL);
    overlay_close(overlay);
    store_close(store);
}

static void put_large(struct overlay *overlay, uint32_t number, uint32_t round)
{
    static uint8_t value[4096];
    uint8_t key[5] = {'k'};
    put_u32(key + 1, number);
    memset(value, (int)round, sizeof value);
    assert_int_equal(overlay_put(overlay, span_of(key, 5), span_of(value, sizeof value - round)), TALLY_OK);
}

/* 8 MB a round: the memory of one serves the one after the next. Each round writes 500 keys more than the one
 * before, and not the first 500 of those. */
static void memory_that_serves_again_shows_nothing_of_before(void **state)
{
    (void)state;
    struct overlay *overlay = overlay_make();
    struct store *store = open_store();
    for (uint32_t round = 1; round <= 6; round++) {
        for (uint32_t i = 500 * round; i < 2500 + 1000 * round; i++)
            put_large(overlay, i, round);
        overlay_publish(overlay);
        for (uint32_t i = 0; i < 10000; i++) {
            uint8_t key[5] = {'k'};
            struct span value;
            put_u32(key + 1, i);
            bool found = overlay_get(overlay, span_of(key, 5), &value);
            assert_int_equal(found, i >= 500 * round && i < 2500 + 1000 * round);
            if (found) assert_int_equal(value.size, 4096 - round);
            if (found) assert_int_equal(value.data[value.size - 1], round);
        }
        assert_int_equal(overlay_freeze(overlay), TALLY_OK);
        assert_int_equal(overlay_live_size(overlay), 0);
        flush(overlay, store);
    }
    overlay_close(overlay);
    store_close(store);
}

static void many_keys_are_found_and_scanned_in_order(void **state)
{
    (void)state;
    struct overlay *overlay = overlay_make();
    struct arena arena;
    uint8_t key[5] = {'k'};
    arena_init(&arena, 64 << 20);
    for (uint32_t block = 1; block <= 3; block++) {
        for (uint32_t i = 0; i < 5000; i++) {
            if (i % block != 0) continue;
            put_u32(key + 1, i);
            uint8_t value = (uint8_t)block;
            assert_int_equal(overlay_put(overlay, span_of(key, 5), span_of(&value, 1)), TALLY_OK);
        }
        overlay_publish(overlay);
        if (block == 2) assert_int_equal(overlay_freeze(overlay), TALLY_OK);
    }
    struct overlay_pair *pairs;
    size_t count;
    put_u32(key + 1, 12);
    assert_int_equal(
        overlay_scan(overlay, span_of(key, 1), span_of(key, 5), &arena, &pairs, &count), TALLY_OK);
    assert_int_equal(count, 5000 - 12);
    for (uint32_t i = 12; i < 5000; i++) {
        assert_int_equal(get_u32(pairs[i - 12].key.data + 1), i);
        assert_int_equal(pairs[i - 12].value.data[0], i % 3 == 0 ? 3 : i % 2 == 0 ? 2 : 1);
    }
    assert_int_equal(overlay_scan(overlay, text("z"), text("z"), &arena, &pairs, &count), TALLY_OK);
    assert_int_equal(count, 0);
    arena_close(&arena);
    overlay_close(overlay);
}

#define BLOCKS 2000u
/* Newer blocks that the reader must have come upon. */
#define CHANGES 100u

struct reading {
    struct overlay *overlay;
    atomic_bool stop;
    atomic_uint changes;
    bool wrong; /* the reader's, until it has ended */
};

/* Each block writes one value under all keys: once a reader has seen it under one, it finds nothing older
 * under another. */
static void *read_on(void *context)
{
    struct reading *reading = context;
    uint64_t last = 0;
    for (uint32_t i = 0; !reading->stop; i = (i + 1) % 100) {
        struct buffer value;
        buffer_init(&value, 64);
        uint8_t key[2] = {'k', (uint8_t)i};
        int error = overlay_copy(reading->overlay, span_of(key, 2), &value);
        uint64_t now = error == TALLY_OK && value.size == 8 ? get_u64(value.data) : 0;
        reading->wrong = reading->wrong || now < last || (error != TALLY_OK && error != TALLY_ENOTFOUND);
        if (now > last) reading->changes++;
        last = now;
        buffer_close(&value);
    }
    return NULL;
}

static void write_number(struct overlay *overlay, uint64_t block)
{
    uint8_t value[8];
    put_u64(value, block);
    for (uint8_t i = 0; i < 100; i++) {
        uint8_t key[2] = {'k', i};
        assert_int_equal(overlay_put(overlay, span_of(key, 2), span_of(value, 8)), TALLY_OK);
    }
    overlay_publish(overlay);
    /* The frozen table goes as soon as the next block stands for all of it. */
    if (block % 3 == 0) assert_int_equal(overlay_freeze(overlay), TALLY_OK);
    if (block > 3 && block % 3 == 1) overlay_drop_frozen(overlay);
}

/* On a busy machine the reader's turn comes late: blocks go on until it has seen some. */
static void readers_never_see_a_block_in_part(void **state)
{
    (void)state;
    struct reading reading = {.overlay = overlay_make()};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, read_on, &reading), 0);
    for (uint64_t block = 1; block <= BLOCKS || reading.changes < CHANGES; block++)
        write_number(reading.overlay, block);
    reading.stop = true;
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_false(reading.wrong);
    overlay_close(reading.overlay);
}

/* What LevelDB finds in its log when it opens becomes a file that is yet to be merged, and three are not
 * worth its while. */
static void files_that_wait_to_be_merged_are_its_lag(void **state)
{
    (void)state;
    struct store *store = open_store();
    for (uint8_t i = 0; i < 3; i++) {
        struct store_batch *batch = store_batch_make();
        assert_int_equal(store_lag(store), i);
        store_batch_put(batch, span_of(&i, 1), span_of(&i, 1));
        assert_int_equal(store_commit(store, batch), TALLY_OK);
        store_batch_close(batch);
        store_close(store);
        store = open_store();
    }
    assert_int_equal(store_lag(store), 3);
    struct store_usage usage;
    store_usage(store, &usage);
    assert_int_equal(usage.files[0], 3);
    for (uint32_t level = 1; level < STORE_LEVELS; level++)
        assert_int_equal(usage.files[level], 0);
    assert_true(usage.memory > 0);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_committed_is_there_after_reopening, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_scan_keeps_to_its_prefix_and_stops_when_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_view_stays_at_its_moment, set_up, tear_down),
        cmocka_unit_test_setup_teardown(files_that_wait_to_be_merged_are_its_lag, set_up, tear_down),
        cmocka_unit_test(others_see_a_block_when_it_is_published),
        cmocka_unit_test_setup_teardown(what_is_frozen_is_written_while_blocks_go_on, set_up, tear_down),
        cmocka_unit_test_setup_teardown(memory_that_serves_again_shows_nothing_of_before, set_up, tear_down),
        cmocka_unit_test(many_keys_are_found_and_scanned_in_order),
        cmocka_unit_test(readers_never_see_a_block_in_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
