// links: storage codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

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
    uint8_t *value;
    size_t size;
    int error = store_get(store, text(key), &value, &size);
    if (expected == NULL) {
        assert_int_equal(error, TALLY_ENOTFOUND);
        return;
    }
    assert_int_equal(error, TALLY_OK);
    assert_true(span_equal(span_of(value, size), text(expected)));
    store_free(value);
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

/* ---- The overlay ---- */

static void write_layer(struct overlay *overlay, uint64_t height, const char *keys, const char *value)
{
    assert_int_equal(overlay_begin(overlay, height), TALLY_OK);
    for (const char *at = keys; *at != '\0'; at++)
        assert_int_equal(overlay_put(overlay, span_of(at, 1), text(value)), TALLY_OK);
}

static void assert_seen(const struct overlay *overlay, const char *key, const char *expected)
{
    struct span value;
    bool found = overlay_get(overlay, text(key), &value);
    assert_int_equal(found, expected != NULL);
    if (found) assert_true(span_equal(value, text(expected)));
}

static uint64_t gather(struct overlay *overlay, struct store *store, uint64_t height, size_t size_max)
{
    uint64_t reached;
    struct store_batch *batch = store_batch_make();
    assert_int_equal(overlay_gather(overlay, height, size_max, batch, &reached), TALLY_OK);
    assert_int_equal(store_commit(store, batch), TALLY_OK);
    store_batch_close(batch);
    if (reached > 0) overlay_flushed(overlay, reached);
    return reached;
}

static void the_newest_layer_hides_the_others(void **state)
{
    (void)state;
    struct overlay *overlay = overlay_make(1 << 20);
    write_layer(overlay, 1, "abc", "one");
    write_layer(overlay, 2, "bc", "two, and longer");
    write_layer(overlay, 3, "c", "3");
    write_layer(overlay, 4, "", "");
    assert_int_equal(overlay_put(overlay, text("c"), text("first")), TALLY_OK);
    assert_int_equal(overlay_put(overlay, text("c"), text("and then a longer one")), TALLY_OK);
    assert_int_equal(overlay_put(overlay, text("c"), text("4")), TALLY_OK);
    assert_seen(overlay, "a", "one");
    assert_seen(overlay, "b", "two, and longer");
    assert_seen(overlay, "c", "4");
    assert_seen(overlay, "d", NULL);
    overlay_close(overlay);
}

static void a_flush_up_to_a_height_writes_what_stood_there_then(void **state)
{
    (void)state;
    struct overlay *overlay = overlay_make(0);
    struct store *store = open_store();
    write_layer(overlay, 1, "abc", "one");
    write_layer(overlay, 2, "bc", "two");
    write_layer(overlay, 3, "cd", "three");
    assert_int_equal(gather(overlay, store, 2, SIZE_MAX), 2);
    assert_value(store, "a", "one");
    assert_value(store, "b", "two");
    assert_value(store, "c", "two");
    assert_value(store, "d", NULL);
    /* With no budget, what is flushed leaves memory; what is not stays. */
    assert_seen(overlay, "a", NULL);
    assert_seen(overlay, "b", NULL);
    assert_seen(overlay, "c", "three");
    assert_int_equal(gather(overlay, store, 2, SIZE_MAX), 0);
    assert_int_equal(gather(overlay, store, 9, SIZE_MAX), 3);
    assert_value(store, "c", "three");
    assert_seen(overlay, "c", NULL);
    assert_int_equal(overlay_unflushed_size(overlay), 0);
    write_layer(overlay, 4, "e", "four");
    assert_seen(overlay, "e", "four");
    overlay_close(overlay);
    store_close(store);
}

static void a_group_is_as_large_as_asked_and_at_least_one_layer(void **state)
{
    (void)state;
    struct overlay *overlay = overlay_make(1 << 20);
    struct store *store = open_store();
    for (uint64_t height = 1; height <= 5; height++)
        write_layer(overlay, height, "xyz", "value");
    size_t each = overlay_unflushed_size(overlay) / 5;
    assert_int_equal(gather(overlay, store, 5, 1), 1);
    assert_int_equal(gather(overlay, store, 5, 2 * each), 3);
    assert_int_equal(gather(overlay, store, 5, 100 * each), 5);
    assert_seen(overlay, "x", "value");
    overlay_close(overlay);
    store_close(store);
}

static void many_keys_are_found_and_scanned_in_order(void **state)
{
    (void)state;
    struct overlay *overlay = overlay_make(0);
    struct store *store = open_store();
    uint8_t key[5] = {'k'};
    for (uint64_t height = 1; height <= 3; height++) {
        assert_int_equal(overlay_begin(overlay, height), TALLY_OK);
        for (uint32_t i = 0; i < 5000; i++) {
            if (i % (uint32_t)height != 0) continue;
            put_u32(key + 1, i);
            uint8_t value = (uint8_t)height;
            assert_int_equal(overlay_put(overlay, span_of(key, 5), span_of(&value, 1)), TALLY_OK);
        }
    }
    assert_int_equal(gather(overlay, store, 1, SIZE_MAX), 1);
    struct overlay_pair *pairs;
    size_t count;
    put_u32(key + 1, 12);
    assert_int_equal(overlay_scan(overlay, span_of(key, 1), span_of(key, 5), &pairs, &count), TALLY_OK);
    uint32_t at = 12;
    for (size_t i = 0; i < count; i++) {
        while (at % 2 != 0 && at % 3 != 0)
            at++;
        assert_int_equal(get_u32(pairs[i].key.data + 1), at);
        assert_int_equal(pairs[i].value.data[0], at % 3 == 0 ? 3 : 2);
        at++;
    }
    assert_true(at >= 4999 && count > 3000);
    free(pairs);
    assert_int_equal(overlay_scan(overlay, text("z"), text("z"), &pairs, &count), TALLY_OK);
    assert_int_equal(count, 0);
    free(pairs);
    overlay_close(overlay);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_committed_is_there_after_reopening, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_scan_keeps_to_its_prefix_and_stops_when_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_newest_layer_hides_the_others, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_flush_up_to_a_height_writes_what_stood_there_then, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
            a_group_is_as_large_as_asked_and_at_least_one_layer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_keys_are_found_and_scanned_in_order, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
