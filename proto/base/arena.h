/* A bump allocator with a budget: what decodes bytes from outside takes its memory here, and is freed at
 * once. */
#ifndef TALLY_BASE_ARENA_H
#define TALLY_BASE_ARENA_H

#include <stddef.h>

struct arena_chunk;

struct arena {
    struct arena_chunk *chunks;
    size_t used;   /* bytes handed out, rounding included */
    size_t budget; /* most bytes it may hand out */
};

/* No memory is taken yet. */
void arena_init(struct arena *arena, size_t budget);
/* Frees everything that was handed out. */
void arena_close(struct arena *arena);
/* Frees everything but the newest chunk, and starts again with the same budget. */
void arena_reset(struct arena *arena);
/* Memory aligned to 16 bytes, not zeroed; NULL when the budget or the machine's memory is spent. Size 0 is
 * fine. */
void *arena_take(struct arena *arena, size_t size);
/* The same, zeroed; NULL also when count * size overflows. */
void *arena_take_zeroed(struct arena *arena, size_t count, size_t size);

#endif
