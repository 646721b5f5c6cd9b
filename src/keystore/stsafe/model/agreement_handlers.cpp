// Keys for symmetric key slots that host and chip agree on.
#include "crypto/constant_time.h"
#include "keystore/stsafe/aes.h"
#include "keystore/stsafe/commands/public_keys.h"
#include "keystore/stsafe/kek.h"
#include "keystore/stsafe/model/handlers.h"

#include <set>

namespace berth::keystore::stsafe::model {

namespace {

constexpr size_t most_agreed = 32 * 255;  // HKDF's

outcome do_establish(core& c, bytes_view payload) {
    const auto anonymous = wire::decode<establish_symmetric_keys>(payload);
    const auto proved = wire::decode<establish_symmetric_keys_authenticated>(payload);
    if (!anonymous && !proved) {
        return refuse(status::inconsistent_data);
    }
    const establish_symmetric_keys wanted =
        anonymous ? *anonymous : establish_symmetric_keys{proved->curve, proved->host_key, proved->algorithm};
    if (wanted.algorithm != symmetric_agreement) {
        return refuse(status::out_of_range);
    }
    c.passing.agreed.reset();
    auto with = agreed(c, wanted.curve, wanted.host_key);
    if (!with) {
        return refuse(with.error());
    }
    if (proved) {
        const status may = host_proved(c, {wanted.curve, wanted.host_key, with->chip_key}, proved->slot,
                                       public_key_use::establish_symmetric_key, proved->hash, proved->made);
        if (may != status::ok) {
            return refuse(may);
        }
    }
    c.passing.agreed = agreed_state{std::move(with->shared), proved ? std::optional(proved->slot) : std::nullopt};
    return bytes{};
}

status may_be_agreed(const core& c, const std::optional<uint8_t>& proved_by, const agreed_key& one) {
    if (one.slot >= c.kept.symmetric_keys.size()) {
        return status::out_of_range;
    }
    const symmetric_slot& slot = c.kept.symmetric_keys.items[one.slot];
    const bool open = is_named(proved_by, slot.agreed_by) || (slot.provisioning & provisioning::ecdhe_anonymous) != 0;
    return may_be_written(c, one.slot, one.lock, one.kind, open);
}

outcome do_confirm(core& c, const confirm_symmetric_keys& command) {
    if (!c.passing.agreed) {
        return refuse(status::session);
    }
    // [model] An agreement is for one confirmation, whatever comes of it.
    const agreed_state with = *std::exchange(c.passing.agreed, std::nullopt);
    const auto content = wire::encode(confirmed_content{command.wanted});
    if (!content || command.wanted.keys.empty()) {
        return refuse(status::inconsistent_data);
    }
    size_t size = 0;
    for (const agreed_key& one : command.wanted.keys) {
        size += one.kind.key_size();
    }
    if (size > most_agreed - kek::confirmation_key_size) {
        return refuse(status::out_of_range);
    }
    const auto keys = kek::agreed_keys(with.shared, size);
    const auto mac = aes::cmac(keys.confirmation.reveal(), *content);
    if (!crypto::equal(bytes_view(mac).first(confirmation_mac_size), command.mac)) {
        return refuse(status::not_authorized);
    }
    std::set<uint8_t> taken;
    size_t at = 0;
    for (const agreed_key& one : command.wanted.keys) {
        const status may = may_be_agreed(c, with.proved_by, one);
        if (may != status::ok) {
            return refuse(may);
        }
        // [model] No slot twice.
        if (!taken.insert(one.slot).second) {
            return refuse(status::inconsistent_data);
        }
        const bytes_view key = keys.octets.reveal().subspan(at, one.kind.key_size());
        c.kept.symmetric_keys.items[one.slot].take(one.lock, one.kind, secret_bytes(key));
        at += key.size();
    }
    return bytes{};
}

}  // namespace

std::vector<handler> agreement_handlers() {
    return {{establish_symmetric_keys::about, do_establish}, handle(do_confirm)};
}

}  // namespace berth::keystore::stsafe::model
