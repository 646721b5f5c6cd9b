#include "reporter.h"

#include "net/local_http_client.h"

namespace berth::app {

namespace {

constexpr milliseconds patience = 2'000;

void add(hub::refusal_counts& to, const hub::refusal_counts& more) {
    for (size_t i = 0; i < to.size(); ++i) {
        to[i] += more[i];
    }
}

void add(hub::broker_report& to, const hub::broker_report& more) {
    to.by_certificate += more.by_certificate;
    to.by_key += more.by_key;
    add(to.refused, more.refused);
    add(to.cut, more.cut);
}

hub::broker_report blank(const hub::broker_report& like) {
    hub::broker_report out;
    out.provisioning = like.provisioning;
    out.run = like.run;
    return out;
}

}  // namespace

broker_reporter::broker_reporter(std::string path, bool provisioning, random_source& random) : path_(std::move(path)) {
    std::array<uint8_t, 16> run{};
    random.fill(run);
    fresh_.provisioning = provisioning;
    fresh_.run = to_hex(run);
    waiting_ = fresh_;
    thread_ = std::thread([this] { this->run(); });
}

broker_reporter::~broker_reporter() {
    {
        const std::lock_guard held(mutex_);
        ending_ = true;
    }
    more_.notify_all();
    thread_.join();
}

void broker_reporter::tick(size_t sessions, milliseconds now) {
    if (handed_ != 0 && now - handed_ < pace) {
        return;
    }
    handed_ = now;
    const bool news = fresh_.counts_anything() || sessions != told_sessions_ || told_at_ == 0;
    if (!news && now - told_at_ < at_least_every) {
        return;
    }
    told_at_ = now;
    told_sessions_ = sessions;
    {
        const std::lock_guard held(mutex_);
        add(waiting_, fresh_);
        waiting_.sessions = sessions;
        something_ = true;
    }
    fresh_ = blank(fresh_);
    more_.notify_one();
}

void broker_reporter::run() {
    std::unique_lock held(mutex_);
    for (;;) {
        more_.wait(held, [this] { return ending_ || something_; });
        if (ending_) {
            return;
        }
        something_ = false;
        const hub::broker_report now = std::exchange(waiting_, blank(waiting_));
        held.unlock();
        tell(now);
        held.lock();
    }
}

void broker_reporter::tell(const hub::broker_report& report) {
    net::http_request request;
    request.method = "POST";
    request.target = std::string(hub::report_path);
    request.headers.add("Content-Type", "application/json");
    request.body = hub::to_text(report);
    const auto response = net::local_http_client(path_, patience).ask(request);
    if (response || response.error().name != "connect_failed") {
        return;  // what may have arrived would be counted twice
    }
    const std::lock_guard held(mutex_);
    add(waiting_, report);
}

}  // namespace berth::app
