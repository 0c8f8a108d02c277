/* A block as a node tells it: checked, and shown. */
#ifndef TALLY_TOOLS_BLOCK_VIEW_H
#define TALLY_TOOLS_BLOCK_VIEW_H

#include <jansson.h>

#include "proto/codec/agreement.h"
#include "proto/proof/verify.h"
#include "rpc.pb-c.h"
#include "storage/epoch_sets.h"
#include "tools/command.h"

/* From the trust's validators to those of the block's epoch, by the seals that came with it; writes both
 * those and the ones before them, which may sign a little longer. */
enum tool_exit block_validators(struct context *context, const Tallystick__V1__GetBlockReply *reply,
    const struct proof_trust *trust, struct verify_set *before, struct verify_set *now) TALLY_MUST_CHECK;
/* Checks the block's height, chain, epoch and hash, and its finalization where it carries one; writes its
 * header and hash. */
enum tool_exit block_check(struct context *context, const Tallystick__V1__GetBlockReply *reply,
    uint64_t height, const struct digest *chain_id, const struct verify_set *validators,
    struct block_header *header, struct digest *hash) TALLY_MUST_CHECK;
/* Notes in the context that the events are of another form than a node of this release tells. */
enum tool_exit block_malformed(struct context *context) TALLY_MUST_CHECK;

/* What tally block prints. NULL where an event is malformed, or memory ran out. */
json_t *block_to_json(
    const Tallystick__V1__GetBlockReply *reply, const struct block_header *header, const struct digest *hash);
/* Prints a line for each event and each transaction. Errors: TALLY_EFORM (one is malformed; those before it
 * are printed). */
int block_events_print(const Tallystick__V1__GetBlockReply *reply) TALLY_MUST_CHECK;

#endif
