#include "tools/csv_reader.h"

#include <csv.h>
#include <stdio.h>
#include <stdlib.h>

#include "tools/line_reader.h"

struct csv_reader {
    struct line_reader lines;
    struct csv_parser parser;
    char delimiter;
    bool trim;
    /* Of one record: */
    struct buffer bytes; /* the cells, one after the other */
    uint32_t count;
    size_t ends[CSV_COLUMNS_MAX]; /* of the cells, in bytes */
    struct span cells[CSV_COLUMNS_MAX];
    bool whole, too_many;
};

/* ---- What the parser tells ---- */

static void on_cell(void *cell, size_t size, void *context)
{
    struct csv_reader *reader = context;
    if (reader->count == CSV_COLUMNS_MAX) {
        reader->too_many = true;
        return;
    }
    buffer_append(&reader->bytes, cell, size);
    reader->ends[reader->count++] = reader->bytes.size;
}

static void on_record(int terminator, void *context)
{
    struct csv_reader *reader = context;
    (void)terminator;
    reader->whole = true;
}

static int no_space(unsigned char c)
{
    (void)c;
    return 0;
}

/* ---- Life ---- */

/* Before a record that does not go on from the one before. */
static int parser_begin(struct csv_reader *reader)
{
    csv_free(&reader->parser);
    if (csv_init(&reader->parser, CSV_STRICT | CSV_STRICT_FINI) != 0) return TALLY_ENOMEM;
    csv_set_delim(&reader->parser, (unsigned char)reader->delimiter);
    if (!reader->trim) csv_set_space_func(&reader->parser, no_space);
    return TALLY_OK;
}

int csv_reader_open(int descriptor, char delimiter, bool trim, struct csv_reader **reader)
{
    struct csv_reader *opened = calloc(1, sizeof *opened);
    if (opened == NULL) return TALLY_ENOMEM;
    opened->delimiter = delimiter;
    opened->trim = trim;
    buffer_init(&opened->bytes, CSV_RECORD_SIZE_MAX);
    int error = csv_init(&opened->parser, 0) == 0 ? parser_begin(opened) : TALLY_ENOMEM;
    if (error == TALLY_OK) error = line_reader_open(&opened->lines, descriptor, CSV_LINE_SIZE_MAX);
    if (error != TALLY_OK) {
        csv_reader_close(opened);
        return error;
    }
    *reader = opened;
    return TALLY_OK;
}

void csv_reader_close(struct csv_reader *reader)
{
    if (reader == NULL) return;
    line_reader_close(&reader->lines);
    csv_free(&reader->parser);
    buffer_close(&reader->bytes);
    free(reader);
}

/* ---- Reading ---- */

static void record_clear(struct csv_reader *reader)
{
    buffer_clear(&reader->bytes);
    reader->count = 0;
    reader->whole = reader->too_many = false;
}

static void record_finish(struct csv_reader *reader, struct csv_record *record)
{
    size_t begin = 0;
    /* Cells that are all empty have a place too. */
    const uint8_t *bytes = reader->bytes.data != NULL ? reader->bytes.data : (const uint8_t *)"";
    for (uint32_t i = 0; i < reader->count; i++) {
        reader->cells[i] = span_of(bytes + begin, reader->ends[i] - begin);
        begin = reader->ends[i];
    }
    record->count = reader->count;
    record->cells = reader->cells;
}

/* A spreadsheet's mark that a file is UTF-8. */
static struct span mark_skip(struct span line)
{
    static const uint8_t mark[] = {0xEF, 0xBB, 0xBF};
    bool marked = line.size >= sizeof mark && memcmp(line.data, mark, sizeof mark) == 0;
    return marked ? span_of(line.data + sizeof mark, line.size - sizeof mark) : line;
}

/* Whatever is wrong, the parser begins anew with the next line. */
static int fault(struct csv_reader *reader, char *why, size_t why_size, const char *what)
{
    snprintf(why, why_size, "column %u: %s", reader->count + 1, what);
    return parser_begin(reader) == TALLY_OK ? TALLY_EFORM : TALLY_ENOMEM;
}

static int line_feed(struct csv_reader *reader, struct span line, char *why, size_t why_size)
{
    struct csv_parser *parser = &reader->parser;
    size_t taken = csv_parse(parser, line.data, line.size, on_cell, on_record, reader);
    if (taken == line.size) taken += csv_parse(parser, "\n", 1, on_cell, on_record, reader);
    if (reader->too_many) return fault(reader, why, why_size, "a record has more than 1024");
    if (taken == line.size + 1) return reader->bytes.failed ? TALLY_ENOMEM : TALLY_OK;
    if (csv_error(parser) == CSV_ENOMEM) return TALLY_ENOMEM;
    return fault(
        reader, why, why_size, "a quote stands within a cell, or text behind the quote that ends it");
}

int csv_reader_next(struct csv_reader *reader, struct csv_record *record, char *why, size_t why_size)
{
    struct span line;
    size_t size = 0; /* of its lines */
    bool begun = false;
    record_clear(reader);
    *record = (struct csv_record){.line = reader->lines.number + 1};
    while (!reader->whole) {
        int error = line_reader_next(&reader->lines, &line);
        if (error == TALLY_ENOTFOUND && begun)
            return fault(reader, why, why_size, "the file ends within a quoted cell");
        if (!begun) record->line = reader->lines.number;
        if (error == TALLY_ELIMIT) return fault(reader, why, why_size, "a line is longer than 65536 bytes");
        if (error != TALLY_OK) return error;
        if (reader->lines.number == 1) line = mark_skip(line);
        if (!begun && line.size == 0) continue;
        begun = true;
        size += line.size + 1;
        if (size > CSV_RECORD_SIZE_MAX)
            return fault(reader, why, why_size, "a quote is never closed, or the record is over 256 KiB");
        error = line_feed(reader, line, why, why_size);
        if (error != TALLY_OK) return error;
    }
    record_finish(reader, record);
    return TALLY_OK;
}
