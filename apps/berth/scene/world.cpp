#include "scene/world.h"

#include "common/files.h"

#include <fstream>

#include <csignal>
#include <unistd.h>

namespace berth::app {

namespace fs = std::filesystem;

namespace {

constexpr milliseconds start_wait = 20'000;

// "Birch Energy" -> "birch-energy"
std::string directory_name(const std::string& name) {
    std::string out;
    for (const char c : name) {
        out.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c == ' ' ? '-' : c);
    }
    return out;
}

// Free ports were asked for; from now on these are kept, so that a process can be started again where the others look for it.
result<void> pin_ports(const fs::path& config, const std::map<std::string, uint16_t>& ports) {
    BERTH_TRY(toml, read_text(config));
    for (const auto& [name, port] : ports) {
        const std::string free = (name == "kk3" ? "\ndirect_listen" : "\nlisten") + std::string(" = \"127.0.0.1:0\"");
        const size_t table = toml.find(name == "kk2" ? "[registrar]" : name == "admin" ? "[admin]" : "[masa]");
        const size_t at = table == std::string::npos ? table : toml.find(free, table);
        if (at != std::string::npos) {
            toml.replace(at, free.size(), free.substr(0, free.size() - 2) + std::to_string(port) + "\"");
        }
    }
    return write_text(config, toml);
}

}  // namespace

result<std::unique_ptr<world>> world::make(options o, const clock& time, random_source& random) {
    std::unique_ptr<world> w(new world(std::move(o), time, random));
    BERTH_CHECK(make_directory(w->directory(), 0700));
    BERTH_CHECK(factory_init(w->factory(), {.maker = w->options_.maker, .for_chips = !w->options_.post_quantum}, time, random));
    BERTH_CHECK(w->start_masa());
    for (const auto& name : w->options_.customers) {
        BERTH_CHECK(w->start_registrar(name));
    }
    return w;
}

result<std::map<std::string, uint16_t>> world::start_daemon(const std::string& name, const fs::path& config,
                                                            const std::vector<std::pair<std::string, std::string>>& extra) {
    BERTH_TRY(program, options_.programs.empty() ? sibling_program(options_.berthd)
                                                 : result<fs::path>(options_.programs / options_.berthd));
    BERTH_TRY(toml, read_text(config));
    if (options_.log_level != "info" && toml.find("[log]") == std::string::npos) {
        BERTH_CHECK(write_text(config, toml + fmt::format("\n[log]\nlevel = \"{}\"\n", options_.log_level)));
    }
    std::vector<std::string> environment;
    for (const auto& [key, value] : options_.environment) {
        environment.push_back(key + "=" + value);
    }
    for (const auto& [key, value] : extra) {
        environment.push_back(key + "=" + value);
    }
    BERTH_TRY(process, child_process::start(program, {"--config", config.string()}, environment));
    daemons_.push_back({name, std::move(process)});
    child_process& running = daemons_.back().process;
    std::map<std::string, uint16_t> ports;
    const milliseconds until = system_clock().steady() + start_wait;
    while (system_clock().steady() < until) {
        poll_children({&running}, 100);
        for (const auto& line : running.take_output_lines()) {
            const auto event = wire::parse_json_object(line);
            if (!event) {
                continue;
            }
            const auto kind = wire::text_member(*event, "event");
            if (kind && *kind == "ready") {
                BERTH_CHECK(pin_ports(config, ports));
                if (ports.contains("admin")) {
                    admin_[name] = ports["admin"];
                }
                return ports;
            }
            const auto listener = wire::text_member(*event, "name");
            const auto port = wire::integer_member(*event, "port");
            if (listener && port) {
                ports[*listener] = static_cast<uint16_t>(*port);
            }
        }
        if (running.exit_code()) {
            break;
        }
    }
    std::string said;
    for (const auto& line : running.take_error_lines()) {
        said += line + "\n";
    }
    return fail(error_category::environment, "daemon_failed",
                fmt::format("berthd --config {} did not start:\n{}", config.string(), said));
}

result<void> world::start_masa() {
    masa_setup setup;
    setup.factory = factory();
    setup.host = masa_host_;
    setup.listen = "127.0.0.1:0";
    setup.direct_listen = options_.direct ? "127.0.0.1:0" : "";
    setup.admin = options_.admin ? "127.0.0.1:0" : "";
    BERTH_CHECK(masa_init(masa(), setup, time_, random_));
    BERTH_TRY(ports, start_daemon("masa", masa() / "berthd.toml"));
    kk1_ = {"127.0.0.1", ports["kk1"]};
    direct_ = {"127.0.0.1", ports["kk3"]};
    return {};
}

