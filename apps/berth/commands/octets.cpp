#include "berth/commands/octets.h"

#include "base/wipe.h"
#include "common/files.h"
#include "pki/private_key_file.h"
#include "wire/base64.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <unistd.h>

namespace berth::app {

namespace {

bool is_text(bytes_view octets) {
    return std::ranges::all_of(octets, [](uint8_t c) { return c == '\n' || c == '\t' || (c >= 0x20 && c < 0x7f); });
}

}  // namespace

result<secret_bytes> read_input(const std::string& file) {
    if (!file.empty() && file != "-") {
        BERTH_TRY(octets, pki::read_file(file, most_file_octets));
        secret_bytes out{bytes_view(octets)};
        wipe(octets);
        return out;
    }
    secret_bytes out;
    std::array<uint8_t, 4096> some{};
    for (ssize_t got = 0; (got = ::read(STDIN_FILENO, some.data(), some.size())) != 0;) {
        if (got < 0 && errno != EINTR) {
            return fail(error_category::environment, "file_error", fmt::format("standard input: {}", std::strerror(errno)));
        }
        out.append(bytes_view(some).first(static_cast<size_t>(std::max<ssize_t>(got, 0))));
        if (out.size() > most_file_octets) {
            return fail(error_category::usage, "file_too_large", "standard input holds more than this command takes");
        }
    }
    wipe(some);
    return out;
}

result<void> write_output(const context& c, const std::string& file, const char* name, bytes_view octets) {
    if (!file.empty() && file != "-") {
        BERTH_CHECK(pki::write_file_atomically(file, octets, 0600));
        if (c.json) {
            print_json(wire::json::object{{"file", file}});
        }
        return {};
    }
    if (c.json) {
        print_json(wire::json::object{{name, wire::base64(octets)}});
        return {};
    }
    // What is no text would set the terminal's modes, and could not be read there.
    if (on_terminal() && !is_text(octets)) {
        fmt::print("{}\n", to_hex(octets));
        return {};
    }
    if (std::fwrite(octets.data(), 1, octets.size(), stdout) != octets.size() || std::fflush(stdout) != 0) {
        return fail(error_category::environment, "file_error", fmt::format("standard output: {}", std::strerror(errno)));
    }
    return {};
}

}  // namespace berth::app
