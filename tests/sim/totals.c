#include "tests/sim/totals.h"

#include <inttypes.h>
#include <stdio.h>

static void counters_add(struct counters *total, const struct counters *run)
{
    total->blocks += run->blocks;
    total->crashes += run->crashes;
    total->restarts += run->restarts;
    total->partitions += run->partitions;
    total->messages += run->messages;
    total->lost += run->lost;
    total->events += run->events;
    total->seals += run->seals;
    total->joins += run->joins;
    total->joins_late += run->joins_late;
    total->joined_votes += run->joined_votes;
    total->joins_refused += run->joins_refused;
    total->double_proposals += run->double_proposals;
    total->double_votes += run->double_votes;
    total->evidence += run->evidence;
    total->tails_torn += run->tails_torn;
    total->records_lost += run->records_lost;
    total->disk_errors += run->disk_errors;
    total->blocks_replayed += run->blocks_replayed;
    total->events_ordered += run->events_ordered;
    total->events_applied += run->events_applied;
    total->checkpoints_certified += run->checkpoints_certified;
}

static void share_add(struct share *share, uint64_t used, uint64_t bound, uint64_t seed)
{
    if (bound == 0 || used * 1000 / bound <= share->per_mille) return;
    *share = (struct share){used * 1000 / bound, seed};
}

void totals_add(struct totals *totals, const struct plan *plan, const struct verdict *verdict)
{
    totals->runs++;
    totals->runs_of[plan->validators]++;
    counters_add(&totals->counters, &verdict->counters);
    if (verdict->culprits_max > 0) {
        if (totals->forks++ == 0 || verdict->culprits_min < totals->culprits_min)
            totals->culprits_min = verdict->culprits_min;
        if (verdict->culprits_max > totals->culprits_max) totals->culprits_max = verdict->culprits_max;
    }
    totals->trace_digest = dice_scatter(totals->trace_digest ^ verdict->trace_digest);
    share_add(&totals->recovery, verdict->recovery_ms, verdict->recovery_bound_ms, plan->seed);
    share_add(&totals->calm, verdict->calm_ms_max, verdict->calm_bound_ms, plan->seed);
    if (verdict->violation[0] == '\0') return;
    if (totals->violations++ == 0) totals->first_bad_seed = plan->seed;
}

/* "4": 12, "7": 3: how many runs were of which size. */
static void print_sizes(const struct totals *totals, const char *quote)
{
    const char *between = "";
    for (uint32_t n = 0; n <= VALIDATORS_MAX; n++) {
        if (totals->runs_of[n] == 0) continue;
        printf("%s%s%u%s: %" PRIu64, between, quote, n, quote, totals->runs_of[n]);
        between = ", ";
    }
}

