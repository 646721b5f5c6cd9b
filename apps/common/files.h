// Reading and writing the files that commands name.
#pragma once

#include "base/bytes.h"
#include "pki/certificate.h"
#include "pki/crl.h"

#include <filesystem>

namespace berth::app {

inline constexpr size_t most_file_octets = 4 * 1024 * 1024;

// Errors `file_not_found`, `file_error`, `file_too_large`, naming the file.
result<std::string> read_text(const std::filesystem::path& path);
// Complete or not at all. Error `file_error`.
result<void> write_text(const std::filesystem::path& path, std::string_view text, unsigned mode = 0644);
// A chain, leaf first. Errors also `bad_pem`, `bad_certificate`.
result<std::vector<pki::certificate>> read_chain(const std::filesystem::path& path);
result<pki::certificate> read_certificate(const std::filesystem::path& path);
// The lists of all these files. Errors also `bad_pem`, `bad_crl`.
result<std::vector<pki::crl>> read_crls(const std::vector<std::filesystem::path>& files);
// mkdir -p. Error `file_error`.
result<void> make_directory(const std::filesystem::path& path, unsigned mode = 0755);

}  // namespace berth::app
