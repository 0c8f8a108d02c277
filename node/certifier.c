#include "node/certifier.h"

#include <stdlib.h>

#include "peer.pb-c.h"
#include "proto/base/check.h"
#include "proto/codec/convert.h"
#include "proto/codec/message.h"

#define VOTE_ARENA_BUDGET (64u * KIB)

/* What was heard of one height. Slots are a ring by height. */
struct slot {
    uint64_t height; /* 0 = free */
    bool applied;
    struct checkpoint own; /* where applied */
    struct digest own_digest;
    uint64_t voters;     /* bitmap */
    uint64_t conflicted; /* those who signed two */
    struct digest digests[VALIDATORS_MAX];
    struct checkpoint checkpoints[VALIDATORS_MAX]; /* whose digests these are */
    struct signature signatures[VALIDATORS_MAX];
};

struct certifier {
    const struct verify_set *validators;
    struct digest chain_id, set_hash;
    uint64_t newest;  /* certified */
    uint64_t applied; /* the newest height this node applied */
    const struct certifier_callbacks *callbacks;
    void *context;
    bool has_early; /* a certified checkpoint of a height not yet applied */
    struct certified_checkpoint early;
    struct slot slots[CERTIFIER_HEIGHTS];
};

void checkpoint_vote_encode(const struct checkpoint_vote *vote, struct buffer *out)
{
    Tallystick__V1__CheckpointVote message = TALLYSTICK__V1__CHECKPOINT_VOTE__INIT;
    Tallystick__V1__Checkpoint checkpoint;
    checkpoint_to_message(&vote->checkpoint, &checkpoint);
    message.checkpoint = &checkpoint;
    message.signer = vote->signer;
    message.signature = message_bytes(span_of(vote->signature.bytes, SIGNATURE_SIZE));
    message_encode(&message.base, out);
}

static int checkpoint_vote_from_message(
    const Tallystick__V1__CheckpointVote *message, struct checkpoint_vote *vote)
{
    if (message->checkpoint == NULL || message->signature.len != SIGNATURE_SIZE) return TALLY_EFORM;
    int error = checkpoint_from_message(message->checkpoint, &vote->checkpoint);
    if (error != TALLY_OK) return error;
    vote->signer = message->signer;
    memcpy(vote->signature.bytes, message->signature.data, SIGNATURE_SIZE);
    return TALLY_OK;
}

int checkpoint_vote_decode(struct span bytes, struct checkpoint_vote *vote)
{
    struct arena arena;
    ProtobufCMessage *message;
    arena_init(&arena, VOTE_ARENA_BUDGET);
    int error = message_decode(
        &tallystick__v1__checkpoint_vote__descriptor, MESSAGE_CANONICAL, bytes, &arena, &message);
    if (error == TALLY_OK)
        error = checkpoint_vote_from_message((const Tallystick__V1__CheckpointVote *)message, vote);
    arena_close(&arena);
    return error;
}

int certifier_open(const struct verify_set *validators, const struct digest *chain_id, uint64_t newest,
    const struct certifier_callbacks *callbacks, void *context, struct certifier **out)
{
    struct certifier *certifier = calloc(1, sizeof *certifier);
    if (certifier == NULL) return TALLY_ENOMEM;
    certifier->validators = validators;
    certifier->chain_id = *chain_id;
    certifier->set_hash = validator_set_hash(&validators->set);
    certifier->newest = newest;
    certifier->callbacks = callbacks;
    certifier->context = context;
    *out = certifier;
    return TALLY_OK;
}

void certifier_close(struct certifier *certifier)
{
    free(certifier);
}

uint64_t certifier_newest(const struct certifier *certifier)
{
    return certifier->newest;
}

uint64_t certifier_heard(const struct certifier *certifier)
{
    uint64_t early = certifier->has_early ? certifier->early.checkpoint.height : 0;
    return early > certifier->newest ? early : certifier->newest;
}

