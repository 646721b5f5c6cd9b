#include "berth/commands/registrar_records.h"

#include "common/files.h"
#include "setup/factory.h"

namespace berth::app {

namespace fs = std::filesystem;

namespace {

result<std::filesystem::path> store_of(const std::string& dir) {
    return file_in(dir, "registrar.db", "a registrar's", "berth registrar init");
}

}  // namespace

result<std::unique_ptr<store::sqlite_registrar_store>> open_store(const std::string& dir) {
    BERTH_TRY(file, store_of(dir));
    return store::sqlite_registrar_store::open(file.string(), store::opening::existing);
}

result<std::unique_ptr<store::sqlite_registrar_store>> read_store(const std::string& dir) {
    BERTH_TRY(file, store_of(dir));
    return store::sqlite_registrar_store::open(file.string(), store::opening::to_read);
}

result<std::optional<registrar_config>> config_of(const std::string& dir) {
    const fs::path file = fs::path(dir) / "berthd.toml";
    BERTH_TRY(there, is_there(file));
    if (!there) {
        return std::nullopt;
    }
    BERTH_TRY(config, read_config(file));
    return std::move(config.registrar);
}

namespace {

// A device of a maker whom this registrar does not serve will never come; a record of it would be in the way of the one that is
// meant. Errors `unknown_device_root`, errors of files.
result<void> check_maker(const std::string& dir, const onboarding::device_identity& device) {
    BERTH_TRY(config, config_of(dir));
    if (!config) {
        return {};
    }
    for (const auto& maker : config->makers) {
        BERTH_TRY(root, read_certificate(maker.root));
        if (root.spki_sha256() == device.device_root_spki) {
            return {};
        }
    }
    return fail(error{error_category::usage,
                      "unknown_device_root",
                      fmt::format("the registrar serves no maker of this root; if it should, add a [[registrar.maker]] to "
                                  "{}/berthd.toml and reload berthd",
                                  dir),
                      {{"device_root_spki", to_hex(device.device_root_spki)}, {"serial", device.serial}}});
}

result<bool> has_record(registry::registrar_registry& records, const onboarding::device_identity& device) {
    BERTH_TRY(found, records.find_serial(device.serial));
    return std::ranges::find(found, device, &registry::registrar_device::device) != found.end();
}

}  // namespace

result<onboarding::device_identity> device_named(registry::registrar_registry& records, const std::string& text,
                                                 const registrar_options& o) {
    constexpr size_t root_digits = 64;
    std::optional<onboarding::device_identity> named;
    if (!o.maker_root.empty()) {
        BERTH_TRY(root, read_certificate(o.maker_root));
        named = {root.spki_sha256(), text};
    } else if (text.size() > root_digits && text[root_digits] == '/') {
        if (const auto root = from_hex(text.substr(0, root_digits))) {
            named = {to_array<32>(*root), text.substr(root_digits + 1)};
        }
    }
    if (named) {
        BERTH_CHECK(check_serial(named->serial));
        BERTH_TRY(recorded, has_record(records, *named));
        if (!recorded) {
            BERTH_CHECK(check_maker(o.dir, *named));
        }
        return std::move(*named);
    }
    BERTH_TRY(found, records.find_serial(text));
    if (found.empty()) {
        return fail(error{error_category::usage,
                          "unknown_device",
                          fmt::format("no device was seen here with serial \"{}\"; one that was not seen yet is named with its "
                                      "maker's root, --maker-root Z1.PEM",
                                      text),
                          {{"serial", text}}});
    }
    if (found.size() > 1) {
        std::string names;
        for (const auto& d : found) {
            names += fmt::format("{}{}/{}", names.empty() ? "" : ", ", to_hex(d.device.device_root_spki), text);
        }
        return fail(
            error{error_category::usage,
                  "ambiguous_serial",
                  fmt::format("devices of several makers use serial \"{}\"; say which is meant with --maker-root Z1.PEM, or "
                              "by its whole name: {}",
                              text, names),
                  {{"serial", text}}});
    }
    return found.front().device;
}

void registrar_options::add_to(CLI::App& command) {
    command.add_option("--dir", dir, "the registrar's directory")->required();
    add_maker_root(command);
}

void registrar_options::add_maker_root(CLI::App& command) {
    command.add_option("--maker-root", maker_root, "the maker's z1.pem, for a device that was not seen yet or a shared serial");
}

}  // namespace berth::app
