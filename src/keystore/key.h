// Handles of private keys, wherever the keys live: protocol code holds these and nothing else.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "base/secret.h"
#include "crypto/kem.h"
#include "crypto/sign.h"

#include <memory>
#include <string>

namespace berth::keystore {

// What a back end can promise of a key.
struct capabilities {
    bool exportable = false;    // the private key can leave its holder
    bool hardware = false;      // (part of) it is held by a chip
    bool post_quantum = false;  // stays safe against a quantum computer that records today
    bool concurrent = true;     // several threads may use the handle at once without waiting for each other
    std::string backend;        // "software", "tpm2", "stsafe", "pkcs11"
};

// A KEM key pair whose private half may be out of reach. Thread-safe: a back end that needs to, locks.
class kem_key {
public:
    virtual ~kem_key() = default;
    virtual crypto::kem_algorithm algorithm() const = 0;
    virtual const crypto::kem_public_key& public_key() const = 0;
    // Errors bad_encapsulation (category peer), keystore_failed (category environment: the chip is gone,
    // locked, busy).
    virtual result<secret_bytes> decapsulate(bytes_view enc) const = 0;
    virtual const capabilities& able() const = 0;
};

class signing_key {
public:
    virtual ~signing_key() = default;
    virtual crypto::signature_algorithm algorithm() const = 0;
    virtual const crypto::verification_key& public_key() const = 0;
    // ECDSA signatures are DER. Error keystore_failed.
    virtual result<bytes> sign(bytes_view message) const = 0;
    // The key as certificate and request builders, and TLS, take it; signing through it asks the same holder.
    virtual const crypto::signing_key& as_signing_key() const = 0;
    virtual const capabilities& able() const = 0;
};

using kem_key_ptr = std::shared_ptr<const kem_key>;
using signing_key_ptr = std::shared_ptr<const signing_key>;

}  // namespace berth::keystore
