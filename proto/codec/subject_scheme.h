/* What an event's subject id is. A borrower's is a pseudonym; a regulator's inquiry may be about blocks
 * instead, and then stands for its reading of whatever events are in them. */
#ifndef TALLY_CODEC_SUBJECT_SCHEME_H
#define TALLY_CODEC_SUBJECT_SCHEME_H

#include "proto/codec/event.h"

enum subject_scheme {
    SUBJECT_SCHEME_HMAC = 1,   /* a borrower, by HMAC under the network's key */
    SUBJECT_SCHEME_BLOCKS = 2, /* blocks: of an INQUIRY on the legal basis SUPERVISION alone */
};

/* What one inquiry is about at most: a record of everything there will ever be says nothing. */
#define SUBJECT_BLOCKS_MAX 1000000u

struct block_range {
    uint64_t first, last; /* heights, both included, from 1; SUBJECT_BLOCKS_MAX at most */
};

bool block_range_is_valid(const struct block_range *range);

/* The id: 16 zeros | first u64 | last u64. Such zeros begin nobody's pseudonym. The range is valid
 * (CHECKed). */
struct digest subject_of_blocks(const struct block_range *range);

/* Errors: TALLY_EFORM (the id is of no valid range). */
int subject_blocks(const struct digest *subject_id, struct block_range *range) TALLY_MUST_CHECK;

/* Which scheme an id is of: one of blocks cannot be mistaken. */
enum subject_scheme subject_scheme_of(const struct digest *subject_id);

/* Whether scheme and subject id are what an event of this type and ground may have. */
bool subject_scheme_fits(const struct event_header *header);

#endif
