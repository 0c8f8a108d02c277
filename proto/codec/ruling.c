#include "proto/codec/ruling.h"

#include <stddef.h>
#include <string.h>

#include "proto/base/check.h"
#include "proto/codec/result.h"

static const struct {
    enum ruling code;
    const char *name, *sentence;
} rulings[] = {
    {RULING_UNKNOWN_MEMBER, "UNKNOWN_MEMBER", "There is no such member, or it was removed."},
    {RULING_UNKNOWN_KEY, "UNKNOWN_KEY",
        "The key is not one by which this member may say this, or has ended."},
    {RULING_OUT_OF_TIME, "OUT_OF_TIME", "The transaction was ordered outside its time."},
    {RULING_OUT_OF_SEQUENCE, "OUT_OF_SEQUENCE", "The sequence is not the member's next one."},
    {RULING_SUSPENDED, "SUSPENDED", "The member is suspended."},
    {RULING_NO_PROPOSAL, "NO_PROPOSAL", "There is no such proposal, as far back as is remembered."},
    {RULING_CLOSED, "CLOSED", "The proposal is closed."},
    {RULING_BALLOTED, "BALLOTED", "The member has voted on this proposal, and a vote is final."},
    {RULING_NOT_PROPOSER, "NOT_PROPOSER", "Only the member that proposed it may withdraw it."},
    {RULING_CLOSING_TIME, "CLOSING_TIME", "The closing time is past, or too far ahead."},
    {RULING_PROPOSALS_FULL, "PROPOSALS_FULL",
        "As many proposals are open as there may be, in all or of this member."},
    {RULING_OTHER_NETWORK, "OTHER_NETWORK", "The join file is for a network of another name."},
    {RULING_NO_MEMBER, "NO_MEMBER", "There is no such member, or it was removed."},
    {RULING_WRONG_STATUS, "WRONG_STATUS", "The member's status does not allow this."},
    {RULING_KEY_TAKEN, "KEY_TAKEN", "The key has a work already, or had one."},
    {RULING_NO_KEY, "NO_KEY", "The member has no such key in force."},
    {RULING_LAST_KEY, "LAST_KEY", "It is the member's last ballot key; the others may revoke or rotate it."},
    {RULING_LAST_VOTER, "LAST_VOTER", "Nobody would be left who can vote."},
    {RULING_TOO_FEW_VALIDATORS, "TOO_FEW_VALIDATORS", "Fewer than four synced validators would be left."},
    {RULING_REGISTER_FULL, "REGISTER_FULL", "The register is at one of its bounds."},
    {RULING_NAME_TAKEN, "NAME_TAKEN", "Another member or node has this name."},
    {RULING_NO_NODE, "NO_NODE", "There is no such node."},
    {RULING_NO_CHANGE, "NO_CHANGE", "It is so already."},
    {RULING_STALE_POLICY, "STALE_POLICY", "The policy's version is not the next one."},
    {RULING_HEIGHT_PASSED, "HEIGHT_PASSED", "The height is not one to come."},
    {RULING_NOT_WANTED, "NOT_WANTED", "The node is not waited for: it votes, or nobody wants it to."},
    {RULING_CHECKPOINT, "CHECKPOINT",
        "The checkpoint is not a recent one that this epoch's validators signed."},
};

#define RULING_COUNT (sizeof rulings / sizeof rulings[0])
_Static_assert(RULING_COUNT == RULING_CHECKPOINT - RULING_UNKNOWN_MEMBER + 1, "every code has its line");
_Static_assert((int)RULING_UNKNOWN_MEMBER > (int)RESULT_ACCOUNT_LIMIT && (int)RULING_OK == (int)RESULT_OK,
    "no number means two things");

static size_t line_of(uint32_t code)
{
    size_t line = (size_t)code - RULING_UNKNOWN_MEMBER;
    if (code < RULING_UNKNOWN_MEMBER || line >= RULING_COUNT) return RULING_COUNT;
    CHECK((uint32_t)rulings[line].code == code);
    return line;
}

const char *ruling_name(uint32_t code)
{
    if (code == RULING_OK) return "OK";
    return line_of(code) < RULING_COUNT ? rulings[line_of(code)].name : NULL;
}

const char *ruling_sentence(uint32_t code)
{
    if (code == RULING_OK) return "It was carried out.";
    return line_of(code) < RULING_COUNT ? rulings[line_of(code)].sentence
                                        : "This ruling is not known to this release.";
}

const char *ruling_sentence_by_name(const char *name)
{
    for (size_t i = 0; i < RULING_COUNT; i++)
        if (strcmp(rulings[i].name, name) == 0) return rulings[i].sentence;
    return NULL;
}
