// What can be done over a hub's API, by curl and openssl alone.
#include "hub_api_world.h"

namespace berth::test {
namespace {

using testing::HasSubstr;

class HubRegistry : public HubApi {
protected:
    std::string send_file(const std::string& path, const std::string& file, const std::string& type = "application/x-pem-file") {
        return as("alice", "POST", path, "", {"-H", "Content-Type: " + type, "--data-binary", "@" + at(file)});
    }
};

TEST_F(HubRegistry, ACaIsRegisteredAndProvedFromAfar) {
    make_ca("fleet");
    begin();
    EXPECT_EQ(send_file("/v1/cas?name=fleet", "fleet.key"), "400");
    EXPECT_EQ(error_name(), "private_key_in_file");
    ASSERT_EQ(send_file("/v1/cas?name=fleet", "fleet.pem"), "201");
    const std::string code(body().at("code").as_string());
    openssl("req -new -newkey rsa:2048 -nodes -keyout t.key -subj /CN=" + code + " -out proof.csr");
    openssl("x509 -req -in proof.csr -CA fleet.pem -CAkey fleet.key -days 1 -out proof.pem");
    EXPECT_EQ(send_file("/v1/cas/fleet/verify", "fleet.pem"), "400");
    EXPECT_EQ(send_file("/v1/cas/fleet/verify", "proof.pem"), "200");
    EXPECT_TRUE(body().at("letsIn").as_bool());
    EXPECT_TRUE(done({"ca", "show", "fleet"}).at("lets_in").as_bool()) << "as the command sees it";
    EXPECT_EQ(as("alice", "POST", "/v1/cas/fleet/retire", R"({"at":"2026-01-01T00:00:00Z"})"), "200");
    EXPECT_FALSE(body().at("letsIn").as_bool());
    EXPECT_EQ(as("alice", "DELETE", "/v1/cas/fleet"), "200");
    EXPECT_EQ(as("alice", "GET", "/v1/cas/fleet"), "404");
    EXPECT_THAT(text("body"), HasSubstr("CertificateNotFound"));
}

TEST_F(HubRegistry, SharedKeysForThoseWhoMayWrite) {
    done({"set", "--device-sas", "on"});
    const auto token = [this](const char* policy, const char* rights) {
        done({"access-policy", "add", policy, "--rights", rights});
        return std::string(done({"access-policy", "token", policy, "--host", "localhost"}).at("token").as_string());
    };
    const auto reader = token("reader", "registryRead"), writer = token("writer", "registryRead,registryWrite");
    begin();
    const std::string asked = R"({"authentication":{"type":"sas","symmetricKey":{"primaryKey":"","secondaryKey":""}}})";
    ASSERT_EQ(with_token(writer, "PUT", "/devices/d", asked), "200") << text("body");
    const std::string key(body().at("authentication").at("symmetricKey").at("primaryKey").as_string());
    EXPECT_EQ(key.size(), 44U);
    EXPECT_EQ(
        std::string(done({"device", "show", "--keys", "d"}).at("authentication").at("symmetricKey").at("primaryKey").as_string()),
        key);
    EXPECT_EQ(with_token(writer, "GET", "/devices/d"), "200");
    EXPECT_THAT(text("body"), HasSubstr(key));
    for (const char* const path : {"/devices/d", "/devices", "/v1/identities", "/v1/events"}) {
        EXPECT_EQ(with_token(reader, "GET", path), "200") << path;
        EXPECT_THAT(text("body"), testing::Not(HasSubstr(key))) << path;
    }
    EXPECT_TRUE(says("\"hub_changed\"") || heard_.find("hub_changed") != std::string::npos);
    EXPECT_THAT(heard_, testing::Not(HasSubstr(key))) << "nothing of it is logged";
    done({"set", "--device-sas", "off"});
    EXPECT_EQ(with_token(writer, "PUT", "/devices/e", asked), "400");
    EXPECT_EQ(error_name(), "shared_keys_refused");
}

TEST_F(HubRegistry, ManyAtOnceAndWhatBecameOfThem) {
    begin();
    std::string lines;
    for (int i = 0; i < 3'000; ++i) {
        lines += fmt::format("{{\"deviceId\":\"dev-{:04}\",\"status\":\"{}\"}}\n", i, i % 10 == 0 ? "disabled" : "enabled");
    }
    put("good.jsonl", lines);
    put("bad.jsonl", lines + "{\"deviceId\":\"bad name\"}\n");
    EXPECT_EQ(send_file("/v1/import", "bad.jsonl", "application/jsonl"), "400");
    EXPECT_EQ(body().at("why").at(0).at("line").to_number<int>(), 3'001);
    EXPECT_EQ(done({"statistics"}).at("totalDeviceCount").to_number<int>(), 0) << "all or nothing";
    EXPECT_EQ(send_file("/v1/import?skipBadLines=true", "bad.jsonl", "application/jsonl"), "200");
    EXPECT_EQ(body().at("added").to_number<int>(), 3'000);
    EXPECT_EQ(send_file("/v1/import", "good.jsonl", "application/jsonl"), "200");
    EXPECT_EQ(body().at("already").to_number<int>(), 3'000) << "once is as good as twice";
    EXPECT_EQ(as("alice", "GET", "/statistics/devices"), "200");
    EXPECT_EQ(body().at("disabledDeviceCount").to_number<int>(), 300);
    // Page by page.
    std::string next;
    int pages = 0, seen = 0;
    do {
        ASSERT_EQ(as("alice", "GET", "/v1/identities?status=disabled&most=200" + (next.empty() ? "" : "&after=" + next)), "200");
        const auto page = body();
        seen += static_cast<int>(page.at("items").as_array().size());
        next = page.at("next").is_null() ? "" : std::string(page.at("next").as_string());
        ++pages;
    } while (!next.empty());
    EXPECT_EQ(seen, 300);
    EXPECT_EQ(pages, 2);
    EXPECT_EQ(as("alice", "POST", "/v1/devices/dev-0001/revoke"), "200");
    EXPECT_EQ(as("alice", "GET", "/v1/events?after=3000"), "200");
    EXPECT_EQ(body().at("events").at(0).at("event").as_string(), "revoked");
}

TEST_F(HubRegistry, BodiesAndHeadersHaveTheirBounds) {
    begin();
    put("large", std::string(4 * 1024 * 1024 + 1, ' '));
    put("medium", std::string(1024 * 1024 + 1, ' '));
    put("small", "{\"statusReason\":\"" + std::string(64 * 1024, 'x') + "\"}");
    EXPECT_EQ(send_file("/v1/import", "large", "application/jsonl"), "413");
    EXPECT_EQ(send_file("/devices", "medium", "application/json"), "413");
    EXPECT_EQ(as("alice", "PUT", "/devices/a", "", {"-H", "Content-Type: application/json", "--data-binary", "@" + at("small")}),
              "413");
    EXPECT_EQ(send_file("/v1/import", "medium", "application/jsonl"), "200");
    EXPECT_EQ(as("alice", "GET", "/devices", "", {"-H", "X-Long: " + std::string(20'000, 'x')}), "431");
    EXPECT_EQ(as("alice", "GET", "/devices"), "200") << "and it serves on";
}

// Each connection is one client's; all write at once.
TEST_F(HubRegistry, OfManyWhoHaveReadTheSameOneChangesIt) {
    begin();
    ASSERT_EQ(as("alice", "PUT", "/devices/dev1", "{}"), "200");
    const std::string etag(body().at("etag").as_string());
    std::vector<std::string> arguments{"-sS", "-Z", "--parallel-immediate", "--max-time", "30"};
    for (int i = 0; i < 20; ++i) {
        if (i > 0) {
            arguments.emplace_back("--next");
        }
        arguments.insert(arguments.end(), {"--cacert", at("web.pem"), "--cert", at("alice.pem"), "--key", at("alice.key"), "-X",
                                           "PUT", "-H", "If-Match: \"" + etag + "\"", "-H", "Content-Type: application/json",
                                           "-d", fmt::format(R"({{"statusReason":"writer {}"}})", i), "-o", "/dev/null", "-w",
                                           "%{http_code}\\n", url("/devices/dev1")});
    }
    const auto r = run_program("/usr/bin/curl", arguments);
    EXPECT_EQ(std::ranges::count(r.output, "200"), 1) << r.all();
    EXPECT_EQ(std::ranges::count(r.output, "412"), 19) << r.all();
}

TEST_F(HubRegistry, SpeaksTls13WithPostQuantumKeyAgreement) {
    begin();
    const auto r = run_program("/bin/sh", {"-c", "echo Q | " BERTH_OPENSSL_COMMAND " s_client -connect localhost:" +
                                                     std::to_string(ports_.at("hub")) + " -CAfile " + at("web.pem")});
    EXPECT_THAT(r.all(), HasSubstr("X25519MLKEM768"));
    const auto old = run_program("/bin/sh", {"-c", "echo Q | " BERTH_OPENSSL_COMMAND " s_client -tls1_2 -connect localhost:" +
                                                       std::to_string(ports_.at("hub"))});
    EXPECT_NE(old.exit, 0);
}

TEST_F(HubRegistry, IsCounted) {
    begin(std::string(usual) + "[admin]\nlisten = \"127.0.0.1:0\"\n");
    as("alice", "GET", "/devices/nobody");
    as("alice", "GET", "/devices");
    curl({}, "/devices");
    as("alice", "POST", "/devices", R"([{"id":"a","importMode":"create"},{"id":"b","importMode":"update"}])");
    const auto r = run_program("/usr/bin/curl", {"-sS", fmt::format("http://127.0.0.1:{}/metrics", ports_.at("admin"))});
    for (const char* const line : {R"(berth_hub_requests_total{operation="getDevice",outcome="unknown_identity"} 1)",
                                   R"(berth_hub_requests_total{operation="listDevices",outcome="ok"} 1)",
                                   R"(berth_hub_requests_total{operation="listDevices",outcome="no_credentials"} 1)",
                                   R"(berth_hub_requests_total{operation="changeMany",outcome="partly"} 1)"}) {
        EXPECT_THAT(r.all(), HasSubstr(line));
    }
    const auto ready = run_program("/usr/bin/curl", {"-sS", fmt::format("http://127.0.0.1:{}/readyz", ports_.at("admin"))});
    EXPECT_THAT(ready.all(), HasSubstr("hub_store"));
}

}  // namespace
}  // namespace berth::test
