/* Vectors of histories: whole ones, and those that go on from one that was verified before. */
#ifndef TALLY_TESTS_VECTORS_HISTORY_H
#define TALLY_TESTS_VECTORS_HISTORY_H

#include "tests/vectors/event_samples.h"
#include "tests/vectors/vector.h"

/* What a vector is made from; a spoiler changes what it likes. */
struct history_making {
    struct sample_map *map; /* events, leaves, network; changes need history_again */
    struct history_proof *proof;
    struct proven_event *events; /* the proof's */
    struct history_proof *base;  /* with `since`: what came before */
    struct proven_event *base_events;
    struct certified_checkpoint *known;
    struct digest *inquiry;
};
typedef void history_spoil(struct history_making *making);

/* Proves the map's subject anew, signed, after the map was changed. */
static void history_again(struct history_making *making, uint64_t height)
{
    struct digest subject = making->map->subject;
    sample_map_certify(making->map, height);
    sample_prove(making->map, &subject, making->proof);
    memcpy(making->events, making->map->events, sizeof making->map->events);
    making->proof->events = making->events;
}

/* The same, for events that were changed and are folded as they are. */
static void history_refold(struct history_making *making)
{
    sample_fold(making->map, SAMPLE_HISTORY);
    history_again(making, 9);
}

/* ---- Whole histories ---- */

