#include "keystore/stsafe/frame.h"

#include <array>

#include <fmt/format.h>

namespace berth::keystore::stsafe {

namespace {

constexpr std::array<uint16_t, 256> make_table() {
    std::array<uint16_t, 256> out{};
    for (unsigned i = 0; i < 256; ++i) {
        unsigned value = i;
        for (int bit = 0; bit < 8; ++bit) {
            value = (value & 1) != 0 ? (value >> 1) ^ 0x8408U : value >> 1;
        }
        out[i] = static_cast<uint16_t>(value);
    }
    return out;
}

constexpr std::array<uint16_t, 256> crc_table = make_table();

void append_crc(bytes& out, uint16_t crc) {
    out.push_back(static_cast<uint8_t>(crc >> 8));
    out.push_back(static_cast<uint8_t>(crc));
}

uint16_t integer16(bytes_view two) {
    return static_cast<uint16_t>(two[0] << 8 | two[1]);
}

tl::unexpected<error> bad_frame(std::string why) {
    return fail(error_category::environment, "stsafe_bad_frame", "A frame on the bus is not one: " + std::move(why) + ".");
}

tl::unexpected<error> bad_crc() {
    return fail(error_category::environment, "stsafe_bad_crc", "A frame on the bus was damaged: its CRC is wrong.");
}

}  // namespace

uint16_t crc16(bytes_view first, bytes_view second) {
    unsigned crc = 0xffff;
    for (const bytes_view part : {first, second}) {
        for (const uint8_t octet : part) {
            crc = (crc >> 8) ^ crc_table[(crc ^ octet) & 0xff];
        }
    }
    return static_cast<uint16_t>(~crc);
}

bytes command_head::octets() const {
    return extension ? bytes{header, *extension} : bytes{header};
}

bytes encode(const command_frame& frame) {
    bytes out = frame.head.octets();
    out.reserve(out.size() + frame.payload.size() + crc_size);
    append(out, frame.payload);
    append_crc(out, crc16(out));
    return out;
}

bytes encode(const answer_frame& frame) {
    const size_t length = frame.payload.size() + crc_size;
    bytes out{frame.head, static_cast<uint8_t>(length >> 8), static_cast<uint8_t>(length)};
    out.reserve(out.size() + length);
    append(out, frame.payload);
    append_crc(out, crc16(bytes_view(&frame.head, 1), frame.payload));
    return out;
}

result<command_frame> decode_command(bytes_view octets, size_t most_frame) {
    if (octets.size() < 1 + crc_size) {
        return bad_frame("a command has three octets at least");
    }
    if (octets.size() > most_frame + crc_size) {
        return bad_frame(fmt::format("a command has {} octets at most", most_frame + crc_size));
    }
    const bytes_view body = octets.first(octets.size() - crc_size);
    if (crc16(body) != integer16(octets.last(crc_size))) {
        return bad_crc();
    }
    command_frame out;
    out.head.header = body[0];
    size_t used = 1;
    if (out.head.code() == extended_prefix) {
        if (body.size() < 2) {
            return bad_frame("an extended command lacks its second octet");
        }
        out.head.extension = body[1];
        used = 2;
    }
    out.payload = to_bytes(body.subspan(used));
    return out;
}

result<size_t> answer_size(bytes_view head, size_t most_frame) {
    if (head.size() < answer_head_size) {
        return bad_frame("an answer has five octets at least");
    }
    const size_t length = integer16(head.subspan(1, 2));
    if (length < crc_size || 1 + length > most_frame + crc_size) {
        return bad_frame(fmt::format("an answer's length is {}", length));
    }
    return answer_head_size + length;
}

result<answer_frame> decode_answer(bytes_view octets, size_t most_frame) {
    BERTH_TRY(size, answer_size(octets, most_frame));
    if (octets.size() != size) {
        return bad_frame(fmt::format("an answer has {} octets and says {}", octets.size(), size));
    }
    const bytes_view payload = octets.subspan(answer_head_size, size - least_answer_size);
    if (crc16(octets.first(1), payload) != integer16(octets.last(crc_size))) {
        return bad_crc();
    }
    return answer_frame{octets[0], to_bytes(payload)};
}

}  // namespace berth::keystore::stsafe
