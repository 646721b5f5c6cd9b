// Messages to devices and the feedback of them, in the file of the hub's registry.
#pragma once

#include "registry/hub/device_message.h"
#include "store/sqlite/hub_store.h"

namespace berth::store {

class sqlite_message_store final : public registry::message_registry {
public:
    // `hub` outlives it.
    explicit sqlite_message_store(sqlite_hub_store& hub) : db_(*hub.db_) {}

    result<uint64_t> enqueue(const registry::device_message& fresh) override;
    result<std::vector<registry::device_message>> queue_of(const std::string& device,
                                                           size_t most = registry::most_messages) override;
    result<registry::queue_facts> facts_of(const std::string& device) override;
    result<uint64_t> purge(const std::string& device, unix_seconds now) override;

    result<std::optional<registry::device_message>> receive(const std::string& device, const std::string& lock,
                                                            unix_seconds now) override;
    result<void> complete(const std::string& device, const std::string& lock, unix_seconds now) override;
    result<void> reject(const std::string& device, const std::string& lock, unix_seconds now) override;
    result<void> abandon(const std::string& device, const std::string& lock, unix_seconds now) override;
    result<void> note_given(const std::string& device, uint64_t number, unix_seconds now) override;
    result<void> complete(const std::string& device, uint64_t number, unix_seconds now) override;
    result<void> bring_back(const std::string& device, uint64_t number, unix_seconds now) override;
    result<void> reject(const std::string& device, uint64_t number, unix_seconds now) override;

    result<std::vector<registry::message_feedback>> receive_feedback(const std::string& lock, size_t most,
                                                                     unix_seconds now) override;
    result<void> complete_feedback(const std::string& lock, unix_seconds now) override;
    result<void> abandon_feedback(const std::string& lock, unix_seconds now) override;

    // Whether sweep() would find anything: without writing.
    result<bool> is_due(unix_seconds now);
    result<bool> sweep(unix_seconds now, size_t most) override;
    result<std::vector<registry::message_count>> counts() override;

    // ---- of brokers
    // As queue_of(), of those that nobody holds by a lock of HTTPS; without bodies.
    result<std::vector<registry::device_message>> open_queue(const std::string& device);
    result<std::optional<registry::device_message>> find(const std::string& device, uint64_t number);
    struct news {
        uint64_t number = 0;
        std::string device;
    };
    result<std::vector<news>> news_after(uint64_t number, size_t most);
    // The first and the last that are there; zeroes: none was ever.
    result<std::pair<uint64_t, uint64_t>> news_range();
    // That its session at the broker, which outlives connections, hears of its messages.
    result<void> note_listener(const std::string& device, bool listens);
    result<bool> is_listener(const std::string& device);

    static constexpr int64_t most_news = 10'000;       // a broker that is behind by more looks at everybody's
    static constexpr int64_t most_feedback = 100'000;  // older ones are gone

private:
    result<void> tell(const std::string& device);
    result<void> count(std::string_view event, int64_t more = 1);
    // It is over: gone, counted, and its sender told if he wants to be.
    result<void> end(const registry::device_message& of, registry::message_end how, unix_seconds now);
    // A lock that has lapsed is none, also where nobody has swept since.
    result<std::optional<registry::device_message>> find_locked(const std::string& device, const std::string& lock,
                                                                unix_seconds now);
    result<registry::device_message> require_locked(const std::string& device, const std::string& lock, unix_seconds now);
    // Nobody has it any longer: it waits again, or has been given too often.
    result<void> free(const registry::device_message& of, unix_seconds now);
    result<void> lock_one(uint64_t number, const std::string& lock, unix_seconds now);

    database& db_;
};

}  // namespace berth::store
