// A contract line: it has an order and no CA's key, and everything goes to and fro as files.
#include "line.h"

#include "crypto/hash.h"
#include "crypto/random.h"
#include "factory/unit.h"
#include "keystore/key_uri.h"
#include "setup/line_message.h"
#include "setup/line_order.h"
#include "wire/base64.h"

namespace berth::test {
namespace {

class Contract : public LineWorld {
protected:
    void SetUp() override {
        LineWorld::SetUp();
        register_birch();
        must({"factory", "log", "key", "--dir", at("factory")});
        must({"factory", "line", "init", "--dir", at("line"), "--name", "Contract 3", "--maker-key",
              at("factory/production.pub")});
    }
    void order(const std::string& backend, size_t count) {
        put_order(backend);
        must({"factory", "order", "make", "--dir", at("factory"), "--masa", at("masa"), "--order", at("order.toml"), "--line",
              at("line/line.json"), "--count", std::to_string(count), "--serials", "B-", "--out", at("sealed")});
    }
    [[nodiscard]] std::vector<std::string> make(const std::string& backend, const std::string& out = "lot") const {
        std::vector<std::string> command{"--json",  "factory",    "line",  "make",  "--dir",      at("line"),
                                         "--order", at("sealed"), "--out", at(out), "--parallel", "2"};
        return with_stations(std::move(command), backend);
    }
    [[nodiscard]] std::vector<std::string> with_stations(std::vector<std::string> command, const std::string& backend) const {
        if (backend == "stsafe") {
            const auto stations = in_stations();
            command.insert(command.end(), stations.begin(), stations.end());
        }
        return command;
    }
    [[nodiscard]] program_result issue(const std::string& from, const std::string& to) const {
        return run({"--json", "factory", "issue", "--dir", at("factory"), "--masa", at("masa"), "--requests", at(from), "--out",
                    at(to)});
    }
    [[nodiscard]] program_result load(const std::string& from, const std::string& backend) const {
        return run(with_stations({"--json", "factory", "line", "load", "--dir", at("line"), "--replies", at(from)}, backend));
    }
    [[nodiscard]] std::string octets_of(const std::string& file) const {
        return std::string(wire::parse_json_object(text_of(file))->at("octets").as_string());
    }
    [[nodiscard]] std::string order_id() const {
        return std::string(wire::parse_json_object(text_of("lot/requests/B-0001.request"))->at("order").as_string());
    }
    [[nodiscard]] program_result log_verified() const {
        return berth({"--json", "factory", "log", "verify", at("lot"), "--key", at("line/production.pub")});
    }
    // All the way, while nobody but the files moves.
    void make_all(const std::string& backend, size_t count) {
        order(backend, count);
        const auto made = run(make(backend));
        ASSERT_EQ(made.exit, 0) << made.all();
        EXPECT_EQ(records(), 0U) << "nothing is recorded before it is proved";
        const auto asked = issue("lot/requests", "challenges");
        ASSERT_EQ(asked.exit, 0) << asked.all();
        const auto answered = load("challenges", backend);
        ASSERT_EQ(answered.exit, 0) << answered.all();
        const auto granted = issue("lot/answers", "grants");
        ASSERT_EQ(granted.exit, 0) << granted.all();
        EXPECT_EQ(granted.json().at("granted").to_number<size_t>(), count);
        const auto loaded = load("grants", backend);
        ASSERT_EQ(loaded.exit, 0) << loaded.all();
        EXPECT_EQ(loaded.json().at("loaded").to_number<size_t>(), count);
    }
    [[nodiscard]] static std::string refusal(const program_result& r) {
        const auto json = r.json();
        const auto* const list = json.if_contains("refused");
        EXPECT_TRUE(list && list->is_array()) << r.all();
        const auto refused = list && list->is_array() ? list->get_array() : wire::json::array{};
        return refused.empty() ? "" : std::string(refused[0].as_object().at("error").as_object().at("name").as_string());
    }
};

TEST_F(Contract, MakesDevicesOfSoftware) {
    make_all("software", 4);
    EXPECT_EQ(bundles(), 4U);
    EXPECT_EQ(records(), 4U);
    const auto report = berth({"--json", "factory", "log", "verify", at("lot"), "--key", at("line/production.pub")});
    EXPECT_EQ(report.json().at("loaded").to_number<size_t>(), 4U) << report.all();
    const auto shown = berth({"--json", "ownership", "show", "B-0002", "--masa", at("masa")});
    EXPECT_EQ(shown.json().at("owner").as_string(), "Birch") << shown.all();
    const auto device = berth({"--json", "device", "show", "--bundle", at("lot/B-0002")});
    EXPECT_EQ(device.json().at("serial").as_string(), "B-0002") << device.all();
    // No CA's key has ever been there: the line's own two, and those of its units.
    EXPECT_EQ(private_keys("line"), 2U);
    EXPECT_EQ(private_keys("lot"), 8U);
    // Everything once more changes nothing.
    EXPECT_EQ(run(make("software")).exit, 0);
    EXPECT_EQ(issue("lot/answers", "grants").json().at("granted_before").to_number<size_t>(), 4U);
    EXPECT_EQ(load("grants", "software").json().at("loaded_before").to_number<size_t>(), 4U);
    EXPECT_EQ(records(), 4U);
}

TEST_F(Contract, MakesDevicesInChips) {
    put_station();
    make_all("stsafe", 3);
    EXPECT_EQ(private_keys("lot"), 0U);
    EXPECT_EQ(bundles(), 3U);
    EXPECT_EQ(text_of("lot/B-0003/p3.uri"), "stsafe:slot=2\n");
}

TEST_F(Contract, AnOrderIsForOneLineAndUnchanged) {
    order("software", 2);
    must({"factory", "line", "init", "--dir", at("other"), "--name", "Other", "--maker-key", at("factory/production.pub")});
    auto elsewhere = make("software");
    *std::ranges::find(elsewhere, at("line")) = at("other");
    EXPECT_EQ(run(elsewhere).error_name(), "other_line");
    // Even if somebody writes the other line's name on it.
    const auto other_line = *wire::parse_json_object(text_of("other/line.json"));
    auto sealed = *wire::parse_json_object(text_of("sealed"));
    const auto original = sealed;
    const auto kem = *wire::from_base64(other_line.at("kem_key").as_string());
    sealed["line"] = to_hex(crypto::sha256(kem).view());
    put("sealed", wire::to_text(sealed));
    EXPECT_EQ(run(elsewhere).error_name(), "order_altered");
    // A changed octet.
    sealed = original;
    std::string text(sealed.at("sealed").as_string());
    text[100] = text[100] == 'A' ? 'B' : 'A';
    sealed["sealed"] = text;
    put("sealed", wire::to_text(sealed));
    EXPECT_EQ(run(make("software")).error_name(), "order_altered");
    // Nor does anybody else order in the manufacturer's name.
    must({"factory", "init", "--dir", at("thief"), "--maker", "Acme", "--algorithm", "mldsa44"});
    must({"factory", "log", "key", "--dir", at("thief")});
    must({"factory", "order", "make", "--dir", at("thief"), "--masa", at("masa"), "--order", at("order.toml"), "--line",
          at("line/line.json"), "--count", "2", "--serials", "B-", "--out", at("stolen")});
    fs::rename(at("stolen"), at("sealed"));
    EXPECT_EQ(run(make("software")).error_name(), "order_altered");
    EXPECT_FALSE(fs::exists(at("lot")));
}

TEST_F(Contract, NoMoreUnitsThanWereOrdered) {
    order("software", 2);
    ASSERT_EQ(run(make("software")).exit, 0);
    // The line is not made to begin the order anew in another place.
    EXPECT_EQ(run(make("software", "again")).error_name(), "quota_used");
    EXPECT_FALSE(fs::exists(at("again/requests")));
    ASSERT_EQ(issue("lot/requests", "challenges").exit, 0);
    ASSERT_EQ(load("challenges", "software").exit, 0);
    ASSERT_EQ(issue("lot/answers", "grants").exit, 0);
    EXPECT_EQ(records(), 2U);
    // And if its people help it, to other keys under the same serials, nobody issues for these.
    fs::remove_all(at("line/orders"));
    ASSERT_EQ(run(make("software", "again")).exit, 0);
    const auto refused = issue("again/requests", "more");
    EXPECT_EQ(refused.exit, 1) << refused.all();
    EXPECT_EQ(refusal(refused), "quota_used") << refused.all();
    EXPECT_EQ(refused.json().at("challenged").to_number<size_t>(), 0U);
    // A unit that was not ordered, by a line that signs what it likes.
    const auto request = *wire::parse_json_object(text_of("again/requests/B-0001.request"));
    auto changed = request;
    changed["serial"] = "B-0003";
    fs::remove_all(at("again/requests"));
    put("again/requests/B-0003.request", wire::to_text(changed));
    EXPECT_EQ(refusal(issue("again/requests", "more")), "bad_signature");
    changed = request;
    changed["order"] = std::string(32, '0');
    put("again/requests/B-0003.request", wire::to_text(changed));
    EXPECT_EQ(refusal(issue("again/requests", "more")), "unknown_order");
    EXPECT_EQ(records(), 2U);
}

TEST_F(Contract, AUnitTakesItsOwnCertificatesAlone) {
    order("software", 2);
    ASSERT_EQ(run(make("software")).exit, 0);
    ASSERT_EQ(issue("lot/requests", "challenges").exit, 0);
    auto swapped = *wire::parse_json_object(text_of("challenges/B-0001.challenge"));
    swapped["serial"] = "B-0002";
    put("challenges/B-0002.challenge", wire::to_text(swapped));
    const auto answered = load("challenges", "software");
    EXPECT_EQ(answered.json().at("answered").to_number<size_t>(), 1U) << answered.all();
    EXPECT_EQ(refusal(answered), "bad_signature") << "a line's chips answer their manufacturer alone";
    ASSERT_EQ(issue("lot/answers", "grants").exit, 0);
    swapped = *wire::parse_json_object(text_of("grants/B-0001.grant"));
    swapped["serial"] = "B-0002";
    put("grants/B-0002.grant", wire::to_text(swapped));
    const auto loaded = load("grants", "software");
    EXPECT_EQ(loaded.json().at("loaded").to_number<size_t>(), 1U);
    EXPECT_EQ(refusal(loaded), "bad_signature");
    EXPECT_FALSE(fs::exists(at("lot/B-0002")));
}

// While its answer is on its way, a request comes again: from whoever runs this each hour, say.
TEST_F(Contract, ARequestThatComesAgainIsAskedTheSame) {
    order("software", 1);
    ASSERT_EQ(run(make("software")).exit, 0);
    ASSERT_EQ(issue("lot/requests", "challenges").exit, 0);
    ASSERT_EQ(issue("lot/requests", "again").exit, 0);
    EXPECT_EQ(octets_of("again/B-0001.challenge"), octets_of("challenges/B-0001.challenge"));
    ASSERT_EQ(load("challenges", "software").exit, 0);
    ASSERT_EQ(issue("lot/requests", "again").exit, 0);
    const auto granted = issue("lot/answers", "grants");
    EXPECT_EQ(granted.json().at("granted").to_number<size_t>(), 1U) << granted.all();
}

TEST_F(Contract, KilledBeforeTheLogCouldTell) {
    make_all("software", 2);
    ASSERT_NO_FATAL_FAILURE(cut_log_behind("\"loaded\",\"serial\":\"B-0001\""));
    EXPECT_EQ(log_verified().json().at("loaded").to_number<size_t>(), 1U);
    EXPECT_EQ(load("grants", "software").json().at("loaded_before").to_number<size_t>(), 2U);
    EXPECT_EQ(log_verified().json().at("loaded").to_number<size_t>(), 2U) << log_verified().all();
    EXPECT_EQ(log_verified().json().at("unsigned_lines").to_number<size_t>(), 0U);
    const auto registered = berth({"factory", "registration", at("lot"), "--dir", at("line")});
    EXPECT_EQ(registered.output.size(), 2U) << registered.all();
}

// Behind the last signature anybody may have written: what the line signs, its own request or the manufacturer's certificates
// bear out.
TEST_F(Contract, SignsNothingOfAStranger) {
    make_all("software", 1);
    ASSERT_NO_FATAL_FAILURE(cut_log_behind("\"event\":\"loaded\""));
    const std::string log = text_of("lot/production.jsonl");
    ASSERT_GT(log_verified().json().at("unsigned_lines").to_number<size_t>(), 0U) << log;
    fs::rename(at("lot/B-0001/z3.pem"), at("z3.pem"));
    const auto refused = load("grants", "software");
    EXPECT_NE(refused.all().find("log_unproved"), std::string::npos) << refused.all();
    // Nor does who makes units sign that one was loaded.
    const auto making = run(make("software"));
    EXPECT_EQ(making.error_name(), "log_unproved") << making.all();
    EXPECT_EQ(text_of("lot/production.jsonl"), log);
    fs::rename(at("z3.pem"), at("lot/B-0001/z3.pem"));
    fs::resize_file(at("lot/production.jsonl"), log.find('\n', log.find("\"event\":\"made\"")) + 1);
    const std::string request = text_of("lot/requests/B-0001.request");
    put("lot/requests/B-0001.request", "{}");
    EXPECT_EQ(run(make("software")).error_name(), "log_unproved");
    fs::remove(at("lot/requests/B-0001.request"));
    EXPECT_EQ(run(make("software")).error_name(), "log_unproved");
    put("lot/requests/B-0001.request", request);
    const auto r = run(make("software"));
    EXPECT_EQ(r.exit, 0) << r.all();
}

// The request went out, and the log does not say yet that the unit was made: nothing is written that no log could say.
TEST_F(Contract, NothingIsLoadedThatWasNotMade) {
    order("software", 1);
    ASSERT_EQ(run(make("software")).exit, 0);
    ASSERT_EQ(issue("lot/requests", "challenges").exit, 0);
    ASSERT_NO_FATAL_FAILURE(cut_log_behind("\"begun\",\"serial\":\"B-0001\""));
    EXPECT_EQ(refusal(load("challenges", "software")), "unit_not_made");
    ASSERT_EQ(run(make("software")).exit, 0);
    ASSERT_EQ(load("challenges", "software").exit, 0);
    ASSERT_EQ(issue("lot/answers", "grants").exit, 0);
    ASSERT_EQ(load("grants", "software").exit, 0);
    EXPECT_EQ(log_verified().json().at("loaded").to_number<size_t>(), 1U) << log_verified().all();
}

// What the MASA was told since is newer than the order.
TEST_F(Contract, CertificatesThatAreGivenOnceMoreChangeNothingElse) {
    make_all("software", 1);
    put("newer.json", R"({"interval":5})");
    must({"ownership", "configure", "B-0001", at("newer.json"), "--masa", at("masa")});
    for (const char* from : {"lot/answers", "lot/requests"}) {
        EXPECT_EQ(issue(from, "once-more").json().at("granted_before").to_number<size_t>(), 1U);
    }
    const auto shown = berth({"--json", "ownership", "show", "B-0001", "--masa", at("masa")});
    EXPECT_EQ(wire::to_text(shown.json().at("configuration")), R"({"interval":5})") << shown.all();
}

TEST_F(Contract, KeysAreThoseThatWereOrdered) {
    order("software", 1);
    ASSERT_EQ(run(make("software")).exit, 0);
    const std::string kept = "factory/orders/" + order_id() + "/order.json";
    const std::string ordered = text_of(kept);
    for (const auto& [asked, other] :
         {std::pair("\"kem\":\"mlkem768_p256\"", "\"kem\":\"mlkem1024_p384\""), {"\"signature\":1027", "\"signature\":2309"}}) {
        std::string text = ordered;
        ASSERT_NE(text.find(asked), std::string::npos) << text;
        text.replace(text.find(asked), std::string_view(asked).size(), other);
        std::ofstream(at(kept)) << text;
        EXPECT_EQ(refusal(issue("lot/requests", "never")), "wrong_request");
    }
    std::ofstream(at(kept)) << ordered;
    EXPECT_EQ(issue("lot/requests", "challenges").exit, 0);
}

// One pair of keys, sold as two devices by a line that signs what it likes.
TEST_F(Contract, OneKeyIsOneDevice) {
    order("software", 2);
    ASSERT_EQ(run(make("software")).exit, 0);
    const auto by = *keystore::open_signing_key(at("line/production.key"));
    factory::unit twin({"B-0002", "gw-1"}, "software", *keystore::open_signing_key(at("lot/units/B-0001/p3-sig.pem")),
                       *keystore::open_kem_key(at("lot/units/B-0001/p3.pem")));
    const auto send = [&](app::line_step step, const bytes& octets) {
        return app::write_line_message(at("twins"), {step, order_id(), "B-0002", octets, {}}, *by);
    };
    ASSERT_TRUE(send(app::line_step::request, *twin.request()));
    fs::copy_file(at("lot/requests/B-0001.request"), at("twins/B-0001.request"));
    const auto asked = issue("twins", "challenges");
    EXPECT_EQ(asked.json().at("challenged").to_number<size_t>(), 2U) << "nobody has certificates yet: " << asked.all();
    const auto challenge = *app::read_line_message(at("challenges/B-0002.challenge"));
    ASSERT_TRUE(send(app::line_step::answer, *twin.answer(challenge.octets)));
    fs::remove(at("challenges/B-0002.challenge"));
    ASSERT_EQ(load("challenges", "software").exit, 0);
    fs::copy_file(at("lot/answers/B-0001.answer"), at("twins/B-0001.answer"));
    fs::remove(at("twins/B-0001.request"));
    fs::rename(at("twins/B-0002.request"), at("twin.request"));
    const auto granted = issue("twins", "grants");
    EXPECT_EQ(granted.json().at("granted").to_number<size_t>(), 1U) << granted.all();
    EXPECT_EQ(refusal(granted), "key_reused") << granted.all();
    fs::create_directory(at("later"));
    fs::rename(at("twin.request"), at("later/B-0002.request"));
    EXPECT_EQ(refusal(issue("later", "grants")), "key_reused");
    EXPECT_EQ(records(), 1U);
}

TEST_F(Contract, AnotherDeviceOfTheSerialIsFoundAtTheRequest) {
    order("software", 1);
    ASSERT_EQ(run(make("software")).exit, 0);
    // Such serials are not made as a lot.
    const auto other = run({"--json", "factory", "personalise", "--dir", at("factory"), "--masa", at("masa"), "--out", at("lot2"),
                            "--count", "2", "--serials", "B-"});
    EXPECT_EQ(other.error_name(), "serial_ordered") << other.all();
    // Nor as a device of its own, where the order is known.
    const std::vector<std::string> alone{"--json",   "factory",  "make",   "--dir", at("factory"), "--masa",
                                         at("masa"), "--serial", "B-0001", "--out", at("B-0001")};
    EXPECT_EQ(berth(alone).error_name(), "serial_ordered");
    fs::rename(at("factory/orders"), at("orders"));
    must(alone);
    fs::remove_all(at("factory/orders"));
    fs::rename(at("orders"), at("factory/orders"));
    EXPECT_EQ(refusal(issue("lot/requests", "never")), "device_exists");
    EXPECT_FALSE(fs::exists(at("never")));
}

TEST_F(Contract, FilesOfNobodyAreRefusedAndNamedWithCare) {
    order("software", 1);
    ASSERT_EQ(run(make("software")).exit, 0);
    fs::create_directory(at("none"));
    for (const auto& r : {issue("none", "never"), load("none", "software"), load("lot/requests", "software")}) {
        EXPECT_EQ(r.error_name(), "file_not_found") << r.all();
        EXPECT_EQ(r.exit, 3);
    }
    // Nothing is attached for a message that is not the manufacturer's, or of no unit of the order's.
    ASSERT_EQ(issue("lot/requests", "challenges").exit, 0);
    const auto by = *keystore::open_signing_key(at("factory/production.key"));
    const auto challenge = *app::read_line_message(at("challenges/B-0001.challenge"));
    ASSERT_TRUE(app::write_line_message(at("odd"), {app::line_step::challenge, order_id(), "X-9", challenge.octets, {}}, *by));
    const auto load_odd = [this] {
        return run({"--json", "factory", "line", "load", "--dir", at("line"), "--replies", at("odd"), "--attach",
                    "touch " + at("attached")});
    };
    EXPECT_EQ(refusal(load_odd()), "quota_used");
    fs::remove(at("odd/X-9.challenge"));
    const auto own = *keystore::open_signing_key(at("line/production.key"));
    ASSERT_TRUE(
        app::write_line_message(at("odd"), {app::line_step::challenge, order_id(), "B-0001", challenge.octets, {}}, *own));
    EXPECT_EQ(refusal(load_odd()), "bad_signature");
    EXPECT_FALSE(fs::exists(at("attached")));
    // A name that would write to the terminal.
    put("strange/\x1b]0;x\x07.request",
        R"({"berth_line_message":1,"step":"request","order":"\u001b]0;y\u0007","serial":"B-0001",)"
        R"("octets":"AAAA","signature":"AAAA"})");
    const auto strange = berth(
        {"factory", "issue", "--dir", at("factory"), "--masa", at("masa"), "--requests", at("strange"), "--out", at("never")});
    EXPECT_EQ(strange.exit, 2) << strange.all();
    EXPECT_NE(strange.all().find("unknown_order"), std::string::npos) << strange.all();
    EXPECT_EQ(strange.all().find('\x1b'), std::string::npos);
    const auto held = *app::lock_orders(at("factory"));
    EXPECT_EQ(issue("lot/requests", "never").error_name(), "in_use");
}

// A chip that has another unit's keys, which only the line knows of.
TEST_F(Contract, WhatIsInAChipIsLookedAtBeforeItIsCleared) {
    put_stations_with_chips();
    order("stsafe", 2);
    auto command = make("stsafe");
    *(std::ranges::find(command, "--parallel") + 1) = "1";
    EXPECT_EQ(run(command).exit, 3);
    ASSERT_NO_FATAL_FAILURE(cut_log_behind("\"begun\",\"serial\":\"B-0002\""));
    const auto shown = [this](unsigned slot) { return berth({"--json", "key", "show", in_station(1, slot)}).all(); };
    const std::string identity = shown(1);
    const std::string kem = shown(2);
    EXPECT_NE(identity.find("PUBLIC KEY"), std::string::npos) << identity;
    command.emplace_back("--clear-interrupted");
    const auto r = run(command);
    EXPECT_EQ(r.exit, 3) << r.all();
    EXPECT_NE(r.all().find("B-0001"), std::string::npos) << r.all();
    EXPECT_EQ(shown(1), identity);
    EXPECT_EQ(shown(2), kem);
}

// By whoever has the bundles: the line, and the manufacturer, who knows the line's key by its order.
TEST_F(Contract, LabelsAndRegistrations) {
    make_all("software", 2);
    const auto registered = [this](const std::string& dir) {
        return berth({"factory", "registration", at("lot"), "--dir", at(dir)});
    };
    const auto by_line = registered("line");
    EXPECT_EQ(by_line.exit, 0) << by_line.all();
    EXPECT_EQ(by_line.output.size(), 2U);
    EXPECT_EQ(registered("factory").output, by_line.output);
    EXPECT_EQ(berth({"factory", "labels", at("lot"), "--dir", at("factory")}).output.size(), 3U);
    must({"factory", "init", "--dir", at("other"), "--maker", "Acme", "--algorithm", "mldsa44"});
    must({"factory", "log", "key", "--dir", at("other")});
    const auto other = registered("other");
    EXPECT_NE(other.all().find("bad_signature"), std::string::npos) << other.all();
    EXPECT_NE(other.all().find("contract line's log"), std::string::npos) << other.all();
}

TEST_F(Contract, KilledInTheMiddle) {
    order("software", 12);
    ASSERT_NO_FATAL_FAILURE(kill_at(make("software"), 10));
    ASSERT_EQ(run(make("software")).exit, 0);
    const auto asked = issue("lot/requests", "challenges");
    EXPECT_EQ(asked.json().at("challenged").to_number<size_t>(), 12U) << asked.all();
}

}  // namespace
}  // namespace berth::test
