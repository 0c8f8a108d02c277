#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "node/clock.h"
#include "node/commit/replay.h"
#include "node/evidence.h"
#include "node/keys/guard.h"
#include "node/metrics/meters.h"
#include "node/net/log.h"
#include "node/node_internal.h"
#include "node/vote_beginning.h"
#include "peer.pb-c.h"
#include "proto/base/check.h"
#include "proto/codec/message.h"
#include "storage/adoption.h"

#define CHECKER_THREADS 2
#define TICK_MS 1000u
#define LOCK_TRIES 10
#define LOCK_TRY_MS 100u

/* ---- Failing ---- */

void node_fail(struct node *node, const char *what, int error)
{
    LOG_BROKEN("the node stops", LOG_S("what", what), LOG_E("why", error));
    if (node->failed) return;
    node->failed = true;
    node->on_failed(node->context);
}

static void on_part_failed(void *context, const char *what, int error)
{
    node_fail(context, what, error);
}

/* Without blocks from the first on, only another snapshot helps; the next opening looks for one. */
static void on_state_failed(void *context, const char *what, int error)
{
    struct node *node = context;
    if (error != TALLY_EPENDING) {
        node_fail(node, what, error);
        return;
    }
    LOG_UNUSUAL("the state is damaged, and older blocks are missing: this node is opened again");
    node->on_joined(node->context);
}

/* ---- Work ---- */

void node_update_work(struct node *node)
{
    replica_update_work(node->replica, certifier_newest(node->certifier), node->serving);
}

static void on_batch(void *context, struct held_batch *batch)
{
    (void)batch;
    node_update_work(context);
}

static bool lacks_batches(void *context)
{
    const struct node *node = context;
    return replica_lacks_batches(node->replica);
}

static void fill(void *context, struct held_batch *batch)
{
    struct node *node = context;
    replica_batch_arrived(node->replica, batch);
}

/* ---- Final, applied, certified ---- */

static void on_final(void *context, const struct block *block)
{
    struct node *node = context;
    meter_add(&meters.blocks_finalized, 1);
    meter_add(&meters.batches_finalized, block->batch_count);
    meter_add(&meters.events_finalized, block->header.payload_events);
    executor_apply(node->executor, block);
}

/* Signs what was applied, and has the promise recorded before the signature leaves. */
static void sign_checkpoint(struct node *node, const struct checkpoint *checkpoint, uint64_t view)
{
    if (!replica_may_vote(node->replica) || checkpoint->height <= certifier_heard(node->certifier)) return;
    struct checkpoint_vote *vote = &node->pending_votes[checkpoint->height % CERTIFIER_HEIGHTS];
    struct digest digest = checkpoint_digest(checkpoint);
    vote->checkpoint = *checkpoint;
    vote->signer = node->roster.signer;
    const struct signing purpose = {.kind = SIGNING_CHECKPOINT, .height = checkpoint->height};
    int error = node_signer_sign(node_epoch_signer(node), &purpose, &digest, &vote->signature);
    if (error != TALLY_OK) {
        on_part_failed(node, "the signer", error);
        return;
    }
    struct buffer bytes;
    buffer_init(&bytes, 64u * KIB);
    checkpoint_vote_encode(vote, &bytes);
    CHECK(!bytes.failed);
    error = replica_record_checkpoint(node->replica, checkpoint->height, view, buffer_span(&bytes));
    CHECK(error == TALLY_OK || error == TALLY_EEXISTS); /* signed before the last restart: once ever */
    buffer_close(&bytes);
}

static void on_checkpoint_recorded(void *context, uint64_t height)
{
    struct node *node = context;
    const struct checkpoint_vote *vote = &node->pending_votes[height % CERTIFIER_HEIGHTS];
    /* A disk slower than catching up: so many heights were applied meanwhile that this one's place was taken.
     * Peers no longer wait for it. */
    if (vote->checkpoint.height != height) return;
    node->own_vote = *vote;
    meter_add(&meters.checkpoints_signed, 1);
    node_send_own_vote(node, PEER_ALL);
    int error = certifier_vote(node->certifier, vote);
    CHECK(error == TALLY_OK);
}

