// A device that says a few things in one session, packet by packet (MQTT 3.1.1), through `openssl s_client`.
#pragma once

#include "base/bytes.h"

#include <map>
#include <string>
#include <string_view>

namespace berth::test {

class mqtt_talk {
public:
    mqtt_talk(const std::string& client_id, const std::string& user, const std::string& password = "") {
        std::string body = text("MQTT") + '\x04';
        body += static_cast<char>(0x02 | (user.empty() ? 0 : 0x80) | (password.empty() ? 0 : 0x40));
        body += std::string("\0\x3c", 2) + text(client_id);
        body += user.empty() ? "" : text(user);
        body += password.empty() ? "" : text(password);
        packet(0x10, body);
    }
    mqtt_talk& subscribe(const std::string& filter) {
        packet(0x82, id() + text(filter) + '\x01');
        return *this;
    }
    mqtt_talk& publish(const std::string& topic, const std::string& payload) {
        packet(0x32, text(topic) + id() + payload);
        return *this;
    }
    [[nodiscard]] const std::string& said() const { return said_; }

    // What came to which topic, of all that the broker has said.
    static std::map<std::string, std::string> heard(std::string_view all) {
        std::map<std::string, std::string> out;
        while (all.size() >= 2) {
            const auto type = static_cast<uint8_t>(all.front());
            size_t size = 0, at = 1;
            for (int shift = 0; at < all.size() && at < 5; shift += 7) {
                const auto octet = static_cast<uint8_t>(all[at++]);
                size |= size_t{octet & 0x7FU} << shift;
                if (octet < 0x80) {
                    break;
                }
            }
            const std::string_view body = all.substr(at, size);
            all.remove_prefix(std::min(all.size(), at + size));
            if (type >> 4 != 3 || body.size() < 2) {
                continue;
            }
            const size_t length = size_t{static_cast<uint8_t>(body[0])} << 8 | static_cast<uint8_t>(body[1]);
            const size_t behind = 2 + length + ((type & 0x06) != 0 ? 2 : 0);
            if (body.size() >= behind) {
                out[std::string(body.substr(2, length))] = body.substr(behind);
            }
        }
        return out;
    }

private:
    static std::string number(size_t n) { return {static_cast<char>(n >> 8), static_cast<char>(n)}; }
    static std::string text(const std::string& t) { return number(t.size()) + t; }
    std::string id() { return number(++last_id_); }
    void packet(uint8_t type, const std::string& body) {
        said_ += static_cast<char>(type);
        size_t left = body.size();
        do {
            said_ += static_cast<char>((left & 0x7F) | (left > 0x7F ? 0x80 : 0));
            left >>= 7;
        } while (left > 0);
        said_ += body;
    }
    std::string said_;
    size_t last_id_ = 0;
};

}  // namespace berth::test
