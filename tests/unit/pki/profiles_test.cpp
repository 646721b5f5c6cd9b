#include "pki/profiles.h"
#include "support/test_pki.h"

#include <gtest/gtest.h>

namespace berth::pki {

namespace {

using test::issue;
using test::kem_key;
using test::name_of_error;
using test::signature_key;
using test::usual;
using test::value_of;

const test::authority& root() {
    static const test::authority r = test::make_root("profiles");
    return r;
}
std::array<uint8_t, 32> maker() {
    return root().certificate.spki_sha256();
}
certificate kem(const certificate_template& t) {
    return issue(root(), t, kem_key("profile").public_key().spki());
}
certificate signature(const certificate_template& t) {
    return issue(root(), t, signature_key("profile").public_key().spki());
}

TEST(Profiles, EveryTemplatePassesItsOwnCheck) {
    EXPECT_EQ(name_of_error(check_root(root().certificate)), "accepted");
    EXPECT_EQ(name_of_error(check_issuing_ca(test::make_issuing_ca(root(), "ca").certificate)), "accepted");
    EXPECT_EQ(name_of_error(check_idevid_kem(kem(idevid_kem_template("A", "S", {}, usual)))), "accepted");
    EXPECT_EQ(name_of_error(check_idevid_signature(signature(idevid_signature_template("A", "S", {}, usual)))), "accepted");
    EXPECT_EQ(name_of_error(check_masa_kem(kem(masa_kem_template("A", "masa.example", usual)))), "accepted");
    EXPECT_EQ(name_of_error(check_registrar_kem(kem(registrar_kem_template("A", "R", {"r.example"}, usual)))), "accepted");
    EXPECT_EQ(name_of_error(check_operational(kem(operational_template("A", "S", maker(), credential_kind::kem, usual)),
                                              credential_kind::kem)),
              "accepted");
    EXPECT_EQ(
        name_of_error(check_operational(signature(operational_template("A", "S", maker(), credential_kind::signature, usual)),
                                        credential_kind::signature)),
        "accepted");
}

TEST(Profiles, NoTemplatePassesAnothersCheck) {
    const certificate device = kem(idevid_kem_template("A", "S", {}, usual));
    const certificate masa = kem(masa_kem_template("A", "masa.example", usual));
    const certificate registrar = kem(registrar_kem_template("A", "R", {"r.example"}, usual));
    const certificate operational = kem(operational_template("A", "S", maker(), credential_kind::kem, usual));
    EXPECT_EQ(name_of_error(check_masa_kem(device)), "bad_profile");
    EXPECT_EQ(name_of_error(check_masa_kem(registrar)), "bad_profile");
    EXPECT_EQ(name_of_error(check_registrar_kem(device)), "bad_profile");
    EXPECT_EQ(name_of_error(check_registrar_kem(masa)), "bad_profile");
    EXPECT_EQ(name_of_error(check_registrar_kem(operational)), "bad_profile");
    EXPECT_EQ(name_of_error(check_idevid_kem(masa)), "bad_profile");
    EXPECT_EQ(name_of_error(check_idevid_kem(registrar)), "bad_profile");
    EXPECT_EQ(name_of_error(check_operational(device, credential_kind::kem)), "bad_profile");
    EXPECT_EQ(name_of_error(check_operational(registrar, credential_kind::kem)), "bad_profile");
    EXPECT_EQ(name_of_error(check_operational(operational, credential_kind::signature)), "bad_profile");
    EXPECT_EQ(name_of_error(check_root(test::make_issuing_ca(root(), "ca").certificate)), "bad_profile");
    EXPECT_EQ(name_of_error(check_root(device)), "bad_profile");
    EXPECT_EQ(name_of_error(check_issuing_ca(root().certificate)), "bad_profile");
    EXPECT_EQ(name_of_error(check_issuing_ca(masa)), "bad_profile");
    EXPECT_EQ(name_of_error(check_idevid_signature(device)), "bad_profile");
}

// Onboarding section 1: what each end of a channel demands of the other.
TEST(Profiles, RolesOnTheChannels) {
    const certificate device = kem(idevid_kem_template("A", "S", {}, usual));
    const certificate masa = kem(masa_kem_template("A", "masa.example", usual));
    const certificate registrar = kem(registrar_kem_template("A", "R", {"r.example"}, usual));
    const certificate operational = kem(operational_template("A", "S", maker(), credential_kind::kem, usual));
    EXPECT_EQ(name_of_error(require_registrar(registrar)), "accepted");
    EXPECT_EQ(name_of_error(require_registrar(device)), "bad_extended_key_usage");
    EXPECT_EQ(name_of_error(require_registrar(operational)), "bad_extended_key_usage")
        << "an onboarded device that plays registrar";
    EXPECT_EQ(name_of_error(require_masa(masa)), "accepted");
    EXPECT_EQ(name_of_error(require_masa(device)), "bad_extended_key_usage") << "a device that plays MASA";
    EXPECT_EQ(name_of_error(require_device(device)), "accepted");
    EXPECT_EQ(name_of_error(require_device(masa)), "bad_extended_key_usage");
    EXPECT_EQ(name_of_error(require_device(registrar)), "bad_extended_key_usage");
}

TEST(Profiles, DeviceIdentity) {
    const certificate good = kem(operational_template("A", "S", maker(), credential_kind::kem, usual));
    EXPECT_EQ(value_of(maker_root_of(good)), maker());
    EXPECT_EQ(good.uris().front(), "urn:berth:maker:" + to_hex(maker()));
    const auto with_uris = [](std::vector<std::string> uris) {
        certificate_template t = operational_template("A", "S", {}, credential_kind::kem, usual);
        t.alt_names.uris = std::move(uris);
        return name_of_error(maker_root_of(kem(t)));
    };
    const std::string uri = device_identity_uri(maker());
    EXPECT_EQ(with_uris({uri, "https://example.com/"}), "accepted");
    EXPECT_EQ(with_uris({}), "bad_device_identity");
    EXPECT_EQ(with_uris({uri, uri}), "bad_device_identity");
    EXPECT_EQ(with_uris({"urn:berth:maker:xyz"}), "bad_device_identity");
    EXPECT_EQ(with_uris({uri + "00"}), "bad_device_identity");
    std::string upper = "urn:berth:maker:" + std::string(64, 'A');
    EXPECT_EQ(with_uris({upper}), "bad_device_identity") << "one identity has one name";
    EXPECT_EQ(with_uris({uri, "urn:berth:maker:"}), "bad_device_identity");
}

}  // namespace

}  // namespace berth::pki
