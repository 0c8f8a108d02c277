#include "node/net/certificate.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/base/check.h"
#include "proto/crypto/digest.h"

#define SERIAL_SIZE 16
/* Well in the past, so that a clock that lags does not refuse it. */
#define NOT_BEFORE "20231231000000Z"
/* RFC 5280, 4.1.2.5: the value for a certificate without a well-defined expiry. */
#define NOT_AFTER "99991231235959Z"
#define COMMON_NAME_SIZE_MAX 64u

static bool names_are_valid(const char *common_name, const char *const *names, size_t name_count)
{
    size_t size = strlen(common_name);
    if (size == 0 || size > COMMON_NAME_SIZE_MAX || name_count > CERTIFICATE_NAMES_MAX) return false;
    for (size_t i = 0; i < name_count; i++) {
        size = strlen(names[i]);
        if (size == 0 || size > CERTIFICATE_NAME_SIZE_MAX) return false;
    }
    return true;
}

static int set_serial(X509 *certificate)
{
    uint8_t bytes[SERIAL_SIZE];
    random_bytes(bytes, sizeof bytes);
    bytes[0] = (uint8_t)((bytes[0] & 0x7F) | 0x40); /* positive, and never shorter */
    BIGNUM *number = BN_bin2bn(bytes, sizeof bytes, NULL);
    if (number == NULL) return TALLY_ENOMEM;
    int error =
        BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != NULL ? TALLY_OK : TALLY_ENOMEM;
    BN_free(number);
    return error;
}

static int set_names(X509 *certificate, const char *common_name)
{
    X509_NAME *name = X509_NAME_new();
    int error = TALLY_EIO;
    if (name == NULL) return TALLY_ENOMEM;
    if (X509_NAME_add_entry_by_txt(
            name, "CN", MBSTRING_UTF8, (const unsigned char *)common_name, -1, -1, 0) == 1 &&
        X509_set_subject_name(certificate, name) == 1 && X509_set_issuer_name(certificate, name) == 1)
        error = TALLY_OK;
    X509_NAME_free(name);
    return error;
}

static int set_validity(X509 *certificate)
{
    bool set = ASN1_TIME_set_string_X509(X509_getm_notBefore(certificate), NOT_BEFORE) == 1 &&
               ASN1_TIME_set_string_X509(X509_getm_notAfter(certificate), NOT_AFTER) == 1;
    return set ? TALLY_OK : TALLY_EIO;
}

/* An address goes in as its octets, so that clients that compare addresses find it. */
static GENERAL_NAME *alternative_name(const char *text)
{
    uint8_t address[sizeof(struct in6_addr)];
    size_t address_size = 0;
    if (inet_pton(AF_INET, text, address) == 1)
        address_size = sizeof(struct in_addr);
    else if (inet_pton(AF_INET6, text, address) == 1)
        address_size = sizeof(struct in6_addr);

    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_STRING *value = address_size > 0 ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();
    const void *bytes = address_size > 0 ? (const void *)address : (const void *)text;
    size_t size = address_size > 0 ? address_size : strlen(text);
    if (name == NULL || value == NULL || ASN1_STRING_set(value, bytes, (int)size) != 1) {
        GENERAL_NAME_free(name);
        ASN1_STRING_free(value);
        return NULL;
    }
    GENERAL_NAME_set0_value(name, address_size > 0 ? GEN_IPADD : GEN_DNS, value);
    return name;
}

static int add_alternative_names(X509 *certificate, const char *const *names, size_t name_count)
{
    GENERAL_NAMES *list;
    int error = TALLY_ENOMEM;
    if (name_count == 0) return TALLY_OK;
    list = sk_GENERAL_NAME_new_null();
    if (list == NULL) return TALLY_ENOMEM;
    for (size_t i = 0; i < name_count; i++) {
        GENERAL_NAME *name = alternative_name(names[i]);
        if (name == NULL) goto out;
        if (sk_GENERAL_NAME_push(list, name) <= 0) {
            GENERAL_NAME_free(name);
            goto out;
        }
    }
    if (X509_add1_ext_i2d(certificate, NID_subject_alt_name, list, 0, X509V3_ADD_DEFAULT) == 1)
        error = TALLY_OK;
out:
    sk_GENERAL_NAME_pop_free(list, GENERAL_NAME_free);
    return error;
}

static int add_extension(X509 *certificate, int nid, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
    if (extension == NULL) return TALLY_EIO;
    int error = X509_add_ext(certificate, extension, -1) == 1 ? TALLY_OK : TALLY_ENOMEM;
    X509_EXTENSION_free(extension);
    return error;
}

/* A server's, being its own root (CA:TRUE, may sign certificates), can be what a stock client takes as the
 * one authority it trusts. A client's must be none: what is an authority, browsers never show as a client's.
 */
static int add_extensions(X509 *certificate, const char *const *names, size_t name_count)
{
    bool server = name_count > 0;
    const struct {
        int nid;
        const char *value;
    } fixed[] = {
        {NID_basic_constraints, server ? "critical,CA:TRUE,pathlen:0" : "critical,CA:FALSE"},
        {NID_key_usage, server ? "critical,digitalSignature,keyCertSign" : "critical,digitalSignature"},
        {NID_ext_key_usage, "serverAuth,clientAuth"},
        {NID_subject_key_identifier, "hash"},
    };
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) {
        int error = add_extension(certificate, fixed[i].nid, fixed[i].value);
        if (error != TALLY_OK) return error;
    }
    return add_alternative_names(certificate, names, name_count);
}

