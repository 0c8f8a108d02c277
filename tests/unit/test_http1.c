// links: rpc net client codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "node/rpc/http1.h"
#include "proto/base/check.h"

#define HEAD_SIZE_MAX 1024u

/* An owner that keeps what it is told, and answers only when a test says so, or at a request's end. */
struct bench {
    struct carrier *carrier;
    struct buffer seen, body;
    unsigned taken, ended, gone;
    struct exchange *last;
    const char *answer;      /* the response's body, from a request's end on */
    const char *answer_size; /* its content-length; NULL = in chunks */
    bool refuses, silent, held;
    unsigned refuses_with; /* this status at once; 0 = not */
    const char *why;
};

static struct bench bench;

static bool on_request(void *context, struct exchange *exchange)
{
    (void)context;
    bench.last = exchange;
    buffer_clear(&bench.body);
    if (bench.refuses) return false;
    bench.taken++;
    if (bench.refuses_with != 0)
        assert_int_equal(exchange_refuse(exchange, bench.refuses_with, NULL, 0), TALLY_OK);
    return true;
}

static void on_body(void *context, struct exchange *exchange, struct span bytes)
{
    (void)context;
    assert_ptr_equal(exchange, bench.last);
    buffer_append(&bench.body, bytes.data, bytes.size);
}

static void respond(void)
{
    const struct exchange_field headers[] = {
        {"content-type", "text/plain"}, {"content-length", bench.answer_size}};
    assert_int_equal(exchange_respond(bench.last, 200, headers, bench.answer_size != NULL ? 2 : 1), TALLY_OK);
}

static void on_request_end(void *context, struct exchange *exchange)
{
    (void)context;
    assert_ptr_equal(exchange, bench.last);
    bench.ended++;
    if (!bench.silent) respond();
}

static size_t on_fill(void *context, struct exchange *exchange, uint8_t *to, size_t size, bool *last)
{
    (void)context;
    assert_ptr_equal(exchange, bench.last);
    size_t part = strlen(bench.answer);
    if (part > size) part = size;
    memcpy(to, bench.answer, part);
    bench.answer += part;
    *last = *bench.answer == '\0' && !bench.held;
    return part;
}

static size_t on_trailers(void *context, struct exchange *exchange, struct exchange_field *trailers)
{
    (void)context;
    (void)exchange;
    (void)trailers;
    fail_msg("it has no trailers");
    return 0;
}

static void on_gone(void *context, struct exchange *exchange)
{
    (void)context;
    assert_ptr_equal(exchange, bench.last);
    bench.gone++;
    bench.last = NULL;
}

static void on_output(void *context)
{
    (void)context;
}

static int bench_start(void **state)
{
    (void)state;
    static const struct exchange_hooks hooks = {
        on_request, on_body, on_request_end, on_fill, on_trailers, on_gone, on_output};
    memset(&bench, 0, sizeof bench);
    bench.answer = "hello";
    bench.answer_size = "5";
    bench.why = "";
    buffer_init(&bench.seen, 4 * MIB);
    buffer_init(&bench.body, 16 * MIB);
    assert_int_equal(http1_open(HEAD_SIZE_MAX, &hooks, NULL, &bench.carrier), TALLY_OK);
    return 0;
}

static int bench_stop(void **state)
{
    (void)state;
    carrier_close(bench.carrier);
    assert_int_equal(bench.taken, bench.gone);
    buffer_close(&bench.seen);
    buffer_close(&bench.body);
    return 0;
}

static void bench_pull(void)
{
    static uint8_t bytes[CARRIER_PULL_SIZE_MIN];
    size_t pulled = 0;
    do {
        assert_int_equal(carrier_pull(bench.carrier, bytes, sizeof bytes, &pulled), TALLY_OK);
        buffer_append(&bench.seen, bytes, pulled);
    } while (pulled > 0);
    assert_false(bench.seen.failed);
}

