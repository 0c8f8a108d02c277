#include <stdio.h>
#include <stdlib.h>

#include "node/rpc/services_internal.h"
#include "proto/base/check.h"
#include "proto/codec/convert.h"
#include "proto/codec/message.h"
#include "proto/codec/ruling.h"
#include "rpc.pb-c.h"
#include "storage/query.h"
#include "storage/state_consistency.h"

/* ---- SubmitBatch ---- */

struct submit {
    struct services *services;
    struct rpc_call *call;
    struct submission *submission;
    submitted *on_done;
};

static void reply_results(
    struct services *services, struct rpc_call *call, const struct submission_outcome *outcome)
{
    (void)services;
    Tallystick__V1__SubmitBatchReply reply = TALLYSTICK__V1__SUBMIT_BATCH_REPLY__INIT;
    struct buffer out;
    uint32_t count = outcome->result_count;
    Tallystick__V1__EventResult *results = calloc(count + 1, sizeof *results);
    Tallystick__V1__EventResult **pointers = calloc(count + 1, sizeof(Tallystick__V1__EventResult *));
    CHECK(results != NULL && pointers != NULL);
    for (uint32_t i = 0; i < count; i++) {
        const struct submission_result *from = &outcome->results[i];
        tallystick__v1__event_result__init(&results[i]);
        results[i].result = from->result.code;
        results[i].result_name = (char *)(uintptr_t)result_name(from->result.code);
        results[i].event_id = message_bytes(span_of(from->event_id.bytes, DIGEST_SIZE));
        results[i].height = from->height;
        results[i].index = from->index;
        results[i].detail = message_bytes(span_of(from->result.detail, from->result.detail_size));
        pointers[i] = &results[i];
    }
    reply.batch_digest = message_bytes(span_of(outcome->batch.bytes, DIGEST_SIZE));
    reply.height = outcome->height;
    reply.n_results = count;
    reply.results = pointers;
    buffer_init(&out, RPC_REPLY_SIZE_MAX);
    message_encode(&reply.base, &out);
    CHECK(!out.failed);
    rpc_call_reply(call, buffer_span(&out));
    buffer_close(&out);
    free(results);
    free(pointers);
}

static void reply_refused(struct rpc_call *call, const struct submission_outcome *outcome)
{
    const struct admission_refusal *refusal = outcome->refusal;
    struct grpc_error_detail detail = {
        .event_index = refusal->event_index,
        .has_event_index = refusal->has_event_index,
    };
    char message[GRPC_MESSAGE_SIZE_MAX];
    enum grpc_status status = outcome->error == TALLY_EDENIED  ? GRPC_PERMISSION_DENIED
                              : outcome->error == TALLY_ENOMEM ? GRPC_RESOURCE_EXHAUSTED
                                                               : GRPC_INVALID_ARGUMENT;
    snprintf(detail.reason, sizeof detail.reason, "%s", refusal->reason);
    snprintf(detail.field, sizeof detail.field, "%s", refusal->field == NULL ? "" : refusal->field);
    const char *sentence = ruling_sentence_by_name(refusal->reason);
    if (sentence != NULL)
        snprintf(message, sizeof message, "the transaction is refused: %s", sentence);
    else if (refusal->has_event_index)
        snprintf(message, sizeof message, "event %u of the batch is refused: %s %s", refusal->event_index,
            refusal->reason, detail.field);
    else
        snprintf(message, sizeof message, "the batch is refused: %s %s", refusal->reason, detail.field);
    rpc_call_fail(call, status, message, &detail);
}

static void submit_done(void *context, const struct submission_outcome *outcome)
{
    struct submit *submit = context;
    struct rpc_call *call = submit->call;
    struct services *services = submit->services;
    submitted *on_done = submit->on_done;
    free(submit);
    switch (outcome->kind) {
    case OUTCOME_DONE:
        on_done(services, call, outcome);
        return;
    case OUTCOME_REFUSED:
        reply_refused(call, outcome);
        return;
    case OUTCOME_BUSY:
        fail_call_until(call, GRPC_RESOURCE_EXHAUSTED, "MEMPOOL_FULL",
            "the mempool is full; try again a little later", node_full_retry_ms(services->node));
        return;
    case OUTCOME_EXPIRED:
        fail_call(
            call, GRPC_ABORTED, "BATCH_EXPIRED", "expires_at_ms", "the batch expired before it was ordered");
        return;
    case OUTCOME_FAILED:
        fail_call(call, GRPC_INTERNAL, "FAILED", NULL, "this node could not take the batch");
        return;
    }
}

