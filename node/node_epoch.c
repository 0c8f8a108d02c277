/* The end of an epoch, and the beginning of the next one, while ledger, state, mempool, links and services go
 * on (R11).
 *
 *   1. A block that seals is final, and durable in the ledger: the replica has ended, and only helps those
 *      who are behind.
 *   2. It is applied: the register is the next epoch's. Its checkpoint is signed, by this epoch's validators.
 *   3. The checkpoint is certified here: by votes, or by the seal that a peer gives.
 *   4. The seal is in the state, on disk (executor_keep_seal).
 *   5. The replica is stopped; once its checks are done, it and the certifier are closed, and the next
 *      epoch's are opened, with the seal as their floor, at view 0.
 *
 * Wherever a crash comes, the next start comes to the same. After 1 the ledger's head is a seal whose end the
 * state does not know: the old epoch's replica is opened, already ended, and goes on with 2 to 5. After 4 the
 * state knows it: the next epoch's replica is opened at once. No block of the next epoch is in the ledger,
 * and no vote of it in the vote record, before 4. The vote record goes on from epoch to epoch (journal.h), so
 * that there is no moment at which votes are forgotten. */
#include "consensus/consensus.h"
#include "node/clock.h"
#include "node/net/log.h"
#include "node/node_internal.h"
#include "node/vote_beginning.h"
#include "peer.pb-c.h"
#include "proto/base/check.h"
#include "proto/codec/message.h"

#include <stdlib.h>

/* Between two looks whether the ended replica's checks are done. */
#define TURN_MS 1u
/* Seals that one peer is sent between two ticks: who lacks one asks once a second, all its peers in turn, and
 * what it sends of an older epoch is answered too. */
#define SEAL_ANSWERS_MAX 4u

/* After the last block applied. */
static const struct member_register *register_of(const struct node *node)
{
    return &executor_register(node->executor)->value;
}

/* ---- Opening ---- */

static int read_seals(struct node *node)
{
    struct state *state = executor_state(node->executor);
    struct buffer bytes;
    uint64_t epoch = register_of(node)->epoch;
    int error = state == NULL ? TALLY_ENOTFOUND : TALLY_OK;
    buffer_init(&bytes, EPOCH_SEALS_SIZE_MAX);
    /* Those that come after one that is missing are of no use before that one is here again. */
    for (; error == TALLY_OK && epoch > 0; epoch--) {
        error = state_seals_read(state, epoch, &bytes);
        if (error != TALLY_ENOTFOUND) break;
        error = TALLY_OK;
    }
    struct span left = buffer_span(&bytes);
    while (error == TALLY_OK && left.size > 0) {
        struct epoch_seal seal;
        error = epoch_seal_take(&left, &seal);
        if (error == TALLY_OK) error = epoch_book_add(node->epochs, &seal);
    }
    buffer_close(&bytes);
    return error == TALLY_ENOTFOUND ? TALLY_OK : error;
}

/* The epoch that goes on: the head's, or the one after it where that is a seal whose end is known. Where it
 * is a seal and not even its own validators are known here, since the state had to be made anew, the next
 * begins, and this node's record has no vote in it. */
static uint64_t epoch_at_head(struct node *node)
{
    struct ledger_head head;
    ledger_head(node->ledger, &head);
    if (head.height == 0) return 1;
    bool ended = head.header.seals && (epoch_book_sealed(node->epochs) >= head.header.epoch ||
                                          epoch_book_set(node->epochs, head.header.epoch) == NULL);
    return head.header.epoch + (ended ? 1 : 0);
}

/* The state had to be made anew, and stands before a block that the ledger lost. Whose turn it is in the
 * ledger's epoch is known once that block is here and all behind it are applied: then the node is opened
 * again. */
static void wait_in_state_epoch(struct node *node)
{
    CHECK(!executor_is_level(node->executor));
    LOG_UNUSUAL("the state stands in an earlier epoch than the ledger, and waits for a block that this lost; "
                "until peers have given what is missing, this node takes no part",
        LOG_U("state_epoch", register_of(node)->epoch), LOG_U("ledger_epoch", node->epoch));
    node->epoch = register_of(node)->epoch;
    node->mending = true;
}

