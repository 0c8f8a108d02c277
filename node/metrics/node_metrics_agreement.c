/* Agreement: where this node stands, what views came to, and who took part. */
#include "node/metrics/node_metrics_internal.h"

static void render_heights(struct exposition *exposition, const struct node_moment *moment)
{
    const struct node_status *status = &moment->status;
    metric_put(exposition, "tallystick_epoch", EXPOSITION_GAUGE, "The epoch.", status->epoch);
    metric_put(exposition, "tallystick_view", EXPOSITION_GAUGE, "The view this node is in.",
        status->replica.consensus.view);
    metric_put(exposition, "tallystick_finalized_height", EXPOSITION_GAUGE,
        "The last block that is final, and on disk here.", status->replica.consensus.durable_height);
    metric_put(exposition, "tallystick_applied_height", EXPOSITION_GAUGE,
        "The last block applied to the state.", status->applied.height);
    metric_put(exposition, "tallystick_certified_height", EXPOSITION_GAUGE,
        "The last applied block whose state a quorum has signed.",
        status->has_certified ? status->certified.checkpoint.height : 0);
}

static void render_to_come(struct exposition *exposition, const struct node_moment *moment)
{
    const struct member_register *members = &executor_register(node_executor(moment->node))->value;
    metric_put(exposition, "tallystick_epoch_settled_height", EXPOSITION_GAUGE,
        "The block after which the next epoch's validators were fixed, while it has not begun; 0 where none "
        "is "
        "wanted.",
        members->next_from);
    metric_put(exposition, "tallystick_unknown_flag_height", EXPOSITION_GAUGE,
        "Where a protocol flag is active first that this program does not know, so that it stops; 0 where "
        "there is none.",
        moment->facts.unknown_flag_from);
}

static void render_standing(struct exposition *exposition, const struct node_moment *moment)
{
    enum standing standing = standing_judge(&moment->facts);
    metric_put(exposition, "tallystick_healthy", EXPOSITION_GAUGE, "Whether nothing is wrong with this node.",
        standing_is_well(standing));
    exposition_family(exposition, "tallystick_standing", EXPOSITION_GAUGE,
        "How this node stands: 1 for the one that holds, 0 for the others.");
    for (enum standing at = STANDING_IDLE; at <= STANDING_FINALIZE_VOTES; at++)
        exposition_value(exposition, EXPOSITION_LABELS({"standing", standing_name(at)}), at == standing);
    metric_put(exposition, "tallystick_serving", EXPOSITION_GAUGE, "Whether it answers its clients.",
        node_is_serving(moment->node));
    metric_put(
        exposition, "tallystick_may_vote", EXPOSITION_GAUGE, "Whether it votes.", moment->status.may_vote);
}

static void render_work(struct exposition *exposition, const struct replica_status *replica)
{
    metric_put_ms(exposition, "tallystick_work_age_seconds",
        "How long there has been work without a pause; 0 where there is none.", replica->work_ms);
    metric_put_ms(exposition, "tallystick_final_block_age_seconds",
        "Since the last block became final here, or since the start.", replica->committed_ms_ago);
    metric_put_ms(exposition, "tallystick_vote_record_age_seconds",
        "How long the oldest vote that is not yet on disk has waited; 0 where none waits.", replica->disk_ms);
    metric_put(exposition, "tallystick_view_timeouts", EXPOSITION_GAUGE,
        "How often the time given to a view has grown by half, since a block was final.",
        replica->consensus.timeouts);
}

static void render_views(struct exposition *exposition, const struct replica_status *replica)
{
    exposition_family(exposition, "tallystick_views_entered_total", EXPOSITION_COUNTER,
        "Views entered, by what ended the one before.");
    metric_put_meters(exposition, "by", meter_entered_words, meters.views_entered, METER_ENTERED_CAUSES);
    exposition_family(exposition, "tallystick_views_given_up_total", EXPOSITION_COUNTER,
        "Views that this node voted to give up, by why.");
    metric_put_meters(exposition, "cause", meter_nullify_words, meters.views_nullified, METER_NULLIFY_CAUSES);
    metric_put(exposition, "tallystick_proposals_total", EXPOSITION_COUNTER,
        "Blocks that this node proposed.", replica->proposals_made);
    metric_put(exposition, "tallystick_votes_cast_total", EXPOSITION_COUNTER, "Votes that this node signed.",
        replica->votes_cast);
}

