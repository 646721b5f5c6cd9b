#include "pki/crl_scope.h"

#include "pki/certificate_openssl.h"
#include "pki/crl_scope_openssl.h"
#include "pki/issued_extras.h"

#include <openssl/err.h>

namespace berth::pki {

namespace {

using point_ptr = crypto::openssl_ptr<ISSUING_DIST_POINT, ISSUING_DIST_POINT_free>;

std::optional<std::vector<std::string>> names_of(const DIST_POINT_NAME* point) {
    if (point == nullptr || point->type != 0) {
        return std::nullopt;
    }
    std::vector<std::string> out;
    for (int i = 0; i < sk_GENERAL_NAME_num(point->name.fullname); ++i) {
        int kind = 0;
        const void* value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(point->name.fullname, i), &kind);
        if (kind == GEN_URI) {
            out.emplace_back(as_text(octets_of(static_cast<const ASN1_STRING*>(value))));
        }
    }
    return out.empty() ? std::nullopt : std::optional(std::move(out));
}

// A list that leaves out kinds of certificates, or reasons, or speaks for other issuers, is none that we can use: whoever is not
// on it may be on another that we do not know of.
bool is_whole(const ISSUING_DIST_POINT& point) {
    return point.onlyuser <= 0 && point.onlyCA <= 0 && point.onlyattr <= 0 && point.indirectCRL <= 0 &&
           point.onlysomereasons == nullptr;
}

}  // namespace

std::optional<crl_scope> read_scope(const X509_CRL* list) {
    crl_scope out;
    int critical = 0;
    if (const point_ptr point(
            static_cast<ISSUING_DIST_POINT*>(X509_CRL_get_ext_d2i(list, NID_issuing_distribution_point, &critical, nullptr)));
        point) {
        auto names = is_whole(*point) ? names_of(point->distpoint) : std::nullopt;
        if (!names) {
            return std::nullopt;
        }
        out.points = std::move(*names);
    } else if (critical != -1) {
        return std::nullopt;
    }
    if (const asn1_integer_ptr base(static_cast<ASN1_INTEGER*>(X509_CRL_get_ext_d2i(list, NID_delta_crl, &critical, nullptr)));
        base) {
        uint64_t number = 0;
        if (ASN1_INTEGER_get_uint64(&number, base.get()) != 1) {
            return std::nullopt;
        }
        out.delta_base = number;
    } else if (critical != -1) {
        return std::nullopt;
    }
    const dist_points_ptr deltas(static_cast<CRL_DIST_POINTS*>(X509_CRL_get_ext_d2i(list, NID_freshest_crl, nullptr, nullptr)));
    for (int i = 0; deltas && i < sk_DIST_POINT_num(deltas.get()); ++i) {
        if (auto names = names_of(sk_DIST_POINT_value(deltas.get(), i)->distpoint)) {
            std::ranges::move(*names, std::back_inserter(out.delta_urls));
        }
    }
    ERR_clear_error();
    return out;
}

result<void> add_scope(X509_CRL* list, const crl_scope& scope) {
    BERTH_CHECK(check_addresses(scope.points));
    BERTH_CHECK(check_addresses(scope.delta_urls));
    if (!scope.points.empty()) {
        const point_ptr point(crypto::must(ISSUING_DIST_POINT_new(), "making an extension"));
        const dist_points_ptr points = make_dist_points(scope.points);
        point->distpoint = std::exchange(sk_DIST_POINT_value(points.get(), 0)->distpoint, nullptr);
        // RFC 5280 5.2.5: "Although the extension is critical, conforming implementations are not required to support it".
        crypto::must(X509_CRL_add1_ext_i2d(list, NID_issuing_distribution_point, point.get(), 1, X509V3_ADD_DEFAULT),
                     "filling a CRL");
    }
    if (scope.delta_base) {
        const asn1_integer_ptr base(crypto::must(ASN1_INTEGER_new(), "making a CRL"));
        crypto::must(ASN1_INTEGER_set_uint64(base.get(), *scope.delta_base), "filling a CRL");
        crypto::must(X509_CRL_add1_ext_i2d(list, NID_delta_crl, base.get(), 1, X509V3_ADD_DEFAULT), "filling a CRL");
    }
    if (!scope.delta_urls.empty()) {
        crypto::must(
            X509_CRL_add1_ext_i2d(list, NID_freshest_crl, make_dist_points(scope.delta_urls).get(), 0, X509V3_ADD_DEFAULT),
            "filling a CRL");
    }
    return {};
}

const crl_scope& scope_of(const crl& list) {
    return list.get().scope;
}

bool speaks_of(const crl& list, const certificate& subject) {
    const auto& points = scope_of(list).points;
    if (points.empty()) {
        return true;
    }
    // RFC 5280 6.3.3 (b)(2)(i): "verify that one of the names in the IDP matches one of the names in the DP."
    const auto named = addresses_in(subject).crls;
    return std::ranges::any_of(points, [&](const auto& p) { return std::ranges::find(named, p) != named.end(); });
}

bool continues(const crl& delta, const crl& complete) {
    const crl_scope& scope = scope_of(delta);
    // RFC 5280 5.2.4: the complete list's number is "equal to or greater than the BaseCRLNumber" and "less than the CRL number
    // of the delta CRL".
    return scope.delta_base && !scope_of(complete).delta_base && scope.points == scope_of(complete).points &&
           complete.number() >= *scope.delta_base && complete.number() < delta.number();
}

}  // namespace berth::pki
