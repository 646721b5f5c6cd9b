#include "pki/private_key_file.h"

#include "base/wipe.h"
#include "pki/pki_openssl.h"
#include "wire/pem.h"

#include <openssl/err.h>
#include <openssl/pkcs12.h>

namespace berth::pki {

namespace {

using x509_sig_ptr = crypto::openssl_ptr<X509_SIG, X509_SIG_free>;

constexpr std::string_view clear_label = "PRIVATE KEY";
constexpr std::string_view encrypted_label = "ENCRYPTED PRIVATE KEY";
constexpr int iterations = 600'000;
constexpr size_t most_octets = 64 * 1024;

secret_bytes to_pem(std::string_view label, bytes_view der) {
    std::string text = wire::to_pem(label, der);
    secret_bytes out(as_bytes(text));
    wipe(text);
    return out;
}

const char* characters(const secret_bytes& passphrase) {
    return reinterpret_cast<const char*>(passphrase.reveal().data());
}

bytes encrypt(bytes_view der, const secret_bytes& passphrase) {
    const unsigned char* at = der.data();
    const crypto::pkcs8_ptr info(
        crypto::must(d2i_PKCS8_PRIV_KEY_INFO(nullptr, &at, static_cast<long>(der.size())), "reading a private key of our own"));
    const crypto::openssl_ptr<EVP_CIPHER, EVP_CIPHER_free> cipher(
        crypto::must(EVP_CIPHER_fetch(crypto::lib_context(), "AES-256-CBC", crypto::default_only), "fetching a cipher"));
    const x509_sig_ptr sealed(
        crypto::must(PKCS8_encrypt_ex(-1, cipher.get(), characters(passphrase), static_cast<int>(passphrase.size()), nullptr, 0,
                                      iterations, info.get(), crypto::lib_context(), nullptr),
                     "encrypting a private key"));
    return crypto::to_der(sealed.get(), i2d_X509_SIG);
}

result<secret_bytes> decrypt(bytes_view der, const secret_bytes& passphrase) {
    const unsigned char* at = der.data();
    const x509_sig_ptr sealed(d2i_X509_SIG(nullptr, &at, static_cast<long>(der.size())));
    if (!sealed || at != der.data() + der.size()) {
        ERR_clear_error();
        return fail(error_category::usage, "bad_private_key", "The encrypted private key is not DER PKCS#8.");
    }
    const crypto::pkcs8_ptr info(PKCS8_decrypt_ex(sealed.get(), characters(passphrase), static_cast<int>(passphrase.size()),
                                                  crypto::lib_context(), nullptr));
    if (!info) {
        ERR_clear_error();
        return fail(error_category::usage, "wrong_passphrase", "The passphrase does not open this private key.");
    }
    unsigned char* clear = nullptr;
    const int size = i2d_PKCS8_PRIV_KEY_INFO(info.get(), &clear);
    if (size < 0) {
        crypto::die("encoding a private key");
    }
    secret_bytes out(bytes_view(clear, static_cast<size_t>(size)));
    OPENSSL_clear_free(clear, static_cast<size_t>(size));
    return out;
}

result<any_private_key> from_der(bytes_view der) {
    auto kem = crypto::kem_private_key::from_pkcs8(der);
    if (kem) {
        return any_private_key(std::move(*kem));
    }
    if (!kem.error().is("unsupported_key_algorithm")) {
        return fail(std::move(kem).error());
    }
    BERTH_TRY(key, crypto::signing_key::from_pkcs8(der));
    return any_private_key(std::move(key));
}

template <class Key>
result<Key> only(result<any_private_key> loaded, const std::string& path, const char* wanted) {
    BERTH_TRY(key, std::move(loaded));
    if (Key* found = std::get_if<Key>(&key)) {
        return std::move(*found);
    }
    return fail(error{error_category::usage, "wrong_key_kind", path + " does not hold a " + wanted + " key."}.with("path", path));
}

}  // namespace

result<secret_bytes> private_key_to_pem(const any_private_key& key, const std::optional<secret_bytes>& passphrase) {
    BERTH_TRY(der, std::visit([](const auto& k) { return k.to_pkcs8(); }, key));
    if (passphrase) {
        return to_pem(encrypted_label, encrypt(der.reveal(), *passphrase));
    }
    return to_pem(clear_label, der.reveal());
}

result<any_private_key> private_key_from_pem(bytes_view pem, const std::optional<secret_bytes>& passphrase) {
    BERTH_TRY(blocks, wire::from_pem(as_text(pem)));
    if (blocks.size() != 1) {
        return fail(error_category::usage, "bad_pem",
                    "One private key was expected, and there are " + std::to_string(blocks.size()) + " PEM blocks.");
    }
    const auto& block = blocks.front();
    if (block.label == clear_label) {
        return from_der(block.der.reveal());
    }
    if (block.label != encrypted_label) {
        return fail(error_category::usage, "bad_pem",
                    "A private key (PKCS#8) was expected, and there is a block of another kind: " + block.label + ".");
    }
    if (!passphrase) {
        return fail(error_category::usage, "passphrase_required",
                    "This private key is encrypted and needs its passphrase: name the file that holds it (--passphrase-file; in "
                    "berthd.toml and device.toml passphrase_file).");
    }
    BERTH_TRY(der, decrypt(block.der.reveal(), *passphrase));
    return from_der(der.reveal());
}

result<void> save_private_key(const std::string& path, const any_private_key& key,
                              const std::optional<secret_bytes>& passphrase) {
    BERTH_TRY(pem, private_key_to_pem(key, passphrase));
    return write_file_atomically(path, pem.reveal(), 0600);
}

result<any_private_key> load_private_key(const std::string& path, const std::optional<secret_bytes>& passphrase) {
    BERTH_TRY(pem, read_secret_file(path, most_octets));
    auto key = private_key_from_pem(pem.reveal(), passphrase);
    if (!key) {
        return fail(std::move(key).error().during("reading " + path).with("path", path));
    }
    return key;
}

result<crypto::kem_private_key> load_kem_private_key(const std::string& path, const std::optional<secret_bytes>& passphrase) {
    return only<crypto::kem_private_key>(load_private_key(path, passphrase), path, "KEM");
}

result<crypto::signing_key> load_signing_key(const std::string& path, const std::optional<secret_bytes>& passphrase) {
    return only<crypto::signing_key>(load_private_key(path, passphrase), path, "signature");
}

}  // namespace berth::pki
