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

    // Whether a question of his is carried on. One device must not take the place of all others: so many wait for their
    // answers at a time, and who asks faster than this for long is to be sent away. `now`: steady.
    enum class asking : uint8_t { taken, wait, too_many };
    static constexpr size_t most_in_flight = 2;
    static constexpr milliseconds per_question = 1'000, burst = 10'000;
    asking ask(handle at, milliseconds now);
    // One of the session with this number was answered, or is not going to be.
    void answered(handle at, uint64_t number);

    [[nodiscard]] bool may_publish(handle at, std::string_view topic) const;
    [[nodiscard]] bool may_subscribe(handle at, std::string_view filter) const;

    // A number that no other session has: the same handle may be another's by the time there is an answer.
    [[nodiscard]] std::optional<uint64_t> number_of(handle at) const;
    // What is carried to the service, but for the chain. The session stands.
    [[nodiscard]] hub::carried_message question(handle at, std::string_view topic, bytes_view payload) const;
    [[nodiscard]] const std::string& client_of(handle at) const { return sessions_.at(at).client_id; }
    [[nodiscard]] chain sent_by(handle at) const { return sessions_.at(at).sent; }
    [[nodiscard]] size_t sessions() const { return sessions_.size(); }

    static constexpr std::string_view answers = "$dps/registrations/res/#";

private:
    struct session {
        uint64_t number = 0;
        std::string client_id, user, from;
        chain sent;
        size_t in_flight = 0;
        milliseconds paid_until = 0;  // what it has asked is within its rate from then on
    };
    std::unordered_map<handle, session> sessions_;
    uint64_t last_number_ = 0;
};

}  // namespace berth::app
