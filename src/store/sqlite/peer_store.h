// Peers of message-level security (messaging/peer.h) in a file of their own. It holds private keys: 0600, as all stores are.
#pragma once

#include "base/random.h"
#include "messaging/peer.h"
#include "store/sqlite/database.h"

#include <filesystem>

namespace berth::store {

class sqlite_peer_store final : public messaging::peer_store {
public:
    // Errors of database::open.
    static result<std::unique_ptr<sqlite_peer_store>> open(const std::string& path, opening how = opening::or_make);

    // Whether the file is the one that was last at work here: a number that both it and the file PATH.mark have, changed at each
    // call. Another one is a backup that was put back, and then every peer's numbers are marked as lost. Returns whether they
    // were. Errors of the store; file_error.
    result<bool> check_mark(random_source& random);

    result<void> together(const std::function<result<void>()>& work) override;
    result<std::vector<messaging::peer_record>> list() override;
    result<std::optional<messaging::peer_record>> find(const std::string& id) override;
    result<std::optional<messaging::peer_record>> find_by_key(const std::string& kid) override;
    result<void> put(const messaging::peer_record& record) override;
    result<bool> remove(const std::string& id) override;
    result<void> put_numbers(const messaging::peer_record& record) override;
    result<void> mark_all_lost() override;
    result<std::optional<messaging::taken_message>> find_taken(const std::string& peer, uint64_t sequence) override;
    result<void> put_taken(const messaging::taken_message& message) override;
    result<void> forget_taken(const std::string& peer, uint64_t below) override;
    result<std::vector<messaging::queued_message>> queued(const std::string& peer) override;
    result<void> queue(const messaging::queued_message& message) override;
    result<bool> unqueue(const std::string& peer, uint64_t sequence) override;

private:
    sqlite_peer_store(std::unique_ptr<database> db, std::string path) : db_(std::move(db)), path_(std::move(path)) {}
    result<std::vector<messaging::peer_record>> read(const char* sql, const std::string* argument);

    std::unique_ptr<database> db_;
    std::string path_;
};

}  // namespace berth::store
