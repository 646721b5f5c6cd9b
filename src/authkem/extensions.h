// Extensions (RFC 8446 section 4.2; profile 1 sections 1, 2 and 6): their bodies, and the rules on where each
// may stand.
#pragma once

#include "authkem/handshake_message.h"

#include <initializer_list>

namespace berth::authkem {

enum class extension_type : uint16_t {
    server_name = 0,
    supported_groups = 10,
    signature_algorithms = 13,
    alpn = 16,
    supported_versions = 43,
    signature_algorithms_cert = 50,
    key_share = 51,
    authkem_profile = 0xFF60,
    stored_auth_key = 0xFF61,
    early_auth = 0xFF62,
};

std::string_view name_of(extension_type type);

// struct { ExtensionType extension_type; opaque extension_data<0..2^16-1>; } Extension;
struct extension {
    extension_type type{};
    wire::opaque<0, 65535> data;
    BERTH_FIELDS(type, data)
};

// The message that holds a list of extensions, for the rules on what may stand in it.
enum class extension_place : uint8_t {
    client_hello,
    server_hello,
    encrypted_extensions,
    certificate,
    certificate_request,
};

// Which extensions a ClientHello carried: a response may answer these and no others.
class offered_extensions {
public:
    void add(extension_type type) { types_.push_back(type); }
    [[nodiscard]] bool has(extension_type type) const;

private:
    std::vector<extension_type> types_;
};

// The rules that hold whatever the bodies are. `offered` is null for requests (ClientHello,
// CertificateRequest). Errors: `duplicate_extension`, `misplaced_extension` (illegal_parameter),
// `unsolicited_extension` (unsupported_extension).
result<void> check_extensions(const std::vector<extension>& list, extension_place place, const offered_extensions* offered);

// The extension of that type, or null.
const extension* find(const std::vector<extension>& list, extension_type type);

// The extension of that type. Error `missing_extension`.
result<const extension*> require(const std::vector<extension>& list, extension_type type, std::string_view message);

// `body` as an extension. Our own lists are made in ascending order of type (profile 8).
template <wire::structure T>
result<extension> make_extension(extension_type type, const T& body) {
    BERTH_TRY(data, wire::encode(body));
    return extension{type, {std::move(data)}};
}

// The body of an extension. Error `malformed_<name>`.
template <wire::structure T>
result<T> body_of(const extension& e) {
    return decode_part<T>(e.data.view(), name_of(e.type));
}

// An extension whose body must be empty. Error `malformed_<name>`.
result<void> require_empty(const extension& e);

// ---- bodies

// RFC 6066 3: struct { NameType name_type; HostName; } ServerName; ServerNameList<1..2^16-1>
struct server_name_entry {
    uint8_t name_type = 0;  // host_name
    wire::opaque<1, 65535> name;
    BERTH_FIELDS(name_type, name)
};
struct server_name_list {
    wire::list<server_name_entry, 1, 65535> names;
    BERTH_FIELDS(names)
};

// NamedGroup named_group_list<2..2^16-1>
struct named_groups {
    wire::list<uint16_t, 2, 65535> groups;
    BERTH_FIELDS(groups)
};

// SignatureScheme supported_signature_algorithms<2..2^16-2>
struct signature_schemes {
    wire::list<uint16_t, 2, 65534> schemes;
    BERTH_FIELDS(schemes)
};

// RFC 7301 3.1: opaque ProtocolName<1..2^8-1>; ProtocolName protocol_name_list<2..2^16-1>
struct protocol_name {
    wire::opaque<1, 255> name;
    BERTH_FIELDS(name)
};
struct protocol_names {
    wire::list<protocol_name, 2, 65535> names;
    BERTH_FIELDS(names)
};

// ClientHello: ProtocolVersion versions<2..254>
struct offered_versions {
    wire::list<uint16_t, 2, 254> versions;
    BERTH_FIELDS(versions)
};
// ServerHello: ProtocolVersion selected_version
struct selected_version {
    uint16_t version = tls13;
    BERTH_FIELDS(version)
};

// struct { NamedGroup group; opaque key_exchange<1..2^16-1>; } KeyShareEntry;
struct key_share_entry {
    uint16_t group = 0;
    wire::opaque<1, 65535> key_exchange;
    BERTH_FIELDS(group, key_exchange)
};
// KeyShareEntry client_shares<0..2^16-1>
struct client_key_shares {
    wire::list<key_share_entry, 0, 65535> shares;
    BERTH_FIELDS(shares)
};

// Profile 2: "in ClientHello `struct { uint8 versions<1..255>; }` with the single element 1; in
// EncryptedExtensions `struct { uint8 version; }` with 1".
struct offered_profiles {
    wire::opaque<1, 255> versions;
    BERTH_FIELDS(versions)
};
struct selected_profile {
    uint8_t version = profile_version;
    BERTH_FIELDS(version)
};

// Profile 6: "struct { opaque key_fingerprint<32..32>; opaque encapsulation<1..2^16-1>; }".
struct stored_auth_key {
    wire::opaque<32, 32> key_fingerprint;
    wire::opaque<1, 65535> encapsulation;
    BERTH_FIELDS(key_fingerprint, encapsulation)
};

}  // namespace berth::authkem
