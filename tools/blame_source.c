#include "tools/blame_source.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "proto/codec/epoch_seal.h"
#include "proto/codec/history.h"
#include "storage/disk_reader.h"
#include "tools/home.h"

#define ANSWER_SIZE_MAX (64u * MIB)
#define ANSWER_ARENA_BUDGET (256u * MIB)
/* One decoded block at a time. */
#define BLOCK_ARENA_BUDGET (64u * MIB)

static bool is_directory(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* ---- Ledgers ---- */

/* The folder that holds ledger/ and bodies/: the home's data, or the directory itself. */
static enum tool_exit data_find(struct context *context, const char *path, char data[HOME_PATH_MAX])
{
    static const char *const places[] = {"data", "."};
    char ledger[HOME_PATH_MAX];
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        enum tool_exit code = path_join(context, path, places[i], data);
        if (code == TOOL_DONE) code = path_join(context, data, "ledger", ledger);
        if (code != TOOL_DONE) return code;
        if (is_directory(ledger)) return TOOL_DONE;
    }
    return context_fail(context, TOOL_REFUSED, "LEDGER",
        "%s holds no ledger; name a node's home, or its data directory", path);
}

static enum tool_exit ledger_take(
    struct context *context, const char *path, const struct digest *chain_id, struct blame_source *source)
{
    char data[HOME_PATH_MAX];
    struct ledger_report report;
    enum tool_exit code = data_find(context, path, data);
    if (code != TOOL_DONE) return code;
    int error = ledger_open(disk_reader(), data, chain_id, NULL, &source->ledger, &report);
    source->torn = report.bytes_cut > 0 || report.blocks_cut > 0;
    if (error == TALLY_OK && ledger_height(source->ledger) > 0) return TOOL_DONE;
    if (error == TALLY_OK) {
        return context_fail(context, TOOL_REFUSED, "LEDGER", "the ledger in %s holds no finalized block%s",
            data, source->torn ? ": its first records are torn" : "");
    }
    if (error == TALLY_ECHAIN) {
        return context_fail(
            context, TOOL_REFUSED, "CHAIN", "the ledger in %s is of another chain than the genesis", data);
    }
    return context_fail(context, TOOL_REFUSED, "LEDGER", "the ledger in %s cannot be read: %s%s%s", data,
        tally_error_text(error), report.detail[0] != '\0' ? ": " : "", report.detail);
}

static enum tool_exit read_fail(
    struct context *context, const struct blame_source *source, uint64_t height, int error)
{
    return context_fail(context, TOOL_REFUSED, "LEDGER", "block %llu of the ledger in %s cannot be read: %s",
        (unsigned long long)height, source->path, tally_error_text(error));
}

/* Each block names its parent's hash, so where two ledgers differ they differ from there on. */
enum tool_exit blame_fork_find(struct context *context, const struct blame_source *first,
    const struct blame_source *second, uint64_t *height)
{
    uint64_t a_height = ledger_height(first->ledger), b_height = ledger_height(second->ledger);
    uint64_t same = 0, past = (a_height < b_height ? a_height : b_height) + 1;
    while (past - same > 1) {
        uint64_t middle = same + (past - same) / 2;
        struct digest a, b;
        int error = ledger_hash(first->ledger, middle, &a);
        if (error != TALLY_OK) return read_fail(context, first, middle, error);
        error = ledger_hash(second->ledger, middle, &b);
        if (error != TALLY_OK) return read_fail(context, second, middle, error);
        if (digest_equal(&a, &b))
            same = middle;
        else
            past = middle;
    }
    *height = past;
    return TOOL_DONE;
}

/* Copies what blame looks at. Bytes that are no justification are kept as such. */
static int block_take(const struct block *block, struct arena *arena, struct blame_block *out)
{
    uint8_t *bytes = arena_take(arena, block->justification.size);
    struct justification *justification = arena_take(arena, sizeof *justification);
    struct certificate *finalization = arena_take(arena, sizeof *finalization);
    if (bytes == NULL || justification == NULL || finalization == NULL) return TALLY_ENOMEM;
    if (block->justification.size > 0) memcpy(bytes, block->justification.data, block->justification.size);
    struct span copy = span_of(bytes, block->justification.size);
    int error = justification_decode(copy, arena, justification);
    if (error == TALLY_ENOMEM) return error;
    *finalization = block->finalization;
    *out = (struct blame_block){.header = block->header,
        .hash = block->hash,
        .justification = error == TALLY_OK ? justification : NULL,
        .justification_bytes = copy,
        .has_signature = true,
        .signature = block->signature,
        .finalization = block->has_finalization && block->seal_path_count == 0 ? finalization : NULL};
    return TALLY_OK;
}

/* The headers above a seal, up to the one that is finalized. */
static int path_take(const struct block *seal, struct arena *arena, struct blame_block *out)
{
    struct certificate *finalization = arena_take(arena, sizeof *finalization);
    if (finalization == NULL) return TALLY_ENOMEM;
    *finalization = seal->finalization;
    for (uint32_t i = 0; i < seal->seal_path_count; i++)
        out[i] = (struct blame_block){.header = seal->seal_path[i],
            .hash = block_header_hash(&seal->seal_path[i]),
            .finalization = i + 1 == seal->seal_path_count ? finalization : NULL,
            .header_only = true};
    return TALLY_OK;
}

