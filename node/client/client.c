#include "node/client/client.h"

#include <stdio.h>
#include <stdlib.h>

#include "node/client/session.h"
#include "node/client/transport.h"
#include "proto/base/check.h"

#define CONNECT_TIMEOUT_MS 5000u
#define SCRATCH_SIZE (64u * KIB)

struct client {
    struct transport *transport;
    struct session *session;
    struct session_call *taken; /* what client_wait_any handed out last: its reply is borrowed */
    size_t in_flight;
    uint64_t next_deadline_ms; /* no call's deadline is earlier */
    int broken;                /* TALLY_OK while the connection stands */
    char why[GRPC_MESSAGE_SIZE_MAX + 1];
    struct buffer
        unsent; /* frames joined, so that a TLS record is not one small frame; from unsent_start on */
    size_t unsent_start;
    uint8_t received[SCRATCH_SIZE];
};

static void error_fill(struct client_error *error, enum grpc_status status, const char *message)
{
    if (error == NULL) return;
    *error = (struct client_error){.status = status};
    snprintf(error->message, sizeof error->message, "%s", message);
}

/* Opening and closing. */

int client_open(const struct client_options *options, struct client **client, struct client_error *error)
{
    struct client *made = calloc(1, sizeof *made);
    char why[GRPC_MESSAGE_SIZE_MAX + 1] = "memory ran out";
    int result = TALLY_ENOMEM;
    if (made == NULL) goto cleanup;
    buffer_init(&made->unsent, SCRATCH_SIZE);
    made->next_deadline_ms = UINT64_MAX;
    result = session_open(&made->session);
    if (result != TALLY_OK) goto cleanup;
    uint32_t timeout_ms = options->connect_timeout_ms != 0 ? options->connect_timeout_ms : CONNECT_TIMEOUT_MS;
    result = transport_open(options, timeout_ms, &made->transport, why);

cleanup:
    if (result != TALLY_OK) {
        error_fill(error, GRPC_UNAVAILABLE, why);
        client_close(made);
        return result;
    }
    *client = made;
    return TALLY_OK;
}

void client_close(struct client *client)
{
    if (client == NULL) return;
    session_call_free(client->taken);
    if (client->session != NULL) {
        struct session_call *call;
        while ((call = session_calls(client->session)) != NULL)
            session_call_free(call);
        while ((call = session_done_take(client->session)) != NULL)
            session_call_free(call);
    }
    session_close(client->session);
    transport_close(client->transport);
    buffer_close(&client->unsent);
    free(client);
}

/* Moving bytes. */

/* The connection is lost: every call under way fails, and every later one. */
static void client_break(struct client *client, int error, const char *why)
{
    CHECK(error != TALLY_OK && client->broken == TALLY_OK);
    client->broken = error;
    snprintf(client->why, sizeof client->why, "%s", why);
    struct session_call *call;
    while ((call = session_calls(client->session)) != NULL) {
        session_call_cancel(call, error, GRPC_UNAVAILABLE, client->why);
    }
}

/* Joins what the session has to send, up to a scratch buffer's size or a frame more. */
static int unsent_fill(struct client *client)
{
    struct span bytes;
    buffer_clear(&client->unsent);
    client->unsent_start = 0;
    while (client->unsent.size < SCRATCH_SIZE / 2) {
        int error = session_send(client->session, &bytes);
        if (error != TALLY_OK) return error;
        if (bytes.size == 0) return TALLY_OK;
        buffer_append(&client->unsent, bytes.data, bytes.size);
        if (client->unsent.failed) return TALLY_ENOMEM;
    }
    return TALLY_OK;
}

