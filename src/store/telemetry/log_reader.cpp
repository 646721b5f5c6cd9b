#include "store/telemetry/log_reader.h"

#include <algorithm>

#include <fcntl.h>
#include <sys/stat.h>

namespace berth::store {

namespace {

tl::unexpected<error> could_not(const std::filesystem::path& file, int code) {
    return fail(error{error_category::environment,
                      "file_error",
                      fmt::format("{} cannot be read: {}", file.string(), std::system_category().message(code)),
                      {{"file", file.string()}}});
}

uint32_t number_at(const uint8_t* octets) {
    return static_cast<uint32_t>(octets[0]) << 24U | static_cast<uint32_t>(octets[1]) << 16U |
           static_cast<uint32_t>(octets[2]) << 8U | octets[3];
}

}  // namespace

result<telemetry_log_reader::state> telemetry_log_reader::look(const descriptor& at, uint64_t segment) {
    const auto file = segment_path(directory_, segment);
    struct {
        uint64_t magic = 0, first = 0, end = 0, count = 0;
    } head;
    static_assert(sizeof head == sizeof(segment_header));
    const auto got = ::pread(at.get(), &head, sizeof head, 0);
    if (got < 0) {
        return could_not(file, errno);
    }
    // Its writer ended as it began, or is about to write that.
    if (static_cast<size_t>(got) < sizeof head || head.magic == 0) {
        return state{segment, sizeof(segment_header), 0};
    }
    if (head.magic != segment_header::right_magic || head.first != segment || head.end < sizeof(segment_header) ||
        head.end > segment_size) {
        return fail(error{error_category::environment,
                          "log_damaged",
                          fmt::format("{} is no segment of a telemetry log", file.string()),
                          {{"file", file.string()}}});
    }
    return state{head.first, head.end, head.count};
}

result<uint64_t> telemetry_log_reader::newest() {
    BERTH_TRY(segments, list_segments(directory_));
    if (segments.empty()) {
        return 0;
    }
    const auto file = segment_path(directory_, segments.back());
    const descriptor at(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!at) {
        return could_not(file, errno);
    }
    BERTH_TRY(now, look(at, segments.back()));
    return now.first + now.count - 1;
}

result<void> telemetry_log_reader::open(uint64_t segment) {
    const auto file = segment_path(directory_, segment);
    descriptor fresh(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fresh) {
        return could_not(file, errno);
    }
    opened_ = std::move(fresh);
    at_ = {segment, sizeof(segment_header), segment};
    return {};
}

result<std::vector<telemetry_record>> telemetry_log_reader::read(uint64_t after, size_t most, size_t most_octets) {
    std::vector<telemetry_record> out;
    size_t octets = 0;
    if (at_.segment == 0 || at_.next != after + 1) {
        BERTH_TRY(segments, list_segments(directory_));
        const auto behind = std::ranges::upper_bound(segments, after + 1);
        if (segments.empty()) {
            return out;
        }
        // Where that one was removed meanwhile: the oldest that there is.
        BERTH_CHECK(open(behind == segments.begin() ? segments.front() : *std::prev(behind)));
    }
    bytes buffer;
    for (;;) {
        BERTH_TRY(now, look(opened_, at_.segment));
        bool damaged = false;
        while (at_.offset < now.end && out.size() < most && (octets == 0 || octets < most_octets)) {
            std::array<uint8_t, 4> length{};
            damaged = ::pread(opened_.get(), length.data(), length.size(), static_cast<off_t>(at_.offset)) !=
                      static_cast<ssize_t>(length.size());
            const uint64_t size = number_at(length.data());
            damaged = damaged || at_.offset + size + 8 > now.end;
            if (damaged) {
                break;
            }
            buffer.resize(size + 4);
            damaged = ::pread(opened_.get(), buffer.data(), buffer.size(), static_cast<off_t>(at_.offset + 4)) !=
                      static_cast<ssize_t>(buffer.size());
            const bytes_view body(buffer.data(), size);
            damaged = damaged || record_sum(body) != number_at(buffer.data() + size);
            auto record = damaged ? fail(error_category::environment, "log_damaged", "") : wire::decode<telemetry_record>(body);
            if (!record) {
                damaged = true;
                break;
            }
            at_.offset += size + 8;
            at_.next = record->number + 1;
            if (record->number > after) {
                octets += size;
                out.push_back(std::move(*record));
            }
        }
        if (out.size() >= most || (octets > 0 && octets >= most_octets)) {
            return out;
        }
        BERTH_TRY(segments, list_segments(directory_));
        const auto next = std::ranges::upper_bound(segments, at_.segment);
        if (next == segments.end()) {
            return out;
        }
        // Nothing is written there any more once there is another one: what came since the look above is read first.
        BERTH_TRY(last, look(opened_, at_.segment));
        if (!damaged && last.end > at_.offset) {
            continue;
        }
        BERTH_CHECK(open(*next));
    }
}

result<void> telemetry_log_reader::forget(uint64_t number, unix_seconds unless_since) {
    BERTH_TRY(segments, list_segments(directory_));
    for (size_t i = 0; i + 1 < segments.size() && segments[i + 1] <= number + 1; ++i) {
        const auto file = segment_path(directory_, segments[i]);
        struct stat about{};
        if (::stat(file.c_str(), &about) != 0 || about.st_mtime >= unless_since) {
            return {};
        }
        if (::unlink(file.c_str()) != 0 && errno != ENOENT) {
            return could_not(file, errno);
        }
    }
    return {};
}

result<uint64_t> telemetry_log_reader::octets() {
    BERTH_TRY(segments, list_segments(directory_));
    uint64_t out = 0;
    for (const uint64_t one : segments) {
        std::error_code gone;
        const auto size = std::filesystem::file_size(segment_path(directory_, one), gone);
        out += gone ? 0 : size;
    }
    return out;
}

}  // namespace berth::store
