#include "node/evidence.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/check.h"
#include "proto/codec/agreement.h"

#define LINE_SIZE_MAX (64u * KIB)

static void put_text(struct buffer *out, const char *text)
{
    buffer_append(out, text, strlen(text));
}

static void put_hex(struct buffer *out, struct span bytes)
{
    char pair[3];
    for (size_t i = 0; i < bytes.size; i++) {
        hex_encode(span_of(bytes.data + i, 1), pair);
        put_text(out, pair);
    }
}

static void put_message(struct buffer *line, const char *name, const struct consensus_evidence *evidence,
    const struct vote *vote, const struct block_header *header, const struct signature *signature)
{
    struct buffer bytes;
    buffer_init(&bytes, LINE_SIZE_MAX);
    if (evidence->proposals) {
        struct proposal proposal = {.header = *header, .signature = *signature};
        proposal_encode(&proposal, &bytes);
    } else {
        vote_encode(vote, &bytes);
    }
    CHECK(!bytes.failed);
    put_text(line, ",\"");
    put_text(line, name);
    put_text(line, "\":\"");
    put_hex(line, buffer_span(&bytes));
    put_text(line, "\"");
    buffer_close(&bytes);
}

static void put_line(
    struct buffer *line, const struct validator_set *set, const struct consensus_evidence *evidence)
{
    char numbers[96];
    put_text(line, "{\"validator\":\"");
    put_hex(line, span_of(set->keys[evidence->signer].bytes, PUBLIC_KEY_SIZE));
    snprintf(numbers, sizeof numbers, "\",\"epoch\":%llu,\"view\":%llu,\"messages\":\"%s\"",
        (unsigned long long)set->epoch, (unsigned long long)evidence->view,
        evidence->proposals ? "proposals" : "votes");
    put_text(line, numbers);
    put_message(
        line, "first", evidence, &evidence->first, &evidence->first_header, &evidence->first_signature);
    put_message(
        line, "second", evidence, &evidence->second, &evidence->second_header, &evidence->second_signature);
    put_text(line, "}\n");
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

int evidence_keep(
    const char *data_dir, const struct validator_set *set, const struct consensus_evidence *evidence)
{
    CHECK(evidence->signer < set->count);
    char path[4200];
    struct buffer line;
    snprintf(path, sizeof path, "%s/evidence.jsonl", data_dir);
    buffer_init(&line, LINE_SIZE_MAX);
    put_line(&line, set, evidence);
    int error = line.failed ? TALLY_ENOMEM : append_line(path, buffer_span(&line));
    buffer_close(&line);
    return error;
}
