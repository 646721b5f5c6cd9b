// The record layer of one connection: octets to contents and contents to octets, under the keys of the
// moment.
#pragma once

#include "authkem/config.h"
#include "authkem/record_protection.h"

namespace berth::authkem {

class record_layer {
public:
    explicit record_layer(const record_options& options) : options_(options) {}

    // ---- writing

    // Appends records that hold `content`, as many as it takes, to the output.
    void write(content_type type, bytes_view content);
    void write_alert(alert a);
    // From here on what is written is under this secret.
    void set_write_secret(cipher_suite suite, const secret_bytes& secret);
    [[nodiscard]] uint64_t records_under_write_key() const { return sealer_ ? sealer_->records() : 0; }
    [[nodiscard]] const bytes& output() const { return output_; }
    bytes take_output();

    // ---- reading

    // The content of the next record in (what is kept, `input`); nothing when more octets are needed. It
    // lives until the next call. Errors: those of record_reader and record_opener, `unprotected_record`,
    // `unexpected_record` (unexpected_message).
    result<std::optional<inner_plaintext>> read(bytes_view& input);

    // From here on records are read under this secret. The token: nothing of the record read last is left
    // over.
    void set_read_secret(cipher_suite suite, const secret_bytes& secret, record_boundary boundary);

    // change_cipher_spec records are dropped, or not.
    void allow_change_cipher_spec(bool allow) { change_cipher_spec_allowed_ = allow; }

    // Profile 6, refusal: "the server (if `early_auth` was sent) discards records that do not decrypt under c
    // hs, until one does, up to 16 640 octets in total (sum of their length fields; the one beyond is
    // `bad_record_mac`)".
    void discard_early_records();

    // A client that stops at our ServerHello may have no keys yet and say so in the clear; accepted until the
    // first record decrypts.
    void allow_unprotected_alert(bool allow) { unprotected_alert_allowed_ = allow; }

    // Whether the middle of a record is kept.
    [[nodiscard]] bool partial() const { return reader_.partial(); }

    // Gives back memory that only handshakes need.
    void shrink();

    [[nodiscard]] uint64_t octets_written() const { return written_; }
    [[nodiscard]] uint64_t octets_read() const { return read_; }

private:
    [[nodiscard]] size_t padding_for(size_t content) const;
    // Nothing: the record is one to be dropped.
    result<std::optional<inner_plaintext>> open(const record_view& record);

    const record_options& options_;
    std::optional<record_sealer> sealer_;
    std::optional<record_opener> opener_;
    record_reader reader_;
    bytes output_;
    bytes scratch_;  // the record opened last
    std::optional<size_t> discard_left_;
    bool change_cipher_spec_allowed_ = false;
    bool unprotected_alert_allowed_ = false;
    uint64_t written_ = 0;
    uint64_t read_ = 0;
};

}  // namespace berth::authkem
