#include "proto/codec/policy_json.h"

#include <stdio.h>

#include "proto/base/amount.h"
#include "proto/base/check.h"

#define CAP_MINOR_MAX 9007199254740991 /* 2^53 - 1: whoever reads JSON has it exactly */
#define COUNT_MAX 1000000              /* of any cap: none that is meant is larger */
#define MS_PER_DAY 86400000
#define RESERVATION_LIFE_MS_MAX MS_PER_DAY
#define ANSWER_TTL_MS_MIN 60000 /* the first answer, too, comes within it */
#define ANSWER_TTL_MS_MAX (30ll * MS_PER_DAY)
#define COOLING_OFF_DAYS_MAX 366
#define RETENTION_YEARS_MAX 100
#define DISPUTE_DAYS_MAX 366

static const char *const retention_starts[] = {"END", "FIRST_DELINQUENCY", NULL};
static const char *const unverifiable_duties[] = {"KEEP", "DELETE", NULL};

/* ---- Reading ---- */

/* A set of names, as bits from the lowest on. */
static int read_set(
    struct strict_json *json, const json_t *object, const char *key, const char *const names[], uint32_t *set)
{
    const json_t *list = json_object_get(object, key);
    uint32_t place = 0;
    int error = strict_list(json, list, key, 0, 32);
    *set = 0;
    for (size_t i = 0; error == TALLY_OK && i < json_array_size(list); i++) {
        error = strict_choice(json, json_array_get(list, i), key, names, &place);
        if (error == TALLY_OK && (*set & 1u << (place - 1)) != 0)
            error = strict_refuse(json, TALLY_EFORM, "\"%s\" has %s twice", key, names[place - 1]);
        if (error == TALLY_OK) *set |= 1u << (place - 1);
    }
    return error;
}

static int read_cap(struct strict_json *json, const json_t *object, struct amount_cap *cap)
{
    static const char *const keys[] = {"currency", "amount_minor", NULL};
    int error = strict_keys(json, object, keys);
    if (error != TALLY_OK) return error;
    const char *alpha = json_string_value(json_object_get(object, "currency"));
    const struct currency *currency = alpha == NULL ? NULL : currency_by_alpha(alpha);
    if (currency == NULL)
        return strict_refuse(json, TALLY_EFORM, "\"currency\" is not the three letters of one in ISO 4217");
    cap->currency = currency->numeric;
    return strict_integer(json, object, "amount_minor", 1, CAP_MINOR_MAX, &cap->minor);
}

static int read_caps(struct strict_json *json, const json_t *object, struct credit_policy *policy)
{
    const json_t *list = json_object_get(object, "amount_caps");
    int error = strict_list(json, list, "amount_caps", 0, AMOUNT_CAPS_MAX);
    for (size_t i = 0; error == TALLY_OK && i < json_array_size(list); i++) {
        struct amount_cap cap;
        uint32_t at = policy->amount_cap_count;
        (void)snprintf(json->where, sizeof json->where, "policy.reservations.amount_caps[%zu]", i);
        error = read_cap(json, json_array_get(list, i), &cap);
        if (error != TALLY_OK) break;
        for (; at > 0 && policy->amount_caps[at - 1].currency >= cap.currency; at--)
            if (policy->amount_caps[at - 1].currency == cap.currency)
                return strict_refuse(json, TALLY_EFORM, "this currency stands twice");
        memmove(&policy->amount_caps[at + 1], &policy->amount_caps[at],
            (policy->amount_cap_count - at) * sizeof cap);
        policy->amount_caps[at] = cap;
        policy->amount_cap_count++;
    }
    return error;
}

/* null: the window stays open. */
static int read_authorization(struct strict_json *json, const json_t *object, struct credit_policy *policy)
{
    int64_t from_ms = 0;
    policy->authorization_from_ms = UINT64_MAX;
    if (json_is_null(json_object_get(object, "authorization_from_ms"))) return TALLY_OK;
    int error = strict_integer(json, object, "authorization_from_ms", 0, TIME_MS_MAX, &from_ms);
    if (error == TALLY_OK) policy->authorization_from_ms = (uint64_t)from_ms;
    return error;
}

