// berth factory | masa init | ca | registrar init | customer: what has to stand before a device can be onboarded (Z1..Z5,
// P1..P3).
#include "setup/factory.h"
#include "berth/commands/ca.h"
#include "berth/commands/device_options.h"
#include "berth/commands/ldevid.h"
#include "common/files.h"
#include "crypto/random.h"
#include "device/lifecycle.h"
#include "roles/startup_checks.h"
#include "setup/ca_hierarchy.h"
#include "setup/customer.h"
#include "setup/masa.h"
#include "wire/base64.h"

namespace berth::app {

namespace {

namespace fs = std::filesystem;

// What an authority's directory holds: NAME.pem with NAME.key, or NAME.uri that was there before.
wire::json::array files_in(const fs::path& directory, std::initializer_list<const char*> names) {
    wire::json::array out;
    for (const std::string name : names) {
        for (const char* extension : {".pem", ".key", ".uri"}) {
            if (fs::exists(directory / (name + extension))) {
                out.emplace_back(name + extension);
            }
        }
    }
    return out;
}

void add_factory_init(CLI::App& group, context& c) {
    struct options {
        std::string dir, maker, algorithm = "mldsa65", passphrase_file;
        bool without_chips = false;
    };
    const auto o = std::make_shared<options>();
    auto* const cmd = group.add_subcommand("init", "make the manufacturer's root Z1 and its IDevID issuing CA");
    cmd->add_option("--dir", o->dir, "the factory's directory")->required();
    cmd->add_option("--maker", o->maker, "the manufacturer's name, as it stands in certificates")->required();
    cmd->add_option("--algorithm", o->algorithm, "of both CAs: mldsa65 (default), mldsa87, mldsa44, p384, p256");
    cmd->add_option("--passphrase-file", o->passphrase_file, "encrypt the private keys with this file's first line");
    cmd->add_flag("--no-chips", o->without_chips,
                  "make no second CA (idevid-ca-classical, P-384) for the certificates of devices with a TPM or secure element");
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(algorithm, signature_algorithm_named(o->algorithm));
            BERTH_TRY(passphrase, read_passphrase(o->passphrase_file));
            BERTH_CHECK(factory_init(o->dir, {o->maker, algorithm, std::move(passphrase), !o->without_chips}, system_clock(),
                                     crypto::system_random()));
            say(c, {{"directory", o->dir}, {"files", files_in(o->dir, {"z1", "idevid-ca", "idevid-ca-classical"})}},
                fmt::format(
                    "The factory of {} stands in {}. Keep its root (z1) offline; next: berth masa init --factory {} --dir ... "
                    "--host ...",
                    o->maker, o->dir, o->dir));
            return {};
        });
    });
}

void add_factory_make(CLI::App& group, context& c) {
    struct options {
        device_options device;
        std::string serial, out;
    };
    const auto o = std::make_shared<options>();
    auto* const cmd =
        group.add_subcommand("make", "make one device: key P3, certificates Z3, its bundle directory, its record at the MASA");
    o->device.add_to(*cmd);
    cmd->add_option("--serial", o->serial, "1 to 64 printable characters")->required();
    cmd->add_option("--out", o->out, "the bundle's directory")->required();
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(order, o->device.read());
            order.serial = o->serial;
            const std::string& masa = o->device.masa;
            BERTH_TRY(masa_keys, read_text(fs::path(masa) / "masa-kem.pem"));
            BERTH_TRY(store, open_masa_store(masa));
            BERTH_TRY(identity, factory_make_recorded(o->device.factory, o->out, order, masa_keys, *store, system_clock(),
                                                      crypto::system_random()));
            BERTH_TRY(bundle, device_bundle::look(o->out));
            note_life_or_log(bundle, system_clock());
            say(c, {{"serial", identity.serial}, {"device_root_spki", to_hex(identity.device_root_spki)}, {"bundle", o->out}},
                fmt::format("Device {} is made, its bundle is {}. Next: berth ownership assign {} CUSTOMER --masa {}",
                            identity.serial, o->out, identity.serial, masa));
            return {};
        });
    });
}

