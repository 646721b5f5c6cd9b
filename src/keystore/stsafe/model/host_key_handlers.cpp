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

outcome do_start(core& c, bytes_view payload) {
    const auto anonymous = wire::decode<start_kek_session>(payload);
    const auto proved = wire::decode<start_kek_session_authenticated>(payload);
    if (!anonymous && !proved) {
        return refuse(status::inconsistent_data);
    }
    const start_kek_session start =
        anonymous ? *anonymous : start_kek_session{proved->curve, proved->host_key, proved->algorithm};
    if (start.algorithm != kek_unwrapping) {
        return refuse(status::out_of_range);
    }
    const auto with = agreed(c, start.curve, start.host_key);
    if (!with) {
        return refuse(with.error());
    }
    if (proved) {
        const status may = host_proved(c, {start.curve, start.host_key, with->chip_key}, proved->slot,
                                       public_key_use::start_kek_session, proved->hash, proved->made);
        if (may != status::ok) {
            return refuse(may);
        }
    }
    c.passing.kek =
        kek_state{kek::base_key(with->shared, with->ours, with->host), 0, proved ? std::optional(proved->slot) : std::nullopt};
    return bytes{};
}

outcome do_stop(core& c, const stop_kek_session&) {
    if (!c.passing.kek) {
        return refuse(status::session);
    }
    c.passing.kek.reset();
    return bytes{};
}

outcome set_host_key(core& c, const write_host_key& command, uint8_t way, const std::optional<uint8_t>& proved_by) {
    if (command.type > host_key_type::aes256 || command.filler != std::array<uint8_t, 3>{}) {
        return refuse(status::out_of_range);
    }
    if (command.keys.value.size() != host_keys_size(command.type)) {
        return refuse(status::inconsistent_data);
    }
    const status may = host_key_may_come(c, way, proved_by);
    if (may != status::ok) {
        return refuse(may);
    }
    c.kept.host_key_present = 1;
    c.kept.host_key_version = 2;
    c.kept.host_counter = 0;
    c.kept.host_key.value = command.keys.value;
    return bytes{};
}

outcome do_establish(core& c, bytes_view payload) {
    const auto anonymous = wire::decode<establish_host_key>(payload);
    const auto proved = wire::decode<establish_host_key_authenticated>(payload);
    if (!anonymous && !proved) {
        return refuse(status::inconsistent_data);
    }
    const establish_host_key wanted =
        anonymous ? *anonymous : establish_host_key{proved->curve, proved->host_key, proved->algorithm, proved->type};
    if (wanted.algorithm != host_key_agreement || wanted.type > host_key_type::aes256) {
        return refuse(status::out_of_range);
    }
    const auto with = agreed(c, wanted.curve, wanted.host_key);
    if (!with) {
        return refuse(with.error());
    }
    if (proved) {
        const status may = host_proved(c, {wanted.curve, wanted.host_key, with->chip_key}, proved->slot,
                                       public_key_use::establish_host_key, proved->hash, proved->made);
        if (may != status::ok) {
            return refuse(may);
        }
    }
    return set_host_key(c, {{}, wanted.type, {kek::host_key(with->shared, with->host, with->ours, wanted.type)}},
                        host_provisioning::wrapped_anonymous, proved ? std::optional(proved->slot) : std::nullopt);
}

outcome do_write(core& c, const write_host_key& command) {
    return set_host_key(c, command, host_provisioning::plaintext, std::nullopt);
}

outcome do_write_wrapped(core& c, const write_host_key_wrapped& command) {
    auto content = unwrapped(c, command.envelope.value);
    if (!content) {
        return refuse(content.error());
    }
    const size_t padding = host_key_padding.size();
    if (content->size() < padding || !same_octets(content->reveal().last(padding), host_key_padding)) {
        return refuse(status::inconsistent_data);
    }
    content->resize(content->size() - padding);
    const auto inner = wire::decode<write_host_key>(content->reveal());
    return inner ? set_host_key(c, *inner, host_provisioning::wrapped_anonymous, c.passing.kek->proved_by)
                 : outcome(refuse(status::inconsistent_data));
}

}  // namespace

