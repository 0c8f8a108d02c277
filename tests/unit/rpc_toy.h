/* A toy service on a real server, in a thread of its own: what the RPC's tests call. Certificates and keys
 * are made in a temporary folder. */
#ifndef TALLY_TESTS_RPC_TOY_H
#define TALLY_TESTS_RPC_TOY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "node/net/certificate.h"
#include "node/net/log.h"
#include "node/rpc/server.h"
#include "proto/base/check.h"

#define TOY_REQUEST_SIZE_MAX (256u * KIB)
#define TOY_BACKLOG_MAX (1u * MIB)
#define TOY_STALL_TIMEOUT_MS 600u
#define TOY_CONNECTIONS_MAX 8u

struct toy {
    char directory[64];
    uv_loop_t loop;
    uv_async_t stop;
    pthread_t thread;
    struct rpc_server *server;
    uint16_t port;
    struct digest member, reader; /* certificates that are listed */
    atomic_uint cancelled;
    atomic_uint written; /* messages of streams that were taken */
    atomic_uint lookups;
};

static inline void toy_path(const struct toy *toy, const char *name, char path[128])
{
    snprintf(path, 128, "%s/%s", toy->directory, name);
}

static inline void toy_identity(const struct toy *toy, const char *name, struct digest *fingerprint)
{
    char certificate[128], key[128], file[64];
    snprintf(file, sizeof file, "%s.crt", name);
    toy_path(toy, file, certificate);
    snprintf(file, sizeof file, "%s.key", name);
    toy_path(toy, file, key);
    const char *names[] = {"127.0.0.1"};
    CHECK(certificate_make_files(name, names, 1, certificate, key) == TALLY_OK);
    CHECK(certificate_file_fingerprint(certificate, fingerprint) == TALLY_OK);
}

static inline int toy_find(void *context, const struct digest *fingerprint, struct rpc_caller *caller)
{
    struct toy *toy = context;
    atomic_fetch_add(&toy->lookups, 1);
    if (digest_equal(fingerprint, &toy->member)) {
        *caller = (struct rpc_caller){.name = "member", .roles = RPC_ROLE_SUBMIT | RPC_ROLE_READ};
        return TALLY_OK;
    }
    if (digest_equal(fingerprint, &toy->reader)) {
        *caller = (struct rpc_caller){.name = "reader", .roles = RPC_ROLE_READ};
        return TALLY_OK;
    }
    return TALLY_ENOTFOUND;
}

static inline void toy_echo(void *context, struct rpc_call *call)
{
    (void)context;
    CHECK(rpc_call_caller(call)->name[0] != '\0');
    rpc_call_reply(call, rpc_call_request(call));
}

static inline void toy_fail(void *context, struct rpc_call *call)
{
    (void)context;
    struct grpc_error_detail detail = {.reason = "CONFLICT",
        .field = "account_seq",
        .event_index = 7,
        .has_event_index = true,
        .retry_after_ms = 250};
    rpc_call_fail(call, GRPC_FAILED_PRECONDITION, "100% wr\xc3\xb6ng\n(really)", &detail);
}

/* Streams: `count` messages of `size` bytes, whose first four tell their number. */
struct toy_count {
    struct toy *toy;
    uint32_t count, size, next;
    bool fail_when_full;
};

static inline void toy_count_cancel(void *context, struct rpc_call *call)
{
    (void)call;
    struct toy_count *counting = context;
    atomic_fetch_add(&counting->toy->cancelled, 1);
    free(counting);
}

static inline void toy_count_more(void *context, struct rpc_call *call)
{
    struct toy_count *counting = context;
    static uint8_t message[MIB];
    while (counting->next < counting->count) {
        put_u32(message, counting->next);
        int error = rpc_call_write(call, span_of(message, counting->size));
        if (error == TALLY_EFULL && !counting->fail_when_full) return;
        if (error != TALLY_OK) {
            rpc_call_fail(call, GRPC_RESOURCE_EXHAUSTED, "read faster", NULL);
            free(counting);
            return;
        }
        atomic_fetch_add(&counting->toy->written, 1);
        counting->next++;
    }
    free(counting);
    rpc_call_end(call);
}

static inline void toy_count_start(struct toy *toy, struct rpc_call *call, bool fail_when_full)
{
    struct span request = rpc_call_request(call);
    struct toy_count *counting = calloc(1, sizeof *counting);
    CHECK(counting != NULL && request.size == 8);
    *counting = (struct toy_count){.toy = toy,
        .count = get_u32(request.data),
        .size = get_u32(request.data + 4),
        .fail_when_full = fail_when_full};
    CHECK(counting->size >= 4 && counting->size <= MIB);
    rpc_call_watch(call, counting, toy_count_more, toy_count_cancel);
    toy_count_more(counting, call);
}

static inline void toy_count_method(void *context, struct rpc_call *call)
{
    toy_count_start(context, call, false);
}

static inline void toy_flood_method(void *context, struct rpc_call *call)
{
    toy_count_start(context, call, true);
}

static inline void toy_hold_cancel(void *context, struct rpc_call *call)
{
    (void)call;
    struct toy *toy = context;
    atomic_fetch_add(&toy->cancelled, 1);
}

static inline void toy_hold(void *context, struct rpc_call *call)
{
    rpc_call_watch(call, context, NULL, toy_hold_cancel);
}

/* Answers after as many milliseconds as its request, a u32, says. */
struct toy_later {
    uv_timer_t timer;
    struct rpc_call *call;
    struct toy *toy;
};

static inline void toy_later_free(uv_handle_t *handle)
{
    free(handle->data);
}

static inline void toy_later_due(uv_timer_t *timer)
{
    struct toy_later *later = timer->data;
    rpc_call_reply(later->call, span_of("later", 5));
    uv_close((uv_handle_t *)timer, toy_later_free);
}

