// Life-cycle events by POST to somebody's program:
//
//   {"hub": HOST, "events": [...]}          each as `berth hub events --json` prints it
//   Berth-Signature: t=UNIX,v1=HEX          where there is a secret: HMAC-SHA256 of "UNIX." and the body
//
// 2xx: it has them all. Whatever else it says, they come again.
#pragma once

#include "base/clock.h"
#include "hub_server/event_sink.h"
#include "net/http_client.h"

namespace berth::app {

// The header's value.
std::string event_signature(const secret_bytes& secret, unix_seconds now, std::string_view body);

class event_webhook final : public event_sink {
public:
    // `url` is one that net::parse_url takes.
    // `member`: what the list of items is called.
    event_webhook(net::loop& on, const clock& time, net::http_url url, std::string hub, std::string member,
                  event_sink_files files);
    void deliver(const std::vector<std::string>& items, done then) override;
    // From the next call on.
    void renew(event_sink_files&& files) override;

private:
    net::loop& loop_;
    const clock& clock_;
    net::http_url url_;
    std::string hub_, member_;
    event_sink_files files_;
    std::optional<net::http_client> client_;
    bool stale_ = false;
};

}  // namespace berth::app
