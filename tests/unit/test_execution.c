// links: policies node
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "node/admission.h"
#include "node/commit/execution.h"
#include "node/credit/subject_state.h"
#include "proto/base/date.h"
#include "storage/state.h"
#include "tests/unit/credit_fixture.h"

#define START_MS ((uint64_t)13000 * MS_PER_DAY)
#define EVENTS_MAX 4096

/* One node's state with its execution, in a directory of its own. */
struct machine {
    char dir[64];
    struct state *state;
    struct execution *execution;
    struct arena arena; /* what was read */
    uint64_t height, time_ms;
    struct checkpoint checkpoint;
    /* Of the last block: */
    uint32_t told_batches, told_events;
    struct event_result results[EVENTS_MAX];
};

static struct fixture *fixture;

static int fixture_setup(void **context)
{
    (void)context;
    fixture = fixture_open();
    return 0;
}

static int fixture_teardown(void **context)
{
    (void)context;
    fixture_close(fixture);
    return 0;
}

static void machine_start(struct machine *machine)
{
    struct state_config config = {
        .chain_id = fixture->genesis.chain_id,
    };

    assert_int_equal(state_open(machine->dir, &config, &machine->state), TALLY_OK);
    struct header_source headers = header_source_of(NULL);
    assert_int_equal(
        execution_open(machine->state, &fixture->genesis, &headers, &machine->execution), TALLY_OK);
    machine->height = state_applied_height(machine->state);
    machine->time_ms = START_MS + machine->height * 1000;
}

static void machine_stop(struct machine *machine)
{
    execution_close(machine->execution);
    state_close(machine->state);
}

static struct machine *machine_open(void)
{
    struct machine *machine = calloc(1, sizeof(*machine));
    assert_non_null(machine);
    strcpy(machine->dir, "/tmp/test_execution.XXXXXX");
    assert_non_null(mkdtemp(machine->dir));
    arena_init(&machine->arena, 16u << 20);
    machine_start(machine);
    return machine;
}

static void machine_close(struct machine *machine)
{
    machine_stop(machine);
    arena_close(&machine->arena);
    assert_int_equal(state_discard(machine->dir), TALLY_OK);
    assert_int_equal(rmdir(machine->dir), 0);
    free(machine);
}

static void note_executed(void *context, const struct executed_batch *executed)
{
    struct machine *machine = context;

    assert_int_equal(executed->height, machine->height + 1);
    assert_int_equal(executed->batch_index, machine->told_batches);
    assert_int_equal(executed->first_index, machine->told_events);
    machine->told_batches++;
    for (uint32_t i = 0; i < executed->batch->event_count; i++) {
        assert_true(machine->told_events < EVENTS_MAX);
        machine->results[machine->told_events++] = executed->results[i];
    }
}

/* The next block, with these batches; its hash depends on its height alone, as here nothing checks it. */
static struct block block_of(uint64_t height, uint64_t time_ms, struct batch *batches, uint32_t batch_count)
{
    struct block block = {
        .header = {.chain_id = fixture->genesis.chain_id, .epoch = 1, .height = height, .time_ms = time_ms},
        .batch_count = batch_count,
        .batches = batches,
    };

    put_u64(block.hash.bytes, height);
    return block;
}

static void run(struct machine *machine, struct batch *batches, uint32_t batch_count)
{
    struct block block = block_of(machine->height + 1, machine->time_ms + 1000, batches, batch_count);

    machine->told_batches = machine->told_events = 0;
    assert_int_equal(
        execution_apply(machine->execution, &block, note_executed, machine, &machine->checkpoint), TALLY_OK);
    machine->height++;
    machine->time_ms += 1000;
    assert_int_equal(machine->told_batches, batch_count);
}

static struct batch sign(
    const struct machine *machine, uint32_t member_id, const struct batch_event *events, uint32_t count)
{
    return fixture_batch(fixture, member_id, events, count, machine->time_ms + 60000);
}

