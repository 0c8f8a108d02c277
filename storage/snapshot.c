#include "storage/snapshot.h"

#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/crypto/digest.h"
#include "proto/proof/verdict.h"
#include "storage/snapshot_internal.h"
#include "storage/state_record.h"

#define MAGIC "TALLYSNP"
#define MAGIC_SIZE 8u
/* Bytes of subjects that a part is to have, and what an event comes to. */
#define PART_SIZE_AIM (1u * MIB)
#define EVENT_SIZE_GUESS 56u
#define CHECKPOINT_SIZE_MAX (8u * KIB)

uint32_t snapshot_depth(const struct state_counts *counts)
{
    uint64_t size = counts->applied * EVENT_SIZE_GUESS;
    uint32_t depth = 0;
    while (depth < SNAPSHOT_DEPTH_MAX && size >> depth > PART_SIZE_AIM)
        depth++;
    return depth;
}

/* ---- Roots ---- */

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
                  members = digest_tagged(TAG_REGISTER, buffer_span(&head->registered)),
                  history = merkle_join(head->history, head->history_count);
    struct snapshot_subtree subjects = snapshot_ranges_join(&head->ranges);
    return digest_equal(&state, &checkpoint->state_root) &&
           digest_equal(&history, &checkpoint->history_root) &&
           digest_equal(&members, &head->parts.members_root) &&
           digest_equal(&replay, &head->parts.replay_root) &&
           digest_equal(&counts, &head->parts.counts_root) &&
           digest_equal(&subjects.root, &head->parts.subjects_root) && batches_hold(head);
}

/* From the genesis's validators to those of the checkpoint's epoch, whose signatures it bears. */
static int signatures_hold(struct snapshot_head *head, const struct verify_set *genesis)
{
    struct proof_verdict verdict = {0};
    struct proof_trust *trust = calloc(1, sizeof *trust);
    struct epoch_walk *walk = calloc(1, sizeof *walk);
    int error = trust != NULL && walk != NULL ? TALLY_OK : TALLY_ENOMEM;
    if (error == TALLY_OK) {
        trust->chain_id = head->config.chain_id;
        trust->validators = *genesis;
        error = epoch_walk_begin(
            walk, trust, buffer_span(&head->seals), head->certified.checkpoint.epoch, &verdict);
    }
    if (error == TALLY_OK) error = epoch_walk_end(walk, &verdict);
    if (error == TALLY_OK) error = epoch_walk_checkpoint(walk, &head->certified, &verdict);
    if (error == TALLY_OK) head->validators = walk->set;
    free(walk);
    free(trust);
    return error == TALLY_OK || error == TALLY_ENOMEM ? error : TALLY_ESIGNATURE;
}

/* ---- Encoding ---- */

static void put_digest(struct buffer *out, const struct digest *digest)
{
    buffer_append(out, digest->bytes, DIGEST_SIZE);
}

static void put_sized(struct buffer *out, const struct buffer *bytes)
{
    if (bytes->failed) out->failed = true;
    buffer_u32(out, (uint32_t)bytes->size);
    buffer_append(out, bytes->data, bytes->size);
}

void snapshot_head_encode(const struct snapshot_head *head, struct buffer *out)
{
    size_t start = out->size;
    buffer_append(out, MAGIC, MAGIC_SIZE);
    buffer_u32(out, SNAPSHOT_VERSION);
    struct buffer certified;
    buffer_init(&certified, CHECKPOINT_SIZE_MAX);
    certified_checkpoint_encode(&head->certified, &certified);
    put_sized(out, &certified);
    buffer_close(&certified);
    put_sized(out, &head->seals);
    put_digest(out, &head->parts.subjects_root);
    put_digest(out, &head->parts.members_root);
    put_digest(out, &head->parts.policy_root);
    put_digest(out, &head->parts.replay_root);
    put_digest(out, &head->parts.counts_root);
    put_sized(out, &head->registered);
    buffer_u64(out, head->counts.events);
    buffer_u64(out, head->counts.applied);
    replay_window_encode(&head->window, out);
    buffer_u8(out, (uint8_t)head->depth);
    buffer_append(out, head->history, head->history_count * sizeof *head->history);
    buffer_append(out, head->batches, head->batches_count * sizeof *head->batches);
    snapshot_ranges_encode(&head->ranges, head->depth, out);
    if (out->failed) return;
    struct digest digest = digest_tagged(TAG_SNAPSHOT, span_of(out->data + start, out->size - start));
    put_digest(out, &digest);
}

/* ---- Decoding ---- */

