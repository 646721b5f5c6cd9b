#include "setup/keys.h"

#include "common/files.h"
#include "keystore/key_uri.h"
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

}  // namespace

result<crypto::signature_algorithm> signature_algorithm_named(const std::string& name) {
    if (name == "p256") {
        return crypto::signature_algorithm::ecdsa_p256_sha256;
    }
    if (name == "p384") {
        return crypto::signature_algorithm::ecdsa_p384_sha384;
    }
    for (const auto algorithm : crypto::all_signature_algorithms) {
        if (crypto::name_of(algorithm) == name) {
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

result<authority> make_root(const fs::path& directory, const std::string& name, const pki::certificate_template& contents,
                            crypto::signature_algorithm algorithm, random_source& random,
                            const std::optional<secret_bytes>& passphrase) {
    BERTH_CHECK(refuse_existing(directory / (name + ".pem")));
    BERTH_CHECK(make_directory(directory));
    auto key = crypto::signing_key::generate(algorithm, random);
    BERTH_TRY(certificate, pki::issue_self_signed(contents, key, random));
    BERTH_CHECK(pki::save_private_key((directory / (name + ".key")).string(), key, passphrase));
    BERTH_CHECK(write_text(directory / (name + ".pem"), certificate.to_pem()));
    return authority{{certificate}, keystore::software_signing_key(std::move(key))};
}

result<authority> make_issuer(const fs::path& directory, const std::string& name, const pki::certificate_template& contents,
                              const authority& parent, crypto::signature_algorithm algorithm, random_source& random,
                              const std::optional<secret_bytes>& passphrase) {
    BERTH_CHECK(refuse_existing(directory / (name + ".pem")));
    BERTH_CHECK(make_directory(directory));
    auto key = crypto::signing_key::generate(algorithm, random);
    BERTH_TRY(certificate,
              pki::issue(contents, key.public_key().spki(), parent.certificate(), parent.key->as_signing_key(), random));
    BERTH_CHECK(pki::save_private_key((directory / (name + ".key")).string(), key, passphrase));
    authority out{{certificate}, keystore::software_signing_key(std::move(key))};
    out.chain.insert(out.chain.end(), parent.chain.begin(), parent.chain.end());
    BERTH_CHECK(write_text(directory / (name + ".pem"), pki::to_pem(out.chain)));
    return out;
}

result<authority> open_authority(const fs::path& directory, const std::string& name,
                                 const std::optional<secret_bytes>& passphrase) {
    BERTH_TRY(chain, read_chain(directory / (name + ".pem")));
    BERTH_TRY(key, keystore::open_signing_key("file:" + (directory / (name + ".key")).string(), {{}, passphrase}));
    return authority{std::move(chain), std::move(key)};
}

result<crypto::kem_public_key> make_kem_leaf(const fs::path& directory, const std::string& name,
                                             const pki::certificate_template& contents, const authority& issuer,
                                             crypto::kem_algorithm algorithm, random_source& random,
                                             const std::optional<secret_bytes>& passphrase) {
    BERTH_CHECK(refuse_existing(directory / (name + ".pem")));
    BERTH_CHECK(make_directory(directory));
    auto key = crypto::kem_private_key::generate(algorithm, random);
    BERTH_TRY(leaf, pki::issue(contents, key.public_key().spki(), issuer.certificate(), issuer.key->as_signing_key(), random));
    BERTH_CHECK(pki::save_private_key((directory / (name + ".key")).string(), key, passphrase));
    BERTH_CHECK(write_text(directory / (name + ".pem"), chain_pem(leaf, issuer)));
    return key.public_key();
}

result<void> make_signature_leaf(const fs::path& directory, const std::string& name, const pki::certificate_template& contents,
                                 const authority& issuer, crypto::signature_algorithm algorithm, random_source& random,
                                 const std::optional<secret_bytes>& passphrase) {
    BERTH_CHECK(refuse_existing(directory / (name + ".pem")));
    BERTH_CHECK(make_directory(directory));
    auto key = crypto::signing_key::generate(algorithm, random);
    BERTH_TRY(leaf, pki::issue(contents, key.public_key().spki(), issuer.certificate(), issuer.key->as_signing_key(), random));
    BERTH_CHECK(pki::save_private_key((directory / (name + ".key")).string(), key, passphrase));
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
