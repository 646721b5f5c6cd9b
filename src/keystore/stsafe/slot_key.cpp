#include "keystore/stsafe/slot_key.h"

#include "keystore/stsafe/status.h"

#include <fmt/format.h>

namespace berth::keystore::stsafe {

namespace {

constexpr size_t counter_size = 4;
// A frame of 507 octets holds them, encrypted and with a MAC.
constexpr size_t piece_size = 384;
constexpr size_t most_at_once = 416;

result<void> fits(size_t octets, size_t most, const char* what) {
    if (octets > most) {
        return fail(error_category::usage, "too_large_for_element",
                    fmt::format("{} octets are more than an STSAFE-A takes {} ({}).", octets, what, most));
    }
    return {};
}

error wrong_length(std::string_view command) {
    return error{error_category::environment, "stsafe_wrong_answer",
                 fmt::format("The STSAFE-A's answer to {} has not the length that belongs to its key and message.", command)};
}

tl::unexpected<error> not_authentic() {
    return fail(error_category::peer, "stsafe_not_authentic",
                "The STSAFE-A says that this was changed, or made by another key than the slot's (or for another nonce or other "
                "associated data).");
}

result<secret_bytes> judged(opened_answer answer, size_t size) {
    if (answer.valid != 1) {
        return not_authentic();
    }
    if (answer.message.value.size() != size) {
        return fail(wrong_length("Decrypt"));
    }
    return std::move(answer.message.value);
}

// What follows the tag of CCM*: whether there is a counter, and the counter.
result<std::optional<uint32_t>> told_counter(bytes_view rest, std::string_view command) {
    wire::reader r(rest);
    std::optional<uint32_t> out;
    if (r.integer(1) != 0) {
        out = static_cast<uint32_t>(r.integer(counter_size));
    }
    if (!r.ok() || r.left() != 0) {
        return fail(wrong_length(command));
    }
    return out;
}

bytes with_counter(bytes_view nonce, const key_kind& kind, const std::optional<uint32_t>& counter) {
    bytes out = to_bytes(nonce);
    if (counter && kind.counter_offset() + counter_size <= out.size()) {
        bytes octets;
        wire::writer(octets).integer(*counter, counter_size);
        std::copy(octets.begin(), octets.end(), out.begin() + static_cast<std::ptrdiff_t>(kind.counter_offset()));
    }
    return out;
}

result<std::array<uint8_t, ccm_nonce_size>> ccm_nonce(bytes_view nonce) {
    if (nonce.size() != ccm_nonce_size) {
        return fail(
            error_category::usage, "bad_nonce",
            fmt::format("The STSAFE-A120's CCM* takes nonces of {} octets, and not of {}.", ccm_nonce_size, nonce.size()));
    }
    return to_array<ccm_nonce_size>(nonce);
}

}  // namespace

result<slot_key> slot_key::find(device& chip, uint8_t slot) {
    BERTH_TRY(answer, chip.run(query{attribute::symmetric_keys}));
    BERTH_TRY(table, parse_symmetric_keys(answer.content.value));
    if (slot >= table.size()) {
        return fail(to_error(status::out_of_range, "a key of that slot"));
    }
    if (!table[slot].present) {
        return fail(to_error(status::key_not_found, "a key of that slot"));
    }
    return slot_key(chip, slot, table[slot].kind);
}

result<void> slot_key::require(symmetric_mode a, symmetric_mode b) const {
    if (kind_.mode != a && kind_.mode != b) {
        return fail(to_error(status::mode, "this use of the slot's key"));
    }
    return {};
}

result<bytes> slot_key::encrypt_blocks(const secret_bytes& blocks) {
    BERTH_CHECK(require(symmetric_mode::ecb, symmetric_mode::ecb));
    BERTH_CHECK(fits(blocks.size(), most_at_once, "at once"));
    BERTH_TRY(answer, chip_->run(encrypt_ecb{by_slot, slot_, {blocks}}));
    if (answer.octets.value.size() != blocks.size()) {
        return fail(wrong_length("Encrypt"));
    }
    return std::move(answer.octets.value);
}

result<secret_bytes> slot_key::decrypt_blocks(bytes_view blocks) {
    BERTH_CHECK(require(symmetric_mode::ecb, symmetric_mode::ecb));
    BERTH_CHECK(fits(blocks.size(), most_at_once, "at once"));
    BERTH_TRY(answer, chip_->run(decrypt_ecb{by_slot, slot_, {to_bytes(blocks)}}));
    if (answer.message.value.size() != blocks.size()) {
        return fail(wrong_length("Decrypt"));
    }
    return std::move(answer.message.value);
}

result<slot_key::sealed> slot_key::split(bytes_view nonce, bytes_view answer, size_t message) const {
    const size_t tag = kind_.parameters[0];
    if (answer.size() < message + tag) {
        return fail(wrong_length("Encrypt"));
    }
    sealed out{to_bytes(nonce), to_bytes(answer.first(message)), to_bytes(answer.subspan(message, tag)), std::nullopt};
    const bytes_view rest = answer.subspan(message + tag);
    if (kind_.mode == symmetric_mode::ccm) {
        BERTH_TRY(counter, told_counter(rest, "Encrypt"));
        out.counter = counter;
        out.nonce = with_counter(nonce, kind_, counter);
    } else if (!rest.empty()) {
        return fail(wrong_length("Encrypt"));
    }
    return out;
}

result<slot_key::sealed> slot_key::seal(bytes_view nonce, bytes_view associated, const secret_bytes& message) {
    BERTH_CHECK(require(symmetric_mode::ccm, symmetric_mode::gcm));
    BERTH_CHECK(fits(nonce.size() + associated.size() + message.size(), most_at_once, "at once; seal it in pieces"));
    if (kind_.mode == symmetric_mode::ccm) {
        BERTH_TRY(fixed, ccm_nonce(nonce));
        BERTH_TRY(answer, chip_->run(encrypt_ccm{by_slot, slot_, fixed, lengthy(associated), {message}}));
        return split(nonce, answer.octets.value, message.size());
    }
    BERTH_TRY(answer, chip_->run(encrypt_gcm{by_slot, slot_, lengthy(nonce), lengthy(associated), {message}}));
    return split(nonce, answer.octets.value, message.size());
}

result<secret_bytes> slot_key::open(const sealed& what, bytes_view associated) {
    BERTH_CHECK(require(symmetric_mode::ccm, symmetric_mode::gcm));
    BERTH_CHECK(fits(what.nonce.size() + associated.size() + what.octets.size(), most_at_once, "at once; open it in pieces"));
    if (what.tag.size() != kind_.parameters[0]) {
        return not_authentic();
    }
    if (kind_.mode == symmetric_mode::ccm) {
        BERTH_TRY(nonce, ccm_nonce(what.nonce));
        BERTH_TRY(answer,
                  chip_->run(decrypt_ccm{by_slot, slot_, nonce, lengthy(associated), lengthy(concat({what.octets, what.tag}))}));
        return judged(std::move(answer), what.octets.size());
    }
    BERTH_TRY(
        answer,
        chip_->run(decrypt_gcm{
            by_slot, slot_, lengthy(bytes_view(what.nonce)), lengthy(associated), lengthy(bytes_view(what.octets)), {what.tag}}));
    return judged(std::move(answer), what.octets.size());
}

// Everything after the beginning, which holds nothing but the nonce.
result<void> slot_key::feed(bytes_view associated, bytes_view message, bool sealing, secret_bytes& out) {
    while (!associated.empty() || !message.empty()) {
        const bytes_view of = associated.empty() ? message : associated;
        const bytes_view piece = of.first(std::min(piece_size, of.size()));
        const lengthy first(associated.empty() ? bytes_view() : piece);
        const bytes_view second = associated.empty() ? piece : bytes_view();
        const size_t before = out.size();
        if (sealing) {
            BERTH_TRY(answer, chip_->run(process_encrypt{first, {secret_bytes(second)}}));
            out.append(answer.octets.value);
        } else {
            BERTH_TRY(answer, chip_->run(process_decrypt{first, lengthy(second)}));
            out.append(answer.message.value.reveal());
        }
        if (out.size() != before + second.size()) {
            return fail(wrong_length(sealing ? "ProcessEncrypt" : "ProcessDecrypt"));
        }
        (associated.empty() ? message : associated) = of.subspan(piece.size());
    }
    return {};
}

result<slot_key::sealed> slot_key::seal_in_pieces(bytes_view nonce, bytes_view associated, const secret_bytes& message) {
    BERTH_CHECK(require(symmetric_mode::ccm, symmetric_mode::gcm));
    std::optional<uint32_t> counter;
    if (kind_.mode == symmetric_mode::ccm) {
        BERTH_CHECK(fits(associated.size(), UINT16_MAX, "as associated data of CCM*"));
        BERTH_CHECK(fits(message.size(), UINT32_MAX, "as a message of CCM*"));
        BERTH_TRY(
            begun,
            chip_->run(start_encrypt_ccm{
                slot_, lengthy(nonce), static_cast<uint16_t>(associated.size()), static_cast<uint32_t>(message.size()), {}, {}}));
        BERTH_TRY(told, told_counter(begun.octets.value, "StartEncrypt"));
        counter = told;
    } else {
        BERTH_CHECK(chip_->run(start_encrypt_gcm{slot_, lengthy(nonce), {}, {}}));
    }
    secret_bytes octets;
    BERTH_CHECK(feed(associated, message.reveal(), true, octets));
    BERTH_TRY(last, chip_->run(finish_encrypt{}));
    if (last.octets.value.size() != kind_.parameters[0]) {
        return fail(wrong_length("FinishEncrypt"));
    }
    return sealed{with_counter(nonce, kind_, counter), to_bytes(octets.reveal()), std::move(last.octets.value), counter};
}

result<secret_bytes> slot_key::open_in_pieces(const sealed& what, bytes_view associated) {
    BERTH_CHECK(require(symmetric_mode::ccm, symmetric_mode::gcm));
    if (what.tag.size() != kind_.parameters[0]) {
        return not_authentic();
    }
    if (kind_.mode == symmetric_mode::ccm) {
        BERTH_CHECK(fits(associated.size(), UINT16_MAX, "as associated data of CCM*"));
        BERTH_CHECK(fits(what.octets.size(), UINT32_MAX, "as a message of CCM*"));
        BERTH_CHECK(chip_->run(start_decrypt_ccm{slot_,
                                                 lengthy(bytes_view(what.nonce)),
                                                 static_cast<uint16_t>(associated.size()),
                                                 static_cast<uint32_t>(what.octets.size()),
                                                 {},
                                                 {}}));
    } else {
        BERTH_CHECK(chip_->run(start_decrypt_gcm{slot_, lengthy(bytes_view(what.nonce)), {}, {}}));
    }
    secret_bytes out;
    BERTH_CHECK(feed(associated, what.octets, false, out));
    BERTH_TRY(last, chip_->run(finish_decrypt{{}, {}, {what.tag}}));
    BERTH_CHECK(judged(std::move(last), 0));
    return out;
}

result<bytes> slot_key::mac(bytes_view message, uint8_t length) {
    BERTH_CHECK(require(symmetric_mode::cmac, symmetric_mode::hmac));
    BERTH_CHECK(fits(message.size(), most_at_once, "at once"));
    BERTH_TRY(answer, chip_->run(generate_mac{mac_by_slot, slot_, length, {to_bytes(message)}}));
    if (answer.octets.value.size() != length) {
        return fail(wrong_length("GenerateMac"));
    }
    return std::move(answer.octets.value);
}

result<void> slot_key::verify_mac(bytes_view message, bytes_view mac) {
    BERTH_CHECK(require(symmetric_mode::cmac, symmetric_mode::hmac));
    BERTH_CHECK(fits(message.size(), most_at_once, "at once"));
    BERTH_TRY(answer, chip_->run(stsafe::verify_mac{by_slot, slot_, wire::opaque<0, 255>(mac), {to_bytes(message)}}));
    return answer.valid == 1 ? result<void>() : not_authentic();
}

}  // namespace berth::keystore::stsafe
