#include "hub_server/object_store.h"

#include "base/descriptor.h"
#include "base/log.h"
#include "common/files.h"
#include "crypto/hash.h"
#include "hub_server/secret_file.h"

#include <algorithm>

#include <fcntl.h>
#include <unistd.h>

namespace berth::app {

namespace {

constexpr size_t most_lines = 4, most_waiting = 256;
constexpr size_t most_answer = 16 * 1024 * 1024;
constexpr milliseconds first_rest = 500, longest_rest = 15'000;
constexpr milliseconds connect_patience = 5'000, patience = 60'000, most_wait = 60'000, most_idle = 3'000;
constexpr const char* system_anchors = "/etc/ssl/certs/ca-certificates.crt";

// Of those that a system trusts, one that we cannot read is none of ours.
result<std::vector<pki::certificate>> read_system_anchors() {
    constexpr std::string_view ends = "-----END CERTIFICATE-----";
    BERTH_TRY(all, read_text(system_anchors));
    std::vector<pki::certificate> out;
    for (std::string_view left = all; !left.empty();) {
        const size_t end = left.find(ends);
        if (end == std::string_view::npos) {
            break;
        }
        auto one = pki::certificate::parse_pem_chain(left.substr(0, end + ends.size()));
        if (one && pki::trust_store::build({*one, {}, {}})) {
            out.insert(out.end(), one->begin(), one->end());
        }
        left.remove_prefix(end + ends.size());
    }
    return out;
}

error unreachable(const std::string& why) {
    return {error_category::environment, "store_unreachable", fmt::format("The store of files cannot be reached: {}", why)};
}

error refused(const std::string& why) {
    return {error_category::environment, "store_refused", fmt::format("The store of files refuses: {}", why)};
}

hub::s3_operation kind_of(std::string_view operation) {
    return operation == "get" || operation == "look" ? hub::s3_operation::get
           : operation == "remove"                   ? hub::s3_operation::remove
           : operation == "give_up_parts"            ? hub::s3_operation::give_up
                                                     : hub::s3_operation::other;
}

std::string said_by(const net::http_response& answer) {
    const auto code = hub::s3_text(answer.body, "Code"), message = hub::s3_text(answer.body, "Message");
    return fmt::format("{}{}{}{}{}", answer.status, code ? " " : "", code.value_or("").substr(0, 64), message ? ": " : "",
                       message.value_or("").substr(0, 200));
}

struct piece {
    std::string octets, sum;
};

result<piece> read_piece(const std::filesystem::path& file, uint64_t from, uint64_t octets) {
    const descriptor in(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    piece out{std::string(octets, '\0'), {}};
    for (size_t had = 0; in && had < octets;) {
        const auto some = ::pread(in.get(), out.octets.data() + had, octets - had, static_cast<off_t>(from + had));
        if (some == 0 || (some < 0 && errno != EINTR)) {
            return fail(error_category::environment, "file_error", fmt::format("{} cannot be read", file.string()));
        }
        had += some > 0 ? static_cast<size_t>(some) : 0;
    }
    if (!in) {
        return fail(error_category::environment, "file_error", fmt::format("{} cannot be opened", file.string()));
    }
    out.sum = to_hex(crypto::sha256(as_bytes(out.octets)).view());
    return out;
}

}  // namespace

result<std::shared_ptr<const object_store_access>> open_object_store(const object_store_config& config, const clock& time) {
    const auto opened = [&]() -> result<std::shared_ptr<const object_store_access>> {
        auto out = std::make_shared<object_store_access>();
        BERTH_TRY(url, net::parse_url(config.endpoint));
        out->host = url.host;
        BERTH_TRY(secret, read_secret(config.secret_file));
        const bool tls = url.transport == net::transport_kind::tls;
        if (tls) {
            net::tls_client_config to;
            BERTH_TRY(anchors, config.anchors.empty() ? read_system_anchors() : read_anchors(config.anchors));
            BERTH_TRY(trust, pki::trust_store::build({std::move(anchors), {}, {}}));
            to.server.trust = std::move(trust);
            to.server.policy = authkem::server_named(url.host.host);
            to.server.allow_rsa = true;
            to.server_name = url.host.host;
            BERTH_TRY(context, net::tls_context::make(std::move(to), time));
            out->tls = std::move(context);
        }
        constexpr uint16_t https = 443, http = 80;
        const bool usual = url.host.port == (tls ? https : http);
        out->bucket = {usual ? url.host.host : url.host.text(),
                       config.bucket,
                       config.prefix,
                       {config.access_key_id, std::move(secret), config.region, "s3"}};
        return out;
    }();
    return opened ? opened : fail(error(opened.error()).during("[hub.files.s3]"));
}

result<void> look_at_object_store(const std::shared_ptr<const object_store_access>& access, const clock& time) {
    net::loop own;
    file_worker worker(own, 0);
    ops::metric_registry metrics;
    result<void> out = fail(unreachable("it was not asked"));
    {
        object_store store(own, time, access, worker, metrics);
        store.look([&own, &out](result<void> how) {
            out = std::move(how);
            own.stop();
        });
        own.run();
    }
    return out ? out : fail(error(out.error()).during("[hub.files.s3]"));
}

// ---- lines: connections, each for one at a time

struct object_store::line {
    object_store& of;
    std::weak_ptr<bool> alive;
    std::shared_ptr<const object_store_access> access;
    std::unique_ptr<net::http_client> client = nullptr;

