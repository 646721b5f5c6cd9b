// What keeps keys: files, a TPM, a secure element, a PKCS#11 token. One object for each scheme of key URIs; keystore/operations.h
// is how everybody else asks them.
#pragma once

#include "attestation/verify.h"
#include "keystore/agreement_key.h"
#include "keystore/key_uri.h"

#include <memory>
#include <vector>

namespace berth::keystore {

// What a back end does beside opening keys that are there.
struct backend_abilities {
    std::string name;                                  // as in capabilities::backend
    std::vector<crypto::signature_algorithm> signing;  // of the keys that it makes
    std::vector<crypto::kem_algorithm> kem;
    std::vector<crypto::agreement_group> agreement = {};  // empty: it opens none either
    bool remove = false;
    bool random = false;
    bool seal = false;
    bool attest = false;
    bool measured = false;  // it keeps the platform's registers, and quotes them
};

// That a key was made in a chip and cannot leave it, said by the chip: for attestation::verify_certify().
struct key_attestation {
    attestation::signed_attest statement;
    attestation::public_area key;
    attestation::public_area by;
};

// What the platform's registers hold (SHA-256 bank), said by the chip: for attestation::verify_quote().
struct platform_statement {
    attestation::signed_attest statement;
    attestation::pcr_values values;
    attestation::public_area by;
};

// Who keeps the key of a name, opened: what it does beside using that key, without being looked for each time. Thread-safe.
class holder {
public:
    virtual ~holder() = default;
    // As in operations.h.
    virtual result<secret_bytes> random(size_t size) const = 0;
    virtual result<bytes> seal(const secret_bytes& secret) const;
    virtual result<secret_bytes> unseal(bytes_view sealed) const;
};
using holder_ptr = std::shared_ptr<const holder>;

class backend {
public:
    virtual ~backend() = default;
    virtual const backend_abilities& able() const = 0;

    // `rest` is what follows the scheme and its colon.
    virtual result<signing_key_ptr> open_signing_key(const std::string& rest, const open_options& options) const = 0;
    virtual result<kem_key_ptr> open_kem_key(const std::string& rest, const open_options& options) const = 0;

    virtual result<agreement_key_ptr> open_agreement_key(const std::string& rest, const open_options& options) const;

    // As in operations.h. What able() does not declare is not asked for, and says operation_unsupported if it is.
    virtual result<signing_key_ptr> make_signing_key(const std::string& rest, crypto::signature_algorithm alg,
                                                     const open_options& options) const;
    virtual result<kem_key_ptr> make_kem_key(const std::string& rest, crypto::kem_algorithm alg,
                                             const open_options& options) const;
    virtual result<agreement_key_ptr> make_agreement_key(const std::string& rest, crypto::agreement_group group,
                                                         const open_options& options) const;
    virtual result<void> remove(const std::string& rest, const open_options& options) const;
    virtual result<std::string> certified(const std::string& rest, const open_options& options) const;
    // The key need not be there yet.
    virtual result<holder_ptr> open_holder(const std::string& rest, const open_options& options) const = 0;
    virtual result<key_attestation> attest(const std::string& rest, bytes_view nonce, const open_options& options) const;
    virtual result<platform_statement> quote(const std::string& rest, bytes_view nonce, const std::vector<uint8_t>& registers,
                                             const open_options& options) const;
    virtual result<attestation::pcr_values> registers(const std::string& rest, const std::vector<uint8_t>& which,
                                                      const open_options& options) const;
};

const backend& backend_of(key_store_kind kind);

// Error operation_unsupported: what was asked for, and what this back end does.
error unsupported(const backend_abilities& able, const std::string& what);

// Error seal_invalid, with the name that the back end has for it as the parameter "cause".
error seal_invalid(error cause);

}  // namespace berth::keystore
