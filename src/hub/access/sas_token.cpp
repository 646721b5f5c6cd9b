#include "hub/access/sas_token.h"

#include "base/wipe.h"
#include "crypto/constant_time.h"
#include "crypto/hash.h"
#include "hub/access/percent.h"
#include "wire/base64.h"

#include <algorithm>
#include <charconv>
#include <map>

#include <fmt/format.h>

namespace berth::hub {

namespace {

constexpr std::string_view word = "SharedAccessSignature";

tl::unexpected<error> bad_token(const char* why) {
    return fail(error_category::peer, "bad_token", fmt::format("The shared access signature {}.", why));
}

bytes signature_of(std::string_view resource, std::string_view expiry, const secret_bytes& key) {
    const std::string text = fmt::format("{}\n{}", resource, expiry);
    return to_bytes(crypto::hmac(crypto::hash_algorithm::sha256, key.reveal(), as_bytes(text)).view());
}

// The host in lower case and without its port; what follows as it is.
std::string normal(std::string_view resource) {
    const size_t slash = std::min(resource.find('/'), resource.size());
    std::string host(resource.substr(0, slash));
    host.erase(std::min(host.find(':'), host.size()));
    std::ranges::transform(host, host.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return host + std::string(resource.substr(slash));
}

}  // namespace

result<sas_token> sas_token::parse(std::string_view text) {
    if (text.size() > most_sas_token) {
        return bad_token("is too long");
    }
    if (text.starts_with(word)) {
        text.remove_prefix(word.size());
        text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    }
    if (text.ends_with('&')) {
        return bad_token("ends in the middle");
    }
    std::map<std::string_view, std::string_view> fields;
    while (!text.empty()) {
        const size_t end = std::min(text.find('&'), text.size());
        const std::string_view one = text.substr(0, end);
        const size_t equals = one.find('=');
        if (equals == std::string_view::npos || !fields.emplace(one.substr(0, equals), one.substr(equals + 1)).second) {
            return bad_token("has a field twice, or one without a value");
        }
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    const bool complete = fields.contains("sr") && fields.contains("sig") && fields.contains("se");
    if (!complete || fields.size() != (fields.contains("skn") ? 4U : 3U)) {
        return bad_token("does not consist of sr, sig, se and skn");
    }
    sas_token out;
    out.signed_resource = fields["sr"];
    auto resource = percent_decoded(fields["sr"]);
    auto signature = percent_decoded(fields["sig"]);
    auto policy = percent_decoded(fields["skn"]);
    if (!resource || !signature || !policy || resource->empty()) {
        return bad_token("has a value that does not decode");
    }
    out.resource = std::move(*resource);
    out.policy = std::move(*policy);
    auto octets = wire::from_base64(*signature);
    wipe(*signature);
    if (!octets || octets->size() != 32) {
        return bad_token("has a sig that is no HMAC-SHA-256");
    }
    out.signature = std::move(*octets);
    const std::string_view se = fields["se"];
    // SDKs write fractions of seconds never, and no sign.
    const auto [stop, mistake] = std::from_chars(se.data(), se.data() + se.size(), out.expiry);
    if (mistake != std::errc() || stop != se.data() + se.size() || out.expiry < 0 || (se.size() > 1 && se.front() == '0')) {
        return bad_token("has an se that is no time in seconds");
    }
    return out;
}

result<void> sas_token::check(const secret_bytes& key, unix_seconds now) const {
    if (!crypto::equal(signature, signature_of(signed_resource, std::to_string(expiry), key))) {
        return bad_token("is not by this key");
    }
    if (now >= expiry) {
        return fail(error_category::peer, "token_expired",
                    fmt::format("The shared access signature was good until {}.", to_iso8601(expiry)));
    }
    if (expiry - now > longest_sas) {
        return fail(
            error_category::peer, "token_expired",
            fmt::format("The shared access signature is for longer than {} days: make one for less.", longest_sas / 86'400));
    }
    return {};
}

bool sas_token::covers(std::string_view wanted) const {
    const std::string whole = normal(wanted);
    std::string part = normal(resource);
    while (part.ends_with('/')) {
        part.pop_back();
    }
    return !part.empty() && whole.starts_with(part) && (whole.size() == part.size() || whole[part.size()] == '/');
}

std::string make_sas_token(std::string_view resource, const secret_bytes& key, unix_seconds expiry, std::string_view policy) {
    const std::string encoded = percent_encoded(resource);
    std::string out = fmt::format("{} sr={}&sig={}&se={}", word, encoded,
                                  percent_encoded(wire::base64(signature_of(encoded, std::to_string(expiry), key))), expiry);
    if (!policy.empty()) {
        out += "&skn=" + percent_encoded(policy);
    }
    return out;
}

}  // namespace berth::hub
