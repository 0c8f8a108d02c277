#include "consensus/core.h"

#include <stdlib.h>

static bool config_valid(const struct consensus_config *config)
{
    const struct validator_set *set = &config->set;
    if (set->count < VALIDATORS_MIN || set->count > VALIDATORS_MAX) return false;
    if (config->signer >= set->count && config->signer != SIGNER_NONE) return false;
    if (config->peer_count < set->count || config->peer_count > PEERS_MAX) return false;
    return config->base_timeout_ms >= 1 && config->base_timeout_ms <= TIMEOUT_MS_MAX;
}

static bool floor_valid(const struct consensus_config *config, const struct consensus_floor *floor)
{
    const struct block_header *header = &floor->header;
    const struct certificate *finalization = &floor->finalization;
    if (floor->height == 0) return floor->view == 0 && digest_equal(&floor->block, &config->chain_id);
    if (!digest_equal(&header->chain_id, &config->chain_id) || header->height != floor->height) return false;
    bool fresh = header->seals && header->epoch + 1 == config->set.epoch;
    if (!fresh && header->epoch != config->set.epoch) return false;
    if (floor->view != (fresh ? 0 : header->view)) return false;
    if (!floor->has_finalization || finalization->kind != VOTE_FINALIZE) return false;
    if (finalization->epoch != header->epoch || floor->seal_path_count > SEAL_PATH_MAX) return false;
    if (floor->seal_path_count > 0)
        return header->seals && floor->seal_path && finalization->view > header->view;
    return finalization->view == header->view && digest_equal(&finalization->block, &floor->block);
}

/* The floor's own certificate admits: the view after it is where a replica with nothing else on disk
 * begins. */
static void floor_open(struct consensus *c, const struct consensus_floor *floor)
{
    c->floor = *floor;
    c->durable_height = floor->height;
    c->durable_view = floor->view;
    c->view = floor->view + 1;
    c->tip_view = floor->view;
    c->view_low = floor->view > VIEWS_BELOW_FLOOR + 1 ? floor->view - VIEWS_BELOW_FLOOR - 1 : 0;
    if (epoch_fresh(c)) return;
    c->view = floor->finalization.view + 1;
    c->has_best = true;
    c->best = floor->finalization;
    c->has_admission = true;
    c->admission = floor->finalization;
}

int consensus_open(
    const struct consensus_config *config, const struct consensus_floor *floor, struct consensus **consensus)
{
    CHECK(config && floor && consensus);
    if (!config_valid(config) || !floor_valid(config, floor)) return TALLY_EINVALID;
    struct consensus *c = calloc(1, sizeof *c);
    if (!c) return TALLY_ENOMEM;
    c->config = *config;
    c->n = config->set.count;
    c->q = quorum_of(c->n);
    c->f = faults_of(c->n);
    c->slot_stride = slot_size(c->n, c->q);
    c->block_free = BLOCK_NONE;
    c->block_newest = BLOCK_NONE;
    for (uint32_t i = 0; i < BLOCK_BUCKETS; i++)
        c->buckets[i] = BLOCK_NONE;
    c->slots = calloc(VIEWS_HELD, c->slot_stride);
    c->blocks = calloc(BLOCKS_HELD, sizeof *c->blocks);
    c->path = calloc(BLOCKS_HELD, sizeof *c->path);
    c->seal_path = calloc(SEAL_PATH_MAX, sizeof *c->seal_path);
    c->nullifications = calloc(VIEWS_SKIPPED_MAX, sizeof *c->nullifications);
    c->outputs = calloc(OUTPUTS_HELD, sizeof *c->outputs);
    c->certificates_out = calloc(CERTIFICATES_OUT, sizeof *c->certificates_out);
    if (!c->slots || !c->blocks || !c->path || !c->seal_path || !c->nullifications || !c->outputs ||
        !c->certificates_out) {
        consensus_close(c);
        return TALLY_ENOMEM;
    }
    c->range_peer = (uint32_t)(config->seed % c->n);
    floor_open(c, floor);
    *consensus = c;
    return TALLY_OK;
}

void consensus_close(struct consensus *c)
{
    if (!c) return;
    free(c->slots);
    free(c->blocks);
    free(c->path);
    free(c->seal_path);
    free(c->nullifications);
    free(c->outputs);
    free(c->certificates_out);
    free(c);
}

size_t consensus_memory(uint32_t n)
{
    return sizeof(struct consensus) + VIEWS_HELD * slot_size(n, quorum_of(n)) +
           BLOCKS_HELD * (sizeof(struct block) + sizeof(uint32_t)) +
           SEAL_PATH_MAX * sizeof(struct block_header) +
           (VIEWS_SKIPPED_MAX + CERTIFICATES_OUT) * sizeof(struct certificate) +
           OUTPUTS_HELD * sizeof(struct consensus_output);
}

/* The first step: clocks are known from here on. Payloads that a restart did not find are asked for. */
static void start(struct consensus *c)
{
    c->started = true;
    c->entered_ms = c->now_ms;
    c->finalized_ms = c->now_ms;
    c->tip_seen_ms = c->now_ms;
    c->timed_out_views = 0;
    peers_heard(c, UINT64_MAX);
    struct consensus_output *entered = emit(c, OUTPUT_ENTERED);
    entered->view = c->view;
    entered->cause = CAUSE_START;
    for (struct block *block = block_newest(c); block; block = block_older(c, block)) {
        if (block->payload == PAYLOAD_HELD) continue;
        struct consensus_output *output = emit(c, OUTPUT_NEED_PAYLOAD);
        uint32_t leader = leader_of(block->header.view, c->n);
        output->peer = leader == c->config.signer ? (leader + 1) % c->n : leader;
        output->block = block->hash;
        output->header = block->header;
    }
}

