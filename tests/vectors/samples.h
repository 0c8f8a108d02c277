/* Samples for tests: a network of real keys made from seeds, batches, certificates, and subjects with their
 * proofs. All of it is a function of the seeds, so it is the same everywhere. */
#ifndef TALLY_TESTS_SAMPLES_H
#define TALLY_TESTS_SAMPLES_H

#include <stdlib.h>

#include "proto/base/check.h"
#include "proto/codec/agreement.h"
#include "proto/codec/history.h"
#include "proto/crypto/digest.h"
#include "proto/crypto/subject_path.h"

#define SAMPLE_TIME_MS 1700000000000ull

static inline struct digest sample_digest(const char *seed)
{
    return digest_tagged(TAG_SYNTH, span_of(seed, strlen(seed)));
}

static inline struct digest sample_digest_of(const char *seed, uint32_t number)
{
    struct hasher hasher;
    hasher_init(&hasher, TAG_SYNTH);
    hasher_bytes(&hasher, seed, strlen(seed));
    hasher_u32(&hasher, number);
    return hasher_final(&hasher);
}

static inline struct secret_key sample_secret(uint32_t number)
{
    struct digest digest = sample_digest_of("key", number);
    struct secret_key secret;
    memcpy(secret.bytes, digest.bytes, SECRET_KEY_SIZE);
    return secret;
}

/* Validators in the set's order, each with its secret. */
struct sample_network {
    struct digest chain_id;
    struct verify_set validators;
    struct secret_key secrets[VALIDATORS_MAX];
};

/* Of the keys number `first` to `first` + `count` - 1. */
static inline void sample_network_of(
    struct sample_network *network, const char *chain, uint64_t epoch, uint32_t first, uint32_t count)
{
    struct validator_set set = {.epoch = epoch, .count = count};
    network->chain_id = sample_digest(chain);
    for (uint32_t i = 0; i < count; i++) {
        struct secret_key secret = sample_secret(first + i);
        struct public_key key;
        CHECK(secret_key_public(&secret, &key) == TALLY_OK);
        uint32_t at = i;
        for (; at > 0 && memcmp(set.keys[at - 1].bytes, key.bytes, PUBLIC_KEY_SIZE) > 0; at--) {
            set.keys[at] = set.keys[at - 1];
            network->secrets[at] = network->secrets[at - 1];
        }
        set.keys[at] = key;
        network->secrets[at] = secret;
    }
    CHECK(verify_set_init(&set, &network->validators) == TALLY_OK);
}

static inline void sample_network_init(struct sample_network *network, const char *chain, uint32_t count)
{
    sample_network_of(network, chain, 1, 0, count);
}

/* The signatures of the validators in `signers`, in order. */
static inline void sample_sign(const struct sample_network *network, const struct digest *digest,
    uint64_t signers, struct signature signatures[VALIDATORS_MAX])
{
    uint32_t next = 0;
    memset(signatures, 0, VALIDATORS_MAX * sizeof signatures[0]);
    for (uint32_t i = 0; i < network->validators.set.count; i++)
        if ((signers >> i & 1) != 0) signature_make(&network->secrets[i], digest, &signatures[next++]);
}

static inline uint64_t sample_quorum(const struct sample_network *network)
{
    return (1ull << quorum_of(network->validators.set.count)) - 1;
}

static inline void sample_certificate(const struct sample_network *network, enum vote_kind kind,
    uint64_t view, const struct digest *block, struct certificate *certificate)
{
    *certificate =
        (struct certificate){.kind = kind, .epoch = 1, .view = view, .signers = sample_quorum(network)};
    if (kind != VOTE_NULLIFY) certificate->block = *block;
    struct digest digest = vote_digest(&network->chain_id, 1, kind, view, &certificate->block);
    sample_sign(network, &digest, certificate->signers, certificate->signatures);
}

