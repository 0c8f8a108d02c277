/* The pairs of a store's view whose keys begin with one byte, in order, one by one: several such can be read
 * side by side, each in memory of about 1 MiB. */
#ifndef TALLY_STORAGE_STORE_RECORDS_H
#define TALLY_STORAGE_STORE_RECORDS_H

#include "storage/state_record.h"
#include "storage/store.h"

struct store_record {
    struct span key, value;
};

struct store_records {
    const struct store_view *view;
    char kind;
    bool ended; /* nothing is behind what is held */
    struct state_key from;
    struct buffer held; /* pairs, each behind the sizes of its key and its value */
    size_t at;
};

/* `view` is borrowed until the close. */
void store_records_init(struct store_records *records, const struct store_view *view, char kind);
void store_records_close(struct store_records *records);
/* The next pair, borrowed until store_records_next. Errors: TALLY_ENOTFOUND (there is none left),
 * TALLY_EDAMAGED, TALLY_EIO, TALLY_ENOMEM. */
int store_records_peek(struct store_records *records, struct store_record *record) TALLY_MUST_CHECK;
/* Goes past the pair that was peeked at. */
void store_records_next(struct store_records *records);

#endif
