#include "tools/bench_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "proto/base/check.h"
#include "proto/codec/result.h"
#include "rpc.pb-c.h"
#include "tools/bench.h"
#include "tools/import_batch.h"
#include "tools/interrupt.h"
#include "tools/output.h"
#include "tools/remote.h"

#define SUBMIT_PATH "/tallystick.v1.Ledger/SubmitBatch"
#define SUBMIT_DEADLINE_MS 60000u
#define REPLY_ARENA_BUDGET (4u * MIB)
#define MADE_SIZE_MAX (16ull << 30)
#define LOOK_MS 100u      /* how often it looks whether it is to end */
#define LATE_NS 2000000u  /* less is the clock's fault, not the node's */
#define RETRIES_MAX 1000u /* of one batch, with the node's own pauses */

/* A request made beforehand. */
struct made {
    uint64_t offset;
    uint32_t size, events;
};

/* A call under way, or waiting to be tried again. */
struct slot {
    size_t made;
    uint64_t since_ns, retry_ns; /* retry_ns 0 = under way */
    uint32_t retries;
};

struct sending {
    struct bench_client *client;
    struct remote remote;
    struct buffer requests;
    struct made *made;
    size_t made_count, next;
    struct slot slots[CLIENT_WINDOW_MAX];
    uint32_t free_slots[CLIENT_WINDOW_MAX], free_count, retrying;
    struct arena arena;
};

