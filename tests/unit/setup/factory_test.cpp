// A device is made once, and its bundle says what device.toml may say.
#include "setup/factory.h"

#include "common/files.h"
#include "device/bundle.h"
#include "device/config_toml.h"
#include "setup/factory_lists.h"
#include "setup/new_directory.h"
#include "support/onboarding_parties.h"
#include "support/swtpm.h"
#include "support/test_pki.h"
#include "wire/pem.h"

#include <csignal>

#include <gmock/gmock.h>

#include <sys/resource.h>

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

    result<onboarding::device_identity> make_as(const std::string& serial, const char* out) {
        order.serial = serial;
        return make(out);
    }
    [[nodiscard]] result<app::factory_revocation> revoke(const std::string& what) const {
        return app::factory_revoke(factory(), what, pki::revocation_reason::key_compromise, time.now());
    }
    [[nodiscard]] app::factory_list_made list(const char* out) const {
        app::factory_list_order what;
        what.out = at(out);
        return got(app::factory_list(factory(), what, time.now()));
    }
    [[nodiscard]] fs::path issued() const { return factory() / "issued.jsonl"; }
    [[nodiscard]] fs::path records() const { return factory() / "idevid-ca.revoked.json"; }
    [[nodiscard]] bytes serial_of(const char* bundle, const char* file = "z3.pem") const {
        return got(app::read_certificate(at(bundle) / file)).serial();
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
    order.p3_sig_uri = "stsafe:slot=1";
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
    ASSERT_TRUE(make("one"));
    const auto first = list("l.crl").list;
    EXPECT_TRUE(first.revoked().empty());
    const auto done = got(revoke("SN-1"));
    EXPECT_EQ(done.added, 2u) << "both certificates";
    EXPECT_EQ(done.issuers, std::vector<std::string>{"idevid-ca"});
    EXPECT_EQ(done.serials, std::set<std::string>{"SN-1"});
    const auto again = got(revoke(at("one").string()));
    EXPECT_EQ(again.added, 0u);
    EXPECT_EQ(again.before, 2u);
    EXPECT_EQ(again.serials, std::set<std::string>{"SN-1"});
    const auto second = list("l.crl").list;
    EXPECT_GT(second.number(), first.number()) << "although the clock stands still";
    EXPECT_GT(list("elsewhere.crl").list.number(), second.number());
    for (const char* file : {"z3.pem", "z3-sig.pem"}) {
        const auto entry = second.find(serial_of("one", file));
        ASSERT_TRUE(entry) << file;
        EXPECT_EQ(entry->reason, pki::revocation_reason::key_compromise);
    }
    EXPECT_TRUE(second.check_signature(got(app::read_certificate(factory() / "idevid-ca.pem"))));
    EXPECT_EQ(second.next_update(), time.now() + 30 * 24 * 3600);
    EXPECT_EQ(got(app::read_crls({at("l.crl")})).front().number(), second.number());

    ASSERT_TRUE(make_as("SN-2", "two"));
    EXPECT_EQ(got(revoke((at("two") / "z3.pem").string())).added, 1u);
}

// Of a device whose keys are in a chip, another CA has issued the one certificate.
TEST_F(Factory, RevokesWhatEachOfItsCasHasIssued) {
    ASSERT_TRUE(make("one"));
    const auto kem = got(app::read_certificate(at("one") / "z3.pem"));
    const auto chips = got(app::open_authority(factory(), "idevid-ca-classical"));
    const auto key = test::signature_key("in a chip", crypto::signature_algorithm::ecdsa_p256_sha256);
    const auto identity =
        got(pki::issue(pki::idevid_signature_template("Acme", "SN-7", pki::hardware_module{"2.25.1", bytes{1}},
                                                      {time.now() - 60, time.now() + app::one_year}),
                       key.public_key().spki(), chips.certificate(), chips.key->as_signing_key(), crypto::system_random()));
    ASSERT_TRUE(app::note_issued(factory(), "SN-7", {kem, identity}));
    const auto done = got(revoke("SN-7"));
    EXPECT_EQ(done.added, 2u);
    EXPECT_EQ(done.issuers, (std::vector<std::string>{"idevid-ca", "idevid-ca-classical"}));
    const auto usual = list("l.crl").list;
    EXPECT_TRUE(usual.find(kem.serial()));
    EXPECT_FALSE(usual.find(identity.serial()));
    app::factory_list_order order_of_chips;
    order_of_chips.issuer = "idevid-ca-classical";
    order_of_chips.out = at("chips.crl");
    const auto theirs = got(app::factory_list(factory(), order_of_chips, time.now())).list;
    EXPECT_TRUE(theirs.find(identity.serial()));
    EXPECT_TRUE(theirs.check_signature(chips.certificate()));
    const auto stranger = test::make_root("another maker");
    EXPECT_EQ(app::note_issued(factory(), "SN-8", {stranger.certificate}).error().name, "unknown_issuer");
    EXPECT_EQ(revoke("SN-8").error().name, "unknown_device");
}

