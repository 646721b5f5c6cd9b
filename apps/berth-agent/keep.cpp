#include "berth-agent/keep.h"

#include "base/log.h"
#include "common/output.h"
#include "credentials/keeper.h"
#include "crypto/random.h"
#include "crypto/version.h"

#include <cstdio>

namespace berth::app {

namespace {

constexpr const char* usage = "usage: berth-agent accepted --bundle DIR NAME [--json]\n"
                              "\n"
                              "Tells that a peer has accepted the newest certificate of the credential NAME: it becomes the one "
                              "in use, and the one before\n"
                              "it goes. For credentials with accept = \"told\" (docs/credentials.md), from a hook or by hand.\n"
                              "\n"
                              "Exit codes: 0 done (or done before), 2 usage, 3 environment (file), 4 our fault.\n"
                              "Example: berth-agent accepted --bundle /var/lib/berth/device device-kem\n";

result<keeping_config> config_of(const device_bundle& bundle) {
    BERTH_TRY(config, read_keeping_config(bundle.directory));
    if (!config) {
        return fail(error_category::usage, "file_not_found",
                    fmt::format("{} is not there: it says which credentials this device keeps (docs/credentials.md)",
                                (bundle.directory / "est.toml").string()));
    }
    return std::move(*config);
}

result<void> keep_once(const std::string& directory, const std::string& passphrase_file) {
    BERTH_CHECK(crypto::require_openssl());
    BERTH_TRY(bundle, device_bundle::look(directory, passphrase_file));
    BERTH_TRY(config, config_of(bundle));
    BERTH_TRY(lock, keeping_lock::take(bundle.directory));
    net::loop loop;
    std::optional<std::vector<credential_keeper::report>> outcome;
    credential_keeper keeper(loop, bundle, config, system_clock(), crypto::system_random());
    keeper.once([&](const auto& all) {
        outcome = all;
        loop.stop();
    });
    loop.on_termination([&loop] { loop.stop(); });
    loop.run();
    if (!outcome) {
        return fail(error_category::environment, "interrupted", "interrupted before the end; run it again, nothing is lost");
    }
    const auto bad = std::ranges::find_if(*outcome, [](const auto& each) { return each.why.has_value(); });
    return bad == outcome->end() ? result<void>{} : fail(error(*bad->why).during("credential " + bad->name));
}

result<void> accept_newest(const std::string& directory, const std::string& name) {
    BERTH_TRY(bundle, device_bundle::look(directory));
    BERTH_TRY(config, config_of(bundle));
    const bool known = std::ranges::any_of(config.sources, [&](const auto& source) {
        return std::ranges::any_of(source.credentials, [&](const auto& wish) { return wish.name == name; });
    });
    if (!known) {
        return fail(
            error{error_category::usage, "no_such_credential", fmt::format("est.toml names no credential \"{}\"", name)}.with(
                "credential", name));
    }
    const credential_files files(bundle, name);
    BERTH_TRY(k, files.look());
    if (k.certified.empty()) {
        return fail(error{error_category::environment, "no_such_generation",
                          fmt::format("the credential \"{}\" has no certificate yet", name)}
                        .with("credential", name));
    }
    BERTH_CHECK(files.accepted(k.certified.front().number));
    const known_time time(bundle, system_clock());
    BERTH_TRY(mended, files.mend(time.now()));
    return {};
}

}  // namespace

result<std::optional<keeping_config>> read_agents_config(const device_bundle& bundle) {
    BERTH_TRY(config, read_keeping_config(bundle.directory));
    const bool in_chip = std::ranges::any_of(bundle.credentials, [](const auto& wanted) { return !wanted.key.empty(); });
    if (config && config->recover == recovery::onboard && in_chip) {
        // The new keys would have to take the places of those that are in use.
        return fail(
            error_category::usage, "bad_config",
            fmt::format("{}: recover = \"onboard\" makes the new keys beside the former ones, and device.toml has them in places "
                        "of a chip; with these, berth device reset makes room first",
                        (bundle.directory / "est.toml").string()));
    }
    return config;
}

int renew_once(const std::string& bundle, const std::string& passphrase_file) {
    const auto done = keep_once(bundle, passphrase_file);
    if (!done) {
        log::failure("not_kept", done.error());
        return exit_code(done.error().category);
    }
    return 0;
}

int tell_accepted(int argc, char** argv) {
    std::string bundle, name, wrong;
    bool json = false;
    for (int i = 0; i < argc; ++i) {
        const std::string_view argument = argv[i];
        if (argument == "--bundle" && i + 1 < argc) {
            bundle = argv[++i];
        } else if (argument == "--json") {
            json = true;
        } else if (argument == "--help" || argument == "-h") {
            std::fputs(usage, stdout);
            return 0;
        } else if (!argument.starts_with('-') && name.empty()) {
            name = argument;
        } else {
            wrong = fmt::format("I do not know \"{}\", or it lacks its value", argument);
        }
    }
    if (wrong.empty() && (bundle.empty() || name.empty())) {
        wrong = "--bundle DIR and the name of a credential are both needed";
    }
    if (!wrong.empty()) {
        return report_usage(argc, argv, wrong, [&] {
            std::fprintf(stderr, "berth-agent accepted: %s\n\n%s", wrong.c_str(), usage);
            return 2;
        });
    }
    log::configure(log::level::info, json ? log::format::json : log::format::text);
    const auto done = accept_newest(bundle, name);
    if (!done) {
        return report(done.error(), json);
    }
    if (json) {
        print_json(wire::json::object{{"credential", name}, {"accepted", true}});
    }
    return 0;
}

}  // namespace berth::app
