/* One input to the core, for the unit tests of consensus. */
#ifndef TALLY_TESTS_FEED_H
#define TALLY_TESTS_FEED_H

#include "consensus/consensus.h"

/* Feeds the input and counts its outputs of one kind. */
static inline uint32_t fed(
    struct consensus *consensus, struct consensus_input *input, enum consensus_output_kind kind)
{
    uint32_t count = 0;
    const struct consensus_output *output;
    consensus_step(consensus, input);
    while ((output = consensus_next_output(consensus)))
        if (output->kind == kind) count++;
    return count;
}

#endif
