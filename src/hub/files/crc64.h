// The CRC by which storage SDKs check what they put (x-ms-content-crc64): 64 bits, polynomial 0xAD93D23594C93659, reflected.
#pragma once

#include "base/bytes.h"

#include <cstdint>
#include <string>

namespace berth::hub {

uint64_t crc64(bytes_view data);
// As the header has it: base64 of its octets, least first.
std::string crc64_text(bytes_view data);

}  // namespace berth::hub
