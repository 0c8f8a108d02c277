#include "tools/import_run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "proto/base/check.h"
#include "proto/codec/message.h"
#include "proto/codec/result.h"
#include "rpc.pb-c.h"
#include "tools/import_lane.h"
#include "tools/line_reader.h"
#include "tools/occurrence.h"
#include "tools/output.h"

#define REQUEST_SIZE_MAX (BATCH_SIZE_MAX + 64u)
#define REPLY_ARENA_BUDGET (4u * MIB)
#define BACK_OFF_MS_MIN 50u
#define BACK_OFF_MS_MAX 5000u
#define WAIT_MS_MAX 250u

struct import_run {
    struct context *context;
    const struct import_options *options;
    struct import_result *result;
    struct import_accounts accounts;
    struct occurrences occurrences;
    struct line_reader reader;
    struct import_line line;
    struct import_builder builder;
    struct buffer request;
    struct arena reply_arena;
    struct import_lane lanes[IMPORT_LANES];
    struct import_queue chunk; /* read, their accounts not yet asked about */
    const struct import_account *unasked[IMPORT_LOOKUP_MAX];
    size_t unasked_count;
    size_t pending;   /* events in lanes, in flight or not */
    size_t in_flight; /* batches */
    uint64_t serial;
    bool at_end;
};

static enum tool_exit run_loop(struct import_run *run);
static enum tool_exit chunk_read(struct import_run *run);
static enum tool_exit line_take(struct import_run *run, struct span text);
static enum tool_exit chunk_distribute(struct import_run *run);
static enum tool_exit accounts_ask(
    struct import_run *run, const struct import_account *const *accounts, size_t count);
static enum tool_exit lanes_start(struct import_run *run);
static enum tool_exit lane_refresh(struct import_run *run, struct import_lane *lane);
static enum tool_exit lane_start(struct import_run *run, uint32_t index);
static enum tool_exit answers_take(struct import_run *run);
static enum tool_exit answer_take(struct import_run *run, const struct import_answer *answer);
static enum tool_exit results_take(struct import_run *run, struct import_lane *lane, struct span reply);
static enum tool_exit failure_take(
    struct import_run *run, struct import_lane *lane, const struct import_answer *answer);

enum tool_exit import_run(
    struct context *context, const struct import_options *options, struct import_result *result)
{
    *result = (struct import_result){.read = 0};
    struct import_run *run = calloc(1, sizeof *run);
    if (run == NULL) return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    run->context = context;
    run->options = options;
    run->result = result;
    import_accounts_init(&run->accounts);
    occurrences_init(&run->occurrences);
    import_line_init(&run->line);
    import_builder_init(&run->builder);
    buffer_init(&run->request, REQUEST_SIZE_MAX);
    arena_init(&run->reply_arena, REPLY_ARENA_BUDGET);
    enum tool_exit code;
    if (line_reader_open(&run->reader, options->descriptor, IMPORT_LINE_SIZE_MAX) != TALLY_OK) {
        code = context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    } else {
        code = run_loop(run);
    }
    line_reader_close(&run->reader);
    import_queue_close(&run->chunk);
    for (uint32_t i = 0; i < IMPORT_LANES; i++)
        import_lane_close(&run->lanes[i]);
    arena_close(&run->reply_arena);
    buffer_close(&run->request);
    import_builder_close(&run->builder);
    import_line_close(&run->line);
    occurrences_close(&run->occurrences);
    import_accounts_close(&run->accounts);
    free(run);
    return code;
}

static enum tool_exit run_loop(struct import_run *run)
{
    while (!run->at_end || run->pending > 0) {
        enum tool_exit code = TOOL_DONE;
        if (!run->at_end && run->pending < IMPORT_PENDING_LOW) code = chunk_read(run);
        if (code == TOOL_DONE) code = lanes_start(run);
        if (code == TOOL_DONE) code = answers_take(run);
        if (code != TOOL_DONE) return code;
        if (run->options->on_progress != NULL) {
            run->options->on_progress(
                run->options->context, run->result, run->in_flight == 0 && run->pending > 0);
        }
    }
    CHECK(run->result->read == run->result->accepted + run->result->duplicate + run->result->rejected);
    return TOOL_DONE;
}

static void reject(struct import_run *run, uint64_t line, const char *reason, const char *message)
{
    struct import_rejection rejection = {line, reason, message};
    run->result->rejected++;
    if (run->options->on_rejection != NULL) run->options->on_rejection(run->options->context, &rejection);
}

static enum tool_exit out_of_memory(struct import_run *run)
{
    return context_fail(run->context, TOOL_REFUSED, "MEMORY",
        "not enough memory after %llu lines; split the file by accounts, or give it more",
        (unsigned long long)run->result->read);
}

