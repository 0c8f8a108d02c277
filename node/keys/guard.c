#include "node/keys/guard.h"

#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/crypto/digest.h"

#define VERSION 1u
#define SLOTS 2u
#define MAGIC_SIZE 8u
#define CHAIN_AT (MAGIC_SIZE + 4u)
#define EPOCH_AT (CHAIN_AT + DIGEST_SIZE)
#define SUM_AT (EPOCH_AT + 16u)

_Static_assert(SUM_AT + DIGEST_SIZE <= GUARD_SLOT_SIZE, "a slot holds its fields");

static const uint8_t magic[MAGIC_SIZE] = {'T', 'A', 'L', 'L', 'Y', 'G', 'R', 'D'};

/* What is signed in a view: one of each at most, and never a finalize vote beside a nullify vote. */
enum promise {
    PROMISE_PROPOSAL,
    PROMISE_NOTARIZE,
    PROMISE_FINALIZE,
    PROMISE_NULLIFY,
    PROMISES,
};

struct signed_view {
    struct guard_mark mark;
    bool made[PROMISES];
    struct digest digests[PROMISES];
};

struct guard {
    const struct disk *disk;
    int file;
    struct digest chain_id;
    struct guard_mark mark, synced;
    uint32_t slot;                         /* that is written next */
    int failure;                           /* of a write, for good */
    struct signed_view views[GUARD_VIEWS]; /* by view, modulo */
};

/* ---- Slots ---- */

static void slot_encode(const struct digest *chain_id, struct guard_mark mark, uint8_t slot[GUARD_SLOT_SIZE])
{
    memset(slot, 0, GUARD_SLOT_SIZE);
    memcpy(slot, magic, MAGIC_SIZE);
    put_u32(slot + MAGIC_SIZE, VERSION);
    memcpy(slot + CHAIN_AT, chain_id->bytes, DIGEST_SIZE);
    put_u64(slot + EPOCH_AT, mark.epoch);
    put_u64(slot + EPOCH_AT + 8, mark.view);
    struct digest sum = digest_tagged(TAG_GUARD, span_of(slot, SUM_AT));
    memcpy(slot + SUM_AT, sum.bytes, DIGEST_SIZE);
}

static int slot_decode(
    const uint8_t slot[GUARD_SLOT_SIZE], const struct digest *chain_id, struct guard_mark *mark)
{
    struct digest sum = digest_tagged(TAG_GUARD, span_of(slot, SUM_AT));
    if (memcmp(slot, magic, MAGIC_SIZE) != 0 || memcmp(slot + SUM_AT, sum.bytes, DIGEST_SIZE) != 0)
        return TALLY_EDAMAGED;
    if (get_u32(slot + MAGIC_SIZE) != VERSION) return TALLY_EVERSION;
    if (memcmp(slot + CHAIN_AT, chain_id->bytes, DIGEST_SIZE) != 0) return TALLY_ECHAIN;
    *mark = (struct guard_mark){get_u64(slot + EPOCH_AT), get_u64(slot + EPOCH_AT + 8)};
    return TALLY_OK;
}

static int slot_write(struct guard *guard)
{
    uint8_t slot[GUARD_SLOT_SIZE];
    slot_encode(&guard->chain_id, guard->mark, slot);
    int error = guard->disk->write(
        guard->disk->context, guard->file, (uint64_t)guard->slot * GUARD_SLOT_SIZE, slot, GUARD_SLOT_SIZE);
    guard->slot = (guard->slot + 1) % SLOTS;
    return error;
}

/* Takes the newest slot that is whole; the other is written next. */
static int slots_read(struct guard *guard)
{
    int error = TALLY_EDAMAGED;
    bool found = false;
    for (uint32_t i = 0; i < SLOTS; i++) {
        uint8_t slot[GUARD_SLOT_SIZE];
        struct guard_mark mark;
        size_t got = 0;
        int failed = guard->disk->read(
            guard->disk->context, guard->file, (uint64_t)i * GUARD_SLOT_SIZE, slot, GUARD_SLOT_SIZE, &got);
        if (failed != TALLY_OK) return failed;
        if (got != GUARD_SLOT_SIZE) continue;
        failed = slot_decode(slot, &guard->chain_id, &mark);
        if (failed == TALLY_OK && (!found || guard_mark_before(guard->mark, mark))) {
            guard->mark = guard->synced = mark;
            guard->slot = (i + 1) % SLOTS;
            found = true;
        }
        if (failed == TALLY_ECHAIN || failed == TALLY_EVERSION) error = failed;
    }
    return found ? TALLY_OK : error;
}

/* ---- Life ---- */

