// What a file of a public key infrastructure says, in words: certificates, requests, lists, keys, OCSP messages, vouchers.
#pragma once

#include "base/clock.h"
#include "base/secret.h"
#include "wire/json.h"

#include <filesystem>

namespace berth::app {

struct explained {
    std::string kind;                // "certificate", "request", "crl", "private_key", ...
    std::vector<std::string> lines;  // sentences for people, the first one what it is
    wire::json::object facts;        // the same for programs, with "kind"
};

// One for each block of a PEM file, or one of DER. Private keys are told by their kind alone. Errors of files; `not_understood`
// (usage): it is nothing that we know.
result<std::vector<explained>> explain_file(const std::filesystem::path& file, const std::optional<secret_bytes>& passphrase,
                                            unix_seconds now);

}  // namespace berth::app
