// links: rpc net client codec crypto base
/* Memory runs out, at the n-th allocation for every n, while a server's session and a client's talk to each
 * other: an error, never a crash, and nothing left behind. Sanitizers have their own allocator, so under them
 * only the whole run is made. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "node/client/session.h"
#include "proto/base/check.h"
#include "tests/unit/rpc_handlers.h"
#include "tests/unit/short_memory.h"

#define CALLS 4u

static uint64_t still_ms(void *clock)
{
    (void)clock;
    return 5000;
}

static void refuse(void *context, struct rpc_call *call)
{
    (void)context;
    const struct grpc_error_detail detail = {.reason = "NO", .event_index = 3, .has_event_index = true};
    rpc_call_fail(call, GRPC_ABORTED, "not today", &detail);
}

static void watched_cancel(void *context, struct rpc_call *call)
{
    (void)call;
    ++*(unsigned *)context;
}

/* Streams three messages; where one cannot be queued, fails. */
static void stream(void *context, struct rpc_call *call)
{
    static const uint8_t message[2000];
    rpc_call_watch(call, context, NULL, watched_cancel);
    for (unsigned i = 0; i < 3; i++) {
        if (rpc_call_write(call, span_of(message, sizeof message)) == TALLY_OK) continue;
        rpc_call_fail(call, GRPC_RESOURCE_EXHAUSTED, "full", NULL);
        return;
    }
    rpc_call_end(call);
}

static void hold(void *context, struct rpc_call *call)
{
    rpc_call_watch(call, context, NULL, watched_cancel);
}

static const struct rpc_method methods[] = {
    {.path = "/t.T/Echo", .request_size_max = 20000, .handle = echo},
    {.path = "/t.T/Refuse", .request_size_max = 100, .handle = refuse},
    {.path = "/t.T/Stream", .request_size_max = 100, .handle = stream},
    {.path = "/t.T/Hold", .request_size_max = 100, .handle = hold},
};

static bool on_message(void *context, struct span message)
{
    (void)context;
    return message.size == 2000;
}

/* Carries bytes to and fro until both sides are silent; false when one of them broke. */
static bool talk(struct session *client, struct rpc_session *server)
{
    static uint8_t bytes[CARRIER_PULL_SIZE_MIN];
    for (bool quiet = false; !quiet;) {
        struct span sent;
        const char *why = "";
        quiet = true;
        if (session_send(client, &sent) != TALLY_OK) return false;
        if (sent.size > 0) {
            quiet = false;
            if (rpc_session_receive(server, sent, &why) != TALLY_OK) return false;
        }
        size_t pulled = 0;
        if (rpc_session_pull(server, bytes, sizeof bytes, &pulled) != TALLY_OK) return false;
        if (pulled > 0) {
            quiet = false;
            if (session_receive(client, span_of(bytes, pulled)) != TALLY_OK) return false;
        }
    }
    return true;
}

static unsigned calls_make(struct session *client, struct session_call **calls)
{
    static const uint8_t request[15000];
    static const enum call_kind kinds[CALLS] = {CALL_WAITED, CALL_WAITED, CALL_STREAM, CALL_WAITED};
    static const size_t sizes[CALLS] = {sizeof request, 1, 1, 1};
    unsigned started = 0;
    for (unsigned i = 0; i < CALLS; i++) {
        calls[i] = session_call_make(kinds[i], span_of(request, sizes[i]));
        if (calls[i] == NULL) continue;
        calls[i]->on_message = on_message;
        if (session_call_start(client, calls[i], methods[i].path, 60000) == TALLY_OK) started++;
    }
    return started;
}

/* One whole conversation. Returns whether everything in it went well. */
static bool converse(void)
{
    static const struct rpc_caller caller = {.name = "tester"};
    unsigned cancelled = 0;
    struct rpc_shared shared = {
        .methods = methods,
        .method_count = sizeof methods / sizeof *methods,
        .context = &cancelled,
        .memory_max = MIB,
        .stream_backlog_max = 64 * KIB,
        .request_timeout_ms = 1000,
        .stall_timeout_ms = 1000,
        .now_ms = still_ms,
    };
    struct session *client = NULL;
    struct rpc_session *server = NULL;
    struct session_call *calls[CALLS] = {0};
    bool well = session_open(&client) == TALLY_OK && rpc_session_open(&shared, RPC_HTTP_2, &caller, "test:1",
                                                         no_output, NULL, &server) == TALLY_OK;
    if (well) {
        well = calls_make(client, calls) == CALLS && talk(client, server);
        well = well && calls[0]->done && calls[0]->result == TALLY_OK && calls[0]->reply.size == 15000;
        well = well && calls[1]->done && calls[1]->error.status == GRPC_ABORTED;
        well = well && strcmp(calls[1]->error.detail.reason, "NO") == 0;
        well = well && calls[2]->done && calls[2]->result == TALLY_OK && calls[2]->messages == 3;
        well = well && !calls[3]->done;
    }
    for (unsigned i = 0; i < CALLS; i++)
        session_call_free(calls[i]);
    rpc_session_close(server);
    session_close(client);
    if (well) assert_int_equal(cancelled, 1);
    assert_int_equal(shared.counts.calls, 0);
    assert_int_equal(shared.counts.memory, 0);
    return well;
}

static void with_memory_everything_is_answered(void **state)
{
    (void)state;
    assert_true(converse());
}

static void without_memory_nothing_breaks(void **state)
{
    (void)state;
    short_of_memory(converse);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_memory_everything_is_answered),
        cmocka_unit_test(without_memory_nothing_breaks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
