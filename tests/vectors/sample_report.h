/* A synthetic file of one borrower with everything that a report can show, and the genesis of its network. */
#ifndef TALLY_TESTS_SAMPLE_REPORT_H
#define TALLY_TESTS_SAMPLE_REPORT_H

#include "proto/base/date.h"
#include "proto/codec/genesis.h"
#include "proto/proof/verify.h"
#include "tests/vectors/profile.h"
#include "tests/vectors/sample_file.h"

#define SAMPLE_REPORT_START_MS 1735689600000ull /* 2025-01-01 */

/* Texts that a terminal or a browser must not act on. */
#define HOSTILE_TEXT                                                                                         \
    "</s><script>alert('x')</script> & \x1b[2J\xe2\x80\xae"                                                  \
    "dlrow \xe5\x80\x9f\xe6\xac\xbe"

static inline void sample_genesis(const struct sample_file *file, struct genesis *genesis)
{
    static const char *const names[] = {"First Bank", "Cards & <b>Co</b>", "Third \x1b[31mBank"};
    memset(genesis, 0, sizeof *genesis);
    memcpy(genesis->network, "sample", sizeof "sample");
    genesis->policy = profile("us");
    genesis->chain_id = file->chain_id;
    genesis->member_count = 3;
    for (uint32_t i = 0; i < 3; i++) {
        genesis->members[i].id = i + 1;
        genesis->members[i].role = ROLE_LENDER;
        memcpy(genesis->members[i].name, names[i], strlen(names[i]) + 1);
    }
}

static inline struct proof_verdict sample_verdict(const struct sample_file *file)
{
    struct history_proof proof = sample_file_proof(file);
    struct proof_verdict verdict = {
        .detail = "",
        .authentic = true,
        .complete = true,
        .absent = file->count == 0,
        .as_of_height = proof.checkpoint.checkpoint.height,
        .as_of_time_ms = proof.checkpoint.checkpoint.time_ms,
        .events = file->count,
    };
    for (uint32_t i = 0; i < file->count; i++)
        verdict.withheld += !file->events[i].has_body;
    return verdict;
}

static inline void sample_days_pass(struct sample_file *file, uint32_t days)
{
    file->time_ms += (uint64_t)days * MS_PER_DAY;
}

static inline uint32_t sample_open(struct sample_file *file, uint32_t member, uint32_t account,
    enum account_type type, uint32_t currency, int32_t date, int64_t amount_minor)
{
    struct event_header header = sample_file_header(file, EVENT_ACCOUNT_OPEN, member, account, date);
    struct event_body body = {.type = EVENT_ACCOUNT_OPEN};
    header.account_type = type;
    header.currency = currency;
    *(type == ACCOUNT_REVOLVING ? &body.limit : &body.principal) =
        (struct optional_amount){true, amount_minor};
    return sample_file_add(file, header, &body, RESULT_OK);
}

static inline struct event_body sample_report_body(int64_t balance_minor, uint32_t days_past_due)
{
    return (struct event_body){
        .type = EVENT_PERIOD_REPORT,
        .balance_minor = balance_minor,
        .paid_minor = 1000,
        .days_past_due = days_past_due,
    };
}

/* On the last day but a few of its month. */
static inline uint32_t sample_report(struct sample_file *file, uint32_t member, uint32_t account,
    uint32_t period, const struct event_body *body)
{
    int32_t date = date_from_civil((int)(period / 100), (int)(period % 100), 28);
    struct event_header header = sample_file_header(file, EVENT_PERIOD_REPORT, member, account, date);
    header.period = period;
    return sample_file_add(file, header, body, RESULT_OK);
}

