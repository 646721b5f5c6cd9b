#include "device/discovery.h"

#include "base/log.h"
#include "net/authkem_stream.h"
#include "net/dns_sd.h"
#include "onboarding/device/session.h"
#include "onboarding/messages/locate.h"

#include <thread>

namespace berth::app {

namespace {

constexpr milliseconds dns_sd_wait = 3'000;
constexpr milliseconds rendezvous_wait = 15'000;

// One search, alive until all its sources have answered.
struct discovery : std::enable_shared_from_this<discovery> {
    discovery(net::loop& on, std::function<void(found_registrars)> d) : loop(on), done(std::move(d)), give_up(on) {}

    net::loop& loop;
    std::function<void(found_registrars)> done;
    net::timer give_up;
    found_registrars found;
    size_t waiting = 1;
    std::optional<net::authkem_stream> kk3;
    onboarding::frame_reader reader{onboarding::frame_reader::device_limit};

    void one_answered() {
        if (--waiting == 0) {
            give_up.cancel();
            // The stream's own callback may be running: it goes with the next turn.
            loop.post([self = shared_from_this()] {
                self->kk3.reset();
                self->done(std::move(self->found));
            });
        }
    }

    void ask_dns_sd() {
        ++waiting;
        std::thread([self = shared_from_this()] {
            auto answer = net::browse(net::registrar_service, dns_sd_wait);
            self->loop.post([self, answer = std::move(answer)]() mutable {
                if (answer) {
                    self->found.dns_sd = std::move(*answer);
                } else {
                    log::failure("dns_sd_failed", answer.error());
                    self->found.failed = answer.error();
                }
                self->one_answered();
            });
        }).detach();
    }

    void ask_masa(const device_bundle& bundle, size_t masa_key, const clock& time, random_source& random) {
        const auto context = onboarding::device_session::kk3_context(bundle.z3.front(), bundle.p3, bundle.masa_keys[masa_key]);
        if (!context) {
            return;
        }
        ++waiting;
        auto answered = std::make_shared<bool>(false);
        const auto finish = [self = shared_from_this(), answered] {
            if (!std::exchange(*answered, true)) {
                self->one_answered();
            }
        };
        net::stream_events events;
        events.on_established = [self = shared_from_this()] {
            if (const auto octets = onboarding::to_frame(onboarding::message_type::locate, 0, onboarding::locate{})) {
                self->kk3->send(*octets);
            }
        };
        events.on_data = [self = shared_from_this(), finish](bytes_view data) {
            self->on_located(data);
            if (self->kk3) {
                self->kk3->close();
            }
            finish();
        };
        events.on_closed = [self = shared_from_this(), finish](const error* why) {
            if (why) {
                log::failure("rendezvous_failed", *why);
                self->found.failed = *why;
            }
            finish();
        };
        kk3 = net::authkem_stream::connect(loop, *bundle.masa, *context, time, random, std::move(events));
        give_up.arm(rendezvous_wait, finish);
    }

    void on_located(bytes_view data) {
        reader.feed(data);
        const auto frame = reader.next();
        if (!frame || !*frame || !(*frame)->is(onboarding::message_type::located)) {
            return;
        }
        const auto answer = wire::decode<onboarding::located>((*frame)->body.view());
        if (!answer) {
            return;
        }
        for (const auto& r : answer->registrars) {
            if (auto address = net::parse_address(r.host_port.text())) {
                found.rendezvous.push_back(std::move(*address));
            }
        }
    }
};

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

void discover(net::loop& on, const device_bundle& bundle, size_t masa_key, const clock& time, random_source& random,
              std::function<void(found_registrars)> done) {
    auto search = std::make_shared<discovery>(on, std::move(done));
    search->found.configured = bundle.registrars;
    if (bundle.dns_sd) {
        search->ask_dns_sd();
    }
    if (bundle.rendezvous) {
        search->ask_masa(bundle, masa_key, time, random);
    }
    search->one_answered();
}

}  // namespace berth::app
