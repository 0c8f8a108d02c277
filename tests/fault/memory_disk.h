/* A disk in memory that fails on demand, for tests of what must survive. It knows what a real one may lose:
 * data since the last sync of a file, and names since the last sync of a folder. Included by one test program
 * at a time.
 *
 * A fault strikes at the n-th call that changes something. After a fault of kind FAULT_CRASH every call fails
 * until memory_disk_crash has decided what the power cut left. */
#ifndef TALLY_TESTS_MEMORY_DISK_H
#define TALLY_TESTS_MEMORY_DISK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/base/check.h"
#include "storage/disk.h"

#define MEMORY_FILES_MAX 256
#define MEMORY_SECTOR 512

enum fault_kind {
    FAULT_NONE,
    FAULT_CRASH,   /* a write gets `torn_size` bytes down, anything else does nothing; then all is dead */
    FAULT_IO,      /* this one call fails with TALLY_EIO; a failed sync loses what was unsynced */
    FAULT_PHANTOM, /* likewise, but what a failed sync did not write can still be read until the power goes,
                      and later syncs succeed without writing it: the page cache holds it as clean */
    FAULT_FULL,    /* this one and all later calls that take space fail with TALLY_EFULL */
};

enum crash_kind {
    CRASH_KEEPS_ALL,    /* the process was killed */
    CRASH_KEEPS_SYNCED, /* power cut: nothing unsynced is left */
    CRASH_KEEPS_SOME,   /* power cut: any sectors of what was unsynced are left */
};

struct memory_file {
    char name[DISK_PATH_SIZE_MAX];         /* "" = removed */
    char durable_name[DISK_PATH_SIZE_MAX]; /* "" = never was, or its removal is durable */
    uint8_t *data, *durable;
    size_t size, durable_size;
    bool unsynced; /* data and durable may differ, in size and in: */
    size_t unsynced_from, unsynced_to;
    bool phantom; /* data holds what a failed sync did not write, and no later sync will: only rewriting it
                     does */
    size_t phantom_from, phantom_to;
    bool locked;
    uint32_t opens; /* how often it is open: its place is not taken by another before 0 */
    uint64_t inode; /* of no other file ever made on this disk */
};

struct memory_disk {
    struct disk disk;
    struct memory_file files[MEMORY_FILES_MAX];
    size_t count;
    uint64_t inodes;  /* given out so far */
    uint64_t changes; /* calls that changed something, or would have */
    enum fault_kind fault;
    uint64_t fault_at; /* counts from 1 */
    size_t torn_size;
    bool torn; /* the write that the fault struck got a part of its bytes down at most */
    bool dead, full;
    bool dropped; /* a failed sync lost what was written */
    uint64_t seed;
};

static inline uint64_t memory_chance(struct memory_disk *disk)
{
    disk->seed = disk->seed * 6364136223846793005u + 1442695040888963407u;
    return disk->seed >> 33;
}

static inline void memory_resize(uint8_t **data, size_t *size, size_t to)
{
    uint8_t *grown = realloc(*data, to + 1);
    CHECK(grown != NULL);
    if (to > *size) memset(grown + *size, 0, to - *size);
    *data = grown;
    *size = to;
}

static inline void memory_touch(struct memory_file *file, size_t from, size_t to)
{
    if (!file->unsynced || from < file->unsynced_from) file->unsynced_from = from;
    if (!file->unsynced || to > file->unsynced_to) file->unsynced_to = to;
    file->unsynced = true;
}

/* Counts a change; says what it must return, and whether it strikes now. */
static inline int memory_change(struct memory_disk *disk, bool takes_space, bool *strikes)
{
    *strikes = false;
    if (disk->dead) return TALLY_EIO;
    disk->changes++;
    if (disk->full && takes_space) return TALLY_EFULL;
    if (disk->fault == FAULT_NONE || disk->changes != disk->fault_at) return TALLY_OK;
    if (disk->fault == FAULT_FULL && !takes_space) {
        disk->fault_at++;
        return TALLY_OK;
    }
    *strikes = true;
    if (disk->fault == FAULT_CRASH) disk->dead = true;
    if (disk->fault == FAULT_FULL) disk->full = true;
    return disk->fault == FAULT_FULL ? TALLY_EFULL : TALLY_EIO;
}

static inline struct memory_file *memory_find(struct memory_disk *disk, const char *path)
{
    for (size_t i = 0; i < disk->count; i++)
        if (strcmp(disk->files[i].name, path) == 0) return &disk->files[i];
    return NULL;
}

/* A place for one more file: one that is gone for good, or a new one. */
static inline struct memory_file *memory_place(struct memory_disk *disk)
{
    for (size_t i = 0; i < disk->count; i++) {
        struct memory_file *file = &disk->files[i];
        if (file->name[0] != '\0' || file->durable_name[0] != '\0' || file->opens > 0) continue;
        free(file->data);
        free(file->durable);
        return file;
    }
    CHECK(disk->count < MEMORY_FILES_MAX);
    return &disk->files[disk->count++];
}

