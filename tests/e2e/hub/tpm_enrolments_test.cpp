// berth hub enrolment add --tpm-ek, --tpm-ek-certificate: a device by its TPM.
#include "hub_world.h"
#include "support/swtpm.h"
#include "wire/base64.h"

namespace berth::test {
namespace {

TEST_F(HubWorld, ATpmIsEnrolledByItsMakersWordOrByItsKey) {
    BERTH_NEEDS_SWTPM();
    const swtpm tpm(true);
    // Newer tools give P-384 where P-256 is the old ones'.
    ASSERT_EQ(tpm.tool("sh -c 'tpm2_nvread -Q -C o 0x01c0000a -o ek.der || tpm2_nvread -Q -C o 0x01c00016 -o ek.der'"), 0)
        << tpm.log();
    put("ek.pem", got(pki::certificate::parse(as_bytes(tpm.read("ek.der")))).to_pem() + tpm.read("ca/issuercert.pem"));
    put("maker.pem", tpm.read("ca/swtpm-localca-rootca-cert.pem"));
    const auto made = done({"enrolment", "add", "dev1", "--tpm-ek-certificate", at("ek.pem"), "--tpm-makers", at("maker.pem")});
    EXPECT_EQ(made.at("attestation").at("type").as_string(), "tpm");
    const std::string key(made.at("attestation").at("tpm").at("endorsementKey").as_string());
    EXPECT_TRUE(made.at("attestation").at("tpm").at("storageRootKey").is_null());
    // Of another maker, or of nobody's.
    make_ca("fleet", "ec -pkeyopt ec_paramgen_curve:P-256");
    EXPECT_NE(hub({"enrolment", "add", "dev2", "--tpm-ek-certificate", at("ek.pem"), "--tpm-makers", at("fleet.pem")}).exit, 0);
    EXPECT_EQ(refused({"enrolment", "add", "dev2", "--tpm-ek-certificate", at("ek.pem")}), "bad_arguments");
    openssl("req -x509 -nodes -days 3 -subj /CN=dev2 -addext basicConstraints=CA:FALSE -keyout c.key -out c.pem -newkey ec "
            "-pkeyopt ec_paramgen_curve:P-256 -CA fleet.pem -CAkey fleet.key");
    EXPECT_NE(hub({"enrolment", "add", "dev2", "--tpm-ek-certificate", at("c.pem"), "--tpm-makers", at("fleet.pem")}).exit, 0)
        << "vouched for, and no TPM's";
    EXPECT_EQ(refused({"enrolment", "show", "dev2"}, 1), "unknown_enrolment");
    // As an operator has it from somewhere: base64, or a file of tpm2-tools.
    EXPECT_EQ(done({"enrolment", "add", "dev2", "--tpm-ek", key}).at("attestation").at("tpm").at("endorsementKey").as_string(),
              key);
    const bytes area = got(wire::from_base64(key));
    put("ek.pub", std::string(as_text(area)));
    EXPECT_EQ(
        done({"enrolment", "add", "dev3", "--tpm-ek", at("ek.pub")}).at("attestation").at("tpm").at("endorsementKey").as_string(),
        key);
    EXPECT_EQ(refused({"enrolment", "add", "dev4", "--tpm-ek", "AAAA"}), "bad_public_key");
    EXPECT_EQ(refused({"enrolment", "add", "dev4", "--tpm-ek", at("fleet.pem")}), "bad_public_key");
    EXPECT_EQ(refused({"enrolment", "set", "dev3", "--tpm-srk", key}), "bad_arguments");
    // And what it is by is changed.
    openssl("req -x509 -nodes -days 3 -subj /CN=dev3 -keyout d.key -out d.pem -newkey ec -pkeyopt ec_paramgen_curve:P-256");
    EXPECT_EQ(done({"enrolment", "set", "dev3", "--certificate", at("d.pem")}).at("attestation").at("type").as_string(), "x509");
    EXPECT_EQ(done({"enrolment", "set", "dev3", "--tpm-ek", key}).at("attestation").at("type").as_string(), "tpm");
}

}  // namespace
}  // namespace berth::test
