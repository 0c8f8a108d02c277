/* Calls to the home's node: connected with the home's certificates, answers decoded, failures told in the
 * context. */
#ifndef TALLY_TOOLS_REMOTE_H
#define TALLY_TOOLS_REMOTE_H

#include "node/client/client.h"
#include "proto/codec/message.h"
#include "tools/home.h"

#define REMOTE_DEADLINE_MS 30000u
/* What one decoded reply may take. */
#define REMOTE_ARENA_BUDGET (256u * MIB)

/* A connection to one node. */
struct remote {
    struct client *client;
    char node[NAME_SIZE_MAX + 1];
    char address[HOME_HOST_MAX + 8];
};

/* Connects to the home's node. On failure there is nothing to close. */
enum tool_exit remote_open(
    struct context *context, const struct home *home, struct remote *remote) TALLY_MUST_CHECK;
void remote_close(struct remote *remote);

/* One unary call of `method`, such as "/tallystick.v1.Node/GetStatus". *reply lives in the arena. */
enum tool_exit remote_call(struct context *context, struct remote *remote, const char *method,
    const ProtobufCMessage *request, const ProtobufCMessageDescriptor *reply_descriptor, struct arena *arena,
    ProtobufCMessage **reply) TALLY_MUST_CHECK;

/* Notes a failed call of the client in the context: TOOL_UNREACHABLE where the node could not answer, else
 * TOOL_REFUSED. */
enum tool_exit remote_fail(struct context *context, const struct remote *remote, int result,
    const struct client_error *error) TALLY_MUST_CHECK;

#endif