static int read_reservations(struct strict_json *json, const json_t *object, struct credit_policy *policy)
{
    static const char *const keys[] = {"live_max", "lenders_max", "accounts_max", "cooling_off_days",
        "amount_caps", "life_ms_max", "authorization_from_ms", NULL};
    int64_t life_ms = 0;
    int error = strict_keys(json, object, keys);
    if (error == TALLY_OK)
        error = strict_u32(json, object, "live_max", 0, COUNT_MAX, &policy->live_reservations_max);
    if (error == TALLY_OK)
        error = strict_u32(json, object, "lenders_max", 0, COUNT_MAX, &policy->lenders_max);
    if (error == TALLY_OK)
        error = strict_u32(json, object, "accounts_max", 0, COUNT_MAX, &policy->accounts_max);
    if (error == TALLY_OK)
        error =
            strict_u32(json, object, "cooling_off_days", 0, COOLING_OFF_DAYS_MAX, &policy->cooling_off_days);
    if (error == TALLY_OK)
        error = strict_integer(json, object, "life_ms_max", 1, RESERVATION_LIFE_MS_MAX, &life_ms);
    if (error == TALLY_OK) error = read_authorization(json, object, policy);
    policy->reservation_life_ms_max = (uint64_t)life_ms;
    return error == TALLY_OK ? read_caps(json, object, policy) : error;
}

static int read_bases(struct strict_json *json, const json_t *object, struct credit_policy *policy)
{
    const char *keys[ROLE_OPERATOR + 1] = {NULL};
    for (uint32_t role = ROLE_LENDER; role <= ROLE_OPERATOR; role++)
        keys[role - 1] = member_role_name(role);
    int error = strict_keys(json, object, keys);
    for (uint32_t role = ROLE_LENDER; error == TALLY_OK && role <= ROLE_OPERATOR; role++)
        error = read_set(
            json, object, member_role_name(role), credit_legal_basis_names, &policy->legal_bases[role]);
    return error;
}

static int read_access(struct strict_json *json, const json_t *object, struct credit_policy *policy)
{
    static const char *const keys[] = {"purposes", "legal_bases", "answer_ttl_ms", NULL};
    int64_t ttl_ms = 0;
    int error = strict_keys(json, object, keys);
    if (error == TALLY_OK)
        error = read_set(json, object, "purposes", credit_purpose_names, &policy->purposes);
    if (error == TALLY_OK)
        error = strict_integer(json, object, "answer_ttl_ms", ANSWER_TTL_MS_MIN, ANSWER_TTL_MS_MAX, &ttl_ms);
    policy->answer_ttl_ms = (uint64_t)ttl_ms;
    (void)snprintf(json->where, sizeof json->where, "policy.access.legal_bases");
    return error == TALLY_OK ? read_bases(json, json_object_get(object, "legal_bases"), policy) : error;
}

static int read_retention(struct strict_json *json, const json_t *object, struct credit_policy *policy)
{
    static const char *const keys[] = {"from", "years", NULL};
    uint32_t from = 0;
    int error = strict_keys(json, object, keys);
    if (error == TALLY_OK)
        error = strict_choice(json, json_object_get(object, "from"), "from", retention_starts, &from);
    if (error == TALLY_OK)
        error = strict_u32(json, object, "years", 1, RETENTION_YEARS_MAX, &policy->retention_years);
    policy->retention_start = (enum retention_start)from;
    return error;
}

static int read_disputes(struct strict_json *json, const json_t *object, struct credit_policy *policy)
{
    static const char *const keys[] = {"days", "extension_days", "unverifiable", NULL};
    uint32_t duty = 0;
    int error = strict_keys(json, object, keys);
    if (error == TALLY_OK)
        error = strict_u32(json, object, "days", 1, DISPUTE_DAYS_MAX, &policy->dispute_days);
    if (error == TALLY_OK)
        error =
            strict_u32(json, object, "extension_days", 0, DISPUTE_DAYS_MAX, &policy->dispute_extension_days);
    if (error == TALLY_OK)
        error = strict_choice(
            json, json_object_get(object, "unverifiable"), "unverifiable", unverifiable_duties, &duty);
    policy->unverifiable = (enum unverifiable_duty)duty;
    return error;
}

