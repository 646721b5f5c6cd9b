// Asks operators' programs, for the provisioning service's allocation "custom": POST over HTTPS, or plain HTTP on this machine.
#pragma once

#include "net/http_client.h"
#include "pki/trust.h"
#include "provisioning/webhook.h"

#include <functional>
#include <list>

namespace berth::app {

class webhooks {
public:
    // What they said. Called on the loop; from within ask() for one that has waited and waits no longer.
    using answered = std::function<void(const std::string& operation, const result<net::http_response>& what)>;
    // `anchors`: who may vouch for them; empty: none is asked over HTTPS.
    webhooks(net::loop& on, const clock& time, std::vector<pki::certificate> anchors, answered then);

    void ask(provisioning::webhook_wish wish);

    static constexpr size_t most_at_once = 64;        // more wait
    static constexpr size_t most_waiting = 256;       // and more than that have failed
    static constexpr milliseconds patience = 20'000;  // of a call; less than the service has

private:
    struct call {
        std::string operation;
        std::optional<net::http_client> client;
    };
    void begin(const provisioning::webhook_wish& wish);
    void done(const std::string& operation, const result<net::http_response>& what);
    [[nodiscard]] result<net::channel_transport> transport_to(const net::http_url& url) const;

    net::loop& loop_;
    const clock& clock_;
    std::vector<pki::certificate> anchors_;
    answered then_;
    std::list<call> calls_;
    struct waiting {
        provisioning::webhook_wish wish;
        milliseconds since = 0;
    };
    std::list<waiting> waiting_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace berth::app
