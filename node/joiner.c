#include "node/joiner.h"

#include <stdlib.h>
#include <string.h>

#include "consensus/consensus.h"
#include "proto/base/check.h"

struct source {
    bool up, answered, left_out;
    bool slow;                       /* what it offered came too slowly, or not in time */
    uint32_t doubled;                /* how often the time was that it is left out for */
    uint64_t back_ms;                /* it is left out until then; 0 = for good, if it is */
    bool awaited;                    /* its offer was asked for, and has not come */
    struct joiner_snapshot old;      /* the one that was passed over for its age; height 0 = none */
    uint64_t finalized_height;       /* as it last said */
    struct joiner_snapshot snapshot; /* height 0 = none */
    uint32_t asked;                  /* chunks awaited from it, or being checked */
};

enum chunk_state { CHUNK_WANTED = 0, CHUNK_ASKED, CHUNK_CAME, CHUNK_HERE };

struct wanted_chunk {
    enum chunk_state state;
    uint32_t peer;
    uint64_t since_ms;
};

struct joiner {
    uint32_t peer_count, validator_count, self;
    bool validator[PEERS_MAX];
    const struct joiner_callbacks *callbacks;
    void *context;
    enum joiner_phase phase;
    bool takes_old;       /* nobody has a newer one */
    uint64_t answered_ms; /* the first answer since asking began; 0 = none */
    uint64_t asked_ms;    /* offers, last */
    uint64_t claimed;
    uint64_t proven; /* the highest snapshot offered: a quorum signed that the network has come so far */
    struct source sources[PEERS_MAX];
    struct joiner_snapshot chosen;
    uint32_t chosen_peer;        /* whose offer that was */
    struct wanted_chunk *chunks; /* of `chosen`: those of its head, and what these showed */
    uint32_t chunk_count, chunks_here, first_missing;
    uint64_t sourced_ms, moved_ms; /* when somebody last had it, and something of it came */
    uint64_t paced_ms;             /* since when its pace is measured, and how much was here then */
    uint32_t paced_chunks;
};

/* ---- Peers ---- */

static bool offers_any(const struct source *source)
{
    return source->up && !source->left_out && source->snapshot.height != 0;
}

static bool offers(const struct source *source, const struct joiner_snapshot *snapshot)
{
    return offers_any(source) && source->snapshot.height == snapshot->height &&
           source->snapshot.chunk_count == snapshot->chunk_count &&
           digest_equal(&source->snapshot.cut, &snapshot->cut);
}

static bool offers_chosen(const struct joiner *joiner, const struct source *source)
{
    return offers(source, &joiner->chosen);
}

static uint32_t count_offers(const struct joiner *joiner, const struct joiner_snapshot *snapshot)
{
    uint32_t count = 0;
    for (uint32_t peer = 0; peer < joiner->peer_count; peer++)
        count += offers(&joiner->sources[peer], snapshot);
    return count;
}

static uint32_t count_sources(const struct joiner *joiner)
{
    return count_offers(joiner, &joiner->chosen);
}

/* What was asked of a peer is wanted of another. */
static void give_back(struct joiner *joiner, uint32_t peer)
{
    for (uint32_t i = 0; joiner->phase == JOINER_FETCHING && i < joiner->chunk_count; i++) {
        struct wanted_chunk *chunk = &joiner->chunks[i];
        if (chunk->state != CHUNK_ASKED || chunk->peer != peer) continue;
        chunk->state = CHUNK_WANTED;
        joiner->sources[peer].asked--;
    }
}

static void refuse(struct joiner *joiner, uint32_t peer, enum joiner_refusal why)
{
    struct source *source = &joiner->sources[peer];
    uint64_t height = source->snapshot.height;
    if (source->left_out) return;
    source->left_out = why != JOINER_OLD && why != JOINER_GONE && why != JOINER_SLOW;
    source->slow = source->slow || why == JOINER_SLOW || why == JOINER_STALLED;
    source->snapshot = source->old = (struct joiner_snapshot){0};
    give_back(joiner, peer);
    joiner->callbacks->refused(joiner->context, peer, why, height);
}

static void ask_offer(struct joiner *joiner, uint32_t peer)
{
    struct source *source = &joiner->sources[peer];
    if (!source->up || source->left_out || offers_chosen(joiner, source)) return;
    source->awaited = true;
    joiner->callbacks->ask_offer(joiner->context, peer);
}

static void ask_offers(struct joiner *joiner, uint64_t now_ms)
{
    joiner->asked_ms = now_ms;
    for (uint32_t peer = 0; peer < joiner->peer_count; peer++)
        ask_offer(joiner, peer);
}

