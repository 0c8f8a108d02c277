#include "node/replica.h"

#include <stdio.h>
#include <stdlib.h>

#include "node/clock.h"
#include "node/durable.h"
#include "node/journal.h"
#include "node/net/log.h"
#include "node/ranges.h"
#include "proto/base/check.h"
#include "proto/crypto/digest.h"

#define ANCESTORS_MAX 256u
/* A batch that is on its way anyway is not asked for at once; then each peer in turn is given a while. */
#define ASK_FIRST_MS 8u
#define ASK_AGAIN_MS 60u
#define ASK_TICK_MS 8u
#define ASK_DIGESTS_MAX 4096u
/* Checks under way for one peer: past that its messages are let go, and it will send them again. */
#define CHECKS_PER_PEER_MAX 64u
#define INLINE_SIGNATURES_MAX 4u

struct queued_input {
    struct queued_input *next;
    struct consensus_input input;
    struct peer_message *message; /* one reference; NULL where the input has none */
};

/* A block between commit and its being applied. */
struct committed {
    struct committed *next;
    struct candidate *candidate;
    struct block block;
    bool told; /* to on_final */
    struct batch batches[];
};

/* What the vote record was given, in order: whom to tell once it is on disk. */
struct pending_record {
    struct pending_record *next;
    uint64_t durable_sequence;
    uint64_t core_sequence;     /* 0 = none of consensus's */
    uint64_t checkpoint_height; /* 0 = no checkpoint's */
};

struct replica {
    struct replica_options options;
    const struct config *config;
    const struct digest *chain_id;
    struct consensus *consensus;
    uint32_t signer;
    bool may_vote, started;
    struct candidates *candidates;
    struct vote_record *record;
    struct durable *durable;
    struct links *links;
    uv_timer_t *wake_timer, *ask_timer;
    struct queued_input *inputs, **inputs_end;
    struct queued_input *current;
    bool pumping, closing;
    struct committed *committed, **committed_end;
    struct pending_record *pending, **pending_end;
    bool work, payload_allowed;
    uint64_t recorded_checkpoint; /* highest height promised, queued ones included */
    struct buffer restored_checkpoint;
    struct buffer scratch;
    uint32_t checks[PEERS_MAX]; /* under way, by peer */
    bool range_asked[PEERS_MAX], range_served[PEERS_MAX];
    struct held_batch **selection; /* room for BLOCK_BATCHES_MAX */
    struct digest *digests;        /* the same */
    uint64_t proposals_made, votes_cast, evidence_seen;
};

/* ---- Inputs: queued while the core's outputs are carried out, fed one at a time ---- */

static void pump(struct replica *replica);

static void feed(struct replica *replica, const struct consensus_input *input, struct peer_message *message)
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
    feed(replica, input, message);
    pump(replica);
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
    check->error =
        peer_message_check(check->message, check->replica->options.validators, check->replica->chain_id);
}

static void verified(struct replica *replica, uint32_t peer, struct peer_message *message, int error)
{
    if (error != TALLY_OK)
        LOG_UNUSUAL("a message failed its check", LOG_U("peer", peer), LOG_U("kind", message->message.kind),
            LOG_E("why", error));
    bool ok = error == TALLY_OK;
    if (ok && message->message.kind == MESSAGE_PROPOSAL)
        ok = candidates_add(replica->candidates, message) != NULL;
    if (ok && message->message.kind == MESSAGE_RANGE)
        for (uint32_t i = 0; i < message->message.range->count; i++)
            ok = candidates_add_finalized(replica->candidates, message, i) != NULL && ok;
    feed(replica, &(struct consensus_input){.kind = INPUT_VERIFIED, .peer = peer, .ok = ok}, message);
}

