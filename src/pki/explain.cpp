#include "pki/explain.h"

#include "pki/certificate_openssl.h"
#include "pki/epoch.h"
#include "pki/issued_extras.h"

#include <openssl/err.h>

namespace berth::pki {

namespace {

constexpr std::array<const char*, 9> usage_names{"digitalSignature", "nonRepudiation", "keyEncipherment",
                                                 "dataEncipherment", "keyAgreement",   "keyCertSign",
                                                 "cRLSign",          "encipherOnly",   "decipherOnly"};

// By these we judge, besides libcrypto.
constexpr std::array judged{NID_basic_constraints,
                            NID_key_usage,
                            NID_ext_key_usage,
                            NID_subject_alt_name,
                            NID_name_constraints,
                            NID_certificate_policies,
                            NID_subject_key_identifier,
                            NID_authority_key_identifier,
                            NID_crl_distribution_points,
                            NID_info_access,
                            NID_freshest_crl,
                            NID_id_pkix_OCSP_noCheck};

std::string own_name(std::string_view oid) {
    if (oid == oid_epoch) {
        return "epoch";
    }
    if (oid == oid_tcg_ek_certificate) {
        return "tcg-kp-EKCertificate";
    }
    if (oid == oid_tcg_verified_residency) {
        return "tcg-cap-verifiedTPMResidency";
    }
    if (oid == oid_tcg_verified_fixed) {
        return "tcg-cap-verifiedTPMFixed";
    }
    if (oid == oid_tcg_verified_restricted) {
        return "tcg-cap-verifiedTPMRestricted";
    }
    return oid == oid_cmc_ra ? "cmcRA" : "";
}

}  // namespace

std::string name_of_oid(std::string_view oid) {
    if (auto own = own_name(oid); !own.empty()) {
        return own;
    }
    const crypto::asn1_object_ptr object = crypto::object_from_dotted(oid);
    const int nid = object ? OBJ_obj2nid(object.get()) : NID_undef;
    ERR_clear_error();
    return nid == NID_undef ? std::string(oid) : OBJ_nid2sn(nid);
}

std::string key_text(bytes_view spki) {
    if (const auto kem = crypto::kem_public_key::from_spki(spki)) {
        switch (kem->algorithm()) {
        case crypto::kem_algorithm::mlkem768: return "ML-KEM-768";
        case crypto::kem_algorithm::mlkem1024: return "ML-KEM-1024";
        case crypto::kem_algorithm::mlkem768_p256: return "ML-KEM-768 with ECDH P-256";
        case crypto::kem_algorithm::mlkem1024_p384: return "ML-KEM-1024 with ECDH P-384";
        }
    }
    if (const auto key = crypto::verification_key::from_spki(spki)) {
        switch (key->algorithm()) {
        case crypto::signature_algorithm::ecdsa_p256_sha256: return "ECDSA P-256";
        case crypto::signature_algorithm::ecdsa_p384_sha384: return "ECDSA P-384";
        case crypto::signature_algorithm::mldsa44: return "ML-DSA-44";
        case crypto::signature_algorithm::mldsa65: return "ML-DSA-65";
        case crypto::signature_algorithm::mldsa87: return "ML-DSA-87";
        }
    }
    const unsigned char* at = spki.data();
    const crypto::evp_pkey_ptr other(d2i_PUBKEY_ex(nullptr, &at, static_cast<long>(spki.size()), crypto::lib_context(), nullptr));
    ERR_clear_error();
    if (!other) {
        return "a key that cannot be read";
    }
    return std::string(EVP_PKEY_get0_type_name(other.get())) + " " + std::to_string(EVP_PKEY_get_bits(other.get()));
}

std::string signature_text(const certificate& c) {
    const int nid = X509_get_signature_nid(c.get().x509.get());
    return nid == NID_undef ? "unknown" : OBJ_nid2ln(nid);
}

std::string key_usage_text(uint16_t bits) {
    std::string out;
    for (size_t i = 0; i < usage_names.size(); ++i) {
        if ((bits & 1U << i) != 0) {
            out += (out.empty() ? "" : ", ") + std::string(usage_names[i]);
        }
    }
    return out.empty() ? "nothing" : out;
}

std::string purpose_text(std::string_view oid) {
    return name_of_oid(oid);
}

std::vector<extension_facts> extensions_of(const certificate& c) {
    std::vector<extension_facts> out;
    const X509* x509 = c.get().x509.get();
    for (int i = 0; i < X509_get_ext_count(x509); ++i) {
        X509_EXTENSION* one = X509_get_ext(x509, i);
        const ASN1_OBJECT* object = X509_EXTENSION_get_object(one);
        extension_facts facts;
        facts.oid = crypto::dotted(object);
        facts.critical = X509_EXTENSION_get_critical(one) != 0;
        const int nid = OBJ_obj2nid(object);
        facts.name = nid == NID_undef ? own_name(facts.oid) : OBJ_nid2sn(nid);
        facts.understood = std::ranges::find(judged, nid) != judged.end() || facts.oid == oid_epoch;
        out.push_back(std::move(facts));
    }
    return out;
}

}  // namespace berth::pki
