// Registration: its steps, what each refuses, and the tables in the documentation.
#include "unit/messaging/pair.h"

#include <fstream>
#include <sstream>

namespace berth::test {
namespace {

using namespace messaging;

class Registration : public testing::Test {
protected:
    struct begun {
        registrant who;
        std::string token;
        tls_session over;
    };
    begun begin(const std::string& name = "m-1", const std::string& account = "ann") {
        auto over = made_up_session(name);
        const auto login = desk.login(account, over).value();
        return {registrant::make({name, "tower-7", {}}, {{&manager.key}}, time, manager.random).value(),
                std::string(wire::parse_json_object(login)->at("token").as_string()), std::move(over)};
    }
    std::string refused(std::string_view step, const begun& b, std::string_view body) {
        const auto got = desk.handle(step, b.token, b.over, body);
        return got ? "taken" : got.error().name;
    }
    manual_clock time{1'800'000'000};
    message_side manager{"manager", time}, gateway{"gateway", time};
    registration_desk desk{gateway.store, {{&gateway.key}}, time, gateway.random};
};

TEST_F(Registration, BothKeepTheSameKeysAndTheTokenIsVoid) {
    ASSERT_EQ(register_with(manager, gateway, time, desk), "");
    const auto &m = manager.store.now.peers.at("tower-7"), &g = gateway.store.now.peers.at("m-1");
    EXPECT_EQ(m.own_id, g.id);
    EXPECT_EQ(g.own_id, m.id);
    EXPECT_EQ(m.session.id, g.session.id);
    EXPECT_TRUE(same_octets(m.session.send.reveal(), g.session.receive.reveal()));
    EXPECT_TRUE(same_octets(m.session.receive.reveal(), g.session.send.reveal()));
    EXPECT_FALSE(same_octets(m.session.send.reveal(), m.session.receive.reveal()));
    EXPECT_EQ(g.repository.url, "https://firmware.example/list");
    EXPECT_EQ(desk.open(), 0u);
}

TEST_F(Registration, ATokenIsGoodForItsTlsSessionAndItsTime) {
    auto b = begin();
    const auto first = b.who.exchange().value();
    EXPECT_EQ(desk.handle("exchange", b.token, made_up_session("another"), first).error().name, "token_invalid");
    EXPECT_EQ(desk.handle("exchange", b.token + "A", b.over, first).error().name, "token_invalid");
    EXPECT_EQ(desk.handle("exchange", "", b.over, first).error().name, "token_invalid");
    EXPECT_EQ(refused("exchange", b, first), "taken") << "and others' tries did not end it";
    auto late = begin("m-2");
    time.advance(121'000);
    EXPECT_EQ(refused("exchange", late, late.who.exchange().value()), "token_invalid");
}

TEST_F(Registration, StepsInAnotherOrderEndTheLogin) {
    for (const char* step : {"identity", "repository", "confirm", "login", ""}) {
        auto b = begin(std::string("m-") + (*step ? step : "none"), std::string("for ") + step);
        EXPECT_EQ(refused(step, b, "{}"), "unexpected_message");
        EXPECT_EQ(refused("exchange", b, b.who.exchange().value()), "token_invalid");
    }
}

TEST_F(Registration, BadBodies) {
    const auto with = [&](const std::function<void(wire::json::object&)>& change) {
        auto b = begin("m-1", "bodies");
        auto body = *wire::parse_json_object(b.who.exchange().value());
        change(body);
        return refused("exchange", b, wire::to_text(body));
    };
    EXPECT_EQ(with([](auto& b) { b["version"] = 2; }), "unsupported_version");
    EXPECT_EQ(with([](auto& b) { b.erase("manager"); }), "malformed");
    EXPECT_EQ(with([](auto& b) { b["manager"] = "../m"; }), "bad_name");
    EXPECT_EQ(with([](auto& b) { b["signature_key"] = b["encryption_key"]; }), "wrong_key_use");
    EXPECT_EQ(with([](auto& b) { b["encryption_key"].get_object()["d"] = "AA"; }), "secret_in_key");
    auto b = begin("m-9", "long");
    EXPECT_EQ(refused("exchange", b, std::string(40'000, ' ')), "malformed");
    EXPECT_TRUE(gateway.store.now.peers.empty());
}

TEST_F(Registration, WhatWasChangedOnTheWayIsNotConfirmed) {
    auto b = begin();
    const auto one = desk.handle("exchange", b.token, b.over, b.who.exchange().value()).value();
    const auto two = desk.handle("identity", b.token, b.over, b.who.identity(one.body).value() + " ").value();
    ASSERT_TRUE(b.who.repository(two.body));
    EXPECT_EQ(refused("confirm", b, b.who.confirm(two.body, b.over).value()), "transcript_mismatch");
    EXPECT_TRUE(gateway.store.now.peers.empty());
}

TEST_F(Registration, ANameBelongsToItsAccount) {
    ASSERT_EQ(register_with(manager, gateway, time, desk), "");
    EXPECT_EQ(register_with(manager, gateway, time, desk, "m-1", "tower-7", "bob"), "id_taken");
    EXPECT_EQ(register_with(manager, gateway, time, desk), "");
    EXPECT_EQ(gateway.store.now.peers.at("m-1").epoch, 2u);
    const auto over = made_up_session();
    for (const auto& [account, expected] : {std::pair("bob", "not_registered"), {"ann", "taken"}}) {
        const auto token = std::string(wire::parse_json_object(desk.login(account, over).value())->at("token").as_string());
        EXPECT_EQ(refused("deregister",
                          {registrant::make({"m", "t", {}}, {{&manager.key}}, time, manager.random).value(), token, over},
                          R"({"manager":"m-1"})"),
                  expected);
    }
    EXPECT_EQ(gateway.store.now.peers.at("m-1").state, peer_state::ended);
}

TEST_F(Registration, OneAccountCannotTakeAllPlaces) {
    for (int i = 0; i < 4; ++i) {
        EXPECT_TRUE(desk.login("eve", made_up_session()));
    }
    EXPECT_EQ(desk.login("eve", made_up_session()).error().name, "too_many_requests");
    EXPECT_TRUE(desk.login("ann", made_up_session()));
}

TEST_F(Registration, RepositoriesHaveNoCredentialsInTheirAddress) {
    for (const char* url : {"ftp://x", "https://", "https://a:b@c/", "https://a b/", "javascript:1"}) {
        auto b = begin("m-1", url);
        const auto one = desk.handle("exchange", b.token, b.over, b.who.exchange().value()).value();
        ASSERT_TRUE(desk.handle("identity", b.token, b.over, b.who.identity(one.body).value()));
        EXPECT_EQ(refused("repository", b, wire::to_text(wire::json::object{{"url", url}, {"user", ""}, {"password", ""}})),
                  "bad_repository")
            << url;
    }
}

TEST(RegistrationTable, StandsInTheDocumentation) {
    std::ifstream in(std::string(BERTH_SOURCE_DIR) + "/docs/message-security.md");
    std::stringstream text;
    text << in.rdbuf();
    for (const auto of : {role::gateway, role::manager}) {
        EXPECT_NE(text.str().find(transition_table(of)), std::string::npos) << transition_table(of);
    }
}

}  // namespace
}  // namespace berth::test
