/* Every bound that two modules, or two nodes, must agree on. A bound of one module alone stands in its
 * header. */
#ifndef TALLY_BASE_LIMITS_H
#define TALLY_BASE_LIMITS_H

#define KIB 1024u
#define MIB (1024u * 1024u)

/* Membership. */
#define VALIDATORS_MIN 4
#define VALIDATORS_MAX 64
#define OBSERVERS_MAX 64
#define PEERS_MAX (VALIDATORS_MAX + OBSERVERS_MAX)
#define MEMBERS_MAX 256
#define KEYS_PER_MEMBER_MAX 8

/* Credit events. */
#define EVENT_HEADER_SIZE_MAX 1024u
#define EVENT_BODY_SIZE_MAX (4u * KIB)
#define EVENT_TEXT_SIZE_MAX 256u
#define EVENT_STATEMENT_SIZE_MAX (2u * KIB)
#define BATCH_EVENTS_MAX 1000u
#define BATCH_SIZE_MAX (1u * MIB)
#define BATCH_LIFETIME_MS_MAX (10u * 60u * 1000u)
#define ACCOUNTS_PER_SUBJECT_MAX 256u
#define ACCOUNTS_PER_HOLDER_MAX 64u /* of them */
#define PERIODS_PER_ACCOUNT_MAX 512u

/* Blocks. A payload counts its batches whole, event bodies included. */
#define BLOCK_SIZE_MAX (4u * MIB)
#define BLOCK_EVENTS_MAX 10000u
#define BLOCK_BATCHES_MAX 10000u
#define GOVERNANCE_BLOCK_MAX 64u /* governance transactions, each of which is one of the batches */
#define RESULT_DETAIL_SIZE_MAX 64u

/* Protocol flags that this build knows: 1 to so many. */
#define FLAGS_KNOWN 0u

/* Consensus: how many views may pass between a block and its child, and so how long a justification may be.
 */
#define VIEWS_SKIPPED_MAX 1024u
#define JUSTIFICATION_SIZE_MAX (4u * MIB)
/* The longest way from a block that seals an epoch to the descendant whose finalization proves it. */
#define SEAL_PATH_MAX 1280u

/* What an operator may give a node of memory for subjects' states. */
#define SUBJECT_CACHE_MIB_MAX (256u * KIB)

/* How far certification may lag finalization before payload stops being work. */
#define CERTIFICATION_LAG_MAX 64u

/* Frames between nodes: the largest of any kind. */
#define FRAME_SIZE_MAX (12u * MIB)

_Static_assert(JUSTIFICATION_SIZE_MAX >= VIEWS_SKIPPED_MAX * (VALIDATORS_MAX * 2 / 3 + 1) * 66,
    "a justification over the longest gap fits");
_Static_assert(FRAME_SIZE_MAX > BLOCK_SIZE_MAX + JUSTIFICATION_SIZE_MAX + MIB,
    "a block with its justification fits a frame");

#endif