static void withheld(struct history_making *making)
{
    making->events[4].has_body = false;
}
static void absent_other(struct history_making *making)
{
    struct digest subject = sample_absent(making->map, PLACE_OTHER);
    sample_prove(making->map, &subject, making->proof);
}
static void absent_empty(struct history_making *making)
{
    struct digest subject = sample_absent(making->map, PLACE_EMPTY);
    sample_prove(making->map, &subject, making->proof);
}
static void other_quorum(struct history_making *making)
{
    sample_certify(&making->map->network, 14, &making->proof->checkpoint);
}
static void wrong_chain(struct history_making *making)
{
    certified_wrong_chain(&making->map->network, &making->proof->checkpoint);
}
static void wrong_height(struct history_making *making)
{
    making->proof->checkpoint.checkpoint.height++;
}
static void altered_checkpoint(struct history_making *making)
{
    making->proof->checkpoint.checkpoint.next_set_hash.bytes[0] ^= 1;
}
static void stale_validator_set(struct history_making *making)
{
    certified_stale_set(&making->map->network, &making->proof->checkpoint);
}
static void too_few_signers(struct history_making *making)
{
    sample_certify(&making->map->network, 3, &making->proof->checkpoint);
}
static void more_signers_than_a_quorum(struct history_making *making)
{
    sample_certify(&making->map->network, 15, &making->proof->checkpoint);
}
static void duplicate_signers(struct history_making *making)
{
    certified_duplicate(&making->map->network, &making->proof->checkpoint);
}
static void signer_of_no_validator(struct history_making *making)
{
    making->proof->checkpoint.signers = 3 | 1ull << 40;
}
static void signature_in_the_upper_half(struct history_making *making)
{
    certified_high_s(&making->map->network, &making->proof->checkpoint);
}
static void signature_of_a_vote(struct history_making *making)
{
    const struct sample_network *network = &making->map->network;
    struct certified_checkpoint *certified = &making->proof->checkpoint;
    struct digest digest = vote_digest(&network->chain_id, 1, VOTE_FINALIZE, 9, &certified->checkpoint.block);
    sample_sign(network, &digest, certified->signers, certified->signatures);
}
static void signers_missing(struct history_making *making)
{
    making->proof->checkpoint.signers = 0;
}
static void truncated_path(struct history_making *making)
{
    making->proof->sibling_count--;
}
static void longer_path(struct history_making *making)
{
    memset(&making->proof->siblings[making->proof->sibling_count++], 0, DIGEST_SIZE);
}
static void altered_sibling(struct history_making *making)
{
    making->proof->siblings[0].bytes[0] ^= 1;
}
static void altered_summary(struct history_making *making)
{
    making->proof->leaf.summary.bytes[0] ^= 1;
}
static void state_parts_swapped(struct history_making *making)
{
    struct digest part = making->proof->policy_root;
    making->proof->policy_root = making->proof->replay_root;
    making->proof->replay_root = part;
}
static void inner_node_as_leaf(struct history_making *making)
{
    absent_other(making);
    making->proof->leaf.acc = subject_leaf_hash(&making->proof->other_position, &making->proof->leaf);
    making->proof->leaf.summary = making->proof->siblings[--making->proof->sibling_count];
}
static void leaf_at_the_wrong_prefix(struct history_making *making)
{
    making->proof->subject_id = sample_absent(making->map, PLACE_EMPTY);
    making->proof->place = PLACE_OTHER;
    making->proof->other_position = making->map->places[0].position;
    making->proof->event_count = 0;
}
static void absence_for_a_present_subject(struct history_making *making)
{
    making->proof->place = PLACE_EMPTY;
    making->proof->event_count = 0;
}
static void absence_by_the_subjects_own_leaf(struct history_making *making)
{
    making->proof->place = PLACE_OTHER;
    making->proof->other_position = making->map->places[0].position;
    making->proof->event_count = 0;
}
static void omitted_event(struct history_making *making)
{
    making->proof->event_count--;
}
static void omitted_first_event(struct history_making *making)
{
    making->proof->events++;
    making->proof->event_count--;
}
static void omitted_event_and_count(struct history_making *making)
{
    making->proof->event_count--;
    making->proof->leaf.count--;
}
static void added_event(struct history_making *making)
{
    making->events[SAMPLE_HISTORY] = making->events[SAMPLE_HISTORY - 1];
    making->proof->event_count++;
}
static void events_of_an_absent_subject(struct history_making *making)
{
    absent_empty(making);
    making->proof->events = making->events;
    making->proof->event_count = 1;
}
static void leaf_that_counts_nothing(struct history_making *making)
{
    making->map->places[0].leaf.count = 0;
    history_again(making, 9);
    making->proof->event_count = 0;
}
static void swapped_order(struct history_making *making)
{
    struct proven_event first = making->events[2];
    making->events[2] = making->events[3];
    making->events[3] = first;
}
static void altered_header(struct history_making *making)
{
    making->events[3].header = making->events[2].header;
}
static void altered_result(struct history_making *making)
{
    making->events[0].result = RESULT_GAP;
}
static void altered_time(struct history_making *making)
{
    making->events[0].time_ms--;
}
static void event_above_the_checkpoint(struct history_making *making)
{
    history_again(making, 4);
}
static void signed_times_that_go_back(struct history_making *making)
{
    making->map->events[4].time_ms = making->map->events[5].time_ms = SAMPLE_TIME_MS - 1;
    history_refold(making);
}
static void signed_two_times_of_one_height(struct history_making *making)
{
    making->map->events[5].time_ms++;
    history_refold(making);
}
static void signed_heights_that_go_back(struct history_making *making)
{
    making->map->events[4].height = making->map->events[5].height = 3;
    history_refold(making);
}
static void signed_last_height_of_no_event(struct history_making *making)
{
    making->map->places[0].leaf.last_height = 6;
    history_again(making, 9);
}
static void signed_event_of_another_subject(struct history_making *making)
{
    static struct buffer header, body;
    static struct batch_event event;
    struct digest other = sample_digest("another subject");
    if (header.size == 0) sample_event(&making->map->network.chain_id, 7, &other, 3, &header, &body, &event);
    making->map->events[3].header = event.header;
    history_refold(making);
}
static void signed_header_that_is_none(struct history_making *making)
{
    static const uint8_t bytes[] = {0x08, 0x01, 0x10, 0x0c, 0x7a, 0x00};
    making->map->events[3].header = span_of(bytes, sizeof bytes);
    history_refold(making);
}
static void altered_body(struct history_making *making)
{
    making->events[1].body = making->events[2].body;
}
static void altered_salt(struct history_making *making)
{
    making->events[0].salt[0] ^= 1;
}
static void body_left_empty(struct history_making *making)
{
    making->events[2].body = span_of(NULL, 0);
}
static void body_too_large(struct history_making *making)
{
    static const uint8_t large[EVENT_BODY_SIZE_MAX + 1];
    making->events[2].body = span_of(large, sizeof large);
}
static void header_too_large(struct history_making *making)
{
    static const uint8_t large[EVENT_HEADER_SIZE_MAX + 1];
    making->events[2].header = span_of(large, sizeof large);
}
/* The position stands last. */
static void position_of_another(struct buffer *bytes)
{
    bytes->data[bytes->size - 1] ^= 1;
}
static void default_written(struct buffer *bytes)
{
    vector_append(bytes, "\x58\x00", 2);
}
static void known_older(struct history_making *making)
{
    *making->known = sample_map_as_of(making->map, 4).checkpoint;
}
static void known_same(struct history_making *making)
{
    *making->known = making->map->checkpoint;
}
static void known_newer(struct history_making *making)
{
    struct sample_map later = *making->map;
    sample_map_certify(&later, 10);
    *making->known = later.checkpoint;
}
static void known_fork(struct history_making *making)
{
    struct sample_map fork = *making->map;
    sample_fold(&fork, 4);
    sample_map_certify(&fork, 9);
    *making->known = fork.checkpoint;
}

