// A customer whose registrar asks another CA than its own, and devices that are onboarded there.
#pragma once

#include "pki/profiles.h"
#include "store/sqlite/registrar_store.h"
#include "support/reloading_world.h"

namespace berth::test {

class issuing_world : public reloading_world {
protected:
    // Another [ca] for Birch's registrar; all of the table that was there goes.
    static void name_ca(const std::string& table) {
        auto toml = got(app::read_text(world->config("Birch")));
        const size_t from = toml.find("\n[ca]");
        ASSERT_NE(from, std::string::npos);
        const size_t to = toml.find("\n[", from + 1);
        toml.replace(from, (to == std::string::npos ? toml.size() : to) - from, "\n[ca]\n" + table);
        ASSERT_TRUE(app::write_text(world->config("Birch"), toml));
    }
    static std::filesystem::path ca_directory() { return world->customer("Birch").ca; }
    static std::string registrar_file(const std::string& name) { return (world->customer("Birch").registrar / name).string(); }

    // A child that goes on until it is onboarded.
    static app::child_process agent(const std::filesystem::path& bundle) {
        return got(app::child_process::start(std::filesystem::path(BERTH_BIN_DIR) / "berth-agent",
                                             {"--bundle", bundle.string(), "--json"}));
    }
    // A program says so, on either of its outputs.
    static bool says(app::child_process& child, const std::string& text) {
        const milliseconds until = system_clock().steady() + 20'000;
        while (!child.ended() && system_clock().steady() < until) {
            app::poll_children({&child}, 50);
            for (const auto& lines : {child.take_output_lines(), child.take_error_lines()}) {
                if (std::ranges::any_of(lines, [&](const auto& line) { return line.find(text) != std::string::npos; })) {
                    return true;
                }
            }
        }
        return false;
    }
    static program_result end_of(app::child_process& child) {
        return collect(child, 120'000, [&] { app::poll_children({&child}, 50); });
    }
    static pki::certificate installed(const std::filesystem::path& bundle, const std::string& name) {
        return got(app::read_certificate(bundle / "installed" / (name + ".pem")));
    }
    static program_result ca(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), {"--json", "ca"});
        arguments.insert(arguments.end(), {"--dir", ca_directory().string()});
        return berth(arguments);
    }
    // Entries of the CA's log about this device, as JSON text.
    static std::vector<std::string> log_of(const std::string& serial) { return ca({"log", "--device", serial}).output; }
};

}  // namespace berth::test