static void render_voters(struct exposition *exposition, const struct node_moment *moment)
{
    const struct standing_facts *facts = &moment->facts;
    uint32_t reachable = 0;
    for (uint32_t i = 0; i < facts->count; i++)
        reachable += moment->validators[i].reachable;
    metric_put(
        exposition, "tallystick_validators", EXPOSITION_GAUGE, "Validators of the epoch.", facts->count);
    metric_put(exposition, "tallystick_validators_reachable", EXPOSITION_GAUGE,
        "Validators that are linked, this node included.", reachable);
    metric_put(exposition, "tallystick_quorum", EXPOSITION_GAUGE, "How many validators it takes to agree.",
        quorum_of(facts->count));
    exposition_family(exposition, "tallystick_votes_late_total", EXPOSITION_COUNTER,
        "Finalize votes that came when their block was final here already.");
    for (uint32_t i = 0; i < moment->voter_count; i++)
        exposition_value(exposition, EXPOSITION_LABELS({"validator", moment->voters[i].name}),
            meter_get(&moment->voters[i].meters->votes_late));
    exposition_family(exposition, "tallystick_votes_missing_total", EXPOSITION_COUNTER,
        "Final blocks for which this validator's vote had not come when the next one was final here.");
    for (uint32_t i = 0; i < moment->voter_count; i++)
        exposition_value(exposition, EXPOSITION_LABELS({"validator", moment->voters[i].name}),
            meter_get(&moment->voters[i].meters->votes_missing));
}

static void render_spoken(struct exposition *exposition, const struct node_moment *moment)
{
    exposition_family(exposition, "tallystick_validator_spoken_age_seconds", EXPOSITION_GAUGE,
        "Since the last vote or proposal of this validator that was new here; absent where none came yet.");
    for (uint32_t i = 0; i < moment->voter_count; i++) {
        uint64_t ms = moment->voters[i].spoken.ms_ago;
        if (ms != UINT64_MAX)
            exposition_seconds(
                exposition, EXPOSITION_LABELS({"validator", moment->voters[i].name}), ms * 1000000u);
    }
    exposition_family(exposition, "tallystick_evidence_total", EXPOSITION_COUNTER,
        "Pairs of messages seen that no honest validator signs both of, by what they are.");
    for (uint32_t i = 0; i < moment->voter_count; i++)
        for (uint32_t kind = 0; kind < METER_EVIDENCE_KINDS; kind++)
            exposition_value(exposition,
                EXPOSITION_LABELS(
                    {"validator", moment->voters[i].name}, {"kind", meter_evidence_words[kind]}),
                meter_get(&moment->voters[i].meters->evidence[kind]));
}

static void render_final(struct exposition *exposition)
{
    metric_put(exposition, "tallystick_blocks_finalized_total", EXPOSITION_COUNTER,
        "Blocks that became final, and are on disk here.", meter_get(&meters.blocks_finalized));
    metric_put(exposition, "tallystick_batches_finalized_total", EXPOSITION_COUNTER, "Batches in them.",
        meter_get(&meters.batches_finalized));
    metric_put(exposition, "tallystick_events_finalized_total", EXPOSITION_COUNTER, "Events in them.",
        meter_get(&meters.events_finalized));
}

static void render_checkpoints(struct exposition *exposition, const struct standing_facts *facts)
{
    metric_put(exposition, "tallystick_checkpoints_signed_total", EXPOSITION_COUNTER,
        "Checkpoints that this node signed.", meter_get(&meters.checkpoints_signed));
    metric_put(exposition, "tallystick_divergences_total", EXPOSITION_COUNTER,
        "How often a quorum had signed another state than this node computed.",
        meter_get(&meters.divergences));
    metric_put(exposition, "tallystick_state_split", EXPOSITION_GAUGE,
        "Whether validators signed different states of one height, and no quorum agrees.", facts->split);
}

void node_metrics_agreement(struct exposition *exposition, const struct node_moment *moment)
{
    render_heights(exposition, moment);
    render_to_come(exposition, moment);
    render_standing(exposition, moment);
    render_work(exposition, &moment->status.replica);
    render_views(exposition, &moment->status.replica);
    render_voters(exposition, moment);
    render_spoken(exposition, moment);
    render_final(exposition);
    render_checkpoints(exposition, &moment->facts);
}
