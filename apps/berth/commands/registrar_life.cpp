// berth registrar decommission | recommission: the end of a device's life with its owner, on the owner's side.
#include "berth/commands/registrar_records.h"
#include "common/files.h"
#include "common/words.h"
#include "setup/ca_directory.h"

namespace berth::app {

namespace {

struct options : registrar_options {
    std::string serial, reason, ca;
};

// By both names that a CA may know it: of its maker, and, who came with the registrar's certificate, of the owner's own root.
// Said twice is no news.
result<bool> withdraw_at_ca(const options& o, const onboarding::device_identity& device, unix_seconds now) {
    BERTH_TRY(in, ca_directory::open(o.ca, {}, store::opening::existing));
    std::vector<ca::device_key> names{{device.device_root_spki, device.serial}};
    BERTH_TRY(config, config_of(o.dir));
    if (config) {
        BERTH_TRY(root, read_certificate(config->domain_root));
        names.push_back({root.spki_sha256(), device.serial});
    }
    bool news = false;
    for (const auto& name : names) {
        BERTH_TRY(withdrawn, in.records().withdraw({ca::withdrawal_kind::device, ca::withdrawal::of_device(name), now,
                                                    pki::revocation_reason::cessation_of_operation}));
        news = news || withdrawn;
    }
    return news;
}

result<void> decommission(const options& o, const context& c) {
    BERTH_TRY(store, open_store(o.dir));
    BERTH_TRY(device, device_named(*store, o.serial, o));
    const unix_seconds now = system_clock().now();
    bool withdrawn = false;
    if (!o.ca.empty()) {
        BERTH_TRY(news, withdraw_at_ca(o, device, now));
        withdrawn = news;
    }
    auto revoked = store->decommission(device, o.reason, now);
    // With a CA that had not heard of it: told now.
    const bool again = !revoked && revoked.error().is("decommissioned") && withdrawn;
    if (!revoked && !again) {
        return fail(std::move(revoked).error());
    }
    if (c.json) {
        print_json(wire::json::object{{"serial", device.serial},
                                      {"device_root_spki", to_hex(device.device_root_spki)},
                                      {"revoked", revoked.value_or(0)},
                                      {"withdrawn_at_ca", withdrawn}});
        return {};
    }
    fmt::print("{} is decommissioned: {} certificates of the registrar's are revoked, and it is refused from now on.\n",
               one_line(device.serial), revoked.value_or(0));
    if (withdrawn) {
        fmt::print("The CA in {} has ended all of its certificates, for good; OCSP says so at once, lists when they are made.\n",
                   one_line(o.ca));
    }
    fmt::print("On the device: berth device lifecycle decommission. To take it back: berth registrar recommission {} --dir {}\n",
               shell_word(o.serial), shell_word(o.dir));
    return {};
}

result<void> recommission(const options& o, const context& c) {
    BERTH_TRY(store, open_store(o.dir));
    BERTH_TRY(device, device_named(*store, o.serial, o));
    BERTH_CHECK(store->recommission(device, o.reason, system_clock().now()));
    if (c.json) {
        print_json(wire::json::object{{"serial", device.serial}, {"device_root_spki", to_hex(device.device_root_spki)}});
    } else {
        fmt::print(
            "{} may be onboarded here again; what was revoked stays revoked. A CA that was told of its end (--ca) has ended it "
            "for good.\n",
            one_line(device.serial));
    }
    return {};
}

}  // namespace

void add_registrar_life(CLI::App& registrar, context& c) {
    const auto o = std::make_shared<options>();
    const auto add = [&](const char* name, const char* help) {
        auto* const cmd = registrar.add_subcommand(name, help);
        o->add_to(*cmd);
        cmd->add_option("SERIAL", o->serial, "the device's serial, or ROOT/SERIAL")->required();
        cmd->add_option("--reason", o->reason, "for the history");
        return cmd;
    };
    auto* const end =
        add("decommission", "end a device's life with you: revoke what was issued to it, and refuse it from now on");
    end->add_option("--ca", o->ca,
                    "a CA's directory as well: all of its certificates for the device end, for good (ca revoke --device)");
    end->callback([o, &c] { c.run([&] { return decommission(*o, c); }); });
    add("recommission", "take a decommissioned device back: it may be onboarded again")->callback([o, &c] {
        c.run([&] { return recommission(*o, c); });
    });
}

}  // namespace berth::app
