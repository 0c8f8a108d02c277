#include "tools/import_run.h"

#include <stdlib.h>

#include "proto/base/check.h"
#include "tools/import_state.h"
#include "tools/output.h"

#define REQUEST_SIZE_MAX (BATCH_SIZE_MAX + 64u)
#define REPLY_ARENA_BUDGET (4u * MIB)

static enum tool_exit run_loop(struct import_run *run);
static enum tool_exit lanes_start(struct import_run *run);
static enum tool_exit lane_refresh(struct import_run *run, struct import_lane *lane);
static enum tool_exit lane_start(struct import_run *run, uint32_t index);

enum tool_exit import_run(
    struct context *context, const struct import_options *options, struct import_result *result)
{
    *result = (struct import_result){.read = 0};
    struct import_run *run = calloc(1, sizeof *run);
    if (run == NULL) return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    run->context = context;
    run->options = options;
    run->result = result;
    import_accounts_init(&run->accounts);
    occurrences_init(&run->occurrences);
    import_labels_init(&run->labels);
    import_line_init(&run->line);
    run->line.labels = &run->labels;
    import_builder_init(&run->builder);
    buffer_init(&run->request, REQUEST_SIZE_MAX);
    arena_init(&run->reply_arena, REPLY_ARENA_BUDGET);
    enum tool_exit code;
    if (line_reader_open(&run->reader, options->descriptor, IMPORT_LINE_SIZE_MAX) != TALLY_OK) {
        code = context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    } else {
        code = run_loop(run);
    }
    line_reader_close(&run->reader);
    import_queue_close(&run->chunk);
    for (uint32_t i = 0; i < IMPORT_LANES; i++)
        import_lane_close(&run->lanes[i]);
    arena_close(&run->reply_arena);
    buffer_close(&run->request);
    import_builder_close(&run->builder);
    import_line_close(&run->line);
    import_labels_close(&run->labels);
    occurrences_close(&run->occurrences);
    import_accounts_close(&run->accounts);
    free(run);
    return code;
}

static enum tool_exit run_loop(struct import_run *run)
{
    while (!run->at_end || run->pending > 0) {
        enum tool_exit code = TOOL_DONE;
        if (!run->at_end && run->pending < IMPORT_PENDING_LOW) code = import_chunk_read(run);
        if (code == TOOL_DONE) code = lanes_start(run);
        if (code == TOOL_DONE) code = import_answers_take(run);
        if (code != TOOL_DONE) return code;
        if (run->options->on_progress != NULL) {
            run->options->on_progress(
                run->options->context, run->result, run->in_flight == 0 && run->pending > 0);
        }
    }
    CHECK(run->result->read == run->result->accepted + run->result->duplicate + run->result->rejected);
    return TOOL_DONE;
}

/* ---- What the node holds ---- */

static int known_take(void *context, const struct import_known *known)
{
    struct import_run *run = context;
    struct import_account *account = import_account_find(&run->accounts, known->ref);
    /* Only accounts that were asked about: the others are in order as they are. */
    if (account == NULL || !account->stale) return TALLY_EFORM;
    struct digest *applied = NULL;
    if (known->count > 0) {
        applied = malloc(known->count * sizeof *applied);
        if (applied == NULL) return TALLY_ENOMEM;
        memcpy(applied, known->commitments, known->count * sizeof *applied);
    }
    import_account_applied_take(account, applied, known->count);
    account->next_seq = known->next_seq;
    account->head = known->head;
    return TALLY_OK;
}

