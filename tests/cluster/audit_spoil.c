/* audit_spoil WHAT DATA HEIGHT ..: changes what a stopped node has so that every checksum still holds, as
 * somebody would who wants to be believed. For the test of tally audit.
 *
 *   checkpoint DATA HEIGHT KEY..      the certified checkpoint of HEIGHT gets another state_root, signed with
 *                                     these keys (64 hex digits each; "" = this validator does not sign)
 *   result DATA HEIGHT INDEX          the state has another result of this event
 *   body DATA HEIGHT INDEX            the ledger is written anew, with a byte of this event's body changed
 *   erase DATA HEIGHT INDEX           this body is erased
 *   batch DATA HEIGHT BATCH           the ledger is written anew, with a byte of this batch's signature
 * changed leader DATA HEIGHT                the same, of the block's leader's signature later DATA HEIGHT the
 * ledger begins with HEIGHT, as of a node that joined by a snapshot older DATA HEIGHT                 the
 * same, with all older blocks back-filled
 *
 * The ledger that is written anew takes the old one's place. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/check.h"
#include "proto/codec/history.h"
#include "storage/ledger.h"
#include "storage/state_record.h"
#include "storage/store.h"

static const char *what, *data;
static uint64_t spoilt_height;
static struct arena arena;
static struct digest chain_id;

static struct store *state_store(void)
{
    char path[DISK_PATH_SIZE_MAX];
    struct store *store;
    CHECK(disk_join(data, "state", path) == TALLY_OK && store_open(path, &store) == TALLY_OK);
    return store;
}

static void store_replace(struct store *store, const struct state_key *key, struct span value)
{
    struct store_batch *batch = store_batch_make();
    CHECK(batch != NULL);
    store_batch_put(batch, state_key_span(key), value);
    CHECK(store_commit(store, batch) == TALLY_OK);
    store_batch_close(batch);
}

static void find_chain(struct store *store)
{
    struct state_key key = state_key_alone('M');
    struct buffer value;
    struct state_meta meta;
    buffer_init(&value, MIB);
    CHECK(store_get(store, state_key_span(&key), &value) == TALLY_OK);
    CHECK(state_meta_decode(buffer_span(&value), &meta) == TALLY_OK);
    chain_id = meta.chain_id;
    buffer_close(&value);
}

/* ---- In the state ---- */

static void spoil_checkpoint(struct store *store, int count, char **keys)
{
    struct state_key key = state_key_of_height('C', spoilt_height);
    struct certified_checkpoint certified;
    struct buffer value;
    buffer_init(&value, MIB);
    CHECK(store_get(store, state_key_span(&key), &value) == TALLY_OK);
    CHECK(certified_checkpoint_decode(buffer_span(&value), &certified) == TALLY_OK);
    certified.checkpoint.state_root.bytes[0] ^= 1;
    struct digest digest = checkpoint_digest(&certified.checkpoint);
    certified.signers = 0;
    uint32_t signatures = 0;
    for (int i = 0; i < count; i++) {
        struct secret_key secret;
        if (keys[i][0] == '\0') continue;
        CHECK(hex_decode(keys[i], secret.bytes, sizeof secret.bytes) == TALLY_OK);
        signature_make(&secret, &digest, &certified.signatures[signatures++]);
        certified.signers |= UINT64_C(1) << i;
    }
    buffer_clear(&value);
    certified_checkpoint_encode(&certified, &value);
    store_replace(store, &key, buffer_span(&value));
    buffer_close(&value);
}

/* The code stands behind the event's id. */
static void spoil_result(struct store *store, uint32_t index)
{
    struct state_key key = state_key_of_results(spoilt_height, index / STATE_RESULTS_CHUNK);
    struct state_result_record record;
    struct buffer value;
    buffer_init(&value, MIB);
    CHECK(store_get(store, state_key_span(&key), &value) == TALLY_OK);
    struct reader reader;
    reader_init(&reader, span_of(value.data + 8, value.size - 8));
    for (uint32_t i = 0; i < index % STATE_RESULTS_CHUNK; i++)
        CHECK(state_result_decode(&reader, &record) == TALLY_OK);
    size_t at = value.size - reader.left + DIGEST_SIZE;
    value.data[at + 1] ^= RESULT_CONFLICT;
    store_replace(store, &key, buffer_span(&value));
    buffer_close(&value);
}

/* ---- In the ledger ---- */

static struct ledger *ledger_at(const char *dir)
{
    struct ledger *ledger;
    struct ledger_report report;
    CHECK(ledger_open(disk_system(), dir, &chain_id, NULL, &ledger, &report) == TALLY_OK);
    return ledger;
}

