#include "hub_questions.h"

#include <algorithm>

namespace berth::app {

void hub_questions::came(handle at, std::string client_id) {
    const auto found = sessions_.find(at);
    if (found != sessions_.end() && found->second.client_id == client_id) {
        return;
    }
    session fresh;
    fresh.number = ++last_session_;
    fresh.client_id = std::move(client_id);
    sessions_[at] = std::move(fresh);
}

std::optional<uint64_t> hub_questions::ask(handle at, hub::hub_request request, milliseconds now) {
    const auto found = sessions_.find(at);
    if (found == sessions_.end()) {
        return std::nullopt;
    }
    session& s = found->second;
    const milliseconds paid = std::max(s.paid_until, now) + per_question;
    if (paid > now + burst || s.in_flight >= most_in_flight) {
        return std::nullopt;
    }
    s.paid_until = paid;
    ++s.in_flight;
    questions_[++last_question_] = {at, s.number, std::move(request)};
    return last_question_;
}

std::optional<hub_questions::asker> hub_questions::answered(uint64_t number) {
    auto node = questions_.extract(number);
    if (node.empty()) {
        return std::nullopt;
    }
    question& q = node.mapped();
    const auto found = sessions_.find(q.from);
    if (found == sessions_.end() || found->second.number != q.session) {
        return std::nullopt;
    }
    --found->second.in_flight;
    return asker{found->second.client_id, std::move(q.request)};
}

}  // namespace berth::app
