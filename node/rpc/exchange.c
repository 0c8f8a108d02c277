#include "node/rpc/exchange.h"

static void text_keep(char *to, size_t to_size, struct span text)
{
    if (text.size >= to_size) text = span_of(EXCHANGE_CUT, sizeof EXCHANGE_CUT - 1);
    if (text.size > 0) memcpy(to, text.data, text.size);
    to[text.size] = '\0';
}

void exchange_field_take(struct exchange_request *request, struct span name, struct span value)
{
    const struct {
        const char *name;
        char *to;
        size_t size;
    } known[] = {
        {"content-type", request->content_type, sizeof request->content_type},
        {"content-encoding", request->content_encoding, sizeof request->content_encoding},
        {"grpc-encoding", request->grpc_encoding, sizeof request->grpc_encoding},
        {"grpc-timeout", request->grpc_timeout, sizeof request->grpc_timeout},
        {"connect-content-encoding", request->connect_encoding, sizeof request->connect_encoding},
        {"connect-timeout-ms", request->connect_timeout, sizeof request->connect_timeout},
        {"connect-protocol-version", request->connect_version, sizeof request->connect_version},
        {"last-event-id", request->last_event_id, sizeof request->last_event_id},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!span_equal(name, span_of(known[i].name, strlen(known[i].name)))) continue;
        text_keep(known[i].to, known[i].size, value);
        return;
    }
}

void exchange_target_take(struct exchange_request *request, struct span target)
{
    const uint8_t *mark = target.size > 0 ? memchr(target.data, '?', target.size) : NULL;
    size_t path_size = mark != NULL ? (size_t)(mark - target.data) : target.size;
    text_keep(request->path, sizeof request->path, span_of(target.data, path_size));
    if (mark == NULL) return;
    text_keep(request->query, sizeof request->query, span_of(mark + 1, target.size - path_size - 1));
}
