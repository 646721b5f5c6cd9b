// How records lie in a zone: magic(4) length(2) body checksum(8). Written in several commands, so it ends in a checksum: half of
// one is none.
#pragma once

#include "keystore/stsafe/zone_io.h"

namespace berth::keystore::stsafe {

inline constexpr size_t frame_overhead = 4 + 2 + 8;

result<void> write_framed(device& chip, uint8_t zone, std::string_view magic, bytes_view body,
                          protection how = protection::automatic);
// Overwrites all of one whose body has at most `most` octets, also half of one.
result<void> blank_framed(device& chip, uint8_t zone, size_t most, protection how = protection::automatic);
// Nothing: there is none of that magic, or half of one, or one with a longer body.
result<std::optional<bytes>> read_framed(device& chip, uint8_t zone, std::string_view magic, size_t most,
                                         protection how = protection::automatic);

}  // namespace berth::keystore::stsafe
