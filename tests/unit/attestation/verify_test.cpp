// The judge of attestations, before statements made here: with a software key one can say anything, which no TPM does.
#include "attestation/verify.h"
#include "support/test_pki.h"

#include <gtest/gtest.h>

namespace berth::attestation {

namespace {

using test::name_of_error;
using test::value_of;

constexpr uint32_t bound = fixed_tpm | fixed_parent | sensitive_data_origin;

struct scene {
    crypto::signing_key iak_key = test::signature_key("iak");
    public_area iak_area = with(iak_key, bound | user_with_auth | restricted | sign);
    public_area key_area = with(test::signature_key("idevid"), bound | user_with_auth | sign);
    attestation_key iak = value_of(attestation_key::accept(iak_area));
    bytes nonce = bytes(32, 9);
    pcr_selection selection{tpm_alg::sha256, {0, 7}};
    pcr_values values{{0, bytes(32, 1)}, {7, bytes(32, 2)}};

    static public_area with(const crypto::signing_key& key, uint32_t attributes) {
        public_area out = value_of(public_area_of(key.public_key()));
        out.attributes = attributes;
        return out;
    }

    signed_attest signed_by(const crypto::signing_key& key, const bytes& octets) const {
        const bytes der = value_of(key.sign(octets));
        return {octets, value_of(ecdsa_signature_tpm(der, key.algorithm()))};
    }

    bytes head(uint32_t magic, uint16_t tag) const {
        bytes out;
        wire::writer w(out);
        w.integer(magic, 4);
        w.integer(tag, 2);
        write_2b(w, iak_area.name());
        write_2b(w, nonce);
        w.integer(12345, 8);
        w.integer(1, 4);
        w.integer(2, 4);
        w.integer(1, 1);
        w.integer(77, 8);
        return out;
    }
    bytes certify_octets(uint32_t magic = 0xff544347) const {
        bytes out = head(magic, 0x8017);
        wire::writer w(out);
        write_2b(w, key_area.name());
        write_2b(w, key_area.name());
        return out;
    }
    bytes quote_octets() const {
        bytes out = head(0xff544347, 0x8018);
        wire::writer w(out);
        w.octets(selection.encode());
        write_2b(w, value_of(pcr_digest(tpm_alg::sha256, selection, values)));
        return out;
    }
};

TEST(AttestationKey, OnlyWhatCannotBeMadeToLie) {
    const crypto::signing_key key = test::signature_key("iak");
    constexpr uint32_t all = bound | restricted | sign;
    EXPECT_TRUE(attestation_key::accept(scene::with(key, all)));
    for (const uint32_t missing : {fixed_tpm, fixed_parent, sensitive_data_origin, restricted, sign}) {
        EXPECT_EQ(name_of_error(attestation_key::accept(scene::with(key, all & ~missing))), "not_an_attestation_key") << missing;
    }
    EXPECT_EQ(name_of_error(attestation_key::accept(scene::with(key, all | decrypt))), "not_an_attestation_key");
}

TEST(VerifyCertify, AcceptsWhatIsTrue) {
    const scene s;
    const auto proof = verify_certify(s.signed_by(s.iak_key, s.certify_octets()), s.iak, s.nonce, s.key_area);
    ASSERT_TRUE(proof) << proof.error().message;
    EXPECT_EQ(proof->area(), s.key_area);
    EXPECT_EQ(proof->clock().reset_count, 1U);
    EXPECT_TRUE(proof->clock().safe);
}

TEST(VerifyCertify, RefusesEachLie) {
    const scene s;
    const signed_attest good = s.signed_by(s.iak_key, s.certify_octets());
    const auto refused = [&](const signed_attest& what, const bytes& nonce, const public_area& claimed) {
        return name_of_error(verify_certify(what, s.iak, nonce, claimed));
    };
    EXPECT_EQ(refused(good, bytes(32, 8), s.key_area), "attestation_stale");
    EXPECT_EQ(refused(s.signed_by(test::signature_key("other"), s.certify_octets()), s.nonce, s.key_area),
              "attestation_signature_invalid");
    public_area swapped = s.key_area;
    swapped.attributes |= no_da;
    EXPECT_EQ(refused(good, s.nonce, swapped), "attestation_other_key");
    EXPECT_EQ(refused(good, s.nonce, scene::with(test::signature_key("swapped"), s.key_area.attributes)),
              "attestation_other_key");
    EXPECT_EQ(refused(s.signed_by(s.iak_key, s.quote_octets()), s.nonce, s.key_area), "attestation_wrong_kind");
    EXPECT_EQ(refused(s.signed_by(s.iak_key, s.certify_octets(0x00544347)), s.nonce, s.key_area), "tpm_structure_malformed")
        << "a restricted key signs this for anybody who asks";
    // A key that its TPM truly certified, and that could leave it tomorrow.
    scene movable;
    movable.key_area.attributes &= ~static_cast<uint32_t>(fixed_tpm);
    EXPECT_EQ(name_of_error(verify_certify(movable.signed_by(movable.iak_key, movable.certify_octets()), movable.iak,
                                           movable.nonce, movable.key_area)),
              "key_not_bound");
}

TEST(VerifyQuote, AcceptsAndRefuses) {
    const scene s;
    const signed_attest good = s.signed_by(s.iak_key, s.quote_octets());
    const auto proof = verify_quote(good, s.iak, s.nonce, s.selection, s.values);
    ASSERT_TRUE(proof) << proof.error().message;
    EXPECT_EQ(proof->firmware_version(), 77U);
    const auto refused = [&](const bytes& nonce, const pcr_selection& selection, const pcr_values& values) {
        return name_of_error(verify_quote(good, s.iak, nonce, selection, values));
    };
    EXPECT_EQ(refused(bytes(32, 8), s.selection, s.values), "attestation_stale");
    EXPECT_EQ(refused(s.nonce, {tpm_alg::sha256, {0}}, s.values), "pcr_selection_mismatch");
    pcr_values other = s.values;
    other[7][0] ^= 1;
    EXPECT_EQ(refused(s.nonce, s.selection, other), "pcr_mismatch");
    other.erase(7);
    EXPECT_EQ(refused(s.nonce, s.selection, other), "pcr_value_missing");
    EXPECT_EQ(name_of_error(verify_quote(s.signed_by(s.iak_key, s.certify_octets()), s.iak, s.nonce, s.selection, s.values)),
              "attestation_wrong_kind");
}

TEST(Attest, EveryTruncationIsRefused) {
    const scene s;
    for (const bytes& octets : {s.certify_octets(), s.quote_octets()}) {
        for (size_t size = 0; size < octets.size(); ++size) {
            EXPECT_FALSE(attest::parse(bytes_view(octets).first(size))) << size;
        }
        EXPECT_EQ(name_of_error(attest::parse(concat({octets, bytes(1)}))), "tpm_structure_malformed");
    }
    const bytes signature = s.signed_by(s.iak_key, s.certify_octets()).signature;
    for (size_t size = 0; size < signature.size(); ++size) {
        EXPECT_FALSE(ecdsa_signature_der(bytes_view(signature).first(size), s.iak_key.algorithm())) << size;
    }
    EXPECT_EQ(name_of_error(ecdsa_signature_der(signature, crypto::signature_algorithm::ecdsa_p384_sha384)), "tpm_unsupported");
}

}  // namespace

}  // namespace berth::attestation
