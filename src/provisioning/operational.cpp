#include "provisioning/operational.h"

#include "registry/provisioning/enrolment.h"
#include "wire/base64.h"

#include <algorithm>

#include <fmt/format.h>

namespace berth::provisioning {

namespace {

tl::unexpected<error> bad(std::string why) {
    return fail(error_category::peer, "bad_csr", "The certificate request " + std::move(why));
}

const wire::json::value* member(const wire::json::value* v, std::string_view name) {
    const auto* const object = v ? v->if_object() : nullptr;
    return object ? object->if_contains(name) : nullptr;
}

// By it the hub knows the device later: one, and its own.
result<void> check_name(const pki::verified_csr& request, std::string_view registration_id) {
    std::vector<std::string> names;
    for (const auto& [type, value] : request.name().attributes) {
        if (type == "CN") {
            names.push_back(value);
        }
    }
    if (names.size() != 1 || !registry::same_registration_id(names.front(), registration_id)) {
        return bad(fmt::format("must have one common name, \"{}\".", registration_id));
    }
    return {};
}

}  // namespace

result<std::optional<pki::verified_csr>> read_csr(const wire::json::object& body, std::string_view registration_id) {
    const auto* const direct = body.if_contains("csr");
    const auto* const within = member(body.if_contains("payload"), "csr");
    if (!direct && !within) {
        return std::nullopt;
    }
    if (direct && within) {
        return bad("is there twice, in the body and in its payload: which is meant?");
    }
    const wire::json::value& text = direct ? *direct : *within;
    if (!text.is_string()) {
        return bad("is no text: it is base64 of DER.");
    }
    const auto& octets = text.as_string();
    if (octets.size() > (most_csr + 2) / 3 * 4) {
        return bad(fmt::format("has more than {} octets.", most_csr));
    }
    const auto der = wire::from_base64({octets.data(), octets.size()});
    if (!der) {
        return bad("is no base64 of DER: " + der.error().message);
    }
    auto request = pki::verified_csr::parse(*der);
    if (!request) {
        return bad("is not one that can be granted: " + request.error().message);
    }
    BERTH_CHECK(check_name(*request, registration_id));
    return std::optional<pki::verified_csr>(std::move(*request));
}

wire::json::array chain_json(std::span<const pki::certificate> chain) {
    wire::json::array out;
    for (const auto& one : chain) {
        out.emplace_back(wire::base64(one.der()));
    }
    return out;
}

}  // namespace berth::provisioning
