// Lots of units with a TPM each, as their maker sells them.
#include "line.h"

namespace berth::test {
namespace {

class TpmLots : public LineWorld {
protected:
    void SetUp() override {
        BERTH_NEEDS_SWTPM();
        LineWorld::SetUp();
        for (size_t unit = 1; unit <= 3; ++unit) {
            const auto& one = tpms.emplace_back(std::make_unique<swtpm>(true));
            fs::create_directory_symlink(one->directory(), at(fmt::format("tpm-{}", unit)));
            put_makers(*one);
        }
    }
    [[nodiscard]] std::vector<std::string> of_tpms(const std::string& parallel, std::vector<std::string> more = {}) const {
        more.insert(more.end(), {"--station", "tcti=swtpm:path=" + at("tpm-{unit}/tpm"), "--tpm-makers", at("makers.pem")});
        auto out = lot("tpm2", tpms.size(), std::move(more));
        *std::ranges::find(out, "4") = parallel;
        return out;
    }
    // Units with certificate and bundle, and no key outside of their TPMs.
    void expect_whole() {
        expect_made(tpms.size());
        EXPECT_EQ(private_keys("lot"), 0U);
        for (const auto& one : tpms) {
            EXPECT_EQ(one->tool("tpm2_nvread 0x01c90000 -C o -o kept"), 0) << one->log();
        }
        EXPECT_EQ(text_of("lot/SN-0001/p3-sig.uri"), "tpm2:0x81020000\n") << "as it is on the device, not in the station";
    }

    std::vector<std::unique_ptr<swtpm>> tpms;
};

TEST_F(TpmLots, EachUnitHasItsOwn) {
    const auto r = run(of_tpms("2", {"--quote-pcrs", "0,7"}));
    ASSERT_EQ(r.exit, 0) << r.all();
    expect_whole();
    EXPECT_NE(text_of("lot/SN-0002/device.toml").find("[quote]\npcrs = [0, 7]\n"), std::string::npos);
    EXPECT_TRUE(fs::exists(at("lot/SN-0002/z3-iak.pem"))) << "who signs its quotes";
}

TEST_F(TpmLots, ATpmThatDiesOnTheWayIsAccountedForAndMadeLater) {
    // The second unit's, when the log says that it was begun.
    auto child = *app::child_process::start(fs::path(BERTH_BIN_DIR) / "berth", of_tpms("1"));
    const milliseconds until = system_clock().steady() + 60'000;
    bool killed = false;
    while (!child.exit_code() && system_clock().steady() < until) {
        app::poll_children({&child}, 5);
        const std::string log = fs::exists(at("lot/production.jsonl")) ? text_of("lot/production.jsonl") : "";
        if (!killed && std::ranges::count(log, '\n') >= 4) {
            tpms[1]->stop();
            killed = true;
        }
    }
    ASSERT_TRUE(killed);
    EXPECT_EQ(child.exit_code(), 3) << fmt::format("{}", fmt::join(child.take_output_lines(), "\n"));
    const auto report = verified().json();
    EXPECT_EQ(report.at("made").to_number<size_t>(), 2U);
    EXPECT_EQ(report.at("failed").to_number<size_t>(), 1U);
    EXPECT_NE(text_of("lot/production.jsonl").find("tpm_unavailable"), std::string::npos) << text_of("lot/production.jsonl");
    EXPECT_FALSE(fs::exists(at("lot/SN-0002")));
    EXPECT_EQ(records(), 2U);

    tpms[1]->start();
    const auto retried = run(of_tpms("1", {"--retry-failed"}));
    ASSERT_EQ(retried.exit, 0) << retried.all();
    expect_whole();
}

TEST_F(TpmLots, UnitsOfAnUnknownMakerAreRefusedOneByOne) {
    auto command = of_tpms("2");
    *std::ranges::find(command, at("makers.pem")) = at("factory/z1.pem");
    const auto r = run(command);
    EXPECT_EQ(r.exit, 3) << r.all();
    EXPECT_EQ(last(r).at("failed").to_number<size_t>(), tpms.size());
    EXPECT_NE(text_of("lot/production.jsonl").find("unknown_issuer"), std::string::npos);
    EXPECT_EQ(records(), 0U);
    EXPECT_EQ(bundles(), 0U);
}

}  // namespace
}  // namespace berth::test
