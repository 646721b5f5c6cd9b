// Peers kept in memory, for tests of what is done with them.
#pragma once

#include "messaging/peer.h"

#include <map>

namespace berth::test {

class memory_peers final : public messaging::peer_store {
public:
    using peer_record = messaging::peer_record;
    using taken_message = messaging::taken_message;
    using queued_message = messaging::queued_message;

    struct contents {
        std::map<std::string, peer_record> peers;
        std::map<std::pair<std::string, uint64_t>, taken_message> taken;
        std::map<std::pair<std::string, uint64_t>, queued_message> outbox;
    };
    contents now;                     // a copy is a backup
    std::function<void()> committed;  // after each together()

    result<void> together(const std::function<result<void>()>& work) override {
        const contents before = now;
        ++depth_;
        auto out = work();
        --depth_;
        if (!out) {
            now = before;
        } else if (depth_ == 0 && committed) {
            committed();
        }
        return out;
    }
    result<std::vector<peer_record>> list() override {
        std::vector<peer_record> out;
        for (const auto& [id, each] : now.peers) {
            out.push_back(each);
        }
        return out;
    }
    result<std::optional<peer_record>> find(const std::string& id) override {
        const auto at = now.peers.find(id);
        return at != now.peers.end() ? std::optional(at->second) : std::nullopt;
    }
    result<std::optional<peer_record>> find_by_key(const std::string& kid) override {
        for (const auto& [id, r] : now.peers) {
            for (const auto* each :
                 {&r.own.kid, &r.own_next.kid, &r.own_previous.kid, &r.session.id, &r.session_next.id, &r.session_previous.id}) {
                if (!each->empty() && *each == kid) {
                    return std::optional(r);
                }
            }
        }
        return std::nullopt;
    }
    result<void> put(const peer_record& r) override {
        now.peers[r.id] = r;
        return {};
    }
    result<bool> remove(const std::string& id) override {
        std::erase_if(now.taken, [&](const auto& each) { return each.first.first == id; });
        std::erase_if(now.outbox, [&](const auto& each) { return each.first.first == id; });
        return now.peers.erase(id) > 0;
    }
    result<void> put_numbers(const peer_record& r) override {
        if (const auto at = now.peers.find(r.id); at != now.peers.end()) {
            at->second.next_out = r.next_out;
            at->second.in = r.in;
            at->second.lost = r.lost;
            at->second.challenge = r.challenge;
            at->second.resync_at = r.resync_at;
        }
        return {};
    }
    result<void> mark_all_lost() override {
        for (auto& [id, each] : now.peers) {
            each.lost = true;
        }
        return {};
    }
    result<std::optional<taken_message>> find_taken(const std::string& peer, uint64_t sequence) override {
        const auto at = now.taken.find({peer, sequence});
        return at != now.taken.end() ? std::optional(at->second) : std::nullopt;
    }
    result<void> put_taken(const taken_message& m) override {
        now.taken[{m.peer, m.sequence}] = m;
        return {};
    }
    result<void> forget_taken(const std::string& peer, uint64_t below) override {
        std::erase_if(now.taken, [&](const auto& each) { return each.first.first == peer && each.first.second < below; });
        return {};
    }
    result<std::vector<queued_message>> queued(const std::string& peer) override {
        std::vector<queued_message> out;
        for (const auto& [key, each] : now.outbox) {
            if (key.first == peer) {
                out.push_back(each);
            }
        }
        return out;
    }
    result<void> queue(const queued_message& m) override {
        now.outbox[{m.peer, m.sequence}] = m;
        return {};
    }
    result<bool> unqueue(const std::string& peer, uint64_t sequence) override { return now.outbox.erase({peer, sequence}) > 0; }

private:
    int depth_ = 0;
};

}  // namespace berth::test
