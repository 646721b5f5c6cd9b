// What the token of an upload is worth once its device would be let in no longer: it is judged at each use by what the device
// was let in by then.
#include "hub_server/blob_service.h"

#include "hub_server/device_door.h"
#include "hub_server/file_service.h"
#include "pki/crl_issuer.h"
#include "registry/hub/ca_lists.h"
#include "support/onboarding_parties.h"
#include "support/test_pki.h"

#include <gmock/gmock.h>

#include <thread>

namespace berth::test {
namespace {

using namespace registry;
using crypto::signature_algorithm;

class BlobService : public testing::Test {
protected:
    BlobService() {
        auto store = got(store::sqlite_hub_store::open((directory.path() / "hub.db").string()));
        EXPECT_TRUE(store->add_ca(ca));
        desk.emplace(loop, time, random, std::move(store));
        logins = got(app::login_desk::open(*desk, directory.path() / "hub.db", {}));
        door.emplace(*desk, *logins, metrics);
        app::hub_files_config config;
        config.most_file = config.device_quota = config.hub_quota = 1'000;
        files = got(app::file_desk::open(*desk, config, directory.path()));
        blobs.emplace(*files, *logins, metrics);
        for (const char* const name : {"dev1", "dev2", "dev3"}) {
            add(name, {});
        }
    }
    ~BlobService() override { desk->end_turn(); }
    identity add(const char* name, identity_settings settings) {
        auto out = make_identity({name, ""}, std::move(settings), random, time.now());
        EXPECT_EQ(name_of_error(desk->registry().add(out)), "accepted");
        desk->end_turn();
        return out;
    }
    void change(const char* name, const std::function<void(identity_settings&)>& how) {
        const auto before = *got(desk->registry().find({name, ""}));
        auto settings = before.settings;
        how(settings);
        EXPECT_TRUE(desk->registry().change(before, settings, time.now()));
    }
    static authority make_signer(const authority& above) {
        auto contents = pki::issuing_ca_template("Test", "Signer", usual);
        contents.path_length = 0;
        return make_ca(above, contents, signature_algorithm::ecdsa_p256_sha256);
    }
    static pki::certificate leaf(const authority& by, const std::string& name) {
        return issue(by, pki::client_template("Test", name, usual), signature_key("of " + name).public_key().spki());
    }
    static pki::crl list_of(const authority& by, const pki::certificate& revoked) {
        return value_of(
            pki::issue_crl({1, test_now - 60, test_now + day, {{revoked.serial(), test_now - 30}}}, by.certificate, by.key));
    }
    // What `device` is given when it logs in by these.
    std::map<std::string, std::string> token(const std::string& device, std::vector<pki::certificate> chain,
                                             const std::string& by_key = "") {
        net::http_request asks;
        auto peer = std::make_shared<net::peer_info>();
        peer->address = "192.0.2.1:40000";
        peer->chain = std::move(chain);
        asks.peer = std::move(peer);
        asks.headers.add("Host", "hub.example");
        if (!by_key.empty()) {
            asks.headers.add("Authorization", by_key);
        }
        const auto who = door->admit(asks, device, operation::file_upload);
        EXPECT_TRUE(who) << name_of_error(who);
        EXPECT_TRUE(desk->begin());
        const auto login =
            got(hub::keep_login(desk->registry(), who->identity, who->chain, who->words ? &*who->words : nullptr, time.now()));
        const auto started = got(files->begin(who->identity, "a", hub::to_text(login)));
        desk->end_turn();
        return got(net::parse_query(started.token.substr(1)));
    }
    unsigned ask(const std::string& device, const std::map<std::string, std::string>& query, const char* comp = "") {
        net::http_request request;
        request.method = "PUT";
        request.query = query;
        request.body = "x";
        if (*comp != '\0') {
            request.query["comp"] = comp;
            request.query["blockid"] = "YQ==";
        }
        request.params = {{"rest", device + "/a"}};
        request.headers.add("x-ms-blob-type", "BlockBlob");
        request.peer = std::make_shared<net::peer_info>();
        if (std::string_view(comp) == "blocklist") {
            request.body = "<BlockList><Latest>YQ==</Latest></BlockList>";
        }
        unsigned status = 0;
        blobs->serve(request, net::http_responder([&status](const net::http_response& r) { status = r.status; }));
        for (int i = 0; i < 10'000 && status == 0; ++i) {
            desk->end_turn();
            loop.restart();
            loop.post([this] { loop.stop(); });
            loop.run();
            if (status == 0) {
                std::this_thread::sleep_for(std::chrono::milliseconds(1));  // the disk is another thread's
            }
        }
        return status;
    }
    // Of Put Block, Put Block List, Put Blob.
    std::vector<unsigned> put(const std::string& device, const std::map<std::string, std::string>& query) {
        return {ask(device, query, "block"), ask(device, query, "blocklist"), ask(device, query)};
    }

