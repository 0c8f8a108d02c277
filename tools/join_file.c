#include "tools/join_file.h"

#include "proto/codec/governance_json.h"
#include "tools/file.h"

enum tool_exit join_file_open(struct context *context, const char *path, const struct digest *chain_id,
    struct governance_action *action, struct buffer *action_bytes, struct buffer *proofs)
{
    struct buffer text;
    char why[MESSAGE_SIZE_MAX / 2];
    enum tool_exit code = TOOL_DONE;
    buffer_init(&text, JOIN_FILE_SIZE_MAX);
    if (file_read(path, &text, why, sizeof why) != TALLY_OK)
        code = context_fail(context, TOOL_REFUSED, "FILE", "%s", why);
    else if (join_file_parse(buffer_span(&text), chain_id, action, action_bytes, proofs, why, sizeof why) !=
             TALLY_OK)
        code = context_fail(
            context, TOOL_REFUSED, "JOIN_FILE", "%s is no join file for this network: %s", path, why);
    buffer_close(&text);
    return code;
}
