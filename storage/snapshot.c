#include "storage/snapshot.h"

#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/crypto/digest.h"
#include "storage/snapshot_internal.h"
#include "storage/state_record.h"

#define MAGIC "TALLYSNP"
#define MAGIC_SIZE 8u
/* Bytes of subjects that a part is to have, and what an event and a subject come to. */
#define PART_SIZE_AIM (1u * MIB)
#define SUBJECT_SIZE_GUESS 256u
#define CHECKPOINT_SIZE_MAX (8u * KIB)

uint32_t snapshot_depth(const struct state_counts *counts)
{
    uint64_t size = counts->applied * SNAPSHOT_EVENT_SIZE + counts->subjects * SUBJECT_SIZE_GUESS;
    uint32_t depth = 0;
    while (depth < SNAPSHOT_DEPTH_MAX && size >> depth > PART_SIZE_AIM)
        depth++;
    return depth;
}

/* ---- Roots ---- */

static struct snapshot_subtree subtree_leaf(const struct digest *position, const struct subject_leaf *leaf)
{
    return (struct snapshot_subtree){.kind = SUBTREE_LEAF,
        .root = subject_leaf_hash(position, leaf),
        .position = *position,
        .leaf = *leaf};
}

static struct snapshot_subtree subtree_inner(const struct digest *left, const struct digest *right)
{
    return (struct snapshot_subtree){
        .kind = SUBTREE_INNER, .root = subject_node_hash(left, right), .sides = {*left, *right}};
}

struct snapshot_subtree snapshot_subtree_of(const struct snapshot_leaf *leaves, size_t count, size_t depth)
{
    if (count == 0) return (struct snapshot_subtree){.kind = SUBTREE_EMPTY};
    if (count == 1) return subtree_leaf(&leaves[0].position, &leaves[0].leaf);
    size_t zeros = 0;
    CHECK(depth < SUBJECT_PATH_LENGTH_MAX);
    while (zeros < count && position_bit(&leaves[zeros].position, depth) == 0)
        zeros++;
    struct snapshot_subtree left = snapshot_subtree_of(leaves, zeros, depth + 1),
                            right = snapshot_subtree_of(leaves + zeros, count - zeros, depth + 1);
    return subtree_inner(&left.root, &right.root);
}

struct snapshot_subtree snapshot_join(const struct snapshot_subtree *subtrees, size_t count)
{
    if (count == 1) return subtrees[0];
    struct snapshot_subtree left = snapshot_join(subtrees, count / 2),
                            right = snapshot_join(subtrees + count / 2, count / 2);
    if (left.kind == SUBTREE_EMPTY && right.kind != SUBTREE_INNER) return right;
    if (right.kind == SUBTREE_EMPTY && left.kind != SUBTREE_INNER) return left;
    return subtree_inner(&left.root, &right.root);
}

static bool batches_hold(const struct snapshot_head *head)
{
    const struct digest *at = head->batches;
    for (uint32_t i = 0; i < head->window.minute_count; i++) {
        const struct merkle_frontier *tree = &head->window.minutes[i].batches;
        struct digest expected = merkle_frontier_root(tree),
                      root = merkle_join(at, snapshot_runs(head, tree->count));
        if (!digest_equal(&root, &expected)) return false;
        at += snapshot_runs(head, tree->count);
    }
    return true;
}

/* Everything the head says, against the checkpoint. */
static bool roots_hold(const struct snapshot_head *head)
{
    const struct checkpoint *checkpoint = &head->certified.checkpoint;
    struct digest state = state_root(&head->parts), replay = replay_window_root(&head->window),
                  counts = state_counts_root(&head->counts),
                  history = merkle_join(head->history, head->history_count);
    struct snapshot_subtree subjects = snapshot_join(head->subtrees, (size_t)1 << head->depth);
    return digest_equal(&state, &checkpoint->state_root) &&
           digest_equal(&history, &checkpoint->history_root) &&
           digest_equal(&head->parts.members_root, &head->config.members_root) &&
           digest_equal(&head->parts.policy_root, &head->config.policy_root) &&
           digest_equal(&replay, &head->parts.replay_root) &&
           digest_equal(&counts, &head->parts.counts_root) &&
           digest_equal(&subjects.root, &head->parts.subjects_root) && batches_hold(head);
}

/* ---- Encoding ---- */

static void put_digest(struct buffer *out, const struct digest *digest)
{
    buffer_append(out, digest->bytes, DIGEST_SIZE);
}

static void put_subtree(struct buffer *out, const struct snapshot_subtree *subtree)
{
    buffer_u8(out, (uint8_t)subtree->kind);
    if (subtree->kind == SUBTREE_LEAF) {
        put_digest(out, &subtree->position);
        buffer_u64(out, subtree->leaf.count);
        buffer_u64(out, subtree->leaf.last_height);
        put_digest(out, &subtree->leaf.acc);
        put_digest(out, &subtree->leaf.summary);
    } else if (subtree->kind == SUBTREE_INNER) {
        put_digest(out, &subtree->sides[0]);
        put_digest(out, &subtree->sides[1]);
    }
}

