/* The lines that sequences.py writes, as headers, results and policies. Whatever is not as it says there ends
 * the program. */
#ifndef TALLY_TESTS_MODEL_EVENT_JSON_H
#define TALLY_TESTS_MODEL_EVENT_JSON_H

#include <jansson.h>

#include "proto/base/check.h"
#include "tests/unit/rules_world.h"

#define IDS_MAX 4096u
#define PHANTOM_MIN 1000000000

/* The digest of each event of this world, by its number. 0 is no event: zeros. */
static struct digest ids[IDS_MAX];

/* A number from PHANTOM_MIN on is the digest of no event. */
static struct digest id_by_number(int64_t number)
{
    struct digest phantom = {{0xFA, 0xCE}};

    if (number >= PHANTOM_MIN) {
        put_u64(phantom.bytes + 8, (uint64_t)number);
        return phantom;
    }
    CHECK(number >= 0 && number < IDS_MAX);
    return ids[number];
}

/* The number of an event of this world; -1 for a digest that is none's. */
static int64_t number_by_id(const struct digest *id)
{
    for (int64_t i = 0; i < IDS_MAX; i++)
        if (digest_equal(&ids[i], id)) return i;
    return -1;
}

static int64_t integer_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    CHECK(json_is_integer(value));
    return json_integer_value(value);
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    CHECK(text != NULL);
    return text;
}

/* ---- Headers. A field is taken from its line, so that one that nobody took is noticed. ---- */

static bool take(json_t *step, const char *key, int64_t *value)
{
    if (!json_object_get(step, key)) return false;
    *value = integer_of(step, key);
    return json_object_del(step, key) == 0;
}

static int64_t take_number(json_t *step, const char *key)
{
    int64_t value = 0;

    (void)take(step, key, &value);
    return value;
}

static uint32_t take_u32(json_t *step, const char *key)
{
    int64_t value = take_number(step, key);

    CHECK(value >= 0 && value <= UINT32_MAX);
    return (uint32_t)value;
}

static bool take_id(json_t *step, const char *key, struct digest *id)
{
    int64_t number = take_number(step, key);

    *id = id_by_number(number);
    return number != 0;
}

static void lending_take(json_t *step, struct event_header *header)
{
    header->account_type = take_u32(step, "account_type");
    header->product = take_u32(step, "product");
    header->currency = take_u32(step, "currency");
    header->has_amount = take(step, "amount_minor", &header->amount_minor);
    if (header->type == EVENT_RESERVE) header->expires_ms = (uint64_t)take_number(step, "expires_ms");
    if (header->type == EVENT_RESERVE) return;
    header->has_authorization = take_id(step, "authorization", &header->authorization);
    header->has_transfer_of = take_id(step, "transfer_of", &header->transfer_of);
}

static void grant_take(json_t *step, struct event_header *header)
{
    header->grantee = take_u32(step, "grantee");
    header->purposes = take_u32(step, "purposes");
    header->max_uses = take_u32(step, "max_uses");
    header->valid_from = (int32_t)take_number(step, "valid_from");
    header->valid_until = (int32_t)take_number(step, "valid_until");
}

static void remedy_take(json_t *step, struct event_header *header)
{
    header->reason = take_u32(step, "reason");
    header->has_target = take_id(step, "target", &header->target);
    header->has_dispute = take_id(step, "dispute", &header->dispute);
    header->category = take_u32(step, "category");
    header->outcome = take_u32(step, "outcome");
}

static void public_fields_take(json_t *step, struct event_header *header)
{
    switch (header->type) {
    case EVENT_ACCOUNT_OPEN:
    case EVENT_RESERVE:
        lending_take(step, header);
        break;
    case EVENT_RESERVE_CANCEL:
        (void)take_id(step, "reservation", &header->reservation);
        break;
    case EVENT_CONSENT_GRANT:
        grant_take(step, header);
        break;
    case EVENT_CONSENT_REVOKE:
    case EVENT_INQUIRY:
        header->has_consent = take_id(step, "consent", &header->consent);
        header->purpose = take_u32(step, "purpose");
        header->legal_basis = take_u32(step, "legal_basis");
        break;
    case EVENT_CORRECT:
    case EVENT_RETRACT:
    case EVENT_DISPUTE_OPEN:
    case EVENT_DISPUTE_ANSWER:
    case EVENT_DISPUTE_CLOSE:
    case EVENT_STATEMENT:
        remedy_take(step, header);
        break;
    case EVENT_DISBURSE:
    case EVENT_PERIOD_REPORT:
    case EVENT_PAYMENT:
    case EVENT_LIMIT_CHANGE:
    case EVENT_STATUS:
    case EVENT_CHARGE_OFF:
    case EVENT_RECOVERY:
    case EVENT_TRANSFER:
    case EVENT_CLOSE:
        header->period = take_u32(step, "period");
        header->close_kind = take_u32(step, "close_kind");
        header->new_state = take_u32(step, "new_state");
        header->reason = take_u32(step, "reason");
        header->transferee = take_u32(step, "transferee");
        break;
    }
}

