#include "tools/bench_reader.h"

#include <stdlib.h>
#include <time.h>

#include "proto/base/check.h"
#include "rpc.pb-c.h"
#include "tools/bench.h"
#include "tools/interrupt.h"
#include "tools/proof_view.h"
#include "tools/remote.h"
#include "tools/trust.h"

#define HISTORY_PATH "/tallystick.v1.Credit/GetHistory"

struct reading {
    struct bench_reader *reader;
    struct remote remote;
    struct proof_trust trust;
    struct arena reply_arena, proof_arena;
    uint64_t chance;
};

static uint64_t chance(struct reading *reading)
{
    reading->chance = reading->chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return reading->chance >> 33;
}

/* Any one of all that are reported on. */
static struct digest subject_choose(struct reading *reading)
{
    const struct bench_reader *reader = reading->reader;
    const struct client_plan *plan = &reader->clients[chance(reading) % reader->client_count].plan;
    uint32_t own = plan->load.subjects / plan->load.members;
    uint32_t number = (uint32_t)(chance(reading) % own) * plan->load.members + plan->member;
    return load_subject_id(plan->load.seed, number);
}

static bool sample_add(struct bench_reader *reader, uint64_t latency_ns, uint64_t verify_ns)
{
    if (reader->count == reader->capacity) {
        size_t capacity = reader->capacity == 0 ? 1024 : reader->capacity * 2;
        uint64_t *latencies = realloc(reader->latencies_ns, capacity * sizeof *latencies);
        if (latencies != NULL) reader->latencies_ns = latencies;
        uint64_t *verifies = realloc(reader->verify_ns, capacity * sizeof *verifies);
        if (verifies != NULL) reader->verify_ns = verifies;
        if (latencies == NULL || verifies == NULL) return false;
        reader->capacity = capacity;
    }
    reader->latencies_ns[reader->count] = latency_ns;
    reader->verify_ns[reader->count++] = verify_ns;
    return true;
}

static enum tool_exit answer_take(
    struct reading *reading, const struct digest *subject, struct span bytes, uint64_t latency_ns)
{
    struct bench_reader *reader = reading->reader;
    struct history_proof proof;
    struct proof_verdict verdict;
    uint64_t from_ns = bench_now_ns();
    int error = history_verify(&reading->trust, bytes, &reading->proof_arena, &proof, &verdict);
    uint64_t verify_ns = bench_now_ns() - from_ns;
    if (error != TALLY_OK) return verdict_fail(&reader->context, "a history", error, &verdict);
    if (!digest_equal(&proof.subject_id, subject))
        return context_fail(&reader->context, TOOL_REFUSED, "SUBJECT", "a history is about another subject");
    reader->events += verdict.events;
    if (verdict.events > reader->longest) reader->longest = verdict.events;
    if (sample_add(reader, latency_ns, verify_ns)) return TOOL_DONE;
    return context_fail(&reader->context, TOOL_REFUSED, "MEMORY", "not enough memory");
}

static enum tool_exit ask(struct reading *reading, uint64_t due_ns)
{
    struct bench_reader *reader = reading->reader;
    struct digest subject = subject_choose(reading);
    Tallystick__V1__GetHistoryRequest request = TALLYSTICK__V1__GET_HISTORY_REQUEST__INIT;
    ProtobufCMessage *reply = NULL;
    request.subject_id = message_bytes(span_of(subject.bytes, DIGEST_SIZE));
    arena_reset(&reading->reply_arena);
    arena_reset(&reading->proof_arena);
    enum tool_exit code = remote_call(&reader->context, &reading->remote, HISTORY_PATH, &request.base,
        &tallystick__v1__get_history_reply__descriptor, &reading->reply_arena, &reply);
    if (code != TOOL_DONE) return code;
    uint64_t latency_ns = bench_now_ns() - due_ns;
    const Tallystick__V1__GetHistoryReply *history = (const void *)reply;
    return answer_take(reading, &subject, span_of(history->proof.data, history->proof.len), latency_ns);
}

static void wait_until(uint64_t due_ns)
{
    uint64_t now_ns = bench_now_ns();
    if (now_ns >= due_ns) return;
    uint64_t left_ns = due_ns - now_ns;
    struct timespec pause = {
        .tv_sec = (time_t)(left_ns / 1000000000u), .tv_nsec = (long)(left_ns % 1000000000u)};
    nanosleep(&pause, NULL);
}

/* One question at a time. It is late by as much as the one before took too long. */
static enum tool_exit reading_run(struct reading *reading)
{
    struct bench_reader *reader = reading->reader;
    enum tool_exit code = TOOL_DONE;
    for (uint64_t i = 1; code == TOOL_DONE; i++) {
        uint64_t due_ns = *reader->start_ns + i * reader->interval_ns;
        wait_until(due_ns);
        if (atomic_load(reader->stop) || interrupt_came()) break;
        code = ask(reading, due_ns);
    }
    return code;
}

static void *reader_thread(void *context)
{
    struct bench_reader *reader = context;
    struct reading *reading = calloc(1, sizeof *reading);
    CHECK(reading != NULL);
    reading->reader = reader;
    arena_init(&reading->reply_arena, REMOTE_ARENA_BUDGET);
    arena_init(&reading->proof_arena, REMOTE_ARENA_BUDGET);
    reader->code = trust_from_home(&reader->context, &reader->home, &reading->trust);
    if (reader->code == TOOL_DONE)
        reader->code = remote_open(&reader->context, &reader->home, &reading->remote);
    pthread_barrier_wait(reader->ready);
    pthread_barrier_wait(reader->start);
    if (reader->code == TOOL_DONE) reader->code = reading_run(reading);
    if (reader->code != TOOL_DONE) atomic_store(reader->stop, true);
    remote_close(&reading->remote);
    arena_close(&reading->reply_arena);
    arena_close(&reading->proof_arena);
    free(reading);
    return NULL;
}

int bench_reader_start(struct bench_reader *reader)
{
    return pthread_create(&reader->thread, NULL, reader_thread, reader) == 0 ? TALLY_OK : TALLY_ENOMEM;
}

void bench_reader_join(struct bench_reader *reader)
{
    CHECK(pthread_join(reader->thread, NULL) == 0);
}

void bench_reader_close(struct bench_reader *reader)
{
    free(reader->latencies_ns);
    free(reader->verify_ns);
    reader->latencies_ns = reader->verify_ns = NULL;
}