static void submit_cancelled(void *context, struct rpc_call *call)
{
    struct submit *submit = context;
    (void)call;
    submission_forget(submit->submission);
    free(submit);
}

enum submission_wait wait_of(Tallystick__V1__WaitFor wait_for)
{
    if (wait_for == TALLYSTICK__V1__WAIT_FOR__ACCEPTED) return SUBMISSION_ACCEPTED;
    if (wait_for == TALLYSTICK__V1__WAIT_FOR__CHECKPOINTED) return SUBMISSION_CHECKPOINTED;
    return SUBMISSION_FINAL;
}

/* A foreign client's protobuf need not be canonical; what is signed is fields, so the batch is encoded anew.
 */
static bool encode_batch(struct rpc_call *call, const Tallystick__V1__Batch *message, struct buffer *batch)
{
    buffer_init(batch, BATCH_SIZE_MAX);
    if (message == NULL) {
        fail_call(call, GRPC_INVALID_ARGUMENT, "MALFORMED", "batch", "the request has no batch");
        return false;
    }
    message_encode(&message->base, batch);
    if (!batch->failed) return true;
    buffer_close(batch);
    fail_call(call, GRPC_INVALID_ARGUMENT, "TOO_LARGE", "batch", "a batch holds at most 1 MiB");
    return false;
}

/* A node whose state or checkpoints lag takes no more than it can work off. If so, the call is ended. */
static bool is_pressed(struct services *services, struct rpc_call *call)
{
    uint32_t retry_ms = 0;
    switch (node_pressure(services->node, &retry_ms)) {
    case PRESSURE_NONE:
        return false;
    case PRESSURE_STATE:
        fail_call_until(call, GRPC_RESOURCE_EXHAUSTED, "STATE_BEHIND",
            "this node's state lags behind the ledger; try again a little later", retry_ms);
        return true;
    case PRESSURE_CERTIFICATION:
        fail_call_until(call, GRPC_RESOURCE_EXHAUSTED, "CERTIFICATION_BEHIND",
            "checkpoints lag behind the ledger; try again a little later", retry_ms);
        return true;
    }
    CHECK_UNREACHABLE();
}

void submit_batch(struct services *services, struct rpc_call *call, const Tallystick__V1__Batch *message,
    enum submission_wait wait, submitted *on_done)
{
    struct buffer batch;
    if (is_pressed(services, call)) return;
    if (!encode_batch(call, message, &batch)) return;
    struct submit *submit = calloc(1, sizeof *submit);
    CHECK(submit != NULL);
    *submit = (struct submit){.services = services, .call = call, .on_done = on_done};
    int error = submissions_start(node_submissions(services->node), buffer_span(&batch), wait, submit_done,
        submit, &submit->submission);
    if (error == TALLY_OK) {
        rpc_call_watch(call, submit, NULL, submit_cancelled);
    } else {
        free(submit);
        fail_call_for_now(call, GRPC_RESOURCE_EXHAUSTED, "BUSY",
            "too many batches are being checked; try again a little later");
    }
    buffer_close(&batch);
}

bool batch_is_of_one(const Tallystick__V1__Batch *batch, enum event_type type)
{
    struct event_header header;
    return batch->n_events == 1 &&
           event_header_decode(span_of_bytes(batch->events[0]->header), &header) == TALLY_OK &&
           header.type == type;
}

