// links: keys storage crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "node/keys/node_keys.h"

static const struct key_cost cheap = {10, 1, 1};
static char home[] = "/tmp/tallystick-keys.XXXXXX";
static char why[512];
static struct node_keys *keys;

static const char *path_of(const char *name)
{
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", home, name);
    return path;
}

static struct secret_key secret_of(uint8_t number)
{
    struct secret_key secret;
    memset(secret.bytes, number, sizeof secret.bytes);
    return secret;
}

static struct public_key public_of(uint8_t number)
{
    struct secret_key secret = secret_of(number);
    struct public_key key;
    assert_int_equal(secret_key_public(&secret, &key), TALLY_OK);
    return key;
}

static void write_text(const char *name, struct span text, mode_t mode)
{
    FILE *file = fopen(path_of(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text.data, 1, text.size, file), text.size);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path_of(name), mode), 0);
}

static void write_key(const char *name, uint8_t number, const struct passphrase *passphrase)
{
    struct secret_key secret = secret_of(number);
    struct public_key key = public_of(number);
    struct buffer text;
    buffer_init(&text, KEY_TEXT_SIZE_MAX);
    if (passphrase == NULL)
        key_text_print(secret.bytes, &text);
    else
        assert_int_equal(key_text_seal(secret.bytes, &key, passphrase, cheap, &text), TALLY_OK);
    assert_false(text.failed);
    write_text(name, buffer_span(&text), 0600);
    buffer_close(&text);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(home, sizeof home, "/tmp/tallystick-keys.XXXXXX");
    assert_non_null(mkdtemp(home));
    write_key("node.key", 1, NULL);
    keys = NULL;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    node_keys_close(keys);
    (void)unlink(path_of("node.key"));
    (void)unlink(path_of("node.key.next"));
    (void)unlink(path_of("other.key"));
    return rmdir(home);
}

static int open_keys(const struct passphrase *passphrase)
{
    return node_keys_open(disk_system(), home, passphrase, &keys, why, sizeof why);
}

static int look(void)
{
    return node_keys_look(keys, why, sizeof why);
}

static void a_node_has_its_key_and_finds_it_by_its_public_half(void **state)
{
    (void)state;
    struct public_key own = public_of(1), other = public_of(2), all[NODE_KEYS_MAX];
    assert_int_equal(open_keys(NULL), TALLY_OK);
    assert_true(public_key_equal(&node_keys_now(keys)->key, &own));
    assert_null(node_keys_next(keys));
    assert_ptr_equal(node_keys_find(keys, &own), node_keys_now(keys));
    assert_null(node_keys_find(keys, &other));
    assert_int_equal(node_keys_public(keys, all), 1);
    assert_int_equal(look(), TALLY_ENOTFOUND);
    assert_non_null(strstr(why, "node.key.next"));
}

static void a_file_that_is_no_key_of_the_nodes_alone_is_refused(void **state)
{
    (void)state;
    static const uint8_t
        junk[] = "not a key\n",
        digits[64] = "0000000000000000000000000000000000000000000000000000000000000000"; /* no secret */
    assert_int_equal(chmod(path_of("node.key"), 0640), 0);
    assert_int_equal(open_keys(NULL), TALLY_EDENIED);
    assert_non_null(strstr(why, "chmod 600"));
    write_text("node.key", span_of(junk, sizeof junk - 1), 0600);
    assert_int_equal(open_keys(NULL), TALLY_EFORM);
    write_text("node.key", span_of(digits, sizeof digits), 0600);
    assert_int_not_equal(open_keys(NULL), TALLY_OK);
    assert_non_null(strstr(why, "is not a valid key"));
    assert_int_equal(unlink(path_of("node.key")), 0);
    assert_int_equal(open_keys(NULL), TALLY_ENOTFOUND);
    assert_null(keys);
}

static void a_home_whose_path_is_too_long_is_refused(void **state)
{
    (void)state;
    static char far[DISK_PATH_SIZE_MAX + 1];
    memset(far, 'x', sizeof far - 1);
    assert_int_equal(node_keys_open(disk_system(), far, NULL, &keys, why, sizeof why), TALLY_ELIMIT);
}

