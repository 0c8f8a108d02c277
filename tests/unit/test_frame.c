// links: net codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "node/net/frame.h"

#define KINDS_ALL ((2u << FRAME_KIND_MAX) - 2u)

/* What a handler saw: counts, and a running mix of everything in order. */
struct seen {
    unsigned count;
    size_t bytes;
    uint64_t mix;
    int answer;
    unsigned answer_at;
};

static int see(void *context, enum frame_kind kind, struct span payload)
{
    struct seen *seen = context;
    seen->count++;
    seen->bytes += payload.size;
    seen->mix = seen->mix * 1099511628211u + kind;
    for (size_t i = 0; i < payload.size; i++)
        seen->mix = seen->mix * 1099511628211u + payload.data[i];
    return seen->answer != TALLY_OK && seen->count == seen->answer_at ? seen->answer : TALLY_OK;
}

static void put_frame(struct buffer *out, enum frame_kind kind, size_t size)
{
    uint8_t header[FRAME_HEADER_SIZE];
    frame_header_put(header, kind, size);
    buffer_append(out, header, sizeof header);
    for (size_t i = 0; i < size; i++)
        buffer_u8(out, (uint8_t)(i * 7 + kind));
}

static void put_stream(struct buffer *out)
{
    put_frame(out, FRAME_VOTE, 100);
    put_frame(out, FRAME_KEEPALIVE, 0);
    put_frame(out, FRAME_CERTIFICATE, 3000);
    put_frame(out, FRAME_RANGE_REQUEST, 1);
    put_frame(out, FRAME_KEEPALIVE, 0);
}

static void frames_come_out_alike_however_they_were_split(void **state)
{
    struct buffer stream;
    struct seen whole = {0};
    struct frame_parser parser;
    (void)state;
    buffer_init(&stream, MIB);
    put_stream(&stream);
    frame_parser_init(&parser, KINDS_ALL);
    assert_int_equal(frame_parser_feed(&parser, buffer_span(&stream), see, &whole), TALLY_OK);
    assert_int_equal(whole.count, 5);
    assert_int_equal(whole.bytes, 3101);
    assert_null(parser.partial.data); /* whole frames are not copied */
    frame_parser_close(&parser);

    for (size_t step = 1; step < 300; step++) {
        struct seen split = {0};
        frame_parser_init(&parser, KINDS_ALL);
        for (size_t at = 0; at < stream.size; at += step) {
            size_t size = stream.size - at < step ? stream.size - at : step;
            assert_int_equal(
                frame_parser_feed(&parser, span_of(stream.data + at, size), see, &split), TALLY_OK);
        }
        assert_int_equal(split.count, whole.count);
        assert_true(split.mix == whole.mix);
        frame_parser_close(&parser);
    }
    buffer_close(&stream);
}

static void a_size_over_its_kinds_bound_is_refused_at_the_header(void **state)
{
    (void)state;
    for (unsigned kind = 1; kind <= FRAME_KIND_MAX; kind++) {
        struct frame_parser parser;
        struct seen seen = {0};
        uint8_t header[FRAME_HEADER_SIZE];
        put_u32(header, frame_size_max(kind) + 1);
        header[4] = (uint8_t)kind;
        frame_parser_init(&parser, KINDS_ALL);
        assert_int_equal(
            frame_parser_feed(&parser, span_of(header, sizeof header), see, &seen), TALLY_ELIMIT);
        assert_int_equal(frame_parser_feed(&parser, span_of(header, 1), see, &seen), TALLY_ELIMIT);
        frame_parser_close(&parser);
        /* And a byte at a time. */
        frame_parser_init(&parser, KINDS_ALL);
        int error = TALLY_OK;
        for (size_t i = 0; i < sizeof header && error == TALLY_OK; i++)
            error = frame_parser_feed(&parser, span_of(header + i, 1), see, &seen);
        assert_int_equal(error, TALLY_ELIMIT);
        assert_int_equal(seen.count, 0);
        frame_parser_close(&parser);
    }
}

