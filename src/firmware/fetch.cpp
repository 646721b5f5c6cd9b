#include "firmware/fetch.h"

#include <charconv>

#include <fmt/format.h>

namespace berth::firmware {

namespace {

std::optional<uint64_t> number(std::string_view text) {
    uint64_t out = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
    return failed == std::errc() && end == text.data() + text.size() && !text.empty() ? std::optional(out) : std::nullopt;
}

// RFC 9110 14.4: "bytes 0-499/1234"; where it begins and what the whole has.
struct content_range {
    uint64_t first = 0, last = 0, whole = 0;
};
std::optional<content_range> read_range(std::string_view text) {
    if (!text.starts_with("bytes ")) {
        return std::nullopt;
    }
    text.remove_prefix(6);
    const size_t dash = text.find('-'), slash = text.find('/');
    if (dash == std::string_view::npos || slash == std::string_view::npos || slash < dash) {
        return std::nullopt;
    }
    const auto first = number(text.substr(0, dash)), last = number(text.substr(dash + 1, slash - dash - 1)),
               whole = number(text.substr(slash + 1));
    if (!first || !last || !whole) {
        return std::nullopt;
    }
    return content_range{*first, *last, *whole};
}

tl::unexpected<error> refused(const char* name, std::string message) {
    return fail(error_category::peer, name, std::move(message));
}

error size_mismatch(const std::string& url, std::string_view why) {
    return {
        error_category::peer, "size_mismatch",
        fmt::format("What {} serves is not what the manifest speaks of: {}. It is published anew, or somebody has changed it.",
                    url, why)};
}

}  // namespace

milliseconds retry_after(std::string_view text) {
    constexpr uint64_t day = 24 * 60 * 60;
    return static_cast<milliseconds>(std::min(number(text).value_or(0), day)) * 1000;
}

result<std::string> resolve(std::string_view base, std::string_view reference) {
    const auto bad = [&](const char* why) {
        return refused("bad_redirect", fmt::format("{} redirects to \"{}\": {}.", base, reference.substr(0, 256), why));
    };
    const auto is_clean = [](char c) { return c > 0x20 && c < 0x7f; };
    if (reference.empty() || reference.size() > 4096 || !std::ranges::all_of(reference, is_clean)) {
        return bad("that is no URL");
    }
    if (reference.starts_with("https://") || (reference.starts_with("http://") && base.starts_with("http://"))) {
        return std::string(reference);
    }
    const size_t scheme = base.find("://");
    if (reference.starts_with("//") || !reference.starts_with('/') || scheme == std::string_view::npos) {
        return bad("only https, http from http, and paths are followed");
    }
    return std::string(base.substr(0, base.find('/', scheme + 3))) + std::string(reference);
}

fetch::fetch(stored_octets what, std::string url, const fetch_limits& limits, random_source& random)
    : what_(std::move(what)), url_(url), first_url_(std::move(url)), limits_(limits), random_(random) {}

result<void> fetch::resume(uint64_t have, crypto::hasher hashed) {
    if (have > what_.size) {
        return fail(error_category::environment, "too_long", "There is more of the download than it has; it begins anew.");
    }
    if (have == what_.size && to_hex(hashed.peek().view()) != what_.digest) {
        return fail(error_category::environment, "digest_mismatch", "What was downloaded before is damaged; it begins anew.");
    }
    have_ = have;
    hashed_ = std::move(hashed);
    return {};
}

std::unique_ptr<fetch> fetch::whole(std::string url, uint64_t most, const fetch_limits& limits, random_source& random) {
    auto out = std::make_unique<fetch>(stored_octets{}, std::move(url), limits, random);
    out->most_ = most;
    return out;
}

fetch::step fetch::next() {
    if (most_ ? complete_ : have_ == what_.size) {
        return done{};
    }
    if (wait_) {
        wait out = std::move(*wait_);
        wait_.reset();
        return out;
    }
    if (most_) {
        return ask{url_, ""};
    }
    const uint64_t last = std::min(what_.size, have_ + limits_.piece) - 1;
    return ask{url_, fmt::format("bytes={}-{}", have_, last)};
}

result<void> fetch::failed(error why, milliseconds at_least) {
    url_ = first_url_;
    redirects_ = 0;
    if (++failures_ >= limits_.most_failures) {
        return fail(
            error{error_category::environment, "download_failed",
                  fmt::format("Gave up after {} attempts; what has come is kept, and the next run goes on from there. The "
                              "last failure: {}",
                              failures_, why.message)}
                .with("cause", why.name));
    }
    milliseconds time = limits_.first_wait;
    for (unsigned i = 1; i < failures_ && time < limits_.most_wait; ++i) {
        time *= 2;
    }
    time = std::min(time, limits_.most_wait);
    if (time > 1) {
        time = time / 2 + static_cast<milliseconds>(random_.number() % static_cast<uint64_t>(time - time / 2 + 1));
    }
    wait_ = wait{std::min(std::max(time, at_least), limits_.most_wait), std::move(why)};
    return {};
}

result<void> fetch::broke(const error& why) {
    return failed(why, 0);
}

result<void> fetch::redirect(std::string_view location) {
    if (++redirects_ > limits_.most_redirects) {
        return refused("too_many_redirects",
                       fmt::format("{} redirects more than {} times: probably in a circle.", first_url_, limits_.most_redirects));
    }
    BERTH_TRY(to, resolve(url_, location));
    url_ = std::move(to);
    return {};
}

result<bytes_view> fetch::take(bytes_view body) {
    hashed_.update(body);
    have_ += body.size();
    failures_ = 0;
    if (have_ == what_.size && to_hex(hashed_.peek().view()) != what_.digest) {
        return fail(
            error{error_category::peer, "digest_mismatch",
                  fmt::format("{} is not what the manifest speaks of: its digest is another. It was damaged on its way or "
                              "in its place, and is not used.",
                              first_url_)});
    }
    return body;
}

result<bytes_view> fetch::answered(const fetch_answer& answer) {
    const auto nothing = [](const result<void>& r) -> result<bytes_view> {
        return r ? result<bytes_view>(bytes_view()) : fail(r.error());
    };
    const auto status_error = [&](const char* name) {
        return error{error_category::peer, name, fmt::format("{} answers {}.", url_, answer.status)}.with(
            "status", std::to_string(answer.status));
    };
    switch (answer.status) {
    case 301:
    case 302:
    case 303:
    case 307:
    case 308: return nothing(redirect(answer.location));
    case 206: {
        if (most_) {
            return fail(size_mismatch(url_, "a piece came, where all was asked for"));
        }
        const auto range = read_range(answer.content_range);
        const uint64_t wanted = std::min(limits_.piece, what_.size - have_);
        if (!range || range->first != have_ || range->last < range->first ||
            range->last - range->first + 1 != answer.body.size() || answer.body.size() > wanted) {
            return fail(size_mismatch(url_, "the piece is another than was asked for"));
        }
        if (range->whole != what_.size) {
            return fail(size_mismatch(url_, fmt::format("it has {} octets, and should have {}", range->whole, what_.size)));
        }
        return take(answer.body);
    }
    case 200:
        if (most_) {
            if (answer.body.size() > *most_) {
                return refused("too_large", fmt::format("{} is larger than it may be.", url_));
            }
            complete_ = true;
            have_ = answer.body.size();
            return answer.body;
        }
        // A server that knows no ranges sends all of it.
        if (answer.body.size() != what_.size) {
            return fail(size_mismatch(url_, fmt::format("it has {} octets, and should have {}", answer.body.size(), what_.size)));
        }
        // What is here of it already must be the same, as the digest at the end will tell.
        return take(answer.body.subspan(have_));
    case 408:
    case 425:
    case 429: return nothing(failed(status_error("try_later"), retry_after(answer.retry_after)));
    default: break;
    }
    if (answer.status == 416) {
        return fail(size_mismatch(url_, "it is shorter"));
    }
    if (answer.status >= 500) {
        return nothing(failed(status_error("server_failed"), retry_after(answer.retry_after)));
    }
    return fail(error{status_error("download_refused")}.during("the download is refused for good, and not tried again"));
}

}  // namespace berth::firmware
