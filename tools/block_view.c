#include "tools/block_view.h"

#include <stdio.h>
#include <stdlib.h>

#include "proto/codec/convert.h"
#include "proto/codec/governance.h"
#include "proto/codec/result.h"
#include "proto/codec/ruling.h"
#include "proto/codec/subject_scheme.h"
#include "tools/event_json.h"
#include "tools/output.h"

/* One transaction, decoded. */
#define TRANSACTION_ARENA_BUDGET (4u * MIB)

enum tool_exit block_validators(struct context *context, const Tallystick__V1__GetBlockReply *reply,
    const struct proof_trust *trust, struct verify_set *before, struct verify_set *now)
{
    struct block_header header;
    struct epoch_sets sets = {
        .chain_id = trust->chain_id,
        .validators = trust->validators,
        .seals_left = span_of_bytes(reply->seals),
    };
    if (reply->header == NULL || block_header_from_message(reply->header, &header) != TALLY_OK)
        return block_malformed(context);
    bool reached = header.epoch < 2 || epoch_sets_reach(&sets, header.epoch - 1);
    *before = sets.validators;
    if (!reached || !epoch_sets_reach(&sets, header.epoch))
        return context_fail(context, TOOL_REFUSED, "SIGNATURE",
            "the node's seals do not lead from the genesis's validators to those of the block's epoch");
    *now = sets.validators;
    return TOOL_DONE;
}

/* What is told of an event must be what its id stands for. */
static bool event_is_sound(const Tallystick__V1__BlockEvent *event, const struct digest *chain_id)
{
    struct event_header header;
    struct digest told;
    if (event->header.len == 0) return event->plain == NULL;
    if (digest_from_bytes(event->event_id, &told) != TALLY_OK ||
        event_header_decode(span_of_bytes(event->header), &header) != TALLY_OK)
        return false;
    const struct digest id = event_id(chain_id, span_of_bytes(event->header));
    if (!digest_equal(&id, &told)) return false;
    if (event->plain == NULL) return true;
    if (event->plain->salt.len != SALT_SIZE) return false;
    const struct digest commitment =
        event_body_commitment(event->plain->salt.data, span_of_bytes(event->plain->body));
    return digest_equal(&commitment, &header.body_commitment);
}

static bool events_are_sound(const Tallystick__V1__GetBlockReply *reply, const struct digest *chain_id)
{
    for (size_t i = 0; i < reply->n_events; i++)
        if (!event_is_sound(reply->events[i], chain_id)) return false;
    return true;
}

enum tool_exit block_check(struct context *context, const Tallystick__V1__GetBlockReply *reply,
    uint64_t height, const struct digest *chain_id, const struct verify_set *validators,
    struct block_header *header, struct digest *hash)
{
    struct certificate *certificate = calloc(1, sizeof *certificate);
    struct digest told;
    enum tool_exit code = TOOL_DONE;
    if (certificate == NULL) return context_fail(context, TOOL_REFUSED, "MEMORY", "not enough memory");
    if (reply->header == NULL || block_header_from_message(reply->header, header) != TALLY_OK ||
        digest_from_bytes(reply->block, &told) != TALLY_OK || header->height != height) {
        code = context_fail(context, TOOL_REFUSED, "FORM",
            "the node answers with what is no block of height %llu", (unsigned long long)height);
        goto done;
    }
    *hash = block_header_hash(header);
    if (!digest_equal(&header->chain_id, chain_id)) {
        code = context_fail(context, TOOL_REFUSED, "CHAIN", "the block is of another chain");
    } else if (!digest_equal(hash, &told)) {
        code = context_fail(
            context, TOOL_REFUSED, "ROOT", "the block's header does not have the hash that the node tells");
    } else if (!events_are_sound(reply, chain_id)) {
        code = context_fail(context, TOOL_REFUSED, "BODY",
            "the node tells headers or bodies that are not those of the events' ids");
    } else if (header->epoch != validators->set.epoch) {
        code = context_fail(context, TOOL_REFUSED, "SIGNATURE",
            "the block is of another epoch than the validators that seals lead to");
    } else if (reply->finalization != NULL) {
        bool good = certificate_from_message(reply->finalization, certificate) == TALLY_OK &&
                    certificate->kind == VOTE_FINALIZE && digest_equal(&certificate->block, hash) &&
                    certificate_check(validators, chain_id, certificate) == TALLY_OK;
        if (!good) {
            code = context_fail(context, TOOL_REFUSED, "SIGNATURE",
                "the block's finalization is not signed by a quorum of the validators");
        }
    }
done:
    free(certificate);
    return code;
}