/* CORRECT, RETRACT, DISPUTE_OPEN or STATEMENT about the event at `target`. */
static inline uint32_t sample_aim(struct sample_file *file, enum event_type type, uint32_t member,
    uint32_t target, const struct event_body *body)
{
    uint32_t account = file->headers[target].account_ref[0] - 0xA0u;
    struct event_header header = sample_file_header(file, type, member, account, 20100);
    header.has_target = true;
    header.target = file->ids[target];
    if (type == EVENT_CORRECT || type == EVENT_RETRACT) header.reason = REASON_FURNISHER_ERROR;
    if (type == EVENT_DISPUTE_OPEN) header.category = CATEGORY_AMOUNT;
    return sample_file_add(file, header, body, RESULT_OK);
}

static inline uint32_t sample_correct(
    struct sample_file *file, uint32_t member, uint32_t target, struct event_body body)
{
    body.corrected = body.type;
    body.type = EVENT_CORRECT;
    return sample_aim(file, EVENT_CORRECT, member, target, &body);
}

static inline uint32_t sample_say(
    struct sample_file *file, enum event_type type, uint32_t member, uint32_t dispute, const char *text)
{
    struct event_header header = sample_file_header(file, type, member, 0, 20120);
    struct event_body body = {.type = type};
    header.has_dispute = true;
    header.dispute = file->ids[dispute];
    if (type == EVENT_DISPUTE_CLOSE) header.outcome = OUTCOME_CORRECTED;
    memcpy(body.text, text, strlen(text) + 1);
    return sample_file_add(file, header, &body, RESULT_OK);
}

static inline uint32_t sample_about(
    struct sample_file *file, enum event_type type, uint32_t member, uint32_t target, const char *text)
{
    struct event_body body = {.type = type};
    memcpy(body.text, text, strlen(text) + 1);
    return sample_aim(file, type, member, target, &body);
}

/* An event of an account whose body holds one amount, or none. */
static inline uint32_t sample_simple(struct sample_file *file, enum event_type type, uint32_t member,
    uint32_t account, int32_t date, int64_t amount_minor)
{
    struct event_header header = sample_file_header(file, type, member, account, date);
    struct event_body body = {.type = type, .amount_minor = amount_minor};
    if (type == EVENT_STATUS) {
        header.new_state = 2;
        header.reason = REASON_FRAUD;
    }
    if (type == EVENT_CLOSE) header.close_kind = 3;
    if (type == EVENT_TRANSFER) {
        header.transferee = 3;
        body.balance_minor = amount_minor;
    }
    if (type == EVENT_LIMIT_CHANGE) {
        body.old_limit_minor = 5000000;
        body.new_limit_minor = amount_minor;
    }
    return sample_file_add(file, header, &body, RESULT_OK);
}

static inline uint32_t sample_inquire(struct sample_file *file, uint32_t member, uint32_t purpose,
    const struct digest *consent, uint16_t result)
{
    struct event_header header = sample_file_header(file, EVENT_INQUIRY, member, 0, 20089);
    header.purpose = purpose;
    header.has_consent = consent != NULL;
    if (consent != NULL) {
        header.consent = *consent;
    } else {
        header.legal_basis = LEGAL_STATUTE;
    }
    header.operator_digest = sample_digest("operator");
    return sample_file_add(file, header, NULL, result);
}

static inline uint32_t sample_reserve(
    struct sample_file *file, uint32_t member, uint64_t life_ms, uint16_t result)
{
    struct event_header header = sample_file_header(file, EVENT_RESERVE, member, 0, 20089);
    header.account_type = ACCOUNT_INSTALMENT;
    header.currency = 840;
    header.has_amount = true;
    header.amount_minor = 1500000;
    header.expires_ms = file->time_ms + life_ms;
    return sample_file_add(file, header, NULL, result);
}

