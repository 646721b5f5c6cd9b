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
    EXPECT_EQ(run(of_tpms("2", {"--quote-pcrs", "0,7", "--seal-pcrs", "0"})).error_name(), "other_lot");
    // The same TPM once more, where its certificate is not looked for.
    const auto second =
        berth({"--json", "factory", "make", "--dir", at("factory"), "--masa", at("masa"), "--serial", "T-2", "--out", at("T-2"),
               "--p3", "tpm2:0x81020002;seed=p3.seed;tcti=swtpm:path=" + at("tpm-2/tpm"), "--p3-sig",
               "tpm2:0x81020000;nv=0x01c90200;tcti=swtpm:path=" + at("tpm-2/tpm"), "--tpm-makers", at("makers.pem")});
    EXPECT_EQ(second.error_name(), "key_reused") << second.all();
    EXPECT_EQ(tpms[1]->tool("tpm2_readpublic -c 0x81020000"), 0) << "the first one's keys stay: " << tpms[1]->log();
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

// A line has no makers' certificates, and a TPM is one device wherever it was made.
TEST_F(TpmLots, AreMadeByAContractLine) {
    must({"factory", "make", "--dir", at("factory"), "--masa", at("masa"), "--serial", "T-1", "--out", at("T-1"), "--p3",
          "tpm2:0x81020002;seed=p3.seed;tcti=swtpm:path=" + at("tpm-2/tpm"), "--p3-sig",
          "tpm2:0x81020000;tcti=swtpm:path=" + at("tpm-2/tpm"), "--tpm-makers", at("makers.pem")});
    must({"factory", "log", "key", "--dir", at("factory")});
    must({"factory", "line", "init", "--dir", at("line"), "--name", "Contract 3", "--maker-key", at("factory/production.pub")});
    put("order.toml", "name = \"March\"\nmodel = \"gw-1\"\nbackend = \"tpm2\"");
    must({"factory", "order", "make", "--dir", at("factory"), "--masa", at("masa"), "--order", at("order.toml"), "--line",
          at("line/line.json"), "--count", "2", "--serials", "B-", "--out", at("sealed")});
    const std::vector<std::string> station{"--station", "tcti=swtpm:path=" + at("tpm-{unit}/tpm")};
    const auto in_station = [&station](std::vector<std::string> command) {
        command.insert(command.end(), station.begin(), station.end());
        return run(command);
    };
    const auto made =
        in_station({"--json", "factory", "line", "make", "--dir", at("line"), "--order", at("sealed"), "--out", at("lot")});
    EXPECT_EQ(made.exit, 3) << made.all();
    EXPECT_EQ(last(made).at("made").to_number<size_t>(), 1U) << made.all();
    EXPECT_NE(made.all().find("nv_exists"), std::string::npos) << made.all();
    EXPECT_NE(made.all().find("T-1"), std::string::npos) << made.all();
    const auto issue = [this](const std::string& from, const std::string& to) {
        return run({"--json", "factory", "issue", "--dir", at("factory"), "--masa", at("masa"), "--requests", at(from), "--out",
                    at(to), "--tpm-makers", at("makers.pem")});
    };
    const auto load = [&](const std::string& from) {
        return in_station({"--json", "factory", "line", "load", "--dir", at("line"), "--replies", at(from)});
    };
    ASSERT_EQ(issue("lot/requests", "challenges").exit, 0);
    const auto answered = load("challenges");
    ASSERT_EQ(answered.exit, 0) << answered.all();
    const auto granted = issue("lot/answers", "grants");
    ASSERT_EQ(granted.json().at("granted").to_number<size_t>(), 1U) << granted.all();
    const auto loaded = load("grants");
    ASSERT_EQ(loaded.json().at("loaded").to_number<size_t>(), 1U) << loaded.all();
    EXPECT_EQ(tpms[0]->tool("tpm2_nvread 0x01c90000 -C o -o kept"), 0) << tpms[0]->log();
    EXPECT_EQ(text_of("lot/B-0001/p3-sig.uri"), "tpm2:0x81020000\n");
    EXPECT_TRUE(fs::exists(at("lot/B-0001/z3-iak.pem")));
}

// It has no certificate yet: the requests tell.
TEST_F(TpmLots, OneThatStaysInTheStationIsNotTheNextUnits) {
    must({"factory", "log", "key", "--dir", at("factory")});
    must({"factory", "line", "init", "--dir", at("line"), "--name", "Contract 3", "--maker-key", at("factory/production.pub")});
    put("order.toml", "name = \"March\"\nmodel = \"gw-1\"\nbackend = \"tpm2\"");
    must({"factory", "order", "make", "--dir", at("factory"), "--masa", at("masa"), "--order", at("order.toml"), "--line",
          at("line/line.json"), "--count", "2", "--serials", "B-", "--out", at("sealed")});
    const auto made = run({"--json", "factory", "line", "make", "--dir", at("line"), "--order", at("sealed"), "--out", at("lot"),
                           "--station", "tcti=swtpm:path=" + at("tpm-1/tpm"), "--attach", "true"});
    EXPECT_EQ(made.exit, 3) << made.all();
    EXPECT_EQ(last(made).at("made").to_number<size_t>(), 1U) << made.all();
    EXPECT_NE(made.all().find("key_exists"), std::string::npos) << made.all();
    EXPECT_NE(made.all().find("B-0001"), std::string::npos) << made.all();
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
