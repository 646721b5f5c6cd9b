// berth ca root | subordinate | request | accept | import | cross-sign | rotate
#include "berth/commands/ca.h"
#include "common/files.h"
#include "common/prompt.h"
#include "crypto/random.h"
#include "pki/explain.h"
#include "setup/ca_rotation.h"

#include <algorithm>
#include <thread>

namespace berth::app {

void ca_options::add_to(CLI::App& command, const char* about_name) {
    command.add_option("--dir", dir, "the directory with the CAs")->required();
    if (about_name != nullptr) {
        command.add_option("--name", name, about_name);
    }
    command.add_option("--passphrase-file", passphrase_file, "of the private keys in files: this file's first line");
}

result<ca_directory> ca_options::open(store::opening how) const {
    BERTH_TRY(passphrase, read_passphrase(passphrase_file));
    return ca_directory::open(dir, std::move(passphrase), how);
}

result<std::string> ca_options::which(const ca_directory& in) const {
    return name.empty() ? in.only() : result<std::string>(name);
}

wire::json::object to_json(const pki::certificate& made) {
    return {{"subject", made.subject()},
            {"issuer", made.issuer()},
            {"serial", made.serial_hex()},
            {"not_before", to_iso8601(made.not_before())},
            {"not_after", to_iso8601(made.not_after())},
            {"key", pki::key_text(made.spki())},
            {"key_sha256", to_hex(made.spki_sha256())},
            {"sha256", to_hex(made.sha256())}};
}

void say(const context& c, const wire::json::object& what, const std::string& text) {
    if (c.json) {
        print_json(what);
    } else {
        fmt::print("{}\n", text);
    }
}

namespace {

struct making_options : ca_options {
    std::string organization, common_name, algorithm = "mldsa65", under, key, lifetime = "10y", out, certificate;
    std::vector<std::string> issued, lists;
    int64_t path_length = 0;

    void add_subject(CLI::App& command) {
        command.add_option("--organization", organization, "O of its subject")->required();
        command.add_option("--common-name", common_name, "CN of its subject (organisation and name of the files)");
    }
    void add_key(CLI::App& command) {
        command.add_option("--algorithm", algorithm, "p256, p384, mldsa44, mldsa65 (default), mldsa87");
        command.add_option("--key", key, "where its key is made or is: file:PATH, pkcs11:..., tpm2:... (NAME.key)");
    }
    void add_lifetime(CLI::App& command, const char* usual) {
        lifetime = usual;
        command.add_option("--lifetime", lifetime, fmt::format("30d, 5y, never ({})", usual));
    }
    [[nodiscard]] result<unix_seconds> seconds() const {
        const auto parsed = parse_lifetime(lifetime);
        return parsed ? result<unix_seconds>(*parsed)
                      : fail(error_category::usage, "bad_arguments",
                             fmt::format("\"{}\" is no lifetime: write 90m, 8h, 30d, 5y or never", lifetime));
    }
    [[nodiscard]] result<new_authority> order() const {
        BERTH_TRY(alg, signature_algorithm_named(algorithm));
        BERTH_TRY(life, seconds());
        return new_authority{name,
                             organization,
                             common_name.empty() ? organization + " " + name : common_name,
                             alg,
                             under,
                             key,
                             life,
                             static_cast<uint32_t>(path_length)};
    }
};

wire::json::object told(const making_options& o, const pki::certificate& made) {
    auto out = to_json(made);
    out["name"] = o.name;
    out["file"] = o.dir + "/" + o.name + ".pem";
    return out;
}

void add_root(CLI::App& group, context& c) {
    const auto o = std::make_shared<making_options>();
    auto* const cmd = group.add_subcommand("root", "make a root of one's own");
    o->add_to(*cmd);
    cmd->add_option("--name", o->name, "of its files")->required();
    o->add_subject(*cmd);
    o->add_key(*cmd);
    o->add_lifetime(*cmd, "20y");
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(order, o->order());
            BERTH_CHECK(make_directory(o->dir, 0700));
            BERTH_TRY(in, o->open());
            BERTH_TRY(made, make_authority(in, order, system_clock(), crypto::system_random()));
            say(c, told(*o, made), fmt::format("{} is a root. Keep its key offline.", made.subject()));
            return {};
        });
    });
}

