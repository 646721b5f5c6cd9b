// berth chain init | request | accept | sign | insert | bundle | revoke | crl
#include "berth/commands/chain.h"
#include "common/files.h"
#include "common/words.h"
#include "crypto/random.h"
#include "pki/csr.h"
#include "setup/chain_device.h"
#include "setup/chain_party.h"

#include <algorithm>

namespace berth::app {

namespace {

namespace fs = std::filesystem;

struct party_options : ca_options {
    std::string organization, common_name, algorithm = "p256", key, lifetime, file, out, root;

    void add_party(CLI::App& command) {
        add_to(command);
        command.add_option("--organization", organization, "the party: O of its subject, and CN where none is given")->required();
        command.add_option("--common-name", common_name, "CN of its subject");
        command.add_option("--algorithm", algorithm, "p256 (default), p384, mldsa44, mldsa65, mldsa87");
        command.add_option("--key", key, "where its key is made or is: file:PATH, pkcs11:..., tpm2:... (DIR/signer.key)");
    }
    [[nodiscard]] result<party_order> order() const {
        BERTH_TRY(named, signature_algorithm_named(algorithm));
        return party_order{organization, common_name, named, key};
    }
    // Beside a party that is there already nothing is begun.
    [[nodiscard]] result<ca_directory> begin() const {
        BERTH_CHECK(make_directory(dir, 0700));
        return open();
    }
};

result<unix_seconds> lifetime_of(const std::string& text) {
    const auto parsed = parse_lifetime(text);
    return parsed ? result<unix_seconds>(*parsed)
                  : fail(error_category::usage, "bad_arguments",
                         fmt::format("\"{}\" is no lifetime: write 90m, 8h, 30d, 5y or never", text));
}

void add_init(CLI::App& group, context& c) {
    const auto o = std::make_shared<party_options>();
    auto* const cmd = group.add_subcommand("init", "begin a chain: the key and certificate of the party above all others");
    o->add_party(*cmd);
    o->lifetime = "20y";
    cmd->add_option("--lifetime", o->lifetime, "30d, 5y, never (20y)");
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(order, o->order());
            BERTH_TRY(life, lifetime_of(o->lifetime));
            order.lifetime = life;
            BERTH_TRY(in, o->begin());
            BERTH_TRY(made, begin_chain(in, order, system_clock(), crypto::system_random()));
            auto json = to_json(made);
            json["file"] = (in.path() / "signer.pem").string();
            say(c, json,
                fmt::format("{} is the first of its chain. Register it at a hub: berth hub ca register {}", made.subject(),
                            shell_word((in.path() / "signer.pem").string())));
            return {};
        });
    });
}

void add_request(CLI::App& group, context& c) {
    const auto o = std::make_shared<party_options>();
    auto* const cmd = group.add_subcommand("request", "make a party's key, and the request that the one above signs");
    o->add_party(*cmd);
    cmd->add_option("--out", o->out, "where to write the request (PKCS#10, PEM)")->required();
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(order, o->order());
            BERTH_CHECK(refuse_existing(o->out));
            BERTH_TRY(in, o->begin());
            BERTH_TRY(pem, request_signing(in, order, system_clock(), crypto::system_random()));
            BERTH_CHECK(write_text(o->out, pem));
            say(c, {{"directory", o->dir}, {"request", o->out}},
                fmt::format("Give {} to the party above (berth chain sign --signer); its answer: berth chain accept --dir {}",
                            o->out, shell_word(o->dir)));
            return {};
        });
    });
}

