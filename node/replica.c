#include "node/replica.h"

#include <stdlib.h>

#include "node/clock.h"
#include "node/evidence.h"
#include "node/metrics/meters.h"
#include "node/net/log.h"
#include "node/own_votes.h"
#include "node/ranges.h"
#include "node/replica_internal.h"
#include "proto/base/check.h"

/* Checks under way for one peer: past that its messages are let go, and it will send them again. */
#define CHECKS_PER_PEER_MAX 64u
#define INLINE_SIGNATURES_MAX 4u
#define FLOOR_ARENA_BUDGET (64u * MIB)

_Static_assert(ROSTER_NONE == SIGNER_NONE, "who has no seat does not sign");

/* ---- Inputs: queued while the core's outputs are carried out, fed one at a time ---- */

void replica_feed(struct replica *replica, const struct consensus_input *input, struct peer_message *message)
{
    struct queued_input *queued = calloc(1, sizeof *queued);
    CHECK(queued != NULL);
    queued->input = *input;
    queued->message = message == NULL ? NULL : peer_message_share(message);
    if (message != NULL) queued->input.message = message->message;
    *replica->inputs_end = queued;
    replica->inputs_end = &queued->next;
}

static void feed_and_pump(
    struct replica *replica, const struct consensus_input *input, struct peer_message *message)
{
    replica_feed(replica, input, message);
    replica_pump(replica);
}

/* ---- Signatures of messages ---- */

struct check_job {
    struct job job;
    struct replica *replica;
    uint32_t peer;
    struct peer_message *message;
    int error;
};

static void run_check(struct job *job)
{
    struct check_job *check = (struct check_job *)(void *)job;
    check->error = peer_message_check(check->message, check->replica->validators, check->replica->chain_id);
}

/* What a leader's clock says of ours. */
static void watch_clocks(struct replica *replica, const struct block_header *header)
{
    const struct validator_set *set = &replica->validators->set;
    uint32_t leader = leader_of(header->view, set->count);
    int64_t ahead_ms;
    switch (clock_watch_proposal(
        &replica->clocks, leader, header->time_ms, clock_wall_ms(), clock_now_ms(), &ahead_ms)) {
    case CLOCK_FINE:
        return;
    case CLOCK_LEADER_OFF:
        LOG_UNUSUAL("a leader's clock is ahead of this node's, or this node's is behind",
            LOG_S("leader", roster_validator_name(replica->roster, leader)), LOG_I("ahead_ms", ahead_ms));
        return;
    case CLOCK_OWN_OFF:
        LOG_UNUSUAL("this node's clock is off: more leaders differ from it than may be wrong",
            LOG_I("this_node_ahead_ms", -ahead_ms));
        return;
    }
    CHECK_UNREACHABLE();
}

static void heard(struct replica *replica, uint32_t validator, uint64_t view)
{
    CHECK(validator < VALIDATORS_MAX);
    replica->voices[validator].ms = clock_now_ms();
    replica->voices[validator].view = view;
}

/* Who spoke, by signature, whatever link brought it. */
static void heard_message(struct replica *replica, const struct consensus_message *message)
{
    if (message->kind == MESSAGE_VOTE) heard(replica, message->vote->signer, message->vote->view);
    if (message->kind != MESSAGE_PROPOSAL) return;
    uint64_t view = message->proposal->header.view;
    heard(replica, leader_of(view, replica->validators->set.count), view);
}

static void peers_of(const struct replica *replica, struct range_peers *peers)
{
    uint32_t validators = replica->validators->set.count;
    *peers = (struct range_peers){.count = PEERS_MAX, .validator_count = validators};
    for (uint32_t i = 0; i < peers->count; i++) {
        struct links_status status = {0};
        uint32_t slot = roster_slot(replica->roster, i);
        if (slot != ROSTER_NONE) links_peer_status(replica->links, slot, &status);
        peers->up[i] = status.up;
        peers->validator[i] = i < validators && i != replica->signer;
    }
}

/* Whoever has lost bodies answers without them, and that is as no answer: somebody else is asked. What nobody
 * has any more is done without: all that is signed, and all that the rules read, is there. */