void node_set_keepalive(struct node *node)
{
    struct replica_status status;
    struct buffer bytes;
    Tallystick__V1__Keepalive keepalive = TALLYSTICK__V1__KEEPALIVE__INIT;
    replica_status(node->replica, &status);
    keepalive.finalized_height = status.consensus.durable_height;
    keepalive.view = status.consensus.view;
    buffer_init(&bytes, LINKS_KEEPALIVE_SIZE_MAX);
    message_encode(&keepalive.base, &bytes);
    CHECK(!bytes.failed);
    links_set_keepalive(node->links, buffer_span(&bytes));
    buffer_close(&bytes);
}

static void count_results(const struct applied_block *applied)
{
    uint64_t counts[METER_RESULTS] = {0};
    for (uint32_t i = 0; i < applied->block->header.payload_events; i++) {
        CHECK(applied->results[i].code < METER_RESULTS);
        counts[applied->results[i].code]++;
    }
    for (uint32_t code = 0; code < METER_RESULTS; code++)
        if (counts[code] > 0) meter_add(&meters.events_applied[code], counts[code]);
}

static void on_applied(void *context, const struct applied_block *applied)
{
    struct node *node = context;
    uint64_t height = applied->block->header.height;
    bool seals = applied->block->header.seals;
    count_results(applied);
    node_trust_look(node, &applied->checkpoint);
    refusals_tell_applied(&node->refusals, applied);
    if (applied->register_view != NULL) node_take_register(node);
    submissions_applied(node->submissions, applied);
    node->batches_applied += applied->block->batch_count;
    /* A node that has diverged signs nothing before it has rebuilt, and then only later heights. */
    if (node->serving && height > node->rebuilt_height) {
        sign_checkpoint(node, &applied->checkpoint, applied->block->header.view);
        certifier_applied(node->certifier, &applied->checkpoint);
    }
    if (applied->register_view != NULL) node_want_seal(node);
    replica_release(node->replica, height); /* the block is gone from here on */
    node_update_work(node);
    node_set_keepalive(node);
    if (seals) node_ask_for_seal(node);
    node_tell_news(node);
}

static void on_certified(void *context, const struct certified_checkpoint *checkpoint)
{
    struct node *node = context;
    executor_certified(node->executor, checkpoint);
    if (checkpoint_seals(&checkpoint->checkpoint)) node_seal_certified(node, checkpoint);
    node_update_work(node);
}

/* Only now can a client that waited for the checkpoint ask for what it proves. */
static void on_provable(void *context, uint64_t height)
{
    struct node *node = context;
    submissions_certified(node->submissions, height);
    node_tell_news(node);
}

static void on_divergence(void *context, uint64_t height)
{
    struct node *node = context;
    if (!node->serving) return; /* it is being rebuilt already */
    meter_add(&meters.divergences, 1);
    node->serving = false;
    if (height <= node->rebuilt_height) {
        LOG_BROKEN(
            "a quorum signed another state than this node computed, and computed again: it stops serving; "
            "an operator must look at it",
            LOG_U("height", height));
        return;
    }
    LOG_BROKEN("a quorum signed another state than this node computed; it stops serving and rebuilds",
        LOG_U("height", height));
    executor_rebuild(node->executor);
}

static void on_checkpoint_evidence(void *context, const struct evidence *evidence)
{
    struct node *node = context;
    const struct public_key *key = &node->roster.validators->set.keys[evidence->signer];
    struct validator_meters *of = roster_meters(&node->roster, evidence->signer);
    if (of != NULL) meter_add(&of->evidence[METER_EVIDENCE_OF_CHECKPOINTS], 1);
    LOG_BROKEN("a validator signed two checkpoints of one height", LOG_K("validator", key),
        LOG_U("height", evidence->first_checkpoint.height));
    int error = evidence_keep(node->data_dir, key, evidence);
    if (error != TALLY_OK) LOG_BROKEN("evidence was not kept", LOG_E("why", error));
}

