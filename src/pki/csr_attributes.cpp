#include "pki/csr_attributes.h"

#include "pki/csr_attributes_openssl.h"
#include "pki/der_values_openssl.h"
#include "pki/pki_openssl.h"

#include <openssl/err.h>
#include <openssl/rsa.h>

namespace berth::pki {

namespace {

bytes_view algorithm_of(crypto::signature_algorithm alg) {
    namespace ids = crypto::algorithm_identifier;
    switch (alg) {
    case crypto::signature_algorithm::ecdsa_p256_sha256: return ids::p256;
    case crypto::signature_algorithm::ecdsa_p384_sha384: return ids::p384;
    case crypto::signature_algorithm::mldsa44: return ids::mldsa44;
    case crypto::signature_algorithm::mldsa65: return ids::mldsa65;
    case crypto::signature_algorithm::mldsa87: return ids::mldsa87;
    }
    return {};
}

result<bytes> element_of(const std::string& oid) {
    auto out = oid_element(oid);
    if (!out) {
        return fail(bad_template("\"" + oid + "\" is not an OID"));
    }
    return std::move(*out);
}

bytes attribute_element(bytes_view oid, bytes_view values) {
    return crypto::der_tlv(der::sequence, {oid, crypto::der_tlv(der::set, {values})});
}

// A stand-in for an RSA key of so many bits: RFC 9908 3.4 wants "a placeholder public key value of the desired RSA modulus
// length".
bytes rsa_placeholder(uint32_t bits) {
    bytes modulus((bits + 7) / 8 + 1, 0xff);
    modulus[0] = 0;  // positive
    modulus[1] = static_cast<uint8_t>(0xff >> (7 - (bits + 7) % 8));
    static constexpr std::array<uint8_t, 5> exponent{der::integer, 3, 1, 0, 1};
    const bytes number = modulus[1] < 0x80 ? crypto::der_tlv(der::integer, {bytes_view(modulus).subspan(1)})
                                           : crypto::der_tlv(der::integer, {modulus});
    static constexpr std::array<uint8_t, 1> no_unused_bits{0};
    return crypto::der_tlv(der::bit_string, {no_unused_bits, crypto::der_tlv(der::sequence, {number, exponent})});
}

result<void> check_rsa_bits(const wanted_key& key) {
    if (key.rsa_bits != 0 && (key.algorithm != oid_rsa_encryption || key.rsa_bits < 512 || key.rsa_bits > most_rsa_bits)) {
        return fail(bad_template("a size in bits is for RSA keys, 512 to 16384"));
    }
    return {};
}

// RFC 9908 3.2: the attribute's type is the type of the key; its value, if any, the curve or the size.
result<bytes> key_attribute(const wanted_key& key) {
    BERTH_CHECK(check_rsa_bits(key));
    BERTH_TRY(oid, element_of(key.algorithm));
    bytes value = key.parameters;
    if (key.rsa_bits != 0) {
        const std::array<uint8_t, 3> size{0, static_cast<uint8_t>(key.rsa_bits >> 8), static_cast<uint8_t>(key.rsa_bits)};
        value = crypto::der_tlv(der::integer, {size[1] < 0x80 ? bytes_view(size).subspan(1) : bytes_view(size)});
    }
    return attribute_element(oid, value);
}

result<bytes> key_template(const wanted_key& key) {
    BERTH_CHECK(check_rsa_bits(key));
    BERTH_TRY(oid, element_of(key.algorithm));
    const bytes algorithm = crypto::der_tlv(der::sequence, {oid, key.parameters});
    return crypto::der_tlv(der::context(0), {algorithm, key.rsa_bits == 0 ? bytes() : rsa_placeholder(key.rsa_bits)});
}

result<bytes> name_template(const std::vector<wanted_name>& names) {
    bytes all;
    for (const wanted_name& name : names) {
        const crypto::asn1_object_ptr type(OBJ_txt2obj(name.attribute.c_str(), 0));
        if (!type) {
            ERR_clear_error();
            return fail(bad_template("\"" + name.attribute + "\" is not an attribute of a name"));
        }
        bytes single;
        if (name.value) {
            // libcrypto chooses the type of the text, as for a name.
            BERTH_TRY(made, from_name(distinguished_name().add(name.attribute, *name.value)));
            const X509_NAME_ENTRY* entry = X509_NAME_get_entry(made.get(), 0);
            single = crypto::to_der(entry, i2d_X509_NAME_ENTRY);
        } else {
            single = crypto::der_tlv(der::sequence, {crypto::to_der(type.get(), i2d_ASN1_OBJECT)});
        }
        append(all, crypto::der_tlv(der::set, {single}));
    }
    return crypto::der_tlv(der::sequence, {all});
}

// Extensions or ExtensionTemplates.
result<bytes> extension_list(const std::vector<wanted_extension>& extensions) {
    static constexpr std::array<uint8_t, 3> yes{der::boolean, 1, 0xff};
    bytes all;
    for (const wanted_extension& extension : extensions) {
        BERTH_TRY(oid, element_of(extension.oid));
        const bytes value = extension.value ? crypto::der_tlv(der::octet_string, {*extension.value}) : bytes();
        append(all, crypto::der_tlv(der::sequence, {oid, extension.critical ? bytes_view(yes) : bytes_view(), value}));
    }
    return crypto::der_tlv(der::sequence, {all});
}

result<bytes> extension_attribute(const std::vector<wanted_extension>& extensions, bool gaps_allowed) {
    BERTH_TRY(list, extension_list(extensions));
    const bool gaps = std::ranges::any_of(extensions, [](const auto& e) { return !e.value; });
    if (gaps && !gaps_allowed) {
        return fail(bad_template("only a request template may ask for an extension without its value"));
    }
    // RFC 9908 3.4: id-aa-extensionReqTemplate "is only needed to enable specifying partial extensions [...]; otherwise the
    // id-ExtensionReq OID and the respective value of type ExtensionReq MUST be used".
    return attribute_element(*oid_element(gaps ? oid_extension_template : oid_extension_request), list);
}

result<bytes> attribute_list(const std::vector<requested_attribute>& attributes) {
    bytes all;
    for (const requested_attribute& attribute : attributes) {
        BERTH_TRY(oid, element_of(attribute.oid));
        append(all, attribute_element(oid, concat_all(attribute.values)));
    }
    return all;
}

result<bytes> template_element(const request_template& form) {
    static constexpr std::array<uint8_t, 3> version_1{der::integer, 1, 0};
    bytes subject;
    bytes key;
    if (form.subject) {
        BERTH_TRY(made, name_template(*form.subject));
        subject = std::move(made);
    }
    if (form.key) {
        BERTH_TRY(made, key_template(*form.key));
        key = std::move(made);
    }
    bytes attributes;
    if (!form.extensions.empty()) {
        BERTH_TRY(made, extension_attribute(form.extensions, true));
        attributes = std::move(made);
    }
    BERTH_TRY(others, attribute_list(form.attributes));
    append(attributes, others);
    return crypto::der_tlv(der::sequence, {version_1, subject, key, crypto::der_tlv(der::context(1), {attributes})});
}

}  // namespace

wanted_key wanted(crypto::signature_algorithm alg) {
    bytes_view whole = algorithm_of(alg);
    bytes_view content = *crypto::take_der(whole, der::sequence);
    std::string oid = *take_oid(content);
    return {std::move(oid), to_bytes(content), 0};
}

wanted_key wanted(crypto::kem_algorithm alg) {
    return {std::string(crypto::oid_of(alg)), {}, 0};
}

bool fits(const wanted_key& key, crypto::signature_algorithm alg) {
    const wanted_key own = wanted(alg);
    return key.rsa_bits == 0 && key.algorithm == own.algorithm && (key.parameters.empty() || key.parameters == own.parameters);
}

bool fits(const wanted_key& key, crypto::kem_algorithm alg) {
    return key.rsa_bits == 0 && key.parameters.empty() && key.algorithm == crypto::oid_of(alg);
}

bytes concat_all(const std::vector<bytes>& parts) {
    bytes out;
    for (const bytes& part : parts) {
        append(out, part);
    }
    return out;
}

bool csr_attributes::wants_channel_binding() const {
    const auto names_it = [](const auto& list) {
        return std::ranges::find(list, oid_challenge_password, &requested_attribute::oid) != list.end();
    };
    return std::ranges::find(oids, oid_challenge_password) != oids.end() || names_it(attributes) ||
           (form && names_it(form->attributes));
}

result<bytes> csr_attributes::encode() const {
    bytes all;
    for (const std::string& oid : oids) {
        BERTH_TRY(element, element_of(oid));
        append(all, element);
    }
    if (key) {
        BERTH_TRY(element, key_attribute(*key));
        append(all, element);
    }
    BERTH_TRY(others, attribute_list(attributes));
    append(all, others);
    if (!extensions.empty()) {
        BERTH_TRY(element, extension_attribute(extensions, false));
        append(all, element);
    }
    if (form) {
        BERTH_TRY(element, template_element(*form));
        append(all, attribute_element(*oid_element(oid_request_template), element));
    }
    return crypto::der_tlv(der::sequence, {all});
}

}  // namespace berth::pki
