// GCM and CCM* as the chip does them: in pieces, also of CCM*, whose lengths are told at the beginning (RFC 3610; CCM* has also
// tags of no octets).
#pragma once

#include "base/secret.h"

#include <memory>
#include <optional>

namespace berth::keystore::stsafe::model {

class aead_stream {
public:
    enum class use : uint8_t { seal, open };
    struct lengths {
        size_t associated = 0;
        size_t message = 0;
        size_t tag = 0;
    };

    // Nothing: no nonce of that length (1 to 128 octets), or tag.
    static std::optional<aead_stream> gcm(use what, bytes_view key, bytes_view nonce, size_t tag_size);
    // Nothing: no nonce of that length (7 to 13 octets), no such tag (0, 4, 6, ... 16), or a message that is too long for it.
    static std::optional<aead_stream> ccm(use what, bytes_view key, bytes_view nonce, const lengths& all);
    aead_stream(aead_stream&&) noexcept;
    aead_stream& operator=(aead_stream&&) noexcept;
    ~aead_stream();

    // Nothing: associated data after a message, or more than was told.
    std::optional<secret_bytes> take(bytes_view associated, bytes_view message);
    // After everything. Nothing: less than was told.
    std::optional<bytes> tag();
    // Nothing: less than was told, or a tag of another length.
    std::optional<bool> matches(bytes_view tag);
    [[nodiscard]] use what() const;

    struct state;

private:
    explicit aead_stream(std::unique_ptr<state> s);
    std::unique_ptr<state> state_;
};

}  // namespace berth::keystore::stsafe::model