/* The ledger holds the event. Where this import sent it, and an answer was lost, that is this import's doing.
 */
static void count_known(struct import_run *run, const struct import_event *event)
{
    if (event->sent) {
        run->result->accepted++;
    } else {
        run->result->duplicate++;
    }
}

/* ---- Reading ---- */

static bool is_blank(struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] != ' ' && text.data[i] != '\t') return false;
    }
    return true;
}

/* Reads some lines, asks about the accounts that are new, and hands the events to their lanes. */
static enum tool_exit chunk_read(struct import_run *run)
{
    enum tool_exit code = TOOL_DONE;
    for (uint32_t i = 0; code == TOOL_DONE && i < IMPORT_CHUNK_LINES; i++) {
        struct span text;
        if (run->unasked_count == IMPORT_LOOKUP_MAX) break;
        int error = line_reader_next(&run->reader, &text);
        if (error == TALLY_ENOTFOUND) {
            run->at_end = true;
            break;
        }
        if (error == TALLY_EIO) {
            return context_fail(run->context, TOOL_REFUSED, "FILE", "cannot read %s: %s",
                run->options->file_name, strerror(errno));
        }
        if (error == TALLY_ELIMIT) {
            run->result->read++;
            reject(run, run->reader.number, "BAD_LINE", "the line is longer than 65536 bytes");
        } else if (!is_blank(text)) {
            run->result->read++;
            code = line_take(run, text);
        }
    }
    return code == TOOL_DONE ? chunk_distribute(run) : code;
}

static enum tool_exit line_take(struct import_run *run, struct span text)
{
    char why[256];
    struct import_line *line = &run->line;
    int error = import_line_parse(text, line, why, sizeof why);
    if (error == TALLY_ENOMEM) return out_of_memory(run);
    if (error != TALLY_OK) {
        reject(run, run->reader.number, error == TALLY_EINVALID ? "UNSUPPORTED_TYPE" : "BAD_LINE", why);
        return TOOL_DONE;
    }
    uint32_t occurrence;
    struct salt_source source = {
        .fields = &line->fields,
        .body = buffer_span(&line->body),
        .ref = span_of(line->ref, line->ref_size),
    };
    if (occurrence_count(&run->occurrences, salt_source_hash(&source), &occurrence) != TALLY_OK) {
        return out_of_memory(run);
    }
    struct import_account *account = import_account_get(&run->accounts, line->fields.account_ref);
    struct import_event *event = account == NULL ? NULL
                                                 : import_event_make(run->options->keys, line,
                                                       run->reader.number, occurrence, account);
    if (event == NULL) return out_of_memory(run);
    import_queue_push(&run->chunk, event);
    if (!account->asked && !account->stale) {
        account->stale = true;
        run->unasked[run->unasked_count++] = account;
    }
    return TOOL_DONE;
}

static enum tool_exit chunk_distribute(struct import_run *run)
{
    if (run->unasked_count > 0) {
        enum tool_exit code = accounts_ask(run, run->unasked, run->unasked_count);
        if (code != TOOL_DONE) return code;
        run->unasked_count = 0;
    }
    for (struct import_event *event = import_queue_pop(&run->chunk); event != NULL;
         event = import_queue_pop(&run->chunk)) {
        if (import_account_is_applied(event->account, &event->fields.body_commitment)) {
            count_known(run, event);
            free(event);
            continue;
        }
        uint64_t lane = import_account_hash(event->account->ref) >> 32;
        import_queue_push(&run->lanes[lane % IMPORT_LANES].waiting, event);
        if (event->account->stale) run->lanes[lane % IMPORT_LANES].has_stale = true;
        run->pending++;
    }
    return TOOL_DONE;
}

/* ---- What the node holds ---- */

static int known_take(void *context, const struct import_known *known)
{
    struct import_run *run = context;
    struct import_account *account = import_account_find(&run->accounts, known->ref);
    /* Only accounts that were asked about: the others are in order as they are. */
    if (account == NULL || !account->stale) return TALLY_EFORM;
    struct digest *applied = NULL;
    if (known->count > 0) {
        applied = malloc(known->count * sizeof *applied);
        if (applied == NULL) return TALLY_ENOMEM;
        memcpy(applied, known->commitments, known->count * sizeof *applied);
    }
    import_account_applied_take(account, applied, known->count);
    account->next_seq = known->next_seq;
    account->head = known->head;
    return TALLY_OK;
}