static void the_largest_payload_of_a_kind_passes(void **state)
{
    struct buffer stream;
    struct frame_parser parser;
    struct seen seen = {0};
    (void)state;
    buffer_init(&stream, 32 * MIB);
    put_frame(&stream, FRAME_RANGE, frame_size_max(FRAME_RANGE));
    put_frame(&stream, FRAME_VOTE, frame_size_max(FRAME_VOTE));
    assert_false(stream.failed);
    frame_parser_init(&parser, KINDS_ALL);
    for (size_t at = 0; at < stream.size; at += 65536) {
        size_t size = stream.size - at < 65536 ? stream.size - at : 65536;
        assert_int_equal(frame_parser_feed(&parser, span_of(stream.data + at, size), see, &seen), TALLY_OK);
    }
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.bytes, frame_size_max(FRAME_RANGE) + frame_size_max(FRAME_VOTE));
    assert_true(parser.partial.capacity <= 64 * KIB); /* the memory of the large one is given back */
    frame_parser_close(&parser);
    buffer_close(&stream);
}

static void memory_grows_with_what_came_not_with_what_was_claimed(void **state)
{
    struct frame_parser parser;
    struct seen seen = {0};
    uint8_t bytes[FRAME_HEADER_SIZE + 100] = {0};
    (void)state;
    put_u32(bytes, FRAME_SIZE_MAX);
    bytes[4] = FRAME_RANGE;
    frame_parser_init(&parser, KINDS_ALL);
    assert_int_equal(frame_parser_feed(&parser, span_of(bytes, sizeof bytes), see, &seen), TALLY_OK);
    assert_true(parser.partial.capacity <= 256);
    frame_parser_close(&parser);
}

static void kinds_that_may_not_come_are_refused(void **state)
{
    struct frame_parser parser;
    struct seen seen = {0};
    uint8_t vote[FRAME_HEADER_SIZE] = {0, 0, 0, 0, FRAME_VOTE};
    uint8_t zero[FRAME_HEADER_SIZE] = {0};
    uint8_t high[FRAME_HEADER_SIZE] = {0, 0, 0, 0, 255};
    (void)state;
    frame_parser_init(&parser, 1u << FRAME_HELLO);
    assert_int_equal(frame_parser_feed(&parser, span_of(vote, sizeof vote), see, &seen), TALLY_EFORM);
    frame_parser_init(&parser, KINDS_ALL);
    assert_int_equal(frame_parser_feed(&parser, span_of(zero, sizeof zero), see, &seen), TALLY_EFORM);
    frame_parser_init(&parser, KINDS_ALL);
    assert_int_equal(frame_parser_feed(&parser, span_of(high, sizeof high), see, &seen), TALLY_EFORM);
    assert_int_equal(seen.count, 0);
    frame_parser_close(&parser);
}

static void a_handler_that_objects_stops_the_parser(void **state)
{
    struct buffer stream;
    struct frame_parser parser;
    struct seen seen = {.answer = TALLY_EDENIED, .answer_at = 2};
    (void)state;
    buffer_init(&stream, MIB);
    put_stream(&stream);
    frame_parser_init(&parser, KINDS_ALL);
    assert_int_equal(frame_parser_feed(&parser, buffer_span(&stream), see, &seen), TALLY_EDENIED);
    assert_int_equal(frame_parser_feed(&parser, buffer_span(&stream), see, &seen), TALLY_EDENIED);
    assert_int_equal(seen.count, 2);
    frame_parser_close(&parser);
    buffer_close(&stream);
}

static void every_kind_has_a_name_and_a_bound(void **state)
{
    (void)state;
    for (unsigned kind = 1; kind <= FRAME_KIND_MAX; kind++) {
        assert_non_null(frame_kind_name(kind));
        assert_true(frame_size_max(kind) > 0 && frame_size_max(kind) <= FRAME_SIZE_MAX);
    }
    assert_null(frame_kind_name(0));
    assert_null(frame_kind_name(FRAME_KIND_MAX + 1));
    assert_int_equal(frame_size_max(0), 0);
    assert_int_equal(frame_size_max(FRAME_KIND_MAX + 1), 0);
    assert_true(frame_is_bulk(FRAME_BATCH) && frame_is_bulk(FRAME_RANGE));
    assert_false(
        frame_is_bulk(FRAME_VOTE) || frame_is_bulk(FRAME_PROPOSAL) || frame_is_bulk(FRAME_CERTIFICATE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_come_out_alike_however_they_were_split),
        cmocka_unit_test(a_size_over_its_kinds_bound_is_refused_at_the_header),
        cmocka_unit_test(the_largest_payload_of_a_kind_passes),
        cmocka_unit_test(memory_grows_with_what_came_not_with_what_was_claimed),
        cmocka_unit_test(kinds_that_may_not_come_are_refused),
        cmocka_unit_test(a_handler_that_objects_stops_the_parser),
        cmocka_unit_test(every_kind_has_a_name_and_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
