#include "tools/blame_view.h"

#include <stdio.h>

#include "proto/base/check.h"
#include "proto/crypto/digest.h"
#include "tools/output.h"

#define TUPLE_SIZE_MAX 512u
#define KIND_CHECKPOINT 5u

/* One signed message: the bytes whose SHA-256 is signed, as proto/proof/FORMAT.md lays them out. */
struct signed_message {
    const char *what, *place;
    uint64_t epoch, number; /* of the view, or the height */
    struct digest block;
    uint8_t bytes[TUPLE_SIZE_MAX];
    size_t size;
    struct digest digest;
    struct signature signature;
};

static void put_bytes(struct signed_message *message, const void *bytes, size_t size)
{
    CHECK(message->size + size <= sizeof message->bytes);
    memcpy(message->bytes + message->size, bytes, size);
    message->size += size;
}

static void put_number(struct signed_message *message, uint64_t value)
{
    uint8_t bytes[8];
    put_u64(bytes, value);
    put_bytes(message, bytes, sizeof bytes);
}

static void begin(struct signed_message *message, enum tag tag, const struct digest *chain_id, uint64_t epoch,
    unsigned kind)
{
    uint8_t tag_byte = (uint8_t)tag, kind_byte = (uint8_t)kind;
    message->epoch = epoch;
    put_bytes(message, &tag_byte, 1);
    put_bytes(message, chain_id->bytes, DIGEST_SIZE);
    put_number(message, epoch);
    put_bytes(message, &kind_byte, 1);
}

static struct signed_message message_of_statement(
    const struct digest *chain_id, const struct statement *statement)
{
    struct signed_message message = {.what = statement_name(statement->kind),
        .place = "view",
        .number = statement->view,
        .block = statement->block,
        .signature = statement->signature};
    begin(&message, statement->kind == STATEMENT_PROPOSE ? TAG_PROPOSAL : TAG_VOTE, chain_id,
        statement->epoch, statement->kind);
    put_number(&message, statement->view);
    put_bytes(&message, statement->block.bytes, DIGEST_SIZE);
    message.digest = digest_plain(span_of(message.bytes, message.size));
    return message;
}

static struct signed_message message_of_checkpoint(
    const struct checkpoint *checkpoint, const struct signature *signature)
{
    const struct digest *roots[] = {&checkpoint->state_root, &checkpoint->results_root,
        &checkpoint->history_root, &checkpoint->set_hash, &checkpoint->next_set_hash};
    struct signed_message message = {.what = "checkpoint",
        .place = "height",
        .number = checkpoint->height,
        .block = checkpoint->block,
        .signature = *signature};
    begin(&message, TAG_CHECKPOINT, &checkpoint->chain_id, checkpoint->epoch, KIND_CHECKPOINT);
    put_number(&message, checkpoint->height);
    put_bytes(&message, checkpoint->block.bytes, DIGEST_SIZE);
    put_number(&message, checkpoint->time_ms);
    for (size_t i = 0; i < sizeof roots / sizeof roots[0]; i++)
        put_bytes(&message, roots[i]->bytes, DIGEST_SIZE);
    message.digest = digest_plain(span_of(message.bytes, message.size));
    struct digest expected = checkpoint_digest(checkpoint);
    CHECK(digest_equal(&message.digest, &expected));
    return message;
}

static size_t messages_of(const struct evidence *evidence, struct signed_message messages[2])
{
    switch (evidence->form) {
    case EVIDENCE_STATEMENTS:
        messages[0] = message_of_statement(&evidence->chain_id, &evidence->first);
        messages[1] = message_of_statement(&evidence->chain_id, &evidence->second);
        return 2;
    case EVIDENCE_UNJUSTIFIED:
        messages[0] = message_of_statement(&evidence->chain_id, &evidence->first);
        return 1;
    case EVIDENCE_CHECKPOINTS:
        messages[0] = message_of_checkpoint(&evidence->first_checkpoint, &evidence->first_signature);
        messages[1] = message_of_checkpoint(&evidence->second_checkpoint, &evidence->second_signature);
        return 2;
    }
    CHECK_UNREACHABLE();
}

/* Who holds the key, by the genesis; a member's name is any text, and is shown as one line. */
struct name {
    char node[NAME_SIZE_MAX + 1], member[NAME_SIZE_MAX + 1];
    uint32_t member_id;
};

