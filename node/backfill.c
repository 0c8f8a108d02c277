#include "node/backfill.h"

#include <stdlib.h>

#include "node/clock.h"
#include "node/net/log.h"
#include "node/peer_message.h"
#include "proto/base/check.h"
#include "proto/codec/transfer.h"

/* An answer that takes longer is asked of another peer. */
#define ANSWER_TICKS 5u
/* Of the time an answer took, so much is rested afterwards: one part in this many. */
#define REST_PART 4u
#define TELL_MS 5000u
#define ARENA_BUDGET (64u * MIB)

struct backfiller {
    struct backfiller_options options;
    struct links *links; /* NULL before the start, and once stopped */
    uv_timer_t *rest;
    uint64_t height, of;
    bool asked, busy;
    uint32_t peer;  /* asked last */
    uint32_t ticks; /* since then */
    uint64_t asked_ms, told_ms;
    bool without[PEERS_MAX]; /* peers that gave the next block without its bodies */
};

/* Up to where both are here, blocks and results. Damage may have cost the ledger its newest older blocks,
 * whose results the state still has. */
static uint64_t height_here(const struct backfiller *backfiller, uint64_t backfilled)
{
    uint64_t older = ledger_older_height(backfiller->options.ledger);
    return older < backfilled ? older : backfilled;
}

static bool is_up(const struct backfiller *backfiller, uint32_t peer)
{
    struct links_status status;
    if (peer == backfiller->options.roster->self) return false;
    links_peer_status(backfiller->links, peer, &status);
    return status.up;
}

bool older_bodies_are_gone(const bool up[PEERS_MAX], const bool without[PEERS_MAX],
    const bool validator[PEERS_MAX], uint32_t validator_count)
{
    uint32_t lack = 0;
    for (uint32_t peer = 0; peer < PEERS_MAX; peer++) {
        if (up[peer] && !without[peer]) return false;
        lack += without[peer] && validator[peer];
    }
    return lack > faults_of(validator_count);
}

static bool bodies_are_gone(const struct backfiller *backfiller)
{
    const struct roster *roster = backfiller->options.roster;
    bool up[PEERS_MAX], validator[PEERS_MAX];
    for (uint32_t peer = 0; peer < PEERS_MAX; peer++) {
        up[peer] = is_up(backfiller, peer);
        validator[peer] = roster_is_validator(roster, peer);
    }
    return older_bodies_are_gone(up, backfiller->without, validator, roster->validators->set.count);
}

/* ---- Asking ---- */

static void next_peer(struct backfiller *backfiller)
{
    uint32_t tries = 0;
    do
        backfiller->peer = (backfiller->peer + 1) % backfiller->options.roster->slot_count;
    while (!is_up(backfiller, backfiller->peer) && ++tries < backfiller->options.roster->slot_count);
}

static void ask(struct backfiller *backfiller)
{
    struct buffer bytes;
    if (backfiller->links == NULL || backfiller->asked || backfiller->busy) return;
    if (backfiller->height >= backfiller->of) return;
    if (!is_up(backfiller, backfiller->peer)) next_peer(backfiller);
    if (!is_up(backfiller, backfiller->peer)) return;
    buffer_init(&bytes, KIB);
    backfill_request_encode(backfiller->height + 1, &bytes);
    CHECK(!bytes.failed);
    backfiller->ticks = 0;
    backfiller->asked_ms = clock_now_ms();
    backfiller->asked = links_send(backfiller->links, backfiller->peer, FRAME_BACKFILL_REQUEST,
                            buffer_span(&bytes)) == TALLY_OK;
    buffer_close(&bytes);
}

static void on_rest(uv_timer_t *timer)
{
    ask(timer->data);
}

void backfiller_tick(struct backfiller *backfiller)
{
    if (backfiller->links == NULL || backfiller->busy || backfiller->height >= backfiller->of) return;
    if (backfiller->asked && ++backfiller->ticks < ANSWER_TICKS) return;
    if (backfiller->asked) next_peer(backfiller);
    backfiller->asked = false;
    ask(backfiller);
}

/* ---- What a peer gave ---- */

struct fill_job {
    struct job job;
    struct backfiller *backfiller;
    uint32_t peer;
    uint64_t from;
    bool withhold; /* bodies that nobody has are left out */
    struct buffer bytes;
    struct arena arena;
    struct backfill given;
    uint32_t count; /* of what was given: checked, and in the ledger */
    bool bare;      /* the next lacks bodies */
    int form_error; /* of what the peer gave */
    int error;      /* of keeping it */
};

