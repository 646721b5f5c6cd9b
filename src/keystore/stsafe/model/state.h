// What a model of an STSAFE-A remembers without power, and where.
#pragma once

#include "base/random.h"
#include "keystore/stsafe/commands/symmetric_keys.h"
#include "keystore/stsafe/commands/zones.h"
#include "keystore/stsafe/fields.h"

#include <memory>
#include <string>

namespace berth::keystore::stsafe::model {

inline constexpr size_t key_slots = 5;  // 0 to 4
inline constexpr size_t envelope_slots = 2;
inline constexpr size_t public_key_slots = 4;     // [model]
inline constexpr size_t symmetric_key_slots = 8;  // [model]

// Which of the family: an A110 has no extended commands, and nothing that they are for.
enum class product : uint8_t { a110, a120 };

struct zone {
    uint8_t type = 0;  // as partition::type
    uint8_t access = 0;
    uint32_t counter = 0;
    wire::opaque<0, 4096> data;
    BERTH_FIELDS(type, access, counter, data)
};

struct key_slot {
    uint8_t present = 0;
    uint8_t curve = 0;
    uint16_t uses_left = 0;
    secret_lengthy scalar;
    BERTH_FIELDS(present, curve, uses_left, scalar)
};

struct envelope_slot {
    uint8_t present = 0;
    uint8_t size = 0;
    secret_lengthy key;
    BERTH_FIELDS(present, size, key)
};

// A key of somebody else.
struct public_key_slot {
    uint8_t present = 0;
    uint8_t flags = 0;  // public_key_use
    uint8_t curve = 0;
    lengthy point;
    BERTH_FIELDS(present, flags, curve, point)
};

struct symmetric_slot {
    uint8_t present = 0;
    uint8_t lock = 0;
    uint8_t type = 0;
    uint8_t mode = 0;
    uint8_t usage = 0;
    std::array<uint8_t, 2> parameters{};
    uint8_t provisioning = provisioning::all;
    uint8_t wrapped_by = any_public_key;
    uint8_t agreed_by = any_public_key;
    uint32_t counter = 0;  // of ccm: what the next encryption has in its nonce
    secret_lengthy key;
    BERTH_FIELDS(present, lock, type, mode, usage, parameters, provisioning, wrapped_by, agreed_by, counter, key)

    [[nodiscard]] key_kind kind() const;
    void take(key_lock how, const key_kind& kind, const secret_bytes& value);
    void forget();
};

struct authorization {
    uint8_t code = 0;
    uint8_t extension = 0;
    command_access access = command_access::free;
    uint8_t encryption = 0;
    BERTH_FIELDS(code, extension, access, encryption)
};

struct chip_state {
    uint8_t format = 4;
    product kind = product::a120;
    std::array<uint8_t, 8> uid{};
    life_cycle life = life_cycle::born;
    uint8_t address = 0x20;
    uint8_t change_rights = 3;  // of the table below: bit 0 encryption flags, bit 1 access conditions
    wire::list<authorization, 0, 1024> commands;
    wire::list<zone, 0, 65535> zones;
    wire::list<key_slot, 0, 4096> keys;
    wire::list<envelope_slot, 0, 1024> envelopes;
    wire::list<public_key_slot, 0, 4096> public_keys;
    wire::list<symmetric_slot, 0, 4096> symmetric_keys;
    uint8_t host_key_present = 0;
    uint8_t host_key_version = 1;  // 2: counter of four octets, AES-128 or AES-256
    uint32_t host_counter = 0;
    host_provisioning_content host_provisioning;
    secret_lengthy host_key;
    uint8_t password_present = 0;
    uint8_t password_tries = 0;
    uint8_t password_most_tries = 0;
    secret_lengthy password;
    BERTH_FIELDS(format, kind, uid, life, address, change_rights, commands, zones, keys, envelopes, public_keys, symmetric_keys,
                 host_key_present, host_key_version, host_counter, host_provisioning, host_key, password_present, password_tries,
                 password_most_tries, password)
};

// A chip as it leaves the factory of chips, by our own profile: zones 0 to 4 for data (1000, 700, 600, 600 and 1696 octets, open
// to all and changeable), counters of 500 000 in zones 5 and 6 (64 octets beside each), zone 7 (48 octets); no keys, no password;
// every command free, Delete for the password's holder.
// Of an A120 also public key slots, empty, of no use yet, changeable, and symmetric key slots, empty, open to every way in.
chip_state blank_chip(random_source& random, product kind = product::a120);

// Where the state lies while there is no power.
class state_store {
public:
    virtual ~state_store() = default;
    // Nothing: there is none yet.
    virtual result<std::optional<chip_state>> load() = 0;
    // On disk, or wherever, when it returns.
    virtual result<void> save(const chip_state& state) = 0;
};

// In this process's memory, for tests; `fail_next` makes the next save fail.
class memory_store final : public state_store {
public:
    result<std::optional<chip_state>> load() override { return saved_; }
    result<void> save(const chip_state& state) override;
    void fail_next() { failing_ = true; }
    [[nodiscard]] size_t saves() const { return saves_; }

private:
    std::optional<chip_state> saved_;
    bool failing_ = false;
    size_t saves_ = 0;
};

// A directory: `state`, AES-256-GCM under the 32 octets in `fuses`, which stand for what a chip has burnt in. Written whole or
// not at all. One process at a time. Errors `stsafe_state` (locked by another process, or not readable with these fuses) and
// those of files.
result<std::unique_ptr<state_store>> open_directory(const std::string& directory, random_source& random);

}  // namespace berth::keystore::stsafe::model
