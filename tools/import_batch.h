/* Events on their way from a file to the ledger, and the batches that carry them. */
#ifndef TALLY_TOOLS_IMPORT_BATCH_H
#define TALLY_TOOLS_IMPORT_BATCH_H

#include "proto/codec/batch.h"
#include "tools/import_account.h"
#include "tools/import_line.h"
#include "tools/salt.h"

#define IMPORT_BATCH_EVENTS_MAX 500
#define IMPORT_BATCH_LIFETIME_MS (5u * 60u * 1000u)

_Static_assert(IMPORT_BATCH_EVENTS_MAX <= BATCH_EVENTS_MAX, "a batch takes them");
_Static_assert(IMPORT_BATCH_LIFETIME_MS < BATCH_LIFETIME_MS_MAX, "with room for clocks that differ");

struct import_event {
    struct import_event *next;
    struct import_account *account; /* NULL for one without: it is in no chain */
    uint64_t line;
    bool sent;                  /* by this import, which heard no answer that says whether it was applied */
    struct event_header fields; /* complete but for its place in the account's chain */
    struct digest id;           /* as it was last built; without an account, from the start */
    uint8_t salt[SALT_SIZE];
    uint32_t body_size;
    uint8_t body[];
};

/* What every event and batch of one import is made with. */
struct import_keys {
    struct digest chain_id;
    uint32_t member_id;
    struct secret_key signing;
    struct public_key signing_public;
    uint8_t salt_key[SALT_KEY_SIZE];
};

/* Appends the encoded SubmitBatchRequest of an encoded batch, whose answer waits until it is final. */
void submit_request_append(struct buffer *out, struct span batch);

/* The event of one line, with its item id, salt and commitment; `account` is NULL where it has none. free()
 * it. NULL when memory runs out. */
struct import_event *import_event_make(const struct import_keys *keys, const struct import_line *line,
    uint64_t line_number, uint32_t occurrence, struct import_account *account);

/* Memory that building batches uses again and again; about 1 MiB. */
struct import_builder {
    struct buffer headers;
    struct buffer batch;
    struct batch_event items[IMPORT_BATCH_EVENTS_MAX];
    size_t header_ends[IMPORT_BATCH_EVENTS_MAX];
    uint32_t count;
    size_t size; /* an upper bound of the batch's encoding so far */
    uint64_t serial;
};

void import_builder_init(struct import_builder *builder);
void import_builder_close(struct import_builder *builder);

/* Starts a batch. Serials are never 0 and never used twice in an import. */
void import_builder_start(struct import_builder *builder, uint64_t serial);
/* Whether one more event fits. */
bool import_builder_has_room(const struct import_builder *builder, const struct import_event *event);
/* Puts the event next in its account's chain, if it has one, fills its id, and adds it. The event stays until
 * the batch is finished. */
void import_builder_add(
    struct import_builder *builder, const struct import_keys *keys, struct import_event *event);
/* Signs, and appends the encoded SubmitBatchRequest to `out` (out->failed on overflow). */
void import_builder_finish(
    struct import_builder *builder, const struct import_keys *keys, uint64_t wall_ms, struct buffer *out);

#endif
