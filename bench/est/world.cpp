#include "est/world.h"

#include "common/files.h"
#include "crypto/random.h"
#include "keystore/software.h"
#include "pki/issue.h"
#include "pki/private_key_file.h"
#include "pki/profiles.h"
#include "setup/keys.h"
#include "wire/json.h"

namespace berth::est::bench {

namespace fs = std::filesystem;

namespace {

constexpr auto p256 = crypto::signature_algorithm::ecdsa_p256_sha256;

constexpr std::string_view ca_toml = R"([[profile]]
name = "today"
authority = "ca"
requires = ["operational"]
subject = "O=Birch,serialNumber={serial}"
keys = ["p256"]
lifetime = "8h"
extended_key_usages = ["clientAuth"]
)";

constexpr std::string_view berthd_toml = R"([est]
listen = "127.0.0.1:0"
chain = "server.pem"
key = "file:server.key"
directory = "ca"
[[est.trust]]
proof = "operational"
anchors = ["ca/ca.pem"]
[[est.label]]
profile = "today"
)";

crypto::signing_key make_key() {
    return crypto::signing_key::generate(p256, crypto::system_random());
}

// With a CA in it.
fs::path make_directory() {
    const fs::path directory = got(app::make_temporary_directory("berth-bench-est"));
    const std::string ca = (directory / "ca").string();
    auto init =
        got(app::child_process::start(got(app::sibling_program("berth")), {"ca", "init", "--dir", ca, "--customer", "Birch",
                                                                           "--hierarchy", "customer", "--algorithm", "p256"}));
    while (!init.ended()) {
        app::poll_children({&init}, 50);
    }
    must(app::write_text(ca + "/ca.toml", std::string(ca_toml)));
    must(app::write_text((directory / "berthd.toml").string(), std::string(berthd_toml)));
    return directory;
}

}  // namespace

world::world(size_t devices)
    : directory_(make_directory()),
      server_key(make_key()),
      own_key(make_key()),
      device_key(keystore::software_signing_key(own_key)),
      issuer(got(app::read_chain(directory_ / "ca/ca.pem"))),
      root(got(app::read_certificate(directory_ / "ca/z2.pem"))) {
    const auto ca_key = got(app::open_key_of((directory_ / "ca").string(), "ca"));
    const unix_seconds now = system_clock().now();
    const pki::validity today{now - hour, now + 24 * hour};
    auto& random = crypto::system_random();
    const auto issue = [&](const pki::certificate_template& what, const crypto::signing_key& key) {
        return got(pki::issue(what, key.public_key().spki(), issuer.front(), ca_key->as_signing_key(), random));
    };
    server_chain = {issue(pki::server_template("Birch", {"localhost"}, today), server_key), issuer.front()};
    must(app::write_text((directory_ / "server.pem").string(), server_chain[0].to_pem() + server_chain[1].to_pem()));
    must(pki::save_private_key((directory_ / "server.key").string(), server_key));
    for (size_t i = 0; i < devices; ++i) {
        fleet.push_back(issue(pki::idevid_signature_template("Birch", fmt::format("SN-{:06}", i), std::nullopt, today), own_key));
    }
}

world::~world() {
    berthd_.reset();
    std::error_code ignored;
    fs::remove_all(directory_, ignored);
}

net::address world::serve() {
    berthd_.reset();
    berthd_.emplace(
        got(app::child_process::start(got(app::sibling_program("berthd")), {"--config", (directory_ / "berthd.toml").string()})));
    uint16_t port = 0;
    const milliseconds until = system_clock().steady() + 20'000;
    while (system_clock().steady() < until && !berthd_->ended()) {
        app::poll_children({&*berthd_}, 50);
        for (const auto& line : berthd_->take_output_lines()) {
            const auto event = wire::parse_json_object(line);
            if (event && event->contains("port")) {
                port = static_cast<uint16_t>(got(wire::integer_member(*event, "port")));
            }
            if (event && wire::text_member(*event, "event").value_or("") == "ready" && port != 0) {
                return {"localhost", port};
            }
        }
    }
    std::fputs("bench_est: berthd did not begin\n", stderr);
    std::exit(3);
}

bool world::listen() {
    app::poll_children({&*berthd_}, 0);
    (void)berthd_->take_output_lines();
    (void)berthd_->take_error_lines();
    return !berthd_->ended();
}

}  // namespace berth::est::bench