static bool bodies_suffice(struct replica *replica, uint32_t peer, const struct peer_message *message)
{
    uint64_t first = message->blocks[0].header.height, bare_to = 0;
    struct range_peers peers;
    for (uint32_t i = 0; i < message->block_count; i++)
        if (!block_is_whole(&message->blocks[i])) bare_to = message->blocks[i].header.height;
    range_watch_answered(&replica->ranges, peer, bare_to);
    if (bare_to == 0) return true;
    peers_of(replica, &peers);
    if (range_watch_gone_to(&replica->ranges, &peers, clock_now_ms()) >= bare_to) {
        LOG_UNUSUAL(
            "blocks are taken without bodies that no peer has", LOG_U("from", first), LOG_U("to", bare_to));
        return true;
    }
    uint32_t next = range_watch_next(&replica->ranges, &peers, bare_to);
    if (next < PEERS_MAX) replica_ask_for_range(replica, next, first);
    return false;
}

/* A signature of this node's own, in a view in which it does not know to have signed: its home was put back
 * from a copy, or another process has its key (R13). */
static void watch_own(struct replica *replica, const struct consensus_message *message)
{
    struct guard_mark seen = own_votes_newest(message, replica->signer, replica->validators->set.count);
    /* Numbers of signers are this epoch's. */
    if (!replica->may_vote || seen.epoch != replica->validators->set.epoch) return;
    if (!guard_mark_before(replica->known, seen)) return;
    char reason[160];
    snprintf(reason, sizeof reason,
        "a peer has its signature of view %" PRIu64 ", and the newest that it knows of is of view %" PRIu64,
        seen.view, replica->known.view);
    replica_mute(replica, reason);
}

static void verified(struct replica *replica, uint32_t peer, struct peer_message *message, int error)
{
    if (error != TALLY_OK)
        LOG_UNUSUAL("a message failed its check", LOG_U("peer", peer), LOG_U("kind", message->message.kind),
            LOG_E("why", error));
    bool ok = error == TALLY_OK, kept = true;
    if (ok && message->message.kind == MESSAGE_RANGE && !bodies_suffice(replica, peer, message)) return;
    if (ok && message->message.kind == MESSAGE_PROPOSAL)
        watch_clocks(replica, &message->message.proposal->header);
    if (ok && message->message.kind == MESSAGE_PROPOSAL)
        kept = candidates_add(replica->candidates, message) != NULL;
    if (ok && message->message.kind == MESSAGE_RANGE)
        for (uint32_t i = 0; i < message->block_count; i++)
            kept = candidates_add_finalized(replica->candidates, message, i) != NULL && kept;
    /* What finds no room is as if it had never come: not the peer's fault, and it will come again. */
    if (!kept) return;
    if (ok) heard_message(replica, &message->message);
    if (ok) watch_own(replica, &message->message);
    replica_feed(replica, &(struct consensus_input){.kind = INPUT_VERIFIED, .peer = peer, .ok = ok}, message);
}

static void check_done(struct job *job)
{
    struct check_job *check = (struct check_job *)(void *)job;
    struct replica *replica = check->replica;
    replica->checks[check->peer]--;
    if (!replica->closing) {
        verified(replica, check->peer, check->message, check->error);
        replica_pump(replica);
    }
    peer_message_release(check->message);
    free(check);
}

/* OUTPUT_VERIFY speaks of the message that was just fed. Few signatures are checked here, many by a worker.
 */
static void verify(struct replica *replica, uint32_t peer)
{
    struct peer_message *message = replica->current->message;
    CHECK(message != NULL);
    if (peer_message_cost(message, quorum_of(replica->validators->set.count)) <= INLINE_SIGNATURES_MAX) {
        verified(replica, peer, message, peer_message_check(message, replica->validators, replica->chain_id));
        return;
    }
    struct check_job *check = calloc(1, sizeof *check);
    CHECK(check != NULL);
    *check = (struct check_job){
        .job = {.run = run_check, .done = check_done},
        .replica = replica,
        .peer = peer,
        .message = peer_message_share(message),
    };
    replica->checks[peer]++;
    worker_submit(replica->options.checkers, &check->job);
}

/* ---- Own votes ---- */

/* Why the current view is given up (R5). */
static enum meter_nullify nullify_cause(const struct replica *replica)
{
    struct consensus_status status;
    consensus_status(replica->consensus, &status);
    if (status.timed_out) return METER_NULLIFY_TIMER;
    if (status.equivocated) return METER_NULLIFY_EQUIVOCATION;
    return status.proposed ? METER_NULLIFY_REJECTED : METER_NULLIFY_SILENT_LEADER;
}

