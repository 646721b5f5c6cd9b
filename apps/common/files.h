// Reading and writing the files that commands name.
#pragma once

#include "base/bytes.h"
#include "base/secret.h"
#include "pki/certificate.h"
#include "pki/crl.h"

#include <filesystem>
#include <optional>

namespace berth::app {

inline constexpr size_t most_file_octets = 4 * 1024 * 1024;

// `file_error`: "cannot DOING PATH: why". Without `why`: of a system call that has just failed (errno).
tl::unexpected<error> cannot(const char* doing, const std::filesystem::path& path, const std::error_code& why);
tl::unexpected<error> cannot(const char* doing, const std::filesystem::path& path);

// Errors `file_not_found`, `file_error`, `file_too_large`, naming the file.
result<std::string> read_text(const std::filesystem::path& path);
// Complete or not at all. Error `file_error`.
result<void> write_text(const std::filesystem::path& path, std::string_view text, unsigned mode = 0644);
// A chain, leaf first. Errors also `bad_pem`, `bad_certificate`.
result<std::vector<pki::certificate>> read_chain(const std::filesystem::path& path);
result<pki::certificate> read_certificate(const std::filesystem::path& path);
// Each file may hold several. Errors as above and `bad_crl`, naming the file.
result<std::vector<pki::certificate>> read_certificates(const std::vector<std::filesystem::path>& files);
result<std::vector<pki::crl>> read_crls(const std::vector<std::filesystem::path>& files);
// As read_certificates, for trust anchors; error `bad_anchor` names the file with a certificate that is no CA's.
result<std::vector<pki::certificate>> read_anchors(const std::vector<std::filesystem::path>& files);
// The first line of a file that others may not read; nothing when no file is named. Errors of pki::read_secret_file,
// `empty_passphrase`.
result<std::optional<secret_bytes>> read_passphrase(const std::filesystem::path& file);
// The file `name` of a command's directory. Error `file_not_found`: it is none of `whose`; `made_by` makes one.
result<std::filesystem::path> file_in(const std::filesystem::path& directory, const char* name, const char* whose,
                                      const char* made_by);
// Whether a copy with this text may be made there: nothing is there yet, or the same. Error `file_exists`.
result<void> require_place_of_copy(const std::filesystem::path& file, std::string_view text);
// Whether something is there. Error `file_error`: it cannot be told (a directory above may not be entered).
result<bool> is_there(const std::filesystem::path& path);
// Error `file_error`: the working directory is gone.
result<std::filesystem::path> absolute_path(const std::filesystem::path& path);
// Makes durable the names in a directory, on file systems that can. Error `file_error`.
result<void> sync_directory(const std::filesystem::path& path);
// A new directory, below that for temporary files unless another is named. Error `file_error`.
result<std::filesystem::path> make_temporary_directory(const std::string& prefix, const std::filesystem::path& below = {});
// mkdir -p. Error `file_error`.
result<void> make_directory(const std::filesystem::path& path, unsigned mode = 0755);

}  // namespace berth::app
