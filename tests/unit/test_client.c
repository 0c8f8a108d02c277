// links: client rpc net codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <time.h>

#include "node/client/client.h"
#include "tests/unit/rpc_toy.h"

static struct toy toy;

static void pause_ms(unsigned ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&time, NULL);
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Waits, at most 5 s, until the counter reaches `wanted`. */
static void await_count(atomic_uint *counter, unsigned wanted)
{
    for (unsigned i = 0; i < 500 && atomic_load(counter) < wanted; i++)
        pause_ms(10);
    assert_int_equal(atomic_load(counter), wanted);
}

static int open_at(
    const struct toy *node, const char *name, struct client **client, struct client_error *error)
{
    char pin[128], certificate[128], key[128], file[64];
    toy_path(node, "rpc.crt", pin);
    snprintf(file, sizeof file, "%s.crt", name);
    toy_path(node, file, certificate);
    snprintf(file, sizeof file, "%s.key", name);
    toy_path(node, file, key);
    const struct client_options options = {
        .host = "127.0.0.1",
        .port = node->port,
        .server_certificate_path = pin,
        .certificate_path = certificate,
        .key_path = key,
    };
    return client_open(&options, client, error);
}

static int open_as(const char *name, struct client **client, struct client_error *error)
{
    return open_at(&toy, name, client, error);
}

static struct client *member(void)
{
    struct client *client = NULL;
    struct client_error error;
    assert_int_equal(open_as("member", &client, &error), TALLY_OK);
    return client;
}

static struct span text(const char *string)
{
    return span_of(string, strlen(string));
}

