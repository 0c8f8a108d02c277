/* Memory of cores that can be put back as it was.
 *
 * A core takes its memory with calloc when it is opened. While an arena is entered, calloc (wrapped when this
 * program is linked) takes from it, at the same addresses each time, so a copy of what a core ever wrote to
 * can later be laid back over it: pointers and all. Nothing here knows what a core keeps.
 *
 * Pages are found by the first write to each. Memory that outputs point into holds for one step by contract,
 * and is left out, except in the core's first allocation. */
#ifndef TALLY_SCOPE_ARENA_H
#define TALLY_SCOPE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARENAS 4u

/* Once, before anything else. Ends the process where there is no memory. */
void arenas_init(void);
/* What was saved is gone. */
void arenas_forget(void);
/* calloc and free belong to arena `index` until arena_leave. Empties it. */
void arena_enter_empty(uint32_t index);
void arena_leave(void);
/* An output pointed there. */
void arena_scratch(uint32_t index, const void *pointer);

/* What is saved is the difference to a copy made once. */
void arena_base_set(uint32_t index);
/* The difference, as words at the end of one growing store; returns where. */
size_t arena_save(uint32_t index);
void arena_load(uint32_t index, size_t saved);

#endif
