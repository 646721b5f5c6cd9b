#include "pki/certificate_openssl.h"
#include "pki/crl.h"
#include "pki/crl_scope_openssl.h"
#include "pki/extensions_openssl.h"

namespace berth::pki {

namespace {

using crypto::must;

asn1_integer_ptr to_integer(bytes_view magnitude) {
    const crypto::bn_ptr number(
        must(BN_bin2bn(magnitude.data(), static_cast<int>(magnitude.size()), nullptr), "making a number"));
    return asn1_integer_ptr(must(BN_to_ASN1_INTEGER(number.get(), nullptr), "making a number"));
}

void add_entry(X509_CRL* list, const revoked_entry& entry) {
    X509_REVOKED* revoked = must(X509_REVOKED_new(), "making a CRL entry");
    must(X509_REVOKED_set_serialNumber(revoked, to_integer(entry.serial).get()), "filling a CRL entry");
    must(X509_REVOKED_set_revocationDate(revoked, to_asn1(entry.revoked_at).get()), "filling a CRL entry");
    // RFC 5280 5.3.1: "the reason code CRL entry extension SHOULD be absent instead of using the unspecified
    // (0) reasonCode value."
    if (entry.reason != revocation_reason::unspecified) {
        const crypto::openssl_ptr<ASN1_ENUMERATED, ASN1_ENUMERATED_free> reason(
            must(ASN1_ENUMERATED_new(), "making a CRL entry"));
        must(ASN1_ENUMERATED_set(reason.get(), static_cast<long>(entry.reason)), "filling a CRL entry");
        must(X509_REVOKED_add1_ext_i2d(revoked, NID_crl_reason, reason.get(), 0, X509V3_ADD_DEFAULT), "filling a CRL entry");
    }
    must(X509_CRL_add0_revoked(list, revoked), "filling a CRL");
}

}  // namespace

result<crl> issue_crl(const crl_template& contents, const certificate& issuer, const crypto::signing_key& key) {
    return issue_crl(contents, {}, issuer, key);
}

result<crl> issue_crl(const crl_template& contents, const crl_scope& scope, const certificate& issuer,
                      const crypto::signing_key& key) {
    BERTH_CHECK(check_issuer(issuer, key, crl_sign));
    const auto times_are_good = [&] {
        return to_asn1(contents.this_update) && to_asn1(contents.next_update) && contents.this_update <= contents.next_update &&
               std::all_of(contents.revoked.begin(), contents.revoked.end(),
                           [](const revoked_entry& entry) { return to_asn1(entry.revoked_at) != nullptr; });
    };
    if (!times_are_good()) {
        return fail(error_category::usage, "bad_template",
                    "This revocation list cannot be made: its times are out of order or outside 1970 to 9999.");
    }
    if (scope.delta_base && *scope.delta_base >= contents.number) {
        return fail(error_category::usage, "bad_template",
                    "This revocation list cannot be made: a delta has a greater number than the list that it begins at.");
    }
    const x509_crl_ptr list(must(X509_CRL_new_ex(crypto::lib_context(), nullptr), "making a CRL"));
    must(X509_CRL_set_version(list.get(), X509_CRL_VERSION_2), "filling a CRL");
    must(X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(issuer.get().x509.get())), "filling a CRL");
    must(X509_CRL_set1_lastUpdate(list.get(), to_asn1(contents.this_update).get()), "filling a CRL");
    must(X509_CRL_set1_nextUpdate(list.get(), to_asn1(contents.next_update).get()), "filling a CRL");
    for (const revoked_entry& entry : contents.revoked) {
        add_entry(list.get(), entry);
    }
    const asn1_integer_ptr number(must(ASN1_INTEGER_new(), "making a CRL"));
    must(ASN1_INTEGER_set_uint64(number.get(), contents.number), "filling a CRL");
    must(X509_CRL_add1_ext_i2d(list.get(), NID_crl_number, number.get(), 0, X509V3_ADD_DEFAULT), "filling a CRL");
    const bytes id = issuer.subject_key_id().empty() ? key_identifier(issuer.spki()) : to_bytes(issuer.subject_key_id());
    must(X509_CRL_add1_ext_i2d(list.get(), NID_authority_key_identifier, make_authority_key_id(id).get(), 0, X509V3_ADD_DEFAULT),
         "filling a CRL");
    BERTH_CHECK(add_scope(list.get(), scope));
    must(X509_CRL_sort(list.get()), "sorting a CRL");
    if (X509_CRL_sign(list.get(), evp_of(key), digest_for(key.algorithm())) <= 0) {
        return fail(error_category::environment, "signing_failed",
                    "The holder of the issuer's key did not sign: " + crypto::openssl_errors() + ".");
    }
    // A CRL built in memory looks like every other to libcrypto until it is parsed again.
    return crl::parse(crypto::to_der(list.get(), i2d_X509_CRL));
}

}  // namespace berth::pki
