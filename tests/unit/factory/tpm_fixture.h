// A TPM as its maker sells it, in the hands of a factory, before an issuer that has its maker's root.
#pragma once

#include "factory/tpm_unit.h"
#include "factory_fixture.h"
#include "support/swtpm.h"

namespace berth::factory {

using namespace keystore::tpm2;

class TpmUnits : public testing::Test {
protected:
    void SetUp() override {
        BERTH_NEEDS_SWTPM();
        chip.emplace(true);
        in = connect(*chip);
        policy.now = std::time(nullptr);
        policy.tpm_makers = maker_of(*chip);
    }
    static device_ptr connect(const test::swtpm& to) {
        device_options options;
        options.tcti = to.tcti();
        return value_of(device::open(options));
    }
    static pki::trust_store maker_of(const test::swtpm& of) {
        pki::trust_store::contents contents;
        contents.anchors.push_back(value_of(pki::certificate::parse_pem(of.read("ca/swtpm-localca-rootca-cert.pem"))));
        contents.intermediates.push_back(value_of(pki::certificate::parse_pem(of.read("ca/issuercert.pem"))));
        return value_of(pki::trust_store::build(contents));
    }
    std::unique_ptr<tpm_unit> make(const device_ptr& of, const std::string& serial = "SN-1", tpm_unit_settings settings = {}) {
        return value_of(tpm_unit::make(of, {serial, "model-1"}, settings, random));
    }
    result<residency_check> begin(bytes_view request) { return residency_check::begin(request, policy, issuer.random); }
    static bytes sent(const residency_check& check) { return value_of(wire::encode(check.challenge())); }

    std::optional<test::swtpm> chip;
    device_ptr in;
    test_issuer issuer;
    test::named_random random{"unit"};
    residency_policy policy;
};

}  // namespace berth::factory
