/* The validators of each epoch, and how each epoch ended, as far as this node knows: what blocks, checkpoints
 * and seals of any epoch are checked by. In memory; seals are kept in the state (storage/state.h), and come
 * from peers where that lost them.
 *
 * The loop adds; any thread may read, and what it was given stays until the book is closed. */
#ifndef TALLY_NODE_EPOCH_BOOK_H
#define TALLY_NODE_EPOCH_BOOK_H

#include "proto/codec/agreement.h"
#include "proto/codec/epoch_seal.h"
#include "proto/codec/genesis.h"

struct epoch_book;

/* Knows the first epoch's validators, from the genesis. Errors: TALLY_ENOMEM, TALLY_EFORM (the genesis'
 * keys).
 */
int epoch_book_open(const struct genesis *genesis, struct epoch_book **book) TALLY_MUST_CHECK;
void epoch_book_close(struct epoch_book *book);

/* Takes in how the newest epoch whose end is not known ended: epoch_book_sealed + 1. Errors: TALLY_EINVALID
 * (another epoch's, or chain's, or another set than it should name), TALLY_ESIGNATURE, TALLY_EFORM,
 * TALLY_ELIMIT (more than EPOCH_SEALS_MAX), TALLY_ENOMEM. */
int epoch_book_add(struct epoch_book *book, const struct epoch_seal *seal) TALLY_MUST_CHECK;
/* The set of an epoch is known without the seals before it, from the state. Errors: TALLY_EFORM,
 * TALLY_EINVALID (another set is known), TALLY_ELIMIT, TALLY_ENOMEM. */
int epoch_book_know(struct epoch_book *book, const struct validator_set *set) TALLY_MUST_CHECK;

/* How many epochs, from the first on, are known to have ended, and how. */
uint64_t epoch_book_sealed(const struct epoch_book *book);
/* The validators of an epoch; NULL where they are not known. */
const struct verify_set *epoch_book_set(const struct epoch_book *book, uint64_t epoch);
/* The validators of the epoch that a header names, where its height may be of that epoch; else NULL. */
const struct verify_set *epoch_book_set_for(const struct epoch_book *book, const struct block_header *header);
/* How an epoch ended; NULL where that is not known. */
const struct epoch_seal *epoch_book_seal(const struct epoch_book *book, uint64_t epoch);

#endif
