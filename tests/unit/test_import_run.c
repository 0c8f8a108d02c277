// links: tools
/* The import against a ledger in memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "proto/base/check.h"
#include "proto/codec/message.h"
#include "proto/codec/result.h"
#include "rpc.pb-c.h"
#include "tests/unit/import_ledger.h"

/* ---- The ledger ---- */

void toy_ledger_init(struct toy_ledger *ledger, const struct digest *chain_id)
{
    *ledger = (struct toy_ledger){.chain_id = *chain_id, .random = 1};
    ledger->accounts = calloc(LEDGER_ACCOUNTS_MAX, sizeof *ledger->accounts);
    ledger->items = calloc(LEDGER_ITEMS_MAX, sizeof *ledger->items);
    assert_true(ledger->accounts != NULL && ledger->items != NULL);
    buffer_init(&ledger->reply, MIB);
}

void toy_ledger_close(struct toy_ledger *ledger)
{
    for (uint32_t i = 0; i < ledger->call_count; i++)
        buffer_close(&ledger->calls[i].request);
    buffer_close(&ledger->reply);
    free(ledger->accounts);
    free(ledger->items);
}

uint64_t toy_ledger_events(const struct toy_ledger *ledger)
{
    uint64_t events = 0;
    for (uint32_t i = 0; i < ledger->account_count; i++)
        events += ledger->accounts[i].count;
    return events;
}

struct toy_ledger_account *toy_ledger_account_find(
    const struct toy_ledger *ledger, const uint8_t ref[ACCOUNT_REF_SIZE])
{
    for (uint32_t i = 0; i < ledger->account_count; i++) {
        if (memcmp(ledger->accounts[i].ref, ref, ACCOUNT_REF_SIZE) == 0) return &ledger->accounts[i];
    }
    return NULL;
}

static struct toy_ledger_account *account_get(struct toy_ledger *ledger, const uint8_t ref[ACCOUNT_REF_SIZE])
{
    struct toy_ledger_account *account = toy_ledger_account_find(ledger, ref);
    if (account != NULL) return account;
    assert_true(ledger->account_count < LEDGER_ACCOUNTS_MAX);
    account = &ledger->accounts[ledger->account_count++];
    memcpy(account->ref, ref, ACCOUNT_REF_SIZE);
    return account;
}

static void account_append(
    struct toy_ledger_account *account, const struct event_header *header, const struct digest *id)
{
    assert_true(account->count < LEDGER_EVENTS_MAX);
    account->ids[account->count] = *id;
    account->headers[account->count] = *header;
    account->count++;
}

static struct toy_ledger_item *item_find(const struct toy_ledger *ledger, const struct event_header *header)
{
    for (uint32_t i = 0; i < ledger->item_count; i++) {
        if (memcmp(ledger->items[i].header.item_id, header->item_id, ITEM_ID_SIZE) == 0)
            return &ledger->items[i];
    }
    return NULL;
}

static bool item_is_applied(const struct toy_ledger *ledger, const struct digest *id)
{
    for (uint32_t i = 0; i < ledger->item_count; i++) {
        if (digest_equal(&ledger->items[i].id, id)) return ledger->items[i].applied;
    }
    return false;
}

static uint32_t statement_number(const struct batch_event *event)
{
    if (event->fields.type != EVENT_STATEMENT) return 0;
    struct event_body *body = malloc(sizeof *body);
    assert_non_null(body);
    assert_int_equal(event_body_decode(EVENT_STATEMENT, event->body, body), TALLY_OK);
    uint32_t number = (uint32_t)strtoul(body->text, NULL, 10);
    free(body);
    return number;
}

static uint32_t item_apply(
    struct toy_ledger *ledger, const struct batch_event *event, Tallystick__V1__EventResult *result)
{
    struct toy_ledger_item *item = item_find(ledger, &event->fields);
    static uint8_t cap = REFUSAL_LENDERS;
    if (item != NULL) {
        result->detail = message_bytes(span_of(item->id.bytes, DIGEST_SIZE));
        return item->applied && digest_equal(&item->id, &event->id) ? RESULT_DUPLICATE : RESULT_ITEM_TAKEN;
    }
    bool refused = ledger->caps && event->fields.type == EVENT_RESERVE;
    assert_true(ledger->item_count < LEDGER_ITEMS_MAX);
    item = &ledger->items[ledger->item_count++];
    *item = (struct toy_ledger_item){event->id, event->fields, !refused, statement_number(event)};
    if (refused) result->detail = message_bytes(span_of(&cap, 1));
    return refused ? RESULT_REFUSED_CAP : RESULT_OK;
}