/* ---- Deciding ---- */

static int by_height_down(const void *a, const void *b)
{
    uint64_t first = *(const uint64_t *)a, second = *(const uint64_t *)b;
    return (first < second) - (first > second);
}

/* What f + 1 validators say is final, one honest one among them: f liars do not make the network look higher
 * than it is; nor lower, where a quorum has answered. Of fewer answers, the lowest. A snapshot that a quorum
 * signed needs no one's word. False while more answers may come. */
static bool read_claims(struct joiner *joiner, uint64_t now_ms)
{
    uint64_t heights[PEERS_MAX];
    uint32_t count = 0, enough = faults_of(joiner->validator_count) + 1;
    bool waited = joiner->answered_ms != 0 && now_ms - joiner->answered_ms >= JOINER_PATIENCE_MS;
    for (uint32_t peer = 0; peer < joiner->peer_count; peer++)
        if (joiner->validator[peer] && joiner->sources[peer].answered)
            heights[count++] = joiner->sources[peer].finalized_height;
    if (count < quorum_of(joiner->validator_count) && !waited) return false;
    for (uint32_t peer = 0; count < enough && peer < joiner->peer_count; peer++)
        if (!joiner->validator[peer] && joiner->sources[peer].answered)
            heights[count++] = joiner->sources[peer].finalized_height;
    if (count == 0) return false;
    qsort(heights, count, sizeof heights[0], by_height_down);
    joiner->claimed = heights[count < enough ? count - 1 : enough - 1];
    if (joiner->claimed < joiner->proven) joiner->claimed = joiner->proven;
    return true;
}

static bool is_old(const struct joiner *joiner, uint64_t height)
{
    uint64_t age = joiner->claimed / JOINER_AGE_SHARE + JOINER_AGE_MIN;
    return !joiner->takes_old && joiner->claimed > age && height < joiner->claimed - age;
}

/* Old snapshots are passed over, each told of once. */
static void refuse_old(struct joiner *joiner)
{
    for (uint32_t peer = 0; peer < joiner->peer_count; peer++) {
        struct source *source = &joiner->sources[peer];
        uint64_t height = source->snapshot.height;
        if (source->left_out || height == 0 || !is_old(joiner, height)) continue;
        struct joiner_snapshot old = source->snapshot;
        if (height != source->old.height) refuse(joiner, peer, JOINER_OLD);
        source->snapshot = (struct joiner_snapshot){0};
        source->old = old;
    }
}

/* Nobody signs where a snapshot is cut, and liars may cut it so that no one else can give it. */
static bool is_better(const struct joiner *joiner, const struct source *a, const struct source *b)
{
    if (a->slow != b->slow) return b->slow;
    if (a->snapshot.height != b->snapshot.height) return a->snapshot.height > b->snapshot.height;
    return count_offers(joiner, &a->snapshot) > count_offers(joiner, &b->snapshot);
}

/* Whose snapshot to take: of peers that were not slow, the newest there is, cut as most have it; PEERS_MAX
 * where there is none. */
static uint32_t best_offer(const struct joiner *joiner)
{
    uint32_t best = PEERS_MAX;
    for (uint32_t peer = 0; peer < joiner->peer_count; peer++) {
        const struct source *source = &joiner->sources[peer];
        if (!offers_any(source)) continue;
        if (best == PEERS_MAX || is_better(joiner, source, &joiner->sources[best])) best = peer;
    }
    return best;
}

static void choose(struct joiner *joiner, uint32_t peer, uint64_t now_ms)
{
    free(joiner->chunks);
    joiner->chosen = joiner->sources[peer].snapshot;
    CHECK(joiner->chosen.chunk_count > 0 && joiner->chosen.chunk_count <= JOINER_CHUNKS_MAX);
    joiner->chunk_count = joiner->chosen.chunk_count;
    joiner->chunks = calloc(joiner->chunk_count, sizeof *joiner->chunks);
    CHECK(joiner->chunks != NULL);
    joiner->chunks_here = joiner->first_missing = 0;
    joiner->chosen_peer = peer;
    joiner->sourced_ms = joiner->moved_ms = joiner->paced_ms = now_ms;
    joiner->paced_chunks = 0;
    joiner->phase = JOINER_FETCHING;
    for (uint32_t i = 0; i < joiner->peer_count; i++)
        joiner->sources[i].asked = 0;
    joiner->callbacks->chosen(joiner->context, peer, &joiner->chosen);
}

