// links: policies credit codec crypto base
#include "proto/codec/subject_scheme.h"
#include "tests/unit/rules_world.h"

static enum result_code code_of(struct world *world, struct event_header header)
{
    return (enum result_code)world_apply(world, &header).code;
}

static struct event_header inquiry_under(
    struct world *world, uint32_t member_id, const struct event_header *grant)
{
    struct event_header header = next_item(world, member_id, 1, EVENT_INQUIRY);

    header.consent = id_of(grant);
    return header;
}

static uint32_t uses_left(const struct world *world)
{
    assert_int_equal(world->files[1].consents.count, 1);
    return consent_at(&world->files[1], 0)->uses_left;
}

static void a_use_is_spent_where_the_inquiry_is_decided(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    struct event_header grant = next_item(&world, LENDER, 1, EVENT_CONSENT_GRANT);
    assert_int_equal(code_of(&world, grant), RESULT_OK);
    struct event_header first = inquiry_under(&world, LENDER, &grant);
    assert_int_equal(code_of(&world, first), RESULT_OK);
    assert_int_equal(uses_left(&world), 1);
    /* The same inquiry again costs nothing. */
    assert_int_equal(code_of(&world, first), RESULT_DUPLICATE);
    assert_int_equal(uses_left(&world), 1);
    /* Two for one remaining use: the first in order has it. */
    struct event_header winner = inquiry_under(&world, LENDER, &grant);
    struct event_header loser = inquiry_under(&world, LENDER, &grant);
    assert_int_equal(code_of(&world, winner), RESULT_OK);
    assert_int_equal(code_of(&world, loser), RESULT_NO_CONSENT);
    assert_int_equal(uses_left(&world), 0);
    /* All of them are on the ledger, and the refused one is never answered under its item id. */
    assert_int_equal(world.files[1].item_count, 4);
    assert_int_equal(code_of(&world, loser), RESULT_ITEM_TAKEN);
    world_close(&world);
}

/* Everything that can be wrong with a consent, and the one word for it. */
static void whatever_is_wrong_with_a_consent_is_no_consent(void **context)
{
    (void)context;
    const uint64_t first_ms = (uint64_t)BLOCK_DAY * MS_PER_DAY;
    struct world world;

    world_open(&world);
    struct event_header grant = next_item(&world, LENDER, 1, EVENT_CONSENT_GRANT);
    assert_int_equal(code_of(&world, grant), RESULT_OK);
    for (int wrong = 0; wrong < 6; wrong++) {
        struct event_header header = inquiry_under(&world, LENDER, &grant);
        uint64_t time_ms = BLOCK_TIME_MS;
        if (wrong == 0) header.consent.bytes[0] ^= 1;
        if (wrong == 1) header.member_id = OTHER_LENDER;
        if (wrong == 2) header.purpose = PURPOSE_COLLECTION;
        if (wrong == 3) header.subject_id.bytes[0] = 2;
        if (wrong == 4) header.event_date -= 1, time_ms = first_ms - 1;
        if (wrong == 5) time_ms = first_ms + 11 * (uint64_t)MS_PER_DAY;
        world.reads = 0;
        struct event_result result = world_apply_at(&world, &header, time_ms);
        assert_int_equal(result.code, RESULT_NO_CONSENT);
        assert_int_equal(result.detail_size, 0);
        /* The item id was looked up, and nothing else. */
        assert_int_equal(world.reads, 1);
    }
    assert_int_equal(uses_left(&world), 2);
    struct event_header last = inquiry_under(&world, LENDER, &grant);
    assert_int_equal(world_apply_at(&world, &last, first_ms + 11 * (uint64_t)MS_PER_DAY - 1).code, RESULT_OK);
    struct event_header first = inquiry_under(&world, LENDER, &grant);
    assert_int_equal(world_apply_at(&world, &first, first_ms).code, RESULT_OK);
    world_close(&world);
}

