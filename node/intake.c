#include "node/intake.h"

#include <stdlib.h>

#include "node/clock.h"
#include "node/metrics/meters.h"
#include "node/net/log.h"
#include "node/peer_message.h"
#include "node/refusals.h"
#include "peer.pb-c.h"
#include "proto/base/check.h"
#include "proto/codec/message.h"

#define REQUEST_ARENA_BUDGET (1u * MIB)
/* Of one peer's: what it floods may not crowd out the clients and the other peers. */
#define CHECKS_PER_PEER_MAX (INTAKE_CHECKS_MAX / 2u)
/* What one peer is given on request within a window; the rest it asks for again, and elsewhere. */
#define SERVED_SIZE_MAX (8u * BLOCK_SIZE_MAX)
#define SERVED_WINDOW_MS 1000u

/* What one peer costs us. */
struct intake_peer {
    uint32_t checks; /* under way */
    uint64_t served_from_ms;
    size_t served_size;
};

struct intake {
    const struct digest *chain_id;
    struct register_view *view; /* the admission's */
    struct admission *admission;
    struct mempool *mempool;
    struct worker *checkers;
    const struct intake_callbacks *callbacks;
    void *context;
    struct links *links;
    uint32_t checks;
    struct log_limit refusals;
    struct intake_peer peers[PEERS_MAX];
};

/* One batch on its way through a worker. */
struct batch_check {
    struct job job;
    struct intake *intake;
    struct admission *admission;  /* the newest when it came; shared */
    enum admission_source source; /* as it was judged last */
    bool wanted;            /* a candidate block lacks batches: one that is only fit to be ordered will do */
    uint32_t peer;          /* not a client's */
    intake_checked checked; /* a client's alone */
    void *checked_context;
    struct held_batch *held;
    int error;
    struct admission_refusal refusal;
};

static void judge(struct batch_check *check, enum admission_source source)
{
    struct held_batch *held = check->held;
    check->source = source;
    check->error = admission_check(
        check->admission, source, held->bytes, clock_wall_ms(), &held->arena, &held->batch, &check->refusal);
    if (check->error == TALLY_OK && !batch_is_whole(&held->batch)) {
        check->error = TALLY_EFORM;
        check->refusal = (struct admission_refusal){.reason = "BODY_MISSING", .field = "body"};
    }
}

static void run_check(struct job *job)
{
    struct batch_check *check = (struct batch_check *)(void *)job;
    judge(check, check->source);
    if (check->error == TALLY_OK || !check->wanted) return;
    /* Once ordered, what it is worth is the rules' to say; a voter needs its bytes and its signature alone.
     */
    struct held_batch *again = held_batch_open(check->held->bytes);
    if (again == NULL) return;
    again->arrival = check->held->arrival;
    again->arrived_ms = check->held->arrived_ms;
    held_batch_close(check->held);
    check->held = again;
    judge(check, ADMISSION_ORDERED);
}

/* Fetched for a block: pinned by the candidates it completes. */
static void take_ordered(struct intake *intake, struct held_batch *held, bool ordered_only)
{
    struct held_batch *kept;
    held->ordered_only = ordered_only;
    if (mempool_add_pinned_take(intake->mempool, held, clock_wall_ms(), &kept) != TALLY_OK) {
        held_batch_close(held);
        return;
    }
    intake->callbacks->fill(intake->context, kept);
    mempool_unpin(intake->mempool, kept);
}

static void take_flooded(struct intake *intake, struct held_batch *held)
{
    struct digest digest = held->batch.digest;
    int error = mempool_add_take(intake->mempool, held, clock_wall_ms());
    struct held_batch *kept = mempool_find(intake->mempool, &digest);
    if (error != TALLY_OK) {
        /* No room to wait, or ordered before: a candidate block may name it all the same. */
        if (kept == NULL && intake->callbacks->lacks_batches(intake->context))
            take_ordered(intake, held, false);
        else
            held_batch_close(held);
        return;
    }
    CHECK(kept != NULL);
    intake->callbacks->fill(intake->context, kept);
    intake->callbacks->on_batch(intake->context, kept);
}

