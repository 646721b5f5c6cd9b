// How octets reach the chip: one call is one transaction on its bus. A chip that works, or sleeps, does not acknowledge.
#pragma once

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "keystore/stsafe/bus.h"

#include <memory>
#include <optional>
#include <string>

namespace berth::keystore::stsafe {

class transport {
public:
    virtual ~transport() = default;
    // False: not acknowledged, so the chip has taken nothing. Error `stsafe_bus`: it may have.
    virtual result<bool> write(bytes_view octets) = 0;
    // `count` octets, or fewer when the bus gave fewer; nothing: not acknowledged. Error `stsafe_bus`.
    virtual result<std::optional<bytes>> read(size_t count) = 0;
    // Time, as it passes for the chip.
    virtual milliseconds now() { return system_clock().steady(); }
    virtual void pause(milliseconds how_long);
};

// /dev/i2c-N. Errors `stsafe_absent` (no such bus, no right to it), `stsafe_bus`.
result<std::unique_ptr<transport>> open_i2c(const std::string& path, uint8_t address = bus::default_address);
// The bus of stsafe-sim. Error `stsafe_absent`.
result<std::unique_ptr<transport>> open_socket(const std::string& path, uint8_t address = bus::default_address);

}  // namespace berth::keystore::stsafe
