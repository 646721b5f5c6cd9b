#include "keystore/stsafe/status.h"

#include <array>

#include <fmt/format.h>

namespace berth::keystore::stsafe {

namespace {

struct entry {
    status value;
    std::string_view name;
    std::string_view sentence;  // after "The chip refused NAME: "
    error_category category = error_category::environment;
};

constexpr auto wrong_use = error_category::usage;
constexpr auto ours = error_category::internal;

constexpr std::array table{
    entry{status::communication, "stsafe_communication",
          "it received the command damaged, each time; look at the bus (speed, pull-ups, length)"},
    entry{status::inconsistent_data, "stsafe_inconsistent_data", "the parameters do not fit together", ours},
    entry{status::out_of_range, "stsafe_out_of_range", "a parameter is outside its range (slot, zone, curve or amount)",
          wrong_use},
    entry{status::unsupported, "stsafe_unsupported", "this model of the chip has no such command", wrong_use},
    entry{status::unexpected, "stsafe_unexpected", "it failed inside; reset it, and if that does not help, it is broken"},
    entry{status::length, "stsafe_length", "more octets than its buffer holds", ours},
    entry{status::session, "stsafe_session", "there is no session of the kind that it wants; give the host key", wrong_use},
    entry{status::too_many_lost, "stsafe_too_many_lost", "too many messages were lost on the way; begin a new session"},
    entry{status::counter_maximum, "stsafe_counter_maximum",
          "its C-MAC counter is used up; it takes no more authenticated commands and has to be replaced"},
    entry{status::key_not_found, "stsafe_key_not_found", "the slot holds no key; generate one", wrong_use},
    entry{status::key_blocked, "stsafe_key_blocked", "the key is blocked, or its usage limit is used up"},
    entry{status::wrong_key_type, "stsafe_wrong_key_type", "the slot's key is of another kind", wrong_use},
    entry{status::session_counter, "stsafe_session_counter", "the session's counter is out of range"},
    entry{status::life_cycle, "stsafe_life_cycle", "it is in a state of its life in which this is not possible"},
    entry{status::entry_not_found, "stsafe_entry_not_found", "there is nothing of that number (zone, table or attribute)",
          wrong_use},
    entry{status::access_condition, "stsafe_access_condition",
          "the zone's access condition is not met; it may need the host key, or be closed for ever"},
    entry{status::zone_type, "stsafe_zone_type", "the zone is of another type (data or counter)", wrong_use},
    entry{status::counter_limit, "stsafe_counter_limit", "the counter is exhausted, or lower than the amount"},
    entry{status::boundary, "stsafe_boundary", "the zone ends before that", wrong_use},
    entry{status::invalid_private_key, "stsafe_invalid_private_key", "the private key is not valid"},
    entry{status::invalid_c_mac, "stsafe_invalid_c_mac",
          "the command's C-MAC is wrong: the host key given is not this chip's, or another host speaks with it too"},
    entry{status::challenge_missing, "stsafe_challenge_missing", "a challenge has to be asked for first", ours},
    entry{status::decryption, "stsafe_decryption",
          "it could not decrypt: the data was wrapped by another chip or slot, or was changed"},
    entry{status::invalid_public_key, "stsafe_invalid_public_key", "the public key is not a point of the curve",
          error_category::peer},
    entry{status::password_blocked, "stsafe_password_blocked",
          "wrong passwords have blocked it for ever; what the password protects cannot be changed any more"},
    entry{status::key_usage, "stsafe_key_usage", "the slot's key is not meant for this use", wrong_use},
    entry{status::mode, "stsafe_mode", "the mode of operation does not allow this", wrong_use},
    entry{status::mac_length, "stsafe_mac_length", "the MAC has the wrong length", ours},
    entry{status::not_authorized, "stsafe_not_authorized",
          "the command is not open to this host; it needs the host key, the password (--password-file of `berth se`), or is "
          "disabled"},
    entry{status::old_message, "stsafe_old_message", "the message is older than one that it has seen"},
};

const entry* find(status s) {
    for (const entry& e : table) {
        if (e.value == s) {
            return &e;
        }
    }
    return nullptr;
}

}  // namespace

std::string status_name(status s) {
    if (s == status::ok) {
        return "ok";
    }
    const entry* e = find(s);
    return e != nullptr ? std::string(e->name) : fmt::format("stsafe_status_{:02x}", static_cast<unsigned>(s));
}

error to_error(status s, std::string_view command) {
    const entry* e = find(s);
    const std::string_view why = e != nullptr ? e->sentence : "with a status that no published driver names";
    return error{e != nullptr ? e->category : error_category::environment, status_name(s),
                 fmt::format("The STSAFE-A refused {}: {}.", command, why)}
        .with("command", std::string(command))
        .with("status", fmt::format("{:02x}", static_cast<unsigned>(s)));
}

}  // namespace berth::keystore::stsafe
