/* What a small network's members tell of their borrowers, drawn from a run's dice: events of every type. What
 * comes of each hangs on the order in which batches are finalized, and on whether they are. */
#ifndef TALLY_SIM_STORY_H
#define TALLY_SIM_STORY_H

#include "proto/base/arena.h"
#include "proto/codec/batch.h"
#include "tests/sim/dice.h"

#define STORY_LENDERS 3u /* members 1 to 3 */
#define STORY_MADE_KEPT 256u

/* What its member believes of an account. */
struct book {
    uint32_t member_id, subject;
    uint8_t ref[ACCOUNT_REF_SIZE];
    uint32_t next_seq;
    struct digest head;
};

struct made_event {
    enum event_type type;
    struct digest subject_id, id;
    uint32_t ref; /* of its account; 0 where it has none */
};

struct story {
    struct dice *dice;
    struct arena *arena;
    struct digest chain_id;
    struct book *books;
    size_t book_count, book_capacity;
    uint32_t made_count;
    struct made_event made[STORY_MADE_KEPT]; /* the newest ones, for others to aim at */
};

/* Dice and arena, in which events are kept, are borrowed. */
void story_open(struct story *story, struct dice *dice, struct arena *arena, const struct digest *chain_id);
void story_close(struct story *story);

/* The member's next event, with its body. */
void story_go_on(struct story *story, uint32_t member_id, uint64_t wall_ms, struct batch_event *event);
/* What the buffer holds, in the arena; closes the buffer. */
struct span story_keep(struct story *story, struct buffer *buffer);

#endif
