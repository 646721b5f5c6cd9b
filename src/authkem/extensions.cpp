#include "authkem/extensions.h"

#include <algorithm>

namespace berth::authkem {

namespace {

using place = extension_place;

// Where each extension that we recognise may stand: RFC 8446 4.2 (its table), profile 2 and 6.
struct rule {
    extension_type type;
    std::string_view name;
    std::array<place, 2> places;  // the same twice when there is one
};

constexpr std::array rules{
    rule{extension_type::server_name, "server_name", {place::client_hello, place::encrypted_extensions}},
    rule{extension_type::supported_groups, "supported_groups", {place::client_hello, place::encrypted_extensions}},
    rule{extension_type::signature_algorithms, "signature_algorithms", {place::client_hello, place::certificate_request}},
    rule{extension_type::alpn, "alpn", {place::client_hello, place::encrypted_extensions}},
    rule{extension_type::supported_versions, "supported_versions", {place::client_hello, place::server_hello}},
    rule{extension_type::signature_algorithms_cert,
         "signature_algorithms_cert",
         {place::client_hello, place::certificate_request}},
    rule{extension_type::key_share, "key_share", {place::client_hello, place::server_hello}},
    rule{extension_type::authkem_profile, "authkem_profile", {place::client_hello, place::encrypted_extensions}},
    rule{extension_type::stored_auth_key, "stored_auth_key", {place::client_hello, place::server_hello}},
    rule{extension_type::early_auth, "early_auth", {place::client_hello, place::server_hello}},
};

const rule* rule_for(extension_type type) {
    for (const rule& r : rules) {
        if (r.type == type) {
            return &r;
        }
    }
    return nullptr;
}

std::string describe(extension_type type) {
    return std::string(name_of(type)) + " (" + std::to_string(static_cast<uint16_t>(type)) + ")";
}

}  // namespace

std::string_view name_of(extension_type type) {
    const rule* r = rule_for(type);
    return r != nullptr ? r->name : "unknown";
}

bool offered_extensions::has(extension_type type) const {
    return std::find(types_.begin(), types_.end(), type) != types_.end();
}

result<void> check_extensions(const std::vector<extension>& list, extension_place where, const offered_extensions* offered) {
    // Sorted copy of the types: a hostile list of 16 000 extensions must not cost their square.
    std::vector<extension_type> types;
    types.reserve(list.size());
    for (const extension& e : list) {
        types.push_back(e.type);
    }
    std::sort(types.begin(), types.end());
    // RFC 8446 4.2: "There MUST NOT be more than one extension of the same type in a given extension block."
    if (const auto twice = std::adjacent_find(types.begin(), types.end()); twice != types.end()) {
        return refuse(alert::illegal_parameter, "duplicate_extension",
                      "the peer sent the extension " + describe(*twice) + " twice in one message");
    }
    for (const extension_type type : types) {
        const rule* r = rule_for(type);
        // RFC 8446 4.2: "If an implementation receives an extension which it recognizes and which is not
        // specified for the message in which it appears, it MUST abort the handshake with an
        // "illegal_parameter" alert."
        if (r != nullptr && where != r->places[0] && where != r->places[1]) {
            return refuse(alert::illegal_parameter, "misplaced_extension",
                          "the peer sent the extension " + describe(type) + " in a message where it has no place");
        }
        // RFC 8446 4.2: "Implementations MUST NOT send extension responses if the remote endpoint did not
        // send the corresponding extension requests [...] Upon receiving such an extension, an endpoint MUST
        // abort the handshake with an "unsupported_extension" alert."
        if (offered != nullptr && !offered->has(type)) {
            return refuse(alert::unsupported_extension, "unsolicited_extension",
                          "the peer answered the extension " + describe(type) + ", which we had not sent");
        }
    }
    return {};
}

const extension* find(const std::vector<extension>& list, extension_type type) {
    for (const extension& e : list) {
        if (e.type == type) {
            return &e;
        }
    }
    return nullptr;
}

result<const extension*> require(const std::vector<extension>& list, extension_type type, std::string_view message) {
    if (const extension* e = find(list, type)) {
        return e;
    }
    return refuse(alert::missing_extension, "missing_extension",
                  "the peer's " + std::string(message) + " lacks the extension " + std::string(name_of(type)));
}

result<void> require_empty(const extension& e) {
    if (!e.data.empty()) {
        return refuse(alert::decode_error, "malformed_" + std::string(name_of(e.type)),
                      "the peer's extension " + std::string(name_of(e.type)) + " must be empty");
    }
    return {};
}

}  // namespace berth::authkem
