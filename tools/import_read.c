#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tools/import_state.h"

static enum tool_exit line_take(struct import_run *run, struct span text);
static enum tool_exit event_take(struct import_run *run, const struct import_line *line);
static enum tool_exit chunk_distribute(struct import_run *run);

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

static void line_reject(struct import_run *run, enum event_type type, const char *reason, const char *why)
{
    struct import_rejection rejection = {run->line_number, type, reason, why};
    import_reject(run, &rejection);
}

enum tool_exit import_chunk_read(struct import_run *run)
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
            line_reject(run, 0, "BAD_LINE", why);
        } else if (!line_is_blank(text)) {
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
        const struct import_source *source = run->options->source;
        if (source != NULL && source->place != NULL) source->place(source->context, why);
        line_reject(run, line->fields.type, "BAD_LINE", why);
        return TOOL_DONE;
    }
    return event_take(run, line);
}

/* Which of several identical lines this one is. Those that give an item id of their own are one event. */
static int line_occurrence(struct import_run *run, const struct import_line *line, uint32_t *occurrence)
{
    uint64_t hash;
    struct salt_source source = {
        .fields = &line->fields,
        .body = buffer_span(&line->body),
        .ref = span_of(line->ref, line->ref_size),
    };
    *occurrence = 0;
    if (line->has_item) return TALLY_OK;
    int error = salt_source_hash(&source, &hash);
    return error == TALLY_OK ? occurrence_count(&run->occurrences, hash, occurrence) : error;
}

static enum tool_exit event_take(struct import_run *run, const struct import_line *line)
{
    uint32_t occurrence;
    struct import_account *account = NULL;
    if (line_occurrence(run, line, &occurrence) != TALLY_OK) return import_out_of_memory(run);
    if (line->fields.has_account) {
        account = import_account_get(&run->accounts, line->fields.account_ref);
        if (account == NULL) return import_out_of_memory(run);
    }
    struct import_event *event =
        import_event_make(run->options->keys, line, run->line_number, occurrence, account);
    if (event == NULL) return import_out_of_memory(run);
    import_queue_push(&run->chunk, event);
    if (line->label[0] != '\0' && import_label_put(&run->labels, line->label, &event->id) != TALLY_OK)
        return import_out_of_memory(run);
    if (account != NULL && !account->asked && !account->stale) {
        account->stale = true;
        run->unasked[run->unasked_count++] = account;
    }
    return TOOL_DONE;
}

/* What is of one subject stays in one lane; an account in that of its first line, whatever a wrong one says.
 */
static struct import_lane *lane_of(struct import_run *run, const struct import_event *event)
{
    const uint8_t *half = event->fields.subject_id.bytes + DIGEST_SIZE - ACCOUNT_REF_SIZE;
    uint32_t lane = (uint32_t)(import_account_hash(half) >> 32) % IMPORT_LANES;
    struct import_account *account = event->account;
    if (account == NULL) return &run->lanes[lane];
    if (!account->has_lane) {
        account->has_lane = true;
        account->lane = lane;
    }
    return &run->lanes[account->lane];
}
static enum tool_exit chunk_distribute(struct import_run *run)
{
    if (run->unasked_count > 0) {
        enum tool_exit code = import_accounts_ask(run, run->unasked, run->unasked_count);
        if (code != TOOL_DONE) return code;
        run->unasked_count = 0;
    }
    for (struct import_event *event = import_queue_pop(&run->chunk); event != NULL;
         event = import_queue_pop(&run->chunk)) {
        if (import_event_is_applied(event)) {
            import_count_known(run, event);
            free(event);
            continue;
        }
        struct import_lane *lane = lane_of(run, event);
        import_queue_push(&lane->waiting, event);
        if (event->account != NULL && event->account->stale) lane->has_stale = true;
        run->pending++;
    }
    return TOOL_DONE;
}
