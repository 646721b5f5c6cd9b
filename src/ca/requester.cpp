#include "ca/requester.h"

namespace berth::ca {

std::string_view to_string(proof p) noexcept {
    switch (p) {
    case proof::endorsement: return "endorsement";
    case proof::idevid: return "idevid";
    case proof::ldevid: return "ldevid";
    case proof::operational: return "operational";
    case proof::basic: return "basic";
    case proof::secret: return "secret";
    case proof::address: return "address";
    case proof::token: return "token";
    case proof::admin: return "admin";
    case proof::ra: return "ra";
    }
    return "unknown";
}

std::optional<proof> proof_named(std::string_view name) noexcept {
    for (const proof p : all_proofs) {
        if (to_string(p) == name) {
            return p;
        }
    }
    return std::nullopt;
}

std::string requester::proofs_text() const {
    std::string out;
    for (const proof p : proofs) {
        out += (out.empty() ? "" : "+") + std::string(to_string(p));
    }
    return out;
}

}  // namespace berth::ca