int older_block_check(const struct block *block, const struct event_result *results,
    const struct state_roots *roots, const struct verify_set *validators, const struct digest *chain_id)
{
    if (block->header.height != roots->height || !digest_equal(&roots->block, &block->hash))
        return TALLY_EINVALID;
    struct digest root = block_results_root(block, results);
    if (!digest_equal(&roots->results_root, &root)) return TALLY_EINVALID;
    if (validators == NULL) return TALLY_EPENDING;
    return block_check(block, validators, chain_id);
}

/* The hash at its height, and the root of its results, came with the snapshot and are under what a quorum
 * signed. */
static int check_one(struct fill_job *fill, struct state *state, uint32_t i)
{
    const struct backfiller_options *options = &fill->backfiller->options;
    const struct block *block = &fill->given.blocks[i];
    struct state_roots roots;
    fill->error = state_roots_get(state, fill->from + i, &roots);
    if (fill->error != TALLY_OK) return TALLY_OK;
    const struct verify_set *validators = epoch_book_set_for(options->epochs, &block->header);
    int error = older_block_check(block, fill->given.results[i], &roots, validators, options->chain_id);
    fill->bare = error == TALLY_OK && !fill->withhold && !block_is_whole(block);
    return error;
}

/* No hash covers an FC; one that does not hold is left out. */
static void check_finalization(const struct fill_job *fill, struct block *block)
{
    const struct backfiller_options *options = &fill->backfiller->options;
    const struct verify_set *validators = epoch_book_set_for(options->epochs, &block->header);
    if (validators != NULL && block_is_finalized(block) &&
        certificate_check(validators, options->chain_id, &block->finalization) == TALLY_OK)
        return;
    block->has_finalization = false;
    block->seal_path_count = 0;
}

static void keep_blocks(struct fill_job *fill, struct state *state)
{
    struct ledger *ledger = fill->backfiller->options.ledger;
    uint64_t held = ledger_older_height(ledger);
    while (fill->count < fill->given.count && fill->form_error == TALLY_OK && fill->error == TALLY_OK) {
        struct block *block = &fill->given.blocks[fill->count];
        if (fill->from + fill->count > fill->backfiller->of) break;
        fill->form_error = check_one(fill, state, fill->count);
        if (fill->form_error != TALLY_OK || fill->error != TALLY_OK || fill->bare) break;
        check_finalization(fill, block);
        if (block->header.height > held) fill->error = ledger_older_append(ledger, block);
        fill->count += fill->error == TALLY_OK;
    }
    int error = ledger_older_sync(ledger);
    if (fill->error == TALLY_OK) fill->error = error;
}

static void run_check(struct job *job)
{
    struct fill_job *fill = (struct fill_job *)(void *)job;
    const struct backfiller_options *options = &fill->backfiller->options;
    struct state *state = executor_state(options->executor);
    if (state == NULL) return;
    fill->form_error =
        backfill_decode(buffer_span(&fill->bytes), options->chain_id, &fill->arena, &fill->given);
    if (fill->form_error == TALLY_OK) keep_blocks(fill, state);
}

static void free_fill(struct fill_job *fill)
{
    buffer_close(&fill->bytes);
    arena_close(&fill->arena);
    free(fill);
}

static void tell_progress(struct backfiller *backfiller)
{
    uint64_t now = clock_now_ms();
    if (backfiller->height >= backfiller->of) {
        LOG_INFO("all older blocks are here", LOG_U("height", backfiller->of));
    } else if (now - backfiller->told_ms >= TELL_MS) {
        backfiller->told_ms = now;
        LOG_INFO("fetching older blocks", LOG_U("height", backfiller->height), LOG_U("of", backfiller->of));
    }
}

static void on_put(void *context, int error, uint64_t height)
{
    struct fill_job *fill = context;
    struct backfiller *backfiller = fill->backfiller;
    backfiller->busy = false;
    if (error != TALLY_OK && backfiller->links != NULL)
        backfiller->options.on_failed(
            backfiller->options.context, "what older blocks came to cannot be kept", error);
    free_fill(fill);
    if (error != TALLY_OK || backfiller->links == NULL) return;
    backfiller->height = height_here(backfiller, height);
    tell_progress(backfiller);
    uint64_t took = clock_now_ms() - backfiller->asked_ms;
    CHECK(uv_timer_start(backfiller->rest, on_rest, took / REST_PART, 0) == 0);
}

