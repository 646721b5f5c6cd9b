// Figures of the hub (docs/figures.md), each part by itself or all of them: bench_hub [--rounds N] [PART...].
#include "hub/rounds.h"

#include <charconv>
#include <csignal>
#include <cstring>

namespace {

using namespace berth::hub::bench;

struct part {
    const char* name;
    void (*run)(const world&, int rounds);
};

constexpr std::array<part, 10> parts{{
    {"connect", connect_part},
    {"publish", publish_part},
    {"lookup", lookup_part},
    {"import", [](const world& in, int) { import_part(in); }},
    {"place", place_part},
    {"cut", [](const world& in, int) { cut_part(in); }},
    {"behaviour", behaviour_part},
    {"telemetry", telemetry_part},
    {"upload", upload_part},
    {"memory", [](const world& in, int) { memory_part(in); }},
}};

int usage() {
    std::fputs("bench_hub [--rounds N] [PART...]: there are", stderr);
    for (const auto& one : parts) {
        std::fprintf(stderr, " %s", one.name);
    }
    std::fputs("\n", stderr);
    return 2;
}

}  // namespace

int main(int argc, char** argv) {
    std::signal(SIGPIPE, SIG_IGN);
    std::setvbuf(stdout, nullptr, _IOLBF, 0);
    int rounds = 13;
    std::vector<const part*> wanted;
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        const auto* const found = std::ranges::find_if(parts, [word](const part& p) { return p.name == word; });
        if (found != parts.end()) {
            wanted.push_back(found);
        } else if (word == "--rounds" && i + 1 < argc) {
            const char* const number = argv[++i];
            if (std::from_chars(number, number + std::strlen(number), rounds).ec != std::errc() || rounds < 1) {
                return usage();
            }
        } else {
            return usage();
        }
    }
    if (wanted.empty()) {
        for (const auto& one : parts) {
            wanted.push_back(&one);
        }
    }
    const world in;
    for (const auto* one : wanted) {
        fmt::print("\n= {}\n\n", one->name);
        one->run(in, rounds);
    }
    return 0;
}
