// Commands that were killed in the middle, and then repeated.
#include "common/files.h"
#include "support/onboarding_parties.h"
#include "support/programs.h"

#include <csignal>

namespace berth::test {
namespace {

namespace fs = std::filesystem;

class Interrupted : public testing::Test {
protected:
    Interrupted() {
        EXPECT_EQ(berth({"factory", "init", "--dir", at("factory"), "--maker", "Acme", "--algorithm", "p256"}).exit, 0);
        EXPECT_EQ(berth({"masa", "init", "--dir", at("masa"), "--factory", at("factory"), "--host", "m.example"}).exit, 0);
    }
    [[nodiscard]] std::string at(const std::string& name) const { return (directory.path() / name).string(); }
    [[nodiscard]] std::vector<std::string> make(const std::string& serial) const {
        return {"--json",   "factory",  "make", "--dir", at("factory"), "--masa",
                at("masa"), "--serial", serial, "--out", at(serial)};
    }
    // How many of the bundle's files there are, wherever they are made.
    [[nodiscard]] size_t files(const std::string& serial) const {
        size_t n = 0;
        for (const std::string& place : {at(serial), at("." + serial + ".making")}) {
            std::error_code ec;
            for (fs::directory_iterator entry(place, ec); !ec && entry != fs::directory_iterator(); entry.increment(ec)) {
                ++n;
            }
        }
        return n;
    }
    // Kills it as soon as there are so many files; whether that was before its end.
    [[nodiscard]] bool kill_half_way(const std::string& serial, size_t after) const {
        auto child = app::child_process::start(fs::path(BERTH_BIN_DIR) / "berth", make(serial));
        while (child && !child->exit_code() && files(serial) < after) {
        }
        const bool running = child && !child->exit_code();
        if (running) {
            ::kill(child->pid(), SIGKILL);
        }
        while (child && !child->ended()) {
            app::poll_children({&*child}, 10);
        }
        return child && child->exit_code() == 128 + SIGKILL;
    }

    temporary_directory directory;
};

TEST_F(Interrupted, FactoryMakeMayBeRepeated) {
    size_t killed = 0;
    for (size_t after = 1; after <= 7; ++after) {
        const std::string serial = "SN-" + std::to_string(after);
        if (!kill_half_way(serial, after)) {
            continue;  // it was quicker
        }
        ++killed;
        EXPECT_FALSE(fs::exists(at(serial)) && !fs::exists(fs::path(at(serial)) / "device.toml")) << "half a bundle";
        const auto again = berth(make(serial));
        if (again.exit == 0) {
            EXPECT_EQ(again.json().at("serial").as_string(), serial);
        } else {
            EXPECT_EQ(again.error_name(), "device_exists") << again.all();  // killed after its last step
        }
        EXPECT_EQ(berth({"device", "show", "--bundle", at(serial)}).exit, 0) << after;
        EXPECT_EQ(berth({"ownership", "show", serial, "--masa", at("masa")}).exit, 0) << after;
        EXPECT_FALSE(fs::exists(at("." + serial + ".making"))) << after;
    }
    EXPECT_GE(killed, 1u) << "nothing was interrupted";
}

TEST_F(Interrupted, AFinishedBundleIsNeverOverwritten) {
    ASSERT_EQ(berth(make("SN-1")).exit, 0);
    auto other = make("SN-1");
    other[8] = "SN-2";
    const auto r = berth(other);
    EXPECT_EQ(r.exit, 2);
    EXPECT_EQ(r.error_name(), "file_exists") << r.all();
    EXPECT_THAT(r.all(), testing::HasSubstr("choose another directory"));
    EXPECT_EQ(berth({"device", "show", "--bundle", at("SN-1")}).exit, 0);
    EXPECT_EQ(berth({"--json", "ownership", "show", "SN-2", "--masa", at("masa")}).error_name(), "unknown_device");
}

}  // namespace
}  // namespace berth::test