/* Nobody has had a newer one for so long: an old one is better than none. */
static void give_up(struct joiner *joiner, uint64_t now_ms)
{
    joiner->takes_old = true;
    for (uint32_t peer = 0; peer < joiner->peer_count; peer++)
        joiner->sources[peer].snapshot = joiner->sources[peer].old;
    uint32_t best = best_offer(joiner);
    if (best != PEERS_MAX)
        choose(joiner, best, now_ms);
    else
        joiner->phase = JOINER_GENESIS;
}

/* Who stalled once may have had no more than a bad minute, or this node had: it is waited for. */
static bool one_comes_back(const struct joiner *joiner)
{
    for (uint32_t peer = 0; peer < joiner->peer_count; peer++)
        if (joiner->sources[peer].back_ms != 0 && joiner->sources[peer].doubled == 1) return true;
    return false;
}

static void decide(struct joiner *joiner, uint64_t now_ms)
{
    if (joiner->phase != JOINER_ASKING || !read_claims(joiner, now_ms)) return;
    refuse_old(joiner);
    uint32_t best = best_offer(joiner);
    if (joiner->claimed < JOINER_BLOCKS_MIN)
        joiner->phase = JOINER_GENESIS;
    else if (best != PEERS_MAX)
        choose(joiner, best, now_ms);
    else if (now_ms - joiner->answered_ms >= JOINER_GIVE_UP_MS && !one_comes_back(joiner))
        give_up(joiner, now_ms);
}

/* ---- Fetching ---- */

static void ask_chunks(struct joiner *joiner, uint32_t peer, uint64_t now_ms)
{
    struct source *source = &joiner->sources[peer];
    uint32_t first = joiner->first_missing, end = first + JOINER_WINDOW;
    if (end > joiner->chunk_count) end = joiner->chunk_count;
    for (uint32_t i = first; i < end && (i == first || source->asked < JOINER_ASKED_MAX); i++) {
        if (joiner->chunks[i].state != CHUNK_WANTED) continue;
        joiner->chunks[i] = (struct wanted_chunk){CHUNK_ASKED, peer, now_ms};
        source->asked++;
        joiner->callbacks->ask_chunk(joiner->context, peer, joiner->chosen.height, i + 1);
    }
}

static void go_on(struct joiner *joiner, uint64_t now_ms)
{
    if (joiner->phase == JOINER_ASKING) decide(joiner, now_ms);
    if (joiner->phase != JOINER_FETCHING) return;
    refuse_old(joiner);
    for (uint32_t peer = 0; peer < joiner->peer_count; peer++)
        if (offers_chosen(joiner, &joiner->sources[peer])) ask_chunks(joiner, peer, now_ms);
    if (joiner->chunks_here == joiner->chunk_count) joiner->phase = JOINER_DONE;
}

static void rest(struct joiner *joiner, uint32_t peer, uint64_t now_ms)
{
    struct source *source = &joiner->sources[peer];
    if (source->left_out) return;
    refuse(joiner, peer, JOINER_STALLED);
    source->back_ms = now_ms + ((uint64_t)JOINER_REST_MS << source->doubled);
    if (source->doubled < JOINER_REST_DOUBLED_MAX) source->doubled++;
}

static void take_back(struct joiner *joiner, uint64_t now_ms)
{
    for (uint32_t peer = 0; peer < joiner->peer_count; peer++) {
        struct source *source = &joiner->sources[peer];
        if (source->back_ms == 0 || now_ms < source->back_ms) continue;
        source->left_out = false;
        source->back_ms = 0;
        if (source->doubled == 1) joiner->answered_ms = now_ms; /* what it offers now is waited for */
    }
}

/* While the first that is missing is being checked, nothing is given up. Others that came may wait for it. */
static void look_for_stalls(struct joiner *joiner, uint64_t now_ms)
{
    for (uint32_t i = 0; i < joiner->chunk_count; i++) {
        struct wanted_chunk *chunk = &joiner->chunks[i];
        if (i == joiner->first_missing && chunk->state == CHUNK_CAME)
            joiner->sourced_ms = joiner->moved_ms = now_ms;
        if (chunk->state == CHUNK_ASKED && now_ms - chunk->since_ms >= JOINER_STALL_MS)
            rest(joiner, chunk->peer, now_ms);
    }
}

static void choose_anew(struct joiner *joiner, uint64_t now_ms)
{
    joiner->phase = JOINER_ASKING;
    joiner->chosen = (struct joiner_snapshot){0};
    joiner->answered_ms = now_ms;
}

