/* A verified history, shown. */
#ifndef TALLY_TOOLS_HISTORY_VIEW_H
#define TALLY_TOOLS_HISTORY_VIEW_H

#include "proto/proof/verify.h"
#include "tools/output.h"

/* The events as a JSON array; NULL when memory runs out. The proof has been verified. */
json_t *history_events_json(const struct history_proof *proof, const struct digest *chain_id);
/* A table for people. */
void history_events_text(const struct history_proof *proof);

#endif