static enum tool_exit unreachable(struct import_run *run, const char *reason, const char *why)
{
    return context_fail(run->context, TOOL_UNREACHABLE, reason,
        "%s; %llu events were accepted and %llu were there before: run the same import again, and it goes on "
        "from there",
        why, (unsigned long long)run->result->accepted, (unsigned long long)run->result->duplicate);
}

/* Whether trying again may help: the node is busy, or cannot serve for the moment. */
static bool is_passing(int result, const struct client_error *error)
{
    if (result == TALLY_ETIMEOUT) return true;
    return result == TALLY_EDENIED &&
           (error->status == GRPC_RESOURCE_EXHAUSTED || error->status == GRPC_UNAVAILABLE ||
               error->status == GRPC_DEADLINE_EXCEEDED || error->status == GRPC_ABORTED);
}

static void pause_ms(uint64_t ms)
{
    struct timespec pause = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&pause, NULL);
}

static uint64_t back_off_ms(uint32_t attempts, uint32_t asked_ms)
{
    uint64_t ms = attempts > 6 ? BACK_OFF_MS_MAX : (uint64_t)BACK_OFF_MS_MIN << attempts;
    if (ms < asked_ms) ms = asked_ms;
    return ms < BACK_OFF_MS_MAX ? ms : BACK_OFF_MS_MAX;
}

static enum tool_exit accounts_ask(
    struct import_run *run, const struct import_account *const *accounts, size_t count)
{
    struct client_error error;
    for (size_t i = 0; i < count; i++) {
        struct import_account *account = import_account_find(&run->accounts, accounts[i]->ref);
        import_account_reset(account);
    }
    for (uint32_t attempt = 0;; attempt++) {
        error = (struct client_error){.status = GRPC_OK};
        int result = run->options->wire->accounts(
            run->options->wire->context, accounts, count, known_take, run, &error);
        if (result == TALLY_OK) break;
        if (result == TALLY_ENOMEM) return out_of_memory(run);
        if (result == TALLY_EFORM) {
            return context_fail(run->context, TOOL_REFUSED, "FORM",
                "the node tells of accounts in another form, or of "
                "ones it was not asked about");
        }
        if (!is_passing(result, &error) || attempt == IMPORT_ATTEMPTS_MAX) {
            if (result == TALLY_EDENIED && !is_passing(result, &error)) {
                return context_fail(run->context, TOOL_REFUSED,
                    error.detail.reason[0] != '\0' ? error.detail.reason : grpc_status_name(error.status),
                    "the node does not tell of the accounts: %s", error.message);
            }
            return unreachable(run, "UNREACHABLE", error.message);
        }
        run->result->retries++;
        pause_ms(back_off_ms(attempt, error.detail.retry_after_ms));
    }
    for (size_t i = 0; i < count; i++) {
        struct import_account *account = import_account_find(&run->accounts, accounts[i]->ref);
        account->asked = true;
        account->stale = false;
    }
    return TOOL_DONE;
}

/* ---- Sending ---- */

static enum tool_exit lanes_start(struct import_run *run)
{
    uint64_t now_ms = clock_steady_ms();
    for (uint32_t i = 0; i < IMPORT_LANES; i++) {
        struct import_lane *lane = &run->lanes[i];
        bool full = lane->waiting.count >= IMPORT_BATCH_EVENTS_MAX;
        /* A short batch goes out at the file's end, and where it is tried again: what waits behind it needs
         * its answer. */
        bool wanted = full || (lane->waiting.count > 0 && (run->at_end || lane->again));
        if (lane->sent_count > 0 || !wanted || now_ms < lane->retry_at_ms) continue;
        enum tool_exit code = lane_refresh(run, lane);
        if (code == TOOL_DONE) code = lane_start(run, i);
        if (code != TOOL_DONE) return code;
    }
    return TOOL_DONE;
}

/* Asks again about accounts whose place on the ledger is in doubt, and drops what turns out to be there. */
static enum tool_exit lane_refresh(struct import_run *run, struct import_lane *lane)
{
    while (lane->has_stale) {
        const struct import_account *stale[IMPORT_LOOKUP_MAX];
        size_t count = 0;
        for (struct import_event *event = lane->waiting.first; event != NULL && count < IMPORT_LOOKUP_MAX;
             event = event->next) {
            bool told = !event->account->stale;
            for (size_t i = 0; !told && i < count; i++)
                told = stale[i] == event->account;
            if (!told) stale[count++] = event->account;
        }
        if (count > 0) {
            enum tool_exit code = accounts_ask(run, stale, count);
            if (code != TOOL_DONE) return code;
        }
        lane->has_stale = count == IMPORT_LOOKUP_MAX;
    }
    return TOOL_DONE;
}

