#include "wire/base64.h"

namespace berth::wire {

namespace {

constexpr std::string_view standard = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view url_safe = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string encode_with(std::string_view alphabet, bytes_view data) {
    std::string out;
    out.reserve((data.size() + 2) / 3 * 4);
    for (size_t i = 0; i < data.size(); i += 3) {
        const size_t have = std::min<size_t>(3, data.size() - i);
        uint32_t group = 0;
        for (size_t k = 0; k < 3; ++k) {
            group = group << 8 | (k < have ? data[i + k] : 0u);
        }
        for (size_t k = 0; k <= have; ++k) {
            out.push_back(alphabet[group >> (18 - 6 * k) & 0x3f]);
        }
    }
    return out;
}

tl::unexpected<error> bad(const char* why) {
    return fail(error_category::usage, "bad_base64", std::string("the base64 text is not well formed: ") + why);
}

result<bytes> decode_with(std::string_view alphabet, std::string_view text) {
    if (text.size() % 4 == 1) {
        return bad("its length cannot occur");
    }
    bytes out;
    out.reserve(text.size() / 4 * 3 + 2);
    uint32_t bits = 0;
    int count = 0;
    for (const char c : text) {
        const size_t value = alphabet.find(c);
        if (value == std::string_view::npos) {
            return bad("a character is outside the alphabet");
        }
        bits = bits << 6 | static_cast<uint32_t>(value);
        count += 6;
        if (count >= 8) {
            count -= 8;
            out.push_back(static_cast<uint8_t>(bits >> count));
            bits &= (1u << count) - 1;
        }
    }
    if (bits != 0) {
        return bad("bits behind the last octet are not zero");
    }
    return out;
}

}  // namespace

std::string base64(bytes_view data) {
    std::string out = encode_with(standard, data);
    out.append((4 - out.size() % 4) % 4, '=');
    return out;
}

std::string base64url(bytes_view data) {
    return encode_with(url_safe, data);
}

result<bytes> from_base64(std::string_view text) {
    if (text.size() % 4 != 0) {
        return bad("the padding is missing");
    }
    for (int i = 0; i < 2 && !text.empty() && text.back() == '='; ++i) {
        text.remove_suffix(1);
    }
    return decode_with(standard, text);
}

result<bytes> from_base64url(std::string_view text) {
    return decode_with(url_safe, text);
}

}  // namespace berth::wire
