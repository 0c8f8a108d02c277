/* The registry of domain tags: the first byte of everything this project hashes. 0x00 and 0x01 are RFC 9162's
 * leaf and node. A number never changes its meaning and is never used twice. */
#ifndef TALLY_CRYPTO_TAG_H
#define TALLY_CRYPTO_TAG_H

enum tag {
    TAG_GENESIS = 0x02,       /* chain id */
    TAG_BODY = 0x03,          /* an event's body commitment */
    TAG_EVENT = 0x04,         /* an event's id */
    TAG_BATCH = 0x05,         /* a batch's digest, which its member signs */
    TAG_BLOCK = 0x06,         /* a block header */
    TAG_JUSTIFICATION = 0x07, /* a justification's bytes */
    TAG_PROPOSAL = 0x08,      /* what a leader signs */
    TAG_VOTE = 0x09,          /* what a voter signs */
    TAG_CHECKPOINT = 0x0A,    /* what a validator signs after applying a block */
    TAG_VALIDATOR_SET = 0x0B,
    TAG_SUBJECT_POSITION = 0x0C, /* k, a subject's place in the map */
    TAG_HISTORY_START = 0x0D,    /* acc_0 of a subject */
    TAG_HISTORY_STEP = 0x0E,     /* acc_{i+1} */
    TAG_SUMMARY = 0x0F,          /* a subject's canonical state */
    TAG_MAP_VALUE = 0x10,        /* the fields of a map leaf */
    TAG_MAP_LEAF = 0x11,
    TAG_MAP_NODE = 0x12,
    TAG_STATE = 0x13, /* state_root */
    TAG_POLICY = 0x15,
    TAG_REPLAY_WINDOW = 0x16,
    TAG_REPLAY_BATCH = 0x17, /* a remembered batch */
    TAG_COUNTS = 0x18,
    TAG_RESULT = 0x19,       /* a result leaf */
    TAG_HISTORY_LEAF = 0x1A, /* a height's leaf under history_root */
    TAG_LINK = 0x1B,         /* a peer's proof of its key on one connection */
    TAG_SALT = 0x1C,         /* derived salts */
    TAG_SUBJECT_ID = 0x1D,   /* derived pseudonyms */
    TAG_SYNTH = 0x1E,        /* the synthetic portfolio's randomness */
    TAG_ITEM = 0x1F,         /* derived item and account references */
    TAG_ACCOUNT_IDS = 0x20,  /* an account's events by seq */
    TAG_SNAPSHOT = 0x21,     /* a snapshot's head */
    TAG_ACCOUNT_SEQ = 0x22,  /* an account's seq, where a node looks its event up */
    TAG_ITEM_IDS = 0x23,     /* a subject's events that have an item id */
    TAG_SNAPSHOT_CUT = 0x24, /* where a snapshot's subjects are cut, as a node tells one head from another */
    TAG_ITEM_NAME = 0x25,    /* a member's item id, where a node looks its event up */
    TAG_BASE_REMEDY = 0x26,  /* what aims at an event of before a snapshot, likewise */
    TAG_OPERATOR = 0x27,     /* who asks at a member */
    TAG_FORM = 0x28,         /* a signed form of consent */
    TAG_GOVERNANCE = 0x29,   /* a governance transaction, which its member signs */
    TAG_KEY_PROOF = 0x2A,    /* what a new key signs */
    TAG_REGISTER = 0x2B,     /* the register's bytes */
    TAG_GUARD = 0x2C,        /* a slot of what a validator knows of its votes */
};

#endif
