/* A subject's file made event by event, for readers of verified histories: what a HistoryProof holds once it
 * was verified, with ids, accounts and bodies that belong together. Nothing here is signed. */
#ifndef TALLY_TESTS_SAMPLE_FILE_H
#define TALLY_TESTS_SAMPLE_FILE_H

#include "tests/vectors/samples.h"

#define SAMPLE_FILE_MAX 1024u
#define SAMPLE_FILE_ACCOUNTS 8u

struct sample_file {
    struct digest chain_id, subject;
    uint32_t count;
    uint64_t time_ms; /* of the next event; an event a minute unless a test sets it forward */
    struct event_header headers[SAMPLE_FILE_MAX];
    struct digest ids[SAMPLE_FILE_MAX];
    struct proven_event events[SAMPLE_FILE_MAX];
    struct buffer header_bytes[SAMPLE_FILE_MAX], body_bytes[SAMPLE_FILE_MAX];
    struct {
        uint32_t seq;
        struct digest head;
    } accounts[SAMPLE_FILE_ACCOUNTS];
};

static inline void sample_file_init(struct sample_file *file, const char *subject, uint64_t time_ms)
{
    memset(file, 0, sizeof *file);
    file->chain_id = sample_digest("chain");
    file->subject = sample_digest(subject);
    file->time_ms = time_ms;
}

static inline void sample_file_close(struct sample_file *file)
{
    for (uint32_t i = 0; i < file->count; i++) {
        buffer_close(&file->header_bytes[i]);
        buffer_close(&file->body_bytes[i]);
    }
}

/* A header of the member with nothing in it but its date: of account number `account`, or of an item. */
static inline struct event_header sample_file_header(
    const struct sample_file *file, enum event_type type, uint32_t member, uint32_t account, int32_t date)
{
    struct event_header header = {
        .type = type,
        .member_id = member,
        .subject_scheme = 1,
        .subject_id = file->subject,
        .event_date = date,
        .has_account = event_type_has_account((uint32_t)type),
    };
    if (header.has_account) {
        memset(header.account_ref, 0xA0 + (int)account, ACCOUNT_REF_SIZE);
    } else {
        put_u32(header.item_id, file->count + 1);
    }
    return header;
}

/* Appends an event with its body (NULL: an empty one), and returns its place. The account's chain goes on
 * only with what was applied. */
static inline uint32_t sample_file_add(
    struct sample_file *file, struct event_header header, const struct event_body *body, uint16_t result)
{
    struct event_body none = {.type = header.type};
    struct digest salt = sample_digest_of("salt", file->count);
    uint32_t place = file->count++, account = header.account_ref[0] - 0xA0u;
    CHECK(place < SAMPLE_FILE_MAX);
    buffer_init(&file->header_bytes[place], EVENT_HEADER_SIZE_MAX);
    buffer_init(&file->body_bytes[place], EVENT_BODY_SIZE_MAX);
    event_body_encode(body == NULL ? &none : body, &file->body_bytes[place]);
    struct span body_bytes = buffer_span(&file->body_bytes[place]);
    header.body_commitment = event_body_commitment(salt.bytes, body_bytes);
    if (header.has_account) {
        CHECK(account < SAMPLE_FILE_ACCOUNTS);
        header.account_seq = file->accounts[account].seq;
        header.account_prev = file->accounts[account].head;
    }
    event_header_encode(&header, &file->header_bytes[place]);
    CHECK(!file->header_bytes[place].failed && !file->body_bytes[place].failed);
    file->headers[place] = header;
    file->ids[place] = event_id(&file->chain_id, buffer_span(&file->header_bytes[place]));
    file->events[place] = (struct proven_event){
        .height = 10 + place,
        .time_ms = file->time_ms,
        .result = result,
        .header = buffer_span(&file->header_bytes[place]),
        .has_body = true,
        .body = body_bytes,
    };
    memcpy(file->events[place].salt, salt.bytes, SALT_SIZE);
    file->time_ms += 60000;
    if (header.has_account && result == RESULT_OK) {
        file->accounts[account].seq++;
        file->accounts[account].head = file->ids[place];
    }
    return place;
}

/* The file as of an hour after its newest event. */
static inline struct history_proof sample_file_proof(const struct sample_file *file)
{
    struct history_proof proof = {
        .subject_id = file->subject,
        .place = file->count == 0 ? PLACE_EMPTY : PLACE_PRESENT,
        .event_count = file->count,
        .events = file->events,
    };
    proof.checkpoint.checkpoint.chain_id = file->chain_id;
    proof.checkpoint.checkpoint.height = 10 + file->count;
    proof.checkpoint.checkpoint.time_ms = file->time_ms + 3600000;
    return proof;
}

#endif
