#include "node/newcomer.h"

#include <stdlib.h>

#include "node/clock.h"
#include "node/net/log.h"
#include "node/newcomer_load.h"
#include "node/offered_heads.h"
#include "proto/base/check.h"
#include "proto/codec/transfer.h"

/* What is said of progress, so often. */
#define TELL_MS 2000u

struct newcomer {
    struct newcomer_options options;
    struct joiner *joiner;
    struct newcomer_load *load;
    struct offered_heads heads;
    uint64_t told_ms;
    bool ended; /* on_genesis or on_joined has come, or is about to */
};

static const char *name_of(const struct newcomer *newcomer, uint32_t peer)
{
    return newcomer->options.roster->slots[peer].name;
}

/* ---- Asking: the joiner's callbacks ---- */

static void send_to(struct newcomer *newcomer, uint32_t peer, enum frame_kind kind, struct span payload)
{
    int error = links_send(newcomer->options.links, peer, kind, payload);
    if (error != TALLY_OK) LOG_DEBUG("a request was not sent", LOG_U("peer", peer), LOG_E("why", error));
}

static void ask_offer(void *context, uint32_t peer)
{
    send_to(context, peer, FRAME_SNAPSHOT_REQUEST, span_of(NULL, 0));
}

static void ask_chunk(void *context, uint32_t peer, uint64_t height, uint32_t index)
{
    struct newcomer *newcomer = context;
    struct buffer bytes;
    struct chunk_place place = newcomer_load_place(newcomer->load, index);
    CHECK(place.height == height);
    buffer_init(&bytes, KIB);
    chunk_request_encode(&place, &bytes);
    CHECK(!bytes.failed);
    send_to(newcomer, peer, FRAME_CHUNK_REQUEST, buffer_span(&bytes));
    buffer_close(&bytes);
}

static void chosen(void *context, uint32_t peer, const struct joiner_snapshot *snapshot)
{
    struct newcomer *newcomer = context;
    struct snapshot_head *head;
    /* What is chosen was offered since the link came up, and checked then. */
    int error = snapshot_head_decode(
        offered_heads_find(&newcomer->heads, peer), newcomer->options.first, newcomer->options.state, &head);
    CHECK(error == TALLY_OK);
    struct state_counts counts = *snapshot_counts(head);
    LOG_INFO("joining by a snapshot", LOG_U("height", snapshot->height), LOG_U("events", counts.events),
        LOG_U("parts", snapshot->chunk_count), LOG_S("offered_by", name_of(newcomer, peer)));
    newcomer_load_begin_take(newcomer->load, head);
}

static const char *refusal_text(enum joiner_refusal why)
{
    switch (why) {
    case JOINER_OLD:
        return "its snapshot is old; another peer's is looked for";
    case JOINER_WRONG_HEAD:
        return "what it offers does not check; nothing more of it is taken";
    case JOINER_WRONG_CHUNK:
        return "a part that it gave does not check; another peer is asked, and nothing more of it is taken";
    case JOINER_STALLED:
        return "it does not answer; another peer is asked, and nothing of it is taken for a while";
    case JOINER_GONE:
        return "it no longer has this snapshot; another peer is asked";
    case JOINER_SLOW:
        return "its snapshot comes too slowly; another peer's is tried first";
    }
    CHECK_UNREACHABLE();
}

static void refused(void *context, uint32_t peer, enum joiner_refusal why, uint64_t height)
{
    struct newcomer *newcomer = context;
    LOG_UNUSUAL("a peer's snapshot is passed over", LOG_S("peer", name_of(newcomer, peer)),
        LOG_S("why", refusal_text(why)), LOG_U("height", height));
    if (why != JOINER_OLD) offered_heads_drop(&newcomer->heads, peer); /* an old one may be taken yet */
    if (why == JOINER_WRONG_HEAD || why == JOINER_WRONG_CHUNK)
        links_charge(newcomer->options.links, peer, "a snapshot that does not check");
}

/* ---- What came of it ---- */

static void review(struct newcomer *newcomer)
{
    struct joiner_status status;
    joiner_status(newcomer->joiner, &status);
    if (newcomer->ended) return;
    if (status.phase == JOINER_GENESIS) {
        newcomer->ended = true;
        LOG_INFO("this node begins with the first block", LOG_U("network_height", status.claimed));
        newcomer->options.callbacks->on_genesis(newcomer->options.context);
    } else if (status.phase == JOINER_DONE) {
        newcomer->ended = true;
        newcomer_load_end(newcomer->load);
    }
}

