// berth device ldevid | ca ldevid | factory ldevid: a customer's certificate for a device, gated on the device's IDevID.
#include "berth/commands/ldevid.h"

#include "common/files.h"
#include "common/words.h"
#include "crypto/random.h"
#include "setup/device_ldevid.h"
#include "setup/keys.h"
#include "setup/ldevid_issue.h"
#include "setup/message_file.h"

namespace berth::app {

namespace {

namespace fs = std::filesystem;

struct wish_options {
    std::string bundle, passphrase_file, key, algorithm = "p256";
    bool replace = false;

    void add_to(CLI::App& command) {
        command.add_option("--bundle", bundle, "the device's bundle directory")->required();
        command.add_option(
            "--key", key,
            "where the key is made and stays, when it is not the usual place: 0x81000002 of a TPM, slot 3 of a secure "
            "element, ldevid.key");
        command.add_option("--algorithm", algorithm,
                           "of a key that is made: p256 (default), p384, and in a file mldsa44, mldsa65, "
                           "mldsa87");
        command.add_flag("--replace", replace, "there is an LDevID already: replace it");
    }
    [[nodiscard]] result<ldevid_wish> read() const {
        BERTH_TRY(named, signature_algorithm_named(algorithm));
        return ldevid_wish{key, named, replace};
    }
};

void say_installed(const context& c, const std::string& serial, const ldevid_state& installed) {
    if (c.json) {
        auto told = to_json(installed);
        told["serial"] = serial;
        print_json(told);
    } else {
        fmt::print("{}: {}\n", one_line(serial), to_text(installed));
    }
}

void add_request(CLI::App& group, context& c) {
    struct options {
        wish_options wish;
        std::string out;
    };
    const auto o = std::make_shared<options>();
    auto* const cmd = group.add_subcommand("request", "make the LDevID's key, and a request for the customer's CA");
    o->wish.add_to(*cmd);
    cmd->add_option("--out", o->out, "the request, for berth ca ldevid issue")->required();
    cmd->add_option("--passphrase-file", o->wish.passphrase_file,
                    "unlocks the device's encrypted keys (default: what device.toml names)");
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(wish, o->wish.read());
            BERTH_TRY(device, device_ldevid::open(o->wish.bundle, o->wish.passphrase_file));
            BERTH_TRY(octets, device.request(wish));
            BERTH_CHECK(write_message(o->out, {std::string(ldevid_request_label), std::move(octets)}));
            if (c.json) {
                print_json(wire::json::object{{"serial", device.serial()}, {"file", o->out}});
            } else {
                fmt::print("{} asks for an LDevID: {}. Next: berth ca ldevid issue --request {}\n", one_line(device.serial()),
                           o->out, shell_word(o->out));
            }
            return {};
        });
    });
}

void add_install(CLI::App& group, context& c) {
    struct options {
        std::string bundle, passphrase_file, grant, root;
    };
    const auto o = std::make_shared<options>();
    auto* const cmd = group.add_subcommand("install", "install the LDevID certificate that the customer's CA has issued");
    cmd->add_option("--bundle", o->bundle, "the device's bundle directory")->required();
    cmd->add_option("--grant", o->grant, "what berth ca ldevid issue wrote")->required();
    cmd->add_option("--root", o->root, "the customer's z2.pem, where it is known: the certificate must lead to it");
    cmd->add_option("--passphrase-file", o->passphrase_file,
                    "unlocks the device's encrypted keys (default: what device.toml names)");
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(grant, read_message(o->grant, {ldevid_grant_label}));
            std::optional<pki::certificate> root;
            if (!o->root.empty()) {
                BERTH_TRY(named, read_certificate(o->root));
                root = std::move(named);
            }
            BERTH_TRY(device, device_ldevid::open(o->bundle, o->passphrase_file));
            BERTH_TRY(installed, device.install(grant.octets, root));
            say_installed(c, device.serial(), installed);
            return {};
        });
    });
}

