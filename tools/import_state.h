/* What the parts of an import share: reading in import_read.c, sending in import_run.c, answers in
 * import_answer.c. */
#ifndef TALLY_TOOLS_IMPORT_STATE_H
#define TALLY_TOOLS_IMPORT_STATE_H

#include "tools/import_lane.h"
#include "tools/import_run.h"
#include "tools/line_reader.h"
#include "tools/occurrence.h"

struct import_run {
    struct context *context;
    const struct import_options *options;
    struct import_result *result;
    struct import_accounts accounts;
    struct occurrences occurrences;
    struct line_reader reader;
    uint64_t line_number; /* of the event read last */
    struct import_labels labels;
    struct import_line line;
    struct import_builder builder;
    struct buffer request;
    struct arena reply_arena;
    struct import_lane lanes[IMPORT_LANES];
    struct import_queue chunk; /* read, their accounts not yet asked about */
    const struct import_account *unasked[IMPORT_LOOKUP_MAX];
    size_t unasked_count;
    size_t pending;   /* events in lanes, in flight or not */
    size_t in_flight; /* batches */
    uint64_t serial;
    bool at_end;
};

/* Reads some lines, asks about the accounts that are new, and hands the events to their lanes. */
enum tool_exit import_chunk_read(struct import_run *run) TALLY_MUST_CHECK;
/* Asks the node about accounts of run->accounts, as often as that may help. They are stale no more. */
enum tool_exit import_accounts_ask(
    struct import_run *run, const struct import_account *const *accounts, size_t count) TALLY_MUST_CHECK;
/* Takes every answer there is. Waits for one, or for the time to try again, only where nothing else is left
 * to do. */
enum tool_exit import_answers_take(struct import_run *run) TALLY_MUST_CHECK;

/* Counts and tells a line that will never be on the ledger. */
void import_reject(struct import_run *run, const struct import_rejection *rejection);
/* This import brought the event to the ledger. */
void import_count_accepted(struct import_run *run, const struct import_event *event);
/* The ledger holds the event. Where this import sent it, and an answer was lost, that is this import's doing.
 */
void import_count_known(struct import_run *run, const struct import_event *event);

/* Whether the ledger was heard to hold the event. One without an account is never asked about: sent again, it
 * is known there. */
bool import_event_is_applied(const struct import_event *event);
/* What the ledger holds of the event's account, if it has one, is in doubt: it is asked before the event is
 * sent from this lane. */
void import_event_doubt(struct import_lane *lane, struct import_event *event);

/* Notes in the context that the import ends here. */
enum tool_exit import_out_of_memory(struct import_run *run) TALLY_MUST_CHECK;
enum tool_exit import_unreachable(
    struct import_run *run, const char *reason, const char *why) TALLY_MUST_CHECK;

/* Whether trying again may help: the node is busy, or cannot serve for the moment. */
bool import_is_passing(int result, const struct client_error *error);
/* How long to wait before the next attempt: longer each time, and no less than the node asked for. */
uint64_t import_back_off_ms(uint32_t attempts, uint32_t asked_ms);
void import_pause_ms(uint64_t ms);

#endif