static uint32_t event_apply(
    struct toy_ledger *ledger, const struct batch_event *event, Tallystick__V1__EventResult *result)
{
    const struct event_header *header = &event->fields;
    if (!header->has_account) {
        ledger->events_seen++;
        return item_apply(ledger, event, result);
    }
    struct toy_ledger_account *account = account_get(ledger, header->account_ref);
    struct digest head = account->count == 0 ? (struct digest){{0}} : account->ids[account->count - 1];
    ledger->events_seen++;
    for (uint32_t i = 0; i < account->count; i++) {
        if (digest_equal(&account->ids[i], &event->id)) return RESULT_DUPLICATE;
    }
    if (header->type == EVENT_ACCOUNT_OPEN && header->has_authorization &&
        !item_is_applied(ledger, &header->authorization))
        return RESULT_NO_AUTHORIZATION;
    if (header->account_seq < account->count) return RESULT_CONFLICT;
    if (header->account_seq > account->count || !digest_equal(&head, &header->account_prev))
        return RESULT_GAP;
    if ((account->count == 0) != (header->type == EVENT_ACCOUNT_OPEN)) return RESULT_WRONG_STATE;
    for (uint32_t i = 0; header->type == EVENT_PERIOD_REPORT && i < account->count; i++) {
        if (account->headers[i].type == header->type && account->headers[i].period == header->period) {
            return RESULT_PERIOD_TAKEN;
        }
    }
    account_append(account, header, &event->id);
    return RESULT_OK;
}

static void batch_read(
    struct toy_ledger *ledger, struct span request, struct arena *arena, struct batch *batch)
{
    ProtobufCMessage *message;
    struct verify_key key;
    struct buffer inner;
    assert_int_equal(message_decode(&tallystick__v1__submit_batch_request__descriptor, MESSAGE_CANONICAL,
                         request, arena, &message),
        TALLY_OK);
    const Tallystick__V1__SubmitBatchRequest *submit = (const void *)message;
    assert_int_equal(submit->wait_for, TALLYSTICK__V1__WAIT_FOR__FINAL);
    buffer_init(&inner, BATCH_SIZE_MAX);
    message_encode(&submit->batch->base, &inner);
    uint8_t *bytes = arena_take(arena, inner.size);
    assert_non_null(bytes);
    memcpy(bytes, inner.data, inner.size);
    assert_int_equal(
        batch_decode(span_of(bytes, inner.size), &ledger->chain_id, arena, batch, NULL), TALLY_OK);
    buffer_close(&inner);
    assert_int_equal(verify_key_parse(&batch->signing_key, &key), TALLY_OK);
    assert_int_equal(batch_check(batch, &key), TALLY_OK);
}

/* Another import of the same member got there first. */
static void foreign_append(struct toy_ledger *ledger, const struct batch *batch)
{
    struct toy_ledger_account *account = account_get(ledger, batch->events[0].fields.account_ref);
    struct event_header header = batch->events[0].fields;
    struct digest id = {{0xF0}};
    memset(header.body_commitment.bytes, 0xF1, DIGEST_SIZE);
    account_append(account, &header, &id);
}

/* Admission orders no batch of which every event is applied. */
static bool batch_is_known(const struct toy_ledger *ledger, const struct batch *batch)
{
    for (uint32_t i = 0; i < batch->event_count; i++) {
        const struct toy_ledger_item *item =
            batch->events[i].fields.has_account ? NULL : item_find(ledger, &batch->events[i].fields);
        if (item == NULL || !item->applied || !digest_equal(&item->id, &batch->events[i].id)) return false;
    }
    return true;
}

static bool batch_admit(
    const struct toy_ledger *ledger, const struct batch *batch, struct import_answer *answer)
{
    struct event_body *body = malloc(sizeof *body);
    assert_non_null(body);
    bool good = true;
    for (uint32_t i = 0; good && ledger->refused_amount != 0 && i < batch->event_count; i++) {
        if (batch->events[i].fields.type != EVENT_PAYMENT) continue;
        assert_int_equal(event_body_decode(EVENT_PAYMENT, batch->events[i].body, body), TALLY_OK);
        if (body->amount_minor != ledger->refused_amount) continue;
        good = false;
        answer->result = TALLY_EDENIED;
        answer->error.status = GRPC_INVALID_ARGUMENT;
        answer->error.detail.has_event_index = true;
        answer->error.detail.event_index = i;
        snprintf(answer->error.detail.reason, sizeof answer->error.detail.reason, "PAYMENT_PARTS");
    }
    free(body);
    return good;
}

static void batch_answer(struct toy_ledger *ledger, const struct batch *batch, bool expired)
{
    Tallystick__V1__SubmitBatchReply reply = TALLYSTICK__V1__SUBMIT_BATCH_REPLY__INIT;
    uint32_t seen = ledger->events_seen;
    bool known = batch_is_known(ledger, batch);
    static Tallystick__V1__EventResult results[IMPORT_BATCH_EVENTS_MAX];
    static Tallystick__V1__EventResult *pointers[IMPORT_BATCH_EVENTS_MAX];
    for (uint32_t i = 0; i < batch->event_count; i++) {
        tallystick__v1__event_result__init(&results[i]);
        results[i].result =
            expired ? (uint32_t)RESULT_BATCH_EXPIRED : event_apply(ledger, &batch->events[i], &results[i]);
        pointers[i] = &results[i];
    }
    if (known) ledger->events_seen = seen;
    reply.n_results = batch->event_count;
    reply.results = pointers;
    buffer_clear(&ledger->reply);
    message_encode(&reply.base, &ledger->reply);
    assert_false(ledger->reply.failed);
}

