#include "keystore/stsafe/session.h"

#include "keystore/stsafe/aes.h"

namespace berth::keystore::stsafe {

namespace {

constexpr uint8_t subject_c_mac = 0x00;
constexpr uint8_t subject_r_mac = 0x40;
constexpr uint8_t subject_encrypt = 0x80;
constexpr uint8_t subject_decrypt = 0xc0;
constexpr uint8_t kind_command = 0x00;
constexpr uint8_t kind_answer = 0x80;
constexpr uint8_t first_padding = 0x80;

aes::block subject_block(message_number number, uint8_t subject) {
    aes::block out{};
    for (size_t i = 0; i < number.octets; ++i) {
        out[i] = static_cast<uint8_t>(number.counter >> (8 * (number.octets - 1 - i)));
    }
    out[number.octets] = subject;
    out[number.octets + 1] = first_padding;
    return out;
}

void append_with_length(secret_bytes& out, bytes_view content) {
    const size_t size = content.size();
    out.append(bytes{static_cast<uint8_t>(size >> 8), static_cast<uint8_t>(size)});
    out.append(content);
}

// What is authenticated may be in clear.
secret_bytes command_part(uint8_t kind, const command_frame& command) {
    secret_bytes out(bytes_view(&kind, 1));
    out.append(command.head.octets());
    append_with_length(out, command.payload);
    return out;
}

short_mac shortened(const aes::block& mac) {
    return to_array<mac_size>(bytes_view(mac).first(mac_size));
}

aes::block initial_value(const host_keys& keys, message_number number, direction way) {
    const uint8_t subject = way == direction::command ? subject_encrypt : subject_decrypt;
    return aes::encrypt_block(keys.cipher.reveal(), subject_block(number.next(), subject));
}

}  // namespace

result<host_keys> split_host_keys(bytes_view octets) {
    if (octets.size() != 32 && octets.size() != 64) {
        return fail(
            error_category::usage, "bad_host_key",
            "A host key is a MAC key and a cipher key, 32 octets together (64 on an STSAFE-A120 with AES-256); this has " +
                std::to_string(octets.size()) + ".");
    }
    const size_t half = octets.size() / 2;
    return host_keys{secret_bytes(octets.first(half)), secret_bytes(octets.last(half))};
}

short_mac c_mac(const host_keys& keys, message_number number, const command_frame& command) {
    const secret_bytes message = command_part(kind_command, command);
    return shortened(aes::cmac(keys.mac.reveal(), subject_block(number, subject_c_mac), message.reveal()));
}

short_mac r_mac(const host_keys& keys, message_number number, const command_frame& command, uint8_t status_octet,
                bytes_view payload) {
    secret_bytes message = command_part(kind_answer, command);
    message.append(bytes_view(&status_octet, 1));
    append_with_length(message, payload);
    return shortened(aes::cmac(keys.mac.reveal(), subject_block(number.next(), subject_r_mac), message.reveal()));
}

bytes encrypt(const host_keys& keys, message_number number, direction way, bytes_view payload) {
    secret_bytes padded(payload);
    padded.append(bytes_view(&first_padding, 1));
    padded.resize((padded.size() + 15) / 16 * 16);
    return to_bytes(aes::cbc_encrypt(keys.cipher.reveal(), initial_value(keys, number, way), padded.reveal()).reveal());
}

result<secret_bytes> decrypt(const host_keys& keys, message_number number, direction way, bytes_view payload) {
    const auto refuse = [] {
        return fail(
            error_category::environment, "stsafe_decryption",
            "What came encrypted from the STSAFE-A does not decrypt: the cipher half of the host key is not this chip's.");
    };
    if (payload.empty() || payload.size() % 16 != 0) {
        return refuse();
    }
    secret_bytes out = aes::cbc_decrypt(keys.cipher.reveal(), initial_value(keys, number, way), payload);
    size_t size = out.size();
    while (size > 0 && out.reveal()[size - 1] == 0) {
        --size;
    }
    if (size == 0 || out.reveal()[size - 1] != first_padding || out.size() - size >= 16) {
        return refuse();
    }
    out.resize(size - 1);
    return out;
}

}  // namespace berth::keystore::stsafe
