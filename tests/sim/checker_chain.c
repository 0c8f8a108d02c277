/* What identities commit: one chain, in height order, each epoch under its own set, and one state after each
 * block. */
#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/codec/agreement.h"
#include "tests/sim/checker_state.h"

void fact_add(struct checker *checker, struct fact fact)
{
    if (checker->fact_count == checker->fact_capacity) {
        checker->fact_capacity = checker->fact_capacity == 0 ? 64 : 2 * checker->fact_capacity;
        checker->facts = realloc(checker->facts, checker->fact_capacity * sizeof fact);
        CHECK(checker->facts != NULL);
    }
    checker->facts[checker->fact_count++] = fact;
    if (fact.height > checker->top) checker->top = fact.height;
}

/* Newest first, since most commits are of the newest; 0 (genesis) where nobody committed it yet. */
static size_t fact_find(const struct checker *checker, const struct digest *hash, uint64_t height)
{
    for (size_t i = checker->fact_count; i-- > 1;) {
        const struct fact *fact = &checker->facts[i];
        if (fact->height == height && digest_equal(&fact->hash, hash)) return i;
        if (!checker->forked && fact->height < height) break;
    }
    return 0;
}

static void check_finalization(
    struct checker *checker, uint32_t identity, const struct consensus_output *commit)
{
    const struct block_header *header = &commit->header;
    bool path_fits = commit->seal_path_count == 0 || header->seals;
    if (!path_fits || !seal_path_holds(checker->vault, header, commit->seal_path, commit->seal_path_count,
                          commit->certificate))
        checker_fail(checker, "replica %u committed height %llu by a certificate that does not finalize it",
            identity, (unsigned long long)header->height);
}

/* R11: "The validator set changes only between epochs", commit "stops at the seal". */
static const char *epoch_fault(const struct fact *parent, const struct block_header *header)
{
    if (header->after_seal) return "what follows a seal is committed";
    if (header->epoch != parent->epoch + (parent->seals ? 1 : 0)) return "it is of the wrong epoch";
    uint64_t parent_view = parent->seals ? 0 : parent->view;
    if (header->parent_view != parent_view || header->view <= parent_view) return "views do not rise";
    if (header->height > 1 && header->time_ms <= parent->time_ms) return "time stands still";
    return NULL;
}

/* The first to commit a block has it held against its parent, and against all others of its height. */
static void fact_judge(
    struct checker *checker, uint32_t identity, const struct block_header *header, const struct fact *parent)
{
    unsigned long long height = header->height;
    const char *why = epoch_fault(parent, header);
    if (why != NULL) checker_fail(checker, "%s at height %llu", why, height);
    if (header->height > checker->top) return;
    checker->forked = true;
    if (!checker->may_fork)
        checker_fail(checker, "FORK: replica %u committed another block at height %llu", identity, height);
}

static struct fact fact_of(const struct consensus_output *commit, size_t parent)
{
    const struct block_header *header = &commit->header;
    return (struct fact){.hash = commit->block,
        .parent = parent,
        .epoch = header->epoch,
        .height = header->height,
        .view = header->view,
        .time_ms = header->time_ms,
        .seals = header->seals};
}

void checker_commit(struct checker *checker, uint32_t identity, const struct consensus_output *commit)
{
    struct identity *who = &checker->identities[identity];
    const struct block_header *header = &commit->header;
    if (!who->honest) return;
    struct fact parent = checker->facts[who->tip];
    struct digest computed = seal_header(header);
    if (header->height != parent.height + 1)
        checker_fail(checker, "replica %u committed height %llu after %llu", identity,
            (unsigned long long)header->height, (unsigned long long)parent.height);
    if (!digest_equal(&header->parent_hash, &parent.hash))
        checker_fail(checker, "replica %u committed height %llu on another parent", identity,
            (unsigned long long)header->height);
    if (!digest_equal(&computed, &commit->block))
        checker_fail(checker, "replica %u committed a header of another hash", identity);
    if (header->epoch != who->epoch)
        checker_fail(checker, "replica %u committed a block of another epoch", identity);
    if (commit->certificate != NULL) check_finalization(checker, identity, commit);
    if (checker->violated) return;
    who->open_commit = commit->certificate == NULL;
    size_t known = fact_find(checker, &commit->block, header->height);
    if (known == 0) {
        fact_judge(checker, identity, header, &parent);
        known = checker->fact_count;
        fact_add(checker, fact_of(commit, who->tip));
    }
    who->tip = known;
}

void checker_joined(struct checker *checker, uint32_t identity, const struct digest *block, uint64_t height)
{
    size_t known = fact_find(checker, block, height);
    if (known == 0)
        checker_fail(checker, "replica %u joins on a block of height %llu that nobody committed", identity,
            (unsigned long long)height);
    else
        checker->identities[identity].tip = known;
}

void checker_applied(struct checker *checker, uint32_t identity, const struct checkpoint *checkpoint)
{
    struct digest digest = checkpoint_digest(checkpoint);
    unsigned long long height = checkpoint->height;
    size_t known = fact_find(checker, &checkpoint->block, checkpoint->height);
    if (known == 0) {
        checker_fail(
            checker, "replica %u applied a block of height %llu that nobody committed", identity, height);
        return;
    }
    struct fact *fact = &checker->facts[known];
    if (fact->applied && !digest_equal(&fact->checkpoint, &digest))
        checker_fail(checker, "DIVERGENCE: replica %u has another state after height %llu", identity, height);
    fact->applied = true;
    fact->checkpoint = digest;
}

uint64_t checker_height(const struct checker *checker, uint32_t identity)
{
    return checker->facts[checker->identities[identity].tip].height;
}

bool checker_forked(const struct checker *checker)
{
    return checker->forked;
}

uint64_t checker_epoch(const struct checker *checker)
{
    return checker->epoch;
}

uint64_t checker_top(const struct checker *checker)
{
    return checker->top;
}
