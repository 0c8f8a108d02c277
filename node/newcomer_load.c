#include "node/newcomer_load.h"

#include <stdlib.h>

#include "node/jobs/worker.h"
#include "node/net/log.h"
#include "proto/base/check.h"
#include "storage/adoption.h"
#include "storage/ledger.h"
#include "storage/state_load.h"

#define KINDS 5u
static const enum snapshot_part kinds[KINDS] = {
    SNAPSHOT_BLOCK, SNAPSHOT_HISTORY, SNAPSHOT_BATCHES, SNAPSHOT_SUBJECTS, SNAPSHOT_EVENTS};

struct load_job;

/* Parts of one kind that are loaded in order. */
struct turn {
    uint32_t next;
    struct load_job *waiting[JOINER_WINDOW]; /* those that came before their turn, by number; NULL = none */
};

struct newcomer_load {
    const char *data_dir;
    const struct digest *chain_id;
    const struct newcomer_load_callbacks *callbacks;
    void *context;
    struct worker *worker;
    bool closing, failed;
    const struct snapshot_head *head; /* of what was begun last */
    uint64_t height;                  /* its */
    uint64_t begun;                   /* how many were */
    uint32_t events_count;            /* parts of events, once they are known */
    struct turn history, events;
    /* The worker's. */
    struct snapshot_head *loaded_head;
    struct state_load *state;
    struct buffer block;
    char folder[DISK_PATH_SIZE_MAX];
};

/* ---- Parts by number ---- */

_Static_assert(JOINER_CHUNKS_MAX > 1u + SNAPSHOT_PARTS_MAX + FRAME_SIZE_MAX / DIGEST_SIZE,
    "no head that fits a frame has more: its parts of subjects, and one for each digest that it lists");

struct joiner_snapshot newcomer_load_describe(const struct snapshot_head *head)
{
    struct joiner_snapshot snapshot = {
        .height = snapshot_checkpoint(head)->checkpoint.height, .cut = snapshot_cut_digest(head)};
    for (size_t i = 0; i < KINDS; i++)
        snapshot.chunk_count += snapshot_part_count(head, kinds[i]);
    return snapshot;
}

static uint32_t count_of(const struct newcomer_load *load, enum snapshot_part kind)
{
    return kind == SNAPSHOT_EVENTS ? load->events_count : snapshot_part_count(load->head, kind);
}

struct chunk_place newcomer_load_place(const struct newcomer_load *load, uint32_t index)
{
    CHECK(load->head != NULL && index > 0);
    index--;
    for (size_t i = 0; i < KINDS; i++) {
        uint32_t count = count_of(load, kinds[i]);
        if (index < count) return (struct chunk_place){load->height, (uint32_t)kinds[i], index};
        index -= count;
    }
    CHECK_UNREACHABLE();
}

uint32_t newcomer_load_index(const struct newcomer_load *load, const struct chunk_place *place)
{
    uint32_t before = 1;
    if (load->head == NULL || place->height != load->height) return 0;
    for (size_t i = 0; i < KINDS; i++) {
        uint32_t count = count_of(load, kinds[i]);
        if (place->kind == (uint32_t)kinds[i]) return place->index < count ? before + place->index : 0;
        before += count;
    }
    return 0;
}

/* ---- Jobs ---- */

struct load_job {
    struct job job;
    struct newcomer_load *load;
    struct snapshot_head *head; /* to begin with */
    uint64_t begun;             /* the snapshot a part is of */
    uint32_t peer;
    struct chunk_place place;
    uint32_t index;
    struct buffer bytes;
    uint32_t events_count; /* known after it */
    int error;
};

static struct load_job *new_job(
    struct newcomer_load *load, void (*run)(struct job *), void (*done)(struct job *))
{
    struct load_job *job = calloc(1, sizeof *job);
    CHECK(job != NULL);
    *job = (struct load_job){.job = {.run = run, .done = done}, .load = load};
    return job;
}

