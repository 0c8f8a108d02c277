#include "storage/fsck.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/base/check.h"
#include "storage/disk_reader.h"
#include "storage/fsck_internal.h"

#define WHAT_SIZE_MAX 256

void fsck_tell(struct fsck *fsck, const char *file, uint64_t offset, uint64_t height, const char *then,
    const char *format, ...)
{
    char what[WHAT_SIZE_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    struct fsck_problem problem = {
        .file = file, .offset = offset, .height = height, .what = what, .then = then};
    fsck->counts->problems++;
    fsck->options->found(fsck->options->context, &problem);
}

void fsck_advance(struct fsck *fsck, const char *what, uint64_t bytes)
{
    fsck->bytes_done += bytes;
    fsck->options->progress(fsck->options->context, what, fsck->bytes_done, fsck->bytes_all);
}

/* ---- How much there is to read ---- */

struct sizing {
    struct fsck *fsck;
    const char *folder;
};

static int add_size(void *context, const char *name)
{
    struct sizing *sizing = context;
    const struct disk *disk = sizing->fsck->disk;
    char dir[DISK_PATH_SIZE_MAX], path[DISK_PATH_SIZE_MAX];
    uint64_t size = 0;
    int file;
    int error = disk_join(sizing->fsck->options->dir, sizing->folder, dir);
    if (error == TALLY_OK) error = disk_join(dir, name, path);
    if (error == TALLY_OK) error = disk->open(disk->context, path, DISK_READ, &file);
    if (error != TALLY_OK) return error;
    error = disk->size(disk->context, file, &size);
    disk->close(disk->context, file);
    sizing->fsck->bytes_all += size;
    return error;
}

static int size_up(struct fsck *fsck)
{
    static const char *const folders[] = {
        "mended", "bodies", "ledger", "votes", "snapshots", "older/mended", "older/bodies", "older/ledger"};
    int error = TALLY_OK;
    for (size_t i = 0; error == TALLY_OK && i < sizeof folders / sizeof *folders; i++) {
        struct sizing sizing = {fsck, folders[i]};
        char path[DISK_PATH_SIZE_MAX];
        error = disk_join(fsck->options->dir, folders[i], path);
        if (error == TALLY_OK) error = fsck->disk->list(fsck->disk->context, path, add_size, &sizing);
        if (error == TALLY_ENOTFOUND) error = TALLY_OK;
    }
    return error;
}

/* ---- What else lies in the folder ---- */

static int name_seen(void *context, const char *name)
{
    static const char *const known[] = {"ledger", "bodies", "mended", "older", "votes", "state", "snapshots",
        "joining", "LOCK", "evidence.jsonl"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(name, known[i]) == 0) return TALLY_OK;
    fsck_tell(context, name, FSCK_NO_OFFSET, 0,
        "the node does not read it: move it away, and look for what should have its name",
        "nothing of a node's has such a name");
    return TALLY_OK;
}

static int begin(struct fsck *fsck, const struct fsck_options *options, struct fsck_counts *counts)
{
    struct validator_set set;
    CHECK(options->found != NULL && options->progress != NULL);
    *counts = (struct fsck_counts){0};
    *fsck = (struct fsck){.options = options, .counts = counts, .disk = disk_reader()};
    genesis_validator_set(options->genesis, &set);
    int error = verify_set_init(&set, &fsck->validators);
    return error == TALLY_OK ? size_up(fsck) : error;
}

static void end(struct fsck *fsck)
{
    buffer_close(&fsck->seals);
    free(fsck->members);
}

int fsck_backup(const struct fsck_options *options, struct fsck_counts *counts)
{
    struct fsck fsck;
    int error = begin(&fsck, options, counts);
    if (error == TALLY_OK) error = fsck_ledger(&fsck);
    if (error == TALLY_OK) error = fsck_snapshots(&fsck);
    end(&fsck);
    return error;
}

int fsck_run(const struct fsck_options *options, struct fsck_counts *counts)
{
    struct fsck fsck;
    int error = begin(&fsck, options, counts);
    if (error == TALLY_OK) error = fsck.disk->list(fsck.disk->context, options->dir, name_seen, &fsck);
    buffer_init(&fsck.seals, EPOCH_SEALS_SIZE_MAX);
    if (error == TALLY_OK) error = fsck_learn(&fsck);
    uint64_t before = counts->problems;
    if (error == TALLY_OK) error = fsck_ledger(&fsck);
    bool ledger_whole = counts->problems == before;
    if (error == TALLY_OK) error = fsck_votes(&fsck);
    if (error == TALLY_OK) error = fsck_state(&fsck, ledger_whole);
    if (error == TALLY_OK) error = fsck_snapshots(&fsck);
    end(&fsck);
    return error;
}
