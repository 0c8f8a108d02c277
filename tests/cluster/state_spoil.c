/* state_spoil STATE KEY [cut]: takes a key, in hexadecimal digits, out of a stopped node's state, or cuts its
 * value short, where no checksum notices: what a bug in the program, or a bad memory bank, would do. The
 * keys: storage/state_record.h. */
#include <leveldb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    char key[64], *error = NULL, *value;
    size_t key_size = 0, size;
    if (argc < 3 || argc > 4 || strlen(argv[2]) > 2 * sizeof key) return 2;
    for (const char *at = argv[2]; *at != '\0'; at += 2) {
        unsigned byte;
        if (sscanf(at, "%2x", &byte) != 1) return 2;
        key[key_size++] = (char)byte;
    }
    leveldb_options_t *options = leveldb_options_create();
    leveldb_options_set_compression(options, leveldb_no_compression);
    leveldb_t *state = leveldb_open(options, argv[1], &error);
    if (error == NULL) {
        value = leveldb_get(state, leveldb_readoptions_create(), key, key_size, &size, &error);
        if (error == NULL && value == NULL) error = strdup("there is no such key");
        if (error == NULL && argc == 3)
            leveldb_delete(state, leveldb_writeoptions_create(), key, key_size, &error);
        if (error == NULL && argc == 4)
            leveldb_put(state, leveldb_writeoptions_create(), key, key_size, value, 1, &error);
        leveldb_close(state);
    }
    if (error != NULL) fprintf(stderr, "%s\n", error);
    return error != NULL;
}
