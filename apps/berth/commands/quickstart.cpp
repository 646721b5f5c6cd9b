// berth quickstart: every role asked for, on free loopback ports, until interrupted.
#include "base/log.h"
#include "berth/commands/commands.h"
#include "berth/commands/own_directory.h"
#include "berth/commands/quickstart_est.h"
#include "common/files.h"
#include "common/words.h"
#include "crypto/random.h"
#include "scene/world.h"

#include <csignal>
#include <set>

namespace berth::app {

namespace {

namespace fs = std::filesystem;

volatile std::sig_atomic_t interrupted = 0;

struct options {
    std::string dir;
    std::string roles = "masa,registrar,ca,est";
    bool post_quantum = false;
};

// Which roles are asked for. Errors `role_not_available`, `unknown_role`, `role_incomplete`.
result<std::set<std::string, std::less<>>> parse_roles(const std::string& roles) {
    std::set<std::string, std::less<>> out;
    std::string_view rest = roles;
    while (!rest.empty()) {
        const size_t comma = rest.find(',');
        const std::string role(rest.substr(0, comma));
        rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
        if (role == "hub" || role == "gateway") {
            return fail(error{error_category::usage,
                              "role_not_available",
                              fmt::format("this version has no role \"{}\" yet", role),
                              {{"role", role}}});
        }
        if (role != "masa" && role != "registrar" && role != "ca" && role != "est") {
            return fail(error{error_category::usage,
                              "unknown_role",
                              fmt::format("\"{}\" is no role; masa, registrar, ca, est", role),
                              {{"role", role}}});
        }
        out.insert(role);
    }
    // Each of these is of no use without the others: a registrar asks a MASA and its own CA, and the CA serves a registrar.
    for (const auto& [role, needed] :
         {std::pair("registrar", "masa"), {"registrar", "ca"}, {"ca", "registrar"}, {"est", "registrar"}}) {
        if (out.contains(role) && !out.contains(needed)) {
            return fail(error{
                error_category::usage,
                "role_incomplete",
                fmt::format("the role \"{}\" needs \"{}\" beside it: --roles masa or --roles masa,registrar,ca", role, needed),
                {{"role", role}, {"needs", needed}}});
        }
    }
    if (out.empty()) {
        return fail(error_category::usage, "role_incomplete", "name a role: --roles masa or --roles masa,registrar,ca");
    }
    return out;
}

device_order first_device(const world& w, const std::string& customer, const options& o) {
    device_order order;
    if (customer.empty()) {
        order.serial = "SN-0001";
        order.model = "valve-3";
        order.masa = w.direct().text();
        order.discovery = {"rendezvous"};
    } else {
        order = w.order_for("SN-0001", customer);
    }
    if (o.post_quantum) {
        order.credentials = {{"device", "mldsa65"}, {"device-kem", "mlkem768_p256"}};
        order.signature = crypto::signature_algorithm::mldsa65;
    }
    return order;
}

result<void> quickstart(const options& o, bool json) {
    BERTH_TRY(roles, parse_roles(o.roles));
    world::options how;
    BERTH_TRY(directory, absolute_path(o.dir));
    BERTH_CHECK(take_directory(directory, "berth quickstart"));
    how.directory = directory;
    how.post_quantum = o.post_quantum;
    how.customers.clear();
    if (roles.contains("registrar")) {
        how.customers = {"Birch Energy"};
    }
    BERTH_TRY(w, world::make(how, system_clock(), crypto::system_random()));
    const world_customer* const customer = w->customers().empty() ? nullptr : &w->customers().front();
    const std::string name = customer ? customer->name : "";
    BERTH_TRY(bundle, w->make_device(first_device(*w, name, o), name));
    std::optional<quick_est> est;
    if (customer && roles.contains("est")) {
        const auto algorithm =
            o.post_quantum ? crypto::signature_algorithm::mldsa65 : crypto::signature_algorithm::ecdsa_p256_sha256;
        BERTH_TRY(started, start_quick_est(how.directory / "est", *customer, algorithm, system_clock(), crypto::system_random()));
        est.emplace(std::move(started));
        BERTH_CHECK(have_kept(bundle, *est, o.post_quantum ? "mldsa65" : "p256"));
    }
    BERTH_TRY(program, sibling_program("berth"));
    BERTH_TRY(agent, sibling_program("berth-agent"));
    const auto command = [&](const std::string& rest) { return shell_word(program.string()) + " " + rest; };
    std::string another =
        fmt::format("factory make --dir {} --masa {} --serial SN-0002 --out {}", shell_word(w->factory().string()),
                    shell_word(w->masa().string()), shell_word((how.directory / "devices" / "SN-0002").string()));
    if (o.post_quantum) {
        another += " --signature mldsa65 --credential device=mldsa65 --credential device-kem=mlkem768_p256";
    }
    wire::json::object endpoints{{"masa_kk1", w->kk1().text()}, {"masa_kk3", w->direct().text()}};
    wire::json::object files{{"maker_root", (w->factory() / "z1.pem").string()},
                             {"factory", w->factory().string()},
                             {"masa", w->masa().string()},
                             {"device", bundle.string()}};
    wire::json::object commands{{"log", command(fmt::format("masa log show --masa {}", shell_word(w->masa().string())))}};
    if (customer) {
        another += fmt::format(" --registrar {}", customer->kk2.text());
        endpoints["registrar_kk2"] = customer->kk2.text();
        files["customer_root"] = (customer->ca / "z2.pem").string();
        files["registrar"] = customer->registrar.string();
        commands["onboard"] = command(fmt::format("device onboard --bundle {}", shell_word(bundle.string())));
        commands["devices"] = command(fmt::format("registrar devices --dir {}", shell_word(customer->registrar.string())));
        commands["assign"] =
            command(fmt::format("ownership assign SN-0002 {} --masa {}", shell_word(name), shell_word(w->masa().string())));
    }
    if (est) {
        endpoints["est"] = est->at.text();
        files["est"] = est->config.string();
        commands["certificate"] =
            fmt::format("{} --bundle {} --renew-once", shell_word(agent.string()), shell_word(bundle.string()));
        commands["credentials"] = command(fmt::format("device credentials --bundle {}", shell_word(bundle.string())));
    }
    commands["another_device"] = command(another);
    if (customer) {
        commands["onboard_another"] =
            command(fmt::format("device onboard --bundle {}", shell_word((how.directory / "devices" / "SN-0002").string())));
    }
    wire::json::array running;
    for (const auto& role : roles) {
        running.emplace_back(role);
    }
    const wire::json::object out{{"roles", running}, {"endpoints", endpoints}, {"files", files}, {"commands", commands}};
    if (json) {
        print_json(out);
    } else {
        fmt::print("MASA on {}{}{}; everything lies in {}.\n\n", w->kk1().text(),
                   customer ? fmt::format(", registrar of {} on {}", name, customer->kk2.text()) : "",
                   est ? fmt::format(", EST on {}", est->at.text()) : "", how.directory.string());
        // In the order in which they make sense.
        for (const char* name_of_command :
             {"onboard", "certificate", "credentials", "devices", "log", "another_device", "assign", "onboard_another"}) {
            if (const auto* const text = commands.if_contains(name_of_command)) {
                fmt::print("  {}\n", std::string_view(text->as_string()));
            }
        }
        fmt::print("\nCtrl-C ends it. It does not go on from there: begin anew with another --dir, or after rm -r {}.\n",
                   shell_word(how.directory.string()));
        std::fflush(stdout);
    }
    while (!interrupted) {
        (void)(est ? w->events(500, {&est->server}) : w->events(500));
        if (est) {
            (void)est->server.take_output_lines();
            (void)est->server.take_error_lines();
        }
    }
    return {};
}

}  // namespace

void add_quickstart(CLI::App& cli, context& c) {
    const auto o = std::make_shared<options>();
    auto* const cmd = cli.add_subcommand("quickstart", "set up and run every role on free loopback ports, until interrupted");
    cmd->add_option("--dir", o->dir, "where everything goes; new or empty")->required();
    cmd->add_option("--roles", o->roles, "masa, or masa,registrar,ca, and with them est (all)");
    cmd->add_flag("--pq", o->post_quantum,
                  "devices have and ask for post-quantum and hybrid keys only (CAs and channels always do)");
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            std::signal(SIGINT, [](int) { interrupted = 1; });
            std::signal(SIGTERM, [](int) { interrupted = 1; });
            auto done = quickstart(*o, c.json);
            // Ctrl-C reaches the servers, too, while they start.
            return done || !interrupted ? std::move(done)
                                        : fail(error_category::environment, "interrupted",
                                               "interrupted before all was running; begin anew in another directory");
        });
    });
}

}  // namespace berth::app
