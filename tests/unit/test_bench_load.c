// links: tools
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "node/admission.h"
#include "node/credit/rules.h"
#include "proto/crypto/digest.h"
#include "tests/unit/genesis_view.h"
#include "tests/vectors/profile.h"
#include "tools/bench_chain.h"
#include "tools/bench_load.h"

#define SUBJECTS 6u
#define BATCH_EVENTS 7u
#define NOW_MS 1767225600000u

static struct chain chain;

static int setup(void **state)
{
    (void)state;
    chain_init(7, &chain);
    return 0;
}

static struct load *open_load(uint64_t seed)
{
    struct load *load;
    struct load_plan plan = {chain.genesis.chain_id, seed, SUBJECTS, CHAIN_VALIDATORS, chain.signing};
    assert_int_equal(load_open(&plan, &load), TALLY_OK);
    return load;
}

static struct batch next_batch(struct load *load, uint32_t member, struct buffer *bytes)
{
    struct batch batch;
    buffer_clear(bytes);
    assert_int_equal(load_batch(load, member, BATCH_EVENTS, NOW_MS + 1000, bytes, &batch), TALLY_OK);
    assert_int_equal(batch.event_count, BATCH_EVENTS);
    assert_int_equal(batch.member_id, member + 1);
    return batch;
}

static void same_plan_same_bytes_and_another_seed_others(void **state)
{
    (void)state;
    struct load *load = open_load(1), *same = open_load(1), *other = open_load(2);
    struct buffer a, b, c;
    buffer_init(&a, BATCH_SIZE_MAX);
    buffer_init(&b, BATCH_SIZE_MAX);
    buffer_init(&c, BATCH_SIZE_MAX);
    for (uint32_t i = 0; i < 30; i++) {
        next_batch(load, i % CHAIN_VALIDATORS, &a);
        next_batch(same, i % CHAIN_VALIDATORS, &b);
        next_batch(other, i % CHAIN_VALIDATORS, &c);
        assert_true(span_equal(buffer_span(&a), buffer_span(&b)));
        assert_false(span_equal(buffer_span(&a), buffer_span(&c)));
    }
    buffer_close(&a);
    buffer_close(&b);
    buffer_close(&c);
    load_close(load);
    load_close(same);
    load_close(other);
}

/* As a member's own node does: signature, form, ids, commitments and the rules of bodies. */
static void every_batch_is_admitted_from_a_client(void **state)
{
    (void)state;
    struct load *load = open_load(1);
    struct admission *admission;
    struct admission_refusal refusal = {.reason = ""};
    struct buffer bytes;
    struct arena arena;
    buffer_init(&bytes, BATCH_SIZE_MAX);
    arena_init(&arena, ADMISSION_ARENA_BUDGET);
    struct register_view *view = genesis_view(&chain.genesis);
    assert_int_equal(admission_open(&chain.genesis.chain_id, view, NULL, &admission), TALLY_OK);
    register_view_release(view);
    for (uint32_t i = 0; i < 150; i++) {
        struct batch made = next_batch(load, i % CHAIN_VALIDATORS, &bytes), decoded;
        int error = admission_check(
            admission, ADMISSION_CLIENT, buffer_span(&bytes), NOW_MS, &arena, &decoded, &refusal);
        if (error != TALLY_OK) fail_msg("batch %u is refused: %s %s", i, refusal.reason, refusal.field);
        assert_true(digest_equal(&made.digest, &decoded.digest));
        arena_reset(&arena);
    }
    arena_close(&arena);
    buffer_close(&bytes);
    admission_release(admission);
    load_close(load);
}

static int no_account(
    void *context, uint32_t member, const uint8_t ref[ACCOUNT_REF_SIZE], struct digest *subject)
{
    (void)context;
    (void)member;
    (void)ref;
    (void)subject;
    return TALLY_ENOTFOUND;
}

static uint32_t lender(void *context, uint32_t member)
{
    (void)context;
    (void)member;
    return ROLE_LENDER;
}

/* Each subject lives through more than two accounts; subjects take turns. */
static void the_rules_take_every_event_and_subjects_take_turns(void **state)
{
    (void)state;
    struct load *load = open_load(1);
    struct subject_state files[2];
    struct digest ids[2] = {0};
    struct credit_policy dev = profile("dev");
    struct credit_read read = {.account_subject = no_account, .member_role = lender, .policy = &dev};
    uint32_t types[EVENT_CLOSE + 1] = {0}, told = 0;
    struct buffer bytes;
    buffer_init(&bytes, BATCH_SIZE_MAX);
    subject_state_init(&files[0]);
    subject_state_init(&files[1]);
    while (told < 2 * (2 * LOAD_EVENTS_PER_ACCOUNT + 10)) {
        /* Member 1 has subjects 0 and 4 of the six. */
        struct batch batch = next_batch(load, 0, &bytes);
        for (uint32_t i = 0; i < batch.event_count; i++, told++) {
            const struct batch_event *event = &batch.events[i];
            struct event_result result;
            if (told < 2) ids[told] = event->fields.subject_id;
            assert_true(digest_equal(&event->fields.subject_id, &ids[told % 2]));
            assert_int_equal(
                credit_apply(&read, &files[told % 2], &event->fields, &event->id, NOW_MS, &result), TALLY_OK);
            assert_int_equal(result.code, RESULT_OK);
            types[event->fields.type]++;
        }
    }
    assert_int_equal(types[EVENT_ACCOUNT_OPEN], 6);
    assert_int_equal(types[EVENT_CLOSE], 4);
    assert_true(types[EVENT_DISBURSE] > 0 && types[EVENT_PAYMENT] > 100 && types[EVENT_PERIOD_REPORT] > 100);
    subject_state_close(&files[0]);
    subject_state_close(&files[1]);
    buffer_close(&bytes);
    load_close(load);
}