static int echo(struct client *client, const char *path, size_t size, struct client_error *error)
{
    uint8_t *bytes = calloc(1, size + 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(i * 31);
    struct buffer reply;
    buffer_init(&reply, CLIENT_MESSAGE_SIZE_MAX);
    int result = client_call(client, path, span_of(bytes, size), 10000, &reply, error);
    if (result == TALLY_OK) assert_true(span_equal(buffer_span(&reply), span_of(bytes, size)));
    buffer_close(&reply);
    free(bytes);
    return result;
}

/* Waits until the server holds nothing but the call that asks. */
static void await_quiet(struct client *client)
{
    char last[96] = "";
    for (unsigned i = 0; i < 300; i++) {
        struct buffer reply;
        buffer_init(&reply, sizeof last - 1);
        assert_int_equal(client_call(client, "/toy.Toy/Counts", text(""), 5000, &reply, NULL), TALLY_OK);
        unsigned connections = 0, calls = 0;
        size_t memory = 0;
        memset(last, 0, sizeof last);
        memcpy(last, reply.data, reply.size);
        buffer_close(&reply);
        assert_int_equal(sscanf(last, "%u %u %zu", &connections, &calls, &memory), 3);
        if (connections == 1 && calls == 1 && memory == GRPC_PREFIX_SIZE) return;
        pause_ms(10);
    }
    fail_msg("the server still holds: %s", last);
}

static void a_unary_call_comes_back(void **state)
{
    (void)state;
    struct client *client = member();
    struct client_error error;
    assert_int_equal(echo(client, "/toy.Toy/Echo", 0, &error), TALLY_OK);
    assert_int_equal(echo(client, "/toy.Toy/Echo", 1, &error), TALLY_OK);
    assert_int_equal(echo(client, "/toy.Toy/Echo", 70000, &error), TALLY_OK);
    await_quiet(client);
    client_close(client);
}

static void a_request_at_its_bound_passes_and_one_above_is_refused(void **state)
{
    (void)state;
    struct client *client = member();
    struct client_error error;
    assert_int_equal(echo(client, "/toy.Toy/Echo", TOY_REQUEST_SIZE_MAX, &error), TALLY_OK);
    assert_int_equal(echo(client, "/toy.Toy/Echo", TOY_REQUEST_SIZE_MAX + 1, &error), TALLY_EDENIED);
    assert_int_equal(error.status, GRPC_RESOURCE_EXHAUSTED);
    assert_string_equal(error.detail.reason, "REQUEST_TOO_LARGE");
    /* Far above: it is refused at its prefix, without its bytes being awaited. */
    assert_int_equal(echo(client, "/toy.Toy/Echo", 30u * MIB, &error), TALLY_EDENIED);
    assert_int_equal(error.status, GRPC_RESOURCE_EXHAUSTED);
    assert_int_equal(echo(client, "/toy.Toy/Echo", 10, &error), TALLY_OK);
    await_quiet(client);
    client_close(client);
}

static void an_error_carries_its_message_and_detail(void **state)
{
    (void)state;
    struct client *client = member();
    struct client_error error;
    struct buffer reply;
    buffer_init(&reply, 100);
    assert_int_equal(client_call(client, "/toy.Toy/Fail", text("x"), 0, &reply, &error), TALLY_EDENIED);
    assert_int_equal(error.status, GRPC_FAILED_PRECONDITION);
    assert_string_equal(error.message, "100% wr\xc3\xb6ng (really)");
    assert_string_equal(error.detail.reason, "CONFLICT");
    assert_string_equal(error.detail.field, "account_seq");
    assert_int_equal(error.detail.event_index, 7);
    assert_true(error.detail.has_event_index);
    assert_int_equal(error.detail.retry_after_ms, 250);
    assert_int_equal(reply.size, 0);
    buffer_close(&reply);
    client_close(client);
}

static void unknown_calls_and_missing_roles_are_refused(void **state)
{
    (void)state;
    struct client *client = member();
    struct client_error error;
    assert_int_equal(echo(client, "/toy.Toy/Nothing", 5, &error), TALLY_EDENIED);
    assert_int_equal(error.status, GRPC_UNIMPLEMENTED);
    assert_int_equal(echo(client, "/toy.Toy/Admin", 5, &error), TALLY_EDENIED);
    assert_int_equal(error.status, GRPC_PERMISSION_DENIED);
    assert_string_equal(error.detail.reason, "ROLE");
    assert_int_equal(echo(client, "/toy.Toy/Submit", 5, &error), TALLY_OK);
    client_close(client);
    assert_int_equal(open_as("reader", &client, &error), TALLY_OK);
    assert_int_equal(echo(client, "/toy.Toy/Submit", 5, &error), TALLY_EDENIED);
    assert_int_equal(error.status, GRPC_PERMISSION_DENIED);
    client_close(client);
}

static void an_unlisted_certificate_is_unauthenticated_and_the_connection_ends(void **state)
{
    (void)state;
    struct client *client = NULL;
    struct client_error error;
    assert_int_equal(open_as("stranger", &client, &error), TALLY_OK);
    assert_int_equal(echo(client, "/toy.Toy/Echo", 5, &error), TALLY_EDENIED);
    assert_int_equal(error.status, GRPC_UNAUTHENTICATED);
    int result = TALLY_OK;
    for (unsigned i = 0; i < 100 && result != TALLY_ECLOSED; i++) {
        result = echo(client, "/toy.Toy/Echo", 5, &error);
        assert_int_not_equal(result, TALLY_OK);
    }
    assert_int_equal(result, TALLY_ECLOSED);
    client_close(client);
}

struct counted {
    uint32_t messages, wanted_size, stop_after;
    unsigned pause_first_ms;
};

static bool count_message(void *context, struct span message)
{
    struct counted *counted = context;
    assert_int_equal(message.size, counted->wanted_size);
    assert_int_equal(get_u32(message.data), counted->messages);
    counted->messages++;
    if (counted->messages == 1 && counted->pause_first_ms > 0) pause_ms(counted->pause_first_ms);
    return counted->stop_after == 0 || counted->messages < counted->stop_after;
}

static int stream(struct client *client, const char *path, uint32_t count, struct counted *counted,
    struct client_error *error)
{
    uint8_t request[8];
    put_u32(request, count);
    put_u32(request + 4, counted->wanted_size);
    return client_stream(
        client, path, span_of(request, sizeof request), 0, count_message, NULL, counted, error);
}

static void a_stream_of_ten_thousand_messages_arrives_in_order(void **state)
{
    (void)state;
    struct client *client = member();
    struct client_error error;
    struct counted counted = {.wanted_size = 1000};
    assert_int_equal(stream(client, "/toy.Toy/Count", 10000, &counted, &error), TALLY_OK);
    assert_int_equal(counted.messages, 10000);
    counted = (struct counted){.wanted_size = 4};
    assert_int_equal(stream(client, "/toy.Toy/Count", 10000, &counted, &error), TALLY_OK);
    assert_int_equal(counted.messages, 10000);
    counted = (struct counted){.wanted_size = 4};
    assert_int_equal(stream(client, "/toy.Toy/Count", 0, &counted, &error), TALLY_OK);
    assert_int_equal(counted.messages, 0);
    await_quiet(client);
    client_close(client);
}

static void a_reader_that_pauses_gets_everything(void **state)
{
    (void)state;
    struct client *client = member();
    struct client_error error;
    struct counted counted = {.wanted_size = 64 * KIB, .pause_first_ms = TOY_STALL_TIMEOUT_MS / 3};
    assert_int_equal(stream(client, "/toy.Toy/Count", 500, &counted, &error), TALLY_OK);
    assert_int_equal(counted.messages, 500);
    await_quiet(client);
    client_close(client);
}

static void a_slow_reader_is_told_and_cut_by_the_handler(void **state)
{
    (void)state;
    struct client *client = member();
    struct client_error error;
    struct counted counted = {.wanted_size = 64 * KIB};
    assert_int_equal(stream(client, "/toy.Toy/Flood", 500, &counted, &error), TALLY_EDENIED);
    assert_int_equal(error.status, GRPC_RESOURCE_EXHAUSTED);
    assert_string_equal(error.message, "read faster");
    /* What was queued before came through. */
    assert_in_range(counted.messages, 14, 16);
    await_quiet(client);
    client_close(client);
}

static void a_reader_that_stalls_is_cut_by_the_server(void **state)
{
    (void)state;
    unsigned before = atomic_load(&toy.cancelled);
    struct client *client = member();
    struct client_error error;
    struct counted counted = {.wanted_size = 64 * KIB, .pause_first_ms = 4 * TOY_STALL_TIMEOUT_MS};
    int result = stream(client, "/toy.Toy/Count", 2000, &counted, &error);
    assert_true(result == TALLY_EDENIED || result == TALLY_ECLOSED);
    await_count(&toy.cancelled, before + 1);
    client_close(client);
    client = member();
    await_quiet(client);
    client_close(client);
}

static void a_cancelled_stream_tells_its_handler(void **state)
{
    (void)state;
    unsigned before = atomic_load(&toy.cancelled);
    struct client *client = member();
    struct client_error error;
    struct counted counted = {.wanted_size = 64 * KIB, .stop_after = 3};
    assert_int_equal(stream(client, "/toy.Toy/Count", 100000, &counted, &error), TALLY_OK);
    assert_int_equal(counted.messages, 3);
    assert_int_equal(echo(client, "/toy.Toy/Echo", 10, &error), TALLY_OK);
    await_count(&toy.cancelled, before + 1);
    await_quiet(client);
    client_close(client);
}

static void a_client_that_leaves_cancels_its_calls(void **state)
{
    (void)state;
    unsigned before = atomic_load(&toy.cancelled);
    struct client *client = member();
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(client_start(client, "/toy.Toy/Hold", text("x"), 0, NULL), TALLY_OK);
    }
    struct client_completed completed;
    assert_int_equal(client_wait_any(client, 50, &completed), TALLY_ETIMEOUT);
    client_close(client);
    await_count(&toy.cancelled, before + 5);
}

