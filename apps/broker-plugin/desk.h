// The provisioning broker's side of things: who may ask where he belongs, and which topics are for that. What he is told is the
// service's to say. Knows nothing of Mosquitto or TLS.
#pragma once

#include "gate.h"
#include "hub/carrier/carried.h"

namespace berth::app {

class provisioning_desk {
public:
    using handle = const void*;
    using chain = std::shared_ptr<const std::vector<bytes>>;  // DER, as it was sent

    struct refusal {
        hub::login_refusal reason;
        std::string why;
    };
    // At CONNECT: the client id is the registration's, and is in the certificate, whose letters may be large or small there.
    // Nothing: he is in, until left().
    std::optional<refusal> login(handle at, std::string_view client_id, std::string_view user, std::string from,
                                 const hub::judged_chain& judged, chain sent, unix_seconds now);
    void left(handle at) { sessions_.erase(at); }

    [[nodiscard]] bool may_publish(handle at, std::string_view topic) const;
    [[nodiscard]] bool may_subscribe(handle at, std::string_view filter) const;

    // A number that no other session has: the same handle may be another's by the time there is an answer.
    [[nodiscard]] std::optional<uint64_t> number_of(handle at) const;
    // What is carried to the service. The session stands.
    [[nodiscard]] hub::carried_message question(handle at, std::string_view topic, bytes_view payload) const;
    [[nodiscard]] size_t sessions() const { return sessions_.size(); }

    static constexpr std::string_view answers = "$dps/registrations/res/#";

private:
    struct session {
        uint64_t number = 0;
        std::string client_id, user, from;
        chain sent;
    };
    std::unordered_map<handle, session> sessions_;
    uint64_t last_number_ = 0;
};

}  // namespace berth::app
