#include "pki/certificate_openssl.h"
#include "pki/csr_openssl.h"
#include "pki/der_values_openssl.h"
#include "pki/extensions_openssl.h"

#include <set>

#include <openssl/err.h>

namespace berth::pki {

namespace {

using extensions_ptr =
    std::unique_ptr<STACK_OF(X509_EXTENSION),
                    decltype([](STACK_OF(X509_EXTENSION) * s) { sk_X509_EXTENSION_pop_free(s, X509_EXTENSION_free); })>;
using bit_string_ptr = crypto::openssl_ptr<ASN1_BIT_STRING, ASN1_BIT_STRING_free>;
using oids_ptr = crypto::openssl_ptr<EXTENDED_KEY_USAGE, EXTENDED_KEY_USAGE_free>;
using basic_constraints_ptr = crypto::openssl_ptr<BASIC_CONSTRAINTS, BASIC_CONSTRAINTS_free>;

// An ML-DSA-87 request with a statement of possession and its certificate has some 20 000 octets.
constexpr size_t most_octets = 256 * 1024;
constexpr int most_items = 64;
// Of a part of a name for which RFC 5280 has no upper bound.
constexpr long most_characters = 256;

tl::unexpected<error> refuse(std::string why) {
    const std::string detail = crypto::openssl_errors();
    return fail(error_category::peer, "bad_csr",
                "A certification request cannot be used: " + std::move(why) + (detail.empty() ? "" : " (" + detail + ")") + ".");
}

// DER of exactly one value of this type, or null.
template <class Ptr, class D2i>
Ptr read_exactly(bytes_view der, D2i d2i) {
    const unsigned char* at = der.data();
    Ptr out(d2i(nullptr, &at, static_cast<long>(der.size())));
    return at == der.data() + der.size() ? std::move(out) : Ptr();
}

// Nothing when a part of the name is no text that people and programs read alike.
std::optional<distinguished_name> read_name(const X509_NAME* name) {
    distinguished_name out = to_name(name);
    if (out.attributes.size() != static_cast<size_t>(X509_NAME_entry_count(name))) {
        return std::nullopt;
    }
    for (size_t i = 0; i < out.attributes.size(); ++i) {
        const std::string& value = out.attributes[i].second;
        if (value.empty() || std::ranges::any_of(value, [](char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7f; })) {
            return std::nullopt;
        }
        const X509_NAME_ENTRY* entry = X509_NAME_get_entry(name, static_cast<int>(i));
        const ASN1_STRING_TABLE* bounds = ASN1_STRING_TABLE_get(OBJ_obj2nid(X509_NAME_ENTRY_get_object(entry)));
        const long most = bounds == nullptr || bounds->maxsize < 0 ? most_characters : bounds->maxsize;
        const auto characters = std::ranges::count_if(value, [](char c) { return (static_cast<uint8_t>(c) & 0xc0) != 0x80; });
        if (characters > most) {
            return std::nullopt;
        }
    }
    return out;
}

struct read_alt_names_result {
    subject_alt_names known;
    std::vector<std::string> others;
};

std::optional<read_alt_names_result> read_alt_names(bytes_view value) {
    const auto names = read_exactly<general_names_ptr>(value, d2i_GENERAL_NAMES);
    // RFC 5280 4.2.1.6: "If the subjectAltName extension is present, the sequence MUST contain at least one entry."
    if (!names || sk_GENERAL_NAME_num(names.get()) == 0) {
        return std::nullopt;
    }
    auto known = to_alt_names(names.get());
    if (!known) {
        return std::nullopt;
    }
    return read_alt_names_result{std::move(*known), other_kinds(names.get())};
}

// key_usage_bits. RFC 5280 4.2.1.3: "When the keyUsage extension appears in a certificate, at least one of the bits MUST be
// set to 1."
std::optional<uint16_t> read_key_usage(bytes_view value) {
    const auto bits = read_exactly<bit_string_ptr>(value, d2i_ASN1_BIT_STRING);
    if (!bits || ASN1_STRING_length(bits.get()) > 2) {
        return std::nullopt;
    }
    uint16_t out = 0;
    for (int bit = 0; bit < 16; ++bit) {
        if (ASN1_BIT_STRING_get_bit(bits.get(), bit) == 1) {
            if (bit > 8) {
                return std::nullopt;
            }
            out = static_cast<uint16_t>(out | 1U << bit);
        }
    }
    return out == 0 ? std::nullopt : std::optional(out);
}

bool read_purposes(bytes_view value, csr_contents& out) {
    const auto usages = read_exactly<oids_ptr>(value, d2i_EXTENDED_KEY_USAGE);
    // RFC 5280 4.2.1.12: "ExtKeyUsageSyntax ::= SEQUENCE SIZE (1..MAX) OF KeyPurposeId"
    const int count = usages ? sk_ASN1_OBJECT_num(usages.get()) : 0;
    for (int i = 0; i < count; ++i) {
        out.extended_key_usages.push_back(crypto::dotted(sk_ASN1_OBJECT_value(usages.get(), i)));
    }
    return count > 0 && count <= most_items;
}

bool read_basic_constraints(bytes_view value, csr_contents& out) {
    const auto read = read_exactly<basic_constraints_ptr>(value, d2i_BASIC_CONSTRAINTS);
    if (!read) {
        return false;
    }
    out.basic_constraints = requested_basic_constraints{read->ca != 0, {}};
    if (read->pathlen != nullptr) {
        uint64_t length = 0;
        if (ASN1_INTEGER_get_uint64(&length, read->pathlen) != 1 || length > 255) {
            return false;
        }
        out.basic_constraints->path_length = static_cast<uint32_t>(length);
    }
    return true;
}

bool read_extension(const X509_EXTENSION* extension, csr_contents& out) {
    auto* one = const_cast<X509_EXTENSION*>(extension);  // these getters do not change it, whatever they say
    requested_extension asked{crypto::dotted(X509_EXTENSION_get_object(one)), X509_EXTENSION_get_critical(one) > 0,
                              to_bytes(octets_of(X509_EXTENSION_get_data(one)))};
    if (asked.oid == oid_subject_alt_name) {
        auto names = read_alt_names(asked.value);
        if (!names) {
            return false;
        }
        out.alt_names = std::move(names->known);
        out.other_alt_names = std::move(names->others);
        out.alt_names_value = std::move(asked.value);
        return true;
    }
    if (asked.oid == oid_key_usage) {
        out.key_usage = read_key_usage(asked.value);
        return out.key_usage.has_value();
    }
    if (asked.oid == oid_extended_key_usage) {
        return read_purposes(asked.value, out);
    }
    if (asked.oid == oid_basic_constraints) {
        return read_basic_constraints(asked.value, out);
    }
    out.other_extensions.push_back(std::move(asked));
    return true;
}

result<void> read_extensions(const requested_attribute& attribute, csr_contents& out) {
    // RFC 2985 5.4.2: "extensionRequest ATTRIBUTE ::= { WITH SYNTAX ExtensionRequest SINGLE VALUE TRUE ... }"
    if (attribute.values.size() != 1) {
        return refuse("its extensionRequest has not one value");
    }
    const auto list = read_exactly<extensions_ptr>(attribute.values.front(), d2i_X509_EXTENSIONS);
    if (!list || sk_X509_EXTENSION_num(list.get()) == 0 || sk_X509_EXTENSION_num(list.get()) > most_items) {
        return refuse("its extensionRequest is not a list of extensions");
    }
    std::set<std::string> seen;
    for (int i = 0; i < sk_X509_EXTENSION_num(list.get()); ++i) {
        X509_EXTENSION* extension = sk_X509_EXTENSION_value(list.get(), i);
        const std::string oid = crypto::dotted(X509_EXTENSION_get_object(extension));
        // RFC 5280 4.2: "A certificate MUST NOT include more than one instance of a particular extension."
        if (!seen.insert(oid).second) {
            return refuse("it asks for extension " + oid + " twice");
        }
        if (!read_extension(extension, out)) {
            return refuse("its extension " + oid + " is malformed or empty");
        }
    }
    return {};
}

result<void> read_password(X509_ATTRIBUTE* attribute, csr_contents& out) {
    const ASN1_TYPE* value = X509_ATTRIBUTE_count(attribute) == 1 ? X509_ATTRIBUTE_get0_type(attribute, 0) : nullptr;
    switch (value == nullptr ? V_ASN1_UNDEF : ASN1_TYPE_get(value)) {
    case V_ASN1_UTF8STRING:
    case V_ASN1_PRINTABLESTRING:
    case V_ASN1_IA5STRING: break;
    default: return refuse("its challengePassword is not one text");
    }
    out.challenge_password = std::string(as_text(octets_of(value->value.asn1_string)));
    return {};
}

result<void> read_attribute(X509_ATTRIBUTE* attribute, csr_contents& out) {
    requested_attribute read{crypto::dotted(X509_ATTRIBUTE_get0_object(attribute)), {}};
    for (int i = 0; i < X509_ATTRIBUTE_count(attribute); ++i) {
        read.values.push_back(crypto::to_der(X509_ATTRIBUTE_get0_type(attribute, i), i2d_ASN1_TYPE));
    }
    if (read.oid == oid_challenge_password) {
        return read_password(attribute, out);
    }
    if (read.oid == oid_extension_request) {
        return read_extensions(read, out);
    }
    out.other_attributes.push_back(std::move(read));
    return {};
}

}  // namespace

const requested_attribute* csr_contents::attribute(std::string_view oid) const noexcept {
    const auto found = std::ranges::find(other_attributes, oid, &requested_attribute::oid);
    return found == other_attributes.end() ? nullptr : &*found;
}

result<x509_req_ptr> read_request(bytes_view der) {
    if (der.size() > most_octets) {
        return refuse("it has more than " + std::to_string(most_octets) + " octets");
    }
    const unsigned char* at = der.data();
    // The one way to parse a request in a library context of ours: X509_REQ_new_ex and d2i_X509_REQ leave it
    // keyless.
    x509_req_ptr request(reinterpret_cast<X509_REQ*>(
        ASN1_item_d2i_ex(nullptr, &at, static_cast<long>(der.size()), ASN1_ITEM_rptr(X509_REQ), crypto::lib_context(), nullptr)));
    if (!request) {
        return refuse("it is not DER PKCS#10");
    }
    if (at != der.data() + der.size() || !same_octets(crypto::to_der(request.get(), i2d_X509_REQ), der)) {
        return refuse("it is not exactly one DER structure");
    }
    // RFC 2986 4.1: "version is the version number [...] It shall be 0 for this version of the standard."
    if (X509_REQ_get_version(request.get()) != X509_REQ_VERSION_1) {
        return refuse("it is not of version 1");
    }
    ERR_clear_error();
    return request;
}

result<csr_contents> read_contents(X509_REQ* request) {
    csr_contents out;
    const X509_NAME* subject = X509_REQ_get_subject_name(request);
    auto name = read_name(subject);
    if (!name) {
        ERR_clear_error();
        return refuse("a part of its subject is no text, has control characters, or is longer than RFC 5280 allows");
    }
    out.name = std::move(*name);
    out.subject = one_line(subject);
    out.subject_der = crypto::to_der(subject, i2d_X509_NAME);
    out.spki = crypto::to_der(X509_REQ_get_X509_PUBKEY(request), i2d_X509_PUBKEY);
    if (X509_REQ_get_attr_count(request) > most_items) {
        return refuse("it has more than " + std::to_string(most_items) + " attributes");
    }
    std::set<std::string> seen;
    for (int i = 0; i < X509_REQ_get_attr_count(request); ++i) {
        X509_ATTRIBUTE* attribute = X509_REQ_get_attr(request, i);
        const std::string oid = crypto::dotted(X509_ATTRIBUTE_get0_object(attribute));
        if (!seen.insert(oid).second) {
            return refuse("attribute " + oid + " is there twice");
        }
        BERTH_CHECK(read_attribute(attribute, out));
    }
    ERR_clear_error();
    return out;
}

result<unproved_csr> unproved_csr::parse(bytes_view der) {
    BERTH_TRY(request, read_request(der));
    BERTH_TRY(asks, read_contents(request.get()));
    return unproved_csr(der, std::move(asks), std::make_shared<impl>(impl{std::move(request)}));
}

result<csr_contents> parse_csr_contents(bytes_view der) {
    BERTH_TRY(request, read_request(der));
    return read_contents(request.get());
}

result<certificate_names> names_of(const certificate& c) {
    const X509* x509 = c.get().x509.get();
    certificate_names out;
    auto name = read_name(X509_get_subject_name(x509));
    if (!name) {
        ERR_clear_error();
        return fail(error_category::peer, "bad_certificate", "The subject of the certificate of " + c.subject() + " is no text.");
    }
    out.subject = std::move(*name);
    out.alt_names = c.get().alt_names;
    if (const int at = X509_get_ext_by_NID(x509, NID_subject_alt_name, -1); at >= 0) {
        const bytes_view value = octets_of(X509_EXTENSION_get_data(X509_get_ext(x509, at)));
        out.alt_names_value = to_bytes(value);
        if (auto names = read_alt_names(value)) {
            out.other_alt_names = std::move(names->others);
        } else {
            ERR_clear_error();
            out.other_alt_names.emplace_back("a name that is not known");
        }
    }
    return out;
}

bool has_extension(const certificate& c, const requested_extension& wanted) {
    const X509* x509 = c.get().x509.get();
    for (int at = 0; at < X509_get_ext_count(x509); ++at) {
        X509_EXTENSION* const own = X509_get_ext(x509, at);
        if (crypto::dotted(X509_EXTENSION_get_object(own)) == wanted.oid) {
            return (X509_EXTENSION_get_critical(own) != 0) == wanted.critical &&
                   same_octets(octets_of(X509_EXTENSION_get_data(own)), wanted.value);
        }
    }
    return false;
}

}  // namespace berth::pki
