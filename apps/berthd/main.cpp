// berthd: the server. Its roles are chosen by one TOML file.
#include "common/admin.h"
#include "common/output.h"
#include "crypto/random.h"
#include "crypto/version.h"
#include "roles/masa_role.h"
#include "roles/registrar_role.h"
#include "roles/role_metrics.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <csignal>

namespace {

using namespace berth;

void say_listening(const char* role, const char* name, uint16_t port) {
    app::print_json(wire::json::object{{"event", "listening"}, {"role", role}, {"name", name}, {"port", port}});
}

// What is looked up when it is asked for, rather than counted.
void watch(ops::metric_registry& metrics, ops::health& health, app::masa_role* masa, app::registrar_role* registrar) {
    const auto sessions = metrics.gauges("berth_sessions_open", "Onboardings under way", {"party"});
    const auto links = metrics.gauges("berth_kk1_open", "KK1 connections that a MASA has").plain();
    metrics.before_text([=] {
        if (masa) {
            sessions.with({"masa"}).set(static_cast<double>(masa->open_sessions()));
            links.set(static_cast<double>(masa->open_links()));
        }
        if (registrar) {
            sessions.with({"registrar"}).set(static_cast<double>(registrar->open_sessions()));
        }
    });
    if (masa) {
        health.add_ready("masa_store", [masa] { return masa->check(); });
    }
    if (registrar) {
        health.add_ready("registrar_store", [registrar] { return registrar->check(); });
        health.add_ready("masa_reached", [registrar]() -> result<void> {
            return registrar->ready()
                       ? result<void>{}
                       : fail(error_category::environment, "masa_unreachable", "no KK1 to a configured MASA stands");
        });
    }
}

result<void> serve(const std::filesystem::path& file) {
    BERTH_TRY(config, app::read_config(file));
    log::configure(config.log_level, config.log_format);
    net::loop loop;
    ops::metric_registry metrics;
    ops::add_process_metrics(metrics, "0.1.0");
    ops::health health;
    loop.on_termination([&] {
        health.stopping();
        loop.stop();
    });
    const auto observer = app::count_into(metrics);
    std::unique_ptr<app::masa_role> masa;
    std::unique_ptr<app::registrar_role> registrar;
    if (config.masa) {
        BERTH_TRY(started, app::masa_role::start(loop, *config.masa, system_clock(), crypto::system_random(), observer));
        masa = std::move(started);
        say_listening("masa", "kk1", masa->port());
        if (config.masa->direct_listen) {
            say_listening("masa", "kk3", masa->direct_port());
        }
    }
    if (config.registrar) {
        BERTH_TRY(started, app::registrar_role::start(loop, *config.registrar, *config.ca, system_clock(),
                                                      crypto::system_random(), observer));
        registrar = std::move(started);
        say_listening("registrar", "kk2", registrar->port());
    }
    watch(metrics, health, masa.get(), registrar.get());
    std::unique_ptr<app::admin_listener> admin;
    if (config.admin) {
        BERTH_TRY(started,
                  app::admin_listener::start(loop, *config.admin, metrics, health, system_clock(), config.admin_beyond_loopback));
        admin = std::move(started);
        say_listening("admin", "admin", admin->port());
    }
    app::print_json(wire::json::object{{"event", "ready"}});
    loop.run();
    log::info("stopped", "berthd stops");
    return {};
}

result<void> check(const std::filesystem::path& file, bool json) {
    BERTH_TRY(config, app::read_config(file));
    wire::json::array roles;
    std::string names;
    for (const auto& [there, name] : {std::pair(config.masa.has_value(), "masa"),
                                      {config.registrar.has_value(), "registrar"},
                                      {config.ca.has_value(), "ca"}}) {
        if (there) {
            roles.emplace_back(name);
            names += std::string(" ") + name;
        }
    }
    if (json) {
        app::print_json(wire::json::object{{"config", file.string()}, {"roles", roles}});
    } else {
        fmt::print("{} is well formed; roles:{}\n", file.string(), names);
    }
    return {};
}

}  // namespace

int main(int argc, char** argv) try {
    CLI::App cli("The Berth server: MASA, registrar and CA, chosen by one TOML file.", "berthd");
    cli.footer("berthd --config /etc/berth/berthd.toml     serve until SIGTERM\n"
               "berthd check /etc/berth/berthd.toml        say whether the file is well formed\n\n"
               "Each listener that is bound is announced on standard output as one JSON line; port = 0 takes a free one.\n"
               "Logs go to standard error. Exit codes: 0 done, 2 usage, 3 environment, 4 our fault.");
    std::string file;
    std::string checked;
    cli.add_option("--config", file, "the configuration file");
    auto* const checking = cli.add_subcommand("check", "read a configuration file and say what is wrong with it");
    checking->add_option("FILE", checked, "the configuration file")->required();
    bool json = false;
    cli.add_flag("--json", json, "errors, and what `check` says, as one JSON object on standard output");
    cli.fallthrough();
    try {
        cli.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        return cli.exit(e) == 0 ? 0 : 2;
    }
    if (file.empty() && checked.empty()) {
        return app::report({error_category::usage, "no_config", "name a configuration file: berthd --config FILE"}, json);
    }
    std::signal(SIGPIPE, SIG_IGN);
    if (const auto usable = crypto::require_openssl(); !usable) {
        return app::report(usable.error(), json);
    }
    const auto done = checked.empty() ? serve(file) : check(checked, json);
    return done ? 0 : app::report(done.error(), json);
} catch (...) {
    return app::report_exception(false);
}
