// A world with two customers, of which Birch has an EST server for whoever its registrar has certified.
#pragma once

#include "pki/private_key_file.h"
#include "support/small_world.h"
#include "support/test_pki.h"

namespace berth::test {

namespace fs = std::filesystem;

class EstOfBirch : public small_world {
protected:
    static void SetUpTestSuite() {
        begin({"Birch", "Cedar"});
        serve_est();
    }
    static void TearDownTestSuite() {
        est.reset();
        est_port = 0;
        small_world::TearDownTestSuite();
    }

    static std::string at(const std::string& name) { return (directory->path() / name).string(); }
    static program_result run(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), "--json");
        return berth(arguments);
    }
    // An est.toml: one credential, from there.
    static std::string keeping() {
        return fmt::format("[[est]]\nserver = \"localhost:{}\"\ntrust = \"{}\"\n[[est.credential]]\nname = \"device-id\"\n"
                           "algorithm = \"p256\"\nidentity = \"device\"\n",
                           est_port, at("web.pem"));
    }

    static void serve_est() {
        const unix_seconds now = system_clock().now();
        const pki::validity these_days{now - day, now + 100 * day};
        const auto web = make_root("web", crypto::signature_algorithm::ecdsa_p256_sha256, these_days);
        const auto key = signature_key("server");
        ASSERT_TRUE(app::write_text(at("web.pem"), web.certificate.to_pem()));
        ASSERT_TRUE(app::write_text(
            at("server.pem"),
            test::issue(web, pki::server_template("Test", {"localhost"}, these_days), key.public_key().spki()).to_pem()));
        ASSERT_TRUE(pki::save_private_key(at("server.key"), key));
        const auto made =
            run({"ca", "init", "--dir", at("est-ca"), "--customer", "Birch", "--hierarchy", "customer", "--algorithm", "p256"});
        ASSERT_EQ(made.exit, 0) << made.all();
        ASSERT_TRUE(app::write_text(at("est-ca/ca.toml"), R"(
[[profile]]
name = "device-id"
authority = "ca"
requires = ["ldevid", "operational"]
subject = "O=Birch,serialNumber={serial}"
names_maker = true
keys = ["p256"]
lifetime = "8h"
extended_key_usages = ["clientAuth"]
)"));
        ASSERT_TRUE(app::write_text(at("est.toml"), fmt::format(R"(
[est]
listen = "127.0.0.1:0"
chain = "server.pem"
key = "file:server.key"
directory = "est-ca"
[[est.trust]]
proof = "ldevid"
anchors = ["{}"]
[[est.trust]]
proof = "operational"
anchors = ["est-ca/ca.pem"]
[[est.label]]
profile = "device-id"
)",
                                                                (world->customer("Birch").ca / "z2.pem").string())));
        est.emplace(got(app::child_process::start(fs::path(BERTH_BIN_DIR) / "berthd", {"--config", at("est.toml")})));
        const milliseconds until = system_clock().steady() + 20'000;
        std::string said;
        while (est_port == 0 && system_clock().steady() < until) {
            app::poll_children({&*est}, 50);
            for (const auto& line : est->take_output_lines()) {
                const auto object = wire::parse_json_object(line);
                if (object && object->contains("port")) {
                    est_port = object->at("port").to_number<int>();
                }
            }
            for (const auto& line : est->take_error_lines()) {
                said += line + "\n";
            }
        }
        ASSERT_NE(est_port, 0) << said;
    }

    static inline std::optional<app::child_process> est;
    static inline int est_port = 0;
};

}  // namespace berth::test
