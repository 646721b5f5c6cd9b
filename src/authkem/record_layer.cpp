#include "authkem/record_layer.h"

#include <algorithm>

namespace berth::authkem {

namespace {

constexpr size_t most_discarded = 16640;

tl::unexpected<error> unexpected_record(std::string message) {
    return refuse(alert::unexpected_message, "unexpected_record", std::move(message));
}

}  // namespace

size_t record_layer::padding_for(size_t content) const {
    return (options_.padding_block - (content + 1) % options_.padding_block) % options_.padding_block;
}

void record_layer::write(content_type type, bytes_view content) {
    const size_t before = output_.size();
    do {
        const bytes_view part = content.first(std::min(content.size(), options_.max_content));
        content = content.subspan(part.size());
        if (sealer_) {
            sealer_->seal(output_, type, part, padding_for(part.size()));
        } else {
            // Profile 8: "record version 0x0303 throughout".
            const std::array<uint8_t, record_header_size> header{static_cast<uint8_t>(type), legacy_version >> 8,
                                                                 legacy_version & 0xff, static_cast<uint8_t>(part.size() >> 8),
                                                                 static_cast<uint8_t>(part.size() & 0xff)};
            append(output_, header);
            append(output_, part);
        }
    } while (!content.empty());
    written_ += output_.size() - before;
}

void record_layer::write_alert(alert a) {
    write(content_type::alert, encode_alert(a));
}

void record_layer::set_write_secret(cipher_suite suite, const secret_bytes& secret) {
    sealer_.emplace(suite, secret);
}

bytes record_layer::take_output() {
    bytes out;
    out.swap(output_);
    return out;
}

void record_layer::set_read_secret(cipher_suite suite, const secret_bytes& secret, record_boundary) {
    opener_.emplace(suite, secret);
}

void record_layer::discard_early_records() {
    discard_left_ = most_discarded;
}

void record_layer::shrink() {
    bytes().swap(scratch_);
}

result<std::optional<inner_plaintext>> record_layer::read(bytes_view& input) {
    while (true) {
        const size_t before = input.size();
        auto record = reader_.next(input);
        read_ += before - input.size();
        if (!record) {
            return fail(std::move(record).error());
        }
        if (!*record) {
            return std::nullopt;
        }
        BERTH_TRY(content, open(**record));
        if (content) {
            return content;
        }
    }
}

result<std::optional<inner_plaintext>> record_layer::open(const record_view& record) {
    if (record.type == content_type::change_cipher_spec) {
        // Profile 2: "no change_cipher_spec records are sent, and one that arrives is ignored only where RFC
        // 8446 section 5 allows (else `unexpected_message`)": a single 0x01, after the first ClientHello,
        // before the peer's Finished.
        if (change_cipher_spec_allowed_ && record.fragment.size() == 1 && record.fragment[0] == 1) {
            return std::nullopt;
        }
        return unexpected_record("the peer sent change_cipher_spec where it has no place");
    }
    if (!opener_) {
        if (record.type == content_type::application_data) {
            return unexpected_record("the peer sent a protected record before any key was agreed");
        }
        return inner_plaintext{record.type, record.fragment};
    }
    if (record.type != content_type::application_data) {
        if (record.type == content_type::alert && unprotected_alert_allowed_) {
            return inner_plaintext{record.type, record.fragment};
        }
        return refuse(alert::unexpected_message, "unprotected_record",
                      "the peer sent an unprotected record after keys were agreed");
    }
    auto content = opener_->open(record, scratch_);
    if (!content) {
        if (discard_left_ && content.error().is("record_not_authentic") && record.fragment.size() <= *discard_left_) {
            *discard_left_ -= record.fragment.size();
            return std::nullopt;
        }
        return fail(std::move(content).error());
    }
    discard_left_.reset();
    unprotected_alert_allowed_ = false;
    switch (content->type) {
    case content_type::handshake:
    case content_type::application_data:
    case content_type::alert: return *content;
    case content_type::change_cipher_spec: break;
    }
    return unexpected_record("a protected record holds content of type " + std::to_string(static_cast<unsigned>(content->type)));
}

}  // namespace berth::authkem