int guard_open(const struct disk *disk, const char *dir, const struct digest *chain_id, struct guard **out)
{
    char path[DISK_PATH_SIZE_MAX];
    int error = disk_join(dir, "guard", path);
    if (error != TALLY_OK) return error;
    struct guard *guard = calloc(1, sizeof *guard);
    if (guard == NULL) return TALLY_ENOMEM;
    guard->disk = disk;
    guard->chain_id = *chain_id;
    error = disk->open(disk->context, path, DISK_WRITE, &guard->file);
    if (error == TALLY_OK) {
        error = slots_read(guard);
        if (error != TALLY_OK) disk->close(disk->context, guard->file);
    }
    if (error != TALLY_OK) {
        free(guard);
        return error;
    }
    *out = guard;
    return TALLY_OK;
}

static int file_make(
    const struct disk *disk, const char *dir, const char *path, const struct digest *chain_id)
{
    uint8_t slots[SLOTS * GUARD_SLOT_SIZE] = {0};
    int file;
    slot_encode(chain_id, (struct guard_mark){0, 0}, slots);
    int error = disk->open(disk->context, path, DISK_CREATE, &file);
    if (error != TALLY_OK) return error;
    error = disk->write(disk->context, file, 0, slots, sizeof slots);
    if (error == TALLY_OK) error = disk->sync(disk->context, file);
    disk->close(disk->context, file);
    if (error == TALLY_OK) error = disk->sync_dir(disk->context, dir);
    return error;
}

int guard_create(const struct disk *disk, const char *dir, const struct digest *chain_id)
{
    char path[DISK_PATH_SIZE_MAX];
    struct guard *guard;
    int error = disk_join(dir, "guard", path);
    if (error == TALLY_OK) error = guard_open(disk, dir, chain_id, &guard);
    if (error == TALLY_OK) guard_close(guard);
    return error == TALLY_ENOTFOUND ? file_make(disk, dir, path, chain_id) : error;
}

void guard_close(struct guard *guard)
{
    if (guard == NULL) return;
    /* What cannot be synced now is no more than a crash would lose. */
    if (guard->failure == TALLY_OK && guard_mark_before(guard->synced, guard->mark))
        (void)guard->disk->sync(guard->disk->context, guard->file);
    guard->disk->close(guard->disk->context, guard->file);
    free(guard);
}

struct guard_mark guard_marked(const struct guard *guard)
{
    return guard->mark;
}

/* ---- Marks ---- */

static bool in_one_window(struct guard_mark a, struct guard_mark b)
{
    return a.epoch == b.epoch && a.view / GUARD_WINDOW == b.view / GUARD_WINDOW;
}

int guard_reach(struct guard *guard, struct guard_mark mark)
{
    if (guard->failure != TALLY_OK) return guard->failure;
    if (!guard_mark_before(guard->mark, mark)) return TALLY_OK;
    guard->mark = mark;
    guard->failure = slot_write(guard);
    if (guard->failure != TALLY_OK || in_one_window(guard->synced, mark)) return guard->failure;
    guard->failure = guard->disk->sync(guard->disk->context, guard->file);
    if (guard->failure == TALLY_OK) guard->synced = mark;
    return guard->failure;
}

/* ---- What is signed ---- */

static enum promise promise_of(const struct signing *what)
{
    if (what->kind == SIGNING_PROPOSAL) return PROMISE_PROPOSAL;
    CHECK(what->kind == SIGNING_VOTE);
    switch (what->vote) {
    case VOTE_NOTARIZE:
        return PROMISE_NOTARIZE;
    case VOTE_FINALIZE:
        return PROMISE_FINALIZE;
    case VOTE_NULLIFY:
        return PROMISE_NULLIFY;
    }
    CHECK_UNREACHABLE();
}

/* The view's entry, fresh where it is newer than what had the place; NULL where something newer has it. */
static struct signed_view *view_find(struct guard *guard, struct guard_mark mark)
{
    struct signed_view *entry = &guard->views[mark.view % GUARD_VIEWS];
    if (guard_mark_before(mark, entry->mark)) return NULL;
    if (guard_mark_before(entry->mark, mark)) *entry = (struct signed_view){.mark = mark};
    return entry;
}

/* R3 to R5: one block a view is notarized, one finalized, and who finalized does not nullify. */
int guard_allow(struct guard *guard, const struct signing *what, const struct digest *digest)
{
    enum promise promise = promise_of(what);
    struct signed_view *entry = view_find(guard, (struct guard_mark){what->epoch, what->view});
    if (entry == NULL) return TALLY_EEXISTS;
    if (entry->made[promise])
        return digest_equal(&entry->digests[promise], digest) ? TALLY_OK : TALLY_EEXISTS;
    if ((promise == PROMISE_FINALIZE && entry->made[PROMISE_NULLIFY]) ||
        (promise == PROMISE_NULLIFY && entry->made[PROMISE_FINALIZE]))
        return TALLY_EEXISTS;
    entry->made[promise] = true;
    entry->digests[promise] = *digest;
    return TALLY_OK;
}
