// A real TPM before the judge of src/attestation.
#include "keystore/tpm2/attest.h"
#include "keystore/tpm2/devid.h"
#include "tpm2_fixture.h"

namespace berth::keystore::tpm2 {

namespace {

using attestation::attestation_key;
using attestation::pcr_selection;
using attestation::tpm_alg;

const bytes nonce(32, 0x42);
const pcr_selection boot{tpm_alg::sha256, {0, 1, 2, 3, 4, 5, 6, 7, 10}};

class Tpm2Attest : public Tpm2 {
protected:
    void SetUp() override {
        Tpm2::SetUp();
        if (in) {
            idevid.emplace(value_of(establish(in, idevid_template(), at.idevid)));
            iak.emplace(value_of(establish(in, iak_template(), at.iak)));
        }
    }
    void TearDown() override {
        idevid.reset();
        iak.reset();
    }
    devid_layout at;
    std::optional<object> idevid;
    std::optional<object> iak;
};

TEST_F(Tpm2Attest, CertifiesTheIdevid) {
    const auto said = value_of(certify(*idevid, *iak, nonce));
    const auto judge = value_of(attestation_key::accept(iak->area()));
    const auto proof = attestation::verify_certify(said, judge, nonce, idevid->area());
    ASSERT_TRUE(proof) << proof.error().message;
    EXPECT_EQ(proof->area(), idevid->area());

    EXPECT_EQ(name_of_error(attestation::verify_certify(said, judge, bytes(32), idevid->area())), "attestation_stale");
    EXPECT_EQ(name_of_error(attestation::verify_certify(said, judge, nonce, iak->area())), "attestation_other_key");
    auto swapped = idevid->area();
    swapped.x[0] ^= 1;
    EXPECT_EQ(name_of_error(attestation::verify_certify(said, judge, nonce, swapped)), "attestation_other_key");
    auto changed = said;
    changed.octets.back() ^= 1;
    EXPECT_EQ(name_of_error(attestation::verify_certify(changed, judge, nonce, idevid->area())), "attestation_signature_invalid");
    EXPECT_EQ(name_of_error(attestation_key::accept(idevid->area())), "not_an_attestation_key") << "it is not restricted";
}

// The KEM key has no policy of its own, and is certified all the same.
TEST_F(Tpm2Attest, CertifiesTheKemKey) {
    const object kem = value_of(establish(in, kem_template(), at.kem));
    const auto said = value_of(certify(kem, *iak, nonce));
    const auto judge = value_of(attestation_key::accept(iak->area()));
    EXPECT_TRUE(attestation::verify_certify(said, judge, nonce, kem.area()));
}

// Signed by the unrestricted key, which would sign a forged one too.
TEST_F(Tpm2Attest, TheIdevidIsNoWitness) {
    const object kem = value_of(establish(in, kem_template(), at.kem));
    const auto said = certify(kem, *idevid, nonce);
    ASSERT_TRUE(said) << said.error().message;
    const auto judge = value_of(attestation_key::accept(iak->area()));
    EXPECT_EQ(name_of_error(attestation::verify_certify(*said, judge, nonce, kem.area())), "attestation_signature_invalid");
}

TEST_F(Tpm2Attest, QuotesTheRegisters) {
    const auto judge = value_of(attestation_key::accept(iak->area()));
    const auto values = value_of(read_registers(in, boot));
    const auto said = value_of(quote(*iak, nonce, boot));
    const auto proof = attestation::verify_quote(said, judge, nonce, boot, values);
    ASSERT_TRUE(proof) << proof.error().message;
    EXPECT_EQ(name_of_error(attestation::verify_quote(said, judge, bytes(32), boot, values)), "attestation_stale");
    EXPECT_EQ(name_of_error(attestation::verify_quote(said, judge, nonce, {tpm_alg::sha256, {0}}, values)),
              "pcr_selection_mismatch");
    EXPECT_EQ(name_of_error(certify(*idevid, *iak, bytes(65))), "too_large");

    idevid.reset();
    iak.reset();
    tool("tpm2 pcrextend -Q 10:sha256=" + std::string(64, 'b'));
    iak.emplace(value_of(open_persistent(in, at.iak)));
    EXPECT_EQ(name_of_error(attestation::verify_quote(value_of(quote(*iak, nonce, boot)), judge, nonce, boot, values)),
              "pcr_mismatch");
    const auto now = value_of(read_registers(in, boot));
    EXPECT_TRUE(attestation::verify_quote(value_of(quote(*iak, nonce, boot)), judge, nonce, boot, now));
}

// tpm2_checkquote on what we quote: a judge that is not ours.
TEST_F(Tpm2Attest, AForeignProgramBelievesTheQuote) {
    const auto write = [&](const std::string& name, bytes_view data) {
        std::ofstream(chip->directory() / name, std::ios::binary) << as_text(data);
    };
    const auto said = value_of(quote(*iak, nonce, boot));
    write("q.msg", said.octets);
    write("q.sig", said.signature);
    idevid.reset();
    iak.reset();
    tool("tpm2 readpublic -Q -c 0x81020001 -f pem -o iak.pem");
    tool("tpm2 checkquote -Q -u iak.pem -m q.msg -s q.sig -g sha256 -q " + to_hex(nonce));
}

TEST_F(Tpm2Attest, RegistersOfAnotherBank) {
    EXPECT_EQ(value_of(read_registers(in, boot)).size(), boot.registers.size());
    EXPECT_EQ(name_of_error(read_registers(in, {static_cast<tpm_alg>(0x0027), {0}})), "tpm_unsupported");
}

}  // namespace

}  // namespace berth::keystore::tpm2
