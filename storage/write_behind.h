/* Early writing of files that others write. LevelDB fills a file of many megabytes in the system's memory and
 * then asks for all of it to be on disk; a block's own small sync, asked for at that moment, waits behind it.
 * Here a thread has the system begin with each piece of a file as soon as it is there, so that little is
 * left to wait for. It changes when bytes are written, and nothing else: neither content nor what is durable.
 * Logs and tables alone are looked at, *.log and *.ldb: LevelDB's lock would be lost by being opened again.
 */
#ifndef TALLY_STORAGE_WRITE_BEHIND_H
#define TALLY_STORAGE_WRITE_BEHIND_H

#include "proto/base/error.h"

struct write_behind;

/* Watches the files directly in `dir`, which exists, from now on. Errors: TALLY_EIO (the system gives no
 * watch, or no thread), TALLY_ENOMEM. */
int write_behind_open(const char *dir, struct write_behind **watch) TALLY_MUST_CHECK;
/* Ends the thread. NULL is fine. */
void write_behind_close(struct write_behind *watch);

#endif
