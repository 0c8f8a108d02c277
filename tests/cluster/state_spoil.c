/* state_spoil STATE MEMBER REF [cut]: takes an account out of a stopped node's state, or cuts its value
 * short, where no checksum notices: what a bug in the program, or a bad memory bank, would do. The keys:
 * storage/state_record.h. */
#include <leveldb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    unsigned char key[21] = {'A'};
    char *error = NULL, *value;
    size_t size;
    if (argc < 4 || argc > 5 || strlen(argv[3]) != 32) return 2;
    key[4] = (unsigned char)atoi(argv[2]);
    for (int i = 0; i < 16; i++) {
        unsigned byte;
        if (sscanf(argv[3] + 2 * i, "%2x", &byte) != 1) return 2;
        key[5 + i] = (unsigned char)byte;
    }
    leveldb_options_t *options = leveldb_options_create();
    leveldb_options_set_compression(options, leveldb_no_compression);
    leveldb_t *state = leveldb_open(options, argv[1], &error);
    if (error == NULL) {
        value =
            leveldb_get(state, leveldb_readoptions_create(), (const char *)key, sizeof key, &size, &error);
        if (error == NULL && value == NULL) error = strdup("there is no such account");
        if (error == NULL && argc == 4)
            leveldb_delete(state, leveldb_writeoptions_create(), (const char *)key, sizeof key, &error);
        if (error == NULL && argc == 5)
            leveldb_put(
                state, leveldb_writeoptions_create(), (const char *)key, sizeof key, value, 1, &error);
        leveldb_close(state);
    }
    if (error != NULL) fprintf(stderr, "%s\n", error);
    return error != NULL;
}