/* The oldest height above the newest certified one that anything was heard or found of. */
static const struct slot *oldest_waiting(const struct certifier *certifier)
{
    const struct slot *oldest = NULL;
    for (uint32_t i = 0; i < CERTIFIER_HEIGHTS; i++) {
        const struct slot *slot = &certifier->slots[i];
        if (slot->height > certifier->newest && (oldest == NULL || slot->height < oldest->height))
            oldest = slot;
    }
    return oldest;
}

void certifier_gathering(const struct certifier *certifier, struct certifier_gathering *gathering)
{
    const struct slot *slot = oldest_waiting(certifier);
    *gathering = (struct certifier_gathering){.height = slot != NULL ? slot->height : 0};
    for (uint32_t i = 0; slot != NULL && i < certifier->validators->set.count; i++) {
        if ((slot->voters >> i & 1) == 0) continue;
        for (uint32_t j = 0; j < i && gathering->groups[i] == 0; j++)
            if (gathering->groups[j] != 0 && digest_equal(&slot->digests[j], &slot->digests[i]))
                gathering->groups[i] = gathering->groups[j];
        if (gathering->groups[i] == 0) gathering->groups[i] = ++gathering->group_count;
        if (slot->applied && digest_equal(&slot->digests[i], &slot->own_digest))
            gathering->own_group = gathering->groups[i];
    }
}

/* The slot of a height worth keeping: above the newest certified one, and not so far ahead that it would push
 * out what is being gathered. NULL for any other. */
static struct slot *slot_of(struct certifier *certifier, uint64_t height)
{
    uint64_t base = certifier->newest > certifier->applied ? certifier->newest : certifier->applied;
    if (height <= certifier->newest || height > base + CERTIFIER_HEIGHTS / 2) return NULL;
    if (height + CERTIFIER_HEIGHTS / 2 <= base) return NULL;
    struct slot *slot = &certifier->slots[height % CERTIFIER_HEIGHTS];
    if (slot->height > height) return NULL;
    if (slot->height < height) {
        memset(slot, 0, sizeof *slot);
        slot->height = height;
    }
    return slot;
}

/* Collects the signatures on `digest`, exactly a quorum of them where there are that many. */
static bool gather(const struct certifier *certifier, const struct slot *slot, const struct digest *digest,
    struct certified_checkpoint *certified)
{
    uint32_t n = certifier->validators->set.count, count = 0;
    for (uint32_t i = 0; i < n && count < quorum_of(n); i++) {
        if ((slot->voters >> i & 1) == 0 || !digest_equal(&slot->digests[i], digest)) continue;
        certified->signers |= 1ull << i;
        certified->signatures[count++] = slot->signatures[i];
    }
    return count == quorum_of(n);
}

/* Whether a quorum agrees on anything about this height, and on what. */
static void judge(struct certifier *certifier, struct slot *slot)
{
    if (!slot->applied || slot->height <= certifier->newest) return;
    struct certified_checkpoint certified = {.checkpoint = slot->own};
    if (gather(certifier, slot, &slot->own_digest, &certified)) {
        certifier->newest = slot->height;
        certifier->callbacks->on_certified(certifier->context, &certified);
        return;
    }
    for (uint32_t i = 0; i < certifier->validators->set.count; i++) {
        struct certified_checkpoint other = {0};
        if ((slot->voters >> i & 1) == 0 || digest_equal(&slot->digests[i], &slot->own_digest)) continue;
        if (!gather(certifier, slot, &slot->digests[i], &other)) continue;
        certifier->callbacks->on_divergence(certifier->context, slot->height);
        return;
    }
}

static void adopt(struct certifier *certifier, const struct certified_checkpoint *certified)
{
    const struct slot *slot = &certifier->slots[certified->checkpoint.height % CERTIFIER_HEIGHTS];
    if (slot->height != certified->checkpoint.height || !slot->applied) return;
    struct digest digest = checkpoint_digest(&certified->checkpoint);
    if (digest_equal(&digest, &slot->own_digest)) {
        certifier->newest = slot->height;
        certifier->callbacks->on_certified(certifier->context, certified);
    } else {
        certifier->callbacks->on_divergence(certifier->context, slot->height);
    }
}