void add_subordinate(CLI::App& group, context& c) {
    const auto o = std::make_shared<making_options>();
    auto* const cmd = group.add_subcommand("subordinate", "make a CA below another in the same directory");
    o->add_to(*cmd);
    cmd->add_option("--name", o->name, "of its files")->required();
    cmd->add_option("--under", o->under, "the CA above it")->required();
    o->add_subject(*cmd);
    o->add_key(*cmd);
    o->add_lifetime(*cmd, "10y");
    cmd->add_option("--path-length", o->path_length, "how many CAs may be below it (0)")->check(CLI::Range(0, 16));
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(order, o->order());
            BERTH_TRY(in, o->open());
            BERTH_TRY(made, make_authority(in, order, system_clock(), crypto::system_random()));
            say(c, told(*o, made), fmt::format("{} is a CA below {}.", made.subject(), made.issuer()));
            return {};
        });
    });
}

void add_request(CLI::App& group, context& c) {
    const auto o = std::make_shared<making_options>();
    auto* const cmd = group.add_subcommand("request", "make the key of a CA that another's CA certifies, and the request for it");
    o->add_to(*cmd);
    cmd->add_option("--name", o->name, "of its files")->required();
    o->add_subject(*cmd);
    o->add_key(*cmd);
    cmd->add_option("--out", o->out, "where to write the request (PKCS#10, PEM)")->required();
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(order, o->order());
            BERTH_CHECK(refuse_existing(o->out));
            BERTH_CHECK(make_directory(o->dir, 0700));
            BERTH_TRY(in, o->open());
            BERTH_TRY(pem, request_authority(in, order, crypto::system_random()));
            BERTH_CHECK(write_text(o->out, pem));
            say(c, {{"name", o->name}, {"request", o->out}},
                fmt::format("Give {} to the other CA; its answer, with the certificates above it: berth ca accept", o->out));
            return {};
        });
    });
}

void add_accept(CLI::App& group, context& c) {
    const auto o = std::make_shared<making_options>();
    auto* const cmd = group.add_subcommand("accept", "take the certificate of a CA whose request another's CA has granted");
    o->add_to(*cmd);
    cmd->add_option("--name", o->name, "of its files")->required();
    cmd->add_option("--certificate", o->certificate, "its certificate and those above it (PEM), itself first")->required();
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(in, o->open());
            BERTH_TRY(chain, read_chain(o->certificate));
            BERTH_TRY(made, accept_authority(in, o->name, chain, system_clock()));
            say(c, told(*o, made), fmt::format("{} is a CA below {}.", made.subject(), made.issuer()));
            return {};
        });
    });
}

void add_import(CLI::App& group, context& c) {
    const auto o = std::make_shared<making_options>();
    auto* const cmd = group.add_subcommand("import", "take over a CA that another program has made");
    o->add_to(*cmd);
    cmd->add_option("--name", o->name, "of its files")->required();
    cmd->add_option("--certificate", o->certificate, "its certificate and those above it (PEM), itself first")->required();
    cmd->add_option("--key", o->key, "where its key is: file:PATH, pkcs11:...")->required();
    cmd->add_option("--issued", o->issued, "certificates that it has issued (PEM), so that they can be revoked; repeatable");
    cmd->add_option("--crl", o->lists, "its revocation lists (PEM): what they revoke stays revoked; repeatable");
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_CHECK(make_directory(o->dir, 0700));
            BERTH_TRY(in, o->open());
            import_order order{o->name, {}, o->key};
            BERTH_TRY(chain, read_chain(o->certificate));
            order.chain = std::move(chain);
            if (order.key_uri.find(':') == std::string::npos || order.key_uri.starts_with("file:")) {
                const size_t at = order.key_uri.starts_with("file:") ? 5 : 0;
                BERTH_TRY(path, absolute_path(order.key_uri.substr(at)));
                order.key_uri = "file:" + path.string();
            }
            BERTH_TRY(issued, read_certificates({o->issued.begin(), o->issued.end()}));
            order.issued = std::move(issued);
            BERTH_TRY(lists, read_crls({o->lists.begin(), o->lists.end()}));
            order.lists = std::move(lists);
            // As long a pause as the batch took: a server that waits for the records gets them.
            BERTH_TRY(done, import_authority(in, order, system_clock(), [](milliseconds took) {
                          std::this_thread::sleep_for(std::chrono::milliseconds(std::clamp<milliseconds>(took, 5, 100)));
                      }));
            auto json = told(*o, order.chain.front());
            json["issued"] = done.issued;
            json["revoked"] = done.revoked;
            json["unknown"] = wire::json::array(done.unknown.begin(), done.unknown.end());
            std::string text = fmt::format("{} is taken over, with {} certificates, of which {} are revoked.",
                                           order.chain.front().subject(), done.issued, done.revoked);
            if (!done.unknown.empty()) {
                text +=
                    fmt::format("\nOn its lists are {} whose certificates were not given, and which the next list will lack: {}. "
                                "Import them too (--issued).",
                                done.unknown.size(), fmt::join(done.unknown, " "));
            }
            say(c, json, text);
            return {};
        });
    });
}

