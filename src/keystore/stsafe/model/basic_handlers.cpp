#include "crypto/constant_time.h"
#include "keystore/stsafe/commands/basic.h"
#include "keystore/stsafe/commands/hashing.h"
#include "keystore/stsafe/commands/password.h"
#include "keystore/stsafe/model/handlers.h"

namespace berth::keystore::stsafe::model {

namespace {

outcome do_echo(core& c, const echo& command) {
    if (command.message.value.size() > c.most_payload) {
        return refuse(status::length);
    }
    return command.message.value;
}

outcome do_reset(core& c, const reset&) {
    c.passing = {};
    return bytes{};
}

outcome do_random(core& c, const generate_random& command) {
    if (command.subject != 0 || command.count == 0) {
        return refuse(status::out_of_range);
    }
    bytes out(command.count);
    c.random.fill(out);
    return out;
}

outcome do_start_session(core& c, const start_session& command) {
    if (command.subject != 0) {
        return refuse(status::out_of_range);
    }
    if (c.kept.host_key_present == 0) {
        return refuse(status::session);
    }
    return answer(session_answer{{c.kept.host_counter}});
}

outcome do_hibernate(core& c, const hibernate& command) {
    if (command.mode != wake_up::bus_or_reset && command.mode != wake_up::reset_only) {
        return refuse(status::out_of_range);
    }
    c.passing = {};
    c.passing.hibernation = static_cast<uint8_t>(command.mode);
    return bytes{};
}

outcome do_verify_password(core& c, const verify_password& command) {
    if (c.kept.password_present == 0) {
        return refuse(status::entry_not_found);
    }
    if (c.kept.password_tries == 0) {
        return refuse(status::password_blocked);
    }
    const bool right = crypto::equal(command.password.value.reveal(), c.kept.password.value.reveal());
    // A try is spent before it is judged, so that cutting the power gains none.
    c.kept.password_tries = right ? c.kept.password_most_tries : static_cast<uint8_t>(c.kept.password_tries - 1);
    c.passing.password_shown = right;
    return answer(password_answer{right ? uint8_t{1} : uint8_t{0}, c.kept.password_tries});
}

outcome do_delete(core& c, const delete_attribute& command) {
    if (command.tag != delete_attribute{}.tag || c.kept.password_present == 0) {
        return refuse(status::entry_not_found);
    }
    c.kept.password_present = 0;
    c.kept.password.value.clear();
    return bytes{};
}

std::optional<crypto::hash_algorithm> hash_named(bytes_view oid) {
    if (same_octets(oid, oid_sha256)) {
        return crypto::hash_algorithm::sha256;
    }
    return same_octets(oid, oid_sha384) ? std::optional(crypto::hash_algorithm::sha384) : std::nullopt;
}

outcome do_start_hash(core& c, const start_hash& command) {
    const auto algorithm = hash_named(command.algorithm.view());
    if (!algorithm) {
        return refuse(status::out_of_range);
    }
    c.passing.hash.emplace(*algorithm).update(command.message.value);
    return bytes{};
}

outcome do_process_hash(core& c, const process_hash& command) {
    if (!c.passing.hash) {
        return refuse(status::session);
    }
    c.passing.hash->update(command.message.value);
    return bytes{};
}

outcome do_finish_hash(core& c, const finish_hash& command) {
    if (!c.passing.hash) {
        return refuse(status::session);
    }
    const crypto::digest digest = c.passing.hash->update(command.message.value).finish();
    c.passing.hash.reset();
    return answer(digest_answer{lengthy(digest.view())});
}

}  // namespace

std::vector<handler> basic_handlers() {
    return {handle(do_echo),         handle(do_reset),           handle(do_random), handle(do_start_session),
            handle(do_hibernate),    handle(do_verify_password), handle(do_delete), handle(do_start_hash),
            handle(do_process_hash), handle(do_finish_hash)};
}

}  // namespace berth::keystore::stsafe::model
