#include <inttypes.h>
#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/crypto/digest.h"
#include "storage/block_check.h"
#include "storage/crc32c.h"
#include "storage/fsck_internal.h"
#include "storage/ledger_record.h"

#define THEN_BLOCKS                                                                                          \
    "the node starts, and mends it from its peers; where it says instead that it cannot open the ledger, "   \
    "move ledger, bodies, mended and state away from the data directory, and it fetches all of them"
#define THEN_TORN "the node cuts it off when it starts, and fetches what is missing from its peers"
#define BODY_SIZE_MAX (4u + SALT_SIZE + EVENT_BODY_SIZE_MAX)

/* A block that was fetched again. */
struct mended {
    uint64_t height;
    struct segment_place place;
};

/* A segment, open for the blocks that refer to it. */
struct open_bodies {
    const char *folder; /* of bodies, or of mended blocks */
    uint32_t sequence;  /* 0 = none */
    int file;
    uint32_t seed;
};

/* The folders of a ledger: the node's own, or that of the blocks below it. */
struct folders {
    const char *ledger, *bodies, *mended;
};
static const struct folders own = {"ledger", "bodies", "mended"};
static const struct folders older = {"older/ledger", "older/bodies", "older/mended"};

struct walk {
    struct fsck *fsck;
    const struct folders *folders;
    struct ledger_record_form form;
    struct arena arena;
    struct open_bodies bodies;
    struct mended *mended; /* in the order of the log: the last of a height counts */
    size_t mended_count, mended_capacity;
    struct segment_place bodies_end; /* of the bodies of the last block, and of all that are there: */
    struct segment_place bodies_there;
    uint64_t expected; /* the next height */
    bool gap;          /* blocks before it were passed over, and told */
    struct block_check check;
    char name[FSCK_NAME_SIZE];
    uint64_t offset;
};

static void tell(struct walk *walk, uint64_t height, const char *what)
{
    fsck_tell(walk->fsck, walk->name, walk->offset, height, THEN_BLOCKS, "%s", what);
}

static void block_found(void *context, const struct block *block, uint32_t batch, const char *what)
{
    (void)batch;
    tell(context, block->header.height, what);
}

/* ---- Bodies ---- */

static int bodies_open(struct walk *walk, struct segment_place *place)
{
    struct open_bodies *bodies = &walk->bodies;
    const struct disk *disk = walk->fsck->disk;
    bool mended = (place->segment & PLACE_MENDED) != 0;
    const char *folder = mended ? walk->folders->mended : walk->folders->bodies;
    struct segment_header header;
    int changed;
    place->segment &= ~PLACE_MENDED;
    if (bodies->sequence == place->segment && strcmp(bodies->folder, folder) == 0) return TALLY_OK;
    if (bodies->sequence != 0) disk->close(disk->context, bodies->file);
    bodies->sequence = 0;
    int error = fsck_segment_open(walk->fsck, folder, mended ? SEGMENT_LOG_MENDED : SEGMENT_LOG_BODIES,
        place->segment, &bodies->file, &header, &changed);
    if (error != TALLY_OK) return error;
    bodies->folder = folder;
    bodies->sequence = place->segment;
    bodies->seed = segment_seed(&header);
    return TALLY_OK;
}