    line(object_store& store, std::weak_ptr<bool> store_alive)
        : of(store), alive(std::move(store_alive)), access(store.access_) {}
    line(const line&) = delete;
    line& operator=(const line&) = delete;
    ~line() {
        if (!alive.expired()) {
            of.give_back(*this);
        }
    }
};

object_store::object_store(net::loop& on, const clock& time, std::shared_ptr<const object_store_access> access,
                           file_worker& worker, ops::metric_registry& metrics)
    : loop_(on),
      clock_(time),
      access_(std::move(access)),
      worker_(worker),
      outcomes_(metrics.counters("berth_hub_file_store_total", "What was asked of the store of files, and what came of it",
                                 {"operation", "outcome"})),
      waits_(on) {}

object_store::~object_store() {
    alive_.reset();
    // What a client is asked holds its line, which holds the client.
    for (const auto& one : lines_) {
        if (const auto held = one.lock()) {
            held->client.reset();
        }
    }
}

void object_store::renew(std::shared_ptr<const object_store_access> access) {
    access_ = std::move(access);
    idle_.clear();
    rests_until_ = 0;
}

std::optional<error> object_store::resting() const {
    if (failures_ == 0 || clock_.steady() >= rests_until_) {
        return std::nullopt;
    }
    return unreachable("it failed a moment ago, and is left alone for some seconds. Come again later.");
}

void object_store::tell(refusal refuse, error why) {
    loop_.post([refuse = std::move(refuse), why = std::move(why), alive = std::weak_ptr(alive_)] {
        if (!alive.expired()) {
            refuse(why);
        }
    });
}

void object_store::when_free(job what, refusal refuse, bool goes_on) {
    // Of what has been begun, what was sent would be lost.
    if (const auto why = resting(); why && !goes_on) {
        return tell(std::move(refuse), *why);
    }
    if (busy_ == most_lines) {
        if (waiting_.size() >= most_waiting && !goes_on) {
            return tell(std::move(refuse), unreachable("too much waits for it. Come again later."));
        }
        waiting_.push_back({std::move(what), std::move(refuse), goes_on, clock_.steady() + most_wait});
        if (waiting_.size() == 1) {
            end_waits();
        }
        return;
    }
    ++busy_;
    auto fresh = std::make_shared<line>(*this, alive_);
    std::erase_if(lines_, [](const auto& one) { return one.expired(); });
    lines_.push_back(fresh);
    if (!idle_.empty()) {
        fresh->client = std::move(idle_.back());
        idle_.pop_back();
    } else {
        net::http_client_options options;
        options.size.most_body = most_answer;
        options.connect = options.handshake = connect_patience;
        options.response = patience;
        options.idle = most_idle;
        fresh->client = std::make_unique<net::http_client>(
            loop_, access_->host, access_->tls ? net::channel_transport{access_->tls} : net::channel_transport{}, options);
    }
    what(std::move(fresh));
}

// Whoever came first has waited longest.
void object_store::end_waits() {
    while (!waiting_.empty() && waiting_.front().until <= clock_.steady()) {
        tell(std::move(waiting_.front().refuse), unreachable("it is too slow for what waits for it. Come again later."));
        waiting_.pop_front();
    }
    if (!waiting_.empty()) {
        waits_.arm(waiting_.front().until - clock_.steady(), [this] { end_waits(); });
    }
}

void object_store::give_back(line& which) {
    // Whoever lets it go may be a callback of the client's.
    loop_.post([this, alive = std::weak_ptr(alive_), access = which.access,
                client = std::make_shared<std::unique_ptr<net::http_client>>(std::move(which.client))] {
        if (alive.expired()) {
            return;
        }
        --busy_;
        if (access == access_) {
            idle_.push_back(std::move(*client));
        }
        while (!waiting_.empty() && busy_ < most_lines) {
            auto next = std::move(waiting_.front());
            waiting_.pop_front();
            when_free(std::move(next.what), std::move(next.refuse), next.goes_on);
        }
    });
}

void object_store::send(const std::shared_ptr<line>& over, const hub::s3_asks& what, std::string body, const char* operation,
                        const answer& then) {
    auto signed_by = hub::make_s3_request(over->access->bucket, what, clock_.now());
    net::http_request request;
    request.method = std::move(signed_by.method);
    request.target = std::move(signed_by.target);
    for (auto& [name, value] : signed_by.headers) {
        request.headers.add(std::move(name), std::move(value));
    }
    request.body = std::move(body);
    // The line is held until it is answered; with the store goes the client, which calls nobody then.
    over->client->send(std::move(request),
                       [this, weak = std::weak_ptr(alive_), over, operation, then](result<net::http_response> said) {
                           if (!weak.expired()) {
                               then(judge(operation, std::move(said)));
                           }
                       });
}

result<net::http_response> object_store::judge(const char* operation, result<net::http_response> said) {
    using is = hub::s3_verdict;
    const auto verdict = said ? hub::judge_s3(kind_of(operation), said->status, said->body) : is::unreachable;
    result<net::http_response> out = std::move(said);
    if (!out) {
        out = fail(unreachable(out.error().message));
    } else if (verdict == is::unreachable) {
        out = fail(unreachable("it answers " + said_by(*out)));
    } else if (verdict == is::missing) {
        out = fail(error_category::peer, "unknown_file", "The store of files has no such object.");
    } else if (verdict != is::good) {
        auto why = refused(said_by(*out));
        why.name = verdict == is::refused_file ? "store_refused_file" : why.name;
        out = fail(std::move(why));
    }
    outcomes_.with({operation, out ? "ok" : out.error().name}).add();
    if (out || out.error().is("unknown_file")) {
        if (std::exchange(failures_, 0) > 0) {
            log::info("file_store_back", "the store of files answers again", {{"party", "hub"}});
        }
        return out;
    }
    // What it will not have of one file, it may have of others.
    if (verdict == is::refused || verdict == is::refused_file) {
        log::failure("file_store_failed", out.error(), {{"party", "hub"}, {"operation", operation}});
        return out;
    }
    const auto rest = std::min(longest_rest, first_rest << std::min(failures_, 5U));
    rests_until_ = clock_.steady() + rest;
    if (++failures_ == 1) {
        log::failure("file_store_failed", out.error(), {{"party", "hub"}, {"operation", operation}});
    }
    return out;
}

// ---- what is asked

struct object_store::putting {
    shipment what;
    done then;
    std::shared_ptr<line> over;
    uint64_t sent = 0;
    std::string upload = {};
    std::vector<std::string> etags = {};
    void end(result<void> how) {
        over.reset();
        std::exchange(then, nullptr)(std::move(how));
    }
};

void object_store::put(shipment what, done then) {
    auto p = std::make_shared<putting>(putting{std::move(what), std::move(then), nullptr});
    when_free(
        [this, p](std::shared_ptr<line> over) {
            p->over = std::move(over);
            p->what.octets <= hub::s3_at_once ? put_whole(p) : begin_parts(p);
        },
        [p](const error& why) { p->end(fail(why)); });
}

void object_store::read_part(const std::shared_ptr<putting>& p, uint64_t octets,
                             std::function<void(std::string, std::string)> then) {
    worker_.run(
        0, [file = p->what.file, from = p->sent, octets] { return read_piece(file, from, octets); },
        [p, then = std::move(then), alive = std::weak_ptr(alive_)](result<piece> had) {
            if (alive.expired()) {
                return;
            }
            if (!had) {
                return p->end(fail(had.error()));
            }
            then(std::move(had->octets), std::move(had->sum));
        });
}

namespace {

hub::aws_request::pairs headers_of(const object_store::shipment& what) {
    hub::aws_request::pairs out;
    out.emplace_back("Content-Type", what.type.empty() ? "application/octet-stream" : what.type);
    for (const auto& [name, value] : what.facts) {
        out.emplace_back("x-amz-meta-" + name, value);
    }
    return out;
}

}  // namespace

void object_store::put_whole(const std::shared_ptr<putting>& p) {
    read_part(p, p->what.octets, [this, p](std::string octets, std::string sum) {
        send(p->over, {.method = "PUT", .key = p->what.key, .headers = headers_of(p->what), .payload = std::move(sum)},
             std::move(octets), "put",
             [p](const result<net::http_response>& said) { p->end(said ? result<void>() : fail(said.error())); });
    });
}

void object_store::begin_parts(const std::shared_ptr<putting>& p) {
    send(p->over, {.method = "POST", .key = p->what.key, .query = {{"uploads", ""}}, .headers = headers_of(p->what)}, "",
         "begin_parts", [this, p](const result<net::http_response>& said) {
             const auto upload = said ? hub::s3_text(said->body, "UploadId") : std::nullopt;
             if (!upload || upload->empty()) {
                 return p->end(fail(said ? refused("it begins an upload in parts, and does not say which") : said.error()));
             }
             p->upload = *upload;
             p->over.reset();
             p->what.begun(p->upload, [this, p, alive = std::weak_ptr(alive_)](bool noted) {
                 if (alive.expired()) {
                     return;
                 }
                 if (!noted) {
                     return p->end(fail(error_category::environment, "store_failed", "The hub could not keep what it had to."));
                 }
                 go_on(p);
             });
         });
}

// Files of many parts leave room for others between them.
void object_store::go_on(const std::shared_ptr<putting>& p) {
    p->over.reset();
    when_free(
        [this, p](std::shared_ptr<line> over) {
            p->over = std::move(over);
            put_part(p);
        },
        [p](const error& why) { p->end(fail(why)); }, true);
}

void object_store::put_part(const std::shared_ptr<putting>& p) {
    const uint64_t left = p->what.octets - p->sent;
    if (left == 0) {
        return complete(p);
    }
    const uint64_t now = std::min(left, hub::s3_part_octets(p->what.octets));
    read_part(p, now, [this, p, now](std::string octets, std::string sum) {
        send(p->over,
             {.method = "PUT",
              .key = p->what.key,
              .query = {{"partNumber", std::to_string(p->etags.size() + 1)}, {"uploadId", p->upload}},
              .payload = std::move(sum)},
             std::move(octets), "put_part", [this, p, now](const result<net::http_response>& said) {
                 const std::string etag(said ? said->headers.get("ETag") : "");
                 if (etag.empty()) {
                     return p->end(fail(said ? refused("it takes a part, and gives no ETag for it") : said.error()));
                 }
                 p->etags.push_back(etag);
                 p->sent += now;
                 go_on(p);
             });
    });
}

void object_store::complete(const std::shared_ptr<putting>& p) {
    auto body = hub::s3_parts_xml(p->etags);
    auto sum = to_hex(crypto::sha256(as_bytes(body)).view());
    send(p->over,
         {.method = "POST",
          .key = p->what.key,
          .query = {{"uploadId", p->upload}},
          .headers = {{"Content-Type", "application/xml"}},
          .payload = std::move(sum)},
         std::move(body), "complete", [p](const result<net::http_response>& said) {
             // It may have said 200 before it had failed.
             if (said && said->body.find("CompleteMultipartUploadResult") == std::string::npos) {
                 return p->end(fail(refused("it does not put the parts together: " + said_by(*said))));
             }
             p->end(said ? result<void>() : fail(said.error()));
         });
}

void object_store::get(const std::string& key, uint64_t from, uint64_t most, content then) {
    const auto refuse = [then](const error& why) { then(fail(why)); };
    when_free(
        [this, key, from, most, then](const std::shared_ptr<line>& over) {
            send(over, {.method = "GET", .key = key, .headers = {{"Range", fmt::format("bytes={}-{}", from, from + most - 1)}}},
                 "", "get", [then, most](result<net::http_response> said) {
                     constexpr unsigned partial = 206;
                     if (said && (said->status != partial || said->body.size() != most)) {
                         return then(fail(refused("it gives another part of an object than was asked for")));
                     }
                     then(said ? result<std::string>(std::move(said->body)) : fail(said.error()));
                 });
        },
        refuse);
}

void object_store::remove(const std::string& key, const std::string& upload, done then) {
    const auto refuse = [then](const error& why) { then(fail(why)); };
    when_free(
        [this, key, upload, then](const std::shared_ptr<line>& over) {
            const auto object = [this, key, then, over] {
                send(over, {.method = "DELETE", .key = key}, "", "remove", [then](const result<net::http_response>& said) {
                    then(said || said.error().is("unknown_file") ? result<void>() : fail(said.error()));
                });
            };
            if (upload.empty()) {
                return object();
            }
            // While its parts may be there, it is not forgotten.
            send(over, {.method = "DELETE", .key = key, .query = {{"uploadId", upload}}}, "", "give_up_parts",
                 [object, then](const result<net::http_response>& said) {
                     if (!said && !said.error().is("unknown_file")) {
                         return then(fail(said.error()));
                     }
                     object();
                 });
        },
        refuse);
}

void object_store::look(done then) {
    const auto refuse = [then](const error& why) { then(fail(why)); };
    when_free(
        [this, then](const std::shared_ptr<line>& over) {
            send(over, {.method = "GET", .key = "none/none"}, "", "look", [then](const result<net::http_response>& said) {
                // Whoever may not list a bucket is denied what is not there.
                if (said) {
                    return then(fail(refused("it has an object that nobody put there")));
                }
                const bool in =
                    said.error().is("unknown_file") || said.error().message.find("403 AccessDenied") != std::string::npos;
                then(in ? result<void>() : fail(said.error()));
            });
        },
        refuse);
}

}  // namespace berth::app
