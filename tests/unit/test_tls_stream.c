// links: net codec crypto base
#include "node/net/tls_stream.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>

#include "node/net/certificate.h"
#include "node/net/tls_listener.h"
#include "tests/unit/test_links_harness.h"

#define BACKLOG (4u * 1024u * 1024u)

/* One end of a connection, with what it saw. */
struct end {
    struct tls_stream *stream;
    bool open, closed;
    char reason[160];
    size_t bytes;
    struct digest exporter, fingerprint;
    int fingerprint_error;
    uint32_t mix;
    unsigned drains;
    bool close_on_data;
    bool greeted;
};

static struct {
    struct tls_context *client_tls, *server_tls;
    struct tls_listener *listener;
    struct end client, server;
    bool refuse;
    unsigned accepts;
    bool accepted_other; /* from 127.0.0.2 */
    bool client_writes_on_open, server_pauses_on_open;
    char directory[64], certificate[96], key[96];
} pair;

static void on_open(void *context, struct tls_stream *stream)
{
    struct end *end = context;
    end->open = true;
    if (end == &pair.server && pair.server_pauses_on_open) tls_stream_pause(stream);
    if (end == &pair.client && pair.client_writes_on_open) {
        assert_int_equal(tls_stream_write(stream, span_of("hello", 5)), TALLY_OK);
        tls_stream_flush(stream);
    }
    assert_int_equal(tls_stream_exporter(stream, "EXPORTER-test", &end->exporter), TALLY_OK);
    end->fingerprint_error = tls_stream_peer_fingerprint(stream, &end->fingerprint);
}

static void on_data(void *context, struct tls_stream *stream, struct span bytes)
{
    struct end *end = context;
    assert_true(bytes.size > 0 && bytes.size <= TLS_READ_SIZE);
    for (size_t i = 0; i < bytes.size; i++)
        end->mix = end->mix * 31 + bytes.data[i];
    end->bytes += bytes.size;
    if (end->close_on_data) tls_stream_close(stream, "that was enough");
}

static void on_drain(void *context, struct tls_stream *stream)
{
    struct end *end = context;
    assert_true(tls_stream_pending(stream) < TLS_DRAIN_SIZE);
    end->drains++;
}

static void on_close(void *context, struct tls_stream *stream, const char *reason)
{
    struct end *end = context;
    (void)stream;
    assert_false(end->closed);
    end->closed = true;
    end->stream = NULL;
    snprintf(end->reason, sizeof end->reason, "%s", reason);
}

static const struct tls_callbacks callbacks = {
    .on_open = on_open, .on_data = on_data, .on_drain = on_drain, .on_close = on_close};

static bool on_accept(void *context, struct tls_stream *stream, const char **reason)
{
    (void)context;
    *reason = "the test does not want it";
    pair.accepts++;
    pair.accepted_other |= strncmp(tls_stream_address(stream), "127.0.0.2:", 10) == 0;
    if (pair.refuse) return false;
    memset(&pair.server, 0, sizeof pair.server);
    pair.server.stream = stream;
    tls_stream_own(stream, &callbacks, &pair.server);
    return true;
}

static void make_files(void)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "::1"};
    snprintf(pair.directory, sizeof pair.directory, "/tmp/tally-tls-XXXXXX");
    assert_non_null(mkdtemp(pair.directory));
    snprintf(pair.certificate, sizeof pair.certificate, "%s/rpc.crt", pair.directory);
    snprintf(pair.key, sizeof pair.key, "%s/rpc.key", pair.directory);
    assert_int_equal(certificate_make_files("node", names, 3, pair.certificate, pair.key), TALLY_OK);
}

static int setup(void **state)
{
    harness_setup(state);
    memset(&pair, 0, sizeof pair);
    make_files();
    assert_int_equal(tls_context_peer(&pair.client_tls), TALLY_OK);
    assert_int_equal(tls_context_peer(&pair.server_tls), TALLY_OK);
    assert_int_equal(tls_listener_open(&harness.loop, pair.server_tls, "127.0.0.1", 0, BACKLOG, on_accept,
                         NULL, &pair.listener),
        TALLY_OK);
    return 0;
}

static bool both_are_gone(void *context)
{
    (void)context;
    return pair.client.stream == NULL && pair.server.stream == NULL;
}

