#include "node/rpc/services.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <grpc/health/v1/health.pb-c.h>

#include "node/clock.h"
#include "node/metrics/exposition.h"
#include "node/net/log.h"
#include "node/rpc/reflection.h"
#include "node/rpc/services_internal.h"
#include "proto/base/check.h"
#include "proto/codec/convert.h"
#include "proto/codec/message.h"
#include "rpc.pb-c.h"

#define REQUEST_EXPANSION 64u

/* The reason of what is answered later, when older blocks are here. */
static const char backfilling[] = "BACKFILLING";

/* A call that answers once, or streams; the rest names its messages and its handler. */
#define METHOD(name, request_message, reply_message, roles_, size_max, handler, streams_)                    \
    {                                                                                                        \
        .path = "/tallystick.v1." name, .roles = roles_, .request_size_max = size_max, .handle = handler,    \
        .streams = streams_, .request = &tallystick__v1__##request_message##__descriptor,                    \
        .reply = &tallystick__v1__##reply_message##__descriptor                                              \
    }
#define UNARY(name, message, roles, size_max)                                                                \
    METHOD(name, message##_request, message##_reply, roles, size_max, handle_##message, false)
#define GOVERNANCE(name, handler)                                                                            \
    METHOD(name, governance_request, governance_reply, RPC_ROLE_ADMIN, GOVERNANCE_SIZE_MAX + 4u * KIB,       \
        handler, false)

static const struct rpc_method methods[] = {
    UNARY("Ledger/SubmitBatch", submit_batch, RPC_ROLE_SUBMIT, BATCH_SIZE_MAX + 64u * KIB),
    UNARY("Ledger/GetReceipt", get_receipt, RPC_ROLE_READ, 4u * KIB),
    UNARY("Ledger/GetEvent", get_event, RPC_ROLE_READ, 4u * KIB),
    UNARY("Ledger/GetBlock", get_block, RPC_ROLE_READ, 4u * KIB),
    UNARY("Ledger/GetCheckpoint", get_checkpoint, RPC_ROLE_READ, 4u * KIB),
    METHOD("Ledger/Follow", follow_request, follow_reply, RPC_ROLE_READ, 4u * KIB, handle_follow, true),
    UNARY("Credit/Inquire", inquire, RPC_ROLE_INQUIRE, 16u * KIB),
    UNARY("Credit/Reserve", reserve, RPC_ROLE_SUBMIT, 16u * KIB),
    UNARY("Credit/GetHistory", get_history, RPC_ROLE_READ, 4u * KIB),
    UNARY("Credit/OwnEvents", own_events, RPC_ROLE_READ, 4u * KIB),
    METHOD("Credit/OwnAccounts", own_accounts_request, own_account, RPC_ROLE_READ, 64u * KIB,
        handle_own_accounts, true),
    UNARY("Member/GetMembers", get_members, RPC_ROLE_READ, 4u * KIB),
    UNARY("Member/GetPolicy", get_policy, RPC_ROLE_READ, 4u * KIB),
    UNARY("Member/GetRegister", get_register,
        RPC_ROLE_SUBMIT | RPC_ROLE_INQUIRE | RPC_ROLE_READ | RPC_ROLE_ADMIN, 4u * KIB),
    UNARY("Member/GetProposals", get_proposals, RPC_ROLE_READ | RPC_ROLE_ADMIN, 4u * KIB),
    GOVERNANCE("Member/Propose", handle_propose),
    GOVERNANCE("Member/Ballot", handle_ballot),
    GOVERNANCE("Member/Withdraw", handle_withdraw),
    GOVERNANCE("Member/RevokeOwnKey", handle_revoke_own_key),
    UNARY("Node/GetPeers", get_peers, RPC_ROLE_READ | RPC_ROLE_ADMIN, 4u * KIB),
    UNARY("Node/GetStatus", get_status, RPC_ROLE_READ | RPC_ROLE_ADMIN, 4u * KIB),
    {.path = "/grpc.health.v1.Health/Check",
        .request_size_max = 4u * KIB,
        .handle = handle_health_check,
        .request = &grpc__health__v1__health_check_request__descriptor,
        .reply = &grpc__health__v1__health_check_response__descriptor},
    {.path = "/grpc.health.v1.Health/Watch",
        .request_size_max = 4u * KIB,
        .handle = handle_health_watch,
        .streams = true,
        .request = &grpc__health__v1__health_check_request__descriptor,
        .reply = &grpc__health__v1__health_check_response__descriptor},
    {.path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        .request_size_max = 4u * KIB,
        .streams = true,
        .answer = reflection_answer},
    {.path = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        .request_size_max = 4u * KIB,
        .streams = true,
        .answer = reflection_answer},
};

/* What the first three tell is no secret: a load balancer asks without a certificate. */
static const struct rpc_page pages[] = {
    {"/healthz", "text/plain", 0, render_health},
    {"/readyz", "text/plain", 0, render_readiness},
    {"/version", "application/json", 0, render_version},
    {"/metrics", EXPOSITION_CONTENT_TYPE, RPC_ROLE_ADMIN, render_metrics},
};

static const struct rpc_feed feeds[] = {
    {"/events", "/tallystick.v1.Ledger/Follow", events_ask, events_tell},
};

const struct rpc_method *services_methods(size_t *count)
{
    *count = sizeof methods / sizeof methods[0];
    return methods;
}

bool services_has(const char *service)
{
    size_t size = strlen(service);
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (strncmp(methods[i].path + 1, service, size) == 0 && methods[i].path[1 + size] == '/') return true;
    return false;
}

void reply_at_once(struct rpc_call *call, const ProtobufCMessage *reply)
{
    struct buffer out;
    buffer_init(&out, REPLY_AT_ONCE_SIZE_MAX);
    message_encode(reply, &out);
    CHECK(!out.failed);
    rpc_call_reply(call, buffer_span(&out));
    buffer_close(&out);
}

/* ---- Errors ---- */

static void fail_with(struct rpc_call *call, enum grpc_status status, const char *reason, const char *field,
    const char *message, uint32_t retry_after_ms)
{
    struct grpc_error_detail detail = {.retry_after_ms = retry_after_ms};
    snprintf(detail.reason, sizeof detail.reason, "%s", reason);
    if (field != NULL) snprintf(detail.field, sizeof detail.field, "%s", field);
    rpc_call_fail(call, status, message, &detail);
}

void fail_call(struct rpc_call *call, enum grpc_status status, const char *reason, const char *field,
    const char *message)
{
    fail_with(call, status, reason, field, message, 0);
}

void fail_call_for_now(
    struct rpc_call *call, enum grpc_status status, const char *reason, const char *message)
{
    fail_call_until(call, status, reason, message, SERVICES_RETRY_MS);
}

void fail_call_until(struct rpc_call *call, enum grpc_status status, const char *reason, const char *message,
    uint32_t retry_after_ms)
{
    fail_with(call, status, reason, NULL, message, retry_after_ms);
}

void say_backfill(struct services *services, char text[SERVICES_TEXT_SIZE])
{
    struct state *state = executor_state(node_executor(services->node));
    snprintf(text, SERVICES_TEXT_SIZE, "back-filling: blocks up to %" PRIu64 " of %" PRIu64 " are here",
        state_backfilled_height(state), state_base_height(state));
}

void fail_call_pending(struct rpc_call *call, const char *text)
{
    fail_with(call, GRPC_UNAVAILABLE, backfilling, NULL, text, SERVICES_BACKFILL_RETRY_MS);
}

bool services_admit(struct services *services, struct rpc_call *call)
{
    if (node_is_serving(services->node)) return true;
    fail_call_for_now(call, GRPC_UNAVAILABLE, "NOT_SERVING", node_why_not_serving(services->node));
    return false;
}

bool read_request(struct rpc_call *call, const ProtobufCMessageDescriptor *descriptor, struct arena *arena,
    ProtobufCMessage **request)
{
    struct span bytes = rpc_call_request(call);
    arena_init(arena, bytes.size * REQUEST_EXPANSION + 64u * KIB);
    if (message_decode(descriptor, MESSAGE_LENIENT, bytes, arena, request) == TALLY_OK) return true;
    arena_close(arena);
    fail_call(call, GRPC_INVALID_ARGUMENT, "MALFORMED", NULL, "the request is not a message of this method");
    return false;
}

/* ---- Queries ---- */

/* JSON is written where it holds up nobody. */
static void write_text(struct query *query)
{
    struct buffer text;
    buffer_init(&text, RPC_TEXT_SIZE_MAX);
    query->form_error = rpc_form_write(&query->form, buffer_span(&query->reply), &text);
    buffer_close(&query->reply);
    query->reply = text;
}

static void run_query(struct job *job)
{
    struct query *query = (struct query *)(void *)job;
    if (executor_state(node_executor(query->services->node)) == NULL)
        query_fail(query, GRPC_UNAVAILABLE, "NOT_SERVING", NULL, "this node is rebuilding its state");
    else
        query->run(query);
    if (query->status == GRPC_OK && query->reply.failed)
        query_fail(
            query, GRPC_RESOURCE_EXHAUSTED, "TOO_LARGE", NULL, "the answer is larger than one reply may be");
    if (query->status == GRPC_OK && query->form.is_json) write_text(query);
}

static void query_done(struct job *job)
{
    struct query *query = (struct query *)(void *)job;
    struct services *services = query->services;
    if (query->damaged) executor_mistrust(node_executor(services->node));
    if (query->call != NULL) {
        if (query->status == GRPC_OK && query->form.is_json)
            rpc_call_reply_text(query->call, query->form_error, buffer_span(&query->reply));
        else if (query->status == GRPC_OK)
            rpc_call_reply(query->call, buffer_span(&query->reply));
        else if (query->reason == backfilling)
            fail_call_pending(query->call, query->message);
        else if (query->status == GRPC_UNAVAILABLE)
            fail_call_for_now(query->call, query->status, query->reason, query->message);
        else
            fail_call(query->call, query->status, query->reason, query->field, query->message);
    }
    arena_close(&query->arena);
    buffer_close(&query->reply);
    free(query);
    services->reads--;
    services_let_go(services);
}

static void query_cancelled(void *context, struct rpc_call *call)
{
    struct query *query = context;
    (void)call;
    query->call = NULL;
}

void query_start(struct services *services, struct rpc_call *call,
    const ProtobufCMessageDescriptor *descriptor, void (*run)(struct query *query))
{
    ProtobufCMessage *request;
    struct arena arena;
    if (!services_admit(services, call)) return;
    if (services->reads >= SERVICES_READS_MAX) {
        fail_call_for_now(
            call, GRPC_RESOURCE_EXHAUSTED, "BUSY", "too many reads wait; try again a little later");
        return;
    }
    if (!read_request(call, descriptor, &arena, &request)) return;
    struct query *query = calloc(1, sizeof *query);
    CHECK(query != NULL);
    *query = (struct query){
        .job = {.run = run_query, .done = query_done},
        .services = services,
        .call = call,
        .run = run,
        .arena = arena,
        .request = request,
        .form = rpc_call_form(call),
    };
    query->arena.budget += 64u * MIB; /* scratch for answering */
    buffer_init(&query->reply, RPC_REPLY_SIZE_MAX);
    rpc_call_watch(call, query, NULL, query_cancelled);
    services->reads++;
    executor_read(node_executor(services->node), &query->job);
}

void query_fail(
    struct query *query, enum grpc_status status, const char *reason, const char *field, const char *message)
{
    query->status = status;
    query->reason = reason;
    query->field = field;
    query->message = message;
}

bool query_failed(struct query *query, int error, const char *what)
{
    if (error == TALLY_OK) return false;
    if (error == TALLY_ENOTFOUND) {
        query_fail(query, GRPC_NOT_FOUND, "NOT_FOUND", NULL, what);
    } else if (error == TALLY_EPENDING) {
        say_backfill(query->services, query->text);
        query_fail(query, GRPC_UNAVAILABLE, backfilling, NULL, query->text);
    } else if (error == TALLY_EBUSY) {
        query_fail(query, GRPC_UNAVAILABLE, "NOT_CERTIFIED_YET", NULL,
            "no certified checkpoint covers this yet; try again in a moment");
    } else if (error == TALLY_ELIMIT) {
        query_fail(
            query, GRPC_RESOURCE_EXHAUSTED, "TOO_LARGE", NULL, "the answer is larger than one reply may be");
    } else {
        LOG_BROKEN("a read failed", LOG_E("why", error));
        query->damaged = error == TALLY_EDAMAGED;
        query_fail(query, GRPC_INTERNAL, "READ_FAILED", NULL, "this node could not read its own data");
    }
    return true;
}

/* ---- Life ---- */

static int find_caller(void *context, const struct digest *fingerprint, struct rpc_caller *caller)
{
    const struct services *services = context;
    const struct client_entry *client = clients_find(services->clients, fingerprint);
    if (client == NULL) return TALLY_ENOTFOUND;
    snprintf(caller->name, sizeof caller->name, "%s", client->name);
    caller->roles = client->roles;
    return TALLY_OK;
}

static int call_begin(void *context, const char *caller, uint32_t *retry_after_ms)
{
    const struct services *services = context;
    return client_call_begin(services->clients, caller, clock_now_ms(), retry_after_ms);
}

static void call_end(void *context, const char *caller)
{
    const struct services *services = context;
    client_call_end(services->clients, caller);
}

/* The files of the RPC's own certificate. */
struct identity {
    char certificate[PATH_SIZE_MAX + 16], key[PATH_SIZE_MAX + 16];
};

static struct identity identity_of(const struct config *config)
{
    struct identity identity;
    snprintf(identity.certificate, sizeof identity.certificate, "%s/rpc.crt", config->home);
    snprintf(identity.key, sizeof identity.key, "%s/rpc.key", config->home);
    return identity;
}

static int open_clients(const struct config *config, struct clients **out)
{
    struct clients *clients = NULL;
    int error = clients_open(&clients);
    if (error != TALLY_OK) return error;
    error = clients_replace(clients, config->clients, config->client_count);
    if (error == TALLY_OK)
        *out = clients;
    else
        clients_close(clients);
    return error;
}

int services_open(uv_loop_t *loop, struct node *node, struct services **out, char *why, size_t why_size)
{
    const struct config *config = node_config(node);
    const struct identity identity = identity_of(config);
    const char *problem = "out of memory";
    struct services *services = calloc(1, sizeof *services);
    if (services == NULL) return TALLY_ENOMEM;
    services->node = node;
    struct rpc_server_options options = {
        .address = config->rpc_address.host,
        .port = config->rpc_address.port,
        .certificate_path = identity.certificate,
        .key_path = identity.key,
        .find_caller = find_caller,
        .call_begin = call_begin,
        .call_end = call_end,
        .methods = methods,
        .method_count = sizeof methods / sizeof methods[0],
        .pages = pages,
        .page_count = sizeof pages / sizeof pages[0],
        .feeds = feeds,
        .feed_count = sizeof feeds / sizeof feeds[0],
        .context = services,
    };
    int error = open_clients(config, &services->clients);
    if (error == TALLY_OK) error = recent_open(&services->recent);
    if (error == TALLY_OK) error = rpc_server_open(loop, &options, &services->server, &problem);
    if (error != TALLY_OK) {
        snprintf(why, why_size, "the RPC cannot listen on %s:%u: %s", config->rpc_address.host,
            config->rpc_address.port, problem);
        clients_close(services->clients);
        recent_close(services->recent);
        free(services);
        return error;
    }
    services_tick_init(services, loop);
    *out = services;
    return TALLY_OK;
}

/* The server has closed, and the state thread holds nothing of ours: only then may the node go. */
void services_let_go(struct services *services)
{
    if (!services->closing || services->server != NULL || services->timer_is_open || services->reads > 0 ||
        services->streams > 0)
        return;
    void (*on_closed)(void *) = services->on_closed;
    void *context = services->on_closed_context;
    clients_close(services->clients);
    recent_close(services->recent);
    free(services);
    on_closed(context);
}

static void server_closed(void *context)
{
    struct services *services = context;
    services->server = NULL;
    services_let_go(services);
}

void services_list_clients(struct services *services)
{
    const struct config *config = node_config(services->node);
    CHECK(!services->closing);
    if (clients_replace(services->clients, config->clients, config->client_count) == TALLY_OK)
        rpc_server_recheck(services->server);
    else
        LOG_UNUSUAL("the list of clients could not be taken: memory ran out");
}

int services_renew_certificate(struct services *services)
{
    const struct identity identity = identity_of(node_config(services->node));
    CHECK(!services->closing);
    return rpc_server_renew(services->server, identity.certificate, identity.key);
}

static void timer_closed(uv_handle_t *timer)
{
    struct services *services = timer->data;
    services->timer_is_open = false;
    services_let_go(services);
}

void services_close(struct services *services, void (*on_closed)(void *context), void *context)
{
    services->on_closed = on_closed;
    services->on_closed_context = context;
    services->closing = true;
    services_drain_stop(services);
    uv_close((uv_handle_t *)&services->timer, timer_closed);
    rpc_server_close(services->server, server_closed, services);
}
