#include "tools/bench_reader.h"

#include <stdlib.h>
#include <time.h>

#include "proto/base/check.h"
#include "proto/codec/convert.h"
#include "rpc.pb-c.h"
#include "tools/bench.h"
#include "tools/inquiry.h"
#include "tools/interrupt.h"
#include "tools/member_keys.h"
#include "tools/proof_view.h"
#include "tools/trust.h"

#define HISTORY_PATH "/tallystick.v1.Credit/GetHistory"
#define INQUIRE_PATH "/tallystick.v1.Credit/Inquire"
#define REQUEST_SIZE_MAX (16u * KIB)
#define LOOK_MS 100u
/* No more is verified than one answer in so long: the reader is there to ask. */
#define VERIFY_EVERY_NS 20000000u

/* A question under way. */
struct question {
    uint64_t due_ns;
    struct digest subject, inquiry;
    bool inquires; /* its answer is to `inquiry` */
    bool again;
};

struct reading {
    struct bench_reader *reader;
    struct remote remote;
    struct proof_trust trust;
    struct import_keys keys;
    struct arena reply_arena, proof_arena;
    struct buffer request;
    uint64_t chance, next; /* `next` is the number of the next question */
    uint64_t verified_ns;  /* when one was verified last */
    struct question slots[READER_WINDOW];
    uint32_t free_slots[READER_WINDOW], free_count;
};

/* ---- Questions ---- */

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

static void inquiry_keep(struct kept_inquiries *inquiries, const struct question *question)
{
    CHECK(pthread_mutex_lock(&inquiries->mutex) == 0);
    inquiries->kept[inquiries->count++ % INQUIRIES_KEPT] =
        (struct kept_inquiry){question->inquiry, question->subject};
    CHECK(pthread_mutex_unlock(&inquiries->mutex) == 0);
}

/* One that was answered; false where there is none yet. */
static bool inquiry_choose(struct reading *reading, struct question *question)
{
    struct kept_inquiries *inquiries = reading->reader->inquiries;
    CHECK(pthread_mutex_lock(&inquiries->mutex) == 0);
    uint64_t count = inquiries->count < INQUIRIES_KEPT ? inquiries->count : INQUIRIES_KEPT;
    if (count > 0) {
        const struct kept_inquiry *kept = &inquiries->kept[chance(reading) % count];
        question->inquiry = kept->id;
        question->subject = kept->subject;
    }
    CHECK(pthread_mutex_unlock(&inquiries->mutex) == 0);
    return count > 0;
}

static void request_encode(struct reading *reading, const ProtobufCMessage *request)
{
    buffer_clear(&reading->request);
    message_encode(request, &reading->request);
}

static enum tool_exit inquiry_encode(struct reading *reading, struct question *question)
{
    const struct inquiry wanted = {.purpose = "CREDIT_DECISION", .legal_basis = "STATUTE"};
    Tallystick__V1__InquireRequest request = TALLYSTICK__V1__INQUIRE_REQUEST__INIT;
    struct member_event event = {.batch = NULL};
    enum tool_exit code =
        inquiry_event_make(&reading->reader->context, &reading->keys, &question->subject, &wanted, &event);
    if (code == TOOL_DONE) {
        question->inquiry = event.id;
        request.by_case = TALLYSTICK__V1__INQUIRE_REQUEST__BY_BATCH;
        request.batch = event.batch;
        request_encode(reading, &request.base);
    }
    member_event_close(&event);
    return code;
}

static void inquiry_again_encode(struct reading *reading, const struct question *question)
{
    Tallystick__V1__InquireRequest request = TALLYSTICK__V1__INQUIRE_REQUEST__INIT;
    request.by_case = TALLYSTICK__V1__INQUIRE_REQUEST__BY_INQUIRY;
    request.inquiry = digest_bytes(&question->inquiry);
    request_encode(reading, &request.base);
}

static void history_encode(struct reading *reading, const struct question *question)
{
    Tallystick__V1__GetHistoryRequest request = TALLYSTICK__V1__GET_HISTORY_REQUEST__INIT;
    request.subject_id = digest_bytes(&question->subject);
    request_encode(reading, &request.base);
}

/* Chooses, and encodes into reading->request. */
static enum tool_exit question_make(struct reading *reading, struct question *question)
{
    const struct bench_reader *reader = reading->reader;
    question->subject = subject_choose(reading);
    question->again = !reader->inquires && reading->next % 2 == 0 && inquiry_choose(reading, question);
    question->inquires = reader->inquires || question->again;
    if (reader->inquires) return inquiry_encode(reading, question);
    if (question->again)
        inquiry_again_encode(reading, question);
    else
        history_encode(reading, question);
    return TOOL_DONE;
}

