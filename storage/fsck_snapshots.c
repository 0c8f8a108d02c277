/* Snapshots: each finished one, as whoever is given it will look at it. */
#include <inttypes.h>
#include <stdio.h>

#include "storage/fsck_internal.h"
#include "storage/snapshot_file.h"
#include "storage/snapshot_reading.h"

#define FOLDER "snapshots"
#define THEN "the node deletes this snapshot when it starts, and makes another"
#define THEN_STRAY "the node does not read it: move it away"

struct looking {
    struct fsck *fsck;
    struct snapshot_head *head;
    struct snapshot_reading *reading;
    uint64_t height;
    struct buffer bytes;
};

static void tell(struct looking *looking, uint32_t kind, uint32_t index, const char *what)
{
    char name[SNAPSHOT_NAME_SIZE], file[SNAPSHOT_NAME_SIZE + sizeof FOLDER];
    snapshot_file_name(looking->height, kind, index, name);
    snprintf(file, sizeof file, FOLDER "/%s", name);
    fsck_tell(looking->fsck, file, FSCK_NO_OFFSET, looking->height, THEN, "%s", what);
}

/* A file that is missing, or too large to be a part, is damage like any other. */
static int read_part(struct looking *looking, uint32_t kind, uint32_t index, const char **what)
{
    const struct fsck *fsck = looking->fsck;
    buffer_clear(&looking->bytes);
    int error =
        snapshot_part_read(fsck->disk, fsck->options->dir, looking->height, kind, index, &looking->bytes);
    *what = error == TALLY_ENOTFOUND ? "it is not there" : "it is larger than it can be";
    return error;
}

static int check_part(struct looking *looking, uint32_t kind, uint32_t index, bool *whole)
{
    const char *what;
    int error = read_part(looking, kind, index, &what);
    if (error == TALLY_OK) {
        fsck_advance(looking->fsck, "snapshots", looking->bytes.size);
        error = snapshot_reading_check(looking->reading, kind, index, buffer_span(&looking->bytes));
        what = "it is not what the signed roots say";
    }
    /* What it has to meet is in a part of events that was told of. */
    if (error == TALLY_EINVALID) return TALLY_OK;
    if (error != TALLY_ENOTFOUND && error != TALLY_EDAMAGED) return error;
    tell(looking, kind, index, what);
    *whole = false;
    return TALLY_OK;
}

/* Without a whole part of subjects it is not known what parts of events there are. */
static int check_parts(struct looking *looking)
{
    bool whole = true;
    int error = snapshot_reading_open(looking->head, &looking->reading);
    for (uint32_t kind = SNAPSHOT_BLOCK; kind <= SNAPSHOT_EVENTS; kind++)
        for (uint32_t i = 0; error == TALLY_OK && i < snapshot_reading_count(looking->reading, kind); i++)
            error = check_part(looking, kind, i, &whole);
    if (whole && error == TALLY_OK) looking->fsck->counts->snapshots++;
    snapshot_reading_close(looking->reading);
    return error;
}

static int check_head(struct looking *looking)
{
    const struct fsck_options *options = looking->fsck->options;
    struct state_config config = {.chain_id = options->genesis->chain_id, .accounts = options->accounts};
    const char *what;
    int error = read_part(looking, 0, 0, &what);
    if (error != TALLY_OK && error != TALLY_EDAMAGED) return error;
    if (error == TALLY_OK) {
        fsck_advance(looking->fsck, "snapshots", looking->bytes.size);
        what = "it is not a head that a quorum signed, in its one form";
        error = snapshot_head_decode(
            buffer_span(&looking->bytes), &looking->fsck->validators, &config, &looking->head);
        if (error == TALLY_ENOMEM) return error;
        if (error == TALLY_EVERSION) what = "it is of another release: the node makes one anew";
        if (error == TALLY_OK && snapshot_checkpoint(looking->head)->checkpoint.height != looking->height) {
            what = "it is the head of another height";
            error = TALLY_EDAMAGED;
        }
    }
    if (error != TALLY_OK) tell(looking, 0, 0, what);
    return error == TALLY_OK ? check_parts(looking) : TALLY_OK;
}

static int check_one(struct fsck *fsck, uint64_t height)
{
    struct looking looking = {.fsck = fsck, .height = height};
    buffer_init(&looking.bytes, SNAPSHOT_PART_SIZE_MAX);
    int error = check_head(&looking);
    buffer_close(&looking.bytes);
    snapshot_head_close(looking.head);
    return error;
}

static int name_seen(void *context, const char *name)
{
    char file[DISK_PATH_SIZE_MAX];
    if (snapshot_file_height(name) != 0) return TALLY_OK;
    snprintf(file, sizeof file, FOLDER "/%.200s", name);
    fsck_tell(context, file, FSCK_NO_OFFSET, 0, THEN_STRAY, "no part of a snapshot has such a name");
    return TALLY_OK;
}

int fsck_snapshots(struct fsck *fsck)
{
    const struct disk *disk = fsck->disk;
    char path[DISK_PATH_SIZE_MAX];
    uint64_t most = UINT64_MAX, height;
    int error = disk_join(fsck->options->dir, FOLDER, path);
    if (error == TALLY_OK) error = disk->list(disk->context, path, name_seen, fsck);
    while (error == TALLY_OK) {
        error = snapshot_newest(disk, fsck->options->dir, most, &height);
        if (error == TALLY_OK) error = check_one(fsck, height);
        most = height - 1;
    }
    return error == TALLY_ENOTFOUND ? TALLY_OK : error;
}