static void on_part(
    void *context, uint32_t peer, const struct chunk_place *place, uint32_t index, uint32_t more, int error)
{
    struct newcomer *newcomer = context;
    joiner_more_chunks(newcomer->joiner, place->height, more);
    enum joiner_verdict verdict = error == TALLY_OK ? JOINER_CHUNK_HERE : JOINER_CHUNK_WRONG;
    joiner_chunk(newcomer->joiner, peer, place->height, index, verdict, clock_now_ms());
    review(newcomer);
}

static void on_loaded(void *context)
{
    struct newcomer *newcomer = context;
    LOG_INFO("the snapshot is loaded; this node starts from it");
    newcomer->options.callbacks->on_joined(newcomer->options.context);
}

static void on_load_failed(void *context, const char *what, int error)
{
    struct newcomer *newcomer = context;
    newcomer->options.callbacks->on_failed(newcomer->options.context, what, error);
}

static void given_up(void *context, uint32_t peer)
{
    struct newcomer *newcomer = context;
    joiner_offer_void(newcomer->joiner, peer);
}

/* Whether a head whose signatures hold may be begun with; if not, why, in *error. */
static bool is_trusted(
    const struct newcomer *newcomer, uint32_t peer, const struct snapshot_head *head, int *error)
{
    const struct known_checkpoint *trusted = newcomer->options.trusted;
    const struct certified_checkpoint *certified = snapshot_checkpoint(head);
    if (trusted == NULL) return true;
    switch (trust_judge(trusted, newcomer->options.genesis, certified, snapshot_seals(head))) {
    case TRUST_HOLDS:
        return true;
    case TRUST_OLDER:
        LOG_UNUSUAL("a peer's snapshot is older than the checkpoint that this node was told to trust",
            LOG_S("peer", name_of(newcomer, peer)), LOG_U("height", certified->checkpoint.height),
            LOG_U("trusted_height", trusted->certified.checkpoint.height));
        return false;
    case TRUST_CONTRADICTED:
        LOG_BROKEN(
            "a peer's snapshot is signed, and contradicts the checkpoint that this node was told to trust: "
            "either is of a fork",
            LOG_S("peer", name_of(newcomer, peer)), LOG_U("height", certified->checkpoint.height),
            LOG_U("trusted_height", trusted->certified.checkpoint.height));
        *error = TALLY_EINVALID;
        return false;
    }
    CHECK_UNREACHABLE();
}

/* A peer's answer: the head is checked at once; most are small, and of one signature each for a quorum. */
static void on_offer(struct newcomer *newcomer, uint32_t peer, const struct snapshot_offer *offer)
{
    struct joiner_snapshot snapshot = {0};
    struct snapshot_head *head = NULL;
    int error = TALLY_OK;
    if (offer->head.size > 0)
        error = snapshot_head_decode(offer->head, newcomer->options.first, newcomer->options.state, &head);
    if (error == TALLY_EVERSION) { /* of a release that comes, or goes: no fault */
        LOG_UNUSUAL("a peer's snapshot is of a version that this release does not know",
            LOG_S("peer", name_of(newcomer, peer)));
        error = TALLY_OK;
    }
    if (head != NULL && !is_trusted(newcomer, peer, head, &error)) {
        snapshot_head_close(head);
        head = NULL;
    }
    if (error != TALLY_OK) {
        LOG_DEBUG("a snapshot's head does not check", LOG_U("peer", peer), LOG_E("why", error));
        joiner_wrong_head(newcomer->joiner, peer, offer->finalized_height, clock_now_ms());
        return;
    }
    if (head != NULL) snapshot = newcomer_load_describe(head);
    snapshot_head_close(head);
    offered_heads_drop(&newcomer->heads, peer);
    if (snapshot.height != 0)
        error = offered_heads_put(&newcomer->heads, peer, &snapshot, offer->head, given_up, newcomer);
    if (error != TALLY_OK) {
        LOG_UNUSUAL("there is no room for what a peer offers now; it is asked again",
            LOG_S("peer", name_of(newcomer, peer)), LOG_U("height", snapshot.height));
        snapshot = (struct joiner_snapshot){0};
    }
    joiner_offer(newcomer->joiner, peer, offer->finalized_height, &snapshot, clock_now_ms());
}

/* ---- Frames ---- */

