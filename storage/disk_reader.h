/* The machine's files, to look at and never to change. */
#ifndef TALLY_STORAGE_DISK_READER_H
#define TALLY_STORAGE_DISK_READER_H

#include "storage/disk.h"

/* A disk for opening a stopped node's ledger as it lies there, as evidence: what opening it cleans up (a torn
 * tail, blocks that nothing finalized, a file half made, bytes that may not have reached the disk) is left
 * out of what is read, or is read as it is, and stays in the files. So writing, cutting, removing and syncing
 * succeed and do nothing; nothing can be made, renamed or locked (TALLY_EIO). Constant. */
const struct disk *disk_reader(void);

#endif
