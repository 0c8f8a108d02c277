/* Looks once a second whether the files that the state is read through take more memory than is meant for
 * them, and gives it back (storage/mapped.h). On the loop's thread. */
#ifndef TALLY_NODE_PAGE_WATCH_H
#define TALLY_NODE_PAGE_WATCH_H

#include <stdbool.h>

#include "node/jobs/worker.h"

/* Zeros to begin with. It stays where it is until the worker is closed. */
struct page_watch {
    bool under_way, in_vain;
};

/* Once a second. `worker` does the work. */
void page_watch_tick(struct page_watch *watch, struct worker *worker);

#endif
