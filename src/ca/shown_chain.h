// What a requester has shown, taken down from its chain: what ends a CA between it and its root ends what stood on its word.
#pragma once

#include "ca/requester.h"

#include <span>

namespace berth::ca {

// `chain`: leaf first, all below the anchor; verified by whoever calls.
inline void take_down(requester& who, std::span<const pki::certificate> chain, const key_hash& anchor) {
    who.certificate = chain.front();
    who.issuer = chain.size() > 1 ? chain[1].spki_sha256() : anchor;
    who.anchor = anchor;
    who.between.clear();
    for (size_t i = 2; i < chain.size(); ++i) {
        who.between.push_back(chain[i].spki_sha256());
    }
}

}  // namespace berth::ca
