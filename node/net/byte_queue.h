/* A first-in, first-out queue of bytes in one piece of memory, with a bound. */
#ifndef TALLY_NET_BYTE_QUEUE_H
#define TALLY_NET_BYTE_QUEUE_H

#include "proto/base/bytes.h"

/* A queue that fell empty keeps no more memory than this. */
#define BYTE_QUEUE_KEPT_SIZE (64u * 1024u)

struct byte_queue {
    uint8_t *data;
    size_t start, size, capacity;
    size_t size_max;
};

/* No memory is taken yet. */
void byte_queue_init(struct byte_queue *queue, size_t size_max);
void byte_queue_close(struct byte_queue *queue);

/* Appends both spans, or neither. Errors: TALLY_EFULL (they would pass the bound), TALLY_ENOMEM. */
int byte_queue_push(struct byte_queue *queue, struct span first, struct span second) TALLY_MUST_CHECK;
/* All that waits, oldest first; holds until the next call. */
struct span byte_queue_front(const struct byte_queue *queue);
/* Forgets the oldest `size` bytes; at most as many as there are (CHECKed). */
void byte_queue_pop(struct byte_queue *queue, size_t size);

#endif
