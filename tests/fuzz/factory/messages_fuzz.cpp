// The four messages of a unit in the making, what an issuer keeps meanwhile, and what devices ask for later: whatever decodes
// encodes to the same octets, and nothing that somebody else has made up is believed.
#include "crypto/random.h"
#include "factory/ldevid_residency.h"
#include "factory/recovery.h"
#include "factory/residency.h"
#include "factory/unit.h"
#include "keystore/software.h"

#include <cstdlib>

namespace {

using namespace berth;
using namespace berth::factory;

template <class T>
void round_trip(bytes_view body) {
    const auto m = wire::decode<T>(body);
    if (!m) {
        return;
    }
    const auto again = wire::encode(*m);
    if (!again || !same_octets(*again, body)) {
        std::abort();
    }
}

factory::unit& some_unit() {
    auto& random = crypto::system_random();
    static factory::unit one(
        {"SN-1", "model-1"}, "software",
        keystore::software_signing_key(crypto::signing_key::generate(crypto::signature_algorithm::ecdsa_p256_sha256, random)),
        keystore::software_kem_key(crypto::kem_private_key::generate(crypto::kem_algorithm::mlkem768_p256, random)));
    static const auto asked = one.request();
    return one;
}

const pki::trust_store& some_maker() {
    static const auto root = [] {
        auto& random = crypto::system_random();
        const auto key = crypto::signing_key::generate(crypto::signature_algorithm::ecdsa_p256_sha256, random);
        return *pki::issue_self_signed(pki::root_template("Maker", "Maker", {0, pki::no_expiry}), key, random);
    }();
    static const auto trust = *pki::trust_store::from_root(root);
    return trust;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const bytes_view octets(data, size);
    round_trip<unit_request>(octets);
    round_trip<unit_challenge>(octets);
    round_trip<unit_answer>(octets);
    round_trip<unit_grant>(octets);
    round_trip<recovery_request>(octets);
    round_trip<ldevid_request>(octets);
    round_trip<ldevid_challenge>(octets);
    round_trip<ldevid_answer>(octets);
    round_trip<ldevid_grant>(octets);
    if (auto check = residency_check::begin(octets, {{}, 1'800'000'000}, crypto::system_random());
        check && check->finish(octets)) {
        std::abort();
    }
    if (auto check = residency_check::restore(secret_bytes(octets), {{}, 1'800'000'000})) {
        static_cast<void>(check->challenge());
    }
    if (known_device::verify(octets, some_maker(), 1'800'000'000) ||
        ldevid_candidate::verify(octets, some_maker(), 1'800'000'000) ||
        accept_ldevid(octets, {"SN-1", {}, octets, octets}, {})) {
        std::abort();
    }
    if (some_unit().answer(octets) || some_unit().accept(octets)) {
        std::abort();
    }
    return 0;
}