static struct batch_event event(struct event_header header)
{
    return fixture_event(fixture, header, span_of(NULL, 0));
}

/* An opening and `payments` payments, chained. */
static uint32_t account_events(
    uint32_t member_id, uint8_t subject, uint8_t ref, uint32_t payments, struct batch_event *events)
{
    events[0] = event(fixture_header(member_id, EVENT_ACCOUNT_OPEN, subject, ref));
    for (uint32_t i = 1; i <= payments; i++) {
        struct event_header header = fixture_header(member_id, EVENT_PAYMENT, subject, ref);
        header.account_seq = i;
        header.account_prev = events[i - 1].id;
        events[i] = event(header);
    }
    return payments + 1;
}

static struct digest subject_id(uint8_t subject)
{
    return fixture_header(LENDER, EVENT_PAYMENT, subject, 0).subject_id;
}

static void assert_codes(const struct machine *machine, const enum result_code *codes, uint32_t count)
{
    assert_int_equal(machine->told_events, count);
    for (uint32_t i = 0; i < count; i++) {
        if (machine->results[i].code != codes[i]) {
            fail_msg(
                "event %u is %s, not %s", i, result_name(machine->results[i].code), result_name(codes[i]));
        }
    }
}

static void each_event_of_a_batch_gets_its_own_result(void **context)
{
    (void)context;
    struct machine *machine = machine_open();
    struct batch_event events[6];

    account_events(LENDER, 1, 1, 2, events);
    struct event_header gap = events[2].fields;
    gap.account_seq = 9;
    events[3] = event(gap);
    events[4] = events[1];
    account_events(LENDER, 2, 2, 0, events + 5);
    struct batch batch = sign(machine, LENDER, events, 6);
    run(machine, &batch, 1);
    static const enum result_code codes[] = {
        RESULT_OK, RESULT_OK, RESULT_OK, RESULT_GAP, RESULT_DUPLICATE, RESULT_OK};
    assert_codes(machine, codes, 6);

    /* What was applied is folded, indexed and counted; what was not has its result alone. */
    struct state_counts counts;
    state_counts(machine->state, &counts);
    assert_int_equal(counts.events, 6);
    assert_int_equal(counts.applied, 4);
    assert_int_equal(counts.subjects, 2);
    struct state_subject subject;
    struct digest id = subject_id(1);
    assert_int_equal(state_subject_get(machine->state, &id, &machine->arena, &subject), TALLY_OK);
    assert_int_equal(subject.leaf.count, 3);
    assert_int_equal(subject.leaf.last_height, 1);
    struct state_history_entry entries[3];
    assert_int_equal(state_history_read(machine->state, &id, 0, 3, entries), TALLY_OK);
    for (uint32_t i = 0; i < 3; i++) {
        assert_memory_equal(entries[i].event_id.bytes, events[i].id.bytes, DIGEST_SIZE);
        assert_int_equal(entries[i].index, i);
    }
    struct state_result stored;
    assert_int_equal(state_result_get(machine->state, 1, 3, &stored), TALLY_OK);
    assert_int_equal(stored.result.code, RESULT_GAP);
    assert_int_equal(get_u32(stored.result.detail), 3);
    assert_memory_equal(stored.result.detail + 4, events[2].id.bytes, DIGEST_SIZE);
    machine_close(machine);
}

static void a_subjects_state_is_stored_in_its_canonical_form(void **context)
{
    (void)context;
    struct machine *machine = machine_open();
    struct batch_event events[4];
    struct state_subject stored;
    struct subject_state subject;
    struct digest id = subject_id(1);

    account_events(LENDER, 1, 1, 3, events);
    struct batch batch = sign(machine, LENDER, events, 4);
    run(machine, &batch, 1);
    assert_int_equal(state_subject_get(machine->state, &id, &machine->arena, &stored), TALLY_OK);
    struct digest summary = digest_tagged(TAG_SUMMARY, stored.bytes);
    assert_memory_equal(stored.leaf.summary.bytes, summary.bytes, DIGEST_SIZE);
    subject_state_init(&subject);
    assert_int_equal(subject_state_decode(stored.bytes, &subject), TALLY_OK);
    assert_int_equal(subject.account_count, 1);
    assert_int_equal(subject.accounts[0].next_seq, 4);
    assert_memory_equal(subject.accounts[0].head.bytes, events[3].id.bytes, DIGEST_SIZE);
    subject_state_close(&subject);
    machine_close(machine);
}

