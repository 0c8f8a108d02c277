#include "node/mender.h"

#include <stdlib.h>

#include "node/clock.h"
#include "node/metrics/meters.h"
#include "node/net/log.h"
#include "node/peer_message.h"
#include "node/range_watch.h"
#include "proto/base/check.h"

/* An answer that takes longer is asked of another peer. */
#define ANSWER_TICKS 5u
/* Of the ledger, read each second while it is looked through. */
#define LOOK_SIZE (1u * MIB)
#define LOOK_REST_TICKS (24u * 60u * 60u)
#define ARENA_BUDGET (64u * MIB)

struct mender {
    struct mender_options options;
    struct links *links;
    bool busy, asked;
    uint32_t peer;   /* asked last, */
    bool useful;     /* and what it answered was of use: it is asked again */
    uint32_t ticks;  /* since then */
    uint64_t wanted; /* the height asked for */
    uint64_t told;   /* the height that the log was told of last */
    struct range_watch ranges;
    uint64_t look; /* the next height to look at */
    bool met;      /* the last look ended at damage */
    uint32_t rest; /* ticks until the next look */
};

static bool is_up(const struct mender *mender, uint32_t peer)
{
    struct links_status status;
    if (peer == mender->options.roster->self) return false;
    links_peer_status(mender->links, peer, &status);
    return status.up;
}

/* Up to which height what peers lack is gone. */
static uint64_t gone_to(const struct mender *mender)
{
    const struct roster *roster = mender->options.roster;
    struct range_peers peers = {
        .count = roster->slot_count, .validator_count = roster->validators->set.count};
    for (uint32_t peer = 0; peer < peers.count; peer++) {
        peers.up[peer] = is_up(mender, peer);
        peers.validator[peer] = peer != roster->self && roster_is_validator(roster, peer);
    }
    return range_watch_gone_to(&mender->ranges, &peers, clock_now_ms());
}

/* ---- Looking through the ledger ---- */

struct look_job {
    struct job job;
    struct mender *mender;
    uint64_t height;
    bool met;
};

static void run_look(struct job *job)
{
    struct look_job *look = (struct look_job *)(void *)job;
    struct ledger *ledger = look->mender->options.ledger;
    struct arena arena;
    struct buffer bytes;
    arena_init(&arena, ARENA_BUDGET);
    buffer_init(&bytes, FRAME_SIZE_MAX);
    int error = TALLY_OK;
    for (size_t read = 0; error != TALLY_ENOTFOUND && read < LOOK_SIZE; look->height++) {
        arena_reset(&arena);
        buffer_clear(&bytes);
        /* What a read meets, the ledger remembers. */
        error = ledger_read_encoded(ledger, look->height, true, &arena, &bytes);
        look->met = error == TALLY_EDAMAGED;
        if (look->met) break;
        if (error == TALLY_EPENDING) look->height = ledger_first(ledger) - 1; /* those between come whole */
        read += bytes.size + KIB;
    }
    if (error == TALLY_ENOTFOUND) look->height = 1;
    buffer_close(&bytes);
    arena_close(&arena);
}

static void go_on(struct mender *mender);

static void look_done(struct job *job)
{
    struct look_job *look = (struct look_job *)(void *)job;
    struct mender *mender = look->mender;
    uint64_t damaged;
    mender->busy = false;
    mender->look = look->height;
    mender->met = look->met && ledger_damaged(mender->options.ledger, &damaged) == TALLY_OK;
    if (look->met && !mender->met) mender->look++; /* it cannot be read, and is not damaged */
    if (look->height == 1) mender->rest = LOOK_REST_TICKS;
    free(look);
    go_on(mender);
}

static void look_on(struct mender *mender)
{
    struct look_job *look = calloc(1, sizeof *look);
    CHECK(look != NULL);
    *look = (struct look_job){
        .job = {.run = run_look, .done = look_done}, .mender = mender, .height = mender->look};
    mender->busy = true;
    worker_submit(mender->options.checkers, &look->job);
}

/* ---- Asking ---- */

/* The first that is up, from the one on whose answer was of use; one that was found to lack what is wanted
 * only where that is gone, or, if `again`, where there is no other. PEERS_MAX where there is none. */
