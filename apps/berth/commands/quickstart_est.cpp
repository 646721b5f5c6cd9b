#include "berth/commands/quickstart_est.h"

#include "common/files.h"
#include "pki/private_key_file.h"
#include "setup/ca_directory.h"

namespace berth::app {

namespace {

namespace fs = std::filesystem;

constexpr milliseconds start_wait = 20'000;

// The CA's own profiles, of which the one for servers may say "localhost".
result<void> write_profiles(const fs::path& ca, const std::string& organization) {
    std::string toml = default_ca_toml(organization, {"z2", "ca"});
    constexpr std::string_view none = "may_ask_dns = []";
    if (const size_t at = toml.find(none); at != std::string::npos) {
        toml.replace(at, none.size(), "may_ask_dns = [\"localhost\"]");
    }
    return write_text(ca / "ca.toml", toml);
}

result<void> certify_server(const fs::path& directory, const fs::path& ca, crypto::signature_algorithm algorithm,
                            const clock& time, random_source& random) {
    BERTH_TRY(in, ca_directory::open(ca, {}));
    BERTH_TRY(placed, in.configuration().find("server"));
    BERTH_TRY(by, in.issuer(placed.authority));
    const auto key = crypto::signing_key::generate(algorithm, random);
    ca::asked what;
    what.spki = to_bytes(key.public_key().spki());
    what.alt_names.dns = {"localhost"};
    const ca::requester who{{ca::proof::admin}, "quickstart", {}};
    ca::issuing_order order{placed.profile, who, what};
    order.approved = true;
    BERTH_TRY(made, by.issue(order, in.records(), time, random));
    std::string pem = made.to_pem();
    for (const auto& above : by.chain()) {
        pem += above.is_self_issued() ? "" : above.to_pem();
    }
    BERTH_CHECK(write_text(directory / "server.pem", pem));
    return pki::save_private_key((directory / "server.key").string(), key);
}

// What whoever the registrar has certified is given: by the profile "operational", as its LDevID's holder.
std::string configuration(const fs::path& ca) {
    return fmt::format(
        "[est]\nlisten = \"127.0.0.1:0\"\nchain = \"server.pem\"\nkey = \"file:server.key\"\ndirectory = \"{0}\"\n\n"
        "[[est.trust]]\nproof = \"ldevid\"\nanchors = [\"{0}/z2.pem\"]\n\n"
        "[[est.label]]\nprofile = \"operational\"\npublic = true\n",
        ca.string());
}

result<uint16_t> port_of(child_process& server) {
    uint16_t port = 0;
    std::string said;
    const milliseconds until = system_clock().steady() + start_wait;
    while (system_clock().steady() < until && !server.ended()) {
        poll_children({&server}, 100);
        for (const auto& line : server.take_output_lines()) {
            const auto event = wire::parse_json_object(line);
            if (!event) {
                continue;
            }
            if (const auto number = wire::integer_member(*event, "port")) {
                port = static_cast<uint16_t>(*number);
            }
            if (wire::text_member(*event, "event").value_or("") == "ready" && port != 0) {
                return port;
            }
        }
        for (const auto& line : server.take_error_lines()) {
            said += line + "\n";
        }
    }
    return fail(error_category::environment, "daemon_failed", "berthd with [est] did not begin: " + said);
}

}  // namespace

result<quick_est> start_quick_est(const fs::path& directory, const world_customer& customer,
                                  crypto::signature_algorithm algorithm, const clock& time, random_source& random) {
    BERTH_CHECK(make_directory(directory, 0700));
    BERTH_CHECK(write_profiles(customer.ca, customer.name));
    BERTH_CHECK(certify_server(directory, customer.ca, algorithm, time, random));
    BERTH_CHECK(write_text(directory / "berthd.toml", configuration(customer.ca)));
    BERTH_TRY(program, sibling_program("berthd"));
    BERTH_TRY(server, child_process::start(program, {"--config", (directory / "berthd.toml").string()}));
    BERTH_TRY(port, port_of(server));
    return quick_est{std::move(server), {"localhost", port}, directory / "berthd.toml"};
}

result<void> have_kept(const fs::path& bundle, const quick_est& from, const std::string& algorithm) {
    return write_text(
        bundle / "est.toml",
        fmt::format("[[est]]\nserver = \"{}\"\n\n[[est.credential]]\nname = \"today\"\nalgorithm = \"{}\"\nidentity = "
                    "\"device\"\n",
                    from.at.text(), algorithm));
}

}  // namespace berth::app
