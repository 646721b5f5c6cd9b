// What the commands of `berth est` have in common: which server, as whom, for which key.
#pragma once

#include "berth/commands/commands.h"
#include "est_client/est_session.h"
#include "keystore/key.h"

#include <thread>

namespace berth::app {

struct est_options {
    std::string server, label, host, ca, fingerprint;
    std::vector<std::string> crls;
    std::string certificate, key, passphrase_file;
    std::string user, password_file;
    std::string header, header_file, token_file;
    bool over_authkem = false, tls12 = false;

    std::string new_key, algorithm, new_passphrase_file;
    std::vector<std::string> subject, dns, uris;
    std::string out, key_out, existing;
    bool leaf_only = false;
    std::string binding = "auto";
    uint32_t wait = 0;
};

// The options of every command; those of a command that has something certified.
void add_server_options(CLI::App& command, est_options& o);
void add_request_options(CLI::App& command, est_options& o);

// One server, and the loop that it is asked on.
struct est_conversation {
    std::unique_ptr<net::loop> loop;
    est_server server;
    std::unique_ptr<est_session> session;

    // Asks, and runs the loop until the answer is there.
    template <class T, class F>
    result<T> wait_for(const F& ask) {
        std::optional<result<T>> answer;
        ask([&](result<T> a) {
            answer.emplace(std::move(a));
            loop->stop();
        });
        loop->restart();
        loop->run();
        return answer ? std::move(*answer)
                      : result<T>(fail(error_category::internal, "no_answer", "the loop ended before an answer was there"));
    }
};
// Errors of files and keys; `missing_option`, `bad_fingerprint`; those of transport_to. `trusted`: somebody must be trusted.
result<est_conversation> converse(const est_options& o, bool trusted = true);

// The key that is to be certified: the one there is at --new-key, or a new one if --alg is given.
struct key_to_certify {
    std::variant<keystore::signing_key_ptr, keystore::kem_key_ptr> key;
    bool made = false;
    [[nodiscard]] bytes_view spki() const;
};
result<key_to_certify> open_or_make_key(const est_options& o);

// Who vouches for a KEM key: the signature key that the client shows, or that --cert and --key name.
struct voucher {
    pki::certificate certificate;
    keystore::signing_key_ptr key;
};
// A request for that key. Error `missing_option`: a KEM key, and nobody who vouches for it.
result<est_wish> wish_for(const est_options& o, pki::csr_template contents, key_to_certify key, const std::optional<voucher>& by);
// The names of --subject, --dns and --uri. Error `bad_subject`.
result<pki::csr_template> contents_of(const est_options& o);

// `own`, as the server wants it; a server that does not say wants nothing.
result<pki::csr_template> as_wanted(est_conversation& talk, pki::csr_template own);

// Comes again for as long as --wait says; RFC 7030 4.2.3: with the same request.
template <class Thing, class Outcome, class F>
result<Thing> insist(const est_options& o, const F& ask) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(o.wait);
    while (true) {
        BERTH_TRY(outcome, ask());
        if (auto* done = std::get_if<Thing>(&outcome)) {
            return std::move(*done);
        }
        const auto& later = std::get<est::come_again>(outcome);
        const auto again = std::chrono::steady_clock::now() + std::chrono::seconds(later.seconds);
        if (again > until) {
            return fail(
                error{error_category::peer,
                      "approval_pending",
                      fmt::format("the server has not decided yet ({}); ask again with the same key in {} seconds, or wait for "
                                  "it (--wait)",
                                  later.said.empty() ? "it gives no reason" : later.said, later.seconds),
                      {{"retry_after", std::to_string(later.seconds)}}});
        }
        fmt::print(stderr, "the server has not decided yet; asking again in {} s\n", later.seconds);
        std::this_thread::sleep_until(again);
    }
}

// What was issued, to --out and to who reads: with its issuers, for which the server is asked, unless --leaf-only says otherwise.
result<void> put_out(const context& c, const est_options& o, est_conversation& talk, const pki::certificate& issued,
                     const char* what);

}  // namespace berth::app
