#include "storage/snapshot_file.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/base/check.h"

#define HEIGHT_DIGITS 20u
#define KIND_HEAD 0u

/* ---- Names ---- */

static const char *kind_name(uint32_t kind)
{
    if (kind == KIND_HEAD) return "head";
    switch ((enum snapshot_part)kind) {
    case SNAPSHOT_BLOCK:
        return "block";
    case SNAPSHOT_HISTORY:
        return "history";
    case SNAPSHOT_BATCHES:
        return "batches";
    case SNAPSHOT_SUBJECTS:
        return "subjects";
    case SNAPSHOT_EVENTS:
        return "events";
    }
    return NULL;
}

void snapshot_file_name(uint64_t height, uint32_t kind, uint32_t index, char name[SNAPSHOT_NAME_SIZE])
{
    const char *what = kind_name(kind);
    CHECK(what != NULL);
    if (kind == KIND_HEAD || kind == SNAPSHOT_BLOCK)
        snprintf(name, SNAPSHOT_NAME_SIZE, "%020" PRIu64 "-%s", height, what);
    else
        snprintf(name, SNAPSHOT_NAME_SIZE, "%020" PRIu64 "-%s-%05" PRIu32, height, what, index);
}

uint64_t snapshot_file_height(const char *name)
{
    uint64_t height = 0;
    for (size_t i = 0; i < HEIGHT_DIGITS; i++) {
        if (name[i] < '0' || name[i] > '9' || height > UINT64_MAX / 10 - 1) return 0;
        height = height * 10 + (uint64_t)(name[i] - '0');
    }
    return name[HEIGHT_DIGITS] == '-' ? height : 0;
}

static int folder_path(const char *dir, char path[DISK_PATH_SIZE_MAX])
{
    return disk_join(dir, "snapshots", path);
}

static int file_path(
    const char *dir, uint64_t height, uint32_t kind, uint32_t index, char path[DISK_PATH_SIZE_MAX])
{
    char folder[DISK_PATH_SIZE_MAX], name[SNAPSHOT_NAME_SIZE];
    snapshot_file_name(height, kind, index, name);
    int error = folder_path(dir, folder);
    return error == TALLY_OK ? disk_join(folder, name, path) : error;
}

/* ---- What is there ---- */

struct newest {
    uint64_t most, height;
};

static bool is_head(const char *name)
{
    return snapshot_file_height(name) != 0 && strcmp(name + HEIGHT_DIGITS, "-head") == 0;
}

static int newest_seen(void *context, const char *name)
{
    struct newest *newest = context;
    uint64_t height = snapshot_file_height(name);
    if (is_head(name) && height <= newest->most && height > newest->height) newest->height = height;
    return TALLY_OK;
}

int snapshot_newest(const struct disk *disk, const char *dir, uint64_t most, uint64_t *height)
{
    struct newest newest = {.most = most};
    char folder[DISK_PATH_SIZE_MAX];
    int error = folder_path(dir, folder);
    if (error == TALLY_OK) error = disk->list(disk->context, folder, newest_seen, &newest);
    if (error == TALLY_OK && newest.height == 0) error = TALLY_ENOTFOUND;
    if (error == TALLY_OK) *height = newest.height;
    return error;
}

static int read_open(const struct disk *disk, int file, struct buffer *out)
{
    uint64_t size;
    size_t got = 0;
    int error = disk->size(disk->context, file, &size);
    if (error != TALLY_OK) return error;
    if (size > SNAPSHOT_PART_SIZE_MAX) return TALLY_EDAMAGED;
    uint8_t *room = buffer_reserve(out, (size_t)size);
    if (room == NULL) return TALLY_ENOMEM;
    error = disk->read(disk->context, file, 0, room, (size_t)size, &got);
    return error == TALLY_OK && got != size ? TALLY_EIO : error;
}

int snapshot_part_read(const struct disk *disk, const char *dir, uint64_t height, uint32_t kind,
    uint32_t index, struct buffer *out)
{
    char path[DISK_PATH_SIZE_MAX];
    size_t before = out->size;
    int file;
    if (kind_name(kind) == NULL) return TALLY_ENOTFOUND;
    int error = file_path(dir, height, kind, index, path);
    if (error == TALLY_OK) error = disk->open(disk->context, path, DISK_READ, &file);
    if (error != TALLY_OK) return error;
    error = read_open(disk, file, out);
    disk->close(disk->context, file);
    if (error != TALLY_OK) out->size = before;
    return error;
}

int snapshot_head_read(const struct disk *disk, const char *dir, uint64_t height, struct buffer *out)
{
    return snapshot_part_read(disk, dir, height, KIND_HEAD, 0, out);
}

/* ---- Removing ---- */

struct removing {
    const struct disk *disk;
    const char *folder;
    bool (*wanted)(void *context, const char *name);
    void *context;
    struct buffer names; /* each with its NUL */
};

static int removing_seen(void *context, const char *name)
{
    struct removing *removing = context;
    if (snapshot_file_height(name) != 0 && removing->wanted(removing->context, name))
        buffer_append(&removing->names, name, strlen(name) + 1);
    return removing->names.failed ? TALLY_ENOMEM : TALLY_OK;
}

