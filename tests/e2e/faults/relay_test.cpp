// What the registrar's process has in its hands, as octets: nothing of K3, and BI1 not before the MASA gave it (S10).
// docs/onboarding.md section 1: "KK3 [...] whose octets the registrar relays and cannot read".
#include "onboarding/messages/frame.h"
#include "support/small_world.h"

#include <fstream>

namespace berth::test {
namespace {

struct recorded {
    std::string what;
    bytes octets;
};

std::vector<recorded> read_record(const std::filesystem::path& file) {
    std::vector<recorded> out;
    std::ifstream in(file);
    for (std::string what, hex; in >> what >> hex;) {
        out.push_back({what, got(from_hex(hex))});
    }
    return out;
}

bool holds(bytes_view all, bytes_view part) {
    return std::ranges::search(all, part).begin() != all.end();
}

class Relay : public small_world {
protected:
    static void SetUpTestSuite() {
        begin({"Birch"}, [](app::world::options& how) {
            how.programs = BERTH_FAULTS_DIR;
            how.berthd = "berthd-faults";
        });
    }
};

TEST_F(Relay, CarriesKk3AndReadsNothingOfIt) {
    const auto registrar_file = directory->path() / "registrar.record";
    const auto device_file = directory->path() / "device.record";
    ASSERT_TRUE(world->restart("Birch", {{"BERTH_RECORD", registrar_file.string()}}));
    const auto bundle = make("Y-1", "Birch");
    auto agent = app::child_process::start(std::filesystem::path(BERTH_FAULTS_DIR) / "berth-agent-faults",
                                           {"--bundle", bundle.string(), "--once"}, {"BERTH_RECORD=" + device_file.string()});
    ASSERT_TRUE(agent);
    while (!agent->ended()) {
        app::poll_children({&*agent}, 50);
    }
    ASSERT_EQ(agent->exit_code(), 0);

    bytes k3, bi1;
    for (const auto& r : read_record(device_file)) {
        (r.what == "k3" ? k3 : bi1) = r.octets;
    }
    ASSERT_EQ(k3.size(), 88u);  // key, nonce, key, nonce
    ASSERT_GT(bi1.size(), 64u);
    const bytes_view keys(k3);
    const std::vector<bytes_view> secrets{keys.subspan(0, 32), keys.subspan(32, 12), keys.subspan(44, 32), keys.subspan(76, 12)};

    // Up to the Frame `authorization` on KK1, S10, and after it; by channel, so that no border between reads hides anything.
    std::map<std::string, bytes> before, after;
    onboarding::frame_reader from_masa(onboarding::frame_reader::server_limit);
    bool authorised = false;
    size_t tunnelled = 0;
    for (const auto& r : read_record(registrar_file)) {
        if (r.what == "kk1_in") {
            from_masa.feed(r.octets);
            for (auto frame = got(from_masa.next()); frame; frame = got(from_masa.next())) {
                authorised = authorised || frame->is(onboarding::message_type::authorization);
                tunnelled += frame->is(onboarding::message_type::tunnel);
            }
        }
        append((authorised ? after : before)[r.what], r.octets);
    }
    ASSERT_TRUE(authorised);
    EXPECT_GT(tunnelled, 0u) << "KK3 went through this registrar";
    for (const char* channel : {"kk1_in", "kk1_out", "kk2_in", "kk2_out"}) {
        EXPECT_GT(before[channel].size() + after[channel].size(), 1'000u) << channel << " was recorded";
        EXPECT_FALSE(holds(before[channel], bi1)) << channel;
        // BI1's nonce: serial and hashes are known to the registrar anyhow.
        const auto nonce = bytes_view(bi1).subspan(2 + 1 + std::string_view("Y-1").size(), 32);
        EXPECT_FALSE(holds(before[channel], nonce)) << channel;
        for (const auto& secret : secrets) {
            EXPECT_FALSE(holds(before[channel], secret)) << channel;
            EXPECT_FALSE(holds(after[channel], secret)) << channel << ", after S10 as well";
        }
    }
    EXPECT_TRUE(holds(after["kk1_in"], bi1)) << "S10 brings BI1: the recording shows what there is";
    EXPECT_TRUE(holds(after["kk2_out"], bi1)) << "and S13 passes it on as BI5";
}

}  // namespace
}  // namespace berth::test
