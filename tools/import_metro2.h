/* A Metro 2 file as an import's source: each record becomes the events of one account. One record is in
 * memory at a time. */
#ifndef TALLY_TOOLS_IMPORT_METRO2_H
#define TALLY_TOOLS_IMPORT_METRO2_H

#include "tools/import_source.h"
#include "tools/metro2_totals.h"

/* Whose file a record's events go to. */
enum metro2_subject {
    METRO2_SUBJECT_SSN,     /* the holder of its social security number, as of the document US_SSN:NUMBER */
    METRO2_SUBJECT_ACCOUNT, /* nobody but this account's: of a file whose persons were taken out */
};

struct metro2_options {
    enum metro2_subject subject;
    uint32_t months; /* of each profile, the newest; up to METRO2_MONTHS */
};

struct import_metro2;

/* Reads the header. `keys` are borrowed. On failure `why` is one sentence. Errors: TALLY_EFORM (no Metro 2
 * file), TALLY_EIO, TALLY_ENOMEM. */
int import_metro2_open(int descriptor, const struct metro2_options *options, const struct source_keys *keys,
    struct import_metro2 **metro2, char why[IMPORT_WHY_SIZE]) TALLY_MUST_CHECK;
void import_metro2_close(struct import_metro2 *metro2);
struct import_source import_metro2_source(struct import_metro2 *metro2);
/* What was read so far. */
const struct metro2_totals *import_metro2_totals(const struct import_metro2 *metro2);

/* `tally help import-metro2`. */
extern const char import_metro2_help[];

#endif