void replica_mute(struct replica *replica, const char *reason)
{
    LOG_BROKEN("this validator follows and does not vote", LOG_S("why", reason));
    replica->may_vote = false;
    snprintf(replica->mute_reason, sizeof replica->mute_reason, "%s", reason);
}

int replica_sign(struct replica *replica, const struct signing *what, const struct digest *digest,
    struct signature *signature)
{
    const struct guard_mark mark = {what->epoch, what->view};
    int error = guard_allow(replica->guard, what, digest);
    if (error != TALLY_OK) {
        replica_mute(replica, "it was about to contradict what it had signed");
        return error;
    }
    error = node_signer_sign(replica->options.signer, what, digest, signature);
    if (error != TALLY_OK)
        replica->options.callbacks->on_failed(replica->options.context, "the signer", error);
    else if (guard_mark_before(replica->known, mark))
        replica->known = mark;
    return error;
}

/* A vote that is never signed is as one that was lost: the core asks for no other. */
static void sign_vote(struct replica *replica, const struct vote *unsigned_vote)
{
    struct vote vote = *unsigned_vote;
    const struct signing purpose = {SIGNING_VOTE, vote.kind, vote.epoch, vote.view, 0};
    if (!replica->may_vote) return;
    struct digest digest = vote_digest(replica->chain_id, vote.epoch, vote.kind, vote.view, &vote.block);
    if (replica_sign(replica, &purpose, &digest, &vote.signature) != TALLY_OK) return;
    replica->votes_cast++;
    heard(replica, vote.signer, vote.view);
    if (vote.kind == VOTE_FINALIZE) (void)vote_watch_came(&replica->votes, vote.signer, vote.view);
    if (vote.kind == VOTE_NULLIFY) meter_add(&meters.views_nullified[nullify_cause(replica)], 1);
    replica_feed(replica, &(struct consensus_input){.kind = INPUT_SIGNED_VOTE, .vote = vote}, NULL);
}

/* ---- Sending ---- */

void replica_send(struct replica *replica, uint32_t peer, enum frame_kind kind, struct span payload)
{
    if (peer == PEER_ALL) {
        links_broadcast(replica->links, kind, payload);
        return;
    }
    uint32_t slot = roster_slot(replica->roster, peer);
    if (slot == ROSTER_NONE) return;
    int error = links_send(replica->links, slot, kind, payload);
    /* A link that is gone or full is no failure: whatever it missed is sent again by R10, or asked for. */
    if (error != TALLY_OK && error != TALLY_ECLOSED)
        LOG_UNUSUAL("a frame was not sent", LOG_S("peer", replica->roster->slots[slot].name),
            LOG_S("kind", frame_kind_name(kind)), LOG_E("why", error));
}

static void charge(struct replica *replica, uint32_t peer, const char *reason)
{
    uint32_t slot = roster_slot(replica->roster, peer);
    if (slot != ROSTER_NONE) links_charge(replica->links, slot, reason);
}

void replica_ask_for_range(struct replica *replica, uint32_t peer, uint64_t from_height)
{
    const struct consensus_message request = {.kind = MESSAGE_RANGE_REQUEST, .height = from_height};
    CHECK(peer < PEERS_MAX);
    replica->range_waits = replica_is_behind(replica);
    replica->range_peer = peer;
    replica->range_from = from_height;
    if (replica->range_waits) return;
    range_watch_asked(&replica->ranges, peer, clock_now_ms());
    buffer_clear(&replica->scratch);
    enum frame_kind kind = peer_message_encode(&request, &replica->scratch);
    CHECK(!replica->scratch.failed);
    replica_send(replica, peer, kind, buffer_span(&replica->scratch));
}

