#include "storage/origin.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/base/bytes.h"
#include "proto/crypto/digest.h"

#define MARK_PREFIX "origin-"
#define MARK_NAME_SIZE (sizeof MARK_PREFIX + 16)
#define MARK_TEXT_SIZE 64
/* Not yet a mark: written under this name, and renamed once it is on disk. */
#define UNFINISHED "unfinished-mark"

static bool is_mark(const char *name)
{
    return strncmp(name, MARK_PREFIX, sizeof MARK_PREFIX - 1) == 0;
}

/* ---- Making a mark ---- */

static int mark_print(const struct disk_identity *identity, char text[MARK_TEXT_SIZE])
{
    return snprintf(
        text, MARK_TEXT_SIZE, "inode %" PRIu64 " born %" PRIu64 "\n", identity->inode, identity->born_ns);
}

static int write_mark(const struct disk *disk, const char *path)
{
    char text[MARK_TEXT_SIZE];
    struct disk_identity identity;
    int file;
    int error = disk->open(disk->context, path, DISK_CREATE, &file);
    if (error != TALLY_OK) return error;
    error = disk->identify(disk->context, file, &identity);
    if (error == TALLY_OK) {
        int size = mark_print(&identity, text);
        error = disk->write(disk->context, file, 0, text, (size_t)size);
    }
    if (error == TALLY_OK) error = disk->sync(disk->context, file);
    disk->close(disk->context, file);
    return error;
}

struct removing {
    const struct disk *disk;
    const char *dir, *kept;
};

static int remove_mark(void *context, const char *name)
{
    const struct removing *removing = context;
    char path[DISK_PATH_SIZE_MAX];
    if (!is_mark(name) || strcmp(name, removing->kept) == 0) return TALLY_OK;
    int error = disk_join(removing->dir, name, path);
    return error == TALLY_OK ? removing->disk->remove(removing->disk->context, path) : error;
}

int origin_mark(const struct disk *disk, const char *dir)
{
    uint8_t random[8];
    char name[MARK_NAME_SIZE] = MARK_PREFIX, path[DISK_PATH_SIZE_MAX], unfinished[DISK_PATH_SIZE_MAX];
    random_bytes(random, sizeof random);
    hex_encode(span_of(random, sizeof random), name + sizeof MARK_PREFIX - 1);
    int error = disk_join(dir, name, path);
    if (error == TALLY_OK) error = disk_join(dir, UNFINISHED, unfinished);
    if (error == TALLY_OK) error = disk->remove(disk->context, unfinished);
    if (error == TALLY_OK || error == TALLY_ENOTFOUND) error = write_mark(disk, unfinished);
    if (error == TALLY_OK) error = disk->rename(disk->context, unfinished, path);
    /* The new one is there for good before an older one goes. */
    if (error == TALLY_OK) error = disk->sync_dir(disk->context, dir);
    struct removing removing = {disk, dir, name};
    if (error == TALLY_OK) error = disk->list(disk->context, dir, remove_mark, &removing);
    return error == TALLY_OK ? disk->sync_dir(disk->context, dir) : error;
}

/* ---- Checking ---- */

struct checking {
    const struct disk *disk;
    const char *dir;
    char *detail;
    uint32_t marks;
};

static int read_mark(
    const struct disk *disk, const char *path, struct disk_identity *says, struct disk_identity *is)
{
    char text[MARK_TEXT_SIZE] = "", exact[MARK_TEXT_SIZE];
    size_t got = 0;
    int file;
    int error = disk->open(disk->context, path, DISK_READ, &file);
    if (error != TALLY_OK) return error;
    error = disk->identify(disk->context, file, is);
    if (error == TALLY_OK) error = disk->read(disk->context, file, 0, text, sizeof text - 1, &got);
    disk->close(disk->context, file);
    if (error != TALLY_OK) return error;
    if (sscanf(text, "inode %" SCNu64 " born %" SCNu64, &says->inode, &says->born_ns) != 2)
        return TALLY_EFORM;
    /* As it was written, to the byte. */
    bool same = (size_t)mark_print(says, exact) == got && memcmp(text, exact, got) == 0;
    return same ? TALLY_OK : TALLY_EFORM;
}

/* A time of birth that the file system did not tell, then or now, says nothing. */
static bool same_file(const struct disk_identity *a, const struct disk_identity *b)
{
    return a->inode == b->inode && (a->born_ns == b->born_ns || a->born_ns == 0 || b->born_ns == 0);
}

static int check_mark(void *context, const char *name)
{
    struct checking *checking = context;
    struct disk_identity says, is;
    char path[DISK_PATH_SIZE_MAX];
    if (!is_mark(name)) return TALLY_OK;
    checking->marks++;
    int error = disk_join(checking->dir, name, path);
    if (error == TALLY_OK) error = read_mark(checking->disk, path, &says, &is);
    if (error == TALLY_OK && same_file(&says, &is)) return TALLY_OK;
    if (error == TALLY_EFORM)
        snprintf(checking->detail, ORIGIN_DETAIL_SIZE, "its mark %.40s cannot be read", name);
    else if (error != TALLY_OK)
        return error;
    else
        snprintf(checking->detail, ORIGIN_DETAIL_SIZE,
            "its mark was made in inode %" PRIu64 " and is in inode %" PRIu64 "%s", says.inode, is.inode,
            says.inode == is.inode ? ", made anew since" : "");
    return TALLY_EDENIED;
}

int origin_check(const struct disk *disk, const char *dir, char detail[ORIGIN_DETAIL_SIZE])
{
    struct checking checking = {.disk = disk, .dir = dir, .detail = detail};
    detail[0] = '\0';
    int error = disk->list(disk->context, dir, check_mark, &checking);
    return error == TALLY_OK && checking.marks == 0 ? TALLY_ENOTFOUND : error;
}