static enum tool_exit lane_start(struct import_run *run, uint32_t index)
{
    struct import_lane *lane = &run->lanes[index];
    import_builder_start(&run->builder, ++run->serial);
    lane->serial = run->serial;
    while (lane->waiting.first != NULL && import_builder_has_room(&run->builder, lane->waiting.first)) {
        struct import_event *event = import_queue_pop(&lane->waiting);
        if (import_account_is_applied(event->account, &event->fields.body_commitment)) {
            count_known(run, event);
            run->pending--;
            free(event);
            continue;
        }
        import_builder_add(&run->builder, run->options->keys, event);
        lane->sent[lane->sent_count++] = event;
    }
    lane->again = false;
    if (lane->sent_count == 0) return TOOL_DONE;
    buffer_clear(&run->request);
    import_builder_finish(&run->builder, run->options->keys, clock_wall_ms(), &run->request);
    if (run->request.failed) return out_of_memory(run);
    int error = run->options->wire->start(run->options->wire->context, buffer_span(&run->request), index);
    if (error == TALLY_ENOMEM) return out_of_memory(run);
    if (error != TALLY_OK) return unreachable(run, "UNREACHABLE", "the connection to the node was lost");
    run->result->batches++;
    run->in_flight++;
    return TOOL_DONE;
}

/* ---- Answers ---- */

/* Takes every answer there is. Waits for one only where nothing else is left to do. */
static enum tool_exit answers_take(struct import_run *run)
{
    bool idle = run->at_end || run->pending >= IMPORT_PENDING_LOW;
    if (run->in_flight == 0) {
        /* All that waits, waits for its time to be tried again. */
        uint64_t now_ms = clock_steady_ms(), next_ms = now_ms + WAIT_MS_MAX;
        for (uint32_t i = 0; i < IMPORT_LANES; i++) {
            const struct import_lane *lane = &run->lanes[i];
            if (lane->waiting.count > 0 && lane->retry_at_ms < next_ms) next_ms = lane->retry_at_ms;
        }
        if (idle && run->pending > 0 && next_ms > now_ms) pause_ms(next_ms - now_ms);
        return TOOL_DONE;
    }
    for (uint32_t wait_ms = idle ? WAIT_MS_MAX : 0; run->in_flight > 0; wait_ms = 0) {
        struct import_answer answer;
        int error = run->options->wire->wait(run->options->wire->context, wait_ms, &answer);
        if (error == TALLY_ETIMEOUT) return TOOL_DONE;
        if (error == TALLY_ENOMEM) return out_of_memory(run);
        if (error != TALLY_OK) return unreachable(run, "UNREACHABLE", "the connection to the node was lost");
        run->in_flight--;
        enum tool_exit code = answer_take(run, &answer);
        if (code != TOOL_DONE) return code;
    }
    return TOOL_DONE;
}

static enum tool_exit answer_take(struct import_run *run, const struct import_answer *answer)
{
    CHECK(answer->lane < IMPORT_LANES);
    struct import_lane *lane = &run->lanes[answer->lane];
    CHECK(lane->sent_count > 0);
    if (answer->result == TALLY_OK) return results_take(run, lane, answer->reply);
    return failure_take(run, lane, answer);
}

/* Puts the events of the lane's batch that are still to be decided back before those that wait. */
static void lane_requeue(struct import_lane *lane, uint64_t delay_ms)
{
    for (uint32_t i = lane->sent_count; i-- > 0;) {
        if (lane->sent[i] != NULL) {
            import_queue_push_front(&lane->waiting, lane->sent[i]);
            lane->again = true;
        }
    }
    lane->sent_count = 0;
    lane->retry_at_ms = delay_ms == 0 ? 0 : clock_steady_ms() + delay_ms;
}

/* The lane's sent event is decided. */
static void event_done(struct import_run *run, struct import_lane *lane, uint32_t index)
{
    free(lane->sent[index]);
    lane->sent[index] = NULL;
    run->pending--;
}

/* Whether a refusal says nothing of an event by itself, since one before it in the same account was refused.
 */
static bool follows_failure(uint32_t code)
{
    return code == RESULT_GAP || code == RESULT_CONFLICT || code == RESULT_WRONG_STATE;
}

