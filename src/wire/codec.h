// The TLS presentation language (RFC 8446 section 3) for C++ structs: a struct in wire order, one list of its fields,
// both directions from it, and every bound in a type.
//
//     struct Frame { uint8 type; uint32 session; opaque body<0..262144>; };
//
//     struct frame {
//         uint8_t type = 0;
//         uint32_t session = 0;
//         wire::opaque<0, 262144> body;
//         BERTH_FIELDS(type, session, body)
//     };
//
//     result<bytes> octets = wire::encode(frame{...});
//     result<frame> again = wire::decode<frame>(octets);
//
// Integers are big-endian; enums travel as their underlying type, values unknown to us are kept for the reader to judge;
// std::array<uint8_t, N> is opaque[N]. A vector has the shortest length prefix that holds its bound.
#pragma once

#include "base/bytes.h"

#include <algorithm>
#include <array>
#include <concepts>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <vector>

// Goes inside a struct, after its fields, naming all of them in wire order.
#define BERTH_FIELDS(...)             \
    auto wire_fields() {              \
        return std::tie(__VA_ARGS__); \
    }                                 \
    auto wire_fields() const {        \
        return std::tie(__VA_ARGS__); \
    }

namespace berth::wire {

// opaque value<Min..Max>
template <size_t Min, size_t Max>
struct opaque {
    bytes value;
    opaque() = default;
    opaque(bytes v) : value(std::move(v)) {}
    explicit opaque(bytes_view v) : value(v.begin(), v.end()) {}
    explicit opaque(std::string_view v) : value(v.begin(), v.end()) {}
    static constexpr size_t least = Min;
    static constexpr size_t most = Max;
    [[nodiscard]] bytes_view view() const { return value; }
    [[nodiscard]] std::string_view text() const { return as_text(value); }
    [[nodiscard]] size_t size() const { return value.size(); }
    [[nodiscard]] bool empty() const { return value.empty(); }
    bool operator==(const opaque&) const = default;
};

// T items<Min..Max>, the bounds counting octets as everywhere in the presentation language.
template <class T, size_t Min, size_t Max>
struct list {
    std::vector<T> items;
    list() = default;
    list(std::vector<T> v) : items(std::move(v)) {}
    static constexpr size_t least = Min;
    static constexpr size_t most = Max;
    [[nodiscard]] size_t size() const { return items.size(); }
    [[nodiscard]] bool empty() const { return items.empty(); }
    auto begin() const { return items.begin(); }
    auto end() const { return items.end(); }
    bool operator==(const list&) const = default;
};

struct uint24 {
    uint32_t value = 0;  // below 2^24
    bool operator==(const uint24&) const = default;
};

// Octets of the length prefix of a vector of at most `most` octets.
constexpr size_t prefix_octets(size_t most) {
    return most <= 0xff ? 1 : most <= 0xffff ? 2 : most <= 0xffffff ? 3 : 4;
}

// Appends to a caller's buffer. The first bound that is broken is remembered; nothing is written after it.
class writer {
public:
    explicit writer(bytes& out) : out_(out) {}

    void integer(uint64_t value, size_t octets);
    void octets(bytes_view data);
    // Opens a vector: reserves its prefix. `close` fills it in and checks the bounds.
    size_t open(size_t prefix);
    void close(size_t mark, size_t prefix, size_t least, size_t most);
    [[nodiscard]] bool ok() const { return ok_; }

private:
    bytes& out_;
    bool ok_ = true;
};

// Reads from a caller's buffer. The first fault is remembered; everything after it yields zeros and empty spans.
class reader {
public:
    explicit reader(bytes_view in) : in_(in) {}

