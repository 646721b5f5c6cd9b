// What a production line has done, line by line: production.jsonl, which accounts for every unit (docs/personalisation.md).
//
// Each line is a JSON object with "number" (from 1, without gaps), "at", "event", what the event is about, and last "previous":
// the SHA-256 of the line before, without its end, in hexadecimal (64 zeros in the first). A line "signature" signs all before
// it: "berth production log 1", an octet 0, its number in 8 octets, and the hash of the line before.
#pragma once

#include "base/clock.h"
#include "base/descriptor.h"
#include "base/random.h"
#include "base/secret.h"
#include "keystore/key.h"
#include "wire/json.h"

#include <filesystem>
#include <functional>
#include <mutex>
#include <optional>

namespace berth::app {

using log_line = wire::json::object;

// Lines one after the other, as they must follow each other.
class production_verifier {
public:
    explicit production_verifier(crypto::verification_key key) : key_(std::move(key)) {}

    // `text`: without its end. Errors `log_altered`: it is no such line, or does not follow the one before; `bad_signature`.
    // Param "line". After an error nothing is as before.
    result<log_line> next(std::string_view text);

    [[nodiscard]] uint64_t lines() const { return number_; }
    // How many of the last lines no signature covers.
    [[nodiscard]] uint64_t unsigned_lines() const { return number_ - signed_; }
    [[nodiscard]] const std::array<uint8_t, 32>& hash() const { return hash_; }

private:
    result<void> check_signature(const log_line& line) const;
    crypto::verification_key key_;
    uint64_t number_ = 0, signed_ = 0;
    std::array<uint8_t, 32> hash_{};
};

// Reads a whole log, calling `each` with every line. Half a line at the end, of a process that was killed, is left out, and told
// of. Errors of files, of the verifier and of `each`.
struct log_end {
    uint64_t octets = 0;  // of the whole lines
    bool half_a_line = false;
};
result<log_end> walk_production_log(const std::filesystem::path& file, production_verifier& verifier,
                                    const std::function<result<void>(const log_line&)>& each);

// A log that is being written. Several threads may.
class production_log {
public:
    // Appends to the file, or makes it; what is there must be whole and signed by `key`. Half a line is cut off. `not_signed` is
    // called with each line behind the last signature, when all were read: anybody may have written them, and the next signature
    // would cover them. Its error leaves the file as it is. Errors `in_use`: another process writes it; those of
    // walk_production_log and of `not_signed`.
    static result<std::unique_ptr<production_log>> open(const std::filesystem::path& file, keystore::signing_key_ptr key,
                                                        const clock& time,
                                                        const std::function<result<void>(const log_line&)>& each,
                                                        const std::function<result<void>(const log_line&)>& not_signed);
    production_log(const production_log&) = delete;
    production_log& operator=(const production_log&) = delete;

    // On disk when it returns. From time to time a signature follows. Error `file_error`: the line is not there.
    result<void> append(std::string_view event, log_line about);
    // Signs what is not signed yet.
    result<void> sign();

private:
    production_log(descriptor fd, std::filesystem::path file, keystore::signing_key_ptr key, const clock& time)
        : fd_(std::move(fd)), file_(std::move(file)), key_(std::move(key)), time_(time), told_(key_->public_key()) {}
    result<void> write(std::string_view event, log_line about);
    result<void> sign_locked();

    std::mutex mutex_;
    descriptor fd_;
    std::filesystem::path file_;
    keystore::signing_key_ptr key_;
    const clock& time_;
    production_verifier told_;
    uint64_t octets_ = 0;
};

// The key of a directory's production logs: where production.uri says, else production.key; made (ML-DSA-65) when there is
// neither, with production.pub beside it. Errors of files and keys.
result<keystore::signing_key_ptr> production_key(const std::filesystem::path& directory,
                                                 const std::optional<secret_bytes>& passphrase, random_source& random);
// A PEM public key. Errors of files; `bad_public_key`.
result<crypto::verification_key> read_verification_key(const std::filesystem::path& file);

}  // namespace berth::app
