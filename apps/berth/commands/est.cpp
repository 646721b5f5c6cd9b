// berth est: an EST client (RFC 7030, RFC 8951), for any server.
#include "berth/commands/est_options.h"
#include "common/files.h"
#include "crypto/hash.h"
#include "crypto/random.h"
#include "est/ca_certificates.h"
#include "est/fill_request.h"
#include "pki/private_key_file.h"
#include "setup/keys.h"

namespace berth::app {

namespace {

std::string digest_of(const pki::certificate& c) {
    return to_hex(c.sha256());
}

// Colons and capitals, as people copy them, do no harm.
result<std::array<uint8_t, 32>> read_fingerprint(std::string text) {
    std::erase(text, ':');
    const auto octets = from_hex(text);
    if (!octets || octets->size() != 32) {
        return fail(error_category::usage, "bad_fingerprint",
                    "--fingerprint is a SHA-256 of the root's certificate or of its key: 64 hexadecimal digits");
    }
    return to_array<32>(*octets);
}

void tell_certificates(const context& c, const est::trust_update& trust, const std::string& out) {
    if (c.json) {
        wire::json::array all;
        for (const auto& anchor : trust.anchors) {
            all.push_back(wire::json::object{{"subject", anchor.subject()},
                                             {"sha256", digest_of(anchor)},
                                             {"not_after", anchor.not_after()},
                                             {"certificate", anchor.to_pem()}});
        }
        print_json(wire::json::object{{"anchors", std::move(all)},
                                      {"added", trust.added.size()},
                                      {"missing", trust.missing.size()},
                                      {"intermediates", pki::to_pem(trust.intermediates)}});
        return;
    }
    if (out.empty()) {
        fmt::print("{}", pki::to_pem(trust.anchors));
    }
    for (const auto& anchor : trust.anchors) {
        fmt::print(stderr, "trusted: {} (SHA-256 {})\n", anchor.subject(), digest_of(anchor));
    }
    for (const auto& gone : trust.missing) {
        fmt::print(stderr, "no longer offered: {} (SHA-256 {})\n", gone.subject(), digest_of(gone));
    }
}

result<void> cacerts(const context& c, const est_options& o) {
    if (o.ca.empty() == o.fingerprint.empty()) {
        return fail(
            error_category::usage, "missing_option",
            "cacerts needs --ca (whom you trust already) or --fingerprint (of the root, told by somebody whom you trust)");
    }
    // RFC 7030 4.1.1: with a server that nobody has vouched for, nothing but this exchange takes place.
    const bool shows = !o.certificate.empty() || !o.user.empty() || !o.header.empty() || !o.token_file.empty();
    if (o.ca.empty() && shows) {
        return fail(
            error_category::usage, "bad_arguments",
            "with --fingerprint nobody knows yet who the server is: it is shown no certificate, password, header or token");
    }
    BERTH_TRY(talk, converse(o, false));
    BERTH_TRY(received, talk.wait_for<std::vector<pki::certificate>>([&](auto then) { talk.session->cacerts(then); }));
    auto trust = result<est::trust_update>(est::trust_update{});
    if (o.ca.empty()) {
        BERTH_TRY(fingerprint, read_fingerprint(o.fingerprint));
        trust = est::bootstrap_trust(received, fingerprint);
    } else {
        trust = est::update_trust(talk.server.anchors, received, system_clock().now());
    }
    if (!trust) {
        return fail(std::move(trust).error());
    }
    if (!o.out.empty()) {
        BERTH_CHECK(write_text(o.out, pki::to_pem(trust->anchors)));
    }
    tell_certificates(c, *trust, o.out);
    return {};
}

result<void> csrattrs(const context& c, const est_options& o) {
    BERTH_TRY(talk, converse(o));
    BERTH_TRY(wanted, talk.wait_for<pki::csr_attributes>([&](auto then) { talk.session->csrattrs(then); }));
    wire::json::array extensions;
    for (const auto& each : wanted.extensions) {
        extensions.push_back(wire::json::object{{"oid", each.oid}, {"critical", each.critical}});
    }
    wire::json::array oids(wanted.oids.begin(), wanted.oids.end());
    const auto key = est::key_wanted(wanted);
    const wire::json::object out{{"oids", std::move(oids)},
                                 {"extensions", std::move(extensions)},
                                 {"key", key ? wire::json::value(key->algorithm) : wire::json::value()},
                                 {"channel_binding", wanted.wants_channel_binding()},
                                 {"template", wanted.form.has_value()}};
    if (c.json) {
        print_json(out);
    } else if (wanted.empty()) {
        fmt::print("nothing in particular\n");
    } else {
        for (const auto& [name, value] : out) {
            fmt::print("{:<16} {}\n", std::string_view(name), wire::to_text(value));
        }
    }
    return {};
}

std::optional<voucher> voucher_of(const est_server& server) {
    return server.own ? std::optional(voucher{server.own->chain.front(), server.own->key}) : std::nullopt;
}

result<void> certify(const context& c, const est_options& o, bool again) {
    BERTH_TRY(contents, contents_of(o));
    BERTH_TRY(talk, converse(o));
    key_to_certify key;
    if (again && o.new_key.empty()) {
        if (!talk.server.own) {
            return fail(error_category::usage, "missing_option", "reenrol needs --cert and --key: the certificate to be renewed");
        }
        key.key = talk.server.own->key;
    } else {
        BERTH_TRY(opened, open_or_make_key(o));
        key = std::move(opened);
    }
    if (again && talk.server.own && contents.subject.attributes.empty() && contents.alt_names.empty()) {
        // RFC 7030 4.2.2: "the CSR Subject field and SubjectAltName extension MUST be identical to the corresponding fields in
        // the certificate being renewed/rekeyed".
        BERTH_TRY(names, pki::names_of(talk.server.own->chain.front()));
        contents.subject = names.subject;
        contents.alt_names = names.alt_names;
    } else {
        BERTH_TRY(filled, as_wanted(talk, std::move(contents)));
        contents = std::move(filled);
    }
    BERTH_TRY(wish, wish_for(o, std::move(contents), std::move(key), voucher_of(talk.server)));
    BERTH_TRY(issued, insist<pki::certificate, est_session::enrolled>(o, [&] {
                  return talk.wait_for<est_session::enrolled>([&](auto then) { talk.session->enrol(wish, again, then); });
              }));
    return put_out(c, o, talk, issued, again ? "renewed" : "enrolled");
}

result<void> enrol(const context& c, const est_options& o) {
    if (o.new_key.empty()) {
        return fail(error_category::usage, "missing_option",
                    "enrol needs --new-key: the key to be certified, or to be made (--alg)");
    }
    return certify(c, o, false);
}

result<void> reenrol(const context& c, const est_options& o) {
    return certify(c, o, true);
}

result<void> save_generated(const std::string& file, const secret_bytes& pkcs8) {
    if (auto signing = crypto::signing_key::from_pkcs8(pkcs8.reveal())) {
        return pki::save_private_key(file, *signing);
    }
    BERTH_TRY(kem, crypto::kem_private_key::from_pkcs8(pkcs8.reveal()));
    return pki::save_private_key(file, kem);
}

result<void> serverkeygen(const context& c, const est_options& o) {
    // Before anything is made: a key that was there is not lost, nor one that is on its way.
    BERTH_CHECK(refuse_existing(o.key_out));
    BERTH_TRY(contents, contents_of(o));
    BERTH_TRY(talk, converse(o));
    // RFC 7030 4.4.1: the request's own key and signature are not looked at; it needs some all the same.
    const auto of_no_use = crypto::signing_key::generate(crypto::signature_algorithm::ecdsa_p256_sha256, crypto::system_random());
    est_wish wish;
    wish.contents = std::move(contents);
    wish.build = [&](const pki::csr_template& t) { return pki::build_csr(t, of_no_use); };
    wish.bind = o.binding == "never" ? est_wish::binding::none : est_wish::binding::if_possible;
    BERTH_TRY(made, insist<est::generated_credential, est_session::generated>(o, [&] {
                  return talk.wait_for<est_session::generated>([&](auto then) { talk.session->generate(wish, then); });
              }));
    BERTH_CHECK(save_generated(o.key_out, made.pkcs8));
    return put_out(c, o, talk, made.certificate, "made and enrolled");
}

}  // namespace

void add_est(CLI::App& cli, context& c) {
    auto* const group = cli.add_subcommand("est", "certificates from an EST server: get, renew, have keys made (RFC 7030)");
    group->require_subcommand(1);
    const auto o = std::make_shared<est_options>();
    const auto add = [&](const char* name, const char* about, result<void> (*work)(const context&, const est_options&)) {
        auto* const command = group->add_subcommand(name, about);
        add_server_options(*command, *o);
        command->callback([o, &c, work] { c.run([&] { return work(c, *o); }); });
        return command;
    };
    auto* const roots = add("cacerts", "the CA's roots: known ones renewed, or unknown ones by a fingerprint", cacerts);
    roots->add_option("--fingerprint", o->fingerprint, "SHA-256 of the root or of its key, told by somebody whom you trust");
    roots->add_option("--out", o->out, "where the roots go to (default: standard output)");
    add("csrattrs", "what the server wants in requests", csrattrs);
    auto* const enrolled = add("enrol", "have a key certified", enrol);
    auto* const renewed = add("reenrol", "renew the certificate of --cert, with its key or a new one", reenrol);
    for (auto* const command : {enrolled, renewed}) {
        add_request_options(*command, *o);
        command->add_option("--new-key", o->new_key, "the key to be certified, by its name");
        command->add_option("--alg", o->algorithm, "make that key there, of this algorithm (as berth key generate)");
        command->add_option("--new-passphrase-file", o->new_passphrase_file, "its first line encrypts or unlocks --new-key");
    }
    auto* const made = add("serverkeygen", "have the server make a key, and certify it", serverkeygen);
    add_request_options(*made, *o);
    made->add_option("--key-out", o->key_out, "where the key goes to: PKCS#8, mode 0600")->required();
    add_est_tpm(*group, c);
    add_est_office(*group, c);
}

}  // namespace berth::app