int node_open_epochs(struct node *node)
{
    struct validator_set set;
    int error = epoch_book_open(&node->config->genesis, &node->epochs);
    if (error == TALLY_OK) error = read_seals(node);
    register_current_set(register_of(node), &set);
    if (error == TALLY_OK) error = epoch_book_know(node->epochs, &set);
    if (error != TALLY_OK) return error;
    node->epoch = epoch_at_head(node);
    if (epoch_book_set(node->epochs, node->epoch) == NULL) wait_in_state_epoch(node);
    node_take_register(node);
    return TALLY_OK;
}

static void free_timer(uv_handle_t *handle)
{
    free(handle);
}

void node_close_epochs(struct node *node)
{
    if (node->turn != NULL) uv_close((uv_handle_t *)node->turn, free_timer);
    epoch_book_close(node->epochs);
}

int node_open_epoch(struct node *node, uint64_t certified, char *why, size_t why_size)
{
    const struct register_set *now = &register_of(node)->set;
    struct replica_options options = {
        .loop = node->loop,
        .config = node->config,
        .signer = node_epoch_signer(node),
        .roster = &node->roster,
        .epochs = node->epochs,
        .base_timeout_ms = now->base_timeout_ms,
        .heartbeat_ms = now->heartbeat_ms,
        .waits = node->mending,
        .mempool = node->mempool,
        .ledger = node->ledger,
        .data_dir = node->data_dir,
        .checkers = node->checkers,
        .callbacks = &node_replica_callbacks,
        .context = node,
    };
    int error = certifier_open(node->roster.validators, &node->config->genesis.chain_id, certified,
        &node_certifier_callbacks, node, &node->certifier);
    if (error == TALLY_OK) error = replica_open(&options, &node->replica, why, why_size);
    return error;
}

/* R11: the state of this epoch asks for its end. */
void node_want_seal(struct node *node)
{
    struct validator_set next;
    const struct member_register *members = register_of(node);
    if (members->epoch != node->epoch || !register_wants_epoch(members, &next)) return;
    struct digest hash = validator_set_hash(&next);
    replica_want_seal(node->replica, members->next_from, &hash);
}

/* ---- The seal ---- */

static bool is_sealed(const struct node *node)
{
    struct replica_status status;
    replica_status(node->replica, &status);
    return status.consensus.sealed;
}

void node_seal_certified(struct node *node, const struct certified_checkpoint *checkpoint)
{
    struct epoch_seal seal = {.checkpoint = *checkpoint};
    register_current_set(register_of(node), &seal.next_set);
    int error = epoch_book_sealed(node->epochs) + 1 == node->epoch
                    ? epoch_book_add(node->epochs, &seal)
                    : epoch_book_know(node->epochs, &seal.next_set);
    if (error != TALLY_OK) {
        node_fail(node, "the epoch's seal", error);
        return;
    }
    LOG_INFO("the epoch is sealed", LOG_U("epoch", node->epoch),
        LOG_U("height", checkpoint->checkpoint.height), LOG_U("next_validators", seal.next_set.count));
    executor_keep_seal(node->executor, &seal);
}

void node_resume_epoch(struct node *node)
{
    struct certified_checkpoint certified;
    node_want_seal(node);
    bool kept = executor_newest_certified(node->executor, &certified) &&
                certified.checkpoint.epoch == node->epoch && checkpoint_seals(&certified.checkpoint);
    if (kept && register_of(node)->epoch == node->epoch + 1) node_seal_certified(node, &certified);
}

static const char *role_in(bool before, bool now)
{
    if (now) return before ? "it goes on as a validator" : "it is a validator from now on";
    return before ? "it is no longer a validator" : "it goes on as an observer";
}

static void link_up_again(struct node *node)
{
    for (uint32_t slot = 0; slot < node->roster.slot_count; slot++) {
        struct links_status status = {0};
        if (node->roster.slots[slot].used && slot != node->roster.self)
            links_peer_status(node->links, slot, &status);
        if (status.up) node_on_up(node, slot);
    }
}

