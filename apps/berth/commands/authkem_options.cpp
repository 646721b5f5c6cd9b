#include "berth/commands/authkem.h"

#include "common/files.h"
#include "keystore/key_uri.h"
#include "wire/pem.h"

namespace berth::app {

namespace {

error missing(const char* given, const char* needed) {
    return error{error_category::usage, "missing_option", fmt::format("{} needs {}", given, needed)}.with("option", needed);
}

template <class T, class From>
result<std::vector<T>> from_names(const std::vector<std::string>& names, From from, const char* error_name,
                                  const std::string& known) {
    std::vector<T> out;
    for (const std::string& name : names) {
        const std::optional<T> value = from(name);
        if (!value) {
            return fail(
                error{error_category::usage, error_name, fmt::format("\"{}\" is none of {}", name, known)}.with("name", name));
        }
        out.push_back(*value);
    }
    return out;
}

template <class All>
std::string listed(const All& all) {
    std::string out;
    for (const auto each : all) {
        out += (out.empty() ? "" : ", ") + std::string(name_of(each));
    }
    return out;
}

}  // namespace

result<std::vector<authkem::cipher_suite>> suites_of(const authkem_options& options) {
    if (options.suites.empty()) {
        return std::vector<authkem::cipher_suite>(authkem::all_cipher_suites.begin(), authkem::all_cipher_suites.end());
    }
    return from_names<authkem::cipher_suite>(options.suites, authkem::cipher_suite_from_name, "unknown_suite",
                                             listed(authkem::all_cipher_suites));
}

result<std::vector<authkem::scheme>> schemes_of(const authkem_options& options) {
    if (options.schemes.empty()) {
        return authkem::client_config().schemes;
    }
    return from_names<authkem::scheme>(options.schemes, authkem::scheme_from_name, "unknown_scheme",
                                       listed(crypto::all_kem_algorithms));
}

result<authkem::chain_rules> rules_of(const authkem_options& options) {
    authkem::chain_rules rules;
    rules.possession_only = options.provisional;
    if (options.ca.empty()) {
        if (!options.crl.empty()) {
            return fail(missing("--crl", "--ca"));
        }
        return rules;
    }
    pki::trust_store::contents contents;
    BERTH_TRY(anchors, read_chain(options.ca));
    contents.anchors = std::move(anchors);
    if (!options.crl.empty()) {
        BERTH_TRY(text, read_text(options.crl));
        BERTH_TRY(lists, pki::crl::parse_pem_all(text));
        contents.crls = std::move(lists);
    }
    auto store = pki::trust_store::build(std::move(contents));
    if (!store) {
        return fail(std::move(store).error().during(options.ca));
    }
    rules.trust = std::move(*store);
    return rules;
}

result<std::optional<authkem::credential>> credential_of(const authkem_options& options, bool chain_needed) {
    if (options.key.empty()) {
        if (!options.certificate.empty()) {
            return fail(missing("--cert", "--key"));
        }
        return std::nullopt;
    }
    if (options.certificate.empty() && chain_needed) {
        return fail(missing("--key", "--cert"));
    }
    authkem::credential out;
    if (!options.certificate.empty()) {
        BERTH_TRY(chain, read_chain(options.certificate));
        out.chain = std::move(chain);
    }
    keystore::open_options how;
    BERTH_TRY(passphrase, read_passphrase(options.passphrase_file));
    how.passphrase = std::move(passphrase);
    BERTH_TRY(key, keystore::open_kem_key(options.key, how));
    out.key = std::move(key);
    return out;
}

result<crypto::kem_public_key> read_kem_public_key(const std::string& file) {
    BERTH_TRY(text, read_text(file));
    BERTH_TRY(blocks, wire::from_pem(text));
    if (!blocks.empty() && blocks.front().label == "PUBLIC KEY") {
        auto key = crypto::kem_public_key::from_spki(blocks.front().der.reveal());
        if (!key) {
            return fail(std::move(key).error().during(file));
        }
        return key;
    }
    BERTH_TRY(certificate, read_certificate(file));
    auto key = certificate.kem_key();
    if (!key) {
        return fail(std::move(key).error().during(file));
    }
    return key;
}

}  // namespace berth::app