    uint64_t integer(size_t octets);
    bytes_view octets(size_t count);
    // The content of a vector with the given prefix and bounds.
    bytes_view vector(size_t prefix, size_t least, size_t most);
    void fault(const char* what);
    [[nodiscard]] bool ok() const { return what_ == nullptr; }
    [[nodiscard]] size_t left() const { return in_.size() - at_; }
    [[nodiscard]] size_t offset() const { return at_; }
    [[nodiscard]] bytes_view rest() const { return in_.subspan(at_); }
    // Error `malformed`, saying what and where.
    [[nodiscard]] error to_error() const;

private:
    bytes_view in_;
    size_t at_ = 0;
    const char* what_ = nullptr;
};

// ---- encoding, one overload per kind of field

template <class T>
concept structure = requires(T& t) { t.wire_fields(); };

template <class T>
    requires std::unsigned_integral<T>
void put(writer& w, T value) {
    w.integer(value, sizeof(T));
}
template <class T>
    requires std::is_enum_v<T>
void put(writer& w, T value) {
    w.integer(static_cast<std::underlying_type_t<T>>(value), sizeof(T));
}
inline void put(writer& w, uint24 value) {
    w.integer(value.value, 3);
}
template <size_t N>
void put(writer& w, const std::array<uint8_t, N>& value) {
    w.octets(value);
}
template <size_t Min, size_t Max>
void put(writer& w, const opaque<Min, Max>& value) {
    const size_t mark = w.open(prefix_octets(Max));
    w.octets(value.value);
    w.close(mark, prefix_octets(Max), Min, Max);
}
template <structure T>
void put(writer& w, const T& value);
template <class T, size_t Min, size_t Max>
void put(writer& w, const list<T, Min, Max>& value) {
    const size_t mark = w.open(prefix_octets(Max));
    for (const auto& item : value.items) {
        put(w, item);
    }
    w.close(mark, prefix_octets(Max), Min, Max);
}
template <structure T>
void put(writer& w, const T& value) {
    std::apply([&w](const auto&... field) { (put(w, field), ...); }, value.wire_fields());
}

// ---- decoding

template <class T>
    requires std::unsigned_integral<T>
void get(reader& r, T& value) {
    value = static_cast<T>(r.integer(sizeof(T)));
}
template <class T>
    requires std::is_enum_v<T>
void get(reader& r, T& value) {
    value = static_cast<T>(r.integer(sizeof(T)));
}
inline void get(reader& r, uint24& value) {
    value.value = static_cast<uint32_t>(r.integer(3));
}
template <size_t N>
void get(reader& r, std::array<uint8_t, N>& value) {
    const bytes_view data = r.octets(N);
    std::copy(data.begin(), data.end(), value.begin());
}
template <size_t Min, size_t Max>
void get(reader& r, opaque<Min, Max>& value) {
    value.value = to_bytes(r.vector(prefix_octets(Max), Min, Max));
}
template <structure T>
void get(reader& r, T& value);
template <class T, size_t Min, size_t Max>
void get(reader& r, list<T, Min, Max>& value) {
    reader inner(r.vector(prefix_octets(Max), Min, Max));
    while (inner.ok() && inner.left() > 0) {
        const size_t before = inner.left();
        get(inner, value.items.emplace_back());
        if (inner.left() == before) {
            inner.fault("an element takes no octets");
        }
    }
    if (!inner.ok()) {
        r.fault("an element of a list does not decode");
    }
}
template <structure T>
void get(reader& r, T& value) {
    std::apply([&r](auto&... field) { (get(r, field), ...); }, value.wire_fields());
}

// The octets of `value`. Error `too_large` (ours) when a bound in a type is broken.
template <structure T>
result<bytes> encode(const T& value) {
    bytes out;
    writer w(out);
    put(w, value);
    if (!w.ok()) {
        return fail(error_category::internal, "too_large", "a value is outside the bounds of its field");
    }
    return out;
}

// The struct whose octets are exactly `data`. Error `malformed`: too short, a length outside its bounds, or octets left over.
template <structure T>
result<T> decode(bytes_view data) {
    reader r(data);
    T value;
    get(r, value);
    if (r.ok() && r.left() != 0) {
        r.fault("octets are left over at the end");
    }
    if (!r.ok()) {
        return fail(r.to_error());
    }
    return value;
}

}  // namespace berth::wire