/* Ends the job; false where what it came to is not told any more. */
static bool ended(struct load_job *job, const char *what)
{
    struct newcomer_load *load = job->load;
    bool told = !load->closing && !load->failed;
    if (told && job->error != TALLY_OK && job->error != TALLY_EDAMAGED) {
        load->failed = true;
        load->callbacks->on_failed(load->context, what, job->error);
        return false;
    }
    return told;
}

static void let_go(struct newcomer_load *load)
{
    state_load_close(load->state);
    snapshot_head_close(load->loaded_head);
    load->state = NULL;
    load->loaded_head = NULL;
    buffer_close(&load->block);
    buffer_init(&load->block, FRAME_SIZE_MAX);
}

static void run_begin(struct job *job)
{
    struct load_job *begin = (struct load_job *)(void *)job;
    struct newcomer_load *load = begin->load;
    let_go(load);
    load->loaded_head = begin->head;
    begin->error = adoption_begin(disk_system(), load->data_dir, load->folder);
    if (begin->error == TALLY_OK)
        begin->error = state_load_begin(load->folder, load->loaded_head, &load->state);
}

static void begin_done(struct job *job)
{
    struct load_job *begin = (struct load_job *)(void *)job;
    if (begin->error == TALLY_EDAMAGED) begin->error = TALLY_EIO; /* a fresh folder that is no such thing */
    (void)ended(begin, "a snapshot cannot be loaded");
    free(begin);
}

static int keep(struct buffer *kept, struct span bytes)
{
    buffer_clear(kept);
    buffer_append(kept, bytes.data, bytes.size);
    return kept->failed ? TALLY_ENOMEM : TALLY_OK;
}

static int take_part(struct newcomer_load *load, const struct chunk_place *place, struct span bytes)
{
    if (load->state == NULL) return TALLY_ECLOSED;
    if (place->kind != SNAPSHOT_BLOCK) return state_load_part(load->state, place->kind, place->index, bytes);
    int error = snapshot_part_check(load->loaded_head, SNAPSHOT_BLOCK, 0, bytes);
    return error == TALLY_OK ? keep(&load->block, bytes) : error;
}

static void run_part(struct job *job)
{
    struct load_job *part = (struct load_job *)(void *)job;
    part->error = take_part(part->load, &part->place, buffer_span(&part->bytes));
    if (part->load->state != NULL) part->events_count = state_load_count(part->load->state, SNAPSHOT_EVENTS);
}

static void part_close(struct load_job *part)
{
    if (part == NULL) return;
    buffer_close(&part->bytes);
    free(part);
}

/* NULL where parts of the kind are loaded as they come. */
static struct turn *turn_of(struct newcomer_load *load, uint32_t kind)
{
    if (kind == SNAPSHOT_HISTORY) return &load->history;
    return kind == SNAPSHOT_EVENTS ? &load->events : NULL;
}

/* The joiner asks for nothing further ahead than its window, and once for each, so that no other of the same
 * place waits. */
static void load_or_wait(struct newcomer_load *load, struct load_job *part)
{
    struct turn *turn = turn_of(load, part->place.kind);
    if (turn == NULL || part->place.index == turn->next) {
        worker_submit(load->worker, &part->job);
        return;
    }
    struct load_job **place = &turn->waiting[part->place.index % JOINER_WINDOW];
    CHECK(*place == NULL && part->place.index > turn->next);
    *place = part;
}

/* A part is loaded: whoever waits for it has its turn. */
static void next_turn(struct newcomer_load *load, uint32_t kind)
{
    struct turn *turn = turn_of(load, kind);
    if (turn == NULL) return;
    struct load_job **place = &turn->waiting[++turn->next % JOINER_WINDOW], *next = *place;
    if (next == NULL) return;
    *place = NULL;
    CHECK(next->place.index == turn->next);
    worker_submit(load->worker, &next->job);
}

static void forget_waiting(struct newcomer_load *load)
{
    for (size_t i = 0; i < JOINER_WINDOW; i++) {
        part_close(load->history.waiting[i]);
        part_close(load->events.waiting[i]);
    }
    load->history = load->events = (struct turn){0};
}

