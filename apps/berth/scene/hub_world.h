// A whole hub on loopback for experiments, demonstrations and tests: berthd with [hub] and its brokers, a CA of devices that has
// proved to have its key, two devices and a module behind it, one that is only enrolled, an administrator.
#pragma once

#include "base/random.h"
#include "common/process.h"
#include "net/address.h"

#include <map>

namespace berth::app {

struct hub_world_options {
    std::filesystem::path directory;
    bool post_quantum = false;  // ML-DSA-65 and X25519MLKEM768 alone; else ECDSA P-256, and both groups
    bool tokens = false;        // of policies, too, over HTTPS
    bool shared_keys = false;   // the broker takes them, if the registry does
    std::string log_level = "warning";
    std::string more;                // of berthd.toml: tables behind those of the hub
    std::filesystem::path programs;  // where berthd lies; empty: beside this program
};

class hub_world {
public:
    // Whoever logs in with a certificate: files of its chain and its key.
    struct holder {
        std::string name;  // "dev-1", "dev-1/mod-1"
        std::filesystem::path chain, key;
    };

    // Makes everything and starts berthd. Errors of files; `daemon_failed` with what it said.
    static result<hub_world> make(hub_world_options o, const clock& time, random_source& random);

    [[nodiscard]] const std::filesystem::path& directory() const { return options_.directory; }
    [[nodiscard]] std::filesystem::path hub() const { return options_.directory / "hub"; }
    [[nodiscard]] std::filesystem::path config() const { return options_.directory / "berthd.toml"; }
    [[nodiscard]] std::filesystem::path server_root() const { return options_.directory / "server-root.pem"; }
    // Of the CA that is registered, and of the one below it, which signs devices.
    [[nodiscard]] std::filesystem::path fleet_root() const { return options_.directory / "fleet-root.pem"; }
    [[nodiscard]] std::filesystem::path local_socket() const { return hub() / "broker" / "local"; }
    [[nodiscard]] const holder& admin() const { return admin_; }
    // The registry does not know it: it is made when the device asks where it belongs.
    static constexpr std::string_view enrolled_only = "dev-3";
    [[nodiscard]] const std::vector<holder>& identities() const { return identities_; }
    // That devices name when they ask where they belong. All of the fleet are enrolled, and placed at this hub.
    static constexpr std::string_view id_scope = "0ne00000001";
    // "https", "mqtt", "provisioning": where it listens.
    [[nodiscard]] const std::map<std::string, net::address>& endpoints() const { return endpoints_; }
    [[nodiscard]] const net::address& at(const std::string& endpoint) const { return endpoints_.at(endpoint); }

    [[nodiscard]] child_process& server() { return *server_; }
    // Ends it and starts it again, at the same ports. Error `daemon_failed`.
    result<void> restart();
    // Its configuration names the ports that it has now: whoever starts it again finds it there. Errors of files.
    [[nodiscard]] result<void> keep_ports() const;

private:
    explicit hub_world(hub_world_options o) : options_(std::move(o)) {}
    result<void> make_certificates(const clock& time, random_source& random);
    result<void> make_registry(const clock& time, random_source& random);
    result<void> link_hub(const clock& time);
    [[nodiscard]] std::string configuration() const;
    result<void> start();

    hub_world_options options_;
    holder admin_;
    std::vector<holder> identities_;
    std::map<std::string, net::address> endpoints_;
    std::optional<child_process> server_;
};

}  // namespace berth::app