static void event_refused(
    struct import_run *run, struct import_lane *lane, uint32_t index, uint32_t code, const char *name)
{
    struct import_event *event = lane->sent[index];
    struct import_account *account = event->account;
    bool first = account->failed_in != lane->serial;
    if (!first && follows_failure(code)) return;
    /* The chain moved on without us, as when two imports of one member meet: look again where it stands. */
    if (first && (code == RESULT_GAP || code == RESULT_CONFLICT) &&
        account->refreshes < IMPORT_REFRESHES_MAX) {
        account->refreshes++;
        account->stale = lane->has_stale = true;
        account->failed_in = lane->serial;
        return;
    }
    account->failed_in = lane->serial;
    const char *known = result_name(code);
    reject(run, event->line, known != NULL ? known : name, known != NULL ? result_sentence(code) : "");
    event_done(run, lane, index);
}

static enum tool_exit results_take(struct import_run *run, struct import_lane *lane, struct span bytes)
{
    ProtobufCMessage *message;
    arena_reset(&run->reply_arena);
    int error = message_decode(
        &tallystick__v1__submit_batch_reply__descriptor, MESSAGE_LENIENT, bytes, &run->reply_arena, &message);
    const Tallystick__V1__SubmitBatchReply *reply = error == TALLY_OK ? (const void *)message : NULL;
    if (error != TALLY_OK || reply->n_results != lane->sent_count) {
        return context_fail(run->context, TOOL_REFUSED, "FORM", "the node answers a batch in another form");
    }
    bool replayed = false;
    for (uint32_t i = 0; i < lane->sent_count; i++) {
        struct import_account *account = lane->sent[i]->account;
        uint32_t code = reply->results[i]->result;
        if (code == RESULT_OK || code == RESULT_DUPLICATE) {
            if (code == RESULT_OK) {
                run->result->accepted++;
            } else {
                count_known(run, lane->sent[i]);
            }
            account->next_seq = lane->sent[i]->fields.account_seq + 1;
            account->head = lane->sent[i]->id;
            account->refreshes = 0;
            event_done(run, lane, i);
        } else if (code == RESULT_BATCH_EXPIRED || code == RESULT_BATCH_REPLAYED) {
            /* It came too late, or a second time: nothing of this copy was applied, and a new batch may be.
             */
            account->stale = lane->has_stale = replayed = true;
            lane->sent[i]->sent = true;
        } else {
            event_refused(run, lane, i, code, reply->results[i]->result_name);
        }
    }
    lane->attempts = replayed ? lane->attempts + 1 : 0;
    if (lane->attempts > IMPORT_ATTEMPTS_MAX) {
        return unreachable(
            run, "BATCH_EXPIRED", "batches come to be ordered only after they expire; is the clock right?");
    }
    lane_requeue(lane, replayed ? back_off_ms(lane->attempts, 0) : 0);
    return TOOL_DONE;
}

/* The call failed as a whole. */
static enum tool_exit failure_take(
    struct import_run *run, struct import_lane *lane, const struct import_answer *answer)
{
    const struct client_error *error = &answer->error;
    const char *reason =
        error->detail.reason[0] != '\0' ? error->detail.reason : grpc_status_name(error->status);
    if (is_passing(answer->result, error)) {
        lane->attempts++;
        run->result->retries++;
        if (lane->attempts > IMPORT_ATTEMPTS_MAX) return unreachable(run, reason, error->message);
        /* A busy node never took the batch. Otherwise it may have been ordered all the same: look before
         * trying again. */
        if (answer->result == TALLY_ETIMEOUT || error->status != GRPC_RESOURCE_EXHAUSTED) {
            for (uint32_t i = 0; i < lane->sent_count; i++) {
                lane->sent[i]->account->stale = true;
                lane->sent[i]->sent = true;
            }
            lane->has_stale = true;
        }
        lane_requeue(lane, back_off_ms(lane->attempts, error->detail.retry_after_ms));
        return TOOL_DONE;
    }
    if (answer->result == TALLY_EDENIED && error->detail.has_event_index &&
        error->detail.event_index < lane->sent_count) {
        /* Admission names the one event at fault; the others were not looked at further. */
        uint32_t index = error->detail.event_index;
        char message[sizeof error->detail.field + 64];
        snprintf(message, sizeof message, "the member's own node refuses it, before it is ordered%s%s",
            error->detail.field[0] == '\0' ? "" : ", for its ", error->detail.field);
        reject(run, lane->sent[index]->line, reason, message);
        event_done(run, lane, index);
        lane->attempts = 0;
        lane_requeue(lane, 0);
        return TOOL_DONE;
    }
    if (answer->result == TALLY_EDENIED) {
        return context_fail(
            run->context, TOOL_REFUSED, reason, "the node takes no batch of this member: %s", error->message);
    }
    if (answer->result == TALLY_ENOMEM) return out_of_memory(run);
    return unreachable(run, "UNREACHABLE",
        error->message[0] != '\0' ? error->message : "the connection to the node was lost");
}
