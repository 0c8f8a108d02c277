/* What a replica does, as prose. */
#ifndef TALLY_SCOPE_TELL_H
#define TALLY_SCOPE_TELL_H

#include <stdio.h>

#include "tests/scope/actor.h"

/* Where it is told; NULL = nowhere. `briefly`: views, commits and evidence alone. */
void tell_to(FILE *out, bool briefly);
void tell_output(const struct actor *actor, const struct consensus_output *output);

#endif
