#include "hub/rounds.h"

#include <atomic>
#include <thread>

namespace berth::hub::bench {

double median(std::vector<double> values) {
    std::ranges::sort(values);
    return at_share(values, 0.5);
}

double at_share(const std::vector<double>& sorted, double share) {
    return sorted.empty() ? 0 : sorted[static_cast<size_t>(static_cast<double>(sorted.size() - 1) * share + 0.5)];
}

double arm::middle(double turn::* what) const {
    std::vector<double> all;
    std::ranges::transform(turns, std::back_inserter(all), [what](const turn& t) { return t.*what; });
    return median(std::move(all));
}

void play_rounds(std::vector<arm>& arms, int rounds) {
    for (auto& one : arms) {
        (void)one.play();
    }
    for (int i = 0; i < rounds; ++i) {
        for (size_t k = 0; k < arms.size(); ++k) {
            auto& one = arms[i % 2 == 0 ? k : arms.size() - 1 - k];
            one.turns.push_back(one.play());
        }
    }
}

ratio ratio_of(const arm& a, const arm& b, double turn::* what) {
    std::vector<double> all;
    for (size_t i = 0; i < std::min(a.turns.size(), b.turns.size()); ++i) {
        all.push_back(a.turns[i].*what / b.turns[i].*what);
    }
    std::ranges::sort(all);
    return {at_share(all, 0.5), at_share(all, 0), at_share(all, 1)};
}

std::string to_text(const ratio& r) {
    return fmt::format("{:.3f} [{:.3f} to {:.3f}]", r.middle, r.least, r.most);
}

double in_parallel(size_t threads, size_t count, const std::function<result<void>(size_t)>& work) {
    std::atomic<size_t> next = 0;
    std::vector<std::thread> all;
    const auto began = std::chrono::steady_clock::now();
    for (size_t i = 0; i < threads; ++i) {
        all.emplace_back([&] {
            for (size_t mine = next++; mine < count; mine = next++) {
                must(work(mine));
            }
        });
    }
    for (auto& each : all) {
        each.join();
    }
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

}  // namespace berth::hub::bench
