#include "storage/backup.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/base/check.h"
#include "storage/ledger_record.h"
#include "storage/snapshot_file.h"

#define STEP (1u * MIB)
#define SEGMENT_DIGITS 16u

/* In the order they are copied in. */
static const char *const folders[] = {
    "ledger", "bodies", "mended", "snapshots", "older/ledger", "older/bodies", "older/mended"};
#define FOLDER_COUNT (sizeof folders / sizeof *folders)

/* Makes one of them, and what it is in. */
static int folder_make(
    const struct disk *disk, const char *to, const char *folder, char path[DISK_PATH_SIZE_MAX])
{
    char parent[DISK_PATH_SIZE_MAX];
    const char *slash = strchr(folder, '/');
    int error = TALLY_OK;
    if (slash != NULL) {
        char name[BACKUP_NAME_SIZE] = {0};
        memcpy(name, folder, (size_t)(slash - folder));
        error = disk_join(to, name, parent);
        if (error == TALLY_OK) error = disk_ensure_dir(disk, to, parent);
    }
    if (error == TALLY_OK) error = disk_join(to, folder, path);
    return error == TALLY_OK ? disk_ensure_dir(disk, slash != NULL ? parent : to, path) : error;
}

/* ---- One file ---- */

static int copy_bytes(
    const struct disk *disk, int from, int to, uint64_t size, uint8_t *step, struct digest *digest)
{
    struct hasher hasher;
    int error = TALLY_OK;
    hasher_init_plain(&hasher);
    for (uint64_t at = 0; error == TALLY_OK && at < size;) {
        size_t got = 0, want = size - at < STEP ? (size_t)(size - at) : STEP;
        error = disk->read(disk->context, from, at, step, want, &got);
        if (error == TALLY_OK && got != want) error = TALLY_EDAMAGED;
        if (error == TALLY_OK) error = disk->write(disk->context, to, at, step, want);
        if (error == TALLY_OK) hasher_bytes(&hasher, step, want);
        at += want;
    }
    if (error == TALLY_OK) error = disk->sync(disk->context, to);
    *digest = hasher_final(&hasher);
    return error;
}

/* file->size bytes of the open file, under its name below `to`. */
static int copy_open(const struct disk *disk, int from, const char *to, struct backup_file *file)
{
    char path[DISK_PATH_SIZE_MAX];
    int copy;
    uint8_t *step = malloc(STEP);
    if (step == NULL) return TALLY_ENOMEM;
    int error = disk_join(to, file->name, path);
    if (error == TALLY_OK) error = disk->open(disk->context, path, DISK_CREATE, &copy);
    if (error == TALLY_OK) {
        error = copy_bytes(disk, from, copy, file->size, step, &file->digest);
        disk->close(disk->context, copy);
    }
    free(step);
    return error;
}

/* ---- What there is in a folder ---- */

struct listing {
    const char *folder;
    uint64_t wanted;     /* the snapshot's height */
    struct buffer names; /* each with its NUL */
    uint64_t newest;     /* segment; 0 = none */
};

static uint64_t segment_number(const char *name)
{
    uint8_t bytes[SEGMENT_DIGITS / 2];
    if (strlen(name) != SEGMENT_DIGITS || hex_decode(name, bytes, sizeof bytes) != TALLY_OK) return 0;
    return get_u64(bytes);
}

static bool is_snapshots(const char *folder)
{
    return strcmp(folder, "snapshots") == 0;
}

static int name_seen(void *context, const char *name)
{
    struct listing *listing = context;
    uint64_t number = is_snapshots(listing->folder) ? snapshot_file_height(name) : segment_number(name);
    if (number == 0 || (is_snapshots(listing->folder) && number != listing->wanted)) return TALLY_OK;
    if (number > listing->newest) listing->newest = number;
    buffer_append(&listing->names, name, strlen(name) + 1);
    return listing->names.failed ? TALLY_ENOMEM : TALLY_OK;
}

/* ---- The bytes that count ---- */

/* Up to the last record that is whole. */
static int open_end(const struct disk *disk, int file, uint64_t *size)
{
    uint8_t bytes[SEGMENT_HEADER_SIZE];
    struct segment_header header;
    size_t got;
    int error = disk->read(disk->context, file, 0, bytes, sizeof bytes, &got);
    if (error == TALLY_OK && got != sizeof bytes) error = TALLY_EDAMAGED;
    if (error == TALLY_OK) error = segment_header_decode(bytes, &header);
    if (error != TALLY_OK) return error;
    struct segment_scan scan = {.disk = disk,
        .file = file,
        .seed = segment_seed(&header),
        .size = *size,
        .record_size_max = LEDGER_RECORD_SIZE_MAX,
        .payloads = true};
    error = segment_scan(&scan);
    if (error == TALLY_OK && scan.damaged) error = TALLY_EDAMAGED;
    if (error == TALLY_OK) *size = scan.end;
    return error;
}

struct copying {
    const struct disk *disk;
    const char *dir, *to;
    int (*told)(void *context, const struct backup_file *file);
    void *context;
};

