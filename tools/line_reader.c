#include "tools/line_reader.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "proto/base/check.h"

static int more_read(struct line_reader *reader);
static int line_skip(struct line_reader *reader);

int line_reader_open(struct line_reader *reader, int descriptor, size_t line_size_max)
{
    uint8_t *data = malloc(2 * line_size_max);
    if (data == NULL) return TALLY_ENOMEM;
    *reader = (struct line_reader){.descriptor = descriptor, .line_size_max = line_size_max, .data = data};
    return TALLY_OK;
}

void line_reader_close(struct line_reader *reader)
{
    free(reader->data);
    reader->data = NULL;
}

int line_reader_next(struct line_reader *reader, struct span *line)
{
    size_t searched = reader->start;
    for (;;) {
        CHECK(reader->start <= reader->end && reader->end <= 2 * reader->line_size_max);
        uint8_t *newline = memchr(reader->data + searched, '\n', reader->end - searched);
        size_t size = (newline == NULL ? reader->end : (size_t)(newline - reader->data)) - reader->start;
        if (size > reader->line_size_max) return line_skip(reader);
        if (newline != NULL || (reader->at_end && size > 0)) {
            uint8_t *start = reader->data + reader->start;
            reader->start += size + (newline != NULL);
            reader->number++;
            if (size > 0 && start[size - 1] == '\r') size--;
            *line = span_of(start, size);
            return TALLY_OK;
        }
        if (reader->at_end) return TALLY_ENOTFOUND;
        /* What is left of the buffer moves to its front, so that a whole line always fits. */
        memmove(reader->data, reader->data + reader->start, size);
        reader->start = 0;
        reader->end = size;
        searched = size;
        int error = more_read(reader);
        if (error != TALLY_OK) return error;
    }
}

static int more_read(struct line_reader *reader)
{
    size_t room = 2 * reader->line_size_max - reader->end;
    CHECK(room > 0);
    ssize_t got;
    do {
        got = read(reader->descriptor, reader->data + reader->end, room);
    } while (got < 0 && errno == EINTR);
    if (got < 0) return TALLY_EIO;
    reader->end += (size_t)got;
    if (got == 0) reader->at_end = true;
    return TALLY_OK;
}

/* Drops everything up to the end of the line that is too long. */
static int line_skip(struct line_reader *reader)
{
    for (;;) {
        uint8_t *newline = memchr(reader->data + reader->start, '\n', reader->end - reader->start);
        if (newline != NULL) {
            reader->start = (size_t)(newline - reader->data) + 1;
            break;
        }
        reader->start = reader->end = 0;
        if (reader->at_end) break;
        int error = more_read(reader);
        if (error != TALLY_OK) return error;
    }
    reader->number++;
    return TALLY_ELIMIT;
}

bool line_is_blank(struct span line)
{
    size_t size = 0;
    while (size < line.size && (line.data[size] == ' ' || line.data[size] == '\t'))
        size++;
    return size == line.size;
}
