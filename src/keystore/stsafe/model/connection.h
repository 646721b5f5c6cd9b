// A chip as a transport: in this process, without a socket between. For tests, and for stsafe-sim's own loop.
#pragma once

#include "keystore/stsafe/model/chip.h"
#include "keystore/stsafe/transport.h"

namespace berth::keystore::stsafe::model {

// What the bus answers to a transaction: one packet (bus.h). Another address, or a packet that is none, is not acknowledged.
bytes serve(chip& c, bytes_view packet);

class direct_bus final : public transport {
public:
    explicit direct_bus(chip& c) : chip_(c) {}
    result<bool> write(bytes_view octets) override { return chip_.write(octets); }
    result<std::optional<bytes>> read(size_t count) override { return chip_.read(count); }

private:
    chip& chip_;
};

}  // namespace berth::keystore::stsafe::model
