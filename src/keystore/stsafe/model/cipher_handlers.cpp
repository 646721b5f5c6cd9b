// What a key in a symmetric key slot does.
#include "crypto/constant_time.h"
#include "crypto/hkdf.h"
#include "keystore/stsafe/aes.h"
#include "keystore/stsafe/commands/ciphers.h"
#include "keystore/stsafe/model/handlers.h"

namespace berth::keystore::stsafe::model {

namespace {

using use = aead_stream::use;

constexpr size_t counter_size = 4;
constexpr size_t block_size = 16;

// The slot, whose key has the right.
tl::expected<symmetric_slot*, status> usable(core& c, uint8_t number, uint8_t right) {
    if (number >= c.kept.symmetric_keys.size()) {
        return refuse(status::out_of_range);
    }
    symmetric_slot& slot = c.kept.symmetric_keys.items[number];
    if (slot.present == 0) {
        return refuse(status::key_not_found);
    }
    if ((slot.usage & right) == 0) {
        return refuse(status::key_usage);
    }
    return &slot;
}

symmetric_mode mode_of(const symmetric_slot& slot) {
    return static_cast<symmetric_mode>(slot.mode);
}

size_t tag_of(const symmetric_slot& slot) {
    return slot.parameters[0];
}

outcome fitting(const core& c, bytes out) {
    return out.size() <= c.most_payload ? outcome(std::move(out)) : outcome(refuse(status::length));
}

outcome opened(const core& c, bool valid, const secret_bytes& message) {
    // [model] What was not found right is not told.
    bytes out{valid ? uint8_t{1} : uint8_t{0}};
    if (valid) {
        append(out, message.reveal());
    }
    return fitting(c, std::move(out));
}

// What an encryption with CCM* tells of its counter, which it uses up. [model] It begins with 0, and a decryption takes the nonce
// as it comes.
outcome spend_counter(symmetric_slot& slot, bytes& nonce) {
    if (!slot.kind().has_counter()) {
        return bytes{0};
    }
    if (slot.counter == UINT32_MAX) {
        return refuse(status::counter_limit);
    }
    bytes told;
    wire::writer(told).integer(slot.counter, counter_size);
    ++slot.counter;
    const size_t offset = slot.kind().counter_offset();
    if (offset + counter_size > nonce.size()) {
        return refuse(status::out_of_range);
    }
    std::copy(told.begin(), told.end(), nonce.begin() + static_cast<std::ptrdiff_t>(offset));
    told.insert(told.begin(), 1);
    return told;
}

outcome sealed_at_once(const core& c, std::optional<aead_stream> stream, bytes_view associated, const secret_lengthy& message,
                       const bytes& told) {
    const auto out = stream ? stream->take(associated, message.value.reveal()) : std::nullopt;
    const auto tag = out ? stream->tag() : std::nullopt;
    return tag ? fitting(c, concat({out->reveal(), *tag, told})) : outcome(refuse(status::out_of_range));
}

outcome opened_at_once(const core& c, std::optional<aead_stream> stream, bytes_view associated, bytes_view message,
                       bytes_view tag) {
    const auto out = stream ? stream->take(associated, message) : std::nullopt;
    const auto valid = out ? stream->matches(tag) : std::nullopt;
    return valid ? opened(c, *valid, *out) : outcome(refuse(status::out_of_range));
}

outcome encrypt_with_ecb(core& c, const symmetric_slot& slot, bytes_view payload) {
    const auto command = wire::decode<encrypt_ecb>(payload);
    if (!command || command->message.value.empty() || command->message.value.size() % block_size != 0) {
        return refuse(status::inconsistent_data);
    }
    return fitting(c, to_bytes(aes::ecb_encrypt(slot.key.value.reveal(), command->message.value.reveal()).reveal()));
}

outcome encrypt_with_ccm(core& c, symmetric_slot& slot, bytes_view payload) {
    const auto command = wire::decode<encrypt_ccm>(payload);
    if (!command) {
        return refuse(status::inconsistent_data);
    }
    bytes nonce = to_bytes(command->nonce);
    const auto told = spend_counter(slot, nonce);
    if (!told) {
        return told;
    }
    return sealed_at_once(c,
                          aead_stream::ccm(use::seal, slot.key.value.reveal(), nonce,
                                           {command->associated.size(), command->message.value.size(), tag_of(slot)}),
                          command->associated.view(), command->message, *told);
}

outcome encrypt_with_gcm(core& c, const symmetric_slot& slot, bytes_view payload) {
    const auto command = wire::decode<encrypt_gcm>(payload);
    if (!command) {
        return refuse(status::inconsistent_data);
    }
    return sealed_at_once(c, aead_stream::gcm(use::seal, slot.key.value.reveal(), command->nonce.view(), tag_of(slot)),
                          command->associated.view(), command->message, {});
}

outcome do_encrypt(core& c, bytes_view payload) {
    if (payload.size() < 2) {
        return refuse(status::inconsistent_data);
    }
    if (payload[0] != by_slot) {
        return refuse(status::out_of_range);
    }
    const auto slot = usable(c, payload[1], symmetric_use::encryption);
    if (!slot) {
        return refuse(slot.error());
    }
    switch (mode_of(**slot)) {
    case symmetric_mode::ecb: return encrypt_with_ecb(c, **slot, payload);
    case symmetric_mode::ccm: return encrypt_with_ccm(c, **slot, payload);
    case symmetric_mode::gcm: return encrypt_with_gcm(c, **slot, payload);
    default: return refuse(status::mode);
    }
}

outcome decrypt_with_ecb(core& c, const symmetric_slot& slot, bytes_view payload) {
    const auto command = wire::decode<decrypt_ecb>(payload);
    if (!command || command->message.value.empty() || command->message.value.size() % block_size != 0) {
        return refuse(status::inconsistent_data);
    }
    return fitting(c, to_bytes(aes::ecb_decrypt(slot.key.value.reveal(), command->message.value).reveal()));
}

outcome decrypt_with_ccm(core& c, const symmetric_slot& slot, bytes_view payload) {
    const auto command = wire::decode<decrypt_ccm>(payload);
    if (!command || command->message.size() < tag_of(slot)) {
        return refuse(status::inconsistent_data);
    }
    const size_t size = command->message.size() - tag_of(slot);
    return opened_at_once(
        c, aead_stream::ccm(use::open, slot.key.value.reveal(), command->nonce, {command->associated.size(), size, tag_of(slot)}),
        command->associated.view(), command->message.view().first(size), command->message.view().subspan(size));
}

outcome decrypt_with_gcm(core& c, const symmetric_slot& slot, bytes_view payload) {
    const auto command = wire::decode<decrypt_gcm>(payload);
    if (!command) {
        return refuse(status::inconsistent_data);
    }
    return opened_at_once(c, aead_stream::gcm(use::open, slot.key.value.reveal(), command->nonce.view(), tag_of(slot)),
                          command->associated.view(), command->message.view(), command->tag.value);
}

outcome do_decrypt(core& c, bytes_view payload) {
    if (payload.size() < 2) {
        return refuse(status::inconsistent_data);
    }
    if (payload[0] != by_slot) {
        return refuse(status::out_of_range);
    }
    const auto slot = usable(c, payload[1], symmetric_use::decryption);
    if (!slot) {
        return refuse(slot.error());
    }
    switch (mode_of(**slot)) {
    case symmetric_mode::ecb: return decrypt_with_ecb(c, **slot, payload);
    case symmetric_mode::ccm: return decrypt_with_ccm(c, **slot, payload);
    case symmetric_mode::gcm: return decrypt_with_gcm(c, **slot, payload);
    default: return refuse(status::mode);
    }
}

// ---- in pieces: one work at a time; [model] what goes wrong in it, other than a frame that is none, ends it

outcome next_piece(core& c, use what, bytes_view associated, bytes_view message) {
    if (!c.passing.cipher || c.passing.cipher->what() != what) {
        return refuse(status::session);
    }
    const auto out = c.passing.cipher->take(associated, message);
    if (!out) {
        c.passing.cipher.reset();
        return refuse(status::out_of_range);
    }
    return to_bytes(out->reveal());
}

outcome first_piece(core& c, std::optional<aead_stream> stream, bytes_view associated, bytes_view message, const bytes& told) {
    if (!stream) {
        return refuse(status::out_of_range);
    }
    const use what = stream->what();
    c.passing.cipher = std::move(stream);
    auto out = next_piece(c, what, associated, message);
    if (!out) {
        return out;
    }
    append(*out, told);
    return fitting(c, std::move(*out));
}

template <command Ccm, command Gcm>
outcome do_start(core& c, use what, uint8_t right, bytes_view payload) {
    c.passing.cipher.reset();
    if (payload.empty()) {
        return refuse(status::inconsistent_data);
    }
    const auto slot = usable(c, payload[0], right);
    if (!slot) {
        return refuse(slot.error());
    }
    const auto octets = [](const auto& message) {
        if constexpr (requires { message.value.reveal(); }) {
            return message.value.reveal();
        } else {
            return message.view();
        }
    };
    const bytes_view key = (*slot)->key.value.reveal();
    if (mode_of(**slot) == symmetric_mode::gcm) {
        const auto command = wire::decode<Gcm>(payload);
        return command ? first_piece(c, aead_stream::gcm(what, key, command->nonce.view(), tag_of(**slot)),
                                     command->associated.view(), octets(command->message), {})
                       : outcome(refuse(status::inconsistent_data));
    }
    if (mode_of(**slot) != symmetric_mode::ccm) {
        return refuse(status::mode);
    }
    const auto command = wire::decode<Ccm>(payload);
    if (!command) {
        return refuse(status::inconsistent_data);
    }
    bytes nonce = command->nonce.value;
    const auto told = what == use::seal ? spend_counter(**slot, nonce) : outcome(bytes{});
    if (!told) {
        return told;
    }
    return first_piece(c, aead_stream::ccm(what, key, nonce, {command->all_associated, command->all_message, tag_of(**slot)}),
                       command->associated.view(), octets(command->message), *told);
}

outcome do_start_encrypt(core& c, bytes_view payload) {
    return do_start<start_encrypt_ccm, start_encrypt_gcm>(c, use::seal, symmetric_use::chunks_encryption, payload);
}

outcome do_start_decrypt(core& c, bytes_view payload) {
    return do_start<start_decrypt_ccm, start_decrypt_gcm>(c, use::open, symmetric_use::chunks_decryption, payload);
}

outcome do_process_encrypt(core& c, const process_encrypt& command) {
    return next_piece(c, use::seal, command.associated.view(), command.message.value.reveal());
}

outcome do_process_decrypt(core& c, const process_decrypt& command) {
    return next_piece(c, use::open, command.associated.view(), command.message.view());
}

outcome do_finish_encrypt(core& c, const finish_encrypt& command) {
    auto out = next_piece(c, use::seal, command.associated.view(), command.message.value.reveal());
    if (!out) {
        return out;
    }
    const auto tag = std::exchange(c.passing.cipher, std::nullopt)->tag();
    if (!tag) {
        return refuse(status::out_of_range);
    }
    append(*out, *tag);
    return fitting(c, std::move(*out));
}

outcome do_finish_decrypt(core& c, const finish_decrypt& command) {
    const auto out = next_piece(c, use::open, command.associated.view(), command.message.view());
    if (!out) {
        return out;
    }
    const auto valid = std::exchange(c.passing.cipher, std::nullopt)->matches(command.tag.value);
    return valid ? opened(c, *valid, secret_bytes(*out)) : outcome(refuse(status::out_of_range));
}

// ---- MACs

// CMAC, or HMAC with ([model]) SHA-256.
outcome mac_of(const symmetric_slot& slot, size_t length, bytes_view message) {
    const bytes_view key = slot.key.value.reveal();
    if (mode_of(slot) == symmetric_mode::cmac) {
        if (length != 2 && length != 4 && length != 8 && length != 16) {
            return refuse(status::mac_length);
        }
        return to_bytes(bytes_view(aes::cmac(key, message)).first(length));
    }
    if (mode_of(slot) != symmetric_mode::hmac) {
        return refuse(status::mode);
    }
    if (length < 16 || length > 32) {
        return refuse(status::mac_length);
    }
    // HKDF's extraction is HMAC.
    return to_bytes(crypto::hkdf_extract(crypto::hash_algorithm::sha256, key, message).reveal().first(length));
}

outcome do_generate_mac(core& c, const generate_mac& command) {
    if (command.form != mac_by_slot) {
        return refuse(status::out_of_range);
    }
    const auto slot = usable(c, command.slot, symmetric_use::mac_generation);
    return slot ? mac_of(**slot, command.length, command.message.value) : outcome(refuse(slot.error()));
}

outcome do_verify_mac(core& c, const verify_mac& command) {
    if (command.form != by_slot) {
        return refuse(status::out_of_range);
    }
    const auto slot = usable(c, command.slot, symmetric_use::mac_verification);
    if (!slot) {
        return refuse(slot.error());
    }
    const auto right = mac_of(**slot, command.mac.size(), command.message.value);
    if (!right) {
        return right;
    }
    // [stsafea_symmetric_key_slots.h] The least length of a MAC to verify.
    if (command.mac.size() < (*slot)->parameters[0]) {
        return refuse(status::mac_length);
    }
    return answer(verdict_answer{crypto::equal(*right, command.mac.view()) ? uint8_t{1} : uint8_t{0}});
}

}  // namespace

std::vector<handler> cipher_handlers() {
    return {{encrypt_ecb::about, do_encrypt},
            {decrypt_ecb::about, do_decrypt},
            {start_encrypt_ccm::about, do_start_encrypt},
            handle(do_process_encrypt),
            handle(do_finish_encrypt),
            {start_decrypt_ccm::about, do_start_decrypt},
            handle(do_process_decrypt),
            handle(do_finish_decrypt),
            handle(do_generate_mac),
            handle(do_verify_mac)};
}

}  // namespace berth::keystore::stsafe::model
