// links: net keys codec crypto base
/* One node, and an intruder that speaks TLS and whatever bytes a test wants. */
#include "node/net/link.h"

#include <peer.pb-c.h>

#include "node/net/links.h"
#include "node/net/tls_listener.h"
#include "proto/codec/message.h"
#include "tests/unit/test_links_harness.h"

#define CHAIN 0x22
#define MEMBER 1u /* the intruder's place in the node's table */
#define STREAMS_MAX (LINKS_STRANGERS_MAX + 2u)

static struct {
    struct harness_key keys[3]; /* the node's, a member's, a stranger's */
    struct links_peer table[2];
    struct links *links;
    bool closed;
    unsigned ups, downs, frames[FRAME_KIND_MAX + 1];
    char down_reason[160];
} node;

/* What the intruder sends as its Hello; the defaults are right. */
struct claim {
    uint32_t version;
    uint8_t chain;
    const struct harness_key *key;    /* whose key it claims */
    const struct harness_key *signer; /* whose secret signs */
    uint8_t side;
    bool other_exporter;
    bool long_key;
};

static struct {
    struct tls_context *tls;
    struct tls_listener *listener; /* where the node dials it; else NULL */
    struct claim answer;           /* its Hello there */
    struct tls_stream *stream;
    const struct claim *claim; /* NULL: no Hello */
    bool open, closed;
    size_t split;       /* 0: in one write */
    struct buffer echo; /* what came from the node */
    bool send_back;
    bool hang_up;                        /* on the node's first bytes */
    unsigned opened_count, closed_count; /* streams made and gone */
} intruder;

static void on_up(void *context, uint32_t peer)
{
    (void)context;
    assert_int_equal(peer, MEMBER);
    node.ups++;
}

static void on_down(void *context, uint32_t peer, const char *reason)
{
    (void)context;
    assert_int_equal(peer, MEMBER);
    node.downs++;
    snprintf(node.down_reason, sizeof node.down_reason, "%s", reason);
}

static void on_frame(void *context, uint32_t peer, enum frame_kind kind, struct span payload)
{
    (void)context;
    (void)payload;
    assert_int_equal(peer, MEMBER);
    node.frames[kind]++;
}

static const struct links_callbacks node_callbacks = {
    .on_up = on_up, .on_down = on_down, .on_frame = on_frame};

static void claim_encode(const struct claim *claim, const struct digest *exporter, struct buffer *out)
{
    Tallystick__V1__Hello message;
    struct signature signature;
    uint8_t header[FRAME_HEADER_SIZE], long_key[PUBLIC_KEY_SIZE + 1] = {0};
    struct digest chain = harness_digest(claim->chain), other = harness_digest(0x77);
    char software[] = "intruder";
    struct digest digest =
        hello_digest(&chain, claim->other_exporter ? &other : exporter, claim->side, &claim->key->key);
    struct buffer payload;
    signature_make(&claim->signer->secret, &digest, &signature);
    memcpy(long_key, claim->key->key.bytes, PUBLIC_KEY_SIZE);
    tallystick__v1__hello__init(&message);
    message.version = claim->version;
    message.chain_id = message_bytes(span_of(chain.bytes, DIGEST_SIZE));
    message.node_key = message_bytes(span_of(long_key, claim->long_key ? sizeof long_key : PUBLIC_KEY_SIZE));
    message.signature = message_bytes(span_of(signature.bytes, SIGNATURE_SIZE));
    message.software = software;
    buffer_init(&payload, 1024);
    message_encode(&message.base, &payload);
    assert_false(payload.failed);
    frame_header_put(header, FRAME_HELLO, payload.size);
    buffer_append(out, header, sizeof header);
    buffer_append(out, payload.data, payload.size);
    buffer_close(&payload);
}

static void intruder_send(const void *bytes, size_t size)
{
    assert_int_equal(tls_stream_write(intruder.stream, span_of(bytes, size)), TALLY_OK);
}

static void intruder_on_open(void *context, struct tls_stream *stream)
{
    struct digest exporter;
    struct buffer hello;
    const struct claim *claim = context;
    intruder.open = true;
    if (claim == NULL) return;
    buffer_init(&hello, 2048);
    assert_int_equal(tls_stream_exporter(stream, HELLO_EXPORTER_LABEL, &exporter), TALLY_OK);
    claim_encode(claim, &exporter, &hello);
    for (size_t at = 0; at < hello.size;) {
        size_t size = intruder.split > 0 ? intruder.split : hello.size;
        if (size > hello.size - at) size = hello.size - at;
        assert_int_equal(tls_stream_write(stream, span_of(hello.data + at, size)), TALLY_OK);
        tls_stream_flush(stream);
        at += size;
    }
    buffer_close(&hello);
}

