#include "tools/import_metro2.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tools/line_reader.h"
#include "tools/metro2_event.h"

struct import_metro2 {
    struct line_reader reader;
    struct metro2_options options;
    const struct source_keys *keys;
    struct metro2_totals totals;
    struct metro2_record record;
    struct metro2_step steps[METRO2_EVENTS_MAX];
    uint32_t step_count, next_step; /* of the record */
    char subject[2 * DIGEST_SIZE + 1], account[2 * ACCOUNT_REF_SIZE + 1];
    char *text; /* of the event told last */
};

/* ---- Life ---- */

static int header_take(struct import_metro2 *metro2, char why[IMPORT_WHY_SIZE])
{
    struct span line;
    char fault[IMPORT_WHY_SIZE / 2];
    int error = line_reader_next(&metro2->reader, &line);
    if (error == TALLY_ENOTFOUND || error == TALLY_ELIMIT) line = span_of("", 0);
    if (error == TALLY_EIO) {
        snprintf(why, IMPORT_WHY_SIZE, "%s", strerror(errno));
        return error;
    }
    error = metro2_header_take(&metro2->totals, line, fault, sizeof fault);
    if (error != TALLY_OK) snprintf(why, IMPORT_WHY_SIZE, "line 1 is no header: %s", fault);
    return error;
}

int import_metro2_open(int descriptor, const struct metro2_options *options, const struct source_keys *keys,
    struct import_metro2 **metro2, char why[IMPORT_WHY_SIZE])
{
    struct import_metro2 *opened = calloc(1, sizeof *opened);
    int error = opened == NULL ? TALLY_ENOMEM
                               : line_reader_open(&opened->reader, descriptor, METRO2_RECORD_SIZE_MAX + 2);
    if (error != TALLY_OK) {
        free(opened);
        snprintf(why, IMPORT_WHY_SIZE, "%s", tally_error_text(error));
        return error;
    }
    opened->options = *options;
    opened->keys = keys;
    metro2_totals_init(&opened->totals);
    error = header_take(opened, why);
    if (error != TALLY_OK) {
        import_metro2_close(opened);
        return error;
    }
    *metro2 = opened;
    return TALLY_OK;
}

void import_metro2_close(struct import_metro2 *metro2)
{
    if (metro2 == NULL) return;
    line_reader_close(&metro2->reader);
    explicit_bzero(&metro2->record, sizeof metro2->record);
    free(metro2->text);
    free(metro2);
}

const struct metro2_totals *import_metro2_totals(const struct import_metro2 *metro2)
{
    return &metro2->totals;
}

/* ---- Names under a key ---- */

/* Whose file it is, in hexadecimal digits. */
static int subject_make(struct import_metro2 *metro2, char why[IMPORT_WHY_SIZE])
{
    char document[64];
    struct digest id;
    const char *ssn = metro2->record.ssn;
    bool by_ssn = metro2->options.subject == METRO2_SUBJECT_SSN;
    /* Zeros and nines stand for a number that is not known: they are many people's. */
    if (by_ssn && (strspn(ssn, "0123456789") != 9 || strspn(ssn, "0") == 9 || strspn(ssn, "9") == 9)) {
        snprintf(why, IMPORT_WHY_SIZE,
            "columns 298-306 (social security number): none is there, so it is nobody's account");
        return TALLY_EFORM;
    }
    snprintf(document, sizeof document, by_ssn ? "US_SSN:%s" : "METRO2_ACCOUNT:%s",
        by_ssn ? ssn : metro2->account);
    int error = subject_id_derive(metro2->keys->subject, document, &id);
    explicit_bzero(document, sizeof document);
    if (error == TALLY_OK) hex_encode(span_of(id.bytes, DIGEST_SIZE), metro2->subject);
    return error;
}

static int names_make(struct import_metro2 *metro2, char why[IMPORT_WHY_SIZE])
{
    uint8_t ref[ACCOUNT_REF_SIZE];
    const char *number = metro2->record.account;
    account_ref_derive(metro2->keys->salt, span_of(number, strlen(number)), ref);
    hex_encode(span_of(ref, ACCOUNT_REF_SIZE), metro2->account);
    return subject_make(metro2, why);
}

/* ---- The source ---- */

/* A line that is no header: a record, or the trailer. */
static int line_take(struct import_metro2 *metro2, struct span line, char why[IMPORT_WHY_SIZE])
{
    if (metro2->totals.has_trailer) {
        snprintf(why, IMPORT_WHY_SIZE, "it stands behind the trailer");
        return TALLY_EFORM;
    }
    if (metro2_is_trailer(line)) return metro2_trailer_take(&metro2->totals, line, why, IMPORT_WHY_SIZE);
    int error = metro2_record_parse(line, &metro2->record, why, IMPORT_WHY_SIZE);
    if (error == TALLY_OK) error = names_make(metro2, why);
    if (error == TALLY_OK)
        metro2->step_count = metro2_plan(&metro2->record, metro2->options.months, metro2->steps);
    if (error == TALLY_OK || error == TALLY_EFORM)
        metro2_totals_count(
            &metro2->totals, error == TALLY_OK ? &metro2->record : NULL, metro2->reader.number);
    return error;
}

static int line_next(struct import_metro2 *metro2, uint64_t *number, char why[IMPORT_WHY_SIZE])
{
    struct span line;
    int error = line_reader_next(&metro2->reader, &line);
    *number = metro2->reader.number;
    metro2->step_count = metro2->next_step = 0;
    if (error == TALLY_ELIMIT) {
        metro2_totals_count(&metro2->totals, NULL, *number);
        snprintf(why, IMPORT_WHY_SIZE, "the line is longer than %u columns", METRO2_RECORD_SIZE_MAX);
        return TALLY_EFORM;
    }
    return error != TALLY_OK || line_is_blank(line) ? error : line_take(metro2, line, why);
}

