// links: proof codec crypto base
/* What a proof costs: a history of 60 events among ten million subjects, n = 4, in one epoch. Its size is
 * held against a bound. The time is printed and held against none, because a busy machine takes longer; run
 * alone, with a number of rounds, this is the benchmark. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <time.h>

#include "proto/proof/verify.h"
#include "tests/vectors/samples.h"

#define EVENTS 60u
/* A leaf among ten million stands at a depth of log2(10,000,000) = 23.3 and a little more; seldom deeper than
 * this. */
#define DEPTH 26u
#define OVERHEAD_SIZE_MAX 2048u

static struct sample_network network;
static struct sample_batch history;
static struct proven_event events[EVENTS];
static struct buffer bytes, without_events; /* the whole, and the same without its events */
static uint32_t rounds = 20;

/* The bytes of the proof with fewer events: what each event adds is its own. */
static size_t size_with(struct history_proof *proof, uint32_t count, struct buffer *out)
{
    buffer_init(out, MIB);
    proof->event_count = count;
    history_proof_encode(proof, out);
    assert_false(out->failed);
    return out->size;
}

static void prove(struct history_proof *proof)
{
    struct digest subject = sample_digest("subject");
    struct digest acc = subject_fold_start(&network.chain_id, &subject);
    *proof = (struct history_proof){.subject_id = subject, .place = PLACE_PRESENT, .sibling_count = DEPTH};
    for (uint32_t i = 0; i < EVENTS; i++) {
        events[i] = (struct proven_event){.height = 1000000 + 40 * i,
            .time_ms = SAMPLE_TIME_MS + 10000 * i,
            .header = history.events[i].header,
            .has_body = true,
            .body = history.events[i].body};
        memcpy(events[i].salt, history.events[i].salt, SALT_SIZE);
        acc =
            subject_fold_step(&acc, i, events[i].height, events[i].time_ms, RESULT_OK, &history.events[i].id);
    }
    proof->events = events;
    proof->leaf = (struct subject_leaf){EVENTS, events[EVENTS - 1].height, acc, sample_digest("summary")};
    for (uint32_t i = 0; i < DEPTH; i++)
        proof->siblings[i] = sample_digest_of("sibling", i);
    struct digest position = subject_position(&network.chain_id, &subject);
    struct digest leaf = subject_leaf_hash(&position, &proof->leaf);
    struct state_parts parts = {.subjects_root = subject_path_root(&position, &leaf, proof->siblings, DEPTH),
        .members_root = sample_digest("members"),
        .policy_root = sample_digest("policy"),
        .replay_root = sample_digest("replay"),
        .counts_root = sample_digest("counts")};
    proof->members_root = parts.members_root;
    proof->policy_root = parts.policy_root;
    proof->replay_root = parts.replay_root;
    proof->counts_root = parts.counts_root;
    proof->checkpoint.checkpoint = (struct checkpoint){.chain_id = network.chain_id,
        .epoch = 1,
        .height = 1010000,
        .block = sample_digest("block"),
        .time_ms = SAMPLE_TIME_MS + 700000,
        .state_root = state_root(&parts),
        .results_root = sample_digest("results"),
        .history_root = sample_digest("history"),
        .set_hash = validator_set_hash(&network.validators.set),
        .next_set_hash = validator_set_hash(&network.validators.set)};
    sample_certify(&network, sample_quorum(&network), &proof->checkpoint);
}

static int set_up(void **state)
{
    (void)state;
    static struct history_proof proof;
    sample_network_init(&network, "chain", 4);
    sample_batch_init(&history, &network.chain_id, 7, "subject", EVENTS);
    prove(&proof);
    (void)size_with(&proof, 0, &without_events);
    (void)size_with(&proof, EVENTS, &bytes);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sample_batch_close(&history);
    buffer_close(&bytes);
    buffer_close(&without_events);
    return 0;
}

static void verify(void)
{
    static struct history_proof read;
    struct proof_trust trust = {.chain_id = network.chain_id, .validators = network.validators};
    struct proof_verdict verdict;
    struct arena arena;
    arena_init(&arena, MIB);
    int error = history_verify(&trust, buffer_span(&bytes), &arena, &read, &verdict);
    assert_int_equal(error, TALLY_OK);
    assert_int_equal(verdict.events, EVENTS);
    arena_close(&arena);
}

/* Of headers, salts and bodies alone. */
static size_t content_size(void)
{
    size_t size = 0;
    for (uint32_t i = 0; i < EVENTS; i++)
        size += events[i].header.size + SALT_SIZE + events[i].body.size;
    return size;
}

static void beyond_its_events_a_proof_is_small(void **state)
{
    (void)state;
    verify();
    assert_in_range(without_events.size, 1, OVERHEAD_SIZE_MAX);
    print_message(
        "%u events among 10 million subjects, n = 4: %zu bytes, of which %zu are events (%zu of them "
        "headers, salts and bodies) and %zu the proof\n",
        EVENTS, bytes.size, bytes.size - without_events.size, content_size(), without_events.size);
}

static uint64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    uint64_t first = *(const uint64_t *)a, second = *(const uint64_t *)b;
    return first < second ? -1 : first > second;
}

static void its_verification_is_timed(void **state)
{
    (void)state;
    uint64_t *times = malloc(rounds * sizeof *times);
    assert_non_null(times);
    for (uint32_t i = 0; i < rounds; i++) {
        uint64_t start = now_ns();
        verify();
        times[i] = now_ns() - start;
    }
    qsort(times, rounds, sizeof *times, compare);
    print_message("verified in %llu us (median of %u), p99 %llu us, at most %llu us\n",
        (unsigned long long)times[rounds / 2] / 1000, rounds,
        (unsigned long long)times[rounds - 1 - rounds / 100] / 1000,
        (unsigned long long)times[rounds - 1] / 1000);
    free(times);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(beyond_its_events_a_proof_is_small),
        cmocka_unit_test(its_verification_is_timed),
    };
    if (argc == 2) rounds = (uint32_t)strtoul(argv[1], NULL, 10);
    return rounds == 0 ? 1 : cmocka_run_group_tests(tests, set_up, tear_down);
}
