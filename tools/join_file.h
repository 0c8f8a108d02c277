/* Join files, as tally init makes them. */
#ifndef TALLY_TOOLS_JOIN_FILE_H
#define TALLY_TOOLS_JOIN_FILE_H

#include "proto/codec/governance.h"
#include "tools/command.h"

#define JOIN_FILE_SIZE_MAX (64u * KIB)

/* Reads a join file and checks its proofs, for a chain, or for a network to be founded (zeros). Appends the
 * exact bytes of its action and its proofs, as join_file_parse. */
enum tool_exit join_file_open(struct context *context, const char *path, const struct digest *chain_id,
    struct governance_action *action, struct buffer *action_bytes, struct buffer *proofs) TALLY_MUST_CHECK;

#endif