void add_accept(CLI::App& group, context& c) {
    const auto o = std::make_shared<party_options>();
    auto* const cmd = group.add_subcommand("accept", "take what the party above has signed");
    o->add_to(*cmd);
    cmd->add_option("FILE", o->file, "the answer: the party's certificate first, then all above it (PEM)")->required();
    cmd->add_option("--root", o->root, "the certificate that the chain must end with, as it came on another way");
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(in, o->open());
            BERTH_TRY(chain, read_chain(o->file));
            std::optional<pki::certificate> first;
            if (!o->root.empty()) {
                BERTH_TRY(given, read_certificate(o->root));
                first = std::move(given);
            }
            BERTH_TRY(made, accept_signing(in, chain, first, system_clock()));
            auto json = to_json(made);
            json["file"] = (in.path() / "signer.pem").string();
            json["root"] = chain.back().subject();
            json["root_sha256"] = to_hex(chain.back().sha256());
            say(c, json,
                fmt::format("{} was signed by {}, until {}. The chain begins with {} (SHA-256 {}).", made.subject(),
                            made.issuer(), to_iso8601(made.not_after()), chain.back().subject(), to_hex(chain.back().sha256())));
            return {};
        });
    });
}

// ---- sign

struct sign_options : ca_options {
    std::string request, name_of_device, lifetime, out, into;
    std::vector<std::string> permitted, excluded;
    bool signer = false, device = false;
    int64_t path_length = 0;
};

result<signing_order> order_of(const sign_options& o) {
    if (o.signer == o.device || o.out.empty() == o.into.empty()) {
        return fail(error_category::usage, "bad_arguments",
                    "say --signer or --device, and where it goes: --out, or for a device that has a chain file --into");
    }
    if (o.signer ? !o.into.empty() || !o.name_of_device.empty()
                 : o.path_length != 0 || !o.permitted.empty() || !o.excluded.empty()) {
        return fail(error_category::usage, "bad_arguments",
                    "--path-length, --permit and --exclude are for signers, --name and --into for devices");
    }
    signing_order out;
    BERTH_TRY(der, read_request(o.request));
    out.request = std::move(der);
    out.signer = o.signer;
    out.name = o.name_of_device;
    out.path_length = static_cast<uint32_t>(o.path_length);
    out.names = {o.permitted, o.excluded, {}};
    if (!o.lifetime.empty()) {
        BERTH_TRY(life, lifetime_of(o.lifetime));
        out.lifetime = life;
    }
    return out;
}

// What the device has got so far; nothing: its file is not there yet. Another device's is not taken for it.
result<std::vector<pki::certificate>> there_of(const sign_options& o, const signing_order& order) {
    std::vector<pki::certificate> out;
    BERTH_TRY(there, is_there(o.into));
    if (!there) {
        return out;
    }
    BERTH_TRY(chain, read_chain(o.into));
    BERTH_TRY(asks, pki::parse_csr_contents(order.request));
    for (const auto& one : chain) {
        if (!one.is_ca() && !same_octets(one.spki(), asks.spki)) {
            return fail(
                error{error_category::usage,
                      "other_device",
                      fmt::format("{} is the chain file of {}, whose key is not that of the request: each device has a file "
                                  "of its own",
                                  o.into, one.subject()),
                      {{"file", o.into}}});
        }
    }
    return chain;
}

result<void> sign(const sign_options& o, context& c) {
    BERTH_TRY(order, order_of(o));
    std::vector<pki::certificate> there;
    if (o.into.empty()) {
        BERTH_CHECK(refuse_existing(o.out));
    } else {
        BERTH_TRY(some, there_of(o, order));
        there = std::move(some);
    }
    BERTH_TRY(in, o.open());
    BERTH_TRY(made, sign_below(in, order, system_clock(), crypto::system_random()));
    const std::string file = o.into.empty() ? o.out : o.into;
    auto json = to_json(made.front());
    json["file"] = file;
    std::string next;
    if (o.signer) {
        BERTH_CHECK(write_text(file, pki::to_pem(made)));
        next = fmt::format("Its party takes {}: berth chain accept", file);
    } else {
        BERTH_TRY(whole, put_in(there, made));
        BERTH_CHECK(write_text(file, pki::to_pem(whole.all)));
        json["certificates"] = whole.all.size();
        next = fmt::format("{} holds the {} certificates of the device and of the signers on its way", file, whole.all.size());
    }
    say(c, json,
        fmt::format("{} has signed {}, until {} (serial number {}). {}.", made.front().issuer(), made.front().subject(),
                    to_iso8601(made.front().not_after()), made.front().serial_hex(), next));
    return {};
}