static uint32_t choose(const struct mender *mender, uint64_t height, bool again)
{
    uint32_t count = mender->options.roster->slot_count, from = mender->peer + (mender->useful ? 0 : 1);
    bool gone = gone_to(mender) >= height;
    uint32_t other = PEERS_MAX;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t peer = (from + i) % count;
        if (!is_up(mender, peer)) continue;
        if (gone || mender->ranges.bare_to[peer] < height) return peer;
        if (again && other == PEERS_MAX) other = peer;
    }
    return other;
}

static void ask(struct mender *mender, uint64_t height, bool again)
{
    const struct consensus_message request = {.kind = MESSAGE_RANGE_REQUEST, .height = height};
    struct buffer bytes;
    uint32_t peer = choose(mender, height, again);
    mender->wanted = height;
    if (height != mender->told)
        LOG_UNUSUAL("a block of the ledger is damaged; it is fetched from a peer", LOG_U("height", height));
    mender->told = height;
    if (peer == PEERS_MAX) return;
    buffer_init(&bytes, KIB);
    enum frame_kind kind = peer_message_encode(&request, &bytes);
    CHECK(!bytes.failed);
    mender->peer = peer;
    mender->useful = false;
    mender->ticks = 0;
    mender->asked = links_send(mender->links, peer, kind, buffer_span(&bytes)) == TALLY_OK;
    if (mender->asked) range_watch_asked(&mender->ranges, peer, clock_now_ms());
    buffer_close(&bytes);
}

/* Without a pause where something came of the last step: the next block that is damaged, or where a look met
 * one, the next of the ledger. */
static void go_on(struct mender *mender)
{
    uint64_t height;
    if (mender->links == NULL || mender->busy || mender->asked) return;
    if (ledger_damaged(mender->options.ledger, &height) == TALLY_OK)
        ask(mender, height, false);
    else if (mender->met)
        look_on(mender);
}

void mender_tick(struct mender *mender)
{
    uint64_t height;
    if (mender->links == NULL || mender->busy) return;
    for (uint32_t peer = 0; peer < mender->options.roster->slot_count; peer++)
        if (!is_up(mender, peer)) range_watch_down(&mender->ranges, peer);
    if (mender->asked && ++mender->ticks < ANSWER_TICKS) return;
    mender->asked = false;
    if (ledger_damaged(mender->options.ledger, &height) == TALLY_OK)
        ask(mender, height, true);
    else if (mender->rest > 0)
        mender->rest--;
    else
        look_on(mender);
}

/* ---- Mending ---- */

struct mend_job {
    struct job job;
    struct mender *mender;
    uint32_t peer;
    uint64_t withhold_to; /* bodies up to this height are gone */
    struct buffer range;
    struct peer_message *message;
    int form_error;    /* of what the peer sent */
    int error;         /* of mending */
    bool mine;         /* it begins with the height wanted */
    bool mended;       /* that height */
    uint64_t whole_to; /* it and those behind it, up to this height */
    uint64_t bare_to;  /* as range_watch_answered takes it */
};

/* Its FC is the one thing of a block that no hash, and no check of the range, has looked at. */
static struct block block_of(const struct mender *mender, const struct block *from)
{
    struct block block = *from;
    const struct verify_set *validators = epoch_book_set_for(mender->options.epochs, &block.header);
    if (validators != NULL && block_is_finalized(&block) &&
        certificate_check(validators, mender->options.chain_id, &block.finalization) == TALLY_OK)
        return block;
    block.has_finalization = false;
    block.seal_path_count = 0;
    return block;
}

static void run_mend(struct job *job)
{
    struct mend_job *mend = (struct mend_job *)(void *)job;
    const struct mender_options *options = &mend->mender->options;
    mend->form_error =
        peer_message_open(FRAME_RANGE, buffer_span(&mend->range), options->chain_id, &mend->message);
    if (mend->form_error != TALLY_OK) return;
    mend->mine = mend->message->blocks[0].header.height == mend->mender->wanted;
    if (!mend->mine) return;
    const struct verify_set *validators =
        epoch_book_set_for(options->epochs, &mend->message->blocks[0].header);
    mend->error = validators == NULL ? TALLY_EINVALID : TALLY_OK;
    if (validators != NULL)
        mend->form_error = peer_message_check(mend->message, validators, options->chain_id);
    uint32_t count = mend->message->block_count;
    uint64_t head = ledger_height(options->ledger);
    for (uint32_t i = 0; mend->form_error == TALLY_OK && mend->error == TALLY_OK && i < count; i++) {
        bool mended = false;
        struct block block = block_of(mend->mender, &mend->message->blocks[i]);
        if (block.header.height > head) break;
        bool gone = block.header.height <= mend->withhold_to;
        mend->error = ledger_mend(options->ledger, &block, gone, &mended);
        if (i == 0) mend->mended = mended;
        bool next = i == 0 || mend->whole_to + 1 == block.header.height;
        if (mended && next) mend->whole_to = block.header.height;
        if (!block_is_whole(&block)) mend->bare_to = block.header.height;
    }
}

