// berth jose: tokens and keys of messages, on standard input and output.
#include "base/wipe.h"
#include "berth/commands/octets.h"
#include "common/files.h"
#include "common/prompt.h"
#include "crypto/random.h"
#include "jose/jwe.h"
#include "jose/jws.h"
#include "keystore/key_uri.h"
#include "pki/private_key_file.h"
#include "setup/keys.h"

namespace berth::app {

namespace {

namespace json = wire::json;

struct options {
    std::string key, alg, enc, crv = "P-256", type, content_type, in, out, passphrase_file;
};

// The JWK of a file, with the algorithms that the command line gives one that has none of its own.
result<json::object> read_jwk(const options& o, bool secret) {
    std::string text;
    if (secret) {
        BERTH_TRY(octets, pki::read_secret_file(o.key, most_file_octets));
        text.assign(as_text(octets.reveal()));
    } else {
        BERTH_TRY(all, read_text(o.key));
        text = std::move(all);
    }
    auto jwk = wire::parse_json_object(text);
    explicit_bzero(text.data(), text.size());
    if (!jwk) {
        return fail(
            error{error_category::usage,
                  "bad_jwk",
                  fmt::format("{} holds no JSON Web Key: {}. `berth jose generate` makes one", o.key, jwk.error().message),
                  {{"file", o.key}}});
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

result<jose::opening_key> opener(const options& o) {
    BERTH_TRY(how, how_to_open(o));
    if (how) {
        BERTH_TRY(key, keystore::open_kem_key(o.key, *how));
        return jose::opening_key_of(std::move(key));
    }
    BERTH_TRY(jwk, read_jwk(o, true));
    return jose::read_opening_key(jwk);
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
    BERTH_TRY(kem, keystore::open_kem_key(o.key, *how));
    BERTH_TRY(key, jose::opening_key_of(std::move(kem)));
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

// `most`: what a command takes is not limited by what messages may be.
result<void> verify(const context& c, const options& o) {
    BERTH_TRY(jwk, read_jwk(o, false));
    BERTH_TRY(key, jose::read_verification_key(jwk));
    BERTH_TRY(input, read_input(o.in));
    BERTH_TRY(proven, jose::verify(key, token_in(input), most_file_octets));
    BERTH_CHECK(type_is(o, proven.head()));
    return write_output(c, o.out, "payload", proven.payload());
}

result<void> seal(const context& c, const options& o) {
    BERTH_TRY(jwk, read_jwk(o, false));
    BERTH_TRY(key, jose::read_recipient_key(jwk));
    BERTH_TRY(input, read_input(o.in));
    BERTH_TRY(token, jose::seal(key, input.reveal(), headers(o), {}, crypto::system_random()));
    return give_token(c, o, token);
}

result<void> open(const context& c, const options& o) {
    BERTH_TRY(key, opener(o));
    BERTH_TRY(input, read_input(o.in));
    BERTH_TRY(opened, jose::open(key, token_in(input), {}, most_file_octets));
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
    auto* const signing = keyed(reads(add("sign", "sign a payload: a token of three parts", sign), "the payload"), private_key);
    signing->add_option("--typ", o->type, "type of the token, for its header");
    auto* const verifying = keyed(reads(add("verify", "verify a token, and give its payload", verify), "the token"), public_key);
    verifying->add_option("--typ", o->type, "refuse a token of another type");
    auto* const sealing =
        keyed(reads(add("seal", "encrypt for who has a key: a token of five parts", seal), "the plaintext"), public_key);
    sealing->add_option("--typ", o->type, "type of the token, for its header");
    sealing->add_option("--cty", o->content_type, "type of what is in it: JWT, if that is a signed token");
    auto* const opening = keyed(reads(add("open", "decrypt a token, and give what is in it", open), "the token"), private_key);
    opening->add_option("--typ", o->type, "refuse a token of another type");
    reads(add("inspect", "what a token's header says, which nobody has verified", inspect), "the token");
}

}  // namespace berth::app
