#include "keystore/software.h"

#include "keystore/agreement_key.h"

namespace berth::keystore {

namespace {

capabilities in_software(bool post_quantum) {
    return {.exportable = true, .hardware = false, .post_quantum = post_quantum, .concurrent = true, .backend = "software"};
}

class kem final : public kem_key {
public:
    explicit kem(crypto::kem_private_key key) : key_(std::move(key)) {}
    crypto::kem_algorithm algorithm() const override { return key_.algorithm(); }
    const crypto::kem_public_key& public_key() const override { return key_.public_key(); }
    result<secret_bytes> decapsulate(bytes_view enc) const override { return key_.decapsulate(enc); }
    const capabilities& able() const override { return able_; }

private:
    crypto::kem_private_key key_;
    capabilities able_ = in_software(true);
};

class signer final : public signing_key {
public:
    explicit signer(crypto::signing_key key)
        : key_(std::move(key)), able_(in_software(crypto::is_post_quantum(key_.algorithm()))) {}
    crypto::signature_algorithm algorithm() const override { return key_.algorithm(); }
    const crypto::verification_key& public_key() const override { return key_.public_key(); }
    result<bytes> sign(bytes_view message) const override { return key_.sign(message); }
    const crypto::signing_key& as_signing_key() const override { return key_; }
    const capabilities& able() const override { return able_; }

private:
    crypto::signing_key key_;
    capabilities able_;
};

class agreement final : public agreement_key {
public:
    explicit agreement(crypto::agreement_private_key key) : key_(std::move(key)) {}
    const crypto::agreement_public_key& public_key() const override { return key_.public_key(); }
    result<secret_bytes> agree(const crypto::agreement_public_key& peer) const override { return key_.agree(peer); }
    const capabilities& able() const override { return able_; }

private:
    crypto::agreement_private_key key_;
    capabilities able_ = in_software(false);
};

}  // namespace

agreement_key_ptr software_agreement_key(crypto::agreement_private_key key) {
    return std::make_shared<agreement>(std::move(key));
}

kem_key_ptr software_kem_key(crypto::kem_private_key key) {
    return std::make_shared<kem>(std::move(key));
}

signing_key_ptr software_signing_key(crypto::signing_key key) {
    return std::make_shared<signer>(std::move(key));
}

}  // namespace berth::keystore
