// installed/: appears whole or not at all, and takes the place of the one before in one step.
#pragma once

#include "device/bundle.h"
#include "onboarding/device/acceptance.h"
#include "wire/json.h"

namespace berth::app {

struct installation_state {
    std::string customer;
    onboarding::kk3_id_field kk3_id{};
    bool reported = false;          // the registrar has acknowledged the result
    unix_seconds installed_at = 0;  // as the voucher told the time
    std::string registrar;          // host:port
    uint64_t configuration_version = 0;
};

class installation {
public:
    explicit installation(const device_bundle& bundle) : bundle_(bundle), directory_(bundle.directory / "installed") {}

    [[nodiscard]] bool present() const;
    [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }
    // Error `bad_installation`: state.json does not read.
    [[nodiscard]] result<installation_state> state() const;

    // Writes everything beside, then exchanges the directories. The credential keys come from pending/. Errors of the disk;
    // nothing has changed then.
    result<void> install(const onboarding::accepted_grant& grant, const onboarding::kk3_id_field& kk3_id,
                         const std::string& registrar);
    result<void> mark_reported();
    result<void> set_configuration(uint64_t version, const std::string& json);
    // Forgets the installation and all pending keys: the device is as it left the factory.
    result<void> reset();

private:
    result<void> write_state(const std::filesystem::path& in, const installation_state& s) const;
    const device_bundle& bundle_;
    std::filesystem::path directory_;
};

wire::json::object to_json(const installation_state& s);
// What to_json wrote. Errors of JSON, `bad_installation`.
result<installation_state> parse_state(std::string_view text);

}  // namespace berth::app