static int copy_file(const struct copying *copying, const struct listing *listing, const char *name)
{
    const struct disk *disk = copying->disk;
    char path[DISK_PATH_SIZE_MAX];
    struct backup_file file;
    int from;
    if (snprintf(file.name, sizeof file.name, "%s/%s", listing->folder, name) >= (int)sizeof file.name)
        return TALLY_ELIMIT;
    int error = disk_join(copying->dir, file.name, path);
    if (error == TALLY_OK) error = disk->open(disk->context, path, DISK_READ, &from);
    if (error != TALLY_OK) return error == TALLY_ENOTFOUND ? TALLY_EBUSY : error;
    error = disk->size(disk->context, from, &file.size);
    if (error == TALLY_OK && !is_snapshots(listing->folder) && segment_number(name) == listing->newest)
        error = open_end(disk, from, &file.size);
    if (error == TALLY_OK) error = copy_open(disk, from, copying->to, &file);
    disk->close(disk->context, from);
    return error == TALLY_OK ? copying->told(copying->context, &file) : error;
}

static int copy_listed(const struct copying *copying, const struct listing *listing)
{
    char to[DISK_PATH_SIZE_MAX];
    int error = folder_make(copying->disk, copying->to, listing->folder, to);
    for (size_t at = 0; error == TALLY_OK && at < listing->names.size;) {
        const char *name = (const char *)listing->names.data + at;
        error = copy_file(copying, listing, name);
        at += strlen(name) + 1;
    }
    return error == TALLY_OK ? copying->disk->sync_dir(copying->disk->context, to) : error;
}

static int copy_folder(const struct copying *copying, const char *folder)
{
    struct listing listing = {.folder = folder};
    char from[DISK_PATH_SIZE_MAX];
    int error = TALLY_OK;
    if (is_snapshots(folder))
        error = snapshot_newest(copying->disk, copying->dir, UINT64_MAX, &listing.wanted);
    if (error == TALLY_OK) error = disk_join(copying->dir, folder, from);
    if (error != TALLY_OK) return error;
    buffer_init(&listing.names, SIZE_MAX / 8);
    error = copying->disk->list(copying->disk->context, from, name_seen, &listing);
    if (error == TALLY_OK) error = copy_listed(copying, &listing);
    buffer_close(&listing.names);
    return error;
}

int backup_copy(const struct disk *disk, const char *dir, const char *to,
    int (*told)(void *context, const struct backup_file *file), void *context)
{
    struct copying copying = {disk, dir, to, told, context};
    int error = copy_folder(&copying, folders[0]);
    for (size_t i = 1; error == TALLY_OK && i < FOLDER_COUNT; i++) {
        error = copy_folder(&copying, folders[i]);
        if (error == TALLY_ENOTFOUND) error = TALLY_OK; /* there is no such folder, or no snapshot */
    }
    return error == TALLY_OK ? disk->sync_dir(disk->context, to) : error;
}

/* ---- Putting back ---- */

/* The folder of a name, if it is one that a backup has. */
static const char *folder_of(const char *name)
{
    for (size_t i = 0; i < FOLDER_COUNT; i++) {
        size_t size = strlen(folders[i]);
        if (strncmp(name, folders[i], size) != 0 || name[size] != '/') continue;
        const char *file = name + size + 1;
        bool known = is_snapshots(folders[i]) ? snapshot_file_height(file) != 0 : segment_number(file) != 0;
        return known && strchr(file, '/') == NULL ? folders[i] : NULL;
    }
    return NULL;
}

int backup_put(const struct disk *disk, const char *from, const char *to, const struct backup_file *file)
{
    char path[DISK_PATH_SIZE_MAX], folder[DISK_PATH_SIZE_MAX];
    struct backup_file copied = *file;
    uint64_t size;
    int opened;
    if (folder_of(file->name) == NULL) return TALLY_EINVALID;
    int error = folder_make(disk, to, folder_of(file->name), folder);
    if (error == TALLY_OK) error = disk_join(from, file->name, path);
    if (error == TALLY_OK) error = disk->open(disk->context, path, DISK_READ, &opened);
    if (error != TALLY_OK) return error;
    error = disk->size(disk->context, opened, &size);
    if (error == TALLY_OK && size != file->size) error = TALLY_EDAMAGED;
    if (error == TALLY_OK) error = copy_open(disk, opened, to, &copied);
    disk->close(disk->context, opened);
    return error == TALLY_OK && !digest_equal(&copied.digest, &file->digest) ? TALLY_EDAMAGED : error;
}

int backup_put_end(const struct disk *disk, const char *to)
{
    int error = TALLY_OK;
    for (size_t i = 0; error == TALLY_OK && i < FOLDER_COUNT; i++) {
        char folder[DISK_PATH_SIZE_MAX];
        error = disk_join(to, folders[i], folder);
        if (error == TALLY_OK) error = disk->sync_dir(disk->context, folder);
        if (error == TALLY_ENOTFOUND) error = TALLY_OK;
    }
    return error == TALLY_OK ? disk->sync_dir(disk->context, to) : error;
}
