#include "updating/download.h"

#include "base/descriptor.h"
#include "common/files.h"
#include "net/tls.h"
#include "store/fault_point.h"

#include <cerrno>
#include <map>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

namespace berth::app {

namespace fs = std::filesystem;
namespace json = wire::json;

namespace {

constexpr const char* system_cas = "/etc/ssl/certs/ca-certificates.crt";
constexpr milliseconds breath = 200;  // between two looks whether it is still wanted

struct origin {
    net::transport_kind transport = net::transport_kind::plain;
    std::string host;
    uint16_t port = 0;
    auto operator<=>(const origin&) const = default;
};

}  // namespace

struct downloader::impl {
    impl(repository_access a, random_source& r, still_wanted g, progress_report t)
        : access(std::move(a)), random(r), go_on(std::move(g)), tell(std::move(t)) {}

    result<net::channel_transport> transport(const net::http_url& url) {
        if (url.transport == net::transport_kind::plain) {
            return net::channel_transport();
        }
        if (url.transport != net::transport_kind::tls) {
            return fail(error_category::usage, "bad_url", "a repository is at http:// or https://");
        }
        if (!trust) {
            const bool own = !access.cas.empty();
            BERTH_TRY(anchors, own ? read_anchors(access.cas) : read_certificates({system_cas}));
            BERTH_TRY(built, pki::trust_store::build({std::move(anchors), {}, {}}));
            trust = std::move(built);
        }
        net::tls_client_config tls;
        tls.server.trust = *trust;
        tls.server.policy = authkem::server_named(url.host.host);
        tls.server_name = url.host.host;
        // Repositories are anybody's servers; what they serve is verified by itself.
        tls.allow_tls12 = true;
        BERTH_TRY(context, net::tls_context::make(std::move(tls), system_clock()));
        return net::channel_transport(std::move(context));
    }

    // Waits for the answer, and looks now and then whether it is still wanted.
    result<net::http_response> send(const std::string& url_text, const std::string& range, uint64_t most) {
        BERTH_TRY(url, net::parse_url(url_text));
        const origin to{url.transport, url.host.host, url.host.port};
        auto found = clients.find(to);
        if (found == clients.end()) {
            BERTH_TRY(over, transport(url));
            net::http_client_options options;
            options.size.most_body = most;
            found = clients.emplace(to, std::make_unique<net::http_client>(loop, url.host, std::move(over), options)).first;
        }
        net::http_request request;
        request.target = url.target;
        if (!range.empty()) {
            request.headers.add("Range", range);
        }
        std::optional<result<net::http_response>> answer;
        found->second->send(std::move(request), [&](result<net::http_response> a) {
            answer.emplace(std::move(a));
            loop.stop();
        });
        return settle(answer, found->first);
    }

    result<net::http_response> settle(std::optional<result<net::http_response>>& answer, const origin& asked) {
        result<void> wanted;
        net::timer tick(loop);
        std::function<void()> look = [&] {
            wanted = go_on();
            if (wanted) {
                tick.arm(breath, look);
            } else {
                loop.stop();
            }
        };
        tick.arm(breath, look);
        loop.restart();
        loop.run();
        tick.cancel();
        if (!answer) {
            clients.erase(asked);  // its handler is not called any more
            return wanted ? result<net::http_response>(fail(error_category::internal, "no_answer", "the loop has ended early"))
                          : fail(wanted.error());
        }
        return std::move(*answer);
    }

    result<void> pause(milliseconds time) {
        const milliseconds until = system_clock().steady() + time;
        while (true) {
            BERTH_CHECK(go_on());
            const milliseconds left = until - system_clock().steady();
            if (left <= 0) {
                return {};
            }
            ::usleep(static_cast<useconds_t>(std::min(left, breath) * 1000));
        }
    }

    // `take` has each piece.
    result<void> run(firmware::fetch& job, uint64_t most, const std::function<result<void>(bytes_view)>& take) {
        while (true) {
            BERTH_CHECK(go_on());
            auto step = job.next();
            if (std::holds_alternative<firmware::fetch::done>(step)) {
                return {};
            }
            if (const auto* const wait = std::get_if<firmware::fetch::wait>(&step)) {
                tell({{"event", "retry"}, {"wait_ms", wait->time}, {"cause", wait->why.name}, {"message", wait->why.message}});
                BERTH_CHECK(pause(wait->time));
                continue;
            }
            const auto& ask = std::get<firmware::fetch::ask>(step);
            auto answer = send(ask.url, ask.range, most);
            if (!answer) {
                const auto& why = answer.error();
                if (why.is("too_large")) {
                    return fail(
                        error{error_category::peer, "no_ranges",
                              fmt::format("{} sends more than it was asked for: it knows no ranges (RFC 9110 14), which a "
                                          "repository with images of more than 16 MiB needs.",
                                          ask.url)});
                }
                if (why.category != error_category::environment && !why.is("truncated") && !why.is("connection_lost")) {
                    return fail(why);  // its certificate, say: asking again changes nothing
                }
                BERTH_CHECK(go_on());
                BERTH_CHECK(job.broke(error{why}.during(ask.url)));
                continue;
            }
            BERTH_TRY(octets, job.answered({answer->status, answer->headers.get("Location"), answer->headers.get("Content-Range"),
                                            answer->headers.get("Retry-After"), as_bytes(answer->body)}));
            if (!octets.empty()) {
                BERTH_CHECK(take(octets));
            }
        }
    }