/* A line of member 1 with months late, over the line, below zero, and put right. */
static inline void sample_line(struct sample_file *file)
{
    uint32_t months[12];
    sample_open(file, 1, 0, ACCOUNT_REVOLVING, 156, 19737, 5000000);
    for (uint32_t i = 0; i < 12; i++) {
        static const uint32_t days[12] = {0, 0, 12, 42, 0, 0, 95, 125, 0, 0, 12, 0};
        static const int64_t balances[12] = {
            0, 120000, 240000, 5000000, 0, 5000001, 90000, 91000, -2500, 0, 4000, 5000};
        struct event_body body = sample_report_body(balances[i], days[i]);
        if (i == 6) {
            body.past_due = (struct optional_amount){true, 90000};
            body.has_first_delinquency = true;
            body.first_delinquency_date = 19000;
        }
        months[i] = sample_report(file, 1, 0, i > 10 ? 202501 : 202402 + i, &body);
    }
    sample_simple(file, EVENT_PAYMENT, 1, 0, 20010, 50000);
    sample_simple(file, EVENT_LIMIT_CHANGE, 1, 0, 20020, 6000000);
    uint32_t frozen = sample_simple(file, EVENT_STATUS, 1, 0, 20030, 0);
    sample_aim(file, EVENT_RETRACT, 1, frozen, NULL);
    uint32_t first = sample_correct(file, 1, months[7], sample_report_body(91000, 5));
    sample_correct(file, 1, first, sample_report_body(91500, 4));
    uint32_t mistaken = sample_correct(file, 1, months[1], sample_report_body(1, 0));
    sample_aim(file, EVENT_RETRACT, 1, mistaken, NULL);
    sample_correct(file, 1, months[4], (struct event_body){.type = EVENT_PAYMENT, .amount_minor = 1});
    sample_aim(file, EVENT_RETRACT, 1, months[2], NULL);
}

/* A loan of member 2 of which the source mostly gave codes, charged off and settled for less. */
static inline void sample_loan(struct sample_file *file)
{
    struct event_body code = {.type = EVENT_PERIOD_REPORT, .code_only = true};
    sample_open(file, 2, 1, ACCOUNT_INSTALMENT, 840, 19400, 900000);
    sample_simple(file, EVENT_DISBURSE, 2, 1, 19401, 900000);
    memcpy(code.reported_code, "1", 2);
    sample_report(file, 2, 1, 202310, &code);
    memcpy(code.reported_code, HOSTILE_TEXT, sizeof HOSTILE_TEXT);
    sample_report(file, 2, 1, 202311, &code);
    struct event_body late = sample_report_body(880000, 180);
    late.past_due = (struct optional_amount){true, 300000};
    sample_report(file, 2, 1, 202312, &late);
    sample_simple(file, EVENT_CHARGE_OFF, 2, 1, 19740, 880000);
    sample_simple(file, EVENT_RECOVERY, 2, 1, 19800, 100000);
    sample_simple(file, EVENT_RECOVERY, 2, 1, 19830, 50000);
    sample_simple(file, EVENT_CLOSE, 2, 1, 19860, 0);
}

/* One that was opened by mistake, and one that passed to another member. */
static inline void sample_others(struct sample_file *file)
{
    uint32_t mistake = sample_open(file, 1, 2, ACCOUNT_REVOLVING, 156, 19900, 100);
    sample_aim(file, EVENT_RETRACT, 1, mistake, NULL);
    sample_open(file, 2, 3, ACCOUNT_REVOLVING, 392, 19000, 70000);
    struct event_body body = sample_report_body(69999, 0);
    file->events[sample_report(file, 2, 3, 202412, &body)].has_body = false;
    uint32_t transfer = sample_simple(file, EVENT_TRANSFER, 2, 3, 20080, 69999);
    struct event_header header = sample_file_header(file, EVENT_ACCOUNT_OPEN, 3, 4, 20081);
    struct event_body opening = {.type = EVENT_ACCOUNT_OPEN, .limit = {true, 70000}};
    header.account_type = ACCOUNT_REVOLVING;
    header.currency = 392;
    header.product = 7;
    header.has_transfer_of = true;
    header.transfer_of = file->ids[transfer];
    sample_file_add(file, header, &opening, RESULT_OK);
}

