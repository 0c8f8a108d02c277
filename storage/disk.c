#include "storage/disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/check.h"
#include "proto/base/limits.h"

#define PROCESS_TEXT_SIZE 24
/* A disk takes a piece in a millisecond or two. */
#define PIECE_SIZE ((size_t)MIB)

static int error_of(int number)
{
    switch (number) {
    case ENOSPC:
    case EDQUOT:
        return TALLY_EFULL;
    case ENOENT:
        return TALLY_ENOTFOUND;
    case EEXIST:
        return TALLY_EEXISTS;
    case EWOULDBLOCK:
        return TALLY_EBUSY;
    case ENOMEM:
        return TALLY_ENOMEM;
    default:
        return TALLY_EIO;
    }
}

static int system_open(void *context, const char *path, enum disk_mode mode, int *file)
{
    (void)context;
    int flags = O_CLOEXEC;
    switch (mode) {
    case DISK_READ:
        flags |= O_RDONLY;
        break;
    case DISK_WRITE:
        flags |= O_RDWR;
        break;
    case DISK_CREATE:
        flags |= O_RDWR | O_CREAT | O_EXCL;
        break;
    }
    int opened = open(path, flags, 0600);
    if (opened < 0) return error_of(errno);
    *file = opened;
    return TALLY_OK;
}

static void system_close(void *context, int file)
{
    (void)context;
    close(file);
}

/* Has what was just written begin its way to the disk, behind what stands before it: no more than two pieces
 * are on it. Left to the system a file's pieces would go together, a while later, and for hundreds of
 * milliseconds a sync of whatever file would wait behind them. */
static int piece_send(int file, uint64_t offset, size_t size)
{
    uint64_t before = offset < PIECE_SIZE ? offset : PIECE_SIZE;
    int failed = sync_file_range(file, (off_t)offset, (off_t)size, SYNC_FILE_RANGE_WRITE);
    if (failed == 0 && before > 0)
        failed = sync_file_range(file, (off_t)(offset - before), (off_t)before, SYNC_FILE_RANGE_WAIT_BEFORE);
    return failed == 0 ? TALLY_OK : error_of(errno);
}

static int system_write(void *context, int file, uint64_t offset, const void *data, size_t size)
{
    (void)context;
    const char *at = data;
    const bool large = size > PIECE_SIZE;
    while (size > 0) {
        ssize_t written = pwrite(file, at, size < PIECE_SIZE ? size : PIECE_SIZE, (off_t)offset);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return error_of(errno);
        if (written == 0) return TALLY_EIO;
        int error = large ? piece_send(file, offset, (size_t)written) : TALLY_OK;
        if (error != TALLY_OK) return error;
        at += written;
        offset += (uint64_t)written;
        size -= (size_t)written;
    }
    return TALLY_OK;
}

static int system_read(void *context, int file, uint64_t offset, void *data, size_t size, size_t *got)
{
    (void)context;
    char *at = data;
    size_t done = 0;
    while (done < size) {
        ssize_t count = pread(file, at + done, size - done, (off_t)(offset + done));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return error_of(errno);
        if (count == 0) break;
        done += (size_t)count;
    }
    *got = done;
    return TALLY_OK;
}

static int system_sync(void *context, int file)
{
    (void)context;
    /* Not even EINTR is retried: what a failed sync left behind is unknown. */
    return fdatasync(file) == 0 ? TALLY_OK : error_of(errno);
}

static int system_size(void *context, int file, uint64_t *size)
{
    (void)context;
    struct stat status;
    if (fstat(file, &status) != 0) return error_of(errno);
    *size = (uint64_t)status.st_size;
    return TALLY_OK;
}

static int system_identify(void *context, int file, struct disk_identity *identity)
{
    (void)context;
    struct statx status;
    if (statx(file, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &status) != 0) return error_of(errno);
    *identity = (struct disk_identity){.inode = status.stx_ino};
    if ((status.stx_mask & STATX_BTIME) != 0)
        identity->born_ns = (uint64_t)status.stx_btime.tv_sec * 1000000000u + status.stx_btime.tv_nsec;
    return TALLY_OK;
}

static int system_resize(void *context, int file, uint64_t size)
{
    (void)context;
    return ftruncate(file, (off_t)size) == 0 ? TALLY_OK : error_of(errno);
}

