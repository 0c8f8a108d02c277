#include "storage/write_behind.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/check.h"

/* A disk takes a piece in a millisecond or two, which is what a sync of someone else's may then wait. */
#define PIECE_SIZE ((off_t)1 << 20)
/* Between two looks, so that a busy file is looked at once for many writes. */
#define PAUSE_MS 2
/* LevelDB writes a log and a table at a time, and ends one file before the next. */
#define FILES_MAX 4u
#define EVENTS_SIZE 4096u

struct growing {
    int file; /* -1 = none */
    char name[NAME_MAX + 1];
    off_t begun; /* up to here the system was told to write */
};

struct write_behind {
    int folder, changes, stop;
    pthread_t thread;
    struct growing files[FILES_MAX];
    size_t next; /* to make room for another */
};

static void forget(struct growing *growing)
{
    if (growing->file >= 0) (void)close(growing->file);
    growing->file = -1;
}

static struct growing *file_of(struct write_behind *watch, const char *name)
{
    for (size_t i = 0; i < FILES_MAX; i++)
        if (watch->files[i].file >= 0 && strcmp(watch->files[i].name, name) == 0) return &watch->files[i];
    return NULL;
}

static bool is_looked_at(const char *name)
{
    size_t size = strlen(name);
    return size > 4 && (strcmp(name + size - 4, ".log") == 0 || strcmp(name + size - 4, ".ldb") == 0);
}

static struct growing *place_take(struct write_behind *watch)
{
    for (size_t i = 0; i < FILES_MAX; i++)
        if (watch->files[i].file < 0) return &watch->files[i];
    struct growing *growing = &watch->files[watch->next++ % FILES_MAX];
    forget(growing);
    return growing;
}

/* NULL where it cannot be opened any more. */
static struct growing *file_add(struct write_behind *watch, const char *name)
{
    struct growing *growing = place_take(watch);
    growing->file = openat(watch->folder, name, O_RDONLY | O_CLOEXEC);
    growing->begun = 0;
    size_t size = strlen(name);
    CHECK(size < sizeof growing->name);
    memcpy(growing->name, name, size + 1);
    return growing->file >= 0 ? growing : NULL;
}

/* Errors are met again, and told, by whoever syncs the file. */
static void begin_writing(struct growing *growing)
{
    struct stat status;
    if (fstat(growing->file, &status) != 0) return;
    off_t whole = status.st_size / PIECE_SIZE * PIECE_SIZE;
    if (whole > growing->begun)
        (void)sync_file_range(growing->file, growing->begun, whole - growing->begun, SYNC_FILE_RANGE_WRITE);
    if (whole > growing->begun) growing->begun = whole;
}

static void on_change(struct write_behind *watch, const struct inotify_event *event)
{
    /* Without a name: the folder itself, or more changes than the system keeps. */
    if (event->len == 0 || !is_looked_at(event->name)) return;
    struct growing *growing = file_of(watch, event->name);
    if ((event->mask & (IN_CLOSE_WRITE | IN_DELETE)) != 0) {
        if (growing != NULL) forget(growing);
        return;
    }
    if (growing == NULL) growing = file_add(watch, event->name);
    if (growing != NULL) begin_writing(growing);
}

static void read_changes(struct write_behind *watch)
{
    _Alignas(struct inotify_event) char bytes[EVENTS_SIZE];
    ssize_t size;
    while ((size = read(watch->changes, bytes, sizeof bytes)) > 0) {
        for (ssize_t at = 0; at < size;) {
            const struct inotify_event *event = (const void *)(bytes + at);
            on_change(watch, event);
            at += (ssize_t)(sizeof *event + event->len);
        }
    }
}

/* Until it is told to stop. */
static void *run(void *context)
{
    struct write_behind *watch = context;
    pthread_setname_np(pthread_self(), "write-behind");
    struct pollfd both[] = {{.fd = watch->stop, .events = POLLIN}, {.fd = watch->changes, .events = POLLIN}};
    for (;;) {
        int ready = poll(both, 2, -1);
        if (ready < 0 && errno != EINTR) return NULL; /* nothing is begun early any more */
        if (ready > 0 && both[0].revents == 0) {
            read_changes(watch);
            ready = poll(both, 1, PAUSE_MS);
        }
        if (ready > 0 && both[0].revents != 0) return NULL;
    }
}

static void close_files(struct write_behind *watch)
{
    for (size_t i = 0; i < FILES_MAX; i++)
        forget(&watch->files[i]);
    const int own[] = {watch->folder, watch->changes, watch->stop};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
        if (own[i] >= 0) (void)close(own[i]);
}

int write_behind_open(const char *dir, struct write_behind **watch)
{
    struct write_behind *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return TALLY_ENOMEM;
    for (size_t i = 0; i < FILES_MAX; i++)
        opened->files[i].file = -1;
    opened->folder = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    opened->changes = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    opened->stop = eventfd(0, EFD_CLOEXEC);
    const uint32_t what = IN_MODIFY | IN_CLOSE_WRITE | IN_DELETE | IN_ONLYDIR;
    if (opened->folder >= 0 && opened->changes >= 0 && opened->stop >= 0 &&
        inotify_add_watch(opened->changes, dir, what) >= 0 &&
        pthread_create(&opened->thread, NULL, run, opened) == 0) {
        *watch = opened;
        return TALLY_OK;
    }
    close_files(opened);
    free(opened);
    return TALLY_EIO;
}

void write_behind_close(struct write_behind *watch)
{
    if (watch == NULL) return;
    const uint64_t one = 1;
    CHECK(write(watch->stop, &one, sizeof one) == (ssize_t)sizeof one);
    CHECK(pthread_join(watch->thread, NULL) == 0);
    close_files(watch);
    free(watch);
}
