// Who a device is over HTTPS: by its certificate or its own token, for itself alone, as far as its group's policy goes.
#include "hub_server/device_door.h"

#include "support/onboarding_parties.h"
#include "support/test_pki.h"

#include <gmock/gmock.h>

namespace berth::test {
namespace {

using namespace registry;
using app::device_door;
using crypto::signature_algorithm;

class DeviceDoor : public testing::Test {
protected:
    DeviceDoor() {
        auto store = got(store::sqlite_hub_store::open((directory.path() / "hub.db").string()));
        EXPECT_TRUE(store->add_ca(ca));
        desk.emplace(loop, time, random, std::move(store));
        logins = got(app::login_desk::open(*desk, directory.path() / "hub.db", {}));
        door.emplace(*desk, *logins, metrics);
        for (const char* const name : {"dev1", "dev2", "dev1/mod1"}) {
            add(name);
        }
    }
    identity add(const std::string& name, identity_settings settings = {}) {
        auto out = make_identity(got(parse_identity_name(name)), std::move(settings), random, time.now());
        EXPECT_EQ(name_of_error(desk->registry().add(out)), "accepted");
        return out;
    }
    void change(const std::string& name, const std::function<void(identity_settings&)>& how) {
        const auto before = *got(desk->registry().find(got(parse_identity_name(name))));
        auto settings = before.settings;
        how(settings);
        EXPECT_TRUE(desk->registry().change(before, settings, time.now()));
    }
    static pki::certificate leaf(const authority& by, const std::string& name) {
        return issue(by, pki::client_template("Test", name, usual), signature_key("of " + name).public_key().spki());
    }
    static net::http_request with(std::vector<pki::certificate> chain, const std::string& token = "") {
        net::http_request out;
        auto peer = std::make_shared<net::peer_info>();
        peer->address = "192.0.2.1:40000";
        peer->chain = std::move(chain);
        out.peer = std::move(peer);
        out.headers.add("Host", "hub.example:8443");
        if (!token.empty()) {
            out.headers.add("Authorization", token);
        }
        return out;
    }
    // "in", or the reason.
    std::string ask(const net::http_request& request, const std::string& named, operation what = operation::file_upload) {
        const auto who = door->admit(request, named, what);
        desk->end_turn();
        EXPECT_TRUE(!who || who->identity.name.text() == named);
        return who ? "in" : who.error().name;
    }
    // A device that logs in by key, and a token of it.
    std::string keyed(const std::string& name, const std::string& resource, const std::string& policy = "") {
        identity_settings by_key;
        by_key.login.way = login_way::shared_key;
        const auto one = add(name, by_key);
        const auto keys = draw_shared_keys(random);
        EXPECT_TRUE(desk->registry().set_keys(one, keys, time.now()));
        return hub::make_sas_token(resource, keys.primary, time.now() + 60, policy);
    }

