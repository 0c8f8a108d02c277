#include <inttypes.h>
#include <stdio.h>

#include "node/rpc/rpc_call.h"
#include "node/rpc/transcode.h"
#include "proto/base/check.h"

struct rpc_form rpc_call_form(const struct rpc_call *call)
{
    return (struct rpc_form){
        .reply = call->method->reply,
        .feed = call->feed,
        .is_json = call->dialect->json,
        .is_framed = dialect_is_framed(call->dialect),
    };
}

/* What stands before an event's data. */
static void event_frame(const struct rpc_feed *feed, struct span message, struct buffer *out)
{
    char line[64];
    uint64_t id = 0;
    const char *name = feed->tell(message, &id);
    int size = 0;
    if (id != 0) size = snprintf(line, sizeof line, "id: %" PRIu64 "\n", id);
    buffer_append(out, line, (size_t)size);
    size = snprintf(line, sizeof line, "event: %s\ndata: ", name);
    buffer_append(out, line, (size_t)size);
}

int rpc_form_write(const struct rpc_form *form, struct span message, struct buffer *text)
{
    static const uint8_t no_prefix[GRPC_PREFIX_SIZE] = {0};
    CHECK(form->is_json && text->size == 0);
    if (form->feed != NULL) event_frame(form->feed, message, text);
    if (form->is_framed) buffer_append(text, no_prefix, sizeof no_prefix);
    int error = transcode_to_json(form->reply, message, text);
    if (form->feed != NULL) buffer_append(text, "\n\n", 2);
    if (error != TALLY_OK) return error;
    if (text->failed) return TALLY_ELIMIT;
    if (form->is_framed) grpc_prefix_write(text->data, (uint32_t)(text->size - GRPC_PREFIX_SIZE));
    return TALLY_OK;
}