/* Sends what can be sent now. *moved: something was. */
static int bytes_send(struct client *client, bool *moved)
{
    for (;;) {
        if (client->unsent_start == client->unsent.size) {
            int error = unsent_fill(client);
            if (error != TALLY_OK) return error;
        }
        struct span left =
            span_of(client->unsent.data + client->unsent_start, client->unsent.size - client->unsent_start);
        size_t taken = 0;
        int error = transport_write(client->transport, left, &taken);
        if (error != TALLY_OK) return error;
        client->unsent_start += taken;
        if (taken > 0) *moved = true;
        if (taken < left.size || left.size == 0) return TALLY_OK;
    }
}

/* Takes what has arrived, one scratch buffer at most. */
static int bytes_receive(struct client *client, bool *moved)
{
    size_t got = 0;
    int error = transport_read(client->transport, client->received, SCRATCH_SIZE, &got);
    if (error != TALLY_OK || got == 0) return error;
    *moved = true;
    return session_receive(client->session, span_of(client->received, got));
}

/* Ends what has passed its deadline: the node does the same, but may not be able to say so. */
static void deadlines_check(struct client *client)
{
    uint64_t now_ms = transport_now_ms();
    if (now_ms < client->next_deadline_ms) return;
    client->next_deadline_ms = UINT64_MAX;
    struct session_call *next;
    for (struct session_call *call = session_calls(client->session); call != NULL; call = next) {
        next = call->next;
        if (call->deadline_ms <= now_ms) {
            session_call_cancel(
                call, TALLY_ETIMEOUT, GRPC_DEADLINE_EXCEEDED, "the node did not answer in time");
        } else if (call->deadline_ms < client->next_deadline_ms) {
            client->next_deadline_ms = call->deadline_ms;
        }
    }
}

/* Moves bytes both ways, without waiting. *moved: there were some. */
static void client_exchange(struct client *client, bool *moved)
{
    *moved = false;
    if (client->broken != TALLY_OK) return;
    int sent = bytes_send(client, moved);
    /* Where sending fails, what the node said last is still read to its end: it may say why. */
    int received;
    bool more;
    do {
        more = false;
        received = bytes_receive(client, &more);
        *moved |= more;
    } while (sent != TALLY_OK && received == TALLY_OK && more);
    int error = received != TALLY_OK ? received : sent;
    if (error == TALLY_OK) {
        if (session_is_finished(client->session))
            client_break(client, TALLY_ECLOSED, "the node closed the connection");
        return;
    }
    const char *why = transport_why(client->transport);
    if (why[0] == '\0') why = error == TALLY_ENOMEM ? "memory ran out" : "the node broke the protocol";
    client_break(client, error, why);
}

/* One turn: moves bytes, or else waits for some, at most until `until_ms` or the next deadline. */
static void client_turn(struct client *client, uint64_t until_ms)
{
    bool moved = false;
    deadlines_check(client);
    client_exchange(client, &moved);
    if (moved || client->broken != TALLY_OK) return;
    uint64_t now_ms = transport_now_ms();
    uint64_t wake_ms = until_ms < client->next_deadline_ms ? until_ms : client->next_deadline_ms;
    if (wake_ms > now_ms) transport_wait(client->transport, wake_ms - now_ms);
}

/* Calls. */

static void taken_release(struct client *client)
{
    session_call_free(client->taken);
    client->taken = NULL;
}

/* Makes a call and puts it under way. */
static int call_begin(struct client *client, enum call_kind kind, const char *path, struct span request,
    uint32_t deadline_ms, struct session_call **begun, struct client_error *error)
{
    bool moved = false;
    /* A node that has closed the connection meanwhile has said so: better to hear it before than after. */
    client_exchange(client, &moved);
    if (client->broken != TALLY_OK) {
        error_fill(error, GRPC_UNAVAILABLE, client->why);
        return client->broken;
    }
    if (request.size > CLIENT_MESSAGE_SIZE_MAX) {
        error_fill(error, GRPC_RESOURCE_EXHAUSTED, "the request is too large");
        return TALLY_ELIMIT;
    }
    struct session_call *call = session_call_make(kind, request);
    int result = call == NULL ? TALLY_ENOMEM : session_call_start(client->session, call, path, deadline_ms);
    if (result != TALLY_OK) {
        error_fill(error, GRPC_UNAVAILABLE,
            result == TALLY_ENOMEM ? "memory ran out" : "the node is closing the connection");
        session_call_free(call);
        return result;
    }
    if (deadline_ms > 0) {
        call->deadline_ms = transport_now_ms() + deadline_ms;
        if (call->deadline_ms < client->next_deadline_ms) client->next_deadline_ms = call->deadline_ms;
    }
    *begun = call;
    return TALLY_OK;
}