/* Adds the block to the chain, and what stands above it to its finalization, for which there is room. */
static int block_read(struct ledger *ledger, uint64_t height, struct arena *scratch, struct arena *arena,
    struct blame_block *blocks, uint32_t *count)
{
    struct block block;
    arena_reset(scratch);
    int error = ledger_read(ledger, height, false, scratch, &block);
    if (error == TALLY_OK) error = block_take(&block, arena, &blocks[*count]);
    if (error == TALLY_OK && block.seal_path_count > 0) error = path_take(&block, arena, &blocks[*count + 1]);
    if (error == TALLY_OK) *count += 1 + block.seal_path_count;
    return error;
}

enum tool_exit blame_chain_read(struct context *context, const struct blame_source *source, uint64_t height,
    struct arena *arena, struct blame_chain *chain)
{
    struct arena scratch;
    struct blame_block *blocks = arena_take(arena, (BLAME_BLOCKS_MAX + SEAL_PATH_MAX) * sizeof *blocks);
    uint64_t newest = ledger_height(source->ledger);
    uint32_t count = 0;
    int error = blocks == NULL ? TALLY_ENOMEM : TALLY_OK;
    arena_init(&scratch, BLOCK_ARENA_BUDGET);
    bool ended = false;
    while (error == TALLY_OK && !ended && height + count <= newest) {
        error = count == BLAME_BLOCKS_MAX
                    ? TALLY_ELIMIT
                    : block_read(source->ledger, height + count, &scratch, arena, blocks, &count);
        if (error == TALLY_OK) ended = blocks[count - 1].finalization != NULL;
    }
    arena_close(&scratch);
    if (error != TALLY_OK) return read_fail(context, source, height + count, error);
    *chain = (struct blame_chain){count, blocks};
    return TOOL_DONE;
}

/* ---- Saved answers ---- */

static int seals_keep(struct span seals, struct blame_source *source)
{
    buffer_append(&source->seals, seals.data, seals.size);
    return source->seals.failed ? TALLY_ENOMEM : TALLY_OK;
}

static int checkpoint_take(struct span bytes, struct blame_source *source)
{
    return certified_checkpoint_decode(bytes, &source->checkpoint);
}

static int history_take(struct span bytes, struct blame_source *source)
{
    struct arena arena;
    struct history_proof *proof = calloc(1, sizeof *proof);
    if (proof == NULL) return TALLY_ENOMEM;
    arena_init(&arena, ANSWER_ARENA_BUDGET);
    int error = history_proof_decode(bytes, &arena, proof);
    if (error == TALLY_OK) source->checkpoint = proof->checkpoint;
    if (error == TALLY_OK) error = seals_keep(proof->seals, source);
    arena_close(&arena);
    free(proof);
    return error;
}

static int receipt_take(struct span bytes, struct blame_source *source)
{
    struct receipt receipt;
    int error = receipt_decode(bytes, &receipt);
    if (error != TALLY_OK) return error;
    source->checkpoint = receipt.checkpoint;
    return seals_keep(receipt.seals, source);
}

static int consistency_take(struct span bytes, struct blame_source *source)
{
    struct consistency_proof proof;
    int error = consistency_proof_decode(bytes, &proof);
    if (error != TALLY_OK) return error;
    source->checkpoint = proof.newer;
    return seals_keep(proof.seals, source);
}

/* No two of these have an encoding in common. */
static enum tool_exit answer_take(struct context *context, struct span bytes, struct blame_source *source)
{
    static int (*const forms[])(struct span bytes, struct blame_source * source) = {
        checkpoint_take, history_take, receipt_take, consistency_take};
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (forms[i](bytes, source) == TALLY_OK) return TOOL_DONE;
    if (bytes.size > 0 && bytes.data[0] == '{') {
        return context_fail(context, TOOL_USAGE, "USAGE",
            "%s is no answer of a node; saved evidence is checked by: tally blame --check FILE",
            source->path);
    }
    return context_fail(context, TOOL_REFUSED, "FORM",
        "%s is neither a home, nor what tally history --out or tally checkpoint --out saved", source->path);
}

enum tool_exit blame_source_open(
    struct context *context, const char *path, const struct digest *chain_id, struct blame_source *source)
{
    char why[MESSAGE_SIZE_MAX / 2];
    struct buffer bytes;
    *source = (struct blame_source){.path = path};
    buffer_init(&source->seals, EPOCH_SEALS_SIZE_MAX);
    if (is_directory(path)) return ledger_take(context, path, chain_id, source);
    buffer_init(&bytes, ANSWER_SIZE_MAX);
    int error = file_read(path, &bytes, why, sizeof why);
    enum tool_exit code = error == TALLY_OK ? answer_take(context, buffer_span(&bytes), source)
                                            : context_fail(context, TOOL_REFUSED, "FILE", "%s", why);
    buffer_close(&bytes);
    return code;
}

void blame_source_close(struct blame_source *source)
{
    ledger_close(source->ledger);
    buffer_close(&source->seals);
}
