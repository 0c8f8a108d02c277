/* Chance from a seed: the only source of it in a simulated run, so that one seed is one run. */
#ifndef TALLY_SIM_DICE_H
#define TALLY_SIM_DICE_H

#include <stdbool.h>
#include <stdint.h>

struct dice {
    uint64_t state;
};

/* A 64-bit value scattered over all 64 bits; a bijection. */
static inline uint64_t dice_scatter(uint64_t value)
{
    value ^= value >> 32;
    value *= 0xd6e8feb86659fd93u;
    value ^= value >> 32;
    value *= 0xd6e8feb86659fd93u;
    return value ^ value >> 32;
}

static inline void dice_init(struct dice *dice, uint64_t seed)
{
    dice->state = dice_scatter(seed ^ 0x7a11157ec0de0001u);
}

static inline uint64_t dice_next(struct dice *dice)
{
    dice->state += 0x9e3779b97f4a7c15u;
    return dice_scatter(dice->state);
}

/* 0 to bound - 1; bound 0 gives 0. The bias is below bound / 2^64 and does not matter here. */
static inline uint64_t dice_below(struct dice *dice, uint64_t bound)
{
    return bound == 0 ? 0 : dice_next(dice) % bound;
}

/* low to high, both included; low <= high. */
static inline uint64_t dice_between(struct dice *dice, uint64_t low, uint64_t high)
{
    return low + dice_below(dice, high - low + 1);
}

static inline bool dice_chance(struct dice *dice, uint32_t per_mille)
{
    return dice_below(dice, 1000) < per_mille;
}

#endif