static void a_full_file_ends_the_load(void **state)
{
    (void)state;
    struct load *load;
    struct load_plan plan = {chain.genesis.chain_id, 1, 1, 1, chain.signing};
    struct batch batch;
    struct buffer bytes;
    assert_int_equal(load_open(&plan, &load), TALLY_OK);
    buffer_init(&bytes, BATCH_SIZE_MAX);
    for (uint32_t left = LOAD_EVENTS_PER_SUBJECT_MAX; left > 0; left -= 960) {
        buffer_clear(&bytes);
        assert_int_equal(load_batch(load, 0, 960, NOW_MS, &bytes, &batch), TALLY_OK);
    }
    buffer_clear(&bytes);
    assert_int_equal(load_batch(load, 0, 1, NOW_MS, &bytes, &batch), TALLY_ELIMIT);
    buffer_close(&bytes);
    load_close(load);
}

static bool go_on(void *context, uint64_t events)
{
    *(uint64_t *)context = events;
    return true;
}

/* What is written comes back, whole, and holds by itself: proposals by their leaders, parents certified, each
 * block finalized by a quorum, each the child of the one before. */
static void written_blocks_are_a_chain(void **state)
{
    (void)state;
    struct chain_plan plan = {SUBJECTS, 100, 5, 15};
    FILE *file = tmpfile();
    uint64_t events = 0, offset = 0, seen = 0;
    struct digest parent = chain.genesis.chain_id;
    assert_non_null(file);
    assert_int_equal(chain_write(&chain, &plan, fileno(file), go_on, &events), TALLY_OK);
    assert_int_equal(events, 100);
    assert_int_equal(chain_blocks(&plan), 7);
    struct chain_record record;
    uint64_t height = 0;
    while (chain_record_read(fileno(file), &offset, &record) == TALLY_OK) {
        struct arena arena;
        struct proposal proposal;
        struct certificate finalization;
        const struct digest *chain_id = &chain.genesis.chain_id;
        arena_init(&arena, MIB);
        assert_int_equal(proposal_decode(record.proposal, &arena, &proposal), TALLY_OK);
        assert_int_equal(proposal_check(&chain.validators, chain_id, &proposal), TALLY_OK);
        assert_int_equal(certificate_decode(record.finalization, &finalization), TALLY_OK);
        assert_int_equal(certificate_check(&chain.validators, chain_id, &finalization), TALLY_OK);
        assert_true(digest_equal(&finalization.block, &proposal.hash));
        assert_int_equal(finalization.kind, VOTE_FINALIZE);
        assert_true(digest_equal(&proposal.header.parent_hash, &parent));
        assert_int_equal(proposal.header.height, ++height);
        assert_int_equal(proposal.header.time_ms, record.time_ms);
        assert_int_equal(proposal.batch_count, record.batch_count);
        parent = proposal.hash;
        seen += proposal.header.payload_events;
        arena_close(&arena);
        chain_record_close(&record);
    }
    assert_int_equal(height, 7);
    assert_int_equal(seen, 100);
    fclose(file);
}

/* The genesis it makes up is one that a node would take. */
static void the_networks_genesis_is_valid(void **state)
{
    (void)state;
    struct buffer text;
    char why[256] = "";
    struct genesis *parsed = malloc(sizeof *parsed);
    assert_non_null(parsed);
    buffer_init(&text, MIB);
    genesis_print(&chain.genesis, &text);
    assert_int_equal(genesis_parse(buffer_span(&text), parsed, why, sizeof why), TALLY_OK);
    assert_true(digest_equal(&parsed->chain_id, &chain.genesis.chain_id));
    buffer_close(&text);
    free(parsed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_plan_same_bytes_and_another_seed_others),
        cmocka_unit_test(every_batch_is_admitted_from_a_client),
        cmocka_unit_test(the_rules_take_every_event_and_subjects_take_turns),
        cmocka_unit_test(a_full_file_ends_the_load),
        cmocka_unit_test(written_blocks_are_a_chain),
        cmocka_unit_test(the_networks_genesis_is_valid),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