void handle_submit_batch(void *context, struct rpc_call *call)
{
    struct services *services = context;
    struct arena arena;
    ProtobufCMessage *message;
    if (!services_admit(services, call)) return;
    if (!read_request(call, &tallystick__v1__submit_batch_request__descriptor, &arena, &message)) return;
    const Tallystick__V1__SubmitBatchRequest *request = (const Tallystick__V1__SubmitBatchRequest *)message;
    if (request->batch != NULL && request->batch->governance.len > 0)
        fail_call(call, GRPC_INVALID_ARGUMENT, "GOVERNANCE", "batch",
            "a governance transaction has calls of its own, in Member");
    else
        submit_batch(services, call, request->batch, wait_of(request->wait_for), reply_results);
    arena_close(&arena);
}

/* ---- GetReceipt ---- */

static void run_get_receipt(struct query *query)
{
    const Tallystick__V1__GetReceiptRequest *request =
        (const Tallystick__V1__GetReceiptRequest *)query->request;
    struct state *state = executor_state(node_executor(query->services->node));
    struct receipt *receipt = arena_take(&query->arena, sizeof *receipt);
    struct digest event_id;
    int error = receipt == NULL ? TALLY_ENOMEM : TALLY_OK;
    if (error == TALLY_OK && request->by_case == TALLYSTICK__V1__GET_RECEIPT_REQUEST__BY_POSITION) {
        error =
            query_receipt(state, request->position->height, request->position->index, &query->arena, receipt);
    } else if (error == TALLY_OK) {
        if (request->by_case != TALLYSTICK__V1__GET_RECEIPT_REQUEST__BY_EVENT_ID ||
            request->event_id.len != DIGEST_SIZE) {
            query_fail(query, GRPC_INVALID_ARGUMENT, "MALFORMED", "event_id", "an event id is 32 bytes");
            return;
        }
        memcpy(event_id.bytes, request->event_id.data, DIGEST_SIZE);
        error = query_receipt_of(state, &event_id, &query->arena, receipt);
    }
    if (query_failed(query, error, "no such event was ordered")) return;
    struct receipt_message nested;
    Tallystick__V1__GetReceiptReply reply = TALLYSTICK__V1__GET_RECEIPT_REPLY__INIT;
    receipt_to_message(receipt, &nested);
    reply.receipt = &nested.outer;
    message_encode(&reply.base, &query->reply);
}

void handle_get_receipt(void *context, struct rpc_call *call)
{
    query_start(context, call, &tallystick__v1__get_receipt_request__descriptor, run_get_receipt);
}

/* ---- GetBlock ---- */

struct block_events {
    Tallystick__V1__BlockEvent *events, **pointers;
    Tallystick__V1__PlainBody *bodies;
    uint32_t count;
    Tallystick__V1__BlockTransaction *transactions, **transaction_pointers;
    uint32_t transaction_count;
};

/* `index` is its place in the block. */
static void add_event(struct block_events *to, uint32_t index, const struct batch_event *event,
    const struct state_result *result, bool readable)
{
    Tallystick__V1__BlockEvent *message = &to->events[index];
    tallystick__v1__block_event__init(message);
    to->pointers[to->count++] = message;
    message->index = index;
    message->event_id = message_bytes(span_of(event->id.bytes, DIGEST_SIZE));
    if (!readable) return;
    message->result = result->result.code;
    message->header = message_bytes(event->header);
    if (!event->has_body) return;
    tallystick__v1__plain_body__init(&to->bodies[index]);
    to->bodies[index].salt = message_bytes(span_of(event->salt, SALT_SIZE));
    to->bodies[index].body = message_bytes(event->body);
    message->body_case = TALLYSTICK__V1__BLOCK_EVENT__BODY_PLAIN;
    message->plain = &to->bodies[index];
}

static int add_transaction(struct block_events *to, uint32_t index, const struct batch *batch,
    const struct state_result *result, struct arena *arena)
{
    Tallystick__V1__BlockTransaction *message = &to->transactions[to->transaction_count];
    struct buffer bytes;
    buffer_init(&bytes, BATCH_SIZE_MAX);
    governance_encode(batch->governance, &bytes);
    uint8_t *kept = bytes.failed ? NULL : arena_take(arena, bytes.size);
    if (kept != NULL) {
        memcpy(kept, bytes.data, bytes.size);
        tallystick__v1__block_transaction__init(message);
        message->index = index;
        message->digest = message_bytes(span_of(batch->digest.bytes, DIGEST_SIZE));
        message->transaction = message_bytes(span_of(kept, bytes.size));
        message->ruling = result->result.code;
        message->ruling_name = (char *)(uintptr_t)ruling_name(result->result.code);
        to->transaction_pointers[to->transaction_count++] = message;
    }
    buffer_close(&bytes);
    return kept == NULL ? TALLY_ENOMEM : TALLY_OK;
}

