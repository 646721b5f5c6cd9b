#include "keystore/tpm2/devid.h"

#include "keystore/tpm2/session_tss2.h"

#include <array>

namespace berth::keystore::tpm2 {

namespace {

using namespace attestation;

// The four branches of the policies (DevID 7.3.6): PolicySecret(endorsement) as it is, with CC(Certify), with
// CC(ActivateCredential), and PolicyAuthorizeNV, which differs between the two keys.
constexpr std::array shared_branches{
    std::string_view("837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa"),
    std::string_view("b2a69e6391e2684a0fe752d39e14acd2e5cb922e4bd035830eea31f2aabe9870"),
    std::string_view("cd9917cf18c3848c3a2e606986a066c68142f9bc2710a278287a650ca3bbf245"),
};

struct devid_policy {
    std::string_view digest;
    std::string_view fourth_branch;
};
constexpr devid_policy idevid_policy{"ad6b3a2284fd698a0710bf5cc1b9bdf15e2532e3f601fa4b93a6a8fa8de579ea",
                                     "629c50b05f1adb5b4297feb241549d4217a1c792c162feb861022def88fa9501"};
constexpr devid_policy iak_policy{"5437182326e414fca797d5f174615a1641f61255797c3a2b22c21d120b2d1e07",
                                  "101e689dadf145222412c05b76e14532af1e5c74208e0ae7cdb0cff1906c8a09"};

public_area bound_key(std::string_view unique) {
    public_area out;
    out.attributes = fixed_tpm | fixed_parent | sensitive_data_origin | user_with_auth;
    out.curve = tpm_curve::p256;
    // What sets keys of one template apart: "IDEVID", "IAK".
    out.x = to_bytes(as_bytes(unique));
    out.y = out.x;
    return out;
}

public_area signing_template(std::string_view unique, const devid_policy& policy) {
    public_area out = bound_key(unique);
    out.attributes |= admin_with_policy | sign;
    out.policy = *from_hex(policy.digest);
    out.scheme = tpm_alg::ecdsa;
    out.scheme_hash = tpm_alg::sha256;
    return out;
}

}  // namespace

result<devid_layout> layout_named(std::string_view name) {
    if (name == "tcg") {
        return devid_layout{};
    }
    if (name == "st33ktpm") {
        devid_layout out;
        out.idevid_certificate = 0x01c90200;
        return out;
    }
    return fail(
        error{error_category::usage, "unknown_layout",
              "\"" + std::string(name) + "\" is no layout of a TPM's identity: tcg or st33ktpm, or iak= and nv= by themselves."}
            .with("layout", std::string(name)));
}

public_area idevid_template() {
    return signing_template("IDEVID", idevid_policy);
}

public_area iak_template() {
    public_area out = signing_template("IAK", iak_policy);
    out.attributes |= restricted;
    return out;
}

public_area kem_template() {
    public_area out = bound_key("BERTH-KEM");
    // Used at every handshake, with an empty authorization value: nothing to guess, so nothing to be locked out of.
    out.attributes |= decrypt | no_da;
    out.scheme = tpm_alg::ecdh;
    out.scheme_hash = tpm_alg::sha256;
    return out;
}

result<object> establish(const device_ptr& in, const public_area& as, uint32_t handle) {
    const hold esys(*in);
    {
        BERTH_TRY(made, create_primary(in, hierarchy::endorsement, as));
        if (const auto kept = make_persistent(made, handle); !kept) {
            auto there = kept.error().is("nv_exists") ? open_persistent(in, handle) : result<object>(fail(kept.error()));
            if (!there || there->area() != made.area()) {
                return fail(kept.error());
            }
            return std::move(*there);
        }
    }
    return open_persistent(in, handle);
}

result<void> satisfy_devid_policy(const session& with, const public_area& key, uint32_t command) {
    const std::string digest = to_hex(key.policy);
    const devid_policy* const policy = digest == idevid_policy.digest ? &idevid_policy
                                       : digest == iak_policy.digest  ? &iak_policy
                                                                      : nullptr;
    if (policy == nullptr) {
        return fail(error_category::incompatible, "tpm_unsupported",
                    "This key of the TPM was not made from a DevID template, and its policy is not known.");
    }
    std::vector<bytes> branches;
    for (const std::string_view branch : shared_branches) {
        branches.push_back(*from_hex(branch));
    }
    branches.push_back(*from_hex(policy->fourth_branch));
    BERTH_CHECK(with.policy_secret(hierarchy::endorsement));
    BERTH_CHECK(with.policy_command(command));
    return with.policy_or(branches);
}

}  // namespace berth::keystore::tpm2
