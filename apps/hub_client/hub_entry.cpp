#include "hub_client/hub_entry.h"

#include "device/identity_holdings.h"
#include "pki/subject_name.h"

#include <algorithm>

namespace berth::app {

namespace {

namespace json = wire::json;

tl::unexpected<error> bad(std::string_view member, std::string_view why) {
    return fail(error{error_category::peer,
                      "bad_configuration",
                      fmt::format("the customer's configuration: provisioning.{} {}", member, why),
                      {{"member", fmt::format("provisioning.{}", member)}}});
}

result<std::string> text_of(const json::object& in, std::string_view name, bool must = true) {
    const auto* const value = in.if_contains(name);
    if (value == nullptr && !must) {
        return std::string();
    }
    if (value == nullptr || !value->is_string() || value->as_string().empty()) {
        return bad(name, "is a text, and not empty");
    }
    return std::string(value->as_string());
}

bool is_name(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

result<hub_identity> open_one(const device_bundle& bundle, const std::string& name) {
    identity_holdings holdings(bundle);
    BERTH_TRY(known, holdings.look(name));
    const auto& leaf = known.chain.front();
    auto common = pki::only_common_name(leaf);
    if (leaf.is_kem() || !common) {
        return fail(
            error_category::environment, "bad_credential",
            fmt::format("the credential \"{}\" {}: a hub knows devices by the common name of a certificate whose key signs", name,
                        leaf.is_kem() ? "has a KEM's key" : "has no common name"));
    }
    BERTH_TRY(key, holdings.open(name));
    return hub_identity{
        name, std::move(*common), {std::move(known.chain), std::get<keystore::signing_key_ptr>(std::move(key))}, {}};
}

}  // namespace

bool operator==(const hub_entry& a, const hub_entry& b) {
    return a.endpoint.host.text() == b.endpoint.host.text() && a.id_scope == b.id_scope && a.credential == b.credential &&
           std::ranges::equal(a.anchors, b.anchors, [](const auto& x, const auto& y) { return same_octets(x.der(), y.der()); });
}

result<std::optional<hub_entry>> read_hub_entry(const json::object& configuration) {
    const auto* const found = configuration.if_contains("provisioning");
    if (found == nullptr || found->is_null()) {
        return std::nullopt;
    }
    const auto* const said = found->if_object();
    if (said == nullptr) {
        return bad("", "is an object");
    }
    hub_entry out;
    BERTH_TRY(endpoint, text_of(*said, "endpoint"));
    auto url = net::parse_url(endpoint);
    if (!url || url->transport != net::transport_kind::tls || url->target != "/") {
        return bad("endpoint", "is https://HOST or https://HOST:PORT");
    }
    out.endpoint = std::move(*url);
    BERTH_TRY(scope, text_of(*said, "idScope"));
    out.id_scope = std::move(scope);
    BERTH_TRY(credential, text_of(*said, "credential", false));
    if (!is_name(credential)) {
        return bad("credential", "is the name of a credential: lower-case letters, digits and hyphens");
    }
    out.credential = std::move(credential);
    BERTH_TRY(anchors, text_of(*said, "anchors", false));
    if (!anchors.empty()) {
        auto read = pki::certificate::parse_pem_chain(anchors);
        if (!read || read->empty() || !std::ranges::all_of(*read, &pki::certificate::is_ca)) {
            return bad("anchors", "are certificates of CAs, PEM");
        }
        out.anchors = std::move(*read);
    }
    return out;
}

result<hub_identity> open_hub_identity(const device_bundle& bundle, const hub_entry& entry) {
    std::optional<hub_identity> out;
    if (!entry.credential.empty()) {
        BERTH_TRY(one, open_one(bundle, entry.credential));
        out.emplace(std::move(one));
    }
    for (const auto& wanted : bundle.credentials) {
        if (out) {
            break;
        }
        auto one = open_one(bundle, wanted.name);
        if (!one && !one.error().is("bad_credential")) {
            return one;
        }
        if (one) {
            out.emplace(std::move(*one));
        }
    }
    if (!out) {
        return fail(error_category::environment, "bad_credential",
                    "this device has no certificate with a common name whose key signs: its customer's CA has to issue one");
    }
    out->anchors = entry.anchors;
    if (out->anchors.empty()) {
        BERTH_TRY(own, identity_holdings(bundle).trust());
        out->anchors = std::move(own);
    }
    return std::move(*out);
}

}  // namespace berth::app