static bool another_is_offered(const struct joiner *joiner)
{
    for (uint32_t peer = 0; peer < joiner->peer_count; peer++) {
        const struct source *source = &joiner->sources[peer];
        if (offers_any(source) && !source->slow && !offers_chosen(joiner, source)) return true;
    }
    return false;
}

static void look_at_the_pace(struct joiner *joiner, uint64_t now_ms)
{
    if (joiner->phase != JOINER_FETCHING || now_ms - joiner->paced_ms < JOINER_IDLE_MS) return;
    uint64_t came = joiner->chunks_here - joiner->paced_chunks;
    bool slow = joiner->chunk_count - joiner->chunks_here > came * JOINER_SLOW_TIMES;
    joiner->paced_ms = now_ms;
    joiner->paced_chunks = joiner->chunks_here;
    if (!slow || !another_is_offered(joiner)) return;
    const struct joiner_snapshot slowly = joiner->chosen;
    for (uint32_t peer = 0; peer < joiner->peer_count; peer++)
        if (offers(&joiner->sources[peer], &slowly)) refuse(joiner, peer, JOINER_SLOW);
    choose_anew(joiner, now_ms);
}

/* Where nobody has the snapshot any more, or nothing comes of it, another is looked for. Who offered it does
 * so anew, if it will: until then others' come first. */
static void look_for_sources(struct joiner *joiner, uint64_t now_ms)
{
    if (count_sources(joiner) > 0) joiner->sourced_ms = now_ms;
    if (now_ms - joiner->sourced_ms < JOINER_STALL_MS && now_ms - joiner->moved_ms < JOINER_IDLE_MS) return;
    struct source *offered = &joiner->sources[joiner->chosen_peer];
    if (offers_chosen(joiner, offered)) offered->snapshot = (struct joiner_snapshot){0};
    choose_anew(joiner, now_ms);
}

void joiner_tick(struct joiner *joiner, uint64_t now_ms)
{
    if (joiner->phase == JOINER_FETCHING) {
        look_for_stalls(joiner, now_ms);
        look_for_sources(joiner, now_ms);
        look_at_the_pace(joiner, now_ms);
    }
    if (joiner->phase != JOINER_ASKING && joiner->phase != JOINER_FETCHING) return;
    take_back(joiner, now_ms);
    if (now_ms - joiner->asked_ms >= JOINER_ASK_MS) ask_offers(joiner, now_ms);
    go_on(joiner, now_ms);
}

/* ---- What peers say ---- */

void joiner_link_up(struct joiner *joiner, uint32_t peer, uint64_t now_ms)
{
    CHECK(peer < joiner->peer_count && peer != joiner->self);
    (void)now_ms;
    joiner->sources[peer].up = true;
    ask_offer(joiner, peer);
}

void joiner_link_down(struct joiner *joiner, uint32_t peer, uint64_t now_ms)
{
    CHECK(peer < joiner->peer_count && peer != joiner->self);
    joiner->sources[peer].up = joiner->sources[peer].awaited = false;
    joiner->sources[peer].snapshot = joiner->sources[peer].old = (struct joiner_snapshot){0};
    give_back(joiner, peer);
    go_on(joiner, now_ms);
}

bool joiner_offer_came(struct joiner *joiner, uint32_t peer)
{
    CHECK(peer < joiner->peer_count && peer != joiner->self);
    bool awaited = joiner->sources[peer].awaited && !joiner->sources[peer].left_out;
    joiner->sources[peer].awaited = false;
    return awaited;
}

void joiner_offer(struct joiner *joiner, uint32_t peer, uint64_t finalized_height,
    const struct joiner_snapshot *snapshot, uint64_t now_ms)
{
    CHECK(peer < joiner->peer_count && peer != joiner->self);
    struct source *source = &joiner->sources[peer];
    if (source->left_out) return;
    source->answered = true;
    source->finalized_height = finalized_height;
    source->snapshot = *snapshot;
    if (snapshot->height > joiner->proven) joiner->proven = snapshot->height;
    if (snapshot->height != source->old.height) source->old = (struct joiner_snapshot){0};
    if (joiner->answered_ms == 0) joiner->answered_ms = now_ms;
    go_on(joiner, now_ms);
}

void joiner_offer_void(struct joiner *joiner, uint32_t peer)
{
    CHECK(peer < joiner->peer_count && peer != joiner->self);
    joiner->sources[peer].snapshot = joiner->sources[peer].old = (struct joiner_snapshot){0};
}

