#include "service_link.h"

#include "base/log.h"
#include "net/local_http_client.h"

namespace berth::app {

namespace {

constexpr milliseconds patience = 10'000;
// While the service is started anew its messages wait; devices ask again after 30 s.
constexpr auto pause_when_down = std::chrono::milliseconds(200);
constexpr int most_tries = 50;

size_t octets_of(const hub::carried_message& message, const service_link::chain& sent) {
    size_t out = message.client.size() + message.user.size() + message.topic.size() + message.payload.size();
    if (sent) {
        for (const auto& one : *sent) {
            out += one.size();
        }
    }
    return out;
}

}  // namespace

service_link::service_link(std::string path, std::function<void()> came)
    : path_(std::move(path)), came_(std::move(came)), thread_([this] { run(); }) {}

service_link::~service_link() {
    {
        const std::lock_guard held(mutex_);
        ending_ = true;
    }
    more_.notify_all();
    thread_.join();
}

bool service_link::ask(asker who, hub::carried_message message, chain sent) {
    const size_t octets = octets_of(message, sent);
    {
        const std::lock_guard held(mutex_);
        if (waiting_.size() >= most_waiting || waiting_octets_ + octets > most_waiting_octets) {
            return false;
        }
        waiting_octets_ += octets;
        waiting_.push_back({who, std::move(message), std::move(sent), octets});
    }
    more_.notify_one();
    return true;
}

std::vector<service_link::answered> service_link::take() {
    const std::lock_guard held(mutex_);
    return std::exchange(answers_, {});
}

void service_link::run() {
    for (;;) {
        std::vector<asked> some;
        {
            std::unique_lock held(mutex_);
            more_.wait(held, [this] { return ending_ || !waiting_.empty(); });
            if (ending_) {
                return;
            }
            size_t octets = 0;
            while (!waiting_.empty() && some.size() < hub::most_carried && octets < hub::most_carried_octets / 4) {
                octets += waiting_.front().message.payload.size() + hub::most_carried_chain;
                waiting_octets_ -= waiting_.front().octets;
                some.push_back(std::move(waiting_.front()));
                waiting_.pop_front();
            }
        }
        carry(std::move(some));
    }
}

void service_link::carry(std::vector<asked> some) {
    std::vector<hub::carried_message> messages;
    std::vector<std::pair<asker, std::string>> whose;
    for (auto& one : some) {
        whose.emplace_back(one.who, one.message.client);
        if (one.sent) {
            one.message.chain = *one.sent;
        }
        messages.push_back(std::move(one.message));
    }
    std::vector<answered> back;
    for (auto& [who, client] : whose) {
        back.push_back({who, std::move(client), std::nullopt});
    }
    net::http_request request;
    request.method = "POST";
    request.target = std::string(hub::carrier_path);
    request.headers.add("Content-Type", "application/json");
    request.body = hub::to_text(messages);
    messages.clear();
    some.clear();
    const net::local_http_client service(path_, patience, {.most_body = hub::most_carried_octets});
    auto response = service.ask(request);
    // What may have reached the service is not asked again: it would be done again.
    const auto nobody_there = [&response] { return !response && response.error().name == "connect_failed"; };
    for (int tries = 1; nobody_there() && tries < most_tries; ++tries) {
        if (std::exchange(reached_, false)) {
            log::warning("service_unreachable", "what devices ask waits: nobody answers at the service's socket",
                         {{"party", "broker"}, {"socket", path_}, {"error", response.error().name}});
        }
        std::unique_lock held(mutex_);
        if (more_.wait_for(held, pause_when_down, [this] { return ending_; })) {
            return;
        }
        held.unlock();
        response = service.ask(request);
    }
    if (!response) {
        log::warning("questions_dropped", "the service gave no answer: devices ask again by themselves",
                     {{"party", "broker"},
                      {"socket", path_},
                      {"error", response.error().name},
                      {"questions", std::to_string(back.size())}});
        return give_back(std::move(back));
    }
    if (!std::exchange(reached_, true)) {
        log::info("service_reached", "the service answers again", {{"party", "broker"}, {"socket", path_}});
    }
    auto answers = response->status == 200
                       ? hub::read_carried_answers(response->body)
                       : fail(error_category::internal, "service_refused", fmt::format("status {}", response->status));
    if (answers && answers->size() != back.size()) {
        answers = fail(error_category::internal, "service_refused", "another number of answers than of questions");
    }
    if (!answers) {
        log::failure("service_refused", answers.error(), {{"party", "broker"}, {"socket", path_}});
        return give_back(std::move(back));
    }
    for (size_t i = 0; i < back.size(); ++i) {
        back[i].answer = std::move((*answers)[i]);
    }
    give_back(std::move(back));
}

void service_link::give_back(std::vector<answered> some) {
    {
        const std::lock_guard held(mutex_);
        std::ranges::move(some, std::back_inserter(answers_));
    }
    came_();
}

}  // namespace berth::app
