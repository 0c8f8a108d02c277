/* What the core was found to make of each pair of a state and an act: one growing table from a word to a
 * number. */
#ifndef TALLY_SCOPE_REMEMBER_H
#define TALLY_SCOPE_REMEMBER_H

#include <stdbool.h>
#include <stdint.h>

/* Scatters a value over all 64 bits; a bijection. */
static inline uint64_t scatter(uint64_t value)
{
    value ^= value >> 32;
    value *= 0xd6e8feb86659fd93u;
    value ^= value >> 32;
    value *= 0xd6e8feb86659fd93u;
    return value ^ value >> 32;
}

/* Forgets all; to be called first. */
void remember_nothing(void);
/* `key` is not 0, and not remembered yet. */
void remember(uint64_t key, uint32_t value);
/* False where it is not remembered; *value is then untouched. */
bool remembered(uint64_t key, uint32_t *value);

#endif
