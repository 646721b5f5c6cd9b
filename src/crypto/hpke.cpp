#include "crypto/hpke.h"

#include "crypto/crypto_openssl.h"
#include "crypto/hkdf.h"

namespace berth::crypto {

namespace {

hash_algorithm hash_of(hpke_kdf kdf) {
    switch (kdf) {
    case hpke_kdf::hkdf_sha256: return hash_algorithm::sha256;
    case hpke_kdf::hkdf_sha384: return hash_algorithm::sha384;
    case hpke_kdf::hkdf_sha512: return hash_algorithm::sha512;
    }
    die("choosing an HPKE KDF that does not exist");
}

// The labelled functions of RFC 9180 section 4, for one suite.
class schedule {
public:
    explicit schedule(const hpke_suite& suite) : hash_(hash_of(suite.kdf)) {
        // RFC 9180 5.1: suite_id = concat("HPKE", I2OSP(kem_id, 2), I2OSP(kdf_id, 2), I2OSP(aead_id, 2))
        size_t at = 4;
        for (const auto id :
             {static_cast<uint16_t>(suite.kem), static_cast<uint16_t>(suite.kdf), static_cast<uint16_t>(suite.aead)}) {
            suite_id_[at++] = static_cast<uint8_t>(id >> 8);
            suite_id_[at++] = static_cast<uint8_t>(id & 0xff);
        }
    }

    secret_bytes extract(bytes_view salt, std::string_view label, bytes_view ikm) const {
        secret_bytes labeled;
        for (const bytes_view part : {as_bytes("HPKE-v1"), bytes_view(suite_id_), as_bytes(label), ikm}) {
            labeled.append(part);
        }
        return hkdf_extract(hash_, salt, labeled.reveal());
    }

    secret_bytes expand(bytes_view prk, std::string_view label, bytes_view info, size_t length) const {
        const std::array<uint8_t, 2> size{static_cast<uint8_t>(length >> 8), static_cast<uint8_t>(length & 0xff)};
        const bytes labeled = concat({size, as_bytes("HPKE-v1"), suite_id_, as_bytes(label), info});
        return hkdf_expand(hash_, prk, labeled, length);
    }

    size_t hash_octets() const { return hash_size(hash_); }

    // RFC 9180 5.1, mode_base: psk and psk_id are empty.
    bytes key_schedule_context(bytes_view info) const {
        static constexpr std::array<uint8_t, 1> mode_base{0};
        const secret_bytes psk_id_hash = extract({}, "psk_id_hash", {});
        const secret_bytes info_hash = extract({}, "info_hash", info);
        return concat({mode_base, psk_id_hash.reveal(), info_hash.reveal()});
    }

private:
    hash_algorithm hash_;
    std::array<uint8_t, 10> suite_id_{'H', 'P', 'K', 'E'};
};

}  // namespace

hpke_suite hpke_suite_for(kem_algorithm kem) noexcept {
    const bool stronger = kem == kem_algorithm::mlkem1024 || kem == kem_algorithm::mlkem1024_p384;
    return {kem, stronger ? hpke_kdf::hkdf_sha384 : hpke_kdf::hkdf_sha256,
            stronger ? aead_algorithm::aes256gcm : aead_algorithm::aes128gcm};
}

hpke_suite hpke_suite_aes256_for(kem_algorithm kem) noexcept {
    hpke_suite suite = hpke_suite_for(kem);
    suite.aead = aead_algorithm::aes256gcm;
    return suite;
}

struct hpke_context::impl {
    schedule labels;
    aead_key key;
    secret_bytes base_nonce;
    secret_bytes exporter_secret;
    uint64_t sequence = 0;

