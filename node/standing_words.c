#include "node/standing_words.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "proto/base/check.h"
#include "proto/base/date.h"

void say(struct words *words, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(words->text + words->size, STANDING_TEXT_SIZE - words->size, format, arguments);
    va_end(arguments);
    CHECK(size >= 0 && words->size + (size_t)size < STANDING_TEXT_SIZE);
    words->size += (size_t)size;
}

/* ---- Times ---- */

void say_span(struct words *words, uint64_t ms)
{
    if (ms < 10000)
        say(words, "%" PRIu64 ".%" PRIu64 " s", ms / 1000, ms % 1000 / 100);
    else if (ms < 600000)
        say(words, "%" PRIu64 " s", ms / 1000);
    else
        say(words, "%" PRIu64 " min", ms / 60000);
}

/* "since 2026-03-04T10:31:05Z" */
static void say_since(struct words *words, uint64_t ms_ago)
{
    char date[DATE_TEXT_SIZE];
    uint64_t wall_ms = words->facts->wall_ms;
    uint64_t ms = wall_ms > ms_ago ? wall_ms - ms_ago : 0;
    date_to_text((int32_t)(ms / MS_PER_DAY), date);
    uint32_t s = (uint32_t)(ms % MS_PER_DAY / 1000);
    say(words, "since %sT%02u:%02u:%02uZ", date, s / 3600, s / 60 % 60, s % 60);
}

/* ---- Names ---- */

uint32_t count_of(uint64_t validators)
{
    return (uint32_t)__builtin_popcountll(validators);
}

const char *name_of(const struct words *words, uint32_t validator)
{
    CHECK(validator < words->facts->count);
    return words->facts->validators[validator].name;
}

/* Says one after the other with `each`, and how many are left out. */
static void say_each(struct words *words, uint64_t validators,
    void (*each)(struct words *words, uint32_t validator, bool first))
{
    uint32_t said = 0;
    for (uint32_t i = 0; i < words->facts->count && said < STANDING_NAMES_MAX; i++) {
        if ((validators >> i & 1) == 0) continue;
        if (said > 0) say(words, ", ");
        each(words, i, said == 0);
        said++;
    }
    if (count_of(validators) > said) say(words, " and %u more", count_of(validators) - said);
}

static void say_name(struct words *words, uint32_t validator, bool first)
{
    (void)first;
    say(words, "%s", name_of(words, validator));
}

void say_names(struct words *words, uint64_t validators)
{
    say_each(words, validators, say_name);
}

uint64_t unreachable(const struct standing_facts *facts)
{
    uint64_t validators = 0;
    for (uint32_t i = 0; i < facts->count; i++)
        if (!facts->validators[i].reachable) validators |= UINT64_C(1) << i;
    return validators;
}

uint64_t self_of(const struct standing_facts *facts)
{
    return facts->self == SIGNER_NONE ? 0 : UINT64_C(1) << facts->self;
}

uint64_t all_of(const struct standing_facts *facts)
{
    return UINT64_MAX >> (64 - facts->count);
}

/* ---- Who is missing ---- */

static void say_silent(struct words *words, uint32_t validator, bool first)
{
    uint64_t ms_ago = words->facts->validators[validator].heard_ms_ago;
    say(words, first ? "%s is silent " : "%s ", name_of(words, validator));
    if (ms_ago == UINT64_MAX)
        say(words, "since this node started");
    else
        say_since(words, ms_ago);
}

void say_who_is_silent(struct words *words)
{
    uint64_t silent = unreachable(words->facts);
    if (silent == 0) return;
    say(words, "; ");
    say_each(words, silent, say_silent);
}

static void say_mute(struct words *words, uint32_t validator, bool first)
{
    struct replica_voice spoken = words->facts->validators[validator].spoken;
    say(words, first ? "%s is heard, but has not voted " : "%s ", name_of(words, validator));
    if (spoken.ms_ago == UINT64_MAX)
        say(words, "since this node started");
    else
        say_since(words, spoken.ms_ago);
}

/* Those who are there and have no part in what the view waits for. */
void say_who_does_not_vote(struct words *words, uint64_t voters)
{
    uint64_t missing = all_of(words->facts) & ~voters & ~unreachable(words->facts) & ~self_of(words->facts);
    if (missing == 0) return;
    say(words, "; ");
    say_each(words, missing, say_mute);
}

/* "2 of 3 nullify votes are here: bank-1, bank-2" */
void say_votes(struct words *words, const char *kind, uint64_t voters)
{
    uint32_t quorum = quorum_of(words->facts->count);
    if (voters == 0) {
        say(words, "none of %u %s votes is here", quorum, kind);
        return;
    }
    say(words, "%u of %u %s votes %s here: ", count_of(voters), quorum, kind,
        count_of(voters) == 1 ? "is" : "are");
    say_names(words, voters);
}

void say_votes_if_any(struct words *words, const char *kind, uint64_t voters)
{
    if (voters == 0) return;
    say(words, "; ");
    say_votes(words, kind, voters);
}
