#include "node/clock.h"
#include "node/net/log.h"
#include "node/replica_internal.h"
#include "proto/base/check.h"
#include "proto/crypto/digest.h"

#define ANCESTORS_MAX 256u
/* A batch that is on its way anyway is not asked for at once; then each peer in turn is given a while. */
#define ASK_FIRST_MS 8u
#define ASK_AGAIN_MS 60u
#define ASK_TICK_MS 8u
#define ASK_DIGESTS_MAX 4096u

/* Says what became of a candidate's payload, once consensus has asked for it and it is whole. */
void replica_judge_payload(void *context, struct candidate *candidate)
{
    struct replica *replica = context;
    if (!candidate->wanted || !candidate_has_payload(candidate) || replica_is_behind(replica)) return;
    candidate->wanted = false;
    bool ok = candidate_is_well_formed(candidate);
    if (!ok) LOG_UNUSUAL("a block's payload is not what its header says", LOG_H("block", &candidate->hash));
    enum seal_verdict seal = replica_judge_seal(replica, candidate_header(candidate));
    candidate->wanted = ok && seal == SEAL_PENDING;
    if (candidate->wanted) return;
    if (seal == SEAL_WRONG)
        LOG_UNUSUAL("a block would seal the epoch with other validators than the state says",
            LOG_H("block", &candidate->hash));
    ok = ok && seal == SEAL_RIGHT;
    replica_feed(
        replica, &(struct consensus_input){.kind = INPUT_PAYLOAD, .block = candidate->hash, .ok = ok}, NULL);
}

