// Zones as a host uses them: longer pieces than a frame holds, certificates, and counters that fall once.
#pragma once

#include "keystore/stsafe/commands/zones.h"
#include "keystore/stsafe/device.h"
#include "pki/certificate.h"

namespace berth::keystore::stsafe {

// In the host session where there is one, whatever the chip's table asks for: then nobody on the bus can change what is asked or
// answered.
protection strongest(const device& chip);

// What zones there are, of which kind and size, and who may read and write them.
result<std::vector<partition>> read_partitions(device& chip);

// In several commands when one does not hold it: whoever writes makes sure that half of it is recognised.
result<bytes> read_octets(device& chip, uint8_t zone, size_t offset, size_t length, protection how = protection::automatic);
result<void> write_octets(device& chip, uint8_t zone, size_t offset, bytes_view data, protection how = protection::automatic);

// The DER certificate at the beginning of a zone (zone 0: the chip's own). Errors `stsafe_no_certificate`: what lies there is
// none, and those of pki::certificate::parse.
result<pki::certificate> read_certificate(device& chip, uint8_t zone, protection how = protection::automatic);

// What a counter is. Error `stsafe_zone_type`: the zone is none.
result<uint32_t> read_counter(device& chip, uint8_t zone, protection how = protection::automatic);

// Lowers a counter by `amount`, and returns what it is then. The command is never sent twice: when its answer is lost, the
// counter itself tells whether it was done. So this host must be the only one that lowers it. Errors also `stsafe_answer_lost`
// (not even the counter could be read) and `stsafe_not_decremented` (the chip has not done it, so that it may be tried again).
result<uint32_t> decrement_once(device& chip, uint8_t zone, uint32_t amount, protection how = protection::automatic);

}  // namespace berth::keystore::stsafe