static void an_account_is_known_by_its_subject_from_its_opening_on(void **context)
{
    (void)context;
    struct machine *machine = machine_open();
    struct batch_event events[3];
    struct digest found, expected = subject_id(1);

    account_events(LENDER, 1, 1, 1, events);
    struct event_header astray = fixture_header(LENDER, EVENT_PAYMENT, 2, 1);
    astray.account_seq = 2;
    astray.account_prev = events[1].id;
    events[2] = event(astray);
    struct batch batch = sign(machine, LENDER, events, 3);
    run(machine, &batch, 1);
    static const enum result_code codes[] = {RESULT_OK, RESULT_OK, RESULT_WRONG_SUBJECT};
    assert_codes(machine, codes, 3);
    struct batch later = fixture_batch(fixture, LENDER, events + 2, 1, machine->time_ms + 70000);
    run(machine, &later, 1);
    assert_codes(machine, codes + 2, 1);
    assert_int_equal(state_account_get(machine->state, LENDER, astray.account_ref, &found), TALLY_OK);
    assert_true(digest_equal(&found, &expected));
    /* What was refused left no file behind. */
    struct state_subject subject;
    struct digest other = subject_id(2);
    assert_int_equal(state_subject_get(machine->state, &other, &machine->arena, &subject), TALLY_ENOTFOUND);
    machine_close(machine);
}

static void a_batch_out_of_its_time_has_no_effect(void **context)
{
    (void)context;
    struct machine *machine = machine_open();
    struct batch_event events[2];
    const uint64_t block_ms = machine->time_ms + 1000;
    const uint64_t expiries[] = {0, block_ms, block_ms + BATCH_LIFETIME_MS_MAX + 1, UINT64_MAX, block_ms + 1,
        block_ms + BATCH_LIFETIME_MS_MAX};
    static const enum result_code codes[] = {RESULT_BATCH_EXPIRED, RESULT_BATCH_EXPIRED, RESULT_BATCH_EXPIRED,
        RESULT_BATCH_EXPIRED, RESULT_BATCH_EXPIRED, RESULT_BATCH_EXPIRED, RESULT_BATCH_EXPIRED,
        RESULT_BATCH_EXPIRED, RESULT_OK, RESULT_OK, RESULT_OK, RESULT_OK};
    struct batch batches[6];

    for (uint8_t i = 0; i < 6; i++) {
        account_events(LENDER, i, i, 1, events);
        batches[i] = fixture_batch(fixture, LENDER, events, 2, expiries[i]);
    }
    run(machine, batches, 6);
    assert_codes(machine, codes, 12);
    struct state_subject subject;
    struct digest id = subject_id(0);
    assert_int_equal(state_subject_get(machine->state, &id, &machine->arena, &subject), TALLY_ENOTFOUND);
    machine_close(machine);
}

static void a_batch_is_applied_once(void **context)
{
    (void)context;
    struct machine *machine = machine_open();
    struct batch_event events[3];

    account_events(LENDER, 1, 1, 1, events);
    struct batch twice[2];
    twice[0] = twice[1] = sign(machine, LENDER, events, 2);
    run(machine, twice, 2);
    static const enum result_code first[] = {
        RESULT_OK, RESULT_OK, RESULT_BATCH_REPLAYED, RESULT_BATCH_REPLAYED};
    assert_codes(machine, first, 4);
    run(machine, twice, 1);
    assert_codes(machine, first + 2, 2);
    /* The same events signed anew are duplicates, which is a success. */
    struct batch anew = fixture_batch(fixture, LENDER, events, 2, machine->time_ms + 70000);
    run(machine, &anew, 1);
    static const enum result_code again[] = {RESULT_DUPLICATE, RESULT_DUPLICATE};
    assert_codes(machine, again, 2);
    machine_close(machine);
}

