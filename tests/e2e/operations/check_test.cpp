// berthd check, and what the init commands refuse so that berthd need not: files that are wrong, before anything serves or is
// made.
#include "common/files.h"
#include "pki/private_key_file.h"
#include "setup/customer.h"
#include "setup/factory.h"
#include "setup/masa.h"
#include "store/sqlite/database.h"
#include "support/onboarding_parties.h"
#include "support/programs.h"

#include <fstream>

namespace berth::test {
namespace {

namespace fs = std::filesystem;

class Check : public testing::Test {
protected:
    static void SetUpTestSuite() {
        directory = std::make_unique<temporary_directory>();
        random_source& random = crypto::system_random();
        const auto p256 = crypto::signature_algorithm::ecdsa_p256_sha256;
        ASSERT_TRUE(app::factory_init(at("factory"), {"Acme", p256}, system_clock(), random));
        ASSERT_TRUE(app::factory_init(at("old-factory"), {"Acme", p256}, manual_clock(100'000'000), random));
        app::masa_setup masa;
        masa.factory = at("factory");
        masa.host = "masa.example";
        masa.listen = "127.0.0.1:0";
        ASSERT_TRUE(app::masa_init(at("masa"), masa, system_clock(), random));
        for (const char* name : {"birch", "cedar"}) {
            ASSERT_TRUE(app::ca_init(at(name), {name, p256}, system_clock(), random));
        }
        ASSERT_EQ(init("registrar", "birch", at("factory/z1.pem")).exit, 0);
    }
    static void TearDownTestSuite() { directory.reset(); }
    static std::string at(const std::string& name) { return (directory->path() / name).string(); }
    static program_result init(const std::string& dir, const std::string& ca, const std::string& maker_root) {
        return berth({"--json", "registrar", "init", "--dir", at(dir), "--ca", at(ca), "--host", "localhost", "--maker-root",
                      maker_root, "--masa", "127.0.0.1:1", "--listen", "127.0.0.1:0"});
    }
    static program_result check(const std::string& file) { return run_program("berthd", {"check", file, "--json"}); }
    // The configuration of `dir`, with one text replaced.
    static program_result check_with(const std::string& dir, const std::string& from, const std::string& to) {
        std::string toml = got(app::read_text(at(dir + "/berthd.toml")));
        const size_t place = toml.find(from);
        EXPECT_NE(place, std::string::npos) << from << "\n" << toml;
        EXPECT_TRUE(app::write_text(at(dir + "/changed.toml"), toml.replace(place, from.size(), to)));
        return check(at(dir + "/changed.toml"));
    }
    static void expect(const program_result& r, const std::string& name, int exit, const std::string& text) {
        EXPECT_EQ(r.error_name(), name) << r.all();
        EXPECT_EQ(r.exit, exit) << r.all();
        EXPECT_THAT(r.all(), testing::HasSubstr(text));
    }
    // Names, sizes and times of all files.
    static std::string listing() {
        std::set<std::string> out;
        for (const auto& file : fs::recursive_directory_iterator(directory->path())) {
            if (file.is_regular_file()) {
                out.insert(fmt::format("{} {} {}", file.path().string(), file.file_size(),
                                       file.last_write_time().time_since_epoch().count()));
            }
        }
        return fmt::format("{}", fmt::join(out, "\n"));
    }

