#include <stdlib.h>

#include "proto/base/check.h"
#include "storage/ledger_internal.h"

#define ALLOCATE_STEP (1u * MIB)

/* ---- What is damaged ---- */

int ledger_damaged(struct ledger *ledger, uint64_t *height)
{
    int error = TALLY_ENOTFOUND;
    pthread_mutex_lock(&ledger->mutex);
    if (ledger->damaged_count > 0) {
        *height = ledger->damaged[0];
        error = TALLY_OK;
    }
    for (size_t i = 0; error != TALLY_OK && ledger->lost_count > 0 && i < ledger->index_count; i++) {
        if ((ledger->index[i].place.segment & PLACE_LOST) == 0) continue;
        *height = ledger->first + i;
        error = TALLY_OK;
    }
    pthread_mutex_unlock(&ledger->mutex);
    return error != TALLY_OK && ledger->older != NULL ? ledger_damaged(ledger->older, height) : error;
}

static void forget(struct ledger *ledger, uint64_t height)
{
    pthread_mutex_lock(&ledger->mutex);
    for (size_t i = 0; i < ledger->damaged_count; i++)
        if (ledger->damaged[i] == height) ledger->damaged[i--] = ledger->damaged[--ledger->damaged_count];
    pthread_mutex_unlock(&ledger->mutex);
}

static void replace(struct ledger *ledger, uint64_t height, struct segment_place place)
{
    pthread_mutex_lock(&ledger->mutex);
    struct index_entry *entry = &ledger->index[height - ledger->first];
    if ((entry->place.segment & PLACE_LOST) != 0) ledger->lost_count--;
    entry->place = place;
    pthread_mutex_unlock(&ledger->mutex);
}

/* ---- DIR/mended ---- */

static int mended_seen(void *context, const struct segment_log_record *record)
{
    struct ledger *ledger = context;
    struct segment_place place = record->place;
    if (record->type != LEDGER_RECORD_BLOCK || record->number < ledger->first ||
        record->number >= ledger_index_next(ledger))
        return TALLY_OK;
    place.segment |= PLACE_MENDED;
    replace(ledger, record->number, place);
    return TALLY_OK;
}

/* What is lost again is fetched again. */
static int mended_gap(void *context, uint32_t segment, const struct segment_gap *gap)
{
    (void)context, (void)segment, (void)gap;
    return TALLY_OK;
}

static int mended_config(
    struct ledger *ledger, char dir[DISK_PATH_SIZE_MAX], struct segment_log_config *config)
{
    int error = disk_join(ledger->dir, "mended", dir);
    *config = (struct segment_log_config){.disk = ledger->disk,
        .dir = dir,
        .chain_id = ledger->chain_id,
        .kind = SEGMENT_LOG_MENDED,
        .segment_size_max = ledger->segment_size_max,
        .record_size_max = LEDGER_RECORD_SIZE_MAX,
        .allocate_step = ALLOCATE_STEP,
        .check = CHECK_ALL,
        .gap = mended_gap,
        .mends = true};
    return error;
}

int ledger_mended_open(struct ledger *ledger)
{
    char dir[DISK_PATH_SIZE_MAX];
    struct segment_log_config config;
    struct segment_log_report report;
    struct segment_log *mended;
    int error = mended_config(ledger, dir, &config);
    if (error == TALLY_OK) error = segment_log_open(&config, mended_seen, ledger, &mended, &report);
    if (error != TALLY_OK) return error;
    pthread_mutex_lock(&ledger->mutex);
    ledger->mended = mended;
    pthread_mutex_unlock(&ledger->mutex);
    return TALLY_OK;
}

static int mended_make(struct ledger *ledger)
{
    char dir[DISK_PATH_SIZE_MAX];
    struct segment_log_config config;
    if (ledger->mended != NULL) return TALLY_OK;
    int error = mended_config(ledger, dir, &config);
    if (error == TALLY_OK) error = disk_ensure_dir(ledger->disk, ledger->dir, dir);
    if (error == TALLY_OK) error = segment_log_create(&config, 1, NULL);
    return error == TALLY_OK || error == TALLY_EEXISTS ? ledger_mended_open(ledger) : error;
}

