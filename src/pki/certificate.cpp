#include "pki/certificate.h"

#include "crypto/kem_impl_openssl.h"
#include "pki/certificate_openssl.h"
#include "wire/pem.h"

#include <openssl/err.h>

namespace berth::pki {

namespace {

constexpr std::string_view pem_label = "CERTIFICATE";

std::optional<std::string> first_attribute(const X509* x509, int nid) {
    const X509_NAME* name = X509_get_subject_name(x509);
    const int at = X509_NAME_get_index_by_NID(name, nid, -1);
    if (at < 0) {
        return std::nullopt;
    }
    unsigned char* text = nullptr;
    const int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
    if (size < 0) {
        ERR_clear_error();
        return std::nullopt;
    }
    std::string out(as_text({text, static_cast<size_t>(size)}));
    OPENSSL_free(text);
    return out;
}

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

}  // namespace

result<certificate> certificate::parse_pem(std::string_view pem) {
    BERTH_TRY(chain, parse_pem_chain(pem));
    if (chain.size() != 1) {
        return fail(error_category::usage, "bad_certificate",
                    "One certificate was expected, and there are " + std::to_string(chain.size()) + ".");
    }
    return std::move(chain.front());
}

result<std::vector<certificate>> certificate::parse_pem_chain(std::string_view pem) {
    BERTH_TRY(blocks, wire::from_pem(pem));
    std::vector<certificate> chain;
    for (const auto& block : blocks) {
        if (block.label != pem_label) {
            return fail(error_category::usage, "bad_pem",
                        "A file of certificates holds a block of another kind: " + block.label + ".");
        }
        BERTH_TRY(one, parse(block.der.reveal()));
        chain.push_back(std::move(one));
    }
    if (chain.empty()) {
        return fail(error_category::usage, "bad_pem", "There is no certificate in this PEM text.");
    }
    return chain;
}

std::string certificate::to_pem() const {
    return wire::to_pem(pem_label, impl_->der);
}

std::string to_pem(std::span<const certificate> chain) {
    std::string out;
    for (const certificate& one : chain) {
        out += one.to_pem();
    }
    return out;
}

bytes_view certificate::der() const noexcept {
    return impl_->der;
}
const std::array<uint8_t, 32>& certificate::sha256() const noexcept {
    return impl_->sha256;
}
bytes_view certificate::spki() const noexcept {
    return impl_->spki;
}
const std::array<uint8_t, 32>& certificate::spki_sha256() const noexcept {
    return impl_->spki_sha256;
}
const std::string& certificate::subject() const noexcept {
    return impl_->subject;
}
const std::string& certificate::issuer() const noexcept {
    return impl_->issuer;
}
bytes_view certificate::subject_der() const noexcept {
    return impl_->subject_der;
}
bytes_view certificate::issuer_der() const noexcept {
    return impl_->issuer_der;
}
bytes certificate::serial() const {
    return magnitude_of(X509_get0_serialNumber(impl_->x509.get()));
}
std::string certificate::serial_hex() const {
    return to_hex(serial());
}
unix_seconds certificate::not_before() const noexcept {
    return impl_->not_before;
}
unix_seconds certificate::not_after() const noexcept {
    return impl_->not_after;
}

result<std::string> certificate::device_serial() const {
    const auto refuse = [this](std::string_view why) {
        return fail(error{error_category::peer, "bad_device_serial",
                          "The certificate of " + subject() + " does not say whose it is: " + std::string(why) + "."}
                        .with("subject", subject()));
    };
    const X509_NAME* name = X509_get_subject_name(impl_->x509.get());
    const int at = X509_NAME_get_index_by_NID(name, NID_serialNumber, -1);
    if (at < 0) {
        return refuse("its subject has no serialNumber");
    }
    if (X509_NAME_get_index_by_NID(name, NID_serialNumber, at) >= 0) {
        return refuse("its subject has more than one serialNumber");
    }
    const ASN1_STRING* value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
    const bytes_view octets = octets_of(value);
    if (ASN1_STRING_type(value) != V_ASN1_PRINTABLESTRING || !is_printable_string(octets)) {
        return refuse("its serialNumber is not a PrintableString");
    }
    if (octets.empty() || octets.size() > 64) {
        return refuse("its serialNumber has not 1 to 64 octets");
    }
    return std::string(as_text(octets));
}

std::optional<std::string> certificate::common_name() const {
    return first_attribute(impl_->x509.get(), NID_commonName);
}
std::optional<std::string> certificate::organization() const {
    return first_attribute(impl_->x509.get(), NID_organizationName);
}

bool certificate::is_kem() const noexcept {
    return crypto::kem_algorithm_from_oid(impl_->key_oid).has_value();
}

result<crypto::kem_public_key> certificate::kem_key() const {
    std::call_once(impl_->kem_once, [this] {
        impl_->kem.emplace(crypto::kem_from_decoded_spki(impl_->spki, X509_get0_pubkey(impl_->x509.get())));
        ERR_clear_error();
    });
    return *impl_->kem;
}

result<crypto::verification_key> certificate::verification_key() const {
    std::call_once(impl_->verification_once,
                   [this] { impl_->verification.emplace(crypto::verification_key::from_spki(impl_->spki)); });
    return *impl_->verification;
}

bool certificate::is_ca() const noexcept {
    return (X509_get_extension_flags(impl_->x509.get()) & EXFLAG_CA) != 0;
}
bool certificate::is_self_issued() const noexcept {
    return impl_->subject_der == impl_->issuer_der;
}
std::optional<uint32_t> certificate::path_length() const noexcept {
    const long length = X509_get_pathlen(impl_->x509.get());
    return length < 0 ? std::nullopt : std::optional(static_cast<uint32_t>(length));
}
std::optional<uint16_t> certificate::key_usage() const noexcept {
    return impl_->key_usage;
}
bool certificate::has_eku(std::string_view oid) const {
    const auto& all = impl_->extended_key_usages;
    return std::find(all.begin(), all.end(), oid) != all.end();
}
const std::vector<std::string>& certificate::extended_key_usages() const noexcept {
    return impl_->extended_key_usages;
}
const std::vector<std::string>& certificate::dns_names() const noexcept {
    return impl_->alt_names.dns;
}
const std::vector<std::string>& certificate::uris() const noexcept {
    return impl_->alt_names.uris;
}
const std::optional<permanent_identifier>& certificate::permanent_id() const noexcept {
    return impl_->alt_names.permanent_id;
}
const std::optional<hardware_module>& certificate::hardware_module_name() const noexcept {
    return impl_->alt_names.hardware;
}
const std::vector<std::string>& certificate::policies() const noexcept {
    return impl_->policies;
}
bytes_view certificate::subject_key_id() const noexcept {
    const ASN1_OCTET_STRING* id = X509_get0_subject_key_id(impl_->x509.get());
    return id == nullptr ? bytes_view{} : octets_of(id);
}
bytes_view certificate::authority_key_id() const noexcept {
    const ASN1_OCTET_STRING* id = X509_get0_authority_key_id(impl_->x509.get());
    return id == nullptr ? bytes_view{} : octets_of(id);
}

bool certificate::has_dns_name(std::string_view host) const {
    return std::any_of(dns_names().begin(), dns_names().end(), [host](const std::string& name) {
        return std::equal(name.begin(), name.end(), host.begin(), host.end(),
                          [](char a, char b) { return lower(a) == lower(b); });
    });
}

result<void> certificate::check_signature(const certificate& issuer) const {
    EVP_PKEY* key = X509_get0_pubkey(issuer.impl_->x509.get());
    if (key == nullptr || X509_verify(impl_->x509.get(), key) != 1) {
        ERR_clear_error();
        return fail(error{error_category::peer, "bad_certificate_signature",
                          "The signature of the certificate of " + subject() + " is not that of " + issuer.subject() + "."}
                        .with("subject", subject()));
    }
    return {};
}

bool operator==(const certificate& a, const certificate& b) noexcept {
    return a.impl_ == b.impl_ || a.impl_->der == b.impl_->der;
}

}  // namespace berth::pki
