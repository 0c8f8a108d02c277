// links: policies credit codec crypto base PkgConfig::JANSSON
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "node/credit/policy.h"
#include "proto/base/date.h"
#include "tests/vectors/profile.h"

static int32_t day(const char *text)
{
    int32_t days;

    assert_int_equal(date_from_text(text, &days), TALLY_OK);
    return days;
}

static struct buffer text;
static struct credit_policy policy;
static char why[200];

static int parse(const char *json)
{
    why[0] = '\0';
    return credit_policy_parse(span_of(json, strlen(json)), &policy, why, sizeof why);
}

/* The profile cn as text, with `from` replaced by `to` where it first stands. */
static const char *cn_with(const char *from, const char *to)
{
    static char json[4096];
    struct credit_policy cn = profile("cn");

    buffer_clear(&text);
    credit_policy_print(&cn, &text);
    buffer_u8(&text, 0);
    assert_false(text.failed);
    const char *whole = (const char *)text.data, *at = strstr(whole, from);
    if (!at) fail_msg("%s has no %s", whole, from);
    (void)snprintf(json, sizeof json, "%.*s%s%s", (int)(at - whole), whole, to, at + strlen(from));
    return json;
}

static void profiles_are_found_by_their_names_and_hold_together(void **context)
{
    (void)context;
    static const char *const names[] = {"cn", "us", "dev"};

    for (size_t i = 0; i < 3; i++) {
        policy = profile(names[i]);
        assert_string_equal(policy.name, names[i]);
        assert_int_equal(policy.version, 1);
        assert_int_equal(policy.reservation_life_ms_max, 24 * 3600 * 1000);
        assert_int_equal(policy.authorization_from_ms, UINT64_MAX);
        assert_true(policy.answer_ttl_ms > 0);
        assert_int_equal(policy.purposes & ~PURPOSES_ALL, 0);
    }
    assert_int_equal(policy_profile("eu", &policy), TALLY_ENOTFOUND);
    assert_int_equal(policy_profile("", &policy), TALLY_ENOTFOUND);
}

static void what_is_printed_reads_as_the_same_policy(void **context)
{
    (void)context;
    struct credit_policy before = profile("cn");

    before.authorization_from_ms = 1800000000000;
    before.version = 7;
    before.amount_cap_count = 2;
    before.amount_caps[1] = (struct amount_cap){840, (1ll << 53) - 1};
    before.legal_bases[ROLE_OPERATOR] = 5;
    struct digest digest = credit_policy_root(&before), again;
    buffer_clear(&text);
    credit_policy_print(&before, &text);
    assert_false(text.failed);
    assert_int_equal(credit_policy_parse(buffer_span(&text), &policy, why, sizeof why), TALLY_OK);
    again = credit_policy_root(&policy);
    assert_true(digest_equal(&again, &digest));
    assert_int_equal(policy.amount_caps[0].currency, 156);
    assert_int_equal(policy.amount_caps[1].minor, (1ll << 53) - 1);
    assert_int_equal(policy.authorization_from_ms, 1800000000000);
    assert_int_equal(policy.legal_bases[ROLE_OPERATOR], 5);
}

static void caps_may_stand_in_any_order(void **context)
{
    (void)context;
    static const char one[] = "\"amount_caps\": [",
                      many[] = "\"amount_caps\": [{\"currency\": \"USD\", "
                               "\"amount_minor\": 5}, {\"currency\": \"TWD\", \"amount_minor\": 6}, ";

    assert_int_equal(parse(cn_with(one, many)), TALLY_OK);
    assert_int_equal(policy.amount_cap_count, 3);
    assert_int_equal(policy.amount_caps[0].currency, 156);
    assert_int_equal(policy.amount_caps[1].currency, 840);
    assert_int_equal(policy.amount_caps[2].currency, 901);
    assert_int_equal(policy.amount_caps[1].minor, 5);
}