static void a_consent_is_granted_by_its_grantee_or_a_bureau(void **context)
{
    (void)context;
    static const struct {
        uint32_t member_id, grantee;
        enum result_code code;
    } cases[] = {
        {LENDER, LENDER, RESULT_OK},
        {BUREAU, LENDER, RESULT_OK},
        {BUREAU, BUREAU, RESULT_OK},
        {REGULATOR, REGULATOR, RESULT_OK},
        {OTHER_LENDER, LENDER, RESULT_NOT_ALLOWED},
        {REGULATOR, LENDER, RESULT_NOT_ALLOWED},
        {OPERATOR, OPERATOR, RESULT_NOT_ALLOWED},
        {BUREAU, OPERATOR, RESULT_NOT_ALLOWED},
        {BUREAU, STRANGER, RESULT_NOT_ALLOWED},
        {STRANGER, STRANGER, RESULT_NOT_ALLOWED},
    };
    struct world world;

    world_open(&world);
    world.policy.purposes = PURPOSE_BIT(PURPOSE_CREDIT_DECISION);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct event_header grant = next_item(&world, cases[i].member_id, 1, EVENT_CONSENT_GRANT);
        grant.grantee = cases[i].grantee;
        assert_int_equal(code_of(&world, grant), cases[i].code);
    }
    struct event_header other = next_item(&world, LENDER, 1, EVENT_CONSENT_GRANT);
    other.purposes |= PURPOSE_BIT(PURPOSE_EMPLOYMENT);
    assert_int_equal(code_of(&world, other), RESULT_NOT_ALLOWED);
    world_close(&world);
}

static void a_consent_is_revoked_by_its_grantee_a_bureau_or_a_regulator(void **context)
{
    (void)context;
    static const struct {
        uint32_t member_id;
        enum result_code code;
    } cases[] = {{OTHER_LENDER, RESULT_NO_CONSENT}, {OPERATOR, RESULT_NOT_ALLOWED}, {LENDER, RESULT_OK},
        {BUREAU, RESULT_OK}, {REGULATOR, RESULT_OK}};
    struct world world;

    world_open(&world);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct event_header grant = next_item(&world, LENDER, 1, EVENT_CONSENT_GRANT);
        assert_int_equal(code_of(&world, grant), RESULT_OK);
        struct event_header revoke = next_item(&world, cases[i].member_id, 1, EVENT_CONSENT_REVOKE);
        revoke.consent = id_of(&grant);
        assert_int_equal(code_of(&world, revoke), cases[i].code);
        bool stands = cases[i].code != RESULT_OK;
        assert_int_equal(
            code_of(&world, inquiry_under(&world, LENDER, &grant)), stands ? RESULT_OK : RESULT_NO_CONSENT);
        struct event_header again = next_item(&world, LENDER, 1, EVENT_CONSENT_REVOKE);
        again.consent = revoke.consent;
        assert_int_equal(code_of(&world, again), stands ? RESULT_OK : RESULT_NO_CONSENT);
    }
    assert_int_equal(world.files[1].consents.count, 0);
    world_close(&world);
}

/* Whether a grant that came between has dropped it from the file makes no difference. */
static void a_spent_consent_is_not_there_to_be_revoked(void **context)
{
    (void)context;
    const uint64_t lapsed_ms = (uint64_t)(BLOCK_DAY + 11) * MS_PER_DAY;
    struct world world;

    for (int granted_between = 0; granted_between <= 1; granted_between++) {
        world_open(&world);
        struct event_header unused = next_item(&world, LENDER, 1, EVENT_CONSENT_GRANT);
        struct event_header used = next_item(&world, LENDER, 1, EVENT_CONSENT_GRANT);
        used.max_uses = 1;
        assert_int_equal(code_of(&world, unused), RESULT_OK);
        assert_int_equal(code_of(&world, used), RESULT_OK);
        assert_int_equal(code_of(&world, inquiry_under(&world, LENDER, &used)), RESULT_OK);
        struct event_header between = next_item(&world, LENDER, 1, EVENT_CONSENT_GRANT);
        if (granted_between) assert_int_equal(world_apply_at(&world, &between, lapsed_ms).code, RESULT_OK);
        struct event_header revoke = next_item(&world, LENDER, 1, EVENT_CONSENT_REVOKE);
        revoke.consent = id_of(&unused);
        assert_int_equal(world_apply_at(&world, &revoke, lapsed_ms).code, RESULT_NO_CONSENT);
        revoke.consent = id_of(&used);
        assert_int_equal(world_apply_at(&world, &revoke, lapsed_ms).code, RESULT_NO_CONSENT);
        world_close(&world);
    }
}

