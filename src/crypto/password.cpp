#include "crypto/password.h"

#include "crypto/constant_time.h"
#include "crypto/crypto_openssl.h"

#include <charconv>

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

namespace berth::crypto {

namespace {

constexpr size_t hash_octets = 32;
constexpr uint64_t most_memory = 128 * 1024 * 1024;

struct cost {
    uint32_t log_n = 15;
    uint32_t r = 8;
    uint32_t p = 1;
    // RFC 7914 2: "[scrypt's] memory [...] 128 * N * r octets"
    [[nodiscard]] bool is_bearable() const {
        return log_n >= 10 && log_n <= 20 && r >= 1 && r <= 32 && p >= 1 && p <= 4 && (uint64_t{128} << log_n) * r <= most_memory;
    }
};

std::optional<secret_bytes> scrypt(const secret_bytes& password, bytes_view salt, const cost& c) {
    const openssl_ptr<EVP_KDF, EVP_KDF_free> kdf(EVP_KDF_fetch(lib_context(), "SCRYPT", nullptr));
    const openssl_ptr<EVP_KDF_CTX, EVP_KDF_CTX_free> run(EVP_KDF_CTX_new(kdf.get()));
    uint64_t n = uint64_t{1} << c.log_n;
    uint64_t r = c.r;
    uint64_t p = c.p;
    uint64_t memory = 2 * most_memory;
    // OpenSSL takes what it only reads as not const.
    auto* const pass = const_cast<uint8_t*>(password.reveal().data());
    auto* const salted = const_cast<uint8_t*>(salt.data());
    const std::array parameters{OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD, pass, password.size()),
                                OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, salted, salt.size()),
                                OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
                                OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_R, &r),
                                OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_P, &p),
                                OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &memory),
                                OSSL_PARAM_construct_end()};
    secret_bytes out(hash_octets);
    if (!run || EVP_KDF_derive(run.get(), out.writable().data(), out.size(), parameters.data()) != 1) {
        return std::nullopt;
    }
    return out;
}

std::optional<uint32_t> number(std::string_view text) {
    uint32_t out = 0;
    const auto [end, bad] = std::from_chars(text.data(), text.data() + text.size(), out);
    return bad == std::errc() && end == text.data() + text.size() && !text.empty() ? std::optional(out) : std::nullopt;
}

tl::unexpected<error> no_record() {
    return fail(error_category::usage, "bad_password_record", "this is no record of a password: scrypt:15:8:1:SALT:HASH");
}

struct parsed_record {
    cost of;
    bytes salt;
    bytes hash;
};
result<parsed_record> parse(std::string_view record) {
    std::vector<std::string_view> parts;
    for (size_t at = 0; parts.size() < 7;) {
        const size_t end = record.find(':', at);
        parts.push_back(record.substr(at, end == std::string_view::npos ? end : end - at));
        if (end == std::string_view::npos) {
            break;
        }
        at = end + 1;
    }
    if (parts.size() != 6 || parts[0] != "scrypt") {
        return no_record();
    }
    const auto log_n = number(parts[1]);
    const auto r = number(parts[2]);
    const auto p = number(parts[3]);
    auto salt = from_hex(parts[4]);
    auto wanted = from_hex(parts[5]);
    if (!log_n || !r || !p || !salt || salt->size() < 16 || !wanted || wanted->size() != hash_octets) {
        return no_record();
    }
    const cost c{*log_n, *r, *p};
    if (!c.is_bearable()) {
        return no_record();
    }
    return parsed_record{c, std::move(*salt), std::move(*wanted)};
}

}  // namespace

std::string password_record(const secret_bytes& password, random_source& random) {
    std::array<uint8_t, 16> salt{};
    random.fill(salt);
    const cost c;
    const auto hash = scrypt(password, salt, c);
    if (!hash) {
        die("scrypt failed");
    }
    return fmt::format("scrypt:{}:{}:{}:{}:{}", c.log_n, c.r, c.p, to_hex(salt), to_hex(hash->reveal()));
}

result<void> check_password_record(std::string_view record) {
    BERTH_CHECK(parse(record));
    return {};
}

result<bool> password_matches(const secret_bytes& password, std::string_view record) {
    BERTH_TRY(known, parse(record));
    const auto hash = scrypt(password, known.salt, known.of);
    if (!hash) {
        return fail(error_category::internal, "scrypt_failed", "the password could not be compared: no memory?");
    }
    return equal(hash->reveal(), known.hash);
}

}  // namespace berth::crypto