// It lacks the CA for chips, and makes other devices as ever.
TEST_F(Factory, OneThatWasSetUpEarlier) {
    for (const char* file : {"idevid-ca-classical.pem", "idevid-ca-classical.key"}) {
        fs::remove(factory() / file);
    }
    ASSERT_TRUE(make("one"));
    EXPECT_EQ(got(revoke("SN-1")).added, 2u);
    order.p3_sig_uri = "stsafe:slot=1;device=" + at("none").string();
    const auto refused = make_as("SN-2", "two");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().name, "no_issuer_for_chips");
    EXPECT_THAT(refused.error().message, testing::HasSubstr("idevid-ca-classical.pem"));
    EXPECT_FALSE(fs::exists(at("two")));
}

// Found before anything is made, and told by the option rather than by a file that nobody has written.
TEST_F(Factory, WhatNoDeviceCouldBeIsNotBegun) {
    const auto good = order;
    const auto refused = [&](const std::string& name, const std::string& told) {
        const auto made = make("one");
        ASSERT_FALSE(made);
        EXPECT_EQ(made.error().name, name) << made.error().message;
        EXPECT_THAT(made.error().message, testing::HasSubstr(told));
        EXPECT_THAT(made.error().message, testing::Not(testing::HasSubstr(".one.making")));
        EXPECT_FALSE(fs::exists(at("one")));
        EXPECT_TRUE(got(store->find_serial("SN-1")).empty());
        order = good;
    };
    // A back end without registers seals to none.
    order.tpm.pcrs = {0};
    refused("operation_unsupported", "--seal-pcrs");
    order.p3_uri = "stsafe:slot=2;device=/nowhere";
    order.p3_sig_uri = "stsafe:slot=1;device=/nowhere";
    order.tpm.approval = at("state.pem");
    refused("operation_unsupported", "--seal-approval");
    order.credentials = {{"device", "rsa"}};
    refused("bad_config", "--credential");
    // One place for each key.
    order.p3_uri = "stsafe:slot=2;device=/nowhere";
    order.p3_sig_uri = "stsafe:slot=1;device=/nowhere";
    order.credentials = {{"device", "p256@stsafe:slot=1;device=/nowhere"}};
    refused("bad_order", "identity key");
    order.p3_uri = "tpm2:0x81020002;seed=p3.seed;tcti=nowhere";
    order.p3_sig_uri = "tpm2:0x81020010;iak=0x81020011;tcti=nowhere";
    for (const char* handle : {"0x81020002", "0x81020010", "0x81020011", "0x81020000"}) {
        const auto tpm = order;
        order.credentials = {{"device", fmt::format("p256@tpm2:{};tcti=nowhere", handle)}};
        refused("bad_order", handle);
        order = tpm;
    }
    order.p3_uri = "tpm2:0x81020005;tcti=nowhere";
    refused("bad_key_uri", ";seed=");
    order.p3_sig_uri = "0x81020000";
    order.p3_uri = "tpm2:0x81020002;seed=p3.seed";
    refused("bad_order", "tpm2:0x81020000");
    order.p3_uri = "stsafe:slot=2;device=/one";
    order.p3_sig_uri = "stsafe:slot=1;device=/two";
    refused("bad_order", "one chip");
}

// A TPM's keys are certified once its maker vouches for it; none is looked at before that is settled.
TEST_F(Factory, NoTpmThatNobodyVouchesFor) {
    const auto refused = [&](const std::string& p3, const std::string& p3_sig) {
        order.p3_uri = p3;
        order.p3_sig_uri = p3_sig;
        const auto made = make("one");
        EXPECT_FALSE(fs::exists(at("one")));
        return made ? "accepted" : made.error().name;
    };
    const std::string kem = "tpm2:0x81020002;seed=p3.seed;tcti=nowhere";
    const std::string identity = "tpm2:0x81020000;tcti=nowhere";
    EXPECT_EQ(refused(kem, identity), "tpm_maker_unknown");
    EXPECT_EQ(refused(kem, ""), "bad_order");
    EXPECT_EQ(refused("", identity), "bad_order");
    order.tpm.makers = {factory() / "z1.pem"};
    EXPECT_EQ(refused("", ""), "bad_order");
    EXPECT_EQ(refused(kem, "tpm2:0x81020000;tcti=elsewhere"), "bad_key_uri");
    EXPECT_EQ(refused(kem, identity), "tpm_unavailable");
    EXPECT_TRUE(got(store->find_serial("SN-1")).empty());
}

