#include "keystore/sealed/key_file.h"

#include "crypto/aead.h"
#include "wire/codec.h"
#include "wire/pem.h"

namespace berth::keystore::sealed {

namespace {

constexpr std::string_view label = "BERTH SEALED KEY";
constexpr uint8_t version_now = 1;
constexpr size_t kek_size = crypto::aead_key_size(crypto::aead_algorithm::aes256gcm);

struct key_octets {
    uint8_t version = version_now;
    wire::opaque<1, 65535> wrapped;
    std::array<uint8_t, crypto::aead_nonce_size> nonce{};
    wire::opaque<17, 65535> body;
    BERTH_FIELDS(version, wrapped, nonce, body)
};

tl::unexpected<error> bad(const std::string& why) {
    return fail(error_category::usage, "bad_sealed_key", "The file is not that of a sealed key: " + why + ".");
}

bytes bound(const key_octets& all) {
    return concat({as_bytes(label), bytes_view(&all.version, 1), all.wrapped.view()});
}

result<key_octets> read(bytes_view pem) {
    const auto blocks = wire::from_pem(as_text(pem));
    if (!blocks || blocks->size() != 1 || blocks->front().label != label) {
        return bad("it has not one block \"" + std::string(label) + "\"");
    }
    auto out = wire::decode<key_octets>(blocks->front().der.reveal());
    if (!out) {
        return bad(out.error().message);
    }
    if (out->version != version_now) {
        return bad("its version is " + std::to_string(out->version) + ", which this version of Berth does not know");
    }
    return std::move(*out);
}

}  // namespace

result<std::string> seal_key(const pki::any_private_key& key, const holder& by, random_source& random) {
    BERTH_TRY(pem, pki::private_key_to_pem(key));
    secret_bytes kek(kek_size);
    random.fill(kek.writable());
    key_octets out;
    BERTH_TRY(wrapped, by.seal(kek));
    out.wrapped = wire::opaque<1, 65535>(wrapped);
    random.fill(out.nonce);
    crypto::aead_key cipher(crypto::aead_algorithm::aes256gcm, kek.reveal(), crypto::aead_key::use::seal);
    out.body = wire::opaque<17, 65535>(cipher.seal(out.nonce, bound(out), pem.reveal()));
    BERTH_TRY(octets, wire::encode(out));
    return wire::to_pem(label, octets);
}

result<pki::any_private_key> open_key(bytes_view pem, const holder& by) {
    BERTH_TRY(in, read(pem));
    BERTH_TRY(kek, by.unseal(in.wrapped.view()));
    if (kek.size() != kek_size) {
        return bad("what its keeper has sealed is no key for it");
    }
    crypto::aead_key cipher(crypto::aead_algorithm::aes256gcm, kek.reveal(), crypto::aead_key::use::open);
    secret_bytes text(in.body.size() - crypto::aead_tag_size);
    if (!cipher.open(in.nonce, bound(in), in.body.view(), text.writable())) {
        return bad("it was changed since it was sealed");
    }
    return pki::private_key_from_pem(text.reveal());
}

bool is_sealed_key(bytes_view pem) {
    return read(pem).has_value();
}

}  // namespace berth::keystore::sealed
