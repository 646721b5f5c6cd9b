#include "pki/csr_openssl.h"
#include "pki/der_values_openssl.h"
#include "pki/extensions_openssl.h"

#include <openssl/err.h>

namespace berth::pki {

namespace {

using crypto::must;

bytes attribute_element(const bytes& oid, std::initializer_list<bytes_view> values) {
    const bytes set = crypto::der_tlv(der::set, values);
    return crypto::der_tlv(der::sequence, {oid, set});
}

result<bytes> oid_or_refusal(const std::string& oid, std::string_view what) {
    auto element = oid_element(oid);
    if (!element) {
        return fail(bad_template("\"" + oid + "\" is not an OID for " + std::string(what)));
    }
    return std::move(*element);
}

bytes extension_element(const bytes& oid, bool critical, bytes_view value) {
    static constexpr std::array<uint8_t, 3> yes{der::boolean, 1, 0xff};
    const bytes octets = crypto::der_tlv(der::octet_string, {value});
    return crypto::der_tlv(der::sequence, {oid, critical ? bytes_view(yes) : bytes_view(), octets});
}

// The Extensions of an extensionRequest; empty when nothing is asked for.
result<bytes> requested_extensions(const csr_template& contents) {
    bytes all;
    const auto add = [&all](std::string_view oid, bool critical, bytes_view value) {
        append(all, extension_element(*oid_element(oid), critical, value));
    };
    if (contents.key_usage) {
        add(oid_key_usage, true, key_usage_value(*contents.key_usage));
    }
    if (!contents.extended_key_usages.empty()) {
        bytes purposes;
        for (const std::string& purpose : contents.extended_key_usages) {
            BERTH_TRY(oid, oid_or_refusal(purpose, "an extended key usage"));
            append(purposes, oid);
        }
        add(oid_extended_key_usage, false, crypto::der_tlv(der::sequence, {purposes}));
    }
    if (!contents.alt_names.empty()) {
        BERTH_TRY(names, from_alt_names(contents.alt_names));
        add(oid_subject_alt_name, false, crypto::to_der(names.get(), i2d_GENERAL_NAMES));
    }
    for (const requested_extension& other : contents.other_extensions) {
        BERTH_TRY(oid, oid_or_refusal(other.oid, "an extension"));
        append(all, extension_element(oid, other.critical, other.value));
    }
    return all.empty() ? bytes() : crypto::der_tlv(der::sequence, {all});
}

void add_attribute(X509_REQ* request, bytes_view element) {
    const unsigned char* at = element.data();
    const crypto::openssl_ptr<X509_ATTRIBUTE, X509_ATTRIBUTE_free> attribute(
        must(d2i_X509_ATTRIBUTE(nullptr, &at, static_cast<long>(element.size())), "reading an attribute of ours"));
    must(X509_REQ_add1_attr(request, attribute.get()), "filling a request");
}

result<void> add_attributes(X509_REQ* request, const csr_template& contents) {
    BERTH_TRY(extensions, requested_extensions(contents));
    if (!extensions.empty()) {
        add_attribute(request, attribute_element(*oid_element(oid_extension_request), {extensions}));
    }
    if (contents.challenge_password) {
        const std::string& text = *contents.challenge_password;
        // RFC 2985 5.4.1: a DirectoryString of 1 to 255 characters; PrintableString is preferred.
        const int kind = is_printable_string(as_bytes(text)) ? V_ASN1_PRINTABLESTRING : V_ASN1_UTF8STRING;
        if (text.empty() || text.size() > 255) {
            return fail(bad_template("a challengePassword has 1 to 255 characters"));
        }
        const bytes value = crypto::der_tlv(static_cast<uint8_t>(kind), {as_bytes(text)});
        add_attribute(request, attribute_element(*oid_element(oid_challenge_password), {value}));
    }
    for (const requested_attribute& other : contents.other_attributes) {
        BERTH_TRY(oid, oid_or_refusal(other.oid, "an attribute"));
        bytes values;
        for (const bytes& value : other.values) {
            bytes_view rest = value;
            if (!take_element(rest) || !rest.empty()) {
                return fail(bad_template("the value of attribute " + other.oid + " is not one DER element"));
            }
            append(values, value);
        }
        // RFC 2986 4.1: "values SET SIZE(1..MAX)".
        if (values.empty()) {
            return fail(bad_template("attribute " + other.oid + " has no value"));
        }
        add_attribute(request, attribute_element(oid, {values}));
    }
    return {};
}

}  // namespace

result<bytes> make_request(const csr_template& contents, EVP_PKEY* subject_key, const crypto::signing_key& signer) {
    BERTH_TRY(subject, from_name(contents.subject));
    const x509_req_ptr request(must(X509_REQ_new_ex(crypto::lib_context(), nullptr), "making a request"));
    must(X509_REQ_set_version(request.get(), X509_REQ_VERSION_1), "filling a request");
    must(X509_REQ_set_subject_name(request.get(), subject.get()), "filling a request");
    must(X509_REQ_set_pubkey(request.get(), subject_key), "filling a request");
    BERTH_CHECK(add_attributes(request.get(), contents));
    if (X509_REQ_sign(request.get(), evp_of(signer), digest_for(signer.algorithm())) <= 0) {
        return fail(error_category::environment, "signing_failed",
                    "The holder of the key did not sign the request: " + crypto::openssl_errors() + ".");
    }
    return crypto::to_der(request.get(), i2d_X509_REQ);
}

result<bytes> build_csr(const csr_template& contents, const crypto::signing_key& key) {
    return make_request(contents, evp_of(key), key);
}

result<void> check_request_signature(X509_REQ* request, EVP_PKEY* signer) {
    if (signer == nullptr || !is_accepted_signature(X509_REQ_get_signature_nid(request), false) ||
        X509_REQ_verify_ex(request, signer, crypto::lib_context(), nullptr) != 1) {
        ERR_clear_error();
        return fail(error_category::peer, "bad_signature",
                    "A certification request is not signed by the key that it holds, or with a weak algorithm.");
    }
    return {};
}

result<verified_csr> verified_csr::parse(bytes_view der) {
    BERTH_TRY(read, unproved_csr::parse(der));
    return prove(read);
}

result<verified_csr> verified_csr::prove(const unproved_csr& read) {
    BERTH_TRY(key, crypto::verification_key::from_spki(read.asks().spki));
    X509_REQ* const request = read.get().request.get();
    BERTH_CHECK(check_request_signature(request, X509_REQ_get0_pubkey(request)));
    verified_csr out(std::move(key), read.asks());
    out.der_ = to_bytes(read.der());
    return out;
}

std::optional<std::string> verified_csr::attribute(std::string_view short_name) const {
    for (const auto& [name, value] : asks_.name.attributes) {
        if (name == short_name) {
            return value;
        }
    }
    return std::nullopt;
}

}  // namespace berth::pki
