#include "relay_door.h"

#include "base/wipe.h"
#include "pki/private_key_file.h"

namespace berth::app {

namespace {

// More certificates than any chain that is accepted has.
constexpr size_t most_certificates = 16;

tl::unexpected<relay_door::refusal> refuse(hub::login_refusal reason, std::string why) {
    return tl::unexpected<relay_door::refusal>({reason, std::move(why)});
}

}  // namespace

result<relay_door> relay_door::open(const std::filesystem::path& secret) {
    BERTH_TRY(read, pki::read_secret_file(secret.string(), 2 * hub::relay_secret_octets));
    if (read.size() != hub::relay_secret_octets) {
        return fail(error_category::environment, "bad_secret",
                    fmt::format("{} is not what berthd writes there when it starts the broker", secret.string()));
    }
    return relay_door(std::move(read));
}

tl::expected<relay_door::caller, relay_door::refusal> relay_door::let_in(std::string_view client_id, std::string_view token,
                                                                         milliseconds now) {
    using hub::login_refusal;
    if (token.empty()) {
        return refuse(login_refusal::no_certificate, "It came to the relay's socket by itself: only berthd passes devices on.");
    }
    auto claims = hub::open_relay_token(token, secret_);
    if (!claims) {
        return refuse(login_refusal::bad_token, claims.error().message);
    }
    const auto clean = [&] { wipe(claims->password.value); };
    const auto expires = static_cast<milliseconds>(claims->expires);
    if (now < 0 || claims->expires > static_cast<uint64_t>(now + hub::relay_token_life) || expires < now) {
        clean();
        return refuse(login_refusal::token_expired, "berthd's token for it is over.");
    }
    if (!used_.emplace(claims->nonce, expires).second) {
        clean();
        return refuse(login_refusal::bad_token, "berthd's token for it was used before.");
    }
    ends_.emplace(expires, claims->nonce);
    if (claims->client_id.text() != client_id) {
        clean();
        return refuse(login_refusal::bad_token, "berthd's token is for another client id.");
    }
    caller out;
    out.peer = std::string(claims->peer.text());
    out.password = secret_bytes(claims->password.view());
    clean();
    for (const auto& der : claims->chain) {
        if (out.chain.size() == most_certificates) {
            break;
        }
        auto one = pki::certificate::parse(der.view());
        if (!one) {
            return refuse(login_refusal::bad_certificate, one.error().message);
        }
        out.chain.push_back(std::move(*one));
    }
    return out;
}

void relay_door::came(handle at, const caller& who) {
    if (who.chain.empty()) {
        left(at);
    } else {
        leaves_[at] = to_bytes(who.chain.front().der());
    }
}

const bytes* relay_door::leaf_of(handle at) const {
    const auto found = leaves_.find(at);
    return found != leaves_.end() ? &found->second : nullptr;
}

void relay_door::tick(milliseconds now) {
    while (!ends_.empty() && ends_.begin()->first < now) {
        used_.erase(ends_.begin()->second);
        ends_.erase(ends_.begin());
    }
}

}  // namespace berth::app
