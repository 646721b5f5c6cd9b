// Registering a CA whose devices may log in (row B1, seed 001): in two steps, its certificate first, then the proof that whoever
// hands it in has its key. Nobody is let in by a CA before the second.
//
// The proof is a verification certificate: signed with the CA's key, its subject's common name the code that the registration
// drew. Any tool that signs certificates makes one.
#pragma once

#include "base/random.h"
#include "crypto/sign.h"
#include "pki/certificate.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace berth::registry {

inline constexpr unix_seconds code_lasts = 7 * 24 * 3600;
inline constexpr size_t most_ca_file = 64 * 1024;
inline constexpr size_t most_ca_name = 128;

enum class ca_state : uint8_t {
    unverified,  // its code waits for the proof
    verified,
};
std::string_view to_string(ca_state s);

struct registered_ca {
    std::string name;
    pki::certificate certificate;
    ca_state state = ca_state::unverified;
    std::string code;               // of unverified
    unix_seconds code_expires = 0;  // of unverified
    unix_seconds added = 0;
    unix_seconds verified_at = 0;
    unix_seconds retires = 0;  // 0: never. From then on nobody is let in by it: another has taken its place.
    uint64_t version = 1;      // one more with each change: its etag

    // Whether devices are let in by it.
    [[nodiscard]] bool counts(unix_seconds now) const {
        return state == ca_state::verified && (retires == 0 || now < retires) && now <= certificate.not_after() &&
               now >= certificate.not_before();
    }
    [[nodiscard]] std::string etag() const;
};

// The one certificate of a file, PEM or DER, as a CA to be registered. RSA of 2048 bits or more is taken: device makers have it.
// Errors (usage): `private_key_in_file` (it must not leave its owner; nothing of the file is kept), `several_certificates` (each
// is registered by itself), `too_large`, `bad_pem`, `bad_certificate`, and those of pki::check_issuer.
result<pki::certificate> read_ca_upload(bytes_view file, unix_seconds now);

// Letters, digits, '.', '_' and '-', 1 to 128. Error `bad_name`.
result<void> check_ca_name(std::string_view name);

// `unknown_ca` (peer), param "name": nothing is registered under it.
error unknown_ca(const std::string& name);

// What a registration is begun anew with as well, when the code has expired.
registered_ca begin_registration(std::string name, pki::certificate ca, random_source& random, unix_seconds now);
void draw_code(registered_ca& ca, random_source& random, unix_seconds now);

// The registration with `proof`, a verification certificate (PEM or DER), verified. Errors (peer): `code_expired` (draw another),
// `wrong_proof` (of another CA, or its common name is not the code; params say which), `bad_certificate_signature`,
// `certificate_expired`, `certificate_not_yet_valid`; `already_verified` (usage); those of a file as read_ca_upload.
result<registered_ca> verify_registration(registered_ca ca, bytes_view proof, unix_seconds now);

// A verification certificate, by who has the CA's key: good for an hour, and for nothing else. Errors of pki::issue.
result<pki::certificate> make_proof(const pki::certificate& ca, const crypto::signing_key& key, std::string_view code,
                                    random_source& random, unix_seconds now);

}  // namespace berth::registry
