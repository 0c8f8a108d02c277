/* Being told to end (SIGINT, SIGTERM, SIGHUP), for commands that tidy up before they do. */
#ifndef TALLY_TOOLS_INTERRUPT_H
#define TALLY_TOOLS_INTERRUPT_H

#include "tools/command.h"

/* From here on a signal is noted, and ends nothing by itself. */
void interrupt_catch(void);
/* Whether one came. On any thread. */
bool interrupt_came(void);
enum tool_exit interrupt_fail(struct context *context) TALLY_MUST_CHECK;

#endif