static void a_stranger_or_a_foreign_key_changes_nothing(void **context)
{
    (void)context;
    struct machine *machine = machine_open();
    struct batch_event events[1];
    struct batch batches[4];
    static const enum result_code codes[] = {
        RESULT_KEY_REVOKED, RESULT_NOT_ALLOWED, RESULT_NOT_ALLOWED, RESULT_NOT_ALLOWED};

    account_events(LENDER, 1, 1, 0, events);
    batches[0] = sign(machine, LENDER, events, 1);
    fixture_sign(fixture, &batches[0], &fixture->secrets[OTHER_LENDER]);
    account_events(REGULATOR, 1, 1, 0, events);
    batches[1] = sign(machine, REGULATOR, events, 1);
    account_events(OPERATOR, 1, 1, 0, events);
    batches[2] = sign(machine, OPERATOR, events, 1);
    account_events(77, 1, 1, 0, events);
    batches[3] = sign(machine, LENDER, events, 1);
    batches[3].member_id = 77;
    fixture_sign(fixture, &batches[3], &fixture->secrets[LENDER]);
    run(machine, batches, 4);
    assert_codes(machine, codes, 4);
    /* Refused as they were, they are remembered: replaying one later does not reach the rules. */
    run(machine, batches, 1);
    static const enum result_code replayed[] = {RESULT_BATCH_REPLAYED};
    assert_codes(machine, replayed, 1);
    struct state_counts counts;
    state_counts(machine->state, &counts);
    assert_int_equal(counts.applied, 0);
    assert_int_equal(counts.subjects, 0);
    machine_close(machine);
}

static void a_checkpoint_says_what_the_state_says(void **context)
{
    (void)context;
    struct machine *machine = machine_open();
    struct batch_event events[1];
    struct validator_set set;
    struct state_roots roots;

    run(machine, NULL, 0);
    struct digest empty_root = machine->checkpoint.state_root;
    account_events(LENDER, 1, 1, 0, events);
    struct batch batch = sign(machine, LENDER, events, 1);
    run(machine, &batch, 1);
    assert_int_equal(state_roots_get(machine->state, 2, &roots), TALLY_OK);
    genesis_validator_set(&fixture->genesis, &set);
    struct digest set_hash = validator_set_hash(&set);
    const struct checkpoint *checkpoint = &machine->checkpoint;
    assert_true(digest_equal(&checkpoint->chain_id, &fixture->genesis.chain_id));
    assert_int_equal(checkpoint->epoch, 1);
    assert_int_equal(checkpoint->height, 2);
    assert_int_equal(checkpoint->time_ms, machine->time_ms);
    assert_int_equal(get_u64(checkpoint->block.bytes), 2);
    assert_true(digest_equal(&checkpoint->state_root, &roots.state_root));
    assert_true(digest_equal(&checkpoint->results_root, &roots.results_root));
    assert_true(digest_equal(&checkpoint->history_root, &roots.history_root));
    assert_true(digest_equal(&checkpoint->set_hash, &set_hash));
    assert_true(digest_equal(&checkpoint->next_set_hash, &set_hash));
    assert_false(digest_equal(&checkpoint->state_root, &empty_root));
    struct event_result ok = {.code = RESULT_OK};
    struct digest leaf = result_leaf(2, 0, &events[0].id, &ok);
    struct digest results_root = merkle_root(&leaf, 1);
    assert_true(digest_equal(&checkpoint->results_root, &results_root));
    machine_close(machine);
}

