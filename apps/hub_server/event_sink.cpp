#include "hub_server/event_sink.h"

#include "common/files.h"
#include "hub_server/event_file.h"
#include "hub_server/secret_file.h"
#include "keystore/key_uri.h"
#include "net/http.h"

namespace berth::app {

namespace {

result<std::shared_ptr<const net::tls_context>> tls_to(const event_sink_config& config, const std::string& host,
                                                       const clock& time) {
    net::tls_client_config tls;
    BERTH_TRY(anchors, read_anchors(config.anchors));
    BERTH_TRY(trust, pki::trust_store::build({std::move(anchors), {}, {}}));
    tls.server.trust = std::move(trust);
    tls.server.policy = authkem::server_named(host);
    tls.server_name = host;
    if (config.identity) {
        BERTH_TRY(chain, read_chain(config.identity->chain));
        BERTH_TRY(passphrase, read_passphrase(config.identity->passphrase_file));
        BERTH_TRY(key, keystore::open_signing_key(config.identity->key, {config.identity->base.string(), std::move(passphrase)}));
        tls.own = net::tls_credential{std::move(chain), std::move(key)};
    }
    return net::tls_context::make(std::move(tls), time);
}

result<event_sink_files> read_files(const event_sink_config& config, const clock& time) {
    event_sink_files out;
    if (config.to == event_sink_config::kind::webhook) {
        BERTH_TRY(url, net::parse_url(config.webhook));
        if (url.transport == net::transport_kind::tls) {
            BERTH_TRY(tls, tls_to(config, url.host.host, time));
            out.tls = std::move(tls);
        }
        if (!config.secret_file.empty()) {
            BERTH_TRY(secret, read_secret(config.secret_file));
            out.secret = std::move(secret);
        }
    }
    const auto directory = config.file.parent_path();
    if (config.to == event_sink_config::kind::file && !directory.empty() && !std::filesystem::is_directory(directory)) {
        return fail(error{error_category::environment,
                          "file_not_found",
                          fmt::format("there is no directory {}", directory.string()),
                          {{"file", directory.string()}}});
    }
    std::error_code unseen;
    const auto there = std::filesystem::status(config.file, unseen);
    if (config.to == event_sink_config::kind::file && std::filesystem::exists(there) &&
        !std::filesystem::is_regular_file(there)) {
        return no_event_file(config.file);
    }
    return out;
}

}  // namespace

result<event_sink_files> read_event_files(const event_sink_config& config, const clock& time, const char* table) {
    auto out = read_files(config, time);
    return out ? std::move(out) : fail(std::move(out).error().during(fmt::format("[[{}]] {}", table, config.name)));
}

}  // namespace berth::app
