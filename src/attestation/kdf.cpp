#include "attestation/kdf.h"

#include "base/wipe.h"

namespace berth::attestation {

namespace {

// Both are the same loop: blocks of a hash, numbered from 1, the last one cut.
template <class Block>
secret_bytes in_blocks(size_t size, Block block) {
    secret_bytes out;
    for (uint32_t counter = 1; out.size() < size; ++counter) {
        crypto::digest piece =
            block(std::array<uint8_t, 4>{static_cast<uint8_t>(counter >> 24U), static_cast<uint8_t>(counter >> 16U),
                                         static_cast<uint8_t>(counter >> 8U), static_cast<uint8_t>(counter)});
        out.append(piece.view().first(std::min(piece.size(), size - out.size())));
        wipe({piece.data(), piece.size()});
    }
    return out;
}

constexpr std::array<uint8_t, 1> end_of_label{0};

}  // namespace

secret_bytes kdf_a(crypto::hash_algorithm hash, bytes_view key, std::string_view label, bytes_view context_u,
                   bytes_view context_v, size_t size) {
    const auto bits = static_cast<uint32_t>(8 * size);
    const std::array<uint8_t, 4> length{static_cast<uint8_t>(bits >> 24U), static_cast<uint8_t>(bits >> 16U),
                                        static_cast<uint8_t>(bits >> 8U), static_cast<uint8_t>(bits)};
    return in_blocks(size, [&](const std::array<uint8_t, 4>& counter) {
        return crypto::hmac(hash, key, concat({counter, as_bytes(label), end_of_label, context_u, context_v, length}));
    });
}

secret_bytes kdf_e(crypto::hash_algorithm hash, bytes_view z, std::string_view label, bytes_view party_u, bytes_view party_v,
                   size_t size) {
    return in_blocks(size, [&](const std::array<uint8_t, 4>& counter) {
        crypto::hasher h(hash);
        h.update(counter).update(z).update(as_bytes(label)).update(end_of_label).update(party_u).update(party_v);
        return h.finish();
    });
}

}  // namespace berth::attestation
