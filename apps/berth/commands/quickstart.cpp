// berth quickstart: every role asked for, on free loopback ports, until interrupted.
#include "base/log.h"
#include "berth/commands/commands.h"
#include "common/files.h"
#include "crypto/random.h"
#include "scene/world.h"

#include <csignal>

namespace berth::app {

namespace {

namespace fs = std::filesystem;

volatile std::sig_atomic_t interrupted = 0;

struct options {
    std::string dir;
    std::string roles = "masa,registrar,ca";
    bool post_quantum = false;
};

result<void> check_roles(const std::string& roles) {
    std::string_view rest = roles;
    while (!rest.empty()) {
        const size_t comma = rest.find(',');
        const std::string_view role = rest.substr(0, comma);
        rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
        if (role == "est" || role == "hub" || role == "gateway") {
            return fail(error{error_category::usage,
                              "role_not_available",
                              fmt::format("this version has no role \"{}\" yet", role),
                              {{"role", std::string(role)}}});
        }
        if (role != "masa" && role != "registrar" && role != "ca") {
            return fail(error{error_category::usage,
                              "unknown_role",
                              fmt::format("\"{}\" is no role; masa, registrar, ca", role),
                              {{"role", std::string(role)}}});
        }
    }
    return {};
}

result<void> quickstart(const options& o, bool json) {
    BERTH_CHECK(check_roles(o.roles));
    BERTH_CHECK(refuse_existing(fs::path(o.dir) / "masa"));
    world::options how;
    how.directory = fs::absolute(o.dir);
    how.customers = {"Birch Energy"};
    BERTH_TRY(w, world::make(how, system_clock(), crypto::system_random()));
    const auto& customer = w->customers().front();
    BERTH_TRY(bundle, w->make_device(w->order_for("SN-0001", customer.name), customer.name));
    BERTH_TRY(program, sibling_program("berth"));
    const auto command = [&](const std::string& rest) { return program.string() + " " + rest; };
    const wire::json::object out{
        {"endpoints", wire::json::object{{"masa_kk1", w->kk1().text()},
                                         {"masa_kk3", w->direct().text()},
                                         {"registrar_kk2", customer.kk2.text()}}},
        {"files", wire::json::object{{"maker_root", (w->factory() / "z1.pem").string()},
                                     {"customer_root", (customer.ca / "z2.pem").string()},
                                     {"masa", w->masa().string()},
                                     {"registrar", customer.registrar.string()},
                                     {"device", bundle.string()}}},
        {"commands",
         wire::json::object{
             {"onboard", command(fmt::format("device onboard --bundle {}", bundle.string()))},
             {"devices", command(fmt::format("registrar devices --dir {}", customer.registrar.string()))},
             {"log", command(fmt::format("masa log show --masa {}", w->masa().string()))},
             {"another_device", command(fmt::format("factory make --dir {} --masa {} --serial SN-0002 --out {} --registrar {}",
                                                    w->factory().string(), w->masa().string(),
                                                    (how.directory / "devices" / "SN-0002").string(), customer.kk2.text()))},
             {"assign", command(fmt::format("ownership assign SN-0002 '{}' --masa {}", customer.name, w->masa().string()))}}}};
    if (json) {
        print_json(out);
    } else {
        fmt::print("MASA on {}, registrar of {} on {}; everything lies in {}.\n\n", w->kk1().text(), customer.name,
                   customer.kk2.text(), how.directory.string());
        for (const auto& item : out.at("commands").as_object()) {
            fmt::print("  {}\n", std::string_view(item.value().as_string()));
        }
        fmt::print("\nCtrl-C ends it.\n");
        std::fflush(stdout);
    }
    while (!interrupted) {
        (void)w->events(500);
    }
    return {};
}

}  // namespace

void add_quickstart(CLI::App& cli, context& c) {
    const auto o = std::make_shared<options>();
    auto* const cmd = cli.add_subcommand("quickstart", "set up and run every role on free loopback ports, until interrupted");
    cmd->add_option("--dir", o->dir, "where everything goes; must be new")->required();
    cmd->add_option("--roles", o->roles, "masa,registrar,ca (all)");
    cmd->add_flag("--pq", o->post_quantum, "post-quantum throughout (always so for these roles)");
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            std::signal(SIGINT, [](int) { interrupted = 1; });
            std::signal(SIGTERM, [](int) { interrupted = 1; });
            return quickstart(*o, c.json);
        });
    });
}

}  // namespace berth::app
