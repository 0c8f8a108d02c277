/* JSON that people write and nodes must agree on, read strictly: an unknown or missing key, a number out of
 * its range or a word that is none is an error, and never a default. For proto/codec alone. */
#ifndef TALLY_CODEC_STRICT_JSON_H
#define TALLY_CODEC_STRICT_JSON_H

#include <jansson.h>

#include "proto/base/bytes.h"
#include "proto/base/limits.h"

#define STRICT_TEXT_SIZE_MAX (1u * MIB)
#define STRICT_WHERE_SIZE 96
#define TIME_MS_MAX 253402300799999 /* the end of the year 9999 */

/* The one sentence of complaint, and where in the text its reader is: "members[3]", or "". */
struct strict_json {
    char *why;
    size_t why_size;
    char where[STRICT_WHERE_SIZE];
};

/* Says why, and returns `error`. */
__attribute__((format(printf, 3, 4))) int strict_refuse(
    struct strict_json *json, int error, const char *format, ...);

/* Errors of all that follows: TALLY_EFORM, TALLY_ELIMIT (too large, too many), TALLY_ENOMEM; the sentence is
 * then written. Values are unspecified on error. */

/* The caller decrefs *root. */
int strict_load(struct strict_json *json, struct span text, json_t **root) TALLY_MUST_CHECK;
/* Every key of `object` must be one of `keys` (ended by NULL), and every one of those must be there. */
int strict_keys(struct strict_json *json, const json_t *object, const char *const keys[]) TALLY_MUST_CHECK;
int strict_integer(struct strict_json *json, const json_t *object, const char *key, int64_t min, int64_t max,
    int64_t *value) TALLY_MUST_CHECK;
int strict_u32(struct strict_json *json, const json_t *object, const char *key, uint32_t min, uint32_t max,
    uint32_t *value) TALLY_MUST_CHECK;
int strict_flag(
    struct strict_json *json, const json_t *object, const char *key, bool *value) TALLY_MUST_CHECK;
/* A word names files and logs: letters, digits, and behind the first - _ and . as well. A title is for people
 * and has any letters, but no control characters. At most `size` bytes; `to` has one more. */
int strict_word(
    struct strict_json *json, const json_t *object, const char *key, size_t size, char *to) TALLY_MUST_CHECK;
int strict_title(
    struct strict_json *json, const json_t *object, const char *key, size_t size, char *to) TALLY_MUST_CHECK;
/* A title that may be empty. */
int strict_title_or_none(
    struct strict_json *json, const json_t *object, const char *key, size_t size, char *to) TALLY_MUST_CHECK;
/* One of `names`, ended by NULL: *value is its place, from 1. */
int strict_choice(struct strict_json *json, const json_t *value, const char *key, const char *const names[],
    uint32_t *place) TALLY_MUST_CHECK;
/* A list with so many entries. */
int strict_list(
    struct strict_json *json, const json_t *list, const char *key, size_t min, size_t max) TALLY_MUST_CHECK;

/* Appends `value`, which is taken, to a list: what is short for want of memory must not pass for the whole.
 */
void strict_append(struct buffer *out, json_t *list, json_t *value);
/* Appends the text of `root`, which is taken, indented and ended by a newline. NULL fails the buffer. */
void strict_print(struct buffer *out, json_t *root);

#endif
