// Mistakes in ca.toml, berthd.toml and est.toml are told with the line of the key that holds them; and who writes profiles where
// there are none.
#include "common/files.h"
#include "credentials/keeping_config.h"
#include "roles/config.h"
#include "setup/ca_profiles.h"
#include "support/onboarding_parties.h"

#include <gtest/gtest.h>

namespace berth::test {
namespace {

constexpr const char* head = "[[authority]]\nname = \"ca\"\n";

std::string in_ca_toml(const std::string& text) {
    const auto read = app::parse_ca_configuration(text, "/ca/ca.toml");
    return read ? "good" : read.error().message.substr(0, read.error().message.find(' '));
}

std::string profile_with(const std::string& from, const std::string& to) {
    std::string text = std::string(head) +
                       "[[profile]]\nname = \"ops\"\nrequires = [\"idevid\"]\nsubject = \"CN={serial}\"\ndns = [\"a.{serial}\"]\n"
                       "keys = [\"p256\"]\nlifetime = \"8h\"\nusages = [\"digitalSignature\"]\n";
    const size_t at = text.find(from);
    return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

TEST(LinesOfMistakes, InCaToml) {
    EXPECT_EQ(in_ca_toml(profile_with("", "")), "good");
    EXPECT_EQ(in_ca_toml(profile_with("\"idevid\"", "\"idevit\"")), "/ca/ca.toml:5:");
    EXPECT_EQ(in_ca_toml(profile_with("CN={serial}", "CN={serail}")), "/ca/ca.toml:6:");
    EXPECT_EQ(in_ca_toml(profile_with("a.{serial}", "a.{")), "/ca/ca.toml:7:");
    EXPECT_EQ(in_ca_toml(profile_with("\"p256\"", "\"p255\"")), "/ca/ca.toml:8:");
    EXPECT_EQ(in_ca_toml(profile_with("\"8h\"", "\"8 hours\"")), "/ca/ca.toml:9:");
    EXPECT_EQ(in_ca_toml(profile_with("digitalSignature", "digital")), "/ca/ca.toml:10:");
    EXPECT_EQ(in_ca_toml(std::string(head) + "[[authority]]\nname = \"ca\"\n"), "/ca/ca.toml:4:");
}

TEST(LinesOfMistakes, InEstToml) {
    const auto read = app::parse_keeping_config("[[est]]\nserver = \"a:1\"\n[[est.credential]]\nname = \"ops\"\n"
                                                "algorithm = \"p256\"\nidentity = \"idevid\"\naccept = \"maybe\"\n",
                                                "/bundle/est.toml");
    ASSERT_FALSE(read);
    EXPECT_TRUE(read.error().message.starts_with("/bundle/est.toml:7: ")) << read.error().message;
}

TEST(LinesOfMistakes, InBerthdToml) {
    temporary_directory directory;
    const auto file = directory.path() / "berthd.toml";
    const std::string est = "[est]\nlisten = \"127.0.0.1:0\"\nchain = \"a.pem\"\nkey = \"file:a.key\"\ndirectory = \"ca\"\n"
                            "[[est.label]]\nprofile = \"ops\"\n[[est.label]]\nlabel = \"x\"\nprofile = \"ops\"\n";
    ASSERT_TRUE(app::write_text(file, est));
    const auto good = app::read_config(file);
    ASSERT_TRUE(good) << good.error().message;
    EXPECT_EQ(good->est->labels.at(1).where, file.string() + ":8");
    ASSERT_TRUE(app::write_text(file, est + "binding = \"perhaps\"\n"));
    const auto bad = app::read_config(file);
    ASSERT_FALSE(bad);
    EXPECT_TRUE(bad.error().message.starts_with(file.string() + ":11: ")) << bad.error().message;
}

// Who goes by lists says which, where he insists on them.
TEST(LinesOfMistakes, ADemandForListsWithoutLists) {
    temporary_directory directory;
    const auto file = directory.path() / "berthd.toml";
    const auto told = [&](const std::string& text) {
        EXPECT_TRUE(app::write_text(file, text));
        const auto read = app::read_config(file);
        return read ? "good" : read.error().message.substr(file.string().size());
    };
    const std::string element = "[element]\nlisten = \"127.0.0.1:0\"\nhost = \"h\"\nchain = \"a.pem\"\nkey = \"file:a.key\"\n"
                                "makers = [\"m.pem\"]\n";
    EXPECT_EQ(told(element), "good");
    EXPECT_TRUE(told(element + "revocation = \"crl\"\n").starts_with(":7: \"revocation\" = \"crl\" needs \"crls\""));
    EXPECT_TRUE(told(element + "revocation = \"ocsp\"\n").starts_with(":7: \"revocation\" must be one of crl"));
    EXPECT_EQ(told(element + "revocation = \"crl\"\ncrls = [\"m.crl\"]\n"), "good");
    const std::string masa =
        "[masa]\nlisten = \"127.0.0.1:0\"\ndevice_roots = [\"z1.pem\"]\nstore = \"m.db\"\nstore_key = \"k\"\n"
        "checkpoint_key = \"file:c\"\nKEY[[masa.key]]\nkey = \"file:z5.key\"\n";
    const auto with = [&](const std::string& more) { return std::string(masa).replace(masa.find("KEY"), 3, more); };
    EXPECT_EQ(told(with("")), "good");
    EXPECT_TRUE(told(with("device_revocation = \"crl\"\n")).starts_with(":7: \"device_revocation\" = \"crl\" needs"));
    EXPECT_TRUE(told(with("registrar_revocation = \"crl\"\n")).starts_with(":7: \"registrar_revocation\" = \"crl\" needs"));
    EXPECT_EQ(told(with("device_crls = [\"a\"]\ndevice_revocation = \"crl\"\n")), "good");
    const std::string est = "[est]\nlisten = \"127.0.0.1:0\"\nchain = \"a.pem\"\nkey = \"file:a.key\"\ndirectory = \"ca\"\n"
                            "[[est.label]]\nprofile = \"ops\"\n[[est.trust]]\nproof = \"endorsement\"\nanchors = [\"m.pem\"]\n";
    EXPECT_TRUE(told(est + "revocation = \"ocsp\"\n").starts_with(":11: ")) << "by lists alone";
    const std::string by_lists = "crls = [\"m.crl\"]\nrevocation = \"crl\"\n";
    EXPECT_EQ(told(est + by_lists), "good");
    EXPECT_TRUE(told(est + by_lists + "[[est.trust]]\nproof = \"endorsement\"\nanchors = [\"n.pem\"]\n").starts_with(":13: "))
        << "makers of TPMs are judged as one";
}

TEST(ProfilesOfANewCa, AreWrittenWhereThereAreNone) {
    temporary_directory directory;
    const auto file = directory.path() / "ca.toml";
    const auto names = [&] {
        std::vector<std::string> out;
        for (const auto& p : got(app::read_ca_configuration(directory.path())).profiles) {
            out.push_back(p.profile.name);
        }
        return out;
    };
    EXPECT_TRUE(got(app::give_profiles(directory.path(), "Birch", {"z2", "ca"})));
    const auto usual = names();
    EXPECT_FALSE(usual.empty());
    EXPECT_FALSE(got(app::give_profiles(directory.path(), "Birch", {"z2", "ca"}))) << "there are some";

    // What stands there already, for the addresses in the CAs' own certificates, stays.
    ASSERT_TRUE(app::write_text(file, "[[authority]]\nname = \"ca\"\ncrl_url = \"http://crl.example/ca.crl\""));
    const auto none = got(app::read_ca_configuration(directory.path())).find("ldevid");
    ASSERT_FALSE(none);
    EXPECT_NE(none.error().message.find("none at all"), std::string::npos) << none.error().message;
    EXPECT_TRUE(got(app::give_profiles(directory.path(), "Birch", {"z2", "ca"})));
    EXPECT_EQ(names(), usual);
    EXPECT_EQ(got(app::read_ca_configuration(directory.path())).settings_of("ca").crl_url, "http://crl.example/ca.crl");

    const std::string mistaken = "[[profile]]\nname = 1\n";
    ASSERT_TRUE(app::write_text(file, mistaken));
    EXPECT_FALSE(app::give_profiles(directory.path(), "Birch", {"z2", "ca"}));
    EXPECT_EQ(got(app::read_text(file)), mistaken);
}

}  // namespace
}  // namespace berth::test