static void send_message(struct replica *replica, const struct consensus_output *output)
{
    const struct consensus_message *message = &output->message;
    if (message->kind == MESSAGE_PROPOSAL) {
        const struct candidate *candidate = candidates_find(replica->candidates, &message->block);
        if (candidate != NULL && candidate->finalized == NULL)
            replica_send(replica, output->peer, FRAME_PROPOSAL, candidate->source->bytes);
        return;
    }
    if (message->kind == MESSAGE_RANGE_REQUEST) {
        replica_ask_for_range(replica, output->peer, message->height);
        return;
    }
    buffer_clear(&replica->scratch);
    enum frame_kind kind = peer_message_encode(message, &replica->scratch);
    CHECK(!replica->scratch.failed);
    replica_send(replica, output->peer, kind, buffer_span(&replica->scratch));
}

static void flood_one(void *context, const struct held_batch *held)
{
    struct replica *replica = context;
    links_broadcast(replica->links, FRAME_BATCH, held->bytes);
}

static void tell_evidence(struct replica *replica, const struct consensus_evidence *said)
{
    const struct validator_set *set = &replica->validators->set;
    struct evidence evidence =
        evidence_of_consensus(&replica->options.config->genesis.chain_id, set->epoch, said);
    replica->evidence_seen++;
    struct validator_meters *of = roster_meters(replica->roster, said->signer);
    if (of != NULL)
        meter_add(&of->evidence[said->proposals ? METER_EVIDENCE_OF_PROPOSALS : METER_EVIDENCE_OF_VOTES], 1);
    LOG_BROKEN("a validator signed two messages that no honest one signs both of",
        LOG_K("validator", &set->keys[said->signer]), LOG_U("view", said->view),
        LOG_S("what", said->proposals ? "two proposals" : "two votes"));
    int error = evidence_keep(replica->options.data_dir, &set->keys[said->signer], &evidence);
    if (error != TALLY_OK) LOG_BROKEN("evidence was not kept", LOG_E("why", error));
}

static void count_entered(enum consensus_cause cause)
{
    switch (cause) {
    case CAUSE_START:
        return;
    case CAUSE_NOTARIZED:
        meter_add(&meters.views_entered[METER_ENTERED_BY_NOTARIZATION], 1);
        return;
    case CAUSE_NULLIFIED:
        meter_add(&meters.views_entered[METER_ENTERED_BY_NULLIFICATION], 1);
        return;
    case CAUSE_FINALIZED:
        meter_add(&meters.views_entered[METER_ENTERED_BY_FINALIZATION], 1);
        return;
    }
    CHECK_UNREACHABLE();
}

static void carry_out(struct replica *replica, const struct consensus_output *output)
{
    switch (output->kind) {
    case OUTPUT_VERIFY:
        verify(replica, output->peer);
        return;
    case OUTPUT_SIGN_VOTE:
        sign_vote(replica, &output->vote);
        return;
    case OUTPUT_PROPOSE:
        break; /* kept for last */
    case OUTPUT_PERSIST:
        replica_persist(replica, output);
        return;
    case OUTPUT_SEND:
        send_message(replica, output);
        return;
    case OUTPUT_NEED_PAYLOAD:
        replica_need_payload(replica, output);
        return;
    case OUTPUT_COMMIT:
        replica_commit(replica, output);
        replica->work_changed = true;
        return;
    case OUTPUT_PROVE_SEAL:
        replica_prove_seal(replica, output->peer, output->epoch);
        return;
    case OUTPUT_FLOOD_WORK:
        mempool_for_each_own(replica->options.mempool, flood_one, replica);
        return;
    case OUTPUT_EVIDENCE:
        tell_evidence(replica, output->evidence);
        return;
    case OUTPUT_CHARGE:
        charge(replica, output->peer, output->reason);
        return;
    case OUTPUT_ENTERED:
        replica->work_changed = true;
        count_entered(output->cause);
        LOG_DEBUG("entered a view", LOG_U("view", output->view), LOG_U("cause", output->cause));
        return;
    case OUTPUT_DROP:
        candidates_drop(replica->candidates, &output->block);
        return;
    }
    CHECK_UNREACHABLE();
}

/* ---- The loop's turn ---- */

static void on_wake_timer(uv_timer_t *timer)
{
    struct replica *replica = timer->data;
    feed_and_pump(replica, &(struct consensus_input){.kind = INPUT_TIME}, NULL);
}

static void set_wake_timer(struct replica *replica)
{
    uint64_t at = consensus_wake_ms(replica->consensus), now = clock_now_ms();
    if (at == UINT64_MAX)
        CHECK(uv_timer_stop(replica->wake_timer) == 0);
    else
        CHECK(uv_timer_start(replica->wake_timer, on_wake_timer, at > now ? at - now : 0, 0) == 0);
}

