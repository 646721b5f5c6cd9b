// Keys that are sealed for one TPM; that it can take them in, and no other, is shown with a real one
// (unit/provisioning/tpm_test.cpp).
#include "attestation/shared_key.h"

#include "attestation/endorsement.h"
#include "support/test_pki.h"

namespace berth::test {
namespace {

using namespace attestation;

public_area some_ek(const std::string& name = "ek") {
    return value_of(ek_from_spki(signature_key(name, crypto::signature_algorithm::ecdsa_p256_sha256).public_key().spki()));
}

std::string taken(const public_area& area) {
    return name_of_error(storage_key_from(area.encode()));
}

TEST(SharedKey, IsForKeysThatStayInTheirTpm) {
    const auto ek = some_ek();
    EXPECT_EQ(taken(ek), "accepted");
    bytes sized;
    wire::writer w(sized);
    write_2b(w, ek.encode());
    EXPECT_EQ(value_of(storage_key_from(sized)), ek) << "TPM2B_PUBLIC";
    for (const auto without : {fixed_tpm, fixed_parent, sensitive_data_origin, restricted, decrypt}) {
        auto changed = ek;
        changed.attributes &= ~static_cast<uint32_t>(without);
        EXPECT_EQ(taken(changed), "tpm_unsupported") << without;
    }
    auto signs = ek;
    signs.attributes |= sign;
    EXPECT_EQ(taken(signs), "tpm_unsupported");
    auto plain = ek;
    plain.aes_bits = 0;
    EXPECT_EQ(taken(plain), "tpm_unsupported");
    auto small = ek_template(ek_kind::rsa2048);
    small.rsa_bits = 1024;
    EXPECT_EQ(taken(small), "tpm_unsupported");
    bytes cut = ek.encode();
    cut.pop_back();
    EXPECT_EQ(name_of_error(storage_key_from(cut)), "tpm_structure_malformed");
    EXPECT_EQ(name_of_error(storage_key_from({})), "tpm_unsupported") << "of no kind at all";
}

TEST(SharedKey, HasSixPartsAndIsSealedAnewEachTime) {
    named_random random("shared key");
    const bytes key(32, 7);
    const auto once = value_of(shared_key_for(some_ek(), some_ek("srk"), key, random));
    const auto again = value_of(shared_key_for(some_ek(), some_ek("srk"), key, random));
    EXPECT_NE(once, again);
    wire::reader in(once);
    for (int i = 0; i < 5; ++i) {
        EXPECT_FALSE(read_2b(in).empty()) << i;
    }
    EXPECT_TRUE(read_2b(in).empty());
    EXPECT_TRUE(in.ok() && in.left() == 0);
    EXPECT_EQ(std::search(once.begin(), once.end(), key.begin(), key.end()), once.end());
}

}  // namespace
}  // namespace berth::test
