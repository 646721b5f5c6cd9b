#include "keystore/stsafe/sealing.h"

#include "keystore/backend.h"
#include "keystore/stsafe/commands/envelopes.h"

namespace berth::keystore::stsafe {

namespace {

constexpr size_t unit = 8;    // AES key wrap takes whole blocks of eight octets
constexpr size_t length = 2;  // the secret's, before it

}  // namespace

result<void> ensure_envelope_key(device& chip, uint8_t slot) {
    BERTH_TRY(table, chip.ask<envelope_keys_content>(attribute::envelope_keys));
    wire::reader r(table.entries.value);
    while (r.ok() && r.left() > 0) {
        envelope_key_entry entry;
        wire::get(r, entry);
        if (r.ok() && entry.slot == slot && entry.present != 0) {
            return {};
        }
    }
    BERTH_CHECK(chip.run(generate_envelope_key{.slot = slot, .size = envelope_key_size::aes256}));
    return {};
}

result<bytes> seal_in(device& chip, uint8_t envelope_slot, const secret_bytes& secret) {
    secret_bytes padded;
    padded.append(bytes{static_cast<uint8_t>(secret.size() >> 8U), static_cast<uint8_t>(secret.size())});
    padded.append(secret.reveal());
    // Key wrap needs two blocks at least.
    padded.resize(std::max(2 * unit, (padded.size() + unit - 1) / unit * unit));
    const wrap_envelope command{envelope_slot, {std::move(padded)}};
    auto wrapped = chip.run(command);
    // Made when the chip lacks it, which is once: asking before each time would double what crosses the bus.
    if (!wrapped && wrapped.error().is("stsafe_key_not_found")) {
        BERTH_CHECK(ensure_envelope_key(chip, envelope_slot));
        wrapped = chip.run(command);
    }
    if (!wrapped) {
        return fail(std::move(wrapped).error());
    }
    return std::move(wrapped->envelope.value);
}

result<secret_bytes> unseal_in(device& chip, uint8_t envelope_slot, bytes_view sealed) {
    if (sealed.size() < 2 * unit + envelope_overhead || sealed.size() % unit != 0 ||
        sealed.size() > most_enveloped + envelope_overhead) {
        return fail(seal_invalid({error_category::usage, "too_short", "It is no envelope of an STSAFE-A."}));
    }
    auto opened = chip.run(unwrap_envelope{envelope_slot, {to_bytes(sealed)}});
    if (!opened) {
        const bool refused = opened.error().is("stsafe_decryption") || opened.error().is("stsafe_key_not_found");
        return fail(refused ? seal_invalid(std::move(opened).error()) : std::move(opened).error());
    }
    const bytes_view padded = opened->data.value.reveal();
    const size_t size = padded.size() < length ? padded.size() : static_cast<size_t>(padded[0] << 8U | padded[1]);
    if (size > padded.size() - std::min(length, padded.size())) {
        return fail(
            seal_invalid({error_category::usage, "malformed", "The envelope holds something else than a sealed secret."}));
    }
    return secret_bytes(padded.subspan(length, size));
}

}  // namespace berth::keystore::stsafe
