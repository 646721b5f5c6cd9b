// A small public key infrastructure for tests, the same at every run.
#pragma once

#include "crypto/kem.h"
#include "crypto/sign.h"
#include "pki/issue.h"
#include "pki/profiles.h"
#include "pki/verify.h"
#include "support/given_random.h"

#include <string>
#include <vector>

namespace berth::test {

inline constexpr unix_seconds test_now = 1'800'000'000;  // 2027-01-15
inline constexpr unix_seconds day = 86'400;

inline const pki::validity usual{test_now - 30 * day, test_now + 365 * day};

struct authority {
    pki::certificate certificate;
    crypto::signing_key key;
};

template <class T>
T value_of(result<T> r) {
    if (!r) {
        ADD_FAILURE() << r.error().name << ": " << r.error().message;
        std::abort();
    }
    return std::move(*r);
}

// The name of the error, or "accepted".
template <class T>
std::string name_of_error(const result<T>& r) {
    return r ? "accepted" : r.error().name;
}

inline authority make_root(const std::string& name, crypto::signature_algorithm alg = crypto::signature_algorithm::mldsa65,
                           pki::validity v = usual) {
    named_random random("root " + name);
    auto key = crypto::signing_key::generate(alg, random);
    return {value_of(pki::issue_self_signed(pki::root_template("Test", name, v), key, random)), key};
}

inline authority make_ca(const authority& above, const pki::certificate_template& contents,
                         crypto::signature_algorithm alg = crypto::signature_algorithm::mldsa65) {
    named_random random("ca " + above.certificate.subject() + contents.subject.attributes.back().second);
    auto key = crypto::signing_key::generate(alg, random);
    return {value_of(pki::issue(contents, key.public_key().spki(), above.certificate, above.key, random)), key};
}

inline authority make_issuing_ca(const authority& above, const std::string& name,
                                 crypto::signature_algorithm alg = crypto::signature_algorithm::mldsa65) {
    return make_ca(above, pki::issuing_ca_template("Test", name, usual), alg);
}

inline crypto::kem_private_key kem_key(const std::string& name,
                                       crypto::kem_algorithm alg = crypto::kem_algorithm::mlkem768_p256) {
    named_random random("kem " + name);
    return crypto::kem_private_key::generate(alg, random);
}

inline crypto::signing_key signature_key(const std::string& name,
                                         crypto::signature_algorithm alg = crypto::signature_algorithm::ecdsa_p256_sha256) {
    named_random random("signature " + name);
    return crypto::signing_key::generate(alg, random);
}

inline pki::certificate issue(const authority& by, const pki::certificate_template& contents, bytes_view spki) {
    named_random random("leaf of " + by.certificate.subject() +
                        (contents.subject.attributes.empty() ? "" : contents.subject.attributes.back().second) +
                        std::to_string(contents.not_before));
    return value_of(pki::issue(contents, spki, by.certificate, by.key, random));
}

inline pki::verify_options now_as(pki::leaf_rule rule) {
    pki::verify_options options;
    options.time = pki::validity_instants::at(test_now);
    options.leaf = rule;
    return options;
}

}  // namespace berth::test
