#include "keystore/stsafe/model/state.h"

#include "base/wipe.h"
#include "crypto/aead.h"
#include "keystore/stsafe/commands/ciphers.h"
#include "keystore/stsafe/commands/public_keys.h"
#include "keystore/stsafe/model/handlers.h"
#include "pki/private_key_file.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace berth::keystore::stsafe::model {

namespace {

constexpr size_t fuses_size = 32;
constexpr size_t most_state = 1 << 20;
constexpr std::string_view associated = "berth stsafe-sim state 1";

// Read always, update always, both changeable: what a factory then closes.
constexpr uint8_t open_access = 0x88;

zone data_zone(size_t size) {
    return {.type = 0, .access = open_access, .counter = 0, .data = bytes(size)};
}

zone counter_zone(uint32_t counter, size_t size) {
    return {.type = 1, .access = open_access, .counter = counter, .data = bytes(size)};
}

error state_error(const std::string& directory, const std::string& why) {
    return error{error_category::environment, "stsafe_state", fmt::format("The chip's state in {}: {}.", directory, why)}.with(
        "directory", directory);
}

// [model] An A110 has no symmetric key slots, and so nothing that works with one.
bool is_of_a120(const command_info& about) {
    const auto codes = {encrypt_ecb::about.code, decrypt_ecb::about.code, generate_mac::about.code, verify_mac::about.code};
    return about.extension || std::find(codes.begin(), codes.end(), about.code) != codes.end();
}

class directory_store final : public state_store {
public:
    directory_store(std::string directory, secret_bytes fuses, int lock, random_source& random)
        : directory_(std::move(directory)), fuses_(std::move(fuses)), lock_(lock), random_(random) {}
    ~directory_store() override { ::close(lock_); }
    directory_store(const directory_store&) = delete;
    directory_store& operator=(const directory_store&) = delete;

    result<std::optional<chip_state>> load() override {
        const auto sealed = pki::read_file(path(), most_state);
        if (!sealed) {
            if (sealed.error().is("file_not_found")) {
                return std::nullopt;
            }
            return fail(sealed.error());
        }
        const bytes_view all(*sealed);
        if (all.size() < crypto::aead_nonce_size) {
            return fail(state_error(directory_, "it is cut short"));
        }
        crypto::aead_key key(crypto::aead_algorithm::aes256gcm, fuses_.reveal(), crypto::aead_key::use::open);
        auto plain = key.open(all.first<crypto::aead_nonce_size>(), as_bytes(associated), all.subspan(crypto::aead_nonce_size));
        if (!plain) {
            return fail(state_error(directory_, "it was changed, or belongs to other fuses"));
        }
        auto state = wire::decode<chip_state>(*plain);
        wipe(*plain);
        if (!state || state->format != chip_state{}.format) {
            return fail(state_error(directory_, "another version of stsafe-sim wrote it"));
        }
        return std::optional(std::move(*state));
    }

    result<void> save(const chip_state& state) override {
        BERTH_TRY(plain, wire::encode(state));
        const auto nonce = random_.octets<crypto::aead_nonce_size>();
        crypto::aead_key key(crypto::aead_algorithm::aes256gcm, fuses_.reveal(), crypto::aead_key::use::seal);
        const bytes sealed = key.seal(nonce, as_bytes(associated), plain);
        wipe(plain);
        return pki::write_file_atomically(path(), concat({nonce, sealed}), 0600);
    }

private:
    [[nodiscard]] std::string path() const { return directory_ + "/state"; }

    std::string directory_;
    secret_bytes fuses_;
    int lock_;
    random_source& random_;
};

}  // namespace

chip_state blank_chip(random_source& random, product kind) {
    chip_state out;
    out.kind = kind;
    out.uid = random.octets<8>();
    for (const size_t size : std::initializer_list<size_t>{1000, 700, 600, 600, 1696}) {
        out.zones.items.push_back(data_zone(size));
    }
    out.zones.items.push_back(counter_zone(500'000, 64));
    out.zones.items.push_back(counter_zone(500'000, 64));
    out.zones.items.push_back(data_zone(48));
    out.keys.items.resize(key_slots);
    out.envelopes.items.resize(envelope_slots);
    if (kind == product::a120) {
        out.public_keys.items.resize(public_key_slots,
                                     {.present = 0, .flags = public_key_use::change_right, .curve = 0, .point = {}});
        out.symmetric_keys.items.resize(symmetric_key_slots);
    }
    for (const command_info& about : all_commands()) {
        if (is_of_a120(about) && kind == product::a110) {
            continue;
        }
        const auto code = about.code;
        const bool known = std::any_of(out.commands.items.begin(), out.commands.items.end(), [&](const authorization& a) {
            return a.code == code && a.extension == about.extension.value_or(0);
        });
        if (!known) {
            const bool guarded = about.name == "Delete";
            out.commands.items.push_back(
                {code, about.extension.value_or(0), guarded ? command_access::admin_or_password : command_access::free, 0});
        }
    }
    return out;
}

result<void> memory_store::save(const chip_state& state) {
    if (std::exchange(failing_, false)) {
        return fail(error_category::environment, "file_error", "The memory of this chip fails as it was told to.");
    }
    saved_ = state;
    ++saves_;
    return {};
}

result<std::unique_ptr<state_store>> open_directory(const std::string& directory, random_source& random) {
    if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) {
        return fail(state_error(directory, std::strerror(errno)));
    }
    const int lock = ::open((directory + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0 || ::flock(lock, LOCK_EX | LOCK_NB) != 0) {
        const std::string why = errno == EWOULDBLOCK ? "another process runs this chip" : std::strerror(errno);
        if (lock >= 0) {
            ::close(lock);
        }
        return fail(state_error(directory, why));
    }
    const std::string path = directory + "/fuses";
    auto fuses = pki::read_secret_file(path, fuses_size);
    if (!fuses && fuses.error().is("file_not_found")) {
        secret_bytes fresh(fuses_size);
        random.fill(fresh.writable());
        if (auto written = pki::write_file_atomically(path, fresh.reveal(), 0600); !written) {
            fuses = fail(std::move(written).error());
        } else {
            fuses = std::move(fresh);
        }
    }
    if (!fuses || fuses->size() != fuses_size) {
        ::close(lock);
        return fail(fuses ? state_error(directory, "its fuses are not 32 octets") : std::move(fuses).error());
    }
    return std::make_unique<directory_store>(directory, std::move(*fuses), lock, random);
}

}  // namespace berth::keystore::stsafe::model
