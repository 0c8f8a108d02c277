/* Follow as server-sent events: what a URL asks for, and what an event is called. */
#include "node/rpc/services_internal.h"
#include "proto/codec/message.h"
#include "rpc.pb-c.h"

/* A block in memory is at most so much larger than its bytes. */
#define EXPANSION 64u

/* Reads a height of 1 to 18 digits. */
static bool read_height(struct span text, uint64_t *height)
{
    uint64_t value = 0;
    if (text.size == 0 || text.size > 18) return false;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') return false;
        value = value * 10 + (uint64_t)(text.data[i] - '0');
    }
    *height = value;
    return value > 0;
}

static bool is(struct span text, const char *known)
{
    return span_equal(text, span_of(known, strlen(known)));
}

static bool take_parameter(Tallystick__V1__FollowRequest *request, struct span name, struct span value)
{
    if (is(name, "from")) return read_height(value, &request->from_height);
    if (is(name, "checkpoints")) {
        request->checkpoints = is(value, "1");
        return request->checkpoints;
    }
    if (!is(name, "events")) return false;
    request->events = is(value, "all");
    request->own_events = is(value, "own");
    return request->events || request->own_events;
}

static bool take_query(Tallystick__V1__FollowRequest *request, const char *query)
{
    while (*query != '\0') {
        size_t size = strcspn(query, "&"), name_size = strcspn(query, "=&");
        if (name_size == size) return false;
        if (!take_parameter(
                request, span_of(query, name_size), span_of(query + name_size + 1, size - name_size - 1))) {
            return false;
        }
        query += size;
        if (*query == '&') query++;
    }
    return true;
}

int events_ask(const char *query, const char *last_id, struct buffer *request, const char **why)
{
    Tallystick__V1__FollowRequest message = TALLYSTICK__V1__FOLLOW_REQUEST__INIT;
    if (!take_query(&message, query)) {
        *why = "the query takes from=HEIGHT, events=all or own, and checkpoints=1";
        return TALLY_EFORM;
    }
    /* A client that comes back says how far it got, whatever the URL it began with. */
    if (last_id[0] != '\0') {
        uint64_t height = 0;
        if (!read_height(span_of(last_id, strlen(last_id)), &height)) {
            *why = "Last-Event-ID is no height";
            return TALLY_EFORM;
        }
        message.from_height = height + 1;
    }
    message_encode(&message.base, request);
    return TALLY_OK;
}

const char *events_tell(struct span message, uint64_t *id)
{
    static const char block[] = "block", checkpoint[] = "checkpoint";
    struct arena arena;
    ProtobufCMessage *decoded;
    const char *name = checkpoint;
    arena_init(&arena, message.size * EXPANSION + 64u * KIB);
    if (message_decode(&tallystick__v1__follow_reply__descriptor, MESSAGE_LENIENT, message, &arena,
            &decoded) == TALLY_OK) {
        const Tallystick__V1__FollowReply *reply = (const Tallystick__V1__FollowReply *)decoded;
        if (reply->news_case == TALLYSTICK__V1__FOLLOW_REPLY__NEWS_BLOCK) {
            name = block;
            if (reply->block->header != NULL) *id = reply->block->header->height;
        }
    }
    arena_close(&arena);
    return name;
}
