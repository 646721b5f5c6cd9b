#include "keystore/key_uri.h"

#include "keystore/backend.h"

#include <array>

namespace berth::keystore {

namespace {

struct scheme {
    key_store_kind kind;
    std::string_view name;
};

constexpr std::array schemes{scheme{key_store_kind::file, "file"}, scheme{key_store_kind::tpm2, "tpm2"},
                             scheme{key_store_kind::stsafe, "stsafe"}, scheme{key_store_kind::pkcs11, "pkcs11"},
                             scheme{key_store_kind::sealed, "sealed"}};

const scheme& scheme_of(key_store_kind kind) {
    return schemes[static_cast<size_t>(kind)];
}

tl::unexpected<error> bad_key_uri(std::string_view text, std::string why) {
    return fail(
        error{error_category::usage, "bad_key_uri", "\"" + std::string(text) + "\" does not name a key: " + std::move(why) + "."}
            .with("uri", std::string(text)));
}

// A scheme as RFC 3986 spells it; "C" and the like are too short to be one, and a path may hold a colon
// further on.
std::optional<std::string_view> scheme_in(std::string_view text) {
    const size_t colon = text.find(':');
    if (colon == std::string_view::npos || colon < 2) {
        return std::nullopt;
    }
    const std::string_view name = text.substr(0, colon);
    const bool plain =
        std::all_of(name.begin(), name.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
    return plain ? std::optional(name) : std::nullopt;
}

}  // namespace

std::string key_uri::text() const {
    return std::string(scheme_of(kind).name) + ":" + rest;
}

result<key_uri> parse_key_uri(std::string_view text) {
    // Such names come from files, with a line end behind them.
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) {
        text.remove_suffix(1);
    }
    if (text.empty()) {
        return bad_key_uri(text, "it is empty");
    }
    if (std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; })) {
        return bad_key_uri(text, "it has control characters");
    }
    const auto name = scheme_in(text);
    if (!name) {
        return key_uri{key_store_kind::file, std::string(text)};
    }
    for (const scheme& s : schemes) {
        if (s.name == *name) {
            std::string rest(text.substr(name->size() + 1));
            if (rest.empty()) {
                return bad_key_uri(text, "nothing follows the scheme");
            }
            return key_uri{s.kind, std::move(rest)};
        }
    }
    return bad_key_uri(text, "the schemes are file, tpm2, stsafe, pkcs11 and sealed; write file:" + std::string(text) +
                                 " for a file of that name");
}

result<kem_key_ptr> open_kem_key(std::string_view text, const open_options& options) {
    BERTH_TRY(uri, parse_key_uri(text));
    return backend_of(uri.kind).open_kem_key(uri.rest, options);
}

result<signing_key_ptr> open_signing_key(std::string_view text, const open_options& options) {
    BERTH_TRY(uri, parse_key_uri(text));
    return backend_of(uri.kind).open_signing_key(uri.rest, options);
}

}  // namespace berth::keystore
