#include "node/net/byte_queue.h"

#include <stdlib.h>

#include "proto/base/check.h"

#define CAPACITY_MIN 4096u

void byte_queue_init(struct byte_queue *queue, size_t size_max)
{
    *queue = (struct byte_queue){.size_max = size_max};
}

void byte_queue_close(struct byte_queue *queue)
{
    free(queue->data);
    *queue = (struct byte_queue){0};
}

static int grow(struct byte_queue *queue, size_t needed)
{
    size_t capacity = CAPACITY_MIN;
    while (capacity < needed || capacity < 2 * queue->size)
        capacity *= 2;
    uint8_t *data = malloc(capacity);
    if (data == NULL) return TALLY_ENOMEM;
    if (queue->size > 0) memcpy(data, queue->data + queue->start, queue->size);
    free(queue->data);
    queue->data = data;
    queue->start = 0;
    queue->capacity = capacity;
    return TALLY_OK;
}

/* Makes place for `size` bytes at the end. Moving to the front is paid for by the bytes that left since the
 * last move, so long as they are half of the room. */
static int reserve(struct byte_queue *queue, size_t size)
{
    size_t needed = queue->size + size;
    if (queue->start + needed <= queue->capacity) return TALLY_OK;
    if (needed > queue->capacity || queue->start < queue->capacity / 2) return grow(queue, needed);
    memmove(queue->data, queue->data + queue->start, queue->size);
    queue->start = 0;
    return TALLY_OK;
}

static void append(struct byte_queue *queue, struct span bytes)
{
    if (bytes.size == 0) return;
    memcpy(queue->data + queue->start + queue->size, bytes.data, bytes.size);
    queue->size += bytes.size;
}

int byte_queue_push(struct byte_queue *queue, struct span first, struct span second)
{
    size_t room = queue->size_max - queue->size;
    if (first.size > room || second.size > room - first.size) return TALLY_EFULL;
    int error = reserve(queue, first.size + second.size);
    if (error != TALLY_OK) return error;
    append(queue, first);
    append(queue, second);
    CHECK(queue->size <= queue->size_max && queue->start + queue->size <= queue->capacity);
    return TALLY_OK;
}

struct span byte_queue_front(const struct byte_queue *queue)
{
    return queue->size > 0 ? span_of(queue->data + queue->start, queue->size) : span_of(NULL, 0);
}

void byte_queue_pop(struct byte_queue *queue, size_t size)
{
    CHECK(size <= queue->size);
    queue->start += size;
    queue->size -= size;
    if (queue->size > 0) return;
    queue->start = 0;
    if (queue->capacity <= BYTE_QUEUE_KEPT_SIZE) return;
    free(queue->data);
    queue->data = NULL;
    queue->capacity = 0;
}