/* What is wrong with what a peer gave, or NULL. */
static const char *fault_of(const struct fill_job *fill)
{
    if (fill->form_error == TALLY_ENOMEM || fill->form_error == TALLY_OK) return NULL;
    if (fill->form_error == TALLY_EPENDING) return NULL; /* the seals of its epoch are still asked for */
    return "an older block that it gave does not check; another peer is asked";
}

/* A disk that fails ends the node; what a read met is told and mended elsewhere, and asked for again. */
static void tell_error(struct backfiller *backfiller, int error)
{
    if (error == TALLY_EIO || error == TALLY_EFULL)
        backfiller->options.on_failed(backfiller->options.context, "older blocks cannot be kept", error);
    else
        LOG_UNUSUAL("older blocks are not kept now", LOG_E("why", error));
}

static void check_done(struct job *job)
{
    struct fill_job *fill = (struct fill_job *)(void *)job;
    struct backfiller *backfiller = fill->backfiller;
    const char *fault = fault_of(fill);
    if (fault != NULL && backfiller->links != NULL) {
        LOG_UNUSUAL(fault, LOG_S("peer", backfiller->options.roster->slots[fill->peer].name),
            LOG_U("height", fill->from + fill->count), LOG_E("why", fill->form_error));
        links_charge(backfiller->links, fill->peer, "an older block that does not check");
    }
    if (fill->error != TALLY_OK && backfiller->links != NULL) tell_error(backfiller, fill->error);
    if (fill->count > 0) memset(backfiller->without, 0, sizeof backfiller->without);
    if (fill->count == 0 && fill->bare) backfiller->without[fill->peer] = true;
    if (backfiller->links != NULL && fill->count < fill->given.count) next_peer(backfiller);
    if (backfiller->links != NULL && fill->error == TALLY_OK && fill->count > 0) {
        executor_backfill(backfiller->options.executor, fill->from, fill->given.blocks, fill->given.results,
            fill->count, on_put, fill);
        return;
    }
    backfiller->busy = false;
    if (backfiller->links != NULL && fill->given.count == 0) next_peer(backfiller);
    free_fill(fill);
}

void backfiller_frame(struct backfiller *backfiller, uint32_t peer, struct span payload)
{
    if (!backfiller->asked || backfiller->busy || peer != backfiller->peer) return;
    struct fill_job *fill = calloc(1, sizeof *fill);
    CHECK(fill != NULL);
    fill->job = (struct job){.run = run_check, .done = check_done};
    fill->backfiller = backfiller;
    fill->peer = peer;
    fill->from = backfiller->height + 1;
    fill->withhold = bodies_are_gone(backfiller);
    buffer_init(&fill->bytes, FRAME_SIZE_MAX);
    buffer_append(&fill->bytes, payload.data, payload.size);
    CHECK(!fill->bytes.failed);
    arena_init(&fill->arena, ARENA_BUDGET);
    backfiller->asked = false;
    backfiller->busy = true;
    executor_read(backfiller->options.executor, &fill->job);
}

/* ---- Life ---- */

int backfiller_open(const struct backfiller_options *options, struct backfiller **out)
{
    struct backfiller *backfiller = calloc(1, sizeof *backfiller);
    uv_timer_t *rest = calloc(1, sizeof *rest);
    if (backfiller == NULL || rest == NULL) {
        free(backfiller);
        free(rest);
        return TALLY_ENOMEM;
    }
    backfiller->options = *options;
    backfiller->rest = rest;
    CHECK(uv_timer_init(options->loop, rest) == 0);
    rest->data = backfiller;
    uint64_t first = ledger_first(options->ledger);
    backfiller->of = first == 1 ? 0 : first;
    backfiller->height = height_here(backfiller, executor_backfilled_height(options->executor));
    *out = backfiller;
    return TALLY_OK;
}

void backfiller_start(struct backfiller *backfiller, struct links *links)
{
    backfiller->links = links;
}

static void free_timer(uv_handle_t *handle)
{
    free(handle);
}

void backfiller_stop(struct backfiller *backfiller)
{
    if (backfiller != NULL) backfiller->links = NULL;
}

void backfiller_close(struct backfiller *backfiller)
{
    if (backfiller == NULL) return;
    uv_close((uv_handle_t *)backfiller->rest, free_timer);
    free(backfiller);
}

void backfiller_status(const struct backfiller *backfiller, struct backfill_status *status)
{
    *status = (struct backfill_status){.height = backfiller->height, .of = backfiller->of};
}