void add_masa_init(CLI::App& group, context& c) {
    struct options {
        std::string dir;
        masa_setup setup;
        std::string factory, passphrase_file, factory_passphrase_file;
    };
    const auto o = std::make_shared<options>();
    auto* const cmd = group.add_subcommand("init", "make a MASA's keys (Z5, current and spare), its store and berthd.toml");
    cmd->add_option("--dir", o->dir, "the MASA's directory")->required();
    cmd->add_option("--factory", o->factory, "the factory's directory, with Z1 and its key")->required();
    cmd->add_option("--host", o->setup.host, "the host name that registrars expect")->required();
    cmd->add_option("--passphrase-file", o->passphrase_file,
                    "encrypt the MASA's keys with this file's first line; berthd.toml names the file");
    cmd->add_option("--factory-passphrase-file", o->factory_passphrase_file, "unlocks the factory's encrypted z1.key");
    cmd->add_option("--listen", o->setup.listen, "address of KK1 (0.0.0.0:9443)")->check(host_and_port());
    cmd->add_option("--direct-listen", o->setup.direct_listen, "address of KK3 by the direct way")->check(host_and_port());
    cmd->add_option("--admin", o->setup.admin, "address of /metrics, /healthz, /readyz");
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            o->setup.factory = o->factory;
            o->setup.passphrase_file = o->passphrase_file;
            BERTH_TRY(passphrase, read_passphrase(o->factory_passphrase_file));
            o->setup.factory_passphrase = std::move(passphrase);
            BERTH_CHECK(masa_init(o->dir, o->setup, system_clock(), crypto::system_random()));
            say(c, {{"directory", o->dir}, {"config", o->dir + "/berthd.toml"}, {"masa_keys", o->dir + "/masa-kem.pem"}},
                fmt::format("The MASA stands in {}. Start it: berthd --config {}/berthd.toml", o->dir, o->dir));
            return {};
        });
    });
}

struct ca_init_options {
    std::string dir, organization, algorithm = "mldsa65", hierarchy, passphrase_file;
    bool dual = false;
};

result<void> init_hierarchies(const ca_init_options& o, const hierarchy_order& as_given, const context& c) {
    hierarchy_order order = as_given;
    if (o.hierarchy == "all") {
        order.which = {hierarchy::tpm_maker, hierarchy::maker, hierarchy::customer};
    } else {
        order.which = {*hierarchy_named(o.hierarchy)};
    }
    BERTH_TRY(names, make_hierarchies(o.dir, order, system_clock(), crypto::system_random()));
    say(c, {{"directory", o.dir}, {"authorities", wire::json::array(names.begin(), names.end())}},
        fmt::format("In {} stand {}. Keep the keys of the roots offline; what they issue stands in ca.toml, next: berth ca issue",
                    o.dir, fmt::join(names, ", ")));
    return {};
}

void add_ca_init(CLI::App& group, context& c) {
    const auto o = std::make_shared<ca_init_options>();
    auto* const init = group.add_subcommand("init", "make a customer's root Z2 and its issuing CA, or a whole hierarchy");
    init->add_option("--dir", o->dir, "the CA's directory")->required();
    init->add_option("--customer,--organization", o->organization, "whose CAs these are, as it stands in certificates")
        ->required();
    init->add_option(
            "--hierarchy", o->hierarchy,
            "customer (root, LDevID CA, operational CA), maker (device root, IDevID CA), tpm-maker (EK root, EK CA), or all")
        ->check(CLI::IsMember({"customer", "maker", "tpm-maker", "all"}));
    init->add_option("--algorithm", o->algorithm, "of all CAs: mldsa65 (default), mldsa87, mldsa44, p384, p256");
    init->add_flag("--dual", o->dual, "with --hierarchy: a classical and a post-quantum chain side by side");
    init->add_option("--passphrase-file", o->passphrase_file, "encrypt the private keys with this file's first line");
    init->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(algorithm, signature_algorithm_named(o->algorithm));
            BERTH_TRY(passphrase, read_passphrase(o->passphrase_file));
            if (!o->hierarchy.empty()) {
                return init_hierarchies(*o, {{}, o->organization, algorithm, o->dual, std::move(passphrase)}, c);
            }
            if (o->dual) {
                return fail(error_category::usage, "bad_arguments", "--dual goes with --hierarchy");
            }
            BERTH_CHECK(
                ca_init(o->dir, {o->organization, algorithm, std::move(passphrase)}, system_clock(), crypto::system_random()));
            say(c, {{"directory", o->dir}, {"files", files_in(o->dir, {"z2", "ca"})}},
                fmt::format("The CA of {} stands in {}. Keep its root (z2) offline; next: berth ca prove, berth registrar init",
                            o->organization, o->dir));
            return {};
        });
    });
}