static void on_rebuilt(void *context, const struct checkpoint *last)
{
    struct node *node = context;
    node->rebuilt_height = last->height;
    node->serving = true;
    node_take_register(node);
    if (last->height > 0) certifier_applied(node->certifier, last);
    node_want_seal(node);
    node_update_work(node);
}

/* What was signed before the last stop takes up where it was. */
static void resume_applied(struct node *node)
{
    struct checkpoint applied;
    struct state_counts counts;
    struct ledger_head head;
    executor_last(node->executor, &applied, &counts);
    if (applied.height == 0) return;
    ledger_head(node->ledger, &head);
    certifier_applied(node->certifier, &applied);
    /* Where the crash came before its promise was recorded, nobody has this signature yet. */
    sign_checkpoint(node, &applied, head.header.view);
}

static void on_level(void *context)
{
    struct node *node = context;
    if (node->mending) {
        LOG_INFO("the state is in the ledger's epoch: this node is opened again");
        node->on_joined(node->context);
        return;
    }
    node->serving = true;
    node_take_register(node);
    resume_applied(node);
    node_want_seal(node);
    node_update_work(node);
}

/* ---- Once a second ---- */

static void expired(void *context, const struct held_batch *held)
{
    struct node *node = context;
    submissions_expired(node->submissions, &held->batch.digest);
}

/* Where votes were lost, asking gets the checkpoint: a follower that is behind in certification needs it to
 * prove. */
static void ask_for_checkpoint(struct node *node)
{
    if (executor_applied_height(node->executor) <= certifier_newest(node->certifier)) return;
    links_broadcast(node->links, FRAME_CHECKPOINT_REQUEST, span_of(NULL, 0));
    node_send_own_vote(node, PEER_ALL);
}

/* "validator-1 validator-2 | validator-3": who signed alike. */
static void name_groups(
    const struct node *node, const struct certifier_gathering *gathering, char *text, size_t size)
{
    size_t at = 0;
    text[0] = '\0';
    for (uint8_t group = 1; group <= gathering->group_count; group++) {
        if (group > 1 && at < size) at += (size_t)snprintf(text + at, size - at, " |");
        for (uint32_t i = 0; i < node->roster.validators->set.count; i++)
            if (gathering->groups[i] == group && at < size)
                at += (size_t)snprintf(text + at, size - at, "%s%s", at == 0 ? "" : " ",
                    roster_validator_name(&node->roster, i));
    }
}

/* "Where no root gets q signatures, nodes alarm with the signers of each root": once for each time. */
static void watch_for_split(struct node *node)
{
    struct certifier_gathering gathering;
    char groups[LOG_LINE_SIZE_MAX];
    certifier_gathering(node->certifier, &gathering);
    uint64_t height = node->serving && gathering.group_count > 1 ? gathering.height : 0;
    if (height == 0 || height != node->split_height) node->split_ticks = 0;
    node->split_height = height;
    if (height == 0 || node->split_ticks >= SPLIT_TICKS || ++node->split_ticks < SPLIT_TICKS) return;
    name_groups(node, &gathering, groups, sizeof groups);
    LOG_BROKEN("validators signed different states of one height, and no quorum agrees: an operator must act",
        LOG_U("height", height), LOG_S("alike", groups));
}

static void on_tick(uv_timer_t *timer)
{
    struct node *node = timer->data;
    memset(node->seal_answers, 0, sizeof node->seal_answers);
    page_watch_tick(&node->pages, node->checkers);
    node_watch_membership(node);
    node_watch_key(node);
    if (node->joining) {
        newcomer_tick(node->newcomer);
        return;
    }
    if (node->mending) {
        node_ask_for_seal(node);
        mender_tick(node->mender);
        return;
    }
    watch_for_split(node);
    node_look_at_pressure(node);
    if (mempool_expire(node->mempool, clock_wall_ms(), expired, node) > 0) node_update_work(node);
    submissions_sweep(node->submissions, clock_wall_ms());
    ask_for_checkpoint(node);
    node_ask_for_seal(node);
    node_prepare_to_vote(node);
    node_look_ready(node);
    mender_tick(node->mender);
    backfiller_tick(node->backfiller);
}

