/* A small node, how its snapshots are cut, and these read and written. */
#ifndef TALLY_TESTS_CUT_NODE_H
#define TALLY_TESTS_CUT_NODE_H

#include "node/credit/subject_state.h"
#include "storage/snapshot_internal.h"
#include "storage/snapshot_reading.h"
#include "storage/snapshot_write.h"
#include "tests/fault/small_node.h"

struct cut_node {
    struct small_node *node;
    struct verify_set validators;
    struct state_config config;
    uint64_t height; /* of the snapshot */
};

/* Of a node that is made, with all but the sizes of what is cut in the config. */
static inline void cut_node_of(struct cut_node *cut, struct small_node *node)
{
    struct validator_set set;
    *cut = (struct cut_node){.node = node, .height = node->block_count};
    genesis_validator_set(&node->genesis, &set);
    CHECK(verify_set_init(&set, &cut->validators) == TALLY_OK);
    cut->config = replay_config(&node->genesis);
}

/* Writes a snapshot of what is in from/state into to/snapshots. */
static inline void cut_node_write(const struct cut_node *cut, const char *from, const char *to)
{
    struct state *state;
    struct snapshot_source *source;
    struct ledger *ledger;
    struct ledger_report report;
    struct snapshot_writing writing = {
        .disk = disk_system(), .dir = to, .validators = &cut->validators, .go_on = small_go_on};
    CHECK(state_open(from, &cut->config, &state) == TALLY_OK);
    CHECK(ledger_open(disk_system(), cut->node->dir, &cut->config.chain_id, &small_options, &ledger,
              &report) == TALLY_OK);
    writing.ledger = ledger;
    CHECK(snapshot_source_open(state, &source) == TALLY_OK);
    CHECK(snapshot_write(source, &writing) == TALLY_OK);
    snapshot_source_close(source);
    ledger_close(ledger);
    state_close(state);
}

/* A part; of kind 0, the head. */
static inline struct buffer part_of(const char *dir, uint64_t height, uint32_t kind, uint32_t index)
{
    struct buffer bytes;
    buffer_init(&bytes, SNAPSHOT_PART_SIZE_MAX);
    int error = kind == 0 ? snapshot_head_read(disk_system(), dir, height, &bytes)
                          : snapshot_part_read(disk_system(), dir, height, kind, index, &bytes);
    CHECK(error == TALLY_OK);
    return bytes;
}

static inline struct snapshot_head *head_of(const struct cut_node *cut, const char *dir)
{
    struct snapshot_head *head;
    struct buffer bytes = part_of(dir, cut->height, 0, 0);
    CHECK(snapshot_head_decode(buffer_span(&bytes), &cut->validators, &cut->config, &head) == TALLY_OK);
    buffer_close(&bytes);
    return head;
}

#endif
