#include "node/commit/snapshotter.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "node/credit/subject_state.h"
#include "node/metrics/meters.h"
#include "node/net/log.h"
#include "proto/base/check.h"
#include "storage/snapshot_reading.h"
#include "storage/snapshot_write.h"

#define EVENTS_MIN 50000u
#define EVENTS_SHARE 16u
#define AGE_MS_MAX (24ull * 60 * 60 * 1000)
/* After so much work it rests as long, unless somebody may be waiting: while there is none, nobody can join
 * but by every block, and no backup can be made. What it works for then, it yields to all else that wants the
 * processor, as always. */
#define WORK_NS 5000000u
/* So many times as long as one takes at half speed. */
#define REST_FACTOR 10u
#define NICENESS 10

struct snapshotter {
    const char *data_dir;
    struct ledger *ledger;
    struct verify_set validators;
    struct state_config config;
    struct worker *worker;
    atomic_bool give_up;
    uint64_t work_began_ns; /* the worker's */
    bool hurries;           /* likewise */
    pthread_mutex_t lock;   /* guards the rest */
    pthread_cond_t idle;
    bool checked; /* what was there at the start; before that nothing is taken */
    bool writing;
    struct snapshot_source *source; /* taken, or being written */
    uint64_t rest_until_ns;
    struct snapshot_mark last; /* made, or tried in vain */
};

bool snapshot_is_due(const struct snapshot_mark *last, const struct snapshot_mark *now)
{
    if (now->events <= last->events) return false;
    uint64_t events = now->events - last->events;
    return last->height == 0 || (events >= EVENTS_MIN && events * EVENTS_SHARE >= now->events) ||
           now->time_ms - last->time_ms >= AGE_MS_MAX;
}

static void lock(struct snapshotter *snapshotter)
{
    CHECK(pthread_mutex_lock(&snapshotter->lock) == 0);
}

static void unlock(struct snapshotter *snapshotter)
{
    CHECK(pthread_mutex_unlock(&snapshotter->lock) == 0);
}

static bool go_on(void *context)
{
    struct snapshotter *snapshotter = context;
    uint64_t worked_ns = uv_hrtime() - snapshotter->work_began_ns;
    if (!snapshotter->hurries && worked_ns >= WORK_NS) {
        uv_sleep((unsigned)(worked_ns / 1000000u));
        snapshotter->work_began_ns = uv_hrtime();
    }
    return !snapshotter->give_up;
}

/* On the thread itself: whatever else the machine has to do comes first. */
static void begin_work(struct snapshotter *snapshotter)
{
    if (setpriority(PRIO_PROCESS, (id_t)gettid(), NICENESS) != 0)
        LOG_DEBUG("snapshots are made at the same priority as everything else");
    snapshotter->work_began_ns = uv_hrtime();
}

struct snapshot_job {
    struct job job;
    struct snapshotter *snapshotter;
};

static void submit(struct snapshotter *snapshotter, void (*run)(struct job *))
{
    struct snapshot_job *job = calloc(1, sizeof *job);
    CHECK(job != NULL);
    *job = (struct snapshot_job){
        .job = {.run = run, .done = (void (*)(struct job *))free}, .snapshotter = snapshotter};
    worker_submit(snapshotter->worker, &job->job);
}

static void tell_newest(const struct snapshot_mark *mark)
{
    meter_set(&meters.snapshot_height, mark->height);
    meter_set(&meters.snapshot_time_ms, mark->time_ms);
}

/* ---- Checking what is there ---- */

static int check_parts(struct snapshotter *snapshotter, const struct snapshot_head *head)
{
    uint64_t height = snapshot_checkpoint(head)->checkpoint.height;
    struct snapshot_reading *reading;
    struct buffer bytes;
    int error = snapshot_reading_open(head, &reading);
    if (error != TALLY_OK) return error;
    buffer_init(&bytes, SNAPSHOT_PART_SIZE_MAX);
    for (uint32_t kind = SNAPSHOT_BLOCK; kind <= SNAPSHOT_EVENTS; kind++)
        for (uint32_t i = 0; error == TALLY_OK && i < snapshot_reading_count(reading, kind); i++) {
            buffer_clear(&bytes);
            error = snapshot_part_read(disk_system(), snapshotter->data_dir, height, kind, i, &bytes);
            if (error == TALLY_OK) error = snapshot_reading_check(reading, kind, i, buffer_span(&bytes));
            if (error == TALLY_OK && !go_on(snapshotter)) error = TALLY_ECLOSED;
        }
    buffer_close(&bytes);
    snapshot_reading_close(reading);
    return error;
}