/* ---- Opening ---- */

static int open_data(struct node *node, char *why, size_t why_size)
{
    const struct disk *disk = disk_system();
    snprintf(node->data_dir, sizeof node->data_dir, "%s/data", node->config->home);
    int error = disk_lock(disk, node->data_dir, &node->lock);
    /* A process that was just killed lets go with its last thread, a moment after it is seen to be gone. */
    for (int tries = 0; error == TALLY_EBUSY && tries < LOCK_TRIES; tries++) {
        uv_sleep(LOCK_TRY_MS);
        error = disk_lock(disk, node->data_dir, &node->lock);
    }
    if (error == TALLY_ENOTFOUND)
        snprintf(why, why_size,
            "%s does not exist; a node's first start ever is: tallyd --home %s --init, for a validator only "
            "if "
            "it never ran before: one that lost its disk could contradict itself (node/OPERATIONS.md)",
            node->data_dir, node->config->home);
    else if (error == TALLY_EBUSY)
        snprintf(why, why_size, "%s is in use by another process, whose pid is %llu (0 = unknown)",
            node->data_dir, (unsigned long long)disk_lock_holder(disk, node->data_dir));
    else if (error != TALLY_OK)
        snprintf(why, why_size, "%s: %s", node->data_dir, tally_error_text(error));
    if (error != TALLY_OK) return error;
    node->locked = true;
    bool adopted;
    error = adoption_finish(disk, node->data_dir, &adopted);
    if (error != TALLY_OK) {
        snprintf(why, why_size, "what was joined in %s/joining cannot be put in place: %s", node->data_dir,
            tally_error_text(error));
        return error;
    }
    if (adopted) LOG_INFO("this node begins with the snapshot that it fetched");
    struct ledger_report report;
    static const struct ledger_options options = {.mend = true};
    uint64_t began_ms = clock_now_ms();
    error =
        ledger_open(disk, node->data_dir, &node->config->genesis.chain_id, &options, &node->ledger, &report);
    if (error != TALLY_OK)
        snprintf(why, why_size, "the ledger in %s cannot be opened: %s: %s", node->data_dir,
            tally_error_text(error), report.detail);
    else if (report.bytes_cut > 0)
        LOG_INFO("cut a torn tail off the ledger", LOG_U("bytes", report.bytes_cut),
            LOG_U("blocks", report.blocks_cut));
    if (error == TALLY_OK)
        LOG_INFO("the ledger is open", LOG_U("height", ledger_height(node->ledger)),
            LOG_U("ms", clock_now_ms() - began_ms));
    if (error == TALLY_OK && report.lost + report.bodies_lost + report.headers_mended > 0)
        LOG_UNUSUAL("the ledger is damaged; what is lost is fetched from peers", LOG_U("blocks", report.lost),
            LOG_U("bodies", report.bodies_lost), LOG_U("headers_mended", report.headers_mended));
    return error;
}

const struct certifier_callbacks node_certifier_callbacks = {
    on_certified, on_divergence, on_checkpoint_evidence};
const struct replica_callbacks node_replica_callbacks = {on_final, on_checkpoint_recorded, on_part_failed};

/* The end of the epoch before is certified, be it kept as a checkpoint here or not. */
static uint64_t newest_certified(const struct node *node)
{
    struct certified_checkpoint certified = {0};
    (void)executor_newest_certified(node->executor, &certified);
    const struct epoch_seal *seal = epoch_book_seal(node->epochs, node->epoch - 1);
    uint64_t applied = executor_applied_height(node->executor), newest = certified.checkpoint.height;
    if (seal != NULL && seal->checkpoint.checkpoint.height > newest)
        newest = seal->checkpoint.checkpoint.height;
    return newest < applied ? newest : applied;
}

