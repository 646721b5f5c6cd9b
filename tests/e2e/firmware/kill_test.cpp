// kill -9 at every step of an installation: the same command goes on, nothing is lost, and no half slot is ever started.
#include "shop.h"

namespace berth::test {
namespace {

class FirmwareKilled : public Shop {
protected:
    static program_result killed(const std::string& where, std::vector<std::string> words, int count = 1) {
        return run_program(fs::path(BERTH_FAULTS_DIR) / "firmware-faults", words, 60'000,
                           {"BERTH_FAULT=berth-fault-point:" + where, "BERTH_FAULT_COUNT=" + std::to_string(count)});
    }
};

TEST_F(FirmwareKilled, AtEveryStep) {
    const auto first = made_up(6, 150'000);
    auto second = first;
    second.replace(5000, 100, made_up(7, 100));
    const auto kernel = made_up(8, 200'000);
    write_file(at("kill-base"), first);
    const auto one = package("kill-1", 1, {{"rootfs", first}}),
               two = package("kill-2", 2, {{"kernel", kernel}, {"rootfs", second}},
                             {"--base", "rootfs=" + at("kill-base"), "--security-counter", "3"});
    publish("kill", {one}, true);
    const device base("kill-base-device");
    ASSERT_EQ(base.install(url("kill")).exit, 0);
    publish("kill", {two});
    ASSERT_EQ(base.boot(), "b");
    ASSERT_EQ(base.ask("confirm").exit, 0);

    for (const auto& [point, count] : std::vector<std::pair<std::string, int>>{{"list_kept", 1},
                                                                               {"manifest_kept", 1},
                                                                               {"chosen", 1},
                                                                               {"piece_written", 1},
                                                                               {"piece_written", 3},
                                                                               {"download_complete", 2},
                                                                               {"delta_applied", 1},
                                                                               {"verified", 1},
                                                                               {"slot_half_written", 1},
                                                                               {"slot_half_written", 2},
                                                                               {"component_written", 1},
                                                                               {"written", 1},
                                                                               {"switched", 1},
                                                                               {"activated", 1}}) {
        SCOPED_TRACE(fmt::format("{} {}", point, count));
        const device d(fmt::format("kill-{}-{}", point, count));
        fs::copy(base.state, d.state, fs::copy_options::recursive);
        fs::copy(base.slots, d.slots, fs::copy_options::recursive);
        const auto end = killed(point, d.words(url("kill")), count);
        ASSERT_EQ(end.exit, 128 + SIGKILL) << end.all();
        const auto rest = d.install(url("kill"));
        ASSERT_EQ(rest.exit, 0) << rest.all();
        EXPECT_EQ(d.status("state"), "switched");
        ASSERT_EQ(d.boot(), "a");
        EXPECT_EQ(d.content("a", "rootfs"), second);
        EXPECT_EQ(d.content("a", "kernel"), kernel);
        ASSERT_EQ(d.ask("confirm").exit, 0);
        EXPECT_EQ(d.status("security_counter"), "3");
    }
    // A start between: what was not switched to is not started.
    for (const std::string point : {"verified", "component_written", "written", "switched"}) {
        SCOPED_TRACE(point);
        const device d("kill-start-" + point);
        fs::copy(base.state, d.state, fs::copy_options::recursive);
        fs::copy(base.slots, d.slots, fs::copy_options::recursive);
        ASSERT_EQ(killed(point, d.words(url("kill"))).exit, 128 + SIGKILL);
        EXPECT_EQ(d.boot(), "b");
        EXPECT_EQ(d.content("b", "rootfs"), first);
        // Whether the boot loader was told is not known then: it counts as tried, and is tried again when somebody says so.
        const auto rest = d.install(url("kill"), {"--again"});
        ASSERT_EQ(rest.exit, 0) << rest.all();
        EXPECT_EQ(d.boot(), "a");
    }
    // While it is confirmed.
    for (const std::string point : {"slot_confirmed", "confirmed"}) {
        SCOPED_TRACE(point);
        const device d("kill-confirm-" + point);
        fs::copy(base.state, d.state, fs::copy_options::recursive);
        fs::copy(base.slots, d.slots, fs::copy_options::recursive);
        ASSERT_EQ(d.install(url("kill")).exit, 0);
        ASSERT_EQ(d.boot(), "a");
        ASSERT_EQ(killed(point, {"--json", "firmware", "confirm", "--state", d.state, "--slots", d.slots}).exit, 128 + SIGKILL);
        EXPECT_EQ(d.status("security_counter"), "0");
        EXPECT_EQ(d.boot(), "a") << "the boot loader knows";
        ASSERT_EQ(d.ask("confirm").exit, 0);
        EXPECT_EQ(d.status("installed_seq"), "2");
        EXPECT_EQ(d.status("security_counter"), "3");
    }
}

// While a download waits, a newer release comes, and then the server goes.
TEST_F(FirmwareKilled, AndTheWorldGoesOn) {
    publish("goes-on", {package("goes-on-1", 1, {{"rootfs", made_up(11, 150'000)}})}, true);
    const device d("goes-on");
    ASSERT_EQ(killed("piece_written", d.words(url("goes-on")), 2).exit, 128 + SIGKILL);
    EXPECT_EQ(d.status("state"), "downloading");
    const auto newer = made_up(12, 150'000);
    publish("goes-on", {package("goes-on-2", 2, {{"rootfs", newer}})});
    ASSERT_EQ(killed("verified", d.words(url("goes-on"))).exit, 128 + SIGKILL);
    EXPECT_EQ(d.status("seq"), "2");
    EXPECT_EQ(std::distance(fs::directory_iterator(d.state + "/downloads"), {}), 1) << "what was overtaken is gone";
    // What is verified needs nobody any more.
    const auto rest = d.install("http://127.0.0.1:1");
    ASSERT_EQ(rest.exit, 0) << rest.all();
    EXPECT_EQ(d.content("b", "rootfs"), newer);
    EXPECT_EQ(refusal(device("goes-on-not").install("http://127.0.0.1:1", {"--attempts", "1"})), "download_failed");
}

// One process at a time; looking is for all.
TEST_F(FirmwareKilled, TwoAtOnce) {
    publish("two", {package("two-1", 1, {{"rootfs", made_up(13, 400'000)}})}, true);
    const device d("two");
    auto child = app::child_process::start(fs::path(BERTH_BIN_DIR) / "berth", d.words(url("slow/two")));
    ASSERT_TRUE(child);
    for (int i = 0; i < 1200 && d.status("state") != "downloading"; ++i) {
        app::poll_children({&*child}, 20);
    }
    EXPECT_EQ(d.status("state"), "downloading");
    EXPECT_EQ(refusal(d.install(url("two"))), "busy");
    EXPECT_EQ(refusal(d.ask("revert")), "busy");
    child->terminate();
    EXPECT_EQ(refusal(collect(*child, 60'000, [&] { app::poll_children({&*child}, 50); })), "cancelled");
    ASSERT_EQ(d.ask("revert").exit, 0);
    EXPECT_EQ(d.status("state"), "idle");
}

// What lay in the slot, or was downloaded, is changed between two runs.
TEST_F(FirmwareKilled, AndSomebodyChangesWhatWasThere) {
    const auto image = made_up(9, 150'000);
    publish("changed", {package("changed-1", 1, {{"rootfs", image}})}, true);
    for (const std::string point : {"verified", "written"}) {
        SCOPED_TRACE(point);
        const device d("changed-" + point);
        ASSERT_EQ(killed(point, d.words(url("changed"))).exit, 128 + SIGKILL);
        const auto victim =
            point == "verified" ? fs::directory_iterator(d.state + "/downloads")->path() : fs::path(d.slots) / "b/rootfs";
        auto other = image;
        other[0] ^= 1;
        write_file(victim, other);
        const auto rest = d.install(url("changed"));
        ASSERT_EQ(rest.exit, 0) << rest.all();
        EXPECT_TRUE(has_event(rest, "damaged")) << rest.all();
        EXPECT_EQ(d.content("b", "rootfs"), image);
    }
}

}  // namespace
}  // namespace berth::test
