// berth customer: whose registrars a MASA serves.
#include "setup/customer.h"
#include "berth/commands/masa_records.h"
#include "common/files.h"
#include "roles/startup_checks.h"
#include "wire/base64.h"

namespace berth::app {

namespace {

struct options {
    std::string masa, file, name, root, proof;
    std::vector<std::string> registrars;
    bool none = false;
};

void show(const context& c, const std::string& name, const std::vector<std::string>& registrars) {
    if (c.json) {
        return print_json(
            wire::json::object{{"customer", name}, {"registrars", wire::json::array(registrars.begin(), registrars.end())}});
    }
    fmt::print("{:<24} {}\n", name, registrars.empty() ? "-" : fmt::format("{}", fmt::join(registrars, " ")));
}

// The file that was named is what is wrong, and no peer's octets.
result<bytes> read_proof(const std::string& file) {
    BERTH_TRY(text, read_text(file));
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) {
        text.pop_back();
    }
    auto proof = wire::from_base64(text);
    if (!proof) {
        return fail(std::move(proof).error().during(file + ", which must be what `berth ca prove` wrote").with("file", file));
    }
    return proof;
}

}  // namespace

void add_customer(CLI::App& cli, context& c) {
    auto* const group = cli.add_subcommand("customer", "the customers whose registrars a MASA serves");
    group->require_subcommand(1);
    const auto o = std::make_shared<options>();
    auto* const cmd =
        masa_command(*group, o->masa, "register", "register a customer's root Z2, with proof that its key is the customer's");
    cmd->add_option("NAME", o->name, "the customer's name")->required();
    cmd->add_option("--root", o->root, "z2.pem")->required();
    cmd->add_option("--proof", o->proof, "the proof that `berth ca prove` made")->required();
    cmd->add_option("--maker-root", o->file, "the manufacturer's z1.pem")->required();
    cmd->add_option("--registrar", o->registrars, "host:port of the customer's registrars, for rendezvous; repeatable")
        ->check(host_and_port());
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(store, open_masa_store(o->masa));
            for (const auto& given : {o->root, o->file}) {
                BERTH_CHECK(check_root_file(given, system_clock().now()));
            }
            BERTH_TRY(root, read_certificate(o->root));
            BERTH_TRY(maker, read_certificate(o->file));
            BERTH_TRY(proof, read_proof(o->proof));
            BERTH_CHECK(check_root_proof(proof, root, o->name, maker));
            BERTH_CHECK(store->register_customer({o->name, to_bytes(root.der()), o->registrars}, system_clock().now()));
            if (c.json) {
                print_json(wire::json::object{{"customer", o->name}, {"root_spki", to_hex(root.spki_sha256())}});
            } else {
                fmt::print("{} is registered.\n", o->name);
            }
            return {};
        });
    });
    auto* const list = masa_command(*group, o->masa, "list", "list the registered customers");
    list->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(store, read_masa_store(o->masa));
            BERTH_TRY(customers, store->customers());
            for (const auto& customer : customers) {
                show(c, customer.name, customer.registrars);
            }
            return {};
        });
    });
    auto* const registrars = masa_command(*group, o->masa, "registrars",
                                          "replace the addresses of a customer's registrars that rendezvous tells its devices");
    registrars->add_option("NAME", o->name, "the customer's name")->required();
    registrars->add_option("ADDRESS", o->registrars, "host:port, in the order to try")->check(host_and_port());
    registrars->add_flag("--none", o->none, "rendezvous tells no address (any more)");
    registrars->callback([o, &c] {
        c.run([&]() -> result<void> {
            if (o->none != o->registrars.empty()) {
                return fail(error_category::usage, "bad_arguments", "name the addresses, or say --none");
            }
            BERTH_TRY(store, open_masa_store(o->masa));
            BERTH_CHECK(store->set_registrars(o->name, o->registrars, system_clock().now()));
            show(c, o->name, o->registrars);
            return {};
        });
    });
    auto* const remove = masa_command(*group, o->masa, "remove", "remove a customer: its registrars are refused from now on");
    remove->add_option("NAME", o->name, "the customer's name")->required();
    remove->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(store, open_masa_store(o->masa));
            BERTH_CHECK(store->remove_customer(o->name, system_clock().now()));
            if (c.json) {
                print_json(wire::json::object{{"customer", o->name}, {"removed", true}});
            } else {
                fmt::print("{} is removed; its registrars are refused from now on.\n", o->name);
            }
            return {};
        });
    });
}

}  // namespace berth::app
