#include "storage/fsck_internal.h"
#include "storage/vote_record.h"

#define THEN_MUTE                                                                                            \
    "the node follows and does not vote: without knowing what it promised it could contradict it; "          \
    "node/OPERATIONS.md says what an operator can do"
#define THEN_TORN "the node cuts it off when it starts: nobody can have relied on a vote that was not on disk"

static int walk_votes(struct fsck *fsck)
{
    struct fsck_log log = {.fsck = fsck,
        .folder = "votes",
        .kind = SEGMENT_LOG_VOTES,
        .record_size_max = VOTE_RECORD_SIZE_MAX,
        .then = THEN_MUTE,
        .then_torn = THEN_TORN};
    int error = fsck_log_walk(&log);
    fsck->counts->votes = log.records;
    return error;
}

/* What each record says alone, the walk has told; here, what they say together, and the marks. */
static int examine(struct fsck *fsck, bool walked_whole)
{
    struct vote_record_report report;
    const struct fsck_options *options = fsck->options;
    int error = vote_record_examine(fsck->disk, options->dir, &options->genesis->chain_id, &report);
    switch (error) {
    case TALLY_OK:
        return TALLY_OK;
    case TALLY_EDENIED:
        fsck_tell(fsck, "votes", FSCK_NO_OFFSET, 0,
            "the node does not start on a copy of a vote record, or on one whose mark is damaged: if this is "
            "no "
            "copy, and the original, move votes/ away, and the node follows and does not vote",
            "%s", report.detail);
        return TALLY_OK;
    case TALLY_ENOTFOUND:
    case TALLY_EDAMAGED:
    case TALLY_ECHAIN:
    case TALLY_EVERSION:
        if (walked_whole)
            fsck_tell(fsck, "votes", FSCK_NO_OFFSET, 0, THEN_MUTE, "%s",
                report.detail[0] != '\0' ? report.detail : tally_error_text(error));
        return TALLY_OK;
    default:
        return error;
    }
}

int fsck_votes(struct fsck *fsck)
{
    uint64_t before = fsck->counts->problems;
    int error = walk_votes(fsck);
    if (error == TALLY_OK) return examine(fsck, fsck->counts->problems == before);
    if (error == TALLY_ENOTFOUND && fsck->options->is_validator)
        fsck_tell(fsck, "votes", FSCK_NO_OFFSET, 0, THEN_MUTE, "a validator's vote record is not there");
    return error == TALLY_ENOTFOUND ? TALLY_OK : error;
}
