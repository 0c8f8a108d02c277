/* The seam to the operating system's files. Everything durable but LevelDB's own files goes through a struct
 * disk, so that a test can make any one call fail.
 *
 * A failed sync is never retried: the page cache may have dropped what it could not write. Whoever syncs
 * through this seam refuses all further writes after a failure, and the process is expected to end. */
#ifndef TALLY_STORAGE_DISK_H
#define TALLY_STORAGE_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/base/error.h"

#define DISK_PATH_SIZE_MAX 1024u

enum disk_mode {
    DISK_READ = 1,   /* must exist */
    DISK_WRITE = 2,  /* must exist; read and write */
    DISK_CREATE = 3, /* must not exist; read and write, mode 0600 */
};

/* What tells a file from a copy of it, and stays with it when it is renamed, and over a reboot. */
struct disk_identity {
    uint64_t inode;
    uint64_t born_ns; /* since 1970, when the inode was made; 0 where the file system does not say */
};

/* Calls return TALLY_OK, or TALLY_EIO, TALLY_EFULL (no space), TALLY_ENOTFOUND, TALLY_EEXISTS, TALLY_EBUSY
 * (locked), TALLY_ENOMEM. `context` is handed back. All may be called from any thread. */
struct disk {
    void *context;
    int (*open)(void *context, const char *path, enum disk_mode mode, int *file);
    void (*close)(void *context, int file);
    /* Writes all of it, or fails having written any part of it. More than a MiB is on its way to the disk,
     * and most of it there, when this returns: it may take as long as the disk does. */
    int (*write)(void *context, int file, uint64_t offset, const void *data, size_t size);
    /* Reads up to `size` bytes; *got is less only at the end of the file. */
    int (*read)(void *context, int file, uint64_t offset, void *data, size_t size, size_t *got);
    /* Data, and what is needed to read it back, reach the disk. */
    int (*sync)(void *context, int file);
    int (*size)(void *context, int file, uint64_t *size);
    int (*identify)(void *context, int file, struct disk_identity *identity);
    /* Cuts or extends (with zeros) to `size`. */
    int (*resize)(void *context, int file, uint64_t size);
    /* Takes space for [offset, offset + size), which reads as zeros; extends the file. */
    int (*allocate)(void *context, int file, uint64_t offset, uint64_t size);
    int (*remove)(void *context, const char *path);
    int (*rename)(void *context, const char *from, const char *to);
    /* Makes one directory, mode 0700; TALLY_EEXISTS where it is there already. */
    int (*make_dir)(void *context, const char *path);
    /* Creations, removals and renames in the directory reach the disk. */
    int (*sync_dir)(void *context, const char *path);
    /* Calls `seen` with the name of each entry, in no order, "." and ".." left out; stops at the first error
     * it returns, and returns that. */
    int (*list)(void *context, const char *path, int (*seen)(void *seen_context, const char *name),
        void *seen_context);
    /* Makes the file if need be and takes its lock for this process until it is closed; TALLY_EBUSY where
     * another process (or another open of this one) holds it. */
    int (*lock)(void *context, const char *path, int *file);
};

/* The machine's own files. Constant. */
const struct disk *disk_system(void);

/* dir/name into path. Errors: TALLY_ELIMIT (longer than DISK_PATH_SIZE_MAX). */
int disk_join(const char *dir, const char *name, char path[DISK_PATH_SIZE_MAX]) TALLY_MUST_CHECK;

/* Makes `dir` if it is not there, and makes that durable in `parent`. */
int disk_ensure_dir(const struct disk *disk, const char *parent, const char *dir) TALLY_MUST_CHECK;

/* Locks dir/LOCK, so that two processes never share a node's directory, or its key, and writes this process's
 * id into it. *lock is given to disk_unlock. Errors: TALLY_EBUSY (another process holds it), TALLY_EIO,
 * TALLY_ENOTFOUND (no such directory). */
int disk_lock(const struct disk *disk, const char *dir, int *lock) TALLY_MUST_CHECK;
/* The process that holds, or held last, the lock of `dir`, as it wrote; 0 where that cannot be read. */
uint64_t disk_lock_holder(const struct disk *disk, const char *dir);
void disk_unlock(const struct disk *disk, int lock);

#endif
