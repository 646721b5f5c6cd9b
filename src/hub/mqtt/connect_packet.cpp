#include "hub/mqtt/connect_packet.h"

#include "base/wipe.h"
#include "hub/mqtt/text.h"
#include "wire/codec.h"

namespace berth::hub {

namespace {

constexpr uint8_t connect_type = 0x10;  // and no flags
constexpr size_t most_length_octets = 4;
constexpr std::string_view protocol = "MQTT";
constexpr uint8_t flag_clean = 0x02, flag_will = 0x04, flag_retain = 0x20, flag_password = 0x40, flag_user = 0x80;

tl::unexpected<error> malformed(const char* what) {
    return fail(error_category::peer, "malformed", what);
}

// A variable byte integer (MQTT 2.2.3; MQTT 5: 1.5.5) at the front of `in`.
struct length_read {
    enum class kind : uint8_t { good, more, bad } what = kind::bad;
    size_t value = 0, octets = 0;
};
length_read read_length(bytes_view in) {
    size_t value = 0;
    for (size_t i = 0; i < most_length_octets; ++i) {
        if (i == in.size()) {
            return {length_read::kind::more};
        }
        value |= static_cast<size_t>(in[i] & 0x7f) << (7 * i);
        if ((in[i] & 0x80) == 0) {
            // MQTT 5 1.5.5: "The encoded value MUST use the minimum number of bytes necessary to represent the value".
            return {i > 0 && in[i] == 0 ? length_read::kind::bad : length_read::kind::good, value, i + 1};
        }
    }
    return {};
}

void write_length(bytes& out, size_t value) {
    do {
        const auto low = static_cast<uint8_t>(value & 0x7f);
        value >>= 7;
        out.push_back(value > 0 ? static_cast<uint8_t>(low | 0x80) : low);
    } while (value > 0);
}

// Reads fields one after the other; the first fault is remembered, as wire::reader does.
class fields {
public:
    explicit fields(bytes_view in) : in_(in) {}
    uint8_t octet() { return static_cast<uint8_t>(in_.integer(1)); }
    uint16_t number() { return static_cast<uint16_t>(in_.integer(2)); }
    bytes_view binary() { return in_.vector(2, 0, 0xffff); }
    std::string text() {
        const auto octets = binary();
        good_text_ = good_text_ && is_mqtt_text(octets);
        return std::string(as_text(octets));
    }
    bytes properties() {
        const auto length = read_length(in_.rest());
        if (length.what != length_read::kind::good) {
            in_.fault("a length");
            return {};
        }
        (void)in_.octets(length.octets);
        return to_bytes(in_.octets(length.value));
    }
    [[nodiscard]] bool ok() const { return in_.ok() && good_text_; }
    [[nodiscard]] size_t left() const { return in_.left(); }

private:
    wire::reader in_;
    bool good_text_ = true;
};

// Appends fields; a text that has no room is remembered.
class packet_writer {
public:
    explicit packet_writer(bytes& out) : out_(out) {}
    void octet(uint8_t value) { out_.push_back(value); }
    void number(uint16_t value) {
        octet(static_cast<uint8_t>(value >> 8));
        octet(static_cast<uint8_t>(value & 0xff));
    }
    void binary(bytes_view value) {
        fits_ = fits_ && value.size() <= 0xffff;
        number(static_cast<uint16_t>(value.size()));
        append(out_, value);
    }
    void text(std::string_view value) { binary(as_bytes(value)); }
    void properties(bytes_view value) {
        fits_ = fits_ && value.size() <= most_connect_packet;
        write_length(out_, value.size());
        append(out_, value);
    }
    [[nodiscard]] bool fits() const { return fits_; }

private:
    bytes& out_;
    bool fits_ = true;
};

// Flags that contradict each other (MQTT 3.1.2.3 to 3.1.2.9).
result<void> check_flags(uint8_t flags, uint8_t level) {
    if ((flags & 0x01) != 0) {
        return malformed("a reserved flag of CONNECT is set");
    }
    const uint8_t qos = flags >> 3 & 3;
    if (qos == 3 || ((flags & flag_will) == 0 && (qos != 0 || (flags & flag_retain) != 0))) {
        return malformed("CONNECT tells of a Will that there cannot be");
    }
    // MQTT 3.1.1, 3.1.2.9: "If the User Name Flag is set to 0, the Password Flag MUST be set to 0".
    if (level == 4 && (flags & flag_password) != 0 && (flags & flag_user) == 0) {
        return malformed("CONNECT has a password and no user name");
    }
    return {};
}

}  // namespace

result<connect_packet> read_connect(bytes_view packet) {
    if (packet.empty() || packet[0] != connect_type) {
        return malformed("this is no CONNECT");
    }
    const auto length = read_length(packet.subspan(1));
    if (length.what != length_read::kind::good || packet.size() != 1 + length.octets + length.value) {
        return malformed("CONNECT's length is not what it says");
    }
    fields in(packet.subspan(1 + length.octets));
    connect_packet out;
    const std::string name = in.text();
    out.level = in.octet();
    if (!in.ok()) {
        return malformed("this is no CONNECT");
    }
    if (name != protocol || (out.level != 4 && out.level != 5)) {
        return fail(error_category::peer, "unsupported_version", "MQTT 3.1.1 and MQTT 5 are spoken here");
    }
    const uint8_t flags = in.octet();
    BERTH_CHECK(check_flags(flags, out.level));
    out.clean = (flags & flag_clean) != 0;
    out.keep_alive = in.number();
    const bool five = out.level == 5;
    if (five) {
        out.properties = in.properties();
    }
    out.client_id = in.text();
    if ((flags & flag_will) != 0) {
        connect_packet::will will;
        will.qos = flags >> 3 & 3;
        will.retain = (flags & flag_retain) != 0;
        if (five) {
            will.properties = in.properties();
        }
        will.topic = in.text();
        will.message = to_bytes(in.binary());
        out.last_will = std::move(will);
    }
    if ((flags & flag_user) != 0) {
        out.user_name = in.text();
    }
    if ((flags & flag_password) != 0) {
        out.password = secret_bytes(in.binary());
    }
    if (!in.ok() || in.left() > 0) {
        return malformed("CONNECT is not as MQTT has it");
    }
    return out;
}

result<bytes> write_connect(const connect_packet& p) {
    bytes body;
    body.reserve(most_connect_packet);  // so that it does not move, and leave passwords behind
    packet_writer out(body);
    out.text(protocol);
    out.octet(p.level);
    uint8_t flags = p.clean ? flag_clean : 0;
    if (p.last_will) {
        flags = static_cast<uint8_t>(flags | flag_will | p.last_will->qos << 3 | (p.last_will->retain ? flag_retain : 0));
    }
    flags |= p.user_name ? flag_user : uint8_t{0};
    flags |= p.password ? flag_password : uint8_t{0};
    out.octet(flags);
    out.number(p.keep_alive);
    const bool five = p.level == 5;
    if (five) {
        out.properties(p.properties);
    }
    out.text(p.client_id);
    if (p.last_will) {
        if (five) {
            out.properties(p.last_will->properties);
        }
        out.text(p.last_will->topic);
        out.binary(p.last_will->message);
    }
    if (p.user_name) {
        out.text(*p.user_name);
    }
    if (p.password) {
        out.binary(p.password->reveal());
    }
    if (!out.fits() || body.size() > most_connect_packet + 0xffff) {
        wipe(body);
        return fail(error_category::internal, "too_large", "a field of CONNECT has no room in it");
    }
    bytes whole{connect_type};
    whole.reserve(body.size() + 1 + most_length_octets);
    write_length(whole, body.size());
    append(whole, body);
    wipe(body);
    return whole;
}

connect_collector::~connect_collector() {
    wipe(packet_);
}

result<std::optional<bytes>> connect_collector::take(bytes_view& input) {
    const auto move = [&](size_t most) {
        const auto some = input.first(std::min(most, input.size()));
        append(packet_, some);
        input = input.subspan(some.size());
    };
    while (whole_ == 0) {
        if (input.empty()) {
            return std::nullopt;
        }
        move(1);
        if (packet_[0] != connect_type) {
            return malformed("this does not begin with CONNECT, as MQTT does");
        }
        if (packet_.size() == 1) {
            continue;
        }
        const auto length = read_length(bytes_view(packet_).subspan(1));
        if (length.what == length_read::kind::bad) {
            return malformed("CONNECT's length is not written as it must be");
        }
        if (length.what == length_read::kind::good) {
            whole_ = 1 + length.octets + length.value;
            if (whole_ > most_connect_packet) {
                return fail(error_category::peer, "too_large", "CONNECT is larger than is accepted here");
            }
            packet_.reserve(whole_);
        }
    }
    move(whole_ - packet_.size());
    if (packet_.size() < whole_) {
        return std::nullopt;
    }
    return std::optional(std::exchange(packet_, {}));
}

}  // namespace berth::hub
