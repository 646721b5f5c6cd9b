#include "keystore/sealed/backend.h"

#include "crypto/random.h"
#include "keystore/file_backend.h"
#include "keystore/operations.h"
#include "keystore/sealed/key_file.h"
#include "keystore/software.h"

#include <cerrno>
#include <cstring>

#include <unistd.h>

namespace berth::keystore::sealed {

namespace {

constexpr std::string_view by_part = ";by=";
constexpr size_t most_octets = 256 * 1024;

capabilities sealed_to_a_chip(bool post_quantum) {
    return {.exportable = true, .hardware = false, .post_quantum = post_quantum, .concurrent = true, .backend = "sealed"};
}

class kem final : public kem_key {
public:
    explicit kem(crypto::kem_private_key key) : key_(software_kem_key(std::move(key))) {}
    crypto::kem_algorithm algorithm() const override { return key_->algorithm(); }
    const crypto::kem_public_key& public_key() const override { return key_->public_key(); }
    result<secret_bytes> decapsulate(bytes_view enc) const override { return key_->decapsulate(enc); }
    const capabilities& able() const override { return able_; }

private:
    kem_key_ptr key_;
    capabilities able_ = sealed_to_a_chip(true);
};

class signer final : public signing_key {
public:
    explicit signer(crypto::signing_key key)
        : able_(sealed_to_a_chip(crypto::is_post_quantum(key.algorithm()))), key_(software_signing_key(std::move(key))) {}
    crypto::signature_algorithm algorithm() const override { return key_->algorithm(); }
    const crypto::verification_key& public_key() const override { return key_->public_key(); }
    result<bytes> sign(bytes_view message) const override { return key_->sign(message); }
    const crypto::signing_key& as_signing_key() const override { return key_->as_signing_key(); }
    const capabilities& able() const override { return able_; }

private:
    capabilities able_;
    signing_key_ptr key_;
};

tl::unexpected<error> wrong_kind(const std::string& path, const char* wanted) {
    return fail(error{error_category::usage, "wrong_key_kind", path + " does not hold " + wanted + "."}.with("path", path));
}

class sealed_files final : public backend {
public:
    const backend_abilities& able() const override {
        static const backend_abilities all{
            .name = "sealed",
            .signing = {crypto::all_signature_algorithms.begin(), crypto::all_signature_algorithms.end()},
            .kem = {crypto::all_kem_algorithms.begin(), crypto::all_kem_algorithms.end()},
            .remove = true,
            .random = true,
            .seal = true};
        return all;
    }

    result<signing_key_ptr> open_signing_key(const std::string& rest, const open_options& options) const override {
        BERTH_TRY(key, open(rest, options));
        auto* const signing = std::get_if<crypto::signing_key>(&key);
        return signing != nullptr ? result<signing_key_ptr>(std::make_shared<const signer>(std::move(*signing)))
                                  : wrong_kind(rest, "a signature key");
    }
    result<kem_key_ptr> open_kem_key(const std::string& rest, const open_options& options) const override {
        BERTH_TRY(key, open(rest, options));
        auto* const own = std::get_if<crypto::kem_private_key>(&key);
        return own != nullptr ? result<kem_key_ptr>(std::make_shared<const kem>(std::move(*own))) : wrong_kind(rest, "a KEM key");
    }

    result<signing_key_ptr> make_signing_key(const std::string& rest, crypto::signature_algorithm alg,
                                             const open_options& options) const override {
        auto key = crypto::signing_key::generate(alg, crypto::system_random());
        BERTH_CHECK(save(rest, key, options));
        return std::make_shared<const signer>(std::move(key));
    }
    result<kem_key_ptr> make_kem_key(const std::string& rest, crypto::kem_algorithm alg,
                                     const open_options& options) const override {
        auto key = crypto::kem_private_key::generate(alg, crypto::system_random());
        BERTH_CHECK(save(rest, key, options));
        return std::make_shared<const kem>(std::move(key));
    }

    // The file alone: what opens it is a key of its own. And only what is such a file.
    result<void> remove(const std::string& rest, const open_options& options) const override {
        BERTH_TRY(name, parse_name(rest));
        const std::string path = options.path(name.file);
        BERTH_TRY(text, contents_of(path));
        if (!is_sealed_key(text.reveal())) {
            return fail(
                error{error_category::usage, "bad_sealed_key", path + " is not the file of a sealed key, and stays."}.with("path",
                                                                                                                           path));
        }
        if (::unlink(path.c_str()) != 0) {
            return fail(
                error{error_category::environment, "file_error", "Deleting " + path + ": " + std::strerror(errno) + "."}.with(
                    "path", path));
        }
        return {};
    }

    result<holder_ptr> open_holder(const std::string& rest, const open_options& options) const override {
        BERTH_TRY(name, parse_name(rest));
        return keystore::open_holder(name.by, options);
    }

private:
    static result<secret_bytes> contents_of(const std::string& path) {
        auto text = pki::read_secret_file(path, most_octets);
        if (!text && text.error().is("file_not_found")) {
            text.error().name = "key_not_found";
        }
        return text;
    }
    static result<pki::any_private_key> open(const std::string& rest, const open_options& options) {
        BERTH_TRY(name, parse_name(rest));
        const std::string path = options.path(name.file);
        BERTH_TRY(text, contents_of(path));
        BERTH_TRY(by, keystore::open_holder(name.by, options));
        auto key = open_key(text.reveal(), *by);
        if (!key) {
            return fail(std::move(key).error().with("path", path));
        }
        return key;
    }
    static result<void> save(const std::string& rest, const pki::any_private_key& key, const open_options& options) {
        BERTH_TRY(name, parse_name(rest));
        const std::string path = options.path(name.file);
        BERTH_CHECK(nothing_at(path));
        BERTH_TRY(by, keystore::open_holder(name.by, options));
        BERTH_TRY(pem, seal_key(key, *by, crypto::system_random()));
        // Before anybody is given a key of which nothing would be left.
        BERTH_TRY(again, open_key(as_bytes(pem), *by));
        static_cast<void>(again);
        return pki::write_file_atomically(path, as_bytes(pem), 0600);
    }
};

}  // namespace

result<key_name> parse_name(std::string_view rest) {
    const auto bad = [rest](const std::string& why) {
        const std::string text = "sealed:" + std::string(rest);
        return fail(
            error{error_category::usage, "bad_key_uri", "\"" + text + "\" does not name a key: " + why + "."}.with("uri", text));
    };
    const size_t at = rest.find(by_part);
    if (at == std::string_view::npos || at == 0) {
        return bad("it is sealed:FILE;by=NAME, where NAME is a key in a chip or token");
    }
    key_name out{std::string(rest.substr(0, at)), std::string(rest.substr(at + by_part.size()))};
    const auto by = parse_key_uri(out.by);
    if (!by || by->kind == key_store_kind::file || by->kind == key_store_kind::sealed) {
        return bad("who seals it (by=) is a TPM, a secure element or a token: tpm2:..., stsafe:... or pkcs11:...");
    }
    return out;
}

const backend& sealed_backend() {
    static const sealed_files one;
    return one;
}

}  // namespace berth::keystore::sealed