static void who_may_ask_and_on_what_ground_is_the_roles_and_the_policys(void **context)
{
    (void)context;
    static const struct {
        uint32_t member_id, purpose, legal_basis;
        enum result_code code;
    } cases[] = {
        {LENDER, PURPOSE_ACCOUNT_REVIEW, LEGAL_STATUTE, RESULT_OK},
        {LENDER, PURPOSE_ACCOUNT_REVIEW, LEGAL_COURT_ORDER, RESULT_NOT_ALLOWED},
        {LENDER, PURPOSE_ACCOUNT_REVIEW, LEGAL_SUPERVISION, RESULT_NOT_ALLOWED},
        {BUREAU, PURPOSE_SUBJECT_REQUEST, LEGAL_COURT_ORDER, RESULT_OK},
        {BUREAU, PURPOSE_SUBJECT_REQUEST, LEGAL_SUPERVISION, RESULT_NOT_ALLOWED},
        {REGULATOR, PURPOSE_COLLECTION, LEGAL_SUPERVISION, RESULT_OK},
        {REGULATOR, PURPOSE_EMPLOYMENT, LEGAL_SUPERVISION, RESULT_NOT_ALLOWED},
        {OPERATOR, PURPOSE_ACCOUNT_REVIEW, LEGAL_STATUTE, RESULT_NOT_ALLOWED},
        {STRANGER, PURPOSE_ACCOUNT_REVIEW, LEGAL_STATUTE, RESULT_NOT_ALLOWED},
    };
    struct world world;

    world_open(&world);
    world.policy = profile("cn");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct event_header header = next_item(&world, cases[i].member_id, 1, EVENT_INQUIRY);
        header.has_consent = false;
        header.purpose = cases[i].purpose;
        header.legal_basis = cases[i].legal_basis;
        world.reads = 0;
        assert_int_equal(code_of(&world, header), cases[i].code);
        /* What is not allowed is refused before anything is asked of the subject. */
        if (cases[i].code == RESULT_NOT_ALLOWED) assert_int_equal(world.reads, 0);
    }
    world_close(&world);
}

static void an_inquiry_about_blocks_is_a_regulators(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    /* Be it that members give others the ground too. */
    for (uint32_t role = ROLE_LENDER; role <= ROLE_OPERATOR; role++)
        world.policy.legal_bases[role] |= 1u << (LEGAL_SUPERVISION - 1);
    for (uint32_t member = 1; member <= STRANGER; member++) {
        struct event_header header = next_item(&world, member, 1, EVENT_INQUIRY);
        header.subject_scheme = SUBJECT_SCHEME_BLOCKS;
        header.has_consent = false;
        header.legal_basis = LEGAL_SUPERVISION;
        assert_int_equal(code_of(&world, header), member == REGULATOR ? RESULT_OK : RESULT_NOT_ALLOWED);
    }
    world_close(&world);
}

static void a_known_and_an_unknown_subject_refuse_alike(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    for (uint8_t ref = 1; ref <= ACCOUNTS_PER_HOLDER_MAX; ref++)
        must_apply(&world, ref, EVENT_ACCOUNT_OPEN);
    struct event_header known = next_item(&world, OTHER_LENDER, 1, EVENT_INQUIRY);
    struct event_header unknown = next_item(&world, OTHER_LENDER, 2, EVENT_INQUIRY);
    world.reads = 0;
    struct event_result a = world_apply(&world, &known);
    unsigned reads = world.reads;
    struct event_result b = world_apply(&world, &unknown);
    assert_int_equal(a.code, RESULT_NO_CONSENT);
    assert_memory_equal(&a, &b, sizeof(a));
    assert_int_equal(world.reads, 2 * reads);
    world_close(&world);
}

