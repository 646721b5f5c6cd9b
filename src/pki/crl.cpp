#include "pki/crl.h"

#include "pki/certificate_openssl.h"
#include "pki/crl_issuer.h"
#include "pki/crl_scope_openssl.h"
#include "wire/pem.h"

#include <openssl/err.h>

namespace berth::pki {

namespace {

constexpr std::string_view pem_label = "X509 CRL";

tl::unexpected<error> refuse(std::string why) {
    const std::string detail = crypto::openssl_errors();
    return fail(error_category::usage, "bad_crl",
                "A certificate revocation list cannot be used: " + std::move(why) + (detail.empty() ? "" : " (" + detail + ")") +
                    ".");
}

// RFC 5280 5.2: "If a CRL contains a critical extension that the application cannot process, then the
// application MUST NOT use that CRL to determine the status of certificates."
template <class Stack>
bool has_critical(const Stack* extensions, std::initializer_list<int> known = {}) {
    for (int i = 0; i < X509v3_get_ext_count(extensions); ++i) {
        X509_EXTENSION* one = X509v3_get_ext(extensions, i);
        if (X509_EXTENSION_get_critical(one) != 0 &&
            std::ranges::find(known, OBJ_obj2nid(X509_EXTENSION_get_object(one))) == known.end()) {
            return true;
        }
    }
    return false;
}

std::optional<uint64_t> crl_number(const X509_CRL* list) {
    int critical = 0;
    const asn1_integer_ptr number(static_cast<ASN1_INTEGER*>(X509_CRL_get_ext_d2i(list, NID_crl_number, &critical, nullptr)));
    if (!number) {
        return critical == -1 ? std::optional<uint64_t>(0) : std::nullopt;
    }
    uint64_t value = 0;
    if (ASN1_INTEGER_get_uint64(&value, number.get()) != 1) {
        return std::nullopt;
    }
    return value;
}

std::optional<revoked_entry> to_entry(const X509_REVOKED* revoked) {
    if (has_critical(X509_REVOKED_get0_extensions(revoked))) {
        return std::nullopt;
    }
    const auto at = to_unix(X509_REVOKED_get0_revocationDate(revoked));
    if (!at) {
        return std::nullopt;
    }
    revoked_entry entry{magnitude_of(X509_REVOKED_get0_serialNumber(revoked)), *at, revocation_reason::unspecified};
    int critical = 0;
    auto* reason = static_cast<ASN1_ENUMERATED*>(X509_REVOKED_get_ext_d2i(revoked, NID_crl_reason, &critical, nullptr));
    if (reason != nullptr) {
        entry.reason = static_cast<revocation_reason>(ASN1_ENUMERATED_get(reason));
        ASN1_ENUMERATED_free(reason);
    } else if (critical != -1) {
        return std::nullopt;
    }
    return entry;
}

}  // namespace

std::string_view to_string(revocation_reason reason) noexcept {
    switch (reason) {
    case revocation_reason::unspecified: return "unspecified";
    case revocation_reason::key_compromise: return "key_compromise";
    case revocation_reason::ca_compromise: return "ca_compromise";
    case revocation_reason::affiliation_changed: return "affiliation_changed";
    case revocation_reason::superseded: return "superseded";
    case revocation_reason::cessation_of_operation: return "cessation_of_operation";
    case revocation_reason::certificate_hold: return "certificate_hold";
    case revocation_reason::privilege_withdrawn: return "privilege_withdrawn";
    }
    return "other";
}

result<crl> crl::parse(bytes_view der) {
    X509_CRL* raw = crypto::must(X509_CRL_new_ex(crypto::lib_context(), nullptr), "making a CRL");
    const unsigned char* at = der.data();
    if (d2i_X509_CRL(&raw, &at, static_cast<long>(der.size())) == nullptr) {
        return refuse("it is not DER");
    }
    auto made = std::make_shared<impl>();
    made->x509_crl.reset(raw);
    if (at != der.data() + der.size() || !same_octets(crypto::to_der(raw, i2d_X509_CRL), der)) {
        return refuse("it is not exactly one DER structure");
    }
    if (has_critical(X509_CRL_get0_extensions(raw), {NID_issuing_distribution_point, NID_delta_crl})) {
        return refuse("it has a critical extension that Berth does not know");
    }
    auto scope = read_scope(raw);
    if (!scope) {
        return refuse("it leaves out kinds of certificates or reasons, is indirect, or says so in a malformed way");
    }
    made->scope = std::move(*scope);
    const auto this_update = to_unix(X509_CRL_get0_lastUpdate(raw));
    const auto next_update = to_unix(X509_CRL_get0_nextUpdate(raw));
    const auto number = crl_number(raw);
    if (!this_update || !number || (X509_CRL_get0_nextUpdate(raw) != nullptr && !next_update)) {
        return refuse("its times or its number are malformed");
    }
    made->this_update = *this_update;
    made->next_update = next_update.value_or(0);
    made->number = *number;
    if (auto* id = static_cast<AUTHORITY_KEYID*>(X509_CRL_get_ext_d2i(raw, NID_authority_key_identifier, nullptr, nullptr));
        id != nullptr) {
        if (id->keyid != nullptr) {
            made->authority_key_id = to_bytes(octets_of(id->keyid));
        }
        AUTHORITY_KEYID_free(id);
    }
    const STACK_OF(X509_REVOKED)* revoked = X509_CRL_get_REVOKED(raw);
    for (int i = 0; i < sk_X509_REVOKED_num(revoked); ++i) {
        auto entry = to_entry(sk_X509_REVOKED_value(revoked, i));
        if (!entry) {
            return refuse("an entry in it is malformed or has a critical extension");
        }
        made->revoked.push_back(std::move(*entry));
    }
    std::sort(made->revoked.begin(), made->revoked.end(), [](const auto& a, const auto& b) { return a.serial < b.serial; });
    made->der = to_bytes(der);
    made->issuer = one_line(X509_CRL_get_issuer(raw));
    made->issuer_der = crypto::to_der(X509_CRL_get_issuer(raw), i2d_X509_NAME);
    ERR_clear_error();
    return crl(std::move(made));
}

result<std::vector<crl>> crl::parse_pem_all(std::string_view pem) {
    BERTH_TRY(blocks, wire::from_pem(pem));
    std::vector<crl> all;
    for (const auto& block : blocks) {
        if (block.label != pem_label) {
            return fail(error_category::usage, "bad_pem",
                        "A file of revocation lists holds a block of another kind: " + block.label + ".");
        }
        BERTH_TRY(one, parse(block.der.reveal()));
        all.push_back(std::move(one));
    }
    return all;
}

bytes_view crl::der() const noexcept {
    return impl_->der;
}
std::string crl::to_pem() const {
    return wire::to_pem(pem_label, impl_->der);
}
const std::string& crl::issuer() const noexcept {
    return impl_->issuer;
}
uint64_t crl::number() const noexcept {
    return impl_->number;
}
unix_seconds crl::this_update() const noexcept {
    return impl_->this_update;
}
unix_seconds crl::next_update() const noexcept {
    return impl_->next_update;
}
const std::vector<revoked_entry>& crl::revoked() const noexcept {
    return impl_->revoked;
}

std::optional<revoked_entry> crl::find(bytes_view serial) const {
    const auto& all = impl_->revoked;
    const bytes wanted = to_bytes(serial);
    const auto at = std::lower_bound(all.begin(), all.end(), wanted,
                                     [](const revoked_entry& entry, const bytes& key) { return entry.serial < key; });
    if (at == all.end() || at->serial != wanted) {
        return std::nullopt;
    }
    return *at;
}

result<void> crl::check_signature(const certificate& issuer) const {
    EVP_PKEY* key = X509_get0_pubkey(issuer.get().x509.get());
    if (key == nullptr || X509_CRL_verify(impl_->x509_crl.get(), key) != 1) {
        ERR_clear_error();
        return fail(
            error{error_category::peer, "bad_crl_signature",
                  "The signature of the revocation list of " + impl_->issuer + " is not that of " + issuer.subject() + "."}
                .with("issuer", impl_->issuer));
    }
    return {};
}

// ---- whose it is, and how old

std::pair<bytes, bytes> named_issuer(const crl& list) {
    return {list.get().issuer_der, list.get().authority_key_id};
}

bool names_issuer(const crl& list, const certificate& issuer) {
    const bytes& key_id = list.get().authority_key_id;
    return same_octets(list.get().issuer_der, issuer.subject_der()) &&
           (key_id.empty() || issuer.subject_key_id().empty() || same_octets(key_id, issuer.subject_key_id()));
}

std::pair<uint64_t, unix_seconds> age_of(const crl& list) {
    return {list.number(), list.this_update()};
}

std::string scope_name(const crl& list) {
    const crl_scope& scope = list.get().scope;
    std::string out = scope.delta_base ? "delta" : "";
    for (const std::string& point : scope.points) {
        out += (out.empty() ? "" : " ") + point;
    }
    return out;
}

}  // namespace berth::pki
