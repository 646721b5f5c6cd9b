// berth hub ca: CAs whose devices may log in, in two steps: the certificate, then the proof of its key.
#include "berth/commands/hub.h"
#include "common/files.h"
#include "common/prompt.h"
#include "common/words.h"
#include "crypto/random.h"
#include "keystore/key_uri.h"
#include "pki/private_key_file.h"
#include "registry/hub/ca_lists.h"
#include "registry/hub/ca_office.h"
#include "setup/ca_profiles.h"
#include "store/sqlite/certificate_statuses.h"

namespace berth::app {

namespace {

using registry::ca_state;
using registry::registered_ca;

struct options {
    std::string hub, name, file, key, code, out, successor, overlap = "30d", at, passphrase_file, signer;
    bool yes = false, forget_lists = false;
};

wire::json::object to_json(const registered_ca& ca, unix_seconds now) {
    wire::json::object out{{"name", ca.name},
                           {"state", std::string(to_string(ca.state))},
                           {"subject", ca.certificate.subject()},
                           {"sha256", to_hex(ca.certificate.sha256())},
                           {"not_after", to_iso8601(ca.certificate.not_after())},
                           {"lets_in", ca.counts(now)},
                           {"added", to_iso8601(ca.added)},
                           {"etag", ca.etag()}};
    if (ca.state == ca_state::unverified) {
        out["code"] = ca.code;
        out["code_expires"] = to_iso8601(ca.code_expires);
    } else {
        out["verified"] = to_iso8601(ca.verified_at);
    }
    if (ca.retires != 0) {
        out["retires"] = to_iso8601(ca.retires);
    }
    return out;
}

wire::json::object list_json(const pki::crl& list) {
    wire::json::object out{{"number", list.number()}, {"this_update", to_iso8601(list.this_update())}};
    out["next_update"] = list.next_update() == 0 ? wire::json::value(nullptr) : wire::json::value(to_iso8601(list.next_update()));
    out["revoked"] = list.revoked().size();
    return out;
}

std::string list_text(const pki::crl& list) {
    return fmt::format("revocation list number {} of {}{}: {} certificates", list.number(), to_iso8601(list.this_update()),
                       list.next_update() == 0 ? "" : ", good until " + to_iso8601(list.next_update()), list.revoked().size());
}

std::string standing(const registered_ca& ca, unix_seconds now) {
    if (ca.state == ca_state::unverified) {
        return now > ca.code_expires ? "unverified, its code has expired" : "unverified";
    }
    if (now > ca.certificate.not_after()) {
        return "expired";
    }
    if (ca.retires != 0) {
        return (now >= ca.retires ? "retired at " : "verified, retires at ") + to_iso8601(ca.retires);
    }
    return "verified";
}

void show(const context& c, const registered_ca& ca) {
    const unix_seconds now = system_clock().now();
    if (c.json) {
        return print_json(to_json(ca, now));
    }
    fmt::print("{:<24} {:<12} {} (until {})\n", ca.name, standing(ca, now), one_line(ca.certificate.subject()),
               to_iso8601(ca.certificate.not_after()));
}

// What to do with the code, by hand.
void say_code(const context& c, const options& o, const registered_ca& ca) {
    if (c.json) {
        return;
    }
    fmt::print("\nIt lets nobody in before whoever has its key has proved that. Where the key is, say\n\n"
               "    berth hub ca prove {} --key CA.key --code {} --out proof.pem\n\n"
               "or, with any other tool, sign a certificate with the common name {} by it:\n\n"
               "    openssl req -new -newkey rsa:2048 -nodes -keyout /dev/null -subj /CN={} -out proof.csr\n"
               "    echo basicConstraints=CA:FALSE > proof.cnf\n"
               "    openssl x509 -req -in proof.csr -CA {} -CAkey CA.key -days 1 -extfile proof.cnf -out proof.pem\n\n"
               "and then, until {}:\n\n    berth hub ca verify {} proof.pem --hub {}\n",
               shell_word(o.file), ca.code, ca.code, ca.code, shell_word(o.file), to_iso8601(ca.code_expires), ca.name,
               shell_word(o.hub));
}

// Names of registrations from names of files.
std::string usual_name(const std::string& file) {
    std::string out = std::filesystem::path(file).stem().string();
    std::ranges::replace_if(out, [](char c) { return !registry::check_ca_name(std::string(1, c)); }, '-');
    return out;
}

result<bytes> read_octets(const std::string& file) {
    BERTH_TRY(text, read_text(file));
    return to_bytes(as_bytes(text));
}

result<pki::certificate> make_proof(const options& o, const pki::certificate& ca, const std::string& code) {
    BERTH_TRY(passphrase, read_passphrase(o.passphrase_file));
    BERTH_TRY(key, keystore::open_signing_key(o.key, {"", std::move(passphrase), ask_pin_once()}));
    return registry::make_proof(ca, key->as_signing_key(), code, crypto::system_random(), system_clock().now());
}

// The error of a file tells which.
template <class T>
result<T> of_file(const std::string& file, result<T> done) {
    return done ? std::move(done) : fail(std::move(done).error().during(file).with("file", file));
}

result<void> register_one(const context& c, const options& o) {
    const unix_seconds now = system_clock().now();
    BERTH_TRY(file, read_octets(o.file));
    BERTH_TRY(certificate, of_file(o.file, registry::read_ca_upload(file, now)));
    BERTH_TRY(store, open_hub_store(o.hub));
    // With the key at hand both steps are one, or none.
    auto done = store->all_or_nothing([&]() -> result<registered_ca> {
        BERTH_TRY(begun, registry::register_ca(*store, o.name.empty() ? usual_name(o.file) : o.name, file,
                                               crypto::system_random(), now));
        if (o.key.empty()) {
            return begun;
        }
        BERTH_TRY(proof, make_proof(o, certificate, begun.code));
        return registry::prove_ca(*store, begun.name, proof.der(), now);
    });
    if (!done) {
        return fail(std::move(done).error());
    }
    show(c, *done);
    if (done->state == ca_state::unverified) {
        say_code(c, o, *done);
    }
    return {};
}

result<unix_seconds> when(const std::string& overlap) {
    if (overlap == "now") {
        return system_clock().now();
    }
    const auto length = parse_lifetime(overlap);
    if (!length || *length > pki::no_expiry - system_clock().now()) {
        return fail(error_category::usage, "bad_arguments",
                    fmt::format("\"{}\" is no time: write 30d, 12h, 90m or now, say", overlap));
    }
    return system_clock().now() + *length;
}

// Of the registered CA, or of a signer below it.
result<void> hand_in_list(const context& c, const options& o) {
    if (!o.yes && o.file.empty()) {
        return fail(error_category::usage, "bad_arguments", "say which FILE, or --forget");
    }
    std::vector<pki::certificate> chain;
    if (!o.signer.empty()) {
        BERTH_TRY(given, read_chain(o.signer));
        chain = std::move(given);
    }
    const std::string whose = chain.empty() ? fmt::format("\"{}\"", o.name)
                                            : fmt::format("{}, below \"{}\"", one_line(chain.front().subject()), o.name);
    wire::json::object json{{"name", o.name}, {"crl", nullptr}};
    if (!chain.empty()) {
        json["signer"] = chain.front().subject();
    }
    BERTH_TRY(store, open_hub_store(o.hub));
    if (o.yes) {
        BERTH_CHECK(store->all_or_nothing([&] {
            return chain.empty() ? registry::forget_list(*store, o.name)
                                 : registry::forget_signer_list(*store, o.name, chain.front());
        }));
        c.json ? print_json(json) : fmt::print("{} has no revocation list here any more.\n", whose);
        return {};
    }
    BERTH_TRY(octets, pki::read_file(o.file, registry::most_ca_list));
    const unix_seconds now = system_clock().now();
    BERTH_TRY(taken, of_file(o.file, store->all_or_nothing([&] {
                  return chain.empty() ? registry::take_list(*store, o.name, octets, now)
                                       : registry::take_signer_list(*store, o.name, chain, octets, now);
              })));
    json["crl"] = list_json(taken);
    c.json ? print_json(json) : fmt::print("{}: {}\n", whose, list_text(taken));
    return {};
}

// What is known of signers below it.
wire::json::array signers_json(const std::vector<registry::signer_list>& all, const std::string& name) {
    wire::json::array out;
    for (const auto& one : all) {
        if (one.below == name) {
            out.push_back(wire::json::object{{"subject", one.signer.subject()},
                                             {"key_sha256", to_hex(one.signer.spki_sha256())},
                                             {"crl", list_json(one.list)}});
        }
    }
    return out;
}

}  // namespace

void add_hub_ca(CLI::App& hub, context& c) {
    auto* const group = hub.add_subcommand("ca", "the CAs whose devices may log in: register, prove, replace, delete");
    group->require_subcommand(1);
    const auto o = std::make_shared<options>();
    const auto run = [&c](CLI::App* cmd, auto work) { cmd->callback([&c, work] { c.run(work); }); };
    const auto with_name = [o](CLI::App* cmd) {
        cmd->add_option("NAME", o->name, "the name it is registered under")->required();
        return cmd;
    };
    const auto with_passphrase = [o](CLI::App* cmd) {
        cmd->add_option("--passphrase-file", o->passphrase_file, "unlocks an encrypted key; of a token, its PIN");
    };
    // Changes the registration and shows what became of it.
    const auto change = [o, &c](auto work) {
        return [o, &c, work]() -> result<void> {
            BERTH_TRY(store, open_hub_store(o->hub));
            BERTH_TRY(after, store->all_or_nothing([&] { return work(*store); }));
            show(c, after);
            return {};
        };
    };

    auto* const reg = hub_command(*group, o->hub, "register", "register a CA's certificate, as the first of two steps");
    reg->add_option("FILE", o->file, "the CA's certificate, PEM or DER, without its key; an intermediate alone will do")
        ->required();
    reg->add_option("--name", o->name, "what the registration is called; default: the file's name");
    reg->add_option("--key", o->key,
                    "the CA's key where it can be reached (a file or a key URI): both steps at once; the key "
                    "stays where it is");
    with_passphrase(reg);
    run(reg, [o, &c] { return register_one(c, *o); });

    auto* const prove = group->add_subcommand("prove", "make the proof where the CA's key is, without a hub");
    prove->add_option("FILE", o->file, "the CA's certificate")->required();
    prove->add_option("--key", o->key, "its key: a file or a key URI")->required();
    prove->add_option("--code", o->code, "the code that the registration drew")->required();
    prove->add_option("--out", o->out, "where the proof is written")->required();
    with_passphrase(prove);
    run(prove, [o, &c]() -> result<void> {
        BERTH_TRY(ca, read_certificate(o->file));
        BERTH_TRY(proof, make_proof(*o, ca, o->code));
        BERTH_CHECK(write_text(o->out, proof.to_pem()));
        if (c.json) {
            print_json(wire::json::object{{"proof", o->out}});
        } else {
            fmt::print("{} proves it, for an hour.\n", o->out);
        }
        return {};
    });

    auto* const verify = with_name(hub_command(*group, o->hub, "verify", "give the proof, as the second step"));
    verify->add_option("FILE", o->file, "the verification certificate, PEM or DER")->required();
    run(verify, change([o](auto& store) -> result<registered_ca> {
            BERTH_TRY(proof, read_octets(o->file));
            return registry::prove_ca(store, o->name, proof, system_clock().now());
        }));

    auto* const code = with_name(hub_command(*group, o->hub, "code", "draw another code, when one has expired"));
    run(code, [o, &c]() -> result<void> {
        BERTH_TRY(store, open_hub_store(o->hub));
        BERTH_TRY(ca, store->all_or_nothing([&] {
            return registry::draw_another_code(*store, o->name, crypto::system_random(), system_clock().now());
        }));
        show(c, ca);
        if (!c.json) {
            fmt::print("  its code is {} until {}\n", ca.code, to_iso8601(ca.code_expires));
        }
        return {};
    });

    auto* const replace = with_name(hub_command(*group, o->hub, "replace", "let another registered CA take its place"));
    replace->add_option("SUCCESSOR", o->successor, "the other one, registered and verified")->required();
    replace->add_option("--overlap", o->overlap, "how long both count (30d, 12h); default 30d");
    run(replace, change([o](auto& store) -> result<registered_ca> {
            BERTH_TRY(at, when(o->overlap));
            return registry::replace_ca(store, o->name, o->successor, at, system_clock().now());
        }));

    auto* const retire = with_name(hub_command(*group, o->hub, "retire", "let it count no longer from some time on"));
    auto* const in = retire->add_option("--in", o->at, "when: now, or 30d for in thirty days");
    retire->add_flag("--never", o->yes, "let it stay after all")->excludes(in);
    run(retire, change([o](auto& store) -> result<registered_ca> {
            if (o->yes) {
                return registry::retire_ca(store, o->name, 0);
            }
            if (o->at.empty()) {
                return fail(error_category::usage, "bad_arguments", "say --in 30d, --in now, or --never");
            }
            BERTH_TRY(at, when(o->at));
            return registry::retire_ca(store, o->name, at);
        }));

    auto* const removed = with_name(hub_command(*group, o->hub, "delete", "take it out: whom it lets in is cut off"));
    removed->add_flag("--cut-off", o->yes, "also when devices have logged in through it last");
    removed->add_flag("--forget-lists", o->forget_lists, "also when lists of signers below it go with it");
    run(removed, [o, &c]() -> result<void> {
        BERTH_TRY(store, open_hub_store(o->hub));
        auto count = store->all_or_nothing([&] { return registry::remove_ca(*store, o->name, o->yes, o->forget_lists); });
        if (!count) {
            error e = std::move(count).error();
            if (e.is("would_cut_off")) {
                e.message += ": say --cut-off if that is meant, or berth hub ca replace first";
            }
            if (e.is("would_forget_lists")) {
                e.message += " (berth hub ca crl), or say --forget-lists if that is meant";
            }
            return fail(std::move(e));
        }
        if (c.json) {
            print_json(wire::json::object{{"deleted", o->name}, {"cut_off", *count}});
        } else {
            fmt::print("\"{}\" is out; {} devices and modules had logged in through it last.\n", o->name, *count);
        }
        return {};
    });

    auto* const revoked =
        with_name(hub_command(*group, o->hub, "crl", "hand in the list of what it, or a signer below it, has revoked"));
    auto* const from = revoked->add_option("FILE", o->file, "the list that it publishes, PEM or DER, or a newer one");
    revoked->add_option("--signer", o->signer,
                        "the list is of this CA below it: its certificate first, then those between the two (PEM)");
    revoked->add_flag("--forget", o->yes, "go by none any more: nothing that it has issued is revoked then")->excludes(from);
    run(revoked, [o, &c] { return hand_in_list(c, *o); });

    add_hub_ca_ocsp(*group, c);

    auto* const list = hub_command(*group, o->hub, "list", "all of them");
    run(list, [o, &c]() -> result<void> {
        BERTH_TRY(store, read_hub_store(o->hub));
        BERTH_TRY(all, store->list_cas());
        for (const auto& ca : all) {
            show(c, ca);
        }
        return {};
    });
    auto* const shown = with_name(hub_command(*group, o->hub, "show", "one of them, and how many devices it has let in"));
    run(shown, [o, &c]() -> result<void> {
        BERTH_TRY(store, read_hub_store(o->hub));
        BERTH_TRY(ca, registry::require_ca(*store, o->name));
        BERTH_TRY(count, store->count_logins(ca.certificate.sha256()));
        BERTH_TRY(known, store->list_of(ca));
        BERTH_TRY(signers, store->signer_lists());
        BERTH_TRY(rule, store::certificate_statuses(*store).rule_of(ca));
        if (c.json) {
            auto out = to_json(ca, system_clock().now());
            out["crl"] = known ? wire::json::value(list_json(*known)) : wire::json::value(nullptr);
            out["signers"] = signers_json(signers, ca.name);
            out["ocsp"] = ocsp_json(rule);
            out["logins"] = count;
            out["certificate"] = ca.certificate.to_pem();
            print_json(out);
            return {};
        }
        show(c, ca);
        fmt::print("  SHA-256 {}\n  {} devices and modules have logged in through it last\n", to_hex(ca.certificate.sha256()),
                   count);
        fmt::print("{}{}", known ? "  " + list_text(*known) + "\n" : "", rule ? "  " + ocsp_text(*rule) + "\n" : "");
        for (const auto& one : signers) {
            if (one.below == ca.name) {
                fmt::print("  below it, {}: {}\n", one_line(one.signer.subject()), list_text(one.list));
            }
        }
        if (ca.state == ca_state::unverified) {
            fmt::print("  its code is {} until {}\n", ca.code, to_iso8601(ca.code_expires));
        }
        return {};
    });
}

}  // namespace berth::app
