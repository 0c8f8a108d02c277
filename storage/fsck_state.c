#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/codec/result.h"
#include "proto/crypto/merkle.h"
#include "storage/fsck_internal.h"
#include "storage/ledger.h"
#include "storage/state_check.h"
#include "storage/store.h"

#define THEN "the node discards the state when it starts, and rebuilds it from the ledger"
#define THEN_DISCARD "remove the folder state, and the node rebuilds it from the ledger when it starts"
#define RESULTS_ARENA_SIZE (16u * MIB)

static void tell(struct fsck *fsck, uint64_t height, const char *then, const char *what)
{
    fsck_tell(fsck, "state", FSCK_NO_OFFSET, height, then, "%s", what);
}

/* ---- Every key ---- */

static bool count_key(void *context, struct span key, struct span value)
{
    struct fsck *fsck = context;
    (void)key, (void)value;
    fsck->counts->state_keys++;
    return true;
}

/* Each table's blocks are read whole, with their checksums. Errors: TALLY_EDAMAGED, told. */
static int read_keys(struct fsck *fsck)
{
    char path[DISK_PATH_SIZE_MAX];
    struct store *store;
    int error = disk_join(fsck->options->dir, "state", path);
    if (error == TALLY_OK) error = store_open(path, &store);
    if (error == TALLY_OK) {
        error = store_scan(store, span_of("", 0), span_of("", 0), count_key, fsck);
        store_close(store);
    }
    /* LevelDB says of a table that is gone or too short that it cannot be read. */
    if (error != TALLY_EDAMAGED && error != TALLY_EIO) return error;
    tell(fsck, 0, THEN_DISCARD, "a file of LevelDB's is damaged: a key cannot be read with its checksum");
    return TALLY_EDAMAGED;
}

/* ---- Against the ledger ---- */

/* What was stored of a block's results, against the root that was signed. */
static int check_results(
    struct fsck *fsck, struct state *state, const struct state_roots *roots, struct arena *arena)
{
    struct state_result *results;
    struct merkle_frontier tree;
    uint32_t count;
    arena_reset(arena);
    int error = state_results_read(state, roots->height, arena, &results, &count);
    if (error != TALLY_OK) return error;
    merkle_frontier_init(&tree);
    for (uint32_t i = 0; i < count; i++) {
        struct digest leaf = result_leaf(roots->height, i, &results[i].event_id, &results[i].result);
        merkle_frontier_append(&tree, &leaf, NULL, NULL);
    }
    struct digest root = merkle_frontier_root(&tree);
    if (!digest_equal(&root, &roots->results_root))
        tell(fsck, roots->height, THEN_DISCARD, "the results of this block do not make its results_root");
    return TALLY_OK;
}

static int check_height(
    struct fsck *fsck, struct state *state, struct ledger *ledger, uint64_t height, struct arena *arena)
{
    struct state_roots roots;
    struct digest hash;
    int error = state_roots_get(state, height, &roots);
    if (error == TALLY_OK) error = check_results(fsck, state, &roots, arena);
    if (error == TALLY_EPENDING) error = TALLY_OK; /* the results come with the older blocks */
    if (error == TALLY_ENOTFOUND || error == TALLY_EDAMAGED) {
        tell(fsck, height, THEN_DISCARD, "the roots or the results of this block cannot be read");
        return TALLY_OK;
    }
    if (error != TALLY_OK || ledger == NULL) return error;
    error = ledger_hash(ledger, height, &hash);
    if (error == TALLY_OK && !digest_equal(&hash, &roots.block))
        tell(fsck, height, THEN_DISCARD, "the state is of another block than the ledger's");
    return error == TALLY_ENOTFOUND || error == TALLY_EPENDING ? TALLY_OK : error;
}

static int check_certified(struct fsck *fsck, struct state *state)
{
    struct certified_checkpoint certified;
    struct state_roots roots;
    struct epoch_sets sets;
    int opened = epoch_sets_init(fsck->options->genesis, buffer_span(&fsck->seals), &sets);
    if (opened != TALLY_OK) return opened;
    for (uint64_t height = 0;;) {
        int error = state_certified_above(state, height + 1, &certified);
        if (error == TALLY_ENOTFOUND) return TALLY_OK;
        const struct checkpoint *checkpoint = &certified.checkpoint;
        if (error == TALLY_EDAMAGED) {
            tell(fsck, height + 1, THEN_DISCARD, "a certified checkpoint cannot be read");
            return TALLY_OK;
        }
        if (error != TALLY_OK) return error;
        height = checkpoint->height;
        fsck->counts->checkpoints++;
        bool known = epoch_sets_reach(&sets, checkpoint->epoch);
        fsck->counts->signatures += quorum_of(sets.validators.set.count);
        if (!known || certified_checkpoint_check(&sets.validators, &certified) != TALLY_OK ||
            !digest_equal(&checkpoint->chain_id, &fsck->options->genesis->chain_id))
            tell(fsck, height, THEN_DISCARD, "a certified checkpoint has no quorum of valid signatures");
        if (state_roots_get(state, height, &roots) != TALLY_OK) continue; /* not applied yet */
        if (!digest_equal(&roots.state_root, &checkpoint->state_root) ||
            !digest_equal(&roots.results_root, &checkpoint->results_root) ||
            !digest_equal(&roots.history_root, &checkpoint->history_root) ||
            !digest_equal(&roots.block, &checkpoint->block))
            tell(fsck, height, THEN_DISCARD, "the roots are not those that a quorum signed");
    }
}

