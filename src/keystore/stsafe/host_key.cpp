#include "keystore/stsafe/host_key.h"

#include "crypto/random.h"
#include "keystore/stsafe/kek.h"

namespace berth::keystore::stsafe {

namespace {

// An A110 knows the first version alone, and of an A120 each says whether the key is of its kind.
result<void> require_none(device& chip) {
    for (const attribute tag : {attribute::host_key, attribute::host_key_v2}) {
        const auto slot = chip.run(query{tag});
        const bool unknown = !slot && (slot.error().is("stsafe_entry_not_found") || slot.error().is("stsafe_out_of_range") ||
                                       slot.error().is("stsafe_unsupported"));
        if (!slot && !unknown) {
            return fail(slot.error());
        }
        if (slot && !slot->content.value.empty() && slot->content.value[0] != 0) {
            return fail(
                error_category::usage, "host_key_exists",
                "This STSAFE-A has a host key already, and keeps it for good; nothing was changed. Who has the file names "
                "it (host-key=FILE in --chip).");
        }
    }
    return {};
}

result<void> give(device& chip, const secret_bytes& octets, bool wrapped) {
    if (wrapped) {
        BERTH_TRY(session, kek_session::start(chip, oid_p256, crypto::system_random()));
        auto written = write_host_key_in(session, chip, octets);
        static_cast<void>(session.stop());
        return written;
    }
    if (octets.size() == host_keys_size(host_key_type::aes256)) {
        return write_host_key_in_clear(chip, octets);
    }
    return chip.run(put_attribute{attribute::host_key, {octets}}).map([](const auto&) {});
}

error explained(error e) {
    if (e.is("stsafe_unsupported")) {
        e.message = "This STSAFE-A is an A110: it takes a host key of 32 octets, in clear (without --wrapped).";
    } else if (e.is("stsafe_life_cycle")) {
        e.message = "This STSAFE-A is at work already: a host key is set before, at the factory.";
    }
    return e;
}

}  // namespace

result<void> set_host_key(device& chip, const secret_bytes& octets, const host_key_options& options) {
    BERTH_TRY(keys, split_host_keys(octets.reveal()));
    const auto none = require_none(chip);
    // It may have this very key from an earlier attempt, which ended before the table was written: the session tells.
    if (!none && (!none.error().is("host_key_exists") || options.encrypted.empty())) {
        return fail(none.error());
    }
    auto given = none ? give(chip, octets, options.wrapped) : result<void>();
    // Whether the chip has it when its answer was lost, the session tells.
    if (!given && !given.error().is("stsafe_answer_lost")) {
        return fail(explained(std::move(given).error()));
    }
    auto opened = chip.open_host_session(std::move(keys));
    if (!opened) {
        return fail(!none ? none.error() : given ? std::move(opened).error() : std::move(given).error());
    }
    if (options.encrypted.empty()) {
        return {};
    }
    secret_bytes table;
    for (const uint8_t code : options.encrypted) {
        table.append(bytes{code, encrypt_command | encrypt_answer});
    }
    const auto set = chip.run(put_attribute{attribute::command_encryption, {std::move(table)}}, protection::authenticated);
    if (!set) {
        return fail(!none && set.error().is("stsafe_not_authorized") ? none.error() : set.error());
    }
    // The table is another one now.
    BERTH_TRY(again, split_host_keys(octets.reveal()));
    return chip.open_host_session(std::move(again));
}

}  // namespace berth::keystore::stsafe
