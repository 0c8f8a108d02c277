#include "tools/remote.h"

#include <stdio.h>
#include <time.h>

#define REQUEST_SIZE_MAX (2u * MIB)

enum tool_exit remote_open(struct context *context, const struct home *home, struct remote *remote)
{
    char server[HOME_PATH_MAX], certificate[HOME_PATH_MAX], key[HOME_PATH_MAX];
    enum tool_exit code = path_join(context, home->path, "rpc.crt", server);
    if (code == TOOL_DONE) code = path_join(context, home->path, "client.crt", certificate);
    if (code == TOOL_DONE) code = path_join(context, home->path, "client.key", key);
    if (code != TOOL_DONE) return code;
    struct client_options options = {
        .host = home->rpc_host,
        .port = home->rpc_port,
        .server_certificate_path = server,
        .certificate_path = certificate,
        .key_path = key,
    };
    struct client_error error = {.status = GRPC_UNAVAILABLE};
    *remote = (struct remote){.client = NULL};
    snprintf(remote->node, sizeof remote->node, "%s", home->name);
    snprintf(remote->address, sizeof remote->address, "%s:%u", home->rpc_host, home->rpc_port);
    int result = client_open(&options, &remote->client, &error);
    return result == TALLY_OK ? TOOL_DONE : remote_fail(context, remote, result, &error);
}

void remote_close(struct remote *remote)
{
    client_close(remote->client);
    remote->client = NULL;
}

/* A node that says "not now, try again" is asked again, for as long as one call may take. */
static int call_patiently(struct remote *remote, const char *method, struct span request,
    struct buffer *reply, struct client_error *error)
{
    uint32_t waited_ms = 0;
    for (;;) {
        buffer_clear(reply);
        int result = client_call(remote->client, method, request, REMOTE_DEADLINE_MS, reply, error);
        uint32_t retry_ms = error->detail.retry_after_ms;
        if (result != TALLY_EDENIED || retry_ms == 0 || waited_ms + retry_ms > REMOTE_DEADLINE_MS)
            return result;
        struct timespec pause = {.tv_sec = retry_ms / 1000, .tv_nsec = (long)(retry_ms % 1000) * 1000000};
        nanosleep(&pause, NULL);
        waited_ms += retry_ms;
    }
}

enum tool_exit remote_call(struct context *context, struct remote *remote, const char *method,
    const ProtobufCMessage *request, const ProtobufCMessageDescriptor *reply_descriptor, struct arena *arena,
    ProtobufCMessage **reply)
{
    struct buffer out, in;
    struct client_error error = {.status = GRPC_UNAVAILABLE};
    enum tool_exit code = TOOL_DONE;
    buffer_init(&out, REQUEST_SIZE_MAX);
    buffer_init(&in, CLIENT_MESSAGE_SIZE_MAX);
    message_encode(request, &out);
    if (out.failed) {
        code = context_fail(context, TOOL_REFUSED, "LIMIT", "the request is larger than a node takes");
        goto done;
    }
    int result = call_patiently(remote, method, buffer_span(&out), &in, &error);
    if (result != TALLY_OK) {
        code = remote_fail(context, remote, result, &error);
    } else if (message_decode(reply_descriptor, MESSAGE_LENIENT, buffer_span(&in), arena, reply) !=
               TALLY_OK) {
        code = context_fail(context, TOOL_REFUSED, "FORM",
            "%s at %s answered %s with what is no answer; is it of this release?", remote->node,
            remote->address, method);
    }
done:
    buffer_close(&in);
    buffer_close(&out);
    return code;
}

enum tool_exit remote_fail(
    struct context *context, const struct remote *remote, int result, const struct client_error *error)
{
    if (result == TALLY_EDENIED && error->status == GRPC_UNAVAILABLE && error->detail.reason[0] != '\0') {
        return context_fail(context, TOOL_UNREACHABLE, error->detail.reason, "%s cannot answer now: %s",
            remote->node, error->message);
    }
    bool gone = result == TALLY_ECLOSED || result == TALLY_ETIMEOUT ||
                (result == TALLY_EDENIED && error->status == GRPC_UNAVAILABLE);
    if (gone) {
        return context_fail(context, TOOL_UNREACHABLE, result == TALLY_ETIMEOUT ? "TIMEOUT" : "UNREACHABLE",
            "cannot reach %s at %s: %s; is it running?", remote->node, remote->address, error->message);
    }
    if (result == TALLY_EDENIED) {
        const char *reason =
            error->detail.reason[0] != '\0' ? error->detail.reason : grpc_status_name(error->status);
        bool field = error->detail.field[0] != '\0';
        return context_fail(context, TOOL_REFUSED, reason, "%s refused: %s (%s%s%s)", remote->node,
            error->message, reason, field ? ", " : "", field ? error->detail.field : "");
    }
    if (result == TALLY_EIO) {
        return context_fail(context, TOOL_UNREACHABLE, "LINK", "no trusted connection to %s at %s: %s",
            remote->node, remote->address, error->message);
    }
    return context_fail(context, TOOL_REFUSED, "CALL", "the call to %s at %s failed: %s", remote->node,
        remote->address, error->message[0] != '\0' ? error->message : tally_error_text(result));
}