static int wire_start(void *context, struct span request, uint32_t lane)
{
    struct toy_ledger *ledger = context;
    if (ledger->lost) return TALLY_ECLOSED;
    for (uint32_t i = 0; i < ledger->call_count; i++)
        assert_int_not_equal(ledger->calls[i].lane, lane);
    struct toy_ledger_call *call = &ledger->calls[ledger->call_count++];
    call->lane = lane;
    buffer_init(&call->request, 2 * MIB);
    buffer_append(&call->request, request.data, request.size);
    assert_false(call->request.failed);
    if (ledger->call_count > ledger->calls_in_flight_most) ledger->calls_in_flight_most = ledger->call_count;
    return TALLY_OK;
}

/* Answers any one call, chosen by chance: leaders order batches as they like. */
static int wire_wait(void *context, uint32_t timeout_ms, struct import_answer *answer)
{
    struct toy_ledger *ledger = context;
    if (ledger->call_count == 0) return TALLY_ENOTFOUND;
    ledger->random = ledger->random * 6364136223846793005u + 1442695040888963407u;
    /* Not every question finds an answer ready. */
    if (timeout_ms == 0 && ledger->random >> 62 != 0) return TALLY_ETIMEOUT;
    uint32_t chosen = (uint32_t)(ledger->random >> 33) % ledger->call_count;
    struct toy_ledger_call call = ledger->calls[chosen];
    ledger->calls[chosen] = ledger->calls[--ledger->call_count];
    struct arena arena;
    struct batch batch;
    arena_init(&arena, 16 * MIB);
    batch_read(ledger, buffer_span(&call.request), &arena, &batch);
    *answer = (struct import_answer){.lane = call.lane, .result = TALLY_OK};
    ledger->batches++;
    if (ledger->batches == ledger->foreign_before) foreign_append(ledger, &batch);
    if (ledger->batches == ledger->lost_batch || ledger->lost) {
        ledger->lost = true;
        answer->result = TALLY_ECLOSED;
    } else if (ledger->batches <= ledger->busy_until_batch) {
        answer->result = TALLY_EDENIED;
        answer->error.status = GRPC_RESOURCE_EXHAUSTED;
        answer->error.detail.retry_after_ms = 5;
    } else if (batch_admit(ledger, &batch, answer)) {
        batch_answer(ledger, &batch, ledger->batches == ledger->expired_batch);
        answer->reply = buffer_span(&ledger->reply);
        if (ledger->batches == ledger->silent_batch) {
            answer->result = TALLY_ETIMEOUT;
            answer->error.status = GRPC_DEADLINE_EXCEEDED;
        }
    }
    arena_close(&arena);
    buffer_close(&call.request);
    return TALLY_OK;
}

static int wire_accounts(void *context, const struct import_account *const *accounts, size_t count,
    int (*on_known)(void *run, const struct import_known *known), void *run, struct client_error *error)
{
    struct toy_ledger *ledger = context;
    (void)error;
    if (ledger->lost) return TALLY_ECLOSED;
    ledger->lookups++;
    for (size_t i = 0; i < count; i++) {
        struct toy_ledger_account *account = toy_ledger_account_find(ledger, accounts[i]->ref);
        if (account == NULL || account->count == 0) continue;
        struct digest commitments[LEDGER_EVENTS_MAX];
        for (uint32_t k = 0; k < account->count; k++)
            commitments[k] = account->headers[k].body_commitment;
        struct import_known known = {.next_seq = account->count,
            .head = account->ids[account->count - 1],
            .commitments = commitments,
            .count = account->count};
        memcpy(known.ref, account->ref, ACCOUNT_REF_SIZE);
        int result = on_known(run, &known);
        if (result != TALLY_OK) return result;
    }
    return TALLY_OK;
}

struct import_wire toy_ledger_wire(struct toy_ledger *ledger)
{
    return (struct import_wire){
        .context = ledger, .start = wire_start, .wait = wire_wait, .accounts = wire_accounts};
}

/* ---- One import ---- */

#define REJECTIONS_MAX 16

struct rejections {
    uint32_t count;
    uint64_t lines[REJECTIONS_MAX];
    char reasons[REJECTIONS_MAX][32], messages[REJECTIONS_MAX][128];
};

struct fixture {
    struct import_keys keys;
    struct toy_ledger ledger;
    struct import_result result;
    struct rejections rejections;
    struct context context;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    assert_non_null(fixture);
    memset(fixture->keys.chain_id.bytes, 7, DIGEST_SIZE);
    memset(fixture->keys.signing.bytes, 1, SECRET_KEY_SIZE);
    memset(fixture->keys.salt_key, 2, SALT_KEY_SIZE);
    fixture->keys.member_id = 3;
    assert_int_equal(secret_key_public(&fixture->keys.signing, &fixture->keys.signing_public), TALLY_OK);
    toy_ledger_init(&fixture->ledger, &fixture->keys.chain_id);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    toy_ledger_close(&fixture->ledger);
    free(fixture);
    return 0;
}