static void tell(struct mender *mender, const struct mend_job *mend)
{
    if (mend->form_error != TALLY_OK) {
        if (mend->form_error != TALLY_ENOMEM)
            links_charge(mender->links, mend->peer, "a range that does not hold");
        return;
    }
    switch (mend->error) {
    case TALLY_OK:
    case TALLY_EINVALID:
    case TALLY_EDAMAGED:
    case TALLY_ENOMEM:
        break;
    default:
        mender->options.on_failed(mender->options.context, "the ledger cannot be mended", mend->error);
        return;
    }
    if (mend->mended) {
        meter_add(&meters.blocks_mended, 1);
        mender->told = 0;
        LOG_UNUSUAL("a damaged block of the ledger was mended", LOG_U("height", mender->wanted),
            LOG_U("whole_to", mend->whole_to), LOG_U("peer", mend->peer),
            LOG_S("bodies", mender->wanted <= mend->withhold_to ? "withheld where none had them" : "kept"));
    } else if (mend->error != TALLY_OK) {
        LOG_UNUSUAL("a peer's block does not fit a damaged one", LOG_U("height", mender->wanted),
            LOG_U("peer", mend->peer), LOG_E("why", mend->error));
    }
}

/* Notes what the peer lacks, and whether its answer was of use: the block was mended, or it is known now that
 * the peer cannot. */
static bool take_answer(struct mender *mender, const struct mend_job *mend)
{
    uint64_t before = mender->ranges.bare_to[mend->peer];
    (void)range_watch_came(&mender->ranges, mend->peer);
    if (mend->form_error != TALLY_OK || mend->error != TALLY_OK) return false;
    range_watch_answered(&mender->ranges, mend->peer, mend->bare_to);
    mender->useful = mend->mended;
    return mend->mended || (mend->bare_to >= mender->wanted && before < mender->wanted);
}

static void mend_done(struct job *job)
{
    struct mend_job *mend = (struct mend_job *)(void *)job;
    struct mender *mender = mend->mender;
    bool of_use = false;
    mender->busy = false;
    if (mender->links != NULL && mend->form_error == TALLY_OK && !mend->mine) {
        mender->options.not_mine(mender->options.context, mend->peer, buffer_span(&mend->range));
    } else {
        mender->asked = false;
        of_use = take_answer(mender, mend);
        if (mender->links != NULL) tell(mender, mend);
    }
    peer_message_release(mend->message);
    buffer_close(&mend->range);
    free(mend);
    if (of_use) go_on(mender);
}

bool mender_takes(const struct mender *mender, uint32_t peer)
{
    return mender->asked && !mender->busy && mender->peer == peer;
}

void mender_range(struct mender *mender, uint32_t peer, struct span range)
{
    CHECK(mender_takes(mender, peer));
    struct mend_job *mend = calloc(1, sizeof *mend);
    CHECK(mend != NULL);
    *mend = (struct mend_job){.job = {.run = run_mend, .done = mend_done},
        .mender = mender,
        .peer = peer,
        .withhold_to = gone_to(mender)};
    buffer_init(&mend->range, FRAME_SIZE_MAX);
    buffer_append(&mend->range, range.data, range.size);
    CHECK(!mend->range.failed);
    mender->busy = true;
    worker_submit(mender->options.checkers, &mend->job);
}

/* ---- Life ---- */

int mender_open(const struct mender_options *options, struct mender **out)
{
    struct mender *mender = calloc(1, sizeof *mender);
    if (mender == NULL) return TALLY_ENOMEM;
    mender->options = *options;
    mender->look = 1;
    *out = mender;
    return TALLY_OK;
}

void mender_stop(struct mender *mender)
{
    if (mender != NULL) mender->links = NULL;
}

void mender_close(struct mender *mender)
{
    free(mender);
}

void mender_start(struct mender *mender, struct links *links)
{
    mender->links = links;
}