static int fill(
    X509 *certificate, EVP_PKEY *key, const char *common_name, const char *const *names, size_t name_count)
{
    int error;
    if (X509_set_version(certificate, X509_VERSION_3) != 1 || X509_set_pubkey(certificate, key) != 1)
        return TALLY_EIO;
    if ((error = set_serial(certificate)) != TALLY_OK) return error;
    if ((error = set_names(certificate, common_name)) != TALLY_OK) return error;
    if ((error = set_validity(certificate)) != TALLY_OK) return error;
    if ((error = add_extensions(certificate, names, name_count)) != TALLY_OK) return error;
    return X509_sign(certificate, key, EVP_sha256()) > 0 ? TALLY_OK : TALLY_EIO;
}

int certificate_make(
    const char *common_name, const char *const *names, size_t name_count, X509 **certificate, EVP_PKEY **key)
{
    if (!names_are_valid(common_name, names, name_count)) return TALLY_EINVALID;
    EVP_PKEY *made_key = EVP_EC_gen("P-256");
    X509 *made = X509_new();
    int error = made_key != NULL && made != NULL ? TALLY_OK : TALLY_ENOMEM;
    if (error == TALLY_OK) error = fill(made, made_key, common_name, names, name_count);
    if (error != TALLY_OK) {
        ERR_clear_error();
        X509_free(made);
        EVP_PKEY_free(made_key);
        return error;
    }
    *certificate = made;
    *key = made_key;
    return TALLY_OK;
}

/* Writes beside `path` and links it there: the file appears whole, and never replaces another. */
static int write_new_file(const char *path, const void *bytes, size_t size, mode_t mode)
{
    char beside[4096];
    int error = TALLY_EIO;
    int count = snprintf(beside, sizeof beside, "%s.%ld.new", path, (long)getpid());
    if (count < 0 || (size_t)count >= sizeof beside) return TALLY_EINVALID;
    int fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0) return TALLY_EIO;
    bool written = fchmod(fd, mode) == 0 && write(fd, bytes, size) == (ssize_t)size && fsync(fd) == 0;
    if (close(fd) == 0 && written) {
        if (link(beside, path) == 0)
            error = TALLY_OK;
        else if (errno == EEXIST)
            error = TALLY_EEXISTS;
    }
    unlink(beside);
    return error;
}

static int write_pem(BIO *bio, const char *path, mode_t mode)
{
    char *bytes = NULL;
    long size = BIO_get_mem_data(bio, &bytes);
    return size > 0 ? write_new_file(path, bytes, (size_t)size, mode) : TALLY_EIO;
}

int certificate_make_files(const char *common_name, const char *const *names, size_t name_count,
    const char *certificate_path, const char *key_path)
{
    X509 *certificate;
    EVP_PKEY *key;
    if (access(certificate_path, F_OK) == 0 || access(key_path, F_OK) == 0) return TALLY_EEXISTS;
    int error = certificate_make(common_name, names, name_count, &certificate, &key);
    if (error != TALLY_OK) return error;

    BIO *certificate_pem = BIO_new(BIO_s_mem());
    BIO *key_pem = BIO_new(BIO_s_secmem());
    error = TALLY_ENOMEM;
    if (certificate_pem == NULL || key_pem == NULL || PEM_write_bio_X509(certificate_pem, certificate) != 1 ||
        PEM_write_bio_PrivateKey(key_pem, key, NULL, NULL, 0, NULL, NULL) != 1)
        goto out;
    error = write_pem(key_pem, key_path, 0600);
    if (error != TALLY_OK) goto out;
    error = write_pem(certificate_pem, certificate_path, 0644);
    if (error != TALLY_OK) unlink(key_path);
out:
    BIO_free(certificate_pem);
    BIO_free(key_pem);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return error;
}

int certificate_read(const char *path, X509 **certificate)
{
    struct stat status;
    FILE *file = fopen(path, "re");
    if (file == NULL) return errno == ENOENT ? TALLY_ENOTFOUND : TALLY_EIO;
    int error = TALLY_EFORM;
    if (fstat(fileno(file), &status) != 0)
        error = TALLY_EIO;
    else if (status.st_size <= (off_t)CERTIFICATE_FILE_SIZE_MAX) {
        X509 *read = PEM_read_X509(file, NULL, NULL, NULL);
        if (read != NULL) {
            *certificate = read;
            error = TALLY_OK;
        }
    }
    ERR_clear_error();
    fclose(file);
    return error;
}

int certificate_fingerprint(const X509 *certificate, struct digest *fingerprint)
{
    unsigned char *bytes = NULL;
    int size = i2d_X509(certificate, &bytes);
    if (size <= 0) return TALLY_EIO;
    *fingerprint = digest_plain(span_of(bytes, (size_t)size));
    OPENSSL_free(bytes);
    return TALLY_OK;
}

int certificate_file_fingerprint(const char *path, struct digest *fingerprint)
{
    X509 *certificate;
    int error = certificate_read(path, &certificate);
    if (error != TALLY_OK) return error;
    error = certificate_fingerprint(certificate, fingerprint);
    X509_free(certificate);
    return error;
}
