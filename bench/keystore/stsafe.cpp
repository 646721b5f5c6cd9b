// Frames as the bus carries them, made before: no CRC is looked at, nothing is parsed. The chip is asked twice for its answer,
// as on the bus, where nobody knows before how long it is.
#include "crypto/random.h"
#include "keystore/operations.h"
#include "keystore/places.h"
#include "keystore/stsafe/bus.h"
#include "keystore/stsafe/commands/basic.h"
#include "keystore/stsafe/commands/envelopes.h"
#include "keystore/stsafe/commands/keys.h"

#include <sys/socket.h>
#include <unistd.h>

namespace berth::keystore::bench {

namespace {

namespace st = stsafe;

// One connection to the chip.
class raw_bus {
public:
    raw_bus() {
        static_cast<void>(in_element());
        fd_ = st::bus::connect(socket_of_element()).value();
    }
    raw_bus(const raw_bus&) = delete;
    ~raw_bus() { ::close(fd_); }

    // The answer whole, from its status on; empty: the chip refused.
    bytes_view exchange(bytes_view command) {
        send(command);
        if (heard() != 1 || answer_[0] != st::bus::ack) {
            return {};
        }
        bytes_view head = read(st::least_answer_size);
        if (head.size() < st::answer_head_size || head[0] != 0) {
            return {};
        }
        return read(st::answer_head_size + static_cast<size_t>(head[1] << 8U | head[2]));
    }

private:
    void send(bytes_view packet) { static_cast<void>(::send(fd_, packet.data(), packet.size(), MSG_NOSIGNAL)); }
    size_t heard() {
        const ssize_t got = ::recv(fd_, answer_.data(), answer_.size(), 0);
        return got > 0 ? static_cast<size_t>(got) : 0;
    }
    bytes_view read(size_t count) {
        const std::array<uint8_t, 4> packet{'R', st::bus::default_address, static_cast<uint8_t>(count >> 8U),
                                            static_cast<uint8_t>(count)};
        send(packet);
        const size_t got = heard();
        return got > 1 && answer_[0] == st::bus::ack ? bytes_view(answer_).subspan(1, got - 1) : bytes_view();
    }

    int fd_ = -1;
    std::array<uint8_t, st::bus::most_packet> answer_{};
};

template <st::command C>
bytes packet_of(const C& command) {
    return st::bus::encode({.octets = st::encode(st::command_frame{{C::about.code, {}}, wire::encode(command).value()})});
}

template <st::command C>
call exchanges(const C& command) {
    return [bus = std::make_shared<raw_bus>(), packet = packet_of(command)] { return !bus->exchange(packet).empty(); };
}

call signs() {
    return exchanges(st::generate_signature{1, st::lengthy(bytes(32, 1))});
}

call decapsulates() {
    const auto outside = std::make_shared<const outside_of_chip>();
    return [outside, bus = std::make_shared<raw_bus>(),
            packet = packet_of(st::establish_key{2, st::point::from(outside->point())})] {
        constexpr size_t before = st::answer_head_size + 2;  // the secret's length
        const bytes_view answer = bus->exchange(packet);
        return answer.size() >= before + 32 && outside->finish(answer.subspan(before, 32));
    };
}

// With the two octets of length that a sealed secret has.
constexpr size_t padded = (2 + sealed_octets + 7) / 8 * 8;

call seals() {
    static_cast<void>(seal(in_element().signing, secret_bytes(sealed_octets)));  // there is a key for envelopes now
    return exchanges(st::wrap_envelope{0, {secret_bytes(padded)}});
}

call unseals() {
    const auto sealed = seal(in_element().signing, secret_bytes(sealed_octets));
    return exchanges(st::unwrap_envelope{0, {sealed.value()}});
}

call draws() {
    return exchanges(st::generate_random{0, random_octets});
}

}  // namespace

std::vector<comparison> stsafe_calls() {
    return {{"stsafe", "sign", berth_signs(in_element), signs, true},
            {"stsafe", "decapsulate", berth_decapsulates(in_element), decapsulates, true},
            {"stsafe", "seal", berth_seals(in_element), seals, true},
            {"stsafe", "unseal", berth_unseals(in_element), unseals, true},
            {"stsafe", "random", berth_draws(in_element), draws, true}};
}

}  // namespace berth::keystore::bench
