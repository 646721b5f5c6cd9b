#include "keystore/stsafe/device.h"

#include "base/wipe.h"
#include "crypto/constant_time.h"

#include <cstring>

#include <fmt/format.h>

namespace berth::keystore::stsafe {

namespace {

command_frame plain_frame(const command_info& what, bytes_view payload) {
    return {.head = {.header = what.code, .extension = what.extension}, .payload = to_bytes(payload)};
}

result<secret_bytes> taken(const command_info& what, answer_frame answer) {
    if (answer.outcome() != status::ok) {
        return fail(to_error(answer.outcome(), what.name));
    }
    secret_bytes out(answer.payload);
    wipe(answer.payload);
    return out;
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
    return taken(what, std::move(*answer));
}

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

result<secret_bytes> device::in_session(const command_info& what, bytes_view payload, manner how) {
    const uint32_t before = session_->number.counter;
    auto answer = one_turn(what, payload, how);
    if (answer || !answer.error().is("stsafe_answer_lost")) {
        return answer;
    }
    // The chip counts each command that it takes: its counter tells whether it took this one. That Query is not authenticated;
    // who lies in it makes us send a frame that the chip refuses for its C-MAC, and nothing is done twice.
    error lost = std::move(answer).error().with("command", std::string(what.name));
    auto now = chip_counter();
    if (!now) {
        session_->number.counter = before;
        return fail(std::move(lost).with("executed", "unknown"));
    }
    session_->number = *now;
    const bool executed = now->counter != before;
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
    append(sent.payload, c_mac(s.keys, s.number, frame));
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
        return fail(
            wrong_answer(what, "its R-MAC is wrong; somebody else answers on this bus, or the host key is another chip's"));
    }
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

// First in clear, to know how a Query travels; then in the session, where the chip's R-MAC vouches for it. Who lies on the bus
// about which commands are encrypted would else have us send keys in clear.
result<void> device::load_table() {
    const auto tag = static_cast<uint8_t>(attribute::command_authorization);
    BERTH_TRY(hint, in_clear(query::about, bytes_view(&tag, 1)));
    BERTH_CHECK(take_table(hint.reveal()));
    auto vouched = one_turn(query::about, bytes_view(&tag, 1), manner_of(query::about, protection::authenticated));
    if (!vouched) {
        error e = std::move(vouched).error();
        if (e.is("stsafe_invalid_c_mac") || e.is("stsafe_wrong_answer")) {
            e.name = "stsafe_wrong_host_key";
            e.category = error_category::usage;
        }
        return fail(std::move(e));
    }
    return take_table(vouched->reveal());
}

result<void> device::open_host_session(host_keys keys) {
    const std::lock_guard lock(mutex_);
    // An A110 knows the first version alone, an A120 both, and holds a key of one.
    secret_bytes slot;
    bool second = false;
    bool present = false;
    for (const attribute tag : {attribute::host_key, attribute::host_key_v2}) {
        const auto octet = static_cast<uint8_t>(tag);
        auto content = in_clear(query::about, bytes_view(&octet, 1));
        if (!content && !content.error().is("stsafe_entry_not_found") && !content.error().is("stsafe_out_of_range") &&
            !content.error().is("stsafe_unsupported")) {
            return fail(std::move(content).error());
        }
        if (content && !content->empty() && content->reveal()[0] == 1) {
            slot = std::move(*content);
            second = tag == attribute::host_key_v2;
            present = true;
            break;
        }
    }
    if (!present) {
        return fail(error_category::usage, "stsafe_no_host_key",
                    "This STSAFE-A holds no host key; it gets one at the factory, where its bus is trusted.");
    }
    wire::reader r(slot.reveal());
    r.octets(1);
    const size_t key_size = second && r.integer(1) == 1 ? 32 : 16;
    const size_t octets = second ? 4 : 3;
    const auto counter = static_cast<uint32_t>(r.integer(octets));
    if (!r.ok()) {
        return fail(wrong_answer(query::about, "it is too short for a host key slot"));
    }
    if (keys.mac.size() != key_size || keys.cipher.size() != key_size) {
        return fail(error_category::usage, "bad_host_key",
                    fmt::format("The host key of this STSAFE-A has two halves of {} octets.", key_size));
    }
    // Who comes with a wrong key does not end the session of who came with the right one.
    std::optional<session> before = std::exchange(session_, session{std::move(keys), {counter, octets}, {}});
    auto loaded = load_table();
    if (!loaded) {
        session_ = std::move(before);
    }
    return loaded;
}

result<std::shared_ptr<device>> open_device(const std::string& path, uint8_t address, link_limits limits) {
    const bool i2c = path.starts_with("/dev/i2c-");
    BERTH_TRY(bus, i2c ? open_i2c(path, address) : open_socket(path, address));
    return std::make_shared<device>(std::move(bus), limits);
}

}  // namespace berth::keystore::stsafe
