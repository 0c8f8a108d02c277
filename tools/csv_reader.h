/* Records of a CSV file or pipe (RFC 4180), within bounds: quoted cells may hold delimiters, doubled quotes
 * and line ends. A record that is wrong is skipped to the end of its line, and the next one is read. */
#ifndef TALLY_TOOLS_CSV_READER_H
#define TALLY_TOOLS_CSV_READER_H

#include "proto/base/bytes.h"

#define CSV_LINE_SIZE_MAX (64u * 1024u)
#define CSV_RECORD_SIZE_MAX (256u * 1024u) /* of the lines of one record */
#define CSV_COLUMNS_MAX 1024u

/* Cells are borrowed until the next record is read. */
struct csv_record {
    uint64_t line; /* where it begins, from 1 */
    uint32_t count;
    const struct span *cells;
};

struct csv_reader;

/* `trim` leaves out spaces and tabs around cells that are not quoted. The descriptor is borrowed. Errors:
 * TALLY_ENOMEM. */
int csv_reader_open(int descriptor, char delimiter, bool trim, struct csv_reader **reader) TALLY_MUST_CHECK;
void csv_reader_close(struct csv_reader *reader);

/* The next record that is not an empty line. Errors: TALLY_ENOTFOUND (there is none), TALLY_EFORM (it is no
 * CSV, or over a bound: record->line is its line, `why` one sentence with the column, and the next call goes
 * on behind it), TALLY_EIO (errno says why), TALLY_ENOMEM. */
int csv_reader_next(
    struct csv_reader *reader, struct csv_record *record, char *why, size_t why_size) TALLY_MUST_CHECK;

#endif
