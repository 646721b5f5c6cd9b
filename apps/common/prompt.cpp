#include "common/prompt.h"

#include "common/words.h"

#include <fmt/format.h>

#include <map>
#include <mutex>

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

namespace berth::app {

namespace {

constexpr size_t most_pin = 1024;
constexpr uint8_t control_c = 3;

// The terminal, not showing what is typed, until this ends.
class silent_terminal {
public:
    silent_terminal() : fd_(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)) {
        if (fd_ >= 0 && ::tcgetattr(fd_, &before_) == 0) {
            termios silent = before_;
            // Not even an interruption may leave the terminal like this.
            silent.c_lflag &= ~static_cast<tcflag_t>(ECHO | ISIG);
            silent.c_cc[VEOL] = control_c;  // ends the line, else it would wait for its end
            ::tcsetattr(fd_, TCSAFLUSH, &silent);
        }
    }
    silent_terminal(const silent_terminal&) = delete;
    silent_terminal& operator=(const silent_terminal&) = delete;
    ~silent_terminal() {
        if (fd_ >= 0) {
            ::tcsetattr(fd_, TCSAFLUSH, &before_);
            write("\n");
            ::close(fd_);
        }
    }
    [[nodiscard]] bool there() const { return fd_ >= 0; }
    void write(const std::string& text) const { static_cast<void>(::write(fd_, text.data(), text.size()) == 0); }
    // Without its end; empty when it was thought better of.
    [[nodiscard]] secret_bytes read_line() const {
        secret_bytes line;
        uint8_t octet = 0;
        while (line.size() < most_pin && ::read(fd_, &octet, 1) == 1 && octet != '\n' && octet != '\r') {
            if (octet == control_c) {
                return {};
            }
            line.append({&octet, 1});
        }
        octet = 0;
        return line;
    }

private:
    int fd_;
    termios before_{};
};

}  // namespace

result<secret_bytes> ask_pin(const std::string& token) {
    const silent_terminal terminal;
    if (!terminal.there()) {
        return fail(
            error_category::usage, "pin_required",
            fmt::format("The token {} wants a PIN, and there is no terminal to ask at. Put it into a file (mode 0600) and add "
                        "?pin-source=FILE to the key's name.",
                        one_line(token)));
    }
    terminal.write(fmt::format("PIN of the token {}: ", one_line(token)));  // its label is whatever its maker wrote
    auto pin = terminal.read_line();
    if (pin.empty()) {
        return fail(error_category::usage, "pin_required", fmt::format("No PIN was given for the token {}.", one_line(token)));
    }
    return pin;
}

std::function<result<secret_bytes>(const std::string&)> ask_pin_once() {
    return [](const std::string& token) {
        static std::map<std::string, result<secret_bytes>> said;
        static std::mutex lock;
        const std::lock_guard guard(lock);
        const auto known = said.find(token);
        return known != said.end() ? known->second : said.emplace(token, ask_pin(token)).first->second;
    };
}

}  // namespace berth::app
