// A certificate chain in one column.
#pragma once

#include "onboarding/messages/common.h"

namespace berth::store {

struct chain_blob {
    onboarding::chain_field chain;
    BERTH_FIELDS(chain)
};

inline result<bytes> pack_chain(const std::vector<bytes>& chain) {
    chain_blob out;
    for (const auto& der : chain) {
        out.chain.items.emplace_back(der);
    }
    return wire::encode(out);
}

inline result<std::vector<bytes>> unpack_chain(bytes_view packed) {
    BERTH_TRY(in, wire::decode<chain_blob>(packed));
    std::vector<bytes> out;
    for (auto& der : in.chain.items) {
        out.push_back(std::move(der.value));
    }
    return out;
}

}  // namespace berth::store
