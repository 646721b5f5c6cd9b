// subjectAltName, both ways.
#include "pki/der_values_openssl.h"
#include "pki/pki_openssl.h"

#include <openssl/err.h>

namespace berth::pki {

namespace {

using crypto::must;

// IA5String: 7 bits, and no NUL, which other programs take for the end.
std::optional<std::string> ia5(const ASN1_IA5STRING* text) {
    const bytes_view octets = octets_of(text);
    if (octets.empty() || std::any_of(octets.begin(), octets.end(), [](uint8_t o) { return o < 0x20 || o > 0x7e; })) {
        return std::nullopt;
    }
    return std::string(as_text(octets));
}

// RFC 4043 sets no bound; a digest's text and names of some lines fit.
constexpr size_t most_identifier = 256;

// RFC 4108 5: HardwareModuleName ::= SEQUENCE { hwType OBJECT IDENTIFIER, hwSerialNum OCTET STRING }
std::optional<hardware_module> hardware(const ASN1_TYPE* value) {
    if (value == nullptr || value->type != V_ASN1_SEQUENCE) {
        return std::nullopt;
    }
    bytes_view rest = octets_of(value->value.sequence);
    auto fields = crypto::take_der(rest, 0x30);
    if (!fields || !rest.empty()) {
        return std::nullopt;
    }
    auto oid = take_oid(*fields);
    const auto serial = oid ? crypto::take_der(*fields, 0x04) : std::nullopt;
    if (!serial || !fields->empty()) {
        return std::nullopt;
    }
    return hardware_module{std::move(*oid), to_bytes(*serial)};
}

// RFC 4043 2: PermanentIdentifier ::= SEQUENCE { identifierValue UTF8String OPTIONAL, assigner OBJECT IDENTIFIER OPTIONAL }
// Without a value it says nothing; we take none such.
std::optional<permanent_identifier> permanent(const ASN1_TYPE* value) {
    if (value == nullptr || value->type != V_ASN1_SEQUENCE) {
        return std::nullopt;
    }
    bytes_view rest = octets_of(value->value.sequence);
    auto fields = crypto::take_der(rest, 0x30);
    if (!fields || !rest.empty()) {
        return std::nullopt;
    }
    const auto text = crypto::take_der(*fields, 0x0c);
    if (!text || text->empty() || text->size() > most_identifier) {
        return std::nullopt;
    }
    permanent_identifier out{std::string(as_text(*text)), {}};
    if (!fields->empty()) {
        auto oid = take_oid(*fields);
        if (!oid || !fields->empty()) {
            return std::nullopt;
        }
        out.assigner_oid = std::move(*oid);
    }
    return out;
}

void push(GENERAL_NAMES* names, GENERAL_NAME* name) {
    if (sk_GENERAL_NAME_push(names, name) <= 0) {
        crypto::die("collecting names");
    }
}

void push_ia5(GENERAL_NAMES* names, int kind, const std::string& text) {
    GENERAL_NAME* name = must(GENERAL_NAME_new(), "making a name");
    ASN1_IA5STRING* value = must(ASN1_IA5STRING_new(), "making a name");
    must(ASN1_STRING_set(value, text.data(), static_cast<int>(text.size())), "filling a name");
    GENERAL_NAME_set0_value(name, kind, value);
    push(names, name);
}

void push_other(GENERAL_NAMES* names, std::string_view kind, bytes_view sequence) {
    ASN1_STRING* octets = must(ASN1_STRING_type_new(V_ASN1_SEQUENCE), "making a name");
    must(ASN1_STRING_set(octets, sequence.data(), static_cast<int>(sequence.size())), "filling a name");
    ASN1_TYPE* value = must(ASN1_TYPE_new(), "making a name");
    ASN1_TYPE_set(value, V_ASN1_SEQUENCE, octets);
    GENERAL_NAME* name = must(GENERAL_NAME_new(), "making a name");
    must(GENERAL_NAME_set0_othername(name, crypto::object_from_dotted(kind).release(), value), "filling a name");
    push(names, name);
}

bool is_text(const std::string& text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

std::optional<subject_alt_names> to_alt_names(const GENERAL_NAMES* names) {
    subject_alt_names out;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
        int kind = 0;
        void* value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &kind);
        if (kind == GEN_DNS || kind == GEN_URI) {
            auto text = ia5(static_cast<const ASN1_IA5STRING*>(value));
            if (!text) {
                return std::nullopt;
            }
            (kind == GEN_DNS ? out.dns : out.uris).push_back(std::move(*text));
        } else if (kind == GEN_OTHERNAME) {
            const auto* other = static_cast<const OTHERNAME*>(value);
            if (crypto::dotted(other->type_id) == oid_hardware_module_name) {
                auto module = hardware(other->value);
                if (!module || out.hardware) {
                    return std::nullopt;
                }
                out.hardware = std::move(module);
            } else if (crypto::dotted(other->type_id) == oid_permanent_identifier) {
                auto identifier = permanent(other->value);
                if (!identifier || out.permanent_id) {
                    return std::nullopt;
                }
                out.permanent_id = std::move(identifier);
            }
        }
    }
    return out;
}

std::vector<std::string> other_kinds(const GENERAL_NAMES* names) {
    std::vector<std::string> out;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
        int kind = 0;
        const void* value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &kind);
        switch (kind) {
        case GEN_DNS:
        case GEN_URI: break;
        case GEN_OTHERNAME: {
            const std::string oid = crypto::dotted(static_cast<const OTHERNAME*>(value)->type_id);
            if (oid != oid_hardware_module_name && oid != oid_permanent_identifier) {
                out.push_back("otherName " + oid);
            }
            break;
        }
        case GEN_EMAIL: out.emplace_back("rfc822Name"); break;
        case GEN_IPADD: out.emplace_back("iPAddress"); break;
        case GEN_DIRNAME: out.emplace_back("directoryName"); break;
        case GEN_RID: out.emplace_back("registeredID"); break;
        case GEN_X400: out.emplace_back("x400Address"); break;
        case GEN_EDIPARTY: out.emplace_back("ediPartyName"); break;
        default: out.emplace_back("a kind of name that is not known"); break;
        }
    }
    return out;
}