/* What becomes known with a part is told before the part is. */
static void part_kept(struct newcomer_load *load, struct load_job *part)
{
    uint32_t more = part->events_count - load->events_count;
    if (more > JOINER_CHUNKS_MORE_MAX) {
        load->failed = true;
        load->callbacks->on_failed(load->context, "a snapshot has too many parts", TALLY_ELIMIT);
        return;
    }
    load->events_count = part->events_count;
    next_turn(load, part->place.kind);
    load->callbacks->on_part(load->context, part->peer, &part->place, part->index, more, TALLY_OK);
}

static void part_done(struct job *job)
{
    struct load_job *part = (struct load_job *)(void *)job;
    struct newcomer_load *load = part->load;
    if (ended(part, "a part of a snapshot cannot be kept") && part->begun == load->begun) {
        if (part->error == TALLY_OK)
            part_kept(load, part);
        else
            load->callbacks->on_part(load->context, part->peer, &part->place, part->index, 0, part->error);
    }
    part_close(part);
}

/* The ledger begins with the snapshot's block. */
static int begin_ledger(struct newcomer_load *load)
{
    struct arena arena;
    struct block block;
    arena_init(&arena, 64u * MIB);
    int error = snapshot_block_decode(load->loaded_head, buffer_span(&load->block), &arena, &block);
    if (error == TALLY_OK) error = ledger_begin(disk_system(), load->folder, load->chain_id, NULL, &block);
    arena_close(&arena);
    return error;
}

static void run_end(struct job *job)
{
    struct load_job *end = (struct load_job *)(void *)job;
    struct newcomer_load *load = end->load;
    if (load->state == NULL) {
        end->error = TALLY_ECLOSED;
        return;
    }
    end->error = state_load_end(load->state);
    if (end->error == TALLY_OK) end->error = begin_ledger(load);
    let_go(load);
    if (end->error == TALLY_OK) end->error = adoption_end(disk_system(), load->data_dir);
    if (end->error == TALLY_EDAMAGED) end->error = TALLY_EIO;
}

static void end_done(struct job *job)
{
    struct load_job *end = (struct load_job *)(void *)job;
    if (ended(end, "a snapshot cannot be loaded")) end->load->callbacks->on_loaded(end->load->context);
    free(end);
}

/* ---- For the loop ---- */

void newcomer_load_begin_take(struct newcomer_load *load, struct snapshot_head *head)
{
    struct load_job *begin = new_job(load, run_begin, begin_done);
    begin->head = head;
    load->head = head;
    load->begun++;
    load->events_count = 0;
    forget_waiting(load);
    load->height = snapshot_checkpoint(head)->checkpoint.height;
    worker_submit(load->worker, &begin->job);
}

void newcomer_load_part(struct newcomer_load *load, uint32_t peer, const struct chunk_place *place,
    uint32_t index, struct span bytes)
{
    struct load_job *part = new_job(load, run_part, part_done);
    part->begun = load->begun;
    part->peer = peer;
    part->place = *place;
    part->index = index;
    buffer_init(&part->bytes, FRAME_SIZE_MAX);
    buffer_append(&part->bytes, bytes.data, bytes.size);
    CHECK(!part->bytes.failed);
    load_or_wait(load, part);
}

void newcomer_load_end(struct newcomer_load *load)
{
    struct load_job *end = new_job(load, run_end, end_done);
    load->head = NULL;
    worker_submit(load->worker, &end->job);
}

int newcomer_load_open(uv_loop_t *loop, const char *data_dir, const struct digest *chain_id,
    const struct newcomer_load_callbacks *callbacks, void *context, struct newcomer_load **out)
{
    struct newcomer_load *load = calloc(1, sizeof *load);
    if (load == NULL) return TALLY_ENOMEM;
    load->data_dir = data_dir;
    load->chain_id = chain_id;
    load->callbacks = callbacks;
    load->context = context;
    let_go(load);
    int error = worker_open(loop, "join", 1, &load->worker);
    if (error != TALLY_OK)
        newcomer_load_close(load);
    else
        *out = load;
    return error;
}

void newcomer_load_close(struct newcomer_load *load)
{
    if (load == NULL) return;
    load->closing = true;
    worker_close(load->worker);
    forget_waiting(load);
    let_go(load);
    free(load);
}
