// "a CA registered by one customer is never an intermediate for another's": a subsidiary under a parent's root.
#include "common/files.h"
#include "crypto/sign.h"
#include "pki/issue.h"
#include "pki/private_key_file.h"
#include "pki/profiles.h"
#include "support/onboarding_parties.h"

namespace berth::test {
namespace {

using namespace onboarding;

class Subsidiary : public testing::Test {
protected:
    Subsidiary() : parent(p.add_customer("Parent")), subsidiary(p.add_customer("Subsidiary")) {}

    static crypto::signing_key key_of(const customer_party& c) {
        return got(pki::load_signing_key((c.directory / "ca" / "z2.key").string()));
    }
    pki::validity usual() const { return {p.clock.now() - 3600, p.clock.now() + 86400}; }

    // The parent certifies the subsidiary's root key as a CA below its own root, under a name of the parent's choosing.
    pki::certificate cross_certificate() const {
        return got(pki::issue(pki::issuing_ca_template("Parent", "Subsidiary CA", usual()), subsidiary.root.spki(), parent.root,
                              key_of(parent), crypto::system_random()));
    }
    // A registrar's certificate by the subsidiary's key, in that name.
    kk1_peer registrar_below(const pki::certificate& issuer) const {
        const auto key = crypto::kem_private_key::generate(crypto::kem_algorithm::mlkem768, crypto::system_random());
        const auto contents = pki::registrar_kem_template("Subsidiary", "registrar", {"registrar.example"}, usual());
        const auto leaf = got(pki::issue(contents, key.public_key().spki(), issuer, key_of(subsidiary), crypto::system_random()));
        return {{leaf, issuer}};
    }

    parties p;
    customer_party& parent;
    customer_party& subsidiary;
};

TEST_F(Subsidiary, CannotSpeakForItsParent) {
    const auto cross = cross_certificate();
    const kk1_peer peer = registrar_below(cross);
    // The path as such is good, and ends at the parent's root.
    pki::verify_options options;
    options.time = pki::validity_instants::at(p.clock.now());
    options.leaf = pki::leaf_rule::kem;
    const auto verified = pki::verify_chain(got(p.masa->registrar_trust()), peer.chain, options);
    ASSERT_TRUE(verified) << verified.error().message;
    ASSERT_EQ(verified->anchor(), parent.root);
    // The policy of KK1's handshake, and the decision's own look.
    EXPECT_EQ(p.masa->require_one_customer(*verified).error().name, "not_a_registrar");
    EXPECT_EQ(p.masa->customer_of(peer).error().name, "not_a_registrar");
}

TEST_F(Subsidiary, CannotSpeakForItsParentAfterItWasRemoved) {
    ASSERT_TRUE(p.masa_store->remove_customer("Subsidiary", p.clock.now()));
    EXPECT_EQ(p.masa->customer_of(registrar_below(cross_certificate())).error().name, "not_a_registrar");
}

TEST_F(Subsidiary, AnOrdinaryCaBelowTheParentMay) {
    // What is refused is the registered key, not the depth.
    const auto key = crypto::signing_key::generate(crypto::signature_algorithm::mldsa65, crypto::system_random());
    const auto ca = got(pki::issue(pki::issuing_ca_template("Parent", "Branch CA", usual()), key.public_key().spki(), parent.root,
                                   key_of(parent), crypto::system_random()));
    const auto kem = crypto::kem_private_key::generate(crypto::kem_algorithm::mlkem768, crypto::system_random());
    const auto leaf = got(pki::issue(pki::registrar_kem_template("Parent", "registrar", {"registrar.example"}, usual()),
                                     kem.public_key().spki(), ca, key, crypto::system_random()));
    EXPECT_EQ(got(p.masa->customer_of({{leaf, ca}})), "Parent");
}

}  // namespace
}  // namespace berth::test