static void a_deadline_ends_the_call_on_both_sides(void **state)
{
    (void)state;
    unsigned before = atomic_load(&toy.cancelled);
    struct client *client = member();
    struct client_error error;
    struct buffer reply;
    buffer_init(&reply, 100);
    uint64_t start_ms = now_ms();
    assert_int_equal(client_call(client, "/toy.Toy/Hold", text("x"), 200, &reply, &error), TALLY_ETIMEOUT);
    assert_int_equal(error.status, GRPC_DEADLINE_EXCEEDED);
    assert_in_range(now_ms() - start_ms, 150, 3000);
    await_count(&toy.cancelled, before + 1);
    buffer_close(&reply);
    assert_int_equal(echo(client, "/toy.Toy/Echo", 10, &error), TALLY_OK);
    await_quiet(client);
    client_close(client);
}

static void an_answer_may_come_later(void **state)
{
    (void)state;
    struct client *client = member();
    struct buffer reply;
    uint8_t delay[4];
    put_u32(delay, 60);
    buffer_init(&reply, 100);
    assert_int_equal(client_call(client, "/toy.Toy/Later", span_of(delay, 4), 5000, &reply, NULL), TALLY_OK);
    assert_true(span_equal(buffer_span(&reply), text("later")));
    buffer_close(&reply);
    client_close(client);
}

