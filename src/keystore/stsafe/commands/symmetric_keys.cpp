#include "keystore/stsafe/commands/symmetric_keys.h"

namespace berth::keystore::stsafe {

namespace {

constexpr size_t counter_size = 4;

// In the table the driver reads no parameters of hkdf and hmac.
size_t told_parameters(const key_kind& k) {
    return k.mode == symmetric_mode::hkdf || k.mode == symmetric_mode::hmac ? 0 : k.parameter_count();
}

}  // namespace

result<std::vector<symmetric_slot_summary>> parse_symmetric_keys(bytes_view content) {
    wire::reader r(content);
    std::vector<symmetric_slot_summary> out;
    const auto count = static_cast<size_t>(r.integer(1));
    for (size_t i = 0; i < count && r.ok(); ++i) {
        symmetric_slot_summary slot;
        const auto head = static_cast<unsigned>(r.integer(1));
        slot.present = (head & 1U) != 0;
        slot.lock = static_cast<key_lock>(head >> 1U & 3U);
        if (slot.present) {
            slot.kind.type = static_cast<symmetric_type>(r.integer(1));
            slot.kind.mode = static_cast<symmetric_mode>(r.integer(1));
            r.octets(1);
            slot.kind.usage = static_cast<uint8_t>(r.integer(1));
            const bytes_view parameters = r.octets(told_parameters(slot.kind));
            std::copy(parameters.begin(), parameters.end(), slot.kind.parameters.begin());
            slot.counter = slot.kind.has_counter() ? static_cast<uint32_t>(r.integer(counter_size)) : 0;
        }
        out.push_back(slot);
    }
    if (r.ok() && r.left() != 0) {
        r.fault("octets are left over at the end of a table of symmetric keys");
    }
    if (!r.ok()) {
        return fail(r.to_error());
    }
    return out;
}

bytes encode(const std::vector<symmetric_slot_summary>& slots) {
    bytes out{static_cast<uint8_t>(slots.size())};
    for (const symmetric_slot_summary& slot : slots) {
        out.push_back(static_cast<uint8_t>((slot.present ? 1U : 0U) | static_cast<unsigned>(slot.lock) << 1U));
        if (slot.present) {
            append(out, bytes{static_cast<uint8_t>(slot.kind.type), static_cast<uint8_t>(slot.kind.mode), 0, slot.kind.usage});
            append(out, bytes_view(slot.kind.parameters).first(told_parameters(slot.kind)));
            if (slot.kind.has_counter()) {
                wire::writer(out).integer(slot.counter, counter_size);
            }
        }
    }
    return out;
}

}  // namespace berth::keystore::stsafe
