// A contract line: it has an order and no CA's key, and everything goes to and fro as files.
#include "line.h"

#include "crypto/hash.h"
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
    EXPECT_EQ(refusal(answered), "wrong_challenge");
    ASSERT_EQ(issue("lot/answers", "grants").exit, 0);
    swapped = *wire::parse_json_object(text_of("grants/B-0001.grant"));
    swapped["serial"] = "B-0002";
    put("grants/B-0002.grant", wire::to_text(swapped));
    const auto loaded = load("grants", "software");
    EXPECT_EQ(loaded.json().at("loaded").to_number<size_t>(), 1U);
    EXPECT_EQ(refusal(loaded), "wrong_grant");
    EXPECT_FALSE(fs::exists(at("lot/B-0002")));
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
