// Devices by the lot, with real programs: nothing is lost when the line is killed, and no unit holds the others up.
#include "line.h"

#include "common/files.h"
#include "crypto/hash.h"

#include <thread>

namespace berth::test {
namespace {

class Lots : public LineWorld {};

TEST_F(Lots, FiftyOfSoftware) {
    const auto r = run(lot("software", 50));
    ASSERT_EQ(r.exit, 0) << r.all();
    EXPECT_EQ(last(r).at("made").to_number<size_t>(), 50U);
    expect_made(50);
    // Each is a device like one of factory make.
    const auto shown = berth({"--json", "device", "show", "--bundle", at("lot/SN-0050")});
    EXPECT_EQ(shown.json().at("serial").as_string(), "SN-0050") << shown.all();
    // Another lot of the same serials is refused before anything is made.
    auto other = lot("software", 50);
    *std::ranges::find(other, at("lot")) = at("lot2");
    const auto refused = run(other);
    EXPECT_EQ(refused.error_name(), "device_exists") << refused.all();
    EXPECT_FALSE(fs::exists(at("lot2/SN-0001")));
    EXPECT_EQ(records(), 50U);
}

TEST_F(Lots, FiftyOfAModelOfStsafe) {
    put_station();
    const auto r = run(lot("stsafe", 50));
    ASSERT_EQ(r.exit, 0) << r.all();
    expect_made(50);
    EXPECT_EQ(private_keys("lot"), 0U);
    // The bundle names the key as it is on the device, and not in the station.
    EXPECT_EQ(text_of("lot/SN-0001/p3-sig.uri"), "stsafe:slot=1\n");
    // And the chip tells whoever has the maker's root whose it is, also without the bundle.
    const auto chip = app::child_process::start(fs::path(BERTH_BIN_DIR) / "stsafe-sim",
                                                {"--socket", at("socket"), "--state", at("chips/SN-0050")});
    ASSERT_TRUE(chip);
    const milliseconds until = system_clock().steady() + 10'000;
    while (!fs::exists(at("socket")) && system_clock().steady() < until) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    const auto genuine = berth({"--json", "se", "authenticate", "--ca", at("factory/z1.pem"), "--issuer",
                                at("factory/idevid-ca-classical.pem"), "--chip", "stsafe:slot=1;device=" + at("socket")});
    EXPECT_EQ(genuine.exit, 0) << genuine.all();
    EXPECT_NE(genuine.all().find("SN-0050"), std::string::npos) << genuine.all();
}

TEST_F(Lots, KilledAgainAndAgain) {
    const auto command = lot("software", 40);
    for (const size_t lines : {5, 20, 45, 61}) {
        ASSERT_NO_FATAL_FAILURE(kill_at(command, lines));
        const auto report = verified();
        EXPECT_EQ(report.exit, 0) << report.all();
        EXPECT_LE(report.json().at("made").to_number<size_t>(), records());
    }
    const auto r = run(command);
    ASSERT_EQ(r.exit, 0) << r.all();
    expect_made(40);
}

TEST_F(Lots, KilledWithUnitsInTheirStations) {
    put_station();
    const auto command = lot("stsafe", 8);
    ASSERT_NO_FATAL_FAILURE(kill_at(command, 9));
    auto with_the_same = command;
    with_the_same.emplace_back("--clear-interrupted");
    const auto r = run(with_the_same);
    ASSERT_EQ(r.exit, 0) << r.all();
    expect_made(8);
}

// Who says that the units are where they were may be wrong: the chip is that of a device which was finished.
TEST_F(Lots, WhatIsInAChipIsLookedAtBeforeItIsCleared) {
    put_stations_with_chips();
    auto command = lot("stsafe", 2);
    *std::ranges::find(command, "4") = "1";
    const auto first = run(command);
    EXPECT_EQ(first.exit, 3) << "a second unit in the first one's chip: " << first.all();
    ASSERT_NO_FATAL_FAILURE(cut_log_behind("\"begun\",\"serial\":\"SN-0002\""));
    const auto shown = [this](unsigned slot) { return berth({"--json", "key", "show", in_station(1, slot)}).all(); };
    const std::string identity = shown(1);
    const std::string kem = shown(2);
    EXPECT_NE(identity.find("PUBLIC KEY"), std::string::npos) << identity;
    command.emplace_back("--clear-interrupted");
    const auto r = run(command);
    EXPECT_EQ(r.exit, 3) << r.all();
    EXPECT_NE(r.all().find("key_exists"), std::string::npos) << r.all();
    EXPECT_NE(r.all().find("SN-0001"), std::string::npos) << "whose it is: " << r.all();
    EXPECT_EQ(shown(1), identity);
    EXPECT_EQ(shown(2), kem);
    EXPECT_EQ(records(), 1U);
}

// The chips are the stations', as after a kill: one is a device whose last line is missing, one has half of its keys.
TEST_F(Lots, UnitsAreGoneOnWithInTheirStations) {
    put_stations_with_chips("[ $BERTH_SERIAL != SN-0002 ]");
    auto command = lot("stsafe", 2);
    *std::ranges::find(command, "4") = "2";
    EXPECT_EQ(run(command).exit, 3);
    ASSERT_NO_FATAL_FAILURE(cut_log_behind("\"event\":\"begun\""));
    EXPECT_EQ(verified().json().at("interrupted").to_number<size_t>(), 2U) << verified().all();
    const std::string log = text_of("lot/production.jsonl");
    const size_t begun = log.find("\"serial\":\"SN-0001\"");
    const unsigned first = log.find("\"station\":1", begun) < log.find('\n', begun) ? 1 : 2;
    const auto finished = berth({"--json", "key", "show", in_station(first, 1)}).all();
    must({"key", "generate", in_station(3 - first, 1), "--alg", "p256", "--out", at("half.pub")});
    put_stations_with_chips();
    // Not without the stations in which they are.
    auto fewer = command;
    fewer.emplace_back("--clear-interrupted");
    *(std::ranges::find(fewer, "--parallel") + 1) = "1";
    EXPECT_EQ(run(fewer).error_name(), "bad_lot");
    command.emplace_back("--clear-interrupted");
    const auto r = run(command);
    ASSERT_EQ(r.exit, 0) << r.all();
    expect_made(2);
    EXPECT_EQ(berth({"--json", "key", "show", in_station(first, 1)}).all(), finished);
}

// What is wrong with every unit is told before the first.
TEST_F(Lots, MistakesOfAWholeLot) {
    const auto refused = [this](const std::string& backend, std::vector<std::string> more) {
        auto command = lot(backend, 2, std::move(more));
        const auto r = run(command);
        EXPECT_EQ(r.output.size(), 1U) << "not unit by unit: " << r.all();
        EXPECT_FALSE(fs::exists(at("lot/production.jsonl")));
        return r.error_name();
    };
    const std::string tpm = "tcti=swtpm:path=" + at("{unit}");
    EXPECT_EQ(refused("tpm2", {"--station", tpm}), "tpm_maker_unknown");
    EXPECT_EQ(refused("tpm2", {"--station", tpm, "--tpm-makers", at("none.pem")}), "file_not_found");
    EXPECT_EQ(refused("tpm2", {"--station", "tctti=swtpm:path=" + at("{unit}"), "--tpm-makers", at("factory/z1.pem")}),
              "bad_key_uri");
    EXPECT_EQ(refused("tpm2", {"--station", "tcti=swtpm:path=" + at("{unit}{unt}"), "--tpm-makers", at("factory/z1.pem")}),
              "bad_lot");
}

// Lines behind the last signature are anybody's, and what a log says of a device is not enough for a cloud.
TEST_F(Lots, WhatNobodySignedIsNotPassedOn) {
    must({"factory", "init", "--dir", at("thief"), "--maker", "Acme", "--algorithm", "mldsa44"});
    must({"masa", "init", "--dir", at("thief-masa"), "--factory", at("thief"), "--host", "localhost"});
    must({"factory", "make", "--dir", at("thief"), "--masa", at("thief-masa"), "--serial", "SN-0002", "--out", at("foreign")});
    auto command = lot("software", 2, {"--attach", "[ $BERTH_SERIAL != SN-0002 ]"});
    ASSERT_EQ(run(command).exit, 3);
    fs::rename(at("foreign"), at("lot/SN-0002"));
    std::string log = text_of("lot/production.jsonl");
    const auto add = [&log](wire::json::object line) {
        const size_t begin = log.rfind('\n', log.size() - 2) + 1;
        const std::string last = log.substr(begin, log.size() - 1 - begin);
        wire::json::object whole{{"number", std::ranges::count(log, '\n') + 1}, {"at", "2026-11-22T00:00:00Z"}};
        for (auto& [name, value] : line) {
            whole[name] = value;
        }
        whole["previous"] = to_hex(crypto::sha256(as_bytes(last)).view());
        log += wire::to_text(whole) + "\n";
    };
    const auto hash = [this](const char* file) {
        return to_hex(app::read_certificate(at(std::string("lot/SN-0002/") + file))->sha256());
    };
    add({{"event", "begun"}, {"serial", "SN-0002"}, {"unit", 2}, {"station", 1}});
    add({{"event", "made"},
         {"serial", "SN-0002"},
         {"model", "model-1"},
         {"backend", "software"},
         {"z3", hash("z3.pem")},
         {"z3_sig", hash("z3-sig.pem")},
         {"customer", ""}});
    std::ofstream(at("lot/production.jsonl")) << log;
    EXPECT_EQ(verified().json().at("unsigned_lines").to_number<size_t>(), 2U) << verified().all();
    const auto out = [this](std::vector<std::string> what) {
        std::vector<std::string> all{"--json", "factory"};
        all.insert(all.end(), what.begin(), what.end());
        all.insert(all.end(), {at("lot"), "--dir", at("factory"), "--out", at("passed-on")});
        return berth(all);
    };
    for (const std::vector<std::string>& what :
         {std::vector<std::string>{"labels"}, {"registration"}, {"registration", "--family"}}) {
        const auto r = out(what);
        EXPECT_EQ(r.error_name(), "log_unsigned") << r.all();
        EXPECT_EQ(r.exit, 3);
    }
    // Who goes on with the lot would sign what is there: not what nothing bears out.
    const auto refused = run(command);
    EXPECT_EQ(refused.error_name(), "log_unproved") << refused.all();
    EXPECT_EQ(refused.exit, 3);
    EXPECT_EQ(text_of("lot/production.jsonl"), log);
    // Nor where the thief has the factory's key for logs: it is the chain that tells.
    for (const char* file : {"production.key", "production.pub"}) {
        fs::copy_file(at("factory") / fs::path(file), at("thief") / fs::path(file), fs::copy_options::overwrite_existing);
    }
    auto thiefs = lot("software", 1);
    *std::ranges::find(thiefs, at("factory")) = at("thief");
    *std::ranges::find(thiefs, at("masa")) = at("thief-masa");
    *std::ranges::find(thiefs, at("lot")) = at("thief-lot");
    ASSERT_EQ(run(thiefs).exit, 0);
    fs::rename(at("lot"), at("lot1"));
    fs::rename(at("thief-lot"), at("lot"));
    for (const std::vector<std::string>& what : {std::vector<std::string>{"registration"}, {"registration", "--family"}}) {
        const auto r = out(what);
        EXPECT_EQ(r.error_name(), "unknown_issuer") << r.all();
    }
    EXPECT_FALSE(fs::exists(at("passed-on")));
    const auto by_key = berth({"--json", "factory", "registration", at("lot"), "--key", at("factory/production.pub")});
    EXPECT_EQ(by_key.error_name(), "bad_arguments") << by_key.all();
}

// A line that was killed before it could sign what it had made: the bundle, the records and issued.jsonl all tell of it.
TEST_F(Lots, WhatWasMadeBeforeItWasKilledIsSigned) {
    const auto command = lot("software", 3);
    ASSERT_EQ(run(command).exit, 0);
    ASSERT_NO_FATAL_FAILURE(cut_log_behind("\"event\":\"made\""));
    EXPECT_GE(verified().json().at("unsigned_lines").to_number<size_t>(), 6U) << verified().all();
    const std::string z3 = text_of("lot/SN-0002/z3.pem");
    fs::rename(at("lot/SN-0002"), at("SN-0002"));
    const auto without = run(command);
    EXPECT_EQ(without.error_name(), "log_unproved") << without.all();
    EXPECT_NE(without.all().find("SN-0002"), std::string::npos) << without.all();
    fs::rename(at("SN-0002"), at("lot/SN-0002"));
    const std::string issued = text_of("factory/issued.jsonl");
    std::ofstream(at("factory/issued.jsonl")) << issued.substr(0, issued.rfind('\n', issued.size() - 2) + 1);
    EXPECT_EQ(run(command).error_name(), "log_unproved");
    std::ofstream(at("factory/issued.jsonl")) << issued;
    const auto r = run(command);
    ASSERT_EQ(r.exit, 0) << r.all();
    expect_made(3);
    EXPECT_EQ(text_of("lot/SN-0002/z3.pem"), z3) << "and not made anew";
}

TEST_F(Lots, AFaultyUnitIsLoggedAndTheLineGoesOn) {
    put_station("[ $BERTH_SERIAL != SN-0003 ] || { echo the needle bends >&2; exit 9; }");
    const auto r = run(lot("stsafe", 6));
    EXPECT_EQ(r.exit, 3) << r.all();
    EXPECT_EQ(last(r).at("made").to_number<size_t>(), 5U);
    EXPECT_EQ(last(r).at("failed").to_number<size_t>(), 1U);
    EXPECT_NE(r.all().find("attach_failed"), std::string::npos) << r.all();
    EXPECT_NE(r.all().find("the needle bends"), std::string::npos) << r.all();
    const auto report = verified();
    EXPECT_EQ(report.json().at("failed").to_number<size_t>(), 1U);
    EXPECT_NE(report.all().find("the needle bends"), std::string::npos) << report.all();
    const auto told = berth({"factory", "log", "verify", at("lot"), "--dir", at("factory")});
    EXPECT_NE(told.all().find("the needle bends [attach_failed]"), std::string::npos) << told.all();
    EXPECT_FALSE(fs::exists(at("lot/SN-0003")));
    EXPECT_EQ(records(), 5U);
    put_station();
    auto retry = lot("stsafe", 6);
    retry.emplace_back("--retry-failed");
    EXPECT_EQ(run(retry).exit, 0);
    expect_made(6);
}

// A station that is not given the next unit.
TEST_F(Lots, OneChipIsOneDevice) {
    put_station();
    auto command = lot("stsafe", 5);
    *std::ranges::find(command, "sh " + at("attach")) = "sh " + at("once");
    *std::ranges::find(command, "sh " + at("detach")) = "true";
    *std::ranges::find(command, "4") = "1";
    put("once", "[ $BERTH_UNIT != 1 ] || exec sh " + at("attach"));
    command.insert(command.end(), {"--stop-after", "2"});
    const auto r = run(command);
    EXPECT_EQ(r.exit, 3) << r.all();
    EXPECT_NE(r.all().find("key_exists"), std::string::npos) << r.all();
    EXPECT_TRUE(last(r).at("stopped").as_bool());
    EXPECT_EQ(last(r).at("left").to_number<size_t>(), 2U);
    EXPECT_EQ(records(), 1U);
    // Nobody needs to find that out by trying.
    const auto none = run({"--json", "factory", "personalise", "--dir", at("factory"), "--masa", at("masa"), "--out", at("lot9"),
                           "--backend", "stsafe", "--count", "2", "--serials", "X-"});
    EXPECT_EQ(none.error_name(), "bad_lot") << none.all();
    EXPECT_FALSE(fs::exists(at("lot9/production.jsonl")));
}

TEST_F(Lots, AreGivenToACustomer) {
    const auto unknown = run(lot("software", 3, {"--customer", "Birch"}));
    EXPECT_EQ(unknown.error_name(), "unknown_customer") << unknown.all();
    EXPECT_EQ(records(), 0U);
    register_birch();
    const auto r = run(lot("software", 3, {"--customer", "Birch"}));
    ASSERT_EQ(r.exit, 0) << r.all();
    for (const char* serial : {"SN-0001", "SN-0003"}) {
        const auto shown = berth({"--json", "ownership", "show", serial, "--masa", at("masa")});
        EXPECT_EQ(shown.json().at("owner").as_string(), "Birch") << shown.all();
    }
}

TEST_F(Lots, AsTheyWereOrdered) {
    register_birch();
    put_order("software");
    auto command = lot("software", 3);
    command.erase(std::ranges::find(command, "--backend"), std::ranges::find(command, "--backend") + 2);
    command.insert(command.end(), {"--order", at("order.toml")});
    const auto r = run(command);
    ASSERT_EQ(r.exit, 0) << r.all();
    expect_made(3);
    const auto shown = berth({"--json", "ownership", "show", "SN-0002", "--masa", at("masa")});
    EXPECT_EQ(shown.json().at("owner").as_string(), "Birch") << shown.all();
    EXPECT_EQ(shown.json().at("model").as_string(), "gw-1");
    const std::string told = wire::to_text(shown.json().at("configuration"));
    EXPECT_EQ(
        told,
        fmt::format(R"({{"order":"March","image":"sha256:{}","pcrs":{{"sha256":{{"7":"{}"}}}},"settings":{{"interval":60}}}})",
                    std::string(64, 'a'), std::string(64, 'b')));
    EXPECT_EQ(text_of("lot/SN-0002/order.json"), told + "\n");
    EXPECT_TRUE(fs::exists(at("lot/SN-0002/customer-root.pem")));
    // Half an order, half a command line: whose word would count?
    auto both = command;
    both.insert(both.end(), {"--model", "gw-2"});
    EXPECT_EQ(run(both).exit, 2);
    // Another root than the customer's own.
    put_order("software", "factory/z1.pem");
    *std::ranges::find(command, at("lot")) = at("lot2");
    command.insert(command.end(), {"--serials", "X-"});
    const auto refused = run(command);
    EXPECT_EQ(refused.error_name(), "customer_ca_mismatch") << refused.all();
    EXPECT_EQ(records(), 3U);
}

TEST_F(Lots, LabelsAndRegistrations) {
    ASSERT_EQ(run(lot("software", 3)).exit, 0);
    const auto out = [this](std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), "factory");
        arguments.insert(arguments.begin() + 2, at("lot"));
        arguments.insert(arguments.end(), {"--dir", at("factory")});
        return berth(arguments);
    };
    const auto labels = out({"labels"});
    ASSERT_EQ(labels.output.size(), 4U) << labels.all();
    EXPECT_TRUE(labels.output[0].starts_with("serial,model,customer,backend,made_at,z3_sha256,label"));
    EXPECT_TRUE(labels.output[2].starts_with("SN-0002,model-1,,software,")) << labels.output[2];
    const auto single = out({"registration"});
    ASSERT_EQ(single.output.size(), 3U) << single.all();
    const auto first = single.json();
    EXPECT_EQ(first.at("device").as_string(), "SN-0001");
    put("device.pem", std::string(first.at("certificate").as_string()));
    const auto family = out({"registration", "--family"});
    ASSERT_EQ(family.output.size(), 1U) << family.all();
    EXPECT_EQ(family.json().at("devices").to_number<size_t>(), 3U);
    put("family.pem", std::string(family.json().at("certificate").as_string()));
    EXPECT_EQ(exit_of(spawn({BERTH_OPENSSL_COMMAND, "verify", "-CAfile", at("factory/z1.pem"), "-untrusted", at("family.pem"),
                             at("device.pem")},
                            at("log"))),
              0)
        << text_of("log");
    fs::copy_file(at("lot/SN-0001/z3.pem"), at("lot/SN-0002/z3.pem"), fs::copy_options::overwrite_existing);
    EXPECT_NE(out({"registration"}).all().find("other_device"), std::string::npos);
}

