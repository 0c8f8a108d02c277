/* An import's way to a real node, by node/client. */
#ifndef TALLY_TOOLS_IMPORT_WIRE_H
#define TALLY_TOOLS_IMPORT_WIRE_H

#include "tools/import_run.h"
#include "tools/remote.h"

/* A wire over an open connection, which is borrowed and outlives it. */
struct import_wire import_wire_of(struct remote *remote);

#endif