static void intruder_on_data(void *context, struct tls_stream *stream, struct span bytes)
{
    (void)context;
    if (intruder.hang_up) tls_stream_close(stream, "that was all");
    if (intruder.send_back) (void)!tls_stream_write(stream, bytes);
    buffer_append(&intruder.echo, bytes.data, bytes.size);
}

static void intruder_on_close(void *context, struct tls_stream *stream, const char *reason)
{
    (void)context;
    (void)reason;
    intruder.closed = true;
    intruder.closed_count++;
    if (intruder.stream == stream) intruder.stream = NULL;
}

static const struct tls_callbacks intruder_callbacks = {
    .on_open = intruder_on_open, .on_data = intruder_on_data, .on_close = intruder_on_close};

static bool intruder_on_accept(void *context, struct tls_stream *stream, const char **reason)
{
    (void)context;
    (void)reason;
    intruder.opened_count++;
    tls_stream_own(stream, &intruder_callbacks, &intruder.answer);
    return true;
}

/* The node has the key at `own` of the ascending two, the intruder the other. With `known` the node knows
 * where the intruder listens, and dials it. */
static int setup_with(void **state, uint32_t own, bool known)
{
    harness_setup(state);
    memset(&node, 0, sizeof node);
    memset(&intruder, 0, sizeof intruder);
    harness_keys(node.keys, 3);
    if (own == 1) {
        struct harness_key larger = node.keys[1];
        node.keys[1] = node.keys[0];
        node.keys[0] = larger;
        for (uint32_t i = 0; i < 2; i++)
            node.keys[i].signer = node_signer_of(&node.keys[i].secret);
    }
    assert_int_equal(tls_context_peer(&intruder.tls), TALLY_OK);
    buffer_init(&intruder.echo, MIB);
    for (uint32_t i = 0; i < 2; i++) {
        snprintf(node.table[i].name, sizeof node.table[i].name, "validator-%u", i + 1);
        node.table[i].key = node.keys[i].key;
    }
    if (known) {
        assert_int_equal(tls_listener_open(&harness.loop, intruder.tls, "127.0.0.1", 0, MIB,
                             intruder_on_accept, NULL, &intruder.listener),
            TALLY_OK);
        intruder.answer = (struct claim){.version = HELLO_VERSION,
            .chain = CHAIN,
            .key = &node.keys[1],
            .signer = &node.keys[1],
            .side = HELLO_SIDE_ACCEPTED};
        snprintf(node.table[1].host, sizeof node.table[1].host, "127.0.0.1");
        node.table[1].port = tls_listener_port(intruder.listener);
    }
    struct links_options options = {
        .chain_id = harness_digest(CHAIN),
        .signer = &node.keys[0].signer,
        .software = "tallyd test",
        .host = "127.0.0.1",
        .port = 0,
        .keepalive_ms = 50,
        .silence_ms = known ? 60000 : 2000,
        .callbacks = &node_callbacks,
        .context = NULL,
    };
    assert_int_equal(links_open(&harness.loop, &options, &node.links), TALLY_OK);
    for (uint32_t i = 0; i < 2; i++)
        assert_int_equal(links_set_peer(node.links, i, &node.table[i]), TALLY_OK);
    return 0;
}

static int setup(void **state)
{
    return setup_with(state, 0, false);
}

static int setup_smaller_dials(void **state)
{
    return setup_with(state, 0, true);
}

static int setup_larger_dials(void **state)
{
    return setup_with(state, 1, true);
}

static void on_node_closed(void *context)
{
    (void)context;
    node.closed = true;
}

static bool everything_is_closed(void *context)
{
    (void)context;
    return node.closed && intruder.closed_count == intruder.opened_count;
}

static int teardown(void **state)
{
    if (intruder.stream != NULL) tls_stream_drop(intruder.stream, "the test is over");
    tls_listener_close(intruder.listener);
    links_close(node.links, on_node_closed, NULL);
    assert_true(harness_run(everything_is_closed, NULL, 5000));
    buffer_close(&intruder.echo);
    tls_context_close(intruder.tls);
    return harness_teardown(state);
}

static void intrude(const struct claim *claim)
{
    intruder.claim = claim;
    intruder.closed = intruder.open = false;
    intruder.opened_count++;
    assert_int_equal(tls_stream_connect(&harness.loop, intruder.tls, "127.0.0.1", links_port(node.links),
                         64 * MIB, &intruder_callbacks, (void *)(uintptr_t)claim, &intruder.stream),
        TALLY_OK);
}