static int teardown(void **state)
{
    if (pair.client.stream != NULL) tls_stream_drop(pair.client.stream, "the test is over");
    if (pair.server.stream != NULL) tls_stream_drop(pair.server.stream, "the test is over");
    tls_listener_close(pair.listener);
    assert_true(harness_run(both_are_gone, NULL, 5000));
    harness_run_for(10);
    tls_context_close(pair.client_tls);
    tls_context_close(pair.server_tls);
    unlink(pair.certificate);
    unlink(pair.key);
    rmdir(pair.directory);
    return harness_teardown(state);
}

static void dial(uint16_t port)
{
    memset(&pair.client, 0, sizeof pair.client);
    assert_int_equal(tls_stream_connect(&harness.loop, pair.client_tls, "127.0.0.1", port, BACKLOG,
                         &callbacks, &pair.client, &pair.client.stream),
        TALLY_OK);
}

static bool both_are_open(void *context)
{
    (void)context;
    return pair.client.open && pair.server.open;
}

static bool client_is_closed(void *context)
{
    (void)context;
    return pair.client.closed;
}

static bool server_is_closed(void *context)
{
    (void)context;
    return pair.server.closed;
}

static void connect_both(void)
{
    dial(tls_listener_port(pair.listener));
    assert_true(harness_run(both_are_open, NULL, 5000));
}

static bool server_has(void *size)
{
    return pair.server.bytes >= *(size_t *)size;
}

static uint32_t fill(uint8_t *bytes, size_t size)
{
    uint32_t mix = 0;
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(i * 2654435761u >> 11);
        mix = mix * 31 + bytes[i];
    }
    return mix;
}

static void both_sides_get_the_same_exporter_and_each_others_certificate(void **state)
{
    (void)state;
    connect_both();
    struct digest first = pair.client.exporter, fingerprint = pair.client.fingerprint;
    assert_true(digest_equal(&pair.client.exporter, &pair.server.exporter));
    assert_int_equal(pair.client.fingerprint_error, TALLY_OK);
    assert_int_equal(pair.server.fingerprint_error, TALLY_OK);
    assert_false(digest_equal(&pair.client.fingerprint, &pair.server.fingerprint));
    tls_stream_drop(pair.client.stream, "again");
    assert_true(harness_run(both_are_gone, NULL, 3000));
    connect_both();
    assert_false(digest_equal(&pair.client.exporter, &first)); /* another connection, another value */
    assert_true(digest_equal(&pair.client.fingerprint, &fingerprint));
}

static void a_graceful_close_delivers_what_was_queued(void **state)
{
    (void)state;
    size_t size = 3 * 1024 * 1024;
    uint8_t *bytes = malloc(size);
    connect_both();
    uint32_t mix = fill(bytes, size);
    assert_int_equal(tls_stream_write(pair.client.stream, span_of(bytes, size)), TALLY_OK);
    tls_stream_close(pair.client.stream, "all said");
    assert_int_equal(tls_stream_write(pair.client.stream, span_of(bytes, 1)), TALLY_ECLOSED);
    assert_true(harness_run(server_is_closed, NULL, 5000));
    assert_int_equal(pair.server.bytes, size);
    assert_int_equal(pair.server.mix, mix);
    assert_string_equal(pair.server.reason, "closed by the other side");
    assert_true(harness_run(client_is_closed, NULL, TLS_CLOSE_TIMEOUT_MS + 1000));
    assert_string_equal(pair.client.reason, "all said");
    free(bytes);
}

static void closing_from_within_on_data_is_fine(void **state)
{
    (void)state;
    connect_both();
    pair.server.close_on_data = true;
    assert_int_equal(tls_stream_write(pair.client.stream, span_of("x", 1)), TALLY_OK);
    assert_true(harness_run(both_are_gone, NULL, 5000));
    assert_string_equal(pair.server.reason, "that was enough");
    assert_string_equal(pair.client.reason, "closed by the other side");
}