static void ask_for_batches(void *context, struct candidate *candidate)
{
    struct replica *replica = context;
    uint64_t now = clock_now_ms();
    if (candidate->missing == 0) return;
    if (candidate->ask_at_ms > now) return;
    const struct proposal *proposal = candidate->source->message.proposal;
    uint32_t count = 0;
    buffer_clear(&replica->scratch);
    for (uint32_t i = 0; i < proposal->batch_count && count < ASK_DIGESTS_MAX; i++)
        if (candidate->batches[i] == NULL) replica->digests[count++] = proposal->batches[i];
    batch_request_encode(replica->digests, count, &replica->scratch);
    /* From the one it was asked of on, the first that is linked; validators come first in the table. */
    for (uint32_t tries = 0; tries < PEERS_MAX; tries++) {
        uint32_t slot = roster_slot(replica->roster, candidate->ask_next);
        candidate->ask_next = (candidate->ask_next + 1) % PEERS_MAX;
        if (slot != ROSTER_NONE &&
            links_send(replica->links, slot, FRAME_BATCH_REQUEST, buffer_span(&replica->scratch)) == TALLY_OK)
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

void replica_need_payload(struct replica *replica, const struct consensus_output *output)
{
    struct candidate *candidate = candidates_find(replica->candidates, &output->block);
    CHECK(candidate != NULL);
    candidate->wanted = true;
    if (candidate_has_payload(candidate)) {
        replica_judge_payload(replica, candidate);
        return;
    }
    candidate->ask_next = output->peer < PEERS_MAX ? output->peer : 0;
    candidate->ask_at_ms = clock_now_ms() + ASK_FIRST_MS;
    if (!uv_is_active((uv_handle_t *)replica->ask_timer))
        CHECK(uv_timer_start(replica->ask_timer, on_ask_timer, ASK_TICK_MS, ASK_TICK_MS) == 0);
}

void replica_batch_arrived(struct replica *replica, struct held_batch *batch)
{
    candidates_fill(replica->candidates, batch, replica_judge_payload, replica);
    replica_pump(replica);
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

/* Payload is work only while certification keeps up with finalization. */
static bool payload_allowed(const struct replica *replica, const struct consensus_status *status)
{
    return replica->serving && status->floor_height < replica->certified_height + CERTIFICATION_LAG_MAX;
}

void replica_review_work(struct replica *replica)
{
    struct consensus_status status;
    struct mempool_payload ancestors[ANCESTORS_MAX];
    replica->work_changed = false;
    consensus_status(replica->consensus, &status);
    replica->payload_allowed = payload_allowed(replica, &status);
    bool work =
        replica->payload_allowed && mempool_has_work(replica->options.mempool, clock_wall_ms(), ancestors,
                                        ancestors_of(replica, &status.tip_block, ancestors));
    if (work == replica->work || !replica->started) return;
    replica->work = work;
    replica_feed(replica, &(struct consensus_input){.kind = INPUT_WORK, .ok = work}, NULL);
}

void replica_update_work(struct replica *replica, uint64_t certified_height, bool serving)
{
    replica->certified_height = certified_height;
    replica->serving = serving;
    replica->work_changed = true;
    replica_review_seal(replica);
    replica_pump(replica);
}

/* ---- Own proposals ---- */

/* Chooses the payload and completes the header. Nothing is chosen on top of an ancestor whose payload is not
 * known here, as happens when its proposal is overtaken by its child's: what it carries might be ordered
 * twice. */
static uint32_t choose_payload(struct replica *replica, struct block_header *header, bool allowed)
{
    struct mempool_selection selection = {.batches = replica->selection};
    struct mempool_payload ancestors[ANCESTORS_MAX];
    struct consensus_status status;
    consensus_status(replica->consensus, &status);
    size_t count = ancestors_of(replica, &header->parent_hash, ancestors);
    bool all_known = header->height == status.floor_height + 1 + count;
    if (allowed && replica->payload_allowed && all_known)
        mempool_select(replica->options.mempool, header->time_ms, ancestors, count, &selection);
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

void replica_propose(struct replica *replica, const struct consensus_output *output)
{
    struct buffer justification, bytes;
    buffer_init(&justification, JUSTIFICATION_SIZE_MAX);
    buffer_init(&bytes, FRAME_SIZE_MAX);
    struct proposal proposal = {.header = output->header, .justification = *output->justification};
    proposal.batch_count = choose_payload(replica, &proposal.header, output->payload_allowed);
    if (proposal.batch_count == 0 && replica->work && replica->declined_view != proposal.header.view) {
        /* Asked because payload waited, but the block just certified holds all of it. Once that is known, the
         * core asks again if an empty block is wanted for another reason; once a view, so that it always gets
         * one then. */
        replica->declined_view = proposal.header.view;
        replica->work_changed = true;
        replica_feed(replica, &(struct consensus_input){.kind = INPUT_PROPOSED, .ok = false}, NULL);
        return;
    }
    proposal.batches = replica->digests;
    justification_encode(output->justification, &justification);
    proposal.justification_bytes = buffer_span(&justification);
    proposal.header.justification_root = justification_root(proposal.justification_bytes);
    proposal.hash = block_header_hash(&proposal.header);
    struct digest signed_digest = proposal_digest(replica->chain_id, &proposal.header, &proposal.hash);
    const struct signing purpose = {
        .kind = SIGNING_PROPOSAL, .epoch = proposal.header.epoch, .view = proposal.header.view};
    struct peer_message *message = NULL;
    bool ok =
        replica->may_vote && replica_sign(replica, &purpose, &signed_digest, &proposal.signature) == TALLY_OK;
    if (ok) proposal_encode(&proposal, &bytes);
    ok = ok && !justification.failed && !bytes.failed &&
         peer_message_open(FRAME_PROPOSAL, buffer_span(&bytes), replica->chain_id, &message) == TALLY_OK &&
         candidates_add(replica->candidates, message) != NULL;
    if (ok)
        replica->proposals_made++;
    else if (replica->may_vote)
        LOG_BROKEN("an own proposal could not be made", LOG_U("view", proposal.header.view));
    replica_feed(replica, &(struct consensus_input){.kind = INPUT_PROPOSED, .ok = ok}, ok ? message : NULL);
    peer_message_release(message);
    buffer_close(&justification);
    buffer_close(&bytes);
}
