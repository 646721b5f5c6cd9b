#include "authkem/client_hello.h"

#include "crypto/x25519_mlkem768.h"

#include <algorithm>

namespace berth::authkem {

namespace {

// Collects extensions in the order in which they are added, and remembers the first that could not be
// encoded.
class extension_writer {
public:
    template <wire::structure T>
    void add(extension_type type, const T& body) {
        auto made = make_extension(type, body);
        if (!made) {
            failed_ = std::move(made).error();
            return;
        }
        items_.push_back(std::move(*made));
    }
    void add_empty(extension_type type) { items_.push_back({type, {}}); }

    result<std::vector<extension>> take() && {
        if (failed_) {
            return fail(std::move(*failed_));
        }
        return std::move(items_);
    }

private:
    std::vector<extension> items_;
    std::optional<error> failed_;
};

template <class T>
bool contains(const T& items, uint16_t value) {
    return std::find(items.begin(), items.end(), value) != items.end();
}

result<std::string> parse_server_name(const extension& e) {
    BERTH_TRY(list, body_of<server_name_list>(e));
    std::string name;
    for (const server_name_entry& entry : list.names) {
        if (entry.name_type != 0) {
            continue;
        }
        // RFC 6066 3: "The ServerNameList MUST NOT contain more than one name of the same name_type."
        if (!name.empty()) {
            return refuse(alert::illegal_parameter, "repeated_server_name", "the client named two hosts");
        }
        name = entry.name.text();
    }
    return name;
}

result<std::vector<std::string>> parse_alpn(const extension& e) {
    BERTH_TRY(list, body_of<protocol_names>(e));
    std::vector<std::string> names;
    names.reserve(list.names.size());
    for (const protocol_name& item : list.names) {
        names.emplace_back(item.name.text());
    }
    return names;
}

// Profile 2: "A server that does not find it, or finds no common version, answers `handshake_failure`, before
// it judges any other missing extension."
result<void> judge_profile(const std::vector<extension>& list) {
    const extension* e = find(list, extension_type::authkem_profile);
    if (e != nullptr) {
        BERTH_TRY(offer, body_of<offered_profiles>(*e));
        if (contains(offer.versions.value, profile_version)) {
            return {};
        }
    }
    return refuse(alert::handshake_failure, "no_common_profile",
                  "the client does not offer AuthKEM profile 1; is it an ordinary TLS client?");
}

// Profile 2: "`supported_versions` = TLS 1.3 only" and RFC 8446 4.2.1.
result<void> judge_version(const std::vector<extension>& list) {
    const extension* e = find(list, extension_type::supported_versions);
    if (e != nullptr) {
        BERTH_TRY(offer, body_of<offered_versions>(*e));
        if (contains(offer.versions.items, tls13)) {
            return {};
        }
    }
    return refuse(alert::protocol_version, "no_common_version", "the client does not offer TLS 1.3");
}

result<bytes> parse_key_share(const extension& groups_extension, const extension& share_extension) {
    BERTH_TRY(groups, body_of<named_groups>(groups_extension));
    BERTH_TRY(offer, body_of<client_key_shares>(share_extension));
    wire::opaque<1, 65535>* ours = nullptr;
    bool repeated = false;
    bool without_group = false;
    for (key_share_entry& entry : offer.shares.items) {
        without_group = without_group || !contains(groups.groups.items, entry.group);
        if (entry.group == crypto::group_x25519mlkem768) {
            repeated = repeated || ours != nullptr;
            ours = &entry.key_exchange;
        }
    }
    // Profile 2: "a server that cannot use an offered share answers `handshake_failure`".
    if (ours == nullptr) {
        return refuse(alert::handshake_failure, "no_usable_share", "the client sent no X25519MLKEM768 key share");
    }
    // RFC 8446 4.2.8: "Clients MUST NOT offer multiple KeyShareEntry values for the same group. Clients MUST
    // NOT offer any KeyShareEntry values for groups not listed in the client's "supported_groups" extension.
    // Servers MAY check for violations of these rules and abort the handshake with an "illegal_parameter"
    // alert if one is violated."
    if (repeated) {
        return refuse(alert::illegal_parameter, "repeated_share", "the client sent two shares of one group");
    }
    if (without_group) {
        return refuse(alert::illegal_parameter, "share_without_group",
                      "the client sent a key share of a group that is not in its supported_groups");
    }
    return std::move(ours->value);
}

// Profile 6: "`early_auth` without `stored_auth_key`, in either Hello, is `illegal_parameter`".
result<void> parse_pdk(const std::vector<extension>& list, parsed_client_hello& out) {
    const extension* stored = find(list, extension_type::stored_auth_key);
    const extension* early = find(list, extension_type::early_auth);
    if (stored != nullptr) {
        BERTH_TRY(body, body_of<stored_auth_key>(*stored));
        out.stored_auth_key = std::move(body);
    }
    if (early != nullptr) {
        BERTH_CHECK(require_empty(*early));
        if (stored == nullptr) {
            return refuse(alert::illegal_parameter, "early_auth_alone", "the client sent early_auth without stored_auth_key");
        }
        out.early_auth = true;
    }
    return {};
}

}  // namespace

result<encoded_client_hello> encode_client_hello(const client_hello_content& content) {
    client_hello hello;
    hello.random = content.random;
    for (const cipher_suite suite : content.suites) {
        hello.cipher_suites.items.push_back(static_cast<uint16_t>(suite));
    }
    hello.legacy_compression_methods.value = {0};

    signature_schemes schemes;
    for (const scheme s : content.schemes) {
        schemes.schemes.items.push_back(code_of(s));
    }

    // Profile 8: "extensions in ascending order of type".
    extension_writer list;
    if (!content.server_name.empty()) {
        list.add(extension_type::server_name,
                 server_name_list{{{server_name_entry{0, wire::opaque<1, 65535>(content.server_name)}}}});
    }
    list.add(extension_type::supported_groups, named_groups{{{crypto::group_x25519mlkem768}}});
    list.add(extension_type::signature_algorithms, schemes);
    if (!content.alpn.empty()) {
        protocol_names names;
        for (const std::string& name : content.alpn) {
            names.names.items.push_back({wire::opaque<1, 255>(std::string_view(name))});
        }
        list.add(extension_type::alpn, names);
    }
    list.add(extension_type::supported_versions, offered_versions{{{tls13}}});
    list.add(extension_type::signature_algorithms_cert,
             signature_schemes{{{ca_signature_algorithms.begin(), ca_signature_algorithms.end()}}});
    list.add(extension_type::key_share,
             client_key_shares{{{key_share_entry{crypto::group_x25519mlkem768, wire::opaque<1, 65535>(content.key_share)}}}});
    list.add(extension_type::authkem_profile, offered_profiles{{bytes{profile_version}}});
    if (content.pdk) {
        list.add(extension_type::stored_auth_key, stored_auth_key{wire::opaque<32, 32>(content.pdk->fingerprint),
                                                                  wire::opaque<1, 65535>(content.pdk->encapsulation)});
        if (content.pdk->early_auth) {
            list.add_empty(extension_type::early_auth);
        }
    }
    BERTH_TRY(extensions, std::move(list).take());
    hello.extensions.items = std::move(extensions);

    encoded_client_hello out;
    for (const extension& e : hello.extensions) {
        out.offered.add(e.type);
    }
    BERTH_TRY(message, encode_message(handshake_type::client_hello, hello));
    out.message = std::move(message);
    return out;
}

result<parsed_client_hello> parse_client_hello(bytes_view body) {
    BERTH_TRY(hello, decode_part<client_hello>(body, "client_hello"));
    const std::vector<extension>& list = hello.extensions.items;
    BERTH_CHECK(check_extensions(list, extension_place::client_hello, nullptr));
    BERTH_CHECK(judge_version(list));
    // Profile 2: "`legacy_session_id` is empty (else `illegal_parameter`)".
    if (!hello.legacy_session_id.empty()) {
        return refuse(alert::illegal_parameter, "session_id_not_empty", "the client sent a legacy_session_id");
    }
    // RFC 8446 4.1.2: "For every TLS 1.3 ClientHello, this vector MUST contain exactly one byte, set to zero
    // [...] If a TLS 1.3 ClientHello is received with any other value in this field, the server MUST abort
    // the handshake with an "illegal_parameter" alert."
    if (hello.legacy_compression_methods.value != bytes{0}) {
        return refuse(alert::illegal_parameter, "bad_compression_methods", "the client offers compression");
    }
    BERTH_CHECK(judge_profile(list));

    // Profile 2: "A server answers `missing_extension` when `supported_groups`, `key_share`,
    // `signature_algorithms` or `signature_algorithms_cert` is absent".
    constexpr std::string_view message = "ClientHello";
    BERTH_TRY(groups, require(list, extension_type::supported_groups, message));
    BERTH_TRY(shares, require(list, extension_type::key_share, message));
    BERTH_TRY(algorithms, require(list, extension_type::signature_algorithms, message));
    BERTH_TRY(cert_algorithms, require(list, extension_type::signature_algorithms_cert, message));

    parsed_client_hello out;
    out.random = hello.random;
    out.cipher_suites = std::move(hello.cipher_suites.items);
    BERTH_TRY(schemes, body_of<signature_schemes>(*algorithms));
    out.signature_algorithms = std::move(schemes.schemes.items);
    BERTH_CHECK(body_of<signature_schemes>(*cert_algorithms));
    if (const extension* e = find(list, extension_type::server_name)) {
        BERTH_TRY(name, parse_server_name(*e));
        out.server_name = std::move(name);
    }
    if (const extension* e = find(list, extension_type::alpn)) {
        BERTH_TRY(names, parse_alpn(*e));
        out.alpn = std::move(names);
    }
    BERTH_CHECK(parse_pdk(list, out));
    BERTH_TRY(share, parse_key_share(*groups, *shares));
    out.key_share = std::move(share);
    return out;
}

}  // namespace berth::authkem
