// Finding a registrar (docs/onboarding.md section 1): "configured address, DNS-SD `_brski-registrar._tcp.local` (Avahi), and
// rendezvous [...] The sources are tried in turn, one registrar of each at a time, so that one impostor on the local network
// cannot starve the others".
#pragma once

#include "device/bundle.h"
#include "net/authkem_stream.h"
#include "net/loop.h"
#include "onboarding/messages/frame.h"

#include <functional>
#include <thread>

namespace berth::app {

struct found_registrars {
    std::vector<net::address> configured;
    std::vector<net::address> dns_sd;
    std::vector<net::address> rendezvous;
    // Why a source could not be asked; of several, the last.
    std::optional<error> failed;

    // First of each source, then second of each, and so on; no address twice.
    [[nodiscard]] std::vector<net::address> in_turn() const;
};

// Asks all sources that the bundle names, then calls `done` on the loop, once. Destroying it cancels the search: `done` is not
// called then, and nothing of it runs any more.
class registrar_search {
public:
    using done_handler = std::function<void(found_registrars)>;

    // All references must outlive the search.
    registrar_search(net::loop& on, const device_bundle& bundle, const clock& time, random_source& random, done_handler done);
    ~registrar_search();
    registrar_search(const registrar_search&) = delete;
    registrar_search& operator=(const registrar_search&) = delete;

private:
    void ask_dns_sd();
    // "on refusal the spare": a MASA whose current key is another by now is asked with the next pinned one.
    void ask_masa(size_t masa_key);
    void on_located(bytes_view data);
    void masa_closed(size_t masa_key, const error* why);
    void masa_answered();
    void one_answered();
    // Runs `what` with the next turn, unless the search is gone by then.
    void later(std::function<void()> what);

    net::loop& loop_;
    const device_bundle& bundle_;
    const clock& clock_;
    random_source& random_;
    done_handler done_;
    net::timer give_up_;
    found_registrars found_;
    size_t waiting_ = 1;
    bool masa_answered_ = false;
    std::optional<net::authkem_stream> kk3_;
    onboarding::frame_reader reader_{onboarding::frame_reader::device_limit};
    std::shared_ptr<registrar_search*> self_;  // what is posted holds a weak pointer to it
    std::jthread browsing_;                    // last: it ends before anything that it uses does
};

}  // namespace berth::app
