// Keys in a chip, zones and counters as a host uses them, and the names of keys. What every key must do, the conformance suite
// asks (tests/conformance/keystore).
#include "keystore/key_uri.h"
#include "keystore/stsafe/certificate_zone.h"
#include "keystore/stsafe/commands/keys.h"
#include "keystore/stsafe/key_record.h"
#include "keystore/stsafe/removal.h"
#include "keystore/stsafe/sealing.h"
#include "keystore/stsafe/uri.h"
#include "support/stsafe_chip.h"

#include <gtest/gtest.h>

namespace berth::keystore::stsafe {

namespace {

using test::model_chip;
using test::name_of_error;
using test::value_of;

constexpr auto p256 = crypto::signature_algorithm::ecdsa_p256_sha256;
constexpr auto hybrid = crypto::kem_algorithm::mlkem768_p256;

class StsafeKeys : public testing::Test {
protected:
    model_chip chip;
    std::shared_ptr<stsafe::device> device = chip.share();
    test::named_random random{"host"};
    const key_place place{.slot = 1, .zone = 1, .envelope = 0};
};

TEST_F(StsafeKeys, SigningKeysAreFoundAgain) {
    EXPECT_EQ(name_of_error(open_signing_key(device, place, random)), "key_not_found");
    const auto made = value_of(make_signing_key(device, place, p256));
    const auto found = value_of(open_signing_key(device, place, random));
    EXPECT_EQ(found->public_key(), made->public_key());
    EXPECT_TRUE(made->public_key().verify(as_bytes("x"), value_of(found->sign(as_bytes("x")))));
    EXPECT_EQ(name_of_error(open_kem_key(device, place, random)), "key_not_found");
    EXPECT_EQ(name_of_error(found->as_signing_key().to_pkcs8()), "key_not_exportable");
    EXPECT_EQ(name_of_error(make_signing_key(device, place, crypto::signature_algorithm::mldsa65)), "wrong_key_kind");
}

TEST_F(StsafeKeys, ACertificateIsAsGood) {
    const auto made = value_of(make_signing_key(device, place, p256));
    const auto root = test::make_root("maker", p256);
    const auto certificate = test::issue(root, pki::root_template("Test", "chip", test::usual), made->public_key().spki());
    ASSERT_TRUE(write_octets(*device, 0, 0, certificate.der()));
    EXPECT_EQ(value_of(read_certificate(*device, 0)), certificate);
    EXPECT_EQ(value_of(open_signing_key(device, {.slot = 1, .zone = 0}, random))->public_key(), made->public_key());
    EXPECT_EQ(name_of_error(read_certificate(*device, 3)), "stsafe_no_certificate");
}

// What a factory leaves in the chip: the certificate where the record was.
TEST_F(StsafeKeys, TheCertificateTakesTheRecordsPlace) {
    const auto made = value_of(make_signing_key(device, place, p256));
    const auto root = test::make_root(std::string(60, 'm'), crypto::signature_algorithm::ecdsa_p384_sha384);
    const auto issued = [&](bytes_view spki) {
        return test::issue(root, pki::root_template("Test", std::string(60, 'c'), test::usual), spki);
    };
    const auto certificate = issued(made->public_key().spki());
    ASSERT_GT(certificate.der().size(), 400U) << "two commands";
    EXPECT_EQ(name_of_error(keep_certificate(*device, place.zone, issued(root.key.public_key().spki()))), "key_mismatch");
    EXPECT_EQ(name_of_error(keep_certificate(*device, 3, certificate)), "key_not_found");
    // Interrupted after the first of them: the record still says whose key it is.
    ASSERT_TRUE(write_octets(*device, place.zone, 400, certificate.der().subspan(400)));
    EXPECT_EQ(value_of(open_signing_key(device, place, random))->public_key(), made->public_key());
    EXPECT_EQ(value_of(subject_in(*device, place.zone)), "");
    ASSERT_TRUE(keep_certificate(*device, place.zone, certificate));
    EXPECT_EQ(value_of(subject_in(*device, place.zone)), certificate.subject());
    ASSERT_TRUE(keep_certificate(*device, place.zone, certificate)) << "once more is no mistake";
    EXPECT_EQ(value_of(read_certificate(*device, place.zone)), certificate);
    EXPECT_EQ(value_of(open_signing_key(device, place, random))->public_key(), made->public_key());
    EXPECT_EQ(name_of_error(check_vacant(*device, place)), "key_exists");
    // Of another slot's key nothing is taken away; of its own, key and certificate.
    ASSERT_TRUE(make_signing_key(device, {.slot = 2, .zone = 2}, p256));
    EXPECT_EQ(name_of_error(remove_key(*device, {.slot = 2, .zone = place.zone})), "key_mismatch");
    EXPECT_EQ(value_of(open_signing_key(device, place, random))->public_key(), made->public_key());
    ASSERT_TRUE(remove_key(*device, place));
    EXPECT_EQ(value_of(subject_in(*device, place.zone)), "");
    EXPECT_EQ(name_of_error(open_signing_key(device, place, random)), "key_not_found");
    EXPECT_TRUE(check_vacant(*device, place));
    EXPECT_EQ(name_of_error(remove_key(*device, place)), "key_not_found");
}

TEST_F(StsafeKeys, ACertificateForWhichThereIsNoRoomIsNotBegun) {
    const key_place small{.slot = 1, .zone = 3};
    const auto made = value_of(make_signing_key(device, small, p256));
    const auto root = test::make_root("maker", crypto::signature_algorithm::mldsa44);
    const auto certificate = test::issue(root, pki::root_template("Test", "chip", test::usual), made->public_key().spki());
    EXPECT_EQ(name_of_error(keep_certificate(*device, small.zone, certificate)), "no_room");
    EXPECT_EQ(value_of(open_signing_key(device, small, random))->public_key(), made->public_key());
}

// A slip in a name: the identity's slot, and a zone that has room, or another key's record.
TEST_F(StsafeKeys, AnIdentityIsNotLostByAnotherZonesName) {
    const auto made = value_of(make_signing_key(device, place, p256));
    const auto root = test::make_root("maker", p256);
    const auto certificate = test::issue(root, pki::root_template("Test", "chip", test::usual), made->public_key().spki());
    ASSERT_TRUE(keep_certificate(*device, place.zone, certificate));
    ASSERT_TRUE(make_kem_key(device, {.slot = 2, .zone = 2}, crypto::kem_algorithm::mlkem768_p256, random));
    EXPECT_EQ(name_of_error(remove_key(*device, {.slot = place.slot, .zone = 2})), "key_restricted");
    EXPECT_EQ(name_of_error(check_no_identity(*device, {.slot = place.slot, .zone = 3})), "key_restricted");
    EXPECT_EQ(value_of(open_signing_key(device, place, random))->public_key(), made->public_key());
    EXPECT_TRUE(open_kem_key(device, {.slot = 2, .zone = 2}, random));
    EXPECT_TRUE(check_no_identity(*device, {.slot = 3, .zone = 3}));
    ASSERT_TRUE(remove_key(*device, {.slot = 2, .zone = 2}));
    ASSERT_TRUE(remove_key(*device, place));
    EXPECT_TRUE(check_no_identity(*device, {.slot = place.slot, .zone = 3}));
}

TEST_F(StsafeKeys, TheChipsOwnIdentityIsNotDeleted) {
    const auto made = value_of(make_signing_key(device, {.slot = 0, .zone = 0}, p256));
    const auto root = test::make_root("maker", p256);
    ASSERT_TRUE(keep_certificate(*device, 0,
                                 test::issue(root, pki::root_template("Test", "chip", test::usual), made->public_key().spki())));
    EXPECT_EQ(name_of_error(remove_key(*device, {.slot = 0, .zone = 0})), "key_restricted");
    EXPECT_EQ(value_of(open_signing_key(device, {.slot = 0, .zone = 0}, random))->public_key(), made->public_key());
}

TEST_F(StsafeKeys, AKeyMadeAnewIsNoticed) {
    ASSERT_TRUE(make_signing_key(device, place, p256));
    ASSERT_TRUE(make_kem_key(device, {.slot = 2, .zone = 2}, hybrid, random));
    generate_key again;
    again.curve = curve_name(bytes_view(oid_p256));
    for (const uint8_t slot : {uint8_t{1}, uint8_t{2}}) {
        again.slot = slot;
        ASSERT_TRUE(device->run(again));
    }
    EXPECT_EQ(name_of_error(open_signing_key(device, place, random)), "key_mismatch");
    EXPECT_EQ(name_of_error(open_kem_key(device, {.slot = 2, .zone = 2}, random)), "key_mismatch");
}

TEST_F(StsafeKeys, HybridsAreFoundAgainByTheirChipAlone) {
    const auto made = value_of(make_kem_key(device, place, hybrid, random));
    const auto found = value_of(open_kem_key(device, place, random));
    EXPECT_EQ(found->public_key(), made->public_key());
    const auto sent = made->public_key().encapsulate(random);
    EXPECT_EQ(to_hex(value_of(found->decapsulate(sent.enc)).reveal()), to_hex(sent.shared_secret.reveal()));
    EXPECT_EQ(name_of_error(make_kem_key(device, place, crypto::kem_algorithm::mlkem768, random)), "wrong_key_kind");

    model_chip other("another chip");
    const auto its_device = other.share();
    ASSERT_TRUE(make_kem_key(its_device, place, hybrid, random));
    const auto zone = value_of(read_octets(*device, 1, 0, 400));
    ASSERT_TRUE(write_octets(*its_device, 1, 0, zone));
    EXPECT_EQ(name_of_error(open_kem_key(its_device, place, random)), "stsafe_decryption");
}

TEST_F(StsafeKeys, HalfARecordIsNone) {
    ASSERT_TRUE(make_kem_key(device, place, hybrid, random));
    ASSERT_TRUE(write_octets(*device, 1, 100, bytes(1, 0xee)));
    EXPECT_EQ(value_of(read_record(*device, 1)).has_value(), false);
    EXPECT_EQ(name_of_error(open_kem_key(device, place, random)), "key_not_found");
}

TEST_F(StsafeKeys, AChipThatIsGoneIsKeystoreFailed) {
    const auto signer = value_of(make_signing_key(device, place, p256));
    const auto kem = value_of(make_kem_key(device, {.slot = 2, .zone = 2}, hybrid, random));
    const auto sent = kem->public_key().encapsulate(random);
    chip.faults.lost_reads = 1000;
    const auto signature = signer->sign(as_bytes("x"));
    ASSERT_FALSE(signature);
    EXPECT_EQ(signature.error().name, "keystore_failed");
    EXPECT_EQ(signature.error().category, error_category::environment);
    EXPECT_EQ(signature.error().params.back().second, "stsafe_answer_lost");
    EXPECT_EQ(name_of_error(kem->decapsulate(sent.enc)), "keystore_failed");
    chip.faults.lost_reads = 0;
    EXPECT_TRUE(signer->sign(as_bytes("x")));
    EXPECT_TRUE(kem->decapsulate(sent.enc));
}

// The counter of an accessory, lowered by its host, whatever the bus does: how many readings of answers are lost, and whether the
// command's own is the first of them, is all the same.
TEST_F(StsafeKeys, CountersFallOnce) {
    const auto counter = [&] { return chip.chip().state().zones.items[5].counter; };
    EXPECT_EQ(value_of(decrement_once(*device, 5, 10)), 499'990U);
    // The counter is read (two transactions), then the command's answer is lost, then the counter is read again and tells.
    class lossy final : public transport {
    public:
        lossy(model::chip& c, size_t from, size_t count) : chip_(c), from_(from), count_(count) {}
        result<bool> write(bytes_view octets) override { return chip_.write(octets); }
        result<std::optional<bytes>> read(size_t count) override {
            const size_t n = reads_++;
            if (n >= from_ && n < from_ + count_) {
                return fail(error_category::environment, "stsafe_bus", "lost");
            }
            return chip_.read(count);
        }

    private:
        model::chip& chip_;
        size_t from_, count_, reads_ = 0;
    };
    size_t told = 0;
    for (const size_t from : {0, 1, 2, 3}) {
        for (const size_t count : {1, 2, 3, 100}) {
            stsafe::device lossy_device(std::make_unique<lossy>(chip.chip(), from, count));
            const uint32_t before = counter();
            const auto now = decrement_once(lossy_device, 5, 1);
            EXPECT_LE(before - counter(), 1U) << from << " " << count;
            if (now) {
                ++told;
                EXPECT_EQ(*now, before - 1);
                EXPECT_EQ(counter(), before - 1);
            } else {
                EXPECT_EQ(now.error().name, "stsafe_answer_lost") << from << " " << count;
            }
        }
    }
    EXPECT_GE(told, 4U);
    EXPECT_EQ(name_of_error(decrement_once(*device, 1, 1)), "stsafe_zone_type");
    EXPECT_EQ(name_of_error(decrement_once(*device, 5, 1'000'000)), "stsafe_counter_limit");
}

// The key for envelopes is made with the first one; from then on sealing is one command, and so is unsealing.
TEST(StsafeSealing, CostsOneCommandOnceThereIsAKey) {
    model_chip chip;
    auto device = chip.connect();
    const bytes secret(64, 7);
    const bytes first = value_of(seal_in(device, 0, secret_bytes(secret)));
    const size_t before = chip.faults.writes;
    const bytes second = value_of(seal_in(device, 0, secret_bytes(secret)));
    EXPECT_EQ(chip.faults.writes, before + 1);
    for (const auto& sealed : {first, second}) {
        EXPECT_EQ(to_bytes(value_of(unseal_in(device, 0, sealed)).reveal()), secret);
    }
    EXPECT_EQ(chip.faults.writes, before + 3);
    EXPECT_EQ(name_of_error(unseal_in(device, 1, first)), "seal_invalid") << "no key is made for what was not sealed here";
}

TEST(StsafeUri, Names) {
    const auto name = value_of(parse_name("slot=2;zone=4;device=/run/chip;address=0x21;host-key=host.key;envelope=1"));
    EXPECT_EQ(name.place.slot, 2);
    EXPECT_EQ(name.place.zone, 4);
    EXPECT_EQ(name.place.envelope, 1);
    EXPECT_EQ(name.device, "/run/chip");
    EXPECT_EQ(name.address, 0x21);
    EXPECT_EQ(name.host_key, "host.key");
    EXPECT_EQ(value_of(parse_name("slot=3")).place.zone, 3) << "the zone of the slot's number";
    EXPECT_EQ(value_of(parse_name("slot=3")).device, "/dev/i2c-1");
    for (const std::string_view wrong :
         {"", "slot", "slot=", "slot=5", "slot=-1", "slot=1;slot=2", "slot=0x", "zone=1", "slot=1;colour=red",
          "slot=1;device=", "slot=1;;zone=2", "slot=1;address=0x78", "slot=1 "}) {
        EXPECT_EQ(name_of_error(parse_name(wrong)), "bad_key_uri") << wrong;
    }
}

TEST(StsafeUri, ChipsThatAreNotThere) {
    for (const std::string_view uri : {"stsafe:slot=1;device=/nonexistent/chip", "stsafe:slot=1;device=/dev/i2c-nonexistent"}) {
        EXPECT_EQ(name_of_error(keystore::open_signing_key(uri)), "stsafe_absent") << uri;
        EXPECT_EQ(name_of_error(keystore::open_kem_key(uri)), "stsafe_absent") << uri;
    }
    EXPECT_EQ(name_of_error(keystore::open_kem_key("stsafe:1")), "bad_key_uri");
}

}  // namespace

}  // namespace berth::keystore::stsafe
