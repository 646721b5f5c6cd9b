// The security counter of a device: what it is never to fall below. Where it lies decides whom it stops.
//
//   file:PATH                                    a file; stops nobody who may write there
//   tpm2:0x01800100;base=N[;tcti=NAME]           an NV counter of a TPM 2.0, which nobody turns back; it was N at the beginning
//   stsafe:zone=5;base=500000[;device=...]...    a counter of an STSAFE-A, which falls; it was N at the beginning
#pragma once

#include "base/result.h"

#include <memory>
#include <string>

namespace berth::app {

class security_counter {
public:
    virtual ~security_counter() = default;
    virtual result<uint64_t> read() = 0;
    // Raises it; does nothing when it is as high already.
    virtual result<void> raise_to(uint64_t value) = 0;
};

// Errors `bad_counter` (usage); those of the chip.
result<std::unique_ptr<security_counter>> open_counter(const std::string& name);
// A new NV counter in a TPM; returns its name with what it begins at. Error nv_exists.
result<std::string> make_counter(const std::string& name);

}  // namespace berth::app