static int remove_named(const struct removing *removing, bool heads)
{
    const struct disk *disk = removing->disk;
    int error = TALLY_OK;
    for (size_t at = 0; error == TALLY_OK && at < removing->names.size;) {
        const char *name = (const char *)removing->names.data + at;
        char path[DISK_PATH_SIZE_MAX];
        at += strlen(name) + 1;
        if (is_head(name) != heads) continue;
        error = disk_join(removing->folder, name, path);
        if (error == TALLY_OK) error = disk->remove(disk->context, path);
        if (error == TALLY_ENOTFOUND) error = TALLY_OK;
    }
    return error == TALLY_OK ? disk->sync_dir(disk->context, removing->folder) : error;
}

/* Heads first, so that nobody finds one without its parts. */
static int remove_where(
    const struct disk *disk, const char *dir, bool (*wanted)(void *context, const char *name), void *context)
{
    char folder[DISK_PATH_SIZE_MAX];
    struct removing removing = {disk, folder, wanted, context, {0}};
    buffer_init(&removing.names, SIZE_MAX / 8);
    int error = folder_path(dir, folder);
    if (error == TALLY_OK) error = disk->list(disk->context, folder, removing_seen, &removing);
    if (error == TALLY_OK && removing.names.size > 0) {
        error = remove_named(&removing, true);
        if (error == TALLY_OK) error = remove_named(&removing, false);
    }
    buffer_close(&removing.names);
    return error;
}

static bool of_height(void *context, const char *name)
{
    return snapshot_file_height(name) == *(const uint64_t *)context;
}

int snapshot_remove(const struct disk *disk, const char *dir, uint64_t height)
{
    return remove_where(disk, dir, of_height, &height);
}

/* Finished ones that are kept, newest first; zeros after them. */
struct kept {
    uint64_t heights[SNAPSHOTS_KEPT];
};

static bool not_kept(void *context, const char *name)
{
    const struct kept *kept = context;
    for (size_t i = 0; i < SNAPSHOTS_KEPT; i++)
        if (kept->heights[i] == snapshot_file_height(name))
            return strcmp(name + strlen(name) - 4, ".new") == 0;
    return true;
}

/* Removes what is unfinished, and what is older than those that are kept. */
static int tidy(const struct disk *disk, const char *dir)
{
    struct kept kept = {{0}};
    uint64_t most = UINT64_MAX;
    for (size_t i = 0; i < SNAPSHOTS_KEPT; i++) {
        int error = snapshot_newest(disk, dir, most, &kept.heights[i]);
        if (error == TALLY_ENOTFOUND) break;
        if (error != TALLY_OK) return error;
        most = kept.heights[i] - 1;
    }
    return remove_where(disk, dir, not_kept, &kept);
}

/* ---- Saving ---- */

int snapshot_save_begin(const struct disk *disk, const char *dir, uint64_t height)
{
    char folder[DISK_PATH_SIZE_MAX];
    uint64_t newest;
    CHECK(height > 0);
    int error = folder_path(dir, folder);
    if (error == TALLY_OK) error = disk_ensure_dir(disk, dir, folder);
    if (error != TALLY_OK) return error;
    error = snapshot_newest(disk, dir, height, &newest);
    if (error == TALLY_OK && newest == height) return TALLY_EEXISTS;
    if (error != TALLY_OK && error != TALLY_ENOTFOUND) return error;
    return tidy(disk, dir);
}

static int write_file(const struct disk *disk, const char *path, struct span bytes)
{
    int file;
    int error = disk->open(disk->context, path, DISK_CREATE, &file);
    if (error != TALLY_OK) return error == TALLY_EEXISTS ? TALLY_EIO : error;
    error = disk->write(disk->context, file, 0, bytes.data, bytes.size);
    if (error == TALLY_OK) error = disk->sync(disk->context, file);
    disk->close(disk->context, file);
    return error;
}

int snapshot_save_part(const struct disk *disk, const char *dir, uint64_t height, uint32_t kind,
    uint32_t index, struct span bytes)
{
    char path[DISK_PATH_SIZE_MAX];
    int error = file_path(dir, height, kind, index, path);
    return error == TALLY_OK ? write_file(disk, path, bytes) : error;
}

int snapshot_save_end(const struct disk *disk, const char *dir, uint64_t height, struct span head)
{
    char folder[DISK_PATH_SIZE_MAX], path[DISK_PATH_SIZE_MAX], fresh[DISK_PATH_SIZE_MAX];
    int error = folder_path(dir, folder);
    if (error == TALLY_OK) error = file_path(dir, height, KIND_HEAD, 0, path);
    if (error != TALLY_OK) return error;
    if (strlen(path) + sizeof ".new" > sizeof fresh) return TALLY_ELIMIT;
    snprintf(fresh, sizeof fresh, "%.1000s.new", path);
    error = write_file(disk, fresh, head);
    if (error == TALLY_OK) error = disk->sync_dir(disk->context, folder);
    if (error == TALLY_OK) error = disk->rename(disk->context, fresh, path);
    if (error == TALLY_OK) error = disk->sync_dir(disk->context, folder);
    /* It stands. What cannot be removed now is removed before the next one. */
    if (error == TALLY_OK) (void)!tidy(disk, dir);
    return error;
}
