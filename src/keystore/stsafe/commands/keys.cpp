#include "keystore/stsafe/commands/keys.h"

namespace berth::keystore::stsafe {

point point::from(bytes_view octets) {
    const size_t size = octets.size() / 2;
    point out;
    out.form = octets.empty() ? uint8_t{0} : octets[0];
    out.x = lengthy(octets.empty() ? octets : octets.subspan(1, size));
    out.y = lengthy(octets.last(size));
    return out;
}

bytes point::octets() const {
    return concat({bytes_view(&form, 1), x.view(), y.view()});
}

}  // namespace berth::keystore::stsafe
