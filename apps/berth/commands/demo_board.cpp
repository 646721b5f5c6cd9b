#include "berth/commands/demo_board.h"

#include <charconv>

namespace berth::app {

namespace {

constexpr int last_step = 14;

// In whose hands each step lies: the others' reports of it are not drawn.
std::string_view owner_of(int step) {
    switch (step) {
    case 1:
    case 7:
    case 10:
    case 11:
    case 12: return "registrar";
    case 8:
    case 9: return "masa";
    default: return "device";
    }
}

std::string_view arrow_of(int step) {
    switch (step) {
    case 1: return "          R ===== M";
    case 2: return "D ======= R        ";
    case 3: return "D =======(R)===== M";
    case 4:
    case 5: return "D                  ";
    case 6: return "D ------> R        ";
    case 7: return "          R ----> M";
    case 8:
    case 9: return "                  M";
    case 10: return "          R <---- M";
    case 11: return "          R        ";
    case 12: return "          R = CA   ";
    case 13: return "D <------ R        ";
    default: return "D                  ";
    }
}

}  // namespace

std::string demo_board::paint(const char* code, const std::string& text) const {
    return colours_ ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : text;
}

void demo_board::print(const std::string& text) const {
    if (!silent_) {
        std::fputs(text.c_str(), stdout);
        std::fflush(stdout);
    }
}

void demo_board::heading(const std::string& text) const {
    print("\n" + paint("1", text) + "\n");
}

void demo_board::good(const std::string& text) const {
    print(fmt::format("  {} {}\n", paint("32", "ok"), text));
}

void demo_board::bad(const std::string& text) const {
    print(fmt::format("  {} {}\n", paint("31", "!!"), text));
}

void demo_board::begin(const std::string& serial, milliseconds now) {
    devices_[serial] = {now, {}, 0};
}

void demo_board::take(const std::string& party, const wire::json::object& line, milliseconds now) {
    const auto event = wire::text_member(line, "event");
    const auto step = wire::text_member(line, "step");
    const auto serial = wire::text_member(line, "serial");
    if (!event || *event != "step" || !step || !serial || !devices_.contains(*serial)) {
        return;
    }
    int number = 0;
    std::from_chars(step->data() + 1, step->data() + step->size(), number);
    if (number < 1 || number > last_step || owner_of(number) != party) {
        return;
    }
    const auto octets = wire::integer_member(line, "octets");
    const auto text = wire::text_member(line, "message");
    auto& d = devices_[*serial];
    d.steps.try_emplace(number, seen_step{now - d.began, octets ? *octets : 0, text ? *text : ""});
}

void demo_board::line(const std::string& serial, int number, const seen_step& s) const {
    print(fmt::format("  {:<10} {:>5} ms  {}  {}  {}{}\n", serial, s.at, paint("36", fmt::format("S{:<2}", number)),
                      paint("2", std::string(arrow_of(number))), s.text,
                      s.octets ? paint("2", fmt::format("  {} octets", s.octets)) : ""));
}

void demo_board::draw(const std::string& serial, bool all) {
    auto& d = devices_[serial];
    for (auto& [number, step] : d.steps) {
        if (number > d.drawn && (all || number == d.drawn + 1)) {
            line(serial, number, step);
            d.drawn = number;
        }
    }
}

size_t demo_board::steps_seen(const std::string& serial) const {
    const auto found = devices_.find(serial);
    return found == devices_.end() ? 0 : found->second.steps.size();
}

}  // namespace berth::app