// How the seed in a TPM is sealed is one of the options: nothing else of a bundle tells of it.
TEST_F(Factory, ABundleThatWasSealedOtherwiseIsNotPublished) {
    BERTH_NEEDS_SWTPM();
    const swtpm tpm(true);
    for (const char* ca : {"swtpm-localca-rootca-cert.pem", "issuercert.pem"}) {
        order.tpm.makers.push_back(at(ca));
        ASSERT_TRUE(app::write_text(at(ca), tpm.read(std::string("ca/") + ca)));
    }
    order.p3_uri = "tpm2:0x81020002;seed=p3.seed;tcti=" + tpm.tcti();
    order.p3_sig_uri = "tpm2:0x81020000;tcti=" + tpm.tcti();
    order.tpm.pcrs = {0, 7};
    const auto made = make("one");
    ASSERT_TRUE(made) << made.error().message;
    fs::rename(at("one"), at(".one.making"));
    for (const std::vector<uint8_t>& otherwise : {std::vector<uint8_t>{}, {0}, {0, 7, 8}}) {
        order.tpm.pcrs = otherwise;
        const auto refused = make("one");
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().name, "unfinished_device") << refused.error().message;
        EXPECT_TRUE(fs::exists(at(".one.making"))) << "the only key of SN-1";
    }
    order.tpm.pcrs = {7, 0};
    EXPECT_TRUE(make("one")) << "as it was ordered, said in another order";
}

// The list that is in place tells what was, its number and who is on it.
TEST_F(Factory, WhoWasRevokedSinceABackupStaysSo) {
    ASSERT_TRUE(make("one"));
    ASSERT_TRUE(make_as("SN-2", "two"));
    ASSERT_TRUE(revoke("SN-2"));
    ASSERT_EQ(list("l.crl").recovered, 0u);
    const auto backup = got(app::read_text(records()));
    const auto revoked_at = time.now();
    ASSERT_TRUE(revoke("SN-1"));
    const auto last = list("l.crl").list;
    ASSERT_TRUE(app::write_text(records(), backup, 0600));
    time.set(time.now() - 1'000'000);
    const auto next = list("l.crl");
    EXPECT_GT(next.list.number(), last.number());
    EXPECT_EQ(next.recovered, 2u);
    EXPECT_EQ(next.list.revoked().size(), 4u);
    const auto entry = next.list.find(serial_of("one"));
    ASSERT_TRUE(entry);
    EXPECT_EQ(entry->reason, pki::revocation_reason::key_compromise);
    EXPECT_EQ(entry->revoked_at, revoked_at);
    const auto elsewhere = list("elsewhere.crl");
    EXPECT_EQ(elsewhere.recovered, 0u);
    EXPECT_TRUE(elsewhere.list.find(serial_of("one"))) << "the records know it again";
    EXPECT_EQ(got(revoke("SN-1")).before, 2u);
    // Also when the records are gone altogether.
    fs::remove(records());
    EXPECT_EQ(list("l.crl").list.revoked().size(), 4u);
}

TEST_F(Factory, TheLineOfADeviceThatFailedIsNotAnothers) {
    ASSERT_TRUE(app::write_text(issued(), R"({"serial":"SN-0","certi)"));
    ASSERT_TRUE(make_as("SN-2", "two"));
    EXPECT_EQ(got(revoke("SN-2")).added, 2u);
    EXPECT_TRUE(list("l.crl").list.find(serial_of("two"))) << "the certificate that onboards";
    EXPECT_EQ(revoke("SN-0").error().name, "unknown_device");
    // A whole line that an editor has left without its end stays.
    auto text = got(app::read_text(issued()));
    ASSERT_EQ(text.back(), '\n');
    text.pop_back();
    ASSERT_TRUE(app::write_text(issued(), text));
    EXPECT_EQ(got(revoke("SN-2")).before, 2u);
    ASSERT_TRUE(make_as("SN-3", "three"));
    EXPECT_EQ(got(revoke("SN-2")).before, 2u);
    EXPECT_EQ(got(revoke("SN-3")).added, 2u);
}

TEST_F(Factory, AShortWriteLeavesNothing) {
    ASSERT_TRUE(make("one"));
    const auto before = got(app::read_text(issued()));
    const auto leaf = got(app::read_certificate(at("one") / "z3.pem"));
    rlimit usual{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &usual), 0);
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit full{before.size() + 20, usual.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);
    const auto noted = app::note_issued(factory(), "SN-2", {leaf});
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &usual), 0);
    std::signal(SIGXFSZ, handler);
    ASSERT_FALSE(noted);
    EXPECT_EQ(noted.error().name, "file_error");
    EXPECT_EQ(got(app::read_text(issued())), before);
}

