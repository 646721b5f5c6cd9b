#include "pki/extensions_openssl.h"

#include "crypto/der_openssl.h"
#include "crypto/hash.h"
#include "pki/der_values_openssl.h"

#include <openssl/err.h>

namespace berth::pki {

namespace {

using crypto::must;
// id-ce (RFC 5280 4.2.1) and a number.
constexpr std::array<uint8_t, 5> id_ce(uint8_t number) {
    return {der::oid, 3, 0x55, 0x1d, number};
}
constexpr auto subject_key_identifier = id_ce(14);
constexpr auto key_usage = id_ce(15);
constexpr auto subject_alt_name = id_ce(17);
constexpr auto basic_constraints = id_ce(19);
constexpr auto name_constraints_id = id_ce(30);
constexpr auto certificate_policies = id_ce(32);
constexpr auto authority_key_identifier = id_ce(35);
constexpr auto extended_key_usage = id_ce(37);

constexpr uint8_t dns_name = der::plain_context(2);
constexpr uint8_t uri_name = der::plain_context(6);

bytes basic_constraints_value(const certificate_template& contents) {
    static constexpr std::array<uint8_t, 3> ca{der::boolean, 1, 0xff};
    return crypto::der_tlv(der::sequence, {ca, contents.path_length ? integer_element(*contents.path_length) : bytes()});
}

// A SEQUENCE of what `around` makes of each OID.
template <class Around>
result<bytes> oids_value(const std::vector<std::string>& oids, std::string_view what, const Around& around) {
    bytes all;
    for (const std::string& one : oids) {
        const crypto::asn1_object_ptr oid = crypto::object_from_dotted(one);
        if (!oid) {
            ERR_clear_error();
            return fail(bad_template("\"" + one + "\" is not an OID for " + std::string(what)));
        }
        append(all, around(crypto::to_der(oid.get(), i2d_ASN1_OBJECT)));
    }
    return crypto::der_tlv(der::sequence, {all});
}

// GeneralSubtrees, without the SEQUENCE's header.
void append_subtrees(bytes& to, uint8_t kind, const std::vector<std::string>& names) {
    for (const std::string& name : names) {
        append(to, crypto::der_tlv(der::sequence, {crypto::der_tlv(kind, {as_bytes(name)})}));
    }
}

bytes name_constraints_value(const name_constraints& constraints) {
    bytes permitted;
    append_subtrees(permitted, dns_name, constraints.permitted_dns);
    append_subtrees(permitted, uri_name, constraints.permitted_uri_hosts);
    bytes excluded;
    append_subtrees(excluded, dns_name, constraints.excluded_dns);
    return crypto::der_tlv(der::sequence, {permitted.empty() ? bytes() : crypto::der_tlv(der::context(0), {permitted}),
                                           excluded.empty() ? bytes() : crypto::der_tlv(der::context(1), {excluded})});
}

}  // namespace

bytes key_usage_value(uint16_t usage) {
    // X.690 11.2.2: the bits of a named list end with the last that is set.
    std::array<uint8_t, 3> content{};
    size_t used = 1;
    for (unsigned bit = 0; bit < 9; ++bit) {
        if ((usage & 1U << bit) != 0) {
            used = 2 + bit / 8;
            content[1 + bit / 8] = static_cast<uint8_t>(content[1 + bit / 8] | 0x80U >> bit % 8);
            content[0] = static_cast<uint8_t>(7 - bit % 8);
        }
    }
    return crypto::der_tlv(der::bit_string, {bytes_view(content).first(used)});
}

bytes key_identifier(bytes_view spki) {
    const auto parts = crypto::read_spki(spki);
    if (!parts) {
        crypto::die("identifying a key that was accepted");
    }
    return to_bytes(crypto::sha256(parts->key).view().first(20));
}

bytes authority_key_id_extension(bytes_view id) {
    const bytes key_id = crypto::der_tlv(der::plain_context(0), {id});
    return extension_element(authority_key_identifier, false, crypto::der_tlv(der::sequence, {key_id}));
}

authority_key_id_ptr make_authority_key_id(bytes_view id) {
    authority_key_id_ptr value(must(AUTHORITY_KEYID_new(), "making an extension"));
    value->keyid = must(ASN1_OCTET_STRING_new(), "making an extension");
    must(ASN1_OCTET_STRING_set(value->keyid, id.data(), static_cast<int>(id.size())), "filling an extension");
    return value;
}

result<bytes> extensions_of(const certificate_template& contents, bytes_view own_id, bytes_view authority_id) {
    bytes out;
    const auto add = [&out](bytes_view oid, bool critical, bytes_view value) {
        append(out, extension_element(oid, critical, value));
    };
    // RFC 5280 4.2.1.9: "Conforming CAs MUST include this extension in all CA certificates [...] and MUST
    // mark the extension as critical in such certificates."
    if (contents.is_ca) {
        add(basic_constraints, true, basic_constraints_value(contents));
    }
    if (contents.key_usage) {
        add(key_usage, true, key_usage_value(*contents.key_usage));
    }
    if (!contents.extended_key_usages.empty()) {
        BERTH_TRY(value, oids_value(contents.extended_key_usages, "an extended key usage", [](bytes oid) { return oid; }));
        add(extended_key_usage, false, value);
    }
    if (!contents.alt_names.empty()) {
        BERTH_TRY(names, from_alt_names(contents.alt_names));
        // RFC 5280 4.2.1.6: critical exactly when the subject is empty.
        add(subject_alt_name, contents.subject.attributes.empty(), crypto::to_der(names.get(), i2d_GENERAL_NAMES));
    }
    if (!contents.policies.empty()) {
        // PolicyInformation without qualifiers.
        const auto information = [](const bytes& oid) { return crypto::der_tlv(der::sequence, {oid}); };
        BERTH_TRY(value, oids_value(contents.policies, "a policy", information));
        add(certificate_policies, false, value);
    }
    // RFC 5280 4.2.1.10: "Conforming CAs MUST mark this extension as critical".
    if (!contents.constraints.empty()) {
        add(name_constraints_id, true, name_constraints_value(contents.constraints));
    }
    add(subject_key_identifier, false, crypto::der_tlv(der::octet_string, {own_id}));
    append(out, authority_key_id_extension(authority_id));
    return out;
}

}  // namespace berth::pki