static int open_parts(struct node *node, char *why, size_t why_size)
{
    static const struct executor_callbacks executor_callbacks = {on_applied, on_rebuilt, on_level,
        on_state_failed, on_provable, node_keep_seals_again, node_on_seal_kept};
    static const struct intake_callbacks intake_callbacks = {on_batch, lacks_batches, fill};
    const struct genesis *genesis = &node->config->genesis;
    int error = open_data(node, why, why_size);
    if (error == TALLY_OK) error = mempool_open(NULL, &node->mempool);
    if (error == TALLY_OK) error = news_open(node->loop, &node->news);
    if (error == TALLY_OK) error = worker_open(node->loop, "checks", CHECKER_THREADS, &node->checkers);
    if (error == TALLY_OK)
        error = executor_open(node->loop, node->data_dir, (size_t)node->config->subject_cache_mib * MIB,
            genesis, node->ledger, &executor_callbacks, node, &node->executor, why, why_size);
    if (error != TALLY_OK) return error;
    node->serving = executor_is_level(node->executor);
    error = node_trust_open(node, why, why_size);
    if (error == TALLY_OK) error = node_open_epochs(node);
    if (error != TALLY_OK) return error;
    error = node_open_epoch(node, newest_certified(node), why, why_size);
    struct mender_options mending = {
        .ledger = node->ledger,
        .checkers = node->checkers,
        .chain_id = &genesis->chain_id,
        .epochs = node->epochs,
        .roster = &node->roster,
        .not_mine = node_on_other_range,
        .on_failed = on_part_failed,
        .context = node,
    };
    if (error == TALLY_OK) error = mender_open(&mending, &node->mender);
    if (error == TALLY_OK)
        error = handover_open(node->data_dir, node->executor, node->checkers, &node->handover);
    struct backfiller_options filling = {
        .loop = node->loop,
        .ledger = node->ledger,
        .executor = node->executor,
        .chain_id = &genesis->chain_id,
        .epochs = node->epochs,
        .roster = &node->roster,
        .on_failed = on_part_failed,
        .context = node,
    };
    if (error == TALLY_OK) error = backfiller_open(&filling, &node->backfiller);
    if (error == TALLY_OK)
        error = intake_open(&genesis->chain_id, executor_register(node->executor), node->mempool,
            node->checkers, &intake_callbacks, node, &node->intake);
    if (error == TALLY_OK)
        error = submissions_open(node->intake, node->mempool, node->executor, &node->submissions);
    return error;
}

static void resume_checkpoints(struct node *node)
{
    struct span recorded = replica_restored_checkpoint(node->replica);
    if (node->serving) resume_applied(node);
    if (recorded.size == 0 || checkpoint_vote_decode(recorded, &node->own_vote) != TALLY_OK) return;
    if (node->own_vote.checkpoint.epoch != node->epoch) {
        node->own_vote = (struct checkpoint_vote){0}; /* that epoch's end is certified */
        return;
    }
    int error = certifier_vote(node->certifier, &node->own_vote);
    if (error != TALLY_OK) LOG_BROKEN("an own checkpoint vote does not hold", LOG_E("why", error));
}

static int open_links(struct node *node, char *why, size_t why_size)
{
    static const struct links_callbacks callbacks = {node_on_up, node_on_down, node_on_frame};
    const struct config *config = node->config;
    uint32_t base_ms = executor_register(node->executor)->value.set.base_timeout_ms;
    struct links_options options = {
        .chain_id = config->genesis.chain_id,
        .signer = node->link_signer,
        .software = "tallyd/" TALLY_VERSION,
        .host = config->peer_address.host,
        .port = config->peer_address.port,
        .keepalive_ms = 3 * base_ms,
        .silence_ms = 10 * base_ms,
        .callbacks = &callbacks,
        .context = node,
    };
    int error = links_open(node->loop, &options, &node->links);
    if (error != TALLY_OK)
        snprintf(why, why_size, "cannot listen for peers on %s:%u: %s", config->peer_address.host,
            config->peer_address.port, tally_error_text(error));
    else
        node_take_register(node);
    return error;
}

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

