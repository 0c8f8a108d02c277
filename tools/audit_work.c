#include "tools/audit_work.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/disk.h"
#include "storage/state.h"
#include "tools/interrupt.h"
#include "tools/output.h"

#define STEP (1u * MIB)
#define BESIDE_SUFFIX ".audit-XXXXXX"

/* ---- The copy ---- */

struct copying {
    const char *from, *to;
    uint8_t *step;
};

static int copy_open(const struct disk *disk, int from, int to, uint8_t *step)
{
    size_t got = STEP;
    int error = TALLY_OK;
    for (uint64_t at = 0; error == TALLY_OK && got == STEP; at += got) {
        if (interrupt_came()) return TALLY_ECLOSED;
        error = disk->read(disk->context, from, at, step, STEP, &got);
        if (error == TALLY_OK) error = disk->write(disk->context, to, at, step, got);
    }
    return error;
}

static int file_copy(void *context, const char *name)
{
    struct copying *copying = context;
    const struct disk *disk = disk_system();
    char from_path[DISK_PATH_SIZE_MAX], to_path[DISK_PATH_SIZE_MAX];
    int from, to;
    /* LevelDB's lock, and its log for people. */
    if (strcmp(name, "LOCK") == 0 || strncmp(name, "LOG", 3) == 0) return TALLY_OK;
    int error = disk_join(copying->from, name, from_path);
    if (error == TALLY_OK) error = disk_join(copying->to, name, to_path);
    if (error == TALLY_OK) error = disk->open(disk->context, from_path, DISK_READ, &from);
    if (error != TALLY_OK) return error;
    error = disk->open(disk->context, to_path, DISK_CREATE, &to);
    if (error == TALLY_OK) {
        error = copy_open(disk, from, to, copying->step);
        disk->close(disk->context, to);
    }
    disk->close(disk->context, from);
    return error;
}

static enum tool_exit state_copy(struct context *context, const char *data, struct audit_work *work)
{
    char from[HOME_PATH_MAX], to[HOME_PATH_MAX];
    struct stat status;
    enum tool_exit code = path_join(context, data, "state", from);
    if (code == TOOL_DONE) code = path_join(context, work->kept, "state", to);
    if (code != TOOL_DONE) return code;
    if (stat(from, &status) != 0 && errno == ENOENT) return TOOL_DONE;
    work->has_kept = true;
    struct copying copying = {.from = from, .to = to, .step = malloc(STEP)};
    int error = copying.step == NULL ? TALLY_ENOMEM : disk_ensure_dir(disk_system(), work->kept, to);
    if (error == TALLY_OK) error = disk_system()->list(disk_system()->context, from, file_copy, &copying);
    free(copying.step);
    if (error == TALLY_ECLOSED) return interrupt_fail(context);
    if (error == TALLY_OK) return TOOL_DONE;
    return context_fail(
        context, TOOL_REFUSED, "WORK", "%s cannot be copied to %s: %s", from, to, tally_error_text(error));
}

/* ---- The folder ---- */

static enum tool_exit name_make(
    struct context *context, const struct home *home, const char *parent, char path[HOME_PATH_MAX])
{
    char whole[PATH_MAX]; /* a home may be named "." */
    if (parent != NULL) return path_join(context, parent, "audit-XXXXXX", path);
    if (realpath(home->path, whole) != NULL &&
        snprintf(path, HOME_PATH_MAX, "%s%s", whole, BESIDE_SUFFIX) < HOME_PATH_MAX)
        return TOOL_DONE;
    return context_fail(context, TOOL_REFUSED, "WORK", "no folder can be named beside %s", home->path);
}

enum tool_exit audit_work_open(struct context *context, const struct home *home, const char *parent,
    const char *data, struct audit_work *work)
{
    char path[HOME_PATH_MAX];
    *work = (struct audit_work){.path = ""};
    enum tool_exit code = name_make(context, home, parent, path);
    if (code != TOOL_DONE) return code;
    if (mkdtemp(path) == NULL)
        return context_fail(context, TOOL_REFUSED, "WORK", "cannot make %s: %s", path, strerror(errno));
    memcpy(work->path, path, sizeof path);
    code = path_join(context, path, "own", work->own);
    if (code == TOOL_DONE) code = path_join(context, path, "kept", work->kept);
    if (code == TOOL_DONE && (mkdir(work->own, 0700) != 0 || mkdir(work->kept, 0700) != 0))
        code = context_fail(
            context, TOOL_REFUSED, "WORK", "cannot make a folder in %s: %s", path, strerror(errno));
    return code == TOOL_DONE ? state_copy(context, data, work) : code;
}

void audit_work_close(struct audit_work *work)
{
    if (work->path[0] == '\0') return;
    bool gone = state_discard(work->own) == TALLY_OK && state_discard(work->kept) == TALLY_OK;
    if (rmdir(work->own) != 0 && errno != ENOENT) gone = false;
    if (rmdir(work->kept) != 0 && errno != ENOENT) gone = false;
    if (!gone || rmdir(work->path) != 0)
        fprintf(stderr, "tally audit: %s cannot be removed: do that yourself\n", work->path);
}