    temporary_directory directory;
    net::loop loop;
    manual_clock time{test_now};
    named_random random{"door"};
    ops::metric_registry metrics;
    authority root = make_root("Fleet", signature_algorithm::ecdsa_p256_sha256);
    registered_ca ca{"fleet", root.certificate, ca_state::verified, "", 0, test_now, test_now, 0, 1};
    std::optional<app::hub_desk> desk;
    std::unique_ptr<app::login_desk> logins;
    std::optional<device_door> door;
};

TEST_F(DeviceDoor, OpensToItsOwnCertificateAlone) {
    EXPECT_EQ(ask(with({leaf(root, "dev1")}), "dev1"), "in");
    EXPECT_EQ(ask(with({leaf(root, "dev2")}), "dev1"), "name_mismatch") << "another's";
    EXPECT_EQ(ask(with({leaf(root, "dev1/mod1")}), "dev1"), "name_mismatch") << "its module's";
    EXPECT_EQ(ask(with({leaf(root, "dev1")}), "dev1/mod1"), "name_mismatch");
    EXPECT_EQ(ask(with({leaf(root, "dev1/mod1")}), "dev1/mod1"), "in");
    EXPECT_EQ(ask(with({}), "dev1"), "no_certificate");
    EXPECT_EQ(ask(with({leaf(make_root("Other", signature_algorithm::ecdsa_p256_sha256), "dev1")}), "dev1"), "unknown_ca");
    EXPECT_EQ(ask(with({leaf(root, "dev9")}), "dev9"), "unknown_identity");
    EXPECT_EQ(ask(with({root.certificate}), "dev1"), "bad_certificate");
    for (const char* const bad : {"", "dev1/mod1/x", "dev1/", "/dev1", "dev1\n"}) {
        EXPECT_EQ(ask(with({leaf(root, "dev1")}), bad), "bad_name") << bad;
    }
    net::http_request nobody;
    EXPECT_EQ(ask(nobody, "dev1"), "no_certificate");
    EXPECT_THAT(metrics.text(), testing::HasSubstr(R"(berth_hub_refusals_total{broker="https",reason="name_mismatch"} 3)"));
}

TEST_F(DeviceDoor, WhatTheRegistrySaysCountsAtTheNextRequest) {
    const auto mine = with({leaf(root, "dev1")}), modules = with({leaf(root, "dev1/mod1")});
    EXPECT_EQ(ask(mine, "dev1"), "in");
    change("dev1", [](auto& s) { s.enabled = false; });
    EXPECT_EQ(ask(mine, "dev1"), "disabled");
    EXPECT_EQ(ask(modules, "dev1/mod1"), "device_disabled");
    change("dev1", [](auto& s) { s.enabled = true; });
    EXPECT_EQ(ask(mine, "dev1"), "in");
    const auto list = value_of(pki::issue_crl(
        {1, test_now - 60, test_now + day, {{mine.peer->chain.front().serial(), test_now - 60}}}, root.certificate, root.key));
    EXPECT_TRUE(desk->registry().keep_list(ca, list));
    EXPECT_EQ(ask(mine, "dev1"), "certificate_revoked");
    EXPECT_EQ(ask(modules, "dev1/mod1"), "in");
    EXPECT_TRUE(desk->registry().raise_epoch({"dev1", "mod1"}, test_now));
    EXPECT_EQ(ask(modules, "dev1/mod1"), "epoch_passed");
}

TEST_F(DeviceDoor, APolicyOpensEachOfItsDoorsForItself) {
    const auto mine = with({leaf(root, "dev1")});
    group_policy closed{"meters", operation_set::none(), {}, {}};
    closed.allowed.add(operation::cloud_to_device);
    EXPECT_TRUE(desk->registry().set_policy(closed));
    EXPECT_EQ(ask(mine, "dev1"), "in") << "it is in no group";
    change("dev1", [](auto& s) { s.group = "meters"; });
    EXPECT_EQ(ask(mine, "dev1"), "policy_closed");
    EXPECT_EQ(ask(mine, "dev1", operation::cloud_to_device), "in");
    closed.group = default_group;
    EXPECT_TRUE(desk->registry().set_policy(closed));
    EXPECT_EQ(ask(with({leaf(root, "dev2")}), "dev2"), "policy_closed") << "of those in no group";
}

TEST_F(DeviceDoor, ATokenIsItsOwnAndCountsWhereTheHubTakesKeys) {
    const auto token = keyed("dev3", "hub.example/devices/dev3");
    EXPECT_EQ(ask(with({}, token), "dev3"), "shared_keys_off");
    EXPECT_TRUE(desk->registry().set({true, false, ""}));
    EXPECT_EQ(ask(with({}, token), "dev3"), "in");
    EXPECT_EQ(ask(with({}, keyed("dev4", "hub.example/devices/dev3")), "dev4"), "wrong_resource");
    EXPECT_EQ(ask(with({}, keyed("dev5", "hub.example/devices")), "dev5"), "wrong_resource") << "not of more than its own";
    EXPECT_EQ(ask(with({}, keyed("dev6", "hub.example/devices/dev6", "device")), "dev6"), "bad_token") << "a policy's";
    EXPECT_EQ(ask(with({}, keyed("dev3/mod1", "hub.example/devices/dev3/modules/mod1")), "dev3/mod1"), "shared_keys_off");
    EXPECT_EQ(ask(with({}, token), "dev1"), "login_not_allowed") << "it has a certificate";
    EXPECT_EQ(ask(with({leaf(root, "dev3")}), "dev3"), "login_not_allowed") << "it has a key";
    EXPECT_EQ(ask(with({}, "SharedAccessSignature x"), "dev3"), "bad_token");
    auto elsewhere = with({}, token);
    elsewhere.headers.set("Host", "other.example");
    EXPECT_EQ(ask(elsewhere, "dev3"), "wrong_resource");
    time.advance(60'000);
    EXPECT_EQ(ask(with({}, token), "dev3"), "token_expired");
}

TEST_F(DeviceDoor, IsNotWrittenDownAtEachRequest) {
    const auto mine = with({leaf(root, "dev1")});
    const auto last = [this] { return (*got(desk->registry().find({"dev1", ""}))).last_activity; };
    EXPECT_EQ(ask(mine, "dev1"), "in");
    EXPECT_EQ(last(), test_now);
    time.advance(30'000);
    EXPECT_EQ(ask(mine, "dev1"), "in");
    EXPECT_EQ(last(), test_now);
    time.advance(31'000);
    EXPECT_EQ(ask(mine, "dev1"), "in");
    EXPECT_EQ(last(), test_now + 61);
}

TEST_F(DeviceDoor, WhoIsRefusedIsToldNothing) {
    const auto said = device_door::refused();
    EXPECT_EQ(said.status, 401U);
    EXPECT_TRUE(said.headers.has("WWW-Authenticate"));
    net::http_request of_module;
    of_module.params = {{"id", "dev1"}, {"module", "mod1"}};
    EXPECT_EQ(app::named_in_path(of_module), "dev1/mod1");
    of_module.params = {{"id", "dev1/mod1"}};
    EXPECT_EQ(app::named_in_path(of_module), "") << "no module comes in where devices do";
}

}  // namespace
}  // namespace berth::test
