#include "tools/audit_report.h"

#include <stdarg.h>
#include <stdio.h>

#define WHAT_SIZE_MAX 512

void audit_tell(struct audit_report *report, const struct audit_difference *at, const char *format, ...)
{
    char what[WHAT_SIZE_MAX];
    struct audit_difference difference = *at;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    difference.what = what;
    report->counts.differences++;
    report->found(report->context, &difference);
}

struct audit_difference audit_at_height(uint64_t height)
{
    return (struct audit_difference){.height = height, .batch = AUDIT_NONE, .index = AUDIT_NONE};
}

struct audit_difference audit_at_batch(const struct block *block, uint32_t batch)
{
    struct audit_difference at = audit_at_height(block->header.height);
    at.batch = batch;
    at.member_id = block->batches[batch].member_id;
    return at;
}

struct audit_difference audit_at_event(const struct block *block, uint32_t batch, uint32_t index)
{
    struct audit_difference at = audit_at_batch(block, batch);
    uint32_t first = 0;
    for (uint32_t b = 0; b < batch; b++)
        first += block->batches[b].event_count;
    at.index = index;
    at.event_id = &block->batches[batch].events[index - first].id;
    return at;
}
