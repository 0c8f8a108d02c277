#include "tools/report_codes.h"

#include <string.h>

#include "proto/base/check.h"

static const struct {
    enum code_scheme scheme;
    const char *name, *legend;
} schemes[] = {
    {CODES_PBOC, "pboc",
        "/ not open yet  * no report  # unknown  N normal  1 to 7 late by up to 30, 60, .. and over 180 days "
        " "
        "C settled  G ended otherwise"},
    {CODES_METRO2, "metro2",
        "B before the opening  D no report  0 current  E no balance  1 to 6 late by 30, 60, .. 180 days or "
        "more  L charged off"},
};
#define SCHEME_COUNT (sizeof schemes / sizeof schemes[0])

int code_scheme_by_name(const char *name, enum code_scheme *scheme)
{
    for (size_t i = 0; i < SCHEME_COUNT; i++) {
        if (strcmp(schemes[i].name, name) != 0) continue;
        *scheme = schemes[i].scheme;
        return TALLY_OK;
    }
    return TALLY_EFORM;
}

const char *code_scheme_name(enum code_scheme scheme)
{
    CHECK(scheme >= 1 && scheme <= SCHEME_COUNT);
    return schemes[scheme - 1].name;
}

const char *code_scheme_legend(enum code_scheme scheme)
{
    CHECK(scheme >= 1 && scheme <= SCHEME_COUNT);
    return schemes[scheme - 1].legend;
}

uint32_t pboc_level(uint32_t days_past_due)
{
    uint32_t level = days_past_due / 30 + (days_past_due % 30 > 0 ? 1 : 0);
    return level < 7 ? level : 7;
}

uint32_t metro2_bucket(uint32_t days_past_due)
{
    uint32_t bucket = days_past_due / 30;
    return bucket < 6 ? bucket : 6;
}

/* A source's own code, where it fits one character; what does not fit stands beside the grid. */
static char source_code(const struct month_facts *facts, char unknown, bool *is_source)
{
    *is_source = strlen(facts->code) == 1 && facts->code[0] > ' ' && facts->code[0] <= '~';
    return *is_source ? facts->code[0] : unknown;
}

/* A Metro 2 file tells its own month by an account status, "71" or with a rating "13/0", and the months
 * before by the codes of the profile. These are the statuses that a profile has a code for. */
static char status_code(const char *status)
{
    static const struct {
        char status[3], code;
    } codes[] = {{"11", '0'}, {"71", '1'}, {"78", '2'}, {"80", '3'}, {"82", '4'}, {"83", '5'}, {"84", '6'},
        {"93", 'G'}, {"94", 'H'}, {"95", 'J'}, {"96", 'K'}, {"97", 'L'}};
    bool is_status = strlen(status) == 2 || (strlen(status) == 4 && status[2] == '/');
    for (size_t i = 0; is_status && i < sizeof codes / sizeof codes[0]; i++) {
        if (memcmp(status, codes[i].status, 2) == 0) return codes[i].code;
    }
    return '\0';
}

static char pboc_code(const struct month_facts *facts, bool *is_source)
{
    if (facts->is_end) return facts->is_settled ? 'C' : 'G';
    if (!facts->is_reported) return facts->is_before ? '/' : facts->is_after ? ' ' : '*';
    if (facts->is_unread) return '#';
    if (!facts->has_days) return source_code(facts, '#', is_source);
    uint32_t level = pboc_level(facts->days_past_due);
    return level == 0 ? 'N' : (char)('0' + level);
}

static char metro2_code(const struct month_facts *facts, bool *is_source)
{
    bool is_readable = facts->is_reported && !facts->is_unread;
    if (is_readable && !facts->has_days) {
        char code = status_code(facts->code);
        if (code == '\0') return source_code(facts, 'D', is_source);
        *is_source = true;
        return code;
    }
    if (facts->is_charged_off && !facts->is_after) return 'L';
    if (!facts->is_reported) return facts->is_before ? 'B' : facts->is_after ? ' ' : 'D';
    if (facts->is_unread) return 'D';
    uint32_t bucket = metro2_bucket(facts->days_past_due);
    if (facts->days_past_due == 0 && facts->is_idle_line) return 'E';
    return (char)('0' + bucket);
}

char month_code(enum code_scheme scheme, const struct month_facts *facts, bool *is_source)
{
    *is_source = false;
    switch (scheme) {
    case CODES_PBOC:
        return pboc_code(facts, is_source);
    case CODES_METRO2:
        return metro2_code(facts, is_source);
    }
    CHECK_UNREACHABLE();
}
