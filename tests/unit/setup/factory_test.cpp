// A device is made once, and its bundle says what device.toml may say.
#include "setup/factory.h"

#include "common/files.h"
#include "device/bundle.h"
#include "device/config_toml.h"
#include "setup/factory_lists.h"
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

TEST_F(Factory, ABundleThatWasBegunOtherwiseIsNotPublished) {
    ASSERT_TRUE(make("one"));
    fs::rename(at("one"), at(".one.making"));
    const auto good = order;
    const auto refused = [&] {
        const auto made = make("one");
        ASSERT_FALSE(made);
        EXPECT_EQ(made.error().name, "unfinished_device") << made.error().message;
        EXPECT_FALSE(fs::exists(at("one")));
        EXPECT_TRUE(fs::exists(at(".one.making"))) << "the only key of SN-1";
        order = good;
    };
    order.registrars = {"elsewhere.example:1"};
    refused();
    order.model = "another";
    refused();
    order.kem = crypto::kem_algorithm::mlkem1024;
    refused();
    time.advance(5'000);
    EXPECT_TRUE(make("one")) << "as it was ordered, although later";
}

TEST_F(Factory, ABundleOfAnotherMasaIsNotClearedAway) {
    ASSERT_TRUE(make("one"));
    fs::rename(at("one"), at(".one.making"));
    const auto first = std::exchange(store, got(store::sqlite_masa_store::open((directory.path() / "other.db").string())));
    const auto key = crypto::kem_private_key::generate(crypto::kem_algorithm::mlkem768, crypto::system_random());
    const auto first_keys = std::exchange(masa_keys, wire::to_pem("PUBLIC KEY", key.public_key().spki()));
    const auto made = make("one");
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().name, "unfinished_device") << made.error().message;
    EXPECT_TRUE(fs::exists(at(".one.making") / "p3.pem"));
    EXPECT_TRUE(got(store->find_serial("SN-1")).empty());
}

// ---- what it revokes

TEST_F(Factory, RevokesBySerialByBundleAndByFile) {
    const auto list = [&](const char* out) {
        app::factory_list_order what;
        what.out = at(out);
        return got(app::factory_list(factory(), what, time.now()));
    };
    const auto key_compromise = pki::revocation_reason::key_compromise;
    ASSERT_TRUE(make("one"));
    const auto first = list("l.crl");
    EXPECT_TRUE(first.revoked().empty());
    const auto done = got(app::factory_revoke(factory(), "SN-1", key_compromise, time.now()));
    EXPECT_EQ(done.added, 2u) << "both certificates";
    EXPECT_EQ(done.issuers, std::vector<std::string>{"idevid-ca"});
    const auto again = got(app::factory_revoke(factory(), at("one").string(), key_compromise, time.now()));
    EXPECT_EQ(again.added, 0u);
    EXPECT_EQ(again.before, 2u);
    const auto second = list("l.crl");
    EXPECT_GT(second.number(), first.number()) << "although the clock stands still";
    EXPECT_GT(list("elsewhere.crl").number(), second.number());
    for (const char* file : {"z3.pem", "z3-sig.pem"}) {
        const auto entry = second.find(got(app::read_certificate(at("one") / file)).serial());
        ASSERT_TRUE(entry) << file;
        EXPECT_EQ(entry->reason, key_compromise);
    }
    EXPECT_TRUE(second.check_signature(got(app::read_certificate(factory() / "idevid-ca.pem"))));
    EXPECT_EQ(second.next_update(), time.now() + 30 * 24 * 3600);
    EXPECT_EQ(got(app::read_crls({at("l.crl")})).front().number(), second.number());

    // From a backup of before: the list in place tells the number.
    fs::remove(factory() / "idevid-ca.revoked.json");
    time.set(time.now() - 1'000'000);
    EXPECT_GT(list("l.crl").number(), second.number());
    time.set(time.now() + 1'000'000);

    order.serial = "SN-2";
    ASSERT_TRUE(make("two"));
    EXPECT_EQ(got(app::factory_revoke(factory(), (at("two") / "z3.pem").string(), key_compromise, time.now())).added, 1u);
}

TEST_F(Factory, RevokesNothingThatIsNotItsOwn) {
    ASSERT_TRUE(make("one"));
    const auto reason = pki::revocation_reason::unspecified;
    EXPECT_EQ(app::factory_revoke(factory(), "SN-9", reason, time.now()).error().name, "unknown_device");
    ASSERT_TRUE(
        app::factory_init(at("other"), {"Other", crypto::signature_algorithm::ecdsa_p256_sha256}, time, crypto::system_random()));
    EXPECT_EQ(app::factory_revoke(at("other"), at("one").string(), reason, time.now()).error().name, "unknown_issuer");
    EXPECT_FALSE(fs::exists(at("other") / "idevid-ca.revoked.json"));
    EXPECT_EQ(app::revocation_reason_named("bored").error().name, "unknown_reason");
    app::factory_list_order what;
    what.out = at("l.crl");
    ASSERT_TRUE(app::factory_list(at("other"), what, time.now()));
    EXPECT_EQ(app::factory_list(factory(), what, time.now()).error().name, "file_exists") << "another's list is not overwritten";
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
