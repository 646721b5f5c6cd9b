#include "berth-agent/serve.h"

#include "base/log.h"
#include "common/output.h"
#include "crypto/version.h"
#include "device/identity_holdings.h"
#include "device/identity_server.h"

#include <cstdio>

namespace berth::app {

namespace {

constexpr const char* usage =
    "usage: berth-agent serve --bundle DIR --config FILE [--passphrase-file FILE] [--json]\n"
    "\n"
    "The identity service of this device: local programs, known by the user that they run as and named in FILE, read the "
    "device's\n"
    "certificates over a Unix socket and have it sign or decapsulate with keys that they never see. It begins before the device "
    "is\n"
    "onboarded, too: what is not there yet is told as no_such_identity, and what is renewed shows at the next request.\n"
    "\n"
    "  --bundle DIR            the device's bundle\n"
    "  --config FILE           the socket, and who may do what (docs/identity-service.md)\n"
    "  --passphrase-file FILE  unlocks the device's encrypted keys with its first line; the file is readable by its owner alone\n"
    "                          (default: what device.toml names)\n"
    "  --json                  logs as JSON lines, on standard error; text otherwise\n"
    "\n"
    "SIGHUP reads the principals of FILE anew; SIGTERM and SIGINT end it, after what is being answered.\n"
    "When it listens it says so on standard output: {\"event\":\"listening\",\"role\":\"identity\",\"path\":...}, "
    "{\"event\":\"ready\"}.\n"
    "Exit codes: 0 ended by a signal, 2 usage, 3 environment (file, socket), 4 our fault.\n"
    "Example: berth-agent serve --bundle /var/lib/berth/device --config /etc/berth/identity.toml\n"
    "Ask it: berth identity list --socket /run/berth/identity.sock\n";

struct arguments {
    std::string bundle, config, passphrase_file;
    bool json = false;
    bool help = false;
};

// What is wrong with the command line; empty: nothing.
std::string parse(int argc, char** argv, arguments& into) {
    const std::map<std::string_view, std::string*> texts{
        {"--bundle", &into.bundle}, {"--config", &into.config}, {"--passphrase-file", &into.passphrase_file}};
    for (int i = 0; i < argc; ++i) {
        const std::string_view argument = argv[i];
        if (const auto text = texts.find(argument); text != texts.end() && i + 1 < argc) {
            *text->second = argv[++i];
        } else if (argument == "--json") {
            into.json = true;
        } else if (argument == "--help" || argument == "-h") {
            into.help = true;
        } else {
            return fmt::format("I do not know \"{}\", or it lacks its value", argument);
        }
    }
    if (!into.help && (into.bundle.empty() || into.config.empty())) {
        return "--bundle DIR and --config FILE are both needed";
    }
    return "";
}

void say_that_it_listens(const identity_config& config) {
    print_json(wire::json::object{{"event", "listening"}, {"role", "identity"}, {"path", config.socket.string()}});
    print_json(wire::json::object{{"event", "ready"}});
}

void reload(identity_server& server, const std::filesystem::path& file) {
    const auto config = read_identity_config(file);
    const auto done = config ? server.reload(*config) : fail(config.error());
    if (done) {
        log::info("reloaded", "the principals were read anew", {{"principals", config->principals.size()}});
    } else {
        log::failure("not_reloaded", done.error());  // the former ones stay
    }
}

result<void> serve(const arguments& how) {
    BERTH_CHECK(crypto::require_openssl());
    BERTH_TRY(config, read_identity_config(how.config));
    BERTH_TRY(bundle, device_bundle::look(how.bundle, how.passphrase_file));
    identity_holdings holdings(bundle);
    net::loop loop;
    BERTH_TRY(server, identity_server::start(loop, config, holdings, system_clock()));
    loop.on_termination([&] {
        log::info("stopped", "SIGTERM or SIGINT: the identity service ends");
        loop.stop();
    });
    loop.on_reload([&] { reload(*server, how.config); });
    say_that_it_listens(config);
    loop.run();
    return {};
}

}  // namespace

int serve_identities(int argc, char** argv) {
    arguments how;
    if (const std::string wrong = parse(argc, argv, how); !wrong.empty()) {
        return report_usage(argc, argv, wrong, [&] {
            std::fprintf(stderr, "berth-agent serve: %s\n\n%s", wrong.c_str(), usage);
            return 2;
        });
    }
    if (how.help) {
        std::fputs(usage, stdout);
        return 0;
    }
    log::configure(log::level::info, how.json ? log::format::json : log::format::text);
    const auto served = serve(how);
    if (!served) {
        log::failure("not_serving", served.error());
        return exit_code(served.error().category);
    }
    return 0;
}

}  // namespace berth::app