/* A proposal is carried out last: the blocks that the same step commits must have left the mempool, or their
 * batches would be chosen again. */
static void step(struct replica *replica, struct queued_input *queued)
{
    struct consensus_output wanted = {0};
    queued->input.now_ms = clock_now_ms();
    queued->input.wall_ms = clock_wall_ms();
    replica->current = queued;
    consensus_step(replica->consensus, &queued->input);
    const struct consensus_output *output;
    while ((output = consensus_next_output(replica->consensus)) != NULL) {
        if (output->kind == OUTPUT_PROPOSE)
            wanted = *output;
        else
            carry_out(replica, output);
    }
    if (wanted.kind == OUTPUT_PROPOSE) replica_propose(replica, &wanted);
    replica->current = NULL;
}

/* Keepalives alone bring the loop here every 3 D. A turn that comes later says nothing about the peers: what
 * they sent meanwhile is still unread, and the first one read must not make the others look dead (R8). */
static void excuse_silence(struct replica *replica)
{
    uint64_t now = clock_now_ms();
    bool late = now - replica->pumped_ms > 5ull * replica->options.base_timeout_ms;
    replica->pumped_ms = now;
    struct queued_input all = {.input = {.kind = INPUT_HEARD, .heard = UINT64_MAX}};
    if (late) step(replica, &all);
}

void replica_pump(struct replica *replica)
{
    if (replica->pumping || !replica->started || replica->closing) return;
    replica->pumping = true;
    excuse_silence(replica);
    if (replica->work_changed) replica_review_work(replica);
    while (replica->inputs != NULL) {
        struct queued_input *queued = replica->inputs;
        replica->inputs = queued->next;
        if (replica->inputs == NULL) replica->inputs_end = &replica->inputs;
        step(replica, queued);
        peer_message_release(queued->message);
        free(queued);
        if (replica->work_changed) replica_review_work(replica);
    }
    replica->pumping = false;
    durable_commit(replica->durable);
    set_wake_timer(replica);
}

/* The core is told at keepalives alone, so that a busy link costs it no step a frame. */
void replica_heard(struct replica *replica, uint32_t slot, bool keepalive)
{
    uint32_t peer = roster_seat(replica->roster, slot);
    if (peer >= replica->validators->set.count) return;
    replica->heard |= UINT64_C(1) << peer;
    if (!keepalive) return;
    const struct consensus_input input = {.kind = INPUT_HEARD, .heard = replica->heard};
    replica->heard = 0;
    feed_and_pump(replica, &input, NULL);
}

void replica_link_up(struct replica *replica, uint32_t slot)
{
    uint32_t peer = roster_seat(replica->roster, slot);
    if (peer == ROSTER_NONE) return;
    feed_and_pump(replica, &(struct consensus_input){.kind = INPUT_LINK_UP, .peer = peer}, NULL);
}

void replica_link_down(struct replica *replica, uint32_t slot)
{
    uint32_t peer = roster_seat(replica->roster, slot);
    if (peer == ROSTER_NONE) return;
    range_watch_down(&replica->ranges, peer);
    feed_and_pump(replica, &(struct consensus_input){.kind = INPUT_LINK_DOWN, .peer = peer}, NULL);
}

/* ---- Frames ---- */

struct open_job {
    struct job job;
    struct replica *replica;
    uint32_t peer;
    struct buffer payload;
    struct peer_message *message;
    int error;
};

static void run_open(struct job *job)
{
    struct open_job *open = (struct open_job *)(void *)job;
    open->error =
        peer_message_open(FRAME_RANGE, buffer_span(&open->payload), open->replica->chain_id, &open->message);
}

/* By its own link: others may pass a vote on, or make one up. */
static void watch_vote(struct replica *replica, uint32_t peer, const struct consensus_message *message)
{
    if (message->kind != MESSAGE_VOTE || message->vote->kind != VOTE_FINALIZE) return;
    if (message->vote->signer != peer || peer >= replica->votes.validators) return;
    struct validator_meters *of = roster_meters(replica->roster, peer);
    if (vote_watch_came(&replica->votes, peer, message->vote->view) && of != NULL)
        meter_add(&of->votes_late, 1);
}