static int event_print(struct import_metro2 *metro2, struct span *text)
{
    const struct metro2_step *step = &metro2->steps[metro2->next_step++];
    json_t *object = metro2_event(&metro2->record, step, metro2->subject, metro2->account);
    free(metro2->text);
    metro2->text = object == NULL ? NULL : json_dumps(object, JSON_COMPACT);
    json_decref(object);
    if (metro2->text == NULL) return TALLY_ENOMEM;
    *text = span_of(metro2->text, strlen(metro2->text));
    return TALLY_OK;
}

static int next(void *context, struct span *text, uint64_t *number, char why[IMPORT_WHY_SIZE])
{
    struct import_metro2 *metro2 = context;
    *number = metro2->reader.number;
    while (metro2->next_step == metro2->step_count) {
        int error = line_next(metro2, number, why);
        if (error != TALLY_OK) return error;
    }
    return event_print(metro2, text);
}

struct import_source import_metro2_source(struct import_metro2 *metro2)
{
    /* A record whose fields can be read makes events that can be read. */
    return (struct import_source){metro2, next, NULL};
}

/* ---- The table, explained ---- */

const char import_metro2_help[] =
    "usage: tally --home DIR import FILE --metro2 [--months N] [--subject ssn|account] [--print]\n"
    "\n"
    "Imports a Metro 2 file of the 426-column character format, one record a line: a header, records, a "
    "trailer. Each record\n"
    "becomes the events of one account, in this order, and the same file again changes nothing. A record "
    "with "
    "a fault is\n"
    "reported with its line, columns and field, and none of it is imported; the rest goes on. With --print "
    "the "
    "events are printed,\n"
    "one JSON object a line, and none is submitted.\n"
    "\n"
    "  event          when, and dated                         from columns\n"
    "  ACCOUNT_OPEN   always; date opened (76-83)             portfolio type (73): I and M are INSTALMENT, "
    "C, O "
    "and R\n"
    "                                                         REVOLVING; currency USD; product: 73-75 as one "
    "number of\n"
    "                                                         three bytes; principal_minor: original loan "
    "amount (93-101),\n"
    "                                                         or limit_minor: credit limit (84-92); "
    "term_count, MONTH:\n"
    "                                                         102-104, where 73 is I and the frequency (105) "
    "is M\n"
    "  DISBURSE       of an INSTALMENT; date opened           amount_minor: original loan amount\n"
    "  PERIOD_REPORT  of the 24 months before the month of    reported_code: the month's character of the "
    "payment history\n"
    "                 182-189, the oldest first; month's end  profile (127-150), and nothing else: it tells "
    "no "
    "amount\n"
    "  PERIOD_REPORT  of the month of 182-189; date of        balance_minor (155-163), paid_minor (115-123), "
    "and where they\n"
    "                 account information                     are not 0 scheduled_minor (106-114), "
    "past_due_minor "
    "(164-172),\n"
    "                                                         limit_minor of REVOLVING; "
    "first_delinquency_date "
    "(190-197);\n"
    "                                                         reported_code: account status (124-125), and "
    "behind a / the\n"
    "                                                         payment rating (126) where there is one\n"
    "  CHARGE_OFF     status 97 and 64; the end of the        amount_minor: original charge-off amount "
    "(173-181);\n"
    "                 profile's oldest month with L, behind   first_delinquency_date (190-197)\n"
    "                 its report; with none, 182-189\n"
    "  CLOSE          status 13 and 61 to 65 with a date      kind: SETTLED_LESS where the special comment "
    "(151-152) is AU,\n"
    "                 closed (198-205); that date             else PAID; balance_minor (155-163)\n"
    "\n"
    "Codes are kept as they were reported: no days past due are made of them. Whole dollars become cents. "
    "The "
    "account is named\n"
    "by its number (43-72) under DIR/salt.key, as account_ref of tally help import-csv does. Segments J1 to "
    "N1 "
    "are counted and\n"
    "not read; nor are other columns. Status 05 makes no TRANSFER, as the file does not tell the member that "
    "took the account,\n"
    "and a record with status DA or DF is refused: its account is taken back by RETRACT.\n"
    "\n"
    "  --months N         how many of the profile's months are taken, 0 to 24, the newest; 24 unless told. "
    "With "
    "0 a monthly file\n"
    "                     tells its own month alone, where files before it told the others; a CHARGE_OFF is "
    "then "
    "of that month\n"
    "  --subject ssn      whose account it is: the holder of the social security number (298-306), as tally "
    "subject-id of\n"
    "                     US_SSN:NUMBER; so it is unless told. A record without one is refused\n"
    "  --subject account  of a file whose persons were taken out: each account is a subject of its own\n"
    "\n"
    "What contradicts itself is refused with its reason, event by event, as in any import: more past due "
    "than "
    "is owed, closing\n"
    "with a balance. A month that was told before is PERIOD_TAKEN. Records that say another length than they "
    "have are counted and\n"
    "told. The trailer's counts of records, statuses and segments are compared with what was read; where "
    "they "
    "differ, or there\n"
    "is no trailer, that is told and the exit status is 1.\n"
    "\n"
    "--json adds \"metro2\": {\"activity_date\", \"records\", \"clean\", \"bad\", \"odd_lengths\", "
    "\"segments_not_read\": {NAME: count},\n"
    "\"trailer\": true where there is one, \"differences\": [{\"total\", \"trailer\", \"read\"}]}.\n";
