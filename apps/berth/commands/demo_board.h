// Draws S1..S14 of each device as they happen, from what the three parties log.
#pragma once

#include "scene/world.h"

#include <map>
#include <set>

namespace berth::app {

class demo_board {
public:
    // Silent: it counts the steps, and prints nothing.
    demo_board(bool colours, bool silent) : colours_(colours), silent_(silent) {}

    void begin(const std::string& serial, milliseconds now);
    // A log line of one of the parties ("device" for an agent).
    void take(const std::string& party, const wire::json::object& line, milliseconds now);
    // Prints what has come; with `all`, also what an earlier step is still missing for.
    void draw(const std::string& serial, bool all);

    // Text as it is, on standard output at once.
    void print(const std::string& text) const;
    void heading(const std::string& text) const;
    void good(const std::string& text) const;
    void bad(const std::string& text) const;
    [[nodiscard]] size_t steps_seen(const std::string& serial) const;

private:
    struct seen_step {
        milliseconds at = 0;
        int64_t octets = 0;
        std::string text;
    };
    struct device {
        milliseconds began = 0;
        std::map<int, seen_step> steps;
        int drawn = 0;
    };
    void line(const std::string& serial, int number, const seen_step& s) const;
    [[nodiscard]] std::string paint(const char* code, const std::string& text) const;

    bool colours_;
    bool silent_;
    std::map<std::string, device> devices_;
};

}  // namespace berth::app
