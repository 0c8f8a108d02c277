/* Memory by the page, for what is large. */
#ifndef TALLY_BASE_PAGES_H
#define TALLY_BASE_PAGES_H

#include <stddef.h>

/* From so many bytes on it pays. */
#define PAGES_SIZE_MIN (4u << 20)

/* Memory in huge pages, where the system gives them to who asks: then one fault brings in 2 MiB, not 4 KiB,
 * and reading it here and there seldom waits for a translation. From the system itself: what malloc has had
 * before stays in the small pages that it was used in. Aligned to 2 MiB, zeroed, resident as far as it is
 * touched. NULL when memory is out, or for no bytes. The caller gives it back with pages_give. */
void *pages_take(size_t size);
/* `size` as it was asked for. NULL is fine. */
void pages_give(void *memory, size_t size);

#endif