TEST_F(Lots, AWrongLogIsTold) {
    ASSERT_EQ(run(lot("software", 2)).exit, 0);
    std::string text = text_of("lot/production.jsonl");
    text.replace(text.rfind("SN-0002"), 7, "SN-0001");
    std::ofstream(at("changed")) << text;
    const auto changed = verified("changed");
    EXPECT_EQ(changed.error_name(), "log_altered") << changed.all();
    EXPECT_EQ(changed.exit, 3);
    must({"factory", "init", "--dir", at("other"), "--maker", "Other", "--algorithm", "mldsa44"});
    const auto none = berth({"--json", "factory", "log", "verify", at("lot"), "--dir", at("other")});
    EXPECT_EQ(none.error_name(), "file_not_found") << none.all();
    const auto foreign = berth({"--json", "factory", "log", "verify", at("lot"), "--key", at("masa/audit.pub")});
    EXPECT_EQ(foreign.error_name(), "bad_signature") << foreign.all();
}

TEST_F(Lots, InAPipeThereIsNoBar) {
    auto command = lot("software", 2);
    command.erase(command.begin());
    const auto r = run(command);
    ASSERT_EQ(r.exit, 0) << r.all();
    EXPECT_EQ(r.all().find('\r'), std::string::npos);
    EXPECT_NE(r.all().find("Of 2 units 2 are made"), std::string::npos) << r.all();
    EXPECT_NE(r.all().find("units/s"), std::string::npos) << r.all();
    const auto again = run(command);
    EXPECT_EQ(again.all().find("units/s"), std::string::npos) << "nothing was left to do: " << again.all();
}

TEST_F(Lots, AUnitThatStaysInItsStationIsTold) {
    auto command = lot("software", 2, {"--detach", at("nosuch")});
    command.erase(command.begin());
    const auto r = run(command);
    EXPECT_NE(r.all().find("unit SN-0002 stays in station"), std::string::npos) << r.all();
    EXPECT_NE(r.all().find("2 of them are in their stations still"), std::string::npos) << r.all();
    EXPECT_EQ(verified().json().at("not_detached").to_number<size_t>(), 2U);
}

}  // namespace
}  // namespace berth::test
