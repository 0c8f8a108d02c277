/* What is new on the chain, told to those who follow it, a share of them at a time. Hundreds may follow, and
 * each block and each checkpoint would otherwise cost a read and a send for every one of them, all at once;
 * what comes until a follower's turn costs no more than one. A few are told at once. The loop's thread. */
#ifndef TALLY_NODE_NEWS_H
#define TALLY_NODE_NEWS_H

#include <stdbool.h>
#include <uv.h>

#include "proto/base/error.h"

/* From one share to the next, by the loop's time. */
#define NEWS_STEP_MS 6u
/* Everyone's turn comes within so many steps. */
#define NEWS_STEPS_MAX 8u
/* So many are told at a time, however few follow. */
#define NEWS_SHARE_MIN 25u

/* How far the chain is. Zeros are an empty one. */
struct news_heights {
    uint64_t applied;
    uint64_t certified; /* of the newest certified checkpoint that is kept */
};

/* The follower's own, zeroed but for on_news. */
struct news_follower {
    void (*on_news)(struct news_follower *follower); /* it may unfollow then */
    struct news_follower *next, *previous;           /* who was told longest ago is first */
    uint64_t seen;                                   /* the number of the news it was told */
    struct news_heights told;                        /* how far the chain was then */
    bool follows;
};

struct news;

/* Errors: TALLY_ENOMEM. */
int news_open(uv_loop_t *loop, struct news **news) TALLY_MUST_CHECK;
/* Nobody follows any more. The loop must turn once more afterwards. NULL is none. */
void news_close(struct news *news);

/* It stays the caller's, and where it is, until it unfollows. What came before is no news to it. */
void news_follow(struct news *news, struct news_follower *follower);
/* One that does not follow is none. */
void news_unfollow(struct news *news, struct news_follower *follower);
/* Something came: `now` is how far the chain is with it. */
void news_came(struct news *news, const struct news_heights *now);
/* How far this follower may read: `now`, or while it has not been told what came since, what it was told
 * last. Did it read further as soon as something is there, it would make a turn of each block again. */
struct news_heights news_told(
    const struct news *news, const struct news_follower *follower, const struct news_heights *now);

#endif
