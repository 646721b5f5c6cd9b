// Writes the telemetry log (log_format.h).
#pragma once

#include "store/telemetry/log_format.h"

#include <chrono>
#include <optional>

namespace berth::store {

class telemetry_log_writer {
public:
    // Makes the directory's first segment, or goes on behind the last record that is there. `most_octets`: of all segments.
    // Errors: `file_error` (environment); `log_in_use`: another process writes there.
    static result<std::unique_ptr<telemetry_log_writer>> open(std::filesystem::path directory, uint64_t most_octets);
    ~telemetry_log_writer();
    telemetry_log_writer(const telemetry_log_writer&) = delete;
    telemetry_log_writer& operator=(const telemetry_log_writer&) = delete;

    // It is in the log when this returns. Errors (environment): `log_full`, no room in it or on the disk; `file_error`;
    // (usage) `too_large`.
    result<void> append(std::string_view client, std::string_view topic, bytes_view payload, uint64_t at_ms);

private:
    explicit telemetry_log_writer(std::filesystem::path directory, uint64_t most)
        : directory_(std::move(directory)), most_octets_(most) {}
    result<void> begin_segment();
    void end_segment();
    [[nodiscard]] segment_header& header() { return *reinterpret_cast<segment_header*>(mapped_); }

    std::filesystem::path directory_;
    uint64_t most_octets_ = 0;
    int lock_ = -1;
    uint8_t* mapped_ = nullptr;
    std::filesystem::path current_;
    uint64_t next_ = 1;
    uint64_t end_ = 0;
    std::optional<error> full_;  // until then it is not looked again
    std::chrono::steady_clock::time_point look_again_;
};

}  // namespace berth::store