int policy_json_read(struct strict_json *json, const json_t *object, struct credit_policy *policy)
{
    static const struct {
        const char *key;
        int (*read)(struct strict_json *json, const json_t *object, struct credit_policy *policy);
    } parts[] = {{"reservations", read_reservations}, {"access", read_access}, {"retention", read_retention},
        {"disputes", read_disputes}};
    static const char *const keys[] = {
        "name", "version", "reservations", "access", "retention", "disputes", NULL};
    *policy = (struct credit_policy){.version = 0};
    (void)snprintf(json->where, sizeof json->where, "policy");
    int error = strict_keys(json, object, keys);
    if (error == TALLY_OK) error = strict_word(json, object, "name", POLICY_NAME_SIZE_MAX, policy->name);
    if (error == TALLY_OK) error = strict_u32(json, object, "version", 1, UINT32_MAX - 1, &policy->version);
    for (size_t i = 0; error == TALLY_OK && i < sizeof parts / sizeof parts[0]; i++) {
        (void)snprintf(json->where, sizeof json->where, "policy.%s", parts[i].key);
        error = parts[i].read(json, json_object_get(object, parts[i].key), policy);
    }
    if (error == TALLY_OK) json->where[0] = '\0';
    return error;
}

int credit_policy_parse(struct span text, struct credit_policy *policy, char *why, size_t why_size)
{
    struct strict_json json = {.why = why, .why_size = why_size};
    json_t *root;
    int error = strict_load(&json, text, &root);
    if (error != TALLY_OK) return error;
    error = policy_json_read(&json, root, policy);
    json_decref(root);
    return error;
}

/* ---- Printing ---- */

static json_t *set_json(uint32_t set, const char *const names[], struct buffer *out)
{
    json_t *list = json_array();
    for (uint32_t i = 0; names[i] != NULL; i++)
        if ((set & 1u << i) != 0) strict_append(out, list, json_string(names[i]));
    return list;
}

static json_t *caps_json(const struct credit_policy *policy, struct buffer *out)
{
    json_t *list = json_array();
    CHECK(policy->amount_cap_count <= AMOUNT_CAPS_MAX);
    for (uint32_t i = 0; i < policy->amount_cap_count; i++) {
        const struct currency *currency = currency_by_numeric(policy->amount_caps[i].currency);
        CHECK(currency != NULL);
        strict_append(out, list,
            json_pack("{s:s, s:I}", "currency", currency->alpha, "amount_minor",
                (json_int_t)policy->amount_caps[i].minor));
    }
    return list;
}

static json_t *reservations_json(const struct credit_policy *policy, struct buffer *out)
{
    json_t *from = policy->authorization_from_ms == UINT64_MAX
                       ? json_null()
                       : json_integer((json_int_t)policy->authorization_from_ms);
    return json_pack("{s:I, s:I, s:I, s:I, s:o, s:I, s:o}", "live_max",
        (json_int_t)policy->live_reservations_max, "lenders_max", (json_int_t)policy->lenders_max,
        "accounts_max", (json_int_t)policy->accounts_max, "cooling_off_days",
        (json_int_t)policy->cooling_off_days, "amount_caps", caps_json(policy, out), "life_ms_max",
        (json_int_t)policy->reservation_life_ms_max, "authorization_from_ms", from);
}

static json_t *access_json(const struct credit_policy *policy, struct buffer *out)
{
    json_t *bases = json_object();
    for (uint32_t role = ROLE_LENDER; role <= ROLE_OPERATOR; role++)
        if (json_object_set_new(bases, member_role_name(role),
                set_json(policy->legal_bases[role], credit_legal_basis_names, out)) != 0)
            out->failed = true;
    return json_pack("{s:o, s:o, s:I}", "purposes", set_json(policy->purposes, credit_purpose_names, out),
        "legal_bases", bases, "answer_ttl_ms", (json_int_t)policy->answer_ttl_ms);
}

json_t *policy_json_make(const struct credit_policy *policy, struct buffer *out)
{
    CHECK(policy->retention_start >= RETENTION_FROM_END && policy->unverifiable >= UNVERIFIABLE_KEEP);
    return json_pack("{s:s, s:I, s:o, s:o, s:{s:s, s:I}, s:{s:I, s:I, s:s}}", "name", policy->name, "version",
        (json_int_t)policy->version, "reservations", reservations_json(policy, out), "access",
        access_json(policy, out), "retention", "from", retention_starts[policy->retention_start - 1], "years",
        (json_int_t)policy->retention_years, "disputes", "days", (json_int_t)policy->dispute_days,
        "extension_days", (json_int_t)policy->dispute_extension_days, "unverifiable",
        unverifiable_duties[policy->unverifiable - 1]);
}

void credit_policy_print(const struct credit_policy *policy, struct buffer *out)
{
    strict_print(out, policy_json_make(policy, out));
}
