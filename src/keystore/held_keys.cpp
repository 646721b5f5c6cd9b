#include "keystore/held_keys.h"

#include "crypto/constant_time.h"
#include "crypto/curve_openssl.h"
#include "crypto/hash.h"
#include "crypto/ml_kem_openssl.h"

namespace berth::keystore {

namespace {

struct hybrid {
    crypto::kem_algorithm algorithm;
    const char* ml_kem;  // as libcrypto calls it
    const crypto::curve& ec;
};

std::optional<hybrid> hybrid_of(crypto::kem_algorithm alg) {
    switch (alg) {
    case crypto::kem_algorithm::mlkem768_p256: return hybrid{alg, "ML-KEM-768", crypto::curve::p256()};
    case crypto::kem_algorithm::mlkem1024_p384: return hybrid{alg, "ML-KEM-1024", crypto::curve::p384()};
    default: return std::nullopt;
    }
}

tl::unexpected<error> no_hybrid(crypto::kem_algorithm alg) {
    return fail(error_category::usage, "wrong_key_kind",
                std::string(crypto::name_of(alg)) + " has no elliptic half that a chip or token could hold; the hybrids "
                                                    "mlkem768_p256 and mlkem1024_p384 have.");
}

tl::unexpected<error> mismatch() {
    return fail(error_category::environment, "key_mismatch",
                "The private key is not the one of the public half that lies beside it; it was made anew since.");
}

capabilities held_by(std::string backend, bool post_quantum) {
    return {
        .exportable = false, .hardware = true, .post_quantum = post_quantum, .concurrent = false, .backend = std::move(backend)};
}

class signer final : public signing_key {
public:
    signer(crypto::signing_key through, std::shared_ptr<const crypto::external_signer> holder, std::string backend)
        : through_(std::move(through)), holder_(std::move(holder)), able_(held_by(std::move(backend), false)) {}
    crypto::signature_algorithm algorithm() const override { return through_.algorithm(); }
    const crypto::verification_key& public_key() const override { return through_.public_key(); }
    result<bytes> sign(bytes_view message) const override {
        auto made = holder_->sign_digest(digest_for(algorithm(), message));
        if (!made) {
            return fail(keystore_failed(std::move(made).error()));
        }
        return made;
    }
    const crypto::signing_key& as_signing_key() const override { return through_; }
    const capabilities& able() const override { return able_; }

private:
    crypto::signing_key through_;
    std::shared_ptr<const crypto::external_signer> holder_;
    capabilities able_;
};

class hybrid_key final : public kem_key {
public:
    hybrid_key(const hybrid& kind, crypto::evp_pkey_ptr ml_kem, crypto::kem_public_key pub,
               std::shared_ptr<const external_agreement> holder, std::string backend)
        : kind_(kind),
          ml_kem_(std::move(ml_kem)),
          pub_(std::move(pub)),
          holder_(std::move(holder)),
          able_(held_by(std::move(backend), true)) {}

    crypto::kem_algorithm algorithm() const override { return kind_.algorithm; }
    const crypto::kem_public_key& public_key() const override { return pub_; }
    const capabilities& able() const override { return able_; }

    result<secret_bytes> decapsulate(bytes_view enc) const override {
        const crypto::kem_sizes sizes = crypto::sizes_of(kind_.algorithm);
        if (enc.size() != sizes.encapsulation) {
            return refuse("it has " + std::to_string(enc.size()) + " octets instead of " + std::to_string(sizes.encapsulation));
        }
        // Profile section 1: "A recipient MUST check that the point is on the curve and not infinity." The holder would, too,
        // but whose fault it is should not depend on how it says so.
        const bytes_view ephemeral = enc.subspan(sizes.ml_kem_encapsulation);
        if (!kind_.ec.point_from(ephemeral)) {
            return refuse("its second part is not an uncompressed point of the curve");
        }
        auto x = holder_->agree(ephemeral);
        if (!x) {
            return fail(keystore_failed(std::move(x).error()));
        }
        secret_bytes secret(sizes.shared_secret);
        crypto::ml_kem_decapsulate(ml_kem_.get(), enc.first(sizes.ml_kem_encapsulation), secret.writable());
        return crypto::combine_hybrid(kind_.algorithm, secret.reveal(), x->reveal(), ephemeral,
                                      pub_.raw().subspan(sizes.ml_kem_public_key));
    }

private:
    [[nodiscard]] tl::unexpected<error> refuse(const std::string& why) const {
        const std::string name(crypto::name_of(kind_.algorithm));
        return fail(
            error{error_category::peer, "bad_encapsulation", "The " + name + " encapsulation is not valid: " + why + "."}.with(
                "algorithm", name));
    }

