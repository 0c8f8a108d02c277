// links: net keys codec crypto base
#include "tests/unit/links_net.h"

static bool up(uint32_t from, uint32_t to)
{
    struct links_status status;
    if (net.nodes[from].links == NULL) return false;
    links_peer_status(net.nodes[from].links, to, &status);
    return status.up;
}

static bool zero_and_two_up(void *context)
{
    (void)context;
    return up(0, 2) && up(2, 0);
}

static bool zero_lost_two(void *context)
{
    (void)context;
    return !net.nodes[0].is_up[2];
}

static bool two_lost_zero(void *context)
{
    (void)context;
    return !net.nodes[2].is_up[0];
}

static void three_up(void)
{
    net_init(3);
    for (uint32_t i = 0; i < 3; i++)
        node_open(i);
    assert_true(harness_run(all_up, NULL, 5000));
}

static void a_peer_that_comes_later_is_dialled_and_taken(void **state)
{
    (void)state;
    net_init(3);
    for (uint32_t i = 0; i < 3; i++)
        node_open(i);
    for (uint32_t i = 0; i < 2; i++)
        (void)links_drop_peer(net.nodes[i].links, 2, "not there yet");
    harness_run_for(300);
    assert_null(links_peer(net.nodes[0].links, 2));
    assert_false(up(2, 0));
    assert_true(up(0, 1));
    for (uint32_t i = 0; i < 2; i++)
        assert_int_equal(links_set_peer(net.nodes[i].links, 2, &net.table[2]), TALLY_OK);
    assert_string_equal(links_peer(net.nodes[0].links, 2)->name, "validator-3");
    assert_true(harness_run(all_up, NULL, 5000));
    assert_int_equal(net.nodes[0].ups[1], 1);
    assert_int_equal(net.nodes[0].downs[1], 0);
    net_close();
}

static void a_dropped_peer_has_no_link_and_gets_none(void **state)
{
    (void)state;
    three_up();
    struct links *links = net.nodes[2].links;
    assert_true(links_drop_peer(links, 0, "its member was removed"));
    assert_false(links_drop_peer(links, 0, "its member was removed"));
    assert_int_equal(links_send(links, 0, FRAME_VOTE, span_of("a", 1)), TALLY_ECLOSED);
    assert_int_equal(links_broadcast(links, FRAME_VOTE, span_of("a", 1)), 1);
    links_charge(links, 0, "it is gone");
    links_pause(links, 0);
    assert_true(harness_run(zero_lost_two, NULL, 3000));
    harness_run_for(500); /* the other side, of the smaller key, dials again and again */
    assert_int_equal(net.nodes[2].downs[0], 0); /* who drops it knows */
    assert_int_equal(net.nodes[2].ups[0], 1);
    assert_int_equal(net.nodes[2].downs[1], 0);
    assert_true(harness_logged("\"peer let go\" peer=validator-1"));
    assert_true(harness_logged("its member was removed"));
    assert_true(harness_logged("its node key is not in the membership"));
    assert_true(up(2, 1));
    net_close();
}

static void a_slot_can_have_another_peer_at_once(void **state)
{
    (void)state;
    three_up();
    struct links *links = net.nodes[0].links;
    net.nodes[0].is_up[2] = !links_drop_peer(links, 2, "another's now");
    net.nodes[0].is_up[1] = !links_drop_peer(links, 1, "another's now");
    assert_int_equal(links_set_peer(links, 2, &net.table[1]), TALLY_OK);
    assert_int_equal(links_set_peer(links, 1, &net.table[2]), TALLY_OK);
    harness_run_for(50);
    assert_true(harness_run(all_up, NULL, 5000));
    harness_run_for(100);
    assert_int_equal(links_send(links, 2, FRAME_VOTE, span_of("a", 1)), TALLY_OK);
    harness_run_for(100);
    assert_int_equal(net.nodes[1].frames[FRAME_VOTE], 1);
    assert_int_equal(net.nodes[2].frames[FRAME_VOTE], 0);
    assert_int_equal(net.nodes[0].downs[1] + net.nodes[0].downs[2], 0);
    net_close();
}

static void a_key_is_changed_and_the_old_one_is_refused(void **state)
{
    (void)state;
    three_up();
    struct harness_key *spare = &net.keys[3];
    struct links_peer rotated = net.table[2];
    rotated.key = spare->key;
    /* The register says so to everyone at its own time. */
    assert_int_equal(links_set_peer(net.nodes[0].links, 2, &rotated), TALLY_OK);
    assert_true(harness_run(two_lost_zero, NULL, 3000));
    harness_run_for(1500);
    assert_false(up(0, 2));
    assert_int_equal(net.nodes[0].downs[2], 1);
    struct links_status status;
    links_peer_status(net.nodes[0].links, 2, &status);
    assert_int_equal(status.ends[LINKS_END_REKEYED], 1);
    links_set_own_key(net.nodes[2].links, &spare->signer);
    assert_int_equal(links_set_peer(net.nodes[2].links, 2, &rotated), TALLY_OK);
    assert_true(harness_run(zero_and_two_up, NULL, 5000));
    assert_false(up(1, 2));
    assert_int_equal(links_set_peer(net.nodes[1].links, 2, &rotated), TALLY_OK);
    assert_true(harness_run(all_up, NULL, 5000));
    assert_int_equal(net.nodes[0].downs[1], 0);
    net_close();
}

