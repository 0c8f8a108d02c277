/* `tally restore`: a backup, into a home whose node has no data. */
#include "storage/backup.h"

#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/args.h"
#include "tools/backup_manifest.h"
#include "tools/home.h"
#include "tools/output.h"
#include "tools/restore_check.h"

#define PROGRESS_MS 200u
#define DEPTH_MAX 8

static enum tool_exit restore_run(struct context *context, int count, char **arguments);

const struct command command_restore = {
    .name = "restore",
    .summary = "puts a backup into a node's home",
    .help = "usage: tally --home DIR restore --from FOLDER\n"
            "\n"
            "Puts what `tally backup` copied to FOLDER into DIR/data, which must hold nothing yet. Each file "
            "is held against\n"
            "its size and SHA-256 in the MANIFEST, and then all of them against what was signed, so that it "
            "does not matter\n"
            "who wrote the MANIFEST: every block's parent, leader and quorum, up to the genesis in DIR; its "
            "batches'\n"
            "signatures; each body against its event; the snapshot, part by part, against its signed "
            "checkpoint. The first\n"
            "file that is not what it was is named. DIR is a home with its node.yaml, keys and genesis.json, "
            "of the same\n"
            "network. All of it appears at once, or nothing does.\n"
            "\n"
            "Two things cannot be checked: whether newer blocks were final when the backup was made, and "
            "whether the node it\n"
            "was made from had the bodies that are withheld. Their number is told.\n"
            "\n"
            "Start the node then: it computes its state from the ledger, holds it against what a quorum "
            "signed, and "
            "fetches from\n"
            "its peers what came after the backup. A validator's votes are not in a backup, so it follows "
            "and does not "
            "vote, as\n"
            "after a lost disk; node/OPERATIONS.md says what to do about that.\n"
            "\n"
            "  --from FOLDER   the backup\n"
            "\n"
            "--json prints {\"height\", \"files\", \"bytes\", \"blocks\", \"signatures\", \"bodies\", "
            "\"withheld\", \"snapshots\"}.\n",
    .run = restore_run,
};

/* ---- The manifest ---- */

static enum tool_exit manifest_read(
    struct context *context, const char *folder, struct backup_manifest *manifest)
{
    char path[HOME_PATH_MAX], why[MESSAGE_SIZE_MAX];
    struct buffer bytes;
    enum tool_exit code = path_join(context, folder, BACKUP_MANIFEST, path);
    if (code != TOOL_DONE) return code;
    buffer_init(&bytes, BACKUP_MANIFEST_SIZE_MAX);
    if (file_read(path, &bytes, why, sizeof why) != TALLY_OK) {
        buffer_close(&bytes);
        return context_fail(context, TOOL_REFUSED, "BACKUP", "%s", why);
    }
    int error = backup_manifest_decode(buffer_span(&bytes), manifest);
    buffer_close(&bytes);
    if (error == TALLY_OK) return TOOL_DONE;
    return context_fail(
        context, TOOL_REFUSED, "BACKUP", "%s is not a whole backup's: %s", path, tally_error_text(error));
}

/* ---- The home ---- */

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status, (void)kind, (void)place;
    return remove(path);
}

/* What an earlier attempt left goes; and a place for this one is made. */
static enum tool_exit staging_make(struct context *context, const char *staging)
{
    struct stat status;
    if (lstat(staging, &status) == 0 && nftw(staging, remove_one, DEPTH_MAX, FTW_DEPTH | FTW_PHYS) != 0)
        return context_fail(context, TOOL_REFUSED, "DATA", "cannot remove %s: %s", staging, strerror(errno));
    if (mkdir(staging, 0700) != 0)
        return context_fail(context, TOOL_REFUSED, "DATA", "cannot make %s: %s", staging, strerror(errno));
    return TOOL_DONE;
}

static int other_seen(void *context, const char *name)
{
    (void)context;
    return strcmp(name, "LOCK") == 0 ? TALLY_OK : TALLY_EEXISTS;
}

/* A folder with nothing but a lock that nobody holds is as good as none. */
static enum tool_exit data_is_empty(struct context *context, const char *data)
{
    const struct disk *disk = disk_system();
    char lock_path[HOME_PATH_MAX];
    int lock;
    int error = disk->list(disk->context, data, other_seen, NULL);
    if (error == TALLY_ENOTFOUND) return TOOL_DONE;
    if (error == TALLY_EEXISTS)
        return context_fail(context, TOOL_REFUSED, "DATA",
            "%s holds a node's data: move it away first, a backup is never put over it", data);
    if (error == TALLY_OK) error = disk_lock(disk, data, &lock);
    if (error == TALLY_EBUSY)
        return context_fail(context, TOOL_REFUSED, "RUNNING", "a node runs on %s: stop it first", data);
    enum tool_exit code = path_join(context, data, "LOCK", lock_path);
    if (error == TALLY_OK) {
        bool gone = code == TOOL_DONE && unlink(lock_path) == 0 && rmdir(data) == 0;
        disk_unlock(disk, lock);
        if (gone) return TOOL_DONE;
    }
    return context_fail(context, TOOL_REFUSED, "DATA", "%s cannot be replaced", data);
}

/* ---- Copying ---- */

