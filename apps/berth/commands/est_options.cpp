#include "berth/commands/est_options.h"

#include "common/files.h"
#include "common/prompt.h"
#include "crypto/hash.h"
#include "crypto/random.h"
#include "est/fill_request.h"
#include "est_client/issued_chain.h"
#include "keystore/operations.h"
#include "pki/kem_csr.h"
#include "setup/keys.h"

namespace berth::app {

namespace {

error missing(const std::string& given, const char* needed) {
    return error{error_category::usage, "missing_option", fmt::format("{} needs {}", given, needed)}.with("option", needed);
}

// Two options of which each needs the other.
result<void> require_both(const std::string& a, const char* name_of_a, const std::string& b, const char* name_of_b) {
    if (a.empty() == b.empty()) {
        return {};
    }
    return fail(b.empty() ? missing(name_of_a, name_of_b) : missing(name_of_b, name_of_a));
}

result<keystore::open_options> how_to_open(const std::string& passphrase_file) {
    keystore::open_options out;
    BERTH_TRY(passphrase, read_passphrase(passphrase_file));
    out.passphrase = std::move(passphrase);
    out.ask_pin = ask_pin_once();
    return out;
}

result<void> show_certificate(const est_options& o, est_server& server) {
    BERTH_CHECK(require_both(o.certificate, "--cert", o.key, "--key"));
    if (o.certificate.empty()) {
        return {};
    }
    BERTH_TRY(chain, read_chain(o.certificate));
    BERTH_TRY(how, how_to_open(o.passphrase_file));
    if (chain.front().is_kem()) {
        BERTH_TRY(key, keystore::open_kem_key(o.key, how));
        server.own_kem = authkem::credential{std::move(chain), std::move(key)};
        return {};
    }
    BERTH_TRY(key, keystore::open_signing_key(o.key, how));
    server.own = net::tls_credential{std::move(chain), std::move(key)};
    return {};
}

result<est::client> client_of(const est_options& o) {
    est::client_options out;
    out.label = o.label;
    BERTH_CHECK(require_both(o.user, "--user", o.password_file, "--password-file"));
    if (!o.user.empty()) {
        BERTH_TRY(password, read_passphrase(o.password_file));
        out.user = o.user;
        out.password = std::move(*password);
    }
    BERTH_CHECK(require_both(o.header, "--header", o.header_file, "--header-file"));
    if (!o.header.empty()) {
        BERTH_TRY(value, read_passphrase(o.header_file));
        out.extra.add(o.header, std::string(as_text(value->reveal())));
    }
    if (!o.token_file.empty()) {
        BERTH_TRY(token, read_passphrase(o.token_file));
        out.extra.add("Authorization", "Bearer " + std::string(as_text(token->reveal())));
    }
    return est::client::make(std::move(out));
}

// The new key's own algorithm, and no other one's.
result<key_to_certify> make_key(const est_options& o, const keystore::open_options& how) {
    if (const auto kem = kem_algorithm_named(o.algorithm)) {
        BERTH_TRY(key, keystore::make_kem_key(o.new_key, *kem, how));
        return key_to_certify{std::move(key), true};
    }
    const auto signature = signature_algorithm_named(o.algorithm);
    if (!signature) {
        return fail(error{error_category::usage, "unknown_algorithm",
                          fmt::format("\"{}\" is not one of p256, p384, mldsa44, mldsa65, mldsa87, mlkem768, mlkem1024, "
                                      "mlkem768_p256, mlkem1024_p384",
                                      o.algorithm)}
                        .with("algorithm", o.algorithm));
    }
    BERTH_TRY(key, keystore::make_signing_key(o.new_key, *signature, how));
    return key_to_certify{std::move(key), true};
}

}  // namespace

void add_server_options(CLI::App& command, est_options& o) {
    command.add_option("--server", o.server, "the EST server, HOST:PORT")->required()->check(host_and_port());
    command.add_option("--label", o.label, "the label of a profile, /.well-known/est/LABEL/ (default: none)");
    command.add_option("--host", o.host, "the name that its certificate must carry (default: that of --server)");
    command.add_option("--ca", o.ca, "who may vouch for it: a file with roots, PEM (ca/z2.pem)")->type_name("FILE");
    command.add_option("--crl", o.crls, "revocation lists of those roots and of the CAs below them, PEM; may be repeated");
    command.add_option("--cert", o.certificate, "what this client shows: its certificate and issuers, PEM");
    command.add_option("--key", o.key, "the key of --cert, by its name");
    command.add_option("--passphrase-file", o.passphrase_file, "its first line unlocks --key");
    command.add_option("--user", o.user, "for HTTP Basic: sent when the server asks");
    command.add_option("--password-file", o.password_file, "its first line is the password; readable by its owner alone");
    command.add_option("--header", o.header, "a secret header's name");
    command.add_option("--header-file", o.header_file, "its first line is the header's value; readable by its owner alone");
    command.add_option("--token-file", o.token_file, "its first line is a one-time token; readable by its owner alone");
    command.add_flag("--authkem", o.over_authkem, "over AuthKEM instead of TLS; --cert is a KEM key's");
    command.add_flag("--tls12", o.tls12, "TLS 1.2 too, for old servers");
}

void add_request_options(CLI::App& command, est_options& o) {
    command.add_option("--subject", o.subject, "a part of the subject, ATTRIBUTE=VALUE; may be repeated");
    command.add_option("--dns", o.dns, "a DNS name to be certified; may be repeated");
    command.add_option("--uri", o.uris, "a URI to be certified; may be repeated");
    command.add_option("--binding", o.binding, "whether the request is bound to this connection: auto, always, never")
        ->check(CLI::IsMember({"auto", "always", "never"}));
    command.add_option("--wait", o.wait, "how many seconds to wait for somebody's approval (0: told, and exit code 1)");
    command.add_option("--out", o.out, "where the certificate and its issuers go to (default: standard output)");
    command.add_flag("--leaf-only", o.leaf_only, "the certificate alone, as the server has sent it");
}

result<est_conversation> converse(const est_options& o, bool trusted) {
    est_conversation out;
    BERTH_TRY(at, net::parse_address(o.server));
    out.server.at = std::move(at);
    out.server.host = o.host;
    out.server.over_authkem = o.over_authkem;
    out.server.allow_tls12 = o.tls12;
    if (!o.ca.empty()) {
        BERTH_TRY(anchors, read_anchors({o.ca}));
        out.server.anchors = std::move(anchors);
        BERTH_TRY(lists, read_crls({o.crls.begin(), o.crls.end()}));
        out.server.crls = std::move(lists);
    } else if (trusted) {
        return fail(missing("this command", "--ca (who may vouch for the server; berth est cacerts --fingerprint gets them)"));
    }
    BERTH_CHECK(show_certificate(o, out.server));
    BERTH_TRY(client, client_of(o));
    BERTH_TRY(over, transport_to(out.server, system_clock(), crypto::system_random()));
    out.loop = std::make_unique<net::loop>();
    out.session = std::make_unique<est_session>(*out.loop, out.server.at, std::move(over), std::move(client), system_clock());
    return out;
}

bytes_view key_to_certify::spki() const {
    return std::visit([](const auto& k) -> bytes_view { return k->public_key().spki(); }, key);
}

result<key_to_certify> open_or_make_key(const est_options& o) {
    BERTH_TRY(how, how_to_open(o.new_passphrase_file));
    if (!o.algorithm.empty()) {
        return make_key(o, how);
    }
    auto signing = keystore::open_signing_key(o.new_key, how);
    if (signing) {
        return key_to_certify{std::move(*signing), false};
    }
    auto kem = keystore::open_kem_key(o.new_key, how);
    if (kem) {
        return key_to_certify{std::move(*kem), false};
    }
    if (signing.error().is("key_not_found") || signing.error().is("file_not_found")) {
        return fail(error(signing.error()).during("--new-key (--alg makes one there)"));
    }
    return fail(signing.error().is("wrong_key_kind") ? kem.error() : signing.error());
}

result<est_wish> wish_for(const est_options& o, pki::csr_template contents, key_to_certify key,
                          const std::optional<voucher>& by) {
    est_wish out;
    out.contents = std::move(contents);
    out.spki = to_bytes(key.spki());
    out.bind = o.binding == "always"  ? est_wish::binding::required
               : o.binding == "never" ? est_wish::binding::none
                                      : est_wish::binding::if_possible;
    if (const auto* signing = std::get_if<keystore::signing_key_ptr>(&key.key)) {
        out.build = [key = *signing](const pki::csr_template& t) { return pki::build_csr(t, key->as_signing_key()); };
        return out;
    }
    if (!by) {
        return fail(
            error{error_category::usage, "missing_option",
                  "a KEM key cannot sign its request: --cert and --key name the signature key that vouches for it (RFC 9883)"});
    }
    out.build = [kem = std::get<keystore::kem_key_ptr>(key.key), by = *by](const pki::csr_template& t) {
        return pki::build_kem_csr(t, kem->public_key(), by.certificate, by.key->as_signing_key());
    };
    return out;
}

result<pki::csr_template> contents_of(const est_options& o) {
    pki::csr_template out;
    for (const auto& part : o.subject) {
        const size_t at = part.find('=');
        if (at == std::string::npos || at == 0 || at + 1 == part.size()) {
            return fail(error{error_category::usage, "bad_subject",
                              fmt::format("\"{}\" is no part of a subject: ATTRIBUTE=VALUE, as in serialNumber=SN-1", part)});
        }
        out.subject.add(part.substr(0, at), part.substr(at + 1));
    }
    out.alt_names.dns = o.dns;
    out.alt_names.uris = o.uris;
    return out;
}

result<pki::csr_template> as_wanted(est_conversation& talk, pki::csr_template own) {
    const auto wanted = talk.wait_for<pki::csr_attributes>([&](auto then) { talk.session->csrattrs(then); });
    if (!wanted) {
        return wanted.error().is("not_offered") ? result<pki::csr_template>(std::move(own)) : fail(wanted.error());
    }
    // The binding is put in with the connection at hand.
    auto filled = est::fill_request(*wanted, std::move(own), std::string("to be bound"));
    if (filled) {
        filled->challenge_password.reset();
    }
    return filled;
}

result<void> put_out(const context& c, const est_options& o, est_conversation& talk, const pki::certificate& issued,
                     const char* what) {
    std::vector<pki::certificate> chain{issued};
    if (!o.leaf_only) {
        // What was issued is not lost for want of those above it.
        if (const auto cas = talk.wait_for<std::vector<pki::certificate>>([&](auto then) { talk.session->cacerts(then); })) {
            chain = issued_chain(issued, *cas);
        }
    }
    const std::string pem = pki::to_pem(chain);
    if (!o.out.empty()) {
        BERTH_CHECK(write_text(o.out, pem));
    }
    if (c.json) {
        print_json(wire::json::object{{"subject", issued.subject()},
                                      {"serial", issued.serial_hex()},
                                      {"not_before", issued.not_before()},
                                      {"not_after", issued.not_after()},
                                      {"certificate", issued.to_pem()},
                                      {"issuers", pki::to_pem(std::span(chain).subspan(1))}});
        return {};
    }
    if (o.out.empty()) {
        fmt::print("{}", pem);
    }
    fmt::print(stderr, "{}: {} (serial number {}, from {})\n", what, issued.subject(), issued.serial_hex(), issued.issuer());
    return {};
}

}  // namespace berth::app