static int check_heights(struct fsck *fsck, struct state *state, struct ledger *ledger)
{
    struct arena arena;
    uint64_t applied = state_applied_height(state);
    arena_init(&arena, RESULTS_ARENA_SIZE);
    fsck->counts->state_height = applied;
    if (ledger != NULL && applied > ledger_height(ledger))
        tell(fsck, ledger_height(ledger) + 1, THEN, "the state is of blocks that the ledger does not have");
    int error = TALLY_OK;
    for (uint64_t height = 1; error == TALLY_OK && height <= applied; height++)
        error = check_height(fsck, state, ledger, height, &arena);
    arena_close(&arena);
    return error == TALLY_OK ? check_certified(fsck, state) : error;
}

struct accounts_check {
    struct fsck *fsck;
    struct ledger *ledger;
};

static void account_found(void *context, const char *what)
{
    const struct accounts_check *check = context;
    tell(check->fsck, 0, THEN_DISCARD, what);
}

static int read_header(
    void *context, uint64_t height, uint32_t index, struct arena *arena, struct span *header)
{
    const struct accounts_check *check = context;
    int error = ledger_header_read(check->ledger, height, index, arena, header);
    /* The state is of more than the ledger has. */
    return error == TALLY_ENOTFOUND || error == TALLY_EPENDING ? TALLY_EDAMAGED : error;
}

static int check_accounts(struct fsck *fsck, struct state *state, struct ledger *ledger)
{
    struct accounts_check check = {fsck, ledger};
    struct state_checker checker = {
        .header = ledger != NULL ? read_header : NULL, .found = account_found, .context = &check};
    int error = state_check_accounts(state, &checker);
    if (error != TALLY_EDAMAGED) return error;
    tell(fsck, 0, THEN_DISCARD, "a subject, or what is said of its accounts, cannot be read");
    return TALLY_OK;
}

static int check_contents(struct fsck *fsck, struct ledger *ledger)
{
    const struct genesis *genesis = fsck->options->genesis;
    struct state_config config = {
        .chain_id = genesis->chain_id, .accounts = fsck->options->accounts, .was_read = true};
    struct state *state;
    int error = state_open(fsck->options->dir, &config, &state);
    if (error == TALLY_OK) {
        error = check_heights(fsck, state, ledger);
        if (error == TALLY_OK) error = check_accounts(fsck, state, ledger);
        state_close(state);
    } else if (error == TALLY_EDAMAGED) {
        tell(fsck, 0, THEN, "what it holds does not amount to the roots it says it has");
        error = TALLY_OK;
    } else if (error == TALLY_ECHAIN || error == TALLY_EVERSION) {
        tell(fsck, 0, THEN_DISCARD,
            error == TALLY_ECHAIN ? "it is of another chain"
                                  : "it is of a version that this release does not know");
        error = TALLY_OK;
    }
    return error;
}

bool fsck_state_is_there(const struct fsck *fsck)
{
    char path[DISK_PATH_SIZE_MAX];
    int file;
    if (disk_join(fsck->options->dir, "state", path) != TALLY_OK) return false;
    if (fsck->disk->open(fsck->disk->context, path, DISK_READ, &file) != TALLY_OK) return false;
    fsck->disk->close(fsck->disk->context, file);
    return true;
}

int fsck_state(struct fsck *fsck, bool ledger_whole)
{
    struct ledger *ledger = NULL;
    struct ledger_report report;
    /* Without one, the node makes it from the ledger. */
    if (!fsck_state_is_there(fsck)) return TALLY_OK;
    int error = fsck->leveldb;
    if (error == TALLY_OK) error = read_keys(fsck);
    if (error == TALLY_EDAMAGED) return TALLY_OK;
    if (error == TALLY_OK && ledger_whole)
        error = ledger_open(
            fsck->disk, fsck->options->dir, &fsck->options->genesis->chain_id, NULL, &ledger, &report);
    if (error == TALLY_OK) error = check_contents(fsck, ledger);
    ledger_close(ledger);
    return error;
}