/* The record at `place`, checked. Errors: TALLY_EDAMAGED, which the walk of the bodies has told. */
static int body_read(struct walk *walk, struct segment_place place, uint8_t *bytes, size_t room,
    struct segment_log_record *record)
{
    const struct disk *disk = walk->fsck->disk;
    struct record_header header;
    size_t got;
    int error = bodies_open(walk, &place);
    if (error == TALLY_OK)
        error = disk->read(disk->context, walk->bodies.file, place.offset, bytes, room, &got);
    if (error != TALLY_OK) return error == TALLY_EIO || error == TALLY_ENOMEM ? error : TALLY_EDAMAGED;
    if (got < RECORD_HEADER_SIZE || record_header_decode(bytes, walk->bodies.seed, &header) != TALLY_OK)
        return TALLY_EDAMAGED;
    if (header.size > BODY_SIZE_MAX || record_footprint(header.size) > got) return TALLY_EDAMAGED;
    size_t padded = (size_t)record_footprint(header.size) - RECORD_HEADER_SIZE;
    if (header.type != RECORD_TYPE_ERASED &&
        crc32c(walk->bodies.seed, bytes + RECORD_HEADER_SIZE, padded) != header.payload_crc)
        return TALLY_EDAMAGED;
    *record = (struct segment_log_record){.place = place,
        .type = header.type,
        .number = header.number,
        .size = header.size,
        .payload = span_of(bytes + RECORD_HEADER_SIZE, header.size)};
    return TALLY_OK;
}

static int check_body(struct walk *walk, const struct block *block, uint32_t index,
    const struct batch_event *event, const struct ledger_record_event *entry)
{
    uint8_t bytes[RECORD_HEADER_SIZE + BODY_SIZE_MAX + RECORD_ALIGNMENT], salt[SALT_SIZE];
    struct segment_log_record stored;
    struct span body;
    bool has_body;
    if (entry->body.segment == 0) {
        walk->fsck->counts->withheld++;
        return TALLY_OK;
    }
    int error = body_read(walk, entry->body, bytes, sizeof bytes, &stored);
    if (error == TALLY_EDAMAGED) return TALLY_OK;
    if (error != TALLY_OK) return error;
    char name[FSCK_NAME_SIZE];
    fsck_segment_name(walk->bodies.folder, walk->bodies.sequence, name);
    error = ledger_body_decode(&stored, block->header.height, index, &has_body, salt, &body);
    if (error != TALLY_OK) {
        fsck_tell(walk->fsck, name, entry->body.offset, block->header.height, THEN_BLOCKS,
            "a body of another event stands here than event %" PRIu32 "'s", index);
        return TALLY_OK;
    }
    walk->fsck->counts->withheld += !has_body;
    walk->fsck->counts->bodies += has_body;
    struct digest commitment = event_body_commitment(salt, body);
    if (has_body &&
        (body.size != entry->body_size || !digest_equal(&commitment, &event->fields.body_commitment)))
        fsck_tell(walk->fsck, name, entry->body.offset, block->header.height, THEN_BLOCKS,
            "the body of event %" PRIu32 " is not the one its header commits to", index);
    return TALLY_OK;
}

/* ---- A block ---- */

static bool same_bytes(const struct ledger_record *record, const struct ledger_record_event *entry,
    const struct batch_event *event)
{
    return entry->header_size == event->header.size && entry->header_offset <= record->block.size &&
           entry->header_size <= record->block.size - entry->header_offset &&
           memcmp(record->block.data + entry->header_offset, event->header.data, event->header.size) == 0;
}

/* A body's place is within what the block says of its bodies, none at all where `begin` is `end`. */
static bool in_range(const struct ledger_record_prefix *prefix, struct segment_place place)
{
    return place.segment == 0 || (place.segment & PLACE_MENDED) != 0 ||
           (place.segment == prefix->bodies_begin.segment &&
               !segment_place_before(place, prefix->bodies_begin) &&
               segment_place_before(place, prefix->bodies_end));
}

static int check_directory(struct walk *walk, const struct ledger_record *record, const struct block *block)
{
    uint32_t index = 0;
    for (uint32_t b = 0; b < block->batch_count; b++) {
        for (uint32_t e = 0; e < block->batches[b].event_count; e++, index++) {
            const struct batch_event *event = &block->batches[b].events[e];
            struct ledger_record_event entry;
            ledger_record_event_decode(record, index, &entry);
            if (ledger_record_event_check(&walk->form,
                    record->directory + (size_t)index * LEDGER_RECORD_EVENT_SIZE,
                    event->header) != TALLY_OK ||
                !same_bytes(record, &entry, event) || !in_range(&record->prefix, entry.body)) {
                tell(walk, block->header.height, "its directory of events does not fit its events");
                return TALLY_OK;
            }
            int error = check_body(walk, block, index, event, &entry);
            if (error != TALLY_OK) return error;
        }
    }
    walk->fsck->counts->events += index;
    return TALLY_OK;
}

