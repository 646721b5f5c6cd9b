// What the commands of `berth est` have in common: which server, as whom, for which key.
#pragma once

#include "berth/commands/commands.h"
#include "est_client/est_session.h"
#include "keystore/key.h"

namespace berth::app {

struct est_options {
    std::string server, label, host, ca, fingerprint;
    std::string certificate, key, passphrase_file;
    std::string user, password_file;
    std::string header, header_file, token_file;
    bool over_authkem = false, tls12 = false;

    std::string new_key, algorithm, new_passphrase_file;
    std::vector<std::string> subject, dns, uris;
    std::string out, key_out, existing;
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

}  // namespace berth::app