static int bench_send(const char *text)
{
    int error = carrier_receive(bench.carrier, span_of(text, strlen(text)), 1000, &bench.why);
    bench_pull();
    return error;
}

/* What came, whole; and forgets it. */
static void assert_seen(const char *text)
{
    buffer_u8(&bench.seen, 0);
    assert_string_equal((const char *)bench.seen.data, text);
    buffer_clear(&bench.seen);
}

static void assert_body(const char *text)
{
    assert_int_equal(bench.body.size, strlen(text));
    if (bench.body.size > 0) assert_memory_equal(bench.body.data, text, bench.body.size);
}

#define HELLO "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nhello"
#define HELLO_LAST                                                                                           \
    "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello"
#define BAD "HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"

static void a_request_is_answered_and_the_connection_goes_on(void **state)
{
    (void)state;
    assert_int_equal(bench_send("GET /a?b=c HTTP/1.1\r\nHost: x\r\nLast-Event-ID:  7 \r\n\r\n"), TALLY_OK);
    assert_seen(HELLO);
    assert_int_equal(bench.gone, 1);
    assert_false(carrier_is_finished(bench.carrier));
    bench.answer = "again";
    assert_int_equal(bench_send("\r\n\r\nGET /a HTTP/1.1\r\nhost:x\r\n\r\n"), TALLY_OK);
    assert_seen("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nagain");
}

static void a_requests_fields_are_kept(void **state)
{
    (void)state;
    bench.silent = true;
    assert_int_equal(
        bench_send(
            "POST /t.T/Echo?q HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            "CONNECT-TIMEOUT-MS: 12\r\nConnect-Protocol-Version: 1\r\nlast-event-id: 9\r\n"
            "Content-Encoding: gzip\r\nConnect-Content-Encoding: br\r\n"
            "X-Long-0123456789012345678901234567890123456789012345678901234567890123456789: y\r\n\r\n"),
        TALLY_OK);
    const struct exchange_request *request = &bench.last->request;
    assert_string_equal(request->method, "POST");
    assert_string_equal(request->path, "/t.T/Echo");
    assert_string_equal(request->query, "q");
    assert_string_equal(request->content_type, "application/json");
    assert_string_equal(request->connect_timeout, "12");
    assert_string_equal(request->connect_version, "1");
    assert_string_equal(request->last_event_id, "9");
    assert_string_equal(request->content_encoding, "gzip");
    assert_string_equal(request->connect_encoding, "br");
    assert_string_equal(request->grpc_timeout, "");
    respond();
    bench_pull();
    /* The next one begins with none of it. */
    assert_int_equal(
        bench_send("GET /b HTTP/1.1\r\nHost: x\r\nConnect-Timeout-Ms: 12345678901234567\r\n\r\n"), TALLY_OK);
    request = &bench.last->request;
    assert_string_equal(request->content_type, "");
    assert_string_equal(request->query, "");
    assert_string_equal(request->connect_timeout, EXCHANGE_CUT);
}

