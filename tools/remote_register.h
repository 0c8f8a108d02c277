/* The register, as the home's node has it. */
#ifndef TALLY_TOOLS_REMOTE_REGISTER_H
#define TALLY_TOOLS_REMOTE_REGISTER_H

#include "proto/codec/register.h"
#include "tools/remote.h"

/* Asks for the register's exact bytes and reads them; `height` is that of the block after which it stands so.
 */
enum tool_exit remote_register(struct context *context, struct remote *remote, struct member_register *to,
    uint64_t *height) TALLY_MUST_CHECK;

#endif