int client_call(struct client *client, const char *path, struct span request, uint32_t deadline_ms,
    struct buffer *reply, struct client_error *error)
{
    struct session_call *call = NULL;
    taken_release(client);
    int result = call_begin(client, CALL_WAITED, path, request, deadline_ms, &call, error);
    if (result != TALLY_OK) return result;
    while (!call->done)
        client_turn(client, UINT64_MAX);
    result = call->result;
    if (result != TALLY_OK) {
        if (error != NULL) *error = call->error;
    } else {
        buffer_append(reply, call->reply.data, call->reply.size);
        if (reply->failed) {
            error_fill(error, GRPC_RESOURCE_EXHAUSTED, "the answer is too large");
            result = TALLY_ELIMIT;
        }
    }
    session_call_free(call);
    return result;
}

/* Between two questions whether a stream goes on. */
#define ASK_MS 400u

int client_stream(struct client *client, const char *path, struct span request, uint32_t deadline_ms,
    bool (*on_message)(void *context, struct span message), bool (*goes_on)(void *context), void *context,
    struct client_error *error)
{
    struct session_call *call = NULL;
    taken_release(client);
    int result = call_begin(client, CALL_STREAM, path, request, deadline_ms, &call, error);
    if (result != TALLY_OK) return result;
    call->on_message = on_message;
    call->context = context;
    while (!call->done && (goes_on == NULL || goes_on(context)))
        client_turn(client, goes_on == NULL ? UINT64_MAX : transport_now_ms() + ASK_MS);
    result = call->done ? call->result : TALLY_OK;
    if (result != TALLY_OK && error != NULL) *error = call->error;
    session_call_free(call);
    return result;
}

int client_start(
    struct client *client, const char *path, struct span request, uint32_t deadline_ms, void *context)
{
    struct session_call *call = NULL;
    bool moved = false;
    taken_release(client);
    if (client->in_flight >= CLIENT_CALLS_MAX) return TALLY_EFULL;
    int result = call_begin(client, CALL_POOLED, path, request, deadline_ms, &call, NULL);
    if (result != TALLY_OK) return result;
    call->context = context;
    client->in_flight++;
    client_exchange(client, &moved);
    return TALLY_OK;
}

int client_wait_any(struct client *client, uint32_t timeout_ms, struct client_completed *completed)
{
    taken_release(client);
    if (client->in_flight == 0) return TALLY_ENOTFOUND;
    uint64_t until_ms = transport_now_ms() + timeout_ms;
    struct session_call *call;
    while ((call = session_done_take(client->session)) == NULL) {
        if (transport_now_ms() >= until_ms) {
            /* What has arrived by now still counts. */
            bool moved = false;
            client_exchange(client, &moved);
            if (!moved) return TALLY_ETIMEOUT;
        } else {
            client_turn(client, until_ms);
        }
    }
    client->in_flight--;
    client->taken = call;
    *completed = (struct client_completed){
        .context = call->context,
        .result = call->result,
        .reply = call->result == TALLY_OK ? buffer_span(&call->reply) : span_of(NULL, 0),
        .error = call->error,
    };
    return TALLY_OK;
}

const char *client_why(const struct client *client)
{
    return client->why;
}

size_t client_in_flight(const struct client *client)
{
    return client->in_flight;
}
