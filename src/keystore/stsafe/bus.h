// An I2C bus on a Unix socket of type SOCK_SEQPACKET, one packet for each transaction and one for its outcome: how
// stsafe-sim is reached, and what stands behind the tests' /dev/i2c-N.
//
//     'W' address octets...       ->  ACK | NACK
//     'R' address count(2)        ->  ACK octets(count) | NACK
//
// ACK is 0x06 and NACK 0x15. A chip that works does not acknowledge its address, as on the real bus.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

#include <optional>
#include <string>

namespace berth::keystore::stsafe::bus {

inline constexpr uint8_t default_address = 0x20;  // [core/stse_device.c] seven bits
inline constexpr uint8_t ack = 0x06;
inline constexpr uint8_t nack = 0x15;
inline constexpr size_t most_packet = 2048;

struct transaction {
    bool reading = false;
    uint8_t address = default_address;
    bytes octets;      // written
    size_t count = 0;  // to be read
};

bytes encode(const transaction& t);
// Nothing when the packet is none of these.
std::optional<transaction> decode(bytes_view packet);

// A connected socket. Error `stsafe_absent`: nothing listens there.
result<int> connect(const std::string& path);
// A listening one, in place of a stale file, for this user alone. Error `stsafe_socket`.
result<int> listen(const std::string& path);

}  // namespace berth::keystore::stsafe::bus
