#include "pki/issued_extras.h"

#include "pki/certificate_openssl.h"
#include "pki/epoch.h"
#include "pki/extensions_openssl.h"

#include <openssl/err.h>

namespace berth::pki {

namespace {

using crypto::must;
using access_ptr = crypto::openssl_ptr<AUTHORITY_INFO_ACCESS, AUTHORITY_INFO_ACCESS_free>;

std::vector<std::string> uris_of(const GENERAL_NAMES* names) {
    std::vector<std::string> out;
    for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names); ++i) {
        int kind = 0;
        const void* value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &kind);
        if (kind == GEN_URI) {
            out.emplace_back(as_text(octets_of(static_cast<const ASN1_STRING*>(value))));
        }
    }
    return out;
}

std::vector<std::string> uris_of(const X509* x509, int nid) {
    const dist_points_ptr points(static_cast<CRL_DIST_POINTS*>(X509_get_ext_d2i(x509, nid, nullptr, nullptr)));
    std::vector<std::string> out;
    for (int i = 0; points && i < sk_DIST_POINT_num(points.get()); ++i) {
        const DIST_POINT* point = sk_DIST_POINT_value(points.get(), i);
        // A point for some reasons alone, or with another's lists, is none that we look for.
        if (point->reasons == nullptr && point->CRLissuer == nullptr && point->distpoint != nullptr &&
            point->distpoint->type == 0) {
            std::ranges::move(uris_of(point->distpoint->name.fullname), std::back_inserter(out));
        }
    }
    return out;
}

void add_access(AUTHORITY_INFO_ACCESS* to, int method, const std::vector<std::string>& urls) {
    for (const std::string& url : urls) {
        ACCESS_DESCRIPTION* one = must(ACCESS_DESCRIPTION_new(), "making an extension");
        ASN1_OBJECT_free(one->method);
        one->method = OBJ_nid2obj(method);
        ASN1_IA5STRING* value = must(ASN1_IA5STRING_new(), "making an extension");
        must(ASN1_STRING_set(value, url.data(), static_cast<int>(url.size())), "filling an extension");
        GENERAL_NAME_set0_value(one->location, GEN_URI, value);
        if (sk_ACCESS_DESCRIPTION_push(to, one) <= 0) {
            crypto::die("filling an extension");
        }
    }
}

void add(X509* x509, int nid, void* value) {
    must(X509_add1_ext_i2d(x509, nid, value, 0, X509V3_ADD_DEFAULT), "adding an extension to a certificate");
}

}  // namespace

dist_points_ptr make_dist_points(const std::vector<std::string>& urls) {
    DIST_POINT* point = must(DIST_POINT_new(), "making an extension");
    point->distpoint = must(DIST_POINT_NAME_new(), "making an extension");
    point->distpoint->type = 0;
    auto names = from_alt_names({.dns = {}, .uris = urls, .hardware = {}});
    if (!names) {
        crypto::die("writing addresses that were checked");
    }
    point->distpoint->name.fullname = names->release();
    dist_points_ptr out(must(sk_DIST_POINT_new_null(), "making an extension"));
    if (sk_DIST_POINT_push(out.get(), point) <= 0) {
        crypto::die("filling an extension");
    }
    return out;
}

result<void> check_addresses(const std::vector<std::string>& urls) {
    // One reader of ours refuses what the other would.
    BERTH_CHECK(from_alt_names({.dns = {}, .uris = urls, .hardware = {}}));
    for (const std::string& url : urls) {
        if (url.size() > 1024) {
            return fail(bad_template("an address of more than 1024 octets is no address"));
        }
    }
    return {};
}

result<void> add_extras(X509* x509, const issued_extras& extras) {
    for (const auto* urls : {&extras.crl_urls, &extras.delta_urls, &extras.ocsp_urls, &extras.issuer_urls}) {
        BERTH_CHECK(check_addresses(*urls));
    }
    if (!extras.crl_urls.empty()) {
        add(x509, NID_crl_distribution_points, make_dist_points(extras.crl_urls).get());
    }
    if (!extras.delta_urls.empty()) {
        add(x509, NID_freshest_crl, make_dist_points(extras.delta_urls).get());
    }
    if (!extras.ocsp_urls.empty() || !extras.issuer_urls.empty()) {
        const access_ptr access(must(AUTHORITY_INFO_ACCESS_new(), "making an extension"));
        add_access(access.get(), NID_ad_OCSP, extras.ocsp_urls);
        add_access(access.get(), NID_ad_ca_issuers, extras.issuer_urls);
        add(x509, NID_info_access, access.get());
    }
    if (extras.ocsp_no_check) {
        const crypto::openssl_ptr<ASN1_NULL, ASN1_NULL_free> null(must(ASN1_NULL_new(), "making an extension"));
        add(x509, NID_id_pkix_OCSP_noCheck, null.get());
    }
    if (extras.epoch) {
        const asn1_integer_ptr number(must(ASN1_INTEGER_new(), "making an extension"));
        must(ASN1_INTEGER_set_uint64(number.get(), *extras.epoch), "filling an extension");
        const bytes der = crypto::to_der(number.get(), i2d_ASN1_INTEGER);
        const crypto::openssl_ptr<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free> value(
            must(ASN1_OCTET_STRING_new(), "making an extension"));
        must(ASN1_OCTET_STRING_set(value.get(), der.data(), static_cast<int>(der.size())), "filling an extension");
        const crypto::asn1_object_ptr oid = crypto::object_from_dotted(oid_epoch);
        const crypto::openssl_ptr<X509_EXTENSION, X509_EXTENSION_free> extension(
            must(X509_EXTENSION_create_by_OBJ(nullptr, oid.get(), 0, value.get()), "making an extension"));
        must(X509_add_ext(x509, extension.get(), -1), "adding an extension to a certificate");
    }
    return {};
}

published_at addresses_in(const certificate& c) {
    const X509* x509 = c.get().x509.get();
    published_at out;
    out.crls = uris_of(x509, NID_crl_distribution_points);
    out.deltas = uris_of(x509, NID_freshest_crl);
    const access_ptr access(static_cast<AUTHORITY_INFO_ACCESS*>(X509_get_ext_d2i(x509, NID_info_access, nullptr, nullptr)));
    for (int i = 0; access && i < sk_ACCESS_DESCRIPTION_num(access.get()); ++i) {
        const ACCESS_DESCRIPTION* one = sk_ACCESS_DESCRIPTION_value(access.get(), i);
        int kind = 0;
        const void* value = GENERAL_NAME_get0_value(one->location, &kind);
        if (kind != GEN_URI) {
            continue;
        }
        std::string url(as_text(octets_of(static_cast<const ASN1_STRING*>(value))));
        const int method = OBJ_obj2nid(one->method);
        if (method == NID_ad_OCSP) {
            out.ocsp.push_back(std::move(url));
        } else if (method == NID_ad_ca_issuers) {
            out.issuers.push_back(std::move(url));
        }
    }
    ERR_clear_error();
    return out;
}

bool has_ocsp_no_check(const certificate& c) {
    return X509_get_ext_by_NID(c.get().x509.get(), NID_id_pkix_OCSP_noCheck, -1) >= 0;
}

}  // namespace berth::pki
