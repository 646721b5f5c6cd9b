// The certificates and keys of one credential that the agent renews, on disk:
//
//   BUNDLE/credentials/NAME/N/key.pem or key.uri     one generation: its key, or the key's name in a chip
//   BUNDLE/credentials/NAME/N/certificate.pem        and its certificate, then the issuers; absent: it is being asked for
//   BUNDLE/credentials/NAME/N/state.json             when it is renewed, whether a peer has accepted it, what its hooks did
//   BUNDLE/credentials/NAME/current -> N             what programs use: switched in one step
//
// Each step is whole on disk before the next begins, and mend() finishes what was interrupted: the key is there before a
// request is sent for it, and a former generation goes only after a newer one was accepted.
#pragma once

#include "base/random.h"
#include "credentials/keeping_config.h"
#include "device/bundle.h"
#include "keystore/key_uri.h"

namespace berth::app {

using key_handle = std::variant<keystore::signing_key_ptr, keystore::kem_key_ptr>;
bytes_view spki_of(const key_handle& key);

struct generation_state {
    unix_seconds renew_at = 0;  // drawn once, when it was issued
    bool accepted = false;      // by a peer
    uint32_t tries = 0;         // connections in which it was refused, or that are not over, while no peer had accepted it
    std::string hooks = {};     // empty: they have not run for it yet; "done", or what went wrong
};
struct generation {
    uint32_t number = 0;
    std::vector<pki::certificate> chain;  // empty: asked for
    std::string key;                      // its URI
    generation_state state;
};
struct kept_credential {
    std::string name;
    std::vector<generation> certified;  // newest first
    std::optional<generation> awaited;  // whose certificate is asked for
    uint32_t current = 0;               // 0: none

    [[nodiscard]] std::vector<est::held_credential> held() const;  // of `certified`
    [[nodiscard]] const generation* numbered(uint32_t number) const;
};

class credential_files {
public:
    // `bundle` outlives it.
    credential_files(const device_bundle& bundle, std::string name);
    [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }
    [[nodiscard]] std::filesystem::path path_of(uint32_t number) const { return directory_ / std::to_string(number); }

    // As it is, changing nothing. What is damaged is logged and left out. Errors of files.
    [[nodiscard]] result<kept_credential> look() const;
    // Finishes what was interrupted, has `current` lead to the newest generation that was accepted (to the newest one that is
    // good, where none such is), and deletes what nobody needs any more.
    result<kept_credential> mend(unix_seconds now) const;

    // The key to ask a certificate for: the one that is waiting, or a new one, on disk when this returns. Errors of keys;
    // `key_exists`: the place in the chip holds a key of something else; `no_place`: both hold keys that are needed.
    struct awaited_key {
        uint32_t number = 0;
        key_handle key;
    };
    result<awaited_key> await_key(const kept_wish& wish, unix_seconds now, random_source& random) const;
    result<key_handle> open(const generation& g) const;
    // The certificate for the waiting key. Error `not_awaited`: none waits under this number.
    result<void> certified(uint32_t number, const std::vector<pki::certificate>& chain, unix_seconds renew_at) const;
    // Before the connection; not_tried(), where it told nothing of the certificate.
    result<void> tried(uint32_t number) const;
    result<void> not_tried(uint32_t number) const;
    result<void> accepted(uint32_t number) const;
    result<void> hooked(uint32_t number, const std::string& outcome) const;

private:
    [[nodiscard]] result<generation> read(uint32_t number) const;
    [[nodiscard]] result<kept_credential> read_all() const;
    template <class Change>
    result<void> change(uint32_t number, Change how) const;
    result<void> write_state(uint32_t number, const generation_state& s) const;
    result<void> point_to(uint32_t number) const;
    result<void> discard(uint32_t number, const kept_credential& all) const;
    result<void> clear(const std::filesystem::path& gone, const kept_credential& all) const;
    result<std::string> free_place(const kept_wish& wish, const kept_credential& all, unix_seconds now) const;
    result<key_handle> make_in_chip(const kept_wish& wish, const std::string& place, const kept_credential& all,
                                    uint32_t number) const;
    [[nodiscard]] keystore::open_options how() const;

    const device_bundle& bundle_;
    std::string name_;
    std::filesystem::path directory_;
};

// Held by whoever renews, so that nobody else does at the same time. Error `agent_running`.
class keeping_lock {
public:
    static result<keeping_lock> take(const std::filesystem::path& bundle);
    keeping_lock(keeping_lock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    keeping_lock& operator=(keeping_lock&&) = delete;
    ~keeping_lock();

private:
    explicit keeping_lock(int fd) : fd_(fd) {}
    int fd_ = -1;
};

}  // namespace berth::app
