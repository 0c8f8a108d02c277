/* Text into a buffer, piece by piece. */
#ifndef TALLY_TOOLS_BUFFER_TEXT_H
#define TALLY_TOOLS_BUFFER_TEXT_H

#include "proto/base/bytes.h"

/* The longest that is formatted at once (CHECKed). */
#define BUFFER_TEXT_SIZE_MAX 1024u

/* Appends as printf prints. */
void buffer_text(struct buffer *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
