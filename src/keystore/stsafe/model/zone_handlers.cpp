// Zones: access conditions, one-way counters.
#include "keystore/stsafe/model/handlers.h"

namespace berth::keystore::stsafe::model {

namespace {

constexpr uint8_t type_counter = 1;
constexpr uint8_t option_condition = 0x07;
constexpr uint8_t option_right = 0x08;
constexpr uint8_t option_change = 0x10;

// Reading has the upper half of the access octet, updating the lower.
enum class half : uint8_t { reading = 4, updating = 0 };

// [stse_generic_typedef.h] What 2 to 5 ask for (other kinds of MAC) this model has not, so they are as never.
bool satisfied(const core& c, uint8_t access, half which) {
    const auto condition = static_cast<zone_access>((access >> static_cast<unsigned>(which)) & option_condition);
    return condition == zone_access::always || (condition == zone_access::host && c.by_host) ||
           (condition == zone_access::authenticated_and_host && c.by_host && c.passing.entity_shown);
}

// True unless a change is asked for that the zone does not allow.
bool change_access(zone& z, uint8_t option, half which) {
    if ((option & option_change) == 0) {
        return true;
    }
    const auto shift = static_cast<unsigned>(which);
    if (((z.access >> shift) & option_right) == 0) {
        return false;
    }
    const auto fresh = static_cast<unsigned>(option & (option_condition | option_right)) << shift;
    z.access = static_cast<uint8_t>((z.access & ~(0x0fU << shift)) | fresh);
    return true;
}

zone* find_zone(core& c, uint8_t number) {
    return number < c.kept.zones.size() ? &c.kept.zones.items[number] : nullptr;
}

// Writes, when it fits.
bool overwrite(zone& z, size_t offset, bytes_view data) {
    if (offset + data.size() > z.data.size()) {
        return false;
    }
    std::copy(data.begin(), data.end(), z.data.value.begin() + static_cast<std::ptrdiff_t>(offset));
    return true;
}

outcome do_read(core& c, const read_zone& command) {
    zone* z = find_zone(c, command.zone);
    if (z == nullptr) {
        return refuse(status::entry_not_found);
    }
    if (!satisfied(c, z->access, half::reading)) {
        return refuse(status::access_condition);
    }
    if (size_t{command.offset} + command.length > z->data.size()) {
        return refuse(status::boundary);
    }
    bytes out;
    wire::writer w(out);
    if (z->type == type_counter) {
        w.integer(z->counter, 4);
    }
    w.octets(z->data.view().subspan(command.offset, command.length));
    if (out.size() > c.most_payload) {
        return refuse(status::length);
    }
    return change_access(*z, command.option, half::reading) ? outcome(std::move(out)) : outcome(refuse(status::access_condition));
}

outcome do_update(core& c, const update_zone& command) {
    zone* z = find_zone(c, command.zone);
    if (z == nullptr) {
        return refuse(status::entry_not_found);
    }
    if (z->type == type_counter) {
        return refuse(status::zone_type);
    }
    if (!satisfied(c, z->access, half::updating) || !change_access(*z, command.option, half::updating)) {
        return refuse(status::access_condition);
    }
    return overwrite(*z, command.offset, command.data.value) ? outcome(bytes{}) : outcome(refuse(status::boundary));
}

outcome do_decrement(core& c, const decrement& command) {
    zone* z = find_zone(c, command.zone);
    if (z == nullptr) {
        return refuse(status::entry_not_found);
    }
    if (z->type != type_counter) {
        return refuse(status::zone_type);
    }
    if (command.amount == 0) {
        return refuse(status::out_of_range);
    }
    if (!satisfied(c, z->access, half::updating) || !change_access(*z, command.option, half::updating)) {
        return refuse(status::access_condition);
    }
    if (z->counter < command.amount) {
        return refuse(status::counter_limit);
    }
    if (!overwrite(*z, command.offset, command.data.value)) {
        return refuse(status::boundary);
    }
    z->counter -= command.amount;
    return answer(decrement_answer{z->counter});
}

}  // namespace

std::vector<handler> zone_handlers() {
    return {handle(do_read), handle(do_update), handle(do_decrement)};
}

}  // namespace berth::keystore::stsafe::model
