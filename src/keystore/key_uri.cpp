#include "keystore/key_uri.h"

#include "keystore/software.h"
#include "keystore/stsafe/uri.h"
#include "keystore/tpm2/keys.h"
#include "pki/private_key_file.h"

#include <array>

namespace berth::keystore {

namespace {

struct scheme {
    key_store_kind kind;
    std::string_view name;
    std::string_view needs;  // what a build without it lacks
};

constexpr std::array schemes{
    scheme{key_store_kind::file, "file", ""},
    scheme{key_store_kind::tpm2, "tpm2", ""},
    scheme{key_store_kind::stsafe, "stsafe", ""},
    scheme{key_store_kind::pkcs11, "pkcs11", "the PKCS#11 back end, which a build with BERTH_PKCS11=ON has"},
};

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

error unavailable(const key_uri& uri) {
    return error{error_category::environment, "keystore_unavailable",
                 "The key " + uri.text() + " needs " + std::string(scheme_of(uri.kind).needs) + "; this one has not."}
        .with("uri", uri.text());
}

std::string path_of(const std::string& path, const open_options& options) {
    if (options.base_directory.empty() || path.starts_with('/')) {
        return path;
    }
    return options.base_directory + "/" + path;
}

result<kem_key_ptr> open_tpm2_kem_key(const key_uri& uri, const open_options& options) {
    BERTH_TRY(name, tpm2::parse_key_name(uri.rest));
    if (name.seed.empty()) {
        return bad_key_uri(uri.text(), "half of a KEM key is a sealed seed; add ;seed=FILE");
    }
    const std::string path = path_of(name.seed, options);
    constexpr size_t most_octets = 16384;
    BERTH_TRY(octets, pki::read_file(path, most_octets));
    auto sealed = tpm2::sealed_file::from_pem(as_text(octets));
    if (!sealed) {
        return fail(std::move(sealed).error().during("reading " + path));
    }
    BERTH_TRY(device, tpm2::device::shared(name.tcti));
    return tpm2::hybrid_key_at(device, name.handle, *sealed);
}

result<signing_key_ptr> open_tpm2_signing_key(const key_uri& uri) {
    BERTH_TRY(name, tpm2::parse_key_name(uri.rest));
    if (!name.seed.empty()) {
        return bad_key_uri(uri.text(), "a signing key has no sealed seed");
    }
    BERTH_TRY(device, tpm2::device::shared(name.tcti));
    return tpm2::signing_key_at(device, name.handle);
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
    return bad_key_uri(text, "the schemes are file, tpm2, stsafe and pkcs11; write file:" + std::string(text) +
                                 " for a file of that name");
}

result<kem_key_ptr> open_kem_key(std::string_view text, const open_options& options) {
    BERTH_TRY(uri, parse_key_uri(text));
    if (uri.kind == key_store_kind::tpm2) {
        return open_tpm2_kem_key(uri, options);
    }
    if (uri.kind == key_store_kind::stsafe) {
        return stsafe::open_kem_key(uri.rest, options);
    }
    if (uri.kind != key_store_kind::file) {
        return fail(unavailable(uri));
    }
    BERTH_TRY(key, pki::load_kem_private_key(path_of(uri.rest, options), options.passphrase));
    return software_kem_key(std::move(key));
}

result<signing_key_ptr> open_signing_key(std::string_view text, const open_options& options) {
    BERTH_TRY(uri, parse_key_uri(text));
    if (uri.kind == key_store_kind::tpm2) {
        return open_tpm2_signing_key(uri);
    }
    if (uri.kind == key_store_kind::stsafe) {
        return stsafe::open_signing_key(uri.rest, options);
    }
    if (uri.kind != key_store_kind::file) {
        return fail(unavailable(uri));
    }
    BERTH_TRY(key, pki::load_signing_key(path_of(uri.rest, options), options.passphrase));
    return software_signing_key(std::move(key));
}

}  // namespace berth::keystore
