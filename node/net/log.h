/* The node's log: one line an entry on stderr, in UTC with milliseconds, a level, a constant text, and
 * key=value pairs.
 *
 *     LOG_UNUSUAL("peer refused", LOG_S("peer", name), LOG_U("attempts", 3));
 *     2026-03-04T05:06:07.089Z unusual "peer refused" peer=validator-2 attempts=3
 *
 * The text and the keys are constants of the program; what varies goes into values. Values never hold secrets
 * or personal data, a subject's pseudonym included. May be called from any thread; a line is written whole
 * or, where stderr is gone, not at all. */
#ifndef TALLY_NET_LOG_H
#define TALLY_NET_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "proto/base/agreement.h"

#define LOG_LINE_SIZE_MAX 1024u

enum log_level {
    LOG_LEVEL_DEBUG = 0,   /* for developers */
    LOG_LEVEL_INFO = 1,    /* the operator's timeline */
    LOG_LEVEL_UNUSUAL = 2, /* look at it tomorrow */
    LOG_LEVEL_BROKEN = 3,  /* look at it now; tests fail on it */
};

enum log_field_kind {
    LOG_FIELD_END = 0,
    LOG_FIELD_TEXT,
    LOG_FIELD_UNSIGNED,
    LOG_FIELD_SIGNED,
    LOG_FIELD_BYTES,
};

/* One key=value pair; made by the macros below. */
struct log_field {
    enum log_field_kind kind;
    const char *key;
    union {
        const char *text;
        uint64_t unsigned_value;
        int64_t signed_value;
        struct span bytes;
    } value;
};

/* How many bytes of a digest or a key are shown: enough to tell them apart. */
#define LOG_BYTES_SHOWN 8u

/* A string (NULL shows as "-"), quoted and escaped where it holds spaces, quotes or control characters. */
#define LOG_S(name, string)                                                                                  \
    ((struct log_field){.kind = LOG_FIELD_TEXT, .key = (name), .value.text = (string)})
#define LOG_U(name, number)                                                                                  \
    ((struct log_field){.kind = LOG_FIELD_UNSIGNED, .key = (name), .value.unsigned_value = (number)})
#define LOG_I(name, number)                                                                                  \
    ((struct log_field){.kind = LOG_FIELD_SIGNED, .key = (name), .value.signed_value = (number)})
/* A pointer to a struct digest, and to a struct public_key: the first bytes, in hexadecimal. */
#define LOG_H(name, digest_pointer)                                                                          \
    ((struct log_field){                                                                                     \
        .kind = LOG_FIELD_BYTES, .key = (name), .value.bytes = {(digest_pointer)->bytes, DIGEST_SIZE}})
#define LOG_K(name, key_pointer)                                                                             \
    ((struct log_field){                                                                                     \
        .kind = LOG_FIELD_BYTES, .key = (name), .value.bytes = {(key_pointer)->bytes, PUBLIC_KEY_SIZE}})
/* The plain words of an error code. */
#define LOG_E(name, error) LOG_S(name, tally_error_text(error))

#define LOG_AT(level, text, ...)                                                                             \
    log_write(level, text, (const struct log_field[]){__VA_ARGS__ __VA_OPT__(, ){.kind = LOG_FIELD_END}})
#define LOG_DEBUG(...) LOG_AT(LOG_LEVEL_DEBUG, __VA_ARGS__)
#define LOG_INFO(...) LOG_AT(LOG_LEVEL_INFO, __VA_ARGS__)
#define LOG_UNUSUAL(...) LOG_AT(LOG_LEVEL_UNUSUAL, __VA_ARGS__)
#define LOG_BROKEN(...) LOG_AT(LOG_LEVEL_BROKEN, __VA_ARGS__)

/* Entries below this level are not written. At the start: LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);

/* Where whole lines go instead of stderr, newline included; NULL = stderr again. For tests. Not while other
 * threads log. */
typedef void (*log_sink)(void *context, enum log_level level, const char *line, size_t size);
void log_set_sink(log_sink sink, void *context);

/* Writes one line. `fields` ends with a field of kind LOG_FIELD_END. A line over LOG_LINE_SIZE_MAX is cut,
 * and ends with
 * "..." then. */
void log_write(enum log_level level, const char *text, const struct log_field *fields);

/* A bound on how often strangers can make us write: a burst, then one line each interval. Zeros are a fresh
 * one. */
struct log_limit {
    uint64_t window_start_ms;
    uint32_t written;
    uint64_t suppressed; /* since the last line that was allowed */
};
#define LOG_LIMIT_LINES 20u
#define LOG_LIMIT_WINDOW_MS 60000u

/* True when a line may be written now; *suppressed is then how many were not since the last one that was. */
bool log_limit_allows(struct log_limit *limit, uint64_t now_ms, uint64_t *suppressed);

#endif
