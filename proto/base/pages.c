#include "proto/base/pages.h"

#include <stdint.h>
#include <sys/mman.h>

#include "proto/base/check.h"

#define HUGE_PAGE_SIZE ((size_t)2 << 20)

static size_t whole_pages(size_t size)
{
    return (size + HUGE_PAGE_SIZE - 1) & ~(HUGE_PAGE_SIZE - 1);
}

static void unmap(uint8_t *from, size_t size)
{
    if (size > 0) CHECK(munmap(from, size) == 0);
}

void *pages_take(size_t size)
{
    if (size == 0 || size > SIZE_MAX / 2) return NULL;
    size = whole_pages(size);
    uint8_t *mapped = mmap(NULL, size + HUGE_PAGE_SIZE, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) return NULL;
    size_t before = -(uintptr_t)mapped & (HUGE_PAGE_SIZE - 1);
    unmap(mapped, before);
    unmap(mapped + before + size, HUGE_PAGE_SIZE - before);
    /* Refused, it is memory all the same. */
    (void)madvise(mapped + before, size, MADV_HUGEPAGE);
    return mapped + before;
}

void pages_give(void *memory, size_t size)
{
    if (memory != NULL) unmap(memory, whole_pages(size));
}