void certifier_applied(struct certifier *certifier, const struct checkpoint *checkpoint)
{
    CHECK(checkpoint->height >= certifier->applied);
    certifier->applied = checkpoint->height;
    struct slot *slot = slot_of(certifier, checkpoint->height);
    if (slot == NULL) return;
    slot->applied = true;
    slot->own = *checkpoint;
    slot->own_digest = checkpoint_digest(checkpoint);
    if (certifier->has_early && certifier->early.checkpoint.height <= checkpoint->height) {
        certifier->has_early = false;
        if (certifier->early.checkpoint.height > certifier->newest) adopt(certifier, &certifier->early);
    }
    judge(certifier, slot);
}

static int check_identity(const struct certifier *certifier, const struct checkpoint *checkpoint)
{
    if (!digest_equal(&checkpoint->chain_id, &certifier->chain_id)) return TALLY_ECHAIN;
    if (checkpoint->epoch != certifier->validators->set.epoch) return TALLY_EINVALID;
    if (!digest_equal(&checkpoint->set_hash, &certifier->set_hash)) return TALLY_EINVALID;
    return TALLY_OK;
}

static void tell_conflict(
    const struct certifier *certifier, const struct slot *slot, const struct checkpoint_vote *vote)
{
    struct evidence evidence = {.form = EVIDENCE_CHECKPOINTS,
        .chain_id = certifier->chain_id,
        .epoch = certifier->validators->set.epoch,
        .signer = vote->signer,
        .first_checkpoint = slot->checkpoints[vote->signer],
        .first_signature = slot->signatures[vote->signer],
        .second_checkpoint = vote->checkpoint,
        .second_signature = vote->signature};
    evidence_arrange(&evidence);
    certifier->callbacks->on_evidence(certifier->context, &evidence);
}

int certifier_vote(struct certifier *certifier, const struct checkpoint_vote *vote)
{
    int error = check_identity(certifier, &vote->checkpoint);
    if (error != TALLY_OK) return error;
    if (vote->signer >= certifier->validators->set.count) return TALLY_EINVALID;
    struct slot *slot = slot_of(certifier, vote->checkpoint.height);
    if (slot == NULL) return TALLY_OK;
    struct digest digest = checkpoint_digest(&vote->checkpoint);
    bool known = (slot->voters >> vote->signer & 1) != 0;
    if (known && digest_equal(&slot->digests[vote->signer], &digest)) return TALLY_OK;
    if ((slot->conflicted >> vote->signer & 1) != 0) return TALLY_OK; /* told once */
    error = signature_check(&certifier->validators->parsed[vote->signer], &digest, &vote->signature);
    if (error != TALLY_OK) return error;
    if (known) {
        slot->conflicted |= 1ull << vote->signer;
        tell_conflict(certifier, slot, vote);
        return TALLY_OK;
    }
    slot->voters |= 1ull << vote->signer;
    slot->digests[vote->signer] = digest;
    slot->checkpoints[vote->signer] = vote->checkpoint;
    slot->signatures[vote->signer] = vote->signature;
    judge(certifier, slot);
    return TALLY_OK;
}

int certifier_checkpoint(struct certifier *certifier, const struct certified_checkpoint *checkpoint)
{
    uint64_t height = checkpoint->checkpoint.height;
    int error = check_identity(certifier, &checkpoint->checkpoint);
    if (error != TALLY_OK) return error;
    if (height <= certifier->newest || (certifier->has_early && height <= certifier->early.checkpoint.height))
        return TALLY_OK;
    error = certified_checkpoint_check(certifier->validators, checkpoint);
    if (error != TALLY_OK) return error;
    if (height <= certifier->applied) {
        adopt(certifier, checkpoint);
    } else {
        certifier->early = *checkpoint;
        certifier->has_early = true;
    }
    return TALLY_OK;
}
