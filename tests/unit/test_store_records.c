// links: storage codec crypto base
/* Pairs of a store read one by one, over the pieces they are held in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "storage/store_records.h"

#define COUNT 5000u

static struct span key_of(uint32_t number, char kind, uint8_t bytes[5])
{
    bytes[0] = (uint8_t)kind;
    put_u32(bytes + 1, number);
    return span_of(bytes, 5);
}

/* Values of up to 2 KiB, and a large one; 5 MiB in all. */
static struct span value_of(uint32_t number, uint8_t *bytes)
{
    size_t size = number == COUNT / 2 ? 2 * MIB : number * 7919u % 2048u;
    memset(bytes, (int)(number % 251), size);
    return span_of(bytes, size);
}

static void every_pair_comes_once_in_order(void **context)
{
    char dir[] = "/tmp/tally-records.XXXXXX";
    uint8_t key[5], *value = malloc(2 * MIB);
    struct store *store;
    struct store_records records;
    struct store_record record;
    (void)context;
    assert_non_null(mkdtemp(dir));
    assert_non_null(value);
    assert_int_equal(store_open(dir, &store), TALLY_OK);
    struct store_batch *batch = store_batch_make();
    for (uint32_t i = 0; i < COUNT; i++)
        store_batch_put(batch, key_of(i, 'K', key), value_of(i, value));
    store_batch_put(batch, key_of(0, 'J', key), span_of("before", 6));
    store_batch_put(batch, key_of(0, 'L', key), span_of("behind", 6));
    assert_int_equal(store_commit(store, batch), TALLY_OK);
    struct store_view *view = store_view_make(store);
    store_records_init(&records, view, 'K');
    for (uint32_t i = 0; i < COUNT; i++) {
        for (uint32_t twice = 0; twice < 2; twice++) {
            assert_int_equal(store_records_peek(&records, &record), TALLY_OK);
            assert_true(span_equal(record.key, key_of(i, 'K', key)));
            assert_true(span_equal(record.value, value_of(i, value)));
        }
        store_records_next(&records);
    }
    assert_int_equal(store_records_peek(&records, &record), TALLY_ENOTFOUND);
    assert_int_equal(store_records_peek(&records, &record), TALLY_ENOTFOUND);
    store_records_close(&records);
    store_records_init(&records, view, 'Z');
    assert_int_equal(store_records_peek(&records, &record), TALLY_ENOTFOUND);
    store_records_close(&records);
    store_view_close(view);
    store_batch_close(batch);
    store_close(store);
    assert_int_equal(store_destroy(dir), TALLY_OK);
    free(value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_comes_once_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