static int list_transactions(const struct block *block, const struct state_result *results,
    struct arena *arena, struct block_events *to)
{
    uint32_t index = block->header.payload_events;
    int error = TALLY_OK;
    to->transactions = arena_take_zeroed(arena, GOVERNANCE_BLOCK_MAX, sizeof *to->transactions);
    to->transaction_pointers =
        arena_take_zeroed(arena, GOVERNANCE_BLOCK_MAX, sizeof(Tallystick__V1__BlockTransaction *));
    if (to->transactions == NULL || to->transaction_pointers == NULL) return TALLY_ENOMEM;
    for (uint32_t b = 0; error == TALLY_OK && b < block->batch_count; b++) {
        if (block->batches[b].governance == NULL) continue;
        error = add_transaction(to, index, &block->batches[b], &results[index], arena);
        index++;
    }
    return error;
}

/* Whether member `member_id`'s clients are told header and body of an event of this batch. */
static bool is_readable(const struct batch *batch, const struct batch_event *event, uint32_t member_id,
    enum block_listing listing)
{
    return listing == LIST_WHOLE || batch->member_id == member_id ||
           event->fields.subject_scheme == SUBJECT_SCHEME_BLOCKS;
}

static int list_events(struct state *state, uint32_t member_id, enum block_listing listing,
    const struct block *block, struct arena *arena, struct block_events *to)
{
    uint32_t index = 0;
    struct state_result *results;
    uint32_t count;
    int error = state_results_read(state, block->header.height, arena, &results, &count);
    if (error != TALLY_OK) return error;
    CHECK(count == block_result_count(block));
    to->events = arena_take_zeroed(arena, count + 1, sizeof *to->events);
    to->pointers = arena_take_zeroed(arena, count + 1, sizeof(Tallystick__V1__BlockEvent *));
    to->bodies = arena_take_zeroed(arena, count + 1, sizeof *to->bodies);
    if (to->events == NULL || to->pointers == NULL || to->bodies == NULL) return TALLY_ENOMEM;
    for (uint32_t b = 0; b < block->batch_count; b++) {
        const struct batch *batch = &block->batches[b];
        if (listing == LIST_OWN && batch->member_id != member_id) {
            index += batch->event_count;
            continue;
        }
        for (uint32_t i = 0; i < batch->event_count; i++, index++)
            add_event(to, index, &batch->events[i], &results[index],
                is_readable(batch, &batch->events[i], member_id, listing));
    }
    return list_transactions(block, results, arena, to);
}

int block_reply(struct state *state, struct ledger *ledger, uint32_t member_id, uint64_t height,
    enum block_listing listing, enum block_reply_form form, struct buffer *out)
{
    bool events = listing != LIST_NONE;
    struct arena arena;
    struct block block;
    struct block_events listed = {0};
    struct span seals = {0};
    arena_init(&arena, 64u * MIB);
    int error = ledger_read(ledger, height, events, &arena, &block);
    if (error == TALLY_OK && height > state_applied_height(state)) error = TALLY_ENOTFOUND;
    if (error == TALLY_OK && events) error = list_events(state, member_id, listing, &block, &arena, &listed);
    if (error == TALLY_OK && form == REPLY_BLOCK_WITH_SEALS)
        error = query_seals(state, block.header.epoch, &arena, &seals);
    if (error == TALLY_OK) {
        Tallystick__V1__GetBlockReply reply = TALLYSTICK__V1__GET_BLOCK_REPLY__INIT;
        Tallystick__V1__BlockHeader header;
        Tallystick__V1__Certificate finalization;
        block_header_to_message(&block.header, &header);
        reply.header = &header;
        reply.block = message_bytes(span_of(block.hash.bytes, DIGEST_SIZE));
        if (block.has_finalization && block.seal_path_count == 0) {
            certificate_to_message(&block.finalization, &finalization);
            reply.finalization = &finalization;
        }
        reply.n_events = listed.count;
        reply.events = listed.pointers;
        reply.n_transactions = listed.transaction_count;
        reply.transactions = listed.transaction_pointers;
        reply.seals = message_bytes(seals);
        Tallystick__V1__FollowReply follow = TALLYSTICK__V1__FOLLOW_REPLY__INIT;
        follow.news_case = TALLYSTICK__V1__FOLLOW_REPLY__NEWS_BLOCK;
        follow.block = &reply;
        message_encode(form == REPLY_NEWS ? &follow.base : &reply.base, out);
        if (out->failed) error = TALLY_ELIMIT;
    }
    arena_close(&arena);
    return error;
}

