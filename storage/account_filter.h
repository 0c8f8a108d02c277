/* Which accounts there may be, in memory: most openings are of accounts that are not there, and then the
 * store need not be asked. Never denies one that was added; of one that was not, says "may be" with a chance
 * of n in 2^32, n being how many were added. One thread at a time uses a filter. */
#ifndef TALLY_STORAGE_ACCOUNT_FILTER_H
#define TALLY_STORAGE_ACCOUNT_FILTER_H

#include <stdbool.h>

#include "proto/codec/event.h"

struct account_filter;

/* Empty: denies all. NULL when memory is out. */
struct account_filter *account_filter_make(void);
void account_filter_close(struct account_filter *filter);

/* Where memory is out, the filter denies nothing from then on. */
void account_filter_add(
    struct account_filter *filter, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE]);
/* False: it was not added. */
bool account_filter_may_have(
    const struct account_filter *filter, uint32_t member_id, const uint8_t ref[ACCOUNT_REF_SIZE]);
/* Bytes held now. */
size_t account_filter_size(const struct account_filter *filter);

#endif
