#include "scene/hub_world.h"

#include "common/files.h"
#include "pki/issue.h"
#include "pki/private_key_file.h"
#include "pki/profiles.h"
#include "registry/hub/ca_office.h"
#include "setup/hub.h"
#include "store/sqlite/provisioning_store.h"
#include "wire/json.h"

namespace berth::app {

namespace {

namespace fs = std::filesystem;

constexpr milliseconds start_wait = 30'000;
constexpr unix_seconds lasts = unix_seconds{30} * 24 * 3600;
constexpr std::string_view maker = "Berth quickstart";

struct issuer {
    pki::certificate certificate;
    crypto::signing_key key;
};

// Makes certificates and their files in one directory.
class workshop {
public:
    workshop(fs::path directory, bool post_quantum, const clock& time, random_source& random)
        : directory_(std::move(directory)),
          algorithm_(post_quantum ? crypto::signature_algorithm::mldsa65 : crypto::signature_algorithm::ecdsa_p256_sha256),
          random_(random),
          valid_{time.now() - 3'600, time.now() + lasts} {}

    result<issuer> root(const std::string& file, const std::string& name) {
        auto key = crypto::signing_key::generate(algorithm_, random_);
        BERTH_TRY(made, pki::issue_self_signed(pki::root_template(maker, name, valid_), key, random_));
        BERTH_CHECK(keep(file, {made}, key));
        return issuer{std::move(made), std::move(key)};
    }
    result<issuer> below(const issuer& by, const std::string& file, const std::string& name) {
        auto key = crypto::signing_key::generate(algorithm_, random_);
        BERTH_TRY(made, issue(by, pki::issuing_ca_template(maker, name, valid_), key));
        BERTH_CHECK(keep(file, {made}, key));
        return issuer{std::move(made), std::move(key)};
    }
    // `above`: what is sent behind the leaf.
    result<hub_world::holder> leaf(const issuer& by, const std::string& file, const std::string& name,
                                   const pki::certificate_template& what, const std::vector<pki::certificate>& above = {}) {
        const auto key = crypto::signing_key::generate(algorithm_, random_);
        BERTH_TRY(made, issue(by, what, key));
        std::vector<pki::certificate> chain{std::move(made)};
        chain.insert(chain.end(), above.begin(), above.end());
        BERTH_CHECK(keep(file, chain, key));
        return hub_world::holder{name, directory_ / (file + ".pem"), directory_ / (file + ".key")};
    }
    [[nodiscard]] pki::validity valid() const { return valid_; }

private:
    result<pki::certificate> issue(const issuer& by, const pki::certificate_template& what, const crypto::signing_key& key) {
        return pki::issue(what, key.public_key().spki(), by.certificate, by.key, random_);
    }
    [[nodiscard]] result<void> keep(const std::string& file, const std::vector<pki::certificate>& chain,
                                    const crypto::signing_key& key) const {
        std::string pem;
        for (const auto& one : chain) {
            pem += one.to_pem();
        }
        BERTH_CHECK(write_text(directory_ / (file + ".pem"), pem));
        return pki::save_private_key((directory_ / (file + ".key")).string(), key);
    }

    fs::path directory_;
    crypto::signature_algorithm algorithm_;
    random_source& random_;
    pki::validity valid_;
};

}  // namespace

result<hub_world> hub_world::make(hub_world_options o, const clock& time, random_source& random) {
    hub_world out(std::move(o));
    BERTH_CHECK(make_directory(out.directory(), 0700));
    BERTH_CHECK(out.make_certificates(time, random));
    BERTH_CHECK(out.make_registry(time, random));
    BERTH_CHECK(write_text(out.config(), out.configuration()));
    BERTH_CHECK(out.start());
    BERTH_CHECK(out.link_hub(time));
    return out;
}

result<void> hub_world::make_certificates(const clock& time, random_source& random) {
    workshop makes(directory(), options_.post_quantum, time, random);
    BERTH_TRY(servers, makes.root("server-root", "Servers"));
    BERTH_CHECK(makes.leaf(servers, "server", "localhost", pki::server_template(maker, {"localhost"}, makes.valid())));
    BERTH_TRY(admins, makes.root("admin-root", "Administrators"));
    BERTH_TRY(admin, makes.leaf(admins, "admin", "admin", pki::client_template(maker, "admin", makes.valid())));
    admin_ = std::move(admin);
    BERTH_TRY(fleet, makes.root("fleet-root", "Fleet"));
    BERTH_TRY(line, makes.below(fleet, "fleet-line-1", "Fleet, line 1"));
    for (const auto& [file, name] : {std::pair("dev-1", "dev-1"), std::pair("dev-2", "dev-2"),
                                     std::pair("dev-1-mod-1", "dev-1/mod-1"), std::pair("dev-3", "dev-3")}) {
        BERTH_TRY(one, makes.leaf(line, file, name, pki::client_template(maker, name, makes.valid()), {line.certificate}));
        identities_.push_back(std::move(one));
    }
    return {};
}

result<void> hub_world::make_registry(const clock& time, random_source& random) {
    BERTH_CHECK(hub_init(hub()));
    BERTH_TRY(store, open_hub_store(hub()));
    BERTH_TRY(file, read_text(fleet_root()));
    BERTH_TRY(begun, registry::register_ca(*store, "fleet", as_bytes(file), random, time.now()));
    BERTH_TRY(key, pki::load_signing_key((directory() / "fleet-root.key").string()));
    BERTH_TRY(proof, registry::make_proof(begun.certificate, key, begun.code, random, time.now()));
    BERTH_CHECK(registry::prove_ca(*store, "fleet", as_bytes(proof.to_pem()), time.now()));
    for (const auto& one : identities_) {
        if (one.name == enrolled_only) {
            continue;
        }
        BERTH_TRY(name, registry::parse_identity_name(one.name));
        BERTH_CHECK(store->add(registry::make_identity(name, {}, random, time.now())));
    }
    store::sqlite_provisioning_store records(*store);
    registry::enrolment_settings all_of_it;
    all_of_it.attestation.primary_ca = "fleet";
    return records.add(registry::make_enrolment(registry::enrolment_kind::group, "fleet", all_of_it, random, time.now()));
}

// Devices of the fleet are placed at this hub, whose port is known by now.
result<void> hub_world::link_hub(const clock& time) {
    BERTH_TRY(store, open_hub_store(hub()));
    store::sqlite_provisioning_store records(*store);
    registry::linked_hub here;
    here.host = at("mqtt").text();
    here.local = true;
    here.added = time.now();
    return records.add_hub(here);
}

std::string hub_world::configuration() const {
    const auto port = [this](const std::string& endpoint) {
        const auto found = endpoints_.find(endpoint);
        return found == endpoints_.end() ? 0 : found->second.port;
    };
    return fmt::format(R"([log]
level = "{}"

[hub]
directory = "hub"
listen = "127.0.0.1:{}"
host = "localhost"
chain = "server.pem"
key = "file:server.key"
admins = ["admin-root.pem"]
sas = {}

[hub.mqtt]
listen = "127.0.0.1:{}"
chain = "server.pem"
key = "server.key"
pq_only = {}
shared_keys = {}

[hub.provisioning]
id_scope = "{}"
listen = "127.0.0.1:{}"
retry_after = 1
{})",
                       options_.log_level, port("https"), options_.tokens, port("mqtt"), options_.post_quantum,
                       options_.shared_keys, id_scope, port("provisioning"), options_.more);
}

result<void> hub_world::start() {
    server_.reset();
    fs::path program = options_.programs / "berthd";
    if (options_.programs.empty()) {
        BERTH_TRY(beside, sibling_program("berthd"));
        program = std::move(beside);
    }
    BERTH_TRY(started, child_process::start(program, {"--config", config().string()}));
    server_.emplace(std::move(started));
    std::string said;
    const milliseconds until = system_clock().steady() + start_wait;
    while (system_clock().steady() < until && !server_->ended()) {
        poll_children({&*server_}, 100);
        for (const auto& line : server_->take_output_lines()) {
            const auto event = wire::parse_json_object(line);
            const std::string what = event ? wire::text_member(*event, "event").value_or("") : "";
            if (what == "listening") {
                const auto number = wire::integer_member(*event, "port");
                endpoints_[wire::text_member(*event, "name").value_or("")] = {"localhost",
                                                                              static_cast<uint16_t>(number.value_or(0))};
            } else if (what == "ready") {
                return {};
            }
        }
        for (const auto& line : server_->take_error_lines()) {
            said += line + "\n";
        }
    }
    return fail(error_category::environment, "daemon_failed", "berthd with [hub] did not begin: " + said);
}

result<void> hub_world::keep_ports() const {
    return write_text(config(), configuration());
}

result<void> hub_world::restart() {
    BERTH_CHECK(keep_ports());
    return start();
}

}  // namespace berth::app
