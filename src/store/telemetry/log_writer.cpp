#include "store/telemetry/log_writer.h"

#include "base/descriptor.h"
#include "store/telemetry/log_reader.h"

#include <algorithm>
#include <cstring>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>

namespace berth::store {

namespace {

constexpr mode_t owner_alone = 0600;
// A broker that is asked thousands of times a second looks at the disk now and then.
constexpr auto pause_when_full = std::chrono::milliseconds(100);

tl::unexpected<error> could_not(const char* what, const std::filesystem::path& file, int code) {
    return fail(error{error_category::environment,
                      "file_error",
                      fmt::format("{} cannot be {}: {}", file.string(), what, std::system_category().message(code)),
                      {{"file", file.string()}}});
}

// A process that ended while it wrote leaves a segment at its full size, and perhaps with one record that is not counted.
result<uint64_t> mend(const std::filesystem::path& directory, uint64_t segment) {
    telemetry_log_reader reader(directory);
    uint64_t last = segment - 1;
    for (;;) {
        BERTH_TRY(some, reader.read(last, 10'000));
        if (some.empty()) {
            break;
        }
        last = some.back().number;
    }
    const auto file = segment_path(directory, segment);
    const descriptor at(::open(file.c_str(), O_RDWR | O_CLOEXEC));
    uint64_t end = 0, counted = 0;
    std::error_code why;
    if (std::filesystem::file_size(file, why) < sizeof(segment_header) && !why) {
        std::filesystem::remove(file, why);  // its writer ended as it made it
        return segment - 1;
    }
    if (!at || ::pread(at.get(), &end, sizeof end, offsetof(segment_header, end)) != sizeof end ||
        ::pread(at.get(), &counted, sizeof counted, offsetof(segment_header, count)) != sizeof counted) {
        return could_not("read", file, errno);
    }
    // What is damaged may have been read before that: its numbers are not given twice.
    last = std::max(last, segment + counted - 1);
    const uint64_t count = last + 1 - segment;
    if (::pwrite(at.get(), &count, sizeof count, offsetof(segment_header, count)) != sizeof count ||
        ::ftruncate(at.get(), static_cast<off_t>(end)) != 0) {
        return could_not("written", file, errno);
    }
    return last;
}

}  // namespace

result<std::unique_ptr<telemetry_log_writer>> telemetry_log_writer::open(std::filesystem::path directory, uint64_t most_octets) {
    std::error_code why;
    if (!std::filesystem::is_directory(directory) && !std::filesystem::create_directory(directory, why)) {
        return could_not("made", directory, why.value());
    }
    std::filesystem::permissions(directory, std::filesystem::perms::owner_all, why);
    std::unique_ptr<telemetry_log_writer> out(new telemetry_log_writer(std::move(directory), most_octets));
    const auto lock = out->directory_ / "writer";
    out->lock_ = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, owner_alone);
    if (out->lock_ < 0) {
        return could_not("opened", lock, errno);
    }
    if (::flock(out->lock_, LOCK_EX | LOCK_NB) != 0) {
        return fail(error{error_category::environment,
                          "log_in_use",
                          fmt::format("another broker writes to {}", out->directory_.string()),
                          {{"file", out->directory_.string()}}});
    }
    BERTH_TRY(segments, list_segments(out->directory_));
    if (!segments.empty()) {
        BERTH_TRY(last, mend(out->directory_, segments.back()));
        out->next_ = last + 1;
        if (out->next_ == segments.back()) {
            std::filesystem::remove(segment_path(out->directory_, segments.back()), why);
        }
    }
    // A log that is full by now takes more once its readers have taken what is there.
    if (const auto begun = out->begin_segment(); !begun && begun.error().name != "log_full") {
        return fail(begun.error());
    }
    return out;
}

telemetry_log_writer::~telemetry_log_writer() {
    end_segment();
    if (lock_ >= 0) {
        ::close(lock_);
    }
}

void telemetry_log_writer::end_segment() {
    if (mapped_ == nullptr) {
        return;
    }
    ::munmap(std::exchange(mapped_, nullptr), segment_size);
    // What was set aside for it and not used goes back.
    std::ignore = ::truncate(current_.c_str(), static_cast<off_t>(end_));
}

result<void> telemetry_log_writer::begin_segment() {
    end_segment();
    BERTH_TRY(octets, telemetry_log_reader(directory_).octets());
    if (octets + segment_size > most_octets_) {
        return fail(error{
            error_category::environment,
            "log_full",
            fmt::format("{} holds {} MB, of the {} that it may: its back ends have not taken them yet (berth hub sink list)",
                        directory_.string(), octets >> 20U, most_octets_ >> 20U),
            {{"file", directory_.string()}}});
    }
    current_ = segment_path(directory_, next_);
    const descriptor at(::open(current_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, owner_alone));
    if (!at) {
        return could_not("made", current_, errno);
    }
    // The room is the segment's from now on: a disk that fills up later must not end the process that writes to the mapping.
    int code = ::posix_fallocate(at.get(), 0, segment_size);
    void* mapped = MAP_FAILED;
    if (code == 0) {
        mapped = ::mmap(nullptr, segment_size, PROT_READ | PROT_WRITE, MAP_SHARED, at.get(), 0);
        code = errno;
    }
    if (mapped == MAP_FAILED) {
        (void)::unlink(current_.c_str());
        if (code == ENOSPC || code == EDQUOT) {
            return fail(error{error_category::environment,
                              "log_full",
                              fmt::format("there is no room on the disk for {}: make some", current_.string()),
                              {{"file", directory_.string()}}});
        }
        return could_not("given room", current_, code);
    }
    mapped_ = static_cast<uint8_t*>(mapped);
    auto* const head = new (mapped_) segment_header;
    head->first = next_;
    end_ = sizeof(segment_header);
    head->end.store(end_, std::memory_order_relaxed);
    head->magic.store(segment_header::right_magic, std::memory_order_release);
    return {};
}

result<void> telemetry_log_writer::append(std::string_view client, std::string_view topic, bytes_view payload, uint64_t at_ms) {
    telemetry_record record;
    record.number = next_;
    record.at_ms = at_ms;
    record.client.value.assign(client.begin(), client.end());
    record.topic.value.assign(topic.begin(), topic.end());
    record.payload.value.assign(payload.begin(), payload.end());
    auto octets = wire::encode(record);
    if (!octets) {
        return fail(error_category::usage, "too_large", "a message with a payload of more than 256 KiB");
    }
    const size_t needs = octets->size() + 2 * sizeof(uint32_t);
    if (mapped_ == nullptr || end_ + needs > segment_size) {
        const auto now = std::chrono::steady_clock::now();
        if (full_ && now < look_again_) {
            return fail(*full_);
        }
        full_.reset();
        if (const auto begun = begin_segment(); !begun) {
            full_ = begun.error();
            look_again_ = now + pause_when_full;
            return fail(begun.error());
        }
    }
    const auto put = [this](uint64_t where, uint32_t value) {
        for (int i = 3; i >= 0; --i, value >>= 8U) {
            mapped_[where + static_cast<uint64_t>(i)] = static_cast<uint8_t>(value);
        }
    };
    put(end_, static_cast<uint32_t>(octets->size()));
    std::memcpy(mapped_ + end_ + sizeof(uint32_t), octets->data(), octets->size());
    put(end_ + sizeof(uint32_t) + octets->size(), record_sum(*octets));
    end_ += needs;
    header().end.store(end_, std::memory_order_release);
    header().count.store(next_ + 1 - header().first, std::memory_order_release);
    ++next_;
    return {};
}

}  // namespace berth::store
