// An OCSP request that was read is itself again; a response is believed only if its issuer has signed it, which no fuzzer does.
#include "crypto/random.h"
#include "pki/ocsp_contents.h"
#include "pki/profiles.h"

#include <cstdlib>

namespace {

using namespace berth;

struct parties {
    parties()
        : key(crypto::signing_key::generate(crypto::signature_algorithm::ecdsa_p256_sha256, crypto::system_random())),
          root(*pki::issue_self_signed(pki::root_template("Fuzz", "root", {0, 4'000'000'000}), key, crypto::system_random())),
          leaf(*pki::issue(pki::client_template("Fuzz", "leaf", {0, 4'000'000'000}), key.public_key().spki(), root, key,
                           crypto::system_random())) {}
    crypto::signing_key key;
    pki::certificate root, leaf;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const parties known;
    const bytes_view der(data, size);
    if (const auto query = pki::parse_ocsp_query(der)) {
        const auto again = pki::build_ocsp_query(*query);
        if (!again || pki::parse_ocsp_query(*again)->ids != query->ids) {
            std::abort();
        }
        for (const auto& id : query->ids) {
            (void)pki::is_of_issuer(id, known.root);
        }
    }
    (void)pki::parse_ocsp_contents(der);
    pki::ocsp_policy policy;
    policy.time = pki::validity_instants::at(1'800'000'000);
    if (pki::verify_ocsp_response(der, known.leaf, known.root, policy)) {
        std::abort();
    }
    return 0;
}
