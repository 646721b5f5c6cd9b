// Files that devices upload, with curl and devices' own certificates: what opens, what does not, and what a kill leaves.
#include "crypto/md5.h"
#include "kept_world.h"
#include "pki/crl_issuer.h"
#include "pki/private_key_file.h"
#include "wire/base64.h"

namespace berth::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class KeptFiles : public Kept {
protected:
    void begin_with(const std::string& files = "") {
        begin(false, "[hub.files]\n" + files + "\n[admin]\nlisten = \"127.0.0.1:0\"\n");
    }
    // "BODY STATUS"
    [[nodiscard]] std::string curl(std::vector<std::string> words, const std::string& target) const {
        words.insert(words.begin(), {"-sS", "-w", " %{http_code}", "--path-as-is", "--cacert", world->server_root().string()});
        words.push_back(target.starts_with("https:") ? target
                                                     : fmt::format("https://localhost:{}{}", world->at("https").port, target));
        return run_program("/usr/bin/curl", words, 60'000, our_libraries()).all();
    }
    [[nodiscard]] std::vector<std::string> as(const app::hub_world::holder& who, std::vector<std::string> more = {}) const {
        more.insert(more.begin(), {"--cert", who.chain.string(), "--key", who.key.string()});
        return more;
    }
    [[nodiscard]] std::string ask(const app::hub_world::holder& who, const std::string& target, const std::string& body,
                                  std::vector<std::string> more = {}) const {
        more.insert(more.end(), {"-H", "Content-Type: application/json", "--data-binary", body});
        return curl(as(who, std::move(more)), target);
    }
    struct upload {
        std::string correlation, url, token;  // url: without the token
        [[nodiscard]] std::string at(const std::string& more) const { return url + token + more; }
    };
    [[nodiscard]] upload start(const std::string& device, const std::string& name) const {
        const auto answer = ask(holder(device), "/devices/" + device + "/files?api-version=2020-03-13",
                                wire::to_text(wire::json::object{{"blobName", name}}));
        const auto told = wire::parse_json_object(answer.substr(0, answer.rfind('}') + 1));
        EXPECT_TRUE(told) << answer << said;
        if (!told) {
            return {};
        }
        const auto part = [&](const char* of) { return std::string(told->at(of).as_string()); };
        EXPECT_EQ(part("hostName"), fmt::format("localhost:{}", world->at("https").port));
        EXPECT_EQ(part("blobName"), device + "/" + name);
        return {part("correlationId"), "https://" + part("hostName") + "/" + part("containerName") + "/" + part("blobName"),
                part("sasToken")};
    }
    [[nodiscard]] std::string over(const std::string& device, const std::string& correlation, bool success) const {
        return ask(holder(device), "/devices/" + device + "/files/notifications",
                   wire::to_text(wire::json::object{{"correlationId", correlation},
                                                    {"isSuccess", success},
                                                    {"statusCode", success ? 201 : 500},
                                                    {"statusDescription", ""}}));
    }
    [[nodiscard]] std::string put(const std::string& url, const std::string& octets, std::vector<std::string> more = {}) const {
        more.insert(more.end(), {"-X", "PUT", "-H", "x-ms-blob-type: BlockBlob", "--data-binary", octets});
        return curl(more, url);
    }
    // Its brokers go with it, and leave their ports.
    void kill_and_restart() {
        const auto done = run_program("/usr/bin/pgrep", {"-P", std::to_string(world->server().pid())});
        ::kill(world->server().pid(), SIGKILL);
        ASSERT_TRUE(eventually([&] {
            return std::ranges::none_of(done.output, [](const std::string& one) { return ::kill(std::stoi(one), 0) == 0; });
        }));
        const auto again = world->restart();
        ASSERT_TRUE(again) << again.error().message;
    }
    static std::string id(const char* of) { return wire::base64(as_bytes(std::string_view(of))); }
    static std::string list(const std::vector<std::string>& ids) {
        std::string out = "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>";
        for (const auto& one : ids) {
            out += "<Latest>" + one + "</Latest>";
        }
        return out + "</BlockList>";
    }
    static std::string contents(const fs::path& file) {
        std::ifstream in(file, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    // Of "DEVICE", its directory; of "DEVICE/NAME", the octets of its only file, whatever they are called.
    [[nodiscard]] fs::path kept(const std::string& name) const {
        const size_t end = name.find('/');
        const auto device = world->hub() / "files/kept" / name.substr(0, end);
        if (end == std::string::npos) {
            return device;
        }
        std::error_code none;
        const auto first = fs::directory_iterator(device, none);
        return none || first == fs::directory_iterator() ? device / "none" : first->path();
    }
};

TEST_F(KeptFiles, OnlyTheDeviceItselfGetsAToken) {
    begin_with();
    const auto asks = [&](const app::hub_world::holder& who, const std::string& device) {
        return ask(who, "/devices/" + device + "/files", R"({"blobName":"a"})");
    };
    EXPECT_THAT(asks(holder("dev-1"), "dev-1"), AllOf(HasSubstr("\"sasToken\":\"?sv="), HasSubstr(" 200")));
    const std::string refused = R"({"Message":"ErrorCode:IotHubUnauthorizedAccess;Unauthorized","ExceptionMessage":""} 401)";
    EXPECT_THAT(asks(holder("dev-2"), "dev-1"), HasSubstr(refused)) << "another device's certificate";
    EXPECT_THAT(asks(holder("dev-1"), "dev-9"), HasSubstr(refused));
    EXPECT_THAT(asks(holder("dev-1/mod-1"), "dev-1"), HasSubstr(refused)) << "its module's";
    EXPECT_THAT(asks(holder("dev-1/mod-1"), "dev-1%2Fmod-1"), HasSubstr(refused));
    EXPECT_THAT(asks(world->admin(), "dev-1"), HasSubstr(refused)) << "a foreign root";
    EXPECT_THAT(curl({"-H", "Content-Type: application/json", "--data-binary", R"({"blobName":"a"})"}, "/devices/dev-1/files"),
                HasSubstr(refused))
        << "no certificate";
    EXPECT_THAT(
        ask(holder("dev-1"), "/devices/dev-1/files", R"({"blobName":"a"})", {"-H", "Authorization: SharedAccessSignature x"}),
        HasSubstr(" 200"))
        << "it is its certificate that counts";
    for (const char* const bad : {"", "../dev-2/a", "a/../../b", "/a", "a//b", "a/", "a\\\\b", "a\\u0000b", "."}) {
        EXPECT_THAT(ask(holder("dev-1"), "/devices/dev-1/files", fmt::format(R"({{"blobName":"{}"}})", bad)),
                    AllOf(HasSubstr("bad_blob_name"), HasSubstr(" 400")))
            << bad;
    }
    EXPECT_THAT(ask(holder("dev-1"), "/devices/dev-1/files", "{}"), HasSubstr(" 400"));
    // A policy closes it, and what was open by it.
    const auto before = start("dev-1", "b");
    EXPECT_EQ(hub({"policy", "set", "default", "--allow", "telemetry"}).exit, 0);
    EXPECT_THAT(asks(holder("dev-1"), "dev-1"), HasSubstr(refused));
    EXPECT_THAT(put(before.at(""), "x"), HasSubstr(" 403"));
    EXPECT_EQ(hub({"policy", "set", "default", "--allow", "telemetry,file-upload"}).exit, 0);
    EXPECT_THAT(put(before.at(""), "x"), HasSubstr(" 201"));
    EXPECT_EQ(hub({"device", "disable", "dev-1"}).exit, 0);
    EXPECT_THAT(asks(holder("dev-1"), "dev-1"), HasSubstr(refused));
    EXPECT_THAT(put(before.at(""), "x"), HasSubstr(" 403"));
    EXPECT_EQ(hub({"device", "enable", "dev-1"}).exit, 0);
    EXPECT_THAT(put(before.at(""), "x"), HasSubstr(" 201"));
    EXPECT_EQ(hub({"device", "revoke", "dev-1"}).exit, 0);
    EXPECT_THAT(put(before.at(""), "x"), HasSubstr(" 403"));
    EXPECT_THAT(asks(holder("dev-1"), "dev-1"), HasSubstr(refused));
    const auto metrics =
        run_program("/usr/bin/curl", {"-sS", fmt::format("http://127.0.0.1:{}/metrics", world->at("admin").port)}).all();
    for (const char* const reason :
         {"name_mismatch", "no_certificate", "unknown_ca", "policy_closed", "disabled", "epoch_passed"}) {
        EXPECT_THAT(metrics, HasSubstr(fmt::format("berth_hub_refusals_total{{broker=\"https\",reason=\"{}\"}}", reason)));
    }
    EXPECT_THAT(metrics, HasSubstr("berth_hub_files_total{operation=\"begin\",outcome=\"bad_blob_name\"} 9"));
    EXPECT_TRUE(eventually([this] { return said.find("device_refused") != std::string::npos; })) << said;
}

TEST_F(KeptFiles, ATokenOpensOneFileAndNothingElse) {
    begin_with();
    const auto mine = start("dev-1", "logs/a"), other = start("dev-2", "a");
    EXPECT_THAT(put(mine.url, "x"), AllOf(HasSubstr("AuthenticationFailed"), HasSubstr(" 403"))) << "no token";
    EXPECT_THAT(put(other.url + mine.token, "x"), HasSubstr(" 403")) << "another device's file";
    EXPECT_THAT(put(mine.url + "2" + mine.token, "x"), HasSubstr(" 403"));
    EXPECT_THAT(put(mine.url + "/../b" + mine.token, "x"), HasSubstr(" 400"));
    EXPECT_THAT(put(mine.url + "%2F..%2Fb" + mine.token, "x"), HasSubstr(" 400"));
    EXPECT_THAT(put(mine.url + "%00" + mine.token, "x"), HasSubstr(" 400"));
    std::string longer = mine.token;
    longer.replace(longer.find("se=2"), 4, "se=3");
    EXPECT_THAT(put(mine.url + longer, "x"), HasSubstr(" 403"));
    EXPECT_THAT(curl({"-X", "DELETE"}, mine.at("")), HasSubstr(" 405"));
    EXPECT_THAT(curl({"-X", "DELETE"}, other.url + mine.token), HasSubstr(" 403"));
    EXPECT_THAT(put(mine.at("&comp=page"), "x"), HasSubstr(" 501"));
    EXPECT_THAT(put(mine.at(""), "x", {"-H", "If-Match: \"1\""}), HasSubstr(" 501"));
    EXPECT_THAT(put(mine.at("&comp=block&blockid=../../x"), "x"), HasSubstr(" 400"));
    EXPECT_THAT(put(mine.at("&comp=blocklist"), list({id("none")})), AllOf(HasSubstr("InvalidBlockList"), HasSubstr(" 400")));
    EXPECT_THAT(put(mine.at("&comp=blocklist"), "<!DOCTYPE a><BlockList/>"), HasSubstr(" 400"));
    EXPECT_FALSE(fs::exists(kept("dev-1")));
    EXPECT_THAT(put(mine.at(""), "hello", {"-H", "x-ms-blob-content-type: text/html"}), HasSubstr(" 201"));
    EXPECT_EQ(got(app::read_text(kept("dev-1/logs/a"))), "hello");
    EXPECT_EQ(fs::status(kept("dev-1/logs/a")).permissions(), fs::perms::owner_read | fs::perms::owner_write);
    EXPECT_THAT(put(mine.at(""), "again", {"-H", "If-None-Match: *"}), HasSubstr(" 409"));
    EXPECT_THAT(curl({}, mine.at("")), HasSubstr("hello 200"));
    EXPECT_THAT(curl({"-H", "Range: bytes=1-2"}, mine.at("")), HasSubstr("el 206"));
    EXPECT_THAT(curl({"-I"}, mine.at("")), AllOf(HasSubstr("Content-Length: 5"), HasSubstr("Content-Disposition: attachment")));
    EXPECT_THAT(curl({}, other.url + mine.token), HasSubstr(" 403"));
    EXPECT_THAT(over("dev-2", mine.correlation, true), HasSubstr(" 404"));
    EXPECT_THAT(over("dev-1", mine.correlation, true), HasSubstr(" 204"));
    EXPECT_THAT(curl({}, mine.at("")), HasSubstr(" 403")) << "it is over";
    EXPECT_THAT(put(mine.at(""), "later"), HasSubstr(" 403"));
    EXPECT_THAT(over("dev-1", mine.correlation, true), HasSubstr(" 404"));
    // A body that is too large is not read.
    EXPECT_TRUE(app::write_text(at("large"), std::string(4 * 1024 * 1024 + 1, 'x')));
    EXPECT_THAT(put(other.at("&comp=block&blockid=" + id("1")), "@" + at("large")), HasSubstr(" 413"));
    // Nor one that no token opens.
    EXPECT_TRUE(app::write_text(at("much"), std::string(4 * 1024 * 1024, 'x')));
    const std::vector<std::string> waits{"-v", "-H", "Expect: 100-continue", "--expect100-timeout", "20"};
    EXPECT_THAT(put(other.url + mine.token + "&comp=block&blockid=" + id("1"), "@" + at("much"), waits),
                AllOf(HasSubstr("AuthenticationFailed"), Not(HasSubstr("100 Continue")), HasSubstr(" 403")));
    EXPECT_THAT(put(other.at("&comp=block&blockid=" + id("1")), "@" + at("much"), waits),
                AllOf(HasSubstr("100 Continue"), HasSubstr(" 201")));
    EXPECT_THAT(said, Not(HasSubstr("sig=")));
}

// By lists of the line that has signed both devices, and of the root above it; then the root is taken out.
TEST_F(KeptFiles, ATokenEndsWithWhatItsDeviceWasLetInBy) {
    begin_with();
    const auto certificate = [this](const std::string& name) {
        return got(pki::certificate::parse_pem_chain(got(app::read_text(world->directory() / (name + ".pem"))))).front();
    };
    const auto list_of = [&](const std::string& ca, const std::string& revoked) {
        const auto key = got(pki::load_signing_key((world->directory() / (ca + ".key")).string()));
        const unix_seconds now = system_clock().now();
        const pki::crl_template what{1, now - 60, now + 3'600, {{certificate(revoked).serial(), now - 30, {}}}};
        EXPECT_TRUE(app::write_text(at(ca + ".crl"), got(pki::issue_crl(what, certificate(ca), key)).to_pem()));
        return at(ca + ".crl");
    };
    const auto mine = start("dev-1", "a"), other = start("dev-2", "a");
    const auto blocks = "&comp=block&blockid=" + id("1");
    EXPECT_THAT(put(mine.at(blocks), "x"), HasSubstr(" 201"));
    EXPECT_EQ(hub({"ca", "crl", "fleet", list_of("fleet-line-1", "dev-1"), "--signer",
                   (world->directory() / "fleet-line-1.pem").string()})
                  .exit,
              0);
    EXPECT_THAT(put(mine.at(blocks), "x"),
                AllOf(HasSubstr("AuthenticationFailed"), Not(HasSubstr("revoked")), HasSubstr(" 403")));
    EXPECT_THAT(put(mine.at("&comp=blocklist"), list({id("1")})), HasSubstr(" 403"));
    EXPECT_THAT(put(mine.at(""), "x"), HasSubstr(" 403"));
    EXPECT_THAT(curl({}, mine.at("&comp=blocklist")), HasSubstr(" 403"));
    EXPECT_THAT(put(other.at(""), "x"), HasSubstr(" 201"));
    EXPECT_EQ(hub({"ca", "crl", "fleet", list_of("fleet-root", "fleet-line-1")}).exit, 0);
    EXPECT_THAT(put(other.at(""), "x"), HasSubstr(" 403"));
    EXPECT_EQ(hub({"ca", "crl", "fleet", "--forget"}).exit, 0);
    EXPECT_THAT(put(other.at(""), "x"), HasSubstr(" 201"));
    EXPECT_EQ(hub({"enrolment-group", "delete", "fleet"}).exit, 0);
    EXPECT_EQ(hub({"ca", "delete", "fleet", "--cut-off", "--forget-lists"}).exit, 0);
    EXPECT_THAT(put(other.at(""), "x"), HasSubstr(" 403"));
    EXPECT_TRUE(eventually([this] { return said.find("login_over") != std::string::npos; })) << said;
}

TEST_F(KeptFiles, WhatWasPutSurvivesAKill) {
    begin_with();
    const auto mine = start("dev-1", "large.bin");
    const std::string first(3'000'000, 'a'), second(2'000'000, 'b');
    EXPECT_TRUE(app::write_text(at("first"), first));
    EXPECT_TRUE(app::write_text(at("second"), second));
    const auto right = "Content-MD5: " + wire::base64(*crypto::md5(as_bytes(first)));
    EXPECT_THAT(put(mine.at("&comp=block&blockid=" + id("2")), "@" + at("second"), {"-H", right}),
                AllOf(HasSubstr("Md5Mismatch"), HasSubstr(" 400")));
    EXPECT_THAT(put(mine.at("&comp=block&blockid=" + id("1")), "@" + at("first"), {"-H", right}), HasSubstr(" 201"));
    kill_and_restart();
    // What is there it is told, by the token it has or by another.
    EXPECT_THAT(curl({}, mine.at("&comp=blocklist&blocklisttype=all")),
                HasSubstr("<Block><Name>" + id("1") + "</Name><Size>3000000</Size></Block></UncommittedBlocks>"));
    const auto anew = start("dev-1", "large.bin");
    EXPECT_THAT(put(anew.at("&comp=block&blockid=" + id("2")), "@" + at("second")), HasSubstr(" 201"));
    EXPECT_THAT(put(anew.at("&comp=blocklist"), list({id("1"), id("2")})), HasSubstr(" 201"));
    kill_and_restart();
    EXPECT_TRUE(contents(kept("dev-1/large.bin")) == first + second);
    EXPECT_THAT(over("dev-1", anew.correlation, true), HasSubstr(" 204"));
    EXPECT_TRUE(fs::is_empty(world->hub() / "files/staged"));
}

TEST_F(KeptFiles, QuotasAreToldByTheirNames) {
    begin_with("most_file = 1\ndevice_quota = 2\nhub_quota = 3\nmost_open = 2");
    EXPECT_TRUE(app::write_text(at("mebi"), std::string(1024 * 1024, 'x')));
    EXPECT_TRUE(app::write_text(at("more"), std::string(1024 * 1024 + 1, 'x')));
    const auto a = start("dev-1", "a");
    EXPECT_THAT(put(a.at(""), "@" + at("more")), AllOf(HasSubstr("RequestBodyTooLarge"), HasSubstr(" 413")));
    EXPECT_THAT(put(a.at(""), "@" + at("mebi")), HasSubstr(" 201"));
    const auto b = start("dev-1", "b");
    EXPECT_THAT(put(b.at("&comp=block&blockid=" + id("1")), "@" + at("mebi")), HasSubstr(" 201"));
    EXPECT_THAT(ask(holder("dev-1"), "/devices/dev-1/files", R"({"blobName":"c"})"),
                AllOf(HasSubstr("ThrottlingMaxActiveFileUploadCountExceeded"), HasSubstr(" 403")));
    EXPECT_THAT(over("dev-1", a.correlation, true), HasSubstr(" 204"));
    EXPECT_THAT(ask(holder("dev-1"), "/devices/dev-1/files", R"({"blobName":"c"})"),
                AllOf(HasSubstr("IotHubQuotaExceeded"), HasSubstr("device_quota_full"), HasSubstr(" 403")));
    const auto other = start("dev-2", "a");
    EXPECT_THAT(put(other.at(""), "@" + at("mebi")), HasSubstr(" 201"));
    EXPECT_THAT(put(other.at("&comp=block&blockid=" + id("1")), "x"), AllOf(HasSubstr("HubQuotaExceeded"), HasSubstr(" 413")));
    EXPECT_THAT(put(other.at("&comp=block&blockid=" + id("1")), "@" + at("mebi"),
                    {"-v", "-H", "Expect: 100-continue", "--expect100-timeout", "20"}),
                AllOf(HasSubstr("HubQuotaExceeded"), Not(HasSubstr("100 Continue")), HasSubstr(" 413")));
    EXPECT_EQ(hub({"file", "delete", "dev-1/a"}).exit, 0);
    EXPECT_FALSE(fs::exists(kept("dev-1")));
    EXPECT_THAT(put(other.at("&comp=block&blockid=" + id("1")), "x"), HasSubstr(" 201"));
}

TEST_F(KeptFiles, BackEndsAreToldAndOperatorsRead) {
    begin_with();
    const auto mine = start("dev-1", "a b/c");
    // As SDKs do it: the token's own path, with what a URL cannot have in escapes.
    auto url = mine.url;
    url.replace(url.find("a b"), 3, "a%20b");
    EXPECT_THAT(put(url + mine.token, "hello", {"-H", "x-ms-blob-content-type: text/plain"}), HasSubstr(" 201"));
    const auto notices = "/messages/serviceBound/filenotifications";
    EXPECT_THAT(curl(as(world->admin()), notices), HasSubstr(" 204")) << "not before the device has said so";
    EXPECT_THAT(ask(holder("dev-1"), "/devices/dev-1/files/notifications/" + mine.correlation + "?api-version=2020-03-13",
                    R"({"isSuccess":true,"statusCode":201,"statusDescription":"Created"})"),
                HasSubstr(" 204"));
    EXPECT_THAT(curl(as(holder("dev-1")), notices), HasSubstr(" 401"));
    EXPECT_THAT(curl({}, notices), HasSubstr(" 401"));
    const auto told = curl(as(world->admin(), {"-D", at("headers")}), notices);
    EXPECT_THAT(told, AllOf(HasSubstr("\"deviceId\":\"dev-1\""), HasSubstr("\"blobName\":\"dev-1/a b/c\""),
                            HasSubstr("/device-files/dev-1/a%20b/c\""), HasSubstr("\"blobSizeInBytes\":5"), HasSubstr(" 200")));
    EXPECT_THAT(curl(as(world->admin()), notices), HasSubstr(" 204")) << "it is locked";
    const auto lock_of = [this] {
        const auto headers = text("headers");
        const size_t from = headers.find("ETag: \"") + 7;
        return headers.substr(from, headers.find('"', from) - from);
    };
    EXPECT_THAT(curl(as(world->admin(), {"-X", "POST"}), notices + ("/" + lock_of()) + "/abandon"), HasSubstr(" 204"));
    EXPECT_THAT(curl(as(world->admin(), {"-D", at("headers")}), notices), HasSubstr(" 200"));
    EXPECT_THAT(curl(as(world->admin(), {"-X", "DELETE"}), notices + std::string("/x")), HasSubstr(" 412"));
    EXPECT_THAT(curl(as(world->admin(), {"-X", "DELETE"}), notices + ("/" + lock_of())), HasSubstr(" 204"));
    EXPECT_THAT(curl(as(world->admin()), notices), HasSubstr(" 204"));
    // Read and deleted over HTTPS and by command.
    EXPECT_THAT(curl(as(world->admin()), "/v1/files?device=dev-1"), HasSubstr(R"("name":"a b/c","octets":5)"));
    EXPECT_THAT(curl(as(world->admin()), "/v1/files?device=dev-2"), HasSubstr("{\"files\":[]} 200"));
    EXPECT_THAT(curl(as(holder("dev-1")), "/v1/files"), HasSubstr(" 401"));
    EXPECT_THAT(curl(as(world->admin()), "/v1/files/dev-1/a%20b/c"), HasSubstr("hello 200"));
    EXPECT_THAT(curl(as(world->admin()), "/v1/files/dev-1/../../key"), Not(HasSubstr(" 200")));
    EXPECT_THAT(curl(as(world->admin()), "/v1/files/dev-1/nothing"), HasSubstr(" 404"));
    EXPECT_THAT(hub({"file", "list"}).all(), HasSubstr(R"("name":"a b/c","octets":5,"contentType":"text/plain")"));
    EXPECT_EQ(hub({"file", "get", "dev-1/a b/c", "--out", at("got")}).exit, 0);
    EXPECT_EQ(text("got"), "hello");
    EXPECT_EQ(hub({"file", "get", "dev-1/../../key", "--out", at("key")}).error_name(), "bad_blob_name");
    EXPECT_THAT(curl(as(world->admin(), {"-X", "DELETE"}), "/v1/files/dev-1/a%20b/c"), HasSubstr(" 204"));
    EXPECT_THAT(curl(as(world->admin(), {"-X", "DELETE"}), "/v1/files/dev-1/a%20b/c"), HasSubstr(" 404"));
    EXPECT_FALSE(fs::exists(kept("dev-1")));
}

TEST_F(KeptFiles, MistakesAreToldBeforeAnythingStarts) {
    begin_with();
    const auto refused = [this](const std::string& table) {
        auto toml = got(app::read_text(world->config()));
        const size_t from = toml.find("[hub.files]");
        toml.erase(from, toml.find("[admin]") - from);
        EXPECT_TRUE(app::write_text(world->directory() / "wrong.toml", toml + "[hub.files]\n" + table));
        const auto r =
            run_program(fs::path(BERTH_BIN_DIR) / "berthd", {"--json", "check", (world->directory() / "wrong.toml").string()});
        EXPECT_NE(r.exit, 0) << table;
        return r.all();
    };
    EXPECT_THAT(refused("container = \"Files\""), HasSubstr("lower-case"));
    EXPECT_THAT(refused("container = \"devices\""), HasSubstr("another path"));
    EXPECT_THAT(refused("most_file = 2000"), HasSubstr("device_quota"));
    EXPECT_THAT(refused("device_quota = 20000"), HasSubstr("hub_quota"));
    EXPECT_THAT(refused("directory = \"nowhere/files\""), HasSubstr("file_error"));
    fs::create_directory(world->directory() / "open");
    fs::permissions(world->directory() / "open", fs::perms::all);
    EXPECT_THAT(refused("directory = \"open\""), HasSubstr("unsafe_permissions"));
}

}  // namespace
}  // namespace berth::test