static void a_thousand_calls_in_flight_are_all_answered(void **state)
{
    (void)state;
    struct client *client = member();
    static uint8_t answered[1000];
    static uint8_t numbers[1000][4];
    memset(answered, 0, sizeof answered);
    for (uint32_t i = 0; i < 1000; i++) {
        put_u32(numbers[i], i);
        assert_int_equal(
            client_start(client, "/toy.Toy/Echo", span_of(numbers[i], 4), 20000, &answered[i]), TALLY_OK);
    }
    assert_int_equal(client_in_flight(client), 1000);
    for (uint32_t i = 0; i < 1000; i++) {
        struct client_completed completed;
        assert_int_equal(client_wait_any(client, 10000, &completed), TALLY_OK);
        assert_int_equal(completed.result, TALLY_OK);
        assert_int_equal(completed.reply.size, 4);
        assert_ptr_equal(completed.context, &answered[get_u32(completed.reply.data)]);
        (*(uint8_t *)completed.context)++;
    }
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(answered[i], 1);
    struct client_completed completed;
    assert_int_equal(client_wait_any(client, 0, &completed), TALLY_ENOTFOUND);
    await_quiet(client);
    client_close(client);
}

static void calls_waiting_their_turn_keep_their_deadlines(void **state)
{
    (void)state;
    struct client *client = member();
    /* More than the node runs at once: the rest wait, and all end in time. */
    for (unsigned i = 0; i < 2 * RPC_STREAMS_MAX; i++) {
        assert_int_equal(client_start(client, "/toy.Toy/Hold", text("x"), 300, NULL), TALLY_OK);
    }
    uint64_t start_ms = now_ms();
    for (unsigned i = 0; i < 2 * RPC_STREAMS_MAX; i++) {
        struct client_completed completed;
        assert_int_equal(client_wait_any(client, 10000, &completed), TALLY_OK);
        assert_int_equal(completed.result, TALLY_ETIMEOUT);
    }
    assert_true(now_ms() - start_ms < 5000);
    struct client_error error;
    assert_int_equal(echo(client, "/toy.Toy/Echo", 10, &error), TALLY_OK);
    await_quiet(client);
    client_close(client);
}

static void calls_in_flight_are_bounded(void **state)
{
    (void)state;
    struct client *client = member();
    for (unsigned i = 0; i < CLIENT_CALLS_MAX; i++) {
        assert_int_equal(client_start(client, "/toy.Toy/Hold", text("x"), 0, NULL), TALLY_OK);
    }
    assert_int_equal(client_start(client, "/toy.Toy/Hold", text("x"), 0, NULL), TALLY_EFULL);
    client_close(client);
}

static void another_certificate_than_the_pinned_one_is_refused(void **state)
{
    (void)state;
    char pin[128], certificate[128], key[128];
    toy_path(&toy, "reader.crt", pin);
    toy_path(&toy, "member.crt", certificate);
    toy_path(&toy, "member.key", key);
    struct client_options options = {.host = "127.0.0.1",
        .port = toy.port,
        .server_certificate_path = pin,
        .certificate_path = certificate,
        .key_path = key};
    struct client *client = NULL;
    struct client_error error;
    assert_int_equal(client_open(&options, &client, &error), TALLY_EIO);
    assert_non_null(strstr(error.message, "pinned"));
    options.server_certificate_path = "/nowhere/rpc.crt";
    assert_int_equal(client_open(&options, &client, &error), TALLY_EIO);
    assert_non_null(strstr(error.message, "/nowhere/rpc.crt"));
}

static void nobody_there_is_told_apart(void **state)
{
    (void)state;
    char pin[128], certificate[128], key[128];
    toy_path(&toy, "rpc.crt", pin);
    toy_path(&toy, "member.crt", certificate);
    toy_path(&toy, "member.key", key);
    struct client_options options = {.host = "127.0.0.1",
        .port = 1,
        .server_certificate_path = pin,
        .certificate_path = certificate,
        .key_path = key};
    struct client *client = NULL;
    struct client_error error;
    assert_int_equal(client_open(&options, &client, &error), TALLY_ECLOSED);
    assert_int_equal(error.status, GRPC_UNAVAILABLE);
    assert_non_null(strstr(error.message, "no node answers at 127.0.0.1 port 1"));
}

