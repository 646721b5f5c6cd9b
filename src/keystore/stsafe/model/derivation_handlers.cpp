// DeriveKeys: HKDF over a key that comes with the command, into the answer. What asks for a symmetric key slot is out of range.
#include "crypto/hkdf.h"
#include "keystore/stsafe/commands/derivation.h"
#include "keystore/stsafe/model/handlers.h"

namespace berth::keystore::stsafe::model {

namespace {

constexpr auto sha256 = crypto::hash_algorithm::sha256;

// The keys that are wanted: how long each is to be.
tl::expected<std::vector<size_t>, status> wanted_of(wire::reader& r) {
    std::vector<size_t> out;
    while (r.ok() && r.left() > 0) {
        const auto length = static_cast<size_t>(r.integer(2));
        const bytes_view description = r.octets(length);
        if (!r.ok() || description.empty()) {
            return refuse(status::inconsistent_data);
        }
        if (description[0] != with_answer) {
            return refuse(status::out_of_range);
        }
        if (description.size() != 3) {
            return refuse(status::inconsistent_data);
        }
        out.push_back(static_cast<size_t>(description[1] << 8 | description[2]));
    }
    return out;
}

outcome do_derive(core& c, bytes_view payload) {
    wire::reader r(payload);
    if (r.integer(1) != with_command) {
        return refuse(r.ok() ? status::out_of_range : status::inconsistent_data);
    }
    const auto mode = r.integer(1);
    secret_lengthy key;
    get(r, key);
    const auto flags = r.integer(1);
    const bytes_view hash = r.vector(2, 0, 256);
    if (!r.ok()) {
        return refuse(status::inconsistent_data);
    }
    // Extracting alone leaves the pseudorandom key in a symmetric key slot.
    if (mode != mode_hkdf || !same_octets(hash, oid_sha256) || key.value.size() < least_input_key ||
        key.value.size() > most_input_key || (flags & hkdf_expand_flag) == 0 ||
        (flags & ~uint64_t{hkdf_expand_flag | hkdf_extract_flag}) != 0) {
        return refuse(status::out_of_range);
    }
    secret_bytes prk = key.value;
    if ((flags & hkdf_extract_flag) != 0) {
        if (r.integer(1) != with_command) {
            return refuse(r.ok() ? status::out_of_range : status::inconsistent_data);
        }
        const bytes_view salt = r.vector(2, 0, 1024);
        prk = crypto::hkdf_extract(sha256, salt, key.value.reveal());
    }
    const bytes_view info = r.vector(2, 0, 1024);
    const auto wanted = wanted_of(r);
    if (!wanted || !r.ok()) {
        return refuse(wanted ? status::inconsistent_data : wanted.error());
    }
    size_t total = 0;
    for (const size_t length : *wanted) {
        if (length == 0) {
            return refuse(status::out_of_range);
        }
        total += length;
    }
    if (total == 0 || total > c.most_payload) {
        return refuse(total == 0 ? status::inconsistent_data : status::length);
    }
    // [model] All keys are pieces of one output, in the order in which they were asked for.
    return to_bytes(crypto::hkdf_expand(sha256, prk.reveal(), info, total).reveal());
}

}  // namespace

std::vector<handler> derivation_handlers() {
    return {{derive_keys::about, do_derive}};
}

}  // namespace berth::keystore::stsafe::model