static int system_allocate(void *context, int file, uint64_t offset, uint64_t size)
{
    (void)context;
    int number;
    do
        number = posix_fallocate(file, (off_t)offset, (off_t)size);
    while (number == EINTR);
    return number == 0 ? TALLY_OK : error_of(number);
}

static int system_remove(void *context, const char *path)
{
    (void)context;
    return unlink(path) == 0 ? TALLY_OK : error_of(errno);
}

static int system_rename(void *context, const char *from, const char *to)
{
    (void)context;
    return rename(from, to) == 0 ? TALLY_OK : error_of(errno);
}

static int system_make_dir(void *context, const char *path)
{
    (void)context;
    return mkdir(path, 0700) == 0 ? TALLY_OK : error_of(errno);
}

static int system_sync_dir(void *context, const char *path)
{
    (void)context;
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) return error_of(errno);
    int error = fsync(dir) == 0 ? TALLY_OK : error_of(errno);
    close(dir);
    return error;
}

static int system_list(
    void *context, const char *path, int (*seen)(void *seen_context, const char *name), void *seen_context)
{
    (void)context;
    DIR *dir = opendir(path);
    if (dir == NULL) return error_of(errno);
    int error = TALLY_OK;
    while (error == TALLY_OK) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (entry == NULL) {
            if (errno != 0) error = error_of(errno);
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        error = seen(seen_context, entry->d_name);
    }
    closedir(dir);
    return error;
}

static int system_lock(void *context, const char *path, int *file)
{
    (void)context;
    int opened = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (opened < 0) return error_of(errno);
    if (flock(opened, LOCK_EX | LOCK_NB) != 0) {
        int error = error_of(errno);
        close(opened);
        return error;
    }
    *file = opened;
    return TALLY_OK;
}

const struct disk *disk_system(void)
{
    static const struct disk disk = {
        .open = system_open,
        .close = system_close,
        .write = system_write,
        .read = system_read,
        .sync = system_sync,
        .size = system_size,
        .identify = system_identify,
        .resize = system_resize,
        .allocate = system_allocate,
        .remove = system_remove,
        .rename = system_rename,
        .make_dir = system_make_dir,
        .sync_dir = system_sync_dir,
        .list = system_list,
        .lock = system_lock,
    };
    return &disk;
}

int disk_join(const char *dir, const char *name, char path[DISK_PATH_SIZE_MAX])
{
    CHECK(dir != NULL && name != NULL);
    size_t dir_size = strlen(dir), name_size = strlen(name);
    if (dir_size + 1 + name_size + 1 > DISK_PATH_SIZE_MAX) return TALLY_ELIMIT;
    memcpy(path, dir, dir_size);
    path[dir_size] = '/';
    memcpy(path + dir_size + 1, name, name_size + 1);
    return TALLY_OK;
}

int disk_ensure_dir(const struct disk *disk, const char *parent, const char *dir)
{
    int error = disk->make_dir(disk->context, dir);
    if (error != TALLY_OK && error != TALLY_EEXISTS) return error;
    /* One that is there may have been made by a process that was killed before it came to this. */
    return disk->sync_dir(disk->context, parent);
}

/* For people who meet the lock: whose it is. It holds without that, so a full disk does not matter here. */
static void write_holder(const struct disk *disk, int lock)
{
    char text[PROCESS_TEXT_SIZE];
    int size = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (disk->resize(disk->context, lock, 0) == TALLY_OK)
        (void)disk->write(disk->context, lock, 0, text, (size_t)size);
}

int disk_lock(const struct disk *disk, const char *dir, int *lock)
{
    char path[DISK_PATH_SIZE_MAX];
    int error = disk_join(dir, "LOCK", path);
    if (error == TALLY_OK) error = disk->lock(disk->context, path, lock);
    if (error == TALLY_OK) write_holder(disk, *lock);
    return error;
}

uint64_t disk_lock_holder(const struct disk *disk, const char *dir)
{
    char path[DISK_PATH_SIZE_MAX], text[PROCESS_TEXT_SIZE] = "";
    size_t got = 0;
    int file;
    if (disk_join(dir, "LOCK", path) != TALLY_OK) return 0;
    if (disk->open(disk->context, path, DISK_READ, &file) != TALLY_OK) return 0;
    int error = disk->read(disk->context, file, 0, text, sizeof text - 1, &got);
    disk->close(disk->context, file);
    return error == TALLY_OK ? strtoull(text, NULL, 10) : 0;
}

void disk_unlock(const struct disk *disk, int lock)
{
    disk->close(disk->context, lock);
}