void add_sign(CLI::App& group, context& c) {
    const auto o = std::make_shared<sign_options>();
    auto* const cmd = group.add_subcommand("sign", "sign the request of a party below, or of a device");
    o->add_to(*cmd);
    cmd->add_option("REQUEST", o->request, "PKCS#10, PEM or DER")->required();
    cmd->add_flag("--signer", o->signer, "it is a party's, which signs in turn");
    cmd->add_flag("--device", o->device, "it is a device's");
    cmd->add_option("--path-length", o->path_length, "of a signer: how many signers may be below it (0: it signs devices only)")
        ->check(CLI::Range(0, 16));
    cmd->add_option("--permit", o->permitted,
                    "of a signer: names below this one only (factory-y.example), for DNS names and devices called like hosts; "
                    "repeatable")
        ->allow_extra_args(false);
    cmd->add_option("--exclude", o->excluded, "of a signer: no names below this one; repeatable")->allow_extra_args(false);
    cmd->add_option("--name", o->name_of_device, "of a device: what it is called, in place of its request's subject");
    cmd->add_option("--lifetime", o->lifetime,
                    "90m, 30d, 5y (5y for signers, 2y for devices, or less where the chain above ends before)");
    cmd->add_option("--out", o->out, "where to write the answer: its certificate and those above it (PEM)");
    cmd->add_option("--into", o->into,
                    "of a device: its chain file, into which this signer's certificates are put, or which is made");
    cmd->callback([o, &c] { c.run([&] { return sign(*o, c); }); });
}

// ---- the device's file

struct file_options {
    std::string file, by, out;
    std::vector<std::string> more;
};

void add_insert(CLI::App& group, context& c) {
    const auto o = std::make_shared<file_options>();
    auto* const cmd =
        group.add_subcommand("insert", "put certificates of signers, or of the device by them, into its chain file");
    cmd->add_option("FILE", o->file, "the device's chain file (PEM); made if it is not there")->required();
    cmd->add_option("CERTIFICATES", o->more, "what goes in (PEM)")->required();
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(fresh, read_certificates({o->more.begin(), o->more.end()}));
            std::vector<pki::certificate> before;
            BERTH_TRY(there, is_there(o->file));
            if (there) {
                BERTH_TRY(chain, read_chain(o->file));
                before = std::move(chain);
            }
            BERTH_TRY(whole, put_in(before, fresh));
            BERTH_CHECK(write_text(o->file, pki::to_pem(whole.all)));
            say(c, {{"file", o->file}, {"certificates", whole.all.size()}, {"device", whole.all.front().subject()}},
                fmt::format("{} holds {} certificates; {} comes first.", o->file, whole.all.size(), whole.all.front().subject()));
            return {};
        });
    });
}

void add_bundle(CLI::App& group, context& c) {
    const auto o = std::make_shared<file_options>();
    auto* const cmd =
        group.add_subcommand("bundle", "write what a device sends in TLS: one of its certificates and those above it");
    cmd->add_option("FILE", o->file, "the device's chain file (PEM)")->required();
    cmd->add_option("--by", o->by, "the certificate that this signer has signed (its certificate, PEM); else the last one");
    cmd->add_option("--out", o->out, "where to write it (PEM)")->required();
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(all, read_chain(o->file));
            std::optional<pki::certificate> by;
            if (!o->by.empty()) {
                BERTH_TRY(chain, read_chain(o->by));
                by = chain.front();
            }
            BERTH_TRY(sent, sent_chain(all, by));
            BERTH_CHECK(write_text(o->out, pki::to_pem(sent)));
            say(c, {{"file", o->out}, {"certificates", sent.size()}, {"issuer", sent.front().issuer()}},
                fmt::format("{}: {}, signed by {}, and {} above it.", o->out, sent.front().subject(), sent.front().issuer(),
                            sent.size() - 1));
            return {};
        });
    });
}

