#include "keystore/tpm2/devid.h"
#include "keystore/tpm2/key_operations.h"
#include "tpm2_fixture.h"

namespace berth::keystore::tpm2 {

namespace {

TEST(Tpm2Device, SaysWhenThereIsNone) {
    for (const char* tcti : {"device:/dev/berth-no-such-tpm", "swtpm:path=/nowhere/tpm", "no-such-way", "swtmp:path=/x"}) {
        device_options options;
        options.tcti = tcti;
        const auto opened = device::open(options);
        ASSERT_FALSE(opened) << tcti;
        EXPECT_EQ(opened.error().name, "tpm_unavailable") << opened.error().message;
        EXPECT_EQ(opened.error().category, error_category::environment);
        EXPECT_NE(opened.error().message.find(tcti), std::string::npos) << opened.error().message;
        EXPECT_NE(opened.error().message.find("BERTH_TPM2_TCTI"), std::string::npos) << opened.error().message;
        // A slip in a module's name is told from a TPM that is not there.
        const bool of_the_module = opened.error().message.find("modules") != std::string::npos;
        EXPECT_EQ(of_the_module, std::string_view(tcti) == "no-such-way" || std::string_view(tcti) == "swtmp:path=/x")
            << opened.error().message;
    }
}

TEST(Tpm2Device, StartsATpmThatNobodyStarted) {
    BERTH_NEEDS_SWTPM();
    const test::swtpm chip(false, false);
    device_options options;
    options.tcti = chip.tcti();
    for (int i = 0; i < 2; ++i) {
        const auto in = value_of(device::open(options));  // the second time it is started
        EXPECT_EQ(value_of(in->random(100)).size(), 100U);
    }
}

TEST_F(Tpm2, SharedIsOneConnection) {
    in.reset();
    const auto one = value_of(device::shared(chip->tcti()));
    EXPECT_EQ(value_of(device::shared(chip->tcti())), one);
}

TEST_F(Tpm2, RandomIsRandom) {
    EXPECT_NE(to_hex(value_of(in->random(32)).reveal()), to_hex(value_of(in->random(32)).reveal()));
}

// A TPM without a resource manager has three slots. Whoever holds an object holds one of them, and gives it back.
TEST_F(Tpm2, FullSlotsAreAnErrorWithAName) {
    const devid_layout at;
    const object kem = value_of(establish(in, kem_template(), at.kem));
    const bytes point = to_bytes(test::signature_key("peer").public_key().raw());
    ASSERT_TRUE(ecdh(kem, point));
    {
        std::vector<object> held;
        for (int i = 0; i < 3; ++i) {
            held.push_back(value_of(create_primary(in, hierarchy::owner, storage_root_template())));
        }
        const auto fourth = create_primary(in, hierarchy::owner, storage_root_template());
        ASSERT_FALSE(fourth);
        EXPECT_EQ(fourth.error().name, "tpm_no_slots") << fourth.error().message;
        EXPECT_EQ(fourth.error().category, error_category::environment);
        EXPECT_EQ(name_of_error(ecdh(kem, point)), "tpm_no_slots");
    }
    EXPECT_TRUE(ecdh(kem, point));
    for (int i = 0; i < 10; ++i) {
        EXPECT_TRUE(create_primary(in, hierarchy::owner, storage_root_template())) << "nothing is left behind";
    }
}

TEST_F(Tpm2, PersistentHandles) {
    constexpr uint32_t handle = 0x81000123;
    EXPECT_EQ(name_of_error(open_persistent(in, handle)), "key_not_found");
    EXPECT_EQ(name_of_error(evict(in, handle)), "key_not_found");
    const object key = value_of(create_primary(in, hierarchy::owner, storage_root_template()));
    ASSERT_TRUE(make_persistent(key, handle));
    EXPECT_EQ(value_of(persistent_handles(in)), std::vector<uint32_t>{handle});
    EXPECT_EQ(value_of(open_persistent(in, handle)).area(), key.area());

    attestation::public_area other = storage_root_template();
    other.x = to_bytes(as_bytes("other"));
    const object second = value_of(create_primary(in, hierarchy::owner, other));
    const auto taken = make_persistent(second, handle);
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().name, "nv_exists");
    EXPECT_NE(taken.error().message.find("0x81000123"), std::string::npos) << taken.error().message;
    EXPECT_EQ(value_of(open_persistent(in, handle)).area(), key.area()) << "and what was there is there";

    ASSERT_TRUE(evict(in, handle));
    EXPECT_TRUE(value_of(persistent_handles(in)).empty());
}

TEST_F(Tpm2, LockedOut) {
    const devid_layout at;
    value_of(establish(in, idevid_template(), at.idevid));
    in.reset();
    ASSERT_EQ(chip->tool("tpm2 dictionarylockout -Q -s -n 1 -t 1000 -l 1000"), 0) << chip->log();
    ASSERT_EQ(chip->tool("tpm2 createprimary -Q -C o -p right -c guarded.ctx"), 0) << chip->log();
    EXPECT_NE(chip->tool("tpm2 create -Q -C guarded.ctx -P wrong"), 0);
    connect();
    const object key = value_of(open_persistent(in, at.idevid));
    const auto refused = sign_digest(key, bytes(32));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().name, "tpm_locked_out") << refused.error().message;
    EXPECT_NE(refused.error().message.find("clear-lockout"), std::string::npos) << "says what to do";
}

TEST_F(Tpm2, ATpmThatGoesAway) {
    const object key = value_of(create_primary(in, hierarchy::owner, storage_root_template()));
    chip->stop();
    const auto refused = in->random(8);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().name, "tpm_unavailable") << refused.error().message;
    EXPECT_EQ(refused.error().category, error_category::environment);
}

}  // namespace

}  // namespace berth::keystore::tpm2
