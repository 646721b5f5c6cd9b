// Asks the provisioning service where this device belongs (provisioning/client.h), over HTTPS.
#pragma once

#include "credentials/known_time.h"
#include "hub_client/hub_entry.h"
#include "net/http_client.h"
#include "provisioning/client.h"

namespace berth::app {

// TLS to `host`, whose certificate must name it and lead to the identity's anchors. Errors of tls_context::make and
// trust_store::build.
result<net::channel_transport> hub_transport(const std::string& host, const hub_identity& who, const known_time& time);

class placing {
public:
    using placement = provisioning::registration_dialogue::placement;
    using told = std::function<void(result<placement>)>;

    // Called once, on the loop, unless this goes first. Errors of hub_transport, net::http_client and registration_dialogue;
    // `bad_answer`: its hub has no address.
    static result<std::unique_ptr<placing>> start(net::loop& on, const hub_entry& entry, const hub_identity& who,
                                                  const known_time& time, told then);

private:
    placing(net::loop& on, const hub_entry& entry, const hub_identity& who, net::channel_transport over, told then);
    void ask(provisioning::registration_dialogue::request what);
    void heard(const result<net::http_response>& answer);

    provisioning::registration_dialogue dialogue_;
    net::http_client http_;
    net::timer pause_;
    told then_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace berth::app
