#include "wire/codec.h"

namespace berth::wire {

void writer::integer(uint64_t value, size_t octets) {
    if (octets < 8 && value >> (8 * octets) != 0) {
        ok_ = false;
    }
    if (!ok_) {
        return;
    }
    for (size_t i = octets; i-- > 0;) {
        out_.push_back(static_cast<uint8_t>(value >> (8 * i)));
    }
}

void writer::octets(bytes_view data) {
    if (ok_) {
        append(out_, data);
    }
}

size_t writer::open(size_t prefix) {
    const size_t mark = out_.size();
    if (ok_) {
        out_.resize(mark + prefix);
    }
    return mark;
}

void writer::close(size_t mark, size_t prefix, size_t least, size_t most) {
    if (!ok_) {
        return;
    }
    const size_t length = out_.size() - mark - prefix;
    if (length < least || length > most) {
        ok_ = false;
        return;
    }
    for (size_t i = 0; i < prefix; ++i) {
        out_[mark + i] = static_cast<uint8_t>(length >> (8 * (prefix - 1 - i)));
    }
}

uint64_t reader::integer(size_t octets) {
    uint64_t value = 0;
    for (const uint8_t octet : this->octets(octets)) {
        value = value << 8 | octet;
    }
    return value;
}

bytes_view reader::octets(size_t count) {
    if (!ok()) {
        return {};
    }
    if (left() < count) {
        fault("it ends too early");
        return {};
    }
    const bytes_view out = in_.subspan(at_, count);
    at_ += count;
    return out;
}

bytes_view reader::vector(size_t prefix, size_t least, size_t most) {
    const auto length = static_cast<size_t>(integer(prefix));
    if (ok() && (length < least || length > most)) {
        fault("a length is outside its bounds");
    }
    return octets(length);
}

void reader::fault(const char* what) {
    if (ok()) {
        what_ = what;
    }
}

error reader::to_error() const {
    return error{error_category::peer,
                 "malformed",
                 std::string("the message does not decode: ") + (what_ ? what_ : "no fault"),
                 {{"offset", std::to_string(at_)}}};
}

}  // namespace berth::wire
