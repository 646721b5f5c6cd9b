// pkcs11: URIs (RFC 7512), as they name a key in a token:
//
//     pkcs11:token=ca;object=issuer;id=%01?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:pin
//
//     token, manufacturer, model, serial, slot-id   which token; together they name exactly one
//     object, id                                    which key; at least one of them, together they name exactly one
//     type                                          private, if it is said
//     module-path                                   the module; BERTH_PKCS11_MODULE when not said, else p11-kit's, which has
//                                                   all modules that are configured on the machine
//     pin-source                                    a file with the PIN in its first line, mode 0600, as path or file: URI;
//                                                   relative to the naming file's directory
//
// What RFC 7512 knows besides is refused by name: pin-value would leave the PIN in configurations and process lists.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <optional>
#include <string>
#include <string_view>

namespace berth::keystore::pkcs11 {

struct key_name {
    std::optional<std::string> token;
    std::optional<std::string> manufacturer;
    std::optional<std::string> model;
    std::optional<std::string> serial;
    std::optional<uint64_t> slot;
    std::optional<std::string> object;
    std::optional<bytes> id;
    std::string module_path;
    std::string pin_source;  // a path
};

// `rest` is what follows "pkcs11:". Error bad_key_uri.
result<key_name> parse_name(std::string_view rest);

}  // namespace berth::keystore::pkcs11