void add_answer(CLI::App& group, context& c) {
    struct options {
        std::string bundle, passphrase_file, challenge, out;
    };
    const auto o = std::make_shared<options>();
    auto* const cmd = group.add_subcommand("answer", "have the TPM show the customer's CA that the LDevID's key is in it");
    cmd->add_option("--bundle", o->bundle, "the device's bundle directory")->required();
    cmd->add_option("--challenge", o->challenge, "what berth ca ldevid issue --residency wrote")->required();
    cmd->add_option("--out", o->out, "the answer, for berth ca ldevid issue --request")->required();
    cmd->add_option("--passphrase-file", o->passphrase_file,
                    "unlocks the device's encrypted keys (default: what device.toml names)");
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(challenge, read_message(o->challenge, {ldevid_challenge_label}));
            BERTH_TRY(device, device_ldevid::open(o->bundle, o->passphrase_file));
            BERTH_TRY(octets, device.answer(challenge.octets));
            // As good as the key until it was judged.
            BERTH_CHECK(write_message(o->out, {std::string(ldevid_answer_label), std::move(octets)}, 0600));
            if (c.json) {
                print_json(wire::json::object{{"serial", device.serial()}, {"file", o->out}});
            } else {
                fmt::print("The TPM of {} says where its key is: {}. Next: berth ca ldevid issue --request {}\n",
                           one_line(device.serial()), o->out, shell_word(o->out));
            }
            return {};
        });
    });
}

result<void> say_challenged(const context& c, ldevid_challenged asked, const std::string& out) {
    BERTH_CHECK(write_message(out, {std::string(ldevid_challenge_label), std::move(asked.octets)}));
    if (c.json) {
        print_json(wire::json::object{{"serial", asked.serial}, {"file", out}, {"granted", false}});
    } else {
        fmt::print(
            "{} is asked to show that its key is in its TPM: {}. On the device: berth device ldevid answer --challenge {}\n",
            one_line(asked.serial), out, shell_word(out));
    }
    return {};
}

void add_issue(CLI::App& group, context& c) {
    struct options {
        ldevid_order order;
        std::string dir, request, maker_root, out, registrar, passphrase_file;
        std::vector<std::string> lists;
        bool residency = false;
    };
    const auto o = std::make_shared<options>();
    auto* const cmd =
        group.add_subcommand("issue", "issue an LDevID certificate, once the request shows that a device of this maker asks");
    cmd->add_option("--dir", o->dir, "the CA's directory")->required();
    cmd->add_option("--request", o->request, "what berth device ldevid request wrote, or berth device ldevid answer")->required();
    cmd->add_flag("--residency", o->residency,
                  "first ask the device's TPM to show that the key is in it and cannot leave; --out is a challenge then");
    cmd->add_option("--maker-root", o->maker_root, "the z1.pem of the manufacturer whose devices you have bought")->required();
    cmd->add_option("--maker-crl", o->lists, "revocation lists of the manufacturer's CAs, repeatable");
    cmd->add_option(
        "--records", o->registrar,
        "the registrar's directory: the certificate goes into its records, and berth registrar revoke revokes it, too");
    cmd->add_option("--out", o->out, "the certificate, for berth device ldevid install")->required();
    cmd->add_option("--days", o->order.days, "for which it is good (3650), at most as long as the CA")
        ->check(CLI::Range(1, 36500));
    cmd->add_flag("--replace", o->order.replace, "also if another key was certified for the device before");
    cmd->add_option("--passphrase-file", o->passphrase_file, "unlocks the CA's encrypted keys");
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            o->order.ca = o->dir;
            o->order.maker_root = o->maker_root;
            o->order.maker_lists.assign(o->lists.begin(), o->lists.end());
            o->order.registrar = o->registrar;
            BERTH_TRY(passphrase, read_passphrase(o->passphrase_file));
            o->order.passphrase = std::move(passphrase);
            BERTH_CHECK(refuse_existing(o->out));
            BERTH_TRY(given, read_message(o->request, {ldevid_request_label, ldevid_answer_label}));
            const bool asks = given.label == ldevid_request_label;
            auto& random = crypto::system_random();
            if (asks && o->residency) {
                BERTH_TRY(asked, challenge_ldevid_for(o->order, given.octets, system_clock(), random));
                return say_challenged(c, std::move(asked), o->out);
            }
            BERTH_TRY(issued, asks ? issue_ldevid_for(o->order, given.octets, system_clock(), random)
                                   : issue_shown_ldevid_for(o->order, given.octets, system_clock(), random));
            BERTH_CHECK(write_message(o->out, {std::string(ldevid_grant_label), std::move(issued.octets)}));
            if (c.json) {
                print_json(wire::json::object{{"serial", issued.serial},
                                              {"granted", true},
                                              {"backend", issued.backend},
                                              {"in_tpm", issued.in_tpm},
                                              {"subject", issued.certificate.subject()},
                                              {"certificate", issued.certificate.serial_hex()},
                                              {"not_after", to_iso8601(issued.certificate.not_after())},
                                              {"file", o->out}});
            } else {
                fmt::print("{} is certified until {}: {}. On the device: berth device ldevid install --grant {}\n",
                           one_line(issued.certificate.subject()), to_iso8601(issued.certificate.not_after()), o->out,
                           shell_word(o->out));
            }
            return {};
        });
    });
}

