#include "tools/buffer_text.h"

#include <stdarg.h>
#include <stdio.h>

#include "proto/base/check.h"

void buffer_text(struct buffer *out, const char *format, ...)
{
    char text[BUFFER_TEXT_SIZE_MAX];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    CHECK(size >= 0 && (size_t)size < sizeof text);
    buffer_append(out, text, (size_t)size);
}
