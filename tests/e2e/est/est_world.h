// An EST server of berthd's over a customer's CAs, a maker's devices, and everybody who asks.
#pragma once

#include "common/files.h"
#include "pki/private_key_file.h"
#include "support/onboarding_parties.h"
#include "support/programs.h"
#include "support/test_pki.h"

#include <csignal>

namespace berth::test {

class EstServer : public testing::Test {
protected:
    static void SetUpTestSuite() {
        directory = std::make_unique<temporary_directory>();
        const unix_seconds now = system_clock().now();
        const pki::validity these_days{now - day, now + 100 * day};
        const auto p256 = crypto::signature_algorithm::ecdsa_p256_sha256;
        const auto maker = make_root("maker", p256, these_days);
        const auto stranger = make_root("stranger", p256, these_days);
        const auto web = make_root("web", p256, these_days);
        write("z1.pem", maker.certificate.to_pem());
        write("web.pem", web.certificate.to_pem());
        const auto server_key = signature_key("server");
        keep("server", test::issue(web, pki::server_template("Test", {"localhost"}, these_days), server_key.public_key().spki()),
             server_key);
        for (const char* serial : {"SN-1", "SN-2", "SN-3"}) {
            make_idevid(maker, serial, serial, these_days);
        }
        make_idevid(stranger, "SN-9", "clone", these_days);
        const auto kem = kem_key("server");
        write("kem-server.pem",
              test::issue(web, pki::masa_kem_template("Test", "localhost", these_days), kem.public_key().spki()).to_pem());
        ASSERT_TRUE(pki::save_private_key(at("kem-server.key"), kem));
        const auto device = kem_key("SN-1");
        write("SN-1-kem.pem",
              test::issue(maker, pki::idevid_kem_template("Test", "SN-1", std::nullopt, these_days), device.public_key().spki())
                  .to_pem());
        ASSERT_TRUE(pki::save_private_key(at("SN-1-kem.key"), device));
        must({"ca", "init", "--dir", at("ca"), "--customer", "Birch", "--hierarchy", "customer", "--algorithm", "p256"});
        write("ca/ca.toml", profiles + more_profiles);
        secret_file("password", "correct horse");
        secret_file("wrong-password", "battery staple");
        secret_file("header", "0123456789abcdef0123456789abcdef");
        secret_file("wrong-header", "0123456789abcdef0123456789abcdeg");
        must({"est", "user", "SN-7", "--file", at("users"), "--password-file", at("password")});
        for (const auto& [name, text] : more_files) {
            write(name, text);
        }
        write("berthd.toml", configuration + more_configuration);
        const auto check = run_program("berthd", {"--json", "check", at("berthd.toml")});
        ASSERT_EQ(check.exit, 0) << check.all();
        start();
    }
    static void TearDownTestSuite() {
        server.reset();
        directory.reset();
    }

    static void start() {
        auto child = app::child_process::start(std::filesystem::path(BERTH_BIN_DIR) / "berthd", {"--config", at("berthd.toml")});
        ASSERT_TRUE(child) << child.error().message;
        server = std::make_unique<app::child_process>(std::move(*child));
        ASSERT_TRUE(says("\"ready\"")) << "berthd did not begin";
    }
    // Whether it says so, on either of its outputs; notes ports meanwhile.
    static bool says(const std::string& text, milliseconds most = 20'000) {
        const milliseconds until = system_clock().steady() + most;
        while (system_clock().steady() < until && !server->ended()) {
            app::poll_children({&*server}, 50);
            bool said = false;
            for (auto lines : {server->take_output_lines(), server->take_error_lines()}) {
                for (const auto& line : lines) {
                    const auto object = wire::parse_json_object(line);
                    if (object && object->contains("port")) {
                        ports[std::string(object->at("name").as_string())] = object->at("port").to_number<uint16_t>();
                    }
                    said = said || line.find(text) != std::string::npos;
                }
            }
            if (said) {
                return true;
            }
        }
        return false;
    }

