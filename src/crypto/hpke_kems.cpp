#include "crypto/hpke_kems.h"

#include "crypto/hash.h"
#include "crypto/ml_kem_openssl.h"
#include "crypto/shake.h"
#include "crypto/x25519_openssl.h"

namespace berth::crypto {

namespace {

constexpr const char* ml_kem_768 = "ML-KEM-768";
constexpr size_t ek_size = 1184;
constexpr size_t ct_size = 1088;

// Gives out octets piece by piece, to what makes a key of them.
class given_octets final : public random_source {
public:
    explicit given_octets(secret_bytes octets) : octets_(std::move(octets)) {}
    void fill(std::span<uint8_t> out) override {
        if (out.size() > octets_.size() - at_) {
            at_ = 0;  // 2^-128: no candidate was in range, and there is no fifth
        }
        std::copy_n(octets_.reveal().data() + at_, out.size(), out.data());
        at_ += out.size();
    }

private:
    secret_bytes octets_;
    size_t at_ = 0;
};

tl::unexpected<error> bad_seed(size_t octets) {
    return fail(error_category::usage, "bad_private_key", "A seed of this kind has " + std::to_string(octets) + " octets.");
}

// SHA3-256(ss_PQ || ss_T || ct_T || ek_T || Label), the label being "\.//^\".
secret_bytes combine(bytes_view pq, bytes_view traditional, bytes_view ct, bytes_view ek) {
    static constexpr std::array<uint8_t, 6> label{0x5c, 0x2e, 0x2f, 0x2f, 0x5e, 0x5c};
    hasher h(hash_algorithm::sha3_256);
    h.update(pq).update(traditional).update(ct).update(ek).update(label);
    return secret_bytes(h.finish().view());
}

}  // namespace

result<kem_private_key> kem_from_hpke_seed(kem_algorithm alg, bytes_view seed) {
    const size_t scalar = sizes_of(alg).scalar;
    const size_t wanted = scalar == 0 ? ml_kem_seed_size : hybrid_seed_size;
    if (seed.size() != wanted) {
        return bad_seed(wanted);
    }
    // P-256: four candidates of 32 octets; P-384: one of 48 would do for all but 2^-194 of the seeds, four are at hand.
    given_octets source(scalar == 0 ? secret_bytes(seed) : shake256({seed}, ml_kem_seed_size + 4 * scalar));
    return kem_private_key::generate(alg, source);
}

struct x_wing_public_key::impl {
    bytes raw;
    evp_pkey_ptr ml_kem;
    bytes_view point() const { return bytes_view(raw).subspan(ek_size); }
};

struct x_wing_private_key::impl {
    x_wing_public_key pub;
    bytes point;
    evp_pkey_ptr ml_kem, x25519;
};

result<x_wing_public_key> x_wing_public_key::from_raw(bytes_view raw) {
    evp_pkey_ptr ml_kem = raw.size() == x_wing_public_size ? ml_kem_from_public(ml_kem_768, raw.first(ek_size)) : nullptr;
    if (!ml_kem) {
        return fail(error_category::peer, "bad_public_key",
                    "The MLKEM768-X25519 public key has not 1216 octets, or fails the modulus check of FIPS 203.");
    }
    return x_wing_public_key(std::make_shared<impl>(impl{to_bytes(raw), std::move(ml_kem)}));
}

bytes_view x_wing_public_key::raw() const noexcept {
    return impl_->raw;
}

result<kem_encapsulation> x_wing_public_key::encapsulate(random_source& random) const {
    secret_bytes m(ml_kem_message_size);
    secret_bytes scalar(x25519_size);
    random.fill(m.writable());
    random.fill(scalar.writable());
    kem_encapsulation out{bytes(x_wing_encapsulation_size), secret_bytes(ml_kem_secret_size)};
    const auto ct = std::span(out.enc);
    ml_kem_encapsulate(impl_->ml_kem.get(), m.reveal(), ct.first(ct_size), out.shared_secret.writable());
    const auto ephemeral = x25519_private(scalar.reveal());
    write_x25519_public(ephemeral.get(), ct.subspan(ct_size));
    secret_bytes agreed(x25519_size);
    if (!x25519(ephemeral.get(), impl_->point(), agreed.writable())) {
        return fail(error_category::peer, "bad_public_key", "The MLKEM768-X25519 public key's point is of small order.");
    }
    out.shared_secret = combine(out.shared_secret.reveal(), agreed.reveal(), ct.subspan(ct_size), impl_->point());
    return out;
}

result<x_wing_private_key> x_wing_private_key::from_seed(bytes_view seed) {
    if (seed.size() != hybrid_seed_size) {
        return bad_seed(hybrid_seed_size);
    }
    const secret_bytes all = shake256({seed}, ml_kem_seed_size + x25519_size);
    auto ml_kem = ml_kem_from_seed(ml_kem_768, all.reveal().first(ml_kem_seed_size));
    auto x = x25519_private(all.reveal().subspan(ml_kem_seed_size));
    bytes point(x25519_size);
    write_x25519_public(x.get(), point);
    BERTH_TRY(pub, x_wing_public_key::from_raw(concat({ml_kem_public(ml_kem.get()), point})));
    return x_wing_private_key(std::make_shared<impl>(impl{std::move(pub), std::move(point), std::move(ml_kem), std::move(x)}));
}

const x_wing_public_key& x_wing_private_key::public_key() const noexcept {
    return impl_->pub;
}

result<secret_bytes> x_wing_private_key::decapsulate(bytes_view enc) const {
    secret_bytes agreed(x25519_size);
    if (enc.size() != x_wing_encapsulation_size || !x25519(impl_->x25519.get(), enc.subspan(ct_size), agreed.writable())) {
        return fail(error_category::peer, "bad_encapsulation",
                    "An encapsulation to an MLKEM768-X25519 key has not 1120 octets, or a point of small order.");
    }
    secret_bytes secret(ml_kem_secret_size);
    ml_kem_decapsulate(impl_->ml_kem.get(), enc.first(ct_size), secret.writable());
    return combine(secret.reveal(), agreed.reveal(), enc.subspan(ct_size), impl_->point);
}

}  // namespace berth::crypto
