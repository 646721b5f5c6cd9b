// A customer's CA and a device that asks for an LDevID: who is given one, and which one the device takes.
#include "factory/identity_claim.h"
#include "factory/ldevid.h"
#include "factory_fixture.h"
#include "keystore/software.h"

namespace berth::factory {

namespace {

class Ldevid : public testing::Test {
protected:
    Ldevid() {
        auto leaf = pki::idevid_signature_template("Test", "SN-1", {}, {test::test_now - test::day, pki::no_expiry});
        chain = {test::issue(issuer.post_quantum, leaf, identity->public_key().spki()), issuer.post_quantum.certificate};
    }
    bytes ask() { return value_of(ask_ldevid({"SN-1", chain, *identity, *ldevid})); }
    pki::trust_store maker(std::vector<pki::crl> lists = {}) const {
        return value_of(pki::trust_store::build({{issuer.root.certificate}, {}, std::move(lists)}));
    }
    result<ldevid_candidate> verify(bytes_view request) const {
        return ldevid_candidate::verify(request, maker(), test::test_now);
    }
    bytes signed_by_identity(const ldevid_claim& claim) const {
        auto signature = value_of(identity->sign(signed_octets("berth ldevid request 1", value_of(wire::encode(claim)))));
        return value_of(wire::encode(ldevid_request{claim, signature_field(std::move(signature))}));
    }
    result<ldevid_grant> issue(const ldevid_candidate& device, unix_seconds not_after = test::test_now + test::day) {
        const std::vector<pki::certificate> above{birch_ca.certificate, birch.certificate};
        return issue_ldevid(device, {}, {above, birch_ca.key}, {test::test_now - 60, not_after}, issuer.random);
    }
    bytes granted(bytes_view request) { return value_of(wire::encode(value_of(issue(value_of(verify(request)))))); }
    ldevid_expected expected(bytes_view request) const {
        return {"SN-1", issuer.root.certificate.spki_sha256(), request, ldevid->public_key().spki()};
    }

