// A world of real processes whose configuration and revocation lists a test changes while they run.
#pragma once

#include "pki/crl.h"
#include "support/small_world.h"

#include <csignal>

namespace berth::test {

class reloading_world : public small_world {
protected:
    // All registrars have reached the MASA: one that is reloaded while it greets them lets them come again later, and until then
    // devices are told to come later.
    static void begin(const std::vector<std::string>& customers, const std::function<void(app::world::options&)>& change = {}) {
        small_world::begin(customers, change);
        for (const auto& customer : customers) {
            ASSERT_TRUE(hear(customer, "kk1_opened")) << all_heard(customer);
        }
    }
    // A line into a table of the process's configuration; the same again does nothing.
    static void configure(const std::string& process, const std::string& table, const std::string& line) {
        auto toml = got(app::read_text(world->config(process)));
        if (toml.find(line) == std::string::npos) {
            const size_t at = toml.find('\n', toml.find(table));
            ASSERT_NE(at, std::string::npos);
            toml.insert(at + 1, line + "\n");
            ASSERT_TRUE(app::write_text(world->config(process), toml));
        }
    }
    static std::optional<wire::json::object> reload(const std::string& process, const std::string& event = "reloaded") {
        listen(0);
        const size_t from = heard.size();
        world->signal(process, SIGHUP);
        return hear(process, event, "", from);
    }
    // A list of that issuer with that certificate, or with none.
    static void write_list(const std::filesystem::path& file, const app::authority& issuer, const std::optional<bytes>& serial,
                           unix_seconds age = 60, unix_seconds left = 3600) {
        static uint64_t number = 0;
        const auto now = system_clock().now();
        pki::crl_template list{++number, now - age, now + left, {}};
        if (serial) {
            list.revoked.push_back({*serial, now - 30, pki::revocation_reason::key_compromise});
        }
        ASSERT_TRUE(
            app::write_text(file, got(pki::issue_crl(list, issuer.certificate(), issuer.key->as_signing_key())).to_pem()));
    }
    static void revoke(const std::filesystem::path& file, const app::authority& issuer, const bytes& serial) {
        write_list(file, issuer, serial);
    }
    static bytes serial_of(const std::filesystem::path& chain) { return got(app::read_chain(chain)).front().serial(); }
};

}  // namespace berth::test