void totals_print_json(const struct totals *totals, double seconds)
{
    const struct counters *counters = &totals->counters;
    char seed[24] = "null";
    if (totals->violations > 0) snprintf(seed, sizeof seed, "%" PRIu64, totals->first_bad_seed);
    printf("{\"runs\": %" PRIu64 ", \"violations\": %" PRIu64 ", \"first_bad_seed\": %s, \"sizes\": {",
        totals->runs, totals->violations, seed);
    print_sizes(totals, "\"");
    printf("}, \"blocks\": %" PRIu64 ", \"messages\": %" PRIu64 ", \"lost\": %" PRIu64
           ", \"events\": %" PRIu64,
        counters->blocks, counters->messages, counters->lost, counters->events);
    printf(", \"crashes\": %" PRIu64 ", \"restarts\": %" PRIu64 ", \"partitions\": %" PRIu64,
        counters->crashes, counters->restarts, counters->partitions);
    printf(", \"seals\": %" PRIu64 ", \"joins\": %" PRIu64 ", \"joins_late\": %" PRIu64, counters->seals,
        counters->joins, counters->joins_late);
    printf(", \"joined_votes\": %" PRIu64 ", \"joins_refused\": %" PRIu64, counters->joined_votes,
        counters->joins_refused);
    printf(", \"tails_torn\": %" PRIu64 ", \"records_lost\": %" PRIu64 ", \"disk_errors\": %" PRIu64,
        counters->tails_torn, counters->records_lost, counters->disk_errors);
    printf(", \"blocks_replayed\": %" PRIu64 ", \"events_ordered\": %" PRIu64 ", \"events_applied\": %" PRIu64
           ", \"checkpoints_certified\": %" PRIu64,
        counters->blocks_replayed, counters->events_ordered, counters->events_applied,
        counters->checkpoints_certified);
    printf(", \"double_proposals\": %" PRIu64 ", \"double_votes\": %" PRIu64 ", \"evidence\": %" PRIu64,
        counters->double_proposals, counters->double_votes, counters->evidence);
    printf(", \"forks\": %" PRIu64 ", \"culprits_min\": %u, \"culprits_max\": %u", totals->forks,
        totals->culprits_min, totals->culprits_max);
    printf(", \"recovery_share_max\": %.3f, \"calm_share_max\": %.3f",
        (double)totals->recovery.per_mille / 1000, (double)totals->calm.per_mille / 1000);
    printf(", \"trace_digest\": \"%016" PRIx64 "\", \"seconds\": %.2f}\n", totals->trace_digest, seconds);
}

void totals_print(const struct totals *totals, double seconds)
{
    const struct counters *counters = &totals->counters;
    printf("%" PRIu64 " runs in %.1f s (%.0f a second), %" PRIu64 " violations\n", totals->runs, seconds,
        (double)totals->runs / seconds, totals->violations);
    if (totals->violations > 0) printf("first bad seed: %" PRIu64 "\n", totals->first_bad_seed);
    printf("runs by number of validators: ");
    print_sizes(totals, "");
    printf("\n%" PRIu64 " blocks, %" PRIu64 " messages (%" PRIu64 " lost), %" PRIu64 " crashes, %" PRIu64
           " restarts, %" PRIu64 " partitions\n",
        counters->blocks, counters->messages, counters->lost, counters->crashes, counters->restarts,
        counters->partitions);
    printf("%" PRIu64 " epochs sealed; %" PRIu64 " joins by seals, %" PRIu64
           " of them into epoch 3 or later; %" PRIu64 " epochs voted in after a join; %" PRIu64
           " false chains of seals refused\n",
        counters->seals, counters->joins, counters->joins_late, counters->joined_votes,
        counters->joins_refused);
    printf("%" PRIu64 " torn tails of vote records, %" PRIu64 " records lost, %" PRIu64
           " processes ended by their disks\n",
        counters->tails_torn, counters->records_lost, counters->disk_errors);
    if (counters->events_ordered > 0)
        printf("%" PRIu64 " events ordered, %" PRIu64 " of them applied; %" PRIu64
               " checkpoints certified; %" PRIu64 " blocks replayed at restarts\n",
            counters->events_ordered, counters->events_applied, counters->checkpoints_certified,
            counters->blocks_replayed);
    printf("views in which a liar said two things: %" PRIu64 " by proposals, %" PRIu64 " by votes; %" PRIu64
           " pieces of evidence held\n",
        counters->double_proposals, counters->double_votes, counters->evidence);
    if (totals->forks > 0)
        printf("runs with a fork: %" PRIu64 ", each blamed on %u to %u validators, all of them liars\n",
            totals->forks, totals->culprits_min, totals->culprits_max);
    if (totals->recovery.per_mille > 0)
        printf("the bound on progress was used up to %.1f %% after faults (seed %" PRIu64
               ") and %.1f %% in calm (seed %" PRIu64 ")\n",
            (double)totals->recovery.per_mille / 10, totals->recovery.seed,
            (double)totals->calm.per_mille / 10, totals->calm.seed);
    printf("trace %016" PRIx64 "\n", totals->trace_digest);
}