enum tool_exit import_accounts_ask(
    struct import_run *run, const struct import_account *const *accounts, size_t count)
{
    struct client_error error;
    for (size_t i = 0; i < count; i++) {
        struct import_account *account = import_account_find(&run->accounts, accounts[i]->ref);
        import_account_reset(account);
    }
    for (uint32_t attempt = 0;; attempt++) {
        error = (struct client_error){.status = GRPC_OK};
        int result = run->options->wire->accounts(
            run->options->wire->context, accounts, count, known_take, run, &error);
        if (result == TALLY_OK) break;
        if (result == TALLY_ENOMEM) return import_out_of_memory(run);
        if (result == TALLY_EFORM) {
            return context_fail(run->context, TOOL_REFUSED, "FORM",
                "the node tells of accounts in another form, or of "
                "ones it was not asked about");
        }
        if (!import_is_passing(result, &error) || attempt == IMPORT_ATTEMPTS_MAX) {
            if (result == TALLY_EDENIED && !import_is_passing(result, &error)) {
                return context_fail(run->context, TOOL_REFUSED,
                    error.detail.reason[0] != '\0' ? error.detail.reason : grpc_status_name(error.status),
                    "the node does not tell of the accounts: %s", error.message);
            }
            return import_unreachable(run, "UNREACHABLE", error.message);
        }
        run->result->retries++;
        import_pause_ms(import_back_off_ms(attempt, error.detail.retry_after_ms));
    }
    for (size_t i = 0; i < count; i++) {
        struct import_account *account = import_account_find(&run->accounts, accounts[i]->ref);
        account->asked = true;
        account->stale = false;
    }
    return TOOL_DONE;
}

/* ---- Sending ---- */

static enum tool_exit lanes_start(struct import_run *run)
{
    uint64_t now_ms = clock_steady_ms();
    for (uint32_t i = 0; i < IMPORT_LANES; i++) {
        struct import_lane *lane = &run->lanes[i];
        bool full = lane->waiting.count >= IMPORT_BATCH_EVENTS_MAX;
        /* A short batch goes out at the file's end, and where it is tried again: what waits behind it needs
         * its answer. */
        bool wanted = full || (lane->waiting.count > 0 && (run->at_end || lane->again));
        if (lane->sent_count > 0 || !wanted || now_ms < lane->retry_at_ms) continue;
        enum tool_exit code = lane_refresh(run, lane);
        if (code == TOOL_DONE) code = lane_start(run, i);
        if (code != TOOL_DONE) return code;
    }
    return TOOL_DONE;
}

/* Asks again about accounts whose place on the ledger is in doubt, and drops what turns out to be there. */
static enum tool_exit lane_refresh(struct import_run *run, struct import_lane *lane)
{
    while (lane->has_stale) {
        const struct import_account *stale[IMPORT_LOOKUP_MAX];
        size_t count = 0;
        for (struct import_event *event = lane->waiting.first; event != NULL && count < IMPORT_LOOKUP_MAX;
             event = event->next) {
            bool told = event->account == NULL || !event->account->stale;
            for (size_t i = 0; !told && i < count; i++)
                told = stale[i] == event->account;
            if (!told) stale[count++] = event->account;
        }
        if (count > 0) {
            enum tool_exit code = import_accounts_ask(run, stale, count);
            if (code != TOOL_DONE) return code;
        }
        lane->has_stale = count == IMPORT_LOOKUP_MAX;
    }
    return TOOL_DONE;
}

static enum tool_exit lane_start(struct import_run *run, uint32_t index)
{
    struct import_lane *lane = &run->lanes[index];
    import_builder_start(&run->builder, ++run->serial);
    lane->serial = run->serial;
    while (lane->waiting.first != NULL && import_builder_has_room(&run->builder, lane->waiting.first)) {
        struct import_event *event = import_queue_pop(&lane->waiting);
        if (import_event_is_applied(event)) {
            import_count_known(run, event);
            run->pending--;
            free(event);
            continue;
        }
        import_builder_add(&run->builder, run->options->keys, event);
        lane->sent[lane->sent_count++] = event;
    }
    lane->again = false;
    if (lane->sent_count == 0) return TOOL_DONE;
    buffer_clear(&run->request);
    import_builder_finish(&run->builder, run->options->keys, clock_wall_ms(), &run->request);
    if (run->request.failed) return import_out_of_memory(run);
    int error = run->options->wire->start(run->options->wire->context, buffer_span(&run->request), index);
    if (error == TALLY_ENOMEM) return import_out_of_memory(run);
    if (error != TALLY_OK)
        return import_unreachable(run, "UNREACHABLE", "the connection to the node was lost");
    run->result->batches++;
    run->in_flight++;
    return TOOL_DONE;
}
