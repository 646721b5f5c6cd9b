// Chips for tests: the model in this process, behind a bus whose faults a test chooses and whose time passes at once.
#pragma once

#include "crypto/random.h"
#include "keystore/stsafe/device.h"
#include "keystore/stsafe/model/connection.h"
#include "support/test_pki.h"

#include <functional>

namespace berth::test {

// What is to go wrong, counted down as it does.
struct bus_faults {
    int refused_writes = 0;  // not acknowledged, though the chip is free
    int refused_reads = 0;
    int short_reads = 0;       // one octet less than asked for
    int damaged_commands = 0;  // one bit, on the way to the chip
    int damaged_answers = 0;   // one bit, on the way back
    int lost_writes = 0;       // the chip gets it, the host is told that the bus failed
    int lost_reads = 0;        // the bus fails
    size_t writes = 0;         // how many transactions there were
    size_t reads = 0;
};

class faulty_bus final : public keystore::stsafe::transport {
public:
    faulty_bus(keystore::stsafe::model::chip& chip, bus_faults& faults) : chip_(chip), faults_(faults) {}

    result<bool> write(bytes_view octets) override {
        ++faults_.writes;
        if (take(faults_.refused_writes)) {
            return false;
        }
        bytes frame = to_bytes(octets);
        if (take(faults_.damaged_commands)) {
            frame.back() ^= 0x10;
        }
        const bool taken = chip_.write(frame);
        if (take(faults_.lost_writes)) {
            return failed();
        }
        return taken;
    }

    result<std::optional<bytes>> read(size_t count) override {
        ++faults_.reads;
        if (take(faults_.lost_reads)) {
            return failed();
        }
        if (take(faults_.refused_reads)) {
            return std::nullopt;
        }
        auto octets = chip_.read(count);
        if (octets && take(faults_.short_reads)) {
            octets->pop_back();
        }
        if (octets && take(faults_.damaged_answers)) {
            octets->back() ^= 0x10;
        }
        return octets;
    }

    milliseconds now() override { return now_; }
    void pause(milliseconds how_long) override { now_ += how_long; }

private:
    static bool take(int& left) { return left > 0 && left-- > 0; }
    static tl::unexpected<error> failed() {
        return fail(error_category::environment, "stsafe_bus", "The bus failed as it was told to.");
    }

    keystore::stsafe::model::chip& chip_;
    bus_faults& faults_;
    milliseconds now_ = 0;
};

inline const bytes host_key_octets = value_of(from_hex("2b7e151628aed2a6abf7158809cf4f3c000102030405060708090a0b0c0d0e0f"));

inline keystore::stsafe::host_keys test_host_keys() {
    return value_of(keystore::stsafe::split_host_keys(host_key_octets));
}

// A blank chip that is switched on, and a device that speaks with it.
class model_chip {
public:
    explicit model_chip(std::string_view name = "chip", keystore::stsafe::model::chip_options options = {})
        : random_(name), chip_(value_of(keystore::stsafe::model::chip::power_on(store, random_, options))) {}

    keystore::stsafe::device connect() { return keystore::stsafe::device(std::make_unique<faulty_bus>(chip_, faults)); }
    std::shared_ptr<keystore::stsafe::device> share() {
        return std::make_shared<keystore::stsafe::device>(std::make_unique<faulty_bus>(chip_, faults));
    }
    keystore::stsafe::model::chip& chip() { return chip_; }
    // Everything that the chip remembers, for "no state changed".
    [[nodiscard]] bytes memory() const { return value_of(wire::encode(chip_.state())); }

    keystore::stsafe::model::memory_store store;
    bus_faults faults;

private:
    named_random random_;
    keystore::stsafe::model::chip chip_;
};

template <keystore::stsafe::command C>
std::string name_of_run(keystore::stsafe::device& device, const C& c) {
    return name_of_error(device.run(c));
}

}  // namespace berth::test
