#include "base/bytes.h"

namespace berth {

bytes concat(std::initializer_list<bytes_view> parts) {
    size_t total = 0;
    for (const auto part : parts) {
        total += part.size();
    }
    bytes out;
    out.reserve(total);
    for (const auto part : parts) {
        append(out, part);
    }
    return out;
}

bool same_octets(bytes_view a, bytes_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

std::string to_hex(bytes_view data) {
    static constexpr char digits[] = "0123456789abcdef";
    std::string out;
    out.reserve(data.size() * 2);
    for (const uint8_t octet : data) {
        out.push_back(digits[octet >> 4]);
        out.push_back(digits[octet & 0x0f]);
    }
    return out;
}

namespace {

int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

}  // namespace

result<bytes> from_hex(std::string_view text) {
    if (text.size() % 2 != 0) {
        return fail(error_category::usage, "bad_hex", "hexadecimal text must have an even number of digits");
    }
    bytes out;
    out.reserve(text.size() / 2);
    for (size_t i = 0; i < text.size(); i += 2) {
        const int high = hex_digit(text[i]);
        const int low = hex_digit(text[i + 1]);
        if (high < 0 || low < 0) {
            return fail(error_category::usage, "bad_hex", "hexadecimal text may hold the digits 0-9 and a-f only");
        }
        out.push_back(static_cast<uint8_t>(high << 4 | low));
    }
    return out;
}

}  // namespace berth