static void from_peer_done(struct batch_check *check)
{
    struct intake *intake = check->intake;
    struct held_batch *held = check->held;
    check->held = NULL;
    if (check->error == TALLY_OK && check->source == ADMISSION_ORDERED) {
        take_ordered(intake, held, true);
    } else if (check->error == TALLY_OK) {
        take_flooded(intake, held);
    } else {
        held_batch_close(held);
        /* Expired on the way, or fit only to be ordered, as one that a liar proposed and this node asked for
         * too late: not the fault of whoever passed it on. */
        if (check->error == TALLY_ETIMEOUT || check->error == TALLY_ENOMEM || check->error == TALLY_EDENIED)
            return;
        links_charge(intake->links, check->peer, "a batch that is not admissible");
    }
}

void intake_count_refusal(
    struct intake *intake, uint32_t peer, int error, const struct admission_refusal *refusal)
{
    bool of_peer = peer != INTAKE_CLIENT;
    const struct links_peer *who = of_peer ? links_peer(intake->links, peer) : NULL;
    enum meter_source source = of_peer ? METER_SOURCE_PEER : METER_SOURCE_CLIENT;
    meter_add(&meters.refusals[source][meter_reason(refusal->reason)], 1);
    refusals_tell_admission(&intake->refusals,
        !of_peer      ? NULL
        : who != NULL ? who->name
                      : "a node that is gone",
        error, refusal);
}

static void check_done(struct job *job)
{
    struct batch_check *check = (struct batch_check *)(void *)job;
    struct intake *intake = check->intake;
    intake->checks--;
    if (check->error != TALLY_OK)
        intake_count_refusal(
            intake, check->checked != NULL ? INTAKE_CLIENT : check->peer, check->error, &check->refusal);
    if (check->checked == NULL) intake->peers[check->peer].checks--;
    if (check->checked != NULL) {
        struct held_batch *held = check->held;
        check->held = NULL;
        if (check->error != TALLY_OK) {
            held_batch_close(held);
            held = NULL;
        }
        check->checked(check->checked_context, check->error, &check->refusal, held);
    } else {
        from_peer_done(check);
    }
    admission_release(check->admission);
    free(check);
}

static int start_check(
    struct intake *intake, struct span bytes, uint32_t peer, intake_checked checked, void *context)
{
    if (intake->checks >= INTAKE_CHECKS_MAX) return TALLY_EFULL;
    if (checked == NULL && intake->peers[peer].checks >= CHECKS_PER_PEER_MAX) return TALLY_EFULL;
    if (bytes.size > BATCH_SIZE_MAX) return TALLY_ELIMIT;
    struct batch_check *check = calloc(1, sizeof *check);
    struct held_batch *held = held_batch_open(bytes);
    if (check == NULL || held == NULL) {
        free(check);
        held_batch_close(held);
        return TALLY_ENOMEM;
    }
    held->own = checked != NULL;
    held->arrival = mempool_arrival(intake->mempool);
    held->arrived_ms = clock_now_ms();
    *check = (struct batch_check){
        .job = {.run = run_check, .done = check_done},
        .intake = intake,
        .admission = admission_share(intake->admission),
        .source = checked != NULL ? ADMISSION_CLIENT : ADMISSION_FLOODED,
        .wanted = checked == NULL && intake->callbacks->lacks_batches(intake->context),
        .peer = peer,
        .checked = checked,
        .checked_context = context,
        .held = held,
    };
    intake->checks++;
    if (checked == NULL) intake->peers[peer].checks++;
    worker_submit(intake->checkers, &check->job);
    return TALLY_OK;
}

int intake_open(const struct digest *chain_id, struct register_view *view, struct mempool *mempool,
    struct worker *checkers, const struct intake_callbacks *callbacks, void *context, struct intake **out)
{
    struct intake *intake = calloc(1, sizeof *intake);
    if (intake == NULL) return TALLY_ENOMEM;
    intake->chain_id = chain_id;
    intake->mempool = mempool;
    intake->checkers = checkers;
    intake->callbacks = callbacks;
    intake->context = context;
    int error = admission_open(chain_id, view, NULL, &intake->admission);
    if (error != TALLY_OK) {
        free(intake);
        return error;
    }
    intake->view = register_view_share(view);
    *out = intake;
    return TALLY_OK;
}

