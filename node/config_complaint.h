/* What libcyaml says of a file that it refuses, gathered from the lines of its log. */
#ifndef TALLY_NODE_CONFIG_COMPLAINT_H
#define TALLY_NODE_CONFIG_COMPLAINT_H

#define COMPLAINT_TEXT_SIZE 200
#define COMPLAINT_KEY_SIZE 40

/* Of a key that may not be there libcyaml knows only where the value before it stands. Zeros are a fresh one.
 */
struct config_complaint {
    char what[COMPLAINT_TEXT_SIZE];
    char odd_key[COMPLAINT_KEY_SIZE]; /* one that is unknown, or there twice; else empty */
    char key[COMPLAINT_KEY_SIZE];     /* the innermost; empty at the file's own level */
    char list[COMPLAINT_KEY_SIZE];    /* the outermost */
    unsigned entry;                   /* of the list, from 1; 0 = none */
    unsigned line;                    /* 0 = not said */
};

/* One line of level error: the first says what is wrong, the others where, from the inside out. */
void config_complaint_hear(struct config_complaint *complaint, const char *line);

#endif
