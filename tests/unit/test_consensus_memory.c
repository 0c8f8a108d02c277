// links: sim consensus base -Wl,--wrap=consensus_open,--wrap=consensus_step,--wrap=consensus_restore
/* The core takes all its memory when it is opened, as much as it says, and none after. The linker puts the
 * calls through here that change the core; the C library's allocators are replaced by ones that look who
 * calls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/sim/world.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define OWN_ALLOCATORS 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define OWN_ALLOCATORS 0
#endif
#endif
#ifndef OWN_ALLOCATORS
#define OWN_ALLOCATORS 1
#endif

/* Where the one thread is, and what it did there. */
static bool opening, stepping;
static size_t opened_bytes;
static uint64_t steps, allocations;

#if OWN_ALLOCATORS
static void note(size_t size)
{
    if (opening) opened_bytes += size;
    if (stepping) allocations++;
}

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);

void *malloc(size_t size)
{
    note(size);
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    note(count * size);
    return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
    note(size);
    return __libc_realloc(memory, size);
}
#endif

int __real_consensus_open(
    const struct consensus_config *config, const struct consensus_floor *floor, struct consensus **consensus);
int __wrap_consensus_open(
    const struct consensus_config *config, const struct consensus_floor *floor, struct consensus **consensus);
int __wrap_consensus_open(
    const struct consensus_config *config, const struct consensus_floor *floor, struct consensus **consensus)
{
    opening = true;
    opened_bytes = 0;
    int error = __real_consensus_open(config, floor, consensus);
    opening = false;
    return error;
}

int __real_consensus_restore(
    struct consensus *consensus, const struct consensus_record *record, bool payload_held);
int __wrap_consensus_restore(
    struct consensus *consensus, const struct consensus_record *record, bool payload_held);
int __wrap_consensus_restore(
    struct consensus *consensus, const struct consensus_record *record, bool payload_held)
{
    stepping = true;
    int error = __real_consensus_restore(consensus, record, payload_held);
    stepping = false;
    return error;
}

void __real_consensus_step(struct consensus *consensus, const struct consensus_input *input);
void __wrap_consensus_step(struct consensus *consensus, const struct consensus_input *input);
void __wrap_consensus_step(struct consensus *consensus, const struct consensus_input *input)
{
    stepping = true;
    __real_consensus_step(consensus, input);
    stepping = false;
    steps++;
}

static void what_is_taken_at_the_start_is_what_is_said(void **state)
{
    (void)state;
    if (!OWN_ALLOCATORS) skip();
    for (uint32_t n = VALIDATORS_MIN; n <= VALIDATORS_MAX; n++) {
        struct consensus_config config = {.base_timeout_ms = 100, .peer_count = n, .set.count = n};
        struct consensus_floor floor = {.height = 0};
        struct consensus *consensus;
        assert_int_equal(consensus_open(&config, &floor, &consensus), TALLY_OK);
        assert_int_equal(opened_bytes, consensus_memory(n));
        consensus_close(consensus);
    }
}

/* Every fault that the simulator knows: restarts, liars, catching up, full windows. */
static void nothing_is_taken_after_the_start_whatever_happens(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {4, 5, 7, 10};
    if (!OWN_ALLOCATORS) skip();
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct plan_wish wish = {.validators = sizes[seed % 4], .observers = 1, .faults = FAULTS_ALL};
        struct plan plan;
        struct verdict verdict;
        plan_draw(seed, &wish, &plan);
        world_run(&plan, false, &verdict);
        assert_string_equal(verdict.violation, "");
        assert_int_equal(allocations, 0);
    }
    assert_true(steps > 100000);
}

/* That the net has no hole: what is not the core's is seen where the core's is looked for. */
static void an_allocation_is_seen(void **state)
{
    (void)state;
    if (!OWN_ALLOCATORS) skip();
    stepping = true;
    void *volatile memory = malloc(10);
    free(memory);
    memory = calloc(2, 5);
    free(memory);
    stepping = false;
    assert_int_equal(allocations, 2);
    allocations = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_taken_at_the_start_is_what_is_said),
        cmocka_unit_test(an_allocation_is_seen),
        cmocka_unit_test(nothing_is_taken_after_the_start_whatever_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