static void close_parts(struct node *node)
{
    /* Workers first: what they finish may still speak to everything else, but not ask for more work. */
    newcomer_close(node->newcomer);
    replica_stop(node->replica);
    mender_stop(node->mender);
    handover_stop(node->handover);
    backfiller_stop(node->backfiller);
    worker_close(node->checkers);
    mender_close(node->mender);
    executor_close(node->executor);
    handover_close(node->handover);
    backfiller_close(node->backfiller);
    replica_close(node->replica);
    submissions_close(node->submissions);
    intake_close(node->intake);
    certifier_close(node->certifier);
    node_close_epochs(node);
    mempool_close(node->mempool);
    ledger_close(node->ledger);
    news_close(node->news);
    if (node->locked) disk_unlock(disk_system(), node->lock);
    if (node->tick != NULL) uv_close((uv_handle_t *)node->tick, free_handle);
}

static void start_consensus(struct node *node)
{
    intake_start(node->intake, node->links);
    replica_start(node->replica, node->links);
    mender_start(node->mender, node->links);
    backfiller_start(node->backfiller, node->links);
    resume_checkpoints(node);
    node_resume_epoch(node);
    node_update_work(node);
    node_set_keepalive(node);
}

/* ---- Joining ---- */

static void on_genesis(void *context)
{
    struct node *node = context;
    if (ledger_height(node->ledger) > 0) {
        LOG_UNUSUAL("no snapshot is to be had now: this node is opened again, and asks anew");
        node->on_joined(node->context);
        return;
    }
    node->joining = false;
    node->serving = executor_is_level(node->executor);
    start_consensus(node);
    for (uint32_t peer = 0; peer < PEERS_MAX; peer++) {
        struct links_status status;
        links_peer_status(node->links, peer, &status);
        if (status.up) node_on_up(node, peer);
    }
}

static void on_joined(void *context)
{
    struct node *node = context;
    if (!node->stopping) node->on_joined(node->context);
}

/* A node with an empty ledger first asks its peers how to begin. */
static int start_joining(struct node *node)
{
    static const struct newcomer_callbacks callbacks = {on_genesis, on_joined, on_part_failed};
    node->state_config = replay_config(&node->config->genesis);
    struct newcomer_options options = {
        .loop = node->loop,
        .data_dir = node->data_dir,
        .state = &node->state_config,
        .genesis = &node->config->genesis,
        .trusted = node->config->trusted,
        .first = epoch_book_set(node->epochs, 1),
        .roster = &node->roster,
        .links = node->links,
        .callbacks = &callbacks,
        .context = node,
    };
    node->joining = true;
    node->serving = false;
    return newcomer_open(&options, &node->newcomer);
}

/* A state that was damaged is made anew from the ledger, where that has all blocks. Else only another
 * snapshot helps. */
static bool lacks_state(const struct node *node)
{
    if (executor_is_level(node->executor)) return false;
    if (ledger_older_height(node->ledger) >= ledger_first(node->ledger) - 1) return false;
    LOG_UNUSUAL("the state is damaged, and not all blocks are here to make it anew: this node joins again");
    return true;
}

static int start(struct node *node, char *why, size_t why_size)
{
    int error = open_links(node, why, why_size);
    if (error != TALLY_OK) return error;
    node->tick = calloc(1, sizeof *node->tick);
    CHECK(node->tick != NULL && uv_timer_init(node->loop, node->tick) == 0);
    node->tick->data = node;
    CHECK(uv_timer_start(node->tick, on_tick, TICK_MS, TICK_MS) == 0);
    handover_start(node->handover, node->links);
    if (ledger_height(node->ledger) == 0 || lacks_state(node)) return start_joining(node);
    if (node->mending)
        mender_start(node->mender, node->links);
    else
        start_consensus(node);
    return TALLY_OK;
}

