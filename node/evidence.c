#include "node/evidence.h"

#include "storage/disk.h"

static struct statement statement_of_vote(const struct vote *vote)
{
    return (struct statement){.kind = (enum statement_kind)vote->kind,
        .epoch = vote->epoch,
        .view = vote->view,
        .block = vote->block,
        .signer = vote->signer,
        .signature = vote->signature};
}

static struct statement statement_of_proposal(
    const struct consensus_evidence *said, const struct digest *block, const struct signature *signature)
{
    return (struct statement){.kind = STATEMENT_PROPOSE,
        .epoch = said->first_header.epoch,
        .view = said->view,
        .block = *block,
        .signer = said->signer,
        .signature = *signature};
}

struct evidence evidence_of_consensus(
    const struct digest *chain_id, uint64_t epoch, const struct consensus_evidence *said)
{
    struct evidence evidence = {
        .form = EVIDENCE_STATEMENTS, .chain_id = *chain_id, .epoch = epoch, .signer = said->signer};
    if (said->proposals) {
        evidence.first = statement_of_proposal(said, &said->first_block, &said->first_signature);
        evidence.second = statement_of_proposal(said, &said->second_block, &said->second_signature);
    } else {
        evidence.first = statement_of_vote(&said->first);
        evidence.second = statement_of_vote(&said->second);
    }
    evidence_arrange(&evidence);
    return evidence;
}

static int open_file(const struct disk *disk, const char *data_dir, const char *path, int *file)
{
    int error = disk->open(disk->context, path, DISK_WRITE, file);
    if (error != TALLY_ENOTFOUND) return error;
    error = disk->open(disk->context, path, DISK_CREATE, file);
    if (error != TALLY_OK) return error;
    error = disk->sync_dir(disk->context, data_dir);
    if (error != TALLY_OK) disk->close(disk->context, *file);
    return error;
}

/* Where the last whole line ends. What stands behind it is what a crash left of a line, and would spoil the
 * next one. */
static int lines_end(const struct disk *disk, int file, uint64_t *end)
{
    char bytes[4096];
    while (*end > 0) {
        uint64_t start = *end > sizeof bytes ? *end - sizeof bytes : 0;
        size_t got;
        int error = disk->read(disk->context, file, start, bytes, (size_t)(*end - start), &got);
        if (error != TALLY_OK) return error;
        const char *newline = memrchr(bytes, '\n', got);
        *end = newline != NULL ? start + (uint64_t)(newline - bytes) + 1 : start;
        if (newline != NULL) return TALLY_OK;
    }
    return TALLY_OK;
}

static int append_line(const struct disk *disk, int file, struct span line)
{
    uint64_t end;
    int error = disk->size(disk->context, file, &end);
    if (error == TALLY_OK && end + line.size > EVIDENCE_FILE_SIZE_MAX) error = TALLY_EFULL;
    if (error == TALLY_OK) error = lines_end(disk, file, &end);
    if (error == TALLY_OK) error = disk->resize(disk->context, file, end);
    if (error != TALLY_OK) return error;
    error = disk->write(disk->context, file, end, line.data, line.size);
    if (error == TALLY_OK) error = disk->sync(disk->context, file);
    /* Taken back; where that fails too, the next line takes its place. */
    if (error != TALLY_OK) (void)disk->resize(disk->context, file, end);
    return error;
}

int evidence_keep(const char *data_dir, const struct public_key *key, const struct evidence *evidence)
{
    const struct disk *disk = disk_system();
    char path[DISK_PATH_SIZE_MAX];
    struct buffer line;
    int file;
    int error = disk_join(data_dir, "evidence.jsonl", path);
    if (error == TALLY_OK) error = open_file(disk, data_dir, path, &file);
    if (error != TALLY_OK) return error;
    buffer_init(&line, EVIDENCE_LINE_SIZE_MAX);
    evidence_line_print(evidence, key, &line);
    error = line.failed ? TALLY_ENOMEM : append_line(disk, file, buffer_span(&line));
    buffer_close(&line);
    disk->close(disk->context, file);
    return error;
}