void add_cross_sign(CLI::App& group, context& c) {
    const auto o = std::make_shared<making_options>();
    auto* const cmd = group.add_subcommand("cross-sign", "vouch for another's root, or for a TPM's endorsement certificate");
    o->add_to(*cmd, "the CA that vouches");
    cmd->add_option("--certificate", o->certificate, "what it vouches for (PEM)")->required();
    o->add_lifetime(*cmd, "5y");
    cmd->add_option("--out", o->out, "where to write the certificate (PEM)")->required();
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_CHECK(refuse_existing(o->out));
            BERTH_TRY(life, o->seconds());
            BERTH_TRY(in, o->open());
            BERTH_TRY(name, o->which(in));
            BERTH_TRY(subject, read_certificate(o->certificate));
            BERTH_TRY(made, cross_certify(in, name, subject, life, system_clock(), crypto::system_random()));
            BERTH_CHECK(write_text(o->out, made.to_pem()));
            auto json = to_json(made);
            json["file"] = o->out;
            say(c, json, fmt::format("{} vouches for {} until {}.", made.issuer(), made.subject(), to_iso8601(made.not_after())));
            return {};
        });
    });
}

void add_rotate(CLI::App& group, context& c) {
    const auto o = std::make_shared<making_options>();
    auto* const cmd = group.add_subcommand("rotate", "give a CA a new key; the former one stays for its lists");
    o->add_to(*cmd, "the CA");
    cmd->add_option("--under", o->under, "of an issuing CA: the one above it");
    o->add_key(*cmd);
    o->add_lifetime(*cmd, "10y");
    cmd->callback([o, &c] {
        c.run([&]() -> result<void> {
            BERTH_TRY(algorithm, signature_algorithm_named(o->algorithm));
            BERTH_TRY(life, o->seconds());
            BERTH_TRY(in, o->open());
            BERTH_TRY(name, o->which(in));
            o->name = name;
            BERTH_TRY(done,
                      rotate_authority(in, {name, algorithm, o->key, o->under, life}, system_clock(), crypto::system_random()));
            auto json = told(*o, done.now);
            json["former"] = done.former;
            std::string text = fmt::format("{} has a new key; the former generation is {}, and still signs its lists "
                                           "(berth ca crl --name {}).",
                                           done.now.subject(), done.former, done.former);
            if (done.old_with_new) {
                json["anchors"] = o->dir + "/" + name + ".anchors.pem";
                text += fmt::format("\nHand out {}.anchors.pem before anything is issued below the new root; until everybody has "
                                    "it, send {}.new-with-old.pem along.",
                                    name, name);
            }
            say(c, json, text);
            return {};
        });
    });
}

}  // namespace

void add_ca_making(CLI::App& ca, context& c) {
    add_root(ca, c);
    add_subordinate(ca, c);
    add_request(ca, c);
    add_accept(ca, c);
    add_import(ca, c);
    add_cross_sign(ca, c);
    add_rotate(ca, c);
}

}  // namespace berth::app
