// A repository over HTTP(S), asked by whoever can wait: one request after the other, each piece on disk before the next is asked
// for.
#pragma once

#include "firmware/fetch.h"
#include "net/http_client.h"
#include "updating/slots.h"

namespace berth::app {

struct repository_access {
    std::string url;                         // http://... or https://..., without a slash at the end
    std::vector<std::filesystem::path> cas;  // who may vouch for https servers; none: this system's CAs
    firmware::fetch_limits limits;
};

using progress_report = std::function<void(const wire::json::object&)>;

class downloader {
public:
    // Errors bad_url; those of reading the CAs.
    static result<downloader> make(repository_access access, random_source& random, still_wanted go_on, progress_report tell);
    downloader(downloader&&) noexcept;
    downloader& operator=(downloader&&) = delete;
    ~downloader();

    // A small file; nothing: the server says 404. Errors of fetch.
    result<std::optional<std::string>> text(const std::string& path, uint64_t most);
    // A file of known digest, into `to`; PATH.part beside it holds what has come so far, and the next call goes on from there.
    result<void> file(const std::string& path, const firmware::stored_octets& what, const std::filesystem::path& to,
                      const std::string& label);

private:
    struct impl;
    explicit downloader(std::unique_ptr<impl> i);
    std::unique_ptr<impl> impl_;
};

}  // namespace berth::app
