#include "method_calls.h"

#include <algorithm>

namespace berth::app {

void method_calls::listens(handle at, const registry::identity_name& who) {
    session& s = sessions_[at];
    s.client_id = who.text();
    s.listens = true;
    by_name_[s.client_id] = at;
}

void method_calls::stops(handle at) {
    const auto found = sessions_.find(at);
    if (found == sessions_.end()) {
        return;
    }
    found->second.listens = false;
    if (const auto named = by_name_.find(found->second.client_id); named != by_name_.end() && named->second == at) {
        by_name_.erase(named);
    }
}

std::vector<hub::line_method_outcome> method_calls::left(handle at) {
    stops(at);
    std::vector<hub::line_method_outcome> out;
    const auto node = sessions_.extract(at);
    if (!node.empty()) {
        for (const auto& [number, until] : node.mapped().open) {
            out.push_back({number, hub::call_outcome::gone, 0, {}});
        }
    }
    return out;
}

method_calls::handle method_calls::listener(std::string_view client_id) const {
    const auto found = by_name_.find(std::string(client_id));
    return found != by_name_.end() ? found->second : nullptr;
}

bool method_calls::open(handle at, uint64_t number, uint32_t forget_after, milliseconds now) {
    const auto found = sessions_.find(at);
    if (found == sessions_.end()) {
        return false;
    }
    auto& calls = found->second.open;
    if (calls.size() >= most_open) {
        std::erase_if(calls, [now](const auto& one) { return one.second <= now; });
    }
    if (calls.size() >= most_open) {
        return false;
    }
    calls[number] = now + 1'000 * milliseconds(forget_after);
    return true;
}

bool method_calls::close(handle at, uint64_t number) {
    const auto found = sessions_.find(at);
    return found != sessions_.end() && found->second.open.erase(number) > 0;
}

}  // namespace berth::app