static int check_one(struct snapshotter *snapshotter, uint64_t height, struct snapshot_mark *mark)
{
    struct snapshot_head *head = NULL;
    struct buffer bytes;
    buffer_init(&bytes, SNAPSHOT_PART_SIZE_MAX);
    int error = snapshot_head_read(disk_system(), snapshotter->data_dir, height, &bytes);
    if (error == TALLY_OK)
        error =
            snapshot_head_decode(buffer_span(&bytes), &snapshotter->validators, &snapshotter->config, &head);
    buffer_close(&bytes);
    if (error == TALLY_OK) error = check_parts(snapshotter, head);
    if (error == TALLY_OK)
        *mark = (struct snapshot_mark){
            height, snapshot_checkpoint(head)->checkpoint.time_ms, snapshot_counts(head)->events};
    snapshot_head_close(head);
    return error;
}

/* *mark is the newest that is whole; those that are not are deleted. */
static void check_all(struct snapshotter *snapshotter, struct snapshot_mark *mark)
{
    uint64_t most = UINT64_MAX, height;
    while (snapshot_newest(disk_system(), snapshotter->data_dir, most, &height) == TALLY_OK) {
        struct snapshot_mark found;
        int error = check_one(snapshotter, height, &found);
        if (error == TALLY_ECLOSED || error == TALLY_ENOMEM) return;
        if (error == TALLY_OK && mark->height == 0) *mark = found;
        if (error != TALLY_OK) {
            LOG_UNUSUAL("a snapshot is damaged; it is deleted, and another is made", LOG_U("height", height),
                LOG_E("why", error));
            if (snapshot_remove(disk_system(), snapshotter->data_dir, height) != TALLY_OK) return;
        }
        most = height - 1;
    }
}

static void run_check(struct job *job)
{
    struct snapshotter *snapshotter = ((struct snapshot_job *)(void *)job)->snapshotter;
    struct snapshot_mark mark = {0};
    begin_work(snapshotter);
    check_all(snapshotter, &mark);
    tell_newest(&mark);
    lock(snapshotter);
    snapshotter->last = mark;
    snapshotter->checked = true;
    unlock(snapshotter);
}

/* ---- Taking ---- */

static struct snapshot_mark mark_of(const struct snapshot_source *source)
{
    const struct checkpoint *checkpoint = snapshot_source_checkpoint(source);
    return (struct snapshot_mark){
        checkpoint->height, checkpoint->time_ms, snapshot_source_counts(source)->events};
}

void snapshotter_take(struct snapshotter *snapshotter, struct state *state)
{
    struct snapshot_source *source;
    lock(snapshotter);
    if (snapshotter->checked && snapshotter->source == NULL && !snapshotter->give_up &&
        uv_hrtime() >= snapshotter->rest_until_ns && snapshot_source_open(state, &source) == TALLY_OK) {
        struct snapshot_mark now = mark_of(source);
        if (snapshot_is_due(&snapshotter->last, &now))
            snapshotter->source = source;
        else
            snapshot_source_close(source);
    }
    unlock(snapshotter);
}

/* ---- Writing ---- */

static void tell(const struct snapshot_mark *mark, uint64_t took_ns, int error)
{
    if (error == TALLY_OK) {
        LOG_INFO("a snapshot was made", LOG_U("height", mark->height), LOG_U("events", mark->events),
            LOG_U("ms", took_ns / 1000000u));
        tell_newest(mark);
        meter_add(&meters.snapshots_made, 1);
        meter_set(&meters.snapshot_ns, took_ns);
    } else if (error != TALLY_ECLOSED && error != TALLY_ENOTFOUND && error != TALLY_EEXISTS)
        LOG_UNUSUAL("no snapshot could be made", LOG_U("height", mark->height), LOG_E("why", error));
}

