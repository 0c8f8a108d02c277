#include "proto/base/pages.h"

#include <stdlib.h>
#include <sys/mman.h>

#define HUGE_PAGE_SIZE ((size_t)2 << 20)

void *pages_take(size_t size)
{
    if (size > (size_t)-1 - HUGE_PAGE_SIZE) return NULL;
    size = (size + HUGE_PAGE_SIZE - 1) & ~(HUGE_PAGE_SIZE - 1);
    void *memory = aligned_alloc(HUGE_PAGE_SIZE, size);
    /* Refused, it is memory all the same. */
    if (memory != NULL) (void)madvise(memory, size, MADV_HUGEPAGE);
    return memory;
}