static void link_set(struct consensus *c, uint32_t peer, bool up)
{
    CHECK(peer < c->config.peer_count);
    struct peer_state *state = &c->peers[peer];
    /* What it was helped with and served stays counted: a link that comes and goes must not win more of
     * either. */
    state->up = up;
    state->view = 0;
    if (!up) return;
    if (peer < c->n) peers_heard(c, UINT64_C(1) << peer);
    resend_link_up(c, peer);
    catchup_link_up(c, peer);
}

static void take_in(struct consensus *c, const struct consensus_input *input)
{
    switch (input->kind) {
    case INPUT_TIME:
        break;
    case INPUT_LINK_UP:
        link_set(c, input->peer, true);
        break;
    case INPUT_LINK_DOWN:
        link_set(c, input->peer, false);
        break;
    case INPUT_RECEIVED:
        if (input->peer < c->n) peers_heard(c, UINT64_C(1) << input->peer);
        admit_received(c, input);
        break;
    case INPUT_VERIFIED:
        admit_verified(c, input);
        break;
    case INPUT_SIGNED_VOTE:
        vote_signed(c, &input->vote);
        break;
    case INPUT_PROPOSED:
        propose_answered(c, input);
        break;
    case INPUT_DURABLE:
        records_durable(c, input->sequence);
        break;
    case INPUT_PAYLOAD:
        payload_judged(c, &input->block, input->ok);
        break;
    case INPUT_WORK:
        c->payload_waiting = input->ok;
        break;
    case INPUT_APPENDED:
        appended(c, input->height);
        break;
    case INPUT_SEAL:
        c->seal_wanted = input->ok;
        c->seal_next_set = input->block;
        break;
    case INPUT_HEARD:
        peers_heard(c, input->heard);
        break;
    }
}

/* Once through is a fixpoint: in this order nothing later makes anything earlier possible, since an own
 * vote counts only when it comes back durable, as an input of its own. */
static void settle(struct consensus *c)
{
    if (!c->commit_used) commit_try(c);
    if (epoch_ended(c)) {
        c->working = false;
        return;
    }
    work_update(c);
    finalize_try(c);
    notarize_try(c);
    nullify_try(c);
    timer_try(c);
    propose_try(c);
    resend_try(c);
    catchup_try(c);
}

void consensus_step(struct consensus *c, const struct consensus_input *input)
{
    CHECK(c && input);
    emit_begin(c);
    /* A clock that is set back stands still here. */
    if (input->now_ms > c->now_ms) c->now_ms = input->now_ms;
    c->wall_ms = input->wall_ms;
    if (!c->started) start(c);
    uint64_t view = c->view, floor_height = c->floor.height;
    take_in(c, input);
    settle(c);
    CHECK(c->view >= view && c->floor.height >= floor_height);
    CHECK(c->view > c->floor.view && c->best.view >= c->floor.view);
}

const struct consensus_output *consensus_next_output(struct consensus *c)
{
    return c->output_next < c->output_count ? &c->outputs[c->output_next++] : NULL;
}

uint64_t consensus_wake_ms(const struct consensus *c)
{
    if (!c->started) return 0;
    if (epoch_ended(c)) return UINT64_MAX;
    uint64_t wake = timer_wake(c);
    uint64_t other = resend_wake(c);
    if (other < wake) wake = other;
    other = catchup_wake(c);
    return other < wake ? other : wake;
}

static void candidates_status(
    const struct consensus *c, const struct view_slot *slot, struct consensus_status *status)
{
    for (uint32_t i = 0; i < slot->block_count; i++) {
        const struct block *block = &c->blocks[slot->blocks[i]];
        uint64_t ready_wall_ms;
        status->proposed = true;
        if (block->payload != PAYLOAD_HELD) continue;
        status->payload_held = true;
        status->too_early = status->too_early || !block_time_ready(c, block, &ready_wall_ms);
    }
}

void consensus_status(const struct consensus *c, struct consensus_status *status)
{
    CHECK(c && status);
    memset(status, 0, sizeof *status);
    status->view = c->view;
    status->floor_height = c->floor.height;
    status->floor_view = c->floor.view;
    status->durable_height = c->durable_height;
    status->tip_view = c->tip_view > c->floor.view ? c->tip_view : c->floor.view;
    status->timeouts = c->timed_out_views / (c->f + 1);
    status->working = c->working;
    status->sealed = epoch_ended(c);
    const struct view_slot *tip = view_find(c, c->tip_view);
    status->tip_block = c->floor.block;
    if (c->tip_view > c->floor.view && slot_has(tip, VOTE_NOTARIZE))
        status->tip_block = tip->certificates[VOTE_NOTARIZE - 1].block;
    if (c->best.view > c->floor.view && c->best.view >= c->tip_view) status->tip_block = c->best.block;
    status->best_view = c->best.view;
    status->work_since_ms = c->work_since_ms;
    status->silent_view = c->silent_view;
    status->tip_held = c->tip_view <= c->floor.view || block_find(c, &status->tip_block);
    if (c->tip_view > c->floor.view && tip)
        status->tip_finalize_voters = tip->present[VOTE_FINALIZE - 1][VOTE_FIRST];
    const struct view_slot *slot = view_find(c, c->view);
    if (!slot) return;
    status->equivocated = slot->equivocated;
    status->timed_out = slot->nullified_by_timer;
    candidates_status(c, slot, status);
    status->notarize_voters = slot->present[VOTE_NOTARIZE - 1][VOTE_FIRST];
    status->finalize_voters = slot->present[VOTE_FINALIZE - 1][VOTE_FIRST];
    status->nullify_voters = slot->present[VOTE_NULLIFY - 1][VOTE_FIRST];
}
