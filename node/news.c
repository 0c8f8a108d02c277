#include "node/news.h"

#include <stdlib.h>

#include "proto/base/check.h"

struct news {
    uv_timer_t step;            /* active for a step after each telling */
    struct news_follower ends;  /* of the ring of followers */
    uint32_t count;             /* of those */
    uint64_t number;            /* of the newest */
    struct news_heights newest; /* how far the chain was with it */
};

int news_open(uv_loop_t *loop, struct news **out)
{
    struct news *news = calloc(1, sizeof *news);
    if (news == NULL) return TALLY_ENOMEM;
    CHECK(uv_timer_init(loop, &news->step) == 0);
    news->step.data = news;
    news->ends.next = news->ends.previous = &news->ends;
    *out = news;
    return TALLY_OK;
}

static void free_news(uv_handle_t *step)
{
    free(step->data);
}

void news_close(struct news *news)
{
    if (news == NULL) return;
    CHECK(news->count == 0);
    uv_close((uv_handle_t *)&news->step, free_news);
}

static void put_last(struct news *news, struct news_follower *follower)
{
    follower->next = &news->ends;
    follower->previous = news->ends.previous;
    follower->previous->next = follower;
    news->ends.previous = follower;
}

static void take_out(struct news_follower *follower)
{
    follower->previous->next = follower->next;
    follower->next->previous = follower->previous;
}

void news_follow(struct news *news, struct news_follower *follower)
{
    CHECK(!follower->follows);
    follower->follows = true;
    follower->seen = news->number;
    follower->told = news->newest;
    put_last(news, follower);
    news->count++;
}

void news_unfollow(struct news *news, struct news_follower *follower)
{
    if (!follower->follows) return;
    follower->follows = false;
    take_out(follower);
    news->count--;
}

static bool waits(const struct news *news, const struct news_follower *follower)
{
    return follower != &news->ends && follower->seen != news->number;
}

static void tell(struct news *news, struct news_follower *follower)
{
    take_out(follower);
    put_last(news, follower);
    follower->seen = news->number;
    follower->told = news->newest;
    follower->on_news(follower);
}

static void on_step(uv_timer_t *step);

/* Whoever waits is before all who do not. */
static void tell_share(struct news *news)
{
    uint32_t share = (news->count + NEWS_STEPS_MAX - 1) / NEWS_STEPS_MAX;
    if (share < NEWS_SHARE_MIN) share = NEWS_SHARE_MIN;
    if (!waits(news, news->ends.next)) return;
    CHECK(uv_timer_start(&news->step, on_step, NEWS_STEP_MS, 0) == 0);
    for (; share > 0 && waits(news, news->ends.next); share--)
        tell(news, news->ends.next);
}

static void on_step(uv_timer_t *step)
{
    tell_share(step->data);
}

void news_came(struct news *news, const struct news_heights *now)
{
    news->number++;
    news->newest = *now;
    if (!uv_is_active((uv_handle_t *)&news->step)) tell_share(news);
}

static uint64_t lower(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

struct news_heights news_told(
    const struct news *news, const struct news_follower *follower, const struct news_heights *now)
{
    if (!waits(news, follower)) return *now;
    /* A state that is rebuilt is lower than it was. */
    return (struct news_heights){
        lower(follower->told.applied, now->applied), lower(follower->told.certified, now->certified)};
}
