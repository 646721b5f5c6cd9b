#include "issuing/granted_certificate.h"

#include "crypto/hash.h"
#include "pki/profiles.h"
#include "pki/verify.h"

namespace berth::app {

result<onboarding::issued_certificate> judge_granted(const pki::certificate& leaf, std::span<const pki::certificate> known,
                                                     const onboarding::device_identity& device,
                                                     const onboarding::certificate_order_item& item, const granted_by& by) {
    const bool kem = item.kind == onboarding::credential_kind::kem;
    if (!same_octets(leaf.spki(), item.spki)) {
        return fail(error_category::peer, "wrong_key",
                    fmt::format("the CA has issued a certificate for another key than that of \"{}\"", item.name));
    }
    BERTH_CHECK(pki::check_operational(leaf, kem ? pki::credential_kind::kem : pki::credential_kind::signature));
    const auto serial = leaf.device_serial();
    const auto maker = pki::maker_root_of(leaf);
    if (!serial || *serial != device.serial || !maker || *maker != device.device_root_spki) {
        return fail(error_category::peer, "wrong_device",
                    fmt::format("the CA has issued a certificate for {}, and the device is {} of the maker {}", leaf.subject(),
                                device.serial, pki::device_identity_uri(device.device_root_spki)));
    }
    std::vector<pki::certificate> candidates{leaf};
    candidates.insert(candidates.end(), known.begin(), known.end());
    pki::verify_options how;
    how.time = pki::validity_instants::at(by.now);
    how.leaf = kem ? pki::leaf_rule::kem : pki::leaf_rule::signature;
    BERTH_TRY(verified, pki::verify_chain(by.domain, candidates, how));
    onboarding::issued_certificate out;
    out.device = device;
    out.name = item.name;
    out.profile = by.profile;
    out.kind = item.kind;
    out.spki_hash = to_array<32>(crypto::sha256(item.spki).view());
    out.not_before = leaf.not_before();
    out.not_after = leaf.not_after();
    for (const auto& c : verified.chain()) {
        out.chain.push_back(to_bytes(c.der()));
    }
    return out;
}

}  // namespace berth::app