static void an_inquiry_is_answered_again_for_a_time_while_its_consent_stands(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    struct event_header grant = next_item(&world, LENDER, 1, EVENT_CONSENT_GRANT);
    grant.max_uses = 1;
    grant.valid_until = BLOCK_DAY;
    assert_int_equal(code_of(&world, grant), RESULT_OK);
    struct event_header inquiry = inquiry_under(&world, LENDER, &grant);
    assert_int_equal(code_of(&world, inquiry), RESULT_OK);
    uint64_t end_ms = BLOCK_TIME_MS + world.policy.answer_ttl_ms;
    const struct subject_state *file = &world.files[1];
    assert_true(credit_inquiry_answers(&world.policy, file, &inquiry, BLOCK_TIME_MS, BLOCK_TIME_MS));
    /* Used up and lapsed, it is kept for as long as its last inquiry is answered, and then dropped. */
    struct event_header more = next_item(&world, LENDER, 1, EVENT_CONSENT_GRANT);
    more.valid_until = BLOCK_DAY + 100;
    assert_int_equal(world_apply_at(&world, &more, end_ms - 1).code, RESULT_OK);
    assert_int_equal(file->consents.count, 2);
    assert_true(credit_inquiry_answers(&world.policy, file, &inquiry, BLOCK_TIME_MS, end_ms - 1));
    assert_false(credit_inquiry_answers(&world.policy, file, &inquiry, BLOCK_TIME_MS, end_ms));
    struct event_header most = next_item(&world, LENDER, 1, EVENT_CONSENT_GRANT);
    assert_int_equal(world_apply_at(&world, &most, end_ms).code, RESULT_OK);
    assert_int_equal(file->consents.count, 2);
    /* A revocation undoes no inquiry, but stops its answers. */
    struct event_header second = inquiry_under(&world, LENDER, &most);
    assert_int_equal(code_of(&world, second), RESULT_OK);
    struct event_header revoke = next_item(&world, BUREAU, 1, EVENT_CONSENT_REVOKE);
    revoke.consent = id_of(&most);
    assert_int_equal(code_of(&world, revoke), RESULT_OK);
    assert_false(credit_inquiry_answers(&world.policy, file, &second, BLOCK_TIME_MS, BLOCK_TIME_MS + 1));
    struct event_header lawful = next_item(&world, LENDER, 1, EVENT_INQUIRY);
    lawful.has_consent = false;
    lawful.legal_basis = LEGAL_STATUTE;
    assert_true(credit_inquiry_answers(&world.policy, file, &lawful, BLOCK_TIME_MS, end_ms - 1));
    assert_false(credit_inquiry_answers(&world.policy, file, &lawful, BLOCK_TIME_MS, end_ms));
    world_close(&world);
}

static void one_grantee_cannot_fill_a_file_and_spent_consents_make_room(void **context)
{
    (void)context;
    struct world world;

    world_open(&world);
    for (uint32_t i = 0; i < CONSENTS_PER_GRANTEE_MAX; i++) {
        struct event_header grant = next_item(&world, LENDER, 1, EVENT_CONSENT_GRANT);
        assert_int_equal(code_of(&world, grant), RESULT_OK);
    }
    struct event_header more = next_item(&world, LENDER, 1, EVENT_CONSENT_GRANT);
    assert_int_equal(code_of(&world, more), RESULT_ACCOUNT_LIMIT);
    struct event_header other = next_item(&world, BUREAU, 1, EVENT_CONSENT_GRANT);
    other.grantee = OTHER_LENDER;
    assert_int_equal(code_of(&world, other), RESULT_OK);
    /* Refused for a bound, it was not folded, and may come again: on the day after the others lapsed. */
    uint64_t later_ms = (uint64_t)(BLOCK_DAY + 11) * MS_PER_DAY;
    assert_int_equal(world_apply_at(&world, &more, later_ms - 1).code, RESULT_ACCOUNT_LIMIT);
    assert_int_equal(world_apply_at(&world, &more, later_ms).code, RESULT_OK);
    assert_int_equal(world.files[1].consents.count, 1);
    world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_use_is_spent_where_the_inquiry_is_decided),
        cmocka_unit_test(whatever_is_wrong_with_a_consent_is_no_consent),
        cmocka_unit_test(a_consent_is_granted_by_its_grantee_or_a_bureau),
        cmocka_unit_test(a_consent_is_revoked_by_its_grantee_a_bureau_or_a_regulator),
        cmocka_unit_test(a_spent_consent_is_not_there_to_be_revoked),
        cmocka_unit_test(who_may_ask_and_on_what_ground_is_the_roles_and_the_policys),
        cmocka_unit_test(an_inquiry_about_blocks_is_a_regulators),
        cmocka_unit_test(a_known_and_an_unknown_subject_refuse_alike),
        cmocka_unit_test(an_inquiry_is_answered_again_for_a_time_while_its_consent_stands),
        cmocka_unit_test(one_grantee_cannot_fill_a_file_and_spent_consents_make_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