    const std::vector<unsigned> taken{201, 201, 201}, refused{403, 403, 403};
    temporary_directory directory;
    net::loop loop;
    manual_clock time{test_now};
    named_random random{"blobs"};
    ops::metric_registry metrics;
    authority root = make_root("Fleet", signature_algorithm::ecdsa_p256_sha256), signer = make_signer(root);
    registered_ca ca{"fleet", root.certificate, ca_state::verified, "", 0, test_now, test_now, 0, 1};
    std::vector<pki::certificate> mine{leaf(signer, "dev1"), signer.certificate}, other{leaf(root, "dev2")};
    std::optional<app::hub_desk> desk;
    std::unique_ptr<app::login_desk> logins;
    std::optional<app::device_door> door;
    std::unique_ptr<app::file_desk> files;
    std::optional<app::blob_service> blobs;
};

TEST_F(BlobService, ATokenEndsWithTheCaThatVouchedForItsDevice) {
    const auto query = token("dev1", mine);
    EXPECT_EQ(put("dev1", query), taken);
    ca = *got(desk->registry().find_ca("fleet"));
    EXPECT_TRUE(desk->registry().remove_ca(ca));
    EXPECT_EQ(put("dev1", query), refused);
    // Another one with its name vouches for others.
    auto again = ca;
    again.certificate = make_root("Fleet again", signature_algorithm::ecdsa_p256_sha256).certificate;
    EXPECT_TRUE(desk->registry().add_ca(again));
    EXPECT_EQ(put("dev1", query), refused);
    EXPECT_THAT(metrics.text(), testing::HasSubstr(R"(berth_hub_files_total{operation="put_block",outcome="login_over"} 2)"));
}

TEST_F(BlobService, ATokenEndsWithItsDevicesCertificateAndNoOther) {
    const auto query = token("dev1", mine), others = token("dev2", other);
    const auto of_signer = list_of(signer, mine.front());
    EXPECT_EQ(
        name_of_error(take_signer_list(desk->registry(), "fleet", std::vector{signer.certificate}, of_signer.der(), test_now)),
        "accepted");
    EXPECT_EQ(put("dev1", query), refused);
    EXPECT_EQ(put("dev2", others), taken);
    ca = *got(desk->registry().find_ca("fleet"));
    EXPECT_TRUE(desk->registry().keep_list(ca, list_of(root, other.front())));
    EXPECT_EQ(put("dev2", others), refused);
}

TEST_F(BlobService, ATokenEndsWithASignerAboveItsDevice) {
    const auto query = token("dev1", mine), others = token("dev2", other);
    EXPECT_TRUE(desk->registry().keep_list(ca, list_of(root, signer.certificate)));
    EXPECT_EQ(put("dev1", query), refused);
    EXPECT_EQ(put("dev2", others), taken);
}

TEST_F(BlobService, ATokenEndsWithTheWayInThatItsDeviceTook) {
    const auto query = token("dev1", mine);
    change("dev1", [](auto& s) { s.enabled = false; });
    EXPECT_EQ(put("dev1", query), refused);
    change("dev1", [](auto& s) { s.enabled = true; });
    EXPECT_EQ(put("dev1", query), taken);
    change("dev1", [](auto& s) { s.login.way = login_way::none; });
    EXPECT_EQ(put("dev1", query), refused);
    // By its thumbprint it would still be let in.
    change("dev1", [this](auto& s) {
        s.login.way = login_way::thumbprint;
        s.login.primary = mine.front().sha256();
    });
    EXPECT_EQ(put("dev1", query), taken);
    EXPECT_TRUE(desk->registry().remove_ca(ca));
    EXPECT_EQ(put("dev1", query), taken) << "which no CA has to vouch for";
    change("dev1", [this](auto& s) { s.login.primary = other.front().sha256(); });
    EXPECT_EQ(put("dev1", query), refused);
}

TEST_F(BlobService, ATokenOfWhoCameByKeyEndsWithThatKey) {
    EXPECT_TRUE(desk->registry().set({true, false, ""}));
    identity_settings by_key;
    by_key.login.way = login_way::shared_key;
    const auto keyed = add("dev4", by_key);
    auto keys = draw_shared_keys(random);
    EXPECT_TRUE(desk->registry().set_keys(keyed, keys, time.now()));
    const auto query = token("dev4", {}, hub::make_sas_token("hub.example/devices/dev4", keys.secondary, time.now() + 60, ""));
    EXPECT_EQ(put("dev4", query), taken);
    time.advance(61'000);
    EXPECT_EQ(put("dev4", query), taken) << "the device's own token was for the one request";
    EXPECT_TRUE(desk->registry().set({false, false, ""}));
    EXPECT_EQ(put("dev4", query), refused);
    EXPECT_TRUE(desk->registry().set({true, false, ""}));
    keys.primary = draw_shared_key(random);
    EXPECT_TRUE(desk->registry().set_keys(*got(desk->registry().find({"dev4", ""})), keys, time.now()));
    EXPECT_EQ(put("dev4", query), taken) << "the other one";
    keys.secondary = draw_shared_key(random);
    EXPECT_TRUE(desk->registry().set_keys(*got(desk->registry().find({"dev4", ""})), keys, time.now()));
    EXPECT_EQ(put("dev4", query), refused);
}

TEST_F(BlobService, WhatNobodyKnowsTheLoginOfOpensNothing) {
    const auto who = *got(desk->registry().find({"dev3", ""}));
    for (const char* const bad : {"", "{}", "[]", R"({"key":"AAAA"})", R"({"thumbprint":"","from":0,"until":0})"}) {
        EXPECT_TRUE(desk->begin());
        const auto started = got(files->begin(who, "a", bad));
        desk->end_turn();
        EXPECT_EQ(put("dev3", got(net::parse_query(started.token.substr(1)))), refused) << bad;
    }
    // What is written is what is read.
    auto before = hub::judged_chain(logins->gate().judge(mine));
    before.epoch = 7;
    const auto after = got(hub::parse_kept_login(hub::to_text({before, {}}))).chain;
    EXPECT_EQ(after.thumbprint, before.thumbprint);
    EXPECT_EQ(after.ca, before.ca);
    EXPECT_EQ(after.epoch, before.epoch);
    EXPECT_EQ(after.name->text(), "dev1");
    EXPECT_EQ(std::pair(after.not_before, after.not_after), std::pair(before.not_before, before.not_after));
    ASSERT_EQ(after.path.size(), 2U);
    EXPECT_EQ(after.path[1].serial, before.path[1].serial);
    EXPECT_EQ(after.path[1].issuer_key, root.certificate.spki_sha256());
}

TEST_F(BlobService, ATokenEndsWithTheCertificate) {
    const auto query = token("dev1", mine);
    EXPECT_EQ(put("dev1", query), taken);
    const auto login = got(hub::parse_kept_login(got(files->records().find_open("dev1", "a"))->login));
    EXPECT_TRUE(logins->judge_kept("dev1", login).in);
    EXPECT_EQ(logins->judge_kept("dev2", login).refusal, hub::login_refusal::name_mismatch);
    time.advance((login.chain.not_after + 1 - time.now()) * 1'000);
    EXPECT_FALSE(logins->judge_kept("dev1", login).in);
}

}  // namespace
}  // namespace berth::test