static void the_next_key_is_read_once_and_both_are_at_hand(void **state)
{
    (void)state;
    struct public_key old = public_of(1), next = public_of(2), all[NODE_KEYS_MAX];
    assert_int_equal(open_keys(NULL), TALLY_OK);
    write_key("node.key.next", 2, NULL);
    assert_int_equal(look(), TALLY_OK);
    const struct node_signer *signer = node_keys_next(keys);
    assert_int_equal(look(), TALLY_OK);
    assert_ptr_equal(node_keys_next(keys), signer);
    assert_ptr_equal(node_keys_find(keys, &next), signer);
    assert_int_equal(node_keys_public(keys, all), 2);
    assert_true(public_key_equal(&all[0], &old) && public_key_equal(&all[1], &next));
}

static void a_next_key_that_does_not_open_changes_nothing(void **state)
{
    (void)state;
    assert_int_equal(open_keys(NULL), TALLY_OK);
    write_key("node.key.next", 2, NULL);
    assert_int_equal(chmod(path_of("node.key.next"), 0604), 0);
    assert_int_equal(look(), TALLY_EDENIED);
    assert_null(node_keys_next(keys));
    assert_int_equal(chmod(path_of("node.key.next"), 0600), 0);
    assert_int_equal(look(), TALLY_OK);
}

static void the_next_key_takes_the_place_of_the_old_one(void **state)
{
    (void)state;
    struct public_key old = public_of(1), next = public_of(2);
    assert_int_equal(open_keys(NULL), TALLY_OK);
    write_key("node.key.next", 2, NULL);
    assert_int_equal(look(), TALLY_OK);
    const struct node_signer *signer = node_keys_next(keys);
    assert_int_equal(node_keys_advance(keys), TALLY_OK);
    assert_ptr_equal(node_keys_now(keys), signer);
    assert_null(node_keys_next(keys));
    assert_null(node_keys_find(keys, &old));
    assert_int_equal(look(), TALLY_ENOTFOUND);
    /* A start comes to the same. */
    node_keys_close(keys);
    assert_int_equal(open_keys(NULL), TALLY_OK);
    assert_true(public_key_equal(&node_keys_now(keys)->key, &next));
}

static void a_file_that_is_no_longer_what_was_read_takes_nobodys_place(void **state)
{
    (void)state;
    struct public_key old = public_of(1);
    assert_int_equal(open_keys(NULL), TALLY_OK);
    write_key("node.key.next", 2, NULL);
    assert_int_equal(look(), TALLY_OK);
    write_key("other.key", 3, NULL);
    char other[256];
    snprintf(other, sizeof other, "%s", path_of("other.key"));
    assert_int_equal(rename(other, path_of("node.key.next")), 0);
    assert_int_equal(node_keys_advance(keys), TALLY_EINVALID);
    assert_int_equal(unlink(path_of("node.key.next")), 0);
    assert_int_equal(node_keys_advance(keys), TALLY_ENOTFOUND);
    assert_true(public_key_equal(&node_keys_now(keys)->key, &old));
    assert_non_null(node_keys_next(keys));
}

static void sealed_keys_open_by_the_passphrase_that_the_first_was_opened_by(void **state)
{
    (void)state;
    static const struct passphrase right = {5, "right"}, wrong = {5, "wrong"};
    write_key("node.key", 1, &right);
    assert_int_equal(open_keys(NULL), TALLY_EDENIED);
    assert_int_equal(open_keys(&wrong), TALLY_EDENIED);
    assert_int_equal(open_keys(&right), TALLY_OK);
    write_key("node.key.next", 2, &right);
    assert_int_equal(look(), TALLY_OK);
    assert_int_equal(node_keys_advance(keys), TALLY_OK);
    write_key("node.key.next", 3, &wrong);
    assert_int_equal(look(), TALLY_EDENIED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_node_has_its_key_and_finds_it_by_its_public_half),
        TEST(a_file_that_is_no_key_of_the_nodes_alone_is_refused),
        TEST(a_home_whose_path_is_too_long_is_refused),
        TEST(the_next_key_is_read_once_and_both_are_at_hand),
        TEST(a_next_key_that_does_not_open_changes_nothing),
        TEST(the_next_key_takes_the_place_of_the_old_one),
        TEST(a_file_that_is_no_longer_what_was_read_takes_nobodys_place),
        TEST(sealed_keys_open_by_the_passphrase_that_the_first_was_opened_by),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
