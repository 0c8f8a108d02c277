#include "node/evidence.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

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

static int append_line(const char *path, struct span line)
{
    struct stat status;
    int file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) return errno == ENOSPC ? TALLY_EFULL : TALLY_EIO;
    int error = TALLY_OK;
    if (fstat(file, &status) != 0) {
        error = TALLY_EIO;
    } else if ((uint64_t)status.st_size + line.size > EVIDENCE_FILE_SIZE_MAX) {
        error = TALLY_EFULL;
    } else if (write(file, line.data, line.size) != (ssize_t)line.size || fdatasync(file) != 0) {
        error = errno == ENOSPC ? TALLY_EFULL : TALLY_EIO;
    }
    close(file);
    return error;
}

int evidence_keep(const char *data_dir, const struct public_key *key, const struct evidence *evidence)
{
    char path[4200];
    struct buffer line;
    snprintf(path, sizeof path, "%s/evidence.jsonl", data_dir);
    buffer_init(&line, EVIDENCE_LINE_SIZE_MAX);
    evidence_line_print(evidence, key, &line);
    int error = line.failed ? TALLY_ENOMEM : append_line(path, buffer_span(&line));
    buffer_close(&line);
    return error;
}