static void begin_next(struct node *node)
{
    char why[256] = "";
    uint64_t certified = certifier_newest(node->certifier);
    bool was_validator = node->roster.signer != ROSTER_NONE;
    replica_close(node->replica);
    certifier_close(node->certifier);
    node->replica = NULL;
    node->certifier = NULL;
    node->epoch++;
    node->own_vote = (struct checkpoint_vote){0};
    memset(node->pending_votes, 0, sizeof node->pending_votes);
    node_take_register(node);
    int error = node_open_epoch(node, certified, why, sizeof why);
    /* Nothing works without them: the process ends, and the next start says what it can. */
    if (error != TALLY_OK)
        LOG_BROKEN("the next epoch cannot begin", LOG_S("why", why), LOG_E("error", error));
    CHECK(error == TALLY_OK);
    uint32_t base_ms = register_of(node)->set.base_timeout_ms;
    links_set_pace(node->links, 3 * base_ms, 10 * base_ms);
    replica_start(node->replica, node->links);
    LOG_INFO("an epoch begins", LOG_U("epoch", node->epoch), LOG_U("above_height", certified),
        LOG_U("validators", node->roster.validators->set.count),
        LOG_S("this_node", role_in(was_validator, node->roster.signer != ROSTER_NONE)),
        LOG_S("votes", replica_may_vote(node->replica) ? "yes" : "no"));
    node_want_seal(node);
    link_up_again(node);
    node_update_work(node);
    node_set_keepalive(node);
}

static void on_turn(uv_timer_t *timer)
{
    struct node *node = timer->data;
    if (node->stopping || !replica_is_idle(node->replica)) return;
    CHECK(uv_timer_stop(timer) == 0);
    begin_next(node);
}

void node_on_seal_kept(void *context, uint64_t epoch)
{
    struct node *node = context;
    if (epoch != node->epoch || node->stopping) return;
    replica_stop(node->replica);
    if (node->turn == NULL) {
        node->turn = calloc(1, sizeof *node->turn);
        CHECK(node->turn != NULL && uv_timer_init(node->loop, node->turn) == 0);
        node->turn->data = node;
    }
    CHECK(uv_timer_start(node->turn, on_turn, 0, TURN_MS) == 0);
}

/* ---- Seals that are missing here ---- */

static void ask_peer(struct node *node, uint64_t epoch)
{
    struct buffer bytes;
    Tallystick__V1__SealRequest request = TALLYSTICK__V1__SEAL_REQUEST__INIT;
    request.epoch = epoch;
    buffer_init(&bytes, 64);
    message_encode(&request.base, &bytes);
    CHECK(!bytes.failed);
    for (uint32_t tries = 0; tries < PEERS_MAX; tries++) {
        node->seal_peer = (node->seal_peer + 1) % PEERS_MAX;
        bool used = node->roster.slots[node->seal_peer].used && node->seal_peer != node->roster.self;
        if (used &&
            links_send(node->links, node->seal_peer, FRAME_SEAL_REQUEST, buffer_span(&bytes)) == TALLY_OK)
            break;
    }
    buffer_close(&bytes);
}

/* Of an epoch that is over elsewhere, its validators may sign nothing any more; and a state that was made
 * anew knows of no end. By the seals before its epoch a lost block is checked. */
void node_ask_for_seal(struct node *node)
{
    uint64_t epoch = epoch_book_sealed(node->epochs) + 1;
    struct ledger_head head;
    ledger_head(node->ledger, &head);
    bool missing = node->mending ? epoch < head.header.epoch
                                 : epoch < node->epoch || (epoch == node->epoch && is_sealed(node));
    if (missing) ask_peer(node, epoch);
}

void node_send_seal(struct node *node, uint32_t peer, uint64_t epoch)
{
    const struct epoch_seal *seal = epoch_book_seal(node->epochs, epoch);
    struct buffer bytes;
    if (seal == NULL || node->seal_answers[peer] >= SEAL_ANSWERS_MAX) return;
    node->seal_answers[peer]++;
    buffer_init(&bytes, EPOCH_SEAL_SIZE_MAX);
    epoch_seal_append(seal, &bytes);
    CHECK(!bytes.failed);
    if (links_send(node->links, peer, FRAME_SEAL, buffer_span(&bytes)) != TALLY_OK)
        LOG_DEBUG("a seal was not sent", LOG_U("peer", peer));
    buffer_close(&bytes);
}