/* A header of the right form: it is what its encoding decodes to. */
static void check_form(const struct event_header *header)
{
    struct event_header decoded;
    struct buffer bytes;

    buffer_init(&bytes, EVENT_HEADER_SIZE_MAX);
    event_header_encode(header, &bytes);
    CHECK(!bytes.failed && event_header_decode(buffer_span(&bytes), &decoded) == TALLY_OK);
    buffer_close(&bytes);
}

/* The header of a step, whose number then stands for its digest. Takes everything from the step but the
 * block's time and what is expected. */
static struct event_header header_take(json_t *step)
{
    int64_t number = take_number(step, "event_id");
    struct event_header header = {
        .type = (enum event_type)event_type_by_name(text_of(step, "type")),
        .member_id = take_u32(step, "member_id"),
        .subject_scheme = 1,
        .subject_id = {{(uint8_t)take_u32(step, "subject")}},
        .event_date = (int32_t)take_number(step, "event_date"),
    };

    (void)json_object_del(step, "type");
    CHECK(number > 0 && number < IDS_MAX && header.subject_id.bytes[0] < 4);
    put_u64(header.body_commitment.bytes, (uint64_t)number);
    header.has_account = event_type_has_account(header.type);
    if (header.has_account) {
        put_u32(header.account_ref, take_u32(step, "account_ref"));
        header.account_seq = take_u32(step, "account_seq");
        (void)take_id(step, "account_prev", &header.account_prev);
    } else {
        put_u32(header.item_id, take_u32(step, "item_id"));
    }
    public_fields_take(step, &header);
    check_form(&header);
    ids[number] = id_of(&header);
    return header;
}

/* ---- Results ---- */

static uint32_t refusal_by_name(const char *name)
{
    static const char *const names[] = {[REFUSAL_RESERVATIONS] = "RESERVATIONS",
        [REFUSAL_LENDERS] = "LENDERS",
        [REFUSAL_ACCOUNTS] = "ACCOUNTS",
        [REFUSAL_AMOUNT] = "AMOUNT",
        [REFUSAL_LIFE] = "LIFE"};

    for (uint32_t i = REFUSAL_RESERVATIONS; i <= REFUSAL_LIFE; i++)
        if (strcmp(names[i], name) == 0) return i;
    CHECK_UNREACHABLE();
}

static uint16_t code_by_name(const char *name)
{
    for (uint16_t code = RESULT_OK; code <= RESULT_ACCOUNT_LIMIT; code++)
        if (strcmp(result_name(code), name) == 0) return code;
    CHECK_UNREACHABLE();
}

/* A detail is a seq, an id and a reason, of those that it names. */
static struct event_result result_expected(const json_t *expect)
{
    struct event_result result = {.code = code_by_name(text_of(expect, "result"))};
    const json_t *detail = json_object_get(expect, "detail");

    if (json_object_get(detail, "seq")) {
        put_u32(result.detail, (uint32_t)integer_of(detail, "seq"));
        result.detail_size = 4;
    }
    if (json_object_get(detail, "id")) {
        struct digest id = id_by_number(integer_of(detail, "id"));
        memcpy(result.detail + result.detail_size, id.bytes, DIGEST_SIZE);
        result.detail_size = (uint8_t)(result.detail_size + DIGEST_SIZE);
    }
    if (json_object_get(detail, "reason")) {
        result.detail[0] = (uint8_t)refusal_by_name(text_of(detail, "reason"));
        result.detail_size = 1;
    }
    return result;
}

/* ---- Policies ---- */

static struct credit_policy policy_read(const json_t *line)
{
    const json_t *bases = json_object_get(line, "legal_bases");
    struct credit_policy policy = {
        .name = "model",
        .version = 1,
        .live_reservations_max = (uint32_t)integer_of(line, "live_reservations_max"),
        .lenders_max = (uint32_t)integer_of(line, "lenders_max"),
        .accounts_max = (uint32_t)integer_of(line, "accounts_max"),
        .cooling_off_days = (uint32_t)integer_of(line, "cooling_off_days"),
        .reservation_life_ms_max = (uint64_t)integer_of(line, "reservation_life_ms_max"),
        .authorization_from_ms = UINT64_MAX,
        .purposes = (uint32_t)integer_of(line, "purposes"),
        .legal_bases = {[ROLE_LENDER] = (uint32_t)integer_of(bases, "LENDER"),
            [ROLE_BUREAU] = (uint32_t)integer_of(bases, "BUREAU"),
            [ROLE_REGULATOR] = (uint32_t)integer_of(bases, "REGULATOR")},
        .answer_ttl_ms = (uint64_t)integer_of(line, "answer_ttl_ms"),
    };
    const char *currency;
    json_t *cap;

    if (!json_is_null(json_object_get(line, "authorization_from_ms"))) {
        policy.authorization_from_ms = (uint64_t)integer_of(line, "authorization_from_ms");
    }
    json_object_foreach(json_object_get(line, "amount_caps"), currency, cap)
    {
        CHECK(policy.amount_cap_count < AMOUNT_CAPS_MAX);
        policy.amount_caps[policy.amount_cap_count++] =
            (struct amount_cap){(uint32_t)strtoul(currency, NULL, 10), json_integer_value(cap)};
    }
    return policy;
}

#endif
