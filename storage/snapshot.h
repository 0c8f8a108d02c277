/* Snapshots: the state after one height H, whose checkpoint is certified and whose block carries its own FC,
 * cut into parts that are each checked alone against what a quorum signed.
 *
 * storage/snapshot_file.h says how one stands on disk: a head, and a block, history-NNNNN, batches-NNNNN,
 * subjects-NNNNN and events-NNNNN, numbered from 00000.
 *
 * All integers are big-endian. The head:
 *
 *   "TALLYSNP" | version u32 = 5
 *   size u32 | CertifiedCheckpoint of H, canonical protobuf
 *   size u32 | EpochSeals, likewise                     how each epoch before H's ended, from the first on
 *   subjects, members, policy, replay, counts root      which make its state_root
 *   size u32 | the register                             makes members root
 *   events u64 | applied u64                            which make counts root
 *   replay window, as storage/replay_window.h encodes it: makes replay root
 *   depth u8                                            snapshot_depth of the counts
 *   root of each history part                           which join into history_root
 *   root of each batches part                           which join into the root of their minute
 *   2^depth times, by position, a subtree of the subject map; they make subjects root:
 *     0 u8                                              empty
 *     1 u8 | position | count u64 | last height u64 | acc | summary
 *                                                       one leaf, where its position says
 *     2 u8 | left | right                               more: the hashes below it
 *     3 u8 | subtree | subtree                          more, and cut further: its halves, the lower one
 *                                                       first, each likewise one of these four
 *   H(TAG_SNAPSHOT | all of the above)
 *
 * What is no cut is a part of subjects, also where it is empty; they are numbered in this order, which is
 * that of their positions. A subtree of no subject, or of one, is never cut, and so none of 256 bits is. Who
 * writes one cuts a subtree if and only if it is of two subjects or more and its part would be larger than
 * SNAPSHOT_PART_SIZE, 4 MiB, with each of its events at its largest: that follows from the length of its
 * subjects' state bytes and their counts of events alone. So all who write it make the same parts, and none
 * is larger, for a subject alone fits. Whether a head was cut so its reader cannot tell; so parts are taken
 * for it only from those whose own head is cut alike, by snapshot_cut_digest.
 *
 * A part is "TALLYSNP" | version u32 | kind u8 | index u32 | H u64, and then
 *
 *   block       LedgerBlock of H, without bodies, with its FC
 *   history     of each height from index * 2^15 + 1, as many as there are up to 2^15, a run:
 *               block hash | time u64 | state_root | results_root, the leaf under history_root
 *
 *   batches     a run of up to 2^15 remembered batches of one minute of expiry, as they were applied, the
 *               window's minutes cut one after the other; of each:
 *               digest | expires_at_ms u64
 *
 *   subjects    those of the subtree of that number, by position; of each:
 *               subject id | size u32 | canonical state bytes | count u32 of folded events | and where the
 *               count is more than a run, 2^15: last height u64 | acc; else that many events, oldest first,
 *               of each: account u16, counted in the order of the state bytes, or 0xffff of one that has
 *               none | height u64 | time_ms u64 | result u16 | event id | type u8 | and then by the type
 *                 PERIOD_REPORT            period u32
 *                 CORRECT, RETRACT         target
 *                 ACCOUNT_OPEN             0 u8; or 1 u8 | the transfer it takes over, which is not zeros
 *                 one without an account   member u32 | item id
 *                 any other                nothing
 *
 *   events      a run of the events of a subject that has more than a run of them. A subject's runs are cut
 *               from its oldest event on and stand newest first, the subjects of all parts by position, one
 *               after the other; so how many there are, and of what, the subjects' parts tell.
 *               acc before the run's first event | of each account in the order of the state bytes, its
 *               count u32 and ids before it | count u32 and ids before it of those with an item id | the
 *               events, as above
 *
 * A leaf of the map follows from its subject: with the state bytes, either its events, which fold to acc, or
 * what stands in their place make count, last height and summary; and of each account, and of those with an
 * item id, the events make the ids, the count and the head that the state bytes hold. These cover all that is
 * said of an event (proto/crypto/subject_path.h). What a run begins with and its events make what the
 * next newer run begins with, the newest run's what the subject's own part holds: so each is checked once the
 * newer one is, and then nothing of it is its sender's to choose, for acc and ids are hashes over what was
 * before. So every byte of a part but the block's is fixed by the signed roots and by where subjects are cut,
 * is the same on every honest node, and may come from any whose head is cut alike: a part that does not check
 * is its sender's fault, whoever the head is from. Of the block, the FC may differ from node to node, and all
 * of it is signed. An event's index in its block is not here, as nothing under state_root fixes it; it comes
 * with the results of its block. */