static void note_rejection(void *context, const struct import_rejection *rejection)
{
    struct rejections *rejections = context;
    if (rejections->count < REJECTIONS_MAX) {
        rejections->lines[rejections->count] = rejection->line;
        snprintf(rejections->reasons[rejections->count], 32, "%s", rejection->reason);
        snprintf(rejections->messages[rejections->count], 128, "%s", rejection->message);
    }
    rejections->count++;
}

static enum tool_exit text_import(struct fixture *fixture, const char *text)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    rewind(file);
    struct import_wire wire = toy_ledger_wire(&fixture->ledger);
    struct import_options options = {
        .keys = &fixture->keys,
        .wire = &wire,
        .descriptor = fileno(file),
        .file_name = "test",
        .context = &fixture->rejections,
        .on_rejection = note_rejection,
    };
    fixture->rejections.count = 0;
    enum tool_exit code = import_run(&fixture->context, &options, &fixture->result);
    fclose(file);
    return code;
}

static void counts_are(
    const struct fixture *fixture, uint64_t accepted, uint64_t duplicate, uint64_t rejected)
{
    assert_int_equal(fixture->result.read, accepted + duplicate + rejected);
    assert_int_equal(fixture->result.accepted, accepted);
    assert_int_equal(fixture->result.duplicate, duplicate);
    assert_int_equal(fixture->result.rejected, rejected);
    struct import_counts sum = {0};
    for (uint32_t type = 0; type < IMPORT_TYPES; type++) {
        sum.accepted += fixture->result.types[type].accepted;
        sum.duplicate += fixture->result.types[type].duplicate;
        sum.rejected += fixture->result.types[type].rejected;
    }
    assert_int_equal(sum.accepted, accepted);
    assert_int_equal(sum.duplicate, duplicate);
    assert_int_equal(sum.rejected, rejected);
}

static void type_counts_are(const struct fixture *fixture, enum event_type type, uint64_t accepted,
    uint64_t duplicate, uint64_t rejected)
{
    const struct import_counts *counts = &fixture->result.types[type];
    assert_int_equal(counts->accepted, accepted);
    assert_int_equal(counts->duplicate, duplicate);
    assert_int_equal(counts->rejected, rejected);
}

/* Lines of account number `account`. */
static void open_append(struct buffer *out, uint32_t account)
{
    char line[512];
    int size = snprintf(line, sizeof line,
        "{\"type\":\"ACCOUNT_OPEN\",\"subject\":\"%064x\",\"account\":\"%032x\",\"event_date\":\"2024-01-"
        "31\","
        "\"account_type\":\"REVOLVING\",\"currency\":\"EUR\",\"body\":{\"limit_minor\":100}}\n",
        account, account);
    buffer_append(out, line, (size_t)size);
}

static void report_append(struct buffer *out, uint32_t account, uint32_t month)
{
    char line[512];
    int size = snprintf(line, sizeof line,
        "{\"type\":\"PERIOD_REPORT\",\"subject\":\"%064x\",\"account\":\"%032x\",\"event_date\":\"2024-%02u-"
        "28\","
        "\"period\":\"2024-%02u\",\"body\":{\"balance_minor\":%u,\"paid_minor\":0,\"days_past_due\":0}}\n",
        account, account, month, month, month);
    buffer_append(out, line, (size_t)size);
}

static void payment_append(struct buffer *out, uint32_t account, int amount, const char *ref)
{
    char line[512];
    int size = snprintf(line, sizeof line,
        "{\"type\":\"PAYMENT\",\"subject\":\"%064x\",\"account\":\"%032x\",\"event_date\":\"2024-02-01\",%s%"
        "s%s"
        "\"body\":{\"amount_minor\":%d}}\n",
        account, account, ref == NULL ? "" : "\"ref\":\"", ref == NULL ? "" : ref, ref == NULL ? "" : "\",",
        amount);
    buffer_append(out, line, (size_t)size);
}

/* Lines without an account, of subject number `subject`; `item` is NULL where the line gives none. */
static void statement_append(struct buffer *out, uint32_t subject, uint32_t number, const char *item)
{
    char line[512];
    int size = snprintf(line, sizeof line,
        "{\"type\":\"STATEMENT\",\"subject\":\"%064x\",\"event_date\":\"2024-02-01\",%s%s%s"
        "\"body\":{\"text\":\"%u\"}}\n",
        subject, item == NULL ? "" : "\"item\":\"", item == NULL ? "" : item, item == NULL ? "" : "\",",
        number);
    buffer_append(out, line, (size_t)size);
}

static void reserve_append(struct buffer *out, uint32_t subject)
{
    char line[512];
    int size = snprintf(line, sizeof line,
        "{\"type\":\"RESERVE\",\"subject\":\"%064x\",\"event_date\":\"2024-02-01\","
        "\"account_type\":\"REVOLVING\",\"currency\":\"EUR\",\"expires_ms\":1}\n",
        subject);
    buffer_append(out, line, (size_t)size);
}