static void receive_offer(struct newcomer *newcomer, uint32_t peer, struct span payload)
{
    struct arena arena;
    struct snapshot_offer offer;
    if (!joiner_offer_came(newcomer->joiner, peer)) return;
    arena_init(&arena, 2u * FRAME_SIZE_MAX);
    if (snapshot_offer_decode(payload, &arena, &offer) == TALLY_OK)
        on_offer(newcomer, peer, &offer);
    else
        links_charge(newcomer->options.links, peer, "a snapshot's offer that does not parse");
    arena_close(&arena);
}

static void receive_chunk(struct newcomer *newcomer, uint32_t peer, struct span payload)
{
    struct arena arena;
    struct chunk_place place;
    struct span bytes;
    arena_init(&arena, 2u * FRAME_SIZE_MAX);
    if (chunk_decode(payload, &arena, &place, &bytes) != TALLY_OK) {
        links_charge(newcomer->options.links, peer, "a part of a snapshot that does not parse");
    } else {
        uint32_t index = newcomer_load_index(newcomer->load, &place);
        bool awaited = joiner_chunk_came(newcomer->joiner, peer, place.height, index);
        if (awaited && bytes.size == 0)
            joiner_chunk(newcomer->joiner, peer, place.height, index, JOINER_CHUNK_GONE, clock_now_ms());
        else if (awaited)
            newcomer_load_part(newcomer->load, peer, &place, index, bytes);
    }
    arena_close(&arena);
}

void newcomer_frame(struct newcomer *newcomer, uint32_t peer, enum frame_kind kind, struct span payload)
{
    if (newcomer->ended) return;
    if (kind == FRAME_SNAPSHOT)
        receive_offer(newcomer, peer, payload);
    else
        receive_chunk(newcomer, peer, payload);
    review(newcomer);
}

void newcomer_link_up(struct newcomer *newcomer, uint32_t peer)
{
    joiner_link_up(newcomer->joiner, peer, clock_now_ms());
    review(newcomer);
}

void newcomer_link_down(struct newcomer *newcomer, uint32_t peer)
{
    struct joiner_status before, after;
    joiner_status(newcomer->joiner, &before);
    joiner_link_down(newcomer->joiner, peer, clock_now_ms());
    offered_heads_drop(&newcomer->heads, peer);
    joiner_status(newcomer->joiner, &after);
    if (after.sources < before.sources)
        LOG_UNUSUAL("a peer that gave parts of the snapshot is gone; others are asked",
            LOG_S("peer", name_of(newcomer, peer)), LOG_U("sources", after.sources));
    review(newcomer);
}

void newcomer_tick(struct newcomer *newcomer)
{
    struct joiner_status status;
    uint64_t now = clock_now_ms();
    if (newcomer->ended) return;
    joiner_tick(newcomer->joiner, now);
    review(newcomer);
    joiner_status(newcomer->joiner, &status);
    if (status.phase != JOINER_FETCHING || now - newcomer->told_ms < TELL_MS) return;
    newcomer->told_ms = now;
    LOG_INFO("fetching a snapshot", LOG_U("height", status.height), LOG_U("parts", status.chunks_here),
        LOG_U("of", status.chunk_count), LOG_U("from_peers", status.sources));
}

void newcomer_status(const struct newcomer *newcomer, struct joiner_status *status)
{
    joiner_status(newcomer->joiner, status);
}

/* ---- Life ---- */

int newcomer_open(const struct newcomer_options *options, struct newcomer **out)
{
    static const struct joiner_callbacks asking = {ask_offer, ask_chunk, chosen, refused};
    static const struct newcomer_load_callbacks loading = {on_part, on_loaded, on_load_failed};
    struct newcomer *newcomer = calloc(1, sizeof *newcomer);
    if (newcomer == NULL) return TALLY_ENOMEM;
    newcomer->options = *options;
    const struct roster *roster = options->roster;
    bool validator[PEERS_MAX];
    for (uint32_t slot = 0; slot < PEERS_MAX; slot++)
        validator[slot] = roster_is_validator(roster, slot);
    int error = joiner_open(PEERS_MAX, validator, roster->validators->set.count, roster->self, &asking,
        newcomer, &newcomer->joiner);
    if (error == TALLY_OK)
        error = newcomer_load_open(
            options->loop, options->data_dir, &options->state->chain_id, &loading, newcomer, &newcomer->load);
    if (error != TALLY_OK)
        newcomer_close(newcomer);
    else
        *out = newcomer;
    return error;
}

void newcomer_close(struct newcomer *newcomer)
{
    if (newcomer == NULL) return;
    newcomer_load_close(newcomer->load);
    joiner_close(newcomer->joiner);
    offered_heads_close(&newcomer->heads);
    free(newcomer);
}