    // RFC 9180 5.2: xor(self.base_nonce, I2OSP(self.seq, Nn))
    std::array<uint8_t, aead_nonce_size> nonce() const {
        auto out = to_array<aead_nonce_size>(base_nonce.reveal());
        for (size_t i = 0; i < 8; ++i) {
            out[aead_nonce_size - 1 - i] = static_cast<uint8_t>(out[aead_nonce_size - 1 - i] ^ (sequence >> (8 * i)));
        }
        return out;
    }
};

struct hpke_maker {
    static hpke_context make(const hpke_suite& suite, bytes_view shared_secret, bytes_view info, aead_key::use use) {
        const schedule labels(suite);
        const bytes context = labels.key_schedule_context(info);
        const secret_bytes secret = labels.extract(shared_secret, "secret", {});
        const secret_bytes key = labels.expand(secret.reveal(), "key", context, aead_key_size(suite.aead));
        return hpke_context(std::make_unique<hpke_context::impl>(
            hpke_context::impl{labels, aead_key(suite.aead, key.reveal(), use),
                               labels.expand(secret.reveal(), "base_nonce", context, aead_nonce_size),
                               labels.expand(secret.reveal(), "exp", context, labels.hash_octets())}));
    }
};

hpke_context::hpke_context(std::unique_ptr<impl> i) noexcept : impl_(std::move(i)) {}
hpke_context::hpke_context(hpke_context&&) noexcept = default;
hpke_context& hpke_context::operator=(hpke_context&&) noexcept = default;
hpke_context::~hpke_context() = default;

bytes hpke_context::seal(bytes_view aad, bytes_view plaintext) {
    bytes sealed = impl_->key.seal(impl_->nonce(), aad, plaintext);
    ++impl_->sequence;
    return sealed;
}

result<bytes> hpke_context::open(bytes_view aad, bytes_view sealed) {
    BERTH_TRY(plaintext, impl_->key.open(impl_->nonce(), aad, sealed));
    ++impl_->sequence;
    return plaintext;
}

secret_bytes hpke_context::export_secret(bytes_view exporter_context, size_t length) const {
    return impl_->labels.expand(impl_->exporter_secret.reveal(), "sec", exporter_context, length);
}

hpke_sender hpke_setup_sender(const hpke_suite& suite, const kem_public_key& pk, bytes_view info, random_source& random) {
    if (pk.algorithm() != suite.kem) {
        die("sending with an HPKE suite of another KEM");
    }
    kem_encapsulation made = pk.encapsulate(random);
    return {std::move(made.enc), hpke_maker::make(suite, made.shared_secret.reveal(), info, aead_key::use::seal)};
}

hpke_context hpke_setup_receiver(const hpke_suite& suite, bytes_view shared_secret, bytes_view info) {
    return hpke_maker::make(suite, shared_secret, info, aead_key::use::open);
}

hpke_exported hpke_send_export(const kem_public_key& pk, bytes_view info, bytes_view exporter_context, size_t length,
                               random_source& random) {
    kem_encapsulation made = pk.encapsulate(random);
    return {std::move(made.enc),
            hpke_receive_export(pk.algorithm(), made.shared_secret.reveal(), info, exporter_context, length)};
}

namespace {

// key_schedule_context depends on nothing secret and nothing of the message: a protocol has one `info` and meets the same
// few suites again and again.
const bytes& export_context(kem_algorithm kem, const schedule& labels, bytes_view info) {
    struct known {
        kem_algorithm kem;
        bytes info;
        bytes context;
    };
    constexpr size_t most = 8;
    thread_local std::vector<known> all;
    for (const known& k : all) {
        if (k.kem == kem && same_octets(k.info, info)) {
            return k.context;
        }
    }
    if (all.size() == most) {
        all.erase(all.begin());
    }
    all.push_back({kem, to_bytes(info), labels.key_schedule_context(info)});
    return all.back().context;
}

}  // namespace

secret_bytes hpke_receive_export(kem_algorithm kem, bytes_view shared_secret, bytes_view info, bytes_view exporter_context,
                                 size_t length) {
    const schedule labels(hpke_suite_for(kem));
    const secret_bytes secret = labels.extract(shared_secret, "secret", {});
    const secret_bytes exporter = labels.expand(secret.reveal(), "exp", export_context(kem, labels, info), labels.hash_octets());
    return labels.expand(exporter.reveal(), "sec", exporter_context, length);
}

}  // namespace berth::crypto
