// A device's quote before a registrar with a policy: whatever decodes encodes to the same octets; nothing that somebody has made
// up meets a policy; and what a genuine IAK has signed meets it only with the values that the policy asks for.
#include "attestation/iak.h"
#include "attestation/verify.h"
#include "crypto/random.h"
#include "onboarding/messages/quote.h"
#include "onboarding/registrar/integrity.h"

#include <cstdlib>

namespace {

using namespace berth;
using namespace berth::onboarding;

constexpr unix_seconds now = 1'800'000'000;
constexpr auto p256 = crypto::signature_algorithm::ecdsa_p256_sha256;
const pki::hardware_module some_tpm{std::string(attestation::oid_hardware_type_tpm), {1}};

struct world {
    crypto::signing_key root_key = crypto::signing_key::generate(p256, crypto::system_random());
    crypto::signing_key iak_key = crypto::signing_key::generate(p256, crypto::system_random());
    pki::certificate root =
        *pki::issue_self_signed(pki::root_template("Z1", "Z1", {now - 60, now + 60}), root_key, crypto::system_random());
    pki::certificate iak =
        *pki::issue(attestation::iak_certificate_template("Z1", "SN-1", some_tpm, {"00", ""}, {now - 60, now + 60}),
                    iak_key.public_key().spki(), root, root_key, crypto::system_random());
    device_identity device{root.spki_sha256(), "SN-1"};
    bytes nonce = bytes(32, 1);
    integrity_policy policy;
    world() {
        policy.rules.push_back({"", {{7, {hash_field{}}}}});
        policy.makers.emplace(root.spki_sha256(), *pki::trust_store::from_root(root));
    }
    // The IAK stands for Z3 as well: both name the same TPM.
    [[nodiscard]] bool meets(bytes_view octets) const {
        return judge_quote(policy, {device, iak, "valve-3"}, octets, nonce, now).has_value();
    }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    static const world w;
    const bytes_view octets(data, size);
    if (w.meets(octets)) {
        std::abort();
    }
    auto m = wire::decode<platform_quote>(octets);
    if (!m) {
        return 0;
    }
    const auto again = wire::encode(*m);
    if (!again || !same_octets(*again, octets)) {
        std::abort();
    }
    // The same, as if a TPM had said it.
    m->iak.items = {der_field(w.iak.der())};
    m->signature = wire::opaque<1, 1024>(*attestation::ecdsa_signature_tpm(*w.iak_key.sign(m->attest.view()), p256));
    const auto has_it = [](const quoted_register& r) { return r.number == 7 && r.value == hash_field{}; };
    if (w.meets(*wire::encode(*m)) && std::ranges::none_of(m->registers.items, has_it)) {
        std::abort();
    }
    return 0;
}