status host_proved(const core& c, const kek_signed_content& content, uint8_t slot, uint8_t use, const hash_name& hash,
                   const signature& made) {
    const auto key = usable_public_key(c, slot, use);
    if (!key) {
        return key.error();
    }
    const bool sha256 = same_octets(hash.view(), oid_sha256);
    const size_t half = field_size(key->kind);
    if (!sha256 && !same_octets(hash.view(), oid_sha384)) {
        return status::out_of_range;
    }
    const auto message = wire::encode(content);
    if (!message || made.r.size() != half || made.s.size() != half) {
        return status::inconsistent_data;
    }
    const auto digest = crypto::hash(sha256 ? crypto::hash_algorithm::sha256 : crypto::hash_algorithm::sha384, *message);
    // [model] No verdict in the answer, so a wrong signature is a status.
    return verify(key->kind, key->key, made, digest.view()) ? status::ok : status::not_authorized;
}

tl::expected<agreement, status> agreed(core& c, const curve_name& curve, const point& host_key) {
    const auto kind = curve_named(curve.view());
    if (!kind) {
        return refuse(status::out_of_range);
    }
    if (!c.passing.ephemeral || c.passing.ephemeral->kind != *kind) {
        return refuse(status::key_not_found);
    }
    const private_key ours = *std::exchange(c.passing.ephemeral, std::nullopt);
    auto shared = agree(ours, host_key);
    if (!shared) {
        return refuse(status::invalid_public_key);
    }
    agreement out{std::move(*shared), public_point(ours), {}, {}};
    out.ours = concat({out.chip_key.x.view(), out.chip_key.y.view()});
    out.host = concat({host_key.x.view(), host_key.y.view()});
    return out;
}

bool is_named(const std::optional<uint8_t>& proved_by, uint8_t wanted) {
    return proved_by && (wanted == any_public_key || wanted == *proved_by);
}

// [model] Once, unless tag 4A lets it be given anew; and before the chip goes to work, or later by a host that has proved itself:
// who could set it again would own the channel that it protects.
status host_key_may_come(const core& c, uint8_t way, const std::optional<uint8_t>& proved_by) {
    const host_provisioning_content& rule = c.kept.host_provisioning;
    const bool named = is_named(proved_by, rule.proved_by);
    if (c.kept.host_key_present != 0 && (rule.flags & host_provisioning::reprovision) == 0) {
        return status::not_authorized;
    }
    if (!named && (rule.flags & way) == 0) {
        return status::not_authorized;
    }
    return named || c.kept.life == life_cycle::born ? status::ok : status::life_cycle;
}

outcome put_host_provisioning(core& c, bytes_view content) {
    if (c.kept.kind == product::a110) {
        return refuse(status::entry_not_found);
    }
    const auto wanted = wire::decode<host_provisioning_content>(content);
    if (!wanted) {
        return refuse(status::inconsistent_data);
    }
    const bool slot = wanted->proved_by == any_public_key || wanted->proved_by < c.kept.public_keys.size();
    if (!slot || (wanted->flags & ~unsigned{host_provisioning::all}) != 0) {
        return refuse(status::out_of_range);
    }
    if ((c.kept.host_provisioning.flags & host_provisioning::change_right) == 0) {
        return refuse(status::not_authorized);
    }
    c.kept.host_provisioning = *wanted;
    return bytes{};
}

tl::expected<secret_bytes, status> unwrapped(core& c, bytes_view envelope) {
    if (!c.passing.kek) {
        return refuse(status::session);
    }
    kek_state& kek = *c.passing.kek;
    if (kek.used == 0xff) {
        return refuse(status::session_counter);
    }
    ++kek.used;
    auto content = aes::unwrap(kek::working_key(kek.base, kek.used).reveal(), envelope);
    if (!content) {
        return refuse(status::decryption);
    }
    return std::move(*content);
}

std::vector<handler> host_key_handlers() {
    return {handle(do_ecdhe),         {start_kek_session::about, do_start},     handle(do_stop), handle(do_write),
            handle(do_write_wrapped), {establish_host_key::about, do_establish}};
}

}  // namespace berth::keystore::stsafe::model