/* The whole of `months` reports for each account, month by month: an account's events lie far apart. */
static char *months_text(uint32_t accounts, uint32_t months)
{
    struct buffer out;
    buffer_init(&out, 64 * MIB);
    for (uint32_t account = 1; account <= accounts; account++)
        open_append(&out, account);
    for (uint32_t month = 1; month <= months; month++) {
        for (uint32_t account = 1; account <= accounts; account++)
            report_append(&out, account, month);
    }
    buffer_u8(&out, '\0');
    assert_false(out.failed);
    return (char *)out.data;
}

static void every_line_of_a_file_is_applied_in_its_accounts_order(void **state)
{
    struct fixture *fixture = *state;
    char *text = months_text(2000, 6);
    assert_int_equal(text_import(fixture, text), TOOL_DONE);
    free(text);
    counts_are(fixture, 14000, 0, 0);
    assert_int_equal(toy_ledger_events(&fixture->ledger), 14000);
    assert_int_equal(fixture->ledger.events_seen, 14000); /* nothing was sent twice */
    assert_true(fixture->ledger.calls_in_flight_most > 4);
    for (uint32_t i = 0; i < fixture->ledger.account_count; i++) {
        const struct toy_ledger_account *account = &fixture->ledger.accounts[i];
        assert_int_equal(account->count, 7);
        for (uint32_t k = 1; k < 7; k++)
            assert_int_equal(account->headers[k].period, 202400 + k);
    }
}

static void the_same_file_again_sends_nothing(void **state)
{
    struct fixture *fixture = *state;
    char *text = months_text(300, 3);
    assert_int_equal(text_import(fixture, text), TOOL_DONE);
    uint32_t seen = fixture->ledger.events_seen;
    assert_int_equal(text_import(fixture, text), TOOL_DONE);
    free(text);
    counts_are(fixture, 0, 1200, 0);
    assert_int_equal(fixture->ledger.events_seen, seen);
}

static void a_longer_file_adds_only_what_is_new(void **state)
{
    struct fixture *fixture = *state;
    char *shorter = months_text(50, 2), *longer = months_text(50, 5);
    assert_int_equal(text_import(fixture, shorter), TOOL_DONE);
    assert_int_equal(text_import(fixture, longer), TOOL_DONE);
    free(shorter);
    free(longer);
    counts_are(fixture, 150, 150, 0);
    assert_int_equal(toy_ledger_events(&fixture->ledger), 300);
}

static void a_bad_line_is_told_by_its_number_and_the_rest_goes_on(void **state)
{
    struct fixture *fixture = *state;
    struct buffer out;
    buffer_init(&out, MIB);
    open_append(&out, 1);
    buffer_append(&out, "not json\n\n  \n", 13);
    report_append(&out, 1, 1);
    for (int i = 0; i < 70000; i++)
        buffer_u8(&out, 'x');
    static const char no_reservation[] =
        "\n{\"type\":\"RESERVE_CANCEL\","
        "\"subject\":\"00000000000000000000000000000000000000000000000000000000000000aa\","
        "\"item\":\"000000000000000000000000000000bb\",\"event_date\":\"2005-04-30\","
        "\"reservation\":\"cc\"}\n";
    buffer_append(&out, no_reservation, sizeof no_reservation - 1);
    report_append(&out, 1, 2);
    buffer_u8(&out, '\0');
    assert_int_equal(text_import(fixture, (const char *)out.data), TOOL_DONE);
    buffer_close(&out);
    counts_are(fixture, 3, 0, 3);
    type_counts_are(fixture, EVENT_RESERVE_CANCEL, 0, 0, 1);
    assert_int_equal(fixture->rejections.lines[0], 2);
    assert_string_equal(fixture->rejections.reasons[0], "BAD_LINE");
    assert_int_equal(fixture->rejections.lines[1], 6);
    assert_int_equal(fixture->rejections.lines[2], 7);
    assert_string_equal(fixture->rejections.reasons[2], "BAD_LINE");
}

static void a_refused_event_does_not_hold_back_the_later_ones_of_its_account(void **state)
{
    struct fixture *fixture = *state;
    struct buffer out;
    buffer_init(&out, MIB);
    open_append(&out, 1);
    report_append(&out, 1, 1);
    payment_append(&out, 1, 10, NULL);
    open_append(&out, 1); /* refused: it is open */
    payment_append(&out, 1, 11, NULL);
    report_append(&out, 1, 2);
    open_append(&out, 2);
    buffer_u8(&out, '\0');
    assert_int_equal(text_import(fixture, (const char *)out.data), TOOL_DONE);
    buffer_close(&out);
    counts_are(fixture, 6, 0, 1);
    assert_int_equal(fixture->rejections.lines[0], 4);
    assert_string_equal(fixture->rejections.reasons[0], "WRONG_STATE");
}

static void every_event_of_an_account_that_was_never_opened_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct buffer out;
    buffer_init(&out, MIB);
    for (uint32_t month = 1; month <= 9; month++)
        report_append(&out, 1, month);
    open_append(&out, 2);
    buffer_u8(&out, '\0');
    assert_int_equal(text_import(fixture, (const char *)out.data), TOOL_DONE);
    buffer_close(&out);
    counts_are(fixture, 1, 0, 9);
    for (uint32_t i = 0; i < 9; i++)
        assert_string_equal(fixture->rejections.reasons[i], "WRONG_STATE");
}

