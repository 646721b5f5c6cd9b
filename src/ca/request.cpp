#include "ca/request.h"

namespace berth::ca {

asked asked_by(const pki::verified_csr& request) {
    asked out;
    out.spki = to_bytes(request.key().spki());
    out.subject = request.name();
    out.alt_names = request.alt_names();
    return out;
}

}  // namespace berth::ca
