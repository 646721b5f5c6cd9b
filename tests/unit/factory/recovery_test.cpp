// A device that has lost its KEM key asks for another certificate: whom the factory believes, and whom it does not.
#include "factory/identity_claim.h"
#include "factory/recovery.h"
#include "keystore/software.h"
#include "keystore/tpm2/keys.h"
#include "tpm_fixture.h"

namespace berth::factory {

namespace {

class Recovery : public TpmUnits {
protected:
    void SetUp() override {
        TpmUnits::SetUp();
        if (IsSkipped()) {
            return;
        }
        const auto first = make(in);
        granted = value_of(first->accept(value_of(wire::encode(value_of(issuer.issue(proved(*first)))))));
    }
    resident_unit proved(unit& one) { return proved(one, value_of(one.request())); }
    resident_unit proved(unit& one, bytes_view request) {
        auto check = value_of(begin(request));
        return value_of(check.finish(value_of(one.answer(sent(check)))));
    }
    result<known_device> verify(bytes_view request) const { return known_device::verify(request, maker(), test::test_now); }
    pki::trust_store maker(std::vector<pki::crl> lists = {}) const {
        pki::trust_store::contents contents;
        contents.anchors.push_back(issuer.root.certificate);
        contents.crls = std::move(lists);
        return value_of(pki::trust_store::build(contents));
    }
    bytes ask(unit& one) { return value_of(ask_recovery(one, granted.identity, granted.kem.front())); }
    result<unit_grant> issue_again_to(const known_device& device, const resident_unit& unit) {
        const std::vector<pki::certificate> one{issuer.classical.certificate};
        const std::vector<pki::certificate> other{issuer.post_quantum.certificate};
        return issue_again(device, unit, {one, issuer.classical.key}, {other, issuer.post_quantum.key},
                           {"Test", "2.25.205546254112486", {test::test_now - 60, pki::no_expiry}}, random);
    }
    // A claim that the device's own key has signed, whatever it says.
    static bytes signed_by(const unit& one, const recovery_claim& claim) {
        auto signature = value_of(one.identity().sign(signed_octets("berth recovery request 1", value_of(wire::encode(claim)))));
        return value_of(wire::encode(recovery_request{claim, signature_field(std::move(signature))}));
    }

