#include "keystore/stsafe/uri.h"

#include "pki/private_key_file.h"

#include <charconv>
#include <map>
#include <mutex>

namespace berth::keystore::stsafe {

namespace {

constexpr size_t most_host_key = 64;

tl::unexpected<error> bad(std::string_view rest, const std::string& why) {
    return fail(
        error{error_category::usage, "bad_key_uri", "\"stsafe:" + std::string(rest) + "\" does not name a key: " + why + "."}
            .with("uri", "stsafe:" + std::string(rest)));
}

// Decimal, or hexadecimal after 0x.
std::optional<uint8_t> number(std::string_view text, unsigned most) {
    const bool hexadecimal = text.starts_with("0x");
    if (hexadecimal) {
        text.remove_prefix(2);
    }
    unsigned value = 0;
    const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), value, hexadecimal ? 16 : 10);
    if (text.empty() || wrong != std::errc() || end != text.data() + text.size() || value > most) {
        return std::nullopt;
    }
    return static_cast<uint8_t>(value);
}

struct name_reader {
    key_name name;
    std::optional<uint8_t> slot, zone, envelope, address;

    // What is wrong; empty: nothing.
    std::string take(std::string_view key, std::string_view value) {
        const auto once = [&](std::optional<uint8_t>& into, unsigned most) {
            const auto parsed = number(value, most);
            const bool fresh = !into;
            into = parsed;
            return parsed && fresh ? std::string() : std::string(key) + " is a number up to " + std::to_string(most) + ", once";
        };
        if (key == "slot") {
            return once(slot, 4);
        }
        if (key == "zone") {
            return once(zone, 255);
        }
        if (key == "envelope") {
            return once(envelope, 1);
        }
        if (key == "address") {
            return once(address, 0x77);
        }
        if (key != "device" && key != "host-key") {
            return "it knows slot, zone, envelope, device, address and host-key, not " + std::string(key);
        }
        if (value.empty()) {
            return std::string(key) + " is a path";
        }
        (key == "device" ? name.device : name.host_key) = std::string(value);
        return {};
    }
};

result<key_name> parse(std::string_view rest, std::optional<uint8_t> usual_slot) {
    name_reader reader;
    for (std::string_view left = rest; !left.empty();) {
        const std::string_view part = left.substr(0, left.find(';'));
        left.remove_prefix(std::min(part.size() + 1, left.size()));
        const size_t equals = part.find('=');
        if (equals == std::string_view::npos) {
            return bad(rest, "its parts are NAME=VALUE, with ; between them");
        }
        if (const std::string wrong = reader.take(part.substr(0, equals), part.substr(equals + 1)); !wrong.empty()) {
            return bad(rest, wrong);
        }
    }
    if (!reader.slot && !usual_slot) {
        return bad(rest, "slot is missing");
    }
    key_name out = std::move(reader.name);
    out.place.slot = reader.slot ? *reader.slot : *usual_slot;
    out.place.zone = reader.zone.value_or(out.place.slot);
    out.place.envelope = reader.envelope.value_or(out.place.envelope);
    out.address = reader.address.value_or(out.address);
    return out;
}

}  // namespace

result<key_name> parse_name(std::string_view rest) {
    return parse(rest, std::nullopt);
}

result<key_name> parse_chip_name(std::string_view rest) {
    return parse(rest, uint8_t{0});
}

result<std::shared_ptr<device>> open_chip(const key_name& name, const open_options& options) {
    // Two keys of one chip go through one device: it alone knows the chip's C-MAC counter.
    static std::mutex lock;
    static std::map<std::pair<std::string, uint8_t>, std::weak_ptr<device>> open_ones;
    const std::lock_guard guard(lock);
    auto& known = open_ones[{name.device, name.address}];
    auto chip = known.lock();
    if (!chip) {
        BERTH_TRY(opened, open_device(name.device, name.address));
        chip = std::move(opened);
    }
    if (!name.host_key.empty()) {
        BERTH_TRY(octets, pki::read_secret_file(options.path(name.host_key), most_host_key));
        BERTH_TRY(keys, split_host_keys(octets.reveal()));
        BERTH_CHECK(chip->open_host_session(std::move(keys)));
    }
    known = chip;
    return chip;
}

}  // namespace berth::keystore::stsafe
