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

int replay_window_add(
    struct replay_window *window, uint64_t time_ms, const struct digest *batch, uint64_t expires_at_ms)
{
    if (expires_at_ms <= time_ms || expires_at_ms - time_ms > BATCH_LIFETIME_MS_MAX) return TALLY_EINVALID;
    replay_window_advance(window, time_ms);
    struct replay_minute *bucket = bucket_of(window, expires_at_ms / REPLAY_MINUTE_MS);
    struct hasher hasher;
    hasher_init(&hasher, TAG_REPLAY_STEP);
    hasher_digest(&hasher, &bucket->acc);
    hasher_digest(&hasher, batch);
    hasher_u64(&hasher, expires_at_ms);
    bucket->acc = hasher_final(&hasher);
    bucket->count++;
    return TALLY_OK;
}

struct digest replay_window_root(const struct replay_window *window)
{
    struct hasher hasher;
    hasher_init(&hasher, TAG_REPLAY_WINDOW);
    for (uint32_t i = 0; i < window->minute_count; i++) {
        hasher_u64(&hasher, window->minutes[i].minute);
        hasher_u64(&hasher, window->minutes[i].count);
        hasher_digest(&hasher, &window->minutes[i].acc);
    }
    return hasher_final(&hasher);
}

void replay_window_encode(const struct replay_window *window, struct buffer *out)
{
    buffer_u32(out, window->minute_count);
    for (uint32_t i = 0; i < window->minute_count; i++) {
        buffer_u64(out, window->minutes[i].minute);
        buffer_u64(out, window->minutes[i].count);
        buffer_append(out, window->minutes[i].acc.bytes, DIGEST_SIZE);
    }
}

int replay_window_decode(struct reader *reader, struct replay_window *window)
{
    struct replay_window read = {.minute_count = reader_u32(reader)};
    if (reader->failed || read.minute_count > REPLAY_MINUTES_MAX) return TALLY_EFORM;
    for (uint32_t i = 0; i < read.minute_count; i++) {
        read.minutes[i].minute = reader_u64(reader);
        read.minutes[i].count = reader_u64(reader);
        reader_copy(reader, read.minutes[i].acc.bytes, DIGEST_SIZE);
        if (i > 0 && read.minutes[i].minute <= read.minutes[i - 1].minute) return TALLY_EFORM;
    }
    if (reader->failed) return TALLY_EFORM;
    *window = read;
    return TALLY_OK;
}
