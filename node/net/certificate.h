/* Self-signed X.509 certificates on P-256: what carries TLS, never who somebody is. No libuv here: tools link
 * this too. */
#ifndef TALLY_NET_CERTIFICATE_H
#define TALLY_NET_CERTIFICATE_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "proto/base/bytes.h"

#define CERTIFICATE_NAMES_MAX 16u
#define CERTIFICATE_NAME_SIZE_MAX 253u
/* A certificate or key file larger than this is not read. */
#define CERTIFICATE_FILE_SIZE_MAX (64u * 1024u)

/* Makes a P-256 key and a certificate for it: subject and issuer CN = `common_name` (1 to 64 bytes), valid
 * from a day before 2024-01-01 to 9999-12-31, with a random serial number, for TLS servers and clients.
 * `names` (may be NULL with `name_count` 0) become subject alternative names: an IPv4 or IPv6 literal as an
 * address, anything else as a DNS name. With names it may be trusted as a server's root; without, it is no
 * authority, and browsers take it as a client's. The caller frees both with X509_free and EVP_PKEY_free.
 * Errors: TALLY_EINVALID (a name out of range), TALLY_ENOMEM, TALLY_EIO (the library failed). */
int certificate_make(const char *common_name, const char *const *names, size_t name_count, X509 **certificate,
    EVP_PKEY **key) TALLY_MUST_CHECK;

/* The same, to two PEM files: the key with mode 0600, the certificate with 0644. Each file appears whole or
 * not at all; neither may exist before. Errors: as certificate_make; TALLY_EEXISTS (a file is there; nothing
 * is changed), TALLY_EIO (a file cannot be written). */
int certificate_make_files(const char *common_name, const char *const *names, size_t name_count,
    const char *certificate_path, const char *key_path) TALLY_MUST_CHECK;

/* Reads the first certificate of a PEM file; the caller frees it.
 * Errors: TALLY_ENOTFOUND (no such file), TALLY_EIO (not readable), TALLY_EFORM (no certificate in it). */
int certificate_read(const char *path, X509 **certificate) TALLY_MUST_CHECK;

/* SHA-256 of the certificate's DER bytes: what `openssl x509 -fingerprint -sha256` prints.
 * Errors: TALLY_EIO (it does not encode). */
int certificate_fingerprint(const X509 *certificate, struct digest *fingerprint) TALLY_MUST_CHECK;

/* The same of a PEM file's first certificate. Errors: as certificate_read. */
int certificate_file_fingerprint(const char *path, struct digest *fingerprint) TALLY_MUST_CHECK;

#endif