static void received(struct replica *replica, uint32_t peer, struct peer_message *message, int error)
{
    if (error == TALLY_OK) watch_vote(replica, peer, &message->message);
    if (error == TALLY_OK)
        replica_feed(replica, &(struct consensus_input){.kind = INPUT_RECEIVED, .peer = peer}, message);
    else
        charge(replica, peer, "a message that does not parse");
}

static void open_done(struct job *job)
{
    struct open_job *open = (struct open_job *)(void *)job;
    struct replica *replica = open->replica;
    replica->checks[open->peer]--;
    if (!replica->closing) {
        received(replica, open->peer, open->message, open->error);
        replica_pump(replica);
    }
    peer_message_release(open->message);
    buffer_close(&open->payload);
    free(open);
}

/* A range is large: a worker decodes it. One that was not asked for is not looked at. */
static void receive_range(struct replica *replica, uint32_t peer, struct span payload)
{
    if (!range_watch_came(&replica->ranges, peer)) return;
    if (replica_is_behind(replica)) return; /* it will be asked for again */
    struct open_job *open = calloc(1, sizeof *open);
    CHECK(open != NULL);
    *open = (struct open_job){.job = {.run = run_open, .done = open_done}, .replica = replica, .peer = peer};
    buffer_init(&open->payload, FRAME_SIZE_MAX);
    buffer_append(&open->payload, payload.data, payload.size);
    CHECK(!open->payload.failed);
    replica->checks[peer]++;
    worker_submit(replica->options.checkers, &open->job);
}

static void range_read(void *context, uint32_t peer, struct span range)
{
    struct replica *replica = context;
    replica->range_served[peer] = false;
    if (range.size > 0 && !replica->closing) replica_send(replica, peer, FRAME_RANGE, range);
}

void replica_frame(struct replica *replica, uint32_t slot, enum frame_kind kind, struct span payload)
{
    CHECK(peer_message_is_kind(kind));
    uint32_t peer = roster_seat(replica->roster, slot);
    if (peer == ROSTER_NONE || replica->closing) return;
    if (replica->checks[peer] >= CHECKS_PER_PEER_MAX) return;
    if (kind == FRAME_RANGE) {
        receive_range(replica, peer, payload);
        return;
    }
    struct peer_message *message = NULL;
    int error = peer_message_open(kind, payload, replica->chain_id, &message);
    if (error == TALLY_OK && kind == FRAME_RANGE_REQUEST) {
        /* Answered from the ledger, one at a time for each peer. */
        if (!replica->range_served[peer]) {
            replica->range_served[peer] = true;
            range_read_start(replica->options.checkers, replica->options.ledger, peer,
                message->message.height, range_read, replica);
        }
    } else {
        received(replica, peer, message, error);
    }
    peer_message_release(message);
    replica_pump(replica);
}

/* ---- Life ---- */

static uv_timer_t *open_timer(struct replica *replica)
{
    uv_timer_t *timer = calloc(1, sizeof *timer);
    CHECK(timer != NULL);
    CHECK(uv_timer_init(replica->options.loop, timer) == 0);
    timer->data = replica;
    return timer;
}

static void free_timer(uv_handle_t *handle)
{
    free(handle);
}

int replica_open(const struct replica_options *options, struct replica **out, char *why, size_t why_size)
{
    struct replica *replica = calloc(1, sizeof *replica);
    if (replica == NULL) return TALLY_ENOMEM;
    replica->options = *options;
    replica->config = options->config;
    replica->chain_id = &options->config->genesis.chain_id;
    replica->roster = options->roster;
    replica->validators = options->roster->validators;
    replica->committed_ms = clock_now_ms();
    replica->signer = options->waits ? SIGNER_NONE : options->roster->signer;
    replica->clocks =
        (struct clock_watch){.validators = replica->validators->set.count, .self = replica->signer};
    replica->votes.validators = replica->validators->set.count;
    replica->inputs_end = &replica->inputs;
    replica->committed_end = &replica->committed;
    replica->pending_end = &replica->pending;
    replica->wake_timer = open_timer(replica);
    replica->ask_timer = open_timer(replica);
    arena_init(&replica->floor_arena, FLOOR_ARENA_BUDGET);
    buffer_init(&replica->scratch, FRAME_SIZE_MAX);
    buffer_init(&replica->restored_checkpoint, FRAME_SIZE_MAX);
    replica->selection = calloc(BLOCK_BATCHES_MAX, sizeof *replica->selection);
    replica->digests = calloc(BLOCK_BATCHES_MAX, sizeof *replica->digests);
    int error = TALLY_ENOMEM;
    if (replica->selection != NULL && replica->digests != NULL)
        error = candidates_open(options->mempool, &replica->candidates);
    if (error == TALLY_OK) error = replica_restore(replica, why, why_size);
    if (error == TALLY_OK)
        error = durable_open(options->loop, replica->record, options->ledger, &replica_durable_callbacks,
            replica, &replica->durable);
    if (error != TALLY_OK) {
        replica_close(replica);
        return error;
    }
    *out = replica;
    return TALLY_OK;
}