static inline void toy_later_cancel(void *context, struct rpc_call *call)
{
    (void)call;
    struct toy_later *later = context;
    atomic_fetch_add(&later->toy->cancelled, 1);
    uv_close((uv_handle_t *)&later->timer, toy_later_free);
}

static inline void toy_later(void *context, struct rpc_call *call)
{
    struct toy *toy = context;
    struct toy_later *later = calloc(1, sizeof *later);
    CHECK(later != NULL && rpc_call_request(call).size == 4);
    later->call = call;
    later->toy = toy;
    CHECK(uv_timer_init(&toy->loop, &later->timer) == 0);
    later->timer.data = later;
    CHECK(uv_timer_start(&later->timer, toy_later_due, get_u32(rpc_call_request(call).data), 0) == 0);
    rpc_call_watch(call, later, NULL, toy_later_cancel);
}

/* Says what the server counts: connections, calls, memory, as text. */
static inline void toy_counts(void *context, struct rpc_call *call)
{
    struct toy *toy = context;
    struct rpc_server_counts counts = rpc_server_counts(toy->server);
    char text[96];
    int size = snprintf(text, sizeof text, "%u %u %zu", counts.connections, counts.calls, counts.memory);
    rpc_call_reply(call, span_of(text, (size_t)size));
}

static const struct rpc_method toy_methods[] = {
    {.path = "/toy.Toy/Echo", .request_size_max = TOY_REQUEST_SIZE_MAX, .handle = toy_echo},
    {.path = "/toy.Toy/Submit",
        .roles = RPC_ROLE_SUBMIT,
        .request_size_max = TOY_REQUEST_SIZE_MAX,
        .handle = toy_echo},
    {.path = "/toy.Toy/Admin",
        .roles = RPC_ROLE_ADMIN,
        .request_size_max = TOY_REQUEST_SIZE_MAX,
        .handle = toy_echo},
    {.path = "/toy.Toy/Fail", .request_size_max = TOY_REQUEST_SIZE_MAX, .handle = toy_fail},
    {.path = "/toy.Toy/Count", .roles = RPC_ROLE_READ, .request_size_max = 64, .handle = toy_count_method},
    {.path = "/toy.Toy/Flood", .roles = RPC_ROLE_READ, .request_size_max = 64, .handle = toy_flood_method},
    {.path = "/toy.Toy/Hold", .request_size_max = 64, .handle = toy_hold},
    {.path = "/toy.Toy/Later", .request_size_max = 64, .handle = toy_later},
    {.path = "/toy.Toy/Counts", .request_size_max = 64, .handle = toy_counts},
};

static inline void toy_on_stop(uv_async_t *stop)
{
    struct toy *toy = stop->data;
    rpc_server_close(toy->server, NULL, NULL);
    uv_close((uv_handle_t *)stop, NULL);
}

static inline void *toy_run(void *argument)
{
    struct toy *toy = argument;
    CHECK(uv_run(&toy->loop, UV_RUN_DEFAULT) == 0);
    return NULL;
}

/* idle_timeout_ms 0 = the server's default. */
static inline void toy_start(struct toy *toy, uint32_t idle_timeout_ms)
{
    memset(toy, 0, sizeof *toy);
    struct digest nobody;
    snprintf(toy->directory, sizeof toy->directory, "/tmp/tally-rpc-XXXXXX");
    CHECK(mkdtemp(toy->directory) != NULL);
    toy_identity(toy, "rpc", &nobody);
    toy_identity(toy, "member", &toy->member);
    toy_identity(toy, "reader", &toy->reader);
    toy_identity(toy, "stranger", &nobody);
    CHECK(uv_loop_init(&toy->loop) == 0);
    CHECK(uv_async_init(&toy->loop, &toy->stop, toy_on_stop) == 0);
    toy->stop.data = toy;
    char certificate[128], key[128];
    toy_path(toy, "rpc.crt", certificate);
    toy_path(toy, "rpc.key", key);
    const struct rpc_server_options options = {
        .address = "127.0.0.1",
        .certificate_path = certificate,
        .key_path = key,
        .find_caller = toy_find,
        .methods = toy_methods,
        .method_count = sizeof toy_methods / sizeof *toy_methods,
        .context = toy,
        .connections_max = TOY_CONNECTIONS_MAX,
        .idle_timeout_ms = idle_timeout_ms,
        .stall_timeout_ms = TOY_STALL_TIMEOUT_MS,
        .stream_backlog_max = TOY_BACKLOG_MAX,
    };
    const char *why = NULL;
    if (rpc_server_open(&toy->loop, &options, &toy->server, &why) != TALLY_OK) {
        fprintf(stderr, "toy server: %s\n", why);
        abort();
    }
    toy->port = rpc_server_port(toy->server);
    CHECK(pthread_create(&toy->thread, NULL, toy_run, toy) == 0);
}

/* Waits for the thread of a server that was told to stop, and removes what it made. */
static inline void toy_await(struct toy *toy)
{
    static const char *const names[] = {"rpc", "member", "reader", "stranger"};
    CHECK(pthread_join(toy->thread, NULL) == 0);
    CHECK(uv_loop_close(&toy->loop) == 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char file[64], path[128];
        snprintf(file, sizeof file, "%s.crt", names[i]);
        toy_path(toy, file, path);
        (void)unlink(path);
        snprintf(file, sizeof file, "%s.key", names[i]);
        toy_path(toy, file, path);
        (void)unlink(path);
    }
    (void)rmdir(toy->directory);
}

static inline void toy_stop(struct toy *toy)
{
    CHECK(uv_async_send(&toy->stop) == 0);
    toy_await(toy);
}

#endif