    static std::string at(const std::string& name) { return (directory->path() / name).string(); }
    static void write(const std::string& name, const std::string& text) { ASSERT_TRUE(app::write_text(at(name), text)); }
    static void secret_file(const std::string& name, const std::string& text) {
        ASSERT_TRUE(app::write_text(at(name), text + "\n", 0600));
    }
    static void keep(const std::string& name, const pki::certificate& leaf, const crypto::signing_key& key) {
        write(name + ".pem", leaf.to_pem());
        ASSERT_TRUE(pki::save_private_key(at(name + ".key"), key));
    }
    static void make_idevid(const test::authority& by, const std::string& serial, const std::string& name, pki::validity v) {
        const auto key = signature_key("idevid " + name);
        keep(name, test::issue(by, pki::idevid_signature_template("Test", serial, std::nullopt, v), key.public_key().spki()),
             key);
    }
    static program_result must(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), "--json");
        auto out = run_program("berth", arguments);
        EXPECT_EQ(out.exit, 0) << fmt::format("{}\n", fmt::join(arguments, " ")) << out.all();
        return out;
    }

    // berth est WHAT --server ...; `with`: further options.
    static program_result est(const std::string& what, const std::string& label, std::vector<std::string> with,
                              const std::string& listener = "https") {
        std::vector<std::string> all{"--json", "est",        what, "--server", fmt::format("localhost:{}", ports.at(listener)),
                                     "--ca",   at("web.pem")};
        if (!label.empty()) {
            all.insert(all.end(), {"--label", label});
        }
        all.insert(all.end(), with.begin(), with.end());
        return run_program("berth", all);
    }
    static std::vector<std::string> as(const std::string& name, std::vector<std::string> more = {}) {
        more.insert(more.end(), {"--cert", at(name + ".pem"), "--key", at(name + ".key")});
        return more;
    }
    // A new key of that name, certified.
    static std::vector<std::string> new_key(const std::string& name, const std::string& serial,
                                            std::vector<std::string> more = {}, const std::string& algorithm = "p256") {
        more.insert(more.end(), {"--new-key", at(name + ".key"), "--alg", algorithm, "--out", at(name + ".pem")});
        if (!serial.empty()) {
            more.insert(more.end(), {"--subject", "serialNumber=" + serial});
        }
        return more;
    }
    static pki::certificate leaf(const std::string& name) { return got(app::read_certificate(at(name + ".pem"))); }
    static std::string url(const std::string& label, const std::string& operation, const std::string& listener = "https") {
        return fmt::format("https://localhost:{}/.well-known/est/{}{}{}", ports.at(listener), label, label.empty() ? "" : "/",
                           operation);
    }
    // Status, then the body.
    static program_result curl(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"-sS", "--cacert", at("web.pem"), "-w", "\\n%{http_code}"});
        return run_program("/usr/bin/curl", arguments);
    }
    static std::string status_of(const program_result& r) { return r.output.empty() ? "none: " + r.all() : r.output.back(); }
    static program_result openssl(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), BERTH_OPENSSL_COMMAND);  // a name alone where the system's is new enough
        return run_program("/usr/bin/env", arguments);
    }

    static constexpr const char* profiles = R"(
[[profile]]
name = "ldevid"
authority = "ldevid-ca"
requires = ["idevid", "basic", "ldevid"]
subject = "O=Birch,serialNumber={serial}"
keys = ["p256", "mldsa65"]
lifetime = "1y"
extended_key_usages = ["clientAuth"]
[[profile]]
name = "device-id"
authority = "ca"
requires = ["ldevid", "operational"]
subject = "O=Birch,serialNumber={serial}"
keys = ["p256"]
lifetime = "8h"
extended_key_usages = ["clientAuth"]
[[profile]]
name = "kem"
authority = "ca"
requires = ["idevid"]
subject = "O=Test,serialNumber={serial}"
keys = ["mlkem768_p256"]
lifetime = "30d"
extended_key_usages = ["clientAuth"]
[[profile]]
name = "password"
authority = "ca"
requires = ["basic"]
subject = "serialNumber={serial}"
keys = ["p256"]
lifetime = "8h"
extended_key_usages = ["clientAuth"]
[[profile]]
name = "token"
authority = "ca"
requires = ["token"]
subject = "serialNumber={serial}"
keys = ["p256"]
lifetime = "8h"
extended_key_usages = ["clientAuth"]
[[profile]]
name = "line"
authority = "ldevid-ca"
requires = ["idevid+secret+address"]
subject = "O=Birch,serialNumber={serial}"
keys = ["p256"]
lifetime = "1y"
extended_key_usages = ["clientAuth"]
[[profile]]
name = "slow"
authority = "ca"
requires = ["idevid"]
subject = "O=Birch,serialNumber={serial}"
keys = ["p256"]
lifetime = "8h"
extended_key_usages = ["clientAuth"]
approval = true
)";
    static constexpr const char* configuration = R"(
[est]
listen = "127.0.0.1:0"
tls12_listen = "127.0.0.1:0"
authkem_listen = "127.0.0.1:0"
chain = "server.pem"
key = "file:server.key"
authkem_chain = "kem-server.pem"
authkem_key = "file:kem-server.key"
directory = "ca"
users = "users"
header = "X-Line-Secret"
header_file = "header"
addresses = ["127.0.0.0/8"]
[[est.trust]]
proof = "idevid"
anchors = ["z1.pem"]
[[est.trust]]
proof = "ldevid"
anchors = ["ca/ldevid-ca.pem"]
[[est.trust]]
proof = "operational"
anchors = ["ca/ca.pem"]
[[est.label]]
profile = "ldevid"
[[est.label]]
label = "device-id"
profile = "device-id"
[[est.label]]
label = "bound"
profile = "ldevid"
binding = "required"
[[est.label]]
label = "kem"
profile = "kem"
[[est.label]]
label = "password"
profile = "password"
serverkeygen = true
[[est.label]]
label = "token"
profile = "token"
[[est.label]]
label = "line"
profile = "line"
[[est.label]]
label = "slow"
profile = "slow"
retry_after = 1
)";
    static inline std::string more_profiles, more_configuration;  // of a suite of its own
    static inline std::map<std::string, std::string> more_files;
    static inline std::unique_ptr<temporary_directory> directory;
    static inline std::unique_ptr<app::child_process> server;
    static inline std::map<std::string, uint16_t> ports;
};

}  // namespace berth::test
