#include "authkem/encrypted_extensions.h"

#include <algorithm>

namespace berth::authkem {

namespace {

result<std::string> parse_alpn(const extension& e, const std::vector<std::string>& offered) {
    BERTH_TRY(list, body_of<protocol_names>(e));
    // RFC 7301 3.1: "The "ProtocolNameList" MUST contain exactly one "ProtocolName"."
    if (list.names.size() != 1) {
        return refuse(alert::illegal_parameter, "alpn_not_offered", "the server selects more than one application protocol");
    }
    std::string name(list.names.items.front().name.text());
    if (std::find(offered.begin(), offered.end(), name) == offered.end()) {
        return refuse(alert::illegal_parameter, "alpn_not_offered",
                      "the server selects an application protocol that we did not name");
    }
    return name;
}

}  // namespace

result<bytes> encode_encrypted_extensions(std::string_view alpn) {
    encrypted_extensions message;
    if (!alpn.empty()) {
        BERTH_TRY(selected, make_extension(extension_type::alpn, protocol_names{{{protocol_name{wire::opaque<1, 255>(alpn)}}}}));
        message.extensions.items.push_back(std::move(selected));
    }
    BERTH_TRY(profile, make_extension(extension_type::authkem_profile, selected_profile{}));
    message.extensions.items.push_back(std::move(profile));
    return encode_message(handshake_type::encrypted_extensions, message);
}

result<parsed_encrypted_extensions> parse_encrypted_extensions(bytes_view body, const offered_extensions& offered,
                                                               const std::vector<std::string>& alpn, bool alpn_required) {
    BERTH_TRY(message, decode_part<encrypted_extensions>(body, "encrypted_extensions"));
    const std::vector<extension>& list = message.extensions.items;
    BERTH_CHECK(check_extensions(list, extension_place::encrypted_extensions, &offered));

    // Profile 2: "A client that does not find it in EncryptedExtensions answers `missing_extension`: an
    // AuthKEM client never falls back to signature authentication on the same connection."
    BERTH_TRY(profile, require(list, extension_type::authkem_profile, "EncryptedExtensions"));
    BERTH_TRY(selected, body_of<selected_profile>(*profile));
    // Profile 2: "in EncryptedExtensions `struct { uint8 version; }` with 1 (another value:
    // `illegal_parameter`)".
    if (selected.version != profile_version) {
        return refuse(alert::illegal_parameter, "profile_not_offered",
                      "the server selects an AuthKEM profile that we did not offer");
    }
    parsed_encrypted_extensions out;
    if (const extension* e = find(list, extension_type::alpn)) {
        BERTH_TRY(name, parse_alpn(*e, alpn));
        out.alpn = std::move(name);
    }
    // Profile 2: "a client whose caller demands ALPN answers the same when none is selected".
    if (alpn_required && out.alpn.empty()) {
        return refuse(alert::no_application_protocol, "no_application_protocol",
                      "the server selects none of the application protocols that we demand");
    }
    if (const extension* e = find(list, extension_type::server_name)) {
        // RFC 6066 3: 'The "extension_data" field of this extension SHALL be empty.'
        BERTH_CHECK(require_empty(*e));
    }
    if (const extension* e = find(list, extension_type::supported_groups)) {
        // RFC 8446 4.2.7: clients "MUST NOT act upon any information found in "supported_groups" prior to
        // successful completion of the handshake"; that it is well-formed is all that is asked.
        BERTH_CHECK(body_of<named_groups>(*e));
    }
    return out;
}

}  // namespace berth::authkem