/* Whom or what an event is about. */
static void subject_set(json_t *object, const struct event_header *header)
{
    struct block_range blocks;
    if (header->subject_scheme == SUBJECT_SCHEME_BLOCKS &&
        subject_blocks(&header->subject_id, &blocks) == TALLY_OK)
        json_object_set_new(object, "blocks",
            json_pack("{s:I, s:I}", "first", (json_int_t)blocks.first, "last", (json_int_t)blocks.last));
    else
        json_object_set_new(object, "subject", json_digest(&header->subject_id));
}

/* One event; NULL where the node's answer is malformed. */
static json_t *event_json(const Tallystick__V1__BlockEvent *event)
{
    struct event_header header;
    json_t *object = NULL;
    if (event->event_id.len != DIGEST_SIZE) return NULL;
    if (event->header.len > 0) {
        if (event_header_decode(span_of_bytes(event->header), &header) != TALLY_OK) return NULL;
        object = event_header_to_json(&header);
        const char *result = result_name(event->result);
        if (object != NULL) subject_set(object, &header);
        if (object != NULL)
            json_object_set_new(object, "result", json_string(result == NULL ? "UNKNOWN" : result));
        struct event_body *body = event->plain == NULL ? NULL : malloc(sizeof *body);
        if (object != NULL && body != NULL &&
            event_body_decode(header.type, span_of_bytes(event->plain->body), body) == TALLY_OK) {
            json_object_set_new(object, "body", event_body_to_json(body));
        }
        free(body);
    } else {
        object = json_object();
    }
    if (object == NULL) return NULL;
    json_object_set_new(object, "index", json_integer(event->index));
    json_object_set_new(object, "event_id", json_hex(span_of_bytes(event->event_id)));
    return object;
}

/* By its exact bytes, which have to be what the digest says; NULL where they are not. */
static const struct governance_transaction *transaction_read(
    const Tallystick__V1__BlockTransaction *from, struct arena *arena)
{
    struct governance_transaction *read = arena_take(arena, sizeof *read);
    struct digest told;
    if (read == NULL || digest_from_bytes(from->digest, &told) != TALLY_OK ||
        governance_decode(span_of_bytes(from->transaction), arena, read) != TALLY_OK ||
        !digest_equal(&read->digest, &told))
        return NULL;
    return read;
}

static const char *ruling_shown(const Tallystick__V1__BlockTransaction *from)
{
    const char *name = ruling_name(from->ruling);
    return name == NULL ? "UNKNOWN" : name;
}

static json_t *transaction_json(const Tallystick__V1__BlockTransaction *from)
{
    struct arena arena;
    arena_init(&arena, TRANSACTION_ARENA_BUDGET);
    const struct governance_transaction *read = transaction_read(from, &arena);
    json_t *object = read == NULL
                         ? NULL
                         : json_pack("{s:I, s:o, s:I, s:s, s:s}", "index", (json_int_t)from->index, "digest",
                               json_digest(&read->digest), "member", (json_int_t)read->member_id, "kind",
                               governance_kind_name(read->kind), "ruling", ruling_shown(from));
    arena_close(&arena);
    return object;
}

/* NULL where one is malformed. */
static json_t *transactions_json(const Tallystick__V1__GetBlockReply *reply)
{
    json_t *transactions = json_array();
    for (size_t i = 0; transactions != NULL && i < reply->n_transactions; i++) {
        json_t *each = transaction_json(reply->transactions[i]);
        if (each == NULL) {
            json_decref(transactions);
            return NULL;
        }
        json_array_append_new(transactions, each);
    }
    return transactions;
}