static void connections_are_bounded(void **state)
{
    (void)state;
    struct client *clients[TOY_CONNECTIONS_MAX + 1] = {0};
    struct client_error error;
    pause_ms(100);
    for (unsigned i = 0; i < TOY_CONNECTIONS_MAX; i++) {
        clients[i] = member();
        assert_int_equal(echo(clients[i], "/toy.Toy/Echo", 5, &error), TALLY_OK);
    }
    assert_int_not_equal(open_as("member", &clients[TOY_CONNECTIONS_MAX], &error), TALLY_OK);
    for (unsigned i = 0; i < TOY_CONNECTIONS_MAX; i++)
        client_close(clients[i]);
    int result = TALLY_EIO;
    for (unsigned i = 0; i < 100 && result != TALLY_OK; i++) {
        pause_ms(10);
        result = open_as("member", &clients[0], &error);
    }
    assert_int_equal(result, TALLY_OK);
    client_close(clients[0]);
}

static void a_node_that_stops_ends_what_is_open(void **state)
{
    (void)state;
    static struct toy other;
    struct client *client = NULL;
    struct client_completed completed;
    struct client_error error;
    toy_start(&other, 0);
    assert_int_equal(open_at(&other, "member", &client, &error), TALLY_OK);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(client_start(client, "/toy.Toy/Hold", text("x"), 0, NULL), TALLY_OK);
    }
    assert_int_equal(client_wait_any(client, 50, &completed), TALLY_ETIMEOUT);
    assert_int_equal(uv_async_send(&other.stop), 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(client_wait_any(client, 5000, &completed), TALLY_OK);
        assert_int_equal(completed.result, TALLY_EDENIED);
        assert_int_equal(completed.error.status, GRPC_UNAVAILABLE);
    }
    assert_int_equal(atomic_load(&other.cancelled), 3);
    assert_int_equal(echo(client, "/toy.Toy/Echo", 1, &error), TALLY_ECLOSED);
    assert_int_equal(error.status, GRPC_UNAVAILABLE);
    assert_int_equal(client_start(client, "/toy.Toy/Echo", text("x"), 0, NULL), TALLY_ECLOSED);
    assert_true(strlen(client_why(client)) > 0);
    client_close(client);
    toy_await(&other);
}

static void an_idle_connection_is_closed_and_the_client_told(void **state)
{
    (void)state;
    static struct toy other;
    struct client *client = NULL;
    struct client_error error;
    toy_start(&other, 300);
    assert_int_equal(open_at(&other, "member", &client, &error), TALLY_OK);
    assert_int_equal(echo(client, "/toy.Toy/Echo", 1, &error), TALLY_OK);
    assert_string_equal(client_why(client), "");
    pause_ms(2500);
    assert_int_equal(echo(client, "/toy.Toy/Echo", 1, &error), TALLY_ECLOSED);
    client_close(client);
    toy_stop(&other);
}

/* What the server logs, for the tests of those it turns away. */
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static char log_lines[16384];

static void log_keep(void *context, enum log_level level, const char *line, size_t size)
{
    (void)context;
    (void)level;
    pthread_mutex_lock(&log_lock);
    size_t held = strlen(log_lines);
    if (held + size < sizeof log_lines) {
        memcpy(log_lines + held, line, size);
        log_lines[held + size] = '\0';
    }
    pthread_mutex_unlock(&log_lock);
}

static void await_log(const char *wanted)
{
    bool found = false;
    for (unsigned i = 0; i < 300 && !found; i++) {
        pthread_mutex_lock(&log_lock);
        found = strstr(log_lines, wanted) != NULL;
        pthread_mutex_unlock(&log_lock);
        if (!found) pause_ms(10);
    }
    if (!found) fail_msg("not in the log: %s\n%s", wanted, log_lines);
}

