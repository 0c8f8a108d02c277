// links: net codec crypto base
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "node/net/certificate.h"

static char directory[64], certificate_path[96], key_path[96];

static int setup(void **state)
{
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/tally-certificate-XXXXXX");
    if (mkdtemp(directory) == NULL) return -1;
    snprintf(certificate_path, sizeof certificate_path, "%s/rpc.crt", directory);
    snprintf(key_path, sizeof key_path, "%s/rpc.key", directory);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(certificate_path);
    unlink(key_path);
    return rmdir(directory); /* nothing else was left behind */
}

static void a_certificate_signs_itself_names_its_hosts_and_never_expires(void **state)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "::1", "node.example"};
    X509 *certificate;
    EVP_PKEY *key;
    char text[64];
    struct tm after;
    (void)state;
    assert_int_equal(certificate_make("validator-1", names, 4, &certificate, &key), TALLY_OK);
    assert_int_equal(X509_verify(certificate, key), 1);
    assert_int_equal(X509_check_host(certificate, "localhost", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(certificate, "node.example", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(certificate, "other.example", 0, 0, NULL), 0);
    assert_int_equal(X509_check_ip_asc(certificate, "127.0.0.1", 0), 1);
    assert_int_equal(X509_check_ip_asc(certificate, "::1", 0), 1);
    assert_int_equal(X509_check_ip_asc(certificate, "127.0.0.2", 0), 0);
    assert_int_equal(ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &after), 1);
    assert_int_equal(after.tm_year + 1900, 9999);
    assert_true(X509_cmp_current_time(X509_get0_notBefore(certificate)) < 0);
    assert_true(
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, text, sizeof text) > 0);
    assert_string_equal(text, "validator-1");
    assert_true(EVP_PKEY_get_group_name(key, text, sizeof text, NULL) == 1);
    assert_string_equal(text, "prime256v1");
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static void a_servers_certificate_is_its_own_root_and_a_clients_is_no_authority(void **state)
{
    static const char *const names[] = {"localhost"};
    (void)state;
    for (size_t name_count = 0; name_count <= 1; name_count++) {
        X509 *certificate;
        EVP_PKEY *key;
        assert_int_equal(certificate_make("one", names, name_count, &certificate, &key), TALLY_OK);
        assert_int_equal(X509_check_ca(certificate), name_count);
        int purpose = name_count > 0 ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT;
        assert_int_equal(X509_check_purpose(certificate, purpose, 0), 1);
        X509_free(certificate);
        EVP_PKEY_free(key);
    }
}

static void a_name_out_of_range_is_refused(void **state)
{
    X509 *certificate = NULL;
    EVP_PKEY *key = NULL;
    char long_name[CERTIFICATE_NAME_SIZE_MAX + 2];
    const char *names[CERTIFICATE_NAMES_MAX + 1];
    (void)state;
    memset(long_name, 'a', sizeof long_name - 1);
    long_name[sizeof long_name - 1] = '\0';
    for (size_t i = 0; i < CERTIFICATE_NAMES_MAX + 1; i++)
        names[i] = "localhost";
    assert_int_equal(certificate_make("", NULL, 0, &certificate, &key), TALLY_EINVALID);
    assert_int_equal(certificate_make(long_name, NULL, 0, &certificate, &key), TALLY_EINVALID);
    assert_int_equal(
        certificate_make("a", names, CERTIFICATE_NAMES_MAX + 1, &certificate, &key), TALLY_EINVALID);
    names[0] = long_name;
    assert_int_equal(certificate_make("a", names, 1, &certificate, &key), TALLY_EINVALID);
    assert_null(certificate);
    assert_null(key);
}

static void files_hold_a_matching_pair_and_the_key_is_private(void **state)
{
    struct stat status;
    X509 *certificate;
    struct digest from_file, from_memory;
    (void)state;
    mode_t mask = umask(0);
    assert_int_equal(certificate_make_files("rpc", NULL, 0, certificate_path, key_path), TALLY_OK);
    umask(mask);
    assert_int_equal(stat(key_path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(stat(certificate_path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0644);

    FILE *file = fopen(key_path, "r");
    assert_non_null(file);
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    fclose(file);
    assert_non_null(key);
    assert_int_equal(certificate_read(certificate_path, &certificate), TALLY_OK);
    assert_int_equal(X509_check_private_key(certificate, key), 1);
    assert_int_equal(certificate_fingerprint(certificate, &from_memory), TALLY_OK);
    assert_int_equal(certificate_file_fingerprint(certificate_path, &from_file), TALLY_OK);
    assert_true(digest_equal(&from_memory, &from_file));

    uint8_t expected[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    assert_int_equal(X509_digest(certificate, EVP_sha256(), expected, &size), 1);
    assert_memory_equal(expected, from_file.bytes, DIGEST_SIZE);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

static void files_that_exist_are_left_as_they_are(void **state)
{
    struct digest before, after;
    struct stat status;
    (void)state;
    assert_int_equal(certificate_make_files("rpc", NULL, 0, certificate_path, key_path), TALLY_OK);
    assert_int_equal(certificate_file_fingerprint(certificate_path, &before), TALLY_OK);
    assert_int_equal(certificate_make_files("rpc", NULL, 0, certificate_path, key_path), TALLY_EEXISTS);
    unlink(key_path);
    assert_int_equal(certificate_make_files("rpc", NULL, 0, certificate_path, key_path), TALLY_EEXISTS);
    assert_int_equal(stat(key_path, &status), -1);
    assert_int_equal(certificate_file_fingerprint(certificate_path, &after), TALLY_OK);
    assert_true(digest_equal(&before, &after));
}

static void files_that_cannot_be_are_told_apart(void **state)
{
    struct digest fingerprint;
    char missing[128];
    (void)state;
    snprintf(missing, sizeof missing, "%s/none/rpc.crt", directory);
    assert_int_equal(certificate_make_files("rpc", NULL, 0, missing, key_path), TALLY_EIO);
    assert_int_equal(access(key_path, F_OK), -1); /* the half that was written is gone again */
    assert_int_equal(certificate_file_fingerprint(certificate_path, &fingerprint), TALLY_ENOTFOUND);
    FILE *file = fopen(certificate_path, "w");
    assert_non_null(file);
    fputs("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", file);
    fclose(file);
    assert_int_equal(certificate_file_fingerprint(certificate_path, &fingerprint), TALLY_EFORM);
}

#define CERTIFICATE_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CERTIFICATE_TEST(a_certificate_signs_itself_names_its_hosts_and_never_expires),
        CERTIFICATE_TEST(a_servers_certificate_is_its_own_root_and_a_clients_is_no_authority),
        CERTIFICATE_TEST(a_name_out_of_range_is_refused),
        CERTIFICATE_TEST(files_hold_a_matching_pair_and_the_key_is_private),
        CERTIFICATE_TEST(files_that_exist_are_left_as_they_are),
        CERTIFICATE_TEST(files_that_cannot_be_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