result<general_names_ptr> from_alt_names(const subject_alt_names& names) {
    general_names_ptr out(must(GENERAL_NAMES_new(), "making names"));
    for (const std::string& dns : names.dns) {
        if (!is_text(dns) || dns.size() > 253) {
            return fail(bad_template("\"" + dns + "\" is not a DNS name"));
        }
        push_ia5(out.get(), GEN_DNS, dns);
    }
    for (const std::string& uri : names.uris) {
        if (!is_text(uri) || uri.find(':') == std::string::npos) {
            return fail(bad_template("\"" + uri + "\" is not a URI"));
        }
        push_ia5(out.get(), GEN_URI, uri);
    }
    if (names.hardware) {
        const crypto::asn1_object_ptr type = crypto::object_from_dotted(names.hardware->type_oid);
        if (!type || names.hardware->serial.empty()) {
            ERR_clear_error();
            return fail(bad_template("a hardwareModuleName needs an OID and a serial number"));
        }
        const bytes oid = crypto::to_der(type.get(), i2d_ASN1_OBJECT);
        const bytes serial = crypto::der_tlv(0x04, {names.hardware->serial});
        push_other(out.get(), oid_hardware_module_name, crypto::der_tlv(0x30, {oid, serial}));
    }
    if (names.permanent_id) {
        const permanent_identifier& id = *names.permanent_id;
        const crypto::asn1_object_ptr assigner =
            id.assigner_oid.empty() ? crypto::asn1_object_ptr() : crypto::object_from_dotted(id.assigner_oid);
        if (id.value.empty() || id.value.size() > most_identifier || (!id.assigner_oid.empty() && !assigner)) {
            ERR_clear_error();
            return fail(bad_template("a permanentIdentifier needs 1 to 256 octets, and an OID as its assigner if it has one"));
        }
        const bytes value = crypto::der_tlv(0x0c, {as_bytes(id.value)});
        const bytes oid = assigner ? crypto::to_der(assigner.get(), i2d_ASN1_OBJECT) : bytes();
        push_other(out.get(), oid_permanent_identifier, crypto::der_tlv(0x30, {value, oid}));
    }
    return out;
}

}  // namespace berth::pki
