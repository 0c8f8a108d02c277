#include "storage/adoption.h"

#define FOLDER "joining"
#define MARK "whole"

static const char *const parts[] = {"state", "bodies", "ledger"};
#define PARTS (sizeof parts / sizeof parts[0])

struct emptying {
    const struct disk *disk;
    const char *dir;
};

static int remove_one(void *context, const char *name)
{
    const struct emptying *emptying = context;
    char path[DISK_PATH_SIZE_MAX];
    int error = disk_join(emptying->dir, name, path);
    return error == TALLY_OK ? emptying->disk->remove(emptying->disk->context, path) : error;
}

/* Removes every file of a folder; one that is not there has none. */
static int empty_folder(const struct disk *disk, const char *dir)
{
    struct emptying emptying = {disk, dir};
    int error = disk->list(disk->context, dir, remove_one, &emptying);
    if (error == TALLY_ENOTFOUND) return TALLY_OK;
    return error == TALLY_OK ? disk->sync_dir(disk->context, dir) : error;
}

static int empty_part(const struct disk *disk, const char *dir, const char *part)
{
    char path[DISK_PATH_SIZE_MAX];
    int error = disk_join(dir, part, path);
    return error == TALLY_OK ? empty_folder(disk, path) : error;
}

static int is_there(const struct disk *disk, const char *path, bool *there)
{
    int file;
    int error = disk->open(disk->context, path, DISK_READ, &file);
    *there = error == TALLY_OK;
    if (error == TALLY_OK) disk->close(disk->context, file);
    return error == TALLY_ENOTFOUND ? TALLY_OK : error;
}

/* DIR/joining, and the mark in it. */
static int find_mark(const struct disk *disk, const char *dir, char folder[DISK_PATH_SIZE_MAX],
    char mark[DISK_PATH_SIZE_MAX], bool *whole)
{
    int error = disk_join(dir, FOLDER, folder);
    if (error == TALLY_OK) error = disk_join(folder, MARK, mark);
    return error == TALLY_OK ? is_there(disk, mark, whole) : error;
}

static int discard(const struct disk *disk, const char *folder)
{
    int error = TALLY_OK;
    for (size_t i = 0; error == TALLY_OK && i < PARTS; i++)
        error = empty_part(disk, folder, parts[i]);
    return error;
}

int adoption_begin(const struct disk *disk, const char *dir, char path[DISK_PATH_SIZE_MAX])
{
    char mark[DISK_PATH_SIZE_MAX];
    bool whole;
    int error = find_mark(disk, dir, path, mark, &whole);
    if (error == TALLY_OK && whole) error = TALLY_EINVALID;
    if (error == TALLY_OK) error = disk_ensure_dir(disk, dir, path);
    return error == TALLY_OK ? discard(disk, path) : error;
}

/* LevelDB does not see to the names of all its files. */
static int sync_parts(const struct disk *disk, const char *folder)
{
    int error = TALLY_OK;
    for (size_t i = 0; error == TALLY_OK && i < PARTS; i++) {
        char path[DISK_PATH_SIZE_MAX];
        error = disk_join(folder, parts[i], path);
        if (error == TALLY_OK) error = disk->sync_dir(disk->context, path);
    }
    return error == TALLY_OK ? disk->sync_dir(disk->context, folder) : error;
}

int adoption_end(const struct disk *disk, const char *dir)
{
    char folder[DISK_PATH_SIZE_MAX], mark[DISK_PATH_SIZE_MAX];
    bool whole;
    int file;
    int error = find_mark(disk, dir, folder, mark, &whole);
    /* What the mark speaks of is named on disk before the mark is. */
    if (error == TALLY_OK) error = sync_parts(disk, folder);
    if (error == TALLY_OK) error = disk->open(disk->context, mark, DISK_CREATE, &file);
    if (error != TALLY_OK) return error;
    error = disk->sync(disk->context, file);
    disk->close(disk->context, file);
    return error == TALLY_OK ? disk->sync_dir(disk->context, folder) : error;
}

/* A folder is renamed onto an emptied one. Where it is not there, a start before did that. */
static int put_in_place(const struct disk *disk, const char *folder, const char *dir, const char *part)
{
    char from[DISK_PATH_SIZE_MAX], to[DISK_PATH_SIZE_MAX];
    bool there;
    int error = disk_join(folder, part, from);
    if (error == TALLY_OK) error = disk_join(dir, part, to);
    if (error == TALLY_OK) error = is_there(disk, from, &there);
    if (error != TALLY_OK || !there) return error;
    error = empty_folder(disk, to);
    if (error == TALLY_OK) error = disk->rename(disk->context, from, to);
    if (error == TALLY_OK) error = disk->sync_dir(disk->context, dir);
    return error == TALLY_OK ? disk->sync_dir(disk->context, folder) : error;
}

int adoption_finish(const struct disk *disk, const char *dir, bool *adopted)
{
    char folder[DISK_PATH_SIZE_MAX], mark[DISK_PATH_SIZE_MAX];
    int error = find_mark(disk, dir, folder, mark, adopted);
    if (error == TALLY_OK && !*adopted) return discard(disk, folder);
    /* What was mended of the ledger before has its bodies there. */
    if (error == TALLY_OK) error = empty_part(disk, dir, "mended");
    for (size_t i = 0; error == TALLY_OK && i < PARTS; i++)
        error = put_in_place(disk, folder, dir, parts[i]);
    if (error == TALLY_OK) error = disk->remove(disk->context, mark);
    return error == TALLY_OK ? disk->sync_dir(disk->context, folder) : error;
}
