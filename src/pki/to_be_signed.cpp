#include "pki/to_be_signed_openssl.h"

#include "crypto/sign_impl_openssl.h"
#include "pki/certificate_openssl.h"
#include "pki/der_values_openssl.h"

#include <ctime>

namespace berth::pki {

namespace {

constexpr uint8_t utc_time = 0x17;
constexpr uint8_t generalized_time = 0x18;

bytes tbs_certificate(const to_be_signed& contents, bytes_view signature_algorithm) {
    static constexpr std::array<uint8_t, 5> version_3{der::context(0), 3, der::integer, 1, 2};
    const bytes serial = integer_element(contents.serial);
    const bytes validity =
        crypto::der_tlv(der::sequence, {*time_element(contents.not_before), *time_element(contents.not_after)});
    const bytes list = crypto::der_tlv(der::sequence, {contents.extensions});
    const bytes extensions = crypto::der_tlv(der::context(3), {list});
    return crypto::der_tlv(der::sequence, {version_3, serial, signature_algorithm, contents.issuer, validity, contents.subject,
                                           contents.spki, extensions});
}

}  // namespace

std::optional<bytes> time_element(unix_seconds time) {
    if (time < 0 || time > no_expiry) {
        return std::nullopt;
    }
    const std::time_t seconds = time;
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    const bool short_year = parts.tm_year < 150;  // since 1900
    std::array<char, 32> text{};
    const size_t size = std::strftime(text.data(), text.size(), short_year ? "%y%m%d%H%M%SZ" : "%Y%m%d%H%M%SZ", &parts);
    return crypto::der_tlv(short_year ? utc_time : generalized_time, {as_bytes({text.data(), size})});
}

result<certificate> seal(const to_be_signed& contents, const crypto::signing_key& key) {
    const bytes_view algorithm = crypto::traits_of(key.algorithm()).signature;
    const bytes tbs = tbs_certificate(contents, algorithm);
    BERTH_TRY(signature, key.sign(tbs));
    static constexpr std::array<uint8_t, 1> no_unused_bits{0};
    const bytes bits = crypto::der_tlv(der::bit_string, {no_unused_bits, signature});
    return certificate_made_here(crypto::der_tlv(der::sequence, {tbs, algorithm, bits}), contents);
}

}  // namespace berth::pki