    static std::unique_ptr<temporary_directory> directory;
};
std::unique_ptr<temporary_directory> Check::directory;

TEST_F(Check, WhatInitHasMadeIsRightAndStaysAsItIs) {
    const auto before = listing();
    for (const char* dir : {"masa", "registrar"}) {
        const auto r = check(at(std::string(dir) + "/berthd.toml"));
        EXPECT_EQ(r.exit, 0) << r.all();
        EXPECT_TRUE(r.json().contains("roles")) << r.all();
    }
    EXPECT_EQ(listing(), before) << "nothing is made or changed";
}

TEST_F(Check, NamesWrongFilesOfAMasa) {
    expect(check_with("masa", "z5.pem", "nowhere.pem"), "file_not_found", 3, "nowhere.pem");
    expect(check_with("masa", "file:z5.key", "file:nowhere.key"), "file_not_found", 3, "nowhere.key");
    expect(check_with("masa", "file:z5.key", "file:z5-spare.key"), "credential_key_mismatch", 2, "z5.pem");
    expect(check_with("masa", "\"z5.pem\"", "\"" + at("registrar/z4.pem") + "\""), "bad_profile", 2, "z4.pem");
    expect(check_with("masa", "z1.pem", at("old-factory/z1.pem")), "certificate_expired", 2, "old-factory");
    expect(check_with("masa", "z1.pem", at("birch/z2.pem")), "unknown_issuer", 2, "z5.pem");
    expect(check_with("masa", "\"masa.db\"", "\"no/such/masa.db\""), "file_not_found", 3, "berth masa init");
    expect(check_with("masa", "\"store.key\"", "\"audit.pub\""), "unsafe_permissions", 2, "audit.pub");
    expect(check_with("masa", "file:audit.key", "file:z5.key"), "wrong_key_kind", 2, "z5.key");
    ASSERT_TRUE(app::write_text(at("masa/open.key"), got(app::read_text(at("masa/z5.key"))), 0644));
    expect(check_with("masa", "file:z5.key", "file:open.key"), "unsafe_permissions", 2, "chmod 600");
    ASSERT_TRUE(app::write_text(at("masa/text.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
    expect(check_with("masa", "z5.pem", "text.pem"), "bad_certificate", 2, "text.pem");
}

TEST_F(Check, NamesWrongFilesOfARegistrar) {
    expect(check_with("registrar", "file:z4.key", "file:nowhere.key"), "file_not_found", 3, "nowhere.key");
    expect(check_with("registrar", "z2.pem", at("cedar/z2.pem")), "unknown_issuer", 2, "z4.pem");
    expect(check_with("registrar", at("birch/ca.key"), at("cedar/ca.key")), "issuer_key_mismatch", 2, "ca.key");
    expect(check_with("registrar", "z1.pem", at("old-factory/z1.pem")), "certificate_expired", 2, "old-factory");
    expect(check_with("registrar", "\"registrar.db\"", "\"no/such/r.db\""), "file_not_found", 3, "r.db");
}

TEST_F(Check, NothingButAListIsOverwrittenWithTheCasList) {
    for (const char* file : {"z4.key", "z4.pem", "registrar.db", "berthd.toml"}) {
        const auto before = got(pki::read_file(at("registrar/" + std::string(file)), 1 << 20));
        expect(check_with("registrar", "\"ca.crl\"", fmt::format("\"{}\"", file)), "file_exists", 2, file);
        const auto started = run_program("berthd", {"--json", "--config", at("registrar/changed.toml")}, 20'000);
        EXPECT_EQ(started.error_name(), "file_exists") << started.all();
        EXPECT_EQ(got(pki::read_file(at("registrar/" + std::string(file)), 1 << 20)), before) << file;
    }
}

// "Relative paths are relative to the file", those in names of keys too.
TEST_F(Check, KeysAreWhereTheFileSays) {
    for (const char* dir : {"registrar", "masa"}) {
        fs::create_directories(at(std::string(dir) + "/k"));
    }
    for (const char* file : {"registrar/z4.pem", "registrar/z4.key", "masa/store.key"}) {
        const fs::path from = at(file);
        fs::copy_file(from, from.parent_path() / "k" / from.filename());
    }
    fs::copy_file(at("birch/ca.key"), at("registrar/k/ca.key"));
    EXPECT_EQ(
        check_with("registrar", "chain = \"z4.pem\"\nkey = \"file:z4.key\"", "chain = \"k/z4.pem\"\nkey = \"file:k/z4.key\"")
            .exit,
        0);
    EXPECT_EQ(check_with("registrar", "chain = \"z4.pem\"", "chain = \"k/z4.pem\"").exit, 0);
    EXPECT_EQ(check_with("registrar", "file:" + at("birch/ca.key"), "file:k/ca.key").exit, 0);
    EXPECT_EQ(check_with("masa", "\"store.key\"", "\"k/store.key\"").exit, 0);
}

TEST_F(Check, LooksIntoStores) {
    const auto of = [](const char* file) { return check_with("masa", "\"masa.db\"", fmt::format("\"{}\"", file)); };
    expect(of("nowhere.db"), "file_not_found", 3, "nowhere.db");
    EXPECT_FALSE(fs::exists(at("masa/nowhere.db")));
    fs::copy_file(at("masa/masa.db"), at("masa/broken.db"));
    {
        std::fstream file(at("masa/broken.db"), std::ios::in | std::ios::out | std::ios::binary);
        for (int page = 1; page < 8; ++page) {
            file.seekp(page * 4096);
            file.write(std::string(512, '\xff').data(), 512);
        }
    }
    expect(of("broken.db"), "corrupt_store", 3, "broken.db");
    ASSERT_TRUE(app::write_text(at("masa/empty.db"), ""));
    expect(of("empty.db"), "corrupt_store", 3, "empty.db");
    {
        auto db = got(store::database::open(at("masa/later.db"), {}));
        ASSERT_TRUE(db->execute("PRAGMA user_version=1000"));
    }
    expect(of("later.db"), "store_too_new", 3, "later.db");
    expect(of(at("registrar/registrar.db").c_str()), "wrong_store", 2, "registrar.db");
    ASSERT_TRUE(app::write_text(at("masa/other.key"), std::string(32, 'x'), 0600));
    expect(check_with("masa", "\"store.key\"", "\"other.key\""), "wrong_store_key", 2, "put that one back");
    // And start says the same, and makes nothing.
    const auto start = run_program("berthd", {"--json", "--config", at("masa/changed.toml")});
    EXPECT_EQ(start.error_name(), "wrong_store_key") << start.all();
    of("nowhere.db");
    EXPECT_EQ(run_program("berthd", {"--json", "--config", at("masa/changed.toml")}).error_name(), "file_not_found");
    EXPECT_FALSE(fs::exists(at("masa/nowhere.db")));
}

TEST_F(Check, LooksAtWhatOnlyStartWouldFind) {
    const auto admin = [](const std::string& host) {
        return check_with("masa", "[masa]", "[admin]\nlisten = \"" + host + ":1\"\n[masa]");
    };
    expect(admin("0.0.0.0"), "plain_not_loopback", 2, "beyond_loopback");
    expect(admin("192.0.2.1"), "plain_not_loopback", 2, "192.0.2.1");
    EXPECT_EQ(admin("127.0.0.1").exit, 0);
    EXPECT_EQ(admin("localhost").exit, 0);
    EXPECT_EQ(check_with("masa", "[masa]", "[admin]\nlisten = \"0.0.0.0:1\"\nbeyond_loopback = true\n[masa]").exit, 0);
    expect(check_with("registrar", "[ca]\n", "[ca]\nprofile = \"foo\"\n"), "bad_config", 2, "must be operational");
    expect(check_with("registrar", "\"ca.crl\"", "\"no/such/ca.crl\""), "file_error", 3, "no/such/ca.crl");
    expect(check_with("registrar", "z1.pem", at("birch/z2.pem")), "bad_maker_root", 2, "your own root");
}

TEST_F(Check, NamesAListThatHasExpired) {
    const auto root = got(app::open_authority(at("factory"), "z1"));
    pki::crl_template contents;
    contents.number = 1;
    contents.this_update = 1'000'000'000;
    contents.next_update = 1'100'000'000;
    ASSERT_TRUE(
        app::write_text(at("old.crl"), got(pki::issue_crl(contents, root.certificate(), root.key->as_signing_key())).to_pem()));
    expect(check_with("masa", "[masa]\n", "[masa]\ndevice_crls = [\"" + at("old.crl") + "\"]\n"), "crl_expired", 2, "old.crl");
}

// A misspelled name is what most other complaints follow from.
TEST_F(Check, UnknownNamesComeFirstWithTheirLine) {
    const auto expect_name = [&](const program_result& r, const std::string& text, const std::string& line) {
        expect(r, "bad_config", 2, text);
        const auto said = r.json();
        EXPECT_EQ(said.at("error").as_object().at("params").as_object().at("line").as_string(), line) << r.all();
    };
    expect_name(check_with("masa", "[masa]", "[massa]"), "there is no table [massa]; is \\\"masa\\\" meant?", "3");
    expect_name(check_with("masa", "listen", "listne"), "\\\"listne\\\" is not a key of [masa]; is \\\"listen\\\" meant?", "4");
    expect_name(check_with("registrar", "[ca]", "[caa]"), "there is no table [caa]; is \\\"ca\\\" meant?", "17");
    expect_name(check_with("registrar", "masa_host", "masa_hots"), "is \\\"masa_host\\\" meant?", "15");
    expect_name(check_with("masa", "[masa]\nlisten", "[masa]\nnonsense = 1\nlistne"), "\\\"nonsense\\\" is not a key", "4");
}

TEST_F(Check, RegistrarInitRefusesRootsThatAreWrong) {
    expect(init("r1", "birch", at("masa/z5.pem")), "bad_profile", 2, "the z1.pem that the manufacturer has given to you");
    expect(init("r1", "birch", at("factory/idevid-ca.pem")), "bad_profile", 2, "idevid-ca.pem");
    expect(init("r1", "birch", at("old-factory/z1.pem")), "certificate_expired", 2, "old-factory");
    expect(init("r1", "birch", at("birch/z2.pem")), "bad_maker_root", 2, "your own root");
    expect(init("r1", "birch", at("nowhere.pem")), "file_not_found", 3, "nowhere.pem");
    fs::create_directory(at("mixed"));
    for (const char* file : {"z2.pem", "z2.key"}) {
        fs::copy_file(at(std::string("birch/") + file), at(std::string("mixed/") + file));
    }
    for (const char* file : {"ca.pem", "ca.key"}) {
        fs::copy_file(at(std::string("cedar/") + file), at(std::string("mixed/") + file));
    }
    expect(init("r1", "mixed", at("factory/z1.pem")), "unknown_issuer", 2, "ca.pem");
    EXPECT_FALSE(fs::exists(at("r1"))) << "nothing was made";
    const auto masa = berth({"--json", "masa", "init", "--dir", at("m1"), "--factory", at("old-factory"), "--host", "m"});
    expect(masa, "certificate_expired", 2, "z1.pem");
    EXPECT_FALSE(fs::exists(at("m1")));
}

}  // namespace
}  // namespace berth::test
