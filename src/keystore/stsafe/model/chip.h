// A model of an STSAFE-A as its bus sees it, made from published driver sources and never compared with silicon: the same
// frames, statuses and conditions, none of the protection. It is for tests and demonstrations.
#pragma once

#include "base/clock.h"
#include "keystore/stsafe/frame.h"
#include "keystore/stsafe/model/handlers.h"

namespace berth::keystore::stsafe::model {

struct chip_options {
    product kind = product::a120;  // of a blank chip
    bool silicon_delays = false;   // be busy for as long as the driver's table says that silicon is
    const clock* time = &system_clock();
};

class chip {
public:
    // Loads the state, or makes and saves that of a blank chip. Errors of state_store.
    static result<chip> power_on(state_store& store, random_source& random, chip_options options = {});

    // One bus transaction each, at this chip's address. False, nothing: not acknowledged (busy, asleep).
    bool write(bytes_view frame);
    std::optional<bytes> read(size_t count);

    void power_cycle();
    [[nodiscard]] uint8_t address() const { return state_.address; }
    [[nodiscard]] const chip_state& state() const { return state_; }

private:
    chip(state_store& store, chip_state state, random_source& random, chip_options options)
        : store_(&store), state_(std::move(state)), random_(&random), options_(options) {}

    answer_frame execute(bytes_view frame);
    answer_frame act(const command_frame& command);
    tl::expected<bytes, status> opened(const command_frame& command, const authorization& rule, bool& by_host);
    [[nodiscard]] status allowed(const command_frame& command, const authorization& rule, bool by_host) const;
    // Keeps `next`, on disk first. False: the memory fails, and nothing has changed.
    bool keep(chip_state next);

    state_store* store_;
    chip_state state_;
    volatile_state passing_;
    random_source* random_;
    chip_options options_;
    bytes answer_;
    milliseconds busy_until_ = 0;
};

}  // namespace berth::keystore::stsafe::model