static void check_link(struct walk *walk, const struct fsck_record *stored, const struct block *block)
{
    if (stored->segment != NULL && stored->place.offset == SEGMENT_HEADER_SIZE &&
        !digest_is_zero(&stored->segment->link) &&
        !digest_equal(&stored->segment->link, &block->header.parent_hash))
        tell(walk, block->header.height, "the header of its segment names another parent");
}

static void check_bodies_range(struct walk *walk, const struct ledger_record *record, uint64_t height)
{
    struct segment_place begin = record->prefix.bodies_begin, end = record->prefix.bodies_end;
    if (begin.segment != end.segment || end.offset < begin.offset ||
        segment_place_before(begin, walk->bodies_end))
        tell(walk, height, "its bodies are not behind those of the block before it");
    else if (segment_place_before(walk->bodies_there, end))
        tell(walk, height, "bodies end before its bodies do");
    walk->bodies_end = end;
}

static int check_block(struct walk *walk, const struct fsck_record *stored)
{
    struct ledger_record record;
    struct block block;
    uint64_t height = stored->header->number;
    arena_reset(&walk->arena);
    int error = ledger_record_decode(&walk->form, stored->payload, &record);
    if (error == TALLY_OK)
        error = block_decode(record.block, &walk->fsck->options->genesis->chain_id, &walk->arena, &block);
    if (error == TALLY_ENOMEM) return error;
    if (error != TALLY_OK || block.header.height != height ||
        block.header.payload_events != record.prefix.event_count ||
        !digest_equal(&block.hash, &record.prefix.hash) ||
        block.has_finalization != record.prefix.has_finalization) {
        tell(walk, height, "its record is whole and yet no block");
        walk->check.has_parent = false;
        return TALLY_OK;
    }
    check_link(walk, stored, &block);
    (void)block_check_next(&walk->check, &block);
    if (stored->segment != NULL) check_bodies_range(walk, &record, height);
    walk->fsck->counts->blocks++;
    return check_directory(walk, &record, &block);
}

/* ---- Blocks that were fetched again ---- */

static int mended_seen(void *context, const struct fsck_record *stored)
{
    struct walk *walk = context;
    if (stored->header->type != LEDGER_RECORD_BLOCK) return TALLY_OK;
    if (walk->mended_count == walk->mended_capacity) {
        size_t capacity = walk->mended_capacity == 0 ? 16 : walk->mended_capacity * 2;
        struct mended *mended = realloc(walk->mended, capacity * sizeof *mended);
        if (mended == NULL) return TALLY_ENOMEM;
        walk->mended = mended;
        walk->mended_capacity = capacity;
    }
    walk->mended[walk->mended_count++] = (struct mended){stored->header->number, stored->place};
    return TALLY_OK;
}

static const struct mended *mended_find(const struct walk *walk, uint64_t height)
{
    for (size_t i = walk->mended_count; i > 0; i--)
        if (walk->mended[i - 1].height == height) return &walk->mended[i - 1];
    return NULL;
}

