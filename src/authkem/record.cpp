#include "authkem/record.h"

#include <algorithm>

namespace berth::authkem {

namespace {

// The length of the fragment that a header announces.
result<size_t> judge_header(bytes_view header) {
    const uint8_t type = header[0];
    // RFC 8446 5: "If a TLS implementation receives an unexpected record type, it MUST terminate the
    // connection with an "unexpected_message" alert." legacy_record_version "MUST be ignored for all
    // purposes".
    if (type < static_cast<uint8_t>(content_type::change_cipher_spec) ||
        type > static_cast<uint8_t>(content_type::application_data)) {
        return refuse(alert::unexpected_message, "unknown_record_type",
                      "the peer sent a record of type " + std::to_string(type) + "; does it speak TLS?");
    }
    const size_t length = size_t{header[3]} << 8 | header[4];
    // RFC 8446 5.1: "The length MUST NOT exceed 2^14 bytes. An endpoint that receives a record that exceeds
    // this length MUST terminate the connection with a "record_overflow" alert." 5.2: "The length MUST NOT
    // exceed 2^14 + 256 bytes."
    const size_t most = type == static_cast<uint8_t>(content_type::application_data) ? max_ciphertext : max_plaintext;
    if (length > most) {
        return refuse(alert::record_overflow, "record_too_long",
                      "the peer sent a record of " + std::to_string(length) + " octets");
    }
    return length;
}

record_view view_of(bytes_view record) {
    return {static_cast<content_type>(record[0]), record.first(record_header_size), record.subspan(record_header_size)};
}

}  // namespace

result<std::optional<record_view>> record_reader::next(bytes_view& input) {
    if (given_) {
        given_ = false;
        // An idle connection keeps no buffer.
        bytes().swap(kept_);
    }
    const auto take = [&](size_t wanted) {
        const size_t more = std::min(wanted - kept_.size(), input.size());
        append(kept_, input.first(more));
        input = input.subspan(more);
        return kept_.size() == wanted;
    };
    // The common case: the record lies whole in the input and is read where it is.
    if (kept_.empty()) {
        if (input.size() >= record_header_size) {
            BERTH_TRY(length, judge_header(input));
            const size_t whole = record_header_size + length;
            if (input.size() >= whole) {
                const record_view record = view_of(input.first(whole));
                input = input.subspan(whole);
                return record;
            }
        }
        if (input.empty()) {
            return std::nullopt;
        }
    }
    if (kept_.size() < record_header_size && !take(record_header_size)) {
        return std::nullopt;
    }
    BERTH_TRY(length, judge_header(kept_));
    // Not reserved beforehand: five octets must not cost us sixteen thousand.
    const size_t whole = record_header_size + length;
    if (!take(whole)) {
        return std::nullopt;
    }
    given_ = true;
    return view_of(kept_);
}

}  // namespace berth::authkem