/* The n-th event of an account of `member`: an opening, then reports and payments in turn. */
static inline struct event_header sample_header(uint32_t member, const struct digest *subject, uint32_t seq)
{
    struct event_header header = {
        .type = seq == 0       ? EVENT_ACCOUNT_OPEN
                : seq % 2 == 1 ? EVENT_PERIOD_REPORT
                               : EVENT_PAYMENT,
        .member_id = member,
        .subject_scheme = 1,
        .subject_id = *subject,
        .event_date = 12000 + (int32_t)seq,
        .has_account = true,
        .account_seq = seq,
    };
    memcpy(header.account_ref, subject->bytes, ACCOUNT_REF_SIZE);
    if (seq > 0) header.account_prev = sample_digest_of("prev", seq);
    if (header.type == EVENT_ACCOUNT_OPEN) {
        header.account_type = ACCOUNT_REVOLVING;
        header.currency = 901;
    }
    if (header.type == EVENT_PERIOD_REPORT) header.period = 200501 + (seq / 2) % 12;
    return header;
}

static inline struct event_body sample_body(const struct event_header *header)
{
    struct event_body body = {.type = header->type};
    if (header->type == EVENT_ACCOUNT_OPEN) {
        body.limit = (struct optional_amount){true, 2000000};
        memcpy(body.term_unit, "month", sizeof "month");
    } else if (header->type == EVENT_PERIOD_REPORT) {
        body.balance_minor = -391300;
        body.days_past_due = 31;
        body.past_due = (struct optional_amount){true, 0};
    } else {
        body.amount_minor = 68900 + header->account_seq;
    }
    return body;
}

/* Appends an event with its body to memory that must outlive it: `storage` is one buffer for each. */
static inline void sample_event(const struct digest *chain_id, uint32_t member, const struct digest *subject,
    uint32_t seq, struct buffer *header_bytes, struct buffer *body_bytes, struct batch_event *event)
{
    struct event_header header = sample_header(member, subject, seq);
    struct event_body body = sample_body(&header);
    struct digest salt = sample_digest_of("salt", seq);
    buffer_init(header_bytes, EVENT_HEADER_SIZE_MAX);
    buffer_init(body_bytes, EVENT_BODY_SIZE_MAX);
    event_body_encode(&body, body_bytes);
    header.body_commitment = event_body_commitment(salt.bytes, buffer_span(body_bytes));
    event_header_encode(&header, header_bytes);
    CHECK(!header_bytes->failed && !body_bytes->failed);
    *event = (struct batch_event){
        .header = buffer_span(header_bytes),
        .fields = header,
        .has_body = true,
        .body = buffer_span(body_bytes),
    };
    memcpy(event->salt, salt.bytes, SALT_SIZE);
    event->id = event_id(chain_id, event->header);
}

#define SAMPLE_EVENTS_MAX 64u

/* A signed batch that owns its events' bytes. */
struct sample_batch {
    struct batch batch;
    struct batch_event events[SAMPLE_EVENTS_MAX];
    struct buffer headers[SAMPLE_EVENTS_MAX], bodies[SAMPLE_EVENTS_MAX];
};

static inline void sample_batch_init(struct sample_batch *sample, const struct digest *chain_id,
    uint32_t member, const char *subject, uint32_t count)
{
    struct secret_key secret = sample_secret(1000 + member);
    struct digest subject_id = sample_digest(subject);
    CHECK(count <= SAMPLE_EVENTS_MAX);
    sample->batch = (struct batch){
        .chain_id = *chain_id,
        .member_id = member,
        .expires_at_ms = SAMPLE_TIME_MS + 60000,
        .event_count = count,
        .events = sample->events,
    };
    for (uint32_t i = 0; i < count; i++)
        sample_event(
            chain_id, member, &subject_id, i, &sample->headers[i], &sample->bodies[i], &sample->events[i]);
    CHECK(secret_key_public(&secret, &sample->batch.signing_key) == TALLY_OK);
    sample->batch.digest = batch_digest(&sample->batch);
    signature_make(&secret, &sample->batch.digest, &sample->batch.signature);
}

static inline void sample_batch_close(struct sample_batch *sample)
{
    for (uint32_t i = 0; i < sample->batch.event_count; i++) {
        buffer_close(&sample->headers[i]);
        buffer_close(&sample->bodies[i]);
    }
}

/* ---- A subject map and proofs from it ---- */

#define SAMPLE_SUBJECTS 8u
#define SAMPLE_HISTORY 6u