static enum tool_exit question_send(struct reading *reading, uint64_t due_ns)
{
    struct bench_reader *reader = reading->reader;
    uint32_t index = reading->free_slots[--reading->free_count];
    struct question *question = &reading->slots[index];
    *question = (struct question){.due_ns = due_ns};
    enum tool_exit code = question_make(reading, question);
    if (code != TOOL_DONE) return code;
    int error = client_start(reading->remote.client, question->inquires ? INQUIRE_PATH : HISTORY_PATH,
        buffer_span(&reading->request), REMOTE_DEADLINE_MS, (void *)(uintptr_t)index);
    reader->asked++;
    if (error == TALLY_OK) return TOOL_DONE;
    return context_fail(&reader->context, TOOL_UNREACHABLE, "UNREACHABLE", "a question cannot be sent: %s",
        client_why(reading->remote.client));
}

static uint64_t next_due_ns(const struct reading *reading)
{
    return *reading->reader->start_ns + reading->next * reading->reader->interval_ns;
}

/* Asks what is due, as far as the window allows. */
static enum tool_exit due_send(struct reading *reading)
{
    enum tool_exit code = TOOL_DONE;
    while (code == TOOL_DONE && reading->free_count > 0 && next_due_ns(reading) <= bench_now_ns()) {
        code = question_send(reading, next_due_ns(reading));
        reading->next++;
    }
    return code;
}

/* ---- Answers ---- */

static enum tool_exit no_memory(struct bench_reader *reader)
{
    return context_fail(&reader->context, TOOL_REFUSED, "MEMORY", "not enough memory");
}

static bool sample_add(uint64_t **samples, size_t *count, size_t *capacity, uint64_t sample)
{
    if (*count == *capacity) {
        size_t more = *capacity == 0 ? 1024 : *capacity * 2;
        uint64_t *grown = realloc(*samples, more * sizeof *grown);
        if (grown == NULL) return false;
        *samples = grown;
        *capacity = more;
    }
    (*samples)[(*count)++] = sample;
    return true;
}

static enum tool_exit proof_verify(
    struct reading *reading, const struct question *question, struct span bytes)
{
    struct bench_reader *reader = reading->reader;
    struct proof_trust trust = reading->trust;
    struct history_proof proof;
    struct proof_verdict verdict;
    uint64_t from_ns = bench_now_ns();
    if (question->inquires) trust.inquiry = &question->inquiry;
    arena_reset(&reading->proof_arena);
    int error = history_verify(&trust, bytes, &reading->proof_arena, &proof, &verdict);
    reading->verified_ns = bench_now_ns();
    if (error != TALLY_OK) return verdict_fail(&reader->context, "a history", error, &verdict);
    if (!digest_equal(&proof.subject_id, &question->subject))
        return context_fail(&reader->context, TOOL_REFUSED, "SUBJECT", "a history is about another subject");
    reader->events += verdict.events;
    if (verdict.events > reader->longest) reader->longest = verdict.events;
    return sample_add(&reader->verify_ns, &reader->verified, &reader->verify_capacity,
               reading->verified_ns - from_ns)
               ? TOOL_DONE
               : no_memory(reader);
}

/* The proof in a reply to the question. */
static enum tool_exit proof_find(
    struct reading *reading, const struct question *question, struct span bytes, struct span *proof)
{
    struct bench_reader *reader = reading->reader;
    ProtobufCMessage *message = NULL;
    arena_reset(&reading->reply_arena);
    int error = message_decode(question->inquires ? &tallystick__v1__inquire_reply__descriptor
                                                  : &tallystick__v1__get_history_reply__descriptor,
        MESSAGE_LENIENT, bytes, &reading->reply_arena, &message);
    if (error != TALLY_OK)
        return context_fail(&reader->context, TOOL_REFUSED, "FORM", "the node answers in another form");
    *proof = question->inquires ? span_of_bytes(((const Tallystick__V1__InquireReply *)message)->proof)
                                : span_of_bytes(((const Tallystick__V1__GetHistoryReply *)message)->proof);
    if (proof->size > 0) return TOOL_DONE;
    return context_fail(&reader->context, TOOL_REFUSED, "RESULT", "an inquiry was refused");
}