static void the_backlog_is_bounded_and_a_paused_reader_holds_the_writer(void **state)
{
    (void)state;
    size_t size = 256 * 1024, sent = 0;
    uint8_t *bytes = calloc(1, size);
    int error = TALLY_OK;
    connect_both();
    tls_stream_pause(pair.server.stream);
    for (int i = 0; i < 1000 && error == TALLY_OK; i++) {
        error = tls_stream_write(pair.client.stream, span_of(bytes, size));
        if (error == TALLY_OK) sent += size;
        assert_true(tls_stream_pending(pair.client.stream) <= BACKLOG);
        harness_run_for(1);
    }
    assert_int_equal(error, TALLY_EFULL);
    assert_int_equal(pair.server.bytes, 0);
    assert_true(sent >= BACKLOG && sent < BACKLOG + 32u * 1024 * 1024);
    tls_stream_resume(pair.server.stream);
    assert_true(harness_run(server_has, &sent, 10000));
    harness_run_for(20);
    assert_int_equal(pair.server.bytes, sent);
    assert_int_equal(tls_stream_pending(pair.client.stream), 0);
    assert_true(pair.client.drains > 0);
    free(bytes);
}

static void a_resumed_stream_delivers_what_the_library_still_held(void **state)
{
    (void)state;
    size_t one = 1, five = 5;
    connect_both();
    assert_int_equal(tls_stream_write(pair.client.stream, span_of("a", 1)), TALLY_OK);
    assert_true(harness_run(server_has, &one, 3000));
    tls_stream_pause(pair.server.stream);
    assert_int_equal(tls_stream_write(pair.client.stream, span_of("bcde", 4)), TALLY_OK);
    harness_run_for(50);
    assert_int_equal(pair.server.bytes, 1);
    tls_stream_resume(pair.server.stream);
    assert_true(harness_run(server_has, &five, 3000));
}

static void a_stream_paused_from_on_open_delivers_nothing_until_resumed(void **state)
{
    (void)state;
    size_t five = 5;
    pair.client_writes_on_open = pair.server_pauses_on_open = true;
    connect_both();
    harness_run_for(50);
    assert_int_equal(pair.server.bytes, 0);
    tls_stream_resume(pair.server.stream);
    assert_true(harness_run(server_has, &five, 3000)); /* also what came with the handshake */
}

static void bytes_pass_a_change_of_keys(void **state)
{
    (void)state;
    size_t piece = 100000, sent = 0;
    uint8_t *bytes = malloc(piece);
    uint32_t mix = 0;
    connect_both();
    (void)fill(bytes, piece);
    for (int i = 0; i < 20; i++) {
        for (size_t at = 0; at < piece; at++)
            mix = mix * 31 + bytes[at];
        assert_int_equal(tls_stream_write(pair.client.stream, span_of(bytes, piece)), TALLY_OK);
        tls_stream_renew_keys(pair.client.stream);
        sent += piece;
        if (i % 3 == 0) assert_true(harness_run(server_has, &sent, 3000));
    }
    assert_true(harness_run(server_has, &sent, 5000));
    assert_int_equal(pair.server.mix, mix);
    assert_false(pair.client.closed);
    free(bytes);
}

static void a_port_that_nobody_listens_on_is_told_as_refused(void **state)
{
    (void)state;
    dial(harness_free_port());
    assert_true(harness_run(client_is_closed, NULL, 3000));
    assert_string_equal(pair.client.reason, "connection refused");
    assert_false(pair.client.open);
}

static void a_name_is_resolved(void **state)
{
    (void)state;
    memset(&pair.client, 0, sizeof pair.client);
    /* "localhost" may stand for ::1 first, where nobody listens: whoever dials again gets there. */
    for (int i = 0; i < 20 && !pair.client.open; i++) {
        memset(&pair.client, 0, sizeof pair.client);
        assert_int_equal(
            tls_stream_connect(&harness.loop, pair.client_tls, "localhost", tls_listener_port(pair.listener),
                BACKLOG, &callbacks, &pair.client, &pair.client.stream),
            TALLY_OK);
        for (int turn = 0; turn < 500 && !pair.client.open && !pair.client.closed; turn++)
            harness_run_for(2);
    }
    assert_true(pair.client.open);
    assert_true(harness_run(both_are_open, NULL, 3000));
}

static void a_stream_dropped_while_it_resolves_is_closed_once(void **state)
{
    (void)state;
    memset(&pair.client, 0, sizeof pair.client);
    assert_int_equal(tls_stream_connect(&harness.loop, pair.client_tls, "localhost", 1, BACKLOG, &callbacks,
                         &pair.client, &pair.client.stream),
        TALLY_OK);
    tls_stream_drop(pair.client.stream, "changed my mind");
    assert_true(harness_run(client_is_closed, NULL, 5000));
    assert_string_equal(pair.client.reason, "changed my mind");
}