static void check_done(struct job *job)
{
    struct check_job *check = (struct check_job *)(void *)job;
    struct replica *replica = check->replica;
    replica->checks[check->peer]--;
    if (!replica->closing) {
        verified(replica, check->peer, check->message, check->error);
        pump(replica);
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
    if (peer_message_cost(message, quorum_of(replica->options.validators->set.count)) <=
        INLINE_SIGNATURES_MAX) {
        verified(replica, peer, message,
            peer_message_check(message, replica->options.validators, replica->chain_id));
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

/* ---- Payloads ---- */

/* Says what became of a candidate's payload, once consensus has asked for it and it is whole. */
static void judge_payload(void *context, struct candidate *candidate)
{
    struct replica *replica = context;
    if (!candidate->wanted || !candidate_has_payload(candidate)) return;
    candidate->wanted = false;
    bool ok = candidate_is_well_formed(candidate);
    if (!ok) LOG_UNUSUAL("a block's payload is not what its header says", LOG_H("block", &candidate->hash));
    feed(replica, &(struct consensus_input){.kind = INPUT_PAYLOAD, .block = candidate->hash, .ok = ok}, NULL);
}

static void ask_for_batches(void *context, struct candidate *candidate)
{
    struct replica *replica = context;
    uint64_t now = clock_now_ms();
    uint32_t peers = replica->options.validators->set.count + replica->config->genesis.observer_count;
    if (candidate->ask_at_ms > now) return;
    const struct proposal *proposal = candidate->source->message.proposal;
    uint32_t count = 0;
    buffer_clear(&replica->scratch);
    for (uint32_t i = 0; i < proposal->batch_count && count < ASK_DIGESTS_MAX; i++)
        if (candidate->batches[i] == NULL) replica->digests[count++] = proposal->batches[i];
    batch_request_encode(replica->digests, count, &replica->scratch);
    /* From the one it was asked of on, the first that is linked; validators come first in the table. */
    for (uint32_t tries = 0; tries < peers; tries++) {
        uint32_t peer = candidate->ask_next;
        candidate->ask_next = (peer + 1) % peers;
        if (links_send(replica->links, peer, FRAME_BATCH_REQUEST, buffer_span(&replica->scratch)) == TALLY_OK)
            break;
    }
    candidate->ask_at_ms = now + ASK_AGAIN_MS;
}

static void on_ask_timer(uv_timer_t *timer)
{
    struct replica *replica = timer->data;
    if (!candidates_lack(replica->candidates))
        CHECK(uv_timer_stop(timer) == 0);
    else
        candidates_each_wanted(replica->candidates, ask_for_batches, replica);
}

static void need_payload(struct replica *replica, const struct consensus_output *output)
{
    struct candidate *candidate = candidates_find(replica->candidates, &output->block);
    CHECK(candidate != NULL);
    candidate->wanted = true;
    if (candidate_has_payload(candidate)) {
        judge_payload(replica, candidate);
        return;
    }
    candidate->ask_next = output->peer < PEERS_MAX ? output->peer : 0;
    candidate->ask_at_ms = clock_now_ms() + ASK_FIRST_MS;
    if (!uv_is_active((uv_handle_t *)replica->ask_timer))
        CHECK(uv_timer_start(replica->ask_timer, on_ask_timer, ASK_TICK_MS, ASK_TICK_MS) == 0);
}

void replica_batch_arrived(struct replica *replica, struct held_batch *batch)
{
    candidates_fill(replica->candidates, batch, judge_payload, replica);
    pump(replica);
}

bool replica_lacks_batches(const struct replica *replica)
{
    return candidates_lack(replica->candidates);
}

/* The payloads of a block and its unfinalized ancestors: what a child must not repeat. */
static size_t ancestors_of(
    struct replica *replica, const struct digest *block, struct mempool_payload *payloads)
{
    struct digest chain[ANCESTORS_MAX];
    size_t count = 0, length = consensus_chain(replica->consensus, block, chain, ANCESTORS_MAX);
    for (size_t i = 0; i < length; i++) {
        const struct candidate *candidate = candidates_find(replica->candidates, &chain[i]);
        if (candidate == NULL || candidate->finalized != NULL) continue;
        const struct proposal *proposal = candidate->source->message.proposal;
        payloads[count++] = (struct mempool_payload){proposal->batches, proposal->batch_count};
    }
    return count;
}

void replica_update_work(struct replica *replica, bool payload_allowed)
{
    struct consensus_status status;
    struct mempool_payload ancestors[ANCESTORS_MAX];
    consensus_status(replica->consensus, &status);
    replica->payload_allowed = payload_allowed;
    bool work = payload_allowed && mempool_has_work(replica->options.mempool, clock_wall_ms(), ancestors,
                                       ancestors_of(replica, &status.tip_block, ancestors));
    if (work == replica->work || !replica->started) return;
    replica->work = work;
    feed_and_pump(replica, &(struct consensus_input){.kind = INPUT_WORK, .ok = work}, NULL);
}

/* ---- Own proposals and votes ---- */

/* Chooses the payload and completes the header. */
static uint32_t choose_payload(struct replica *replica, struct block_header *header, bool allowed)
{
    struct mempool_selection selection = {.batches = replica->selection};
    struct mempool_payload ancestors[ANCESTORS_MAX];
    if (allowed && replica->payload_allowed)
        mempool_select(replica->options.mempool, header->time_ms, ancestors,
            ancestors_of(replica, &header->parent_hash, ancestors), &selection);
    size_t size = 0;
    for (uint32_t i = 0; i < selection.batch_count; i++) {
        replica->digests[i] = selection.batches[i]->batch.digest;
        size += batch_size_without_bodies(&selection.batches[i]->batch);
    }
    header->payload_root = payload_root(replica->digests, selection.batch_count);
    header->payload_size = (uint32_t)size;
    header->payload_events = selection.event_count;
    return selection.batch_count;
}

static void propose(struct replica *replica, const struct consensus_output *output)
{
    struct buffer justification, bytes;
    buffer_init(&justification, JUSTIFICATION_SIZE_MAX);
    buffer_init(&bytes, FRAME_SIZE_MAX);
    struct proposal proposal = {.header = output->header, .justification = *output->justification};
    proposal.batch_count = choose_payload(replica, &proposal.header, output->payload_allowed);
    proposal.batches = replica->digests;
    justification_encode(output->justification, &justification);
    proposal.justification_bytes = buffer_span(&justification);
    proposal.header.justification_root = justification_root(proposal.justification_bytes);
    proposal.hash = block_header_hash(&proposal.header);
    struct digest signed_digest = proposal_digest(replica->chain_id, &proposal.header, &proposal.hash);
    signature_make(&replica->config->node_key, &signed_digest, &proposal.signature);
    proposal_encode(&proposal, &bytes);
    struct peer_message *message = NULL;
    bool ok =
        !justification.failed && !bytes.failed &&
        peer_message_open(FRAME_PROPOSAL, buffer_span(&bytes), replica->chain_id, &message) == TALLY_OK &&
        candidates_add(replica->candidates, message) != NULL;
    if (ok)
        replica->proposals_made++;
    else
        LOG_BROKEN("an own proposal could not be made", LOG_U("view", proposal.header.view));
    feed(replica, &(struct consensus_input){.kind = INPUT_PROPOSED, .ok = ok}, ok ? message : NULL);
    peer_message_release(message);
    buffer_close(&justification);
    buffer_close(&bytes);
}

static void sign_vote(struct replica *replica, const struct vote *unsigned_vote)
{
    CHECK(replica->may_vote);
    struct vote vote = *unsigned_vote;
    struct digest digest = vote_digest(replica->chain_id, vote.epoch, vote.kind, vote.view, &vote.block);
    signature_make(&replica->config->node_key, &digest, &vote.signature);
    replica->votes_cast++;
    feed(replica, &(struct consensus_input){.kind = INPUT_SIGNED_VOTE, .vote = vote}, NULL);
}

/* ---- The disk ---- */

static void expect_record(
    struct replica *replica, uint64_t durable_sequence, uint64_t core_sequence, uint64_t checkpoint_height)
{
    struct pending_record *pending = calloc(1, sizeof *pending);
    CHECK(pending != NULL);
    *pending = (struct pending_record){NULL, durable_sequence, core_sequence, checkpoint_height};
    *replica->pending_end = pending;
    replica->pending_end = &pending->next;
}

static void persist(struct replica *replica, const struct consensus_output *output)
{
    const struct consensus_record *record = output->record;
    bool names = record->kind == RECORD_PROPOSAL || record->vote.kind == VOTE_NOTARIZE;
    struct candidate *candidate = names ? candidates_find(replica->candidates, &record->block) : NULL;
    struct buffer bytes;
    buffer_init(&bytes, VOTE_RECORD_SIZE_MAX);
    journal_encode(record, candidate, &bytes);
    CHECK(!bytes.failed);
    uint64_t sequence =
        durable_record_take(replica->durable, JOURNAL_CONSENSUS, journal_view(record), 0, &bytes);
    expect_record(replica, sequence, output->sequence, 0);
}

static void on_recorded(void *context, uint64_t sequence)
{
    struct replica *replica = context;
    while (replica->pending != NULL && replica->pending->durable_sequence <= sequence) {
        struct pending_record *pending = replica->pending;
        replica->pending = pending->next;
        if (replica->pending == NULL) replica->pending_end = &replica->pending;
        if (pending->core_sequence != 0)
            feed(replica,
                &(struct consensus_input){.kind = INPUT_DURABLE, .sequence = pending->core_sequence}, NULL);
        if (pending->checkpoint_height != 0)
            replica->options.callbacks->on_checkpoint_recorded(
                replica->options.context, pending->checkpoint_height);
        free(pending);
    }
    pump(replica);
}

int replica_record_checkpoint(struct replica *replica, uint64_t height, uint64_t view, struct span vote)
{
    CHECK(replica->may_vote);
    if (height <= replica->recorded_checkpoint) return TALLY_EEXISTS;
    struct buffer bytes;
    buffer_init(&bytes, VOTE_RECORD_SIZE_MAX);
    buffer_append(&bytes, vote.data, vote.size);
    CHECK(!bytes.failed);
    replica->recorded_checkpoint = height;
    uint64_t sequence = durable_record_take(replica->durable, JOURNAL_CHECKPOINT, view, height, &bytes);
    expect_record(replica, sequence, 0, height);
    durable_commit(replica->durable);
    return TALLY_OK;
}

static void commit(struct replica *replica, const struct consensus_output *output)
{
    struct candidate *candidate = candidates_find(replica->candidates, &output->block);
    CHECK(candidate != NULL && candidate_has_payload(candidate));
    uint32_t count = candidate_batch_count(candidate);
    struct committed *committed = calloc(1, sizeof *committed + (count + 1) * sizeof(struct batch));
    CHECK(committed != NULL);
    committed->candidate = candidate_share(candidate);
    candidate_block(candidate, output->certificate, committed->batches, &committed->block);
    for (uint32_t i = 0; i < count; i++)
        mempool_finalized(replica->options.mempool, &committed->batches[i].digest);
    *replica->committed_end = committed;
    replica->committed_end = &committed->next;
    durable_append(replica->durable, &committed->block);
}

static void on_appended(void *context, uint64_t height)
{
    struct replica *replica = context;
    uint64_t view = 0;
    for (struct committed *at = replica->committed; at != NULL && at->block.header.height <= height;
         at = at->next) {
        if (at->told) continue;
        at->told = true;
        view = at->block.header.view;
        replica->options.callbacks->on_final(replica->options.context, &at->block);
    }
    if (view != 0) {
        candidates_sweep(replica->candidates, view);
        durable_prune(replica->durable, view);
    }
    feed_and_pump(replica, &(struct consensus_input){.kind = INPUT_APPENDED, .height = height}, NULL);
}

static void on_failed(void *context, const char *what, int error)
{
    struct replica *replica = context;
    replica->options.callbacks->on_failed(replica->options.context, what, error);
}

void replica_release(struct replica *replica, uint64_t height)
{
    struct committed *committed = replica->committed;
    CHECK(committed != NULL && committed->told && committed->block.header.height == height);
    replica->committed = committed->next;
    if (replica->committed == NULL) replica->committed_end = &replica->committed;
    candidate_release(replica->candidates, committed->candidate);
    free(committed);
}

/* ---- Sending ---- */

static void send_frame(struct replica *replica, uint32_t peer, enum frame_kind kind, struct span payload)
{
    if (peer == PEER_ALL) {
        links_broadcast(replica->links, kind, payload);
        return;
    }
    int error = links_send(replica->links, peer, kind, payload);
    /* A link that is gone or full is no failure: whatever it missed is sent again by R10, or asked for. */
    if (error != TALLY_OK && error != TALLY_ECLOSED)
        LOG_UNUSUAL("a frame was not sent", LOG_U("peer", peer), LOG_S("kind", frame_kind_name(kind)),
            LOG_E("why", error));
}

static void send_message(struct replica *replica, const struct consensus_output *output)
{
    const struct consensus_message *message = &output->message;
    if (message->kind == MESSAGE_PROPOSAL) {
        const struct candidate *candidate = candidates_find(replica->candidates, &message->block);
        if (candidate != NULL && candidate->finalized == NULL)
            send_frame(replica, output->peer, FRAME_PROPOSAL, candidate->source->bytes);
        return;
    }
    if (message->kind == MESSAGE_RANGE_REQUEST && output->peer < PEERS_MAX)
        replica->range_asked[output->peer] = true;
    buffer_clear(&replica->scratch);
    enum frame_kind kind = peer_message_encode(message, &replica->scratch);
    CHECK(!replica->scratch.failed);
    send_frame(replica, output->peer, kind, buffer_span(&replica->scratch));
}

static void flood_one(void *context, const struct held_batch *held)
{
    struct replica *replica = context;
    links_broadcast(replica->links, FRAME_BATCH, held->bytes);
}

static void tell_evidence(struct replica *replica, const struct consensus_evidence *evidence)
{
    replica->evidence_seen++;
    LOG_BROKEN("a validator signed two messages that no honest one signs both of",
        LOG_K("validator", &replica->options.validators->set.keys[evidence->signer]),
        LOG_U("view", evidence->view), LOG_S("what", evidence->proposals ? "two proposals" : "two votes"));
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
        propose(replica, output);
        return;
    case OUTPUT_PERSIST:
        persist(replica, output);
        return;
    case OUTPUT_SEND:
        send_message(replica, output);
        return;
    case OUTPUT_NEED_PAYLOAD:
        need_payload(replica, output);
        return;
    case OUTPUT_COMMIT:
        commit(replica, output);
        return;
    case OUTPUT_FLOOD_WORK:
        mempool_for_each_own(replica->options.mempool, flood_one, replica);
        return;
    case OUTPUT_EVIDENCE:
        tell_evidence(replica, output->evidence);
        return;
    case OUTPUT_CHARGE:
        links_charge(replica->links, output->peer, output->reason);
        return;
    case OUTPUT_ENTERED:
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

static void step(struct replica *replica, struct queued_input *queued)
{
    queued->input.now_ms = clock_now_ms();
    queued->input.wall_ms = clock_wall_ms();
    replica->current = queued;
    consensus_step(replica->consensus, &queued->input);
    const struct consensus_output *output;
    while ((output = consensus_next_output(replica->consensus)) != NULL)
        carry_out(replica, output);
    replica->current = NULL;
}

static void pump(struct replica *replica)
{
    if (replica->pumping || !replica->started) return;
    replica->pumping = true;
    while (replica->inputs != NULL) {
        struct queued_input *queued = replica->inputs;
        replica->inputs = queued->next;
        if (replica->inputs == NULL) replica->inputs_end = &replica->inputs;
        step(replica, queued);
        peer_message_release(queued->message);
        free(queued);
    }
    replica->pumping = false;
    durable_commit(replica->durable);
    set_wake_timer(replica);
}

void replica_link_up(struct replica *replica, uint32_t peer)
{
    feed_and_pump(replica, &(struct consensus_input){.kind = INPUT_LINK_UP, .peer = peer}, NULL);
}

void replica_link_down(struct replica *replica, uint32_t peer)
{
    replica->range_asked[peer] = false;
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

static void received(struct replica *replica, uint32_t peer, struct peer_message *message, int error)
{
    if (error == TALLY_OK)
        feed(replica, &(struct consensus_input){.kind = INPUT_RECEIVED, .peer = peer}, message);
    else
        links_charge(replica->links, peer, "a message that does not parse");
}

static void open_done(struct job *job)
{
    struct open_job *open = (struct open_job *)(void *)job;
    struct replica *replica = open->replica;
    replica->checks[open->peer]--;
    if (!replica->closing) {
        received(replica, open->peer, open->message, open->error);
        pump(replica);
    }
    peer_message_release(open->message);
    buffer_close(&open->payload);
    free(open);
}

/* A range is large: a worker decodes it. One that was not asked for is not looked at. */
static void receive_range(struct replica *replica, uint32_t peer, struct span payload)
{
    if (!replica->range_asked[peer]) return;
    replica->range_asked[peer] = false;
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
    if (range.size > 0 && !replica->closing) send_frame(replica, peer, FRAME_RANGE, range);
}

void replica_frame(struct replica *replica, uint32_t peer, enum frame_kind kind, struct span payload)
{
    CHECK(peer < PEERS_MAX && peer_message_is_kind(kind));
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
    pump(replica);
}

/* ---- Restoring ---- */

/* Records come back before the core is open, so they wait in a list. */
struct restoring {
    struct replica *replica;
    struct journal_entry *entries;
    size_t count, capacity;
};

static int keep_entry(struct restoring *restoring, const struct journal_entry *entry)
{
    if (restoring->count == restoring->capacity) {
        size_t capacity = restoring->capacity == 0 ? 64 : restoring->capacity * 2;
        struct journal_entry *entries = realloc(restoring->entries, capacity * sizeof *entries);
        if (entries == NULL) return TALLY_ENOMEM;
        restoring->entries = entries;
        restoring->capacity = capacity;
    }
    restoring->entries[restoring->count++] = *entry;
    return TALLY_OK;
}

/* The payload of a stored block goes back to the mempool, pinned by its candidate. */
static int restore_block(struct replica *replica, const struct journal_entry *entry)
{
    struct candidate *candidate = candidates_add(replica->candidates, entry->proposal);
    if (candidate == NULL) return TALLY_ENOMEM;
    candidate->stored = true;
    for (uint32_t i = 0; i < entry->batch_count; i++) {
        struct held_batch *held = held_batch_open(entry->batches[i]);
        if (held == NULL) return TALLY_ENOMEM;
        int error = batch_decode(held->bytes, replica->chain_id, &held->arena, &held->batch, NULL);
        if (error == TALLY_OK)
            error = mempool_add_pinned_take(replica->options.mempool, held, clock_wall_ms(), &held);
        if (error != TALLY_OK) {
            held_batch_close(held);
            return TALLY_EDAMAGED;
        }
        candidates_fill(replica->candidates, held, judge_payload, replica);
        mempool_unpin(replica->options.mempool, held);
    }
    return TALLY_OK;
}

static int on_replayed(void *context, uint8_t type, uint64_t view, struct span bytes)
{
    struct restoring *restoring = context;
    struct replica *replica = restoring->replica;
    struct ledger_head head;
    ledger_head(replica->options.ledger, &head);
    if (type == JOURNAL_CHECKPOINT) {
        buffer_clear(&replica->restored_checkpoint);
        buffer_append(&replica->restored_checkpoint, bytes.data, bytes.size);
        return replica->restored_checkpoint.failed ? TALLY_EDAMAGED : TALLY_OK;
    }
    if (type != JOURNAL_CONSENSUS) return TALLY_EVERSION;
    if (head.height > 0 && view <= head.header.view) return TALLY_OK; /* the floor has passed it */
    struct journal_entry entry;
    int error = journal_decode(bytes, replica->chain_id, &entry);
    if (error != TALLY_OK) return error;
    if (entry.proposal != NULL) error = restore_block(replica, &entry);
    free(entry.batches);
    entry.batches = NULL;
    if (error == TALLY_OK) error = keep_entry(restoring, &entry);
    if (error != TALLY_OK) journal_entry_close(&entry);
    return error;
}

/* Opens the vote record. A validator without a sound one goes on as one that does not vote. */
static int open_record(struct replica *replica, struct restoring *restoring, char *why, size_t why_size)
{
    struct vote_record_report report;
    int error = vote_record_open(disk_system(), replica->options.data_dir, replica->chain_id, NULL,
        on_replayed, restoring, &replica->record, &report);
    switch (error) {
    case TALLY_OK:
        replica->recorded_checkpoint = vote_record_checkpoint_height(replica->record);
        replica->may_vote = true;
        if (report.bytes_cut > 0)
            LOG_INFO("cut a torn tail off the vote record", LOG_U("bytes", report.bytes_cut));
        return TALLY_OK;
    case TALLY_ENOTFOUND:
    case TALLY_EDAMAGED:
    case TALLY_ECHAIN:
    case TALLY_EVERSION:
        LOG_BROKEN("the vote record is missing or damaged: this validator follows and does not vote",
            LOG_E("why", error), LOG_S("detail", report.detail));
        for (size_t i = 0; i < restoring->count; i++)
            journal_entry_close(&restoring->entries[i]);
        restoring->count = 0;
        candidates_sweep(replica->candidates, UINT64_MAX);
        return TALLY_OK;
    default:
        snprintf(why, why_size, "the vote record cannot be opened: %s (%s)", tally_error_text(error),
            report.detail);
    }
    return error;
}

static int open_core(struct replica *replica, const struct restoring *restoring)
{
    const struct genesis *genesis = &replica->config->genesis;
    struct ledger_head head;
    ledger_head(replica->options.ledger, &head);
    struct consensus_config config = {
        .chain_id = *replica->chain_id,
        .set = replica->options.validators->set,
        .signer = replica->signer,
        .peer_count = genesis->validator_count + genesis->observer_count,
        .may_vote = replica->may_vote,
        .base_timeout_ms = genesis->base_timeout_ms,
        .heartbeat_ms = genesis->heartbeat_ms,
    };
    random_bytes(&config.seed, sizeof config.seed);
    struct consensus_floor floor = {
        .height = head.height,
        .view = head.header.view,
        .time_ms = head.height == 0 ? genesis->created_ms : head.header.time_ms,
        .block = head.hash,
        .header = head.header,
        .has_finalization = head.has_finalization,
        .finalization = head.finalization,
    };
    int error = consensus_open(&config, &floor, &replica->consensus);
    for (size_t i = 0; i < restoring->count && error == TALLY_OK; i++) {
        struct journal_entry *entry = &restoring->entries[i];
        const struct candidate *candidate =
            entry->names_block ? candidates_find(replica->candidates, &entry->record.block) : NULL;
        struct consensus_record record = entry->record;
        if (candidate != NULL) {
            record.header = *candidate_header(candidate);
            record.proposal = candidate->source->message.proposal;
        }
        error = consensus_restore(
            replica->consensus, &record, candidate != NULL && candidate_has_payload(candidate));
    }
    return error;
}

static int restore(struct replica *replica, char *why, size_t why_size)
{
    struct restoring restoring = {.replica = replica};
    int error = TALLY_OK;
    if (replica->config->is_validator) error = open_record(replica, &restoring, why, why_size);
    if (error == TALLY_OK) {
        error = open_core(replica, &restoring);
        if (error != TALLY_OK) snprintf(why, why_size, "consensus cannot start: %s", tally_error_text(error));
    }
    for (size_t i = 0; i < restoring.count; i++)
        journal_entry_close(&restoring.entries[i]);
    free(restoring.entries);
    return error;
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

static uint32_t signer_of(const struct config *config, const struct validator_set *set)
{
    for (uint32_t i = 0; i < set->count; i++)
        if (public_key_equal(&set->keys[i], &config->self->key)) return i;
    return SIGNER_NONE;
}

int replica_open(const struct replica_options *options, struct replica **out, char *why, size_t why_size)
{
    static const struct durable_callbacks durable_callbacks = {on_recorded, on_appended, on_failed};
    struct replica *replica = calloc(1, sizeof *replica);
    if (replica == NULL) return TALLY_ENOMEM;
    replica->options = *options;
    replica->config = options->config;
    replica->chain_id = &options->config->genesis.chain_id;
    replica->signer = signer_of(options->config, &options->validators->set);
    replica->inputs_end = &replica->inputs;
    replica->committed_end = &replica->committed;
    replica->pending_end = &replica->pending;
    replica->wake_timer = open_timer(replica);
    replica->ask_timer = open_timer(replica);
    buffer_init(&replica->scratch, FRAME_SIZE_MAX);
    buffer_init(&replica->restored_checkpoint, FRAME_SIZE_MAX);
    replica->selection = calloc(BLOCK_BATCHES_MAX, sizeof *replica->selection);
    replica->digests = calloc(BLOCK_BATCHES_MAX, sizeof *replica->digests);
    int error = TALLY_ENOMEM;
    if (replica->selection != NULL && replica->digests != NULL)
        error = candidates_open(options->mempool, &replica->candidates);
    if (error == TALLY_OK) error = restore(replica, why, why_size);
    if (error == TALLY_OK)
        error = durable_open(
            options->loop, replica->record, options->ledger, &durable_callbacks, replica, &replica->durable);
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
    candidates_close(replica->candidates);
    vote_record_close(replica->record);
    buffer_close(&replica->scratch);
    buffer_close(&replica->restored_checkpoint);
    free(replica->selection);
    free(replica->digests);
    free(replica);
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
    consensus_status(replica->consensus, &status->consensus);
    status->proposals_made = replica->proposals_made;
    status->votes_cast = replica->votes_cast;
    status->evidence_seen = replica->evidence_seen;
}