/* ---- Whether it is this ledger's block ---- */

/* By what the ledger knows of the height itself, or of the block before and the one behind. */
static int check_identity(struct ledger *ledger, const struct block *block)
{
    uint64_t height = block->header.height;
    struct segment_place place;
    struct ledger_record_prefix prefix;
    struct ledger_head head;
    struct digest parent;
    bool told = false;
    ledger_head(ledger, &head);
    if (height == 0 || height > head.height) return TALLY_EINVALID;
    if (height == head.height && !digest_equal(&head.hash, &block->hash)) return TALLY_EINVALID;
    if (ledger_find(ledger, height, &place) == TALLY_OK &&
        ledger_prefix_read(ledger, place, &prefix) == TALLY_OK) {
        if (!digest_equal(&prefix.hash, &block->hash)) return TALLY_EINVALID;
        told = true;
    }
    if (ledger_hash(ledger, height - 1, &parent) == TALLY_OK) {
        if (!digest_equal(&parent, &block->header.parent_hash)) return TALLY_EINVALID;
        told = true;
    }
    struct arena arena;
    struct block next;
    arena_init(&arena, LEDGER_ARENA_SIZE);
    if (height < head.height && ledger_read(ledger, height + 1, false, &arena, &next) == TALLY_OK) {
        if (digest_equal(&next.header.parent_hash, &block->hash))
            told = true;
        else
            told = false, height = 0;
    }
    arena_close(&arena);
    if (height == 0) return TALLY_EINVALID;
    return told || block->header.height == head.height ? TALLY_OK : TALLY_EDAMAGED;
}

/* ---- Bodies of a block whose record is sound: each in its place ---- */

static bool is_zeros(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != 0) return false;
    return true;
}

/* An erased body's record may have lost the mark, but its bytes are gone all the same. Where its header is
 * sound, and has no mark, or is zeros too, nobody erased it: they are lost. */
static bool was_erased(struct segment_log *log, struct segment_place place, size_t size, struct arena *arena)
{
    uint8_t *bytes = arena_take(arena, RECORD_HEADER_SIZE + size);
    struct segment_log_record record;
    struct segment_place at = place;
    if (segment_log_next(log, &at, place.offset + 1, &record) == TALLY_OK) return false;
    return bytes != NULL && segment_log_read_raw(log, place, bytes, RECORD_HEADER_SIZE + size) == TALLY_OK &&
           !is_zeros(bytes, RECORD_HEADER_SIZE) && is_zeros(bytes + RECORD_HEADER_SIZE, size);
}

/* *left is set where the body stays damaged. */
static int mend_body(struct ledger *ledger, uint64_t height, uint32_t index, const struct batch_event *event,
    const struct ledger_record_event *entry, bool withhold, struct arena *arena, bool *left)
{
    struct ledger_event there;
    struct segment_place place = entry->body;
    uint8_t number[4];
    if (place.segment == 0) return TALLY_OK;
    int error = ledger_body_read(ledger, place, height, index, arena, &there);
    if (error != TALLY_EDAMAGED) return error;
    struct segment_log *log = ledger_log_of(ledger, ledger->bodies, &place);
    bool erased = was_erased(log, place, sizeof number + SALT_SIZE + entry->body_size, arena);
    bool has = event->has_body && event->body.size == entry->body_size;
    if (!has && !erased && !withhold) {
        *left = true;
        return TALLY_OK;
    }
    put_u32(number, index);
    struct segment_log_entry anew = {.type = LEDGER_RECORD_BODY,
        .number = height,
        .parts = {span_of(number, sizeof number), span_of(event->salt, SALT_SIZE),
            span_of(has ? event->body.data : NULL, entry->body_size)}};
    pthread_rwlock_wrlock(&ledger->erasing);
    error = segment_log_rewrite(log, place, &anew, erased || !has);
    pthread_rwlock_unlock(&ledger->erasing);
    return error;
}

