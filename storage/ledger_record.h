/* The payloads of the ledger's two logs, as bytes. Integers are big-endian.
 *
 *   a block's record
 *     prefix, 64 bytes
 *       0   32  the block's hash
 *       32  4   events in the block
 *       36  4   size of the encoded block
 *       40  8   where its bodies begin: segment, offset in DIR/bodies
 *       48  8   where they end; no later block's begin before that
 *       56  4   1 where the block carries its own FC, else 0
 *       60  4   CRC-32C of the 60 bytes before
 *     a directory entry for each event, 24 bytes
 *       0   4   where its header begins in the encoded block
 *       4   2   size of its header
 *       6   2   zeros
 *       8   4   size of its body
 *       12  8   its body's record: segment, offset; zeros where there was no body
 *       20  4   CRC-32C of the 20 bytes before and the header's bytes
 *     the encoded LedgerBlock, without bodies
 *
 *   a body's record: index u32, salt, body
 *
 * The checksums here start from the CRC of the chain id. They let one event be read without its block; the
 * record's own checksum covers all of it. */
#ifndef TALLY_STORAGE_LEDGER_RECORD_H
#define TALLY_STORAGE_LEDGER_RECORD_H

#include "proto/codec/agreement.h"
#include "storage/segment_log.h"

#define LEDGER_RECORD_BLOCK 1u
#define LEDGER_RECORD_BODY 2u
#define LEDGER_RECORD_PREFIX_SIZE 64u
#define LEDGER_RECORD_EVENT_SIZE 24u
#define LEDGER_RECORD_SIZE_MAX FRAME_SIZE_MAX
/* Scratch enough for any decoded block: its record, and the structs and copies of its fields. */
#define LEDGER_ARENA_SIZE (64u * MIB)

_Static_assert(BLOCK_SIZE_MAX + JUSTIFICATION_SIZE_MAX + MIB + BLOCK_EVENTS_MAX * LEDGER_RECORD_EVENT_SIZE <=
                   LEDGER_RECORD_SIZE_MAX,
    "a block's record fits");
_Static_assert(EVENT_HEADER_SIZE_MAX <= 0xFFFF, "a header's size fits two bytes");

struct ledger_record_form {
    uint32_t seed;
};

void ledger_record_form_init(struct ledger_record_form *form, const struct digest *chain_id);

struct ledger_record_prefix {
    struct digest hash;
    uint32_t event_count;
    uint32_t block_size;
    struct segment_place bodies_begin, bodies_end;
    bool has_finalization;
};

/* One event's directory entry. */
struct ledger_record_event {
    uint32_t header_offset;
    uint32_t header_size;
    uint32_t body_size;
    struct segment_place body; /* segment 0 = none */
};

/* A record split up; spans are borrowed from its bytes. */
struct ledger_record {
    struct ledger_record_prefix prefix;
    const uint8_t *directory;
    struct span block;
};

/* Writes the record but for what depends on the bodies' places, and sets prefix->block_size. Errors:
 * TALLY_ELIMIT. */
int ledger_record_begin(
    const struct block *block, struct ledger_record_prefix *prefix, struct buffer *out) TALLY_MUST_CHECK;
/* Fills in the rest. `places` has one for each event. Errors: TALLY_EINVALID (an event's header is not in the
 * encoding). */
int ledger_record_finish(const struct ledger_record_form *form, const struct block *block,
    const struct ledger_record_prefix *prefix, const struct segment_place *places,
    struct buffer *out) TALLY_MUST_CHECK;

/* Errors of the decoders: TALLY_EDAMAGED. */
int ledger_record_prefix_decode(const struct ledger_record_form *form,
    const uint8_t bytes[LEDGER_RECORD_PREFIX_SIZE], struct ledger_record_prefix *prefix) TALLY_MUST_CHECK;
int ledger_record_decode(const struct ledger_record_form *form, struct span payload,
    struct ledger_record *record) TALLY_MUST_CHECK;
/* `index` is below prefix.event_count (CHECKed). */
void ledger_record_event_decode(
    const struct ledger_record *record, uint32_t index, struct ledger_record_event *event);
void ledger_record_event_parse(
    const uint8_t bytes[LEDGER_RECORD_EVENT_SIZE], struct ledger_record_event *event);
int ledger_record_event_check(const struct ledger_record_form *form,
    const uint8_t bytes[LEDGER_RECORD_EVENT_SIZE], struct span header) TALLY_MUST_CHECK;

/* A body's record, which must be that of (height, index). *has_body is false where it was erased. `body` is
 * borrowed from the record. */
int ledger_body_decode(const struct segment_log_record *record, uint64_t height, uint32_t index,
    bool *has_body, uint8_t salt[SALT_SIZE], struct span *body) TALLY_MUST_CHECK;

#endif
