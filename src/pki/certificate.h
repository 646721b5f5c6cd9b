// X.509 certificates as values.
//
// Everything here is strict: a certificate is one DER SEQUENCE and nothing after it. Certificates are parsed
// in Berth's own libcrypto context, so that composite KEM keys are known; one that another library parsed is
// re-parsed from its DER (certificate::parse), which is the only way in.
#pragma once

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "crypto/kem.h"
#include "crypto/sign.h"

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace berth::pki {

// Object identifiers, dotted.
inline constexpr std::string_view oid_server_auth = "1.3.6.1.5.5.7.3.1";
inline constexpr std::string_view oid_client_auth = "1.3.6.1.5.5.7.3.2";
inline constexpr std::string_view oid_cmc_ra = "1.3.6.1.5.5.7.3.28";
inline constexpr std::string_view oid_any_extended_key_usage = "2.5.29.37.0";
inline constexpr std::string_view oid_hardware_module_name = "1.3.6.1.5.5.7.8.4";
inline constexpr std::string_view oid_permanent_identifier = "1.3.6.1.5.5.7.8.3";
// TCG: what a certificate says of a key in a TPM (EK Credential Profile; Keys for Device Identity and Attestation, 8).
inline constexpr std::string_view oid_tcg_ek_certificate = "2.23.133.8.1";
inline constexpr std::string_view oid_tcg_verified_residency = "2.23.133.11.1.1";
inline constexpr std::string_view oid_tcg_verified_fixed = "2.23.133.11.1.2";
inline constexpr std::string_view oid_tcg_verified_restricted = "2.23.133.11.1.3";

// 9999-12-31T23:59:59Z, the notAfter of a certificate without a well-defined end (RFC 5280 section 4.1.2.5).
inline constexpr unix_seconds no_expiry = 253402300799;

// KeyUsage bits, combined with |.
enum key_usage_bits : uint16_t {
    digital_signature = 0x0001,
    content_commitment = 0x0002,
    key_encipherment = 0x0004,
    data_encipherment = 0x0008,
    key_agreement = 0x0010,
    key_cert_sign = 0x0020,
    crl_sign = 0x0040,
};

// RFC 4108: the hardware's type (an OID of its maker) and its serial number.
struct hardware_module {
    std::string type_oid;
    bytes serial;
    friend bool operator==(const hardware_module&, const hardware_module&) = default;
};

// RFC 4043: who the subject is for good, by the register of whoever owns the assigner's OID.
struct permanent_identifier {
    std::string value;         // UTF-8, 1 to 256 octets
    std::string assigner_oid;  // empty: none, and the certificate's issuer is meant
    friend bool operator==(const permanent_identifier&, const permanent_identifier&) = default;
};

class certificate {
public:
    // Error bad_certificate: not exactly one DER certificate, or a version other than v3.
    static result<certificate> parse(bytes_view der);

    // One certificate, from PEM. Errors bad_pem, bad_certificate.
    static result<certificate> parse_pem(std::string_view pem);

    // One or more, in the order of the file; text around them is ignored, other PEM blocks are not allowed.
    static result<std::vector<certificate>> parse_pem_chain(std::string_view pem);

    std::string to_pem() const;
    bytes_view der() const noexcept;
    const std::array<uint8_t, 32>& sha256() const noexcept;  // of the DER

    bytes_view spki() const noexcept;  // DER SubjectPublicKeyInfo
    const std::array<uint8_t, 32>& spki_sha256() const noexcept;

    // "CN=Registrar 1,O=Acme" (RFC 2253 order and escaping); for people, never for decisions.
    const std::string& subject() const noexcept;
    const std::string& issuer() const noexcept;
    bytes_view subject_der() const noexcept;  // for decisions
    bytes_view issuer_der() const noexcept;
    std::string serial_hex() const;  // lower-case
    bytes serial() const;            // big-endian magnitude

    unix_seconds not_before() const noexcept;
    unix_seconds not_after() const noexcept;

    // The octets of the single PrintableString serialNumber in the subject, 1 to 64 of them (onboarding
    // section 1). Error bad_device_serial: none, several, another string type, empty or too long.
    result<std::string> device_serial() const;

    std::optional<std::string> common_name() const;   // the first
    std::optional<std::string> organization() const;  // the first

    // Whether the key is one of our KEMs (by OID; the key itself may still be malformed).
    bool is_kem() const noexcept;
    // Errors unsupported_key_algorithm, bad_public_key. The key is decoded once per certificate.
    result<crypto::kem_public_key> kem_key() const;
    result<crypto::verification_key> verification_key() const;

    bool is_ca() const noexcept;           // basicConstraints cA
    bool is_self_issued() const noexcept;  // issuer == subject
    std::optional<uint32_t> path_length() const noexcept;
    // key_usage_bits; nothing when the extension is absent.
    std::optional<uint16_t> key_usage() const noexcept;
    // Whether extKeyUsage names exactly this OID. anyExtendedKeyUsage never counts, absence neither.
    bool has_eku(std::string_view oid) const;
    const std::vector<std::string>& extended_key_usages() const noexcept;
    const std::vector<std::string>& dns_names() const noexcept;
    const std::vector<std::string>& uris() const noexcept;
    const std::optional<hardware_module>& hardware_module_name() const noexcept;
    const std::optional<permanent_identifier>& permanent_id() const noexcept;
    const std::vector<std::string>& policies() const noexcept;
    bytes_view subject_key_id() const noexcept;    // empty when absent
    bytes_view authority_key_id() const noexcept;  // empty when absent

    // Whether a dNSName matches, ASCII case-insensitively, without wildcards.
    bool has_dns_name(std::string_view host) const;

    // Whether the signature over this certificate is that of `issuer`'s key. Error bad_certificate_signature.
    // This alone is no verification: see verify.h.
    result<void> check_signature(const certificate& issuer) const;

    friend bool operator==(const certificate& a, const certificate& b) noexcept;  // same DER

    struct impl;  // defined in certificate_openssl.h
    explicit certificate(std::shared_ptr<const impl> i) noexcept : impl_(std::move(i)) {}
    const impl& get() const noexcept { return *impl_; }

private:
    std::shared_ptr<const impl> impl_;
};

std::string to_pem(std::span<const certificate> chain);

}  // namespace berth::pki
