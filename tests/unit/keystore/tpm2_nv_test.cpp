#include "keystore/tpm2/nv.h"
#include "tpm2_fixture.h"

namespace berth::keystore::tpm2 {

namespace {

constexpr uint32_t at = 0x01c90000;

bytes some_certificate(const std::string& name = "device") {
    return to_bytes(test::make_root(name, crypto::signature_algorithm::ecdsa_p256_sha256).certificate.der());
}

TEST_F(Tpm2, ACertificateOfTheFactory) {
    const bytes der = some_certificate();
    ASSERT_TRUE(store_certificate(in, at, der));
    EXPECT_EQ(value_of(read_certificate(in, at)), der);
    const nv_index what = value_of(nv_look(in, at));
    EXPECT_EQ(what.size, der.size());
    EXPECT_EQ(what.attributes, factory_certificate | nv_written | nv_write_locked);

    EXPECT_EQ(name_of_error(nv_write(in, at, bytes(10))), "nv_locked");
    EXPECT_EQ(name_of_error(store_certificate(in, at, some_certificate("other"))), "nv_exists");
    EXPECT_EQ(value_of(read_certificate(in, at)), der) << "and what was there is there";

    // TPM2_Clear is the owner's; the platform's certificate stays.
    tool("tpm2 clear -Q -c p");
    EXPECT_EQ(value_of(read_certificate(in, at)), der);
    ASSERT_TRUE(nv_undefine(in, at));
    EXPECT_EQ(name_of_error(nv_look(in, at)), "nv_not_found");
}

TEST_F(Tpm2, AForeignProgramReadsIt) {
    const bytes der = some_certificate();
    ASSERT_TRUE(store_certificate(in, at, der));
    tool("tpm2 nvread -Q 0x01c90000 -C 0x01c90000 -o out.der");
    EXPECT_EQ(to_hex(as_bytes(chip->read("out.der"))), to_hex(der));
}

TEST_F(Tpm2, NvRefusals) {
    EXPECT_EQ(name_of_error(nv_look(in, at)), "nv_not_found");
    EXPECT_EQ(name_of_error(nv_read(in, at)), "nv_not_found");
    EXPECT_EQ(name_of_error(nv_undefine(in, at)), "nv_not_found");
    const auto large = store_certificate(in, at, bytes(2049, 0x30));
    ASSERT_FALSE(large);
    EXPECT_EQ(large.error().name, "certificate_too_large");
    EXPECT_EQ(name_of_error(nv_look(in, at)), "nv_not_found") << "nothing was defined";

    ASSERT_TRUE(nv_define(in, {at, nv_owner_write | nv_owner_read, 8}));
    EXPECT_EQ(name_of_error(nv_read(in, at)), "nv_unwritten");
    ASSERT_TRUE(nv_write(in, at, bytes(8, 1)));
    EXPECT_EQ(name_of_error(read_certificate(in, at)), "bad_certificate");
    EXPECT_EQ(value_of(nv_read(in, at)), bytes(8, 1));
    // Written past its end: the TPM refuses, and the index is as it was.
    EXPECT_FALSE(nv_write(in, at, bytes(9, 2)));
    EXPECT_EQ(value_of(nv_read(in, at)), bytes(8, 1));
}

TEST_F(Tpm2, ALargeIndexGoesInPieces) {
    const bytes data = [] {
        bytes out;
        for (size_t i = 0; i < 2048; ++i) {
            out.push_back(static_cast<uint8_t>(i % 251));
        }
        return out;
    }();
    ASSERT_TRUE(nv_define(in, {at, nv_owner_write | nv_owner_read, 2048}));
    ASSERT_TRUE(nv_write(in, at, data));
    EXPECT_EQ(value_of(nv_read(in, at)), data);
}

TEST_F(Tpm2, ACounterRisesAndNeverFalls) {
    ASSERT_TRUE(nv_define_counter(in, at));
    const auto begins = value_of(nv_read_counter(in, at));
    ASSERT_TRUE(nv_increment(in, at));
    ASSERT_TRUE(nv_increment(in, at));
    EXPECT_EQ(value_of(nv_read_counter(in, at)), begins + 2);
    EXPECT_FALSE(nv_write(in, at, bytes(8))) << "it is not written";
    EXPECT_EQ(value_of(nv_read_counter(in, at)), begins + 2);
    EXPECT_EQ(name_of_error(nv_define_counter(in, at)), "nv_exists");
    // Deleted and made anew, it goes on where it was.
    ASSERT_TRUE(nv_undefine(in, at));
    EXPECT_EQ(name_of_error(nv_read_counter(in, at)), "nv_not_found");
    ASSERT_TRUE(nv_define_counter(in, at));
    EXPECT_GT(value_of(nv_read_counter(in, at)), begins + 2);
    // What is none is not counted with.
    ASSERT_TRUE(nv_define(in, {at + 1, nv_owner_write | nv_owner_read, 8}));
    EXPECT_EQ(name_of_error(nv_increment(in, at + 1)), "nv_not_counter");
    EXPECT_EQ(name_of_error(nv_read_counter(in, at + 1)), "nv_not_counter");
}

// Some makers pad the index; what follows the certificate is not part of it.
TEST_F(Tpm2, PaddingIsCutOff) {
    const bytes der = some_certificate();
    ASSERT_TRUE(store_certificate(in, at, concat({der, bytes(40, 0xff)})));
    EXPECT_EQ(value_of(read_certificate(in, at)), der);
}

}  // namespace

}  // namespace berth::keystore::tpm2
