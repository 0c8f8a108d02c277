// links: sim
/* The simulator's command line: what is asked for is done, or refused in a sentence that says what to give.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/sim/options.h"

#define WORDS_MAX 20

static int parsed(const char *line, struct options *options, char why[OPTIONS_WHY_SIZE])
{
    char words[200], *arguments[WORDS_MAX + 1] = {NULL}, *rest = words;
    int count = 0;
    assert_in_range(snprintf(words, sizeof words, "tally-sim %s", line), 0, sizeof words - 1);
    for (char *word; (word = strsep(&rest, " ")) != NULL; count++) {
        assert_in_range(count, 0, WORDS_MAX - 1);
        arguments[count] = word;
    }
    why[0] = '\0';
    return options_parse(count, arguments, options, why);
}

static struct options taken(const char *line)
{
    struct options options;
    char why[OPTIONS_WHY_SIZE];
    int error = parsed(line, &options, why);
    assert_string_equal(why, "");
    assert_int_equal(error, TALLY_OK);
    return options;
}

static void refused(const char *line, const char *sentence)
{
    struct options options;
    char why[OPTIONS_WHY_SIZE];
    assert_int_equal(parsed(line, &options, why), TALLY_EINVALID);
    if (strstr(why, sentence) == NULL) fail_msg("%s: %s", line, why);
}

static void a_seed_is_one_run_and_runs_are_many(void **state)
{
    (void)state;
    struct options options = taken("--seed 18446744073709551615");
    assert_int_equal(options.from, UINT64_MAX);
    assert_int_equal(options.runs, 1);
    options = taken("--runs 9 --from 5");
    assert_int_equal(options.from, 5);
    assert_int_equal(options.runs, 9);
    assert_int_equal(taken("--runs 9").from, 0);
    assert_true(taken("--help").help);
}

static void what_is_not_asked_for_is_left_to_the_seed(void **state)
{
    (void)state;
    struct options options = taken("--seed 1");
    assert_int_equal(options.wish.validators, 0);
    assert_int_equal(options.wish.observers, UINT32_MAX);
    assert_int_equal(options.wish.liars, UINT32_MAX);
    assert_int_equal(options.wish.faults, FAULTS_ALL);
    assert_false(options.wish.twins || options.wish.full || options.json || options.traced);
    options = taken("--seed 1 --nodes 7 --observers 2 --blocks 3 --faults loss,slow --liars 5 --full --json");
    assert_int_equal(options.wish.validators, 7);
    assert_int_equal(options.wish.observers, 2);
    assert_int_equal(options.wish.blocks, 3);
    assert_int_equal(options.wish.faults, FAULT_LOSS | FAULT_SLOW);
    assert_int_equal(options.wish.liars, 5);
    assert_true(options.wish.full && options.json);
}

static void a_value_out_of_its_range_is_refused(void **state)
{
    (void)state;
    refused("--seed 1 --nodes 3", "--nodes does not take 3");
    refused("--seed 1 --nodes 65", "--nodes");
    refused("--seed 1 --observers 5", "--observers");
    refused("--seed -1", "--seed");
    refused("--seed 18446744073709551616", "--seed");
    refused("--runs 0 --from 1", "--runs");
    refused("--seed 1 --blocks 1x", "--blocks does not take 1x");
    refused("--seed 1 --faults earthquake", "--faults does not take earthquake");
    refused("--seed 1 --liars few", "--liars");
    refused("--seed 1 --fast", "--help");
    refused("--seed", "--help");
    refused("--seed 1 2", "nothing but options");
}

static void one_run_and_many_contradict(void **state)
{
    (void)state;
    refused("--nodes 4", "--seed S for one run, or --runs K --from S");
    refused("--from 3", "--runs K --from S");
    refused("--seed 1 --runs 3", "--seed S alone");
    refused("--from 1 --seed 3", "--seed S alone");
    refused("--seed 1 --json --trace", "give one of them");
}

static void twins_are_one_liar_and_no_faults(void **state)
{
    (void)state;
    refused("--twins --liars 1 --seed 1", "leave out --liars");
    refused("--liars forking --twins --seed 1", "leave out --liars");
    refused("--twins --seed 1 --faults crash", "--twins has no fault but reorder");
    refused("--twins --seed 1 --faults reorder,loss", "--twins has no fault but reorder");
    assert_true(taken("--twins --seed 1 --faults reorder").wish.twins);
    assert_true(taken("--twins --seed 1 --faults none").wish.twins);
    assert_true(taken("--twins --seed 1 --faults all").wish.twins);
    /* These go together: what is asked for is drawn. */
    struct plan plan;
    struct options options = taken("--twins --full --nodes 5 --observers 2 --blocks 3 --seed 1");
    plan_draw(options.from, &options.wish, &plan);
    assert_int_equal(plan.shape, SHAPE_TWINS);
    assert_true(plan.full);
    assert_int_equal(plan.validators, 5);
    assert_int_equal(plan.observers, 2);
    assert_int_equal(plan.blocks, 3);
}

/* The number that is taken is the number that is drawn, whatever the seed. */
static void two_validators_are_honest(void **state)
{
    (void)state;
    refused("--seed 1 --liars 3", "give --nodes N, of at least L + 2");
    refused("--seed 1 --nodes 10 --liars 9", "give --nodes N, of at least L + 2");
    static const char *const lines[] = {
        "--seed 1 --liars 2", "--seed 1 --liars 0", "--seed 1 --nodes 10 --liars 8"};
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        struct options options = taken(lines[i]);
        for (uint64_t seed = 1; seed <= 100; seed++) {
            struct plan plan;
            plan_draw(seed, &options.wish, &plan);
            assert_int_equal(plan.liars, options.wish.liars);
        }
    }
}

static void a_fault_that_there_cannot_be_is_refused(void **state)
{
    (void)state;
    refused("--seed 1 --full --faults epochs,loss", "without --full");
    refused("--seed 1 --nodes 31 --faults epochs", "16 --nodes at most");
    refused("--seed 1 --faults joins,loss", "name epochs too");
    (void)taken("--seed 1 --faults joins,epochs");
    refused("--seed 1 --nodes 10 --faults slow", "7 --nodes at most");
    refused("--seed 1 --liars forking --faults lost-disk", "where the chain forks");
    refused("--seed 1 --nodes 7 --liars 3 --faults epochs", "where the chain forks");
    (void)taken("--seed 1 --nodes 7 --liars 2 --faults epochs,lost-disk");
    (void)taken("--seed 1 --full --faults loss");
    (void)taken("--seed 1 --full --nodes 64 --liars forking --faults all");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_seed_is_one_run_and_runs_are_many),
        cmocka_unit_test(what_is_not_asked_for_is_left_to_the_seed),
        cmocka_unit_test(a_value_out_of_its_range_is_refused),
        cmocka_unit_test(one_run_and_many_contradict),
        cmocka_unit_test(twins_are_one_liar_and_no_faults),
        cmocka_unit_test(two_validators_are_honest),
        cmocka_unit_test(a_fault_that_there_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
