// A store that speaks S3, over HTTP: objects are put, read and removed there, some at once, each request on the loop and each
// file read by the worker. Who asks is told when the store has said so, and not before.
//
// While the store cannot be reached, or refuses, it is left alone for a while that doubles, and whoever asks is told at once.
#pragma once

#include "base/clock.h"
#include "hub/files/s3.h"
#include "hub_server/file_worker.h"
#include "net/http_client.h"
#include "ops/metrics.h"
#include "roles/object_store_config.h"

#include <deque>

namespace berth::app {

// What [hub.files.s3] and the files that it names say.
struct object_store_access {
    net::address host;
    std::shared_ptr<const net::tls_context> tls;  // null: plain
    hub::s3_bucket bucket;
};
// Errors of files and anchors; `bad_secret`.
result<std::shared_ptr<const object_store_access>> open_object_store(const object_store_config& config, const clock& time);

// Asks the store, on a loop of its own, and waits. Errors of object_store::look.
result<void> look_at_object_store(const std::shared_ptr<const object_store_access>& access, const clock& time);

class object_store {
public:
    // All outlive it; but of `worker`, nothing is asked by its end.
    object_store(net::loop& on, const clock& time, std::shared_ptr<const object_store_access> access, file_worker& worker,
                 ops::metric_registry& metrics);
    ~object_store();  // what is under way is given up, and nobody is told
    object_store(const object_store&) = delete;
    object_store& operator=(const object_store&) = delete;

    // Errors of all (environment): `store_unreachable`; `store_refused`: it answers, but not so; `store_refused_file`: nor will
    // it have this one another time.
    using done = std::function<void(result<void>)>;
    using content = std::function<void(result<std::string>)>;
    struct shipment {
        std::string key;
        std::filesystem::path file;
        uint64_t octets = 0;
        std::string type;                                        // its media type, if it is said to have one
        std::vector<std::pair<std::string, std::string>> facts;  // for whoever looks at the object: x-amz-meta-...
        // The store has begun to take parts: called with what it calls them together, before it has any. False in the answer:
        // that could not be noted, and nothing more is done.
        std::function<void(const std::string& upload, std::function<void(bool)>)> begun;
    };
    void put(shipment what, done then);
    // Error besides `unknown_file` (peer).
    void get(const std::string& key, uint64_t from, uint64_t most, content then);
    // Whether it is there or not. `upload`: parts that were put for it, which go too.
    void remove(const std::string& key, const std::string& upload, done then);
    // Whether it would let us in: an object is asked for that is not there.
    void look(done then);

    // Another secret, or other anchors, from the next request on.
    void renew(std::shared_ptr<const object_store_access> access);

private:
    struct line;
    struct putting;
    using answer = std::function<void(result<net::http_response>)>;
    using job = std::function<void(std::shared_ptr<line>)>;
    using refusal = std::function<void(const error&)>;
    struct waiter {
        job what;
        refusal refuse;
        bool goes_on;
        milliseconds until;
    };
    // Once a line is free, or told why not: while the store is left alone, or too many wait (but for who goes on with what it has
    // begun), or for too long. The line is free again when nobody holds it.
    void when_free(job what, refusal refuse, bool goes_on = false);
    void tell(refusal refuse, error why);
    void end_waits();
    void give_back(line& which);
    void send(const std::shared_ptr<line>& over, const hub::s3_asks& what, std::string body, const char* operation,
              const answer& then);
    // What was said, as an error unless it is good; the store is left alone where it ought to be.
    result<net::http_response> judge(const char* operation, result<net::http_response> said);
    [[nodiscard]] std::optional<error> resting() const;

    void put_whole(const std::shared_ptr<putting>& p);
    void begin_parts(const std::shared_ptr<putting>& p);
    void go_on(const std::shared_ptr<putting>& p);
    void put_part(const std::shared_ptr<putting>& p);
    void complete(const std::shared_ptr<putting>& p);
    // The next octets of the file, and what signs them.
    void read_part(const std::shared_ptr<putting>& p, uint64_t octets, std::function<void(std::string, std::string)> then);

    net::loop& loop_;
    const clock& clock_;
    std::shared_ptr<const object_store_access> access_;
    file_worker& worker_;
    ops::counter_family outcomes_;
    std::vector<std::unique_ptr<net::http_client>> idle_;
    size_t busy_ = 0;
    std::deque<waiter> waiting_;
    net::timer waits_;
    std::vector<std::weak_ptr<line>> lines_;  // that are held
    unsigned failures_ = 0;                   // in a row
    milliseconds rests_until_ = 0;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace berth::app