/* Its record, checked as one of the ledger's own. */
static int check_mended(struct walk *walk, const struct mended *mended)
{
    const struct disk *disk = walk->fsck->disk;
    struct segment_place place = {mended->place.segment | PLACE_MENDED, mended->place.offset};
    struct record_header header;
    uint8_t bytes[RECORD_HEADER_SIZE];
    size_t got;
    int error = bodies_open(walk, &place);
    if (error == TALLY_OK)
        error = disk->read(disk->context, walk->bodies.file, place.offset, bytes, sizeof bytes, &got);
    if (error == TALLY_OK) error = record_header_decode(bytes, walk->bodies.seed, &header);
    if (error != TALLY_OK) return error;
    uint8_t *payload = malloc(header.size);
    if (payload == NULL) return TALLY_ENOMEM;
    struct fsck_record stored = {
        .place = mended->place, .header = &header, .payload = span_of(payload, header.size)};
    fsck_segment_name(walk->folders->mended, mended->place.segment, walk->name);
    walk->offset = mended->place.offset;
    error = disk->read(
        disk->context, walk->bodies.file, place.offset + RECORD_HEADER_SIZE, payload, header.size, &got);
    if (error == TALLY_OK) error = check_block(walk, &stored);
    walk->fsck->counts->mended++;
    free(payload);
    return error;
}

/* ---- The walk ---- */

/* Heights that were passed over, up to the one before `height`. */
static int pass_over(struct walk *walk, uint64_t height)
{
    uint64_t lost = 0;
    int error = TALLY_OK;
    for (; error == TALLY_OK && walk->expected < height; walk->expected++) {
        const struct mended *mended = mended_find(walk, walk->expected);
        if (mended != NULL) {
            error = check_mended(walk, mended);
            continue;
        }
        walk->check.has_parent = false;
        lost++;
    }
    if (lost > 1)
        fsck_tell(walk->fsck, walk->name, walk->offset, height - 1, THEN_BLOCKS,
            "%" PRIu64 " blocks are missing before that of height %" PRIu64, lost, height);
    return error;
}

static int block_seen(void *context, const struct fsck_record *stored)
{
    struct walk *walk = context;
    uint64_t height = stored->header->number;
    fsck_segment_name(walk->folders->ledger, stored->place.segment, walk->name);
    walk->offset = stored->place.offset;
    if (stored->header->type != LEDGER_RECORD_BLOCK || height < walk->expected ||
        (height > walk->expected && !walk->gap)) {
        fsck_tell(walk->fsck, walk->name, walk->offset, walk->expected, THEN_BLOCKS,
            "a record of height %" PRIu64 " stands where that of height %" PRIu64 " belongs", height,
            walk->expected);
        return TALLY_OK;
    }
    int error = pass_over(walk, height);
    if (error != TALLY_OK) return error;
    walk->gap = false;
    walk->expected = height + 1;
    const struct mended *mended = mended_find(walk, height);
    if (mended != NULL) return check_mended(walk, mended);
    fsck_segment_name(walk->folders->ledger, stored->place.segment, walk->name);
    walk->offset = stored->place.offset;
    return check_block(walk, stored);
}

static bool blocks_gap(void *context, uint64_t number)
{
    struct walk *walk = context;
    walk->gap = true;
    /* Without a number it begins its segment. */
    return mended_find(walk, number != 0 ? number : walk->expected) != NULL;
}

