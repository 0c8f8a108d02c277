#include "node/pressure.h"

#include "proto/base/check.h"

_Static_assert(
    PRESSURE_UNCERTIFIED_MAX < CERTIFICATION_LAG_MAX, "clients hear of it before blocks are empty");

/* Half of what it was, and half of what it is now: of the last few looks. */
static uint64_t pace(uint64_t before, uint64_t grown, uint64_t took_ms)
{
    return (before + grown * 1000000u / took_ms) / 2;
}

void pressure_look(struct pressure *pressure, uint64_t now_ms, const struct pressure_counts *counts)
{
    const struct pressure_counts *seen = &pressure->seen;
    CHECK(now_ms > 0 && now_ms >= pressure->looked_ms);
    if (now_ms == pressure->looked_ms) return;
    /* A state that is rebuilt begins again below. */
    bool whole = pressure->looked_ms != 0 && counts->batches >= seen->batches &&
                 counts->applied_height >= seen->applied_height &&
                 counts->certified_height >= seen->certified_height;
    if (whole) {
        uint64_t took_ms = now_ms - pressure->looked_ms;
        struct pressure_counts *paces = &pressure->paces;
        paces->batches = pace(paces->batches, counts->batches - seen->batches, took_ms);
        paces->applied_height =
            pace(paces->applied_height, counts->applied_height - seen->applied_height, took_ms);
        paces->certified_height =
            pace(paces->certified_height, counts->certified_height - seen->certified_height, took_ms);
    }
    pressure->looked_ms = now_ms;
    pressure->seen = *counts;
}

static uint32_t retry_ms_for(uint64_t amount, uint64_t milli_pace)
{
    if (amount > UINT32_MAX || milli_pace == 0) return PRESSURE_RETRY_MS_MAX;
    uint64_t ms = amount * 1000000u / milli_pace;
    if (ms < PRESSURE_RETRY_MS_MIN) return PRESSURE_RETRY_MS_MIN;
    return ms < PRESSURE_RETRY_MS_MAX ? (uint32_t)ms : PRESSURE_RETRY_MS_MAX;
}

static uint64_t above(uint64_t height, uint64_t other)
{
    return height > other ? height - other : 0;
}

enum pressure_cause pressure_judge(const struct pressure *pressure, uint64_t finalized_height,
    const struct pressure_counts *counts, uint32_t *retry_ms)
{
    uint64_t unapplied = above(finalized_height, counts->applied_height);
    uint64_t uncertified = above(counts->applied_height, counts->certified_height);
    if (unapplied > PRESSURE_UNAPPLIED_MAX) {
        *retry_ms = retry_ms_for(unapplied - PRESSURE_UNAPPLIED_MAX / 2, pressure->paces.applied_height);
        return PRESSURE_STATE;
    }
    if (uncertified > PRESSURE_UNCERTIFIED_MAX) {
        *retry_ms =
            retry_ms_for(uncertified - PRESSURE_UNCERTIFIED_MAX / 2, pressure->paces.certified_height);
        return PRESSURE_CERTIFICATION;
    }
    return PRESSURE_NONE;
}

uint32_t pressure_full_retry_ms(const struct pressure *pressure, uint64_t waiting)
{
    return retry_ms_for(waiting / 8 + 1, pressure->paces.batches);
}
