/* What a fuzz target defines. */
#ifndef TALLY_TESTS_FUZZ_H
#define TALLY_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* One input; returns 0. It must neither crash nor take memory without bound, and a property that fails ends
 * the process. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Writes the target's sample `number` (0, 1, ..) to `bytes` and returns its size; 0 when there is none.
 * Mutations start from these. A target may leave it out. */
size_t fuzz_sample(uint32_t number, uint8_t *bytes, size_t size_max);

#endif