static void identical_lines_are_as_many_events_and_stay_so_when_imported_again(void **state)
{
    struct fixture *fixture = *state;
    struct buffer out;
    buffer_init(&out, MIB);
    open_append(&out, 1);
    payment_append(&out, 1, 10, NULL);
    payment_append(&out, 1, 10, NULL);
    payment_append(&out, 1, 10, "second till");
    buffer_u8(&out, '\0');
    assert_int_equal(text_import(fixture, (const char *)out.data), TOOL_DONE);
    counts_are(fixture, 4, 0, 0);
    assert_int_equal(text_import(fixture, (const char *)out.data), TOOL_DONE);
    counts_are(fixture, 0, 4, 0);
    buffer_close(&out);
}

#define ITEM_ID "000000000000000000000000000000cc"

/* Statements of `subjects` subjects, one after another, beside an account of each. */
static char *mixed_text(uint32_t subjects, uint32_t statements)
{
    struct buffer out;
    buffer_init(&out, 64 * MIB);
    for (uint32_t subject = 1; subject <= subjects; subject++)
        open_append(&out, subject);
    for (uint32_t number = 0; number < statements; number++) {
        for (uint32_t subject = 1; subject <= subjects; subject++)
            statement_append(&out, subject, number, NULL);
    }
    buffer_u8(&out, '\0');
    assert_false(out.failed);
    return (char *)out.data;
}

/* What the items of a subject say, where each was told once and in the file's order. */
static void items_are_in_order(const struct toy_ledger *ledger, uint32_t subjects, uint32_t statements)
{
    uint32_t *said = calloc(subjects + 1, sizeof *said);
    assert_non_null(said);
    assert_int_equal(ledger->item_count, subjects * statements);
    for (uint32_t i = 0; i < ledger->item_count; i++) {
        uint32_t subject = get_u32(ledger->items[i].header.subject_id.bytes + DIGEST_SIZE - 4);
        assert_true(subject >= 1 && subject <= subjects);
        assert_int_equal(ledger->items[i].said, said[subject]);
        said[subject]++;
    }
    free(said);
}

static void events_without_an_account_are_applied_beside_the_others_and_once(void **state)
{
    struct fixture *fixture = *state;
    char *text = mixed_text(100, 30);
    assert_int_equal(text_import(fixture, text), TOOL_DONE);
    counts_are(fixture, 3100, 0, 0);
    type_counts_are(fixture, EVENT_STATEMENT, 3000, 0, 0);
    type_counts_are(fixture, EVENT_ACCOUNT_OPEN, 100, 0, 0);
    items_are_in_order(&fixture->ledger, 100, 30);
    uint32_t seen = fixture->ledger.events_seen;
    assert_int_equal(text_import(fixture, text), TOOL_DONE);
    free(text);
    counts_are(fixture, 0, 3100, 0);
    type_counts_are(fixture, EVENT_STATEMENT, 0, 3000, 0);
    assert_int_equal(fixture->ledger.events_seen, seen); /* none was ordered again */
}

static void a_line_is_an_item_of_its_own_unless_it_names_one(void **state)
{
    struct fixture *fixture = *state;
    struct buffer out;
    buffer_init(&out, MIB);
    statement_append(&out, 1, 7, NULL);
    statement_append(&out, 1, 7, NULL);
    statement_append(&out, 2, 7, NULL);
    statement_append(&out, 1, 7, ITEM_ID);
    statement_append(&out, 1, 7, ITEM_ID); /* the same event, and so known */
    statement_append(&out, 1, 8, ITEM_ID); /* another one */
    buffer_u8(&out, '\0');
    assert_int_equal(text_import(fixture, (const char *)out.data), TOOL_DONE);
    counts_are(fixture, 4, 1, 1);
    assert_int_equal(fixture->rejections.lines[0], 6);
    assert_string_equal(fixture->rejections.reasons[0], "ITEM_TAKEN");
    assert_int_equal(text_import(fixture, (const char *)out.data), TOOL_DONE);
    counts_are(fixture, 0, 5, 1);
    buffer_close(&out);
}

static void a_reservation_that_a_cap_refuses_is_told_with_the_cap_and_once(void **state)
{
    struct fixture *fixture = *state;
    struct buffer out;
    buffer_init(&out, MIB);
    fixture->ledger.caps = true;
    statement_append(&out, 1, 1, NULL);
    reserve_append(&out, 1);
    statement_append(&out, 1, 2, NULL);
    buffer_u8(&out, '\0');
    assert_int_equal(text_import(fixture, (const char *)out.data), TOOL_DONE);
    counts_are(fixture, 2, 0, 1);
    type_counts_are(fixture, EVENT_RESERVE, 0, 0, 1);
    assert_int_equal(fixture->rejections.lines[0], 2);
    assert_string_equal(fixture->rejections.reasons[0], "REFUSED_CAP");
    assert_string_equal(fixture->rejections.messages[0], refusal_sentence(REFUSAL_LENDERS));
    assert_int_equal(text_import(fixture, (const char *)out.data), TOOL_DONE);
    counts_are(fixture, 0, 2, 1);
    assert_string_equal(fixture->rejections.reasons[0], "ITEM_TAKEN");
    assert_non_null(strstr(fixture->rejections.messages[0], "refused before"));
    buffer_close(&out);
}

