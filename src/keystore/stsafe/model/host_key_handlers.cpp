// Host keys of the second version, and the sessions that they are wrapped in.
#include "crypto/hkdf.h"
#include "keystore/stsafe/aes.h"
#include "keystore/stsafe/commands/public_keys.h"
#include "keystore/stsafe/kek.h"
#include "keystore/stsafe/model/handlers.h"

namespace berth::keystore::stsafe::model {

namespace {

outcome do_ecdhe(core& c, const generate_ecdhe& command) {
    const auto kind = curve_named(command.curve.view());
    if (!kind) {
        return refuse(status::out_of_range);
    }
    c.passing.ephemeral = generate(*kind, c.random);
    return answer(ecdhe_answer{command.curve, public_point(*c.passing.ephemeral)});
}

// Whether the host is who may start a session.
status host_proved(const core& c, const start_kek_session_authenticated& command, const private_key& ours) {
    const auto key = usable_public_key(c, command.slot, public_key_use::start_kek_session);
    if (!key) {
        return key.error();
    }
    const bool sha256 = same_octets(command.hash.view(), oid_sha256);
    const size_t half = field_size(key->kind);
    if (!sha256 && !same_octets(command.hash.view(), oid_sha384)) {
        return status::out_of_range;
    }
    const auto message = wire::encode(kek_signed_content{command.curve, command.host_key, public_point(ours)});
    if (!message || command.made.r.size() != half || command.made.s.size() != half) {
        return status::inconsistent_data;
    }
    const auto digest = crypto::hash(sha256 ? crypto::hash_algorithm::sha256 : crypto::hash_algorithm::sha384, *message);
    // [model] No verdict in the answer, so a wrong signature is a status.
    return verify(key->kind, key->key, command.made, digest.view()) ? status::ok : status::not_authorized;
}

outcome do_start(core& c, bytes_view payload) {
    const auto anonymous = wire::decode<start_kek_session>(payload);
    const auto proved = wire::decode<start_kek_session_authenticated>(payload);
    if (!anonymous && !proved) {
        return refuse(status::inconsistent_data);
    }
    const start_kek_session start =
        anonymous ? *anonymous : start_kek_session{proved->curve, proved->host_key, proved->algorithm};
    const auto kind = curve_named(start.curve.view());
    if (!kind || start.algorithm != kek_unwrapping) {
        return refuse(status::out_of_range);
    }
    if (!c.passing.ephemeral || c.passing.ephemeral->kind != *kind) {
        return refuse(status::key_not_found);
    }
    // For one attempt, whatever comes of it.
    const private_key ours = *std::exchange(c.passing.ephemeral, std::nullopt);
    const auto shared = agree(ours, start.host_key);
    if (!shared) {
        return refuse(status::invalid_public_key);
    }
    if (proved) {
        if (const status may = host_proved(c, *proved, ours); may != status::ok) {
            return refuse(may);
        }
    }
    const bytes chip_key = public_point(ours).octets();
    const bytes host_key = start.host_key.octets();
    c.passing.kek = kek_state{kek::base_key(*shared, bytes_view(chip_key).subspan(1), bytes_view(host_key).subspan(1)), 0,
                              proved.has_value()};
    return bytes{};
}

outcome do_stop(core& c, const stop_kek_session&) {
    if (!c.passing.kek) {
        return refuse(status::session);
    }
    c.passing.kek.reset();
    return bytes{};
}

// [model] Once, and before the chip goes to work, or later by a host that has proved itself: who could set it again would own the
// channel that it protects.
outcome set_host_key(core& c, const write_host_key& command, bool proved) {
    if (command.type > host_key_type::aes256 || command.filler != std::array<uint8_t, 3>{}) {
        return refuse(status::out_of_range);
    }
    if (command.keys.value.size() != host_keys_size(command.type)) {
        return refuse(status::inconsistent_data);
    }
    if (c.kept.host_key_present != 0) {
        return refuse(status::not_authorized);
    }
    if (c.kept.life != life_cycle::born && !proved) {
        return refuse(status::life_cycle);
    }
    c.kept.host_key_present = 1;
    c.kept.host_key_version = 2;
    c.kept.host_counter = 0;
    c.kept.host_key.value = command.keys.value;
    return bytes{};
}

outcome do_write(core& c, const write_host_key& command) {
    return set_host_key(c, command, false);
}

outcome do_write_wrapped(core& c, const write_host_key_wrapped& command) {
    if (!c.passing.kek) {
        return refuse(status::session);
    }
    kek_state& kek = *c.passing.kek;
    if (kek.used == 0xff) {
        return refuse(status::session_counter);
    }
    // A working key is used up by a wrong envelope as well.
    ++kek.used;
    const secret_bytes key = kek::working_key(kek.base, kek.used);
    auto content = aes::unwrap(key.reveal(), command.envelope.value);
    if (!content) {
        return refuse(status::decryption);
    }
    const size_t padding = host_key_padding.size();
    if (content->size() < padding || !same_octets(content->reveal().last(padding), host_key_padding)) {
        return refuse(status::inconsistent_data);
    }
    content->resize(content->size() - padding);
    const auto inner = wire::decode<write_host_key>(content->reveal());
    return inner ? set_host_key(c, *inner, kek.authenticated) : outcome(refuse(status::inconsistent_data));
}

}  // namespace

std::vector<handler> host_key_handlers() {
    return {handle(do_ecdhe), {start_kek_session::about, do_start}, handle(do_stop), handle(do_write), handle(do_write_wrapped)};
}

}  // namespace berth::keystore::stsafe::model
