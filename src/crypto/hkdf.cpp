#include "crypto/hkdf.h"

#include "crypto/hash_openssl.h"

namespace berth::crypto {

secret_bytes hkdf_extract(hash_algorithm alg, bytes_view salt, bytes_view ikm) {
    // RFC 5869 2.2: a salt that is not provided "is set to a string of HashLen zeros"; HMAC pads the empty
    // key alike.
    secret_bytes prk(hash_size(alg));
    hmac_run run(alg, salt);
    run.update(ikm);
    run.finish(prk.writable().data());
    return prk;
}

secret_bytes hkdf_expand(hash_algorithm alg, bytes_view prk, bytes_view info, size_t length) {
    const size_t block = hash_size(alg);
    if (length > 255 * block) {
        die("expanding more octets than HKDF can give");
    }
    const size_t blocks = (length + block - 1) / block;
    secret_bytes out(blocks * block);
    hmac_run run(alg, prk);
    for (size_t i = 0; i < blocks; ++i) {
        uint8_t* at = out.writable().data() + i * block;
        if (i > 0) {
            run.restart();
            run.update({at - block, block});
        }
        run.update(info);
        const auto counter = static_cast<uint8_t>(i + 1);
        run.update({&counter, 1});
        run.finish(at);
    }
    out.resize(length);
    return out;
}

secret_bytes hkdf_expand_label(hash_algorithm alg, bytes_view secret, std::string_view label, bytes_view context, size_t length) {
    // RFC 8446 7.1: struct { uint16 length = Length; opaque label<7..255> = "tls13 " + Label; opaque
    // context<0..255>; }
    constexpr std::string_view prefix = "tls13 ";
    if (label.size() > 255 - prefix.size() || context.size() > 255 || length > 0xffff) {
        die("building an HkdfLabel from parts that are too long");
    }
    std::array<uint8_t, 2 + 1 + 255 + 1 + 255> info;
    uint8_t* end = info.data();
    *end++ = static_cast<uint8_t>(length >> 8);
    *end++ = static_cast<uint8_t>(length & 0xff);
    *end++ = static_cast<uint8_t>(prefix.size() + label.size());
    end = std::copy(prefix.begin(), prefix.end(), end);
    end = std::copy(label.begin(), label.end(), end);
    *end++ = static_cast<uint8_t>(context.size());
    end = std::copy(context.begin(), context.end(), end);
    return hkdf_expand(alg, secret, {info.data(), static_cast<size_t>(end - info.data())}, length);
}

}  // namespace berth::crypto
