#include "pki/issued_extras.h"

#include "pki/certificate_openssl.h"
#include "pki/der_values_openssl.h"
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

// id-pe-authorityInfoAccess, id-ad-ocsp, id-ad-caIssuers (RFC 5280 4.2.2.1), id-pkix-ocsp-nocheck (RFC 6960 4.2.2.2.1)
constexpr std::array<uint8_t, 10> authority_info_access{der::oid, 8, 0x2b, 6, 1, 5, 5, 7, 1, 1};
constexpr std::array<uint8_t, 10> ad_ocsp{der::oid, 8, 0x2b, 6, 1, 5, 5, 7, 48, 1};
constexpr std::array<uint8_t, 10> ad_ca_issuers{der::oid, 8, 0x2b, 6, 1, 5, 5, 7, 48, 2};
constexpr std::array<uint8_t, 11> ocsp_no_check{der::oid, 9, 0x2b, 6, 1, 5, 5, 7, 48, 1, 5};
constexpr std::array<uint8_t, 5> crl_distribution_points{der::oid, 3, 0x55, 0x1d, 31};
constexpr std::array<uint8_t, 5> freshest_crl{der::oid, 3, 0x55, 0x1d, 46};

bytes uri_element(const std::string& url) {
    return crypto::der_tlv(der::plain_context(6), {as_bytes(url)});
}

void append_access(bytes& to, bytes_view method, const std::vector<std::string>& urls) {
    for (const std::string& url : urls) {
        append(to, crypto::der_tlv(der::sequence, {method, uri_element(url)}));
    }
}

// CRLDistributionPoints: one point, whose fullName is all of them.
bytes dist_points_value(const std::vector<std::string>& urls) {
    bytes names;
    for (const std::string& url : urls) {
        append(names, uri_element(url));
    }
    const bytes full_name = crypto::der_tlv(der::context(0), {names});
    const bytes point = crypto::der_tlv(der::context(0), {full_name});
    return crypto::der_tlv(der::sequence, {crypto::der_tlv(der::sequence, {point})});
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

result<bytes> extensions_of(const issued_extras& extras) {
    for (const auto* urls : {&extras.crl_urls, &extras.delta_urls, &extras.ocsp_urls, &extras.issuer_urls}) {
        BERTH_CHECK(check_addresses(*urls));
    }
    bytes out;
    const auto add = [&out](bytes_view oid, bytes_view value) { append(out, extension_element(oid, false, value)); };
    if (!extras.crl_urls.empty()) {
        add(crl_distribution_points, dist_points_value(extras.crl_urls));
    }
    if (!extras.delta_urls.empty()) {
        add(freshest_crl, dist_points_value(extras.delta_urls));
    }
    if (!extras.ocsp_urls.empty() || !extras.issuer_urls.empty()) {
        bytes access;
        append_access(access, ad_ocsp, extras.ocsp_urls);
        append_access(access, ad_ca_issuers, extras.issuer_urls);
        add(authority_info_access, crypto::der_tlv(der::sequence, {access}));
    }
    if (extras.ocsp_no_check) {
        static constexpr std::array<uint8_t, 2> null{5, 0};
        add(ocsp_no_check, null);
    }
    if (extras.epoch) {
        static const bytes oid = *oid_element(oid_epoch);
        add(oid, integer_element(*extras.epoch));
    }
    return out;
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