void replica_start(struct replica *replica, struct links *links)
{
    CHECK(!replica->started);
    replica->links = links;
    replica->started = true;
    feed_and_pump(replica, &(struct consensus_input){.kind = INPUT_TIME}, NULL);
}

void replica_stop(struct replica *replica)
{
    if (replica != NULL) replica->closing = true;
}

bool replica_is_idle(const struct replica *replica)
{
    for (uint32_t i = 0; i < PEERS_MAX; i++)
        if (replica->checks[i] > 0 || replica->range_served[i]) return false;
    return true;
}

void replica_close(struct replica *replica)
{
    if (replica == NULL) return;
    replica->closing = true;
    uv_close((uv_handle_t *)replica->wake_timer, free_timer);
    uv_close((uv_handle_t *)replica->ask_timer, free_timer);
    durable_close(replica->durable);
    while (replica->committed != NULL) {
        replica->committed->told = true;
        replica_release(replica, replica->committed->block.header.height);
    }
    while (replica->pending != NULL) {
        struct pending_record *pending = replica->pending;
        replica->pending = pending->next;
        free(pending);
    }
    while (replica->inputs != NULL) {
        struct queued_input *queued = replica->inputs;
        replica->inputs = queued->next;
        peer_message_release(queued->message);
        free(queued);
    }
    consensus_close(replica->consensus);
    arena_close(&replica->floor_arena);
    candidates_close(replica->candidates);
    int ended = replica->record != NULL ? vote_record_end(replica->record) : TALLY_OK;
    if (ended != TALLY_OK) LOG_UNUSUAL("the vote record's end was not noted", LOG_E("why", ended));
    vote_record_close(replica->record);
    guard_close(replica->guard);
    buffer_close(&replica->scratch);
    buffer_close(&replica->restored_checkpoint);
    free(replica->selection);
    free(replica->digests);
    free(replica);
}

uint64_t replica_votes_from(const struct replica *replica)
{
    return replica->votes_from;
}

bool replica_may_vote(const struct replica *replica)
{
    return replica->may_vote;
}

struct span replica_restored_checkpoint(const struct replica *replica)
{
    return buffer_span(&replica->restored_checkpoint);
}

void replica_status(const struct replica *replica, struct replica_status *status)
{
    uint64_t now_ms = clock_now_ms();
    const struct pending_record *oldest = replica->pending;
    *status = (struct replica_status){
        .proposals_made = replica->proposals_made,
        .votes_cast = replica->votes_cast,
        .evidence_seen = replica->evidence_seen,
        .committed_ms_ago = now_ms - replica->committed_ms,
        .disk_ms = oldest != NULL ? now_ms - oldest->since_ms : 0,
        .payload_allowed = replica->payload_allowed,
        .is_behind = replica_is_behind(replica),
        .mute_reason = replica->mute_reason[0] != '\0' ? replica->mute_reason : NULL,
    };
    consensus_status(replica->consensus, &status->consensus);
    if (status->consensus.working) status->work_ms = now_ms - status->consensus.work_since_ms;
}

struct replica_voice replica_voice(const struct replica *replica, uint32_t validator)
{
    CHECK(validator < VALIDATORS_MAX);
    uint64_t ms = replica->voices[validator].ms;
    return (struct replica_voice){
        .ms_ago = ms == 0 ? UINT64_MAX : clock_now_ms() - ms, .view = replica->voices[validator].view};
}