void joiner_wrong_head(struct joiner *joiner, uint32_t peer, uint64_t finalized_height, uint64_t now_ms)
{
    CHECK(peer < joiner->peer_count && peer != joiner->self);
    struct source *source = &joiner->sources[peer];
    if (source->left_out) return;
    source->answered = true;
    source->finalized_height = finalized_height;
    if (joiner->answered_ms == 0) joiner->answered_ms = now_ms;
    refuse(joiner, peer, JOINER_WRONG_HEAD);
    go_on(joiner, now_ms);
}

static struct wanted_chunk *chunk_of(
    const struct joiner *joiner, uint32_t peer, uint64_t height, uint32_t index, enum chunk_state state)
{
    if (joiner->phase != JOINER_FETCHING || height != joiner->chosen.height) return NULL;
    if (index == 0 || index > joiner->chunk_count) return NULL;
    struct wanted_chunk *chunk = &joiner->chunks[index - 1];
    return chunk->state == state && chunk->peer == peer ? chunk : NULL;
}

bool joiner_chunk_came(struct joiner *joiner, uint32_t peer, uint64_t height, uint32_t index)
{
    struct wanted_chunk *chunk = chunk_of(joiner, peer, height, index, CHUNK_ASKED);
    if (chunk == NULL) return false;
    chunk->state = CHUNK_CAME;
    return true;
}

void joiner_more_chunks(struct joiner *joiner, uint64_t height, uint32_t more)
{
    if (joiner->phase != JOINER_FETCHING || height != joiner->chosen.height || more == 0) return;
    CHECK(more <= JOINER_CHUNKS_MORE_MAX && joiner->chunk_count == joiner->chosen.chunk_count);
    uint32_t count = joiner->chunk_count + more;
    struct wanted_chunk *chunks = realloc(joiner->chunks, count * sizeof *chunks);
    CHECK(chunks != NULL);
    memset(chunks + joiner->chunk_count, 0, more * sizeof *chunks); /* all CHUNK_WANTED */
    joiner->chunks = chunks;
    joiner->chunk_count = count;
}

void joiner_chunk(struct joiner *joiner, uint32_t peer, uint64_t height, uint32_t index,
    enum joiner_verdict verdict, uint64_t now_ms)
{
    struct wanted_chunk *chunk = chunk_of(joiner, peer, height, index, CHUNK_CAME);
    if (chunk == NULL) return;
    CHECK(joiner->sources[peer].asked > 0);
    joiner->sources[peer].asked--;
    if (verdict == JOINER_CHUNK_HERE) {
        chunk->state = CHUNK_HERE;
        joiner->moved_ms = now_ms;
        joiner->chunks_here++;
        while (joiner->first_missing < joiner->chunk_count &&
               joiner->chunks[joiner->first_missing].state == CHUNK_HERE)
            joiner->first_missing++;
    } else {
        chunk->state = CHUNK_WANTED;
        refuse(joiner, peer, verdict == JOINER_CHUNK_WRONG ? JOINER_WRONG_CHUNK : JOINER_GONE);
    }
    go_on(joiner, now_ms);
}

/* ---- Life ---- */

int joiner_open(uint32_t peer_count, const bool validator[PEERS_MAX], uint32_t validator_count, uint32_t self,
    const struct joiner_callbacks *callbacks, void *context, struct joiner **out)
{
    CHECK(peer_count <= PEERS_MAX && validator_count <= peer_count);
    struct joiner *joiner = calloc(1, sizeof *joiner);
    if (joiner == NULL) return TALLY_ENOMEM;
    joiner->peer_count = peer_count;
    joiner->validator_count = validator_count;
    memcpy(joiner->validator, validator, sizeof joiner->validator);
    joiner->self = self;
    joiner->callbacks = callbacks;
    joiner->context = context;
    joiner->phase = JOINER_ASKING;
    *out = joiner;
    return TALLY_OK;
}

void joiner_close(struct joiner *joiner)
{
    if (joiner == NULL) return;
    free(joiner->chunks);
    free(joiner);
}

void joiner_status(const struct joiner *joiner, struct joiner_status *status)
{
    bool fetching = joiner->phase == JOINER_FETCHING || joiner->phase == JOINER_DONE;
    *status = (struct joiner_status){
        .phase = joiner->phase,
        .claimed = joiner->claimed,
        .height = joiner->chosen.height,
        .chunks_here = fetching ? joiner->chunks_here : 0,
        .chunk_count = joiner->chosen.height != 0 ? joiner->chunk_count : 0,
        .sources = fetching ? count_sources(joiner) : 0,
    };
    for (uint32_t peer = 0; peer < joiner->peer_count; peer++)
        status->answers += joiner->sources[peer].answered;
}
