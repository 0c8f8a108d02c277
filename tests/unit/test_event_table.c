// links: storage crypto base
/* The table of places: the same however it began, small or in one piece, and however far it grew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "proto/crypto/digest.h"
#include "storage/event_table.h"

#define KIND ((uint64_t)1 << EVENT_KIND_SHIFT)

static struct event_entry entry_of(uint32_t number)
{
    uint8_t bytes[4];
    put_u32(bytes, number);
    struct digest name = digest_plain(span_of(bytes, sizeof bytes));
    struct event_entry entry = {.place = KIND | (uint64_t)(number + 1) << EVENT_INDEX_BITS};
    memcpy(entry.key, name.bytes, EVENT_KEY_SIZE);
    return entry;
}

static void add(struct event_table *table, uint32_t number)
{
    struct event_entry entry = entry_of(number);
    if (event_table_is_full(table, entry.key)) assert_int_equal(event_table_grow(table, entry.key), TALLY_OK);
    event_table_add(table, &entry);
}

static void expect(const struct event_table *table, uint32_t number, bool there)
{
    struct event_entry entry = entry_of(number);
    assert_int_equal(event_table_find(table, entry.key, KIND, 2 * KIND - 1), there ? entry.place : 0);
}

static void all_that_was_added_is_found_and_copied(size_t expected, uint32_t count)
{
    struct event_hash hash;
    random_bytes(&hash, sizeof hash);
    struct event_table *table = event_table_make(&hash, expected);
    assert_non_null(table);
    for (uint32_t i = 0; i < count; i++)
        add(table, i);
    assert_int_equal(event_table_count(table), count);
    assert_int_equal(event_table_added(table), count);
    for (uint32_t i = 0; i < count; i++)
        expect(table, i, true);
    for (uint32_t i = count; i < count + 1000; i++)
        expect(table, i, false);
    struct event_entry *entries = calloc(count, sizeof *entries);
    assert_non_null(entries);
    event_table_copy(table, entries);
    uint64_t sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += (entries[i].place & ~KIND) >> EVENT_INDEX_BITS;
    assert_int_equal(sum, (uint64_t)count * (count + 1) / 2);
    free(entries);
    event_table_close(table);
}

static void one_that_begins_small_grows(void **context)
{
    (void)context;
    all_that_was_added_is_found_and_copied(0, 50000);
}

static void one_in_a_piece_takes_what_was_expected(void **context)
{
    (void)context;
    all_that_was_added_is_found_and_copied(300000, 300000);
}

static void one_in_a_piece_grows_out_of_it(void **context)
{
    (void)context;
    all_that_was_added_is_found_and_copied(150000, 500000);
}

static void what_is_expected_needs_no_growth_to_speak_of(void **context)
{
    (void)context;
    struct event_hash hash;
    random_bytes(&hash, sizeof hash);
    struct event_table *table = event_table_make(&hash, 250000);
    assert_non_null(table);
    for (uint32_t i = 0; i < 250000; i++) {
        struct event_entry entry = entry_of(i);
        assert_false(event_table_is_full(table, entry.key));
        event_table_add(table, &entry);
    }
    event_table_close(table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_begins_small_grows),
        cmocka_unit_test(one_in_a_piece_takes_what_was_expected),
        cmocka_unit_test(one_in_a_piece_grows_out_of_it),
        cmocka_unit_test(what_is_expected_needs_no_growth_to_speak_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