/* ---- Since an older one: four events before, two after ---- */

static void since_base_of(struct history_making *making, const struct sample_map *then)
{
    struct digest subject = making->map->subject;
    sample_prove(then, &subject, making->base);
    memcpy(making->base_events, then->events, sizeof then->events);
    making->base->events = making->base_events;
    making->proof->since = making->base->event_count;
    making->proof->events = making->events + making->base->event_count;
    making->proof->event_count = SAMPLE_HISTORY - making->base->event_count;
}
static void since(struct history_making *making)
{
    struct sample_map then = sample_map_as_of(making->map, 4);
    since_base_of(making, &then);
}
static void since_nothing_new(struct history_making *making)
{
    since_base_of(making, making->map);
}
static void since_absence(struct history_making *making)
{
    absent_empty(making);
    *making->base = *making->proof;
}
static void since_without_its_base(struct history_making *making)
{
    since(making);
    making->base->place = 0;
}
static void since_a_later_beginning(struct history_making *making)
{
    since(making);
    making->proof->since = 5;
    making->proof->events++;
    making->proof->event_count--;
}
static void since_an_earlier_beginning(struct history_making *making)
{
    since(making);
    making->proof->since = 3;
    making->proof->events--;
    making->proof->event_count++;
}
static void since_said_wrong(struct history_making *making)
{
    since(making);
    making->proof->since = 5;
}
static void since_omitted_event(struct history_making *making)
{
    since(making);
    making->proof->event_count--;
}
static void since_more_than_there_are(struct history_making *making)
{
    struct sample_map map = *making->map;
    since_base_of(making, &map);
    sample_fold(making->map, 4);
    history_again(making, 10);
    making->proof->since = SAMPLE_HISTORY;
    making->proof->event_count = 0;
}
static void since_an_absence_now(struct history_making *making)
{
    since(making);
    making->map->places[0] = making->map->places[1];
    making->map->places[1].position.bytes[31] ^= 1;
    history_again(making, 10);
    making->proof->since = 4;
}
static void since_another_subjects_history(struct history_making *making)
{
    struct digest subject = sample_absent(making->map, PLACE_EMPTY);
    sample_prove(making->map, &subject, making->base);
}
static void since_swapped_order(struct history_making *making)
{
    since(making);
    struct proven_event first = making->events[4];
    making->events[4] = making->events[5];
    making->events[5] = first;
}
static void since_altered_result(struct history_making *making)
{
    since(making);
    making->events[5].result = RESULT_GAP;
}
static void since_another_past(struct history_making *making)
{
    struct sample_map then = *making->map;
    then.events[0].result = RESULT_GAP;
    then = sample_map_as_of(&then, 4);
    since_base_of(making, &then);
}
static void since_an_event_left_out_before(struct history_making *making)
{
    struct sample_map then = sample_map_as_of(making->map, 4);
    sample_map_certify(&then, 5);
    since_base_of(making, &then);
}
static void since_a_newer_one(struct history_making *making)
{
    struct sample_map later = *making->map;
    sample_map_certify(&later, 10);
    since_base_of(making, &later);
}
static void since_a_spoiled_base(struct history_making *making)
{
    since(making);
    making->base_events[1].salt[0] ^= 1;
}
static void since_a_base_that_is_not_whole(struct history_making *making)
{
    since(making);
    *making->base = *making->proof;
}
static void since_altered_body(struct history_making *making)
{
    since(making);
    making->events[4].body = making->events[5].body;
}

/* ---- Of every type ---- */

