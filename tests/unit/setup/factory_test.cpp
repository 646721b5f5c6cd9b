// A device is made once, and its bundle says what device.toml may say.
#include "setup/factory.h"

#include "common/files.h"
#include "device/bundle.h"
#include "device/config_toml.h"
#include "setup/new_directory.h"
#include "support/onboarding_parties.h"
#include "wire/pem.h"

namespace berth::test {
namespace {

namespace fs = std::filesystem;

class Factory : public testing::Test {
protected:
    Factory() {
        order.serial = "SN-1";
        EXPECT_TRUE(app::factory_init(factory(), {"Acme", crypto::signature_algorithm::ecdsa_p256_sha256}, time,
                                      crypto::system_random()));
        const auto key = crypto::kem_private_key::generate(crypto::kem_algorithm::mlkem768, crypto::system_random());
        masa_keys = wire::to_pem("PUBLIC KEY", key.public_key().spki());
    }
    [[nodiscard]] fs::path factory() const { return directory.path() / "factory"; }
    [[nodiscard]] fs::path at(const char* name) const { return directory.path() / name; }
    result<onboarding::device_identity> make(const char* out) {
        return app::factory_make_recorded(factory(), at(out), order, masa_keys, *store, time, crypto::system_random());
    }

    temporary_directory directory;
    manual_clock time{1'800'000'000};
    app::device_order order;
    std::string masa_keys;
    std::unique_ptr<store::sqlite_masa_store> store = got(store::sqlite_masa_store::open((directory.path() / "m.db").string()));
};

TEST_F(Factory, MakesNoSecondDeviceOfASerial) {
    const auto first = make("one");
    ASSERT_TRUE(first) << first.error().message;
    const auto second = make("two");
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().name, "device_exists");
    EXPECT_FALSE(fs::exists(at("two"))) << "a bundle without a record would be a second identity";
    EXPECT_TRUE(app::device_bundle::open(at("one")));
    EXPECT_EQ(got(store->find_serial("SN-1")).size(), 1u);
}

TEST_F(Factory, LeavesNoBundleWithoutARecord) {
    {
        auto db = got(store::database::open((directory.path() / "m.db").string(), {}));
        ASSERT_TRUE(db->execute("CREATE TRIGGER full BEFORE INSERT ON device BEGIN SELECT RAISE(ABORT, 'no'); END"));
    }
    ASSERT_FALSE(make("one"));
    EXPECT_FALSE(fs::exists(at("one")));
}

TEST_F(Factory, DoesNotTouchADirectoryThatIsInUse) {
    fs::create_directory(at("used"));
    ASSERT_TRUE(app::write_text(at("used") / "p3.pem", "mine"));
    EXPECT_EQ(make("used").error().name, "file_exists");
    EXPECT_EQ(got(app::read_text(at("used") / "p3.pem")), "mine");
    EXPECT_TRUE(got(store->find_serial("SN-1")).empty());
}

// What a process that was killed leaves beside a bundle's place.
TEST_F(Factory, ClearsAwayAnAbandonedBundle) {
    fs::create_directory(at(".one.making"));
    ASSERT_TRUE(app::write_text(at(".one.making") / "z3.pem", "half"));
    const auto made = make("one");
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_FALSE(fs::exists(at(".one.making")));
    EXPECT_TRUE(app::device_bundle::open(at("one")));
}

TEST_F(Factory, FinishesABundleThatHasItsRecordAlready) {
    ASSERT_TRUE(make("one"));
    const auto key = got(app::read_text(at("one") / "p3.pem"));
    fs::rename(at("one"), at(".one.making"));  // as killed just before the last step
    order.serial = "SN-2";
    const auto other = make("one");
    ASSERT_FALSE(other) << "the only key of SN-1 would be lost";
    EXPECT_EQ(other.error().name, "unfinished_device");
    EXPECT_TRUE(fs::exists(at(".one.making")));
    EXPECT_TRUE(got(store->find_serial("SN-2")).empty());
    order.serial = "SN-1";
    const auto again = make("one");
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(got(app::read_text(at("one") / "p3.pem")), key);
    EXPECT_FALSE(fs::exists(at(".one.making")));
    EXPECT_EQ(make("one").error().name, "device_exists") << "and never again";
}

TEST_F(Factory, ABundleWithoutItsRecordIsMadeAnew) {
    ASSERT_TRUE(make("one"));
    const auto key = got(app::read_text(at("one") / "p3.pem"));
    fs::rename(at("one"), at(".one.making"));
    store = got(store::sqlite_masa_store::open((directory.path() / "other.db").string()));
    ASSERT_TRUE(make("one"));
    EXPECT_NE(got(app::read_text(at("one") / "p3.pem")), key);
    EXPECT_EQ(got(store->find_serial("SN-1")).size(), 1u);
}

TEST_F(Factory, ABundleWhoseSerialWasMadeElsewhereMeanwhileIsNotPublished) {
    ASSERT_TRUE(make("one"));
    fs::rename(at("one"), at(".one.making"));
    // As killed before its record.
    store = got(store::sqlite_masa_store::open((directory.path() / "other.db").string()));
    ASSERT_TRUE(make("two"));
    EXPECT_EQ(make("one").error().name, "device_exists") << "a second identity of SN-1";
    EXPECT_FALSE(fs::exists(at("one")));
    EXPECT_FALSE(fs::exists(at(".one.making")));
}

TEST_F(Factory, MakesNoDeviceThatCouldNotOpenItsBundle) {
    const auto good = order;
    const auto refused = [&] {
        const auto made = make("one");
        ASSERT_FALSE(made);
        EXPECT_EQ(made.error().name, "bad_config") << made.error().message;
        EXPECT_EQ(made.error().category, error_category::usage);
        EXPECT_TRUE(got(store->find_serial("SN-1")).empty()) << "the serial is still free";
        EXPECT_FALSE(fs::exists(at("one")));
        EXPECT_FALSE(fs::exists(at(".one.making")));
        order = good;
    };
    order.discovery = {"foo"};
    refused();
    order.credentials = {{"device", "rsa"}};
    refused();
    order.credentials = {{"domain-root", "p256"}};
    refused();
    order.masa.clear();
    order.direct = true;
    refused();
    EXPECT_TRUE(make("one"));
}

TEST_F(Factory, TakesNoPlaceThatItCouldNotRenameTo) {
    ASSERT_TRUE(app::write_text(at("file"), ""));
    fs::create_directory(at("real"));
    fs::create_directory_symlink(at("real"), at("link"));
    for (const auto* name : {"file", "link"}) {
        EXPECT_EQ(make(name).error().name, "file_exists") << name;
        EXPECT_TRUE(got(store->find_serial("SN-1")).empty()) << "nothing was recorded";
    }
    EXPECT_TRUE(make("real"));
}

TEST_F(Factory, TwoProcessesDoNotMakeOneBundle) {
    const auto first = got(app::new_directory::begin(at("one")));
    EXPECT_EQ(make("one").error().name, "in_use");
    EXPECT_TRUE(fs::exists(first.path()));
    EXPECT_TRUE(got(store->find_serial("SN-1")).empty());
}

TEST_F(Factory, SaysWhenTheFirmwareWasBuilt) {
    ASSERT_TRUE(make("one"));
    const auto bundle = got(app::device_bundle::open(at("one")));
    EXPECT_EQ(bundle.firmware_built, time.now() - 60);
    EXPECT_EQ(bundle.earliest(), time.now() - 60) << "a voucher from before is refused";
}

TEST_F(Factory, DeviceTomlHasNoTwoCredentialsOfOneName) {
    order.credentials = {{"device", "p256"}, {"device", "mldsa65"}};
    const auto made = make("one");
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().name, "bad_config");
    EXPECT_NE(made.error().message.find("\"device\""), std::string::npos) << made.error().message;
}

}  // namespace
}  // namespace berth::test