static void only_the_next_height_is_applied(void **context)
{
    (void)context;
    struct machine *machine = machine_open();
    struct checkpoint checkpoint;

    run(machine, NULL, 0);
    struct block ahead = block_of(3, machine->time_ms + 5000, NULL, 0);
    assert_int_equal(execution_apply(machine->execution, &ahead, NULL, NULL, &checkpoint), TALLY_EINVALID);
    struct block behind = block_of(1, machine->time_ms + 5000, NULL, 0);
    assert_int_equal(execution_apply(machine->execution, &behind, NULL, NULL, &checkpoint), TALLY_EEXISTS);
    struct block early = block_of(2, machine->time_ms, NULL, 0);
    assert_int_equal(execution_apply(machine->execution, &early, NULL, NULL, &checkpoint), TALLY_EINVALID);
    struct batch *crowd = calloc(11, sizeof(*crowd));
    for (int i = 0; i < 11; i++)
        crowd[i].event_count = BATCH_EVENTS_MAX;
    struct block over = block_of(2, machine->time_ms + 5000, crowd, 11);
    assert_int_equal(execution_apply(machine->execution, &over, NULL, NULL, &checkpoint), TALLY_ELIMIT);
    free(crowd);
    run(machine, NULL, 0);
    assert_int_equal(state_applied_height(machine->state), 2);
    machine_close(machine);
}

/* ---- A stream of events, good and bad, for comparing machines ---- */

static uint64_t random_state;

static uint32_t random_below(uint32_t bound)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % bound;
}

#define STREAM_ACCOUNTS 12

struct stream_account {
    uint32_t seq, reports;
    struct digest head;
    bool closed;
};

/* The account's next event as it should be. */
static struct event_header stream_next(uint32_t member_id, uint8_t ref, const struct stream_account *account)
{
    static const enum event_type usual[] = {
        EVENT_PAYMENT, EVENT_PERIOD_REPORT, EVENT_PERIOD_REPORT, EVENT_DISBURSE};
    enum event_type type = account->seq == 0       ? EVENT_ACCOUNT_OPEN
                           : random_below(25) == 0 ? EVENT_CLOSE
                                                   : usual[random_below(4)];
    struct event_header header = fixture_header(member_id, type, ref % 5, ref);

    if (type == EVENT_PERIOD_REPORT) header.period = period_from_index(1200 + account->reports);
    header.account_seq = account->seq;
    header.account_prev = account->head;
    return header;
}

/* Makes it one that is refused. */
static void stream_spoil(struct event_header *header)
{
    switch (random_below(4)) {
    case 0:
        header->account_seq += 1 + random_below(3);
        break;
    case 1:
        header->account_prev.bytes[7] ^= 1;
        break;
    case 2:
        header->event_date = DATE_MAX;
        break;
    case 3:
        header->subject_id.bytes[1] ^= 1;
        header->account_seq++;
        break;
    }
}

/* One member's events on a few accounts of a few subjects: most of them right, some wrong, some sent again.
 */
static void stream_make(uint32_t member_id, struct batch_event *events, uint32_t count)
{
    struct stream_account accounts[STREAM_ACCOUNTS] = {0};

    for (uint32_t i = 0; i < count; i++) {
        uint8_t ref = (uint8_t)random_below(STREAM_ACCOUNTS);
        struct stream_account *account = &accounts[ref];
        struct event_header header = stream_next(member_id, ref, account);
        if (i > 0 && random_below(8) == 0) {
            events[i] = events[random_below(i)];
        } else if (random_below(5) == 0) {
            stream_spoil(&header);
            events[i] = event(header);
        } else {
            events[i] = event(header);
            if (account->closed) continue;
            account->seq++;
            account->head = events[i].id;
            account->reports += header.type == EVENT_PERIOD_REPORT;
            account->closed = header.type == EVENT_CLOSE;
        }
    }
}

enum { BLOCKS = 30, PER_BATCH = 12 };

static struct batch stream_batches[BLOCKS][2];
static struct checkpoint stream_checkpoints[BLOCKS];

