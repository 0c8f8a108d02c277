/* Records that begin with the id of the event that made them, in ascending id: the form in which a subject's
 * consents, reservations and disputes are kept. The size of one record is the same in every call of a list.
 */
#ifndef TALLY_NODE_CREDIT_RECORD_LIST_H
#define TALLY_NODE_CREDIT_RECORD_LIST_H

#include "proto/base/bytes.h"

/* All zeros is an empty list, which takes no memory. */
struct record_list {
    uint32_t count, capacity;
    void *records;
};

void record_list_close(struct record_list *list);
/* The record at an index below the count. The pointer holds until a record is added or removed. */
void *record_list_at(const struct record_list *list, size_t record_size, uint32_t index);
/* The record of this id; NULL when there is none. *index, if asked for, is where it stands or would stand. */
void *record_list_find(
    const struct record_list *list, size_t record_size, const struct digest *id, uint32_t *index);
/* Makes room for `count` records in all. Errors: TALLY_ENOMEM; the list is then unchanged. */
int record_list_reserve(struct record_list *list, size_t record_size, uint32_t count) TALLY_MUST_CHECK;
/* Puts a copy of a record in its place; there is none of its id yet (CHECKed). Errors: TALLY_ELIMIT
 * (`count_max` are there), TALLY_ENOMEM; the list is then unchanged. */
int record_list_add(
    struct record_list *list, size_t record_size, uint32_t count_max, const void *record) TALLY_MUST_CHECK;
void record_list_remove(struct record_list *list, size_t record_size, uint32_t index);

#endif