    hybrid kind_;
    crypto::evp_pkey_ptr ml_kem_;
    crypto::kem_public_key pub_;
    std::shared_ptr<const external_agreement> holder_;
    capabilities able_;
};

class agreement final : public agreement_key {
public:
    agreement(crypto::agreement_public_key pub, std::shared_ptr<const external_agreement> holder, std::string backend)
        : pub_(std::move(pub)), holder_(std::move(holder)), able_(held_by(std::move(backend), false)) {}
    const crypto::agreement_public_key& public_key() const override { return pub_; }
    const capabilities& able() const override { return able_; }
    result<secret_bytes> agree(const crypto::agreement_public_key& peer) const override {
        if (peer.group() != pub_.group()) {
            return fail(error_category::peer, "bad_public_key", "The public key is of another group.");
        }
        auto x = holder_->agree(peer.raw());
        if (!x) {
            return fail(keystore_failed(std::move(x).error()));
        }
        return x;
    }

private:
    crypto::agreement_public_key pub_;
    std::shared_ptr<const external_agreement> holder_;
    capabilities able_;
};

}  // namespace

result<signing_key_ptr> held_signing_key(const crypto::verification_key& pub,
                                         std::shared_ptr<const crypto::external_signer> holder, std::string backend) {
    BERTH_TRY(through, crypto::external_signing_key(pub, holder));
    return std::make_shared<const signer>(std::move(through), std::move(holder), std::move(backend));
}

result<kem_key_ptr> held_hybrid_key(crypto::kem_algorithm alg, const secret_bytes& seed, bytes_view point,
                                    std::shared_ptr<const external_agreement> holder, std::string backend) {
    const auto kind = hybrid_of(alg);
    if (!kind) {
        return no_hybrid(alg);
    }
    if (seed.size() != hybrid_seed_size) {
        return fail(error_category::environment, "key_mismatch", "What is sealed beside the key is no ML-KEM seed.");
    }
    crypto::evp_pkey_ptr ml_kem = crypto::ml_kem_from_seed(kind->ml_kem, seed.reveal());
    BERTH_TRY(pub, crypto::kem_public_key::from_raw(alg, concat({crypto::ml_kem_public(ml_kem.get()), point})));
    return std::make_shared<const hybrid_key>(*kind, std::move(ml_kem), std::move(pub), std::move(holder), std::move(backend));
}

result<agreement_key_ptr> held_agreement_key(crypto::agreement_group group, bytes_view point,
                                             std::shared_ptr<const external_agreement> holder, std::string backend) {
    BERTH_TRY(pub, crypto::agreement_public_key::from_raw(group, point));
    return std::make_shared<const agreement>(std::move(pub), std::move(holder), std::move(backend));
}

result<crypto::kem_algorithm> hybrid_of_group(crypto::agreement_group group) {
    switch (group) {
    case crypto::agreement_group::p256: return crypto::kem_algorithm::mlkem768_p256;
    case crypto::agreement_group::p384: return crypto::kem_algorithm::mlkem1024_p384;
    case crypto::agreement_group::x25519: break;
    }
    return fail(error_category::usage, "wrong_key_kind",
                "Chips and tokens agree on keys with P-256 and P-384, and not with X25519.");
}

bool is_hybrid(crypto::kem_algorithm alg) noexcept {
    return crypto::sizes_of(alg).point != 0;
}

result<void> prove_agreement(crypto::kem_algorithm alg, const external_agreement& holder, bytes_view point,
                             random_source& random) {
    const auto kind = hybrid_of(alg);
    if (!kind) {
        return no_hybrid(alg);
    }
    const auto theirs = kind->ec.point_from(point);
    if (!theirs) {
        return fail(error_category::environment, "key_mismatch", "The public half beside the key is no point of its curve.");
    }
    const auto scalar = kind->ec.draw_scalar(random);
    bytes ours(kind->ec.point_size());
    kind->ec.write_point(kind->ec.base_times(scalar.get()).get(), ours);
    BERTH_TRY(x, holder.agree(ours));
    if (!crypto::equal(x.reveal(), kind->ec.shared_x(theirs.get(), scalar.get()).reveal())) {
        return mismatch();
    }
    return {};
}

result<void> prove_signature(const crypto::verification_key& pub, const crypto::external_signer& holder, random_source& random) {
    const auto challenge = random.octets<32>();
    BERTH_TRY(signature, holder.sign_digest(digest_for(pub.algorithm(), challenge)));
    if (!pub.verify(challenge, signature)) {
        return mismatch();
    }
    return {};
}

bytes digest_for(crypto::signature_algorithm alg, bytes_view message) {
    const bool p256 = alg == crypto::signature_algorithm::ecdsa_p256_sha256;
    return to_bytes(crypto::hash(p256 ? crypto::hash_algorithm::sha256 : crypto::hash_algorithm::sha384, message).view());
}

error keystore_failed(error cause) {
    error out{error_category::environment, "keystore_failed", std::move(cause.message), std::move(cause.params)};
    return std::move(out).with("cause", std::move(cause.name));
}

}  // namespace berth::keystore
