// The device's side of an LDevID (docs/factory.md): a key that is its customer's, and the customer's certificate for it.
//
//   BUNDLE/ldevid.pem, ldevid.uri     certificate and those above, leaf first; the key's name
//   BUNDLE/ldevid.key                 the key, where no chip has it
//   BUNDLE/ldevid.pending/            ldevid.uri, request: what was asked for, and not granted yet
#pragma once

#include "base/random.h"
#include "device/bundle.h"
#include "factory/tpm_ldevid.h"
#include "keystore/key_uri.h"

namespace berth::app {

struct ldevid_wish {
    std::string key;  // its name; empty: where the device's back end keeps such, or where the present one is
    crypto::signature_algorithm algorithm = crypto::signature_algorithm::ecdsa_p256_sha256;  // of a key that is made
    bool replace = false;                                                                    // the certificate that is there
};

// What is installed.
struct ldevid_state {
    std::vector<pki::certificate> chain;
    std::string key;
    bool key_works = false;
};

class device_ldevid {
public:
    // Reads the bundle and opens its IDevID-signature key. Errors of files and keys; `bad_config`, `bad_bundle`.
    static result<device_ldevid> open(const std::filesystem::path& bundle, const std::filesystem::path& passphrase_file);

    // Makes the key and gives the octets of the ldevid_request; asked again, the same ones. To replace a certificate it goes on
    // with the key that is there, unless another place is named. Errors `ldevid_exists`: there is one, and it is not to be
    // replaced; `key_exists`: a key of something else is in its place; those of the key's back end.
    result<bytes> request(const ldevid_wish& wish) const;
    // The octets of the ldevid_answer to a challenge, of a key in a TPM. Errors `no_request`; `not_in_tpm`; those of
    // factory::answer_ldevid.
    result<bytes> answer(bytes_view challenge) const;
    // Installs what was granted; the key of a former one, elsewhere, is deleted. Errors `no_request`; those of
    // factory::accept_ldevid.
    result<ldevid_state> install(bytes_view grant, const std::optional<pki::certificate>& customer) const;

    [[nodiscard]] const std::string& serial() const { return bundle_.identity.serial; }
    [[nodiscard]] std::filesystem::path pending() const { return bundle_.directory / "ldevid.pending"; }

private:
    device_ldevid() = default;
    [[nodiscard]] result<std::string> usual_place() const;
    [[nodiscard]] result<void> require_own_place(const std::string& place) const;
    // The key at a place in the TPM that has the IDevID's; nothing: it is elsewhere.
    [[nodiscard]] result<std::optional<factory::tpm_ldevid>> in_tpm(const std::string& place) const;
    // What was asked for. Error `no_request`.
    struct asked_for {
        std::string place;
        bytes request;
    };
    [[nodiscard]] result<asked_for> asked() const;
    [[nodiscard]] keystore::open_options how() const { return {bundle_.directory.string(), bundle_.passphrase}; }

    device_bundle bundle_;  // without P3
    std::vector<pki::certificate> z3_sig_;
    std::string p3_sig_uri_;
    keystore::signing_key_ptr identity_;
};

// Nothing: there is none. Errors of files.
result<std::optional<ldevid_state>> installed_ldevid(const device_bundle& bundle);

}  // namespace berth::app
