/* What members have decided and are asked to decide, shown. */
#ifndef TALLY_TOOLS_GOV_SHOW_H
#define TALLY_TOOLS_GOV_SHOW_H

#include <jansson.h>

#include "tools/gov_session.h"

/* tally gov show, with the arguments after it. */
enum tool_exit gov_show_run(struct context *context, int count, char **arguments) TALLY_MUST_CHECK;

/* What became of a transaction about a proposal: where that is open, who voted, and how many more it needs.
 */
enum tool_exit gov_answer_show(struct context *context, const struct gov_session *session,
    const struct digest *proposal, const struct gov_answer *answer) TALLY_MUST_CHECK;

#endif