TEST_F(Factory, ALineThatCannotBeReadMayBeAnyDevices) {
    ASSERT_TRUE(make("one"));
    ASSERT_TRUE(make_as("SN-2", "two"));
    auto text = got(app::read_text(issued()));
    text[text.find("SN-1") + 4] = '\0';
    ASSERT_TRUE(app::write_text(issued(), text));
    for (const char* serial : {"SN-1", "SN-2"}) {
        const auto refused = revoke(serial);
        ASSERT_FALSE(refused) << serial;
        EXPECT_EQ(refused.error().name, "damaged_file");
        EXPECT_THAT(refused.error().message, testing::HasSubstr("line 1 of"));
    }
    EXPECT_FALSE(fs::exists(records()));
    EXPECT_EQ(got(revoke(at("two").string())).added, 2u) << "by its bundle";
}

TEST_F(Factory, ASerialComesBeforeAFileOfItsName) {
    ASSERT_TRUE(make("one"));
    ASSERT_TRUE(make_as("SN-2", "SN-1"));
    const auto before = fs::current_path();
    fs::current_path(directory.path());
    const auto by_serial = revoke("SN-1");
    const auto first = list("l.crl").list;
    const auto by_path = revoke("./SN-1");
    fs::current_path(before);
    EXPECT_EQ(got(by_serial).serials, std::set<std::string>{"SN-1"});
    EXPECT_TRUE(first.find(serial_of("one")));
    EXPECT_FALSE(first.find(serial_of("SN-1"))) << "the bundle of SN-2";
    EXPECT_EQ(got(by_path).serials, std::set<std::string>{"SN-2"});
    EXPECT_EQ(by_path->added, 2u);
}

TEST_F(Factory, ACaThatWasMadeAnewDoesNotRevokeForTheFormer) {
    ASSERT_TRUE(make("one"));
    for (const char* file : {"idevid-ca.pem", "idevid-ca.key"}) {
        fs::remove(factory() / file);
    }
    ASSERT_TRUE(app::make_issuer(
        factory(), "idevid-ca", pki::issuing_ca_template("Acme", "Acme IDevID CA", {time.now() - 60, time.now() + app::one_year}),
        got(app::open_authority(factory(), "z1")), crypto::signature_algorithm::ecdsa_p256_sha256, crypto::system_random()));
    EXPECT_EQ(revoke("SN-1").error().name, "unknown_issuer");
    EXPECT_FALSE(fs::exists(records()));
    ASSERT_TRUE(make_as("SN-2", "two"));
    EXPECT_EQ(got(revoke("SN-2")).added, 2u);
}

TEST_F(Factory, ABatchOfThirtyThousandDevicesIsRevoked) {
    constexpr size_t many = 60'000;
    std::string text = R"({"number":1,"revoked":[)";
    for (size_t i = 0; i < many; ++i) {
        text += fmt::format(R"({}{{"certificate":"5{:037x}","serial":"SN-{}","at":1700000000,"reason":"ca_compromise"}})",
                            i == 0 ? "" : ",", i, i / 2);
    }
    ASSERT_TRUE(app::write_text(records(), text + "]}\n", 0600));
    ASSERT_GT(fs::file_size(records()), app::most_file_octets);
    ASSERT_TRUE(make("one"));
    EXPECT_EQ(got(revoke("SN-1")).added, 2u);
    const auto first = list("l.crl");
    EXPECT_EQ(first.list.revoked().size(), many + 2);
    ASSERT_GT(fs::file_size(at("l.crl")), app::most_file_octets);
    EXPECT_EQ(list("l.crl").recovered, 0u) << "and the list is read again";
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
