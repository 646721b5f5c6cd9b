// DeriveKeys: HKDF over a key that comes with the command or lies in a slot, into the answer or into slots.
#include "crypto/hkdf.h"
#include "keystore/stsafe/commands/derivation.h"
#include "keystore/stsafe/model/handlers.h"

#include <algorithm>

namespace berth::keystore::stsafe::model {

namespace {

constexpr auto sha256 = crypto::hash_algorithm::sha256;
constexpr size_t prk_size = 32;
constexpr size_t most_wanted = 32;  // [stsafea_derive_keys.h]

struct input {
    secret_bytes octets;
    bool to_host = true;  // what is derived from it may be given to the host
};

// [stsafea_derive_keys.h] A key in a slot is a generic secret, with the use derive.
tl::expected<input, status> input_of(const core& c, const hkdf_source& from, bool moded) {
    if (from.source == with_command) {
        if (moded && from.mode != mode_hkdf) {
            return refuse(status::out_of_range);
        }
        return input{from.value};
    }
    if (from.source != in_slot_source || from.slot >= c.kept.symmetric_keys.size()) {
        return refuse(status::out_of_range);
    }
    const symmetric_slot& slot = c.kept.symmetric_keys.items[from.slot];
    if (slot.present == 0) {
        return refuse(status::key_not_found);
    }
    const key_kind kind = slot.kind();
    if (kind.type != symmetric_type::generic) {
        return refuse(status::wrong_key_type);
    }
    if (kind.mode != symmetric_mode::hkdf || (kind.usage & symmetric_use::derive) == 0) {
        return refuse(status::key_usage);
    }
    return input{slot.key.value, (kind.parameters[0] & 1U) != 0};
}

// [stsafea_derive_keys.h] The first empty slot that takes derived keys, else the first unlocked one. One command fills none
// twice.
tl::expected<uint8_t, status> place_for(const core& c, const std::vector<uint8_t>& taken) {
    const auto& slots = c.kept.symmetric_keys.items;
    for (const bool empty : {true, false}) {
        for (size_t i = 0; i < slots.size(); ++i) {
            const bool free = empty ? slots[i].present == 0 : slots[i].lock == static_cast<uint8_t>(key_lock::unlocked);
            const bool is_taken = std::find(taken.begin(), taken.end(), i) != taken.end();
            if (free && !is_taken && (slots[i].provisioning & provisioning::derived) != 0) {
                return static_cast<uint8_t>(i);
            }
        }
    }
    return refuse(status::boundary);
}

size_t size_of(const hkdf_wanted& one) {
    return one.destination == with_answer ? one.length : one.kind.key_size();
}

outcome expand(core& c, const hkdf_work& work, const input& from, const secret_bytes& prk) {
    if (work.wanted.empty() || work.wanted.size() > most_wanted) {
        return refuse(work.wanted.empty() ? status::inconsistent_data : status::out_of_range);
    }
    size_t total = 0;
    size_t answered = 0;
    for (const hkdf_wanted& one : work.wanted) {
        const bool into_slot = one.destination == in_slot_source;
        if ((!into_slot && one.destination != with_answer) || size_of(one) == 0 || (into_slot && !is_valid(one.lock, one.kind))) {
            return refuse(status::out_of_range);
        }
        if (!into_slot && !from.to_host) {
            return refuse(status::key_usage);
        }
        total += size_of(one);
        answered += into_slot ? 1 : size_of(one);
    }
    if (answered > c.most_payload || total > 255 * prk_size) {
        return refuse(status::length);
    }
    // [model] All keys are pieces of one output, in the order in which they were asked for.
    const secret_bytes all = crypto::hkdf_expand(sha256, prk.reveal(), work.info, total);
    bytes out;
    out.reserve(answered);
    std::vector<uint8_t> taken;
    size_t at = 0;
    for (const hkdf_wanted& one : work.wanted) {
        const bytes_view piece = all.reveal().subspan(at, size_of(one));
        at += piece.size();
        if (one.destination == with_answer) {
            append(out, piece);
            continue;
        }
        const auto place = place_for(c, taken);
        if (!place) {
            return refuse(place.error());
        }
        c.kept.symmetric_keys.items[*place].take(one.lock, one.kind, secret_bytes(piece));
        taken.push_back(*place);
        out.push_back(*place);
    }
    return out;
}

outcome do_derive(core& c, const derive_keys_among_slots& command) {
    const hkdf_work& work = command.work;
    const bool extracts = (work.flags & hkdf_extract_flag) != 0;
    const bool expands = (work.flags & hkdf_expand_flag) != 0;
    if (!same_octets(work.hash.view(), oid_sha256) || (!extracts && !expands) ||
        (work.flags & ~unsigned{hkdf_expand_flag | hkdf_extract_flag}) != 0) {
        return refuse(status::out_of_range);
    }
    const auto from = input_of(c, work.key, true);
    if (!from) {
        return refuse(from.error());
    }
    if (from->octets.size() < least_input_key || from->octets.size() > most_input_key ||
        (!extracts && from->octets.size() != prk_size)) {
        return refuse(status::out_of_range);
    }
    secret_bytes prk = from->octets;
    if (extracts) {
        const auto salt = input_of(c, work.salt, false);
        if (!salt) {
            return refuse(salt.error());
        }
        prk = crypto::hkdf_extract(sha256, salt->octets.reveal(), from->octets.reveal());
    }
    if (expands) {
        return expand(c, work, *from, prk);
    }
    const auto place = place_for(c, {});
    if (!place) {
        return refuse(place.error());
    }
    // [model] Unlocked, to derive from, and for the host's eyes what the input's was for.
    c.kept.symmetric_keys.items[*place].take(key_lock::unlocked, key_kind::secret(prk_size, from->to_host), prk);
    return bytes{*place};
}

}  // namespace

std::vector<handler> derivation_handlers() {
    return {handle(do_derive)};
}

}  // namespace berth::keystore::stsafe::model