static int mend_bodies(struct ledger *ledger, const struct block *block, const struct ledger_record *record,
    bool withhold, bool *left)
{
    struct arena arena;
    uint32_t index = 0;
    int error = TALLY_OK;
    arena_init(&arena, MIB);
    for (uint32_t b = 0; b < block->batch_count; b++) {
        for (uint32_t e = 0; error == TALLY_OK && e < block->batches[b].event_count; e++, index++) {
            struct ledger_record_event entry;
            ledger_record_event_decode(record, index, &entry);
            arena_reset(&arena);
            error = mend_body(ledger, block->header.height, index, &block->batches[b].events[e], &entry,
                withhold, &arena, left);
        }
    }
    arena_close(&arena);
    return error;
}

/* ---- A block whose record is lost ---- */

/* Where its bodies are: found again behind those of the last sound block before it. */
struct search {
    struct segment_place from;
    uint32_t count;               /* found */
    struct segment_place *places; /* by event: found, or {0, 0} */
    struct segment_place begin, end;
};

static void search_begin(struct ledger *ledger, uint64_t height, struct search *search)
{
    struct segment_place place;
    struct ledger_record_prefix prefix;
    search->from = (struct segment_place){1, SEGMENT_HEADER_SIZE};
    for (uint64_t below = height - 1; below > 0; below--) {
        if (ledger_find(ledger, below, &place) != TALLY_OK ||
            ledger_prefix_read(ledger, place, &prefix) != TALLY_OK)
            continue;
        search->from = prefix.bodies_end;
        break;
    }
    search->begin = search->end = search->from;
}

/* Takes a record of the height: a body tells its event; an erased one is that of the event behind the last
 * where each event has one. */
static int search_take(
    struct ledger *ledger, const struct segment_log_record *record, uint32_t events, struct search *search)
{
    uint8_t number[4];
    struct segment_place payload = record->place;
    payload.offset += RECORD_HEADER_SIZE;
    if (search->count == 0) search->begin = record->place;
    search->end = record->place;
    search->end.offset += (uint32_t)record_footprint(record->size);
    uint32_t index = search->count++;
    if (record->type == LEDGER_RECORD_BODY) {
        int error = segment_log_read_raw(ledger->bodies, payload, number, sizeof number);
        if (error != TALLY_OK) return error == TALLY_EDAMAGED ? TALLY_OK : error;
        index = get_u32(number);
    }
    if (index < events) search->places[index] = record->place;
    return TALLY_OK;
}

/* Bodies stand in the order of their blocks: behind the first of a later block there are none. */
static int search_bodies(struct ledger *ledger, uint64_t height, uint32_t events, struct search *search)
{
    search_begin(ledger, height, search);
    struct segment_place end = segment_log_end(ledger->bodies);
    for (uint32_t segment = search->from.segment; segment <= end.segment; segment++) {
        struct segment_place place = {
            segment, segment == search->from.segment ? search->from.offset : SEGMENT_HEADER_SIZE};
        uint32_t stop = segment == end.segment ? end.offset : (uint32_t)(SEGMENT_SIZE_LIMIT - 1);
        struct segment_log_record record;
        int error;
        while ((error = segment_log_next(ledger->bodies, &place, stop, &record)) == TALLY_OK) {
            if (record.number > height) return TALLY_OK;
            if (record.number == height) error = search_take(ledger, &record, events, search);
            if (error != TALLY_OK) return error;
            place.offset += (uint32_t)record_footprint(record.size);
        }
        if (error != TALLY_ENOTFOUND) return error;
    }
    return TALLY_OK;
}

/* Bodies that are nowhere any more go where the block's record goes. */
static int keep_bodies(struct ledger *ledger, const struct block *block, struct search *search)
{
    uint32_t index = 0;
    for (uint32_t b = 0; b < block->batch_count; b++) {
        for (uint32_t e = 0; e < block->batches[b].event_count; e++, index++) {
            const struct batch_event *event = &block->batches[b].events[e];
            uint8_t number[4];
            if (!event->has_body || search->places[index].segment != 0) continue;
            put_u32(number, index);
            struct segment_log_entry entry = {.type = LEDGER_RECORD_BODY,
                .number = block->header.height,
                .parts = {span_of(number, sizeof number), span_of(event->salt, SALT_SIZE), event->body}};
            int error = mended_make(ledger);
            if (error == TALLY_OK)
                error = segment_log_append(ledger->mended, &entry, 1, NULL, &search->places[index]);
            if (error != TALLY_OK) return error;
            search->places[index].segment |= PLACE_MENDED;
        }
    }
    return TALLY_OK;
}

