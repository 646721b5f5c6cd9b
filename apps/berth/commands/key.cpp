// berth key: keys by their names, wherever they are kept.
#include "berth/commands/key_approval.h"
#include "berth/commands/octets.h"
#include "common/files.h"
#include "common/prompt.h"
#include "common/words.h"
#include "crypto/hash.h"
#include "keystore/operations.h"
#include "setup/keys.h"
#include "wire/base64.h"
#include "wire/pem.h"

namespace berth::app {

namespace {

struct options {
    std::string uri, algorithm, passphrase_file, in, out, nonce;
    size_t octets = 32;
    bool force = false;
};

result<keystore::open_options> how_to_open(const options& o) {
    keystore::open_options out;
    BERTH_TRY(passphrase, read_passphrase(o.passphrase_file));
    out.passphrase = std::move(passphrase);
    out.ask_pin = ask_pin_once();
    return out;
}

// What one may know of a key.
struct description {
    std::string kind, algorithm;
    bytes spki;
    keystore::capabilities able;
};

template <class Key>
description describe(const char* kind, const Key& key) {
    return {kind, std::string(name_of(key.algorithm())), to_bytes(key.public_key().spki()), key.able()};
}

std::optional<crypto::agreement_group> agreement_group_named(std::string_view name) {
    return name == "ecdh_p256"   ? std::optional(crypto::agreement_group::p256)
           : name == "ecdh_p384" ? std::optional(crypto::agreement_group::p384)
                                 : std::nullopt;
}

// An elliptic key's SubjectPublicKeyInfo is the same, whatever the key is for.
result<description> describe(const keystore::agreement_key& key) {
    const bool p256 = key.group() == crypto::agreement_group::p256;
    BERTH_TRY(as, crypto::verification_key::from_raw(p256 ? crypto::signature_algorithm::ecdsa_p256_sha256
                                                          : crypto::signature_algorithm::ecdsa_p384_sha384,
                                                     key.public_key().raw()));
    return description{"agreement", p256 ? "ecdh_p256" : "ecdh_p384", to_bytes(as.spki()), key.able()};
}

// Names do not say of which kind a key is.
result<description> describe(const std::string& uri, const keystore::open_options& how) {
    const auto signing = keystore::open_signing_key(uri, how);
    if (signing) {
        return describe("signature", **signing);
    }
    const auto kem = keystore::open_kem_key(uri, how);
    if (kem) {
        return describe("kem", **kem);
    }
    if (const auto agreement = keystore::open_agreement_key(uri, how)) {
        return describe(**agreement);
    }
    // A KEM key of a TPM whose name lacks the file of its other half is no signing key, and that is not what is wrong with it.
    const bool half_named = signing.error().is("tpm_unsupported") && kem.error().is("bad_key_uri");
    const bool about_its_kind = signing.error().is("wrong_key_kind") || signing.error().is("bad_key_uri") || half_named;
    return fail(about_its_kind ? kem.error() : signing.error());
}

// Of a hybrid key a chip holds one half: nobody's chip computes ML-KEM yet.
const char* held(const description& key) {
    return !key.able.hardware ? "none" : key.kind == "kem" ? "half" : "whole";
}

std::string where_it_is(const description& key) {
    const std::string_view all = held(key);
    if (all == "half") {
        return "the elliptic half is held there and not exportable; the ML-KEM seed is sealed to it, and in this machine's "
               "memory "
               "while the key is open";
    }
    return fmt::format("{}{}", all == "whole" ? "held there, " : "", key.able.exportable ? "exportable" : "not exportable");
}

result<void> tell(const context& c, const options& o, const description& key) {
    const std::string pem = wire::to_pem("PUBLIC KEY", key.spki);
    BERTH_TRY(holder, keystore::abilities_of(o.uri));
    if (!o.out.empty()) {
        BERTH_CHECK(write_text(o.out, pem));
    }
    const std::string fingerprint = to_hex(crypto::sha256(key.spki).view());
    if (c.json) {
        print_json(wire::json::object{{"uri", o.uri},
                                      {"spki_sha256", fingerprint},
                                      {"held", held(key)},
                                      {"backend", key.able.backend},
                                      {"kind", key.kind},
                                      {"algorithm", key.algorithm},
                                      {"hardware", key.able.hardware},
                                      {"exportable", key.able.exportable},
                                      {"post_quantum", key.able.post_quantum},
                                      {"seals", holder.seal},
                                      {"attests", holder.attest},
                                      {"public_key", pem}});
        return {};
    }
    fmt::print("SHA-256 of the public key: {}\n", fingerprint);
    fmt::print("{} ({} key) in {}: {}{}\n", key.algorithm, key.kind, key.able.backend, where_it_is(key),
               key.able.post_quantum ? "; post-quantum" : "");
    if (o.out.empty()) {
        fmt::print("{}", pem);
    }
    return {};
}

result<void> generate(const context& c, const options& o) {
    BERTH_TRY(how, how_to_open(o));
    if (const auto kem = kem_algorithm_named(o.algorithm)) {
        BERTH_TRY(key, keystore::make_kem_key(o.uri, *kem, how));
        return tell(c, o, describe("kem", *key));
    }
    if (const auto group = agreement_group_named(o.algorithm)) {
        BERTH_TRY(key, keystore::make_agreement_key(o.uri, *group, how));
        BERTH_TRY(described, describe(*key));
        return tell(c, o, described);
    }
    const auto signature = signature_algorithm_named(o.algorithm);
    if (!signature) {
        return fail(
            error{error_category::usage, "unknown_algorithm",
                  fmt::format("\"{}\" is not one of p256, p384, mldsa44, mldsa65, mldsa87 (signatures), mlkem768, mlkem1024, "
                              "mlkem768_p256, mlkem1024_p384 (KEMs), ecdh_p256, ecdh_p384 (ECDH-ES of `berth jose`)",
                              o.algorithm)}
                .with("algorithm", o.algorithm));
    }
    BERTH_TRY(key, keystore::make_signing_key(o.uri, *signature, how));
    return tell(c, o, describe("signature", *key));
}

result<void> show(const context& c, const options& o) {
    BERTH_TRY(how, how_to_open(o));
    BERTH_TRY(key, describe(o.uri, how));
    return tell(c, o, key);
}

result<void> remove(const context& c, const options& o) {
    BERTH_TRY(how, how_to_open(o));
    if (!o.force) {
        BERTH_TRY(subject, keystore::certified_subject(o.uri, how));
        if (!subject.empty()) {
            return fail(
                error{error_category::usage, "key_restricted",
                      fmt::format("{} is an identity: its certificate ({}) lies beside it, and would be gone with it, for "
                                  "good. Nothing is deleted unless that is said: --force",
                                  o.uri, one_line(subject))}
                    .with("uri", o.uri));
        }
    }
    BERTH_CHECK(keystore::remove_key(o.uri, how));
    if (c.json) {
        print_json(wire::json::object{{"deleted", o.uri}});
    } else {
        fmt::print("{} is deleted.\n", o.uri);
    }
    return {};
}

result<void> sign(const context& c, const options& o) {
    BERTH_TRY(how, how_to_open(o));
    BERTH_TRY(key, keystore::open_signing_key(o.uri, how));
    BERTH_TRY(message, read_input(o.in));
    BERTH_TRY(signature, key->sign(message.reveal()));
    return write_output(c, o.out, "signature", signature);
}

result<void> random(const context& c, const options& o) {
    BERTH_TRY(how, how_to_open(o));
    BERTH_TRY(octets, keystore::random_octets(o.uri, o.octets, how));
    return write_output(c, o.out, "octets", octets.reveal());
}

result<void> seal(const context& c, const options& o) {
    BERTH_TRY(how, how_to_open(o));
    BERTH_TRY(secret, read_input(o.in));
    BERTH_TRY(sealed, keystore::seal(o.uri, secret, how));
    return write_output(c, o.out, "sealed", sealed);
}

result<void> unseal(const context& c, const options& o) {
    BERTH_TRY(how, how_to_open(o));
    BERTH_TRY(sealed, read_input(o.in));
    BERTH_TRY(secret, keystore::unseal(o.uri, sealed.reveal(), how));
    return write_output(c, o.out, "secret", secret.reveal());
}

result<void> attest(const context& c, const options& o) {
    BERTH_TRY(how, how_to_open(o));
    BERTH_TRY(nonce, from_hex(o.nonce));
    BERTH_TRY(said, keystore::attest(o.uri, nonce, how));
    const std::array parts{std::pair("statement", wire::base64(said.statement.octets)),
                           std::pair("signature", wire::base64(said.statement.signature)),
                           std::pair("key", wire::base64(said.key.encode())), std::pair("by", wire::base64(said.by.encode()))};
    wire::json::object all;
    for (const auto& [name, value] : parts) {
        all[name] = value;
        if (!c.json) {
            fmt::print("{:<10} {}\n", name, value);
        }
    }
    if (c.json) {
        print_json(all);
    }
    return {};
}

}  // namespace

void add_key(CLI::App& cli, context& c) {
    auto* const group = cli.add_subcommand("key", "keys by their names: in files, a TPM, an STSAFE-A or a PKCS#11 token");
    group->require_subcommand(1);
    const auto o = std::make_shared<options>();
    const auto add = [&](const char* name, const char* about, result<void> (*work)(const context&, const options&)) {
        auto* const command = group->add_subcommand(name, about);
        command->add_option("URI", o->uri, "file:PATH, tpm2:HANDLE, stsafe:slot=N, pkcs11:token=T;object=NAME (docs/keys.md)")
            ->required();
        command->add_option("--passphrase-file", o->passphrase_file,
                            "its first line encrypts a key file, and is the PIN of a token whose name has no pin-source");
        command->callback([o, &c, work] { c.run([&] { return work(c, *o); }); });
        return command;
    };
    const auto reads = [&](CLI::App* command, const char* what) {
        command->add_option("--in", o->in, fmt::format("FILE with {} (default: standard input)", what));
        return command;
    };
    const auto writes = [&](CLI::App* command, const char* what) {
        command->add_option("--out", o->out, fmt::format("where {} goes to (default: standard output)", what));
        return command;
    };
    auto* const made =
        writes(add("generate", "make a key where its name says, and print the public one", generate), "the public key");
    made->add_option("--alg", o->algorithm,
                     "p256, p384, mldsa44, mldsa65, mldsa87; mlkem768, mlkem1024, mlkem768_p256, mlkem1024_p384; ecdh_p256, "
                     "ecdh_p384 (in chips and tokens)")
        ->required();
    writes(add("show", "print what a key is, who holds it, and the public one", show), "the public key");
    add("delete", "delete a key and what lies beside it, for good", remove)
        ->add_flag("--force", o->force, "also a device's identity, by the certificate in its chip (STSAFE-A)");
    writes(reads(add("sign", "sign a message; ECDSA signatures are DER", sign), "the message"), "the signature");
    auto* const drawn = writes(add("random", "octets from the generator of whoever keeps the key", random), "what is drawn");
    drawn->add_option("--octets", o->octets, "how many (32)")->check(CLI::Range(1, 4096));
    writes(reads(add("seal", "encrypt up to 128 octets for whoever keeps the key, and nobody else, to open", seal), "the secret"),
           "what is sealed");
    writes(reads(add("unseal", "open what `berth key seal` has sealed", unseal), "what was sealed"), "the secret");
    add("attest", "have the chip say that the key was made in it and cannot leave", attest)
        ->add_option("--nonce", o->nonce, "hexadecimal, up to 64 octets, from who will verify it")
        ->required();
    add_key_approval(*group, c);
}

}  // namespace berth::app
