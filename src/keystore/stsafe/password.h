// The chip's password: who has shown it may do what the chip's table of command authorisations keeps for its holder, until the
// chip is reset or loses its power. A few wrong ones block it for ever.
#pragma once

#include "keystore/stsafe/commands/password.h"
#include "keystore/stsafe/device.h"

namespace berth::keystore::stsafe {

// What of a word the chip takes: its octets, filled up with zeros. Error `bad_password`: empty, or longer than password_size.
result<secret_bytes> password_octets(const secret_bytes& word);

// [model] Sets one, in a chip that has none yet and is not yet at work: `tries` wrong ones block it for ever. From then on those
// of `guarded` (commands' codes) are for who has shown it; the table takes such a change once in the chip's life. Errors
// `bad_password`; `password_exists`: it has one; `stsafe_not_authorized`, `stsafe_life_cycle`.
result<void> set_password(device& chip, const secret_bytes& word, uint8_t tries, bytes_view guarded = {});

// Shows it. The chip then does what is kept for its holder, for everybody on its bus, until forget_password() resets it. Errors
// `password_incorrect`, with the parameter "tries_left"; `stsafe_no_password`; `stsafe_password_blocked`; `password_final_try`:
// one wrong one more would block it, and `even_the_last` does not say that it is to be tried nevertheless.
result<void> show_password(device& chip, const secret_bytes& word, bool even_the_last = false);
result<void> forget_password(device& chip);

}  // namespace berth::keystore::stsafe
