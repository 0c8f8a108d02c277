/* What an actor does with each output of its core, and what is checked at each. */
#ifndef TALLY_SCOPE_CARRY_H
#define TALLY_SCOPE_CARRY_H

#include "tests/scope/actor.h"

void carry(struct actor *actor, const struct consensus_output *output);

#endif