static inline void sample_access(struct sample_file *file)
{
    struct event_header grant = sample_file_header(file, EVENT_CONSENT_GRANT, 2, 0, 20088);
    grant.grantee = 2;
    grant.purposes = PURPOSES_ALL;
    grant.valid_from = 20088;
    grant.valid_until = 20200;
    grant.max_uses = 5;
    uint32_t consent = sample_file_add(file, grant, NULL, RESULT_OK);
    sample_inquire(file, 2, PURPOSE_CREDIT_DECISION, &file->ids[consent], RESULT_OK);
    sample_inquire(file, 3, PURPOSE_GUARANTEE, &file->ids[consent], RESULT_NO_CONSENT);
    sample_inquire(file, 1, PURPOSE_ACCOUNT_REVIEW, NULL, RESULT_OK);
}

static inline void sample_end(struct sample_file *file, uint32_t member, uint32_t dispute, uint32_t outcome)
{
    struct event_header header = sample_file_header(file, EVENT_DISPUTE_CLOSE, member, 0, 20150);
    struct event_body body = {.type = EVENT_DISPUTE_CLOSE, .text = "No papers are left."};
    header.has_dispute = true;
    header.dispute = file->ids[dispute];
    header.outcome = outcome;
    sample_file_add(file, header, &body, RESULT_OK);
}

/* One answered late and closed, one that nobody answered, one answered in the extension, and two of what
 * could not be confirmed, of which one was taken back. */
static inline void sample_disputes(struct sample_file *file)
{
    uint32_t target = 8; /* 2024-09 of the line, which was corrected */
    uint32_t closed = sample_about(file, EVENT_DISPUTE_OPEN, 2, target, "I paid on the 3rd.");
    sample_about(file, EVENT_DISPUTE_OPEN, 2, target, HOSTILE_TEXT);
    sample_days_pass(file, 40);
    uint32_t extended = sample_about(file, EVENT_DISPUTE_OPEN, 2, 4, "Not mine.");
    sample_say(file, EVENT_DISPUTE_ANSWER, 1, closed, "Being looked at.");
    sample_days_pass(file, 5);
    sample_say(file, EVENT_DISPUTE_ANSWER, 1, closed, "On the last day: it will be corrected.");
    sample_days_pass(file, 1);
    sample_say(file, EVENT_DISPUTE_ANSWER, 1, closed, "It was our error, and is corrected.");
    sample_say(file, EVENT_DISPUTE_CLOSE, 2, closed, "Settled.");
    sample_days_pass(file, 30);
    sample_say(file, EVENT_DISPUTE_ANSWER, 1, extended, "It is yours.");
    uint32_t doubtful =
        sample_about(file, EVENT_DISPUTE_OPEN, 3, 3, "Who says so?"); /* 2024-04, taken back */
    sample_end(file, 3, doubtful, OUTCOME_UNVERIFIABLE);
    doubtful = sample_about(file, EVENT_DISPUTE_OPEN, 3, 1, "And this?"); /* 2024-02 */
    sample_end(file, 3, doubtful, OUTCOME_UNVERIFIABLE);
    sample_about(file, EVENT_STATEMENT, 3, target, "I was in hospital at the time. " HOSTILE_TEXT);
}

static inline void sample_reservations(struct sample_file *file)
{
    uint32_t cancelled = sample_reserve(file, 1, 86400000, RESULT_OK);
    struct event_header header = sample_file_header(file, EVENT_RESERVE_CANCEL, 1, 0, 20160);
    header.reservation = file->ids[cancelled];
    sample_file_add(file, header, NULL, RESULT_OK);
    sample_reserve(file, 2, 60000, RESULT_OK); /* over by the checkpoint */
    sample_reserve(file, 3, 86400000, RESULT_REFUSED_CAP);
    sample_reserve(file, 2, 86400000, RESULT_OK);
}

static inline void sample_report_init(struct sample_file *file)
{
    sample_file_init(file, "borrower", SAMPLE_REPORT_START_MS);
    sample_line(file);
    sample_loan(file);
    sample_others(file);
    sample_access(file);
    sample_disputes(file);
    sample_reservations(file);
}

#endif