// Where both are on one machine a key in a TPM is always shown to be there.
result<ldevid_issued> issue_here(const ldevid_order& order, const device_ldevid& device, bytes_view request) {
    auto& random = crypto::system_random();
    BERTH_TRY(asked, wire::decode<factory::ldevid_request>(request));
    if (asked.claim.tpm.empty()) {
        return issue_ldevid_for(order, request, system_clock(), random);
    }
    BERTH_TRY(challenge, challenge_ldevid_for(order, request, system_clock(), random));
    BERTH_TRY(answer, device.answer(challenge.octets));
    return issue_shown_ldevid_for(order, answer, system_clock(), random);
}

}  // namespace

namespace {

bool is_in_tpm(const pki::certificate& leaf) {
    return std::ranges::find(leaf.policies(), pki::oid_tcg_verified_residency) != leaf.policies().end();
}

}  // namespace

wire::json::object to_json(const ldevid_state& ldevid) {
    const pki::certificate& leaf = ldevid.chain.front();
    return {{"subject", leaf.subject()},
            {"issuer", leaf.issuer()},
            {"certificate", leaf.serial_hex()},
            {"not_after", to_iso8601(leaf.not_after())},
            {"key", ldevid.key},
            {"in_tpm", is_in_tpm(leaf)},
            {"key_works", ldevid.key_works}};
}

std::string to_text(const ldevid_state& ldevid) {
    const pki::certificate& leaf = ldevid.chain.front();
    return fmt::format("LDevID {} of {}, until {}, key {}{}{}", one_line(leaf.subject()), one_line(leaf.issuer()),
                       to_iso8601(leaf.not_after()), one_line(ldevid.key), is_in_tpm(leaf) ? ", shown to be in the TPM" : "",
                       ldevid.key_works ? "" : " (which is not there, or cannot be used now)");
}

void add_device_ldevid(CLI::App& device, context& c) {
    auto* const group =
        device.add_subcommand("ldevid", "the customer's certificate for the device (LDevID): ask for it, install it");
    group->require_subcommand(1);
    add_request(*group, c);
    add_answer(*group, c);
    add_install(*group, c);
}

void add_ca_ldevid(CLI::App& ca, context& c) {
    auto* const group = ca.add_subcommand("ldevid", "certificates of this CA for devices that show their IDevID");
    group->require_subcommand(1);
    add_issue(*group, c);
}

void add_factory_ldevid(CLI::App& factory, context& c) {
    struct options {
        wish_options wish;
        ldevid_order order;
        std::string dir, ca, registrar, passphrase_file;
    };
    const auto o = std::make_shared<options>();
    auto* const cmd = factory.add_subcommand(
        "ldevid",
        "give a device its customer's LDevID, where the customer's CA is at the factory: request, issue and install in one");
    o->wish.add_to(*cmd);
    cmd->add_option("--dir", o->dir, "the factory's directory: its root, and what it has revoked")->required();
    cmd->add_option("--ca", o->ca, "the directory of the customer's CA")->required();
    cmd->add_option("--records", o->registrar,
                    "the directory of the customer's registrar: the certificate goes into its records, for its revocation");
    cmd->add_option("--days", o->order.days, "for which it is good (3650), at most as long as the CA")
        ->check(CLI::Range(1, 36500));
    cmd->add_option("--passphrase-file", o->passphrase_file, "unlocks the CA's encrypted keys");
    cmd->add_option("--bundle-passphrase-file", o->wish.passphrase_file,
                    "unlocks the device's encrypted keys (default: what device.toml names)");
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            o->order.ca = o->ca;
            o->order.maker_root = fs::path(o->dir) / "z1.pem";
            o->order.factory = o->dir;
            o->order.registrar = o->registrar;
            o->order.replace = o->wish.replace;
            BERTH_TRY(passphrase, read_passphrase(o->passphrase_file));
            o->order.passphrase = std::move(passphrase);
            BERTH_TRY(wish, o->wish.read());
            BERTH_TRY(device, device_ldevid::open(o->wish.bundle, o->wish.passphrase_file));
            BERTH_TRY(root, read_certificate(fs::path(o->ca) / "z2.pem"));
            BERTH_TRY(request, device.request(wish));
            BERTH_TRY(issued, issue_here(o->order, device, request));
            BERTH_TRY(installed, device.install(issued.octets, root));
            say_installed(c, device.serial(), installed);
            return {};
        });
    });
}

}  // namespace berth::app
