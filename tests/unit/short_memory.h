/* Memory that runs out at a chosen allocation, for one test program. Sanitizers have their own allocator, so
 * under them it never does. */
#ifndef TALLY_TESTS_SHORT_MEMORY_H
#define TALLY_TESTS_SHORT_MEMORY_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "node/net/log.h"

static long allocations_left = -1; /* -1 = as many as wanted */
static bool allocation_failed;

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(SANITIZED)
#define COUNTS_ALLOCATIONS 0
#else
#define COUNTS_ALLOCATIONS 1
static bool allocation_allowed(void)
{
    if (allocations_left < 0) return true;
    if (allocations_left > 0) {
        allocations_left--;
        return true;
    }
    /* One fails; those after it succeed: what cleans up may need some. */
    allocations_left = -1;
    allocation_failed = true;
    errno = ENOMEM;
    return false;
}

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

void *malloc(size_t size)
{
    return allocation_allowed() ? __libc_malloc(size) : NULL;
}

void *calloc(size_t count, size_t size)
{
    return allocation_allowed() ? __libc_calloc(count, size) : NULL;
}

void *realloc(void *old, size_t size)
{
    return allocation_allowed() ? __libc_realloc(old, size) : NULL;
}
#endif

/* Has the conversation with memory running out at its n-th allocation, for every n; it returns whether all in
 * it went well. */
static void short_of_memory(bool (*converse)(void))
{
    if (!COUNTS_ALLOCATIONS) skip();
    log_set_level(LOG_LEVEL_BROKEN);
    unsigned survived = 0;
    long n = 0;
    do {
        allocation_failed = false;
        allocations_left = n++;
        bool well = converse();
        allocations_left = -1;
        if (allocation_failed && well) survived++;
    } while (allocation_failed);
    print_message(
        "%ld allocations; without one of them, %u conversations still went well\n", n - 1, survived);
    assert_true(n > 50);
}

#endif
