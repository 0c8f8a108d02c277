/* Text from outside, such as a body's, made fit to be shown: nothing in it can move a terminal's cursor,
 * change the direction of what stands beside it, or end a line or a tag. */
#ifndef TALLY_TOOLS_SHOWN_TEXT_H
#define TALLY_TOOLS_SHOWN_TEXT_H

#include <stdio.h>

#include "proto/base/bytes.h"

/* Appends `text` with every byte of what does not print as \xNN: control characters, marks of direction, line
 * and paragraph separators, invalid UTF-8, and the backslash itself, so that nothing can feign such an
 * escape.
 */
void shown_append(struct buffer *out, const char *text);
/* The same to a stream, of which nothing is said where memory runs out. */
void shown_print(FILE *out, const char *text);
/* The same into `room`, of which at most `size` bytes are used, the NUL behind it included. */
void shown_copy(const char *text, char *room, size_t size);
/* The same for HTML, in an element or a quoted attribute: & < > " ' as entities too. */
void shown_append_html(struct buffer *out, const char *text);

/* How many columns a terminal gives to text that shown_append wrote: two to a wide character of East Asia. */
size_t shown_width(struct span text);
/* The size of the first character of valid UTF-8, which is not empty. */
size_t shown_character(struct span text);

#endif