static int walk_logs(struct walk *walk)
{
    struct fsck_log bodies = {.fsck = walk->fsck,
        .folder = walk->folders->bodies,
        .kind = SEGMENT_LOG_BODIES,
        .record_size_max = LEDGER_RECORD_SIZE_MAX,
        .from_first = true,
        .then = THEN_BLOCKS,
        .then_torn = THEN_TORN};
    struct fsck_log blocks = {.fsck = walk->fsck,
        .folder = walk->folders->ledger,
        .kind = SEGMENT_LOG_LEDGER,
        .record_size_max = LEDGER_RECORD_SIZE_MAX,
        .digests = true,
        .from_first = true,
        .then = THEN_BLOCKS,
        .then_torn = THEN_TORN,
        .record = block_seen,
        .gap = blocks_gap,
        .context = walk};
    struct fsck_log mended = {.fsck = walk->fsck,
        .folder = walk->folders->mended,
        .kind = SEGMENT_LOG_MENDED,
        .record_size_max = LEDGER_RECORD_SIZE_MAX,
        .then = THEN_BLOCKS,
        .then_torn = THEN_TORN,
        .record = mended_seen,
        .context = walk};
    int error = fsck_log_walk(&mended);
    if (error != TALLY_OK && error != TALLY_ENOTFOUND) return error;
    error = fsck_log_walk(&bodies);
    bool no_bodies = error == TALLY_ENOTFOUND;
    if (error != TALLY_OK && !no_bodies) return error;
    walk->bodies_there = bodies.end;
    error = fsck_log_walk(&blocks);
    /* Neither is there before a node's first start. */
    if (error == TALLY_ENOTFOUND && no_bodies) return TALLY_OK;
    if (error == TALLY_ENOTFOUND || no_bodies)
        fsck_tell(walk->fsck, no_bodies ? walk->folders->bodies : walk->folders->ledger, FSCK_NO_OFFSET, 0,
            THEN_BLOCKS, "the folder is gone");
    return error == TALLY_ENOTFOUND ? TALLY_OK : error;
}

/* Where the ledger begins, by the header of its first segment; the beginning of the chain, unless that says
 * otherwise. */
static void find_beginning(struct walk *walk)
{
    struct segment_header header;
    int file, changed;
    walk->expected = 1;
    block_check_restart(&walk->check);
    if (fsck_segment_open(
            walk->fsck, walk->folders->ledger, SEGMENT_LOG_LEDGER, 1, &file, &header, &changed) != TALLY_OK)
        return;
    walk->fsck->disk->close(walk->fsck->disk->context, file);
    if (header.first_number < 2) return;
    walk->expected = header.first_number;
    walk->check.parent = header.link;
}

static int walk_ledger(struct walk *walk)
{
    int error = walk_logs(walk);
    struct open_bodies *bodies = &walk->bodies;
    if (bodies->sequence != 0) walk->fsck->disk->close(walk->fsck->disk->context, bodies->file);
    *bodies = (struct open_bodies){0};
    free(walk->mended);
    walk->mended = NULL;
    walk->mended_count = walk->mended_capacity = 0;
    return error;
}

/* Blocks below the first, which lead up to it: `below` is the hash of the one before it. */
static int walk_older(struct walk *walk, uint64_t first, const struct digest *below)
{
    walk->folders = &older;
    walk->bodies_end = walk->bodies_there = (struct segment_place){0};
    walk->gap = false;
    find_beginning(walk);
    int error = walk_ledger(walk);
    if (error == TALLY_OK && walk->expected == first && walk->check.has_parent &&
        !digest_equal(&walk->check.parent, below))
        fsck_tell(walk->fsck, walk->folders->ledger, FSCK_NO_OFFSET, first - 1, THEN_BLOCKS,
            "its last block is not the parent of the first in ledger");
    return error;
}

int fsck_ledger(struct fsck *fsck)
{
    struct walk walk = {.fsck = fsck, .folders = &own};
    ledger_record_form_init(&walk.form, &fsck->options->genesis->chain_id);
    arena_init(&walk.arena, LEDGER_ARENA_SIZE);
    int error =
        block_check_open(fsck->options->genesis, buffer_span(&fsck->seals), block_found, &walk, &walk.check);
    walk.check.members = fsck->members;
    walk.check.members_height = fsck->members_height;
    find_beginning(&walk);
    uint64_t first = walk.expected;
    struct digest below = walk.check.parent;
    if (error == TALLY_OK) error = walk_ledger(&walk);
    /* Blocks that nothing finalized stand behind it, as a crash leaves them: the node cuts them. */
    fsck->counts->height = walk.check.final_height;
    if (error == TALLY_OK && first > 1) error = walk_older(&walk, first, &below);
    fsck->counts->batches = walk.check.batches;
    fsck->counts->signatures += walk.check.signatures;
    arena_close(&walk.arena);
    return error;
}
