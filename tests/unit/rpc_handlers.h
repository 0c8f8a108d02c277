/* The handlers, page and feed that tests of sessions without a connection share. */
#ifndef TALLY_TESTS_RPC_HANDLERS_H
#define TALLY_TESTS_RPC_HANDLERS_H

#include "node/rpc/rpc_session.h"
#include "rpc.pb-c.h"

/* A method whose messages are heights: what JSON is made of and from. */
#define OF_HEIGHTS                                                                                           \
    .request = &tallystick__v1__get_block_request__descriptor,                                               \
    .reply = &tallystick__v1__get_block_request__descriptor

static inline void echo(void *context, struct rpc_call *call)
{
    (void)context;
    rpc_call_reply(call, rpc_call_request(call));
}

/* Answers what it is asked, twice as long. */
static inline int twice(struct span request, struct buffer *reply)
{
    if (request.size == 1) return TALLY_EFORM;
    buffer_append(reply, request.data, request.size);
    buffer_append(reply, request.data, request.size);
    return TALLY_OK;
}

static inline unsigned page(void *context, struct buffer *out)
{
    (void)context;
    buffer_append(out, "fine\n", 5);
    return 200;
}

/* Events are named "height", and numbered by their size. */
static inline const char *height_tell(struct span message, uint64_t *id)
{
    static const char height[] = "height";
    *id = message.size;
    return height;
}

static inline void no_output(void *context)
{
    (void)context;
}

#endif
