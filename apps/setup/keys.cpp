#include "setup/keys.h"

#include "common/files.h"
#include "common/prompt.h"
#include "keystore/operations.h"
#include "keystore/software.h"
#include "pki/private_key_file.h"

namespace berth::app {

namespace fs = std::filesystem;

result<void> refuse_existing(const fs::path& file) {
    BERTH_TRY(there, is_there(file));
    if (there) {
        return fail(error{
            error_category::usage,
            "file_exists",
            fmt::format("{} is there already and is not overwritten; choose another place, or remove it yourself", file.string()),
            {{"file", file.string()}}});
    }
    return {};
}

namespace {

tl::unexpected<error> unknown_algorithm(const std::string& name, const char* known) {
    return fail(error{
        error_category::usage, "unknown_algorithm", fmt::format("\"{}\" is not one of {}", name, known), {{"algorithm", name}}});
}

// The chain as it is sent: without the root.
std::string chain_pem(const pki::certificate& leaf, const authority& issuer) {
    std::string out = leaf.to_pem();
    for (const auto& c : issuer.chain) {
        if (!c.is_self_issued()) {
            out += c.to_pem();
        }
    }
    return out;
}

// Nothing: there is no NAME.uri.
result<std::optional<std::string>> uri_beside(const fs::path& directory, const std::string& name) {
    const fs::path file = directory / (name + ".uri");
    BERTH_TRY(there, is_there(file));
    if (!there) {
        return std::nullopt;
    }
    BERTH_TRY(text, read_text(file));
    return text.substr(0, text.find_first_of("\r\n"));
}

// Made where NAME.uri says, unless it is there already: people make such keys beforehand, with the tools of the token.
template <class Pointer, class Algorithm, class Make, class Open>
result<Pointer> made_or_found(const std::string& uri, Algorithm algorithm, Make make, Open open) {
    result<Pointer> key = make();
    if (key || !key.error().is("key_exists")) {
        return key;
    }
    const result<Pointer> there = open();
    if (!there) {
        return key;  // something is in the way, and it is no such key
    }
    const Pointer& found = *there;
    if (found->algorithm() != algorithm) {
        return fail(error{
            error_category::usage, "wrong_algorithm",
            fmt::format("{} is a key of {}, and one of {} is asked for", uri, name_of(found->algorithm()), name_of(algorithm))}
                        .with("uri", uri));
    }
    return found;
}

// As its options call algorithms.
error not_by_this_keeper(error e, const fs::path& named_in, const std::string& name) {
    const bool fixed = name == "idevid-ca-classical";
    e.message = fmt::format("{}: {} {}", named_in.string(), e.message,
                            fixed ? "This CA is always of p384." : "A chip or token makes p256 and p384: say --algorithm p384.");
    return std::move(e).with("path", named_in.string());
}

result<keystore::signing_key_ptr> new_signing_key(const fs::path& directory, const std::string& name,
                                                  crypto::signature_algorithm algorithm, random_source& random,
                                                  const std::optional<secret_bytes>& passphrase) {
    BERTH_TRY(uri, uri_beside(directory, name));
    if (uri) {
        const keystore::open_options how{directory.string(), passphrase, ask_pin_once()};
        auto key = made_or_found<keystore::signing_key_ptr>(
            *uri, algorithm, [&] { return keystore::make_signing_key(*uri, algorithm, how); },
            [&] { return keystore::open_signing_key(*uri, how); });
        if (!key && key.error().is("operation_unsupported")) {
            return fail(not_by_this_keeper(std::move(key).error(), directory / (name + ".uri"), name));
        }
        return key;
    }
    auto key = crypto::signing_key::generate(algorithm, random);
    BERTH_CHECK(pki::save_private_key((directory / (name + ".key")).string(), key, passphrase));
    return keystore::software_signing_key(std::move(key));
}

result<keystore::kem_key_ptr> new_kem_key(const fs::path& directory, const std::string& name, crypto::kem_algorithm algorithm,
                                          random_source& random, const std::optional<secret_bytes>& passphrase) {
    BERTH_TRY(uri, uri_beside(directory, name));
    if (uri) {
        const keystore::open_options how{directory.string(), passphrase, ask_pin_once()};
        return made_or_found<keystore::kem_key_ptr>(
            *uri, algorithm, [&] { return keystore::make_kem_key(*uri, algorithm, how); },
            [&] { return keystore::open_kem_key(*uri, how); });
    }
    auto key = crypto::kem_private_key::generate(algorithm, random);
    BERTH_CHECK(pki::save_private_key((directory / (name + ".key")).string(), key, passphrase));
    return keystore::software_kem_key(std::move(key));
}

}  // namespace

result<std::string> key_name(const fs::path& directory, const std::string& name, bool elsewhere) {
    BERTH_TRY(uri, uri_beside(directory, name));
    return uri ? *uri : "file:" + (elsewhere ? (directory / (name + ".key")).string() : name + ".key");
}

result<crypto::signature_algorithm> signature_algorithm_named(const std::string& name) {
    if (name == "p256") {
        return crypto::signature_algorithm::ecdsa_p256_sha256;
    }
    if (name == "p384") {
        return crypto::signature_algorithm::ecdsa_p384_sha384;
    }
    for (const auto algorithm : crypto::all_signature_algorithms) {
        // FIPS 204 writes ML-DSA-65.
        const std::string own(crypto::name_of(algorithm));
        if (own == name || (own.starts_with("mldsa") && "ml-dsa-" + own.substr(5) == name)) {
            return algorithm;
        }
    }
    return unknown_algorithm(name, "p256, p384, mldsa44, mldsa65, mldsa87");
}

result<crypto::kem_algorithm> kem_algorithm_named(const std::string& name) {
    for (const auto algorithm : crypto::all_kem_algorithms) {
        if (crypto::name_of(algorithm) == name) {
            return algorithm;
        }
    }
    return unknown_algorithm(name, "mlkem768, mlkem1024, mlkem768_p256, mlkem1024_p384");
}

result<keystore::signing_key_ptr> make_key_of(const fs::path& directory, const std::string& name,
                                              crypto::signature_algorithm algorithm, random_source& random,
                                              const std::optional<secret_bytes>& passphrase) {
    BERTH_CHECK(refuse_existing(directory / (name + ".key")));
    return new_signing_key(directory, name, algorithm, random, passphrase);
}

result<keystore::signing_key_ptr> open_key_of(const fs::path& directory, const std::string& name,
                                              const std::optional<secret_bytes>& passphrase) {
    BERTH_TRY(uri, key_name(directory, name));  // relative to the directory, as all names there
    return keystore::open_signing_key(uri, {directory.string(), passphrase, ask_pin_once()});
}

result<authority> make_root(const fs::path& directory, const std::string& name, const pki::certificate_template& contents,
                            crypto::signature_algorithm algorithm, random_source& random,
                            const std::optional<secret_bytes>& passphrase) {
    BERTH_CHECK(refuse_existing(directory / (name + ".pem")));
    BERTH_CHECK(make_directory(directory));
    BERTH_TRY(key, new_signing_key(directory, name, algorithm, random, passphrase));
    BERTH_TRY(certificate, pki::issue_self_signed(contents, key->as_signing_key(), random));
    BERTH_CHECK(write_text(directory / (name + ".pem"), certificate.to_pem()));
    return authority{{certificate}, std::move(key)};
}

result<authority> make_issuer(const fs::path& directory, const std::string& name, const pki::certificate_template& contents,
                              const authority& parent, crypto::signature_algorithm algorithm, random_source& random,
                              const std::optional<secret_bytes>& passphrase) {
    BERTH_CHECK(refuse_existing(directory / (name + ".pem")));
    BERTH_CHECK(make_directory(directory));
    BERTH_TRY(key, new_signing_key(directory, name, algorithm, random, passphrase));
    BERTH_TRY(certificate,
              pki::issue(contents, key->public_key().spki(), parent.certificate(), parent.key->as_signing_key(), random));
    authority out{{certificate}, std::move(key)};
    out.chain.insert(out.chain.end(), parent.chain.begin(), parent.chain.end());
    BERTH_CHECK(write_text(directory / (name + ".pem"), pki::to_pem(out.chain)));
    return out;
}

result<authority> open_authority(const fs::path& directory, const std::string& name,
                                 const std::optional<secret_bytes>& passphrase) {
    BERTH_TRY(chain, read_chain(directory / (name + ".pem")));
    BERTH_TRY(key, open_key_of(directory, name, passphrase));
    return authority{std::move(chain), std::move(key)};
}

result<crypto::kem_public_key> make_kem_leaf(const fs::path& directory, const std::string& name,
                                             const pki::certificate_template& contents, const authority& issuer,
                                             crypto::kem_algorithm algorithm, random_source& random,
                                             const std::optional<secret_bytes>& passphrase) {
    BERTH_CHECK(refuse_existing(directory / (name + ".pem")));
    BERTH_CHECK(make_directory(directory));
    BERTH_TRY(key, new_kem_key(directory, name, algorithm, random, passphrase));
    BERTH_TRY(leaf, pki::issue(contents, key->public_key().spki(), issuer.certificate(), issuer.key->as_signing_key(), random));
    BERTH_CHECK(write_text(directory / (name + ".pem"), chain_pem(leaf, issuer)));
    return key->public_key();
}

result<void> make_signature_leaf(const fs::path& directory, const std::string& name, const pki::certificate_template& contents,
                                 const authority& issuer, crypto::signature_algorithm algorithm, random_source& random,
                                 const std::optional<secret_bytes>& passphrase) {
    BERTH_CHECK(refuse_existing(directory / (name + ".pem")));
    BERTH_CHECK(make_directory(directory));
    BERTH_TRY(key, new_signing_key(directory, name, algorithm, random, passphrase));
    BERTH_TRY(leaf, pki::issue(contents, key->public_key().spki(), issuer.certificate(), issuer.key->as_signing_key(), random));
    return write_text(directory / (name + ".pem"), chain_pem(leaf, issuer));
}

result<std::string> passphrase_line(const fs::path& file) {
    if (file.empty()) {
        return std::string();
    }
    BERTH_TRY(path, absolute_path(file));
    return fmt::format("passphrase_file = \"{}\"\n", path.string());
}

}  // namespace berth::app
