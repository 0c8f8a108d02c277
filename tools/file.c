#include "tools/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FILE_READ_STEP 65536

static int error_from_errno(int number);
static int descriptor_read(int descriptor, struct buffer *out);
static int descriptor_write(int descriptor, struct span content);
static int temporary_write(
    const char *path, mode_t mode, struct span content, char temporary[PATH_MAX], char *why, size_t why_size);
static int directory_sync(const char *path);

int file_read(const char *path, struct buffer *out, char *why, size_t why_size)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        int number = errno;
        snprintf(why, why_size, "cannot open %s: %s", path, strerror(number));
        return error_from_errno(number);
    }
    int error = descriptor_read(descriptor, out);
    if (error == TALLY_ELIMIT) {
        snprintf(why, why_size, "%s is larger than the %zu bytes allowed", path, out->size_max);
    } else if (error != TALLY_OK) {
        snprintf(why, why_size, "cannot read %s: %s", path, strerror(errno));
    }
    close(descriptor);
    return error;
}

int file_create(const char *path, mode_t mode, struct span content, char *why, size_t why_size)
{
    char temporary[PATH_MAX];
    if (access(path, F_OK) == 0) {
        snprintf(why, why_size, "%s exists already and is never overwritten; name another file", path);
        return TALLY_EEXISTS;
    }
    int error = temporary_write(path, mode, content, temporary, why, why_size);
    if (error != TALLY_OK) return error;
    /* A link, unlike a rename, fails where somebody else made the file in between. */
    int linked = link(temporary, path);
    int number = errno;
    unlink(temporary);
    if (linked != 0 || directory_sync(path) != TALLY_OK) {
        if (linked == 0) number = errno;
        snprintf(why, why_size, "cannot create %s: %s", path, strerror(number));
        return error_from_errno(number);
    }
    return TALLY_OK;
}

int file_replace(const char *path, mode_t mode, struct span content, char *why, size_t why_size)
{
    char temporary[PATH_MAX];
    int error = temporary_write(path, mode, content, temporary, why, why_size);
    if (error != TALLY_OK) return error;
    if (rename(temporary, path) != 0) {
        int number = errno;
        unlink(temporary);
        snprintf(why, why_size, "cannot write %s: %s", path, strerror(number));
        return error_from_errno(number);
    }
    if (directory_sync(path) != TALLY_OK) {
        snprintf(why, why_size, "cannot write %s: %s", path, strerror(errno));
        return TALLY_EIO;
    }
    return TALLY_OK;
}

static int error_from_errno(int number)
{
    if (number == ENOENT || number == ENOTDIR) return TALLY_ENOTFOUND;
    if (number == EACCES || number == EPERM || number == EROFS) return TALLY_EDENIED;
    if (number == EEXIST) return TALLY_EEXISTS;
    if (number == ENOSPC || number == EDQUOT) return TALLY_EFULL;
    return TALLY_EIO;
}

static int descriptor_read(int descriptor, struct buffer *out)
{
    static uint8_t step[FILE_READ_STEP];
    for (;;) {
        ssize_t got = read(descriptor, step, sizeof step);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return TALLY_EIO;
        if (got == 0) return TALLY_OK;
        buffer_append(out, step, (size_t)got);
        explicit_bzero(step, (size_t)got); /* it may be a key */
        if (out->failed) return TALLY_ELIMIT;
    }
}

static int descriptor_write(int descriptor, struct span content)
{
    while (content.size > 0) {
        ssize_t put = write(descriptor, content.data, content.size);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return TALLY_EIO;
        content = span_of(content.data + put, content.size - (size_t)put);
    }
    return fsync(descriptor) == 0 ? TALLY_OK : TALLY_EIO;
}

/* Writes beside `path`, under a name no other process uses. */
static int temporary_write(
    const char *path, mode_t mode, struct span content, char temporary[PATH_MAX], char *why, size_t why_size)
{
    int size = snprintf(temporary, PATH_MAX, "%s.%ld.tmp", path, (long)getpid());
    if (size < 0 || size >= PATH_MAX) {
        snprintf(why, why_size, "the path %s is too long", path);
        return TALLY_EDENIED;
    }
    int descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (descriptor < 0) {
        int number = errno;
        snprintf(why, why_size, "cannot create %s: %s", path, strerror(number));
        return error_from_errno(number);
    }
    int error = descriptor_write(descriptor, content);
    int number = errno;
    if (close(descriptor) != 0 && error == TALLY_OK) {
        number = errno;
        error = TALLY_EIO;
    }
    if (error == TALLY_OK) return TALLY_OK;
    unlink(temporary);
    snprintf(why, why_size, "cannot write %s: %s", path, strerror(number));
    return error_from_errno(number);
}

static int directory_sync(const char *path)
{
    char directory[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t size = slash == NULL ? 0 : (size_t)(slash - path) + 1;
    if (size >= sizeof directory) return TALLY_EIO;
    memcpy(directory, path, size);
    directory[size] = '\0';
    int descriptor = open(size == 0 ? "." : directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return TALLY_EIO;
    int failed = fsync(descriptor);
    close(descriptor);
    return failed == 0 ? TALLY_OK : TALLY_EIO;
}
