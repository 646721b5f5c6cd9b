/* libberth-identity: a device's identities for local programs, in C (docs/identity-service.md).
 *
 * The identities belong to the device; their private keys stay with the identity service (`berth-agent serve`) or in a chip
 * behind it. A program reads certificates and has the service sign or decapsulate. Who it is, the kernel tells the service: the
 * user that it runs as.
 *
 * A handle is for one thread at a time; several handles may be used at once. Link with -lberth-identity. */
#ifndef BERTH_IDENTITY_H
#define BERTH_IDENTITY_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct berth_identity berth_identity;

/* What every call answers; the numbers are the exit codes of Berth's programs. */
enum berth_identity_status {
    BERTH_IDENTITY_OK = 0,
    BERTH_IDENTITY_REFUSED = 1,     /* the service says no: berth_identity_error_name() tells which no */
    BERTH_IDENTITY_USAGE = 2,       /* an argument is wrong */
    BERTH_IDENTITY_ENVIRONMENT = 3, /* no service at the path, no such identity, a chip that fails */
    BERTH_IDENTITY_INTERNAL = 4     /* our fault, or no memory */
};

/* `socket`: the service's path, as in its configuration; NULL: what BERTH_IDENTITY_SOCKET names, else
 * /run/berth/identity.sock. Nothing is asked yet. NULL: no memory. */
berth_identity* berth_identity_new(const char* socket);
void berth_identity_free(berth_identity* handle);

/* Of the last call on this handle that failed: a name that programs may rely on ("not_allowed"), and a sentence that a person can
 * act on. Valid until the next call; empty texts if none failed. */
const char* berth_identity_error_name(const berth_identity* handle);
const char* berth_identity_error_message(const berth_identity* handle);

/* What calls below give is the caller's: to be freed with berth_identity_free_text() or berth_identity_free_octets(). On failure
 * nothing is given. */

/* JSON: {"serial":...,"model":...,"customer":...} */
int berth_identity_device(berth_identity* handle, char** json);
/* JSON: {"principal":...,"identities":[{"name":...,"kind":"signature"|"kem","algorithm":...,"not_after":...},...]} */
int berth_identity_list(berth_identity* handle, char** json);
/* PEM: the identity's certificate, then its issuers. */
int berth_identity_certificate(berth_identity* handle, const char* name, char** pem);
/* PEM: the trust anchors of the device's customer. */
int berth_identity_trust(berth_identity* handle, char** pem);
/* Signs the message (not its hash) with the identity's key. ECDSA signatures are DER. At most 262144 octets of message. */
int berth_identity_sign(berth_identity* handle, const char* name, const uint8_t* message, size_t message_size,
                        uint8_t** signature, size_t* signature_size);
/* The shared secret that `enc` encapsulates to the identity's key. */
int berth_identity_decapsulate(berth_identity* handle, const char* name, const uint8_t* enc, size_t enc_size, uint8_t** secret,
                               size_t* secret_size);

void berth_identity_free_text(char* text);
/* Wipes, then frees. */
void berth_identity_free_octets(uint8_t* octets, size_t size);

#ifdef __cplusplus
}
#endif

#endif
