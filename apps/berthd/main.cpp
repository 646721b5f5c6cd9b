// berthd: the server. Its roles are chosen by one TOML file.
#include "common/admin.h"
#include "common/output.h"
#include "common/version.h"
#include "crypto/random.h"
#include "crypto/version.h"
#include "est_server/est_role.h"
#include "hub_server/hub_role.h"
#include "issuing/open_issuer.h"
#include "publisher/publish_role.h"
#include "roles/element_role.h"
#include "roles/list_watch.h"
#include "roles/masa_role.h"
#include "roles/registrar_role.h"
#include "roles/role_metrics.h"
#include "roles/startup_checks.h"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include <csignal>

#include <malloc.h>
#include <sys/resource.h>

namespace {

using namespace berth;

constexpr const char* manual =
    "Serves the roles that the file names ([masa], [registrar] with [ca], [element], [est], [publish], [hub]) until SIGTERM or "
    "SIGINT.\n"
    "Each listener that is bound is announced on standard output as one JSON line, then {\"event\":\"ready\"}; port 0 takes a "
    "free one. Logs go to standard "
    "error.\n"
    "\n"
    "Signals:\n"
    "  SIGTERM, SIGINT  stop\n"
    "  SIGHUP           read the configuration and every file that it names again: trust anchors, revocation lists, "
    "certificates,\n"
    "                   keys, approval, integrity and logging. All of it takes effect, or nothing: a mistake is logged as "
    "`reload_refused`,\n"
    "                   naming the file. A KK1 whose certificate or trust has changed drains while another is made. Addresses,\n"
    "                   roles, databases and [est] threads need a restart (`restart_needed`).\n"
    "\n"
    "Files:\n"
    "  FILE             TOML; docs/berthd.md lists the keys. Relative paths are relative to it. `berth masa init` and\n"
    "                   `berth registrar init` write one that works.\n"
    "  passphrase_file  of an encrypted private key: its first line; readable by its owner alone\n"
    "\n"
    "HTTP, where [admin] says so: /metrics, /healthz, /readyz.\n"
    "\n"
    "Examples:\n"
    "  berthd --config /etc/berth/berthd.toml\n"
    "  berthd check /etc/berth/berthd.toml && systemctl reload berthd\n"
    "\n"
    "Exit codes: 0 done, 2 usage (a mistake in the file), 3 environment (network, file, database), 4 our fault.";

void say_listening(const char* role, const char* name, uint16_t port) {
    app::print_json(wire::json::object{{"event", "listening"}, {"role", role}, {"name", name}, {"port", port}});
}

// What is looked up when it is asked for, rather than counted.
void watch(ops::metric_registry& metrics, ops::health& health, app::masa_role* masa, app::registrar_role* registrar) {
    const auto sessions = metrics.gauges("berth_sessions_open", "Onboardings under way", {"party"});
    const auto links = metrics.gauges("berth_kk1_open", "KK1 connections that stand", {"party"});
    const auto waiting =
        metrics.gauges("berth_devices_waiting_for_approval", "Devices that wait for berth registrar approve, or deny");
    metrics.before_text([=] {
        if (masa) {
            sessions.with({"masa"}).set(static_cast<double>(masa->open_sessions()));
            links.with({"masa"}).set(static_cast<double>(masa->open_links()));
        }
        if (registrar) {
            sessions.with({"registrar"}).set(static_cast<double>(registrar->open_sessions()));
            links.with({"registrar"}).set(static_cast<double>(registrar->open_links()));
            if (const auto n = registrar->waiting_for_approval()) {
                waiting.plain().set(static_cast<double>(*n));
            }
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

void watch(ops::metric_registry& metrics, const app::list_watch& lists, const app::registrar_role* registrar) {
    const auto expiries = metrics.gauges("berth_crl_next_update_timestamp_seconds", "When a revocation list expires", {"file"});
    metrics.before_text([expiries, &lists, registrar, told = std::make_shared<std::set<std::string>>()] {
        std::map<std::string, unix_seconds> now;
        if (const auto own = registrar ? registrar->own_list() : std::nullopt) {
            now[own->first.string()] = own->second;
        }
        for (const auto& e : lists.expiries()) {
            now[e.file.string()] = e.next_update;
        }
        for (const auto& file : std::exchange(*told, {})) {
            if (!now.contains(file)) {
                expiries.forget({file});  // no configuration names it any more
            }
        }
        for (const auto& [file, ends] : now) {
            expiries.with({file}).set(static_cast<double>(ends));
            told->insert(file);
        }
    });
}

struct running {
    app::daemon_config config;
    std::unique_ptr<app::masa_role> masa;
    std::unique_ptr<app::registrar_role> registrar;
    std::unique_ptr<app::element_role> element;
    std::unique_ptr<app::est_role> est;
    std::unique_ptr<app::publish_role> publish;
    std::unique_ptr<app::hub_role> hub;
    std::unique_ptr<app::admin_listener> admin;
    std::unique_ptr<app::list_watch> lists;
};

// All of the configuration's files, or nothing of them: every one was read and tried before the first part takes effect.
result<void> take(running& r, const app::daemon_config& config) {
    auto lists = app::list_watch::look_at(app::lists_of(config));
    std::optional<app::masa_role::prepared> masa;
    std::optional<app::registrar_role::prepared> registrar;
    if (config.masa) {
        BERTH_TRY(ready, r.masa->prepare(*config.masa));
        masa = std::move(ready);
    }
    if (config.registrar) {
        BERTH_TRY(ready, r.registrar->prepare(*config.registrar, *config.ca));
        registrar.emplace(std::move(ready));
    }
    std::optional<app::element_role::prepared> element;
    if (config.element) {
        BERTH_TRY(ready, r.element->prepare(*config.element));
        element.emplace(std::move(ready));
    }
    std::optional<app::est_role::prepared> est;
    if (config.est) {
        BERTH_TRY(ready, r.est->prepare(*config.est));
        est.emplace(std::move(ready));
    }
    std::optional<app::publish_role::prepared> publish;
    if (config.publish) {
        BERTH_TRY(ready, r.publish->prepare(*config.publish));
        publish.emplace(std::move(ready));
    }
    std::optional<app::hub_role::prepared> hub;
    if (config.hub) {
        BERTH_TRY(ready, r.hub->prepare(*config.hub));
        hub.emplace(std::move(ready));
    }
    app::role_lists next = masa ? masa->lists : app::role_lists{};
    if (registrar) {
        next.add(registrar->lists);
    }
    if (element) {
        next.add(element->lists);
    }
    if (est) {
        next.add(est->lists);
    }
    if (hub) {
        next.add(hub->lists);
    }
    BERTH_CHECK(r.lists->may_become(next));
    if (masa) {
        r.masa->apply(std::move(*masa));
    }
    if (registrar) {
        r.registrar->apply(std::move(*registrar));
    }
    if (element) {
        r.element->apply(std::move(*element));
    }
    if (est) {
        r.est->apply(std::move(*est));
    }
    if (publish) {
        r.publish->apply(std::move(*publish));
    }
    if (hub) {
        r.hub->apply(std::move(*hub));
    }
    r.lists->were_read(std::move(lists), std::move(next));
    return {};
}

result<void> reload(running& r, const std::filesystem::path& file) {
    BERTH_TRY(fresh, app::read_config(file));
    const auto& before = r.config;
    const bool same_admin = fresh.admin.has_value() == before.admin.has_value() &&
                            (!fresh.admin || (fresh.admin->host == before.admin->host &&
                                              fresh.admin_beyond_loopback == before.admin_beyond_loopback &&
                                              (fresh.admin->port == before.admin->port || fresh.admin->port == r.admin->port())));
    if (!same_admin || fresh.masa.has_value() != before.masa.has_value() ||
        fresh.registrar.has_value() != before.registrar.has_value() || fresh.element.has_value() != before.element.has_value() ||
        fresh.est.has_value() != before.est.has_value() || fresh.publish.has_value() != before.publish.has_value() ||
        fresh.hub.has_value() != before.hub.has_value()) {
        return fail(error_category::usage, "restart_needed",
                    "which roles there are, and where [admin] listens, is read at start only: restart berthd, or put it back");
    }
    BERTH_CHECK(take(r, fresh));
    log::configure(fresh.log_level, fresh.log_format);
    // Listeners stay where they are, whatever port the file says by now.
    auto admin = std::move(r.config.admin);
    r.config = std::move(fresh);
    r.config.admin = std::move(admin);
    return {};
}

// The usual soft limit of 1024 files is used up by as many strangers that connect and say nothing; the listeners' own limits are
// to be met first.
void allow_many_connections() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        ::setrlimit(RLIMIT_NOFILE, &limit);
    }
}

// A connection takes and gives back more than the C library keeps by default, so that it would ask the kernel for the same
// pages again and again. A few MiB are kept instead.
void keep_freed_memory() {
#ifdef __GLIBC__
    constexpr int kept = 8 * 1024 * 1024;
    (void)::mallopt(M_TRIM_THRESHOLD, kept);
    (void)::mallopt(M_TOP_PAD, 256 * 1024);
#endif
}

result<void> serve(const std::filesystem::path& file) {
    BERTH_TRY(config, app::read_config(file));
    log::configure(config.log_level, config.log_format);
    allow_many_connections();
    keep_freed_memory();
    net::loop loop;
    ops::metric_registry metrics;
    ops::add_process_metrics(metrics, app::version());
    ops::health health;
    loop.on_termination([&] {
        health.stopping();
        loop.stop();
    });
    const auto observer = app::count_into(metrics);
    running r;
    r.config = config;
    auto lists = app::list_watch::look_at(app::lists_of(config));
    r.lists = std::make_unique<app::list_watch>(loop, system_clock(), [&r] { return take(r, r.config); });
    if (config.masa) {
        BERTH_TRY(started, app::masa_role::start(loop, *config.masa, system_clock(), crypto::system_random(), observer));
        r.masa = std::move(started);
        say_listening("masa", "kk1", r.masa->port());
        if (config.masa->direct_listen) {
            say_listening("masa", "kk3", r.masa->direct_port());
        }
    }
    if (config.registrar) {
        // [est] may serve the very directory that [ca] issues from: its transaction ends before the registrar writes there.
        const auto make_way = [&r] {
            if (r.est) {
                r.est->end_turn();
            }
        };
        BERTH_TRY(started,
                  app::registrar_role::start(loop, *config.registrar, *config.ca, system_clock(), crypto::system_random(),
                                             observer, app::any_issuer(loop, system_clock(), crypto::system_random(), make_way)));
        r.registrar = std::move(started);
        say_listening("registrar", "kk2", r.registrar->port());
    }
    if (config.element) {
        BERTH_TRY(started, app::element_role::start(loop, *config.element, system_clock(), crypto::system_random(), metrics));
        r.element = std::move(started);
        say_listening("element", "https", r.element->port());
    }
    if (config.est) {
        BERTH_TRY(started, app::est_role::start(loop, *config.est, system_clock(), crypto::system_random(), metrics));
        r.est = std::move(started);
        say_listening("est", "https", r.est->port());
        if (const auto port = r.est->tls12_port()) {
            say_listening("est", "https-tls12", *port);
        }
        if (const auto port = r.est->authkem_port()) {
            say_listening("est", "authkem", *port);
        }
        health.add_ready("est_ca", [est = r.est.get()] { return est->check_usable(); });
    }
    if (config.publish) {
        BERTH_TRY(started, app::publish_role::start(loop, *config.publish, system_clock(), metrics));
        r.publish = std::move(started);
        say_listening("publish", "http", r.publish->port());
        if (r.est) {
            r.publish->before_writing([est = r.est.get()] { est->end_turn(); });
        }
        health.add_ready("publish_lists", [publish = r.publish.get()] { return publish->check_usable(); });
    }
    if (config.hub) {
        // [est] may serve the very directory that [hub.issuer] issues from.
        const auto make_way = [&r] {
            if (r.est) {
                r.est->end_turn();
            }
        };
        BERTH_TRY(started, app::hub_role::start(loop, *config.hub, system_clock(), crypto::system_random(), metrics, make_way));
        r.hub = std::move(started);
        say_listening("hub", "https", r.hub->port());
        if (const auto port = r.hub->mqtt_port()) {
            say_listening("hub", "mqtt", port);
        }
        if (const auto port = r.hub->provisioning_port()) {
            say_listening("hub", "provisioning", port);
        }
        health.add_ready("hub_brokers", [hub = r.hub.get()] { return hub->check_brokers(); });
        health.add_ready("hub_store", [hub = r.hub.get()] { return hub->check_usable(); });
    }
    app::role_lists read = r.masa ? r.masa->lists() : app::role_lists{};
    if (r.registrar) {
        read.add(r.registrar->lists());
    }
    if (r.element) {
        read.add(r.element->lists());
    }
    if (r.est) {
        read.add(r.est->lists());
    }
    if (r.hub) {
        read.add(r.hub->lists());
    }
    r.lists->were_read(std::move(lists), std::move(read));
    watch(metrics, health, r.masa.get(), r.registrar.get());
    watch(metrics, *r.lists, r.registrar.get());
    if (config.admin) {
        BERTH_TRY(started,
                  app::admin_listener::start(loop, *config.admin, metrics, health, system_clock(), config.admin_beyond_loopback));
        r.admin = std::move(started);
        say_listening("admin", "admin", r.admin->port());
    }
    loop.on_reload([&] {
        if (const auto done = reload(r, file); !done) {
            log::failure("reload_refused", done.error(), {{"config", file.string()}});
        } else {
            log::info("reloaded", "the configuration and every file that it names were read again", {{"config", file.string()}});
        }
    });
    app::print_json(wire::json::object{{"event", "ready"}});
    loop.run();
    log::info("stopped", "berthd stops");
    return {};
}

result<void> check(const std::filesystem::path& file, bool json) {
    BERTH_TRY(config, app::read_config(file));
    BERTH_CHECK(app::check_files(config, system_clock().now()));
    if (config.registrar) {
        net::loop nobody_runs;
        const auto open = app::any_issuer(nobody_runs, system_clock(), crypto::system_random(), {}, store::opening::to_look);
        BERTH_CHECK(open(*config.registrar, *config.ca));
    }
    if (config.est) {
        BERTH_CHECK(app::est_role::read(*config.est, system_clock(), store::opening::to_look));
    }
    if (config.publish) {
        BERTH_CHECK(app::publish_role::read(*config.publish, store::opening::to_look));
    }
    if (config.hub) {
        BERTH_CHECK(app::hub_role::read(*config.hub, system_clock(), store::opening::to_look));
    }
    wire::json::array roles;
    std::string names;
    for (const auto& [there, name] : {std::pair(config.masa.has_value(), "masa"),
                                      {config.registrar.has_value(), "registrar"},
                                      {config.ca.has_value(), "ca"},
                                      {config.element.has_value(), "element"},
                                      {config.est.has_value(), "est"},
                                      {config.publish.has_value(), "publish"},
                                      {config.hub.has_value(), "hub"}}) {
        if (there) {
            roles.emplace_back(name);
            names += std::string(" ") + name;
        }
    }
    if (json) {
        app::print_json(wire::json::object{{"config", file.string()}, {"roles", roles}});
    } else {
        fmt::print("{} is well formed and the files that it names fit together; roles:{}\n", file.string(), names);
    }
    return {};
}

}  // namespace

int main(int argc, char** argv) try {
    CLI::App cli(
        "The Berth server: MASA, registrar, CA, EST, publisher, hub and verifier of secure elements, chosen by one TOML file.",
        "berthd");
    cli.footer(manual);
    cli.set_version_flag("--version", app::version_text("berthd", app::asks_for_json(argc, argv)),
                         "tell the versions of Berth and of the OpenSSL that it runs on");
    std::string file;
    std::string checked;
    cli.add_option("--config", file, "the configuration file; serve what it says")->type_name("FILE");
    auto* const checking = cli.add_subcommand(
        "check",
        "say what is wrong with a configuration file, and in which line, or with a file that it names: missing, readable by "
        "others, not what it must be, not fitting to the others, expired. Nothing is bound, made or changed");
    checking->add_option("FILE", checked, "the configuration file")->required();
    bool json = false;
    cli.add_flag("--json", json, "errors, and what `check` says, as one JSON object on standard output");
    checking->fallthrough();
    try {
        cli.parse(argc, argv);
    } catch (const CLI::ParseError& e) {
        const bool help = e.get_exit_code() == 0;
        return app::report_usage(argc, argv, help ? "" : e.what(), [&] { return cli.exit(e); });
    }
    if (file.empty() && checked.empty()) {
        return app::report({error_category::usage, "no_config", "name a configuration file: berthd --config FILE"}, json);
    }
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGHUP, SIG_IGN);   // until there is something that could be read again
    std::signal(SIGXFSZ, SIG_IGN);  // a limit on files is an error of the store, not the end
    if (const auto usable = crypto::require_openssl(); !usable) {
        return app::report(usable.error(), json);
    }
    const auto done = checked.empty() ? serve(file) : check(checked, json);
    return done ? 0 : app::report(done.error(), json);
} catch (...) {
    return app::report_exception(false);
}
