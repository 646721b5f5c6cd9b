// Hashing inside the chip, extended commands of the A120 [stsafea_hash.c].
#pragma once

#include "keystore/stsafe/commands/command.h"

#include <array>

namespace berth::keystore::stsafe {

// The content octets of the algorithm's OID (NIST CSOR).
using hash_name = wire::opaque<0, 256>;
inline constexpr std::array<uint8_t, 9> oid_sha256{0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01};
inline constexpr std::array<uint8_t, 9> oid_sha384{0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02};

struct start_hash {
    hash_name algorithm;
    rest message;
    BERTH_FIELDS(algorithm, message)
    static constexpr command_info about{extended_prefix, "StartHash", repeat::allowed, time_not_published, 0x00};
    using answer = no_answer;
};
struct process_hash {
    rest message;
    BERTH_FIELDS(message)
    static constexpr command_info about{extended_prefix, "ProcessHash", repeat::never, time_not_published, 0x01};
    using answer = no_answer;
};
struct digest_answer {
    lengthy digest;
    BERTH_FIELDS(digest)
};
struct finish_hash {
    rest message;
    BERTH_FIELDS(message)
    static constexpr command_info about{extended_prefix, "FinishHash", repeat::never, time_not_published, 0x02};
    using answer = digest_answer;
};

}  // namespace berth::keystore::stsafe
