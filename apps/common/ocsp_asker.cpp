#include "common/ocsp_asker.h"

#include "base/log.h"
#include "pki/issued_extras.h"

namespace berth::app {

namespace {

constexpr size_t most_answer = 64 * 1024;
constexpr size_t nonce_octets = 32;  // RFC 9654 2.1: clients "MUST use a length of at least 32 octets"

error unreachable(const std::string& why) {
    return {error_category::environment, "ocsp_unreachable", why};
}

}  // namespace

struct ocsp_asker::state : std::enable_shared_from_this<state> {
    state(net::loop& on, const clock& clk, random_source& rnd, settings s)
        : loop(on), time(clk), random(rnd), how(std::move(s)), cache(how.keep) {}

    // Those who want the same wait for one question.
    using name = std::pair<std::array<uint8_t, 32>, bytes>;
    struct open {
        std::unique_ptr<net::http_client> client;
        bytes nonce;
        std::vector<std::function<void()>> waiting;
    };

    [[nodiscard]] std::string address_for(const pki::certificate& subject) const {
        if (!how.url.empty()) {
            return how.url;
        }
        for (const auto& url : pki::addresses_in(subject).ocsp) {
            if (url.starts_with("http://")) {
                return url;
            }
        }
        return {};
    }

    result<void> send(const ocsp_question& about, open& into) {
        const std::string at = address_for(about.subject);
        if (at.empty()) {
            return fail(unreachable("it names no OCSP responder that is asked over http, and none is configured"));
        }
        if (asking.size() > how.most_open) {
            return fail(unreachable("too many OCSP questions are open"));
        }
        BERTH_TRY(url, net::parse_url(at));
        if (url.transport != net::transport_kind::plain) {
            return fail(unreachable("OCSP is asked over http, and not at " + at));
        }
        into.nonce.resize(nonce_octets);
        random.fill(into.nonce);
        BERTH_TRY(query, pki::build_ocsp_query(
                             {{pki::make_ocsp_id(about.subject.serial(), about.issuer, pki::ocsp_hash::sha1)}, into.nonce}));
        net::http_client_options options;
        options.size = {8 * 1024, most_answer};
        options.connect = options.response = how.most_time;
        into.client = std::make_unique<net::http_client>(loop, url.host, net::channel_transport{}, options);
        net::http_request request;
        request.method = "POST";
        request.target = url.target;
        request.headers.add("Content-Type", "application/ocsp-request");
        request.headers.add("Accept", "application/ocsp-response");
        request.body = std::string(as_text(query));
        into.client->send(std::move(request), [weak = weak_from_this(), about](result<net::http_response> response) {
            if (const auto self = weak.lock()) {
                self->heard(about, std::move(response));
            }
        });
        return {};
    }

    void heard(const ocsp_question& about, result<net::http_response> response) {
        const name which{about.issuer.spki_sha256(), about.subject.serial()};
        const auto found = asking.find(which);
        if (found == asking.end()) {
            return;
        }
        // The client goes when its own call has ended.
        const auto done = std::make_shared<open>(std::move(found->second));
        asking.erase(found);
        const auto taken = [&]() -> result<void> {
            if (!response) {
                return fail(unreachable(response.error().message));
            }
            if (response->status != 200) {
                return fail(unreachable("the OCSP responder has answered " + std::to_string(response->status)));
            }
            return cache.take(as_bytes(response->body), about.subject, about.issuer, done->nonce, time.now());
        }();
        if (!taken) {
            cache.failed(about.subject, about.issuer, taken.error(), time.now());
            log::failure("ocsp_failed", taken.error(), {{"subject", about.subject.subject()}});
        }
        loop.post([done] {
            for (const auto& then : done->waiting) {
                then();
            }
        });
    }

    net::loop& loop;
    const clock& time;
    random_source& random;
    settings how;
    pki::ocsp_cache cache;
    std::map<name, open> asking;
};

ocsp_asker::ocsp_asker(net::loop& on, const clock& time, random_source& random, settings how)
    : state_(std::make_shared<state>(on, time, random, std::move(how))) {}
ocsp_asker::~ocsp_asker() = default;

const pki::ocsp_cache& ocsp_asker::answers() const {
    return state_->cache;
}

bool ocsp_asker::has_address(const pki::certificate& subject) const {
    return !state_->address_for(subject).empty();
}

std::vector<ocsp_question> ocsp_asker::due(std::vector<ocsp_question> questions) const {
    std::erase_if(questions,
                  [&](const ocsp_question& q) { return !state_->cache.is_due(q.subject, q.issuer, state_->time.now()); });
    return questions;
}

void ocsp_asker::ask(const std::vector<ocsp_question>& questions, std::function<void()> then) {
    const auto left = std::make_shared<size_t>(questions.size());
    const auto one_done = [left, then = std::move(then), weak = std::weak_ptr(state_)] {
        if (--*left == 0 && weak.lock()) {
            then();
        }
    };
    for (const ocsp_question& q : questions) {
        const state::name which{q.issuer.spki_sha256(), q.subject.serial()};
        const bool first = !state_->asking.contains(which);
        auto& open = state_->asking[which];
        open.waiting.emplace_back(one_done);
        if (!first) {
            continue;
        }
        if (const auto sent = state_->send(q, open); !sent) {
            state_->loop.post([weak = std::weak_ptr(state_), q, why = sent.error()] {
                if (const auto self = weak.lock()) {
                    self->heard(q, fail(why));
                }
            });
        }
    }
}

}  // namespace berth::app