/* Puts an event of this type, with all it can say in public, in the place of event `index`; signed. */
static void put_type(struct history_making *making, uint32_t index, enum event_type type)
{
    static struct buffer headers[EVENT_TYPE_COUNT];
    struct buffer *bytes = &headers[type % EVENT_TYPE_COUNT];
    struct event_header header = full_header(type);
    header.subject_id = making->map->subject;
    buffer_close(bytes);
    buffer_init(bytes, EVENT_HEADER_SIZE_MAX);
    event_header_encode(&header, bytes);
    making->map->events[index].header = buffer_span(bytes);
    making->map->events[index].has_body = false;
}
/* Twenty-one types, six events: the last three stand twice. */
static void put_types(struct history_making *making, uint32_t from)
{
    for (uint32_t i = 0; i < SAMPLE_HISTORY; i++)
        put_type(making, i, event_types[(from + i) % EVENT_TYPE_COUNT]);
    history_refold(making);
}
static void types_first(struct history_making *making)
{
    put_types(making, 0);
}
static void types_second(struct history_making *making)
{
    put_types(making, SAMPLE_HISTORY);
}
static void types_third(struct history_making *making)
{
    put_types(making, 2 * SAMPLE_HISTORY);
}
static void types_fourth(struct history_making *making)
{
    put_types(making, EVENT_TYPE_COUNT - SAMPLE_HISTORY);
}

/* ---- The answer to an inquiry ---- */

static void inquiry_asked(struct history_making *making)
{
    *making->inquiry = event_id(&making->map->network.chain_id, making->events[4].header);
}
static void inquiry(struct history_making *making)
{
    put_type(making, 4, EVENT_INQUIRY);
    history_refold(making);
    inquiry_asked(making);
}
static void inquiry_by_legal_basis(struct history_making *making)
{
    static struct buffer bytes;
    struct event_header header = full_header(EVENT_INQUIRY);
    header.subject_id = making->map->subject;
    header.has_consent = header.has_reply_key = false;
    header.legal_basis = LEGAL_COURT_ORDER;
    buffer_close(&bytes);
    buffer_init(&bytes, EVENT_HEADER_SIZE_MAX);
    event_header_encode(&header, &bytes);
    making->map->events[4].header = buffer_span(&bytes);
    making->map->events[4].has_body = false;
    history_refold(making);
    inquiry_asked(making);
}
static void inquiry_missing(struct history_making *making)
{
    inquiry(making);
    making->inquiry->bytes[0] ^= 1;
}
static void inquiry_of_an_absent_subject(struct history_making *making)
{
    inquiry(making);
    absent_empty(making);
}
static void inquiry_refused(struct history_making *making)
{
    put_type(making, 4, EVENT_INQUIRY);
    making->map->events[4].result = RESULT_NO_CONSENT;
    history_refold(making);
    inquiry_asked(making);
}
static void inquiry_that_is_none(struct history_making *making)
{
    inquiry_asked(making);
}
static void inquiry_since(struct history_making *making)
{
    inquiry(making);
    since(making);
}
static void inquiry_before_since(struct history_making *making)
{
    inquiry(making);
    since_nothing_new(making);
}

