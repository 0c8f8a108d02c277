#include "node/rpc/http1.h"

#include <llhttp.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "proto/base/check.h"

#define OUT_SIZE_MAX (8u * KIB)
/* A chunk is framed by four digits and two line ends; the last is "0", CR, LF, CR, LF. */
#define CHUNK_HEAD_SIZE 6u
#define CHUNK_TAIL_SIZE 2u
#define CHUNK_LAST_SIZE 5u
#define CHUNK_SIZE_MAX 0xffffu

static const struct carrier_ops ops;

enum reading {
    READ_HEAD,
    READ_BODY,
    READ_NEXT, /* the request is here; what follows waits until it is answered */
    READ_NONE, /* nothing more is wanted on this connection */
};

struct http1 {
    struct carrier carrier;   /* first: the one is the other */
    struct exchange exchange; /* the one that is open */
    size_t head_size_max;
    const struct exchange_hooks *hooks;
    void *context;
    llhttp_t parser;
    enum reading reading;
    uint64_t now_ms;
    struct buffer head;    /* as far as it has come */
    struct buffer waiting; /* what came after the request */
    struct buffer out;     /* heads of responses */
    size_t out_sent;
    bool shut; /* the next response is the last */

    /* Of the header that is being read. */
    char name[64]; /* in lower case; longer ones are none that is known */
    size_t name_size;
    struct span value;
    unsigned value_parts;

    /* Of the exchange. */
    unsigned hosts, codings;
    bool coding_is_chunked;
    unsigned problem; /* the status that says what is wrong with the request; 0 = nothing */
    bool open;
    bool known;      /* the owner took it: on_gone is due */
    bool ignored;    /* the owner wants no more of the request */
    bool expecting;  /* the client waits for a 100 before it sends the body */
    bool received;   /* the whole request is here */
    bool responding; /* the response's head is queued */
    bool responded;  /* all of the response is queued */
    bool chunked;    /* the response is */
    bool last;       /* the connection ends after it */
    bool cut;        /* it cannot end well */
    size_t body_size, body_wire_size;
};

_Static_assert(CARRIER_PULL_SIZE_MIN > CHUNK_HEAD_SIZE + CHUNK_TAIL_SIZE + CHUNK_LAST_SIZE, "a chunk fits");

static struct http1 *http1_of(struct carrier *carrier)
{
    return (struct http1 *)(void *)carrier;
}

static struct http1 *http1_of_exchange(struct exchange *exchange)
{
    return (struct http1 *)(void *)((char *)exchange - offsetof(struct http1, exchange));
}

static void output_notify(struct http1 *http1)
{
    http1->hooks->on_output(http1->context);
}

/* Responses. */