static void a_connection_that_the_owner_does_not_want_is_dropped_and_logged(void **state)
{
    (void)state;
    pair.refuse = true;
    dial(tls_listener_port(pair.listener));
    assert_true(harness_run(client_is_closed, NULL, 3000));
    assert_true(harness_logged("unusual \"connection refused\" service=peer address=127.0.0.1:"));
    assert_true(harness_logged("the test does not want it"));
}

/* ---- Clients that do not do as we want: blocking, on a thread of their own ---- */

struct foreign {
    uint16_t port;
    int version_max; /* 0: plain bytes instead of TLS */
    const char *plain;
    const char *alpn; /* as on the wire */
    bool certificate;
    bool shaken; /* the handshake, as the client saw it, and a byte read after it */
    atomic_bool done;
};

static int foreign_socket_from(const char *source, uint16_t port)
{
    struct sockaddr_in from = {.sin_family = AF_INET};
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    struct timeval timeout = {.tv_sec = 8};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(inet_pton(AF_INET, source, &from.sin_addr), 1);
    if (fd >= 0) assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof from), 0);
    if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static int foreign_socket(uint16_t port)
{
    return foreign_socket_from("127.0.0.1", port);
}

static void foreign_tls(struct foreign *foreign, int fd)
{
    char byte;
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(context, foreign->version_max);
    if (foreign->alpn != NULL)
        SSL_CTX_set_alpn_protos(context, (const uint8_t *)foreign->alpn, (unsigned)strlen(foreign->alpn));
    if (foreign->certificate) {
        SSL_CTX_use_certificate_file(context, pair.certificate, SSL_FILETYPE_PEM);
        SSL_CTX_use_PrivateKey_file(context, pair.key, SSL_FILETYPE_PEM);
    }
    SSL *ssl = SSL_new(context);
    SSL_set_fd(ssl, fd);
    /* In TLS 1.3 a client learns only by reading that its certificate was not accepted. */
    if (SSL_connect(ssl) == 1) foreign->shaken = SSL_read(ssl, &byte, 1) == 1;
    SSL_free(ssl);
    SSL_CTX_free(context);
}

static void *foreign_run(void *argument)
{
    struct foreign *foreign = argument;
    char bytes[256];
    int fd = foreign_socket(foreign->port);
    if (fd >= 0) {
        if (foreign->version_max != 0)
            foreign_tls(foreign, fd);
        else if (write(fd, foreign->plain, strlen(foreign->plain)) > 0)
            while (read(fd, bytes, sizeof bytes) > 0)
                continue;
        close(fd);
    }
    atomic_store(&foreign->done, true);
    return NULL;
}

static bool foreign_is_done(void *context)
{
    struct foreign *foreign = context;
    /* A byte for the client to read, once. */
    if (pair.server.stream != NULL && pair.server.open && !pair.server.greeted)
        pair.server.greeted = tls_stream_write(pair.server.stream, span_of("!", 1)) == TALLY_OK;
    return atomic_load(&foreign->done);
}