void add_ca(CLI::App& cli, context& c) {
    auto* const group = cli.add_subcommand("ca", "certification authorities: make them, issue, revoke, inspect, verify");
    group->require_subcommand(1);
    add_ca_init(*group, c);
    add_ca_making(*group, c);
    add_ca_issuing(*group, c);
    add_ca_ending(*group, c);
    add_ca_reading(*group, c);
    struct options {
        std::string dir, customer, maker_root, out, passphrase_file;
    };
    const auto o = std::make_shared<options>();
    add_ca_ldevid(*group, c);
    auto* const prove = group->add_subcommand("prove", "prove to a manufacturer that the root's key is yours");
    prove->add_option("--dir", o->dir, "the CA's directory")->required();
    prove->add_option("--customer", o->customer, "the name to be registered")->required();
    prove->add_option("--maker-root", o->maker_root, "the manufacturer's z1.pem")->required();
    prove->add_option("--out", o->out, "where to write the proof, for berth customer register --proof")->required();
    prove->add_option("--passphrase-file", o->passphrase_file, "unlocks the CA's encrypted z2.key");
    prove->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(passphrase, read_passphrase(o->passphrase_file));
            BERTH_CHECK(refuse_existing(o->out));
            for (const auto& given : {fs::path(o->dir) / "z2.pem", fs::path(o->maker_root)}) {
                BERTH_CHECK(check_root_file(given, system_clock().now()));
            }
            BERTH_TRY(root, open_authority(o->dir, "z2", passphrase));
            BERTH_TRY(maker, read_certificate(o->maker_root));
            BERTH_TRY(proof, prove_root(root, o->customer, maker));
            BERTH_CHECK(write_text(o->out, wire::base64(proof) + "\n"));
            say(c, {{"proof", o->out}}, fmt::format("Give {} and z2.pem to the manufacturer: berth customer register", o->out));
            return {};
        });
    });
}

}  // namespace

void add_setup(CLI::App& cli, CLI::App& masa, CLI::App& registrar, context& c) {
    auto* const factory = cli.add_subcommand("factory", "the manufacturer's factory: roots and devices");
    factory->require_subcommand(1);
    add_factory_init(*factory, c);
    add_factory_make(*factory, c);
    add_factory_lists(*factory, c);
    add_factory_lots(*factory, c);
    add_factory_line(*factory, c);
    add_factory_reissue(*factory, c);
    add_factory_ldevid(*factory, c);
    add_masa_init(masa, c);
    add_ca(cli, c);
    struct options {
        std::string dir, ca, maker_root, kem = "mlkem768_p256", passphrase_file, ca_passphrase_file;
        registrar_setup setup;
    };
    const auto o = std::make_shared<options>();
    auto* const cmd = registrar.add_subcommand("init", "make a registrar's key and certificate (Z4), its store and berthd.toml");
    cmd->add_option("--dir", o->dir, "the registrar's directory")->required();
    cmd->add_option("--ca", o->ca, "the customer's CA directory")->required();
    cmd->add_option("--host", o->setup.hosts, "the registrar's host names, repeatable")->required();
    cmd->add_option("--maker-root", o->maker_root, "the manufacturer's z1.pem")->required();
    cmd->add_option("--masa", o->setup.masa, "host:port of the manufacturer's MASA")->required();
    cmd->add_option("--masa-host", o->setup.masa_host, "the name in the MASA's certificate, when it is not that host");
    cmd->add_option("--listen", o->setup.listen, "address of KK2 (0.0.0.0:8443)")->check(host_and_port());
    cmd->add_option("--admin", o->setup.admin, "address of /metrics, /healthz, /readyz");
    cmd->add_option("--kem", o->kem, "of Z4: mlkem768_p256 (default), mlkem768, mlkem1024, mlkem1024_p384");
    cmd->add_option("--passphrase-file", o->passphrase_file,
                    "encrypt z4.key with this file's first line; berthd.toml names the file");
    cmd->add_option("--ca-passphrase-file", o->ca_passphrase_file,
                    "unlocks the CA's encrypted keys; berthd.toml names the file, for the issuing CA");
    cmd->add_flag("--manual-approval", o->setup.manual_approval, "ask an operator before each onboarding");
    cmd->add_flag("--announce", o->setup.announce, "announce the registrar on the local network (DNS-SD)");
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(kem, kem_algorithm_named(o->kem));
            o->setup.kem = kem;
            o->setup.ca = o->ca;
            o->setup.maker_root = o->maker_root;
            o->setup.passphrase_file = o->passphrase_file;
            o->setup.ca_passphrase_file = o->ca_passphrase_file;
            BERTH_CHECK(registrar_init(o->dir, o->setup, system_clock(), crypto::system_random()));
            say(c, {{"directory", o->dir}, {"config", o->dir + "/berthd.toml"}},
                fmt::format("The registrar stands in {}. Start it: berthd --config {}/berthd.toml", o->dir, o->dir));
            return {};
        });
    });
}

}  // namespace berth::app