static void a_peer_is_found_where_it_has_moved(void **state)
{
    (void)state;
    net_init(3);
    struct links_peer moved = net.table[2];
    moved.port = harness_free_port();
    for (uint32_t i = 0; i < 3; i++)
        node_open(i);
    assert_true(harness_run(all_up, NULL, 5000));
    assert_int_equal(links_set_peer(net.nodes[0].links, 2, &moved), TALLY_OK);
    harness_run_for(200);
    assert_true(up(0, 2)); /* what is up stays up */
    node_close(2);
    net.table[2] = moved;
    node_open(2);
    assert_int_equal(links_set_peer(net.nodes[1].links, 2, &moved), TALLY_OK);
    assert_true(harness_run(all_up, NULL, 5000));
    net_close();
}

static void what_cannot_be_changes_nothing(void **state)
{
    (void)state;
    three_up();
    struct links *links = net.nodes[0].links;
    struct links_peer bad = net.table[2];
    bad.key = net.table[1].key;
    assert_int_equal(links_set_peer(links, 2, &bad), TALLY_EEXISTS);
    bad = net.table[2];
    bad.port = 0;
    assert_int_equal(links_set_peer(links, 2, &bad), TALLY_EINVALID);
    bad = net.table[2];
    memset(bad.name, 'x', sizeof bad.name);
    assert_int_equal(links_set_peer(links, 2, &bad), TALLY_EINVALID);
    bad = net.table[2];
    memset(bad.host, 'x', sizeof bad.host);
    assert_int_equal(links_set_peer(links, 2, &bad), TALLY_EINVALID);
    assert_int_equal(links_set_peer(links, 2, &net.table[2]), TALLY_OK); /* no news */
    harness_run_for(100);
    assert_true(all_up(NULL));
    assert_int_equal(net.nodes[0].ups[2], 1);
    net_close();
}

/* A node that its peers do not know yet goes on dialling, and its log does not fill with it. */
static void who_is_not_known_yet_knocks_quietly(void **state)
{
    (void)state;
    net_init(2);
    node_open(1);
    (void)links_drop_peer(net.nodes[1].links, 0, "not admitted yet");
    node_open(0); /* the smaller key: it dials */
    harness_run_for(2500);
    unsigned told = 0;
    for (const char *at = harness.log; (at = strstr(at, "info \"peer not reached\"")) != NULL; at++)
        told++;
    assert_int_equal(told, 1);
    assert_int_equal(links_set_peer(net.nodes[1].links, 0, &net.table[0]), TALLY_OK);
    assert_true(harness_run(all_up, NULL, 3000));
    net_close();
}

/* ---- Churn ---- */

static uint64_t random_state;

static uint32_t chance(uint32_t bound)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(random_state >> 33) % bound;
}

static void churn_once(bool known[NODES_MAX][NODES_MAX])
{
    uint32_t at = chance(net.count), peer = chance(net.count);
    struct node *node = &net.nodes[at];
    switch (chance(6)) {
    case 0:
    case 1:
        if (node->links == NULL) break;
        assert_int_equal(links_drop_peer(node->links, peer, "chance"), node->is_up[peer]);
        node->is_up[peer] = known[at][peer] = false;
        break;
    case 2:
    case 3:
        if (node->links == NULL) break;
        assert_int_equal(links_set_peer(node->links, peer, &net.table[peer]), TALLY_OK);
        known[at][peer] = true;
        break;
    case 4:
        if (chance(4) == 0) node_close(at);
        break;
    case 5:
        if (node->links != NULL) break;
        node_open(at);
        for (uint32_t i = 0; i < net.count; i++)
            known[at][i] = true;
        break;
    }
    if (node->links != NULL && !known[at][peer])
        assert_int_equal(links_send(node->links, peer, FRAME_VOTE, span_of("v", 1)), TALLY_ECLOSED);
}

static void whatever_comes_and_goes_all_find_each_other_in_the_end(void **state)
{
    (void)state;
    bool known[NODES_MAX][NODES_MAX];
    net_init(4);
    memset(known, true, sizeof known);
    random_state = uv_hrtime();
    print_message("seed %llu\n", (unsigned long long)random_state);
    for (uint32_t i = 0; i < 4; i++)
        node_open(i);
    for (uint32_t step = 0; step < 400; step++) {
        churn_once(known);
        for (uint32_t turns = chance(8); turns > 0; turns--)
            uv_run(&harness.loop, UV_RUN_ONCE);
    }
    for (uint32_t i = 0; i < 4; i++) {
        if (net.nodes[i].links == NULL) node_open(i);
        for (uint32_t j = 0; j < 4; j++)
            assert_int_equal(links_set_peer(net.nodes[i].links, j, &net.table[j]), TALLY_OK);
    }
    assert_true(harness_run(all_up, NULL, 20000));
    net_close();
}

#define LINKS_TEST(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINKS_TEST(a_peer_that_comes_later_is_dialled_and_taken),
        LINKS_TEST(a_dropped_peer_has_no_link_and_gets_none),
        LINKS_TEST(a_slot_can_have_another_peer_at_once),
        LINKS_TEST(a_key_is_changed_and_the_old_one_is_refused),
        LINKS_TEST(a_peer_is_found_where_it_has_moved),
        LINKS_TEST(what_cannot_be_changes_nothing),
        LINKS_TEST(who_is_not_known_yet_knocks_quietly),
        LINKS_TEST(whatever_comes_and_goes_all_find_each_other_in_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