struct sample_place {
    struct digest position;
    struct subject_leaf leaf;
};

/* Eight subjects. Subject 0 has a real history of six events; the others' leaves are opaque. */
struct sample_map {
    struct sample_network network;
    struct sample_batch history;
    struct digest subject;
    struct sample_place places[SAMPLE_SUBJECTS];
    struct proven_event events[SAMPLE_HISTORY];
    struct digest members_root, policy_root, replay_root, counts_root;
    struct certified_checkpoint checkpoint;
};

/* The root of those places whose positions begin with the first `depth` bits of `prefix`. */
static inline struct digest sample_subtree(
    const struct sample_map *map, const struct digest *prefix, size_t depth)
{
    const struct sample_place *only = NULL;
    size_t count = 0;
    for (size_t i = 0; i < SAMPLE_SUBJECTS; i++) {
        if (position_shared_bits(prefix, &map->places[i].position) < depth) continue;
        only = &map->places[i];
        count++;
    }
    if (count == 0) return (struct digest){0};
    if (count == 1) return subject_leaf_hash(&only->position, &only->leaf);
    struct digest left = *prefix, right = *prefix;
    left.bytes[depth / 8] = (uint8_t)(left.bytes[depth / 8] & ~(0x80u >> depth % 8));
    right.bytes[depth / 8] = (uint8_t)(right.bytes[depth / 8] | 0x80u >> depth % 8);
    struct digest below_left = sample_subtree(map, &left, depth + 1);
    struct digest below_right = sample_subtree(map, &right, depth + 1);
    return subject_node_hash(&below_left, &below_right);
}

/* How many places share the first `depth` bits; *which is one of them. */
static inline size_t sample_count_at(
    const struct sample_map *map, const struct digest *position, size_t depth, size_t *which)
{
    size_t count = 0;
    for (size_t i = 0; i < SAMPLE_SUBJECTS; i++) {
        if (position_shared_bits(position, &map->places[i].position) < depth) continue;
        *which = i;
        count++;
    }
    return count;
}

/* The proof of any subject: present for subject 0, absent for those that are not in the map. */
static inline void sample_prove(
    const struct sample_map *map, const struct digest *subject, struct history_proof *proof)
{
    struct digest position = subject_position(&map->network.chain_id, subject);
    size_t depth = 0, which = 0, count;
    memset(proof, 0, sizeof *proof);
    proof->subject_id = *subject;
    proof->position = position;
    proof->checkpoint = map->checkpoint;
    proof->members_root = map->members_root;
    proof->policy_root = map->policy_root;
    proof->replay_root = map->replay_root;
    proof->counts_root = map->counts_root;
    while ((count = sample_count_at(map, &position, depth, &which)) > 1) {
        struct digest sibling = position;
        sibling.bytes[depth / 8] ^= (uint8_t)(0x80u >> depth % 8);
        proof->siblings[depth] = sample_subtree(map, &sibling, depth + 1);
        depth++;
    }
    proof->sibling_count = (uint32_t)depth;
    if (count == 0) {
        proof->place = PLACE_EMPTY;
        return;
    }
    proof->leaf = map->places[which].leaf;
    if (!digest_equal(&map->places[which].position, &position)) {
        proof->place = PLACE_OTHER;
        proof->other_position = map->places[which].position;
        return;
    }
    proof->place = PLACE_PRESENT;
    proof->events = map->events;
    proof->event_count = (uint32_t)proof->leaf.count;
}

/* Signs the checkpoint again, after something in it was changed. */
static inline void sample_certify(
    const struct sample_network *network, uint64_t signers, struct certified_checkpoint *checkpoint)
{
    struct digest digest = checkpoint_digest(&checkpoint->checkpoint);
    checkpoint->signers = signers;
    sample_sign(network, &digest, signers, checkpoint->signatures);
}

static inline struct digest sample_state_root(const struct sample_map *map)
{
    struct digest nowhere = {0};
    struct state_parts parts = {
        .subjects_root = sample_subtree(map, &nowhere, 0),
        .members_root = map->members_root,
        .policy_root = map->policy_root,
        .replay_root = map->replay_root,
        .counts_root = map->counts_root,
    };
    return state_root(&parts);
}

