/* The parts that a node's sentence about itself is made of: times, names, votes, and who is missing. Sets of
 * validators are bitmaps. */
#ifndef TALLY_NODE_STANDING_WORDS_H
#define TALLY_NODE_STANDING_WORDS_H

#include "node/standing.h"

/* Names in one list; how many more there are is told after them. */
#define STANDING_NAMES_MAX 8u

/* A sentence on its way into `text`, of STANDING_TEXT_SIZE bytes. */
struct words {
    const struct standing_facts *facts;
    char *text;
    size_t size;
};

void say(struct words *words, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "0.3 s", "12 s", "17 min" */
void say_span(struct words *words, uint64_t ms);
/* "bank-1, bank-2", and past STANDING_NAMES_MAX " and 3 more". */
void say_names(struct words *words, uint64_t validators);
/* "2 of 3 nullify votes are here: bank-1, bank-2"; the second with "; " before it, and nothing for nobody. */
void say_votes(struct words *words, const char *kind, uint64_t voters);
void say_votes_if_any(struct words *words, const char *kind, uint64_t voters);
/* "; bank-3 is silent since 2026-03-04T10:31:05Z, bank-4 since this node started", or nothing. */
void say_who_is_silent(struct words *words);
/* "; bank-2 is heard, but has not voted since ..." of those not in `voters`, or nothing. */
void say_who_does_not_vote(struct words *words, uint64_t voters);

uint32_t count_of(uint64_t validators);
/* `validator` is below the count (CHECKed). */
const char *name_of(const struct words *words, uint32_t validator);
uint64_t unreachable(const struct standing_facts *facts);
/* This node, or nobody. */
uint64_t self_of(const struct standing_facts *facts);
uint64_t all_of(const struct standing_facts *facts);

#endif
