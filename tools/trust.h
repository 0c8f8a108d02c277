/* What an answer is held against: the validators of a genesis, and what was verified before. */
#ifndef TALLY_TOOLS_TRUST_H
#define TALLY_TOOLS_TRUST_H

#include "proto/proof/history_pieces.h"
#include "proto/proof/verify.h"
#include "tools/args.h"
#include "tools/home.h"

/* Fills chain id and validators; any height and any time will do. */
enum tool_exit trust_from_genesis(
    struct context *context, const struct genesis *genesis, struct proof_trust *trust) TALLY_MUST_CHECK;

/* The same, from the home's own copy. */
enum tool_exit trust_from_home(
    struct context *context, const struct home *home, struct proof_trust *trust) TALLY_MUST_CHECK;

/* Takes how old an answer may be from --min-height and --max-age, which the command has. */
enum tool_exit trust_bounds(
    struct context *context, const struct args *args, struct proof_trust *trust) TALLY_MUST_CHECK;

#define PROOF_FILE_SIZE_MAX HISTORY_SIZE_MAX
/* What such an answer and all that is made of it may take. */
#define HISTORY_ARENA_BUDGET (2048ull * MIB)

/* Reads a file that an answer was saved to into `bytes`, whose size_max is the bound. */
enum tool_exit proof_file_read(
    struct context *context, const char *path, struct buffer *bytes) TALLY_MUST_CHECK;

/* Reads a checkpoint that tally checkpoint --out saved (of a consistency proof, the newer), and verifies it,
 * however old it is. */
enum tool_exit checkpoint_open(struct context *context, const char *path, const struct proof_trust *trust,
    struct known_checkpoint *known) TALLY_MUST_CHECK;

/* Reads a whole history that tally history --out saved, verifies it, however old it is, and says where a
 * later one may go on. */
enum tool_exit history_base_open(struct context *context, const char *path, const struct proof_trust *trust,
    struct history_base *base) TALLY_MUST_CHECK;

#endif
