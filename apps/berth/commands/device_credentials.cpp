#include "berth/commands/device_credentials.h"

#include "common/words.h"
#include "credentials/known_time.h"
#include "credentials/plan.h"

namespace berth::app {

namespace {

struct shown {
    kept_credential kept;
    plan next;
    std::string server;
};

std::string_view state_of(const shown& s, unix_seconds now) {
    const auto held = s.kept.held();
    const auto is = [&](est::credential_state wanted) {
        return std::ranges::any_of(held, [&](const auto& h) { return est::state_of(h, now) == wanted; });
    };
    if (is(est::credential_state::usable)) {
        return "valid";
    }
    return !held.empty() ? "expired" : s.kept.awaited ? "asked_for" : "none";
}

wire::json::object to_json(const shown& s, unix_seconds now) {
    wire::json::array generations;
    for (const auto& g : s.kept.certified) {
        const auto& leaf = g.chain.front();
        generations.push_back(wire::json::object{{"generation", g.number},
                                                 {"in_use", g.number == s.kept.current},
                                                 {"accepted", g.state.accepted},
                                                 {"subject", leaf.subject()},
                                                 {"serial", leaf.serial_hex()},
                                                 {"not_before", leaf.not_before()},
                                                 {"not_after", leaf.not_after()},
                                                 {"renew_at", g.state.renew_at},
                                                 {"key", g.key},
                                                 {"hooks", g.state.hooks}});
    }
    return {{"name", s.kept.name},
            {"state", state_of(s, now)},
            {"server", s.server},
            {"next", std::string(name_of(s.next.what))},
            {"next_at", s.next.at},
            {"asked_for", s.kept.awaited.has_value()},
            {"certificates", std::move(generations)}};
}

std::string to_text(const shown& s, unix_seconds now) {
    std::string out = fmt::format("{}: {}, from {}\n", s.kept.name, state_of(s, now), s.server);
    for (const auto& g : s.kept.certified) {
        const auto& leaf = g.chain.front();
        out += fmt::format("  {} valid until {}, renewal {}, key {}{}{}\n", one_line(leaf.subject()),
                           to_iso8601(leaf.not_after()), to_iso8601(g.state.renew_at), one_line(g.key),
                           g.number == s.kept.current ? ", in use" : "", g.state.accepted ? "" : ", not accepted by a peer yet");
        if (!g.state.hooks.empty() && g.state.hooks != "done") {
            out += fmt::format("  a hook went wrong: {}\n", one_line(g.state.hooks));
        }
    }
    if (s.kept.awaited) {
        out += "  a certificate for a new key is asked for\n";
    }
    return out;
}

result<void> show(const std::string& directory, const context& c) {
    BERTH_TRY(bundle, device_bundle::look(directory));
    BERTH_TRY(config, read_keeping_config(bundle.directory));
    const known_time time(bundle, system_clock());
    wire::json::array all;
    std::string text;
    for (const auto& source : config ? config->sources : std::vector<kept_source>{}) {
        for (const auto& wish : source.credentials) {
            BERTH_TRY(kept, credential_files(bundle, wish.name).look());
            const plan next = plan_for(kept, wish, time.now());
            const shown one{std::move(kept), next, source.at.text()};
            all.push_back(to_json(one, time.now()));
            text += to_text(one, time.now());
        }
    }
    if (c.json) {
        print_json(wire::json::object{{"credentials", std::move(all)}});
    } else {
        fmt::print("{}", text.empty() ? "est.toml names no credentials to be kept (docs/credentials.md).\n" : text);
    }
    return {};
}

}  // namespace

void add_device_credentials(CLI::App& device, context& c) {
    auto* const cmd = device.add_subcommand("credentials", "the certificates that berth-agent renews: state, next renewal, key");
    const auto bundle = std::make_shared<std::string>();
    cmd->add_option("--bundle", *bundle, "the device's bundle directory")->required();
    cmd->callback([bundle, &c] { c.run([&] { return show(*bundle, c); }); });
}

}  // namespace berth::app
