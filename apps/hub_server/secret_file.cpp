#include "hub_server/secret_file.h"

#include "pki/private_key_file.h"

namespace berth::app {

result<secret_bytes> read_secret(const std::filesystem::path& file) {
    BERTH_TRY(read, pki::read_secret_file(file.string(), most_secret + 2));
    bytes_view octets = read.reveal();
    while (!octets.empty() && (octets.back() == '\n' || octets.back() == '\r')) {
        octets = octets.first(octets.size() - 1);
    }
    if (octets.size() < least_secret || octets.size() > most_secret) {
        return fail(
            error{error_category::usage,
                  "bad_secret",
                  fmt::format("{} has {} octets: a secret has {} to {}", file.string(), octets.size(), least_secret, most_secret),
                  {{"file", file.string()}}});
    }
    return secret_bytes(octets);
}

}  // namespace berth::app