static void run_foreign(struct foreign *foreign, uint16_t port)
{
    pthread_t thread;
    foreign->port = port;
    assert_int_equal(pthread_create(&thread, NULL, foreign_run, foreign), 0);
    assert_true(harness_run(foreign_is_done, foreign, 15000));
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void expect_refused(struct foreign *foreign, uint16_t port, const char *service, const char *why)
{
    char wanted[256];
    run_foreign(foreign, port);
    assert_false(foreign->shaken);
    snprintf(wanted, sizeof wanted, "unusual \"connection refused\" service=%s address=127.0.0.1:", service);
    if (!harness_logged(wanted)) fail_msg("no refusal in the log:\n%s", harness.log);
    if (!harness_logged(why)) fail_msg("not in the log: %s\n%s", why, harness.log);
    assert_false(pair.server.open);
}

static void tls_1_2_is_refused_and_logged(void **state)
{
    (void)state;
    struct foreign foreign = {.version_max = TLS1_2_VERSION};
    expect_refused(
        &foreign, tls_listener_port(pair.listener), "peer", "why=\"it offers a TLS version before 1.3\"");
}

static void plain_text_is_refused_and_logged(void **state)
{
    (void)state;
    struct foreign foreign = {.plain = "hello, is this a node?\r\n"};
    expect_refused(&foreign, tls_listener_port(pair.listener), "peer", "why=\"it does not speak TLS\"");
}

static void plain_http_is_refused_and_logged(void **state)
{
    (void)state;
    struct foreign foreign = {.plain = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"};
    expect_refused(
        &foreign, tls_listener_port(pair.listener), "peer", "why=\"it speaks plain HTTP, not TLS\"");
}

static void a_client_without_a_certificate_is_refused_and_logged(void **state)
{
    (void)state;
    struct foreign foreign = {.version_max = TLS1_3_VERSION};
    expect_refused(&foreign, tls_listener_port(pair.listener), "peer", "why=\"it presents no certificate\"");
}

static void a_handshake_that_stalls_is_ended_and_logged(void **state)
{
    (void)state;
    struct foreign foreign = {.plain = "\x16\x03\x01\x02"};
    expect_refused(&foreign, tls_listener_port(pair.listener), "peer", "why=\"its handshake took too long\"");
}

#define CROWD (3u * TLS_HANDSHAKES_AT_ONCE)

static bool all_are_accepted(void *context)
{
    (void)context;
    return pair.accepts == CROWD;
}

static void a_crowd_is_accepted_at_a_pace(void **state)
{
    (void)state;
    int sockets[CROWD];
    _Static_assert(CROWD <= TLS_LISTENER_BACKLOG, "the kernel keeps them all");
    pair.refuse = true;
    for (unsigned i = 0; i < CROWD; i++)
        sockets[i] = foreign_socket(tls_listener_port(pair.listener));
    uint64_t from_ns = uv_hrtime();
    harness_run_for(20);
    uint64_t passed_ms = (uv_hrtime() - from_ns) / 1000000u + 1;
    assert_true(pair.accepts >= TLS_HANDSHAKES_AT_ONCE);
    assert_true(pair.accepts <= TLS_HANDSHAKES_AT_ONCE + 1 + passed_ms * TLS_HANDSHAKES_PER_S / 1000u);
    assert_true(harness_run(all_are_accepted, NULL, 15000));
    for (unsigned i = 0; i < CROWD; i++)
        close(sockets[i]);
}

static bool the_other_is_accepted(void *context)
{
    (void)context;
    return pair.accepted_other;
}

static void one_address_does_not_take_the_whole_pace(void **state)
{
    (void)state;
    int sockets[CROWD], other;
    pair.refuse = true;
    for (unsigned i = 0; i < CROWD; i++)
        sockets[i] = foreign_socket(tls_listener_port(pair.listener));
    other = foreign_socket_from("127.0.0.2", tls_listener_port(pair.listener));
    assert_true(harness_run(the_other_is_accepted, NULL, 15000));
    /* Those at once, and of the crowd's no more than one turn before it. */
    assert_in_range(pair.accepts, 1, TLS_HANDSHAKES_AT_ONCE + 3);
    close(other);
    for (unsigned i = 0; i < CROWD; i++)
        close(sockets[i]);
}

static struct tls_listener *rpc_listener(struct tls_context **tls)
{
    struct tls_listener *listener;
    assert_int_equal(tls_context_server(pair.certificate, pair.key, tls), TALLY_OK);
    assert_int_equal(
        tls_listener_open(&harness.loop, *tls, "127.0.0.1", 0, BACKLOG, on_accept, NULL, &listener),
        TALLY_OK);
    return listener;
}

static void rpc_listener_close(struct tls_listener *listener, struct tls_context *tls)
{
    if (pair.server.stream != NULL) tls_stream_drop(pair.server.stream, "the test is over");
    tls_listener_close(listener);
    assert_true(harness_run(both_are_gone, NULL, 5000));
    tls_context_close(tls);
}

static void a_listener_that_closes_lets_go_of_those_who_wait(void **state)
{
    (void)state;
    int sockets[CROWD];
    char byte;
    struct tls_context *tls;
    struct tls_listener *listener = rpc_listener(&tls);
    pair.refuse = true;
    for (unsigned i = 0; i < CROWD; i++)
        sockets[i] = foreign_socket(tls_listener_port(listener));
    harness_run_for(5);
    assert_true(pair.accepts < CROWD);
    rpc_listener_close(listener, tls);
    harness_run_for(10);
    for (unsigned i = 0; i < CROWD; i++) {
        assert_true(read(sockets[i], &byte, 1) <= 0);
        close(sockets[i]);
    }
}

static void the_rpc_takes_a_client_with_certificate_and_h2(void **state)
{
    (void)state;
    struct tls_context *tls;
    struct digest own;
    struct tls_listener *listener = rpc_listener(&tls);
    struct foreign foreign = {
        .version_max = TLS1_3_VERSION, .alpn = "\x08http/1.1\x02h2", .certificate = true};
    run_foreign(&foreign, tls_listener_port(listener));
    assert_true(foreign.shaken);
    assert_int_equal(certificate_file_fingerprint(pair.certificate, &own), TALLY_OK);
    assert_true(digest_equal(&own, &pair.server.fingerprint));
    rpc_listener_close(listener, tls);
}

static void the_rpc_refuses_a_client_without_http(void **state)
{
    (void)state;
    struct tls_context *tls;
    struct tls_listener *listener = rpc_listener(&tls);
    struct foreign foreign = {.version_max = TLS1_3_VERSION, .alpn = "\x06spdy/3", .certificate = true};
    expect_refused(
        &foreign, tls_listener_port(listener), "rpc", "why=\"it offers neither HTTP/2 nor HTTP/1.1 (ALPN)\"");
    rpc_listener_close(listener, tls);
}

static void the_rpc_takes_a_client_without_certificate_and_with_http1(void **state)
{
    (void)state;
    struct tls_context *tls;
    struct tls_listener *listener = rpc_listener(&tls);
    struct foreign foreign = {.version_max = TLS1_3_VERSION, .alpn = "\x08http/1.1"};
    run_foreign(&foreign, tls_listener_port(listener));
    assert_true(foreign.shaken);
    assert_int_equal(pair.server.fingerprint_error, TALLY_ENOTFOUND);
    rpc_listener_close(listener, tls);
}

static void files_that_do_not_serve_are_told_apart(void **state)
{
    (void)state;
    struct tls_context *tls;
    char other_certificate[96], other_key[96], missing[96];
    snprintf(other_certificate, sizeof other_certificate, "%s/other.crt", pair.directory);
    snprintf(other_key, sizeof other_key, "%s/other.key", pair.directory);
    snprintf(missing, sizeof missing, "%s/missing", pair.directory);
    assert_int_equal(certificate_make_files("other", NULL, 0, other_certificate, other_key), TALLY_OK);
    assert_int_equal(tls_context_server(missing, pair.key, &tls), TALLY_ENOTFOUND);
    assert_int_equal(tls_context_server(pair.certificate, missing, &tls), TALLY_ENOTFOUND);
    assert_int_equal(tls_context_server(pair.key, pair.key, &tls), TALLY_EFORM);
    assert_int_equal(tls_context_server(pair.certificate, other_key, &tls), TALLY_EINVALID);
    unlink(other_certificate);
    unlink(other_key);
}

#define TLS_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TLS_TEST(both_sides_get_the_same_exporter_and_each_others_certificate),
        TLS_TEST(a_graceful_close_delivers_what_was_queued),
        TLS_TEST(closing_from_within_on_data_is_fine),
        TLS_TEST(the_backlog_is_bounded_and_a_paused_reader_holds_the_writer),
        TLS_TEST(a_resumed_stream_delivers_what_the_library_still_held),
        TLS_TEST(a_stream_paused_from_on_open_delivers_nothing_until_resumed),
        TLS_TEST(bytes_pass_a_change_of_keys),
        TLS_TEST(a_port_that_nobody_listens_on_is_told_as_refused),
        TLS_TEST(a_name_is_resolved),
        TLS_TEST(a_stream_dropped_while_it_resolves_is_closed_once),
        TLS_TEST(a_connection_that_the_owner_does_not_want_is_dropped_and_logged),
        TLS_TEST(tls_1_2_is_refused_and_logged),
        TLS_TEST(plain_text_is_refused_and_logged),
        TLS_TEST(plain_http_is_refused_and_logged),
        TLS_TEST(a_client_without_a_certificate_is_refused_and_logged),
        TLS_TEST(a_handshake_that_stalls_is_ended_and_logged),
        TLS_TEST(a_crowd_is_accepted_at_a_pace),
        TLS_TEST(one_address_does_not_take_the_whole_pace),
        TLS_TEST(a_listener_that_closes_lets_go_of_those_who_wait),
        TLS_TEST(the_rpc_takes_a_client_with_certificate_and_h2),
        TLS_TEST(the_rpc_refuses_a_client_without_http),
        TLS_TEST(the_rpc_takes_a_client_without_certificate_and_with_http1),
        TLS_TEST(files_that_do_not_serve_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