static enum tool_exit reply_take(
    struct reading *reading, const struct question *question, struct span bytes, uint64_t now_ns)
{
    struct bench_reader *reader = reading->reader;
    struct span proof;
    enum tool_exit code = proof_find(reading, question, bytes, &proof);
    if (code != TOOL_DONE) return code;
    if (reader->inquires) inquiry_keep(reader->inquiries, question);
    reader->again += question->again;
    if (!sample_add(&reader->latencies_ns, &reader->count, &reader->capacity, now_ns - question->due_ns))
        return no_memory(reader);
    return now_ns - reading->verified_ns < VERIFY_EVERY_NS ? TOOL_DONE
                                                           : proof_verify(reading, question, proof);
}

static enum tool_exit answer_take(struct reading *reading, const struct client_completed *completed)
{
    struct bench_reader *reader = reading->reader;
    uint32_t index = (uint32_t)(uintptr_t)completed->context;
    uint64_t now_ns = bench_now_ns();
    reading->free_slots[reading->free_count++] = index;
    if (completed->result == TALLY_OK)
        return reply_take(reading, &reading->slots[index], completed->reply, now_ns);
    if (completed->result != TALLY_EDENIED || completed->error.detail.retry_after_ms == 0)
        return remote_fail(&reader->context, &reading->remote, completed->result, &completed->error);
    reader->busy++;
    return TOOL_DONE;
}

/* Takes an answer, if one comes in that time. */
static enum tool_exit answer_await(struct reading *reading, uint32_t timeout_ms)
{
    struct client_completed completed;
    struct timespec pause = {.tv_nsec = (long)timeout_ms * 1000000};
    int error = client_wait_any(reading->remote.client, timeout_ms, &completed);
    if (error == TALLY_ENOTFOUND) nanosleep(&pause, NULL);
    if (error == TALLY_ENOTFOUND || error == TALLY_ETIMEOUT) return TOOL_DONE;
    if (error == TALLY_OK) return answer_take(reading, &completed);
    return context_fail(&reading->reader->context, TOOL_UNREACHABLE, "UNREACHABLE",
        "the connection to %s was lost", reading->remote.node);
}

/* ---- The thread ---- */

/* How long answers may be waited for before a question is due. */
static uint32_t wait_ms(const struct reading *reading)
{
    uint64_t now_ns = bench_now_ns(), due_ns = next_due_ns(reading);
    if (reading->free_count == 0) return LOOK_MS;
    uint64_t left_ms = due_ns > now_ns ? (due_ns - now_ns + 999999u) / 1000000u : 0;
    return left_ms < LOOK_MS ? (uint32_t)left_ms : LOOK_MS;
}

static enum tool_exit reading_run(struct reading *reading)
{
    enum tool_exit code = TOOL_DONE;
    while (code == TOOL_DONE && !atomic_load(reading->reader->stop) && !interrupt_came()) {
        code = due_send(reading);
        if (code == TOOL_DONE) code = answer_await(reading, wait_ms(reading));
    }
    while (code == TOOL_DONE && client_in_flight(reading->remote.client) > 0)
        code = answer_await(reading, LOOK_MS);
    return code;
}

static enum tool_exit reading_open(struct reading *reading)
{
    struct bench_reader *reader = reading->reader;
    reading->next = 1;
    for (uint32_t i = 0; i < READER_WINDOW; i++)
        reading->free_slots[reading->free_count++] = i;
    arena_init(&reading->reply_arena, REMOTE_ARENA_BUDGET);
    arena_init(&reading->proof_arena, REMOTE_ARENA_BUDGET);
    buffer_init(&reading->request, REQUEST_SIZE_MAX);
    enum tool_exit code = trust_from_home(&reader->context, &reader->home, &reading->trust);
    if (code == TOOL_DONE) code = member_keys_load(&reader->context, &reader->home, &reading->keys);
    if (code == TOOL_DONE) code = remote_open(&reader->context, &reader->home, &reading->remote);
    return code;
}

static void *reader_thread(void *context)
{
    struct bench_reader *reader = context;
    struct reading *reading = calloc(1, sizeof *reading);
    CHECK(reading != NULL);
    reading->reader = reader;
    reader->code = reading_open(reading);
    pthread_barrier_wait(reader->ready);
    pthread_barrier_wait(reader->start);
    if (reader->code == TOOL_DONE) reader->code = reading_run(reading);
    if (reader->code != TOOL_DONE) atomic_store(reader->stop, true);
    remote_close(&reading->remote);
    arena_close(&reading->reply_arena);
    arena_close(&reading->proof_arena);
    buffer_close(&reading->request);
    explicit_bzero(&reading->keys, sizeof reading->keys);
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
