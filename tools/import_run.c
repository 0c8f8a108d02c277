#include "tools/import_run.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/base/check.h"
#include "tools/import_state.h"
#include "tools/output.h"

#define REQUEST_SIZE_MAX (BATCH_SIZE_MAX + 64u)
#define REPLY_ARENA_BUDGET (4u * MIB)

static enum tool_exit run_loop(struct import_run *run);
static enum tool_exit chunk_read(struct import_run *run);
static enum tool_exit line_take(struct import_run *run, struct span text);
static enum tool_exit chunk_distribute(struct import_run *run);
static enum tool_exit accounts_ask(
    struct import_run *run, const struct import_account *const *accounts, size_t count);
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
    import_line_init(&run->line);
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
    occurrences_close(&run->occurrences);
    import_accounts_close(&run->accounts);
    free(run);
    return code;
}

static enum tool_exit run_loop(struct import_run *run)
{
    while (!run->at_end || run->pending > 0) {
        enum tool_exit code = TOOL_DONE;
        if (!run->at_end && run->pending < IMPORT_PENDING_LOW) code = chunk_read(run);
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

/* ---- Reading ---- */

static bool is_blank(struct span text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] != ' ' && text.data[i] != '\t') return false;
    }
    return true;
}

/* The next line of the file, as a source tells it. */
static int file_next(void *context, struct span *text, uint64_t *number, char why[IMPORT_WHY_SIZE])
{
    struct import_run *run = context;
    int error = line_reader_next(&run->reader, text);
    *number = run->reader.number;
    if (error != TALLY_ELIMIT) return error;
    snprintf(why, IMPORT_WHY_SIZE, "the line is longer than %u bytes", IMPORT_LINE_SIZE_MAX);
    return TALLY_EFORM;
}

static int source_next(struct import_run *run, struct span *text, char why[IMPORT_WHY_SIZE])
{
    const struct import_source *source = run->options->source;
    if (source == NULL) return file_next(run, text, &run->line_number, why);
    return source->next(source->context, text, &run->line_number, why);
}

/* Reads some lines, asks about the accounts that are new, and hands the events to their lanes. */
static enum tool_exit chunk_read(struct import_run *run)
{
    enum tool_exit code = TOOL_DONE;
    for (uint32_t i = 0; code == TOOL_DONE && i < IMPORT_CHUNK_LINES; i++) {
        struct span text;
        char why[IMPORT_WHY_SIZE];
        if (run->unasked_count == IMPORT_LOOKUP_MAX) break;
        int error = source_next(run, &text, why);
        if (error == TALLY_ENOTFOUND) {
            run->at_end = true;
            break;
        }
        if (error == TALLY_ENOMEM) return import_out_of_memory(run);
        if (error == TALLY_EIO) {
            return context_fail(run->context, TOOL_REFUSED, "FILE", "cannot read %s: %s",
                run->options->file_name, strerror(errno));
        }
        if (error == TALLY_EFORM) {
            run->result->read++;
            import_reject(run, run->line_number, "BAD_LINE", why);
        } else if (!is_blank(text)) {
            run->result->read++;
            code = line_take(run, text);
        }
    }
    return code == TOOL_DONE ? chunk_distribute(run) : code;
}

static enum tool_exit line_take(struct import_run *run, struct span text)
{
    char why[IMPORT_WHY_SIZE];
    struct import_line *line = &run->line;
    int error = import_line_parse(text, line, why, sizeof why);
    if (error == TALLY_ENOMEM) return import_out_of_memory(run);
    if (error != TALLY_OK) {
        if (run->options->source != NULL) run->options->source->place(run->options->source->context, why);
        import_reject(run, run->line_number, "BAD_LINE", why);
        return TOOL_DONE;
    }
    if (!event_type_is_supported((uint32_t)line->fields.type) || !line->fields.has_account) {
        snprintf(why, sizeof why, "type: this release does not import %s",
            event_type_name((uint32_t)line->fields.type));
        import_reject(run, run->line_number, "UNSUPPORTED_TYPE", why);
        return TOOL_DONE;
    }
    uint64_t hash;
    uint32_t occurrence;
    struct salt_source source = {
        .fields = &line->fields,
        .body = buffer_span(&line->body),
        .ref = span_of(line->ref, line->ref_size),
    };
    if (salt_source_hash(&source, &hash) != TALLY_OK ||
        occurrence_count(&run->occurrences, hash, &occurrence) != TALLY_OK) {
        return import_out_of_memory(run);
    }
    struct import_account *account = import_account_get(&run->accounts, line->fields.account_ref);
    struct import_event *event =
        account == NULL ? NULL
                        : import_event_make(run->options->keys, line, run->line_number, occurrence, account);
    if (event == NULL) return import_out_of_memory(run);
    import_queue_push(&run->chunk, event);
    if (!account->asked && !account->stale) {
        account->stale = true;
        run->unasked[run->unasked_count++] = account;
    }
    return TOOL_DONE;
}

static enum tool_exit chunk_distribute(struct import_run *run)
{
    if (run->unasked_count > 0) {
        enum tool_exit code = accounts_ask(run, run->unasked, run->unasked_count);
        if (code != TOOL_DONE) return code;
        run->unasked_count = 0;
    }
    for (struct import_event *event = import_queue_pop(&run->chunk); event != NULL;
         event = import_queue_pop(&run->chunk)) {
        if (import_account_is_applied(event->account, &event->fields.body_commitment)) {
            import_count_known(run, event);
            free(event);
            continue;
        }
        uint64_t lane = import_account_hash(event->account->ref) >> 32;
        import_queue_push(&run->lanes[lane % IMPORT_LANES].waiting, event);
        if (event->account->stale) run->lanes[lane % IMPORT_LANES].has_stale = true;
        run->pending++;
    }
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

static enum tool_exit accounts_ask(
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
            bool told = !event->account->stale;
            for (size_t i = 0; !told && i < count; i++)
                told = stale[i] == event->account;
            if (!told) stale[count++] = event->account;
        }
        if (count > 0) {
            enum tool_exit code = accounts_ask(run, stale, count);
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
        if (import_account_is_applied(event->account, &event->fields.body_commitment)) {
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