/* Runs the blocks from where the machine stands up to height `to`; each must give the roots it gave before.
 */
static void replay(struct machine *machine, uint64_t to)
{
    while (machine->height < to) {
        uint64_t index = machine->height;
        run(machine, stream_batches[index], 2);
        assert_memory_equal(&machine->checkpoint, &stream_checkpoints[index], sizeof(struct checkpoint));
    }
}

/* On a second machine that is stopped at any time and replays what was not flushed, and once more from
 * nothing. */
static void the_same_blocks_give_the_same_roots_again(void **context)
{
    (void)context;
    struct machine *steady = machine_open(), *shaken = machine_open();
    struct batch_event *streams[2];
    static const uint32_t members[] = {LENDER, BUREAU};

    random_state = 11;
    for (int m = 0; m < 2; m++) {
        streams[m] = calloc(BLOCKS * PER_BATCH, sizeof(struct batch_event));
        stream_make(members[m], streams[m], BLOCKS * PER_BATCH);
    }
    for (uint32_t b = 0; b < BLOCKS; b++) {
        for (int m = 0; m < 2; m++)
            stream_batches[b][m] = sign(steady, members[m], streams[m] + b * PER_BATCH, PER_BATCH);
        run(steady, stream_batches[b], 2);
        stream_checkpoints[b] = steady->checkpoint;
    }
    static const uint64_t stops[] = {3, 9, 10, 19, 24, BLOCKS};
    for (size_t i = 0; i < sizeof(stops) / sizeof(stops[0]); i++) {
        uint64_t flushed = stops[i] - i;
        replay(shaken, flushed);
        assert_int_equal(state_freeze(shaken->state), TALLY_OK);
        replay(shaken, stops[i]);
        assert_int_equal(state_flush(shaken->state, flushed), TALLY_OK);
        machine_stop(shaken);
        machine_start(shaken);
        assert_int_equal(shaken->height, flushed);
    }
    replay(shaken, BLOCKS);
    machine_stop(shaken);
    assert_int_equal(state_discard(shaken->dir), TALLY_OK);
    machine_start(shaken);
    assert_int_equal(shaken->height, 0);
    replay(shaken, BLOCKS);

    struct state_counts counts;
    state_counts(steady->state, &counts);
    assert_true(counts.applied > 150 && counts.events - counts.applied > 100);
    for (int m = 0; m < 2; m++)
        free(streams[m]);
    machine_close(steady);
    machine_close(shaken);
}

/* How events are dealt to blocks changes neither their results nor the files they make: a subject that one
 * block touches often is as one that many blocks touch once. */
static void the_cut_into_blocks_does_not_change_results(void **context)
{
    (void)context;
    enum { COUNT = 600 };
    struct machine *coarse = machine_open(), *fine = machine_open();
    struct batch_event *events = calloc(COUNT, sizeof(*events));
    struct event_result *expected = calloc(COUNT, sizeof(*expected));

    random_state = 12;
    stream_make(LENDER, events, COUNT);
    struct batch whole = sign(coarse, LENDER, events, COUNT);
    run(coarse, &whole, 1);
    memcpy(expected, coarse->results, COUNT * sizeof(*expected));
    for (uint32_t at = 0; at < COUNT;) {
        uint32_t count = 1 + random_below(9);
        if (count > COUNT - at) count = COUNT - at;
        struct batch part = sign(fine, LENDER, events + at, count);
        run(fine, &part, 1);
        assert_memory_equal(fine->results, expected + at, count * sizeof(*expected));
        at += count;
    }
    for (uint8_t s = 0; s < 5; s++) {
        struct state_subject one, other;
        struct digest id = subject_id(s);
        assert_int_equal(state_subject_get(coarse->state, &id, &coarse->arena, &one), TALLY_OK);
        assert_int_equal(state_subject_get(fine->state, &id, &fine->arena, &other), TALLY_OK);
        assert_true(span_equal(one.bytes, other.bytes));
        assert_int_equal(one.leaf.count, other.leaf.count);
    }
    free(events);
    free(expected);
    machine_close(coarse);
    machine_close(fine);
}

