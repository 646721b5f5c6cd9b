// Where a device's private keys live: what its bundle names, and what the holders say themselves.
#pragma once

#include "base/result.h"

#include <filesystem>
#include <string>
#include <vector>

namespace berth::app {

// Of the two keys of its identity, in a few words: "files p3.pem, p3-sig.pem", "TPM handles 0x81020002, 0x81020000", "STSAFE
// slots 2, 1". Errors of files.
result<std::string> where_identity_lives(const std::filesystem::path& bundle);

struct held_key {
    std::string name;       // "p3", or that of an operational certificate
    std::string algorithm;  // as the holder's public key says
    std::string place;      // "file p3.pem", "TPM handle 0x81020002 (seed sealed in p3.seed)", "STSAFE slot 2"
    std::string backend;
    bool exportable = false;
};
// Opens the key of each certificate where its name says that it is. Errors of files, of the holders; `key_mismatch`: what is
// there is not the key of the certificate.
result<std::vector<held_key>> ask_holders(const std::filesystem::path& bundle);

// `grep -rl "PRIVATE KEY" DIRECTORY...`, as a shell takes it.
std::string grep_for_private_keys(const std::vector<std::filesystem::path>& directories);
// What that command finds. Errors of processes; `grep_failed`: it could not look.
result<std::vector<std::string>> run_grep(const std::string& command);

}  // namespace berth::app