    test_issuer issuer;
    keystore::signing_key_ptr identity = keystore::software_signing_key(test::signature_key("identity"));
    keystore::signing_key_ptr ldevid = keystore::software_signing_key(test::signature_key("ldevid"));
    std::vector<pki::certificate> chain;
    test::authority birch = test::make_root("Birch");
    test::authority birch_ca = test::make_issuing_ca(birch, "Birch issuing CA");
};

TEST_F(Ldevid, IsIssuedToADeviceThatShowsItsIdevid) {
    const bytes request = ask();
    const auto device = value_of(verify(request));
    EXPECT_EQ(device.serial(), "SN-1");
    EXPECT_EQ(device.backend(), "software");
    const auto grant = value_of(wire::encode(value_of(issue(device))));
    const auto accepted = accept_ldevid(grant, expected(request), birch.certificate);
    ASSERT_TRUE(accepted) << accepted.error().message;
    const pki::certificate& leaf = accepted->front();
    EXPECT_TRUE(pki::check_operational(leaf, pki::credential_kind::signature));
    EXPECT_EQ(leaf.organization(), "Test") << "the customer's name, from its CA";
    EXPECT_EQ(value_of(leaf.device_serial()), "SN-1");
    EXPECT_EQ(value_of(pki::maker_root_of(leaf)), issuer.root.certificate.spki_sha256());
    EXPECT_EQ(leaf.not_after(), test::test_now + test::day);
    EXPECT_TRUE(leaf.policies().empty()) << "where the key is, nobody has shown";
    EXPECT_EQ(accepted->size(), 2U) << "the root is not sent";
    EXPECT_TRUE(accept_ldevid(grant, expected(request), {})) << "a device that does not know its customer's root yet";
    EXPECT_EQ(value_of(issue(device, pki::no_expiry)).ldevid.size(), 2U);
    const auto longest = value_of(pki::certificate::parse(value_of(issue(device, pki::no_expiry)).ldevid.items.front().view()));
    EXPECT_EQ(longest.not_after(), birch_ca.certificate.not_after()) << "not longer than its CA";
}

TEST_F(Ldevid, IsNotIssuedToOthers) {
    const bytes request = ask();
    const auto refused_as = [&](auto change) { return name_of_error(verify(changed<ldevid_request>(request, change))); };
    EXPECT_EQ(refused_as([](auto&) {}), "accepted");
    EXPECT_EQ(refused_as([](auto& m) { m.claim.version = 2; }), "unsupported_version");
    EXPECT_EQ(refused_as([](auto& m) { m.claim.serial = serial_field(as_bytes("SN-2")); }), "bad_serial");
    EXPECT_EQ(refused_as([](auto& m) { m.claim.backend = name_field(as_bytes("tpm2")); }), "bad_signature");
    EXPECT_EQ(refused_as([](auto& m) { m.claim.ldevid.value.back() ^= 1; }), "bad_signature");
    EXPECT_EQ(refused_as([](auto& m) { m.signature.value.back() ^= 1; }), "bad_signature");
    EXPECT_EQ(name_of_error(verify(bytes_view(request).first(30))), "malformed");

    const auto other = value_of(pki::trust_store::from_root(test::make_root("another maker").certificate));
    EXPECT_EQ(name_of_error(ldevid_candidate::verify(request, other, test::test_now)), "unknown_issuer");
    EXPECT_EQ(name_of_error(ldevid_candidate::verify(request, maker(), test::usual.not_after + 1)), "certificate_expired");
    pki::crl_template list;
    list.this_update = test::test_now - 60;
    list.next_update = test::test_now + test::day;
    list.revoked.push_back({chain.front().serial(), test::test_now - 60, pki::revocation_reason::key_compromise});
    const auto revoked = value_of(pki::issue_crl(list, issuer.post_quantum.certificate, issuer.post_quantum.key));
    EXPECT_EQ(name_of_error(ldevid_candidate::verify(request, maker({revoked}), test::test_now)), "certificate_revoked");
}

// What a device signs that would have a key certified that is not its own, or for another's name.
TEST_F(Ldevid, IsForAKeyThatTheDeviceHolds) {
    auto claim = value_of(wire::decode<ldevid_request>(ask())).claim;
    const auto with = [&](bytes csr) {
        claim.ldevid = der_field(std::move(csr));
        return name_of_error(verify(signed_by_identity(claim)));
    };
    const auto csr_of = [](const keystore::signing_key& key, const std::string& serial) {
        pki::csr_template asked;
        asked.subject.add("serialNumber", serial);
        return value_of(pki::build_csr(asked, key.as_signing_key()));
    };
    EXPECT_EQ(with(csr_of(*ldevid, "SN-1")), "accepted");
    EXPECT_EQ(with(csr_of(*ldevid, "SN-2")), "bad_serial");
    EXPECT_EQ(with(csr_of(*identity, "SN-1")), "key_reused");
    bytes broken = csr_of(*ldevid, "SN-1");
    broken.back() ^= 1;
    EXPECT_EQ(with(broken), "bad_signature");
    const auto stranger = keystore::software_signing_key(test::signature_key("a stranger's"));
    EXPECT_EQ(name_of_error(ask_ldevid({"SN-1", chain, *stranger, *ldevid})), "bad_bundle");
    // Another device's IDevID, and this one's signature: chains are public.
    auto leaf = pki::idevid_signature_template("Test", "SN-2", {}, {test::test_now - test::day, pki::no_expiry});
    const std::vector<pki::certificate> others{test::issue(issuer.post_quantum, leaf, stranger->public_key().spki()),
                                               issuer.post_quantum.certificate};
    claim.serial = serial_field(as_bytes("SN-2"));
    claim.identity = sent_chain(others);
    EXPECT_EQ(with(csr_of(*ldevid, "SN-2")), "bad_signature");
}

TEST_F(Ldevid, TheDeviceTakesItsOwnOnly) {
    const bytes request = ask();
    const bytes grant = granted(request);
    const auto refused_as = [&](auto change) {
        auto wanted = expected(request);
        change(wanted);
        return name_of_error(accept_ldevid(grant, wanted, birch.certificate));
    };
    EXPECT_EQ(refused_as([](auto&) {}), "accepted");
    EXPECT_EQ(refused_as([](auto& e) { e.serial = "SN-2"; }), "wrong_grant");
    EXPECT_EQ(refused_as([](auto& e) { e.maker_root_spki[0] ^= 1; }), "wrong_grant");
    EXPECT_EQ(refused_as([&](auto& e) { e.spki = identity->public_key().spki(); }), "wrong_grant");
    const bytes another = ask();
    EXPECT_EQ(refused_as([&](auto& e) { e.request = another; }), "wrong_grant");
    EXPECT_EQ(name_of_error(accept_ldevid(grant, expected(request), test::make_root("Cedar").certificate)), "unknown_issuer");
    const auto changed_grant = [&](auto change) {
        return name_of_error(accept_ldevid(changed<ldevid_grant>(grant, change), expected(request), {}));
    };
    EXPECT_EQ(changed_grant([](auto& m) { m.version = 2; }), "unsupported_version");
    EXPECT_EQ(changed_grant([](auto& m) { m.ldevid.items.pop_back(); }), "wrong_grant");
    EXPECT_EQ(changed_grant([&](auto& m) { m.ldevid.items.back() = der_field(issuer.root.certificate.der()); }),
              "unknown_issuer");
    EXPECT_EQ(changed_grant([&](auto& m) { m.ldevid.items.front() = der_field(chain.front().der()); }), "bad_profile")
        << "an IDevID is no LDevID";
}

}  // namespace

}  // namespace berth::factory