// ---- revoke

struct revoke_options : ca_options {
    std::string certificate, reason = "unspecified", lifetime = "7d", out;
};

result<void> revoke(const revoke_options& o, context& c) {
    BERTH_TRY(life, lifetime_of(o.lifetime));
    if (life == pki::no_expiry) {
        return fail(error_category::usage, "bad_arguments", "--lifetime is written as 12h or 7d");
    }
    BERTH_TRY(reason, reason_named(o.reason));
    std::optional<pki::certificate> who;
    if (!o.certificate.empty()) {
        BERTH_TRY(chain, read_chain(o.certificate));
        who = chain.front();
    }
    BERTH_TRY(in, o.open());
    bool is_written = false;
    const auto listed = list_revoked(in, who, reason, life, system_clock(), [&](const pki::crl& made) {
        auto done = write_text(o.out, made.to_pem());
        is_written = done.has_value();
        return done;
    });
    if (!listed) {
        error e = listed.error();
        if (is_written) {
            e.message += fmt::format(". The list is made all the same, and was not noted in the journal: hand in {}", o.out);
        }
        return fail(std::move(e));
    }
    const auto& list = *listed;
    wire::json::object json{{"file", o.out},
                            {"number", list.number()},
                            {"revoked", list.revoked().size()},
                            {"next_update", to_iso8601(list.next_update())}};
    if (who) {
        json["subject"] = who->subject();
        json["serial"] = who->serial_hex();
    }
    const std::string own = (in.path() / "signer.pem").string();
    say(c, json,
        fmt::format(
            "{}{} is list number {}, with {} revoked, to be renewed by {} (berth chain crl). Hand it in where devices log in, "
            "NAME being the CA that is registered there:\n\n    berth hub ca crl NAME {} --signer {} --hub HUB",
            who ? fmt::format("{} and all below it are revoked. ", one_line(who->subject())) : "", o.out, list.number(),
            list.revoked().size(), to_iso8601(list.next_update()), shell_word(o.out), shell_word(own)));
    return {};
}

void add_revoke(CLI::App& group, context& c) {
    const auto add = [&](const char* name, const char* what) {
        const auto o = std::make_shared<revoke_options>();
        auto* const cmd = group.add_subcommand(name, what);
        o->add_to(*cmd);
        cmd->add_option("--lifetime", o->lifetime, "until the next list is due: 12h, 7d (7d)");
        cmd->add_option("--out", o->out, "where to write the list (PEM)")->required();
        cmd->callback([o, &c] { c.run([&] { return revoke(*o, c); }); });
        return std::pair(cmd, o);
    };
    const auto [cmd, o] = add("revoke", "end one signer with all below it, or one device; makes this party's list");
    cmd->add_option("CERTIFICATE", o->certificate, "the signer's or device's that this party has signed (PEM, it first)")
        ->required();
    cmd->add_option("--reason", o->reason,
                    "unspecified, key_compromise, ca_compromise, affiliation_changed, superseded, cessation_of_operation, "
                    "privilege_withdrawn");
    add("crl", "make this party's list anew, before the last one runs out");
}

}  // namespace

void add_chain(CLI::App& cli, context& c) {
    auto* const group =
        cli.add_subcommand("chain", "a supply chain: company, factory, technician, each signs the next, then devices");
    group->require_subcommand(1);
    add_init(*group, c);
    add_request(*group, c);
    add_sign(*group, c);
    add_accept(*group, c);
    add_insert(*group, c);
    add_bundle(*group, c);
    add_chain_reading(*group, c);
    add_revoke(*group, c);
}

}  // namespace berth::app