static void spoil_block(struct block *block, uint32_t number)
{
    uint32_t first = 0;
    if (strcmp(what, "leader") == 0) block->signature.bytes[40] ^= 1;
    if (strcmp(what, "batch") == 0) block->batches[number].signature.bytes[40] ^= 1;
    if (strcmp(what, "body") != 0) return;
    for (uint32_t b = 0; b < block->batch_count; first += block->batches[b++].event_count) {
        if (number - first >= block->batches[b].event_count) continue;
        uint8_t *body = (uint8_t *)(uintptr_t)block->batches[b].events[number - first].body.data;
        CHECK(body != NULL);
        body[0] ^= 1;
    }
}

static void block_at(struct ledger *ledger, uint64_t height, struct block *block)
{
    arena_reset(&arena);
    CHECK(ledger_read(ledger, height, true, &arena, block) == TALLY_OK);
}

static void write_anew(struct ledger *from, const char *to, uint32_t number)
{
    struct block block;
    struct ledger *ledger = ledger_at(to);
    for (uint64_t height = 1; height <= ledger_height(from); height++) {
        block_at(from, height, &block);
        if (height == spoilt_height) spoil_block(&block, number);
        CHECK(ledger_append(ledger, &block) == TALLY_OK);
    }
    CHECK(ledger_sync(ledger) == TALLY_OK);
    ledger_close(ledger);
}

static void begin_later(struct ledger *from, const char *to, bool with_older)
{
    struct block block;
    block_at(from, spoilt_height, &block);
    CHECK(ledger_begin(disk_system(), to, &chain_id, NULL, &block) == TALLY_OK);
    struct ledger *ledger = ledger_at(to);
    for (uint64_t height = spoilt_height + 1; height <= ledger_height(from); height++) {
        block_at(from, height, &block);
        CHECK(ledger_append(ledger, &block) == TALLY_OK);
    }
    CHECK(ledger_sync(ledger) == TALLY_OK);
    for (uint64_t height = 1; with_older && height <= spoilt_height; height++) {
        block_at(from, height, &block);
        CHECK(ledger_older_append(ledger, &block) == TALLY_OK);
    }
    CHECK(ledger_older_sync(ledger) == TALLY_OK);
    ledger_close(ledger);
}

static void replace(const char *from)
{
    static const char *const folders[] = {"ledger", "bodies", "older"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        char path[DISK_PATH_SIZE_MAX], old[DISK_PATH_SIZE_MAX], made[DISK_PATH_SIZE_MAX];
        struct stat status;
        CHECK(disk_join(data, folders[i], path) == TALLY_OK && disk_join(from, folders[i], made) == TALLY_OK);
        CHECK((size_t)snprintf(old, sizeof old, "%s/../%s-before", data, folders[i]) < sizeof old);
        if (stat(path, &status) == 0) CHECK(rename(path, old) == 0);
        if (stat(made, &status) == 0) CHECK(rename(made, path) == 0);
    }
    CHECK(rmdir(from) == 0);
}

static void spoil_ledger(uint32_t number)
{
    char made[DISK_PATH_SIZE_MAX];
    CHECK(disk_join(data, "made", made) == TALLY_OK && mkdir(made, 0700) == 0);
    struct ledger *from = ledger_at(data);
    if (strcmp(what, "later") == 0 || strcmp(what, "older") == 0)
        begin_later(from, made, what[0] == 'o');
    else
        write_anew(from, made, number);
    ledger_close(from);
    replace(made);
}

static void erase(uint32_t index)
{
    struct ledger *ledger = ledger_at(data);
    CHECK(ledger_body_erase(ledger, spoilt_height, index) == TALLY_OK);
    ledger_close(ledger);
}

int main(int argc, char **argv)
{
    CHECK(argc >= 4);
    what = argv[1];
    data = argv[2];
    spoilt_height = strtoull(argv[3], NULL, 10);
    uint32_t number = argc > 4 ? (uint32_t)strtoul(argv[4], NULL, 10) : 0;
    arena_init(&arena, 256u * MIB);
    struct store *store = state_store();
    find_chain(store);
    bool in_state = strcmp(what, "checkpoint") == 0 || strcmp(what, "result") == 0;
    if (strcmp(what, "checkpoint") == 0) spoil_checkpoint(store, argc - 4, argv + 4);
    if (strcmp(what, "result") == 0) spoil_result(store, number);
    store_close(store);
    if (strcmp(what, "erase") == 0)
        erase(number);
    else if (!in_state)
        spoil_ledger(number);
    arena_close(&arena);
    return 0;
}