void node_receive_seal_request(struct node *node, uint32_t peer, struct span payload)
{
    struct arena arena;
    ProtobufCMessage *message;
    arena_init(&arena, 4096);
    int error = message_decode(
        &tallystick__v1__seal_request__descriptor, MESSAGE_CANONICAL, payload, &arena, &message);
    if (error == TALLY_OK)
        node_send_seal(node, peer, ((const Tallystick__V1__SealRequest *)message)->epoch);
    else
        links_charge(node->links, peer, "a request for a seal that does not parse");
    arena_close(&arena);
}

void node_receive_seal(struct node *node, uint32_t peer, struct span payload)
{
    struct epoch_seal seal;
    int error = payload.size == 0 ? TALLY_EFORM : epoch_seal_take(&payload, &seal);
    if (error == TALLY_OK && payload.size > 0) error = TALLY_EFORM;
    if (error == TALLY_OK && seal.checkpoint.checkpoint.epoch != epoch_book_sealed(node->epochs) + 1) return;
    if (error == TALLY_OK && node->mending) {
        error = epoch_book_add(node->epochs, &seal); /* kept once the state is there */
    } else if (error == TALLY_OK && seal.checkpoint.checkpoint.epoch > node->epoch) {
        return;
    } else if (error == TALLY_OK && seal.checkpoint.checkpoint.epoch == node->epoch) {
        error = certifier_checkpoint(node->certifier, &seal.checkpoint);
    } else if (error == TALLY_OK) {
        error = epoch_book_add(node->epochs, &seal);
        if (error == TALLY_OK) executor_keep_seal(node->executor, &seal);
    }
    if (error != TALLY_OK) links_charge(node->links, peer, "a seal that does not hold");
}

void node_keep_seals_again(void *context)
{
    struct node *node = context;
    for (uint64_t epoch = 1; epoch <= epoch_book_sealed(node->epochs); epoch++)
        executor_keep_seal(node->executor, epoch_book_seal(node->epochs, epoch));
}

/* ---- A vote record for the next epoch ---- */

static bool is_wanted(const struct node *node)
{
    const struct register_node *own =
        node->roster.self == ROSTER_NONE
            ? NULL
            : register_node_by_id(register_of(node), node->roster.slots[node->roster.self].node_id);
    return own != NULL && own->validator;
}

/* R13: "A vote record is made only by an explicit first start, or for an epoch sealed after the directory was
 * made." */
void node_prepare_to_vote(struct node *node)
{
    struct replica_status status;
    uint64_t heights[VALIDATORS_MAX] = {0};
    const struct validator_set *set = &node->roster.validators->set;
    node->has_votes = node->has_votes || replica_votes_from(node->replica) <= node->epoch + 1;
    if (node->has_votes || node->votes_failed || !is_wanted(node)) return;
    replica_status(node->replica, &status);
    for (uint32_t seat = 0; seat < set->count; seat++) {
        uint32_t slot = roster_slot(&node->roster, seat);
        if (slot != ROSTER_NONE) heights[seat] = node->peer_heights[slot];
    }
    if (status.consensus.sealed || node->epoch == 0) return;
    if (!vote_beginning_is_safe(set, node->roster.signer, heights, status.consensus.durable_height)) return;
    int error = vote_beginning_make(node->config, node->data_dir, node->epoch + 1);
    node->has_votes = error == TALLY_OK;
    node->votes_failed = !node->has_votes;
    if (error == TALLY_OK)
        LOG_INFO("this node has a vote record from the next epoch on", LOG_U("epoch", node->epoch + 1));
    else
        LOG_UNUSUAL("no vote record could be made for the next epoch, and this node does not say that it is "
                    "ready: mend the cause, delete data/votes, and start it again",
            LOG_E("why", error));
}