static int encode(
    struct ledger *ledger, const struct block *block, const struct search *search, struct buffer *payload)
{
    struct ledger_record_prefix prefix = {.hash = block->hash,
        .event_count = block->header.payload_events,
        .bodies_begin = search->begin,
        .bodies_end = search->end,
        .has_finalization = block->has_finalization};
    buffer_clear(payload);
    int error = ledger_record_begin(block, &prefix, payload);
    return error == TALLY_OK ? ledger_record_finish(&ledger->form, block, &prefix, search->places, payload)
                             : error;
}

static int append_mended(
    struct ledger *ledger, uint64_t height, const struct buffer *payload, struct segment_place *place)
{
    struct segment_log_entry entry = {
        .type = LEDGER_RECORD_BLOCK, .number = height, .parts = {buffer_span(payload)}};
    int error = mended_make(ledger);
    if (error == TALLY_OK) error = segment_log_append(ledger->mended, &entry, 1, NULL, place);
    if (error == TALLY_OK) error = segment_log_sync(ledger->mended);
    place->segment |= PLACE_MENDED;
    return error;
}

static int mend_record(struct ledger *ledger, const struct block *block)
{
    uint64_t height = block->header.height;
    struct segment_place place = {0};
    struct search search = {
        .places = calloc((size_t)block->header.payload_events + 1, sizeof *search.places)};
    struct buffer payload;
    buffer_init(&payload, LEDGER_RECORD_SIZE_MAX);
    int error = search.places == NULL ? TALLY_ENOMEM
                                      : search_bodies(ledger, height, block->header.payload_events, &search);
    if (error == TALLY_OK) error = encode(ledger, block, &search, &payload);
    if (error == TALLY_OK) {
        /* Where it stood, if that is known: a lost one behind others has no place. */
        bool known = ledger_find(ledger, height, &place) != TALLY_ENOTFOUND;
        place.segment &= ~PLACE_LOST;
        bool in_place = known && (place.segment & PLACE_MENDED) == 0 && place.offset >= SEGMENT_HEADER_SIZE;
        error = in_place ? segment_log_restore(ledger->blocks, place, buffer_span(&payload)) : TALLY_EINVALID;
    }
    if (error == TALLY_EINVALID) {
        error = keep_bodies(ledger, block, &search);
        if (error == TALLY_OK) error = encode(ledger, block, &search, &payload);
        if (error == TALLY_OK) error = append_mended(ledger, height, &payload, &place);
    }
    if (error == TALLY_OK) replace(ledger, height, place);
    buffer_close(&payload);
    free(search.places);
    return error;
}

static int mend_one(struct ledger *ledger, const struct block *block, bool withhold, bool *mended)
{
    struct arena arena;
    struct block there;
    struct ledger_record record;
    uint64_t height = block->header.height;
    bool left = false;
    int error = check_identity(ledger, block);
    if (error != TALLY_OK) return error;
    arena_init(&arena, LEDGER_ARENA_SIZE);
    if (ledger_read_own(ledger, height, false, &arena, &there) == TALLY_EDAMAGED)
        error = mend_record(ledger, block);
    arena_reset(&arena);
    if (error == TALLY_OK) error = ledger_record_read(ledger, height, &arena, &record);
    if (error == TALLY_OK) error = mend_bodies(ledger, block, &record, withhold, &left);
    arena_close(&arena);
    if (error == TALLY_OK && !left) forget(ledger, height);
    if (error == TALLY_OK) *mended = !left;
    return error;
}

/* A ledger's first block may be in both places. */
int ledger_mend(struct ledger *ledger, const struct block *block, bool withhold, bool *mended)
{
    uint64_t height = block->header.height;
    struct ledger *older = ledger_of(ledger, height);
    bool here = true, there = true;
    int error = TALLY_OK;
    if (older == ledger || height >= ledger->first) error = mend_one(ledger, block, withhold, &here);
    if (error == TALLY_OK && older != ledger) error = mend_one(older, block, withhold, &there);
    if (error == TALLY_OK) *mended = here && there;
    return error;
}
