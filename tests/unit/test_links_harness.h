/* What tests of links share: a loop that runs until something holds, captured log lines, free ports, keys. */
#ifndef TALLY_TESTS_TEST_LINKS_HARNESS_H
#define TALLY_TESTS_TEST_LINKS_HARNESS_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <sys/socket.h>
#include <uv.h>

#include "node/keys/node_signer.h"
#include "node/net/log.h"
#include "proto/crypto/digest.h"
#include "proto/crypto/signature.h"

#define HARNESS_LOG_SIZE (256u * 1024u)

struct harness {
    uv_loop_t loop;
    uv_timer_t waker; /* so that a run looks at its condition */
    char log[HARNESS_LOG_SIZE];
    size_t log_size;
    unsigned broken_lines;
};

static struct harness harness;

static inline void harness_sink(void *context, enum log_level level, const char *line, size_t size)
{
    (void)context;
    if (level == LOG_LEVEL_BROKEN) harness.broken_lines++;
    if (harness.log_size + size >= HARNESS_LOG_SIZE) return;
    memcpy(harness.log + harness.log_size, line, size);
    harness.log_size += size;
    harness.log[harness.log_size] = '\0';
}

static inline uint64_t harness_now_ms(void)
{
    return uv_hrtime() / 1000000;
}

static inline void harness_wake(uv_timer_t *timer)
{
    (void)timer;
}

static inline int harness_setup(void **state)
{
    (void)state;
    harness.log_size = 0;
    harness.log[0] = '\0';
    harness.broken_lines = 0;
    signal(SIGPIPE, SIG_IGN);
    log_set_sink(harness_sink, NULL);
    log_set_level(LOG_LEVEL_DEBUG);
    assert_int_equal(uv_loop_init(&harness.loop), 0);
    assert_int_equal(uv_timer_init(&harness.loop, &harness.waker), 0);
    assert_int_equal(uv_timer_start(&harness.waker, harness_wake, 2, 2), 0);
    return 0;
}

/* Everything a test opened must have closed: the loop is empty then. */
static inline int harness_teardown(void **state)
{
    (void)state;
    uv_close((uv_handle_t *)&harness.waker, NULL);
    /* A test that failed half-way may have left handles: that must not hang the others. */
    uint64_t end_ms = harness_now_ms() + 3000;
    while (uv_run(&harness.loop, UV_RUN_NOWAIT) != 0 && harness_now_ms() < end_ms)
        usleep(1000);
    int error = uv_loop_close(&harness.loop);
    log_set_sink(NULL, NULL);
    if (error != 0) fprintf(stderr, "the loop still holds handles\n");
    return error;
}

/* Runs the loop until `holds`, at most `timeout_ms`. Whether it holds. */
static inline bool harness_run(bool (*holds)(void *context), void *context, uint64_t timeout_ms)
{
    uint64_t end_ms = harness_now_ms() + timeout_ms;
    while (!holds(context)) {
        if (harness_now_ms() >= end_ms) return false;
        uv_run(&harness.loop, UV_RUN_ONCE);
    }
    return true;
}

static inline bool harness_never(void *context)
{
    (void)context;
    return false;
}

static inline void harness_run_for(uint64_t ms)
{
    (void)harness_run(harness_never, NULL, ms);
}

static inline bool harness_logged(const char *text)
{
    return strstr(harness.log, text) != NULL;
}

static inline bool harness_logged_holds(void *text)
{
    return harness_logged(text);
}

/* A port that nobody listens on now. */
static inline uint16_t harness_free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    close(fd);
    return ntohs(address.sin_port);
}

struct harness_key {
    struct secret_key secret;
    struct public_key key;
    struct node_signer signer; /* of this very secret: made anew where a key is moved */
};

static inline int harness_key_order(const void *a, const void *b)
{
    return memcmp(((const struct harness_key *)a)->key.bytes, ((const struct harness_key *)b)->key.bytes,
        PUBLIC_KEY_SIZE);
}

/* `count` keys in ascending order of their public halves. */
static inline void harness_keys(struct harness_key *keys, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        secret_key_generate(&keys[i].secret);
        assert_int_equal(secret_key_public(&keys[i].secret, &keys[i].key), TALLY_OK);
    }
    qsort(keys, count, sizeof keys[0], harness_key_order);
    for (size_t i = 0; i < count; i++)
        keys[i].signer = node_signer_of(&keys[i].secret);
}

static inline struct digest harness_digest(uint8_t fill)
{
    struct digest digest;
    memset(digest.bytes, fill, sizeof digest.bytes);
    return digest;
}

#endif