static struct name name_of(const struct genesis *genesis, const struct public_key *key)
{
    struct name name = {.node = "unknown"};
    const struct genesis_node *node = genesis_node_by_key(genesis, key);
    if (node == NULL) return name;
    const struct genesis_member *member = genesis_member_by_id(genesis, node->member_id);
    snprintf(name.node, sizeof name.node, "%s", node->name);
    name.member_id = node->member_id;
    if (member != NULL) snprintf(name.member, sizeof name.member, "%s", member->name);
    for (char *at = name.member; *at != '\0'; at++)
        if ((unsigned char)*at < 0x20 || *at == 0x7F) *at = ' ';
    return name;
}

static void print_hex(const char *label, struct span bytes)
{
    printf("    %-10s", label);
    for (size_t i = 0; i < bytes.size; i++)
        printf("%02x", bytes.data[i]);
    putchar('\n');
}

static void message_show(const struct signed_message *message)
{
    printf("  signed: %s, epoch %llu, %s %llu\n", message->what, (unsigned long long)message->epoch,
        message->place, (unsigned long long)message->number);
    if (!digest_is_zero(&message->block)) print_hex("block", span_of(message->block.bytes, DIGEST_SIZE));
    print_hex("bytes", span_of(message->bytes, message->size));
    print_hex("sha-256", span_of(message->digest.bytes, DIGEST_SIZE));
    print_hex("signature", span_of(message->signature.bytes, SIGNATURE_SIZE));
}

void evidence_show(const struct genesis *genesis, const struct validator_set *set,
    const struct evidence *evidence, const struct evidence_verdict *verdict)
{
    struct signed_message messages[2];
    const struct public_key *key = &set->keys[evidence->signer];
    struct name name = name_of(genesis, key);
    size_t count = messages_of(evidence, messages);
    const char *what = verdict->divergence ? "divergence" : "guilty";
    if (name.member_id != 0)
        printf("%s, of member %u (%s): %s\n", name.node, name.member_id, name.member, what);
    else
        printf("a validator whose key came after the genesis: %s\n", what);
    printf("  %s%s%s\n", verdict->reason, verdict->detail[0] != '\0' ? " " : "", verdict->detail);
    print_hex("key", span_of(key->bytes, PUBLIC_KEY_SIZE));
    for (size_t i = 0; i < count; i++)
        message_show(&messages[i]);
    if (evidence->form == EVIDENCE_UNJUSTIFIED)
        printf("  the block's header and justification, of %zu bytes, are in the evidence (--json, --out)\n",
            evidence->justification.size);
}

static json_t *message_json(const struct signed_message *message)
{
    json_t *object = json_pack("{s:s, s:I, s:I, s:o, s:o, s:o, s:o}", "what", message->what, "epoch",
        (json_int_t)message->epoch, message->place, (json_int_t)message->number, "block",
        digest_is_zero(&message->block) ? json_null() : json_digest(&message->block), "bytes",
        json_hex(span_of(message->bytes, message->size)), "digest", json_digest(&message->digest),
        "signature", json_hex(span_of(message->signature.bytes, SIGNATURE_SIZE)));
    return object;
}

static json_t *messages_json(const struct evidence *evidence)
{
    struct signed_message messages[2];
    size_t count = messages_of(evidence, messages);
    json_t *list = json_array();
    for (size_t i = 0; list != NULL && i < count; i++)
        json_array_append_new(list, message_json(&messages[i]));
    return list;
}

json_t *evidence_json(const struct genesis *genesis, const struct validator_set *set,
    const struct evidence *evidence, const struct evidence_verdict *verdict)
{
    const struct public_key *key = &set->keys[evidence->signer];
    struct name name = name_of(genesis, key);
    struct buffer encoded;
    buffer_init(&encoded, EVIDENCE_SIZE_MAX);
    evidence_encode(evidence, &encoded);
    json_t *object =
        encoded.failed
            ? NULL
            : json_pack("{s:s, s:I, s:s, s:I, s:o, s:b, s:s, s:s, s:o, s:o}", "validator", name.node,
                  "member", (json_int_t)name.member_id, "member_name", name.member, "signer",
                  (json_int_t)evidence->signer, "key", json_hex(span_of(key->bytes, PUBLIC_KEY_SIZE)),
                  "guilty", !verdict->divergence, "reason", verdict->reason, "detail", verdict->detail,
                  "signed", messages_json(evidence), "evidence", json_hex(buffer_span(&encoded)));
    buffer_close(&encoded);
    return object;
}
