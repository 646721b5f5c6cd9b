// What a back end may do over the hub's API. The names are those that shared access policies of the service have whose SDKs work
// against us unchanged. None implies another.
#pragma once

#include "base/result.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace berth::hub {

enum class right : uint8_t { registry_read, registry_write, service_connect, device_connect };

// "registryRead", "registryWrite", "serviceConnect", "deviceConnect".
std::string_view to_string(right r);
std::optional<right> right_from(std::string_view text);
inline constexpr std::array all_rights{right::registry_read, right::registry_write, right::service_connect,
                                       right::device_connect};

class right_set {
public:
    constexpr right_set() = default;
    constexpr right_set(std::initializer_list<right> some) {
        for (const right r : some) {
            add(r);
        }
    }
    static constexpr right_set all() {
        right_set out;
        for (const right r : all_rights) {
            out.add(r);
        }
        return out;
    }
    constexpr void add(right r) { bits_ = static_cast<uint8_t>(bits_ | (1U << static_cast<unsigned>(r))); }
    [[nodiscard]] constexpr bool has(right r) const { return (bits_ >> static_cast<unsigned>(r) & 1U) != 0; }
    [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
    friend constexpr bool operator==(right_set, right_set) = default;

private:
    uint8_t bits_ = 0;
};

// "registryRead,registryWrite".
std::string to_string(right_set rights);
// Error `bad_rights` (usage): none, or a word that is none.
result<right_set> rights_from(std::string_view list);

}  // namespace berth::hub