static bool intruder_is_closed(void *context)
{
    (void)context;
    return intruder.closed;
}

static bool intruder_is_open(void *context)
{
    (void)context;
    return intruder.open;
}

static bool node_is_up(void *context)
{
    (void)context;
    return node.ups > node.downs;
}

static struct claim right_claim(void)
{
    return (struct claim){.version = HELLO_VERSION,
        .chain = CHAIN,
        .key = &node.keys[1],
        .signer = &node.keys[1],
        .side = HELLO_SIDE_CONNECTED};
}

static void expect_refusal(const struct claim *claim, const char *why)
{
    intrude(claim);
    assert_true(harness_run(intruder_is_closed, NULL, 3000));
    assert_true(harness_logged("unusual \"peer refused\" address=127.0.0.1:"));
    if (!harness_logged(why)) fail_msg("not in the log: %s\n%s", why, harness.log);
    assert_int_equal(node.ups, 0);
}

/* Up as a member, ready to misbehave. */
static void go_up(void)
{
    static struct claim claim;
    claim = right_claim();
    intrude(&claim);
    assert_true(harness_run(node_is_up, NULL, 3000));
}

static void expect_drop(const char *why)
{
    assert_true(harness_run(intruder_is_closed, NULL, 3000));
    assert_int_equal(node.downs, 1);
    assert_string_equal(node.down_reason, why);
    assert_true(harness_logged("unusual \"peer dropped\" peer=validator-2 address=127.0.0.1:"));
}

static void a_right_hello_makes_a_link(void **state)
{
    (void)state;
    uint8_t frame[FRAME_HEADER_SIZE + 3] = {0, 0, 0, 3, FRAME_VOTE, 1, 2, 3};
    go_up();
    for (size_t i = 0; i < sizeof frame; i++) {
        intruder_send(frame + i, 1);
        tls_stream_flush(intruder.stream);
    }
    harness_run_for(100);
    assert_int_equal(node.frames[FRAME_VOTE], 1);
    assert_false(harness_logged("refused"));
}

static void a_hello_in_single_bytes_makes_a_link(void **state)
{
    (void)state;
    intruder.split = 1;
    go_up();
}

static void a_stranger_is_refused(void **state)
{
    (void)state;
    struct claim claim = right_claim();
    claim.key = claim.signer = &node.keys[2];
    expect_refusal(&claim, "its node key is not in the membership");
}

static void a_members_key_without_its_secret_is_refused(void **state)
{
    (void)state;
    struct claim claim = right_claim();
    claim.signer = &node.keys[2];
    expect_refusal(&claim, "its signature does not prove its node key");
}

static void a_hello_of_another_connection_is_refused(void **state)
{
    (void)state;
    struct claim claim = right_claim();
    claim.other_exporter = true;
    expect_refusal(&claim, "its signature does not prove its node key");
}

static void a_hello_of_the_other_side_is_refused(void **state)
{
    (void)state;
    struct claim claim = right_claim();
    claim.side = HELLO_SIDE_ACCEPTED;
    expect_refusal(&claim, "its signature does not prove its node key");
}

static void the_nodes_own_hello_sent_back_is_refused(void **state)
{
    (void)state;
    intruder.send_back = true;
    intrude(NULL);
    assert_true(harness_run(intruder_is_closed, NULL, 3000));
    assert_true(harness_logged("it is this node itself, or has its key"));
    assert_int_equal(node.ups, 0);
}

static void another_chain_is_refused(void **state)
{
    (void)state;
    struct claim claim = right_claim();
    claim.chain = CHAIN + 1;
    expect_refusal(&claim, "it belongs to another chain");
}

static void another_version_is_refused_and_named(void **state)
{
    (void)state;
    struct claim claim = right_claim();
    claim.version = 300;
    expect_refusal(&claim, "it speaks version 300 of the protocol, not 1");
}

static void a_hello_without_a_version_is_refused(void **state)
{
    (void)state;
    struct claim claim = right_claim();
    claim.version = 0;
    expect_refusal(&claim, "its Hello does not parse");
}

static void a_hello_with_a_longer_key_is_refused(void **state)
{
    (void)state;
    struct claim claim = right_claim();
    claim.long_key = true;
    expect_refusal(&claim, "its Hello does not parse");
}

static void a_frame_before_the_hello_is_refused(void **state)
{
    (void)state;
    static const uint8_t vote[] = {0, 0, 0, 1, FRAME_VOTE, 1};
    intrude(NULL);
    assert_true(harness_run(intruder_is_open, NULL, 3000));
    intruder_send(vote, sizeof vote);
    assert_true(harness_run(intruder_is_closed, NULL, 3000));
    assert_true(harness_logged("it sent something else before its Hello"));
    assert_int_equal(node.frames[FRAME_VOTE], 0);
}