static inline int memory_open(void *context, const char *path, enum disk_mode mode, int *file)
{
    struct memory_disk *disk = context;
    bool strikes;
    if (disk->dead) return TALLY_EIO;
    struct memory_file *found = memory_find(disk, path);
    if (mode == DISK_CREATE) {
        int error = memory_change(disk, true, &strikes);
        if (error != TALLY_OK) return error;
        if (found != NULL) return TALLY_EEXISTS;
        found = memory_place(disk);
        *found = (struct memory_file){.inode = ++disk->inodes};
        CHECK(snprintf(found->name, sizeof found->name, "%s", path) < (int)sizeof found->name);
    }
    if (found == NULL) return TALLY_ENOTFOUND;
    found->opens++;
    *file = (int)(found - disk->files);
    return TALLY_OK;
}

static inline void memory_close(void *context, int file)
{
    struct memory_disk *disk = context;
    CHECK(disk->files[file].opens > 0);
    disk->files[file].opens--;
    disk->files[file].locked = false;
}

static inline int memory_write(void *context, int file, uint64_t offset, const void *data, size_t size)
{
    struct memory_disk *disk = context;
    struct memory_file *to = &disk->files[file];
    bool strikes;
    int error = memory_change(disk, offset + size > to->size, &strikes);
    if (error != TALLY_OK && !strikes) return error;
    if (error != TALLY_OK) disk->torn = disk->torn_size < size;
    if (error != TALLY_OK) size = disk->torn_size < size ? disk->torn_size : size;
    memory_touch(to, offset < to->size ? (size_t)offset : to->size, (size_t)(offset + size));
    if (size > 0 && offset + size > to->size) memory_resize(&to->data, &to->size, (size_t)(offset + size));
    if (size > 0) memcpy(to->data + offset, data, size);
    return error;
}

static inline int memory_read(void *context, int file, uint64_t offset, void *data, size_t size, size_t *got)
{
    struct memory_disk *disk = context;
    const struct memory_file *from = &disk->files[file];
    if (disk->dead) return TALLY_EIO;
    size_t left = offset < from->size ? (size_t)(from->size - offset) : 0;
    *got = size < left ? size : left;
    if (*got > 0) memcpy(data, from->data + offset, *got);
    return TALLY_OK;
}

static inline void memory_flush(struct memory_file *file)
{
    memory_resize(&file->durable, &file->durable_size, file->size);
    size_t end = file->unsynced_to < file->size ? file->unsynced_to : file->size;
    if (file->unsynced && file->unsynced_from < end)
        memcpy(
            file->durable + file->unsynced_from, file->data + file->unsynced_from, end - file->unsynced_from);
    if (file->phantom && memcmp(file->data + file->phantom_from, file->durable + file->phantom_from,
                             file->phantom_to - file->phantom_from) == 0)
        file->phantom = false;
    file->unsynced = false;
}

/* What was to be synced never will be. */
static inline void memory_forget(struct memory_file *file)
{
    if (!file->unsynced) return;
    if (!file->phantom || file->unsynced_from < file->phantom_from) file->phantom_from = file->unsynced_from;
    if (!file->phantom || file->unsynced_to > file->phantom_to) file->phantom_to = file->unsynced_to;
    if (file->phantom_to > file->size) file->phantom_to = file->size;
    file->phantom = file->phantom_from < file->phantom_to;
    file->unsynced = false;
}

static inline int memory_sync(void *context, int file)
{
    struct memory_disk *disk = context;
    struct memory_file *to = &disk->files[file];
    bool strikes;
    int error = memory_change(disk, false, &strikes);
    if (error != TALLY_OK && !strikes) return error;
    if (error == TALLY_OK) {
        memory_flush(to);
    } else if (disk->fault == FAULT_PHANTOM) {
        memory_forget(to);
        disk->dropped = true;
    } else if (!disk->dead) {
        memory_resize(&to->data, &to->size, to->durable_size);
        if (to->size > 0) memcpy(to->data, to->durable, to->size);
        to->unsynced = false;
        disk->dropped = true;
    }
    return error;
}

static inline int memory_size(void *context, int file, uint64_t *size)
{
    struct memory_disk *disk = context;
    if (disk->dead) return TALLY_EIO;
    *size = disk->files[file].size;
    return TALLY_OK;
}

static inline int memory_identify(void *context, int file, struct disk_identity *identity)
{
    struct memory_disk *disk = context;
    if (disk->dead) return TALLY_EIO;
    *identity = (struct disk_identity){.inode = disk->files[file].inode, .born_ns = disk->files[file].inode};
    return TALLY_OK;
}

