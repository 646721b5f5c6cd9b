#include "store/telemetry/log_format.h"

#include <algorithm>
#include <charconv>

#include <boost/crc.hpp>

namespace berth::store {

result<std::vector<uint64_t>> list_segments(const std::filesystem::path& directory) {
    std::error_code why;
    std::vector<uint64_t> out;
    for (std::filesystem::directory_iterator one(directory, why), end; !why && one != end; one.increment(why)) {
        const std::string name = one->path().filename().string();
        if (!name.ends_with(segment_suffix)) {
            continue;
        }
        uint64_t first = 0;
        const char* const stop = name.data() + name.size() - segment_suffix.size();
        const auto [ptr, ec] = std::from_chars(name.data(), stop, first);
        if (ec == std::errc() && ptr == stop && first > 0) {
            out.push_back(first);
        }
    }
    if (why) {
        return fail(error{error_category::environment,
                          "file_error",
                          fmt::format("{} cannot be read: {}", directory.string(), why.message()),
                          {{"file", directory.string()}}});
    }
    std::ranges::sort(out);
    return out;
}

uint32_t record_sum(bytes_view record) {
    boost::crc_32_type sum;
    sum.process_bytes(record.data(), record.size());
    return sum.checksum();
}

}  // namespace berth::store
