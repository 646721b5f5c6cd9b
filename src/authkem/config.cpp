#include "authkem/config.h"

#include "authkem/certificate_request.h"
#include "authkem/record.h"

#include <algorithm>

namespace berth::authkem {

namespace {

// Profile 6: "A client sends none over 16 000 octets (length field): it omits `early_auth`."
constexpr size_t most_early_certificate = 16000;

tl::unexpected<error> mistake(std::string name, std::string message) {
    return fail(error_category::usage, std::move(name), std::move(message));
}

result<void> check_common(const std::vector<cipher_suite>& suites, const std::vector<scheme>& schemes,
                          const std::vector<std::string>& alpn, bool alpn_required, const record_options& records) {
    if (suites.empty()) {
        return mistake("no_cipher_suite", "name at least one cipher suite");
    }
    if (schemes.empty()) {
        return mistake("no_scheme", "name at least one KEM scheme");
    }
    if (alpn_required && alpn.empty()) {
        return mistake("alpn_not_named", "an application protocol is demanded, but none is named");
    }
    for (const std::string& name : alpn) {
        if (name.empty() || name.size() > 255) {
            return mistake("bad_alpn", "the name of an application protocol has 1 to 255 octets");
        }
    }
    if (records.padding_block < 1 || records.padding_block > 256 || records.max_content < 1 ||
        records.max_content > max_plaintext || records.records_per_key < 2) {
        return mistake("bad_record_options", "a limit of the record layer is out of its range");
    }
    return {};
}

result<void> check_trust(const chain_rules& rules, std::string_view whose) {
    if (!rules.trust && !rules.possession_only) {
        return mistake("no_trust_store", "name the roots that may vouch for the " + std::string(whose) + "'s certificate");
    }
    return {};
}

result<bytes> encode_chain(const credential& own) {
    if (!own.key) {
        return mistake("no_credential", "a credential has no key");
    }
    if (own.chain.empty()) {
        return bytes{};
    }
    BERTH_TRY(key, own.chain.front().kem_key());
    if (!(key == own.key->public_key())) {
        return mistake("credential_key_mismatch", "the private key does not belong to the first certificate of the chain");
    }
    der_chain chain;
    for (const pki::certificate& c : own.chain) {
        chain.push_back(to_bytes(c.der()));
    }
    return encode_certificate(chain);
}

// RFC 6066 3: "Literal IPv4 and IPv6 addresses are not permitted in "HostName"."
bool is_address(std::string_view name) {
    return name.find(':') != std::string_view::npos || name.find_first_not_of("0123456789.") == std::string_view::npos;
}

}  // namespace

result<std::shared_ptr<const client_context>> client_context::make(client_config config) {
    BERTH_CHECK(check_common(config.suites, config.schemes, config.alpn, config.alpn_required, config.records));
    const bool full_handshake_possible = !config.pdk || !config.pdk->refusal_is_fatal;
    if (full_handshake_possible) {
        BERTH_CHECK(check_trust(config.server, "server"));
    }
    if (config.server_name.size() > 255 || config.server_name.find('\0') != std::string::npos) {
        return mistake("bad_server_name", "the server's name is no host name");
    }
    config.server.cache_scope = cache_scope_of(config.server);
    std::shared_ptr<client_context> out(new client_context(std::move(config)));
    const client_config& c = out->config_;
    out->sent_name_ = is_address(c.server_name) ? std::string{} : c.server_name;
    if (c.own) {
        BERTH_TRY(message, encode_chain(*c.own));
        out->certificate_ = std::move(message);
    }
    if (c.pdk && c.pdk->early_auth) {
        if (out->certificate_.empty()) {
            return mistake("early_auth_without_certificate", "early authentication needs a client certificate");
        }
        out->early_auth_ = out->certificate_.size() - handshake_header_size <= most_early_certificate;
    }
    return out;
}

result<std::shared_ptr<const server_context>> server_context::make(server_config config) {
    BERTH_CHECK(check_common(config.suites, config.schemes, config.alpn, config.alpn_required, config.records));
    if (config.credentials.empty()) {
        return mistake("no_credential", "a server needs a certificate, or at least a key that its clients know");
    }
    if (config.client_auth != client_auth::none) {
        BERTH_CHECK(check_trust(config.client, "client"));
    }
    config.client.cache_scope = cache_scope_of(config.client);
    std::shared_ptr<server_context> out(new server_context(std::move(config)));
    for (const credential& own : out->config_.credentials) {
        BERTH_TRY(message, encode_chain(own));
        out->credentials_.push_back({own.key, std::move(message)});
    }
    BERTH_TRY(request, encode_certificate_request(out->config_.schemes));
    out->certificate_request_ = std::move(request);
    return out;
}

const server_context::prepared* server_context::credential_for(const std::vector<uint16_t>& offered) const {
    for (const uint16_t code : offered) {
        for (const prepared& p : credentials_) {
            if (!p.certificate.empty() && code_of(p.key->algorithm()) == code) {
                return &p;
            }
        }
    }
    return nullptr;
}

const server_context::prepared* server_context::credential_with(bytes_view fingerprint) const {
    for (const prepared& p : credentials_) {
        if (std::ranges::equal(p.key->public_key().spki_sha256(), fingerprint)) {
            return &p;
        }
    }
    return nullptr;
}

}  // namespace berth::authkem
