// links: storage codec crypto base
/* The sort behind a snapshot: what is added block by block comes back by subject, in the ledger's order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "storage/snapshot_spill.h"
#include "tests/fault/memory_disk.h"

#define PATH "spill"

/* Event `number` of many: one subject has half of all, the others share the rest. */
static struct spilled_event event_of(uint32_t number)
{
    struct spilled_event event = {
        .height = number / 100 + 1, .index = number % 100, .time_ms = number, .member_id = number};
    uint32_t subject = number % 2 == 0 ? 77 : number * 2654435761u >> 20;
    put_u32(event.position.bytes, subject * 2654435761u);
    return event;
}

static void add(struct snapshot_spill *spill, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct spilled_event event = event_of(i);
        assert_int_equal(snapshot_spill_add(spill, &event), TALLY_OK);
    }
}

static void takes_back_in_order(struct snapshot_spill *spill, uint32_t count)
{
    bool *seen = calloc(count + 1, sizeof *seen);
    struct spilled_event before = {.height = 0};
    const struct spilled_event *event;
    uint32_t found = 0;
    assert_non_null(seen);
    while ((event = snapshot_spill_peek(spill)) != NULL) {
        int order = memcmp(before.position.bytes, event->position.bytes, DIGEST_SIZE);
        struct spilled_event expected = event_of(event->member_id);
        assert_true(event->member_id < count && !seen[event->member_id]);
        assert_memory_equal(event, &expected, sizeof expected);
        if (found > 0) assert_true(order < 0 || (order == 0 && before.member_id < event->member_id));
        seen[event->member_id] = true;
        before = *event;
        found++;
        assert_int_equal(snapshot_spill_next(spill), TALLY_OK);
    }
    assert_int_equal(found, count);
    free(seen);
}

static void what_is_added_comes_back_by_subject(void **context)
{
    /* Nothing; all in memory; a bundle that is just full; one more; many, the last one full or not. */
    static const uint32_t counts[] = {0, 1, 1000, 65536, 65537, 3 * 65536, 300000};
    (void)context;
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct memory_disk *memory = memory_disk_make(1);
        struct snapshot_spill *spill;
        int file;
        assert_int_equal(snapshot_spill_open(&memory->disk, PATH, &spill), TALLY_OK);
        add(spill, counts[i]);
        assert_int_equal(snapshot_spill_sort(spill), TALLY_OK);
        takes_back_in_order(spill, counts[i]);
        snapshot_spill_close(spill);
        assert_int_equal(memory->disk.open(memory->disk.context, PATH, DISK_READ, &file), TALLY_ENOTFOUND);
        memory_disk_close(memory);
    }
}

static void a_disk_that_fails_is_told_of(void **context)
{
    (void)context;
    struct memory_disk *memory = memory_disk_make(1);
    struct snapshot_spill *spill;
    assert_int_equal(snapshot_spill_open(&memory->disk, PATH, &spill), TALLY_OK);
    add(spill, 65536);
    memory_fault(memory, FAULT_FULL, 1, 1);
    struct spilled_event event = event_of(65536);
    assert_int_equal(snapshot_spill_add(spill, &event), TALLY_EFULL);
    snapshot_spill_close(spill);
    memory_disk_close(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_added_comes_back_by_subject),
        cmocka_unit_test(a_disk_that_fails_is_told_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