static int transaction_print(const Tallystick__V1__BlockTransaction *from)
{
    char hex[2 * DIGEST_SIZE + 1];
    struct arena arena;
    arena_init(&arena, TRANSACTION_ARENA_BUDGET);
    const struct governance_transaction *read = transaction_read(from, &arena);
    if (read != NULL) {
        hex_encode(span_of(read->digest.bytes, DIGEST_SIZE), hex);
        printf("  %6u  %s  %-14s %s of member %u\n", from->index, hex, ruling_shown(from),
            governance_kind_name(read->kind), read->member_id);
    }
    int error = read == NULL ? TALLY_EFORM : TALLY_OK;
    arena_close(&arena);
    return error;
}

enum tool_exit block_malformed(struct context *context)
{
    return context_fail(context, TOOL_REFUSED, "FORM", "the node answers with events of another form");
}

json_t *block_to_json(
    const Tallystick__V1__GetBlockReply *reply, const struct block_header *header, const struct digest *hash)
{
    json_t *events = json_array(), *signers = reply->finalization == NULL ? json_null() : json_array();
    for (uint32_t i = 0; reply->finalization != NULL && i < VALIDATORS_MAX; i++) {
        if ((reply->finalization->signers >> i & 1) != 0) json_array_append_new(signers, json_integer(i));
    }
    for (size_t i = 0; i < reply->n_events; i++) {
        json_t *event = event_json(reply->events[i]);
        if (event == NULL) {
            json_decref(events);
            json_decref(signers);
            return NULL;
        }
        json_array_append_new(events, event);
    }
    json_t *transactions = transactions_json(reply);
    if (transactions == NULL) {
        json_decref(events);
        json_decref(signers);
        return NULL;
    }
    return json_pack("{s:I, s:o, s:I, s:I, s:o, s:I, s:o, s:I, s:I, s:o, s:o, s:o}", "height",
        (json_int_t)header->height, "block", json_digest(hash), "epoch", (json_int_t)header->epoch, "view",
        (json_int_t)header->view, "parent", json_digest(&header->parent_hash), "time_ms",
        (json_int_t)header->time_ms, "payload_root", json_digest(&header->payload_root), "payload_size",
        (json_int_t)header->payload_size, "payload_events", (json_int_t)header->payload_events,
        "finalized_by", signers, "events", events, "transactions", transactions);
}

int block_events_print(const Tallystick__V1__GetBlockReply *reply)
{
    char hex[2 * DIGEST_SIZE + 1];
    for (size_t i = 0; i < reply->n_events; i++) {
        const Tallystick__V1__BlockEvent *event = reply->events[i];
        const char *result = result_name(event->result);
        struct event_header fields;
        struct block_range blocks;
        if (event->event_id.len != DIGEST_SIZE) return TALLY_EFORM;
        hex_encode(span_of_bytes(event->event_id), hex);
        bool readable = event->header.len > 0;
        if (readable && event_header_decode(span_of_bytes(event->header), &fields) != TALLY_OK)
            return TALLY_EFORM;
        printf("  %6u  %s", event->index, hex);
        if (readable)
            printf("  %-14s %s", result == NULL ? "UNKNOWN" : result, event_type_name((uint32_t)fields.type));
        if (readable && fields.subject_scheme == SUBJECT_SCHEME_BLOCKS &&
            subject_blocks(&fields.subject_id, &blocks) == TALLY_OK)
            printf(" of member %u about blocks %llu to %llu, %s", fields.member_id,
                (unsigned long long)blocks.first, (unsigned long long)blocks.last,
                credit_purpose_names[fields.purpose - 1]);
        putchar('\n');
    }
    for (size_t i = 0; i < reply->n_transactions; i++)
        if (transaction_print(reply->transactions[i]) != TALLY_OK) return TALLY_EFORM;
    return TALLY_OK;
}