static void a_subject_that_does_not_decode_is_damage(void **context)
{
    (void)context;
    struct machine *machine = machine_open();
    struct batch_event events[1];
    struct digest id = subject_id(1), other = {{1}};
    struct checkpoint checkpoint;

    assert_int_equal(state_block_begin(machine->state, 1, &other, machine->time_ms + 1000), TALLY_OK);
    assert_int_equal(state_subject_put(machine->state, &id, span_of("\x02junk", 5)), TALLY_OK);
    assert_int_equal(state_fold(machine->state, &id, &other, 0, RESULT_OK), TALLY_OK);
    struct event_result ok = {.code = RESULT_OK};
    assert_int_equal(state_result_record(machine->state, 0, &other, &ok), TALLY_OK);
    struct state_roots roots;
    assert_int_equal(state_block_end(machine->state, &roots), TALLY_OK);
    account_events(LENDER, 1, 1, 0, events);
    struct batch batch = sign(machine, LENDER, events, 1);
    struct block block = block_of(2, machine->time_ms + 2000, &batch, 1);
    assert_int_equal(execution_apply(machine->execution, &block, NULL, NULL, &checkpoint), TALLY_EDAMAGED);
    machine_close(machine);
}

static void a_batch_of_applied_events_is_known(void **context)
{
    (void)context;
    struct machine *machine = machine_open();
    struct batch_event events[4];
    struct known_event known[4];
    bool all = true;

    account_events(LENDER, 1, 1, 3, events);
    struct batch first = sign(machine, LENDER, events, 2);
    assert_int_equal(admission_known(machine->state, &first, known, &all), TALLY_OK);
    assert_false(all);
    run(machine, NULL, 0);
    run(machine, &first, 1);
    struct batch anew = fixture_batch(fixture, LENDER, events, 2, machine->time_ms + 70000);
    assert_int_equal(admission_known(machine->state, &anew, known, &all), TALLY_OK);
    assert_true(all);
    assert_int_equal(known[1].height, 2);
    assert_int_equal(known[1].index, 1);
    struct batch more = sign(machine, LENDER, events, 4);
    assert_int_equal(admission_known(machine->state, &more, known, &all), TALLY_OK);
    assert_false(all);

    /* An event that was ordered but refused is not known: it may be right by now. */
    struct batch early = sign(machine, LENDER, events + 3, 1);
    run(machine, &early, 1);
    assert_int_equal(machine->results[0].code, RESULT_GAP);
    assert_int_equal(admission_known(machine->state, &early, known, &all), TALLY_OK);
    assert_false(all);
    struct batch middle = sign(machine, LENDER, events + 2, 1);
    run(machine, &middle, 1);
    struct batch late = fixture_batch(fixture, LENDER, events + 3, 1, machine->time_ms + 70000);
    run(machine, &late, 1);
    assert_int_equal(machine->results[0].code, RESULT_OK);
    assert_int_equal(admission_known(machine->state, &early, known, &all), TALLY_OK);
    assert_true(all);
    assert_int_equal(known[0].height, machine->height);
    machine_close(machine);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_event_of_a_batch_gets_its_own_result),
        TEST(a_subjects_state_is_stored_in_its_canonical_form),
        TEST(an_account_is_known_by_its_subject_from_its_opening_on),
        TEST(a_batch_out_of_its_time_has_no_effect),
        TEST(a_batch_is_applied_once),
        TEST(a_stranger_or_a_foreign_key_changes_nothing),
        TEST(a_checkpoint_says_what_the_state_says),
        TEST(only_the_next_height_is_applied),
        TEST(the_same_blocks_give_the_same_roots_again),
        TEST(the_cut_into_blocks_does_not_change_results),
        TEST(a_subject_that_does_not_decode_is_damage),
        TEST(a_batch_of_applied_events_is_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
