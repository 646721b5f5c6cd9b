#include "common/progress.h"

#include "common/output.h"

#include <cmath>
#include <cstdio>

#include <sys/ioctl.h>
#include <unistd.h>

namespace berth::app {

namespace {

constexpr milliseconds between_bars = 100;
constexpr milliseconds between_lines = 5'000;
constexpr size_t usual_width = 80;
constexpr size_t least_bar = 10;
constexpr size_t most_bar = 40;

size_t terminal_width() {
    winsize size{};
    return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : usual_width;
}

}  // namespace

milliseconds progress::left() const {
    return per_second > 0 ? std::llround(1000.0 * static_cast<double>(total - std::min(done, total)) / per_second) : 0;
}

std::string duration_text(milliseconds time) {
    const int64_t seconds = (time + 999) / 1000;
    return seconds >= 3600 ? fmt::format("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
                           : fmt::format("{}:{:02}", seconds / 60, seconds % 60);
}

std::string progress_text(const progress& p) {
    std::string out = fmt::format("{:>{}}/{}", p.done, std::to_string(p.total).size(), p.total);
    if (p.per_second > 0) {
        out += fmt::format("  {:.1f} {}/s  {} left", p.per_second, p.unit, duration_text(p.left()));
    }
    return p.failed == 0 ? out : out + fmt::format(", {} failed", p.failed);
}

std::string progress_bar(const progress& p, size_t width) {
    const std::string text = progress_text(p);
    constexpr size_t frame = 4;  // "[", "]" and two spaces
    if (text.size() + frame + least_bar > width) {
        return text.substr(0, width);
    }
    const size_t columns = std::min(width - text.size() - frame, most_bar);
    const size_t full = p.total == 0 ? columns : columns * std::min(p.done, p.total) / p.total;
    return "[" + std::string(full, '#') + std::string(columns - full, '.') + "]  " + text;
}

progress_display::progress_display(const clock& time) : time_(time), terminal_(on_terminal()) {
    next_ = terminal_ ? 0 : time.steady() + between_lines;
}

void progress_display::clear() {
    if (drawn_) {
        std::fputs("\r\033[K", stdout);
        drawn_ = false;
    }
}

void progress_display::skip() {
    next_ = time_.steady() + (terminal_ ? between_bars : between_lines);
}

bool progress_display::due() const {
    return time_.steady() >= next_;
}

void progress_display::show(const progress& p, bool last) {
    if (!due() && !last) {
        return;
    }
    skip();
    if (terminal_) {
        std::fputs(("\r" + progress_bar(p, terminal_width() - 1) + "\033[K").c_str(), stdout);
        drawn_ = true;
    } else if (!last) {
        std::fputs((progress_text(p) + "\n").c_str(), stdout);
    }
    std::fflush(stdout);
}

}  // namespace berth::app
