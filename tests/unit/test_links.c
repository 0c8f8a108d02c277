// links: net keys codec crypto base
#include "node/net/links.h"

#include "tests/unit/links_net.h"

struct frame_wait {
    const struct node *node;
    enum frame_kind kind;
    unsigned count;
};

static bool frame_came(void *context)
{
    const struct frame_wait *wait = context;
    return wait->node->frames[wait->kind] >= wait->count;
}

static bool wait_frames(uint32_t index, enum frame_kind kind, unsigned count, uint64_t timeout_ms)
{
    struct frame_wait wait = {&net.nodes[index], kind, count};
    return harness_run(frame_came, &wait, timeout_ms);
}

static bool is_down_once(void *context)
{
    const struct node *node = context;
    return node->downs[0] + node->downs[1] > 0;
}

static uint8_t *pattern(size_t size)
{
    uint8_t *bytes = malloc(size + 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(i * 2654435761u >> 13);
    return bytes;
}

static void every_pair_of_four_nodes_gets_one_link(void **state)
{
    (void)state;
    net_init(4);
    for (uint32_t i = 0; i < 4; i++)
        node_open(i);
    assert_true(harness_run(all_up, NULL, 5000));
    harness_run_for(200);
    for (uint32_t i = 0; i < 4; i++) {
        for (uint32_t j = 0; j < 4; j++) {
            struct links_status status;
            assert_int_equal(net.nodes[i].ups[j], i == j ? 0 : 1);
            links_peer_status(net.nodes[i].links, j, &status);
            assert_int_equal(status.up, i != j);
            if (i != j) assert_int_equal(status.dialled, i < j); /* the smaller key dials */
        }
    }
    net_close();
}

static void frames_of_both_lanes_arrive_whole(void **state)
{
    (void)state;
    two_up();
    static const struct {
        enum frame_kind kind;
        size_t size;
    } sent[] = {
        {FRAME_VOTE, 1},
        {FRAME_VOTE, 256},
        {FRAME_PROPOSAL, 3 * MIB},
        {FRAME_BATCH, 0},
        {FRAME_BATCH, 16379},
        {FRAME_BATCH, 16380},
        {FRAME_BATCH, MIB},
        {FRAME_RANGE, FRAME_SIZE_MAX},
        {FRAME_RANGE_REQUEST, 0},
        {FRAME_RANGE, 1},
    };
    uint8_t *bytes = pattern(FRAME_SIZE_MAX);
    for (size_t i = 0; i < sizeof sent / sizeof sent[0]; i++) {
        uint32_t from = i % 2;
        unsigned before = net.nodes[1 - from].frames[sent[i].kind];
        struct span payload = span_of(bytes, sent[i].size);
        assert_int_equal(links_send(net.nodes[from].links, 1 - from, sent[i].kind, payload), TALLY_OK);
        assert_true(wait_frames(1 - from, sent[i].kind, before + 1, 10000));
        struct digest digest = digest_plain(payload);
        if (payload.size < MIB || frame_is_bulk(sent[i].kind))
            assert_true(digest_equal(&net.nodes[1 - from].last, &digest));
    }
    free(bytes);
    net_close();
}

static void a_payload_over_its_kinds_bound_is_not_sent(void **state)
{
    (void)state;
    two_up();
    uint8_t *bytes = pattern(FRAME_SIZE_MAX + 1);
    assert_int_equal(links_send(net.nodes[0].links, 1, FRAME_VOTE, span_of(bytes, 257)), TALLY_ELIMIT);
    assert_int_equal(
        links_send(net.nodes[0].links, 1, FRAME_RANGE, span_of(bytes, FRAME_SIZE_MAX + 1)), TALLY_ELIMIT);
    assert_int_equal(links_broadcast(net.nodes[0].links, FRAME_VOTE, span_of(bytes, 257)), 0);
    assert_int_equal(
        links_send(net.nodes[0].links, 0, FRAME_VOTE, span_of(bytes, 1)), TALLY_ECLOSED); /* itself */
    free(bytes);
    net_close();
}

static void a_broadcast_reaches_every_peer(void **state)
{
    (void)state;
    net_init(4);
    for (uint32_t i = 0; i < 4; i++)
        node_open(i);
    assert_true(harness_run(all_up, NULL, 5000));
    uint8_t *bytes = pattern(MIB);
    assert_int_equal(links_broadcast(net.nodes[2].links, FRAME_VOTE, span_of(bytes, 100)), 3);
    assert_int_equal(links_broadcast(net.nodes[2].links, FRAME_BATCH, span_of(bytes, MIB)), 3);
    struct digest digest = digest_plain(span_of(bytes, MIB));
    for (uint32_t i = 0; i < 4; i++) {
        if (i == 2) continue;
        assert_true(wait_frames(i, FRAME_VOTE, 1, 5000));
        assert_true(wait_frames(i, FRAME_BATCH, 1, 5000));
        assert_true(digest_equal(&net.nodes[i].last, &digest));
    }
    free(bytes);
    net_close();
}

static void urgent_frames_pass_bulk_that_waits(void **state)
{
    (void)state;
    two_up();
    uint8_t *bytes = pattern(8 * MIB);
    for (int i = 0; i < 3; i++)
        assert_int_equal(links_send(net.nodes[0].links, 1, FRAME_RANGE, span_of(bytes, 8 * MIB)), TALLY_OK);
    assert_int_equal(links_send(net.nodes[0].links, 1, FRAME_VOTE, span_of(bytes, 100)), TALLY_OK);
    assert_int_equal(links_send(net.nodes[0].links, 1, FRAME_CERTIFICATE, span_of(bytes, 100)), TALLY_OK);
    assert_true(wait_frames(1, FRAME_RANGE, 3, 20000));
    assert_string_equal(net.nodes[1].order, "vcrrr");
    free(bytes);
    net_close();
}

static void a_vote_passes_in_the_middle_of_a_bulk_frame(void **state)
{
    (void)state;
    two_up();
    uint8_t *bytes = pattern(FRAME_SIZE_MAX);
    struct links_status status;
    assert_int_equal(
        links_send(net.nodes[0].links, 1, FRAME_RANGE, span_of(bytes, FRAME_SIZE_MAX)), TALLY_OK);
    do {
        uv_run(&harness.loop, UV_RUN_ONCE);
        links_peer_status(net.nodes[0].links, 1, &status);
    } while (status.link.bulk_pending >= FRAME_SIZE_MAX - 4 * MIB);
    assert_true(status.link.bulk_pending > 0);
    assert_int_equal(links_send(net.nodes[0].links, 1, FRAME_VOTE, span_of(bytes, 100)), TALLY_OK);
    assert_true(wait_frames(1, FRAME_RANGE, 1, 20000));
    assert_string_equal(net.nodes[1].order, "vr");
    free(bytes);
    net_close();
}

static void keepalives_carry_what_the_owner_says(void **state)
{
    (void)state;
    two_up();
    links_set_keepalive(net.nodes[0].links, span_of("abc", 3));
    unsigned before = net.nodes[1].frames[FRAME_KEEPALIVE];
    assert_true(wait_frames(1, FRAME_KEEPALIVE, before + 3, 3000));
    net_close();
}

static void a_link_comes_back_after_its_peer_was_killed(void **state)
{
    (void)state;
    two_up();
    for (uint32_t round = 0; round < 3; round++) {
        uint32_t killed = round % 2;
        node_close(killed);
        assert_true(harness_run(is_down_once, &net.nodes[1 - killed], 3000));
        harness_run_for(300);
        node_open(killed);
        uint64_t start_ms = harness_now_ms();
        assert_true(harness_run(all_up, NULL, 5000));
        uint64_t took_ms = harness_now_ms() - start_ms;
        print_message("up again after %llu ms\n", (unsigned long long)took_ms);
        assert_true(took_ms < 2500); /* a retry a second, and jitter */
        memset(net.nodes[1 - killed].downs, 0, sizeof net.nodes[0].downs);
    }
    net_close();
}

static void what_was_exchanged_with_a_peer_outlasts_the_link(void **state)
{
    uint8_t vote[100] = {0};
    struct links_status status;
    (void)state;
    two_up();
    assert_int_equal(links_send(net.nodes[0].links, 1, FRAME_VOTE, span_of(vote, sizeof vote)), TALLY_OK);
    assert_true(wait_frames(1, FRAME_VOTE, 1, 3000));
    node_close(0);
    assert_true(harness_run(is_down_once, &net.nodes[1], 3000));
    links_peer_status(net.nodes[1].links, 0, &status);
    assert_false(status.up);
    assert_true(status.bytes_in >= sizeof vote);
    assert_int_equal(status.link.bytes_in, 0);
    assert_int_equal(status.ends[LINKS_END_LOST], 1);
    assert_string_equal(status.software, "tallyd test");
    uint64_t before = status.bytes_in;
    node_open(0);
    assert_true(harness_run(all_up, NULL, 5000));
    assert_int_equal(links_send(net.nodes[0].links, 1, FRAME_VOTE, span_of(vote, sizeof vote)), TALLY_OK);
    assert_true(wait_frames(1, FRAME_VOTE, 2, 3000));
    links_peer_status(net.nodes[1].links, 0, &status);
    assert_true(status.bytes_in >= before + sizeof vote);
    assert_int_equal(status.bytes_in, before + status.link.bytes_in);
    net_close();
}

static void the_larger_key_dials_where_the_smaller_cannot(void **state)
{
    struct links_peer without_host[NODES_MAX];
    (void)state;
    net_init(2);
    memcpy(without_host, net.table, sizeof without_host);
    without_host[1].host[0] = '\0';
    assert_int_equal(node_open_with(0, CHAIN, without_host), TALLY_OK);
    assert_int_equal(node_open_with(1, CHAIN, net.table), TALLY_OK);
    assert_true(harness_run(all_up, NULL, LINKS_GRACE_MS + 3000));
    struct links_status status;
    links_peer_status(net.nodes[1].links, 0, &status);
    assert_true(status.dialled);
    net_close();
}

static void a_strangers_key_is_refused_and_named_in_the_log(void **state)
{
    char short_key[2 * LOG_BYTES_SHOWN + 1];
    (void)state;
    net_init(2);
    node_open(1);
    /* The node at index 0 runs with a key that the other's table does not hold. */
    struct links_peer with_stranger[NODES_MAX];
    memcpy(with_stranger, net.table, sizeof with_stranger);
    net.nodes[0].key = &net.keys[2];
    with_stranger[0].key = net.keys[2].key;
    assert_int_equal(node_open_with(0, CHAIN, with_stranger), TALLY_OK);
    char wanted[] = "its node key is not in the membership";
    assert_true(harness_run(harness_logged_holds, wanted, LINKS_GRACE_MS + 3000));
    hex_encode(span_of(net.keys[2].key.bytes, LOG_BYTES_SHOWN), short_key);
    assert_true(harness_logged(short_key));
    assert_true(harness_logged("peer refused"));
    assert_true(harness_logged("address=127.0.0.1:"));
    assert_int_equal(net.nodes[1].ups[0], 0);
    net_close();
}

static void a_node_of_another_chain_is_refused(void **state)
{
    (void)state;
    net_init(2);
    node_open(0);
    assert_int_equal(node_open_with(1, CHAIN + 1, net.table), TALLY_OK);
    char wanted[] = "it belongs to another chain";
    assert_true(harness_run(harness_logged_holds, wanted, 5000));
    harness_run_for(200);
    assert_int_equal(net.nodes[0].ups[1] + net.nodes[1].ups[0], 0);
    net_close();
}

static void a_peer_that_is_charged_too_often_is_kept_away(void **state)
{
    uint8_t vote[10] = {0};
    (void)state;
    two_up();
    net.nodes[1].charge_peer_on_vote = LINKS_CHARGES_MAX - 1;
    assert_int_equal(links_send(net.nodes[0].links, 1, FRAME_VOTE, span_of(vote, sizeof vote)), TALLY_OK);
    assert_true(wait_frames(1, FRAME_VOTE, 1, 3000));
    harness_run_for(100);
    assert_int_equal(net.nodes[1].downs[0], 0);
    net.nodes[1].charge_peer_on_vote = 1;
    assert_int_equal(links_send(net.nodes[0].links, 1, FRAME_VOTE, span_of(vote, sizeof vote)), TALLY_OK);
    assert_true(harness_run(is_down_once, &net.nodes[1], 3000));
    assert_string_equal(net.nodes[1].down_reason, "a bad vote");
    assert_true(harness_logged("peer kept away"));
    unsigned ups = net.nodes[1].ups[0];
    harness_run_for(2500);
    assert_int_equal(net.nodes[1].ups[0], ups); /* it dials, and is not taken */
    assert_true(net.nodes[0].ups[1] < 12);      /* and it does not hammer */
    struct links_status status;
    links_peer_status(net.nodes[1].links, 0, &status);
    assert_int_equal(status.charges, LINKS_CHARGES_MAX);
    assert_int_equal(status.ends[LINKS_END_CHARGED], 1);
    assert_int_equal(status.ends[LINKS_END_LOST], 0);
    net_close();
}

static void bulk_that_a_slow_peer_does_not_take_pushes_out_the_oldest(void **state)
{
    (void)state;
    two_up();
    uint8_t *bytes = pattern(8 * MIB);
    links_pause(net.nodes[1].links, 0);
    for (int i = 0; i < 12; i++) {
        memset(bytes, i, 8 * MIB); /* so that a mixture of two shows */
        assert_int_equal(
            links_send(net.nodes[0].links, 1, FRAME_RANGE, span_of(bytes, 8 * MIB - 100)), TALLY_OK);
        harness_run_for(20);
        struct links_status status;
        links_peer_status(net.nodes[0].links, 1, &status);
        assert_true(status.link.bulk_pending <= LINK_BULK_SIZE_MAX);
    }
    struct links_status status;
    links_peer_status(net.nodes[0].links, 1, &status);
    assert_true(status.up);
    assert_true(status.bulk_dropped >= 6);
    links_resume(net.nodes[1].links, 0);
    assert_true(wait_frames(1, FRAME_RANGE, (unsigned)(12 - status.bulk_dropped), 20000));
    struct digest digest = digest_plain(span_of(bytes, 8 * MIB - 100));
    assert_true(digest_equal(&net.nodes[1].last, &digest));
    assert_int_equal(net.nodes[1].uneven, 0);
    free(bytes);
    net_close();
}

static void a_peer_that_does_not_take_urgent_frames_is_dropped(void **state)
{
    (void)state;
    two_up();
    uint8_t *bytes = pattern(MIB);
    links_pause(net.nodes[1].links, 0);
    int error = TALLY_OK;
    for (int i = 0; i < 64 && error == TALLY_OK; i++) {
        error = links_send(net.nodes[0].links, 1, FRAME_PROPOSAL, span_of(bytes, MIB));
        struct links_status status;
        links_peer_status(net.nodes[0].links, 1, &status);
        assert_true(status.link.urgent_pending <= LINK_URGENT_SIZE_MAX);
        if (error == TALLY_OK) harness_run_for(5);
    }
    assert_int_equal(error, TALLY_EFULL);
    assert_int_equal(links_send(net.nodes[0].links, 1, FRAME_VOTE, span_of(bytes, 1)), TALLY_ECLOSED);
    assert_true(harness_run(is_down_once, &net.nodes[0], 3000));
    struct links_status status;
    links_peer_status(net.nodes[0].links, 1, &status);
    assert_int_equal(status.ends[LINKS_END_SLOW], 1);
    free(bytes);
    net_close();
}

static void a_paused_link_is_not_silent(void **state)
{
    (void)state;
    two_up();
    links_pause(net.nodes[1].links, 0);
    harness_run_for(LINKS_SILENCE_MS_MIN + 500);
    assert_int_equal(net.nodes[1].downs[0], 0);
    unsigned before = net.nodes[1].frames[FRAME_KEEPALIVE];
    links_resume(net.nodes[1].links, 0);
    assert_true(wait_frames(1, FRAME_KEEPALIVE, before + 10, 2000)); /* what waited comes at once */
    assert_int_equal(net.nodes[1].downs[0], 0);
    net_close();
}

static void a_table_that_cannot_be_is_refused(void **state)
{
    (void)state;
    net_init(2);
    struct links_peer twice[NODES_MAX];
    memcpy(twice, net.table, sizeof twice);
    twice[1].key = twice[0].key;
    assert_int_equal(node_open_with(0, CHAIN, twice), TALLY_EEXISTS);
    node_close(0);
    memcpy(twice, net.table, sizeof twice);
    twice[1].port = 0;
    assert_int_equal(node_open_with(0, CHAIN, twice), TALLY_EINVALID);
    node_close(0);
    node_open(0);
    net.table[1].port = net.table[0].port;
    assert_int_equal(node_open_with(1, CHAIN, net.table), TALLY_EBUSY);
    net_close();
}

/* ---- Votes beside 200 MB of bulk ---- */

#define LOAD_FRAMES 50u
#define LOAD_FRAME_SIZE (4u * MIB)
#define LOAD_VOTES_MAX 4000u

static struct {
    uint64_t sent_ns[LOAD_VOTES_MAX];
    double latency_ms[LOAD_VOTES_MAX];
    uint32_t sent, received;
} load;

static void on_load_frame(void *context, uint32_t peer, enum frame_kind kind, struct span payload)
{
    struct node *node = context;
    (void)peer;
    node->frames[kind]++;
    node->bytes += payload.size;
    if (kind != FRAME_VOTE) return;
    uint32_t number = get_u32(payload.data);
    assert_int_equal(number, load.received);
    load.latency_ms[load.received++] = (double)(uv_hrtime() - load.sent_ns[number]) / 1e6;
}

static int double_order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void votes_stay_quick_beside_200_mb_of_bulk(void **state)
{
    static const struct links_callbacks load_callbacks = {
        .on_up = on_up, .on_down = on_down, .on_frame = on_load_frame};
    (void)state;
    net_init(2);
    node_open(0);
    struct node *receiver = &net.nodes[1];
    struct links_options options = {
        .chain_id = harness_digest(CHAIN),
        .signer = &receiver->key->signer,
        .software = "tallyd test",
        .host = "127.0.0.1",
        .port = net.table[1].port,
        .keepalive_ms = 50,
        .silence_ms = 2000,
        .callbacks = &load_callbacks,
        .context = receiver,
    };
    assert_int_equal(links_open(&harness.loop, &options, &receiver->links), TALLY_OK);
    for (uint32_t i = 0; i < net.count; i++)
        assert_int_equal(links_set_peer(receiver->links, i, &net.table[i]), TALLY_OK);
    assert_true(harness_run(all_up, NULL, 5000));
    memset(&load, 0, sizeof load);
    uint8_t *bytes = pattern(LOAD_FRAME_SIZE);
    uint64_t start_ns = uv_hrtime(), next_vote_ns = start_ns;
    uint32_t bulk_sent = 0;
    while (receiver->frames[FRAME_RANGE] < LOAD_FRAMES && uv_hrtime() - start_ns < 60000000000u) {
        struct links_status status;
        links_peer_status(net.nodes[0].links, 1, &status);
        if (bulk_sent < LOAD_FRAMES && status.link.bulk_pending < 4 * LOAD_FRAME_SIZE) {
            assert_int_equal(
                links_send(net.nodes[0].links, 1, FRAME_RANGE, span_of(bytes, LOAD_FRAME_SIZE)), TALLY_OK);
            bulk_sent++;
        }
        if (uv_hrtime() >= next_vote_ns && load.sent < LOAD_VOTES_MAX) {
            uint8_t vote[150] = {0};
            put_u32(vote, load.sent);
            load.sent_ns[load.sent++] = uv_hrtime();
            assert_int_equal(
                links_send(net.nodes[0].links, 1, FRAME_VOTE, span_of(vote, sizeof vote)), TALLY_OK);
            next_vote_ns += 1000000;
        }
        uv_run(&harness.loop, UV_RUN_ONCE);
    }
    double seconds = (double)(uv_hrtime() - start_ns) / 1e9;
    harness_run_for(100);
    assert_int_equal(receiver->frames[FRAME_RANGE], LOAD_FRAMES);
    assert_int_equal(load.received, load.sent);
    assert_true(load.received > 20);
    qsort(load.latency_ms, load.received, sizeof load.latency_ms[0], double_order);
    print_message(
        "%u MiB of bulk in %.2f s (%.0f MiB/s); %u votes beside it: p50 %.2f ms, p99 %.2f ms, max %.2f ms\n",
        LOAD_FRAMES * LOAD_FRAME_SIZE / MIB, seconds, LOAD_FRAMES * LOAD_FRAME_SIZE / MIB / seconds,
        load.received, load.latency_ms[load.received / 2], load.latency_ms[load.received * 99 / 100],
        load.latency_ms[load.received - 1]);
    assert_true(load.latency_ms[load.received / 2] < 500); /* queued behind the bulk it would be seconds */
    free(bytes);
    net_close();
}

#define LINKS_TEST(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINKS_TEST(every_pair_of_four_nodes_gets_one_link),
        LINKS_TEST(frames_of_both_lanes_arrive_whole),
        LINKS_TEST(a_payload_over_its_kinds_bound_is_not_sent),
        LINKS_TEST(a_broadcast_reaches_every_peer),
        LINKS_TEST(urgent_frames_pass_bulk_that_waits),
        LINKS_TEST(a_vote_passes_in_the_middle_of_a_bulk_frame),
        LINKS_TEST(keepalives_carry_what_the_owner_says),
        LINKS_TEST(a_link_comes_back_after_its_peer_was_killed),
        LINKS_TEST(what_was_exchanged_with_a_peer_outlasts_the_link),
        LINKS_TEST(the_larger_key_dials_where_the_smaller_cannot),
        LINKS_TEST(a_strangers_key_is_refused_and_named_in_the_log),
        LINKS_TEST(a_node_of_another_chain_is_refused),
        LINKS_TEST(a_peer_that_is_charged_too_often_is_kept_away),
        LINKS_TEST(bulk_that_a_slow_peer_does_not_take_pushes_out_the_oldest),
        LINKS_TEST(a_peer_that_does_not_take_urgent_frames_is_dropped),
        LINKS_TEST(a_paused_link_is_not_silent),
        LINKS_TEST(a_table_that_cannot_be_is_refused),
        LINKS_TEST(votes_stay_quick_beside_200_mb_of_bulk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
