#include "ca/records.h"

namespace berth::ca {

std::string_view to_string(withdrawal_kind kind) noexcept {
    switch (kind) {
    case withdrawal_kind::batch: return "batch";
    case withdrawal_kind::device: return "device";
    case withdrawal_kind::issuer: return "issuer";
    }
    return "unknown";
}

std::string_view to_string(decision d) noexcept {
    switch (d) {
    case decision::waiting: return "waiting";
    case decision::approved: return "approved";
    case decision::denied: return "denied";
    case decision::issued: return "issued";
    }
    return "unknown";
}

}  // namespace berth::ca
