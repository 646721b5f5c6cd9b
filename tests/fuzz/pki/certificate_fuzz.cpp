// Whatever parses as a certificate is itself again, and every question about it has an answer.
#include "pki/profiles.h"
#include "pki/verify.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using namespace berth;
    const bytes_view der(data, size);
    const auto c = pki::certificate::parse(der);
    if (!c) {
        return 0;
    }
    if (!same_octets(c->der(), der)) {
        std::abort();
    }
    (void)c->kem_key();
    (void)c->verification_key();
    (void)c->device_serial();
    (void)c->common_name();
    (void)c->check_signature(*c);
    (void)pki::check_idevid_kem(*c);
    (void)pki::maker_root_of(*c);
    // A certificate that vouches for itself must not be accepted by a store that trusts nobody.
    static const pki::trust_store nobody = *pki::trust_store::build({});
    for (const auto rule : {pki::leaf_rule::kem, pki::leaf_rule::signature, pki::leaf_rule::ca}) {
        pki::verify_options options;
        options.leaf = rule;
        options.time = pki::validity_instants::at(c->not_before());
        if (pki::verify_chain(nobody, std::span(&*c, 1), options)) {
            std::abort();
        }
    }
    return 0;
}