/* A reservation and a loan that uses it, of each of `count` subjects, among others. */
static char *labelled_text(uint32_t count)
{
    struct buffer out;
    buffer_init(&out, 64 * MIB);
    for (uint32_t subject = 1; subject <= count; subject++) {
        char line[1024];
        int size = snprintf(line, sizeof line,
            "{\"type\":\"RESERVE\",\"label\":\"r%u\",\"subject\":\"%064x\",\"event_date\":\"2024-02-01\","
            "\"account_type\":\"REVOLVING\",\"currency\":\"EUR\",\"expires_ms\":1}\n"
            "{\"type\":\"ACCOUNT_OPEN\",\"authorization\":\"@r%u\",\"subject\":\"%064x\",\"account\":"
            "\"%032x\",\"event_date\":\"2024-01-31\",\"account_type\":\"REVOLVING\",\"currency\":\"EUR\"}\n",
            subject, subject, subject, subject, subject * 7919);
        buffer_append(&out, line, (size_t)size);
    }
    buffer_u8(&out, '\0');
    assert_false(out.failed);
    return (char *)out.data;
}

static void a_label_stands_for_the_id_of_an_earlier_lines_event_in_every_run(void **state)
{
    struct fixture *fixture = *state;
    char *text = labelled_text(1500);
    /* The toy ledger applies an authorized opening only behind its reservation. */
    fixture->ledger.lost_batch = 3;
    assert_int_equal(text_import(fixture, text), TOOL_UNREACHABLE);
    uint64_t before = toy_ledger_events(&fixture->ledger) + fixture->ledger.item_count;
    assert_true(before > 0 && before < 3000);
    fixture->ledger.lost = false;
    fixture->ledger.lost_batch = 0;
    for (uint32_t i = 0; i < fixture->ledger.call_count; i++)
        buffer_close(&fixture->ledger.calls[i].request);
    fixture->ledger.call_count = 0;
    assert_int_equal(text_import(fixture, text), TOOL_DONE);
    counts_are(fixture, 3000 - before, before, 0);
    assert_int_equal(text_import(fixture, text), TOOL_DONE);
    counts_are(fixture, 0, 3000, 0);
    free(text);
}

static void items_whose_answer_is_lost_or_late_are_sent_again_and_are_one(void **state)
{
    struct fixture *fixture = *state;
    char *text = mixed_text(20, 20);
    fixture->ledger.silent_batch = 2;
    fixture->ledger.expired_batch = 4;
    assert_int_equal(text_import(fixture, text), TOOL_DONE);
    free(text);
    counts_are(fixture, 420, 0, 0);
    assert_int_equal(fixture->ledger.item_count, 400);
}

static void an_import_of_items_that_loses_its_node_can_be_run_again(void **state)
{
    struct fixture *fixture = *state;
    char *text = mixed_text(100, 40);
    fixture->ledger.lost_batch = 5;
    assert_int_equal(text_import(fixture, text), TOOL_UNREACHABLE);
    uint64_t before = toy_ledger_events(&fixture->ledger) + fixture->ledger.item_count;
    assert_true(before > 0 && before < 4100);
    fixture->ledger.lost = false;
    fixture->ledger.lost_batch = 0;
    for (uint32_t i = 0; i < fixture->ledger.call_count; i++)
        buffer_close(&fixture->ledger.calls[i].request);
    fixture->ledger.call_count = 0;
    assert_int_equal(text_import(fixture, text), TOOL_DONE);
    free(text);
    counts_are(fixture, 4100 - before, before, 0);
    items_are_in_order(&fixture->ledger, 100, 40);
}

static void a_busy_node_is_asked_again_until_it_takes_the_batch(void **state)
{
    struct fixture *fixture = *state;
    char *text = months_text(40, 2);
    fixture->ledger.busy_until_batch = 15;
    assert_int_equal(text_import(fixture, text), TOOL_DONE);
    free(text);
    counts_are(fixture, 120, 0, 0);
    assert_int_equal(fixture->result.retries, 15);
}

static void a_batch_whose_answer_is_lost_is_looked_for_before_it_is_sent_again(void **state)
{
    struct fixture *fixture = *state;
    char *text = months_text(400, 2);
    fixture->ledger.silent_batch = 2;
    assert_int_equal(text_import(fixture, text), TOOL_DONE);
    free(text);
    counts_are(fixture, 1200, 0, 0);
    assert_int_equal(fixture->ledger.events_seen, 1200);
}