static int connect_plain(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(toy.port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    const void *any = &address;
    assert_int_equal(connect(fd, any, sizeof address), 0);
    return fd;
}

/* A handshake with what TLS version and certificate we like: whether the server serves it afterwards. */
static bool tls_served(int version, const char *certificate_name)
{
    char certificate[128], key[128], file[64], byte;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    assert_non_null(context);
    assert_int_equal(SSL_CTX_set_min_proto_version(context, version), 1);
    assert_int_equal(SSL_CTX_set_max_proto_version(context, version), 1);
    assert_int_equal(SSL_CTX_set_alpn_protos(context, (const uint8_t *)"\x02h2", 3), 0);
    if (certificate_name != NULL) {
        snprintf(file, sizeof file, "%s.crt", certificate_name);
        toy_path(&toy, file, certificate);
        snprintf(file, sizeof file, "%s.key", certificate_name);
        toy_path(&toy, file, key);
        assert_int_equal(SSL_CTX_use_certificate_file(context, certificate, SSL_FILETYPE_PEM), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM), 1);
    }
    SSL *ssl = SSL_new(context);
    assert_non_null(ssl);
    int fd = connect_plain();
    SSL_set_fd(ssl, fd);
    /* Served means: its SETTINGS arrive. */
    bool served = SSL_connect(ssl) == 1 && SSL_read(ssl, &byte, 1) == 1;
    SSL_free(ssl);
    SSL_CTX_free(context);
    close(fd);
    ERR_clear_error();
    return served;
}

static void strangers_are_turned_away_at_the_handshake_and_named_in_the_log(void **state)
{
    (void)state;
    char bytes[256];
    log_set_sink(log_keep, NULL);
    assert_true(tls_served(TLS1_3_VERSION, "member"));
    assert_true(tls_served(TLS1_3_VERSION, NULL));
    assert_false(tls_served(TLS1_2_VERSION, "member"));
    await_log("it offers a TLS version before 1.3");
    int fd = connect_plain();
    static const char http1[] = "GET / HTTP/1.1\r\nHost: node\r\n\r\n";
    assert_int_equal(write(fd, http1, sizeof http1 - 1), sizeof http1 - 1);
    while (read(fd, bytes, sizeof bytes) > 0)
        continue;
    close(fd);
    await_log("address=127.0.0.1:");
    await_log("it speaks plain HTTP, not TLS");
    struct client *client = NULL;
    struct client_error error;
    assert_int_equal(open_as("stranger", &client, &error), TALLY_OK);
    assert_int_equal(echo(client, "/toy.Toy/Echo", 5, &error), TALLY_EDENIED);
    client_close(client);
    await_log("the client shows no certificate that is listed here");
    log_set_sink(NULL, NULL);
    client = member();
    assert_int_equal(echo(client, "/toy.Toy/Echo", 5, &error), TALLY_OK);
    client_close(client);
}

static void strangers_make_room_for_clients(void **state)
{
    (void)state;
    int strangers[2 * TOY_CONNECTIONS_MAX];
    struct client_error error;
    char byte;
    pause_ms(100);
    for (unsigned i = 0; i < 2 * TOY_CONNECTIONS_MAX; i++)
        strangers[i] = connect_plain();
    struct client *client = member();
    assert_int_equal(echo(client, "/toy.Toy/Echo", 5, &error), TALLY_OK);
    /* The first of them were hung up on, long before their handshakes' time was over. */
    assert_int_equal(read(strangers[0], &byte, 1), 0);
    assert_int_equal(echo(client, "/toy.Toy/Echo", 5, &error), TALLY_OK);
    for (unsigned i = 0; i < 2 * TOY_CONNECTIONS_MAX; i++)
        close(strangers[i]);
    client_close(client);
}

static unsigned toy_page(void *context, struct buffer *out)
{
    (void)context;
    buffer_u8(out, 'x');
    return 200;
}

