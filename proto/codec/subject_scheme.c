#include "proto/codec/subject_scheme.h"

#include "proto/base/check.h"

#define ZEROS 16u
#define HEIGHT_SIZE 8u

_Static_assert(ZEROS + 2 * HEIGHT_SIZE == DIGEST_SIZE, "the range fills the id");

bool block_range_is_valid(const struct block_range *range)
{
    return range->first > 0 && range->first <= range->last && range->last - range->first < SUBJECT_BLOCKS_MAX;
}

struct digest subject_of_blocks(const struct block_range *range)
{
    struct digest id = {{0}};
    CHECK(block_range_is_valid(range));
    put_u64(id.bytes + ZEROS, range->first);
    put_u64(id.bytes + ZEROS + HEIGHT_SIZE, range->last);
    return id;
}

int subject_blocks(const struct digest *subject_id, struct block_range *range)
{
    const struct block_range read = {
        get_u64(subject_id->bytes + ZEROS), get_u64(subject_id->bytes + ZEROS + HEIGHT_SIZE)};
    if (!block_range_is_valid(&read)) return TALLY_EFORM;
    const struct digest again = subject_of_blocks(&read);
    if (!digest_equal(&again, subject_id)) return TALLY_EFORM;
    *range = read;
    return TALLY_OK;
}

enum subject_scheme subject_scheme_of(const struct digest *subject_id)
{
    struct block_range range;
    return subject_blocks(subject_id, &range) == TALLY_OK ? SUBJECT_SCHEME_BLOCKS : SUBJECT_SCHEME_HMAC;
}

bool subject_scheme_fits(const struct event_header *header)
{
    struct block_range range;
    if (header->subject_scheme == SUBJECT_SCHEME_HMAC) return true;
    return header->subject_scheme == SUBJECT_SCHEME_BLOCKS && header->type == EVENT_INQUIRY &&
           !header->has_consent && header->legal_basis == LEGAL_SUPERVISION &&
           subject_blocks(&header->subject_id, &range) == TALLY_OK;
}
