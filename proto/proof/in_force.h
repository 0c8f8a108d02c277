/* What of a history is in force: computed from the list of its events by this one function, for every reader.
 * An event is named by its place in the list. Source: credit.md, "Remedies". */
#ifndef TALLY_PROOF_IN_FORCE_H
#define TALLY_PROOF_IN_FORCE_H

#include "proto/codec/history.h"

#define NO_PLACE UINT32_MAX

enum event_standing {
    STANDS_REFUSED = 1, /* it is in the file, and was not applied: a RESERVE or an INQUIRY */
    STANDS_IN_FORCE = 2,
    STANDS_CORRECTED = 3, /* a CORRECT aims at it: it holds, with the body of another in place of its own */
    STANDS_RETRACTED = 4, /* a RETRACT aims at it: it does not hold */
};
/* "IN_FORCE" and so on. */
const char *event_standing_name(enum event_standing standing);

struct event_in_force {
    struct event_header header;
    struct digest id;
    enum event_standing standing;
    uint32_t ended_by; /* CORRECTED, RETRACTED: the event that aims at it; else NO_PLACE */
    /* A CORRECT: the event whose body it replaces, over whatever corrections lie between. Any other: itself.
     * NO_PLACE where that comes before the list. */
    uint32_t original;
    /* Whose body is the one in force, for the original and each of its corrections alike. An original that
     * was retracted has one too: the last that was in force. */
    uint32_t version;
    /* A CORRECT whose body is there and is not of the type of its original. The rules, which see no body,
     * cannot refuse it; a reader does not take such a body, and leaves the version before it in force. */
    bool is_mismatched;
    /* The earlier event that it names: the target of a remedy or a statement, the dispute of an answer or a
     * closing, the reservation of a cancelling or an opening, the transfer that an opening takes over, the
     * consent of an inquiry or a revocation. NO_PLACE where it names none, or one before the list, or was
     * refused. */
    uint32_t about;
    uint32_t first_about, next_about; /* who names it, and who else names what it names; in order */
    uint32_t account;                 /* the first event of its account in the list; NO_PLACE for an item */
    uint32_t account_next;            /* the next event of its account; NO_PLACE at the end */
};

struct in_force {
    uint32_t count;
    struct event_in_force *events; /* in the arena */
    const struct proven_event *proven;
};

/* Reads the events of a verified history, or of one that goes on from another (what aims at an event before
 * it then aims at nothing). Time grows with n log n, memory by some 500 bytes an event. Whatever the list, as
 * long as its headers are canonical, it ends: it relies on no rule of credit. The list borrows from proof and
 * arena. Errors: TALLY_ENOMEM (the arena's budget, or the machine's memory). */
int in_force_read(
    const struct history_proof *proof, struct arena *arena, struct in_force *list) TALLY_MUST_CHECK;

/* Decodes the body that came with the event at `place`, as the version in force or another; of a CORRECT, as
 * a body of the type that it corrects. Errors: TALLY_ENOTFOUND (withheld or erased), TALLY_EFORM (of a form
 * that only its author knows), TALLY_ENOMEM. */
int in_force_body(const struct in_force *list, uint32_t place, struct event_body *body) TALLY_MUST_CHECK;

/* What became of a dispute, which is at `place`. */
struct dispute_course {
    uint32_t first_answer; /* NO_PLACE while there is none */
    uint32_t closing;      /* NO_PLACE while it is open */
};
struct dispute_course in_force_dispute(const struct in_force *list, uint32_t place);

#endif