struct snapshot_head *snapshot_head_make(const struct state_config *config)
{
    struct snapshot_head *head = calloc(1, sizeof *head);
    if (head == NULL) return NULL;
    head->config = *config;
    buffer_init(&head->seals, EPOCH_SEALS_SIZE_MAX);
    buffer_init(&head->registered, STATE_REGISTER_SIZE_MAX);
    return head;
}

int snapshot_head_reserve(struct snapshot_head *head)
{
    head->history_count = snapshot_runs(head, head->certified.checkpoint.height);
    head->batches_count = 0;
    for (uint32_t i = 0; i < head->window.minute_count; i++)
        head->batches_count += snapshot_runs(head, head->window.minutes[i].batches.count);
    head->history = calloc(head->history_count + 1u, sizeof *head->history);
    head->batches = calloc(head->batches_count + 1u, sizeof *head->batches);
    return head->history != NULL && head->batches != NULL ? TALLY_OK : TALLY_ENOMEM;
}

static void read_digest(struct reader *reader, struct digest *digest)
{
    reader_copy(reader, digest->bytes, DIGEST_SIZE);
}

static int read_sized(struct reader *reader, struct buffer *bytes)
{
    struct span read = reader_span(reader, reader_u32(reader));
    if (reader->failed || read.size > bytes->size_max) return TALLY_EFORM;
    buffer_append(bytes, read.data, read.size);
    return bytes->failed ? TALLY_ENOMEM : TALLY_OK;
}

static int read_fields(struct reader *reader, struct snapshot_head *head)
{
    struct span certified = reader_span(reader, reader_u32(reader));
    if (reader->failed || certified_checkpoint_decode(certified, &head->certified) != TALLY_OK)
        return TALLY_EFORM;
    int error = read_sized(reader, &head->seals);
    if (error != TALLY_OK) return error;
    read_digest(reader, &head->parts.subjects_root);
    read_digest(reader, &head->parts.members_root);
    read_digest(reader, &head->parts.policy_root);
    read_digest(reader, &head->parts.replay_root);
    read_digest(reader, &head->parts.counts_root);
    error = read_sized(reader, &head->registered);
    if (error != TALLY_OK) return error;
    head->counts.events = reader_u64(reader);
    head->counts.applied = reader_u64(reader);
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

static int read_lists(struct reader *reader, struct snapshot_head *head)
{
    reader_copy(reader, head->history, head->history_count * sizeof *head->history);
    reader_copy(reader, head->batches, head->batches_count * sizeof *head->batches);
    return snapshot_ranges_read(reader, head->depth, &head->ranges);
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
    struct snapshot_head *read = snapshot_head_make(config);
    if (read == NULL) return TALLY_ENOMEM;
    int error = head_read(bytes, read);
    if (error == TALLY_OK && !digest_equal(&read->certified.checkpoint.chain_id, &config->chain_id))
        error = TALLY_ECHAIN;
    /* The lists are long: they are hashed for a checkpoint that a quorum signed, and for no other. */
    if (error == TALLY_OK) error = signatures_hold(read, validators);
    if (error == TALLY_OK && !roots_hold(read)) error = TALLY_EINVALID;
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
    buffer_close(&head->seals);
    buffer_close(&head->registered);
    free(head->history);
    free(head->batches);
    snapshot_ranges_close(&head->ranges);
    free(head);
}

/* ---- What it says ---- */

const struct certified_checkpoint *snapshot_checkpoint(const struct snapshot_head *head)
{
    return &head->certified;
}

/* The set of the epoch before the next block's: where its own block sealed, this epoch's; else the last
 * seal's, in whose form there is no mistake, as it was walked through. */
static struct digest set_before(const struct snapshot_head *head)
{
    struct span seals = buffer_span(&head->seals);
    struct epoch_seal seal = {.next_set = {.count = 0}};
    if (checkpoint_seals(&head->certified.checkpoint)) return head->certified.checkpoint.set_hash;
    while (seals.size > 0)
        if (epoch_seal_take(&seals, &seal) != TALLY_OK) break;
    return seal.checkpoint.checkpoint.set_hash;
}

struct state_register snapshot_register(const struct snapshot_head *head)
{
    return (struct state_register){.policy_root = head->parts.policy_root,
        .set_before = set_before(head),
        .bytes = buffer_span(&head->registered)};
}

struct span snapshot_seals(const struct snapshot_head *head)
{
    return buffer_span(&head->seals);
}

const struct validator_set *snapshot_validators(const struct snapshot_head *head)
{
    return &head->validators.set;
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
        return head->ranges.count;
    case SNAPSHOT_EVENTS:
        return 0;
    }
    return 0;
}

struct digest snapshot_cut_digest(const struct snapshot_head *head)
{
    return snapshot_ranges_digest(&head->ranges);
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
