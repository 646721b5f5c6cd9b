// Signatures over firmware, judged by the chip with a key that it keeps.
#include "keystore/stsafe/firmware.h"
#include "keystore/stsafe/keys.h"
#include "keystore/stsafe/removal.h"
#include "support/stsafe_chip.h"

#include <gtest/gtest.h>

namespace berth::keystore::stsafe {

namespace {

using test::model_chip;
using test::name_of_error;
using test::value_of;

constexpr auto p384 = crypto::signature_algorithm::ecdsa_p384_sha384;
const bytes image = to_bytes(as_bytes("an image"));

class StsafeFirmware : public testing::Test {
protected:
    model_chip chip;
    stsafe::device device = chip.connect();
    crypto::signing_key signer = test::signature_key("signer");
    bytes digest = crypto::sha256(image).to_bytes();
};

TEST_F(StsafeFirmware, SignedByTheKeyInTheChip) {
    ASSERT_TRUE(trust_key(device, 3, signer.public_key(), true));
    const auto key = value_of(trusted_key(device, 3));
    EXPECT_EQ(key, signer.public_key());
    const bytes signature = value_of(signer.sign(image));
    EXPECT_TRUE(verify_in_chip(device, key, digest, signature));
    EXPECT_TRUE(verify_in_chip(device, key, digest, value_of(crypto::ecdsa_der_to_raw(signer.algorithm(), signature))));
}

TEST_F(StsafeFirmware, P384) {
    const auto big = test::signature_key("big signer", p384);
    ASSERT_TRUE(trust_key(device, 3, big.public_key(), false));
    EXPECT_TRUE(verify_in_chip(device, value_of(trusted_key(device, 3)),
                               crypto::hash(crypto::hash_algorithm::sha384, image).view(), value_of(big.sign(image))));
}

TEST_F(StsafeFirmware, WhatIsNotSigned) {
    const bytes signature = value_of(signer.sign(image));
    const auto refused = [&](bytes_view of, bytes_view by, const char* why) {
        const auto r = verify_in_chip(device, signer.public_key(), of, by);
        EXPECT_EQ(name_of_error(r), "firmware_signature_invalid") << why;
        EXPECT_EQ(r.error().category, error_category::peer);
    };
    bytes other = digest;
    other[0] ^= 1;
    refused(other, signature, "another image");
    refused(digest, value_of(test::signature_key("stranger").sign(image)), "another's signature");
    refused(digest, {}, "no signature");
    refused(digest, bytes(64, 1), "64 octets that are none");
    refused(digest, bytes_view(signature).first(signature.size() - 1), "half of one");
    const bytes zeros(64);
    refused(digest, zeros, "r and s of 0");
}

TEST_F(StsafeFirmware, TheKeyStaysWhereItIs) {
    ASSERT_TRUE(trust_key(device, 3, signer.public_key(), true));
    const auto stranger = test::signature_key("stranger").public_key();
    const bytes before = chip.memory();
    // Zone 7 is too small, 5 a counter, 9 none: none of these is asked anything that it would answer with a riddle.
    for (const auto& [zone, text] :
         std::vector<std::pair<uint8_t, std::string>>{{7, "has 48 octets"}, {5, "is a counter"}, {9, "is not there"}}) {
        const auto refused = trust_key(device, zone, stranger, false);
        EXPECT_EQ(name_of_error(refused), "no_room") << int{zone};
        EXPECT_NE(refused.error().message.find(text), std::string::npos) << refused.error().message;
    }
    EXPECT_EQ(name_of_error(trust_key(device, 3, stranger, false)), "zone_in_use");
    EXPECT_EQ(name_of_error(remove_key(device, {.slot = 3, .zone = 3})), "stsafe_access_condition");
    EXPECT_EQ(name_of_error(write_octets(device, 3, 0, bytes(100))), "stsafe_access_condition");
    EXPECT_EQ(
        name_of_error(trust_key(device, 2, test::signature_key("pq", crypto::signature_algorithm::mldsa44).public_key(), true)),
        "wrong_key_kind");
    EXPECT_EQ(name_of_error(trusted_key(device, 2)), "key_not_found");
    EXPECT_EQ(chip.memory(), before);
    // One that is not there for ever may be taken away, and no slot's key goes with it.
    ASSERT_TRUE(trust_key(device, 2, stranger, false));
    ASSERT_TRUE(remove_key(device, {.slot = 2, .zone = 2}));
    EXPECT_EQ(name_of_error(trusted_key(device, 2)), "key_not_found");
    EXPECT_EQ(chip.chip().state().keys.items[2].present, 0);
}

// It is no key of the chip's own.
TEST_F(StsafeFirmware, ATrustedKeyDoesNotSign) {
    ASSERT_TRUE(trust_key(device, 2, signer.public_key(), false));
    auto shared = chip.share();
    test::named_random random("host");
    EXPECT_EQ(name_of_error(open_signing_key(shared, {.slot = 2, .zone = 2}, random)), "zone_in_use");
    EXPECT_EQ(name_of_error(open_kem_key(shared, {.slot = 2, .zone = 2}, random)), "zone_in_use");
    const auto vacant = check_vacant(*shared, {.slot = 2, .zone = 2});
    EXPECT_EQ(name_of_error(vacant), "key_exists");
    EXPECT_NE(vacant.error().message.find("firmware"), std::string::npos) << vacant.error().message;
}

// Somebody on the bus who says yes to everything.
TEST_F(StsafeFirmware, InASessionAForgedVerdictIsNotBelieved) {
    ASSERT_TRUE(device.run(put_attribute{attribute::host_key, {secret_bytes(test::host_key_octets)}}));
    class yes final : public transport {
    public:
        explicit yes(model::chip& c) : chip_(c) {}
        result<bool> write(bytes_view octets) override {
            verifying_ = (octets[0] & command_mask) == 0x17;
            return chip_.write(octets);
        }
        result<std::optional<bytes>> read(size_t count) override {
            auto octets = chip_.read(count);
            if (!octets || !verifying_) {
                return octets;
            }
            auto answer = value_of(decode_answer(*chip_.read(value_of(answer_size(*octets, most_frame_a110))), most_frame_a110));
            answer.payload[0] = 1;
            bytes forged = encode(answer);
            forged.resize(count, 0xff);
            return forged;
        }

    private:
        model::chip& chip_;
        bool verifying_ = false;
    };
    const bytes wrong = value_of(test::signature_key("stranger").sign(image));
    stsafe::device deceived(std::make_unique<yes>(chip.chip()));
    EXPECT_TRUE(verify_in_chip(deceived, signer.public_key(), digest, wrong)) << "without a session it is believed";
    ASSERT_TRUE(deceived.open_host_session(test::test_host_keys()));
    EXPECT_EQ(name_of_error(verify_in_chip(deceived, signer.public_key(), digest, wrong)), "stsafe_wrong_answer");
}

}  // namespace

}  // namespace berth::keystore::stsafe
