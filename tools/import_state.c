#include "tools/import_state.h"

#include <time.h>

#define BACK_OFF_MS_MIN 50u
#define BACK_OFF_MS_MAX 5000u

void import_reject(struct import_run *run, const struct import_rejection *rejection)
{
    run->result->rejected++;
    run->result->types[rejection->type].rejected++;
    if (run->options->on_rejection != NULL) run->options->on_rejection(run->options->context, rejection);
}

void import_count_accepted(struct import_run *run, const struct import_event *event)
{
    run->result->accepted++;
    run->result->types[event->fields.type].accepted++;
}

void import_count_known(struct import_run *run, const struct import_event *event)
{
    if (event->sent) {
        import_count_accepted(run, event);
        return;
    }
    run->result->duplicate++;
    run->result->types[event->fields.type].duplicate++;
}

bool import_event_is_applied(const struct import_event *event)
{
    return event->account != NULL &&
           import_account_is_applied(event->account, &event->fields.body_commitment);
}

void import_event_doubt(struct import_lane *lane, struct import_event *event)
{
    if (event->account != NULL) event->account->stale = lane->has_stale = true;
}

enum tool_exit import_out_of_memory(struct import_run *run)
{
    return context_fail(run->context, TOOL_REFUSED, "MEMORY",
        "not enough memory after %llu lines; split the file by accounts, or give it more",
        (unsigned long long)run->result->read);
}

enum tool_exit import_unreachable(struct import_run *run, const char *reason, const char *why)
{
    return context_fail(run->context, TOOL_UNREACHABLE, reason,
        "%s; %llu events were accepted and %llu were there before: run the same import again, and it goes on "
        "from there",
        why, (unsigned long long)run->result->accepted, (unsigned long long)run->result->duplicate);
}

bool import_is_passing(int result, const struct client_error *error)
{
    if (result == TALLY_ETIMEOUT) return true;
    return result == TALLY_EDENIED &&
           (error->status == GRPC_RESOURCE_EXHAUSTED || error->status == GRPC_UNAVAILABLE ||
               error->status == GRPC_DEADLINE_EXCEEDED || error->status == GRPC_ABORTED);
}

uint64_t import_back_off_ms(uint32_t attempts, uint32_t asked_ms)
{
    uint64_t ms = attempts > 6 ? BACK_OFF_MS_MAX : (uint64_t)BACK_OFF_MS_MIN << attempts;
    if (ms < asked_ms) ms = asked_ms;
    return ms < BACK_OFF_MS_MAX ? ms : BACK_OFF_MS_MAX;
}

void import_pause_ms(uint64_t ms)
{
    struct timespec pause = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};
    nanosleep(&pause, NULL);
}
