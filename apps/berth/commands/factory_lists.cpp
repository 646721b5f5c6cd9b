// berth factory revoke | crl: the manufacturer's revocation lists.
#include "setup/factory_lists.h"
#include "berth/commands/commands.h"
#include "common/files.h"
#include "common/words.h"

namespace berth::app {

namespace {

void add_revoke(CLI::App& group, context& c) {
    struct options {
        std::string dir, what, reason = "unspecified";
    };
    const auto o = std::make_shared<options>();
    auto* const cmd = group.add_subcommand(
        "revoke",
        "write down that a device's birth certificates are revoked; berth factory crl then makes the list that tells it");
    cmd->add_option("WHAT", o->what,
                    "a device's serial or its bundle's directory, or the file of a certificate (z3.pem, z5.pem); ./NAME for "
                    "a directory or file that has a serial's name")
        ->required();
    cmd->add_option("--dir", o->dir, "the factory's directory")->required();
    cmd->add_option("--reason", o->reason,
                    "unspecified (default), key_compromise, ca_compromise, affiliation_changed, superseded, "
                    "cessation_of_operation, privilege_withdrawn");
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(reason, revocation_reason_named(o->reason));
            BERTH_TRY(done, factory_revoke(o->dir, o->what, reason, system_clock().now()));
            if (c.json) {
                print_json(wire::json::object{{"revoked", done.added},
                                              {"revoked_before", done.before},
                                              {"serials", wire::json::array(done.serials.begin(), done.serials.end())},
                                              {"issuers", wire::json::array(done.issuers.begin(), done.issuers.end())}});
            } else {
                fmt::print("{} certificates of {} are revoked{}. Nobody knows of it until a list of {} tells: berth factory crl "
                           "--dir {} "
                           "--issuer {} --out FILE\n",
                           done.added, done.serials.empty() ? o->what : fmt::format("{}", fmt::join(done.serials, ", ")),
                           done.before == 0 ? std::string() : fmt::format(" now, {} were before", done.before),
                           fmt::join(done.issuers, " and of "), shell_word(o->dir), done.issuers.front());
            }
            return {};
        });
    });
}

void add_list(CLI::App& group, context& c) {
    struct options {
        std::string dir, out, passphrase_file;
        factory_list_order order;
    };
    const auto o = std::make_shared<options>();
    auto* const cmd = group.add_subcommand("crl", "make the list of the revoked certificates of one of the factory's CAs");
    cmd->add_option("--dir", o->dir, "the factory's directory")->required();
    cmd->add_option("--out", o->out,
                    "where to write it, for device_crls of [masa] and crls of [[registrar.maker]]; a former one is replaced, and "
                    "who is on it "
                    "stays revoked")
        ->required();
    cmd->add_option(
           "--issuer", o->order.issuer,
           "idevid-ca (default), for devices; idevid-ca-classical, for the IDevID in chips; z1, for the MASA's own certificate")
        ->check(CLI::IsMember({"idevid-ca", "idevid-ca-classical", "z1"}));
    cmd->add_option("--days", o->order.days, "for which the list is good (30); make the next one before they are over")
        ->check(CLI::Range(1, 3650));
    cmd->add_option("--passphrase-file", o->passphrase_file, "unlocks the factory's encrypted keys");
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(passphrase, read_passphrase(o->passphrase_file));
            o->order.passphrase = std::move(passphrase);
            o->order.out = o->out;
            BERTH_TRY(made, factory_list(o->dir, o->order, system_clock().now()));
            const pki::crl& list = made.list;
            if (c.json) {
                print_json(wire::json::object{{"list", o->out},
                                              {"issuer", list.issuer()},
                                              {"number", list.number()},
                                              {"revoked", list.revoked().size()},
                                              {"recovered", made.recovered},
                                              {"next_update", to_iso8601(list.next_update())}});
            } else {
                fmt::print(
                    "{}: list {} of {}, {} certificates revoked, good until {}. Put it where berthd looks (device_crls, crls)\n",
                    o->out, list.number(), list.issuer(), list.revoked().size(), to_iso8601(list.next_update()));
            }
            if (made.recovered != 0 && !c.json) {
                fmt::print("{} of these were on the former list alone, and are in the factory's records again\n", made.recovered);
            }
            return {};
        });
    });
}

}  // namespace

void add_factory_lists(CLI::App& factory, context& c) {
    add_revoke(factory, c);
    add_list(factory, c);
}

}  // namespace berth::app
