#include "onboarding/messages/frame.h"

namespace berth::onboarding {

result<std::optional<frame>> frame_reader::next() {
    const bytes_view waiting = bytes_view(buffer_).subspan(at_);
    if (waiting.size() < frame_header_octets) {
        return std::nullopt;
    }
    const size_t length = size_t{waiting[5]} << 16 | size_t{waiting[6]} << 8 | waiting[7];
    // "A body larger than 262 144 octets is `too_large`"
    if (length > most_(waiting[0])) {
        return fail(error{error_category::peer,
                          "too_large",
                          fmt::format("a message of type {} has {} octets, more than is accepted here", waiting[0], length),
                          {{"octets", std::to_string(length)}}});
    }
    const size_t total = frame_header_octets + length;
    if (waiting.size() < total) {
        return std::nullopt;
    }
    BERTH_TRY(out, wire::decode<frame>(waiting.first(total)));
    at_ += total;
    if (at_ == buffer_.size()) {
        bytes().swap(buffer_);  // an idle connection holds no memory here
        at_ = 0;
    }
    return out;
}

}  // namespace berth::onboarding
