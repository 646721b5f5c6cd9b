#include "roles/other_brokers_config.h"

#include "common/config_reader.h"

#include <arpa/inet.h>

namespace berth::app {

namespace {

// By its octets: "127.example.com" is a name that anybody may point anywhere.
bool is_this_machine(const std::string& host) {
    in_addr four{};
    return host == "::1" || host == "localhost" ||
           (::inet_pton(AF_INET, host.c_str(), &four) == 1 && ntohl(four.s_addr) >> 24 == 127);
}

}  // namespace

bool same_brokers(const std::optional<other_brokers_config>& a, const std::optional<other_brokers_config>& b) {
    const auto text = [](const std::optional<net::address>& at) { return at ? at->text() : std::string(); };
    return a.has_value() == b.has_value() && (!a || (a->tokens == b->tokens && a->clients == b->clients && a->names == b->names &&
                                                     text(a->listen) == text(b->listen) && a->common_names == b->common_names &&
                                                     a->alternative_names == b->alternative_names));
}

result<other_brokers_config> read_other_brokers(table_reader t) {
    other_brokers_config out;
    out.tokens = t.paths("tokens", false);
    out.clients = t.paths("clients", false);
    out.names = t.texts("names");
    out.listen = t.optional_address("listen");
    for (auto& make : t.texts("common_names")) {
        if (make != "emqx" && make != "vernemq") {
            t.complain_of("common_names", "a list of \"emqx\" and \"vernemq\"");
        }
        out.common_names.insert(std::move(make));
    }
    out.alternative_names = t.flag("alternative_names", false);
    if (out.tokens.empty() && out.clients.empty()) {
        t.complain(
            nullptr,
            "no broker could ask: give \"tokens\", files with secrets of theirs, or \"clients\", CAs of their certificates");
    }
    if (out.clients.empty() && !out.names.empty()) {
        t.complain_of("names", "\"names\" are of certificates: give \"clients\", their CAs");
    }
    if (out.listen && !is_this_machine(out.listen->host)) {
        t.complain_of("listen", "plain HTTP is for brokers on this machine alone: 127.0.0.1 or ::1");
    }
    if (out.listen && out.tokens.empty()) {
        t.complain_of("listen", "over plain HTTP a broker shows a token: give \"tokens\"");
    }
    BERTH_CHECK(t.finish());
    return out;
}

}  // namespace berth::app