static const char *status_phrase(unsigned status)
{
    static const struct {
        unsigned status;
        const char *phrase;
    } known[] = {
        {200, "OK"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {409, "Conflict"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {499, "Client Closed Request"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].status == status) return known[i].phrase;
    return "";
}

static void text_put(struct buffer *out, const char *text)
{
    buffer_append(out, text, strlen(text));
}

static void field_put(struct buffer *out, const char *name, const char *value)
{
    text_put(out, name);
    text_put(out, ": ");
    text_put(out, value);
    text_put(out, "\r\n");
}

/* Queues a response's head. `sized`: a content-length is among the headers, or there is no body. */
static int head_put(
    struct http1 *http1, unsigned status, const struct exchange_field *headers, size_t count, bool sized)
{
    char line[80];
    size_t size_before = http1->out.size;
    bool old = http1->parser.http_minor == 0;
    http1->chunked = !sized && !old;
    if (!http1->received || http1->shut || (!sized && old)) http1->last = true;
    snprintf(line, sizeof line, "HTTP/1.1 %03u %s\r\n", status % 1000, status_phrase(status));
    text_put(&http1->out, line);
    for (size_t i = 0; i < count; i++)
        field_put(&http1->out, headers[i].name, headers[i].value);
    if (http1->chunked) field_put(&http1->out, "transfer-encoding", "chunked");
    if (http1->last) field_put(&http1->out, "connection", "close");
    text_put(&http1->out, "\r\n");
    if (http1->out.failed) {
        http1->out.failed = false;
        http1->out.size = size_before;
        return TALLY_ENOMEM;
    }
    http1->responding = true;
    output_notify(http1);
    return TALLY_OK;
}

static bool has_length(const struct exchange_field *headers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(headers[i].name, "content-length") == 0) return true;
    return false;
}

static int http1_respond(
    struct exchange *exchange, unsigned status, const struct exchange_field *headers, size_t count)
{
    struct http1 *http1 = http1_of_exchange(exchange);
    CHECK(http1->open && !http1->responding && count <= EXCHANGE_HEADERS_MAX);
    return head_put(http1, status, headers, count, has_length(headers, count));
}

static int http1_refuse(
    struct exchange *exchange, unsigned status, const struct exchange_field *headers, size_t count)
{
    struct http1 *http1 = http1_of_exchange(exchange);
    struct exchange_field fields[EXCHANGE_HEADERS_MAX + 1];
    CHECK(http1->open && !http1->responding && count <= EXCHANGE_HEADERS_MAX);
    http1->ignored = true;
    if (count > 0) memcpy(fields, headers, count * sizeof *fields);
    if (!has_length(headers, count)) fields[count++] = (struct exchange_field){"content-length", "0"};
    int error = head_put(http1, status, fields, count, true);
    if (error == TALLY_OK) http1->responded = true;
    return error;
}

static void http1_wake(struct exchange *exchange)
{
    output_notify(http1_of_exchange(exchange));
}

static void http1_reset(struct exchange *exchange)
{
    struct http1 *http1 = http1_of_exchange(exchange);
    http1->ignored = true;
    http1->cut = true;
    output_notify(http1);
}

/* A request's head, as llhttp reads it. The whole of it is given at once, so that names, values and the
 * target come whole. */

static int refuse_head(struct http1 *http1, unsigned status)
{
    http1->problem = status;
    return -1;
}

static int url_callback(llhttp_t *parser, const char *at, size_t size)
{
    struct http1 *http1 = parser->data;
    if (size == 0 || at[0] != '/' || http1->exchange.request.path[0] != '\0') return refuse_head(http1, 400);
    exchange_target_take(&http1->exchange.request, span_of(at, size));
    return 0;
}

/* What a header's name is made of (RFC 9110, 5.6.2), in lower case. */
static bool is_token(char c)
{
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) return true;
    return c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static int header_field_callback(llhttp_t *parser, const char *at, size_t size)
{
    struct http1 *http1 = parser->data;
    if (http1->open) return 0; /* a request's trailers say nothing to us */
    for (size_t i = 0; i < size; i++) {
        char c = (char)(at[i] >= 'A' && at[i] <= 'Z' ? at[i] - 'A' + 'a' : at[i]);
        if (!is_token(c)) return refuse_head(http1, 400);
        if (http1->name_size < sizeof http1->name) http1->name[http1->name_size++] = c;
    }
    return 0;
}

static int header_value_callback(llhttp_t *parser, const char *at, size_t size)
{
    struct http1 *http1 = parser->data;
    if (size == 0 || http1->open) return 0;
    if (++http1->value_parts > 1) return refuse_head(http1, 400);
    while (size > 0 && (at[size - 1] == ' ' || at[size - 1] == '\t'))
        size--;
    http1->value = span_of(at, size);
    return 0;
}

static bool value_is(struct span value, const char *text)
{
    return value.size == strlen(text) && strncasecmp((const char *)value.data, text, value.size) == 0;
}

static int header_value_complete_callback(llhttp_t *parser)
{
    struct http1 *http1 = parser->data;
    if (http1->open) return 0;
    struct span name = span_of(http1->name, http1->name_size), value = http1->value;
    http1->name_size = 0;
    http1->value = span_of(NULL, 0);
    http1->value_parts = 0;
    if (name.size == 0) return refuse_head(http1, 400);
    if (value_is(name, "host")) http1->hosts++;
    if (value_is(name, "transfer-encoding")) {
        http1->codings++;
        http1->coding_is_chunked = value_is(value, "chunked");
    }
    if (value_is(name, "expect")) {
        if (!value_is(value, "100-continue")) return refuse_head(http1, 417);
        http1->expecting = true;
    }
    exchange_field_take(&http1->exchange.request, name, value);
    return 0;
}

/* Everything about the head that llhttp lets pass and we do not. 0 = nothing. */
static unsigned head_problem(const struct http1 *http1)
{
    const llhttp_t *parser = &http1->parser;
    if (parser->http_major != 1 || parser->http_minor > 1) return 505;
    if (http1->hosts > 1 || (http1->hosts == 0 && parser->http_minor == 1)) return 400;
    if (http1->codings > 1 || (http1->codings == 1 && parser->http_minor == 0)) return 400;
    if (http1->codings == 1 && !http1->coding_is_chunked) return 501;
    if (parser->method == HTTP_CONNECT) return 400;
    return 0;
}

static int headers_complete_callback(llhttp_t *parser)
{
    struct http1 *http1 = parser->data;
    unsigned problem = head_problem(http1);
    if (problem != 0) return refuse_head(http1, problem);
    parser->upgrade = 0;
    http1->last = llhttp_should_keep_alive(parser) == 0;
    bool bodiless = (parser->flags & F_CHUNKED) == 0 && parser->content_length == 0;
    if (bodiless || parser->http_minor == 0) http1->expecting = false;
    http1->received = bodiless;
    http1->open = true;
    snprintf(http1->exchange.request.method, sizeof http1->exchange.request.method, "%s",
        llhttp_method_name((llhttp_method_t)parser->method));
    if (!http1->hooks->on_request(http1->context, &http1->exchange)) {
        http1->cut = true;
        return -1;
    }
    http1->known = true;
    if (http1->expecting && !http1->responding) {
        text_put(&http1->out, "HTTP/1.1 100 Continue\r\n\r\n");
        http1->expecting = false;
        output_notify(http1);
    }
    return 0;
}

static int body_callback(llhttp_t *parser, const char *at, size_t size)
{
    struct http1 *http1 = parser->data;
    http1->body_size += size;
    if (!http1->ignored && !http1->cut)
        http1->hooks->on_body(http1->context, &http1->exchange, span_of(at, size));
    return 0;
}

static int message_complete_callback(llhttp_t *parser)
{
    struct http1 *http1 = parser->data;
    http1->received = true;
    http1->reading = READ_NEXT;
    if (!http1->ignored && !http1->cut) http1->hooks->on_request_end(http1->context, &http1->exchange);
    /* What follows is another request's. */
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = url_callback,
    .on_header_field = header_field_callback,
    .on_header_value = header_value_callback,
    .on_header_value_complete = header_value_complete_callback,
    .on_headers_complete = headers_complete_callback,
    .on_body = body_callback,
    .on_message_complete = message_complete_callback,
};

/* Bytes in. */

static void request_begin(struct http1 *http1)
{
    llhttp_init(&http1->parser, HTTP_REQUEST, &settings);
    http1->parser.data = http1;
    http1->exchange.owner = NULL;
    http1->exchange.request = (struct exchange_request){0};
    http1->hosts = http1->codings = http1->problem = http1->value_parts = 0;
    http1->name_size = 0;
    http1->value = span_of(NULL, 0);
    http1->body_size = http1->body_wire_size = 0;
    http1->coding_is_chunked = http1->open = http1->known = http1->ignored = http1->expecting = false;
    http1->received = http1->responding = http1->responded = http1->chunked = http1->last = http1->cut =
        false;
    http1->reading = READ_HEAD;
    buffer_clear(&http1->head);
}

static void exchange_end(struct http1 *http1)
{
    if (http1->known) http1->hooks->on_gone(http1->context, &http1->exchange);
    http1->open = http1->known = false;
}

/* The request cannot be read on: a status where the client has been told none, and the end. */
static int request_fail(struct http1 *http1, unsigned status, const char **why)
{
    const struct exchange_field none = {"content-length", "0"};
    http1->shut = true;
    if (http1->responding) {
        http1->ignored = http1->received = http1->last = true; /* that response still goes out */
    } else {
        (void)head_put(http1, status, &none, 1, true);
        exchange_end(http1);
    }
    http1->reading = READ_NONE;
    http1->carrier.head_since_ms = UINT64_MAX;
    *why = "not well-formed HTTP/1.1";
    return TALLY_EFORM;
}

/* A request's line is a method, a target and a version, one space apart. */
static bool line_is_clean(struct span head)
{
    unsigned spaces = 0;
    for (size_t i = 0; i < head.size && head.data[i] != '\r'; i++) {
        if (head.data[i] == '\t') return false;
        if (head.data[i] == ' ') spaces++;
    }
    return spaces == 2;
}

/* llhttp takes bare line ends, folded lines and the like; here lines end with CR and LF, begin with no blank,
 * and have no control characters but tabs. */
static bool head_is_clean(struct span head)
{
    for (size_t i = 0; i < head.size; i++) {
        uint8_t c = head.data[i];
        if (c == '\r') {
            if (i + 1 == head.size || head.data[i + 1] != '\n') return false;
        } else if (c == '\n') {
            if (i == 0 || head.data[i - 1] != '\r') return false;
            if (i + 1 < head.size && (head.data[i + 1] == ' ' || head.data[i + 1] == '\t')) return false;
        } else if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

/* Gives llhttp what is here; *used of it were this request's. */
static int request_parse(struct http1 *http1, struct span bytes, size_t *used, const char **why)
{
    llhttp_errno_t error = llhttp_execute(&http1->parser, (const char *)bytes.data, bytes.size);
    *used = bytes.size;
    if (error == HPE_OK) return TALLY_OK;
    if (error == HPE_PAUSED) {
        *used = (size_t)(llhttp_get_error_pos(&http1->parser) - (const char *)bytes.data);
        CHECK(*used <= bytes.size);
        return TALLY_OK;
    }
    if (http1->cut) {
        *why = "memory ran out";
        return TALLY_ENOMEM;
    }
    return request_fail(http1, http1->problem != 0 ? http1->problem : 400, why);
}

/* Where the head ends, searched for from `from` on; 0 = not yet. */
static size_t head_end(struct span head, size_t from)
{
    for (size_t i = from > 3 ? from - 3 : 0; i + 4 <= head.size; i++)
        if (memcmp(head.data + i, "\r\n\r\n", 4) == 0) return i + 4;
    return 0;
}

static int head_receive(struct http1 *http1, struct span bytes, size_t *used, const char **why)
{
    size_t skipped = 0, before = http1->head.size;
    /* Empty lines before a request are let pass, as RFC 9112, 2.2 asks. */
    while (
        before == 0 && skipped < bytes.size && (bytes.data[skipped] == '\r' || bytes.data[skipped] == '\n'))
        skipped++;
    size_t part = bytes.size - skipped;
    if (part > http1->head_size_max - before) part = http1->head_size_max - before;
    buffer_append(&http1->head, bytes.data + skipped, part);
    *used = skipped + part;
    if (http1->head.failed) {
        *why = "memory ran out";
        return TALLY_ENOMEM;
    }
    size_t end = head_end(buffer_span(&http1->head), before);
    if (end == 0 && http1->head.size < http1->head_size_max) return TALLY_OK;
    if (end == 0) return request_fail(http1, 431, why);
    *used = skipped + end - before;
    struct span head = span_of(http1->head.data, end);
    if (!head_is_clean(head) || !line_is_clean(head)) return request_fail(http1, 400, why);
    size_t head_used = 0;
    http1->reading = READ_BODY;
    return request_parse(http1, head, &head_used, why);
}

static int body_receive(struct http1 *http1, struct span bytes, size_t *used, const char **why)
{
    int error = request_parse(http1, bytes, used, why);
    if (error != TALLY_OK) return error;
    http1->body_wire_size += *used;
    if (http1->body_wire_size > HTTP1_CHUNK_OVERHEAD_MAX + 9 * http1->body_size)
        return request_fail(http1, 400, why);
    if (http1->ignored && http1->body_wire_size > EXCHANGE_DISCARD_SIZE_MAX) http1->cut = true;
    return TALLY_OK;
}

static int next_receive(struct http1 *http1, struct span bytes, const char **why)
{
    if (bytes.size > HTTP1_WAITING_SIZE_MAX - http1->waiting.size) {
        http1->reading = READ_NONE;
        http1->cut = true;
        *why = "too many requests that wait for one";
        return TALLY_ELIMIT;
    }
    buffer_append(&http1->waiting, bytes.data, bytes.size);
    if (!http1->waiting.failed) return TALLY_OK;
    http1->reading = READ_NONE;
    http1->cut = true;
    *why = "memory ran out";
    return TALLY_ENOMEM;
}

static int bytes_take(struct http1 *http1, struct span bytes, const char **why)
{
    int error = TALLY_OK;
    while (error == TALLY_OK && bytes.size > 0) {
        size_t used = bytes.size;
        switch (http1->reading) {
        case READ_HEAD:
            error = head_receive(http1, bytes, &used, why);
            break;
        case READ_BODY:
            error = body_receive(http1, bytes, &used, why);
            break;
        case READ_NEXT:
            error = next_receive(http1, bytes, why);
            break;
        case READ_NONE:
            break;
        }
        bytes = span_of(bytes.data + used, bytes.size - used);
    }
    bool part = http1->reading == READ_HEAD && http1->head.size > 0;
    if (!part) http1->carrier.head_since_ms = UINT64_MAX;
    if (part && http1->carrier.head_since_ms == UINT64_MAX) http1->carrier.head_since_ms = http1->now_ms;
    return error;
}

static int http1_receive(struct carrier *carrier, struct span bytes, uint64_t now_ms, const char **why)
{
    struct http1 *http1 = http1_of(carrier);
    http1->now_ms = now_ms;
    int error = bytes_take(http1, bytes, why);
    output_notify(http1);
    return error;
}

/* Bytes out. */

/* Whether the exchange has ended; then it is gone, and what waits may begin. */
static bool exchange_end_if_done(struct http1 *http1)
{
    if (!http1->open) return false;
    bool heard = http1->received || http1->expecting;
    if (!http1->cut && !(http1->responded && heard)) return false;
    bool last = http1->last || http1->cut || http1->shut;
    exchange_end(http1);
    if (last) {
        http1->reading = READ_NONE;
        return false;
    }
    struct buffer waiting = http1->waiting;
    const char *why = "";
    buffer_init(&http1->waiting, HTTP1_WAITING_SIZE_MAX);
    request_begin(http1);
    /* What is wrong with it has been said to the client. */
    if (bytes_take(http1, buffer_span(&waiting), &why) != TALLY_OK) http1->reading = READ_NONE;
    buffer_close(&waiting);
    return true;
}

static size_t out_move(struct http1 *http1, uint8_t *to, size_t size)
{
    size_t part = http1->out.size - http1->out_sent;
    if (part > size) part = size;
    if (part > 0) memcpy(to, http1->out.data + http1->out_sent, part);
    http1->out_sent += part;
    if (http1->out_sent == http1->out.size) {
        http1->out_sent = 0;
        buffer_clear(&http1->out);
    }
    return part;
}

/* Moves more of the response's body; returns how many bytes, framed. */
static size_t body_move(struct http1 *http1, uint8_t *to, size_t size)
{
    size_t framing = http1->chunked ? CHUNK_HEAD_SIZE + CHUNK_TAIL_SIZE + CHUNK_LAST_SIZE : 0;
    if (!http1->open || !http1->responding || http1->responded || http1->cut || size <= framing) return 0;
    size_t head = http1->chunked ? CHUNK_HEAD_SIZE : 0;
    size_t room = size - framing < CHUNK_SIZE_MAX ? size - framing : CHUNK_SIZE_MAX;
    size_t filled =
        http1->hooks->on_fill(http1->context, &http1->exchange, to + head, room, &http1->responded);
    CHECK(filled <= room);
    if (!http1->chunked) return filled;
    size_t total = 0;
    if (filled > 0) {
        char digits[CHUNK_HEAD_SIZE + 1];
        snprintf(digits, sizeof digits, "%04x\r\n", (unsigned)filled & CHUNK_SIZE_MAX);
        memcpy(to, digits, CHUNK_HEAD_SIZE);
        memcpy(to + CHUNK_HEAD_SIZE + filled, "\r\n", CHUNK_TAIL_SIZE);
        total = CHUNK_HEAD_SIZE + filled + CHUNK_TAIL_SIZE;
    }
    if (http1->responded) {
        memcpy(to + total, "0\r\n\r\n", CHUNK_LAST_SIZE);
        total += CHUNK_LAST_SIZE;
    }
    return total;
}

static int http1_pull(struct carrier *carrier, uint8_t *to, size_t size, size_t *pulled)
{
    struct http1 *http1 = http1_of(carrier);
    size_t total = 0;
    CHECK(size >= CARRIER_PULL_SIZE_MIN);
    for (;;) {
        size_t part = out_move(http1, to + total, size - total);
        if (http1->out.size == 0) part += body_move(http1, to + total + part, size - total - part);
        total += part;
        bool next = http1->out.size == 0 && exchange_end_if_done(http1);
        if (part == 0 && !next) break;
    }
    *pulled = total;
    return TALLY_OK;
}

/* Opening and closing. */

static void http1_shut(struct carrier *carrier)
{
    http1_of(carrier)->shut = true;
}

static void http1_finish(struct carrier *carrier)
{
    struct http1 *http1 = http1_of(carrier);
    http1->shut = true;
    if (!http1->open) http1->reading = READ_NONE;
    output_notify(http1);
}

static bool http1_is_finished(const struct carrier *carrier)
{
    const struct http1 *http1 = (const struct http1 *)(const void *)carrier;
    return http1->reading == READ_NONE && !http1->open && http1->out.size == 0;
}

static void http1_close(struct carrier *carrier)
{
    struct http1 *http1 = http1_of(carrier);
    if (http1->open) exchange_end(http1);
    buffer_close(&http1->head);
    buffer_close(&http1->waiting);
    buffer_close(&http1->out);
    free(http1);
}

int http1_open(
    size_t head_size_max, const struct exchange_hooks *hooks, void *context, struct carrier **carrier)
{
    CHECK(head_size_max > 0);
    struct http1 *made = calloc(1, sizeof *made);
    if (made == NULL) return TALLY_ENOMEM;
    made->carrier = (struct carrier){.ops = &ops, .head_since_ms = UINT64_MAX};
    made->exchange.ops = &ops;
    made->head_size_max = head_size_max;
    made->hooks = hooks;
    made->context = context;
    buffer_init(&made->head, head_size_max);
    buffer_init(&made->waiting, HTTP1_WAITING_SIZE_MAX);
    buffer_init(&made->out, OUT_SIZE_MAX);
    request_begin(made);
    *carrier = &made->carrier;
    return TALLY_OK;
}

static const struct carrier_ops ops = {
    .has_trailers = false,
    .receive = http1_receive,
    .pull = http1_pull,
    .shut = http1_shut,
    .finish = http1_finish,
    .is_finished = http1_is_finished,
    .close = http1_close,
    .respond = http1_respond,
    .refuse = http1_refuse,
    .wake = http1_wake,
    .reset = http1_reset,
};
