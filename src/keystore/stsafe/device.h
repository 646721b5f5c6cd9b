// One chip: its commands, each whole, in a session when it asks for one. Thread-safe: commands wait for each other.
#pragma once

#include "base/wipe.h"
#include "keystore/stsafe/commands/attributes.h"
#include "keystore/stsafe/commands/command.h"
#include "keystore/stsafe/link.h"
#include "keystore/stsafe/session.h"

#include <map>
#include <memory>
#include <mutex>

namespace berth::keystore::stsafe {

// How one command travels. `automatic`: as the chip's table of command authorisations says, once there is a host session, and
// in clear before that. `authenticated`: in the session whatever the table says, for zones that ask for it. Whether a payload is
// encrypted, the chip's table alone decides: no flag of a frame says it.
enum class protection : uint8_t { automatic, authenticated };

class device {
public:
    explicit device(std::unique_ptr<transport> bus, link_limits limits = {}) : bus_(std::move(bus)), limits_(limits) {}

    // Asks the chip for its counter and its table of authorisations, and has it prove, by an R-MAC over octets that nobody could
    // know, that it is at that counter now. Errors `stsafe_no_host_key`: the chip has none; `bad_host_key`: of another kind than
    // the chip's; `stsafe_wrong_host_key`: it is not the chip's own, or what was said in an earlier session is played back.
    result<void> open_host_session(host_keys keys);
    [[nodiscard]] bool has_host_session() const;

    // Does `c` and returns its answer. Errors of status.h and link.h; `stsafe_wrong_answer`: the R-MAC is wrong, or the payload
    // is no answer to this command. A lost answer is not the caller's matter when the command may be repeated, or when the
    // session's counter tells that the chip did not act; otherwise `stsafe_answer_lost` comes through, with the parameter
    // "executed" ("yes" or "unknown").
    template <command C>
    result<typename C::answer> run(const C& c, protection how = protection::automatic) {
        BERTH_TRY(payload, wire::encode(c));
        auto answer = transfer(C::about, payload, how);
        wipe(payload);  // it may have held a key or a password
        if (!answer) {
            return fail(std::move(answer).error());
        }
        auto decoded = wire::decode<typename C::answer>(answer->reveal());
        if (!decoded) {
            return fail(wrong_answer(C::about, decoded.error().message));
        }
        return decoded;
    }

    // The content of an attribute, decoded.
    template <wire::structure T>
    result<T> ask(attribute tag) {
        BERTH_TRY(answer, run(query{tag}));
        auto decoded = wire::decode<T>(answer.content.value);
        if (!decoded) {
            return fail(wrong_answer(query::about, decoded.error().message));
        }
        return decoded;
    }

private:
    struct session {
        host_keys keys;
        message_number number;
        std::map<std::pair<uint8_t, uint8_t>, command_record> table;
        bool number_proved = false;  // the last thing that came from the chip had a right R-MAC
    };
    struct host_key_slot {
        size_t key_size = 0;
        message_number number;
    };
    struct manner {
        bool authenticated = false;
        bool encrypt_command = false;
        bool encrypt_answer = false;
    };

    result<secret_bytes> transfer(const command_info& what, bytes_view payload, protection how);
    result<secret_bytes> in_clear(const command_info& what, bytes_view payload);
    result<secret_bytes> in_session(const command_info& what, bytes_view payload, manner how);
    result<secret_bytes> one_turn(const command_info& what, bytes_view payload, manner how);
    [[nodiscard]] manner manner_of(const command_info& what, protection how) const;
    result<host_key_slot> ask_host_key_slot();
    result<message_number> chip_counter();
    result<void> prove_number();
    result<uint32_t> learn_number();
    result<void> begin_session();
    result<void> load_table();
    result<void> take_table(bytes_view content);
    static error wrong_answer(const command_info& what, const std::string& why);

    mutable std::mutex mutex_;
    std::unique_ptr<transport> bus_;
    link_limits limits_;
    std::optional<session> session_;
};

// The chip named: "/dev/i2c-N", or the path of stsafe-sim's socket.
result<std::shared_ptr<device>> open_device(const std::string& path, uint8_t address = bus::default_address,
                                            link_limits limits = {});

}  // namespace berth::keystore::stsafe
