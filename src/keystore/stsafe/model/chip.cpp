#include "keystore/stsafe/model/chip.h"

#include "base/wipe.h"
#include "crypto/constant_time.h"

namespace berth::keystore::stsafe::model {

namespace {

constexpr uint8_t wakes_by_bus = 1;

answer_frame only(status s) {
    return {.head = static_cast<uint8_t>(s), .payload = {}};
}

// What still answers when the chip's life is over, or it is locked: enough to see that.
bool always_there(const command_head& head) {
    return head.code() == 0x00 || head.code() == 0x01 || head.code() == 0x14;
}

bool is_locked(life_cycle life) {
    return (static_cast<uint8_t>(life) & 0x80U) != 0;
}

}  // namespace

result<chip> chip::power_on(state_store& store, random_source& random, chip_options options) {
    BERTH_TRY(found, store.load());
    if (!found) {
        found = blank_chip(random, options.kind);
        BERTH_CHECK(store.save(*found));
    }
    return chip(store, std::move(*found), random, options);
}

void chip::power_cycle() {
    passing_ = {};
    answer_.clear();
    busy_until_ = 0;
}

bool chip::write(bytes_view frame) {
    if (options_.time->steady() < busy_until_) {
        return false;
    }
    if (passing_.hibernation) {
        // The start of this transaction is what wakes it; the transaction itself it misses.
        if (*passing_.hibernation == wakes_by_bus) {
            power_cycle();
        }
        return false;
    }
    const answer_frame answer = execute(frame);
    answer_ = encode(answer);
    if (options_.silicon_delays && !frame.empty()) {
        const command_head head{.header = frame[0],
                                .extension = (frame[0] & command_mask) == extended_prefix && frame.size() > 1
                                                 ? std::optional(frame[1])
                                                 : std::nullopt};
        const handler* h = find_handler(head);
        busy_until_ = options_.time->steady() + (h != nullptr ? h->about.takes : 1);
    }
    return true;
}

std::optional<bytes> chip::read(size_t count) {
    if (options_.time->steady() < busy_until_ || answer_.empty()) {
        return std::nullopt;
    }
    // An answer lies there until the next command, and each reading begins with its first octet; the bus floats high after its
    // end.
    bytes out = answer_;
    out.resize(count, 0xff);
    return out;
}

answer_frame chip::execute(bytes_view frame) {
    const auto command = decode_command(frame, most_frame_a110);
    if (!command) {
        return only(status::communication);
    }
    return act(*command);
}

bool chip::keep(chip_state next) {
    auto before = wire::encode(state_);
    auto after = wire::encode(next);
    const bool changed = !before || !after || *before != *after;
    for (auto* octets : {&before, &after}) {
        if (*octets) {
            wipe(**octets);
        }
    }
    if (changed && !store_->save(next)) {
        return false;
    }
    state_ = std::move(next);
    return true;
}

// The payload without its C-MAC and in clear.
tl::expected<bytes, status> chip::opened(const command_frame& command, const authorization& rule, bool& by_host) {
    if ((command.head.header & flag_c_mac) == 0) {
        return command.payload;
    }
    if ((command.head.header & flag_host) == 0 || state_.host_key_present == 0) {
        return refuse(status::session);
    }
    const message_number number = host_number(state_);
    if (number.counter >= number.most()) {
        return refuse(status::counter_maximum);
    }
    if (command.payload.size() < mac_size) {
        return refuse(status::inconsistent_data);
    }
    const auto keys = split_host_keys(state_.host_key.value.reveal());
    command_frame bare = command;
    bare.payload.resize(command.payload.size() - mac_size);
    if (!crypto::equal(c_mac(*keys, number, bare), bytes_view(command.payload).last(mac_size))) {
        return refuse(status::invalid_c_mac);
    }
    by_host = true;
    if ((rule.encryption & encrypt_command) == 0) {
        return bare.payload;
    }
    const auto clear = decrypt(*keys, number, direction::command, bare.payload);
    return clear ? tl::expected<bytes, status>(to_bytes(clear->reveal())) : refuse(status::decryption);
}

status chip::allowed(const command_frame& command, const authorization& rule, bool by_host) const {
    if (state_.life == life_cycle::terminated && !always_there(command.head)) {
        return status::life_cycle;
    }
    // Out of the lock leads PutAttribute alone.
    if (is_locked(state_.life) && !always_there(command.head) && command.head.code() != put_attribute::about.code) {
        return status::life_cycle;
    }
    if (rule.encryption != 0 && !by_host) {
        return status::not_authorized;
    }
    switch (rule.access) {
    case command_access::free: return status::ok;
    case command_access::host:
    case command_access::admin_or_host: return by_host ? status::ok : status::not_authorized;
    case command_access::admin_or_password: return passing_.password_shown ? status::ok : status::not_authorized;
    case command_access::never:
    case command_access::admin: break;  // the administrator's channel is in no published driver
    }
    return status::not_authorized;
}

answer_frame chip::act(const command_frame& command) {
    const handler* h = find_handler(command.head);
    const authorization* rule = find_authorization(state_, command.head);
    if (h == nullptr || rule == nullptr) {
        return only(status::unsupported);
    }
    bool by_host = false;
    const message_number number = host_number(state_);
    const uint8_t encryption = rule->encryption;
    const bool wants_r_mac = (command.head.header & flag_r_mac) != 0;
    auto payload = opened(command, *rule, by_host);
    if (!payload && !by_host) {
        return only(payload.error());
    }
    const status may = payload ? allowed(command, *rule, by_host) : payload.error();
    outcome done = refuse(may);
    chip_state next = state_;
    if (may == status::ok) {
        const size_t most = most_frame_a110 - 1 - (by_host ? mac_size + 16 : 0);
        core c{next, passing_, *random_, by_host, most};
        done = h->act(c, *payload);
        wipe(*payload);
    }
    if (!done) {
        next = state_;
    }
    // The counter moves with every command whose C-MAC was right, done or refused; a new key begins its own.
    const secret_bytes host_key = state_.host_key.value;
    if (by_host && same_octets(host_key.reveal(), next.host_key.value.reveal())) {
        next.host_counter = number.next().counter;
    }
    if (!keep(std::move(next))) {
        return only(status::unexpected);
    }
    if (!done) {
        return only(done.error());
    }
    answer_frame answer{.head = static_cast<uint8_t>(status::ok), .payload = std::move(*done)};
    if (by_host && wants_r_mac) {
        const auto keys = split_host_keys(host_key.reveal());
        if ((encryption & encrypt_answer) != 0 && !answer.payload.empty()) {
            answer.payload = encrypt(*keys, number, direction::answer, answer.payload);
        }
        command_frame bare = command;
        bare.payload.resize(command.payload.size() - mac_size);
        append(answer.payload, r_mac(*keys, number, bare, answer.head, answer.payload));
    }
    return answer;
}

}  // namespace berth::keystore::stsafe::model