/* A block that lacks an FC of its own, or an end, is no reason to wait for longer than the next flush. */
static void write_end(
    struct snapshotter *snapshotter, const struct snapshot_mark *mark, uint64_t took_ns, int error)
{
    tell(mark, took_ns, error);
    lock(snapshotter);
    uint64_t at_half_speed_ns = snapshotter->hurries ? 2 * took_ns : took_ns;
    snapshotter->rest_until_ns = uv_hrtime() + REST_FACTOR * at_half_speed_ns;
    snapshot_source_close(snapshotter->source);
    snapshotter->source = NULL;
    snapshotter->writing = false;
    if (error != TALLY_ENOTFOUND && error != TALLY_ECLOSED) snapshotter->last = *mark;
    CHECK(pthread_cond_broadcast(&snapshotter->idle) == 0);
    unlock(snapshotter);
}

static void run_write(struct job *job)
{
    struct snapshotter *snapshotter = ((struct snapshot_job *)(void *)job)->snapshotter;
    struct snapshot_writing writing = {.disk = disk_system(),
        .dir = snapshotter->data_dir,
        .ledger = snapshotter->ledger,
        .validators = &snapshotter->validators,
        .go_on = go_on,
        .context = snapshotter};
    lock(snapshotter);
    struct snapshot_source *source = snapshotter->source;
    snapshotter->writing = source != NULL;
    snapshotter->hurries = snapshotter->last.height == 0;
    unlock(snapshotter);
    if (source == NULL) return;
    begin_work(snapshotter);
    struct snapshot_mark mark = mark_of(source);
    uint64_t began_ns = uv_hrtime();
    int error = snapshot_write(source, &writing);
    write_end(snapshotter, &mark, uv_hrtime() - began_ns, error);
}

void snapshotter_write(struct snapshotter *snapshotter)
{
    lock(snapshotter);
    bool wanted = snapshotter->source != NULL && !snapshotter->writing;
    unlock(snapshotter);
    if (wanted && worker_backlog(snapshotter->worker) == 0) submit(snapshotter, run_write);
}

/* ---- Ending ---- */

void snapshotter_settle(struct snapshotter *snapshotter)
{
    lock(snapshotter);
    snapshotter->give_up = true;
    while (snapshotter->writing)
        CHECK(pthread_cond_wait(&snapshotter->idle, &snapshotter->lock) == 0);
    snapshot_source_close(snapshotter->source);
    snapshotter->source = NULL;
    snapshotter->give_up = false;
    unlock(snapshotter);
}

int snapshotter_open(uv_loop_t *loop, const char *data_dir, const struct genesis *genesis,
    struct ledger *ledger, struct snapshotter **out)
{
    struct validator_set set;
    struct snapshotter *snapshotter = calloc(1, sizeof *snapshotter);
    if (snapshotter == NULL) return TALLY_ENOMEM;
    snapshotter->data_dir = data_dir;
    snapshotter->ledger = ledger;
    snapshotter->config = replay_config(genesis);
    genesis_validator_set(genesis, &set);
    int error = verify_set_init(&set, &snapshotter->validators);
    if (error == TALLY_OK) error = worker_open(loop, "snapshot", 1, &snapshotter->worker);
    if (error != TALLY_OK) {
        free(snapshotter);
        return error;
    }
    CHECK(pthread_mutex_init(&snapshotter->lock, NULL) == 0);
    CHECK(pthread_cond_init(&snapshotter->idle, NULL) == 0);
    submit(snapshotter, run_check);
    *out = snapshotter;
    return TALLY_OK;
}

void snapshotter_close(struct snapshotter *snapshotter)
{
    if (snapshotter == NULL) return;
    snapshotter->give_up = true;
    worker_close(snapshotter->worker);
    snapshot_source_close(snapshotter->source);
    CHECK(pthread_cond_destroy(&snapshotter->idle) == 0);
    CHECK(pthread_mutex_destroy(&snapshotter->lock) == 0);
    free(snapshotter);
}
