#include "issuing/est_issuer.h"

#include "base/log.h"
#include "common/files.h"
#include "crypto/hash.h"
#include "issuing/granted_certificate.h"
#include "keystore/key_uri.h"
#include "roles/lists.h"

namespace berth::app {

namespace {

constexpr std::ptrdiff_t most_sessions = 8;
constexpr milliseconds minute = 60'000;
constexpr milliseconds patience_with_silence = 15 * minute;  // a little longer than a device waits
constexpr milliseconds patience_with_people = 24 * 60 * minute;
constexpr uint32_t most_wait = 3600;
constexpr size_t most_open = 4096;  // certificates that are asked for; each holds a request of up to some 10 kB
constexpr size_t most_joined = 16;  // orders that wait for the same one

result<void> show(const key_and_chain& from, est_server& server) {
    BERTH_TRY(chain, read_chain(from.chain));
    if (chain.front().is_kem()) {
        return fail(error{
            error_category::usage, "wrong_key_kind",
            fmt::format("{} is a KEM key's certificate; an EST server is shown a signature key's (not Z4)", from.chain.string())}
                        .with("path", from.chain.string()));
    }
    BERTH_TRY(passphrase, read_passphrase(from.passphrase_file));
    BERTH_TRY(key, keystore::open_signing_key(from.key, {from.base.string(), std::move(passphrase)}));
    server.own = net::tls_credential{std::move(chain), std::move(key)};
    return {};
}

result<secret_bytes> first_line(const std::filesystem::path& file) {
    if (file.empty()) {
        return secret_bytes{};
    }
    BERTH_TRY(line, read_passphrase(file));
    return std::move(*line);
}

// What the server says of the request, rather than of the connection or of who asks: asking again would change nothing.
bool is_refusal(const error& e) {
    if (e.is("refused")) {
        return e.category == error_category::peer &&
               std::ranges::find(e.params, std::pair<std::string, std::string>("status", "429")) == e.params.end();
    }
    constexpr std::string_view names[] = {"not_offered", "bad_answer", "wrong_key", "too_large", "bad_base64", "bad_certs_only"};
    return std::ranges::find(names, std::string_view(e.name)) != std::end(names);
}

error replaced_by_another() {
    return {error_category::environment, "order_replaced",
            "the device has asked again since, and that order is the one that counts"};
}

}  // namespace

result<std::unique_ptr<est_issuer>> est_issuer::open(const registrar_config& registrar, const est_ca_config& config,
                                                     const pki::certificate& domain, surroundings around) {
    est_server server;
    server.at = config.at;
    server.host = config.host;
    server.allow_tls12 = config.allow_tls12;
    BERTH_TRY(anchors, read_anchors(config.anchors));
    BERTH_TRY(lists, read_est_ca_lists(config, anchors));
    server.anchors = std::move(anchors);
    server.crls = std::move(lists.crls);
    server.revocation = lists_of_rule(config.revocation);
    if (config.identity) {
        BERTH_CHECK(show(*config.identity, server));
    }
    BERTH_TRY(over, transport_to(server, around.time, around.random));
    BERTH_TRY(store, pki::trust_store::from_root(domain));
    std::unique_ptr<est_issuer> out(new est_issuer(config.label, std::move(store), std::move(over), around));
    out->at_ = config.at;
    for (const auto& maker : registrar.makers) {
        if (!maker.est_label.empty()) {
            BERTH_TRY(root, read_certificate(maker.root));
            out->labels_.emplace(root.spki_sha256(), maker.est_label);
        }
    }
    out->user_ = config.user;
    BERTH_TRY(password, first_line(config.password_file));
    out->password_ = std::move(password);
    out->header_ = config.header;
    BERTH_TRY(value, first_line(config.header_file));
    out->header_value_ = std::move(value);
    BERTH_CHECK(out->make_client(config.label));
    return out;
}

result<est::client> est_issuer::make_client(const std::string& label) const {
    est::client_options options;
    options.label = label;
    options.user = user_;
    options.password = secret_bytes(password_.reveal());
    if (!header_.empty()) {
        options.extra.add(header_, std::string(as_text(header_value_.reveal())));
    }
    return est::client::make(std::move(options));
}

est_issuer::name est_issuer::name_of(const onboarding::certificate_order& order, const onboarding::certificate_order_item& item) {
    return {order.device, item.name, crypto::sha256(item.spki).to_bytes()};
}

void est_issuer::issue(const onboarding::certificate_order& order, std::function<void(answer)> then) {
    for (const auto& item : order.items) {
        if (item.kind == onboarding::credential_kind::kem) {
            return then(fail(error_category::incompatible, "kem_not_by_est",
                             fmt::format("\"{}\" is a KEM key, which has no PKCS#10 that an EST server could take: the device "
                                         "has to ask for signature keys alone, or [ca] has to be another one",
                                         item.name)));
        }
    }
    replace_former(order);
    const auto is_open = [&](const auto& item) { return asking_.contains(name_of(order, item)); };
    const auto joins = static_cast<size_t>(std::ranges::count_if(order.items, is_open));
    if (asking_.size() + order.items.size() - joins > most_open) {
        return then(fail(error_category::environment, "too_many_orders",
                         fmt::format("{} certificates are asked of the CA already, and it has not answered; see what keeps it "
                                     "(ca_lets_wait, ca_not_reached)",
                                     asking_.size())));
    }
    const auto whole = std::make_shared<collecting>(collecting{std::move(then), order.items.size(), {}});
    std::vector<std::shared_ptr<collecting>> former;  // told at the end: whoever is told may ask for more
    for (const auto& item : order.items) {
        const name key = name_of(order, item);
        const auto [at, is_new] = asking_.try_emplace(key);
        asked& one = at->second;
        one.replaced = false;
        std::erase_if(one.by, [](const auto& each) { return !each->then; });
        if (one.by.size() == most_joined) {
            former.push_back(std::move(one.by.front()));
            one.by.erase(one.by.begin());
        }
        one.by.push_back(whole);
        one.wanted_at = around_.time.steady();
        if (!is_new) {
            continue;
        }
        one.device = order.device;
        one.item = item;
        const auto own = labels_.find(order.device.device_root_spki);
        one.label = own == labels_.end() ? label_ : own->second;
        one.again = std::make_unique<net::timer>(around_.on);
        ready_.push_back(key);
    }
    for (const auto& each : former) {
        if (each->then) {
            std::exchange(each->then, nullptr)(fail(replaced_by_another()));
        }
    }
    pump();
}

void est_issuer::replace_former(const onboarding::certificate_order& order) {
    std::vector<name> idle;
    for (const auto& item : order.items) {
        const name now = name_of(order, item);
        const auto same_place = [&](const name& each) {
            return std::tie(std::get<0>(each), std::get<1>(each)) == std::tie(std::get<0>(now), std::get<1>(now));
        };
        for (auto at = asking_.lower_bound(name{order.device, item.name, {}}); at != asking_.end() && same_place(at->first);
             ++at) {
            if (at->first == now) {
                continue;
            }
            at->second.replaced = true;
            if (!at->second.asking) {
                idle.push_back(at->first);
            }
        }
    }
    for (const auto& each : idle) {
        if (asking_.contains(each)) {
            std::erase(ready_, each);
            finish(each, fail(replaced_by_another()));
        }
    }
}

result<uint64_t> est_issuer::take_session(const std::string& label) {
    for (auto& [number, each] : sessions_) {
        if (each.idle && each.label == label) {
            each.idle = false;
            return number;
        }
    }
    BERTH_TRY(client, make_client(label));
    auto made = std::make_unique<est_session>(around_.on, at_, over_, std::move(client), around_.time);
    sessions_.emplace(++last_session_, session{label, std::move(made), false});
    return last_session_;
}

void est_issuer::pump() {
    const auto busy = [this] { return std::ranges::count_if(sessions_, [](const auto& each) { return !each.second.idle; }); };
    while (!ready_.empty() && busy() < most_sessions) {
        const name which = std::move(ready_.front());
        ready_.pop_front();
        const auto found = asking_.find(which);
        if (found == asking_.end()) {
            continue;
        }
        // That these options make a client was seen at start, and a maker's label when its table was read.
        if (const auto over = take_session(found->second.label)) {
            found->second.asking = true;
            ask(which, *over);
        } else {
            finish(which, fail(over.error()));
        }
    }
}

void est_issuer::release(uint64_t over, bool keep) {
    const auto found = sessions_.find(over);
    found->second.idle = true;
    if (!keep) {
        // Not now: it is one of its own handlers that brought us here.
        std::shared_ptr<est_session> last = std::move(found->second.with);
        sessions_.erase(found);
        around_.on.post([last] {});
    }
    pump();
}

void est_issuer::ask(const name& which, uint64_t over) {
    if (issuers_) {
        return enrol(which, over);
    }
    sessions_.at(over).with->cacerts([this, which, over](result<std::vector<pki::certificate>> told) {
        if (!told) {
            return failed(which, over, told.error());
        }
        issuers_ = std::move(*told);
        enrol(which, over);
    });
}

void est_issuer::enrol(const name& which, uint64_t over) {
    const asked& one = asking_.at(which);
    est_wish wish;
    wish.spki = one.item.spki;
    wish.bind = est_wish::binding::none;  // it is bound to the device's KK2, by the device
    wish.build = [request = one.item.request](const pki::csr_template&) -> result<bytes> { return request; };
    sessions_.at(over).with->enrol(
        std::move(wish), false, [this, which, over](result<est_session::enrolled> told) { heard(which, over, std::move(told)); });
}

void est_issuer::heard(const name& which, uint64_t over, result<est_session::enrolled> told) {
    if (!told) {
        return failed(which, over, told.error());
    }
    asked& one = asking_.at(which);
    if (const auto* later = std::get_if<est::come_again>(&*told)) {
        one.failures = 0;
        if (!std::exchange(one.told, true)) {
            log::info(
                "ca_lets_wait", "the CA has not decided yet; it is asked again",
                {{"party", "registrar"}, {"serial", one.device.serial}, {"credential", one.item.name}, {"said", later->said}});
        }
        ask_again(which, std::clamp<uint32_t>(later->seconds, 1, most_wait) * 1000, patience_with_people,
                  error{error_category::environment, "ca_not_decided", "the CA has not decided within a day"});
        return release(over, true);
    }
    judge(which, over, std::get<pki::certificate>(*told), false);
}

void est_issuer::judge(const name& which, uint64_t over, const pki::certificate& leaf, bool with_new_issuers) {
    const asked& one = asking_.at(which);
    auto judged = judge_granted(leaf, *issuers_, one.device, one.item, {domain_, profile(), around_.time.now()});
    if (!judged && judged.error().is("unknown_issuer") && !with_new_issuers) {
        // The CA may have another certificate than when it was asked.
        return sessions_.at(over).with->cacerts([this, which, over, leaf](result<std::vector<pki::certificate>> told) {
            if (!told) {
                return failed(which, over, told.error());  // nothing is known of the certificate: it is asked for again
            }
            issuers_ = std::move(*told);
            judge(which, over, leaf, true);
        });
    }
    log::info("ca_has_issued", "the CA has issued a certificate",
              {{"party", "registrar"},
               {"serial", one.device.serial},
               {"credential", one.item.name},
               {"certificate", leaf.serial_hex()},
               {"usable", judged ? "yes" : judged.error().name}});
    finish(which, std::move(judged));
    release(over, true);
}

void est_issuer::failed(const name& which, uint64_t over, const error& why) {
    asked& one = asking_.at(which);
    if (is_refusal(why)) {
        finish(which, fail(why));
        return release(over, true);
    }
    log::failure("ca_not_reached", why, {{"party", "registrar"}, {"serial", one.device.serial}});
    // Back-off with full jitter.
    const milliseconds most = std::min(minute, milliseconds{1000} << std::min(++one.failures, 6u));
    const auto pause = static_cast<milliseconds>(around_.random.number() % static_cast<uint64_t>(most)) + 200;
    ask_again(which, pause, patience_with_silence, why);
    release(over, false);
}

void est_issuer::ask_again(const name& which, milliseconds after, milliseconds patience, const error& why) {
    asked& one = asking_.at(which);
    one.asking = false;
    if (one.replaced) {
        return finish(which, fail(replaced_by_another()));
    }
    if (around_.time.steady() - one.wanted_at > patience) {
        return finish(which, fail(why));
    }
    one.again->arm(after, [this, which] {
        ready_.push_back(which);
        pump();
    });
}

void est_issuer::finish(const name& which, result<onboarding::issued_certificate> outcome) {
    // Taken out first: whoever is told may ask for more.
    const auto orders = std::move(asking_.extract(which).mapped().by);
    for (const auto& order : orders) {
        if (!order->then) {
            continue;
        }
        if (!outcome) {
            std::exchange(order->then, nullptr)(fail(outcome.error()));
            continue;
        }
        order->done.push_back(*outcome);
        if (--order->left == 0) {
            std::exchange(order->then, nullptr)(std::move(order->done));
        }
    }
}

result<void> est_issuer::publish(registry::registrar_registry& registry) {
    BERTH_TRY(revoked, registry.revoked_certificates(around_.time.now()));
    for (const auto& each : revoked) {
        if (told_.insert(each.serial).second) {
            log::warning("revoke_at_the_ca", "this certificate ends only when the CA that is asked by EST revokes it",
                         {{"party", "registrar"}, {"certificate", to_hex(each.serial)}, {"why", each.why}});
        }
    }
    return {};
}

bool est_issuer::publishes_as(const order_issuer& other) const {
    return dynamic_cast<const est_issuer*>(&other) != nullptr;
}

}  // namespace berth::app
