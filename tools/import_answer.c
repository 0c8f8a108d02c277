#include "tools/import_state.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/codec/message.h"
#include "proto/codec/result.h"
#include "rpc.pb-c.h"
#include "tools/output.h"

#define WAIT_MS_MAX 250u

static enum tool_exit answer_take(struct import_run *run, const struct import_answer *answer);
static enum tool_exit results_take(struct import_run *run, struct import_lane *lane, struct span reply);
static enum tool_exit failure_take(
    struct import_run *run, struct import_lane *lane, const struct import_answer *answer);

enum tool_exit import_answers_take(struct import_run *run)
{
    bool idle = run->at_end || run->pending >= IMPORT_PENDING_LOW;
    if (run->in_flight == 0) {
        /* All that waits, waits for its time to be tried again. */
        uint64_t now_ms = clock_steady_ms(), next_ms = now_ms + WAIT_MS_MAX;
        for (uint32_t i = 0; i < IMPORT_LANES; i++) {
            const struct import_lane *lane = &run->lanes[i];
            if (lane->waiting.count > 0 && lane->retry_at_ms < next_ms) next_ms = lane->retry_at_ms;
        }
        if (idle && run->pending > 0 && next_ms > now_ms) import_pause_ms(next_ms - now_ms);
        return TOOL_DONE;
    }
    for (uint32_t wait_ms = idle ? WAIT_MS_MAX : 0; run->in_flight > 0; wait_ms = 0) {
        struct import_answer answer;
        int error = run->options->wire->wait(run->options->wire->context, wait_ms, &answer);
        if (error == TALLY_ETIMEOUT) return TOOL_DONE;
        if (error == TALLY_ENOMEM) return import_out_of_memory(run);
        if (error != TALLY_OK)
            return import_unreachable(run, "UNREACHABLE", "the connection to the node was lost");
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

/* Whether a refusal in its account's chain leaves the event to be sent again. */
static bool chain_goes_on(struct import_lane *lane, struct import_event *event, uint32_t code)
{
    struct import_account *account = event->account;
    bool first = account->failed_in != lane->serial;
    if (!first && follows_failure(code)) return true;
    account->failed_in = lane->serial;
    /* The chain moved on without us, as when two imports of one member meet: look again where it stands. */
    if (!first || (code != RESULT_GAP && code != RESULT_CONFLICT) ||
        account->refreshes >= IMPORT_REFRESHES_MAX)
        return false;
    account->refreshes++;
    import_event_doubt(lane, event);
    return true;
}

/* The sentence for people: which of a policy's caps refuses, and whether it is only that the event was
 * refused before. */
static const char *refusal_say(const struct import_event *event, uint32_t code, struct span detail)
{
    if (code == RESULT_REFUSED_CAP && detail.size == 1) return refusal_sentence(detail.data[0]);
    if (code == RESULT_ITEM_TAKEN && span_equal(detail, span_of(event->id.bytes, DIGEST_SIZE)))
        return "The same event was refused before, and its item id is used up.";
    return result_sentence(code);
}

static void event_refused(struct import_run *run, struct import_lane *lane, uint32_t index,
    const Tallystick__V1__EventResult *result)
{
    struct import_event *event = lane->sent[index];
    if (event->account != NULL && chain_goes_on(lane, event, result->result)) return;
    const char *known = result_name(result->result);
    struct import_rejection rejection = {
        .line = event->line,
        .type = event->fields.type,
        .reason = known != NULL ? known : result->result_name,
        .message = refusal_say(event, result->result, span_of(result->detail.data, result->detail.len)),
    };
    import_reject(run, &rejection);
    event_done(run, lane, index);
}

/* The ledger holds the event: its account's chain goes on behind it. */
static void event_stands(struct import_event *event)
{
    if (event->account == NULL) return;
    event->account->next_seq = event->fields.account_seq + 1;
    event->account->head = event->id;
    event->account->refreshes = 0;
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
        struct import_event *event = lane->sent[i];
        uint32_t code = reply->results[i]->result;
        if (code == RESULT_OK || code == RESULT_DUPLICATE) {
            if (code == RESULT_OK) {
                import_count_accepted(run, event);
            } else {
                import_count_known(run, event);
            }
            event_stands(event);
            event_done(run, lane, i);
        } else if (code == RESULT_BATCH_EXPIRED || code == RESULT_BATCH_REPLAYED) {
            /* It came too late, or a second time: nothing of this copy was applied, and a new batch may be.
             */
            replayed = event->sent = true;
            import_event_doubt(lane, event);
        } else {
            event_refused(run, lane, i, reply->results[i]);
        }
    }
    lane->attempts = replayed ? lane->attempts + 1 : 0;
    if (lane->attempts > IMPORT_ATTEMPTS_MAX) {
        return import_unreachable(
            run, "BATCH_EXPIRED", "batches come to be ordered only after they expire; is the clock right?");
    }
    lane_requeue(lane, replayed ? import_back_off_ms(lane->attempts, 0) : 0);
    return TOOL_DONE;
}

/* The call failed as a whole. */
static enum tool_exit failure_take(
    struct import_run *run, struct import_lane *lane, const struct import_answer *answer)
{
    const struct client_error *error = &answer->error;
    const char *reason =
        error->detail.reason[0] != '\0' ? error->detail.reason : grpc_status_name(error->status);
    if (import_is_passing(answer->result, error)) {
        /* A call that ran into its deadline has had a minute of patience by itself. */
        lane->attempts += answer->result == TALLY_ETIMEOUT ? 4 : 1;
        run->result->retries++;
        if (lane->attempts > IMPORT_ATTEMPTS_MAX) return import_unreachable(run, reason, error->message);
        /* A busy node never took the batch. Otherwise it may have been ordered all the same: look before
         * trying again. */
        if (answer->result == TALLY_ETIMEOUT || error->status != GRPC_RESOURCE_EXHAUSTED) {
            for (uint32_t i = 0; i < lane->sent_count; i++) {
                import_event_doubt(lane, lane->sent[i]);
                lane->sent[i]->sent = true;
            }
        }
        lane_requeue(lane, import_back_off_ms(lane->attempts, error->detail.retry_after_ms));
        return TOOL_DONE;
    }
    if (answer->result == TALLY_EDENIED && error->detail.has_event_index &&
        error->detail.event_index < lane->sent_count) {
        /* Admission names the one event at fault; the others were not looked at further. */
        uint32_t index = error->detail.event_index;
        char message[sizeof error->detail.field + 64];
        snprintf(message, sizeof message, "the member's own node refuses it, before it is ordered%s%s",
            error->detail.field[0] == '\0' ? "" : ", for its ", error->detail.field);
        struct import_rejection rejection = {
            lane->sent[index]->line, lane->sent[index]->fields.type, reason, message};
        import_reject(run, &rejection);
        event_done(run, lane, index);
        lane->attempts = 0;
        lane_requeue(lane, 0);
        return TOOL_DONE;
    }
    if (answer->result == TALLY_EDENIED) {
        return context_fail(
            run->context, TOOL_REFUSED, reason, "the node takes no batch of this member: %s", error->message);
    }
    if (answer->result == TALLY_ENOMEM) return import_out_of_memory(run);
    return import_unreachable(run, "UNREACHABLE",
        error->message[0] != '\0' ? error->message : "the connection to the node was lost");
}