    repository_access access;
    random_source& random;
    still_wanted go_on;
    progress_report tell;
    net::loop loop;
    std::optional<pki::trust_store> trust;
    std::map<origin, std::unique_ptr<net::http_client>> clients;
};

downloader::downloader(std::unique_ptr<impl> i) : impl_(std::move(i)) {}
downloader::downloader(downloader&&) noexcept = default;
downloader::~downloader() = default;

result<downloader> downloader::make(repository_access access, random_source& random, still_wanted go_on, progress_report tell) {
    while (access.url.ends_with('/')) {
        access.url.pop_back();
    }
    BERTH_CHECK(net::parse_url(access.url));
    return downloader(std::make_unique<impl>(std::move(access), random, std::move(go_on), std::move(tell)));
}

result<std::optional<std::string>> downloader::text(const std::string& path, uint64_t most) {
    const auto job = firmware::fetch::whole(impl_->access.url + path, most, impl_->access.limits, impl_->random);
    std::string out;
    const auto done = impl_->run(*job, most, [&](bytes_view octets) {
        out.assign(as_text(octets));
        return result<void>{};
    });
    if (!done && done.error().is("download_refused")) {
        for (const auto& [name, value] : done.error().params) {
            if (name == "status" && value == "404") {
                return std::optional<std::string>();
            }
        }
    }
    if (!done) {
        return fail(done.error());
    }
    return std::optional(std::move(out));
}

namespace {

// What a file has, hashed; of one that is not there, nothing.
result<std::pair<uint64_t, crypto::hasher>> hashed(const fs::path& path, const still_wanted& go_on) {
    crypto::hasher all(crypto::hash_algorithm::sha256);
    uint64_t size = 0;
    const descriptor in(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!in) {
        return errno == ENOENT ? result<std::pair<uint64_t, crypto::hasher>>(std::pair(size, std::move(all)))
                               : cannot("read", path);
    }
    bytes some(256 * 1024);
    while (true) {
        BERTH_CHECK(go_on());
        const ssize_t got = ::read(in.get(), some.data(), some.size());
        if (got < 0) {
            return cannot("read", path);
        }
        if (got == 0) {
            return std::pair(size, std::move(all));
        }
        all.update(bytes_view(some).first(static_cast<size_t>(got)));
        size += static_cast<uint64_t>(got);
    }
}

}  // namespace

result<void> downloader::file(const std::string& path, const firmware::stored_octets& what, const fs::path& to,
                              const std::string& label) {
    const fs::path part = to.string() + ".part";
    firmware::fetch job(what, impl_->access.url + path, impl_->access.limits, impl_->random);
    BERTH_TRY(before, hashed(part, impl_->go_on));
    if (!job.resume(before.first, std::move(before.second))) {
        std::error_code ignored;
        fs::remove(part, ignored);  // damaged: from the beginning
    }
    descriptor out(::open(part.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    if (!out) {
        return cannot("write", part);
    }
    const auto told = [&] {
        impl_->tell({{"event", "progress"}, {"component", label}, {"have", job.have()}, {"size", what.size}});
    };
    if (job.have() != 0) {
        impl_->tell({{"event", "resumed"}, {"component", label}, {"have", job.have()}, {"size", what.size}});
    }
    constexpr uint64_t without_ranges = 16 * 1024 * 1024;
    const uint64_t most = std::max(impl_->access.limits.piece, std::min(what.size, without_ranges)) + 1024;
    auto done = impl_->run(job, most, [&](bytes_view octets) -> result<void> {
        for (size_t at = 0; at < octets.size();) {
            const ssize_t put = ::write(out.get(), octets.data() + at, octets.size() - at);
            if (put < 0) {
                return cannot("write", part);
            }
            at += static_cast<size_t>(put);
        }
        BERTH_FAULT_POINT("piece_written");
        told();
        return {};
    });
    if (!done) {
        if (done.error().is("digest_mismatch") || done.error().is("size_mismatch")) {
            std::error_code ignored;
            fs::remove(part, ignored);
        }
        return done;
    }
    if (::fsync(out.get()) != 0 || !out.close()) {
        return cannot("write", part);
    }
    BERTH_FAULT_POINT("download_complete");
    if (::rename(part.c_str(), to.c_str()) != 0) {
        return cannot("write", to);
    }
    return sync_directory(to.parent_path());
}

}  // namespace berth::app