#ifndef TALLY_STORAGE_SNAPSHOT_H
#define TALLY_STORAGE_SNAPSHOT_H

#include "storage/disk.h"
#include "storage/state.h"

#define SNAPSHOT_VERSION 5u
/* A larger part, or head, is never written; of parts none comes near it. */
#define SNAPSHOT_PART_SIZE_MAX (10u * MIB)
_Static_assert(SNAPSHOT_PART_SIZE_MAX + MIB < FRAME_SIZE_MAX, "a part fits a frame");
_Static_assert(SNAPSHOT_PART_SIZE < SNAPSHOT_PART_SIZE_MAX, "subjects are cut before a part is too large");
/* Parts of subjects. A state that needs more, or a head above SNAPSHOT_PART_SIZE_MAX, has no snapshot: one
 * above 256 GiB, or one of some 10 GiB, a fifth of a billion events, on subjects that a member searched for
 * so that few of them at a time share many bits. */
#define SNAPSHOT_PARTS_MAX (1u << 17)

/* Numbers are stored and sent, and never change their meaning. */
enum snapshot_part {
    SNAPSHOT_BLOCK = 1, /* there is one, of index 0 */
    SNAPSHOT_HISTORY = 2,
    SNAPSHOT_BATCHES = 3,
    SNAPSHOT_SUBJECTS = 4,
    SNAPSHOT_EVENTS = 5,
};

struct snapshot_head;

/* Decodes a head and checks all of it: that its seals lead from `validators`, the genesis's, to those of its
 * epoch, their quorum's signatures, and its lists against the signed roots. `config` is copied. Errors:
 * TALLY_EFORM, TALLY_EVERSION, TALLY_ECHAIN, TALLY_EINVALID (a root does not come out), TALLY_ESIGNATURE (a
 * seal's too), TALLY_ENOMEM. */
int snapshot_head_decode(struct span bytes, const struct verify_set *validators,
    const struct state_config *config, struct snapshot_head **head) TALLY_MUST_CHECK;
void snapshot_head_close(struct snapshot_head *head);

const struct certified_checkpoint *snapshot_checkpoint(const struct snapshot_head *head);
/* Who the members were after its block, as the state keeps it; borrowed from the head. */
struct state_register snapshot_register(const struct snapshot_head *head);
/* How each epoch before its own ended, encoded (proto/codec/epoch_seal.h); borrowed from the head. */
struct span snapshot_seals(const struct snapshot_head *head);
/* The validators of its epoch. */
const struct validator_set *snapshot_validators(const struct snapshot_head *head);
/* The number of subjects, which no root has, is 0: the parts tell it. */
const struct state_counts *snapshot_counts(const struct snapshot_head *head);
/* How many parts of a kind there are; 0 of one that is none, and of SNAPSHOT_EVENTS, which the head does not
 * know. */
uint32_t snapshot_part_count(const struct snapshot_head *head, uint32_t kind);

/* A digest of where subjects are cut: heads of one height that agree in it have the same parts. */
struct digest snapshot_cut_digest(const struct snapshot_head *head);

/* Checks one part by itself, on any thread. Errors: TALLY_EDAMAGED (it is not that part, or one of
 * SNAPSHOT_EVENTS, which storage/snapshot_reading.h checks), TALLY_ENOMEM. */
int snapshot_part_check(
    const struct snapshot_head *head, uint32_t kind, uint32_t index, struct span bytes) TALLY_MUST_CHECK;
/* The same of the block's part, and what it holds, all of it in the arena. */
int snapshot_block_decode(const struct snapshot_head *head, struct span bytes, struct arena *arena,
    struct block *block) TALLY_MUST_CHECK;

/* Bits of a position that subjects are cut by to begin with, 16 at most: so that parts are about 1 MiB of
 * events. */
uint32_t snapshot_depth(const struct state_counts *counts);

#endif
