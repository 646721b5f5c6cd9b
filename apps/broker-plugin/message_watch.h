// Messages to devices are given to those who are connected and have subscribed to them, in order, from the registry's file, which
// is read here when it has changed. What was given stands there until the device has acknowledged it: who sees acknowledgements
// go by tells of them (apps/broker-tap). Knows nothing of Mosquitto.
//
// A broker keeps what it has sent to a session that outlives its connection, and sends it again itself when the device comes
// back. So what is seen going out then is taken for given, and only what is not is given again: a message comes twice only where
// nobody can know that it was sent before.
#pragma once

#include "hub/messages/bag.h"
#include "store/sqlite/message_store.h"

#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <unordered_map>

namespace berth::app {

class message_watch {
public:
    using handle = const void*;  // of a session, the broker's
    using line = const void*;    // of a connection, as acknowledgements are told of it

    // Fewer than a broker sends without waiting (Mosquitto: 20), so that it keeps none back.
    static constexpr size_t most_given = 16;
    static constexpr size_t most_at_once = 256;
    // What is not acknowledged by then keeps nothing back any longer: those after it would expire ungiven.
    static constexpr unix_seconds patience = registry::message_lock;
    // So often those are looked at for whom something waits, also when nothing changes.
    static constexpr unix_seconds turn = 10;

    // `acknowledged`: somebody tells what goes by. Else a message is completed as soon as it is given to somebody who is there.
    static result<std::unique_ptr<message_watch>> open(const std::filesystem::path& hub_db, bool acknowledged);

    // Comes in. `lasting`: its session outlives connections, and what it has subscribed to before still holds.
    void came(handle session, const std::string& device, bool lasting);
    void listens(handle session);
    // Has unsubscribed.
    void listens_no_more(handle session);
    void left(handle session);

    // ---- what goes by on a connection
    void sent(line at, uint16_t number, std::string_view topic);
    void acknowledged(line at, uint16_t number, bool refused);
    void closed(line at);

    struct gift {
        handle session = nullptr;
        std::string device, topic;
        bytes payload;
    };
    // What is to be given now, in order. Cheap when nothing has changed. `open`: whether the session's policy lets messages
    // through. An error is logged, and what was not read is with the next call.
    using opens = std::function<bool(handle session, std::string_view topic)>;
    std::vector<gift> look(const opens& open, unix_seconds now);

    // For the store, in order.
    struct note {
        enum class kind : uint8_t { given, completed, refused, back, listens, listens_no_more } what;
        std::string device;
        uint64_t number = 0;
    };
    std::vector<note> take_notes() { return std::exchange(notes_, {}); }

private:
    explicit message_watch(std::unique_ptr<store::sqlite_hub_store> store, bool acknowledged)
        : store_(std::move(store)), acknowledged_(acknowledged) {}

    struct given {
        uint64_t number = 0;
        std::string topic;
        line at = nullptr;  // null: not seen going out on this connection
        uint16_t packet = 0;
        unix_seconds since = 0;  // on this connection; 0: not looked at yet
    };
    // What was seen going out and is none of the given ones: the broker has kept it from before.
    struct stray {
        std::string topic;
        line at = nullptr;
        uint16_t packet = 0;
        bool over = false, refused = false;
    };
    // Of a device that listens, or did before, while something of it is to be remembered.
    struct queue {
        handle session = nullptr;  // null: it is not here
        uint64_t from = 0;         // not before this look: what the broker sends of its own accord is seen first
        bool fresh = true;         // nothing was given on this connection
        std::vector<given> out;
        std::vector<stray> strays;
        std::set<uint64_t> over;  // ended here, and perhaps not in the file yet
    };
    static constexpr size_t most_strays = 64;

    struct visitor {
        std::string device;
        bool lasting = false;
        bool noted = false;  // that it listens, since it came
    };

    bool read_changes();
    void everybody();
    [[nodiscard]] bool listened_before(const std::string& device);
    void listens_no_longer(const std::string& device);
    void begin(handle session, const std::string& device);
    void forget(const std::string& device, bool remember);
    void bring_back(const std::string& device);
    // Nothing: the session does not listen, or another one has taken over.
    queue* of(handle session);
    void end(queue& q, const std::string& device, uint64_t number, bool refused);
    // False: it cannot be read now.
    bool give(const std::string& device, queue& q, const opens& open, unix_seconds now, std::vector<gift>& to);
    // What is in the file no longer, or HTTPS's, was given in vain.
    void prune(queue& q, const std::vector<registry::device_message>& waiting);
    // How many of those that were given keep others back.
    static size_t awaited(queue& q, unix_seconds now);
    bool adopt(queue& q, const registry::device_message& m, const std::string& topic);
    void say(note::kind what, const std::string& device, uint64_t number = 0) { notes_.push_back({what, device, number}); }
    void failed(const error& e);

    std::unique_ptr<store::sqlite_hub_store> store_;
    store::sqlite_message_store messages_{*store_};
    bool acknowledged_;
    bool failed_ = false;  // and told
    int64_t version_ = -1;
    uint64_t last_ = 0, looks_ = 0;
    unix_seconds next_turn_ = 0;
    std::unordered_map<handle, visitor> sessions_;  // who is in
    std::map<std::string, queue, std::less<>> queues_;
    std::set<std::string> dirty_;                              // to be looked at
    std::set<std::string> withheld_;                           // by a policy, or as so many are out: not forgotten
    std::map<std::pair<line, uint16_t>, std::string> flying_;  // device
    std::unordered_map<std::string, bool> listeners_;          // as was said in notes: the file may be behind
    std::vector<note> notes_;
};

}  // namespace berth::app