static inline int memory_set_size(void *context, int file, uint64_t size)
{
    struct memory_disk *disk = context;
    struct memory_file *to = &disk->files[file];
    bool strikes;
    int error = memory_change(disk, size > to->size, &strikes);
    if (error != TALLY_OK) return error;
    memory_touch(to, to->size < size ? to->size : (size_t)size, to->size < size ? (size_t)size : to->size);
    memory_resize(&to->data, &to->size, (size_t)size);
    if (to->phantom_to > to->size) to->phantom_to = to->size;
    if (to->phantom_from >= to->phantom_to) to->phantom = false;
    return TALLY_OK;
}

static inline int memory_allocate(void *context, int file, uint64_t offset, uint64_t size)
{
    struct memory_disk *disk = context;
    struct memory_file *to = &disk->files[file];
    bool strikes;
    int error = memory_change(disk, true, &strikes);
    if (error != TALLY_OK || offset + size <= to->size) return error;
    memory_touch(to, to->size, (size_t)(offset + size));
    memory_resize(&to->data, &to->size, (size_t)(offset + size));
    return TALLY_OK;
}

static inline int memory_remove(void *context, const char *path)
{
    struct memory_disk *disk = context;
    bool strikes;
    int error = memory_change(disk, false, &strikes);
    if (error != TALLY_OK) return error;
    struct memory_file *file = memory_find(disk, path);
    if (file == NULL) return TALLY_ENOTFOUND;
    file->name[0] = '\0';
    return TALLY_OK;
}

static inline int memory_rename(void *context, const char *from, const char *to)
{
    struct memory_disk *disk = context;
    bool strikes;
    int error = memory_change(disk, false, &strikes);
    if (error != TALLY_OK) return error;
    struct memory_file *file = memory_find(disk, from), *there = memory_find(disk, to);
    if (file == NULL) return TALLY_ENOTFOUND;
    if (there != NULL) there->name[0] = '\0';
    strcpy(file->name, to);
    return TALLY_OK;
}

/* Folders are files whose name ends in '/', so that they too are lost when their making is not synced. */
static inline int memory_make_dir(void *context, const char *path)
{
    char name[DISK_PATH_SIZE_MAX];
    int file;
    snprintf(name, sizeof name, "%.*s/", (int)sizeof name - 2, path);
    return memory_open(context, name, DISK_CREATE, &file);
}

static inline bool memory_is_in(const char *path, const char *dir)
{
    size_t size = strlen(dir);
    if (strncmp(path, dir, size) != 0 || path[size] != '/' || path[size + 1] == '\0') return false;
    const char *slash = strchr(path + size + 1, '/');
    return slash == NULL || slash[1] == '\0';
}

static inline int memory_sync_dir(void *context, const char *path)
{
    struct memory_disk *disk = context;
    bool strikes;
    int error = memory_change(disk, false, &strikes);
    if (error != TALLY_OK) return error;
    for (size_t i = 0; i < disk->count; i++) {
        struct memory_file *file = &disk->files[i];
        if (memory_is_in(file->name, path) || memory_is_in(file->durable_name, path))
            strcpy(file->durable_name, file->name);
    }
    return TALLY_OK;
}

static inline int memory_list(
    void *context, const char *path, int (*seen)(void *seen_context, const char *name), void *seen_context)
{
    struct memory_disk *disk = context;
    char dir[DISK_PATH_SIZE_MAX];
    if (disk->dead) return TALLY_EIO;
    snprintf(dir, sizeof dir, "%.*s/", (int)sizeof dir - 2, path);
    if (memory_find(disk, dir) == NULL) return TALLY_ENOTFOUND;
    int error = TALLY_OK;
    for (size_t i = 0; error == TALLY_OK && i < disk->count; i++)
        if (memory_is_in(disk->files[i].name, path))
            error = seen(seen_context, disk->files[i].name + strlen(path) + 1);
    return error;
}

static inline int memory_lock(void *context, const char *path, int *file)
{
    struct memory_disk *disk = context;
    int error = memory_open(context, path, DISK_CREATE, file);
    if (error == TALLY_EEXISTS) error = memory_open(context, path, DISK_WRITE, file);
    if (error == TALLY_OK && disk->files[*file].locked) error = TALLY_EBUSY;
    if (error == TALLY_OK) disk->files[*file].locked = true;
    return error;
}

static inline struct memory_disk *memory_disk_make(uint64_t seed)
{
    struct memory_disk *disk = calloc(1, sizeof *disk);
    CHECK(disk != NULL);
    disk->seed = seed;
    disk->disk = (struct disk){.context = disk,
        .open = memory_open,
        .close = memory_close,
        .write = memory_write,
        .read = memory_read,
        .sync = memory_sync,
        .size = memory_size,
        .identify = memory_identify,
        .resize = memory_set_size,
        .allocate = memory_allocate,
        .remove = memory_remove,
        .rename = memory_rename,
        .make_dir = memory_make_dir,
        .sync_dir = memory_sync_dir,
        .list = memory_list,
        .lock = memory_lock};
    return disk;
}

