/* What commands print: JSON objects, hexadecimal, times, progress. */
#ifndef TALLY_TOOLS_OUTPUT_H
#define TALLY_TOOLS_OUTPUT_H

#include <jansson.h>

#include "proto/base/bytes.h"
#include "tools/command.h"

#define TIME_TEXT_SIZE 25

/* Prints one object on one line of stdout, and takes the reference. Returns TOOL_DONE, or TOOL_REFUSED where
 * memory or stdout failed (noted in the context). */
enum tool_exit output_json_take(struct context *context, json_t *object) TALLY_MUST_CHECK;

/* A JSON string of lower-case hexadecimal digits; NULL when memory runs out, which json_*_new functions pass
 * on. */
json_t *json_hex(struct span bytes);
json_t *json_digest(const struct digest *digest);

/* "2026-01-31T23:59:59.123Z" from milliseconds since 1970; a time past the year 9999 prints as that year's
 * end. */
void time_to_text(uint64_t time_ms, char text[TIME_TEXT_SIZE]);

/* Milliseconds since 1970, and of a clock that never steps back. */
uint64_t clock_wall_ms(void);
uint64_t clock_steady_ms(void);

/* Whether stderr is a terminal, where long work shows its progress. */
bool progress_is_shown(void);
/* Replaces the progress line; `progress_end` clears it. Neither does anything off a terminal. */
void progress_show(const char *format, ...) __attribute__((format(printf, 1, 2)));
void progress_end(void);

#endif
