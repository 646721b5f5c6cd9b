#include "base/clock.h"

#include <ctime>

namespace berth {

namespace {

class system_clock_source final : public clock {
public:
    unix_seconds now() const override { return read(CLOCK_REALTIME).tv_sec; }
    milliseconds steady() const override {
        const timespec t = read(CLOCK_MONOTONIC);
        return t.tv_sec * 1000 + t.tv_nsec / 1'000'000;
    }

private:
    static timespec read(clockid_t id) {
        timespec t{};
        clock_gettime(id, &t);
        return t;
    }
};

}  // namespace

const clock& system_clock() {
    static const system_clock_source source;
    return source;
}

std::string to_iso8601(unix_seconds time) {
    const std::time_t t = time;
    std::tm parts{};
    gmtime_r(&t, &parts);
    char text[40];
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
    return text;
}

}  // namespace berth
