#include "pki/csr.h"

#include "pki/certificate_openssl.h"

#include <openssl/err.h>

namespace berth::pki {

namespace {

using crypto::must;
using extensions_ptr =
    std::unique_ptr<STACK_OF(X509_EXTENSION),
                    decltype([](STACK_OF(X509_EXTENSION) * s) { sk_X509_EXTENSION_pop_free(s, X509_EXTENSION_free); })>;

tl::unexpected<error> refuse(std::string why) {
    const std::string detail = crypto::openssl_errors();
    return fail(error_category::peer, "bad_csr",
                "A certification request cannot be used: " + std::move(why) + (detail.empty() ? "" : " (" + detail + ")") + ".");
}

result<void> add_alt_names(X509_REQ* request, const subject_alt_names& names) {
    BERTH_TRY(general, from_alt_names(names));
    STACK_OF(X509_EXTENSION)* list = nullptr;
    must(X509V3_add1_i2d(&list, NID_subject_alt_name, general.get(), 0, X509V3_ADD_DEFAULT), "filling a request");
    const extensions_ptr extensions(list);
    must(X509_REQ_add_extensions(request, extensions.get()), "filling a request");
    return {};
}

// A text attribute that must stand there once, with one value.
struct text_attribute {
    bool malformed = false;
    std::optional<std::string> value;
};

text_attribute read_text_attribute(const X509_REQ* request, int nid) {
    const int at = X509_REQ_get_attr_by_NID(request, nid, -1);
    if (at < 0) {
        return {};
    }
    X509_ATTRIBUTE* attribute = X509_REQ_get_attr(request, at);
    if (X509_REQ_get_attr_by_NID(request, nid, at) >= 0 || X509_ATTRIBUTE_count(attribute) != 1) {
        return {true, {}};
    }
    const ASN1_TYPE* value = X509_ATTRIBUTE_get0_type(attribute, 0);
    switch (ASN1_TYPE_get(value)) {
    case V_ASN1_UTF8STRING:
    case V_ASN1_PRINTABLESTRING:
    case V_ASN1_IA5STRING: break;
    default: return {true, {}};
    }
    return {false, std::string(as_text(octets_of(value->value.asn1_string)))};
}

}  // namespace

result<bytes> build_csr(const csr_template& contents, const crypto::signing_key& key) {
    BERTH_TRY(subject, from_name(contents.subject));
    const x509_req_ptr request(must(X509_REQ_new_ex(crypto::lib_context(), nullptr), "making a request"));
    must(X509_REQ_set_version(request.get(), X509_REQ_VERSION_1), "filling a request");
    must(X509_REQ_set_subject_name(request.get(), subject.get()), "filling a request");
    must(X509_REQ_set_pubkey(request.get(), evp_of(key)), "filling a request");
    if (!contents.alt_names.empty()) {
        BERTH_CHECK(add_alt_names(request.get(), contents.alt_names));
    }
    if (contents.challenge_password) {
        const std::string& text = *contents.challenge_password;
        // RFC 2985 5.4.1: a DirectoryString of 1 to 255 characters; PrintableString is preferred.
        const int kind = is_printable_string(as_bytes(text)) ? V_ASN1_PRINTABLESTRING : V_ASN1_UTF8STRING;
        if (text.empty() || text.size() > 255) {
            return fail(bad_template("a challengePassword has 1 to 255 characters"));
        }
        must(X509_REQ_add1_attr_by_NID(request.get(), NID_pkcs9_challengePassword, kind,
                                       reinterpret_cast<const unsigned char*>(text.data()), static_cast<int>(text.size())),
             "filling a request");
    }
    if (X509_REQ_sign(request.get(), evp_of(key), digest_for(key.algorithm())) <= 0) {
        return fail(error_category::environment, "signing_failed",
                    "The holder of the key did not sign the request: " + crypto::openssl_errors() + ".");
    }
    return crypto::to_der(request.get(), i2d_X509_REQ);
}

result<verified_csr> verified_csr::parse(bytes_view der) {
    const unsigned char* at = der.data();
    // The one way to parse a request in a library context of ours: X509_REQ_new_ex and d2i_X509_REQ leave it
    // keyless.
    const x509_req_ptr request(reinterpret_cast<X509_REQ*>(
        ASN1_item_d2i_ex(nullptr, &at, static_cast<long>(der.size()), ASN1_ITEM_rptr(X509_REQ), crypto::lib_context(), nullptr)));
    if (!request) {
        return refuse("it is not DER PKCS#10");
    }
    if (at != der.data() + der.size() || !same_octets(crypto::to_der(request.get(), i2d_X509_REQ), der)) {
        return refuse("it is not exactly one DER structure");
    }
    BERTH_TRY(key, crypto::verification_key::from_spki(crypto::to_der(X509_REQ_get_X509_PUBKEY(request.get()), i2d_X509_PUBKEY)));
    EVP_PKEY* evp = X509_REQ_get0_pubkey(request.get());
    if (evp == nullptr || !is_accepted_signature(X509_REQ_get_signature_nid(request.get()), false) ||
        X509_REQ_verify_ex(request.get(), evp, crypto::lib_context(), nullptr) != 1) {
        ERR_clear_error();
        return fail(error_category::peer, "bad_signature",
                    "A certification request is not signed by the key that it holds, or with a weak algorithm.");
    }
    verified_csr out(std::move(key));
    out.der_ = to_bytes(der);
    out.subject_ = one_line(X509_REQ_get_subject_name(request.get()));
    out.name_ = to_name(X509_REQ_get_subject_name(request.get()));
    text_attribute password = read_text_attribute(request.get(), NID_pkcs9_challengePassword);
    if (password.malformed) {
        return refuse("its challengePassword is not one text");
    }
    out.challenge_password_ = std::move(password.value);
    const extensions_ptr extensions(X509_REQ_get_extensions(request.get()));
    int critical = 0;
    const general_names_ptr names(
        static_cast<GENERAL_NAMES*>(X509V3_get_d2i(extensions.get(), NID_subject_alt_name, &critical, nullptr)));
    if (names) {
        auto read = to_alt_names(names.get());
        if (!read) {
            return refuse("its subjectAltName is malformed");
        }
        out.alt_names_ = std::move(*read);
    } else if (critical != -1) {
        return refuse("its subjectAltName is malformed or there twice");
    }
    ERR_clear_error();
    return out;
}

std::optional<std::string> verified_csr::attribute(std::string_view short_name) const {
    for (const auto& [name, value] : name_.attributes) {
        if (name == short_name) {
            return value;
        }
    }
    return std::nullopt;
}

}  // namespace berth::pki