uint64_t bench_now_ns(void)
{
    struct timespec now;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t elapsed_ns(const struct sending *sending)
{
    return bench_now_ns() - *sending->client->start_ns;
}

/* ---- Making the load ---- */

static int batch_make(struct sending *sending, struct load *load, struct buffer *bytes, uint32_t events)
{
    struct made *made = &sending->made[sending->made_count];
    struct batch batch;
    buffer_clear(bytes);
    int error = load_batch(load, sending->client->plan.member, events,
        clock_wall_ms() + CLIENT_BATCH_LIFETIME_MS, bytes, &batch);
    if (error != TALLY_OK) return error;
    made->offset = sending->requests.size;
    submit_request_append(&sending->requests, buffer_span(bytes));
    if (sending->requests.failed) return TALLY_ENOMEM;
    made->size = (uint32_t)(sending->requests.size - made->offset);
    made->events = events;
    sending->made_count++;
    return TALLY_OK;
}

static int requests_make(struct sending *sending)
{
    const struct client_plan *plan = &sending->client->plan;
    struct load *load = NULL;
    struct buffer bytes;
    buffer_init(&bytes, BATCH_SIZE_MAX);
    sending->made = calloc((size_t)(plan->events / plan->batch_events) + 1, sizeof *sending->made);
    int error = sending->made == NULL ? TALLY_ENOMEM : load_open(&plan->load, &load);
    for (uint64_t left = plan->events; error == TALLY_OK && left > 0 && !interrupt_came();) {
        uint32_t events = left < plan->batch_events ? (uint32_t)left : plan->batch_events;
        error = batch_make(sending, load, &bytes, events);
        left -= events;
    }
    load_close(load);
    buffer_close(&bytes);
    return error;
}

static enum tool_exit sending_prepare(struct sending *sending)
{
    struct bench_client *client = sending->client;
    int error = requests_make(sending);
    if (error == TALLY_OK) {
        client->answers = calloc(sending->made_count + 1, sizeof *client->answers);
        if (client->answers == NULL) error = TALLY_ENOMEM;
    }
    if (error != TALLY_OK)
        return context_fail(
            &client->context, TOOL_REFUSED, "LOAD", "the load cannot be made: %s", tally_error_text(error));
    for (uint32_t i = 0; i < client->plan.window; i++)
        sending->free_slots[sending->free_count++] = i;
    return remote_open(&client->context, &client->plan.home, &sending->remote);
}

/* ---- Answers ---- */

static void slot_free(struct sending *sending, uint32_t index)
{
    sending->free_slots[sending->free_count++] = index;
}

static enum tool_exit results_take(struct sending *sending, const struct slot *slot, struct span bytes)
{
    struct bench_client *client = sending->client;
    const struct made *made = &sending->made[slot->made];
    uint64_t now_ns = elapsed_ns(sending);
    ProtobufCMessage *message;
    arena_reset(&sending->arena);
    int error = message_decode(
        &tallystick__v1__submit_batch_reply__descriptor, MESSAGE_LENIENT, bytes, &sending->arena, &message);
    const Tallystick__V1__SubmitBatchReply *reply = error == TALLY_OK ? (const void *)message : NULL;
    if (reply == NULL || reply->n_results != made->events)
        return context_fail(
            &client->context, TOOL_REFUSED, "FORM", "the node answers a batch in another form");
    for (uint32_t i = 0; i < made->events; i++)
        if (reply->results[i]->result != RESULT_OK)
            return context_fail(&client->context, TOOL_REFUSED, "RESULT", "an event was refused: %s",
                reply->results[i]->result_name);
    client->answers[client->answer_count++] =
        (struct client_answer){now_ns, now_ns - slot->since_ns, made->events};
    client->event_bytes += made->size;
    atomic_fetch_add(&client->events, made->events);
    return TOOL_DONE;
}

static enum tool_exit answer_take(struct sending *sending, const struct client_completed *completed)
{
    struct context *context = &sending->client->context;
    uint32_t index = (uint32_t)(uintptr_t)completed->context;
    struct slot *slot = &sending->slots[index];
    const struct client_error *error = &completed->error;
    if (completed->result == TALLY_OK) {
        enum tool_exit code = results_take(sending, slot, completed->reply);
        slot_free(sending, index);
        return code;
    }
    if (completed->result != TALLY_EDENIED || error->status != GRPC_RESOURCE_EXHAUSTED ||
        ++slot->retries > RETRIES_MAX)
        return remote_fail(context, &sending->remote, completed->result, error);
    sending->client->retries++;
    sending->retrying++;
    slot->retry_ns = elapsed_ns(sending) + (uint64_t)error->detail.retry_after_ms * 1000000u + 1;
    return TOOL_DONE;
}

/* ---- Sending ---- */

static enum tool_exit slot_send(struct sending *sending, uint32_t index)
{
    const struct made *made = &sending->made[sending->slots[index].made];
    struct span request = span_of(sending->requests.data + made->offset, made->size);
    int error = client_start(
        sending->remote.client, SUBMIT_PATH, request, SUBMIT_DEADLINE_MS, (void *)(uintptr_t)index);
    if (error == TALLY_OK) return TOOL_DONE;
    return context_fail(&sending->client->context, TOOL_UNREACHABLE, "UNREACHABLE",
        "a batch cannot be sent: %s", client_why(sending->remote.client));
}

static uint64_t due_ns(const struct sending *sending)
{
    const struct client_plan *plan = &sending->client->plan;
    return plan->first_ns + plan->interval_ns * sending->next;
}

static bool is_told_to_stop(const struct sending *sending)
{
    return interrupt_came() || atomic_load(sending->client->stop);
}

static bool may_send(const struct sending *sending, uint64_t now_ns)
{
    uint64_t seconds_max = sending->client->plan.seconds_max;
    return sending->next < sending->made_count &&
           (seconds_max == 0 || now_ns < seconds_max * UINT64_C(1000000000));
}

/* Sends what is due as far as the window allows. */
static enum tool_exit send_due(struct sending *sending, uint64_t now_ns)
{
    enum tool_exit code = TOOL_DONE;
    while (code == TOOL_DONE && sending->free_count > 0 && may_send(sending, now_ns) &&
           due_ns(sending) <= now_ns) {
        uint32_t index = sending->free_slots[--sending->free_count];
        bool paced = sending->client->plan.interval_ns != 0;
        bool late = paced && now_ns - due_ns(sending) > LATE_NS;
        sending->slots[index] =
            (struct slot){.made = sending->next, .since_ns = late ? due_ns(sending) : now_ns};
        sending->next++;
        code = slot_send(sending, index);
    }
    return code;
}

static enum tool_exit send_again(struct sending *sending, uint64_t now_ns)
{
    enum tool_exit code = TOOL_DONE;
    for (uint32_t i = 0; i < CLIENT_WINDOW_MAX && sending->retrying > 0 && code == TOOL_DONE; i++) {
        struct slot *slot = &sending->slots[i];
        if (slot->retry_ns == 0 || slot->retry_ns > now_ns) continue;
        slot->retry_ns = 0;
        sending->retrying--;
        code = slot_send(sending, i);
    }
    return code;
}

/* How long to wait for answers before there may be something to send. */
static uint32_t wait_ms(const struct sending *sending, uint64_t now_ns)
{
    if (sending->retrying > 0) return 1;
    if (sending->free_count == 0 || !may_send(sending, now_ns)) return LOOK_MS;
    uint64_t left_ms = due_ns(sending) > now_ns ? (due_ns(sending) - now_ns + 999999u) / 1000000u : 0;
    return left_ms < LOOK_MS ? (uint32_t)left_ms : LOOK_MS;
}

static void pause_ms(uint32_t ms)
{
    struct timespec pause = {.tv_nsec = (long)ms * 1000000 + 100000};
    nanosleep(&pause, NULL);
}

static enum tool_exit answers_take(struct sending *sending, uint32_t timeout_ms)
{
    struct client_completed completed;
    int error = client_wait_any(sending->remote.client, timeout_ms, &completed);
    if (error == TALLY_ENOTFOUND) pause_ms(timeout_ms);
    if (error == TALLY_ENOTFOUND || error == TALLY_ETIMEOUT) return TOOL_DONE;
    if (error != TALLY_OK)
        return context_fail(&sending->client->context, TOOL_UNREACHABLE, "UNREACHABLE",
            "the connection to %s was lost", sending->remote.node);
    return answer_take(sending, &completed);
}

static enum tool_exit sending_run(struct sending *sending)
{
    enum tool_exit code = TOOL_DONE;
    while (code == TOOL_DONE) {
        uint64_t now_ns = elapsed_ns(sending);
        bool idle = sending->free_count == sending->client->plan.window;
        if (is_told_to_stop(sending) || (idle && !may_send(sending, now_ns))) break;
        code = send_again(sending, now_ns);
        if (code == TOOL_DONE) code = send_due(sending, now_ns);
        if (code == TOOL_DONE) code = answers_take(sending, wait_ms(sending, now_ns));
    }
    return code;
}

/* ---- The thread ---- */

static void *client_thread(void *context)
{
    struct bench_client *client = context;
    struct sending *sending = calloc(1, sizeof *sending);
    CHECK(sending != NULL);
    sending->client = client;
    buffer_init(&sending->requests, MADE_SIZE_MAX);
    arena_init(&sending->arena, REPLY_ARENA_BUDGET);
    client->code = sending_prepare(sending);
    pthread_barrier_wait(client->ready);
    pthread_barrier_wait(client->start);
    if (client->code == TOOL_DONE) client->code = sending_run(sending);
    if (client->code != TOOL_DONE) atomic_store(client->stop, true);
    remote_close(&sending->remote);
    arena_close(&sending->arena);
    buffer_close(&sending->requests);
    free(sending->made);
    free(sending);
    atomic_store(&client->ended, true);
    return NULL;
}

int bench_client_start(struct bench_client *client)
{
    CHECK(client->plan.window >= 1 && client->plan.window <= CLIENT_WINDOW_MAX);
    return pthread_create(&client->thread, NULL, client_thread, client) == 0 ? TALLY_OK : TALLY_ENOMEM;
}

void bench_client_join(struct bench_client *client)
{
    CHECK(pthread_join(client->thread, NULL) == 0);
}

void bench_client_close(struct bench_client *client)
{
    free(client->answers);
    client->answers = NULL;
}