static void a_large_hello_is_refused_at_its_header(void **state)
{
    (void)state;
    static const uint8_t header[] = {0, 0x10, 0, 0, FRAME_HELLO};
    intrude(NULL);
    assert_true(harness_run(intruder_is_open, NULL, 3000));
    intruder_send(header, sizeof header);
    assert_true(harness_run(intruder_is_closed, NULL, 3000));
    assert_true(harness_logged("it sent a frame over its size bound"));
}

static void no_hello_at_all_ends_in_a_timeout(void **state)
{
    (void)state;
    intrude(NULL);
    assert_true(harness_run(intruder_is_closed, NULL, LINK_HELLO_TIMEOUT_MS + 3000));
    assert_true(harness_logged("it sent no Hello in time"));
}

static void an_oversize_frame_drops_the_link_and_keeps_the_peer_away(void **state)
{
    (void)state;
    static const uint8_t header[] = {0, 0, 1, 1, FRAME_VOTE};
    go_up();
    intruder_send(header, sizeof header);
    expect_drop("it sent a frame over its size bound");
    intrude(intruder.claim);
    assert_true(harness_run(intruder_is_closed, NULL, 3000));
    assert_int_equal(node.ups, 1);
}

static void an_unknown_kind_drops_the_link(void **state)
{
    (void)state;
    static const uint8_t header[] = {0, 0, 0, 0, FRAME_KIND_MAX + 1};
    go_up();
    intruder_send(header, sizeof header);
    expect_drop("it sent what is no frame");
}

static void a_second_hello_drops_the_link(void **state)
{
    (void)state;
    struct buffer hello;
    struct digest exporter;
    go_up();
    buffer_init(&hello, 2048);
    assert_int_equal(tls_stream_exporter(intruder.stream, HELLO_EXPORTER_LABEL, &exporter), TALLY_OK);
    claim_encode(intruder.claim, &exporter, &hello);
    intruder_send(hello.data, hello.size);
    buffer_close(&hello);
    expect_drop("it sent what is no frame");
}

static void an_empty_part_drops_the_link(void **state)
{
    (void)state;
    static const uint8_t part[] = {0, 0, 0, 0, FRAME_PART};
    go_up();
    intruder_send(part, sizeof part);
    expect_drop("it sent what is no frame");
}

static void a_vote_in_parts_drops_the_link(void **state)
{
    (void)state;
    static const uint8_t part[] = {0, 0, 0, 6, FRAME_PART, 0, 0, 0, 1, FRAME_VOTE, 9};
    go_up();
    intruder_send(part, sizeof part);
    expect_drop("it sent what is no frame");
    assert_int_equal(node.frames[FRAME_VOTE], 0);
}

static void a_batch_in_uneven_parts_arrives(void **state)
{
    (void)state;
    static const uint8_t parts[] = {0, 0, 0, 3, FRAME_PART, 0, 0, 0, 0, 0, 0, 1, FRAME_VOTE,
        9, /* between the parts */
        0, 0, 0, 4, FRAME_PART, 3, FRAME_BATCH, 7, 7, 0, 0, 0, 1, FRAME_PART, 7};
    go_up();
    intruder_send(parts, sizeof parts);
    harness_run_for(100);
    assert_int_equal(node.frames[FRAME_VOTE], 1);
    assert_int_equal(node.frames[FRAME_BATCH], 1);
    assert_int_equal(node.downs, 0);
}

static void a_silent_peer_is_closed(void **state)
{
    (void)state;
    go_up();
    uint64_t start_ms = harness_now_ms();
    assert_true(harness_run(intruder_is_closed, NULL, 6000));
    assert_true(harness_now_ms() - start_ms >= LINKS_SILENCE_MS_MIN - 100);
    assert_string_equal(node.down_reason, "it fell silent");
}

static void a_newer_link_of_the_same_dialler_replaces_the_older(void **state)
{
    (void)state;
    go_up();
    struct tls_stream *older = intruder.stream;
    intrude(intruder.claim);
    assert_true(harness_run(intruder_is_closed, NULL, 3000)); /* the older one */
    harness_run_for(100);
    assert_ptr_not_equal(older, NULL);
    assert_int_equal(node.ups, 2);
    assert_int_equal(node.downs, 1);
    assert_int_equal(links_up_count(node.links), 1);
    assert_string_equal(node.down_reason, "replaced by a newer link");
}

