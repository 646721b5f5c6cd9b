// One command frame out, one answer frame back: waiting while the chip works, and hearing an answer again that was damaged.
#pragma once

#include "keystore/stsafe/frame.h"
#include "keystore/stsafe/transport.h"

namespace berth::keystore::stsafe {

struct link_limits {
    size_t most_frame = most_frame_a110;
    milliseconds first_pause = 1;  // doubled at each refusal ...
    milliseconds most_pause = 16;  // ... up to this
    milliseconds patience = 3000;  // for the chip to take a command, and again for its answer
    int hearings = 4;              // of an answer that comes damaged
    int sendings = 3;              // of a command that the chip says came damaged
};

// The answer, whatever its status. A command is sent again only when the chip itself says that it came damaged (status 01), and
// so did not act on it; an answer is read again from where it lies in the chip, which does not act again.
// Errors `stsafe_busy`: the chip never took the command. `stsafe_answer_lost`: it may have, and what it answered is unknown.
result<answer_frame> exchange(transport& bus, const command_frame& command, const link_limits& limits);

}  // namespace berth::keystore::stsafe