static void a_body_has_a_length_or_chunks(void **state)
{
    (void)state;
    assert_int_equal(bench_send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"), TALLY_OK);
    assert_body("abc");
    assert_int_equal(bench.ended, 1);
    bench.answer = "hello";
    assert_int_equal(bench_send("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                                "3\r\nabc\r\n4;ext=1\r\ndefg\r\n0\r\nTrailer: t\r\n\r\n"),
        TALLY_OK);
    assert_body("abcdefg");
    assert_int_equal(bench.ended, 2);
    assert_seen(HELLO HELLO);
}

static void a_request_may_arrive_byte_by_byte(void **state)
{
    (void)state;
    static const char text[] = "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                               "3\r\nabc\r\n0\r\nTrailer: one two\r\n\r\n"
                               "POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nxy";
    for (size_t i = 0; i + 1 < sizeof text; i++) {
        if (bench.answer[0] == '\0') bench.answer = "hello";
        assert_int_equal(carrier_receive(bench.carrier, span_of(text + i, 1), 1000, &bench.why), TALLY_OK);
        bench_pull();
    }
    assert_body("xy");
    assert_seen(HELLO HELLO);
    assert_int_equal(bench.gone, 2);
}

static void what_comes_before_an_answer_waits(void **state)
{
    (void)state;
    bench.silent = true;
    assert_int_equal(bench_send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
                                "POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nxyGET /c HT"),
        TALLY_OK);
    assert_int_equal(bench.taken, 1);
    assert_string_equal(bench.last->request.path, "/a");
    respond();
    bench_pull();
    assert_int_equal(bench.taken, 2);
    assert_string_equal(bench.last->request.path, "/b");
    assert_body("xy");
    bench.answer = "hello";
    respond();
    bench_pull();
    bench.answer = "hello";
    assert_int_equal(bench_send("TP/1.1\r\nHost: x\r\n\r\n"), TALLY_OK);
    assert_string_equal(bench.last->request.path, "/c");
    assert_seen(HELLO HELLO);
}

static void too_much_that_waits_is_a_flood(void **state)
{
    (void)state;
    static char much[HTTP1_WAITING_SIZE_MAX + 1];
    memset(much, 'x', sizeof much - 1);
    bench.silent = true;
    assert_int_equal(bench_send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"), TALLY_OK);
    assert_int_equal(bench_send(much), TALLY_OK);
    assert_int_equal(bench_send("x"), TALLY_ELIMIT);
    assert_true(carrier_is_finished(bench.carrier));
    assert_int_equal(bench.gone, 1);
}

static void an_answer_without_a_length_comes_in_chunks(void **state)
{
    (void)state;
    bench.answer_size = NULL;
    bench.held = true;
    assert_int_equal(bench_send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"), TALLY_OK);
    assert_seen(
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n0005\r\nhello\r\n");
    bench.answer = "!";
    exchange_wake(bench.last);
    bench_pull();
    assert_seen("0001\r\n!\r\n");
    bench.held = false;
    exchange_wake(bench.last);
    bench_pull();
    assert_seen("0\r\n\r\n");
    assert_int_equal(bench.gone, 1);
    assert_false(carrier_is_finished(bench.carrier));
}

static void a_large_answer_is_cut_into_chunks_that_a_pull_holds(void **state)
{
    (void)state;
    static char large[200 * KIB + 1];
    memset(large, 'y', sizeof large - 1);
    bench.answer = large;
    bench.answer_size = NULL;
    assert_int_equal(bench_send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"), TALLY_OK);
    static const char head[] =
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n";
    size_t at = sizeof head - 1, total = 0;
    for (;;) {
        unsigned size = 0;
        assert_int_equal(sscanf((const char *)bench.seen.data + at, "%x\r\n", &size), 1);
        if (size == 0) break;
        at += 6;
        for (unsigned i = 0; i < size; i++)
            assert_int_equal(bench.seen.data[at + i], 'y');
        assert_memory_equal(bench.seen.data + at + size, "\r\n", 2);
        at += size + 2;
        total += size;
    }
    assert_int_equal(total, sizeof large - 1);
    assert_int_equal(bench.seen.size, at + 5);
}

static void a_client_of_1_0_gets_no_chunks_and_no_second_request(void **state)
{
    (void)state;
    bench.answer_size = NULL;
    assert_int_equal(bench_send("GET /a HTTP/1.0\r\n\r\n"), TALLY_OK);
    assert_seen("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\nhello");
    assert_true(carrier_is_finished(bench.carrier));
}

static void a_client_may_ask_to_close(void **state)
{
    (void)state;
    assert_int_equal(bench_send("GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\nGET /b"), TALLY_OK);
    assert_seen(HELLO_LAST);
    assert_true(carrier_is_finished(bench.carrier));
}

static void a_body_that_is_awaited_is_asked_for(void **state)
{
    (void)state;
    assert_int_equal(
        bench_send("POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"),
        TALLY_OK);
    assert_seen("HTTP/1.1 100 Continue\r\n\r\n");
    assert_int_equal(bench_send("ab"), TALLY_OK);
    assert_seen(HELLO);
}

static void a_body_that_is_not_wanted_is_not_asked_for(void **state)
{
    (void)state;
    bench.refuses_with = 403;
    assert_int_equal(
        bench_send("POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"),
        TALLY_OK);
    assert_seen("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    assert_int_equal(bench.gone, 1);
    assert_true(carrier_is_finished(bench.carrier));
}

static void an_early_answer_lets_the_rest_pass_and_ends_the_connection(void **state)
{
    (void)state;
    bench.refuses_with = 403;
    assert_int_equal(bench_send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc"), TALLY_OK);
    assert_seen("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    assert_false(carrier_is_finished(bench.carrier));
    assert_int_equal(bench_send("def"), TALLY_OK);
    assert_body("");
    assert_int_equal(bench.ended, 0);
    assert_true(carrier_is_finished(bench.carrier));
    assert_seen("");
}

static void a_request_that_is_answered_and_never_ends_is_cut(void **state)
{
    (void)state;
    static char part[64 * KIB + 1];
    memset(part, 'x', sizeof part - 1);
    bench.refuses_with = 429;
    assert_int_equal(
        bench_send("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999\r\n\r\n"), TALLY_OK);
    for (unsigned i = 0; i < EXCHANGE_DISCARD_SIZE_MAX / (64 * KIB); i++) {
        assert_false(carrier_is_finished(bench.carrier));
        assert_int_equal(bench_send(part), TALLY_OK);
    }
    assert_int_equal(bench_send("x"), TALLY_OK);
    assert_true(carrier_is_finished(bench.carrier));
}

/* Each of them gets that status, and the end; `taken` of them reach the owner first. */
static void assert_refused(const char *request, const char *response, unsigned taken)
{
    assert_int_equal(bench_send(request), TALLY_EFORM);
    assert_string_equal(bench.why, "not well-formed HTTP/1.1");
    assert_seen(response);
    assert_int_equal(bench.taken, taken);
    assert_int_equal(bench.ended, 0);
    assert_true(carrier_is_finished(bench.carrier));
    assert_int_equal(bench_stop(NULL), 0);
    assert_int_equal(bench_start(NULL), 0);
}

static void what_could_be_read_in_two_ways_is_refused(void **state)
{
    (void)state;
    static const char *const requests[] = {
        "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3, 3\r\n\r\nabc",
        "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\nabc",
        "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\nabc",
        "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 0x3\r\n\r\nabc",
        "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\nabc",
        "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\ntransfer-encoding:chunked\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        "POST /a HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: x\r\nX-Folded: a\r\n b\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: x\r\nX-Folded: a\r\n\tb\r\n\r\n",
        "GET /a HTTP/1.1\r\n Host: x\r\n\r\n",
        "GET /a HTTP/1.1\nHost: x\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: x\nX: y\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: x\rX: y\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: x\r\nX: a\x01z\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: x\r\nX: a\x7fz\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: x\r\nX y: z\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: x\r\n: z\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
        "GET /a HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
        "GET /a HTTP/1.1\r\n\r\n",
        "GET http://x/a HTTP/1.1\r\nHost: x\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
        "CONNECT x:443 HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /a\r\n\r\n",
        "GET  /a HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
        "FROB /a HTTP/1.1\r\nHost: x\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\x16\x03\x01\x02\x01\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++)
        assert_refused(requests[i], BAD, 0);
    assert_refused("GET /a HTTP/1.1\r\nHost: x\r\nExpect: magic\r\n\r\n",
        "HTTP/1.1 417 Expectation Failed\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", 0);
    assert_refused("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 501 Not Implemented\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", 0);
    assert_refused("GET /a HTTP/2.0\r\nHost: x\r\n\r\n",
        "HTTP/1.1 505 HTTP Version Not Supported\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", 0);
}

static void a_nul_in_a_head_is_refused(void **state)
{
    (void)state;
    static const char text[] = "GET /a HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n";
    assert_int_equal(
        carrier_receive(bench.carrier, span_of(text, sizeof text - 1), 1000, &bench.why), TALLY_EFORM);
    bench_pull();
    assert_seen(BAD);
}

static void a_broken_chunk_ends_the_request_and_the_connection(void **state)
{
    (void)state;
    static const char *const bodies[] = {"zz\r\nabc", "3\r\nabcd\r\n", "-3\r\nabc", " 3\r\nabc", "3\nabc\r\n",
        "3 \r\nabc", "0x3\r\nabc", "11111111111111111\r\nabc", "\r\n"};
    char text[256];
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        snprintf(text, sizeof text, "POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%s",
            bodies[i]);
        bench.silent = true;
        assert_int_equal(bench_send(text), TALLY_EFORM);
        assert_seen(BAD);
        assert_int_equal(bench.taken, 1);
        assert_int_equal(bench.ended, 0);
        assert_int_equal(bench.gone, 1);
        assert_true(carrier_is_finished(bench.carrier));
        assert_int_equal(bench_stop(NULL), 0);
        assert_int_equal(bench_start(NULL), 0);
    }
}

static void chunks_that_are_framing_alone_are_refused(void **state)
{
    (void)state;
    static char extension[HTTP1_CHUNK_OVERHEAD_MAX + 1];
    memset(extension, 'e', sizeof extension - 1);
    bench.silent = true;
    assert_int_equal(
        bench_send("POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;"), TALLY_OK);
    assert_int_equal(bench_send(extension), TALLY_EFORM);
    assert_seen(BAD);
    assert_int_equal(bench.gone, 1);
}

static void a_head_above_its_bound_is_refused(void **state)
{
    (void)state;
    static char filler[HEAD_SIZE_MAX + 1];
    char text[2 * HEAD_SIZE_MAX];
    static const char frame[] = "GET /a HTTP/1.1\r\nHost: x\r\nX: \r\n\r\n";
    memset(filler, 'f', sizeof filler - 1);
    snprintf(text, sizeof text, "GET /a HTTP/1.1\r\nHost: x\r\nX: %.*s\r\n\r\n",
        (int)(HEAD_SIZE_MAX - (sizeof frame - 1)), filler);
    assert_int_equal(strlen(text), HEAD_SIZE_MAX);
    assert_int_equal(bench_send(text), TALLY_OK);
    assert_seen(HELLO);
    snprintf(text, sizeof text, "GET /a HTTP/1.1\r\nHost: x\r\nX: %s", filler);
    assert_int_equal(bench_send(text), TALLY_EFORM);
    assert_seen(
        "HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
}

static void an_upgrade_is_not_taken_up(void **state)
{
    (void)state;
    assert_int_equal(
        bench_send("GET /a HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
        TALLY_OK);
    assert_seen(HELLO);
    bench.answer = "hello";
    assert_int_equal(bench_send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"), TALLY_OK);
    assert_seen(HELLO);
}

static void a_part_of_a_head_has_a_time(void **state)
{
    (void)state;
    assert_int_equal(bench.carrier->head_since_ms, UINT64_MAX);
    assert_int_equal(carrier_receive(bench.carrier, span_of("GET /", 5), 1000, &bench.why), TALLY_OK);
    assert_int_equal(carrier_receive(bench.carrier, span_of("a", 1), 2000, &bench.why), TALLY_OK);
    assert_int_equal(bench.carrier->head_since_ms, 1000);
    assert_int_equal(bench_send(" HTTP/1.1\r\nHost: x\r\n\r\n"), TALLY_OK);
    assert_int_equal(bench.carrier->head_since_ms, UINT64_MAX);
}

static void a_reset_ends_the_connection_in_the_middle(void **state)
{
    (void)state;
    bench.answer_size = "10";
    assert_int_equal(bench_send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"), TALLY_OK);
    /* The answer was shorter than it said; that is the owner's affair. */
    bench.silent = true;
    assert_int_equal(bench_send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"), TALLY_OK);
    exchange_reset(bench.last);
    bench_pull();
    assert_int_equal(bench.gone, 2);
    assert_true(carrier_is_finished(bench.carrier));
}

static void a_request_there_is_no_memory_for_ends_the_connection(void **state)
{
    (void)state;
    bench.refuses = true;
    assert_int_equal(bench_send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"), TALLY_ENOMEM);
    assert_seen("");
    assert_int_equal(bench.gone, 0);
    assert_true(carrier_is_finished(bench.carrier));
}

static void finishing_ends_with_the_answer_that_is_open(void **state)
{
    (void)state;
    bench.silent = true;
    assert_int_equal(
        bench_send("GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n"), TALLY_OK);
    carrier_finish(bench.carrier);
    assert_false(carrier_is_finished(bench.carrier));
    respond();
    bench_pull();
    assert_seen(HELLO_LAST);
    assert_int_equal(bench.taken, 1);
    assert_true(carrier_is_finished(bench.carrier));
}

static void finishing_an_idle_connection_ends_it(void **state)
{
    (void)state;
    carrier_finish(bench.carrier);
    bench_pull();
    assert_seen("");
    assert_true(carrier_is_finished(bench.carrier));
}

static void shutting_makes_the_next_answer_the_last(void **state)
{
    (void)state;
    carrier_shut(bench.carrier);
    assert_false(carrier_is_finished(bench.carrier));
    assert_int_equal(bench_send("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"), TALLY_OK);
    assert_seen(HELLO_LAST);
    assert_true(carrier_is_finished(bench.carrier));
}

#define on_bench(name) cmocka_unit_test_setup_teardown(name, bench_start, bench_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        on_bench(a_request_is_answered_and_the_connection_goes_on),
        on_bench(a_requests_fields_are_kept),
        on_bench(a_body_has_a_length_or_chunks),
        on_bench(a_request_may_arrive_byte_by_byte),
        on_bench(what_comes_before_an_answer_waits),
        on_bench(too_much_that_waits_is_a_flood),
        on_bench(an_answer_without_a_length_comes_in_chunks),
        on_bench(a_large_answer_is_cut_into_chunks_that_a_pull_holds),
        on_bench(a_client_of_1_0_gets_no_chunks_and_no_second_request),
        on_bench(a_client_may_ask_to_close),
        on_bench(a_body_that_is_awaited_is_asked_for),
        on_bench(a_body_that_is_not_wanted_is_not_asked_for),
        on_bench(an_early_answer_lets_the_rest_pass_and_ends_the_connection),
        on_bench(a_request_that_is_answered_and_never_ends_is_cut),
        on_bench(what_could_be_read_in_two_ways_is_refused),
        on_bench(a_nul_in_a_head_is_refused),
        on_bench(a_broken_chunk_ends_the_request_and_the_connection),
        on_bench(chunks_that_are_framing_alone_are_refused),
        on_bench(a_head_above_its_bound_is_refused),
        on_bench(an_upgrade_is_not_taken_up),
        on_bench(a_part_of_a_head_has_a_time),
        on_bench(a_reset_ends_the_connection_in_the_middle),
        on_bench(a_request_there_is_no_memory_for_ends_the_connection),
        on_bench(finishing_ends_with_the_answer_that_is_open),
        on_bench(finishing_an_idle_connection_ends_it),
        on_bench(shutting_makes_the_next_answer_the_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