static void a_server_that_cannot_open_says_why(void **state)
{
    (void)state;
    uv_loop_t loop;
    struct rpc_server *server = NULL;
    const char *why = NULL;
    char certificate[128], key[128];
    toy_path(&toy, "rpc.crt", certificate);
    toy_path(&toy, "rpc.key", key);
    const struct rpc_method twice[] = {{.path = "/t.T/A", .request_size_max = 10, .handle = toy_echo},
        {.path = "/t.T/A", .request_size_max = 10, .handle = toy_echo}};
    const struct rpc_method large[] = {
        {.path = "/t.T/A", .request_size_max = RPC_REQUEST_SIZE_MAX + 1, .handle = toy_echo}};
    struct rpc_server_options options = {
        .address = "127.0.0.1",
        .certificate_path = certificate,
        .key_path = key,
        .find_caller = toy_find,
        .methods = twice,
        .method_count = 2,
    };
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(rpc_server_open(&loop, &options, &server, &why), TALLY_EINVALID);
    assert_string_equal(why, "two methods have one path");
    options.methods = large;
    options.method_count = 1;
    assert_int_equal(rpc_server_open(&loop, &options, &server, &why), TALLY_EINVALID);
    static struct rpc_method many[RPC_METHODS_MAX + 1];
    static char paths[RPC_METHODS_MAX + 1][16];
    static struct rpc_page pages[RPC_PAGES_MAX + 1];
    for (size_t i = 0; i <= RPC_METHODS_MAX; i++) {
        snprintf(paths[i], sizeof paths[i], "/t.T/%zu", i);
        many[i] = (struct rpc_method){.path = paths[i], .request_size_max = 10, .handle = toy_echo};
    }
    options.methods = many;
    options.method_count = RPC_METHODS_MAX + 1;
    assert_int_equal(rpc_server_open(&loop, &options, &server, &why), TALLY_EINVALID);
    assert_string_equal(why, "the number of methods is out of range");
    for (size_t i = 0; i <= RPC_PAGES_MAX; i++)
        pages[i] = (struct rpc_page){"/page", "text/plain", 0, toy_page};
    options.pages = pages;
    options.page_count = RPC_PAGES_MAX + 1;
    options.method_count = RPC_METHODS_MAX;
    assert_int_equal(rpc_server_open(&loop, &options, &server, &why), TALLY_EINVALID);
    assert_string_not_equal(why, "the number of methods is out of range");
    /* As many as may be of both: refused for another reason. */
    options.page_count = RPC_PAGES_MAX;
    options.port = toy.port;
    assert_int_equal(rpc_server_open(&loop, &options, &server, &why), TALLY_EBUSY);
    options.page_count = 0;
    options.method_count = 1;
    options.methods = toy_methods;
    assert_int_equal(rpc_server_open(&loop, &options, &server, &why), TALLY_EBUSY);
    assert_string_equal(why, "its address cannot be listened on");
    options.port = 0;
    options.address = "nowhere";
    assert_int_equal(rpc_server_open(&loop, &options, &server, &why), TALLY_EINVALID);
    options.address = "127.0.0.1";
    options.key_path = "/nowhere/rpc.key";
    assert_int_not_equal(rpc_server_open(&loop, &options, &server, &why), TALLY_OK);
    assert_string_equal(why, "its certificate or key cannot be used");
    assert_null(server);
    rpc_server_close(NULL, NULL, NULL);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static int start(void **state)
{
    (void)state;
    toy_start(&toy, 0);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    toy_stop(&toy);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_unary_call_comes_back),
        cmocka_unit_test(a_request_at_its_bound_passes_and_one_above_is_refused),
        cmocka_unit_test(an_error_carries_its_message_and_detail),
        cmocka_unit_test(unknown_calls_and_missing_roles_are_refused),
        cmocka_unit_test(an_unlisted_certificate_is_unauthenticated_and_the_connection_ends),
        cmocka_unit_test(a_stream_of_ten_thousand_messages_arrives_in_order),
        cmocka_unit_test(a_reader_that_pauses_gets_everything),
        cmocka_unit_test(a_slow_reader_is_told_and_cut_by_the_handler),
        cmocka_unit_test(a_reader_that_stalls_is_cut_by_the_server),
        cmocka_unit_test(a_cancelled_stream_tells_its_handler),
        cmocka_unit_test(a_client_that_leaves_cancels_its_calls),
        cmocka_unit_test(a_deadline_ends_the_call_on_both_sides),
        cmocka_unit_test(an_answer_may_come_later),
        cmocka_unit_test(a_thousand_calls_in_flight_are_all_answered),
        cmocka_unit_test(calls_waiting_their_turn_keep_their_deadlines),
        cmocka_unit_test(calls_in_flight_are_bounded),
        cmocka_unit_test(another_certificate_than_the_pinned_one_is_refused),
        cmocka_unit_test(nobody_there_is_told_apart),
        cmocka_unit_test(connections_are_bounded),
        cmocka_unit_test(a_node_that_stops_ends_what_is_open),
        cmocka_unit_test(an_idle_connection_is_closed_and_the_client_told),
        cmocka_unit_test(strangers_make_room_for_clients),
        cmocka_unit_test(a_server_that_cannot_open_says_why),
        cmocka_unit_test(strangers_are_turned_away_at_the_handshake_and_named_in_the_log),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
