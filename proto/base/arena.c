#include "proto/base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"
#include "proto/base/pages.h"

#define ALIGNMENT 16
#define CHUNK_SIZE_MIN 4096

struct arena_chunk {
    struct arena_chunk *next;
    size_t size;
    size_t used;
    size_t padding;
    uint8_t bytes[];
};
_Static_assert(offsetof(struct arena_chunk, bytes) % ALIGNMENT == 0, "what a chunk hands out is aligned");

void arena_init(struct arena *arena, size_t budget)
{
    *arena = (struct arena){.budget = budget};
}

static struct arena_chunk *chunk_take(size_t whole)
{
    return whole < PAGES_SIZE_MIN ? malloc(whole) : pages_take(whole);
}

static void chunk_give(struct arena_chunk *chunk, size_t whole)
{
    if (whole < PAGES_SIZE_MIN)
        free(chunk);
    else
        pages_give(chunk, whole);
}

static void free_chunks(struct arena_chunk *chunk)
{
    while (chunk != NULL) {
        struct arena_chunk *next = chunk->next;
        chunk_give(chunk, sizeof *chunk + chunk->size);
        chunk = next;
    }
}

void arena_close(struct arena *arena)
{
    if (arena == NULL) return;
    free_chunks(arena->chunks);
    *arena = (struct arena){0};
}

void arena_reset(struct arena *arena)
{
    if (arena->chunks != NULL) {
        free_chunks(arena->chunks->next);
        arena->chunks->next = NULL;
        arena->chunks->used = 0;
    }
    arena->used = 0;
}

void *arena_take(struct arena *arena, size_t size)
{
    CHECK(arena->used <= arena->budget);
    if (size > arena->budget || size > SIZE_MAX / 4) return NULL;
    size = (size + (ALIGNMENT - 1)) & ~(size_t)(ALIGNMENT - 1);
    if (size > arena->budget - arena->used) return NULL;
    struct arena_chunk *chunk = arena->chunks;
    if (chunk == NULL || chunk->size - chunk->used < size) {
        size_t chunk_size = chunk == NULL ? CHUNK_SIZE_MIN : chunk->size * 2;
        if (chunk_size > arena->budget - arena->used) chunk_size = arena->budget - arena->used;
        if (chunk_size < size) chunk_size = size;
        chunk = chunk_take(sizeof *chunk + chunk_size);
        if (chunk == NULL) return NULL;
        *chunk = (struct arena_chunk){.next = arena->chunks, .size = chunk_size};
        arena->chunks = chunk;
    }
    void *memory = chunk->bytes + chunk->used;
    chunk->used += size;
    arena->used += size;
    return memory;
}

void *arena_take_zeroed(struct arena *arena, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) return NULL;
    void *memory = arena_take(arena, total);
    if (memory != NULL) memset(memory, 0, total);
    return memory;
}