static enum tool_exit files_put(struct context *context, const char *folder, const char *staging,
    const struct backup_manifest *manifest, uint64_t *bytes)
{
    uint64_t shown_ms = 0;
    for (size_t i = 0; i < manifest->count; i++) {
        const struct backup_file *file = &manifest->files[i];
        int error = backup_put(disk_system(), folder, staging, file);
        if (error == TALLY_OK) {
            *bytes += file->size;
            if (clock_steady_ms() - shown_ms < PROGRESS_MS) continue;
            shown_ms = clock_steady_ms();
            progress_show("restored %" PRIu64 " MiB", *bytes >> 20);
            continue;
        }
        progress_end();
        if (error == TALLY_EDAMAGED)
            return context_fail(context, TOOL_REFUSED, "BACKUP",
                "%s/%s is not what the MANIFEST says: this backup is damaged", folder, file->name);
        return context_fail(
            context, TOOL_REFUSED, "BACKUP", "%s/%s: %s", folder, file->name, tally_error_text(error));
    }
    progress_end();
    return TOOL_DONE;
}

/* Under another name first, so that data appears whole. */
static enum tool_exit put_in_place(
    struct context *context, const char *home, const char *staging, const char *data)
{
    int error = backup_put_end(disk_system(), staging);
    if (error == TALLY_OK && rename(staging, data) != 0) error = TALLY_EIO;
    if (error == TALLY_OK) error = disk_system()->sync_dir(disk_system()->context, home);
    if (error == TALLY_OK) return TOOL_DONE;
    return context_fail(
        context, TOOL_REFUSED, "DATA", "%s cannot be put in place: %s", data, tally_error_text(error));
}

static enum tool_exit tell(struct context *context, const char *data, const struct backup_manifest *manifest,
    uint64_t bytes, const struct fsck_counts *counts)
{
    if (context->json)
        return output_json_take(
            context, json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "height",
                         (json_int_t)manifest->height, "files", (json_int_t)manifest->count, "bytes",
                         (json_int_t)bytes, "blocks", (json_int_t)counts->blocks, "signatures",
                         (json_int_t)counts->signatures, "bodies", (json_int_t)counts->bodies, "withheld",
                         (json_int_t)counts->withheld, "snapshots", (json_int_t)counts->snapshots));
    printf("%s: %zu files, %" PRIu64 " bytes, final up to height %" PRIu64
           "; start the node, and it goes on from there\n",
        data, manifest->count, bytes, manifest->height);
    printf("checked: %" PRIu64 " blocks, %" PRIu64 " signatures, %" PRIu64 " bodies, %" PRIu64
           " snapshots; cannot be checked: whether newer blocks were final",
        counts->blocks, counts->signatures, counts->bodies, counts->snapshots);
    if (counts->withheld > 0)
        printf(", and whether %" PRIu64 " bodies that are withheld were there", counts->withheld);
    printf("\n");
    return TOOL_DONE;
}

static enum tool_exit restore_all(struct context *context, const struct home *home, const char *folder,
    const struct genesis *genesis, const struct backup_manifest *manifest)
{
    char data[HOME_PATH_MAX], staging[HOME_PATH_MAX];
    struct fsck_counts counts;
    uint64_t bytes = 0;
    enum tool_exit code = path_join(context, home->path, "data", data);
    if (code == TOOL_DONE) code = path_join(context, home->path, "data.restoring", staging);
    if (code == TOOL_DONE) code = data_is_empty(context, data);
    if (code == TOOL_DONE) code = staging_make(context, staging);
    if (code == TOOL_DONE) code = files_put(context, folder, staging, manifest, &bytes);
    if (code == TOOL_DONE) code = restore_check(context, folder, staging, genesis, manifest, &counts);
    if (code == TOOL_DONE) code = put_in_place(context, home->path, staging, data);
    return code == TOOL_DONE ? tell(context, data, manifest, bytes, &counts) : code;
}

/* ---- The command ---- */

static enum tool_exit restore_run(struct context *context, int count, char **arguments)
{
    static const struct option_spec options[] = {{"from", true}, {NULL, false}};
    struct args args;
    struct home home;
    struct genesis *genesis = NULL;
    struct backup_manifest manifest = {.count = 0};
    char why[MESSAGE_SIZE_MAX / 2];
    if (args_parse(options, count, arguments, &args, why, sizeof why) != TALLY_OK)
        return context_fail(context, TOOL_USAGE, "USAGE", "%s; see: tally help restore", why);
    const char *folder = args_value(&args, "from");
    if (folder == NULL || args.positional_count != 0)
        return context_fail(context, TOOL_USAGE, "USAGE", "wanted: tally --home DIR restore --from FOLDER");
    enum tool_exit code = home_open_given(context, &home);
    if (code == TOOL_DONE) code = home_genesis(context, &home, &genesis);
    if (code == TOOL_DONE) code = manifest_read(context, folder, &manifest);
    if (code == TOOL_DONE && !digest_equal(&manifest.chain_id, &genesis->chain_id))
        code = context_fail(
            context, TOOL_REFUSED, "CHAIN", "%s is a backup of another network than %s's", folder, home.path);
    if (code == TOOL_DONE) code = restore_all(context, &home, folder, genesis, &manifest);
    backup_manifest_close(&manifest);
    free(genesis);
    return code;
}