static void a_link_dialled_by_the_smaller_key_outlives_one_of_the_larger(void **state)
{
    (void)state;
    assert_true(harness_run(node_is_up, NULL, 3000)); /* the node has dialled */
    static struct claim claim;
    claim = right_claim();
    intrude(&claim);
    assert_true(harness_run(intruder_is_closed, NULL, 3000));
    harness_run_for(50);
    assert_int_equal(node.ups, 1);
    assert_int_equal(node.downs, 0);
    assert_false(harness_logged("refused"));
}

static bool node_went_up_twice(void *context)
{
    (void)context;
    return node.ups == 2;
}

static void a_link_dialled_by_the_larger_key_yields_to_one_of_the_smaller(void **state)
{
    (void)state;
    struct links_status status;
    assert_true(harness_run(node_is_up, NULL, LINKS_GRACE_MS + 3000));
    links_peer_status(node.links, MEMBER, &status);
    assert_true(status.dialled);
    static struct claim claim;
    claim = right_claim();
    intrude(&claim);
    assert_true(harness_run(node_went_up_twice, NULL, 3000));
    harness_run_for(50);
    links_peer_status(node.links, MEMBER, &status);
    assert_true(status.up);
    assert_false(status.dialled);
    assert_int_equal(node.downs, 1);
}

static void a_peer_that_hangs_up_once_it_is_up_is_not_hammered(void **state)
{
    (void)state;
    intruder.hang_up = true;
    harness_run_for(2500);
    print_message("up %u times in 2.5 s\n", node.ups);
    assert_true(node.ups >= 2 && node.ups < 12);
}

static bool one_more_was_closed(void *context)
{
    (void)context;
    return intruder.closed_count > 0;
}

static void strangers_that_say_nothing_are_bounded(void **state)
{
    (void)state;
    struct tls_stream *streams[STREAMS_MAX] = {NULL};
    for (size_t i = 0; i < LINKS_STRANGERS_MAX + 1; i++) {
        intrude(NULL);
        streams[i] = intruder.stream;
        if (i < LINKS_STRANGERS_MAX) assert_true(harness_run(intruder_is_open, NULL, 3000));
    }
    assert_true(harness_run(one_more_was_closed, NULL, 3000));
    assert_true(harness_logged("too many connections that have not proven who they are"));
    assert_int_equal(intruder.closed_count, 1);
    for (size_t i = 0; i < LINKS_STRANGERS_MAX; i++)
        tls_stream_drop(streams[i], "the test is over");
    harness_run_for(200);
    assert_int_equal(intruder.closed_count, LINKS_STRANGERS_MAX + 1);
    go_up(); /* there is room again */
}

#define LINK_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINK_TEST(a_right_hello_makes_a_link),
        LINK_TEST(a_hello_in_single_bytes_makes_a_link),
        LINK_TEST(a_stranger_is_refused),
        LINK_TEST(a_members_key_without_its_secret_is_refused),
        LINK_TEST(a_hello_of_another_connection_is_refused),
        LINK_TEST(a_hello_of_the_other_side_is_refused),
        LINK_TEST(the_nodes_own_hello_sent_back_is_refused),
        LINK_TEST(another_chain_is_refused),
        LINK_TEST(another_version_is_refused_and_named),
        LINK_TEST(a_hello_without_a_version_is_refused),
        LINK_TEST(a_hello_with_a_longer_key_is_refused),
        LINK_TEST(a_frame_before_the_hello_is_refused),
        LINK_TEST(a_large_hello_is_refused_at_its_header),
        LINK_TEST(no_hello_at_all_ends_in_a_timeout),
        LINK_TEST(an_oversize_frame_drops_the_link_and_keeps_the_peer_away),
        LINK_TEST(an_unknown_kind_drops_the_link),
        LINK_TEST(a_second_hello_drops_the_link),
        LINK_TEST(an_empty_part_drops_the_link),
        LINK_TEST(a_vote_in_parts_drops_the_link),
        LINK_TEST(a_batch_in_uneven_parts_arrives),
        LINK_TEST(a_silent_peer_is_closed),
        LINK_TEST(a_newer_link_of_the_same_dialler_replaces_the_older),
        cmocka_unit_test_setup_teardown(
            a_link_dialled_by_the_smaller_key_outlives_one_of_the_larger, setup_smaller_dials, teardown),
        cmocka_unit_test_setup_teardown(
            a_link_dialled_by_the_larger_key_yields_to_one_of_the_smaller, setup_larger_dials, teardown),
        cmocka_unit_test_setup_teardown(
            a_peer_that_hangs_up_once_it_is_up_is_not_hammered, setup_smaller_dials, teardown),
        LINK_TEST(strangers_that_say_nothing_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
