#include "device/discovery.h"

#include "base/log.h"
#include "net/dns_sd.h"
#include "onboarding/device/session.h"
#include "onboarding/messages/locate.h"

#include <system_error>

namespace berth::app {

namespace {

constexpr milliseconds dns_sd_wait = 3'000;
constexpr milliseconds rendezvous_wait = 15'000;

}  // namespace

std::vector<net::address> found_registrars::in_turn() const {
    std::vector<net::address> out;
    const size_t most = std::max({configured.size(), dns_sd.size(), rendezvous.size()});
    for (size_t i = 0; i < most; ++i) {
        for (const auto* source : {&configured, &dns_sd, &rendezvous}) {
            if (i < source->size() &&
                std::none_of(out.begin(), out.end(), [&](const auto& a) { return a.text() == (*source)[i].text(); })) {
                out.push_back((*source)[i]);
            }
        }
    }
    return out;
}

registrar_search::registrar_search(net::loop& on, const device_bundle& bundle, const clock& time, random_source& random,
                                   done_handler done)
    : loop_(on),
      bundle_(bundle),
      clock_(time),
      random_(random),
      done_(std::move(done)),
      give_up_(on),
      self_(std::make_shared<registrar_search*>(this)) {
    found_.configured = bundle.registrars;
    if (bundle.dns_sd) {
        ask_dns_sd();
    }
    if (bundle.rendezvous) {
        ++waiting_;
        give_up_.arm(rendezvous_wait, [this] { masa_answered(); });
        ask_masa(0);
    }
    one_answered();
}

registrar_search::~registrar_search() = default;

void registrar_search::later(std::function<void()> what) {
    loop_.post([held = std::weak_ptr(self_), what = std::move(what)] {
        if (held.lock()) {
            what();
        }
    });
}

void registrar_search::one_answered() {
    if (--waiting_ == 0) {
        give_up_.cancel();
        // The stream's own callback may be running, and the caller may destroy us: it goes with the next turn.
        later([this] {
            kk3_.reset();
            const done_handler done = std::move(done_);
            done(std::move(found_));
        });
    }
}

// ---- DNS-SD

void registrar_search::ask_dns_sd() {
    ++waiting_;
    // The browse blocks, so it has a thread of its own; it touches nothing of ours but what is posted to the loop.
    const auto browse = [&loop = loop_, held = std::weak_ptr(self_)](const std::stop_token& stop) {
        auto answer = net::browse(net::registrar_service, dns_sd_wait, stop);
        if (stop.stop_requested()) {
            return;
        }
        loop.post([held, answer = std::move(answer)]() mutable {
            const auto self = held.lock();
            if (!self) {
                return;
            }
            if (answer) {
                (*self)->found_.dns_sd = std::move(*answer);
            } else {
                log::failure("dns_sd_failed", answer.error());
                (*self)->found_.failed = answer.error();
            }
            (*self)->one_answered();
        });
    };
    try {
        browsing_ = std::jthread(browse);
    } catch (const std::system_error& e) {
        log::warning("dns_sd_failed", e.what());
        --waiting_;
    }
}

// ---- rendezvous

void registrar_search::ask_masa(size_t masa_key) {
    const auto context = onboarding::device_session::kk3_context(bundle_.z3.front(), bundle_.p3, bundle_.masa_keys[masa_key]);
    if (!context) {
        log::failure("rendezvous_failed", context.error());
        found_.failed = context.error();
        return masa_answered();
    }
    net::stream_events events;
    events.on_established = [this] {
        if (const auto octets = onboarding::to_frame(onboarding::message_type::locate, 0, onboarding::locate{})) {
            kk3_->send(*octets);
        }
    };
    events.on_data = [this](bytes_view data) {
        on_located(data);
        kk3_->close();
        masa_answered();
    };
    events.on_closed = [this, masa_key](const error* why) { masa_closed(masa_key, why); };
    kk3_ = net::authkem_stream::connect(loop_, *bundle_.masa, *context, clock_, random_, std::move(events));
}

void registrar_search::masa_closed(size_t masa_key, const error* why) {
    if (masa_answered_) {
        return;
    }
    if (why && why->is("predistributed_key_refused") && masa_key + 1 < bundle_.masa_keys.size()) {
        return later([this, masa_key] {
            if (!masa_answered_) {
                kk3_.reset();
                ask_masa(masa_key + 1);
            }
        });
    }
    if (why) {
        log::failure("rendezvous_failed", *why);
        found_.failed = *why;
    }
    masa_answered();
}

void registrar_search::masa_answered() {
    if (!std::exchange(masa_answered_, true)) {
        one_answered();
    }
}

void registrar_search::on_located(bytes_view data) {
    reader_.feed(data);
    const auto frame = reader_.next();
    if (!frame || !*frame || !(*frame)->is(onboarding::message_type::located)) {
        return;
    }
    const auto answer = wire::decode<onboarding::located>((*frame)->body.view());
    if (!answer) {
        return;
    }
    for (const auto& r : answer->registrars) {
        if (auto address = net::parse_address(r.host_port.text())) {
            found_.rendezvous.push_back(std::move(*address));
        }
    }
}

}  // namespace berth::app
