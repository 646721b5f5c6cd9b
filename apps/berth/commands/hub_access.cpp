// berth hub set, berth hub device rotate-key: who may log in by a key that he shares with the hub, and with which.
#include "berth/commands/hub_access.h"

#include "crypto/random.h"
#include "pki/private_key_file.h"
#include "registry/hub/identity_json.h"
#include "wire/base64.h"

namespace berth::app {

namespace {

using namespace registry;

constexpr size_t most_keys_file = 4'096;

struct options {
    std::string hub, device_sas, module_sas, name, which, file;
    std::optional<std::string> host_name;
};

const char* word_of(bool on) {
    return on ? "on" : "off";
}

void show(const context& c, const hub_settings& s) {
    if (c.json) {
        print_json(
            wire::json::object{{"deviceSas", s.device_sas},
                               {"moduleSas", s.module_sas},
                               {"hostName", s.host_name.empty() ? wire::json::value(nullptr) : wire::json::value(s.host_name)}});
        return;
    }
    fmt::print("devices by shared key (SAS): {}\nmodules by shared key (SAS): {}\nhost name of tokens: {}\n",
               word_of(s.device_sas), word_of(s.module_sas), s.host_name.empty() ? "any" : s.host_name);
}

result<void> set(const context& c, const options& o) {
    BERTH_TRY(store, open_hub_store(o.hub));
    BERTH_TRY(after, store->all_or_nothing([&]() -> result<hub_settings> {
        BERTH_TRY(before, store->settings());
        hub_settings out = before;
        if (!o.device_sas.empty()) {
            out.device_sas = o.device_sas == "on";
        }
        if (!o.module_sas.empty()) {
            out.module_sas = o.module_sas == "on";
        }
        if (o.host_name) {
            BERTH_TRY(name, host_name_from_text(*o.host_name));
            out.host_name = name;
        }
        if (out != before) {
            BERTH_CHECK(store->set(out));
        }
        return out;
    }));
    show(c, after);
    return {};
}

result<void> rotate(const context& c, const options& o) {
    BERTH_TRY(name, parse_identity_name(o.name));
    BERTH_TRY(store, open_hub_store(o.hub));
    BERTH_TRY(after, store->all_or_nothing([&]() -> result<identity> {
        BERTH_TRY(found, store->find(name));
        if (!found) {
            return fail(error{error_category::usage,
                              "unknown_identity",
                              fmt::format("there is no {} \"{}\"", name.is_module() ? "module" : "device", name.text()),
                              {{"name", name.text()}}});
        }
        BERTH_TRY(settings, store->settings());
        BERTH_CHECK(check_has_key(*found, settings));
        BERTH_TRY(keys, store->keys_of(name));
        shared_keys fresh = keys ? std::move(*keys) : draw_shared_keys(crypto::system_random());
        (o.which == "primary" ? fresh.primary : fresh.secondary) = draw_shared_key(crypto::system_random());
        return store->set_keys(*found, fresh, system_clock().now());
    }));
    if (c.json) {
        print_json(to_json(after));
    } else {
        fmt::print("\"{0}\" has another {1} key; sessions by the former one end. berth hub device show --keys {0} tells it.\n",
                   after.name.text(), o.which);
    }
    return {};
}

}  // namespace

result<identity> give_keys(store::sqlite_hub_store& store, const identity& who, const std::string& file) {
    BERTH_TRY(settings, store.settings());
    BERTH_CHECK(check_has_key(who, settings));
    shared_keys keys;
    if (file.empty()) {
        keys = draw_shared_keys(crypto::system_random());
    } else {
        BERTH_TRY(text, pki::read_secret_file(file, most_keys_file));
        const auto octets = text.reveal();
        BERTH_TRY(given,
                  shared_keys_from_text({reinterpret_cast<const char*>(octets.data()), octets.size()}, crypto::system_random()));
        keys = std::move(given);
    }
    return store.set_keys(who, keys, system_clock().now());
}

result<void> show_with_keys(const context& c, store::sqlite_hub_store& store, const identity& who) {
    BERTH_TRY(keys, store.keys_of(who.name));
    if (!keys) {
        return fail(error{error_category::usage,
                          "login_not_by_key",
                          fmt::format("\"{}\" has no shared keys: it logs in another way", who.name.text()),
                          {{"name", who.name.text()}}});
    }
    const std::string primary = wire::base64(keys->primary.reveal()), secondary = wire::base64(keys->secondary.reveal());
    if (c.json) {
        auto out = to_json(who);
        out["authentication"].as_object()["symmetricKey"] =
            wire::json::object{{"primaryKey", primary}, {"secondaryKey", secondary}};
        print_json(out);
    } else {
        fmt::print("  primary key {}\n  secondary key {}\n", primary, secondary);
    }
    return {};
}

void add_hub_access(CLI::App& hub, context& c) {
    const auto o = std::make_shared<options>();
    auto* const cmd = hub_command(hub, o->hub, "set", "whether devices and modules may log in by shared keys; alone: show it");
    cmd->add_option("--device-sas", o->device_sas, "devices may log in by a shared key (SAS): on or off (default)")
        ->check(CLI::IsMember({"on", "off"}));
    cmd->add_option("--module-sas", o->module_sas, "modules may: on or off (default)")->check(CLI::IsMember({"on", "off"}));
    cmd->add_option("--host-name", o->host_name, "the hub's, as in devices' HostName=: tokens must be for it; \"\": any will do");
    cmd->callback([o, &c] { c.run([&] { return set(c, *o); }); });

    auto* const rotated = hub_command(*hub.get_subcommand("device"), o->hub, "rotate-key", "draw another shared key");
    rotated->add_option("NAME", o->name, "DEVICE, or DEVICE/MODULE")->required();
    rotated->add_option("WHICH", o->which, "primary or secondary: the other one goes on")
        ->required()
        ->check(CLI::IsMember({"primary", "secondary"}));
    rotated->callback([o, &c] { c.run([&] { return rotate(c, *o); }); });
}

}  // namespace berth::app