static void a_policy_that_is_none_is_refused_by_name(void **context)
{
    (void)context;
    static const struct {
        const char *from, *to, *where;
    } cases[] = {
        {"\"version\": 1", "\"version\": 0", "policy: \"version\" is not within"},
        {"\"version\": 1", "\"version\": 4294967295", "policy: \"version\" is not within"},
        {"\"version\": 1,", "", "policy: no \"version\""},
        {"\"version\": 1", "\"version\": 1, \"versoin\": 1", "policy: unknown key \"versoin\""},
        {"\"name\": \"cn\"", "\"name\": \"c n\"", "policy: \"name\" has a character"},
        {"\"name\": \"cn\"", "\"name\": \"\"", "policy: \"name\" is not of 1 to 64"},
        {"\"live_max\": 1", "\"live_max\": -1", "policy.reservations: \"live_max\" is not within"},
        {"\"live_max\": 1", "\"live_max\": 1.5", "policy.reservations: \"live_max\" is not a whole number"},
        {"\"life_ms_max\": 86400000", "\"life_ms_max\": 86400001", "\"life_ms_max\" is not within"},
        {"\"authorization_from_ms\": null", "\"authorization_from_ms\": true", "authorization_from_ms"},
        {"\"CNY\"", "\"XXZ\"", "policy.reservations.amount_caps[0]: \"currency\" is not"},
        {"\"CNY\"", "\"CNY\", \"x\": 1", "amount_caps[0]: unknown key \"x\""},
        {"\"amount_minor\": 100000000", "\"amount_minor\": 0", "\"amount_minor\" is not within"},
        {"\"amount_minor\": 100000000", "\"amount_minor\": 1}, {\"currency\": \"CNY\", \"amount_minor\": 1",
            "amount_caps[1]: this currency stands twice"},
        {"\"amount_minor\": 100000000", "\"amount_minor\": 9007199254740992",
            "\"amount_minor\" is not within"},
        {"\"answer_ttl_ms\": 86400000", "\"answer_ttl_ms\": 59999", "\"answer_ttl_ms\" is not within"},
        {"\"ACCOUNT_REVIEW\"", "\"CREDIT_DECISION\"", "\"purposes\" has CREDIT_DECISION twice"},
        {"\"ACCOUNT_REVIEW\"", "\"REVIEW\"", "\"purposes\" is none of CREDIT_DECISION, ACCOUNT_REVIEW"},
        {"\"operator\": []", "\"operators\": []", "policy.access.legal_bases: unknown key \"operators\""},
        {"\"operator\": []", "\"operator\": 3", "\"operator\" is not a list"},
        {"\"from\": \"END\"", "\"from\": \"MIDDLE\"", "policy.retention: \"from\" is none of END"},
        {"\"years\": 5", "\"years\": 0", "policy.retention: \"years\" is not within"},
        {"\"days\": 20", "\"days\": 0", "policy.disputes: \"days\" is not within"},
        {"\"KEEP\"", "\"keep\"", "policy.disputes: \"unverifiable\" is none of KEEP, DELETE"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(parse(cn_with(cases[i].from, cases[i].to)) != TALLY_OK);
        if (!strstr(why, cases[i].where)) fail_msg("\"%s\" does not say \"%s\"", why, cases[i].where);
    }
    assert_int_equal(parse("[]"), TALLY_EFORM);
    assert_int_equal(parse("{"), TALLY_EFORM);
}

/* ---- tests/vectors/policies.jsonl, whose meaning tests/model/policies.py tells ---- */

static const char *word(const json_t *line, const char *key)
{
    return json_string_value(json_object_get(line, key));
}

static void check_digest(const struct credit_policy *of, const json_t *line)
{
    char hex[2 * DIGEST_SIZE + 1];
    struct digest digest = credit_policy_root(of);

    hex_encode(span_of(digest.bytes, DIGEST_SIZE), hex);
    assert_string_equal(hex, word(line, "digest"));
}

static void check_retention(const struct credit_policy *of, const json_t *line)
{
    const char *ended_text = word(line, "ended"), *shown = word(line, "shown");
    int32_t ended = ended_text ? day(ended_text) : 0, last = -1;
    int error = credit_retention_end(of, day(word(line, "began")), ended_text ? &ended : NULL, &last);

    assert_int_equal(error, shown ? TALLY_OK : TALLY_ENOTFOUND);
    assert_int_equal(last, shown ? day(shown) : -1);
}

static void check_dispute(const struct credit_policy *of, const json_t *line)
{
    int32_t opened = day(word(line, "opened"));

    assert_int_equal(credit_dispute_due(of, opened, false), day(word(line, "due")));
    assert_int_equal(credit_dispute_due(of, opened, true), day(word(line, "due_extended")));
    assert_int_equal(of->unverifiable,
        strcmp(word(line, "unverifiable"), "KEEP") == 0 ? UNVERIFIABLE_KEEP : UNVERIFIABLE_DELETE);
}

static uint32_t place_of(const char *name, const char *const names[])
{
    uint32_t place = 0;
    while (names[place] && strcmp(names[place], name) != 0)
        place++;
    assert_non_null(names[place]);
    return place + 1;
}

static void check_allowed(const struct credit_policy *of, const json_t *line)
{
    bool allowed = json_is_true(json_object_get(line, "allowed"));
    const char *purpose = word(line, "purpose");

    if (purpose) {
        assert_int_equal(credit_policy_allows_purpose(of, place_of(purpose, credit_purpose_names)), allowed);
        return;
    }
    uint32_t role = member_role_by_name(word(line, "role"));
    assert_true(role > 0);
    assert_int_equal(
        credit_policy_allows_basis(of, role, place_of(word(line, "basis"), credit_legal_basis_names)),
        allowed);
}

/* "In China adverse data is kept 5 years from the end of the bad event; in the US 7 years from the first
 * delinquency": that, and where else the profiles disagree. */
static void the_profiles_are_what_the_vectors_say(void **context)
{
    (void)context;
    char *line = NULL;
    size_t room = 0;
    uint32_t lines = 0;
    FILE *file = fopen(TALLY_SOURCE_DIR "/tests/vectors/policies.jsonl", "r");

    assert_non_null(file);
    for (; getline(&line, &room, file) > 0; lines++) {
        json_t *vector = json_loads(line, 0, NULL);
        const char *name = word(vector, "policy");
        json_t *whole = json_object_get(vector, "whole");
        char *text_of_it = whole ? json_dumps(whole, 0) : NULL;
        if (whole)
            assert_int_equal(parse(text_of_it), TALLY_OK);
        else
            policy = profile(name);
        free(text_of_it);
        if (word(vector, "digest"))
            check_digest(&policy, vector);
        else if (word(vector, "began"))
            check_retention(&policy, vector);
        else if (word(vector, "opened"))
            check_dispute(&policy, vector);
        else
            check_allowed(&policy, vector);
        json_decref(vector);
    }
    free(line);
    fclose(file);
    assert_int_equal(lines, 38);
}

static void what_is_no_purpose_and_no_basis_is_not_allowed(void **context)
{
    (void)context;

    policy = profile("dev");
    assert_false(credit_policy_allows_purpose(&policy, 0));
    assert_false(credit_policy_allows_purpose(&policy, PURPOSE_SUBJECT_REQUEST + 1));
    assert_false(credit_policy_allows_purpose(&policy, UINT32_MAX));
    assert_false(credit_policy_allows_basis(&policy, 0, LEGAL_STATUTE));
    assert_false(credit_policy_allows_basis(&policy, ROLE_OPERATOR + 1, LEGAL_STATUTE));
    assert_false(credit_policy_allows_basis(&policy, ROLE_LENDER, 0));
    assert_false(credit_policy_allows_basis(&policy, ROLE_LENDER, LEGAL_STATUTE + 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(profiles_are_found_by_their_names_and_hold_together),
        cmocka_unit_test(what_is_printed_reads_as_the_same_policy),
        cmocka_unit_test(caps_may_stand_in_any_order),
        cmocka_unit_test(a_policy_that_is_none_is_refused_by_name),
        cmocka_unit_test(the_profiles_are_what_the_vectors_say),
        cmocka_unit_test(what_is_no_purpose_and_no_basis_is_not_allowed),
    };

    buffer_init(&text, POLICY_TEXT_SIZE_MAX);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    buffer_close(&text);
    return failed;
}
