#include "crypto/sign.h"
#include "crypto/sign_impl_openssl.h"

#include <openssl/err.h>

namespace berth::crypto {

namespace {

using ecdsa_sig_ptr = openssl_ptr<ECDSA_SIG, ECDSA_SIG_free>;

const curve& curve_of(signature_algorithm alg) {
    const signature_traits& traits = traits_of(alg);
    if (traits.ec == nullptr) {
        die("converting a signature that is not ECDSA");
    }
    return *traits.ec();
}

tl::unexpected<error> refuse(std::string why) {
    ERR_clear_error();
    return fail(error_category::peer, "bad_signature", "An ECDSA signature is malformed: " + std::move(why) + ".");
}

}  // namespace

result<bytes> ecdsa_der_to_raw(signature_algorithm alg, bytes_view der) {
    const size_t size = curve_of(alg).field_size();
    const unsigned char* at = der.data();
    const ecdsa_sig_ptr sig(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
    if (!sig || !same_octets(to_der(sig.get(), i2d_ECDSA_SIG), der)) {
        return refuse("it is not exactly one DER structure");
    }
    bytes raw(2 * size);
    const auto width = static_cast<int>(size);
    if (BN_is_negative(ECDSA_SIG_get0_r(sig.get())) != 0 || BN_is_negative(ECDSA_SIG_get0_s(sig.get())) != 0 ||
        BN_bn2binpad(ECDSA_SIG_get0_r(sig.get()), raw.data(), width) < 0 ||
        BN_bn2binpad(ECDSA_SIG_get0_s(sig.get()), raw.data() + size, width) < 0) {
        return refuse("a number in it is out of range");
    }
    return raw;
}

result<bytes> ecdsa_raw_to_der(signature_algorithm alg, bytes_view raw) {
    const size_t size = curve_of(alg).field_size();
    if (raw.size() != 2 * size) {
        return refuse("it has " + std::to_string(raw.size()) + " octets instead of " + std::to_string(2 * size));
    }
    const ecdsa_sig_ptr sig(must(ECDSA_SIG_new(), "making a signature"));
    BIGNUM* r = must(BN_bin2bn(raw.data(), static_cast<int>(size), nullptr), "reading a number");
    BIGNUM* s = must(BN_bin2bn(raw.data() + size, static_cast<int>(size), nullptr), "reading a number");
    must(ECDSA_SIG_set0(sig.get(), r, s), "filling a signature");
    return to_der(sig.get(), i2d_ECDSA_SIG);
}

}  // namespace berth::crypto