static void an_expired_batch_is_signed_anew(void **state)
{
    struct fixture *fixture = *state;
    char *text = months_text(20, 2);
    fixture->ledger.expired_batch = 3;
    assert_int_equal(text_import(fixture, text), TOOL_DONE);
    free(text);
    counts_are(fixture, 60, 0, 0);
}

static void an_import_that_loses_its_node_can_be_run_again(void **state)
{
    struct fixture *fixture = *state;
    char *text = months_text(500, 12);
    fixture->ledger.lost_batch = 5;
    assert_int_equal(text_import(fixture, text), TOOL_UNREACHABLE);
    assert_non_null(strstr(fixture->context.message, "again"));
    uint64_t before = toy_ledger_events(&fixture->ledger);
    assert_true(before > 0 && before < 6500);
    assert_int_equal(fixture->result.accepted, before);
    fixture->ledger.lost = false;
    fixture->ledger.lost_batch = 0;
    for (uint32_t i = 0; i < fixture->ledger.call_count; i++)
        buffer_close(&fixture->ledger.calls[i].request);
    fixture->ledger.call_count = 0;
    assert_int_equal(text_import(fixture, text), TOOL_DONE);
    free(text);
    counts_are(fixture, 6500 - before, before, 0);
    assert_int_equal(toy_ledger_events(&fixture->ledger), 6500);
}

static void an_event_refused_at_admission_is_left_out_of_its_batch(void **state)
{
    struct fixture *fixture = *state;
    struct buffer out;
    buffer_init(&out, MIB);
    open_append(&out, 1);
    payment_append(&out, 1, 10, NULL);
    payment_append(&out, 1, 666, NULL);
    payment_append(&out, 1, 12, NULL);
    payment_append(&out, 1, 666, NULL);
    report_append(&out, 1, 1);
    buffer_u8(&out, '\0');
    fixture->ledger.refused_amount = 666;
    assert_int_equal(text_import(fixture, (const char *)out.data), TOOL_DONE);
    buffer_close(&out);
    counts_are(fixture, 4, 0, 2);
    assert_int_equal(fixture->rejections.lines[0], 3);
    assert_int_equal(fixture->rejections.lines[1], 5);
    assert_string_equal(fixture->rejections.reasons[0], "PAYMENT_PARTS");
    assert_int_equal(toy_ledger_events(&fixture->ledger), 4);
}

static void an_account_that_moved_on_meanwhile_is_looked_up_and_continued(void **state)
{
    struct fixture *fixture = *state;
    struct buffer out;
    buffer_init(&out, MIB);
    open_append(&out, 1);
    buffer_u8(&out, '\0');
    assert_int_equal(text_import(fixture, (const char *)out.data), TOOL_DONE);
    buffer_clear(&out);
    for (uint32_t month = 1; month <= 4; month++)
        report_append(&out, 1, month);
    buffer_u8(&out, '\0');
    /* The foreign event takes the seq of the first of these, after its account was looked up. */
    fixture->ledger.foreign_before = fixture->ledger.batches + 1;
    assert_int_equal(text_import(fixture, (const char *)out.data), TOOL_DONE);
    buffer_close(&out);
    counts_are(fixture, 3, 0, 1); /* the foreign event reported the first month */
    assert_string_equal(fixture->rejections.reasons[0], "PERIOD_TAKEN");
    assert_int_equal(toy_ledger_events(&fixture->ledger), 5);
}

int main(void)
{
#define WITH_LEDGER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_LEDGER(every_line_of_a_file_is_applied_in_its_accounts_order),
        WITH_LEDGER(the_same_file_again_sends_nothing),
        WITH_LEDGER(a_longer_file_adds_only_what_is_new),
        WITH_LEDGER(a_bad_line_is_told_by_its_number_and_the_rest_goes_on),
        WITH_LEDGER(a_refused_event_does_not_hold_back_the_later_ones_of_its_account),
        WITH_LEDGER(every_event_of_an_account_that_was_never_opened_is_refused),
        WITH_LEDGER(identical_lines_are_as_many_events_and_stay_so_when_imported_again),
        WITH_LEDGER(events_without_an_account_are_applied_beside_the_others_and_once),
        WITH_LEDGER(a_line_is_an_item_of_its_own_unless_it_names_one),
        WITH_LEDGER(a_reservation_that_a_cap_refuses_is_told_with_the_cap_and_once),
        WITH_LEDGER(a_label_stands_for_the_id_of_an_earlier_lines_event_in_every_run),
        WITH_LEDGER(items_whose_answer_is_lost_or_late_are_sent_again_and_are_one),
        WITH_LEDGER(an_import_of_items_that_loses_its_node_can_be_run_again),
        WITH_LEDGER(a_busy_node_is_asked_again_until_it_takes_the_batch),
        WITH_LEDGER(a_batch_whose_answer_is_lost_is_looked_for_before_it_is_sent_again),
        WITH_LEDGER(an_expired_batch_is_signed_anew),
        WITH_LEDGER(an_import_that_loses_its_node_can_be_run_again),
        WITH_LEDGER(an_event_refused_at_admission_is_left_out_of_its_batch),
        WITH_LEDGER(an_account_that_moved_on_meanwhile_is_looked_up_and_continued),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
