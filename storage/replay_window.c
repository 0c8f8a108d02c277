#include "storage/replay_window.h"

#include "proto/base/check.h"
#include "proto/crypto/digest.h"

_Static_assert(BATCH_LIFETIME_MS_MAX % REPLAY_MINUTE_MS == 0, "the window is whole minutes");

void replay_window_advance(struct replay_window *window, uint64_t time_ms)
{
    uint32_t gone = 0;
    while (gone < window->minute_count && window->minutes[gone].minute < replay_minute_live(time_ms))
        gone++;
    memmove(window->minutes, window->minutes + gone, (window->minute_count - gone) * sizeof *window->minutes);
    window->minute_count -= gone;
}

/* The bucket of `minute`, made in its place if there is none. */
static struct replay_minute *bucket_of(struct replay_window *window, uint64_t minute)
{
    uint32_t at = 0;
    while (at < window->minute_count && window->minutes[at].minute < minute)
        at++;
    if (at < window->minute_count && window->minutes[at].minute == minute) return &window->minutes[at];
    CHECK(window->minute_count < REPLAY_MINUTES_MAX);
    memmove(window->minutes + at + 1, window->minutes + at,
        (window->minute_count - at) * sizeof *window->minutes);
    window->minutes[at] = (struct replay_minute){.minute = minute};
    window->minute_count++;
    return &window->minutes[at];
}

struct digest replay_leaf(const struct digest *batch, uint64_t expires_at_ms)
{
    struct hasher hasher;
    hasher_init(&hasher, TAG_REPLAY_BATCH);
    hasher_digest(&hasher, batch);
    hasher_u64(&hasher, expires_at_ms);
    return hasher_final(&hasher);
}

int replay_window_add(struct replay_window *window, uint64_t time_ms, const struct digest *batch,
    uint64_t expires_at_ms, uint32_t *order)
{
    if (expires_at_ms <= time_ms || expires_at_ms - time_ms > BATCH_LIFETIME_MS_MAX) return TALLY_EINVALID;
    replay_window_advance(window, time_ms);
    struct replay_minute *bucket = bucket_of(window, expires_at_ms / REPLAY_MINUTE_MS);
    CHECK(bucket->batches.count < UINT32_MAX);
    *order = (uint32_t)bucket->batches.count;
    struct digest leaf = replay_leaf(batch, expires_at_ms);
    merkle_frontier_append(&bucket->batches, &leaf, NULL, NULL);
    return TALLY_OK;
}

struct digest replay_window_root(const struct replay_window *window)
{
    struct hasher hasher;
    hasher_init(&hasher, TAG_REPLAY_WINDOW);
    for (uint32_t i = 0; i < window->minute_count; i++) {
        hasher_u64(&hasher, window->minutes[i].minute);
        struct digest root = merkle_frontier_root(&window->minutes[i].batches);
        hasher_u64(&hasher, window->minutes[i].batches.count);
        hasher_digest(&hasher, &root);
    }
    return hasher_final(&hasher);
}

static size_t peaks_of(uint64_t count)
{
    return (size_t)__builtin_popcountll(count);
}

void replay_window_encode(const struct replay_window *window, struct buffer *out)
{
    buffer_u32(out, window->minute_count);
    for (uint32_t i = 0; i < window->minute_count; i++) {
        buffer_u64(out, window->minutes[i].minute);
        const struct merkle_frontier *batches = &window->minutes[i].batches;
        buffer_u64(out, batches->count);
        buffer_append(out, batches->peaks, peaks_of(batches->count) * DIGEST_SIZE);
    }
}

int replay_window_decode(struct reader *reader, struct replay_window *window)
{
    struct replay_window read = {.minute_count = reader_u32(reader)};
    if (reader->failed || read.minute_count > REPLAY_MINUTES_MAX) return TALLY_EFORM;
    for (uint32_t i = 0; i < read.minute_count; i++) {
        read.minutes[i].minute = reader_u64(reader);
        uint64_t count = reader_u64(reader);
        if (count == 0 || count > UINT32_MAX) return TALLY_EFORM;
        read.minutes[i].batches.count = count;
        reader_copy(reader, read.minutes[i].batches.peaks, peaks_of(count) * DIGEST_SIZE);
        if (i > 0 && read.minutes[i].minute <= read.minutes[i - 1].minute) return TALLY_EFORM;
    }
    if (reader->failed) return TALLY_EFORM;
    *window = read;
    return TALLY_OK;
}