void intake_use_register(struct intake *intake, struct register_view *view)
{
    struct admission *before = intake->admission;
    if (view == intake->view) return;
    /* A key that came by ballot has signed for itself, so it is one. */
    CHECK(admission_open(intake->chain_id, view, before, &intake->admission) == TALLY_OK);
    admission_release(before);
    register_view_release(intake->view);
    intake->view = register_view_share(view);
}

void intake_close(struct intake *intake)
{
    if (intake == NULL) return;
    CHECK(intake->checks == 0);
    admission_release(intake->admission);
    register_view_release(intake->view);
    free(intake);
}

void intake_start(struct intake *intake, struct links *links)
{
    intake->links = links;
}

/* A batch is large, and asking for it is cheap: the same one may even be asked for many times over. */
static bool may_serve(struct intake_peer *peer, size_t size)
{
    uint64_t now = clock_now_ms();
    if (now - peer->served_from_ms >= SERVED_WINDOW_MS) {
        peer->served_from_ms = now;
        peer->served_size = 0;
    }
    if (peer->served_size + size > SERVED_SIZE_MAX) return false;
    peer->served_size += size;
    return true;
}

/* Peers ask for what a proposal of ours, or one we voted for, names. What is gone by now is final: they will
 * catch up. */
static void serve(struct intake *intake, uint32_t peer, struct span payload)
{
    struct arena arena;
    ProtobufCMessage *message;
    arena_init(&arena, REQUEST_ARENA_BUDGET);
    int error = message_decode(
        &tallystick__v1__batch_request__descriptor, MESSAGE_CANONICAL, payload, &arena, &message);
    if (error == TALLY_OK) {
        ProtobufCBinaryData digests = ((const Tallystick__V1__BatchRequest *)message)->digests;
        if (digests.len % DIGEST_SIZE != 0 || digests.len / DIGEST_SIZE > BLOCK_BATCHES_MAX)
            error = TALLY_EFORM;
        for (size_t i = 0; error == TALLY_OK && i < digests.len / DIGEST_SIZE; i++) {
            struct digest digest;
            memcpy(digest.bytes, digests.data + i * DIGEST_SIZE, DIGEST_SIZE);
            const struct held_batch *held = mempool_find(intake->mempool, &digest);
            if (held == NULL) continue;
            if (!may_serve(&intake->peers[peer], held->bytes.size)) break;
            if (links_send(intake->links, peer, FRAME_BATCH, held->bytes) != TALLY_OK) break;
        }
    }
    if (error != TALLY_OK) links_charge(intake->links, peer, "a batch request that does not parse");
    arena_close(&arena);
}

void intake_frame(struct intake *intake, uint32_t peer, enum frame_kind kind, struct span payload)
{
    if (kind == FRAME_BATCH_REQUEST) {
        serve(intake, peer, payload);
        return;
    }
    CHECK(kind == FRAME_BATCH);
    if (start_check(intake, payload, peer, NULL, NULL) != TALLY_OK)
        LOG_DEBUG("a flooded batch was let go", LOG_U("peer", peer));
}

int intake_submit(struct intake *intake, struct span bytes, intake_checked checked, void *context)
{
    return start_check(intake, bytes, 0, checked, context);
}

int intake_admit_take(struct intake *intake, struct held_batch *held)
{
    struct digest digest = held->batch.digest;
    int error = mempool_add_take(intake->mempool, held, clock_wall_ms());
    if (error != TALLY_OK) {
        held_batch_close(held);
        return error;
    }
    /* Not always the one given: a block may have brought its copy before. */
    struct held_batch *kept = mempool_find(intake->mempool, &digest);
    CHECK(kept != NULL);
    links_broadcast(intake->links, FRAME_BATCH, kept->bytes);
    intake->callbacks->fill(intake->context, kept);
    intake->callbacks->on_batch(intake->context, kept);
    return TALLY_OK;
}
