// berth jose: tokens and keys of messages, on standard input and output.
#include "base/wipe.h"
#include "berth/commands/octets.h"
#include "common/files.h"
#include "common/prompt.h"
#include "common/words.h"
#include "crypto/random.h"
#include "jose/jwe.h"
#include "jose/jws.h"
#include "jose/key_set.h"
#include "keystore/operations.h"
#include "pki/private_key_file.h"
#include "setup/keys.h"

namespace berth::app {

namespace {

namespace json = wire::json;

struct options {
    std::string key, alg, enc, crv = "P-256", type, content_type, in, out, passphrase_file;
    std::vector<std::string> files;
    bool fips = false;

    [[nodiscard]] crypto::point_validation points() const {
        return fips ? crypto::point_validation::full : crypto::point_validation::partial;
    }
};

result<json::object> parse_jwk(const std::string& file, std::string_view text) {
    auto jwk = wire::parse_json_object(text);
    if (!jwk) {
        return fail(error{error_category::usage,
                          "bad_jwk",
                          fmt::format("{} holds no JSON Web Key: {}. `berth jose generate` makes one", file, jwk.error().message),
                          {{"file", file}}});
    }
    return std::move(*jwk);
}

// Of a set's keys the one that a token names.
result<json::object> named_in_set(const options& o, const json::object& read, const std::optional<std::string>& kid) {
    if (!kid) {
        return fail(error{error_category::usage,
                          "bad_jwk",
                          fmt::format("{} holds a set of keys, and one key is asked for: sets are for `berth jose verify` and "
                                      "`berth jose open`, whose tokens say which",
                                      o.key),
                          {{"file", o.key}}});
    }
    auto set = jose::key_set::of(read);
    if (!set) {
        return fail(std::move(set).error().during("reading " + o.key).with("file", o.key));
    }
    for (const auto& skipped : set->skipped()) {
        fmt::print(stderr, "{}: key {} of the set{}: {}\n", o.key, skipped.index,
                   skipped.kid.empty() ? "" : " (" + one_line(skipped.kid) + ")", one_line(skipped.why.message));
    }
    return set->find(*kid);
}

// The JWK of a file, with the algorithms that the command line gives one that has none of its own. `kid`: that of the token which
// a set's key is picked for; nothing: no set is taken.
result<json::object> read_jwk(const options& o, bool secret, const std::optional<std::string>& kid = std::nullopt) {
    std::string text;
    if (secret) {
        BERTH_TRY(octets, pki::read_secret_file(o.key, most_file_octets));
        text.assign(as_text(octets.reveal()));
    } else {
        BERTH_TRY(all, read_text(o.key));
        text = std::move(all);
    }
    const bool fits = text.size() <= jose::most_key_set;
    auto jwk = fits ? parse_jwk(o.key, text) : result<json::object>(fail(jose::key_set::read(text).error().with("file", o.key)));
    explicit_bzero(text.data(), text.size());
    if (jwk && jose::is_key_set(*jwk)) {
        jwk = named_in_set(o, *jwk, kid);
    }
    if (!jwk) {
        return fail(jwk.error());
    }
    for (const auto& [name, value] : {std::pair("alg", &o.alg), std::pair("enc", &o.enc)}) {
        if (value->empty()) {
            continue;
        }
        const auto* const own = jwk->if_contains(name);
        if (own != nullptr && *own != json::value(*value)) {
            return fail(error{error_category::usage,
                              "algorithm_mismatch",
                              fmt::format("{} is a key for {}, and --{} says {}: the key's own is what counts", o.key,
                                          wire::to_text(*own), name, *value),
                              {{"file", o.key}}});
        }
        (*jwk)[name] = *value;
    }
    return std::move(*jwk);
}

// A chip's, a token's or a PEM file's key by its name (docs/keys.md); nothing: it is a JWK.
result<std::optional<keystore::open_options>> how_to_open(const options& o) {
    BERTH_TRY(uri, keystore::parse_key_uri(o.key));
    bool elsewhere = uri.kind != keystore::key_store_kind::file;
    if (!elsewhere) {
        BERTH_TRY(octets, pki::read_file(o.key.starts_with("file:") ? o.key.substr(5) : o.key, most_file_octets));
        elsewhere = as_text(octets).starts_with("-----BEGIN");
        wipe(octets);
    }
    if (!elsewhere) {
        return std::nullopt;
    }
    keystore::open_options out;
    BERTH_TRY(passphrase, read_passphrase(o.passphrase_file));
    out.passphrase = std::move(passphrase);
    out.ask_pin = ask_pin_once();
    return std::optional(std::move(out));
}

result<jose::signing_key> signer(const options& o) {
    BERTH_TRY(how, how_to_open(o));
    if (how) {
        BERTH_TRY(key, keystore::open_signing_key(o.key, *how));
        return jose::signing_key_of(std::move(key));
    }
    BERTH_TRY(jwk, read_jwk(o, true));
    return jose::read_signing_key(jwk);
}

// Names do not say of which kind a key is. --alg and --enc say what an elliptic key is for: nothing beside it does.
result<jose::opening_key> held_opener(const options& o, const keystore::open_options& how) {
    const auto alg = jose::key_alg_from(o.alg.empty() ? "ECDH-ES" : o.alg);
    const auto enc = jose::content_alg_from(o.enc.empty() ? "A256GCM" : o.enc);
    if (!alg || !enc) {
        return fail(jose::algorithm_refused(alg ? o.enc : o.alg));
    }
    const bool elliptic = *alg == jose::key_alg::ecdh_es || *alg == jose::key_alg::ecdh_es_a256kw;
    if (o.alg.empty() || !elliptic) {
        auto kem = keystore::open_kem_key(o.key, how);
        if (kem) {
            BERTH_TRY(key, jose::opening_key_of(std::move(*kem)));
            if (!o.alg.empty() && key.pub.alg != *alg) {
                return fail(error{error_category::usage, "algorithm_mismatch",
                                  fmt::format("{} is a key for {}, and --alg says {}: the key's own is what counts", o.key,
                                              jose::name_of(key.pub.alg), o.alg)});
            }
            return key;
        }
        if (!elliptic) {
            return fail(std::move(kem).error());
        }
        // The name of a TPM's elliptic key has no ";seed=", which is all that is wrong with it as a KEM key's.
        auto own = keystore::open_agreement_key(o.key, how);
        if (!own) {
            return fail(kem.error().is("bad_key_uri") ? own.error() : kem.error());
        }
        return jose::opening_key_of(std::move(*own), *alg, *enc);
    }
    BERTH_TRY(own, keystore::open_agreement_key(o.key, how));
    return jose::opening_key_of(std::move(own), *alg, *enc);
}

result<jose::opening_key> opener(const options& o, const std::string& kid) {
    BERTH_TRY(how, how_to_open(o));
    if (how) {
        BERTH_TRY(key, held_opener(o, *how));
        key.points = o.points();
        return key;
    }
    BERTH_TRY(jwk, read_jwk(o, true, kid));
    return jose::read_opening_key(jwk, o.points());
}

// White space around a token is the shell's.
std::string token_in(const secret_bytes& input) {
    std::string out(as_text(input.reveal()));
    constexpr const char* blank = " \t\r\n";
    out.erase(0, std::min(out.find_first_not_of(blank), out.size()));
    out.erase(out.find_last_not_of(blank) + 1);
    return out;
}

result<void> give_token(const context& c, const options& o, const std::string& token) {
    if (!o.out.empty() && o.out != "-") {
        BERTH_CHECK(write_text(o.out, token + "\n"));
        if (c.json) {
            print_json(json::object{{"file", o.out}});
        }
        return {};
    }
    if (c.json) {
        print_json(json::object{{"token", token}});
    } else {
        fmt::print("{}\n", token);
    }
    return {};
}

result<void> give_jwk(const context&, const options& o, const json::object& jwk, unsigned mode) {
    if (o.out.empty() || o.out == "-") {
        print_json(jwk);
        return {};
    }
    return write_text(o.out, wire::to_text(jwk) + "\n", mode);
}

result<void> generate(const context& c, const options& o) {
    const auto enc = jose::content_alg_from(o.enc.empty() ? "A256GCM" : o.enc);
    if (!enc) {
        return fail(jose::algorithm_refused(o.enc));
    }
    using enum crypto::agreement_group;
    const auto group = o.crv == "X25519" ? x25519 : o.crv == "P-384" ? p384 : p256;
    if (!o.out.empty() && o.out != "-") {
        BERTH_TRY(there, is_there(o.out));
        if (there) {
            return fail(error{error_category::usage,
                              "key_exists",
                              fmt::format("{} is there already, and stays as it is", o.out),
                              {{"file", o.out}}});
        }
    }
    BERTH_TRY(jwk, jose::generate_jwk(o.alg, *enc, group, crypto::system_random()));
    BERTH_CHECK(give_jwk(c, o, jwk, 0600));
    if (!o.out.empty() && o.out != "-") {
        const std::string kid(jwk.at("kid").as_string());
        if (c.json) {
            print_json(json::object{{"file", o.out}, {"kid", kid}});
        } else {
            fmt::print("{}: a private key for {}, kid {}. Its public half: berth jose public --key {}\n", o.out, o.alg, kid,
                       o.out);
        }
    }
    return {};
}

// Of a JWK, or of a key that lies elsewhere.
result<json::object> public_half(const options& o) {
    BERTH_TRY(how, how_to_open(o));
    if (!how) {
        BERTH_TRY(jwk, read_jwk(o, false));
        return jose::public_jwk(jwk);
    }
    if (const auto signing = keystore::open_signing_key(o.key, *how)) {
        BERTH_TRY(key, jose::signing_key_of(*signing));
        return jose::to_jwk(key.pub);
    }
    BERTH_TRY(key, held_opener(o, *how));
    return jose::to_jwk(key.pub);
}

result<void> show_public(const context& c, const options& o) {
    BERTH_TRY(jwk, public_half(o));
    return give_jwk(c, o, jwk, 0644);
}

result<void> thumbprint(const context& c, const options& o) {
    BERTH_TRY(jwk, public_half(o));
    BERTH_TRY(text, jose::thumbprint(jwk));
    if (c.json) {
        print_json(json::object{{"kid", text}});
    } else {
        fmt::print("{}\n", text);
    }
    return {};
}

json::object headers(const options& o) {
    json::object out;
    for (const auto& [name, value] : {std::pair("typ", &o.type), std::pair("cty", &o.content_type)}) {
        if (!value->empty()) {
            out[name] = *value;
        }
    }
    return out;
}

result<void> sign(const context& c, const options& o) {
    BERTH_TRY(key, signer(o));
    BERTH_TRY(input, read_input(o.in));
    BERTH_TRY(token, jose::sign(key, input.reveal(), headers(o)));
    return give_token(c, o, token);
}

result<void> type_is(const options& o, const jose::header& head) {
    if (!o.type.empty() && !jose::same_type(head.typ, o.type)) {
        return fail(error{error_category::peer,
                          "wrong_type",
                          fmt::format("the token is of type \"{}\", and not \"{}\"", head.typ, o.type),
                          {{"type", head.typ}}});
    }
    return {};
}

// Which key a token says that it is for, to look for in a set; what is wrong with the token is said when it is read in earnest.
std::string named_by(const std::string& token) {
    const auto head = jose::peek(token, most_file_octets);
    return head ? head->kid : std::string();
}

result<void> make_set(const context&, const options& o) {
    json::array keys;
    for (const auto& file : o.files) {
        BERTH_TRY(text, read_text(file));
        BERTH_TRY(jwk, parse_jwk(file, text));
        const auto refuse = [&file](error why) { return fail(std::move(why).during("reading " + file).with("file", file)); };
        for (const auto* const member : {"d", "priv", "k"}) {
            if (jwk.contains(member)) {
                return refuse({error_category::usage, "private_key",
                               "It is a private key, and a set of public keys is for others to read. `berth jose public --key " +
                                   file + "` makes its public half."});
            }
        }
        // For the one or for the other, a key is one that can be used.
        if (const auto verifies = jose::read_verification_key(jwk); !verifies) {
            if (!verifies.error().is("wrong_key_use")) {
                return refuse(verifies.error());
            }
            if (const auto seals = jose::read_recipient_key(jwk); !seals) {
                return refuse(seals.error());
            }
        }
        BERTH_TRY(half, jose::public_jwk(jwk));
        keys.emplace_back(std::move(half));
    }
    const json::object set{{"keys", std::move(keys)}};
    BERTH_CHECK(jose::key_set::of(set));
    if (o.out.empty() || o.out == "-") {
        print_json(set);
        return {};
    }
    return write_text(o.out, wire::to_text(set) + "\n", 0644);
}

// `most`: what a command takes is not limited by what messages may be.
result<void> verify(const context& c, const options& o) {
    BERTH_TRY(input, read_input(o.in));
    const auto token = token_in(input);
    BERTH_TRY(jwk, read_jwk(o, false, named_by(token)));
    BERTH_TRY(key, jose::read_verification_key(jwk));
    BERTH_TRY(proven, jose::verify(key, token, most_file_octets));
    BERTH_CHECK(type_is(o, proven.head()));
    return write_output(c, o.out, "payload", proven.payload());
}

result<void> seal(const context& c, const options& o) {
    BERTH_TRY(jwk, read_jwk(o, false));
    BERTH_TRY(key, jose::read_recipient_key(jwk, o.points()));
    BERTH_TRY(input, read_input(o.in));
    BERTH_TRY(token, jose::seal(key, input.reveal(), headers(o), {}, crypto::system_random()));
    return give_token(c, o, token);
}

result<void> open(const context& c, const options& o) {
    BERTH_TRY(input, read_input(o.in));
    const auto token = token_in(input);
    BERTH_TRY(key, opener(o, named_by(token)));
    BERTH_TRY(opened, jose::open(key, token, {}, most_file_octets));
    BERTH_CHECK(type_is(o, opened.head));
    return write_output(c, o.out, "plaintext", opened.plaintext);
}

result<void> inspect(const context& c, const options& o) {
    BERTH_TRY(input, read_input(o.in));
    const auto token = token_in(input);
    BERTH_TRY(kind, jose::kind_of(token));
    BERTH_TRY(head, jose::peek(token, most_file_octets));
    const bool is_signed = kind == jose::token_kind::signed_only;
    if (c.json) {
        print_json(json::object{{"kind", is_signed ? "signed" : "sealed"}, {"header", head.members}, {"verified", false}});
        return {};
    }
    fmt::print("{}; its header says, and nobody has verified it:\n{}\n", is_signed ? "signed (JWS)" : "sealed (JWE)",
               wire::to_text(head.members));
    return {};
}

}  // namespace

void add_jose(CLI::App& cli, context& c) {
    auto* const group =
        cli.add_subcommand("jose", "signed and sealed tokens (JWS, JWE), classical and post-quantum, and their keys");
    group->require_subcommand(1);
    const auto o = std::make_shared<options>();
    const auto add = [&](const char* name, const char* about, result<void> (*work)(const context&, const options&)) {
        auto* const command = group->add_subcommand(name, about);
        command->callback([o, &c, work] { c.run([&] { return work(c, *o); }); });
        command->add_option("--out", o->out, "FILE for what comes out (default: standard output)");
        return command;
    };
    const auto keyed = [&](CLI::App* command, const char* about) {
        command->add_option("--key", o->key, about)->required();
        command->add_option("--alg", o->alg, "of a JWK that does not say its algorithm; otherwise it must be the same");
        command->add_option("--enc", o->enc, "content encryption, likewise: A128GCM, A256GCM, A128CBC-HS256, A256CBC-HS512");
        command->add_option("--passphrase-file", o->passphrase_file,
                            "its first line opens a PEM file, and is the PIN of a token whose name has no pin-source");
        return command;
    };
    const auto reads = [&](CLI::App* command, const char* what) {
        command->add_option("--in", o->in, fmt::format("FILE with {} (default: standard input)", what));
        return command;
    };
    constexpr const char* private_key =
        "a private JWK's file, or a key's name: file:PATH, tpm2:, stsafe:, pkcs11: (docs/keys.md)";
    constexpr const char* public_key = "a public JWK's file";
    constexpr const char* some_public_key = "a public JWK's file, or that of a set (JWKS), of which the token names one";
    constexpr const char* some_private_key = "a private JWK's file, or that of a set (JWKS), of which the token names one; or a "
                                             "key's name: file:PATH, tpm2:, stsafe:, "
                                             "pkcs11: (docs/keys.md)";
    const auto validates = [&](CLI::App* command) {
        command->add_flag("--fips", o->fips,
                          "also multiply each point by its curve's order (SP 800-56A 5.6.2.3.3, full validation; ECDH-ES)");
    };
    auto* const made = add("generate", "a new private key, as a JWK", generate);
    made->add_option(
            "--alg", o->alg,
            "ES256, ES384, EdDSA, ML-DSA-44, ML-DSA-65, ML-DSA-87 (signatures); HPKE-8, HPKE-9, HPKE-10, HPKE-12, HPKE-13, "
            "ECDH-ES, ECDH-ES+A256KW, dir (encryption)")
        ->required();
    made->add_option("--enc", o->enc, "of ECDH-ES and dir: A128GCM, A256GCM (default), A128CBC-HS256, A256CBC-HS512");
    made->add_option("--crv", o->crv, "of ECDH-ES: P-256 (default), P-384, X25519")
        ->check(CLI::IsMember({"P-256", "P-384", "X25519"}));
    keyed(add("public", "the public half of a key, as a JWK", show_public), private_key);
    keyed(add("thumbprint", "what a key is called by (RFC 7638)", thumbprint), private_key);
    add("jwks", "a set (JWKS) of public JWKs", make_set)->add_option("FILE", o->files, "public JWKs' files")->required();
    auto* const signing = keyed(reads(add("sign", "sign a payload: a token of three parts", sign), "the payload"), private_key);
    signing->add_option("--typ", o->type, "type of the token, for its header");
    auto* const verifying =
        keyed(reads(add("verify", "verify a token, and give its payload", verify), "the token"), some_public_key);
    verifying->add_option("--typ", o->type, "refuse a token of another type");
    auto* const sealing =
        keyed(reads(add("seal", "encrypt for who has a key: a token of five parts", seal), "the plaintext"), public_key);
    sealing->add_option("--typ", o->type, "type of the token, for its header");
    sealing->add_option("--cty", o->content_type, "type of what is in it: JWT, if that is a signed token");
    auto* const opening =
        keyed(reads(add("open", "decrypt a token, and give what is in it", open), "the token"), some_private_key);
    validates(opening);
    validates(sealing);
    opening->add_option("--typ", o->type, "refuse a token of another type");
    reads(add("inspect", "what a token's header says, which nobody has verified", inspect), "the token");
}

}  // namespace berth::app