static void run_get_block(struct query *query)
{
    const Tallystick__V1__GetBlockRequest *request = (const Tallystick__V1__GetBlockRequest *)query->request;
    struct node *node = query->services->node;
    struct executor *executor = node_executor(node);
    enum block_listing listing =
        query_is_supervised(query, request->inquiry, request->height) ? LIST_WHOLE : LIST_ALL;
    if (query->status != GRPC_OK) return;
    int error = request->height == 0
                    ? TALLY_ENOTFOUND
                    : block_reply(executor_state(executor), executor_ledger(executor), node_member_id(node),
                          request->height, listing, request->seals ? REPLY_BLOCK_WITH_SEALS : REPLY_BLOCK,
                          &query->reply);
    (void)query_failed(query, error, "there is no block of this height here");
}

void handle_get_block(void *context, struct rpc_call *call)
{
    struct arena arena;
    ProtobufCMessage *message;
    if (!read_request(call, &tallystick__v1__get_block_request__descriptor, &arena, &message)) return;
    if (supervision_admit(call, ((const Tallystick__V1__GetBlockRequest *)message)->inquiry))
        query_start(context, call, &tallystick__v1__get_block_request__descriptor, run_get_block);
    arena_close(&arena);
}

/* ---- GetCheckpoint ---- */

static void run_get_checkpoint(struct query *query)
{
    const Tallystick__V1__GetCheckpointRequest *request =
        (const Tallystick__V1__GetCheckpointRequest *)query->request;
    struct state *state = executor_state(node_executor(query->services->node));
    struct certified_checkpoint certified;
    struct digest path[MERKLE_CONSISTENCY_MAX];
    size_t path_length = 0;
    int error = request->height == 0 ? state_certified_newest(state, &certified)
                                     : state_certified_get(state, request->height, &certified);
    if (query_failed(query, error, "no certified checkpoint of this height is known here")) return;
    uint64_t height = certified.checkpoint.height;
    if (request->since_height > height) {
        query_fail(query, GRPC_OUT_OF_RANGE, "SINCE_AHEAD", "since_height",
            "the checkpoint is of a lower height than since_height");
        return;
    }
    if (request->since_height != 0) {
        /* It may be known before its block is applied here: then its tree is not all there yet. */
        error = height > state_applied_height(state)
                    ? TALLY_EBUSY
                    : state_history_consistency(state, request->since_height, height, path, &path_length);
        if (query_failed(query, error, "this node has no such height")) return;
    }
    struct span seals;
    error = query_seals(state, certified.checkpoint.epoch, &query->arena, &seals);
    if (query_failed(query, error, "")) return;
    Tallystick__V1__GetCheckpointReply reply = TALLYSTICK__V1__GET_CHECKPOINT_REPLY__INIT;
    struct certified_checkpoint_message nested;
    certified_checkpoint_to_message(&certified, &nested);
    reply.checkpoint = &nested.outer;
    reply.path = message_bytes(span_of(path, path_length * sizeof path[0]));
    reply.seals = message_bytes(seals);
    message_encode(&reply.base, &query->reply);
}

void handle_get_checkpoint(void *context, struct rpc_call *call)
{
    query_start(context, call, &tallystick__v1__get_checkpoint_request__descriptor, run_get_checkpoint);
}
