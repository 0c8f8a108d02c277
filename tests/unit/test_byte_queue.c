// links: net codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "node/net/byte_queue.h"

static void bytes_come_out_in_the_order_they_went_in(void **state)
{
    struct byte_queue queue;
    uint32_t random = 7, pushed = 0, popped = 0;
    (void)state;
    byte_queue_init(&queue, 300000);
    for (int round = 0; round < 20000; round++) {
        uint8_t bytes[600];
        random = random * 1664525u + 1013904223u;
        size_t size = (random >> 8) % sizeof bytes;
        for (size_t i = 0; i < size; i++)
            bytes[i] = (uint8_t)(pushed++ % 251);
        assert_int_equal(
            byte_queue_push(&queue, span_of(bytes, size / 2), span_of(bytes + size / 2, size - size / 2)), 0);
        random = random * 1664525u + 1013904223u;
        struct span front = byte_queue_front(&queue);
        size_t taken = front.size == 0 ? 0 : (random >> 8) % (front.size + 1);
        for (size_t i = 0; i < taken; i++)
            assert_int_equal(front.data[i], popped++ % 251);
        byte_queue_pop(&queue, taken);
        assert_int_equal(queue.size, pushed - popped);
    }
    byte_queue_pop(&queue, queue.size);
    assert_int_equal(queue.size, 0);
    byte_queue_close(&queue);
}

static void a_push_over_the_bound_queues_neither_span(void **state)
{
    struct byte_queue queue;
    uint8_t bytes[10] = {0};
    (void)state;
    byte_queue_init(&queue, 15);
    assert_int_equal(byte_queue_push(&queue, span_of(bytes, 10), span_of(NULL, 0)), TALLY_OK);
    assert_int_equal(byte_queue_push(&queue, span_of(bytes, 3), span_of(bytes, 3)), TALLY_EFULL);
    assert_int_equal(byte_queue_push(&queue, span_of(bytes, 6), span_of(NULL, 0)), TALLY_EFULL);
    assert_int_equal(queue.size, 10);
    assert_int_equal(byte_queue_push(&queue, span_of(bytes, 3), span_of(bytes, 2)), TALLY_OK);
    assert_int_equal(queue.size, 15);
    byte_queue_close(&queue);
}

static void an_emptied_queue_gives_large_memory_back(void **state)
{
    struct byte_queue queue;
    static uint8_t bytes[BYTE_QUEUE_KEPT_SIZE * 4];
    (void)state;
    byte_queue_init(&queue, sizeof bytes);
    assert_int_equal(byte_queue_push(&queue, span_of(bytes, sizeof bytes), span_of(NULL, 0)), TALLY_OK);
    byte_queue_pop(&queue, sizeof bytes);
    assert_int_equal(queue.capacity, 0);
    assert_int_equal(byte_queue_push(&queue, span_of(bytes, 5), span_of(NULL, 0)), TALLY_OK);
    assert_int_equal(byte_queue_front(&queue).size, 5);
    byte_queue_close(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_come_out_in_the_order_they_went_in),
        cmocka_unit_test(a_push_over_the_bound_queues_neither_span),
        cmocka_unit_test(an_emptied_queue_gives_large_memory_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