    unit_certificates granted;
};

TEST_F(Recovery, ADeviceIsGivenACertificateForItsNewKey) {
    const auto again = make(in);  // with a new seed
    const auto device = value_of(verify(ask(*again)));
    EXPECT_EQ(device.serial(), "SN-1");
    ASSERT_TRUE(device.former());
    EXPECT_TRUE(*device.former() == granted.kem.front());
    const auto unit = proved(*again, device.request());
    const auto grant = value_of(issue_again_to(device, unit));
    const auto accepted = again->accept(value_of(wire::encode(grant)));
    ASSERT_TRUE(accepted) << accepted.error().message;
    EXPECT_TRUE(accepted->identity.front() == granted.identity.front()) << "the IDevID is for life";
    EXPECT_FALSE(same_octets(accepted->kem.front().spki(), granted.kem.front().spki()));
    EXPECT_TRUE(pki::verify_chain(maker(), accepted->kem, test::now_as(pki::leaf_rule::kem)));
    EXPECT_EQ(accepted->kem.front().hardware_module_name()->type_oid, "2.23.133.1.2");
    // What was shown for one request is nothing for another.
    const auto later = make(in);
    const auto other = value_of(verify(ask(*later)));
    EXPECT_EQ(name_of_error(issue_again_to(other, unit)), "wrong_request");
}

TEST_F(Recovery, AFactoryThatIsNotTheDevices) {
    const auto again = make(in);
    const bytes request = ask(*again);
    const auto other = value_of(pki::trust_store::from_root(test::make_root("another maker").certificate));
    EXPECT_EQ(name_of_error(known_device::verify(request, other, test::test_now)), "unknown_issuer");
    EXPECT_EQ(name_of_error(known_device::verify(request, maker(), test::usual.not_after + 1)), "certificate_expired")
        << "the CA's end is the chain's";
    pki::crl_template list;
    list.this_update = test::test_now - 60;
    list.next_update = test::test_now + test::day;
    list.revoked.push_back({granted.identity.front().serial(), test::test_now - 60, pki::revocation_reason::key_compromise});
    const auto revoked = value_of(pki::issue_crl(list, issuer.classical.certificate, issuer.classical.key));
    EXPECT_EQ(name_of_error(known_device::verify(request, maker({revoked}), test::test_now)), "certificate_revoked");
}

TEST_F(Recovery, RequestsThatWereChangedOrAreAnothers) {
    const auto again = make(in);
    const bytes request = ask(*again);
    const auto refused_as = [&](auto change) { return name_of_error(verify(changed<recovery_request>(request, change))); };
    EXPECT_EQ(refused_as([](auto&) {}), "accepted");
    EXPECT_EQ(refused_as([](auto& m) { m.claim.version = 2; }), "unsupported_version");
    EXPECT_EQ(refused_as([](auto& m) { m.claim.serial = serial_field(as_bytes("SN-2")); }), "bad_serial");
    EXPECT_EQ(refused_as([](auto& m) { m.claim.request.value.back() ^= 1; }), "bad_signature");
    EXPECT_EQ(refused_as([](auto& m) { m.claim.former.items.clear(); }), "bad_signature");
    EXPECT_EQ(refused_as([](auto& m) { m.signature.value.back() ^= 1; }), "bad_signature");
    EXPECT_EQ(refused_as([&](auto& m) { m.claim.identity = sent_chain(granted.kem); }), "unsupported_certificate");
    EXPECT_EQ(name_of_error(verify(bytes_view(request).first(40))), "malformed");
}

// The device's software may use the IDevID key for anything; it gets no certificate for keys elsewhere by that.
TEST_F(Recovery, ADeviceThatAsksForKeysThatAreNotItsTpms) {
    const auto again = make(in);
    const auto claim = value_of(wire::decode<recovery_request>(ask(*again))).claim;
    EXPECT_EQ(name_of_error(verify(signed_by(*again, claim))), "accepted");

    unit in_software({"SN-1", "model-1"}, "software", value_of(signing_key_at(in, devid_layout().idevid)),
                     keystore::software_kem_key(test::kem_key("in a file")));
    auto outside = claim;
    outside.request = wire::opaque<1, 262144>(value_of(in_software.request()));
    EXPECT_EQ(name_of_error(verify(signed_by(*again, outside))), "operation_unsupported");

    unit other_identity({"SN-1", "model-1"}, "software", keystore::software_signing_key(test::signature_key("another")),
                        keystore::software_kem_key(test::kem_key("in a file")));
    outside.request = wire::opaque<1, 262144>(value_of(other_identity.request()));
    EXPECT_EQ(name_of_error(verify(signed_by(*again, outside))), "key_mismatch");

    unit other_serial({"SN-2", "model-1"}, "software", value_of(signing_key_at(in, devid_layout().idevid)),
                      keystore::software_kem_key(test::kem_key("in a file")));
    outside.request = wire::opaque<1, 262144>(value_of(other_serial.request()));
    EXPECT_EQ(name_of_error(verify(signed_by(*again, outside))), "bad_serial");
    EXPECT_EQ(name_of_error(ask_recovery(other_identity, granted.identity, {})), "bad_bundle");

    // Nor can it have any certificate revoked in the place of its former one.
    auto other_former = claim;
    other_former.former.items.front() = der_field(granted.identity.front().der());
    EXPECT_EQ(name_of_error(verify(signed_by(*again, other_former))), "wrong_certificate");
    other_former.former.items.clear();
    EXPECT_EQ(name_of_error(verify(signed_by(*again, other_former))), "accepted") << "it may not know it any more";
}

}  // namespace

}  // namespace berth::factory
