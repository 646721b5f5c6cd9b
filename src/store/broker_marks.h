// Which brokers of a hub run. Each holds a lock on one octet of a file beside the registry for as long as it lives: the system
// takes the lock back however a process ends, so that nobody takes for connected who was so at a broker that was killed.
#pragma once

#include "base/descriptor.h"
#include "base/result.h"

#include <filesystem>

namespace berth::store {

class broker_marks {
public:
    explicit broker_marks(std::filesystem::path file) : file_(std::move(file)) {}
    // Until this object goes. Error `store_failed`: also where another process holds it.
    result<void> hold(uint64_t number);
    // Whether another object holds it, of this process or another one. Error `store_failed`: the file may not be read, and nobody
    // knows.
    result<bool> held(uint64_t number);

private:
    [[nodiscard]] tl::unexpected<error> failed(const char* what, int why) const;
    std::filesystem::path file_;
    descriptor own_, look_;
};

}  // namespace berth::store