static const struct {
    const char *name;
    enum proof_reason reason;
    history_spoil *spoil;
    vector_mangle *mangle;
    uint64_t height_min, time_ms_min;
} history_vectors[] = {
    {.name = "present"},
    {.name = "withheld", .spoil = withheld},
    {.name = "absent_other", .spoil = absent_other},
    {.name = "absent_empty", .spoil = absent_empty},
    {.name = "other_quorum", .spoil = other_quorum},
    {.name = "at_asked_height_and_time", .height_min = 9, .time_ms_min = SAMPLE_TIME_MS + 60},
    {"wrong_chain", PROOF_CHAIN, .spoil = wrong_chain},
    {"wrong_height", PROOF_SIGNATURE, .spoil = wrong_height},
    {"altered_checkpoint", PROOF_SIGNATURE, .spoil = altered_checkpoint},
    {"stale_validator_set", PROOF_SIGNATURE, .spoil = stale_validator_set},
    {"too_few_signers", PROOF_SIGNATURE, .spoil = too_few_signers},
    {"more_signers_than_a_quorum", PROOF_SIGNATURE, .spoil = more_signers_than_a_quorum},
    {"duplicate_signers", PROOF_SIGNATURE, .spoil = duplicate_signers},
    {"signer_of_no_validator", PROOF_SIGNATURE, .spoil = signer_of_no_validator},
    {"signature_in_the_upper_half", PROOF_SIGNATURE, .spoil = signature_in_the_upper_half},
    {"signature_of_a_vote", PROOF_SIGNATURE, .spoil = signature_of_a_vote},
    {"truncated_path", PROOF_ROOT, .spoil = truncated_path},
    {"longer_path", PROOF_ROOT, .spoil = longer_path},
    {"altered_sibling", PROOF_ROOT, .spoil = altered_sibling},
    {"altered_summary", PROOF_ROOT, .spoil = altered_summary},
    {"state_parts_swapped", PROOF_ROOT, .spoil = state_parts_swapped},
    {"inner_node_as_leaf", PROOF_ROOT, .spoil = inner_node_as_leaf},
    {"leaf_at_the_wrong_prefix", PROOF_ROOT, .spoil = leaf_at_the_wrong_prefix},
    {"absence_for_a_present_subject", PROOF_ROOT, .spoil = absence_for_a_present_subject},
    {"absence_by_the_subjects_own_leaf", PROOF_ROOT, .spoil = absence_by_the_subjects_own_leaf},
    {"position_of_another", PROOF_ROOT, .mangle = position_of_another},
    {"omitted_event_and_count", PROOF_ROOT, .spoil = omitted_event_and_count},
    {"omitted_event", PROOF_COUNT, .spoil = omitted_event},
    {"omitted_first_event", PROOF_COUNT, .spoil = omitted_first_event},
    {"added_event", PROOF_COUNT, .spoil = added_event},
    {"events_of_an_absent_subject", PROOF_COUNT, .spoil = events_of_an_absent_subject},
    {"leaf_that_counts_nothing", PROOF_COUNT, .spoil = leaf_that_counts_nothing},
    {"swapped_order", PROOF_FOLD, .spoil = swapped_order},
    {"altered_header", PROOF_FOLD, .spoil = altered_header},
    {"altered_result", PROOF_FOLD, .spoil = altered_result},
    {"altered_time", PROOF_FOLD, .spoil = altered_time},
    {"event_above_the_checkpoint", PROOF_FOLD, .spoil = event_above_the_checkpoint},
    {"signed_times_that_go_back", PROOF_FOLD, .spoil = signed_times_that_go_back},
    {"signed_two_times_of_one_height", PROOF_FOLD, .spoil = signed_two_times_of_one_height},
    {"signed_heights_that_go_back", PROOF_FOLD, .spoil = signed_heights_that_go_back},
    {"signed_last_height_of_no_event", PROOF_FOLD, .spoil = signed_last_height_of_no_event},
    {"signed_event_of_another_subject", PROOF_FOLD, .spoil = signed_event_of_another_subject},
    {"signed_header_that_is_none", PROOF_FORM, .spoil = signed_header_that_is_none},
    {"altered_body", PROOF_BODY, .spoil = altered_body},
    {"altered_salt", PROOF_BODY, .spoil = altered_salt},
    {"body_left_empty", PROOF_BODY, .spoil = body_left_empty},
    {"body_too_large", PROOF_FORM, .spoil = body_too_large},
    {"header_too_large", PROOF_FORM, .spoil = header_too_large},
    {"signers_missing", PROOF_FORM, .spoil = signers_missing},
    {"trailing_bytes", PROOF_FORM, .mangle = trailing_bytes},
    {"truncated_bytes", PROOF_FORM, .mangle = truncated_bytes},
    {"unknown_field", PROOF_FORM, .mangle = unknown_field},
    {"version_0", PROOF_FORM, .mangle = version_0},
    {"version_2", PROOF_FORM, .mangle = version_2},
    {"varint_not_minimal", PROOF_FORM, .mangle = varint_not_minimal},
    {"field_twice", PROOF_FORM, .mangle = field_twice},
    {"fields_out_of_order", PROOF_FORM, .mangle = fields_out_of_order},
    {"default_written", PROOF_FORM, .mangle = default_written},
    {"stale_height", PROOF_STALE, .height_min = 10},
    {"stale_time", PROOF_STALE, .time_ms_min = SAMPLE_TIME_MS + 61},
    {.name = "known_older", .spoil = known_older},
    {.name = "known_same", .spoil = known_same},
    {"known_newer", PROOF_STALE, .spoil = known_newer},
    {"known_fork", PROOF_CHAIN, .spoil = known_fork},
    {.name = "since", .spoil = since},
    {.name = "since_nothing_new", .spoil = since_nothing_new},
    {.name = "since_absence", .spoil = since_absence},
    {"since_another_subjects_history", PROOF_ROOT, .spoil = since_another_subjects_history},
    {"since_without_its_base", PROOF_COUNT, .spoil = since_without_its_base},
    {"since_a_base_that_is_not_whole", PROOF_COUNT, .spoil = since_a_base_that_is_not_whole},
    {"since_a_later_beginning", PROOF_COUNT, .spoil = since_a_later_beginning},
    {"since_an_earlier_beginning", PROOF_COUNT, .spoil = since_an_earlier_beginning},
    {"since_said_wrong", PROOF_COUNT, .spoil = since_said_wrong},
    {"since_omitted_event", PROOF_COUNT, .spoil = since_omitted_event},
    {"since_more_than_there_are", PROOF_COUNT, .spoil = since_more_than_there_are},
    {"since_an_absence_now", PROOF_COUNT, .spoil = since_an_absence_now},
    {"since_swapped_order", PROOF_FOLD, .spoil = since_swapped_order},
    {"since_altered_result", PROOF_FOLD, .spoil = since_altered_result},
    {"since_another_past", PROOF_FOLD, .spoil = since_another_past},
    {"since_an_event_left_out_before", PROOF_FOLD, .spoil = since_an_event_left_out_before},
    {"since_altered_body", PROOF_BODY, .spoil = since_altered_body},
    {"since_a_spoiled_base", PROOF_BODY, .spoil = since_a_spoiled_base},
    {"since_a_newer_one", PROOF_STALE, .spoil = since_a_newer_one},
    {.name = "types_first", .spoil = types_first},
    {.name = "types_second", .spoil = types_second},
    {.name = "types_third", .spoil = types_third},
    {.name = "types_fourth", .spoil = types_fourth},
    {.name = "inquiry", .spoil = inquiry},
    {.name = "inquiry_by_legal_basis", .spoil = inquiry_by_legal_basis},
    {.name = "inquiry_since", .spoil = inquiry_since},
    {"inquiry_missing", PROOF_STALE, .spoil = inquiry_missing},
    {"inquiry_of_an_absent_subject", PROOF_STALE, .spoil = inquiry_of_an_absent_subject},
    {"inquiry_refused", PROOF_STALE, .spoil = inquiry_refused},
    {"inquiry_that_is_none", PROOF_STALE, .spoil = inquiry_that_is_none},
    {"inquiry_before_since", PROOF_STALE, .spoil = inquiry_before_since},
};
#define HISTORY_VECTORS (sizeof history_vectors / sizeof history_vectors[0])

