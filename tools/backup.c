/* `tally backup`: a node's ledger and newest snapshot, out of its home. */
#include "storage/backup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "storage/disk_reader.h"
#include "storage/ledger.h"
#include "storage/snapshot_file.h"
#include "tools/args.h"
#include "tools/backup_manifest.h"
#include "tools/home.h"
#include "tools/output.h"

#define PROGRESS_MS 200u

static enum tool_exit backup_run(struct context *context, int count, char **arguments);

const struct command command_backup = {
    .name = "backup",
    .summary = "copies a node's ledger and newest snapshot",
    .help =
        "usage: tally --home DIR backup --out FOLDER\n"
        "\n"
        "Copies into FOLDER, which is new or empty, what the node of DIR cannot make anew by itself: the "
        "segments of its\n"
        "ledger and of the event bodies, and its newest snapshot; and a MANIFEST with the size and the "
        "SHA-256 of each file.\n"
        "The node may run meanwhile: of what it is writing, every record that is whole is copied. The ledger "
        "in the copy is\n"
        "then opened, and the height up to which it is final is told.\n"
        "\n"
        "Not in it: LevelDB's files, which are made again from the ledger; data/votes, since nobody may vote "
        "by a copy; and\n"
        "keys, certificates, node.yaml and genesis.json, which do not change: keep those apart. Event bodies "
        "are personal\n"
        "data: keep FOLDER as you keep the node itself.\n"
        "\n"
        "  --out FOLDER   where the copy goes\n"
        "\n"
        "--json prints {\"folder\", \"height\", \"files\", \"bytes\", \"snapshot\" (its height, or null)}.\n",
    .run = backup_run,
};

struct copying {
    struct backup_manifest manifest;
    uint64_t bytes, shown_ms;
};

static int file_told(void *context, const struct backup_file *file)
{
    struct copying *copying = context;
    copying->bytes += file->size;
    if (clock_steady_ms() - copying->shown_ms >= PROGRESS_MS) {
        copying->shown_ms = clock_steady_ms();
        progress_show("copied %" PRIu64 " MiB", copying->bytes >> 20);
    }
    return backup_manifest_add(&copying->manifest, file);
}

static int entry_seen(void *context, const char *name)
{
    (void)context, (void)name;
    return TALLY_EEXISTS;
}

static enum tool_exit folder_make(struct context *context, const char *folder)
{
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return context_fail(context, TOOL_REFUSED, "FOLDER", "cannot make %s: %s", folder, strerror(errno));
    int error = disk_system()->list(disk_system()->context, folder, entry_seen, NULL);
    if (error == TALLY_OK) return TOOL_DONE;
    return context_fail(context, TOOL_REFUSED, "FOLDER",
        error == TALLY_EEXISTS ? "%s is not empty: a backup goes into a folder of its own"
                               : "%s cannot be read",
        folder);
}

/* How far what was copied is final: what a start would find in it. */
static int height_read(const char *folder, const struct digest *chain_id, uint64_t *height)
{
    struct ledger *ledger;
    struct ledger_report report;
    int error = ledger_open(disk_reader(), folder, chain_id, NULL, &ledger, &report);
    if (error != TALLY_OK) return error;
    *height = ledger_height(ledger);
    ledger_close(ledger);
    return TALLY_OK;
}

static enum tool_exit manifest_write(
    struct context *context, const char *folder, const struct backup_manifest *manifest)
{
    char path[HOME_PATH_MAX], why[MESSAGE_SIZE_MAX];
    struct buffer bytes;
    enum tool_exit code = path_join(context, folder, BACKUP_MANIFEST, path);
    if (code != TOOL_DONE) return code;
    buffer_init(&bytes, BACKUP_MANIFEST_SIZE_MAX);
    backup_manifest_encode(manifest, &bytes);
    int error = bytes.failed ? TALLY_ENOMEM : file_create(path, 0600, buffer_span(&bytes), why, sizeof why);
    if (bytes.failed) snprintf(why, sizeof why, "not enough memory");
    buffer_close(&bytes);
    return error == TALLY_OK ? TOOL_DONE : context_fail(context, TOOL_REFUSED, "FILE", "%s", why);
}

static enum tool_exit tell(struct context *context, const char *folder, const struct copying *copying)
{
    uint64_t snapshot = 0, height = copying->manifest.height;
    bool has = snapshot_newest(disk_system(), folder, UINT64_MAX, &snapshot) == TALLY_OK;
    if (context->json)
        return output_json_take(
            context, json_pack("{s:s, s:I, s:I, s:I, s:o}", "folder", folder, "height", (json_int_t)height,
                         "files", (json_int_t)copying->manifest.count, "bytes", (json_int_t)copying->bytes,
                         "snapshot", has ? json_integer((json_int_t)snapshot) : json_null()));
    printf("%s: %zu files, %" PRIu64 " bytes, final up to height %" PRIu64 ", %s", folder,
        copying->manifest.count, copying->bytes, height,
        has ? "with the snapshot of height " : "no snapshot");
    if (has) printf("%" PRIu64, snapshot);
    printf("\n");
    return TOOL_DONE;
}

static enum tool_exit copy_all(
    struct context *context, const char *data, const char *folder, struct copying *copying)
{
    int error = backup_copy(disk_system(), data, folder, file_told, copying);
    if (error == TALLY_OK)
        error = height_read(folder, &copying->manifest.chain_id, &copying->manifest.height);
    progress_end();
    switch (error) {
    case TALLY_OK:
        return manifest_write(context, folder, &copying->manifest);
    case TALLY_ENOTFOUND:
        return context_fail(
            context, TOOL_REFUSED, "DATA", "%s holds no ledger: this node was never started", data);
    case TALLY_EBUSY:
        return context_fail(context, TOOL_REFUSED, "AGAIN",
            "a file of %s was replaced while it was copied: empty %s and run the backup again", data, folder);
    case TALLY_EDAMAGED:
        return context_fail(context, TOOL_REFUSED, "DAMAGED",
            "the ledger in %s is damaged: stop the node and run tally fsck; copy another node meanwhile",
            data);
    default:
        return context_fail(context, TOOL_REFUSED, "DATA", "%s cannot be copied to %s: %s", data, folder,
            tally_error_text(error));
    }
}

static enum tool_exit backup_run(struct context *context, int count, char **arguments)
{
    static const struct option_spec options[] = {{"out", true}, {NULL, false}};
    struct args args;
    struct home home;
    struct genesis *genesis = NULL;
    char why[MESSAGE_SIZE_MAX / 2], data[HOME_PATH_MAX];
    struct copying copying = {.manifest = {.count = 0}};
    if (args_parse(options, count, arguments, &args, why, sizeof why) != TALLY_OK)
        return context_fail(context, TOOL_USAGE, "USAGE", "%s; see: tally help backup", why);
    const char *folder = args_value(&args, "out");
    if (folder == NULL || args.positional_count != 0)
        return context_fail(context, TOOL_USAGE, "USAGE", "wanted: tally --home DIR backup --out FOLDER");
    enum tool_exit code = home_open_given(context, &home);
    if (code == TOOL_DONE) code = path_join(context, home.path, "data", data);
    if (code == TOOL_DONE) code = home_genesis(context, &home, &genesis);
    if (code == TOOL_DONE) copying.manifest.chain_id = genesis->chain_id;
    if (code == TOOL_DONE) code = folder_make(context, folder);
    if (code == TOOL_DONE) code = copy_all(context, data, folder, &copying);
    if (code == TOOL_DONE) code = tell(context, folder, &copying);
    backup_manifest_close(&copying.manifest);
    free(genesis);
    return code;
}