void snapshot_head_encode(const struct snapshot_head *head, struct buffer *out)
{
    size_t start = out->size;
    buffer_append(out, MAGIC, MAGIC_SIZE);
    buffer_u32(out, SNAPSHOT_VERSION);
    struct buffer certified;
    buffer_init(&certified, CHECKPOINT_SIZE_MAX);
    certified_checkpoint_encode(&head->certified, &certified);
    if (certified.failed) out->failed = true;
    buffer_u32(out, (uint32_t)certified.size);
    buffer_append(out, certified.data, certified.size);
    buffer_close(&certified);
    put_digest(out, &head->parts.subjects_root);
    put_digest(out, &head->parts.members_root);
    put_digest(out, &head->parts.policy_root);
    put_digest(out, &head->parts.replay_root);
    put_digest(out, &head->parts.counts_root);
    buffer_u64(out, head->counts.events);
    buffer_u64(out, head->counts.applied);
    buffer_u64(out, head->counts.subjects);
    replay_window_encode(&head->window, out);
    buffer_u8(out, (uint8_t)head->depth);
    buffer_append(out, head->history, head->history_count * sizeof *head->history);
    buffer_append(out, head->batches, head->batches_count * sizeof *head->batches);
    for (size_t i = 0; i < (size_t)1 << head->depth; i++)
        put_subtree(out, &head->subtrees[i]);
    if (out->failed) return;
    struct digest digest = digest_tagged(TAG_SNAPSHOT, span_of(out->data + start, out->size - start));
    put_digest(out, &digest);
}

/* ---- Decoding ---- */

int snapshot_head_reserve(struct snapshot_head *head)
{
    head->history_count = snapshot_runs(head, head->certified.checkpoint.height);
    head->batches_count = 0;
    for (uint32_t i = 0; i < head->window.minute_count; i++)
        head->batches_count += snapshot_runs(head, head->window.minutes[i].batches.count);
    head->history = calloc(head->history_count + 1u, sizeof *head->history);
    head->batches = calloc(head->batches_count + 1u, sizeof *head->batches);
    head->subtrees = calloc((size_t)1 << head->depth, sizeof *head->subtrees);
    return head->history != NULL && head->batches != NULL && head->subtrees != NULL ? TALLY_OK : TALLY_ENOMEM;
}

static void read_digest(struct reader *reader, struct digest *digest)
{
    reader_copy(reader, digest->bytes, DIGEST_SIZE);
}

static int read_fields(struct reader *reader, struct snapshot_head *head)
{
    struct span certified = reader_span(reader, reader_u32(reader));
    if (reader->failed || certified_checkpoint_decode(certified, &head->certified) != TALLY_OK)
        return TALLY_EFORM;
    read_digest(reader, &head->parts.subjects_root);
    read_digest(reader, &head->parts.members_root);
    read_digest(reader, &head->parts.policy_root);
    read_digest(reader, &head->parts.replay_root);
    read_digest(reader, &head->parts.counts_root);
    head->counts.events = reader_u64(reader);
    head->counts.applied = reader_u64(reader);
    head->counts.subjects = reader_u64(reader);
    if (replay_window_decode(reader, &head->window) != TALLY_OK) return TALLY_EFORM;
    head->depth = reader_u8(reader);
    if (reader->failed || head->depth != snapshot_depth(&head->counts)) return TALLY_EFORM;
    return TALLY_OK;
}

/* Memory is taken for what is there, not for what is announced. */
static bool lists_fit(const struct reader *reader, const struct snapshot_head *head)
{
    uint64_t size = (head->certified.checkpoint.height / snapshot_run(head)) * DIGEST_SIZE;
    for (uint32_t i = 0; i < head->window.minute_count; i++)
        size += head->window.minutes[i].batches.count / snapshot_run(head) * DIGEST_SIZE;
    size += (uint64_t)1 << head->depth;
    return head->certified.checkpoint.height > 0 && size <= reader->left;
}

/* A leaf stands where its position says: else parts that are right would not fit. */
static bool read_subtree(
    struct reader *reader, uint32_t index, uint32_t depth, struct snapshot_subtree *subtree)
{
    uint8_t kind = reader_u8(reader);
    *subtree = (struct snapshot_subtree){.kind = SUBTREE_EMPTY};
    if (kind == SUBTREE_LEAF) {
        struct digest position;
        struct subject_leaf leaf;
        read_digest(reader, &position);
        leaf.count = reader_u64(reader);
        leaf.last_height = reader_u64(reader);
        read_digest(reader, &leaf.acc);
        read_digest(reader, &leaf.summary);
        *subtree = subtree_leaf(&position, &leaf);
        return snapshot_place(&position, depth) == index;
    }
    if (kind == SUBTREE_INNER) {
        struct digest sides[2];
        read_digest(reader, &sides[0]);
        read_digest(reader, &sides[1]);
        *subtree = subtree_inner(&sides[0], &sides[1]);
    }
    return kind <= SUBTREE_INNER;
}