result<void> world::start_registrar(const std::string& name) {
    const fs::path base = directory() / directory_name(name);
    world_customer c{name, base / "ca", base / "registrar", {}};
    BERTH_CHECK(ca_init(c.ca, {name}, time_, random_));
    registrar_setup setup;
    setup.ca = c.ca;
    setup.hosts = {"localhost"};
    setup.listen = "127.0.0.1:0";
    setup.maker_root = factory() / "z1.pem";
    setup.masa = kk1_.text();
    setup.masa_host = masa_host_;
    setup.admin = options_.admin ? "127.0.0.1:0" : "";
    BERTH_CHECK(registrar_init(c.registrar, setup, time_, random_));
    // The manufacturer registers the customer's root before its registrar first knocks.
    {
        BERTH_TRY(root, open_authority(c.ca, "z2"));
        BERTH_TRY(maker, read_certificate(factory() / "z1.pem"));
        BERTH_TRY(proof, prove_root(root, name, maker));
        BERTH_CHECK(check_root_proof(proof, root.certificate(), name, maker));
        BERTH_TRY(store, open_masa_store(masa()));
        BERTH_CHECK(store->register_customer({name, to_bytes(root.certificate().der()), {}}, time_.now()));
    }
    BERTH_TRY(ports, start_daemon(name, c.registrar / "berthd.toml"));
    c.kk2 = {"127.0.0.1", ports["kk2"]};
    {
        BERTH_TRY(store, open_masa_store(masa()));
        BERTH_CHECK(store->set_registrars(name, {c.kk2.text()}, system_clock().now()));
    }
    customers_.push_back(std::move(c));
    return {};
}

const world_customer& world::customer(const std::string& name) const {
    const auto found = std::find_if(customers_.begin(), customers_.end(), [&](const auto& c) { return c.name == name; });
    return found == customers_.end() ? customers_.front() : *found;
}

device_order world::order_for(const std::string& serial, const std::string& customer_name) const {
    device_order order;
    order.serial = serial;
    order.model = "valve-3";
    order.registrars = {customer(customer_name).kk2.text()};
    order.masa = options_.direct ? direct_.text() : "";
    order.credentials = {{"device", "p256"}, {"device-pq", "mldsa65"}, {"device-kem", "mlkem768_p256"}};
    order.pending_jitter_ms = 500;
    return order;
}

result<fs::path> world::make_device(device_order order, const std::string& customer_name, const std::string& shelf) {
    const fs::path all = options_.devices.empty() ? directory() / "devices" : options_.devices;
    const fs::path devices = shelf.empty() ? all : all / shelf;
    const fs::path bundle = devices / order.serial;
    BERTH_CHECK(make_directory(devices));
    BERTH_TRY(masa_keys, read_text(masa() / "masa-kem.pem"));
    BERTH_TRY(store, open_masa_store(masa()));
    BERTH_TRY(identity, factory_make_recorded(factory(), bundle, order, masa_keys, *store, time_, random_));
    if (!customer_name.empty()) {
        BERTH_CHECK(store->assign(identity, customer_name, time_.now()));
    }
    return bundle;
}

std::vector<world_event> world::events(milliseconds most, std::vector<child_process*> also) {
    for (auto& d : daemons_) {
        also.push_back(&d.process);
    }
    poll_children(also, most);
    std::vector<world_event> out;
    for (auto& d : daemons_) {
        for (const auto& line : d.process.take_error_lines()) {
            if (auto object = wire::parse_json_object(line)) {
                out.push_back({d.name, std::move(*object)});
            }
        }
    }
    return out;
}

std::map<std::string, double> world::cpu_seconds() const {
    std::map<std::string, double> out;
    for (const auto& d : daemons_) {
        std::ifstream stat(fmt::format("/proc/{}/stat", d.process.pid()));
        std::string skipped;
        for (int i = 0; i < 13; ++i) {
            stat >> skipped;
        }
        double user = 0;
        double system = 0;
        stat >> user >> system;
        out[d.name] = (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
    }
    return out;
}

std::map<std::string, size_t> world::resident_kilobytes() const {
    std::map<std::string, size_t> out;
    for (const auto& d : daemons_) {
        std::ifstream status(fmt::format("/proc/{}/status", d.process.pid()));
        for (std::string line; std::getline(status, line);) {
            if (line.starts_with("VmHWM:")) {
                out[d.name] = std::stoul(line.substr(6));
            }
        }
    }
    return out;
}

result<void> world::restart(const std::string& name, const std::vector<std::pair<std::string, std::string>>& environment) {
    daemons_.remove_if([&](const auto& d) { return d.name == name; });  // its destructor ends it
    BERTH_CHECK(start_daemon(name, config(name), environment));
    return {};
}

fs::path world::config(const std::string& name) const {
    return (name == "masa" ? masa() : customer(name).registrar) / "berthd.toml";
}

pid_t world::pid(const std::string& name) const {
    const auto found = std::find_if(daemons_.begin(), daemons_.end(), [&](const auto& d) { return d.name == name; });
    return found == daemons_.end() ? -1 : found->process.pid();
}

void world::signal(const std::string& name, int number) const {
    if (const pid_t to = pid(name); to > 0) {
        ::kill(to, number);
    }
}

std::optional<int> world::ended(const std::string& name) {
    for (auto& d : daemons_) {
        if (d.name == name) {
            return d.process.exit_code();
        }
    }
    return std::nullopt;
}

void world::stop() {
    for (auto& d : daemons_) {
        d.process.terminate();
    }
    daemons_.clear();
}

}  // namespace berth::app
