// A whole small world on loopback: a manufacturer with its MASA, customers with their registrars, devices; real processes.
// Quickstart, demonstration, benchmark and tests are built from it.
#pragma once

#include "common/process.h"
#include "net/address.h"
#include "setup/customer.h"
#include "setup/factory.h"
#include "setup/masa.h"
#include "wire/json.h"

#include <list>

namespace berth::app {

struct world_customer {
    std::string name;
    std::filesystem::path ca;         // z2, ca
    std::filesystem::path registrar;  // z4, registrar.db, berthd.toml
    net::address kk2;
};

// One line of a process's log.
struct world_event {
    std::string process;  // "masa", or a customer's name
    wire::json::object line;
};

class world {
public:
    struct options {
        std::filesystem::path directory;
        std::filesystem::path devices = {};  // where their bundles go; empty: devices/ of the directory
        std::string maker = "Acme Devices";
        std::vector<std::string> customers{"Birch Energy", "Cedar Water"};
        bool direct = true;         // the MASA also listens for direct KK3
        bool admin = false;         // /metrics, /healthz, /readyz of each process
        bool post_quantum = false;  // no CA for chips, whose certificates are classical
        std::string log_level = "info";
        // Where berthd lies; empty: beside this program. Another name for tests of faults.
        std::filesystem::path programs;
        std::string berthd = "berthd";
        std::vector<std::pair<std::string, std::string>> environment;
    };
    // Makes everything and starts the processes. Errors of files and processes; `daemon_failed` with what it said.
    static result<std::unique_ptr<world>> make(options o, const clock& time, random_source& random);

    // A device, made at the factory; assigned to `customer` unless that is empty. Its bundle, in `shelf` of their directory.
    result<std::filesystem::path> make_device(device_order order, const std::string& customer, const std::string& shelf = "");
    // An order for a device of this world, whose registrar is that of `customer`.
    [[nodiscard]] device_order order_for(const std::string& serial, const std::string& customer) const;

    [[nodiscard]] const world_customer& customer(const std::string& name) const;
    [[nodiscard]] const std::vector<world_customer>& customers() const { return customers_; }
    [[nodiscard]] const std::filesystem::path& directory() const { return options_.directory; }
    [[nodiscard]] std::filesystem::path factory() const { return options_.directory / "factory"; }
    [[nodiscard]] std::filesystem::path masa() const { return options_.directory / "masa"; }
    [[nodiscard]] const net::address& kk1() const { return kk1_; }
    [[nodiscard]] const net::address& direct() const { return direct_; }
    [[nodiscard]] const std::string& masa_host() const { return masa_host_; }

    // The processes' log lines that came since the last call. Waits at most `most` for some; `also` is listened to as well.
    std::vector<world_event> events(milliseconds most, std::vector<child_process*> also = {});
    void stop();
    // Ends "masa" or a customer's registrar, if it has not ended already, and starts it again on the same ports.
    result<void> restart(const std::string& name, const std::vector<std::pair<std::string, std::string>>& environment = {});
    // Its exit code, once it has ended (128 + signal).
    [[nodiscard]] std::optional<int> ended(const std::string& name);
    // Sends a signal to "masa" or a customer's registrar.
    void signal(const std::string& name, int number) const;
    [[nodiscard]] pid_t pid(const std::string& name) const;
    // With options::admin.
    [[nodiscard]] uint16_t admin_port(const std::string& name) const { return admin_.at(name); }
    [[nodiscard]] std::filesystem::path config(const std::string& name) const;
    // Of each process, by name.
    [[nodiscard]] std::map<std::string, double> cpu_seconds() const;
    [[nodiscard]] std::map<std::string, size_t> resident_kilobytes() const;  // the peak

private:
    explicit world(options o, const clock& time, random_source& random) : options_(std::move(o)), time_(time), random_(random) {}
    result<void> start_masa();
    result<void> start_registrar(const std::string& name);
    struct daemon {
        std::string name;
        child_process process;
    };
    // Starts berthd and waits for its ports, by name.
    result<std::map<std::string, uint16_t>> start_daemon(const std::string& name, const std::filesystem::path& config,
                                                         const std::vector<std::pair<std::string, std::string>>& extra = {});

    options options_;
    const clock& time_;
    random_source& random_;
    std::vector<world_customer> customers_;
    std::list<daemon> daemons_;
    net::address kk1_, direct_;
    std::map<std::string, uint16_t> admin_;
    std::string masa_host_ = "masa.acme.example";
};

}  // namespace berth::app