static int read_lists(struct reader *reader, struct snapshot_head *head)
{
    reader_copy(reader, head->history, head->history_count * sizeof *head->history);
    reader_copy(reader, head->batches, head->batches_count * sizeof *head->batches);
    for (uint32_t i = 0; i < 1u << head->depth; i++)
        if (!read_subtree(reader, i, head->depth, &head->subtrees[i])) return TALLY_EFORM;
    return reader->failed ? TALLY_EFORM : TALLY_OK;
}

static int head_read(struct span bytes, struct snapshot_head *head)
{
    struct reader reader;
    struct digest said, digest;
    if (bytes.size < DIGEST_SIZE) return TALLY_EFORM;
    reader_init(&reader, bytes);
    struct span magic = reader_span(&reader, MAGIC_SIZE);
    uint32_t version = reader_u32(&reader);
    if (reader.failed || !span_equal(magic, span_of(MAGIC, MAGIC_SIZE))) return TALLY_EFORM;
    if (version != SNAPSHOT_VERSION) return TALLY_EVERSION;
    digest = digest_tagged(TAG_SNAPSHOT, span_of(bytes.data, bytes.size - DIGEST_SIZE));
    if (memcmp(digest.bytes, bytes.data + bytes.size - DIGEST_SIZE, DIGEST_SIZE) != 0) return TALLY_EFORM;
    int error = read_fields(&reader, head);
    if (error != TALLY_OK) return error;
    if (!lists_fit(&reader, head)) return TALLY_EFORM;
    error = snapshot_head_reserve(head);
    if (error == TALLY_OK) error = read_lists(&reader, head);
    if (error != TALLY_OK) return error;
    read_digest(&reader, &said);
    return reader_done(&reader) ? TALLY_OK : TALLY_EFORM;
}

int snapshot_head_decode(struct span bytes, const struct verify_set *validators,
    const struct state_config *config, struct snapshot_head **head)
{
    struct snapshot_head *read = calloc(1, sizeof *read);
    if (read == NULL) return TALLY_ENOMEM;
    read->validators = validators;
    read->config = *config;
    int error = head_read(bytes, read);
    if (error == TALLY_OK && !digest_equal(&read->certified.checkpoint.chain_id, &config->chain_id))
        error = TALLY_ECHAIN;
    if (error == TALLY_OK && !roots_hold(read)) error = TALLY_EINVALID;
    if (error == TALLY_OK && certified_checkpoint_check(validators, &read->certified) != TALLY_OK)
        error = TALLY_ESIGNATURE;
    if (error != TALLY_OK) {
        snapshot_head_close(read);
        return error;
    }
    *head = read;
    return TALLY_OK;
}

void snapshot_head_close(struct snapshot_head *head)
{
    if (head == NULL) return;
    free(head->history);
    free(head->batches);
    free(head->subtrees);
    free(head);
}

/* ---- What it says ---- */

const struct certified_checkpoint *snapshot_checkpoint(const struct snapshot_head *head)
{
    return &head->certified;
}

const struct state_counts *snapshot_counts(const struct snapshot_head *head)
{
    return &head->counts;
}

uint32_t snapshot_part_count(const struct snapshot_head *head, uint32_t kind)
{
    switch ((enum snapshot_part)kind) {
    case SNAPSHOT_BLOCK:
        return 1;
    case SNAPSHOT_HISTORY:
        return head->history_count;
    case SNAPSHOT_BATCHES:
        return head->batches_count;
    case SNAPSHOT_SUBJECTS:
        return 1u << head->depth;
    case SNAPSHOT_EVENTS:
        return 0;
    }
    return 0;
}

void snapshot_batches_place(
    const struct snapshot_head *head, uint32_t index, const struct replay_minute **minute, uint64_t *first)
{
    uint32_t at = 0;
    CHECK(index < head->batches_count);
    while (index >= snapshot_runs(head, head->window.minutes[at].batches.count))
        index -= snapshot_runs(head, head->window.minutes[at++].batches.count);
    *minute = &head->window.minutes[at];
    *first = (uint64_t)index * snapshot_run(head);
}

void snapshot_prefix_encode(uint64_t height, uint32_t kind, uint32_t index, struct buffer *out)
{
    buffer_append(out, MAGIC, MAGIC_SIZE);
    buffer_u32(out, SNAPSHOT_VERSION);
    buffer_u8(out, (uint8_t)kind);
    buffer_u32(out, index);
    buffer_u64(out, height);
}
