#include "node/page_watch.h"

#include <stdlib.h>

#include "node/net/log.h"
#include "proto/base/check.h"
#include "storage/mapped.h"

struct page_job {
    struct job job;
    struct page_watch *watch;
    int error;
};

static void run_give_back(struct job *job)
{
    ((struct page_job *)(void *)job)->error = mapped_give_back();
}

static void give_back_done(struct job *job)
{
    struct page_job *page = (struct page_job *)(void *)job;
    page->watch->under_way = false;
    page->watch->in_vain = page->error != TALLY_OK;
    if (page->error != TALLY_OK)
        LOG_UNUSUAL("this system does not take back pages of files: the node may take as much memory as its "
                    "state has on disk");
    free(page);
}

void page_watch_tick(struct page_watch *watch, struct worker *worker)
{
    if (watch->under_way || watch->in_vain || !mapped_is_much()) return;
    struct page_job *page = calloc(1, sizeof *page);
    CHECK(page != NULL);
    *page = (struct page_job){.job = {.run = run_give_back, .done = give_back_done}, .watch = watch};
    watch->under_way = true;
    worker_submit(worker, &page->job);
}