static inline void memory_disk_close(struct memory_disk *disk)
{
    for (size_t i = 0; i < disk->count; i++) {
        free(disk->files[i].data);
        free(disk->files[i].durable);
    }
    free(disk);
}

/* A disk with the same files and no fault. */
static inline struct memory_disk *memory_disk_copy(const struct memory_disk *from)
{
    struct memory_disk *disk = memory_disk_make(from->seed);
    disk->count = from->count;
    disk->inodes = from->inodes;
    for (size_t i = 0; i < from->count; i++) {
        struct memory_file *file = &disk->files[i];
        *file = from->files[i];
        file->data = file->durable = NULL;
        file->size = file->durable_size = 0;
        file->locked = false;
        memory_resize(&file->data, &file->size, from->files[i].size);
        memory_resize(&file->durable, &file->durable_size, from->files[i].durable_size);
        if (file->size > 0) memcpy(file->data, from->files[i].data, file->size);
        if (file->durable_size > 0) memcpy(file->durable, from->files[i].durable, file->durable_size);
    }
    return disk;
}

static inline void memory_fault(struct memory_disk *disk, enum fault_kind kind, uint64_t at, size_t torn_size)
{
    disk->fault = kind;
    disk->fault_at = disk->changes + at;
    disk->torn_size = torn_size;
}

static inline void memory_crash_data(struct memory_disk *disk, struct memory_file *file, bool some)
{
    for (size_t at = file->phantom_from; file->phantom && at < file->phantom_to; at++)
        file->data[at] = at < file->durable_size ? file->durable[at] : 0;
    file->phantom = false;
    size_t size = some && memory_chance(disk) % 2 == 0 ? file->size : file->durable_size;
    uint8_t *left = NULL;
    size_t left_size = 0;
    memory_resize(&left, &left_size, size);
    for (size_t at = 0; at < size; at += MEMORY_SECTOR) {
        bool written = some && memory_chance(disk) % 2 == 0;
        size_t part = size - at < MEMORY_SECTOR ? size - at : MEMORY_SECTOR;
        const uint8_t *from = written ? file->data : file->durable;
        size_t from_size = written ? file->size : file->durable_size;
        if (at + part > from_size) part = at < from_size ? from_size - at : 0;
        if (part > 0) memcpy(left + at, from + at, part);
    }
    free(file->data);
    file->data = left;
    file->size = left_size;
    memory_resize(&file->durable, &file->durable_size, left_size);
    if (left_size > 0) memcpy(file->durable, left, left_size);
    file->unsynced = false;
}

static inline void memory_crash_file(struct memory_disk *disk, struct memory_file *file, enum crash_kind kind)
{
    bool some = kind == CRASH_KEEPS_SOME;
    if (file->unsynced || file->phantom) memory_crash_data(disk, file, some);
    if (strcmp(file->name, file->durable_name) == 0) return;
    if (!some || memory_chance(disk) % 2 == 0)
        memmove(file->name, file->durable_name, sizeof file->name);
    else
        memmove(file->durable_name, file->name, sizeof file->name);
}

/* A file that waits to be used again: nothing in it is needed. */
static inline bool memory_is_spare(const char *path)
{
    size_t size = strlen(path);
    return size >= 6 && strcmp(path + size - 6, "/spare") == 0;
}

/* Whether all that was ever written below a folder is on disk: a power cut right now would lose nothing. */
static inline bool memory_disk_is_synced(const struct memory_disk *disk, const char *dir)
{
    size_t size = strlen(dir);
    if (disk->dropped) return false;
    for (size_t i = 0; i < disk->count; i++) {
        const struct memory_file *file = &disk->files[i];
        bool concerned = strncmp(file->name, dir, size) == 0 || strncmp(file->durable_name, dir, size) == 0;
        if (!concerned) continue;
        if (strcmp(file->name, file->durable_name) != 0) return false;
        if (file->name[0] == '\0' || memory_is_spare(file->name)) continue;
        if (file->unsynced || file->phantom) return false;
    }
    return true;
}

/* What is left after the process died, or the power went. The disk works again, without a fault. */
static inline void memory_disk_crash(struct memory_disk *disk, enum crash_kind kind)
{
    for (size_t i = 0; i < disk->count; i++) {
        struct memory_file *file = &disk->files[i];
        file->locked = false;
        if (kind != CRASH_KEEPS_ALL) memory_crash_file(disk, file, kind);
    }
    disk->fault = FAULT_NONE;
    disk->dead = disk->full = disk->dropped = false;
}

#endif
