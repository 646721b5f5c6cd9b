// The telemetry log: what devices have sent, between the broker that acknowledged it and the back ends that are to have it. One
// process writes, any number read.
//
// A directory of segments, each named by the number of its first record ("00000000000000000001.telemetry"); numbers go up by one.
// A segment is made at its full size and mapped: a record is there as soon as it is copied, without a call of the system, and
// outlives its writer's sudden end. It is not synced: what the last seconds brought may be lost with the machine's power.
//
//     segment = header, then records one behind the other up to `end`
//     record  = uint32 length of what follows but the sum, telemetry_record, uint32 CRC-32 of it
//
// Integers are big-endian but for the header's, which are the machine's: they are stored at once.
#pragma once

#include "base/clock.h"
#include "wire/codec.h"

#include <array>
#include <atomic>
#include <bit>
#include <filesystem>

#include <fmt/format.h>

namespace berth::store {

inline constexpr size_t most_logged_client = 257;
inline constexpr size_t most_logged_topic = 2048;
inline constexpr size_t most_logged_payload = 260 * 1024;  // more than a broker of ours takes
inline constexpr size_t segment_size = 16 * 1024 * 1024;
inline constexpr std::string_view segment_suffix = ".telemetry";

struct telemetry_record {
    uint64_t number = 0;
    uint64_t at_ms = 0;  // UNIX, when it came
    wire::opaque<1, most_logged_client> client;
    wire::opaque<1, most_logged_topic> topic;
    wire::opaque<0, most_logged_payload> payload;
    BERTH_FIELDS(number, at_ms, client, topic, payload)
};

struct segment_header {
    static constexpr uint64_t right_magic = std::bit_cast<uint64_t>(std::array<char, 8>{'B', 'E', 'R', 'T', 'H', 'T', 'L', '1'});
    std::atomic<uint64_t> magic = 0;  // written last: without, there is nothing yet
    uint64_t first = 0;               // the number of its first record
    std::atomic<uint64_t> end = 0;    // offset behind its last whole record
    std::atomic<uint64_t> count = 0;  // of records up to there; written after `end`
};
static_assert(std::atomic<uint64_t>::is_always_lock_free);

inline std::filesystem::path segment_path(const std::filesystem::path& directory, uint64_t first) {
    return directory / fmt::format("{:020}{}", first, segment_suffix);
}
// Their first numbers, in order. Errors of the directory (environment `file_error`).
result<std::vector<uint64_t>> list_segments(const std::filesystem::path& directory);

uint32_t record_sum(bytes_view record);

}  // namespace berth::store
