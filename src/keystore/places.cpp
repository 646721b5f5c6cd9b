#include "keystore/places.h"

#include "keystore/pkcs11/uri.h"
#include "keystore/sealed/backend.h"
#include "keystore/stsafe/uri.h"
#include "keystore/tpm2/keys.h"

#include <algorithm>
#include <filesystem>

namespace berth::keystore {

namespace {

// Of what else says which token, a name may leave out anything.
result<key_location> in_token(const std::string& rest) {
    BERTH_TRY(name, pkcs11::parse_name(rest));
    return key_location{
        key_store_kind::pkcs11, name.token.value_or(""), {name.object.value_or(name.id ? to_hex(*name.id) : std::string())}};
}

}  // namespace

result<key_location> location_of(std::string_view uri, const open_options& options) {
    BERTH_TRY(parsed, parse_key_uri(uri));
    switch (parsed.kind) {
    case key_store_kind::tpm2: {
        BERTH_TRY(name, tpm2::parse_key_name(parsed.rest));
        return key_location{parsed.kind, name.tcti, {tpm2::handle_text(name.handle)}};
    }
    case key_store_kind::stsafe: {
        BERTH_TRY(name, stsafe::parse_name(parsed.rest));
        return key_location{parsed.kind,
                            name.device + ":" + std::to_string(name.address),
                            {"slot " + std::to_string(name.place.slot), "zone " + std::to_string(name.place.zone)}};
    }
    case key_store_kind::pkcs11: return in_token(parsed.rest);
    case key_store_kind::sealed: {
        BERTH_TRY(name, sealed::parse_name(parsed.rest));
        return location_of("file:" + name.file, options);
    }
    case key_store_kind::file: break;
    }
    return key_location{parsed.kind, {}, {std::filesystem::path(options.path(parsed.rest)).lexically_normal().string()}};
}

std::string common_place(const key_location& a, const key_location& b) {
    const bool one_keeper = a.keeper.empty() || b.keeper.empty() || a.keeper == b.keeper;
    if (a.kind != b.kind || !one_keeper) {
        return {};
    }
    const auto found =
        std::ranges::find_if(a.places, [&b](const auto& place) { return std::ranges::find(b.places, place) != b.places.end(); });
    return found == a.places.end() ? std::string() : *found;
}

}  // namespace berth::keystore
