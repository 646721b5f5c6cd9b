// A device that nobody certifies any more is onboarded again by its agent, if its owner says so.
#include "est_of_birch.h"

#include <csignal>

namespace berth::test {
namespace {

class Recovery : public EstOfBirch {
protected:
    // Whose identity an impostor's is now: the server refuses it.
    static fs::path estranged(const std::string& serial, const std::string& recover) {
        const auto bundle = make(serial, "Birch");
        EXPECT_EQ(onboard(bundle).exit, 0);
        const unix_seconds now = system_clock().now();
        const auto alien = make_root("alien", crypto::signature_algorithm::ecdsa_p256_sha256, {now - day, now + day});
        const auto key = signature_key(serial);
        const auto leaf = test::issue(alien, pki::idevid_signature_template("Test", serial, std::nullopt, {now - day, now + day}),
                                      key.public_key().spki());
        EXPECT_TRUE(app::write_text(bundle / "installed/device.pem", leaf.to_pem()));
        EXPECT_TRUE(pki::save_private_key((bundle / "installed/device.key").string(), key));
        EXPECT_TRUE(app::write_text(bundle / "est.toml", recover + keeping()));
        return bundle;
    }
    static app::child_process stay(const fs::path& bundle) {
        return got(app::child_process::start(fs::path(BERTH_BIN_DIR) / "berth-agent",
                                             {"--bundle", bundle.string(), "--stay", "--json"}));
    }
    // Listens until it has said so as often, for at most two minutes.
    static bool says(app::child_process& agent, std::string& said, const std::string& what, size_t times = 1) {
        const auto heard = [&] {
            size_t out = 0;
            for (size_t at = said.find(what); at != std::string::npos; at = said.find(what, at + 1)) {
                ++out;
            }
            return out;
        };
        const milliseconds end = system_clock().steady() + 120'000;
        while (heard() < times && system_clock().steady() < end && !agent.ended()) {
            app::poll_children({&agent}, 50);
            for (const auto& line : agent.take_error_lines()) {
                said += line + "\n";
            }
            listen(1);
        }
        return heard() >= times;
    }
};

TEST_F(Recovery, IsAnOnboardingIfTheOwnerSaysSo) {
    const auto bundle = estranged("R-1", "recover = \"onboard\"\n");
    const auto before = got(app::read_text(bundle / "installed/state.json"));
    auto agent = stay(bundle);
    std::string said;
    ASSERT_TRUE(says(agent, said, "\"recovered\"")) << said;
    ASSERT_TRUE(says(agent, said, "credential_accepted")) << said;
    EXPECT_NE(got(app::read_text(bundle / "installed/state.json")), before);
    EXPECT_TRUE(fs::exists(bundle / "credentials/device-id/current/certificate.pem"));
    EXPECT_EQ(said.find("\"recovery_begun\""), said.rfind("\"recovery_begun\""));
}

TEST_F(Recovery, IsToldOnlyUnlessHeSaysSo) {
    const auto bundle = estranged("R-2", "");
    const auto before = got(app::read_text(bundle / "installed/state.json"));
    auto agent = stay(bundle);
    std::string said;
    // The fourth comes after the third, which would have been believed.
    ASSERT_TRUE(says(agent, said, "\"credential_not_renewed\"", 4)) << said;
    EXPECT_NE(said.find("recovery_needed"), std::string::npos);
    EXPECT_EQ(said.find("recovery_begun"), std::string::npos);
    EXPECT_EQ(got(app::read_text(bundle / "installed/state.json")), before);
}

}  // namespace
}  // namespace berth::test