/* Subject 0's leaf, of the first `count` events (at least 1) as they stand in map->events. */
static inline void sample_fold(struct sample_map *map, uint32_t count)
{
    struct digest acc = subject_fold_start(&map->network.chain_id, &map->subject);
    for (uint32_t i = 0; i < count; i++) {
        const struct proven_event *event = &map->events[i];
        struct digest id = event_id(&map->network.chain_id, event->header);
        acc = subject_fold_step(&acc, i, event->height, event->time_ms, event->result, &id);
    }
    map->places[0].leaf = (struct subject_leaf){
        .count = count,
        .last_height = map->events[count - 1].height,
        .acc = acc,
        .summary = sample_digest("summary"),
    };
}

/* Puts what the map holds now under a signed checkpoint of `height`. */
static inline void sample_map_certify(struct sample_map *map, uint64_t height)
{
    map->checkpoint.checkpoint = (struct checkpoint){
        .chain_id = map->network.chain_id,
        .epoch = 1,
        .height = height,
        .block = sample_digest("block"),
        .time_ms = SAMPLE_TIME_MS + 51 + height,
        .state_root = sample_state_root(map),
        .results_root = sample_digest("results"),
        .history_root = sample_digest("history"),
        .set_hash = validator_set_hash(&map->network.validators.set),
        .next_set_hash = validator_set_hash(&map->network.validators.set),
    };
    sample_certify(&map->network, sample_quorum(&map->network), &map->checkpoint);
}

static inline void sample_events(struct sample_map *map)
{
    for (uint32_t i = 0; i < SAMPLE_HISTORY; i++) {
        map->events[i] = (struct proven_event){
            .height = 3 + i / 2,
            .time_ms = SAMPLE_TIME_MS + i / 2,
            .result = RESULT_OK,
            .header = map->history.events[i].header,
            .has_body = true,
            .body = map->history.events[i].body,
        };
        memcpy(map->events[i].salt, map->history.events[i].salt, SALT_SIZE);
    }
}

static inline void sample_map_init(struct sample_map *map)
{
    sample_network_init(&map->network, "chain", 4);
    sample_batch_init(&map->history, &map->network.chain_id, 7, "subject", SAMPLE_HISTORY);
    map->subject = sample_digest("subject");
    for (uint32_t i = 0; i < SAMPLE_SUBJECTS; i++) {
        struct digest other = i == 0 ? map->subject : sample_digest_of("other subject", i);
        map->places[i].position = subject_position(&map->network.chain_id, &other);
        map->places[i].leaf = (struct subject_leaf){.count = i,
            .last_height = i,
            .acc = sample_digest_of("acc", i),
            .summary = sample_digest_of("summary", i)};
    }
    sample_events(map);
    sample_fold(map, SAMPLE_HISTORY);
    map->members_root = sample_digest("members");
    map->policy_root = sample_digest("policy");
    map->replay_root = sample_digest("replay");
    map->counts_root = sample_digest("counts");
    sample_map_certify(map, 9);
}

/* The map as it stood after subject 0's first `count` events, 1 to SAMPLE_HISTORY, and no others'; it borrows
 * from `map`. The checkpoint's height is the last event's. */
static inline struct sample_map sample_map_as_of(const struct sample_map *map, uint32_t count)
{
    struct sample_map then = *map;
    sample_fold(&then, count);
    sample_map_certify(&then, then.events[count - 1].height);
    return then;
}

static inline void sample_map_close(struct sample_map *map)
{
    sample_batch_close(&map->history);
}

/* A subject that is not in the map and whose place there is of this kind. */
static inline struct digest sample_absent(const struct sample_map *map, enum history_place place)
{
    for (uint32_t i = 0; i < 10000; i++) {
        struct digest subject = sample_digest_of("absent", i);
        struct history_proof *proof = malloc(sizeof *proof);
        CHECK(proof != NULL);
        sample_prove(map, &subject, proof);
        bool found = proof->place == place;
        free(proof);
        if (found) return subject;
    }
    CHECK_UNREACHABLE();
}

#endif
