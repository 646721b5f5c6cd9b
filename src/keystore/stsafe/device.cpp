#include "keystore/stsafe/device.h"

#include "base/wipe.h"
#include "crypto/constant_time.h"
#include "crypto/random.h"
#include "keystore/stsafe/commands/basic.h"

#include <cstring>

#include <fmt/format.h>

namespace berth::keystore::stsafe {

namespace {

command_frame plain_frame(const command_info& what, bytes_view payload) {
    return {.head = {.header = what.code, .extension = what.extension}, .payload = to_bytes(payload)};
}

constexpr size_t nonce_size = 32;

result<secret_bytes> taken(const command_info& what, const answer_frame& answer) {
    if (answer.outcome() != status::ok) {
        return fail(to_error(answer.outcome(), what.name));
    }
    return secret_bytes(answer.payload);
}

// Of what a session begins with: that the MACs do not fit says whose key it is, or that nobody is there who has it.
error of_host_key(error e) {
    if (e.is("stsafe_invalid_c_mac") || e.is("stsafe_wrong_answer")) {
        e.name = "stsafe_wrong_host_key";
        e.category = error_category::usage;
    }
    return e;
}

}  // namespace

error device::wrong_answer(const command_info& what, const std::string& why) {
    return error{error_category::environment, "stsafe_wrong_answer",
                 fmt::format("The STSAFE-A's answer to {} is not one: {}.", what.name, why)}
        .with("command", std::string(what.name));
}

bool device::has_host_session() const {
    const std::lock_guard lock(mutex_);
    return session_.has_value();
}

device::manner device::manner_of(const command_info& what, protection how) const {
    manner out{.authenticated = how == protection::authenticated};
    if (!session_) {
        return out;
    }
    const auto found = session_->table.find({what.code, what.extension.value_or(0)});
    if (found == session_->table.end()) {
        return out;
    }
    const command_record& record = found->second;
    out.encrypt_command = (record.encryption & encrypt_command) != 0;
    out.encrypt_answer = (record.encryption & encrypt_answer) != 0;
    out.authenticated = out.authenticated || record.access == command_access::host ||
                        record.access == command_access::admin_or_host || out.encrypt_command || out.encrypt_answer;
    return out;
}

result<secret_bytes> device::transfer(const command_info& what, bytes_view payload, protection how) {
    const std::lock_guard lock(mutex_);
    const manner chosen = manner_of(what, how);
    if (!chosen.authenticated) {
        return in_clear(what, payload);
    }
    if (!session_) {
        return fail(error_category::usage, "stsafe_session",
                    fmt::format("{} is to be authenticated, and there is no host session: give the host key.", what.name));
    }
    return in_session(what, payload, chosen);
}

result<secret_bytes> device::in_clear(const command_info& what, bytes_view payload) {
    auto answer = exchange(*bus_, plain_frame(what, payload), limits_);
    if (!answer && answer.error().is("stsafe_answer_lost")) {
        if (what.again == repeat::never) {
            return fail(std::move(answer).error().with("executed", "unknown").with("command", std::string(what.name)));
        }
        answer = exchange(*bus_, plain_frame(what, payload), limits_);
    }
    if (!answer) {
        return fail(std::move(answer).error());
    }
    return taken(what, *answer);
}

// In clear: whoever answers on the bus can say what he likes.
result<message_number> device::chip_counter() {
    const size_t octets = session_->number.octets;
    const attribute tag = octets == 3 ? attribute::host_key : attribute::host_key_v2;
    const auto tag_octet = static_cast<uint8_t>(tag);
    BERTH_TRY(content, in_clear(query::about, bytes_view(&tag_octet, 1)));
    wire::reader r(content.reveal());
    r.octets(octets == 3 ? 1 : 2);
    const message_number out{static_cast<uint32_t>(r.integer(octets)), octets};
    if (!r.ok()) {
        return fail(r.to_error());
    }
    return out;
}

// IV and MACs follow from the counter and the content alone, and a host says the same again and again: who has recorded a session
// could have us begin at that counter once more, and play it back. An R-MAC over octets that are new shows that the chip is at
// this counter now; at those that follow it then never was, and nothing that was recorded fits them.
result<void> device::prove_number() {
    const auto nonce = crypto::system_random().octets<nonce_size>();
    BERTH_TRY(echoed, one_turn(echo::about, nonce, manner_of(echo::about, protection::authenticated)));
    if (!crypto::equal(echoed.reveal(), nonce)) {
        return fail(wrong_answer(echo::about, "it gives back something else"));
    }
    return {};
}

// What the chip's counter was before it proved it.
result<uint32_t> device::learn_number() {
    BERTH_TRY(now, chip_counter());
    session_->number = now;
    BERTH_CHECK(prove_number());
    return now.counter;
}

result<secret_bytes> device::in_session(const command_info& what, bytes_view payload, manner how) {
    // A refusal carries no R-MAC, and a lost answer none that anybody saw.
    if (!session_->number_proved) {
        BERTH_CHECK(learn_number());
    }
    const uint32_t before = session_->number.counter;
    auto answer = one_turn(what, payload, how);
    if (answer || !answer.error().is("stsafe_answer_lost")) {
        return answer;
    }
    // The chip counts each command that it takes: its counter tells whether it took this one.
    error lost = std::move(answer).error().with("command", std::string(what.name));
    const auto now = learn_number();
    if (!now) {
        return fail(std::move(lost).with("executed", "unknown"));
    }
    const bool executed = *now != before;
    if (executed && what.again == repeat::never) {
        return fail(std::move(lost).with("executed", "yes"));
    }
    return one_turn(what, payload, how);
}

result<secret_bytes> device::one_turn(const command_info& what, bytes_view payload, manner how) {
    session& s = *session_;
    if (s.number.counter >= s.number.most()) {
        return fail(to_error(status::counter_maximum, what.name));
    }
    command_frame frame = plain_frame(what, payload);
    frame.head.header |= flag_c_mac | flag_r_mac | flag_host;
    if (how.encrypt_command) {
        frame.payload = encrypt(s.keys, s.number, direction::command, payload);
    }
    command_frame sent = frame;
    sent.payload = concat({frame.payload, c_mac(s.keys, s.number, frame)});
    s.number_proved = false;
    BERTH_TRY(answer, exchange(*bus_, sent, limits_));
    const message_number number = s.number;
    // [stsafea_sessions.c] The counter moves on, except for a wrong C-MAC and for a command that came damaged.
    if (answer.outcome() != status::invalid_c_mac && answer.outcome() != status::communication) {
        s.number = number.next();
    }
    if (answer.outcome() != status::ok) {
        return fail(to_error(answer.outcome(), what.name));
    }
    if (answer.payload.size() < mac_size) {
        return fail(wrong_answer(what, "it carries no R-MAC"));
    }
    const bytes_view body = bytes_view(answer.payload).first(answer.payload.size() - mac_size);
    const short_mac expected = r_mac(s.keys, number, frame, answer.head, body);
    if (!crypto::equal(expected, bytes_view(answer.payload).last(mac_size))) {
        return fail(wrong_answer(what,
                                 "its R-MAC is wrong; somebody else answers on this bus or plays back what was said before, or "
                                 "the host key is another chip's"));
    }
    s.number_proved = true;
    if (!how.encrypt_answer || body.empty()) {
        return secret_bytes(body);
    }
    return decrypt(s.keys, number, direction::answer, body);
}

result<void> device::take_table(bytes_view content) {
    BERTH_TRY(table, parse_command_table(content));
    session_->table.clear();
    for (const command_record& record : table.records) {
        session_->table[{record.code, record.extension.value_or(0)}] = record;
    }
    return {};
}

// First in clear, to know how Echo and Query travel; then in the session, where the chip's R-MAC vouches for it. Who lies on the
// bus about which commands are encrypted would else have us send keys in clear.
result<void> device::load_table() {
    const auto tag = static_cast<uint8_t>(attribute::command_authorization);
    BERTH_TRY(hint, in_clear(query::about, bytes_view(&tag, 1)));
    BERTH_CHECK(take_table(hint.reveal()));
    if (auto proved = prove_number(); !proved) {
        return fail(of_host_key(std::move(proved).error()));
    }
    auto vouched = one_turn(query::about, bytes_view(&tag, 1), manner_of(query::about, protection::authenticated));
    if (!vouched) {
        return fail(of_host_key(std::move(vouched).error()));
    }
    return take_table(vouched->reveal());
}

// An A110 knows the first version alone, an A120 both, and holds a key of one.
result<device::host_key_slot> device::ask_host_key_slot() {
    for (const attribute tag : {attribute::host_key, attribute::host_key_v2}) {
        const auto octet = static_cast<uint8_t>(tag);
        auto content = in_clear(query::about, bytes_view(&octet, 1));
        if (!content && !content.error().is("stsafe_entry_not_found") && !content.error().is("stsafe_out_of_range") &&
            !content.error().is("stsafe_unsupported")) {
            return fail(std::move(content).error());
        }
        if (!content || content->empty() || content->reveal()[0] != 1) {
            continue;
        }
        const bool second = tag == attribute::host_key_v2;
        wire::reader r(content->reveal());
        r.octets(1);
        const size_t key_size = second && r.integer(1) == 1 ? 32 : 16;
        const size_t octets = second ? 4 : 3;
        const auto counter = static_cast<uint32_t>(r.integer(octets));
        if (!r.ok()) {
            return fail(wrong_answer(query::about, "it is too short for a host key slot"));
        }
        return host_key_slot{key_size, {counter, octets}};
    }
    return fail(
        error_category::usage, "stsafe_no_host_key",
        "This STSAFE-A holds no host key. `berth se host-key set` gives it one, for good: at the factory, where its bus is "
        "trusted.");
}

result<void> device::begin_session() {
    BERTH_TRY(slot, ask_host_key_slot());
    session_->number = slot.number;
    if (session_->keys.mac.size() != slot.key_size || session_->keys.cipher.size() != slot.key_size) {
        return fail(error_category::usage, "bad_host_key",
                    fmt::format("The host key of this STSAFE-A has two halves of {} octets.", slot.key_size));
    }
    return load_table();
}

result<void> device::open_host_session(host_keys keys) {
    const std::lock_guard lock(mutex_);
    // Who comes with a wrong key does not end the session of who came with the right one.
    std::optional<session> before = std::exchange(session_, session{std::move(keys), {}, {}});
    auto begun = begin_session();
    // A lost answer costs a counter, and nothing else was done: it is begun again.
    for (int i = 1; i < limits_.sendings && !begun && begun.error().is("stsafe_answer_lost"); ++i) {
        begun = begin_session();
    }
    if (!begun) {
        session_ = std::move(before);
        if (session_) {
            session_->number_proved = false;  // the chip may have counted on
        }
    }
    return begun;
}

result<std::shared_ptr<device>> open_device(const std::string& path, uint8_t address, link_limits limits) {
    const bool i2c = path.starts_with("/dev/i2c-");
    BERTH_TRY(bus, i2c ? open_i2c(path, address) : open_socket(path, address));
    return std::make_shared<device>(std::move(bus), limits);
}

}  // namespace berth::keystore::stsafe