static void history_vector_make(const struct sample_map *map, size_t i, struct vector *vector)
{
    static struct history_proof proof, base;
    static struct sample_map changed;
    struct proven_event events[SAMPLE_HISTORY + 1], base_events[SAMPLE_HISTORY];
    struct certified_checkpoint known = {.signers = 0};
    struct digest asked = {{0}}, none = {{0}};
    struct history_making making = {&changed, &proof, events, &base, base_events, &known, &asked};
    changed = *map;
    base = (struct history_proof){.event_count = 0};
    sample_prove(map, &map->subject, &proof);
    memcpy(events, map->events, sizeof map->events);
    proof.events = events;
    if (history_vectors[i].spoil != NULL) history_vectors[i].spoil(&making);
    vector_init(vector, history_vectors[i].name, history_vectors[i].reason);
    vector->height_min = history_vectors[i].height_min;
    vector->time_ms_min = history_vectors[i].time_ms_min;
    vector->has_inquiry = !digest_equal(&asked, &none);
    vector->inquiry = asked;
    history_proof_encode(&proof, &vector->bytes);
    if (history_vectors[i].mangle != NULL) history_vectors[i].mangle(&vector->bytes);
    if (base.place != 0) history_proof_encode(&base, &vector->since);
    if (known.signers != 0) certified_checkpoint_encode(&known, &vector->known);
}

#endif
