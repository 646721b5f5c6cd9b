// Reads the telemetry log (log_format.h), while another process writes it.
#pragma once

#include "base/descriptor.h"
#include "store/telemetry/log_format.h"

namespace berth::store {

class telemetry_log_reader {
public:
    explicit telemetry_log_reader(std::filesystem::path directory) : directory_(std::move(directory)) {}

    [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }
    // The newest record's number; 0: there never was one. Errors `file_error`, `log_damaged` (environment).
    result<uint64_t> newest();
    // Those behind `after`, in order, up to `most`, and up to `most_octets` but for the first one. A record that is damaged ends
    // its segment: what is behind it there is passed over. Cheap where the reading goes on from the last call.
    result<std::vector<telemetry_record>> read(uint64_t after, size_t most, size_t most_octets = 4 * 1024 * 1024);
    // Segments that hold nothing behind `number`, and were last written to before `unless_since` (UNIX), are removed; the newest
    // one never is.
    result<void> forget(uint64_t number, unix_seconds unless_since);
    // Of all segments.
    result<uint64_t> octets();

private:
    struct place {
        uint64_t segment = 0;  // 0: none
        uint64_t offset = 0;
        uint64_t next = 0;  // the number of the record there
    };
    result<void> open(uint64_t segment);
    struct state {
        uint64_t first = 0, end = 0, count = 0;
    };
    result<state> look(const descriptor& at, uint64_t segment);

    std::filesystem::path directory_;
    descriptor opened_;
    place at_;
};

}  // namespace berth::store
