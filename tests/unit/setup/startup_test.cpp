// berthd names a file that is not what it must be when it starts.
#include "roles/startup_checks.h"

#include "common/files.h"
#include "support/onboarding_parties.h"

namespace berth::test {
namespace {

namespace fs = std::filesystem;

class Startup : public testing::Test {
protected:
    static void SetUpTestSuite() {
        directory = std::make_unique<temporary_directory>();
        random_source& random = crypto::system_random();
        ASSERT_TRUE(app::factory_init(at("factory"), {"Acme"}, system_clock(), random));
        app::masa_setup masa;
        masa.factory = at("factory");
        masa.host = "masa.example";
        ASSERT_TRUE(app::masa_init(at("masa"), masa, system_clock(), random));
        for (const char* name : {"birch", "cedar"}) {
            ASSERT_TRUE(app::ca_init(at(name), {name}, system_clock(), random));
        }
        app::registrar_setup setup;
        setup.ca = at("birch");
        setup.hosts = {"localhost"};
        setup.maker_root = at("factory/z1.pem");
        setup.masa = "127.0.0.1:1";
        ASSERT_TRUE(app::registrar_init(at("registrar"), setup, system_clock(), random));
    }
    static void TearDownTestSuite() { directory.reset(); }
    static fs::path at(const std::string& name) { return directory->path() / name; }

    // Fails with this name, and says which file.
    static void expect_refused(const app::daemon_config& c, const std::string& name, const fs::path& file) {
        const auto checked =
            c.masa ? app::check_masa_files(*c.masa) : app::check_registrar_files(*c.registrar, *c.ca, system_clock().now());
        ASSERT_FALSE(checked) << file;
        EXPECT_EQ(checked.error().name, name) << checked.error().message;
        EXPECT_EQ(checked.error().category, error_category::usage);
        EXPECT_NE(checked.error().message.find(file.string()), std::string::npos) << checked.error().message;
    }

    static std::unique_ptr<temporary_directory> directory;
};
std::unique_ptr<temporary_directory> Startup::directory;

TEST_F(Startup, WhatInitWritesIsRight) {
    const auto masa = got(app::read_config(at("masa/berthd.toml")));
    const auto registrar = got(app::read_config(at("registrar/berthd.toml")));
    EXPECT_TRUE(app::check_masa_files(*masa.masa));
    EXPECT_TRUE(app::check_registrar_files(*registrar.registrar, *registrar.ca, system_clock().now()));
}

TEST_F(Startup, WrongFilesOfAMasaAreNamed) {
    auto c = got(app::read_config(at("masa/berthd.toml")));
    auto wrong = c;
    wrong.masa->keys[1].chain = at("registrar/z4.pem");
    expect_refused(wrong, "bad_profile", at("registrar/z4.pem"));
    wrong = c;
    wrong.masa->device_roots = {at("masa/z5.pem")};
    expect_refused(wrong, "bad_profile", at("masa/z5.pem"));
}

TEST_F(Startup, WrongFilesOfARegistrarAreNamed) {
    const auto c = got(app::read_config(at("registrar/berthd.toml")));
    auto wrong = c;
    wrong.registrar->identity.chain = at("masa/z5.pem");
    expect_refused(wrong, "bad_profile", at("masa/z5.pem"));
    wrong = c;
    wrong.registrar->domain_root = at("cedar/z2.pem");  // a root, but not that of Z4
    expect_refused(wrong, "unknown_issuer", at("registrar/z4.pem"));
    wrong = c;
    wrong.ca->issuer.chain = at("cedar/ca.pem");
    expect_refused(wrong, "unknown_issuer", at("cedar/ca.pem"));
    wrong = c;
    wrong.registrar->domain_root = at("birch/ca.pem");
    expect_refused(wrong, "bad_profile", at("birch/ca.pem"));
    wrong = c;
    wrong.registrar->makers[0].root = at("factory/idevid-ca.pem");
    expect_refused(wrong, "bad_profile", at("factory/idevid-ca.pem"));
}

}  // namespace
}  // namespace berth::test
