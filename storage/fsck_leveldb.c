#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "storage/crc32c.h"
#include "storage/fsck_internal.h"

/* LevelDB's manifest and log files, by its published format: blocks of 32 KiB, each filled with records of
 *
 *   crc u32 | size u16 | type u8 | bytes        integers little-endian; the CRC-32C, of type and bytes,
 * masked
 *
 * and less than 7 bytes of zeros. Types say that the bytes are a whole entry (1), or its first (2), middle
 * (3) or last (4) part. A tail that does not check out LevelDB takes for a write that a crash cut short, and
 * passes over in silence, so that damage there shows here alone. */
#define BLOCK_SIZE 32768u
#define HEADER_SIZE 7u
#define MASK_DELTA 0xA282EAD8u
#define CURRENT_SIZE_MAX 64u

#define THEN "the node discards the state and rebuilds it from the ledger, or goes on from where it is sound"

enum part { WHOLE = 1, FIRST, MIDDLE, LAST };

struct log_walk {
    struct fsck *fsck;
    char name[FSCK_NAME_SIZE];
    int file;
    uint64_t size;
    bool open_entry; /* a first part was seen, and not its last */
    bool told;
};

static void tell(struct log_walk *walk, uint64_t offset, const char *what)
{
    if (!walk->told) fsck_tell(walk->fsck, walk->name, offset, 0, THEN, "%s", what);
    walk->told = true;
}

static uint32_t get_little(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static bool checks_out(const uint8_t *record, uint32_t size)
{
    uint32_t masked = get_little(record) - MASK_DELTA;
    return crc32c(0, record + 6, 1 + size) == (masked >> 17 | masked << 15);
}

static bool follows(struct log_walk *walk, uint8_t type)
{
    bool inside = walk->open_entry;
    walk->open_entry = type == FIRST || type == MIDDLE;
    return type == WHOLE || type == FIRST ? !inside : inside && (type == MIDDLE || type == LAST);
}

static void walk_block(struct log_walk *walk, uint64_t offset, const uint8_t *block, size_t size)
{
    size_t at = 0;
    while (!walk->told && size - at >= HEADER_SIZE) {
        uint32_t length = block[at + 4] | (uint32_t)block[at + 5] << 8;
        if (length > size - at - HEADER_SIZE || !checks_out(block + at, length))
            tell(walk, offset + at,
                "a record of it does not check out: damaged, or a write that a crash cut short");
        else if (!follows(walk, block[at + 6]))
            tell(walk, offset + at, "a record of it is not the part that follows");
        at += HEADER_SIZE + length;
    }
    for (; !walk->told && at < size; at++)
        if (block[at] != 0) tell(walk, offset + at, "bytes that belong to no record are no zeros");
}

static int walk_file(struct log_walk *walk)
{
    const struct disk *disk = walk->fsck->disk;
    uint8_t *block = malloc(BLOCK_SIZE);
    int error = block == NULL ? TALLY_ENOMEM : disk->size(disk->context, walk->file, &walk->size);
    for (uint64_t at = 0; error == TALLY_OK && !walk->told && at < walk->size; at += BLOCK_SIZE) {
        size_t got = 0;
        error = disk->read(disk->context, walk->file, at, block, BLOCK_SIZE, &got);
        if (error == TALLY_OK) walk_block(walk, at, block, got);
    }
    if (error == TALLY_OK && walk->open_entry) tell(walk, walk->size, "its last entry has no end");
    free(block);
    return error;
}

static bool is_log(const char *name)
{
    size_t size = strlen(name);
    return size > 4 && strcmp(name + size - 4, ".log") == 0;
}

/* CURRENT names the one manifest that counts. */
static int read_current(struct fsck *fsck, char manifest[CURRENT_SIZE_MAX])
{
    const struct disk *disk = fsck->disk;
    char path[DISK_PATH_SIZE_MAX];
    size_t got = 0;
    int file;
    memset(manifest, 0, CURRENT_SIZE_MAX);
    int error = disk_join(fsck->options->dir, "state/CURRENT", path);
    if (error == TALLY_OK) error = disk->open(disk->context, path, DISK_READ, &file);
    if (error == TALLY_OK) {
        error = disk->read(disk->context, file, 0, manifest, CURRENT_SIZE_MAX - 1, &got);
        disk->close(disk->context, file);
    }
    if (error != TALLY_OK && error != TALLY_ENOTFOUND) return error;
    if (got > 0 && manifest[got - 1] == '\n' && strlen(manifest) == got) {
        manifest[got - 1] = '\0';
        if (strncmp(manifest, "MANIFEST-", 9) == 0) return TALLY_OK;
    }
    manifest[0] = '\0';
    fsck_tell(fsck, "state/CURRENT", error == TALLY_OK ? 0 : FSCK_NO_OFFSET, 0, THEN,
        error == TALLY_OK ? "it does not name a manifest" : "it is not there");
    return TALLY_OK;
}

struct listing {
    struct fsck *fsck;
    char manifest[CURRENT_SIZE_MAX];
    bool manifest_seen;
};

static int listing_seen(void *context, const char *name)
{
    struct listing *listing = context;
    const struct disk *disk = listing->fsck->disk;
    struct log_walk walk = {.fsck = listing->fsck};
    char path[DISK_PATH_SIZE_MAX];
    bool manifest = strcmp(name, listing->manifest) == 0;
    listing->manifest_seen = listing->manifest_seen || manifest;
    if (!manifest && !is_log(name)) return TALLY_OK;
    snprintf(walk.name, sizeof walk.name, "state/%.50s", name);
    int error = disk_join(listing->fsck->options->dir, walk.name, path);
    if (error == TALLY_OK) error = disk->open(disk->context, path, DISK_READ, &walk.file);
    if (error != TALLY_OK) return error;
    error = walk_file(&walk);
    disk->close(disk->context, walk.file);
    return error;
}

int fsck_leveldb(struct fsck *fsck)
{
    struct listing listing = {.fsck = fsck};
    char path[DISK_PATH_SIZE_MAX];
    int error = disk_join(fsck->options->dir, "state", path);
    if (error == TALLY_OK) error = read_current(fsck, listing.manifest);
    if (error == TALLY_OK) error = fsck->disk->list(fsck->disk->context, path, listing_seen, &listing);
    if (error == TALLY_OK && listing.manifest[0] != '\0' && !listing.manifest_seen)
        fsck_tell(fsck, "state/CURRENT", 0, 0, THEN, "it names %s, which is not there", listing.manifest);
    return error;
}