int node_open(uv_loop_t *loop, const struct config *config, const struct node_callbacks *callbacks,
    void *context, struct node **out, char *why, size_t why_size)
{
    struct node *node = calloc(1, sizeof *node);
    if (node == NULL) return TALLY_ENOMEM;
    why[0] = '\0';
    node->loop = loop;
    node->config = config;
    node->on_failed = callbacks->on_failed;
    node->on_joined = callbacks->on_joined;
    node->context = context;
    int error = open_parts(node, why, why_size);
    if (error == TALLY_OK) error = start(node, why, why_size);
    if (error != TALLY_OK) {
        if (why[0] == '\0') snprintf(why, why_size, "the node cannot start: %s", tally_error_text(error));
        close_parts(node);
        free(node);
        return error;
    }
    struct checkpoint applied;
    struct state_counts counts;
    executor_last(node->executor, &applied, &counts);
    LOG_INFO("node is running", LOG_S("name", config->name), LOG_H("chain", &config->genesis.chain_id),
        LOG_U("epoch", node->epoch), LOG_S("role", node_is_validator(node) ? "validator" : "observer"),
        LOG_S("votes", replica_may_vote(node->replica) ? "yes" : "no"), LOG_U("height", applied.height),
        LOG_U("events", counts.events),
        LOG_U("consensus_bytes", consensus_memory(node->roster.validators->set.count)));
    *out = node;
    return TALLY_OK;
}

/* ---- Stopping ---- */

static void links_closed(void *context)
{
    struct node *node = context;
    void (*on_closed)(void *) = node->on_closed;
    void *closed_context = node->closed_context;
    free(node);
    LOG_INFO("node has stopped");
    on_closed(closed_context);
}

static void on_last_turn(uv_timer_t *timer)
{
    struct node *node = timer->data;
    close_parts(node);
    links_close(node->links, links_closed, node);
}

void node_retire(struct node *node)
{
    if (node->stopping) return;
    node->stopping = true;
    LOG_INFO("node is stopping");
}

/* A turn later: the last read of a service may be what brings this call, and a worker is not closed from
 * within what it calls. */
void node_close(struct node *node, void (*on_closed)(void *context), void *context)
{
    CHECK(node->stopping && node->on_closed == NULL);
    node->on_closed = on_closed;
    node->closed_context = context;
    CHECK(uv_timer_start(node->tick, on_last_turn, 0, 0) == 0);
}

/* A node that ran has a ledger, if nothing else; also where that is a link to a volume that is not there now,
 * or what stands there cannot be looked at. */
static int check_never_started(const char *data_dir)
{
    struct stat status;
    char ledger[PATH_SIZE_MAX + 16];
    snprintf(ledger, sizeof ledger, "%s/ledger", data_dir);
    if (lstat(ledger, &status) == 0) return TALLY_EEXISTS;
    return errno == ENOENT ? TALLY_OK : TALLY_EIO;
}

int node_init(const struct config *config, char *why, size_t why_size)
{
    char data_dir[PATH_SIZE_MAX + 8];
    const struct disk *disk = disk_system();
    snprintf(data_dir, sizeof data_dir, "%s/data", config->home);
    int error = disk_ensure_dir(disk, config->home, data_dir);
    if (error == TALLY_OK && config->founds) {
        error = guard_create(disk, config->home, &config->genesis.chain_id);
        if (error != TALLY_OK) {
            snprintf(why, why_size,
                "%s/guard: %s. It is what this validator knows of its own votes; where it is another "
                "network's, "
                "take another home",
                config->home, tally_error_text(error));
            return error;
        }
    }
    if (error == TALLY_OK && config->founds) error = check_never_started(data_dir);
    if (error == TALLY_OK && config->founds) error = vote_beginning_make(config, data_dir, 1);
    if (error == TALLY_EEXISTS)
        snprintf(why, why_size,
            "%s has a vote record or a ledger already: this validator was started before, and with a new "
            "record it could contradict what it signed then",
            data_dir);
    else if (error != TALLY_OK)
        snprintf(why, why_size, "%s: %s", data_dir, tally_error_text(error));
    return error;
}
