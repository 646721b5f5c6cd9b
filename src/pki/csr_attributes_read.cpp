#include "pki/csr_attributes_openssl.h"
#include "pki/der_values_openssl.h"
#include "pki/pki_openssl.h"

#include <set>

#include <openssl/err.h>

namespace berth::pki {

namespace {

constexpr size_t most_octets = 64 * 1024;
constexpr size_t most_items = 64;

tl::unexpected<error> refuse(std::string why) {
    ERR_clear_error();
    return fail(error_category::peer, "bad_csr_attributes",
                "What the server wants in requests cannot be read: " + std::move(why) + ".");
}

// The content of exactly one element with this tag.
std::optional<bytes_view> content_of(bytes_view element, uint8_t tag) {
    auto content = crypto::take_der(element, tag);
    return element.empty() ? content : std::nullopt;
}

// Attribute ::= SEQUENCE { type OBJECT IDENTIFIER, values SET OF ANY }. RFC 9908 3.2 allows the set to be empty.
std::optional<requested_attribute> read_attribute(bytes_view element) {
    auto content = content_of(element, der::sequence);
    auto oid = content ? take_oid(*content) : std::nullopt;
    const auto set = oid ? content_of(*content, der::set) : std::nullopt;
    const auto values = set ? take_elements(*set, most_items) : std::nullopt;
    if (!values) {
        return std::nullopt;
    }
    requested_attribute out{std::move(*oid), {}};
    for (const bytes_view value : *values) {
        out.values.push_back(to_bytes(value));
    }
    return out;
}

// Extension or ExtensionTemplate.
std::optional<wanted_extension> read_extension(bytes_view element, bool gaps_allowed) {
    auto content = content_of(element, der::sequence);
    auto oid = content ? take_oid(*content) : std::nullopt;
    if (!oid) {
        return std::nullopt;
    }
    wanted_extension out{std::move(*oid), false, {}};
    if (!content->empty() && content->front() == der::boolean) {
        const auto critical = crypto::take_der(*content, der::boolean);
        // DER leaves the default out; an explicit FALSE is read for what it says.
        if (!critical || critical->size() != 1 || ((*critical)[0] != 0xff && (*critical)[0] != 0)) {
            return std::nullopt;
        }
        out.critical = (*critical)[0] == 0xff;
    }
    if (!content->empty()) {
        const auto value = content_of(*content, der::octet_string);
        if (!value) {
            return std::nullopt;
        }
        out.value = to_bytes(*value);
    }
    return out.value || gaps_allowed ? std::optional(std::move(out)) : std::nullopt;
}

result<std::vector<wanted_extension>> read_extensions(const requested_attribute& attribute, bool gaps_allowed) {
    // RFC 9908 3.2: "The 'values' field of this attribute MUST contain a set with exactly one element, and this element MUST
    // be of type Extensions".
    const auto list = attribute.values.size() == 1 ? content_of(attribute.values.front(), der::sequence) : std::nullopt;
    const auto elements = list ? take_elements(*list, most_items) : std::nullopt;
    if (!elements || elements->empty()) {
        return refuse("its extension request has not one list of extensions");
    }
    std::vector<wanted_extension> out;
    std::set<std::string> seen;
    for (const bytes_view element : *elements) {
        auto one = read_extension(element, gaps_allowed);
        if (!one) {
            return refuse("an extension in it is malformed");
        }
        // "MUST NOT include more than one element with a particular extnID."
        if (!seen.insert(one->oid).second) {
            return refuse("extension " + one->oid + " is there twice");
        }
        out.push_back(std::move(*one));
    }
    return out;
}

// An RDN template: a set, of which one member is what names are made of in practice.
bool read_names(bytes_view rdn, std::vector<wanted_name>& out) {
    const auto set = content_of(rdn, der::set);
    const auto members = set ? take_elements(*set, most_items) : std::nullopt;
    if (!members || members->empty()) {
        return false;
    }
    for (const bytes_view member : *members) {
        auto content = content_of(member, der::sequence);
        const auto oid = content ? take_oid(*content) : std::nullopt;
        if (!oid) {
            return false;
        }
        const int nid = OBJ_txt2nid(oid->c_str());
        wanted_name name{nid == NID_undef ? *oid : OBJ_nid2sn(nid), {}};
        if (!content->empty()) {
            // As a name of one part, so that libcrypto turns every kind of text into UTF-8.
            const bytes single = crypto::der_tlv(der::sequence, {crypto::der_tlv(der::set, {member})});
            const unsigned char* at = single.data();
            const x509_name_ptr read(d2i_X509_NAME(nullptr, &at, static_cast<long>(single.size())));
            const distinguished_name parts = read ? to_name(read.get()) : distinguished_name();
            ERR_clear_error();
            if (parts.attributes.size() != 1) {
                return false;
            }
            name.value = parts.attributes.front().second;
        }
        out.push_back(std::move(name));
    }
    return true;
}

// Bits of a placeholder for an RSA key; nothing when it is none.
std::optional<uint32_t> rsa_bits_of(bytes_view bit_string) {
    if (bit_string.size() < 2 || bit_string[0] != 0) {
        return std::nullopt;
    }
    auto fields = content_of(bit_string.subspan(1), der::sequence);
    auto modulus = fields ? crypto::take_der(*fields, der::integer) : std::nullopt;
    if (!modulus || modulus->empty() || !crypto::take_der(*fields, der::integer) || !fields->empty()) {
        return std::nullopt;
    }
    bytes_view digits = *modulus;
    while (!digits.empty() && digits.front() == 0) {
        digits = digits.subspan(1);
    }
    if (digits.empty() || digits.size() > most_rsa_bits / 8) {
        return std::nullopt;
    }
    uint32_t bits = static_cast<uint32_t>(digits.size()) * 8;
    for (uint8_t mask = 0x80; (digits[0] & mask) == 0; mask = static_cast<uint8_t>(mask >> 1)) {
        --bits;
    }
    return bits >= 512 ? std::optional(bits) : std::nullopt;
}

std::optional<wanted_key> read_key_template(bytes_view content) {
    auto algorithm = crypto::take_der(content, der::sequence);
    auto oid = algorithm ? take_oid(*algorithm) : std::nullopt;
    const auto parameters = oid ? take_elements(*algorithm, 1) : std::nullopt;
    if (!parameters) {
        return std::nullopt;
    }
    wanted_key out{std::move(*oid), to_bytes(*algorithm), 0};
    if (!content.empty()) {
        const auto placeholder = content_of(content, der::bit_string);
        const auto bits = placeholder && out.algorithm == oid_rsa_encryption ? rsa_bits_of(*placeholder) : std::nullopt;
        // RFC 9908 3.4: but for the size of an RSA key, subjectPublicKey must be absent.
        if (!bits) {
            return std::nullopt;
        }
        out.rsa_bits = *bits;
    }
    return out;
}

// RFC 9908 3.4: "The 'attributes' field MUST NOT contain multiple id-aa-extensionReqTemplate attributes and MUST NOT contain
// both id-ExtensionReq and id-aa-extensionReqTemplate attributes."
result<void> read_template_attributes(bytes_view content, request_template& out) {
    const auto elements = take_elements(content, most_items);
    if (!elements) {
        return refuse("the attributes of its template are malformed");
    }
    bool extensions = false;
    for (const bytes_view element : *elements) {
        auto attribute = read_attribute(element);
        if (!attribute) {
            return refuse("an attribute of its template is malformed");
        }
        const bool with_gaps = attribute->oid == oid_extension_template;
        if (!with_gaps && attribute->oid != oid_extension_request) {
            out.attributes.push_back(std::move(*attribute));
            continue;
        }
        if (std::exchange(extensions, true)) {
            return refuse("its template asks for extensions twice");
        }
        BERTH_TRY(read, read_extensions(*attribute, with_gaps));
        out.extensions = std::move(read);
    }
    return {};
}

result<request_template> read_template(const requested_attribute& attribute) {
    const auto content = attribute.values.size() == 1 ? content_of(attribute.values.front(), der::sequence) : std::nullopt;
    if (!content) {
        return refuse("its request template is not one value");
    }
    bytes_view rest = *content;
    const auto version = crypto::take_der(rest, der::integer);
    // "The 'version' field of the CertificationRequestInfoTemplate MUST contain v1 (0)."
    if (!version || version->size() != 1 || (*version)[0] != 0) {
        return refuse("its request template is of another version than 1");
    }
    request_template out;
    if (!rest.empty() && rest.front() == der::sequence) {
        const auto names = crypto::take_der(rest, der::sequence);
        const auto rdns = names ? take_elements(*names, most_items) : std::nullopt;
        out.subject.emplace();
        if (!rdns || !std::ranges::all_of(*rdns, [&out](bytes_view rdn) { return read_names(rdn, *out.subject); })) {
            return refuse("the subject of its request template is malformed");
        }
    }
    if (!rest.empty() && rest.front() == der::context(0)) {
        const auto key = crypto::take_der(rest, der::context(0));
        out.key = key ? read_key_template(*key) : std::nullopt;
        if (!out.key) {
            return refuse("the key of its request template is malformed");
        }
    }
    const auto attributes = content_of(rest, der::context(1));
    if (!attributes) {
        return refuse("its request template has no attributes, or something after them");
    }
    BERTH_CHECK(read_template_attributes(*attributes, out));
    return out;
}

bool is_key_type(std::string_view oid) {
    return oid == oid_rsa_encryption || oid == oid_ec_public_key || crypto::kem_algorithm_from_oid(oid) ||
           std::ranges::any_of(crypto::all_signature_algorithms, [oid](auto alg) { return wanted(alg).algorithm == oid; });
}

std::optional<wanted_key> read_key(const requested_attribute& attribute) {
    wanted_key out{attribute.oid, {}, 0};
    if (attribute.values.empty()) {
        return out;
    }
    if (attribute.values.size() != 1) {
        return std::nullopt;
    }
    if (attribute.oid != oid_rsa_encryption) {
        out.parameters = attribute.values.front();
        return out;
    }
    const auto size = content_of(attribute.values.front(), der::integer);
    if (!size || size->empty() || size->size() > 3 || (*size)[0] >= 0x80) {
        return std::nullopt;
    }
    for (const uint8_t octet : *size) {
        out.rsa_bits = out.rsa_bits << 8 | octet;
    }
    return out.rsa_bits >= 512 && out.rsa_bits <= most_rsa_bits ? std::optional(std::move(out)) : std::nullopt;
}

result<void> read_item(requested_attribute attribute, csr_attributes& out) {
    if (attribute.oid == oid_extension_request) {
        // RFC 9908 3.2: "There MUST be only one such attribute."
        if (!out.extensions.empty()) {
            return refuse("it asks for extensions twice");
        }
        // RFC 7030 4.5.2's own example names an attribute there instead ("is NOT CORRECT", says RFC 9908 5.2); servers copied
        // it, and what cannot be recognised is to be ignored.
        if (auto read = read_extensions(attribute, false)) {
            out.extensions = std::move(*read);
            return {};
        } else if (attribute.values.empty() || attribute.values.front().front() == der::sequence) {
            return fail(std::move(read).error());
        }
    } else if (attribute.oid == oid_request_template) {
        if (out.form) {
            return refuse("it has two request templates");
        }
        BERTH_TRY(form, read_template(attribute));
        out.form = std::move(form);
        return {};
    } else if (is_key_type(attribute.oid)) {
        auto key = read_key(attribute);
        if (!key || out.key) {
            return refuse("it wants keys of two kinds, or of a kind that is malformed");
        }
        out.key = std::move(key);
        return {};
    }
    out.attributes.push_back(std::move(attribute));
    return {};
}

}  // namespace

result<csr_attributes> csr_attributes::parse(bytes_view der) {
    if (der.size() > most_octets) {
        return refuse("it has more than " + std::to_string(most_octets) + " octets");
    }
    const auto list = content_of(der, der::sequence);
    const auto items = list ? take_elements(*list, most_items) : std::nullopt;
    if (!items) {
        return refuse("it is not a list of at most " + std::to_string(most_items) + " attributes");
    }
    csr_attributes out;
    for (bytes_view item : *items) {
        if (item.front() == der::oid) {
            auto oid = take_oid(item);
            if (!oid) {
                return refuse("an OID in it is malformed");
            }
            out.oids.push_back(std::move(*oid));
            continue;
        }
        auto attribute = read_attribute(item);
        if (!attribute) {
            return refuse("an attribute in it is malformed");
        }
        BERTH_CHECK(read_item(std::move(*attribute), out));
    }
    return out;
}

}  // namespace berth::pki
